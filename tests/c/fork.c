/* Forks: what a child may do with files that its parent has open, and with the parent's handles. */
#include "check.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>

#define IS_WHOLE "test \"$(sqlite3 small.db 'PRAGMA integrity_check')\" = ok"

enum { FORKS = 12 };

/* Runs a child that has to end well, which takes no longer than a minute. */
static void in_child(void (*body)(void *), void *data)
{
    int status = -1;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        alarm(slow_tool() ? 600 : 60);
        body(data);
        end_child(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(!WIFSIGNALED(status) || WTERMSIG(status) != SIGALRM);
    CHECK_INT(status, 0);
}

static void names_the_fork(void)
{
    CHECK_HAS(expmig_error_message(err), "fork");
    CHECK_HAS(expmig_error_hint(err), "exec");
    CHECK_HAS(expmig_error_hint(err), "isolation=\"process\"");
}

static void is_refused(const char *path, uint32_t flags)
{
    expmig_open_options options;
    expmig_database *database = (expmig_database *)GARBAGE;
    CHECK(expmig_open_options_init(&options, sizeof options) == EXPMIG_OK);
    options.flags = flags;
    FAILS(EXPMIG_MISUSE, expmig_database_open(path, &options, &database, &err));
    CHECK(database == NULL);
    names_the_fork();
    CHECK_HAS(detail("path"), ".db");
}

static void works(const char *path)
{
    expmig_manager *manager = open_manager(path, 0);
    expmig_migration *result = NULL;
    int before = count_experiments(manager);
    OK(expmig_migrate_experiment(manager, 1, NULL, NULL, &result, &err));
    expmig_migration_free(result);
    CHECK_INT(count_experiments(manager), before + 1);
    expmig_manager_free(manager);
}

static void grandchild(void *path)
{
    is_refused(path, 0);
}

/* By whatever name, and with every flag. */
static void opens_what_the_parent_has(void *path)
{
    is_refused(path, 0);
    is_refused(path, EXPMIG_OPEN_ALLOW_SHARED_PROCESS);
    is_refused(path, EXPMIG_OPEN_READONLY);
    is_refused(path, EXPMIG_OPEN_CREATE);
    is_refused("symlink.db", EXPMIG_OPEN_ALLOW_SHARED_PROCESS);
    is_refused("hardlink.db", 0);
    is_refused(".//./small.db", 0);
    works("digits.db");
    in_child(grandchild, path);
    works("digits.db");
}

typedef struct {
    expmig_database *database;
    expmig_manager *manager, *other;
} handles;

static int32_t no_row(const expmig_row *row, void *data)
{
    (void)row, (void)data;
    return 0;
}

static int32_t no_bytes(const void *bytes, size_t length, void *data)
{
    (void)bytes, (void)length, (void)data;
    return 0;
}

static void uses_the_parents_handles(void *data)
{
    handles *of_parent = data;
    expmig_database *database = of_parent->database;
    expmig_manager *manager = of_parent->manager, *made = (expmig_manager *)GARBAGE;
    expmig_migration *migration = NULL;
    expmig_report *report = NULL;
    uint8_t digest[EXPMIG_DIGEST_SIZE];
    char *text = NULL;
    int32_t valid = 0;
    int64_t id = 0;
    uint64_t count = 0;
#define MISUSED(call) (FAILS(EXPMIG_MISUSE, call), names_the_fork())
    MISUSED(expmig_database_info(database, &text, &err));
    MISUSED(expmig_schema_widen(database, EXPMIG_WIDEN_APPLY, &text, &err));
    MISUSED(expmig_database_query(database, "SELECT 1", NULL, 0, no_row, NULL, &err));
    MISUSED(expmig_manager_new(database, NULL, &made, &err));
    CHECK(made == NULL);
    MISUSED(expmig_experiment_list(manager, &text, &err));
    MISUSED(expmig_experiment_digest(manager, 1, NULL, digest, &err));
    MISUSED(expmig_experiment_compare(manager, 1, manager, 2, NULL, &text, &err));
    MISUSED(expmig_snapshot_create(manager, "", NULL, &text, &err));
    MISUSED(expmig_snapshot_list(manager, 0, NULL, &text, &err));
    MISUSED(expmig_snapshot_restore(manager, "20240101_000000", NULL, &text, &err));
    MISUSED(expmig_snapshot_cleanup(manager, 1, &count, &err));
    MISUSED(expmig_migrate_plan(manager, 1, NULL, NULL, &text, &err));
    MISUSED(expmig_migrate_experiment(manager, 1, NULL, NULL, &migration, &err));
    MISUSED(expmig_validate(manager, NULL, &report, &err));
    MISUSED(expmig_hierarchy_validate(manager, 1, &valid, &text, &err));
    MISUSED(expmig_export_experiment(manager, 1, NULL, no_bytes, NULL, &err));
    MISUSED(expmig_export_experiment_to_file(manager, 1, "child.json", NULL, &err));
    MISUSED(expmig_export_experiment_to_string(manager, 1, NULL, &text, &err));
    MISUSED(expmig_import_experiment_from_string(manager, "{}", 2, NULL, &id, NULL, &err));
    MISUSED(expmig_check_register_sql(manager, "own", "SELECT 1", &err));
    MISUSED(expmig_check_unregister(manager, "own", &err));
    MISUSED(expmig_transform_undo(manager, 1, NULL, &text, &err));
    MISUSED(expmig_transform_list(manager, &text, &err));
    MISUSED(expmig_transformation_unregister(manager, "own", &err));
    /* Into what the child has opened itself, and from it. */
    {
        expmig_manager *own = open_manager("digits.db", 0);
        MISUSED(expmig_migrate_experiment(own, 1, manager, NULL, &migration, &err));
        MISUSED(expmig_migrate_experiment(manager, 1, own, NULL, &migration, &err));
        expmig_manager_free(own);
    }
    expmig_database_close(database);
    expmig_manager_free(manager);
    expmig_manager_free(of_parent->other);
    is_refused("small.db", 0);
    works("digits.db");
}

/* The parent has it open, idle, and goes on afterwards. */
static void idle(const char *mode)
{
    handles open;
    expmig_migration *result = NULL;
    int before;
    char statement[80];
    snprintf(statement, sizeof statement, "sqlite3 small.db 'PRAGMA journal_mode = %s' > mode", mode);
    CHECK_INT(run("sh", "-c", statement, NULL), 0);
    open.database = open_database("small.db");
    open.manager = manager_of(open.database);
    open.other = open_manager("small.db", 0);
    before = count_experiments(open.manager);
    OK(expmig_migrate_experiment(open.manager, 1, NULL, NULL, &result, &err));
    expmig_migration_free(result);
    in_child(opens_what_the_parent_has, "small.db");
    in_child(uses_the_parents_handles, &open);
    CHECK_INT(count_experiments(open.manager), before + 1);
    OK(expmig_migrate_experiment(open.manager, 2, NULL, NULL, &result, &err));
    expmig_migration_free(result);
    /* What the children have freed holds still: the lock of a transaction is the parent's. */
    expmig_database_close(open.database);
    expmig_manager_free(open.manager);
    CHECK_INT(count_experiments(open.other), before + 2);
    expmig_manager_free(open.other);
    CHECK_INT(run("sh", "-c", IS_WHOLE, NULL), 0);
}

static void opens(void *path)
{
    works(path);
    in_child(grandchild, "digits.db");
}

static void opens_digits(void *nothing)
{
    (void)nothing;
    works("digits.db");
}

/* What was closed before the fork is nobody's. */
static void closed_before(void)
{
    expmig_manager *kept = open_manager("digits.db", EXPMIG_OPEN_READONLY);
    works("small.db");
    in_child(opens, "small.db");
    works("small.db");
    expmig_manager_free(kept);
    in_child(opens_digits, NULL);
}

typedef struct {
    expmig_manager *manager;
    int rounds;
} loop;

static void *migrates(void *data)
{
    loop *l = data;
    while (l->rounds-- > 0) {
        expmig_migration *result = NULL;
        CHECK(expmig_migrate_experiment(l->manager, 1, NULL, NULL, &result, NULL) == EXPMIG_OK);
        expmig_migration_free(result);
    }
    return NULL;
}

static void while_another_thread_works(void *manager)
{
    char *text = NULL;
    FAILS(EXPMIG_MISUSE, expmig_experiment_list(manager, &text, &err));
    expmig_manager_free(manager);
    is_refused("small.db", 0);
    works("digits.db");
}

/* The child never waits for a thread that only the parent has. */
static void in_a_call(void)
{
    loop work;
    pthread_t thread;
    int i, before;
    work.manager = open_manager("small.db", 0);
    work.rounds = slow_tool() ? 2 : 40;
    before = count_experiments(work.manager) + work.rounds;
    CHECK(pthread_create(&thread, NULL, migrates, &work) == 0);
    for (i = 0; i < (slow_tool() ? 1 : FORKS); i++)
        in_child(while_another_thread_works, work.manager);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_INT(count_experiments(work.manager), before);
    expmig_manager_free(work.manager);
}

/* A child that goes on with the parent's call does nothing to the parent's transaction. */
static int32_t forks(const expmig_progress *progress, void *data)
{
    pid_t *child = data;
    if (*child == -1 && strstr("copying, verifying the copy, committing", progress->operation) != NULL)
        *child = fork();
    /* So that the next step is reported, too. */
    sleep_ms(120);
    return EXPMIG_CALLBACK_CONTINUE;
}

static void in_a_callback(void)
{
    expmig_manager *manager = open_manager("small.db", 0);
    expmig_migrate_options options = migrate_options();
    expmig_migration *result = NULL;
    expmig_status status;
    int before = count_experiments(manager), ended = -1;
    pid_t child = -1;
    options.progress_fn = forks;
    options.progress_user_data = &child;
    check_begin();
    status = expmig_migrate_experiment(manager, 1, NULL, &options, &result, &err);
    if (child == 0)
        end_child(status == EXPMIG_MISUSE ? 0 : 1);
    CHECK(child > 0);
    CHECK_INT(status, EXPMIG_OK);
    expmig_migration_free(result);
    CHECK(waitpid(child, &ended, 0) == child);
    CHECK_INT(ended, 0);
    CHECK_INT(count_experiments(manager), before + 1);
    expmig_manager_free(manager);
}

int main(void)
{
    CHECK(symlink("small.db", "symlink.db") == 0 && link("small.db", "hardlink.db") == 0);
    closed_before();
    idle("wal");
    idle("delete");
    if (!sanitized())
        in_a_call();
    in_a_callback();
    CHECK_INT(run("sh", "-c", IS_WHOLE, NULL), 0);
    forget_error();
    return 0;
}
