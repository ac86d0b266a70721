/* Snapshots: making, listing, verifying, restoring and deleting them. */
#include "check.h"
#include <sys/stat.h>

static expmig_snapshot_options snapshot_options(void)
{
    expmig_snapshot_options options;
    CHECK(expmig_snapshot_options_init(&options, sizeof options) == EXPMIG_OK);
    return options;
}

static expmig_restore_options restore_options(void)
{
    expmig_restore_options options;
    CHECK(expmig_restore_options_init(&options, sizeof options) == EXPMIG_OK);
    return options;
}

static expmig_manager *manager_in(const char *path, const char *folder, uint32_t flags)
{
    expmig_database *database = open_with(path, flags, 200);
    expmig_manager *manager = NULL;
    expmig_manager_options options;
    CHECK(expmig_manager_options_init(&options, sizeof options) == EXPMIG_OK);
    options.snapshot_dir = folder;
    OK(expmig_manager_new(database, &options, &manager, &err));
    expmig_database_close(database);
    return manager;
}

/* Whether two database files have the same rows: what the sqlite3 shell dumps, in processes of its own. */
static int same_rows(const char *a, const char *b)
{
    return run("sh", "-c", "sqlite3 \"$0\" .dump > rows.sql", a) == 0 &&
           run("sh", "-c", "sqlite3 \"$0\" .dump | cmp -s - rows.sql", b) == 0;
}

static int titled(const char *path, const char *title)
{
    char command[200];
    snprintf(command, sizeof command,
             "test \"$(sqlite3 \"$0\" 'SELECT title FROM EXPERIMENT WHERE id = 1')\" = '%s'", title);
    return run("sh", "-c", command, path) == 0;
}

static char *create(const expmig_manager *manager, const char *description)
{
    char *id = GARBAGE;
    OK(expmig_snapshot_create(manager, description, NULL, &id, &err));
    CHECK(id != NULL && id != (char *)GARBAGE && strlen(id) >= 15);
    return id;
}

/* The whole round, as the documentation tells it. */
static void round_trip(void)
{
    expmig_manager *manager;
    expmig_snapshot_options options = snapshot_options();
    expmig_restore_options restore = restore_options();
    char *id = NULL, *json = GARBAGE, prefixed[100], file[100];
    struct stat info;
    uint64_t deleted = 77, left = 77;
    copy_file("small.db", "round.db");
    manager = manager_in("round.db", "kept", 0);
    CHECK(stat("kept", &info) != 0);
    OK(expmig_snapshot_list(manager, EXPMIG_TIME_UNKNOWN, NULL, &json, &err));
    CHECK_TEXT(json, "{\"schema\":\"expmig.snapshots/1\",\"snapshots\":[],\"broken\":[]}");
    expmig_string_free(json);
    CHECK(stat("kept", &info) != 0);

    options.metadata_json = "{\"experiment_count\": 10, \"big\": 123456789012345678901234567890}";
    OK(expmig_snapshot_create(manager, "before the change", &options, &id, &err));
    CHECK(stat("kept", &info) == 0 && (info.st_mode & 0777) == 0700);
    snprintf(file, sizeof file, "kept/%s.db", id);
    CHECK(stat(file, &info) == 0 && (info.st_mode & 0777) == 0600);
    CHECK(same_rows("round.db", file));

    OK(expmig_snapshot_details(manager, id, &json, &err));
    CHECK_HAS(json, "\"schema\":\"expmig.snapshot/1\"");
    CHECK_HAS(json, "\"description\":\"before the change\"");
    CHECK_HAS(json, "\"metadata\":{\"experiment_count\": 10, \"big\": 123456789012345678901234567890}");
    CHECK_HAS(json, "\"EXPERIMENT\":3");
    CHECK_HAS(json, "\"EPOCH_METRIC\":");
    CHECK_HAS(json, "\"file_name\":\"round.db\"");
    expmig_string_free(json);
    OK(expmig_snapshot_verify(manager, id, NULL, &err));
    CHECK(expmig_snapshot_verify(manager, id, NULL, NULL) == EXPMIG_OK);

    sql("round.db", "UPDATE EXPERIMENT SET title = 'changed' WHERE id = 1; CREATE TABLE later (x)");
    snprintf(prefixed, sizeof prefixed, "snapshot_%s", id);
    OK(expmig_snapshot_restore(manager, prefixed, NULL, &json, &err));
    CHECK_HAS(json, "\"schema\":\"expmig.restore/1\"");
    CHECK_HAS(json, "\"database\":\"same_file\"");
    CHECK_HAS(json, "\"safety_snapshot_id\":\"20");
    expmig_string_free(json);
    CHECK(same_rows("round.db", file));
    CHECK_INT(count_experiments(manager), 3);

    OK(expmig_snapshot_list(manager, 0, "*restoring*", &json, &err));
    CHECK_HAS(json, "\"description\":\"before restoring ");
    CHECK(strstr(json, "before the change") == NULL);
    expmig_string_free(json);
    OK(expmig_snapshot_list(manager, INT64_MAX, NULL, &json, &err));
    CHECK_TEXT(json, "{\"schema\":\"expmig.snapshots/1\",\"snapshots\":[],\"broken\":[]}");
    expmig_string_free(json);

    restore.flags = EXPMIG_RESTORE_NO_SAFETY_SNAPSHOT;
    OK(expmig_snapshot_restore(manager, id, &restore, NULL, &err));
    OK(expmig_snapshot_cleanup(manager, 1, &deleted, &err));
    CHECK_INT(deleted, 1);
    FAILS(EXPMIG_NOT_FOUND, expmig_snapshot_details(manager, id, &json, &err));
    CHECK(json == NULL);
    OK(expmig_snapshot_cleanup(manager, 0, NULL, &err));
    OK(expmig_snapshot_cleanup(manager, 0, &deleted, &err));
    CHECK_INT(deleted, 0);
    OK(expmig_snapshot_cleanup_with(manager, 0, EXPMIG_CLEANUP_CLAIM, &deleted, &left, &err));
    CHECK_INT(left, 0);
    OK(expmig_snapshot_cleanup_with(manager, 0, 0, NULL, NULL, &err));
    FAILS(EXPMIG_INVALID_ARGUMENT, expmig_snapshot_cleanup_with(manager, 0, 0x80, &deleted, &left, &err));
    expmig_string_free(id);
    id = create(manager, NULL);
    OK(expmig_snapshot_delete(manager, id, &err));
    FAILS(EXPMIG_NOT_FOUND, expmig_snapshot_delete(manager, id, &err));
    CHECK_TEXT(detail("snapshot_id"), id);
    CHECK_INT(expmig_error_domain(err), EXPMIG_DOMAIN_SNAPSHOT);
    expmig_string_free(id);
    expmig_manager_free(manager);
}

static void wrong_arguments(const expmig_manager *manager)
{
    static const char *const names[] = {"", "..", "../x", "a/b", "a b", "a.db", "\xc3\xa9"};
    expmig_snapshot_options options = snapshot_options();
    expmig_restore_options restore = restore_options();
    char *text = GARBAGE;
    uint64_t deleted = 77;
    size_t i;
    FAILS_ON("manager", expmig_snapshot_create(NULL, "x", NULL, &text, &err));
    CHECK(text == NULL);
    CHECK(expmig_snapshot_create(NULL, NULL, NULL, NULL, NULL) == EXPMIG_INVALID_ARGUMENT);
    FAILS_ON("description", expmig_snapshot_create(manager, "\xff", NULL, &text, &err));
    options.metadata_json = "[1]";
    FAILS_ON("metadata_json", expmig_snapshot_create(manager, "x", &options, &text, &err));
    options.metadata_json = "{\"a\": nan}";
    FAILS_ON("metadata_json", expmig_snapshot_create(manager, "x", &options, &text, &err));
    options.metadata_json = "\xff";
    FAILS_ON("metadata_json", expmig_snapshot_create(manager, "x", &options, &text, &err));
    options = snapshot_options();
    options.flags = 1;
    FAILS_ON("flags", expmig_snapshot_create(manager, "x", &options, &text, &err));
    restore.flags = 4;
    FAILS_ON("flags", expmig_snapshot_restore(manager, "x", &restore, &text, &err));
    for (i = 0; i < sizeof names / sizeof *names; i++) {
        text = GARBAGE;
        FAILS_ON("snapshot_id", expmig_snapshot_details(manager, names[i], &text, &err));
        CHECK(text == NULL);
        FAILS_ON("snapshot_id", expmig_snapshot_verify(manager, names[i], NULL, &err));
        text = GARBAGE;
        FAILS_ON("snapshot_id", expmig_snapshot_restore(manager, names[i], NULL, &text, &err));
        CHECK(text == NULL);
        FAILS_ON("snapshot_id", expmig_snapshot_delete(manager, names[i], &err));
    }
    FAILS_ON("snapshot_id", expmig_snapshot_delete(manager, NULL, &err));
    FAILS_ON("snapshot_id", expmig_snapshot_restore(manager, NULL, NULL, NULL, &err));
    FAILS_ON("json", expmig_snapshot_details(manager, "x", NULL, &err));
    FAILS_ON("json", expmig_snapshot_list(manager, 0, NULL, NULL, &err));
    FAILS_ON("pattern", expmig_snapshot_list(manager, 0, "\xff", &text, &err));
    FAILS_ON("keep_count", expmig_snapshot_cleanup(manager, -1, &deleted, &err));
    CHECK_INT(deleted, 0);
    FAILS(EXPMIG_NOT_FOUND, expmig_snapshot_restore(manager, "20231201_143022", NULL, &text, &err));
    CHECK_TEXT(detail("snapshot_id"), "20231201_143022");
}

static int32_t count_calls(const expmig_progress *progress, void *user_data)
{
    int *calls = user_data;
    CHECK(progress->completion_percentage >= 0 && progress->completion_percentage <= 100);
    if (progress->finished)
        CHECK(progress->completion_percentage == 100 && progress->processed_items == progress->total_items);
    (*calls)++;
    return EXPMIG_CALLBACK_CONTINUE;
}

static int32_t fail_at_once(const expmig_progress *progress, void *user_data)
{
    (void)progress;
    return *(int32_t *)user_data;
}

static int32_t use_manager(const expmig_progress *progress, void *user_data)
{
    char *json = NULL;
    expmig_error *error = NULL;
    (void)progress;
    CHECK(expmig_snapshot_list(user_data, 0, NULL, &json, &error) == EXPMIG_MISUSE);
    expmig_error_free(error);
    return EXPMIG_CALLBACK_CONTINUE;
}

static void progress_and_cancel(expmig_manager *manager)
{
    expmig_snapshot_options options = snapshot_options();
    expmig_restore_options restore = restore_options();
    expmig_job_options job = job_options();
    expmig_cancel *cancel = expmig_cancel_new();
    char *id = NULL, *text = GARBAGE;
    int calls = 0;
    int32_t answer;
    options.progress_fn = count_calls;
    options.progress_user_data = &calls;
    OK(expmig_snapshot_create(manager, "x", &options, &id, &err));
    CHECK(calls >= 2);
    calls = 0;
    restore.progress_fn = job.progress_fn = count_calls;
    restore.progress_user_data = job.progress_user_data = &calls;
    OK(expmig_snapshot_verify(manager, id, &job, &err));
    CHECK(calls >= 2);
    calls = 0;
    OK(expmig_snapshot_restore(manager, id, &restore, NULL, &err));
    CHECK(calls >= 2);
    options.progress_fn = restore.progress_fn = use_manager;
    options.progress_user_data = restore.progress_user_data = manager;
    OK(expmig_snapshot_create(manager, "x", &options, NULL, &err));
    OK(expmig_snapshot_restore(manager, id, &restore, NULL, &err));
    options.progress_fn = restore.progress_fn = job.progress_fn = fail_at_once;
    options.progress_user_data = restore.progress_user_data = job.progress_user_data = &answer;
    answer = EXPMIG_CALLBACK_CANCEL;
    FAILS(EXPMIG_CANCELLED, expmig_snapshot_create(manager, "x", &options, &text, &err));
    CHECK(text == NULL);
    FAILS(EXPMIG_CANCELLED, expmig_snapshot_restore(manager, id, &restore, NULL, &err));
    FAILS(EXPMIG_CANCELLED, expmig_snapshot_verify(manager, id, &job, &err));
    answer = -7;
    FAILS(EXPMIG_CALLBACK, expmig_snapshot_create(manager, "x", &options, NULL, &err));
    CHECK_TEXT(detail("callback_result"), "-7");
    options = snapshot_options();
    options.cancel = cancel;
    expmig_cancel_trigger(cancel);
    FAILS(EXPMIG_CANCELLED, expmig_snapshot_create(manager, "x", &options, NULL, &err));
    CHECK_INT(expmig_error_domain(err), EXPMIG_DOMAIN_SNAPSHOT);
    expmig_cancel_free(cancel);
    expmig_string_free(id);
}

/* Another database's snapshot, a read-only handle, a locked database, a damaged snapshot. */
static void refusals(void)
{
    expmig_manager *ours, *other, *read_only;
    expmig_restore_options restore = restore_options();
    char *id, *made, *json = NULL, file[100];
    locker busy;
    copy_file("small.db", "ours.db");
    copy_file("digits.db", "other.db");
    sql("ours.db", "UPDATE EXPERIMENT SET title = 'ours'");
    ours = manager_in("ours.db", "shared", 0);
    other = manager_in("other.db", "shared", 0);
    read_only = manager_in("ours.db", "shared", EXPMIG_OPEN_READONLY);
    id = create(ours, "ours");
    FAILS(EXPMIG_MISMATCH, expmig_snapshot_restore(other, id, NULL, NULL, &err));
    CHECK_TEXT(detail("snapshot_database"), "ours.db");
    CHECK_TEXT(detail("snapshot_id"), id);
    CHECK(same_file("other.db", "digits.db"));
    restore.flags = EXPMIG_RESTORE_FORCE;
    OK(expmig_snapshot_restore(other, id, &restore, &json, &err));
    CHECK_HAS(json, "\"database\":\"another\"");
    expmig_string_free(json);
    CHECK(titled("other.db", "ours"));

    FAILS(EXPMIG_MISUSE, expmig_snapshot_restore(read_only, id, NULL, NULL, &err));
    made = create(read_only, "read-only is enough");
    expmig_string_free(made);

    busy = lock("ours.db", "BEGIN IMMEDIATE");
    FAILS(EXPMIG_BUSY, expmig_snapshot_restore(ours, id, NULL, NULL, &err));
    CHECK_TEXT(detail("busy_timeout_ms"), "200");
    made = create(ours, "writers are not in the way");
    expmig_string_free(made);
    unlock(busy);

    snprintf(file, sizeof file, "shared/%s.db", id);
    CHECK_INT(run("sh", "-c", "printf x | dd of=\"$0\" bs=1 seek=5000 conv=notrunc 2>/dev/null", file), 0);
    FAILS(EXPMIG_CORRUPT, expmig_snapshot_verify(ours, id, NULL, &err));
    FAILS(EXPMIG_CORRUPT, expmig_snapshot_restore(ours, id, NULL, NULL, &err));
    CHECK_INT(run("truncate", "-s", "4096", file), 0);
    FAILS(EXPMIG_CORRUPT, expmig_snapshot_details(ours, id, &json, &err));
    OK(expmig_snapshot_list(ours, 0, NULL, &json, &err));
    CHECK_HAS(json, "\"broken\":[{\"id\":\"20");
    expmig_string_free(json);
    CHECK(titled("ours.db", "ours"));
    expmig_string_free(id);
    expmig_manager_free(ours);
    expmig_manager_free(other);
    expmig_manager_free(read_only);
}

/* The folder is that of the moment when the manager was made. */
static void working_directory(void)
{
    expmig_manager *manager = manager_in("small.db", NULL, 0);
    char *id, *json = NULL;
    CHECK(mkdir("elsewhere", 0700) == 0 && chdir("elsewhere") == 0);
    id = create(manager, "x");
    CHECK(access("snapshots", F_OK) != 0 && access("../snapshots", F_OK) == 0);
    OK(expmig_snapshot_details(manager, id, &json, &err));
    CHECK(chdir("..") == 0);
    expmig_string_free(json);
    expmig_string_free(id);
    expmig_manager_free(manager);
}

int main(void)
{
    expmig_manager *manager;
    round_trip();
    copy_file("small.db", "plain.db");
    manager = manager_in("plain.db", "folder", 0);
    wrong_arguments(manager);
    CHECK(access("folder", F_OK) != 0);
    progress_and_cancel(manager);
    expmig_manager_free(manager);
    refusals();
    working_directory();
    forget_error();
    return 0;
}
