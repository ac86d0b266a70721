/* Calls from inside callbacks: on the handles of the running call they are refused at once, everything else works. */
#include "check.h"

enum { PROGRESS, LOG };

/* The running call copies from `source` to `target`; `twin` is a second manager of source's database. */
typedef struct {
    expmig_database *source_database, *target_database;
    expmig_manager *source, *target, *twin, *bystander;
    expmig_cancel *cancel;
    expmig_error *kept;
    expmig_migration *earlier;
    int calls, destroyed, end_everything, source_only;
} scene;

static scene all;

/* The answer of a call that must be refused at once, with its output set to NULL. */
static void refused(expmig_status status, const void *output, expmig_error *error)
{
    CHECK_INT(status, EXPMIG_MISUSE);
    CHECK(output == NULL);
    CHECK(error != NULL && error_is_whole(error, EXPMIG_MISUSE));
    CHECK(*expmig_error_hint(error) != 0);
    expmig_error_free(error);
}

static int32_t no_row(const expmig_row *row, void *user_data)
{
    (void)row;
    (void)user_data;
    CHECK(0);
    return EXPMIG_CALLBACK_CANCEL;
}

static int32_t no_metric(expmig_transform_context *context, const expmig_metric *metric, void *user_data)
{
    (void)context;
    (void)metric;
    (void)user_data;
    CHECK(0);
    return EXPMIG_CALLBACK_CANCEL;
}

/* Every function that takes a handle of the running call. */
static void refused_calls(const expmig_database *database, const expmig_manager *manager)
{
    uint8_t digest[EXPMIG_DIGEST_SIZE];
    char *json = GARBAGE;
    expmig_migration *result = GARBAGE;
    expmig_report *report = GARBAGE;
    expmig_transformation *transformation;
    int32_t valid = 7;
    expmig_error *e = GARBAGE;
    expmig_status status = expmig_database_info(database, &json, &e);
    refused(status, json, e);
    json = GARBAGE;
    status = expmig_experiment_list(manager, &json, &e);
    refused(status, json, e);
    memset(digest, 0x5a, sizeof digest);
    status = expmig_experiment_digest(manager, 1, NULL, digest, &e);
    refused(status, NULL, e);
    CHECK(filled_with(digest, 0));
    json = GARBAGE;
    status = expmig_experiment_compare(manager, 1, manager, 2, NULL, &json, &e);
    refused(status, json, e);
    json = GARBAGE;
    status = expmig_experiment_compare(manager, 1, all.bystander, 1, NULL, &json, &e);
    refused(status, json, e);
    json = GARBAGE;
    status = expmig_experiment_compare(all.bystander, 1, manager, 1, NULL, &json, &e);
    refused(status, json, e);
    json = GARBAGE;
    status = expmig_migrate_plan(manager, 1, NULL, NULL, &json, &e);
    refused(status, json, e);
    json = GARBAGE;
    status = expmig_migrate_plan(all.bystander, 1, manager, NULL, &json, &e);
    refused(status, json, e);
    json = GARBAGE;
    status = expmig_migrate_plan(manager, 1, all.bystander, NULL, &json, &e);
    refused(status, json, e);
    status = expmig_migrate_experiment(manager, 1, NULL, NULL, &result, &e);
    refused(status, result, e);
    result = GARBAGE;
    status = expmig_migrate_experiment(all.bystander, 1, manager, NULL, &result, &e);
    refused(status, result, e);
    result = GARBAGE;
    status = expmig_migrate_experiment(manager, 1, all.bystander, NULL, &result, &e);
    refused(status, result, e);
    status = expmig_validate(manager, NULL, &report, &e);
    refused(status, report, e);
    json = GARBAGE;
    status = expmig_hierarchy_validate(manager, 1, &valid, &json, &e);
    refused(status, json, e);
    CHECK_INT(valid, 0);
    status = expmig_database_query(database, "SELECT 1", NULL, 0, no_row, NULL, &e);
    refused(status, NULL, e);
    status = expmig_check_register_sql(manager, "check", "SELECT 1", &e);
    refused(status, NULL, e);
    status = expmig_check_unregister(manager, "check", &e);
    refused(status, NULL, e);
    transformation = GARBAGE;
    status = expmig_transform_metrics(manager, NULL, "[]", NULL, &transformation, &e);
    refused(status, transformation, e);
    transformation = GARBAGE;
    status = expmig_transform_metrics_by(manager, NULL, "round", "{\"digits\": 1}", NULL, &transformation, &e);
    refused(status, transformation, e);
    json = GARBAGE;
    status = expmig_transform_undo(manager, 1, NULL, &json, &e);
    refused(status, json, e);
    json = GARBAGE;
    status = expmig_transform_list(manager, &json, &e);
    refused(status, json, e);
    status = expmig_transform_forget(manager, 0, NULL, NULL, &e);
    refused(status, NULL, e);
    status = expmig_transformation_register(manager, "own", no_metric, NULL, NULL, &e);
    refused(status, NULL, e);
    status = expmig_transformation_unregister(manager, "own", &e);
    refused(status, NULL, e);
    CHECK(expmig_experiment_list(manager, &json, NULL) == EXPMIG_MISUSE);
}

/* What touches no database, and what belongs to another one. */
static void allowed_calls(const expmig_database *database)
{
    expmig_manager *manager = GARBAGE;
    expmig_database *other = GARBAGE;
    expmig_cancel *cancel = expmig_cancel_new();
    uint8_t digest[EXPMIG_DIGEST_SIZE];
    expmig_cancel_trigger(cancel);
    expmig_cancel_free(cancel);
    CHECK_INT(expmig_error_status(all.kept), EXPMIG_NOT_FOUND);
    CHECK_HAS(expmig_error_to_json(all.kept), "NOT_FOUND");
    CHECK(expmig_migration_items_processed(all.earlier) > 0);
    CHECK(expmig_migration_digest(all.earlier, EXPMIG_DIGEST_TARGET, digest, NULL) == EXPMIG_OK);
    CHECK_HAS(expmig_migration_to_json(all.earlier), "expmig.migration/1");
    CHECK_TEXT(expmig_status_name(EXPMIG_MISUSE), "MISUSE");
    CHECK(expmig_manager_new(database, NULL, &manager, NULL) == EXPMIG_OK);
    expmig_manager_free(manager);
    CHECK(expmig_experiment_digest(all.bystander, 1, NULL, digest, NULL) == EXPMIG_OK);
    CHECK(expmig_database_open("bystander.db", NULL, &other, NULL) == EXPMIG_OK);
    expmig_database_close(other);
}

static void from_inside(void)
{
    all.calls++;
    if (all.source != NULL) {
        refused_calls(all.source_database, all.source);
        refused_calls(all.source_database, all.twin);
        if (all.target != NULL && !all.source_only)
            refused_calls(all.target_database, all.target);
        allowed_calls(all.source_database);
    }
    if (all.end_everything && all.source != NULL) {
        expmig_database_close(all.source_database);
        expmig_database_close(all.target_database);
        expmig_manager_free(all.source);
        expmig_manager_free(all.twin);
        expmig_manager_free(all.target);
        expmig_cancel_free(all.cancel);
        all.source_database = all.target_database = NULL;
        all.source = all.twin = all.target = NULL;
        all.cancel = NULL;
        /* The log may still be written to. */
        CHECK_INT(all.destroyed, 0);
    }
}

static int32_t on_progress(const expmig_progress *progress, void *user_data)
{
    (void)progress;
    CHECK(user_data == &all);
    from_inside();
    return EXPMIG_CALLBACK_CONTINUE;
}

static void on_log(int32_t level, const char *message, void *user_data)
{
    (void)level;
    (void)message;
    CHECK(user_data == &all && all.destroyed == 0);
    from_inside();
}

static void on_destroy(void *user_data)
{
    CHECK(user_data == &all);
    all.destroyed++;
}

static void set_up(int from, int with_target)
{
    expmig_manager_options options;
    uint8_t digest[EXPMIG_DIGEST_SIZE];
    memset(&all, 0, sizeof all);
    copy_file("small.db", "source.db");
    copy_file("small.db", "target.db");
    copy_file("small.db", "bystander.db");
    all.bystander = open_manager("bystander.db", 0);
    OK(expmig_migrate_experiment(all.bystander, 1, NULL, NULL, &all.earlier, &err));
    CHECK(expmig_experiment_digest(all.bystander, 77, NULL, digest, &all.kept) == EXPMIG_NOT_FOUND);
    all.source_database = open_database("source.db");
    CHECK(expmig_manager_options_init(&options, sizeof options) == EXPMIG_OK);
    if (from == LOG) {
        options.log_fn = on_log;
        options.log_level = EXPMIG_LOG_DEBUG;
    }
    options.log_user_data = &all;
    options.log_destroy = from == LOG ? on_destroy : NULL;
    OK(expmig_manager_new(all.source_database, &options, &all.source, &err));
    all.twin = manager_of(all.source_database);
    all.cancel = expmig_cancel_new();
    if (with_target) {
        all.target_database = open_database("target.db");
        all.target = manager_of(all.target_database);
    }
}

static void tear_down(void)
{
    expmig_database_close(all.source_database);
    expmig_database_close(all.target_database);
    expmig_manager_free(all.source);
    expmig_manager_free(all.twin);
    expmig_manager_free(all.target);
    expmig_manager_free(all.bystander);
    expmig_cancel_free(all.cancel);
    expmig_error_free(all.kept);
    expmig_migration_free(all.earlier);
}

/* The running call: every function that calls back. It succeeds, whatever happens inside. */
static void play(int from, int with_target, int end_everything)
{
    expmig_migrate_options options = migrate_options();
    expmig_job_options job = job_options();
    expmig_migration *result = NULL;
    uint8_t digest[EXPMIG_DIGEST_SIZE];
    char *json = NULL;
    int calls;
    set_up(from, with_target);
    if (from == PROGRESS) {
        options.progress_fn = job.progress_fn = on_progress;
        options.progress_user_data = job.progress_user_data = &all;
    }
    options.cancel = job.cancel = all.cancel;
    if (!end_everything) {
        OK(expmig_migrate_plan(all.source, 2, all.target, &options, &json, &err));
        expmig_string_free(json);
        all.source_only = 1;
        OK(expmig_experiment_digest(all.source, 2, &job, digest, &err));
        all.source_only = 0;
        if (with_target)
            OK(expmig_experiment_compare(all.source, 2, all.target, 2, &job, &json, &err));
        else
            OK(expmig_experiment_compare(all.source, 2, all.twin, 2, &job, &json, &err));
        expmig_string_free(json);
        if (from == LOG) {
            OK(expmig_experiment_list(all.source, &json, &err));
            expmig_string_free(json);
            FAILS(EXPMIG_NOT_FOUND, expmig_experiment_digest(all.source, 99, NULL, digest, &err));
        }
        CHECK(all.calls >= 4);
    }
    all.end_everything = end_everything;
    calls = all.calls;
    OK(expmig_migrate_experiment(all.source, 1, all.target, &options, &result, &err));
    CHECK(all.calls >= calls + 2);
    CHECK_INT(expmig_migration_new_experiment_id(result), 4);
    CHECK_INT(expmig_migration_items_failed(result), 0);
    expmig_migration_free(result);
    if (end_everything) {
        CHECK_INT(all.destroyed, from == LOG);
        all.source = open_manager(with_target ? "target.db" : "source.db", 0);
        CHECK_INT(count_experiments(all.source), 4);
    }
    tear_down();
    CHECK_INT(all.destroyed, from == LOG);
}

/* A handle that the same thread opens inside the callback is another handle. */
static int32_t open_again(const expmig_progress *progress, void *user_data)
{
    expmig_manager *reader = NULL;
    expmig_database *database = NULL;
    char *json = NULL;
    if (progress->finished)
        return EXPMIG_CALLBACK_CONTINUE;
    CHECK(expmig_database_open(user_data, NULL, &database, NULL) == EXPMIG_OK);
    CHECK(expmig_manager_new(database, NULL, &reader, NULL) == EXPMIG_OK);
    CHECK(expmig_experiment_list(reader, &json, NULL) == EXPMIG_OK);
    expmig_string_free(json);
    expmig_manager_free(reader);
    expmig_database_close(database);
    return EXPMIG_CALLBACK_CONTINUE;
}

static void another_handle(void)
{
    char path[] = "again.db";
    expmig_manager *manager;
    expmig_migrate_options options = migrate_options();
    expmig_migration *result = NULL;
    copy_file("small.db", path);
    manager = open_manager(path, 0);
    options.progress_fn = open_again;
    options.progress_user_data = path;
    OK(expmig_migrate_experiment(manager, 1, NULL, &options, &result, &err));
    expmig_migration_free(result);
    expmig_manager_free(manager);
}

int main(void)
{
    play(PROGRESS, 1, 0);
    play(PROGRESS, 0, 0);
    play(PROGRESS, 1, 1);
    play(PROGRESS, 0, 1);
    play(LOG, 0, 0);
    play(LOG, 0, 1);
    play(LOG, 1, 1);
    another_handle();
    forget_error();
    return 0;
}
