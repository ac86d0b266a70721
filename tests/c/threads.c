/* Threads. */
#include "check.h"
#include <pthread.h>

enum { ROUNDS = 8 };

static pthread_t start(void *(*run_thread)(void *), void *data)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, run_thread, data) == 0);
    return thread;
}

static void join(pthread_t thread)
{
    CHECK(pthread_join(thread, NULL) == 0);
}

typedef struct {
    expmig_manager *source, *target;
    int64_t experiment;
    int rounds;
} work;

/* Does not use `err`, which is the main thread's. */
static void *migrate(void *data)
{
    work *w = data;
    int i;
    for (i = 0; i < w->rounds; i++) {
        expmig_migration *result = NULL;
        expmig_error *error = NULL;
        uint8_t digest[EXPMIG_DIGEST_SIZE];
        expmig_status status = expmig_migrate_experiment(w->source, w->experiment, w->target, NULL, &result, &error);
        if (status != EXPMIG_OK)
            fprintf(stderr, "%s\n", expmig_error_to_json(error));
        CHECK_INT(status, EXPMIG_OK);
        CHECK(expmig_migration_items_failed(result) == 0);
        expmig_migration_free(result);
        CHECK(expmig_experiment_digest(w->source, w->experiment, NULL, digest, NULL) == EXPMIG_OK);
    }
    return NULL;
}

/* Two threads on one handle, and on two handles of one database: calls wait for each other. */
static void one_handle(int rounds)
{
    expmig_database *database;
    expmig_manager *manager, *twin;
    work one = {NULL, NULL, 1, 0}, two = {NULL, NULL, 2, 0};
    pthread_t thread;
    int before;
    copy_file("small.db", "one.db");
    database = open_database("one.db");
    manager = manager_of(database);
    twin = manager_of(database);
    before = count_experiments(twin);
    one.source = two.source = manager;
    two.target = twin;
    one.rounds = two.rounds = rounds;
    thread = start(migrate, &one);
    migrate(&two);
    join(thread);
    CHECK_INT(count_experiments(twin), before + 2 * rounds);
    expmig_manager_free(manager);
    expmig_manager_free(twin);
    expmig_database_close(database);
}

/* One thread copies from a to b, the other from b to a. */
static void crossed(int rounds)
{
    work one = {NULL, NULL, 1, 0}, two = {NULL, NULL, 2, 0};
    pthread_t thread;
    copy_file("small.db", "a.db");
    copy_file("small.db", "b.db");
    one.source = two.target = open_manager("a.db", 0);
    one.target = two.source = open_manager("b.db", 0);
    one.rounds = two.rounds = rounds;
    thread = start(migrate, &one);
    migrate(&two);
    join(thread);
    CHECK_INT(count_experiments(one.source), count_experiments(one.target));
    expmig_manager_free(one.source);
    expmig_manager_free(one.target);
}

static void *trigger_soon(void *data)
{
    sleep_ms(150);
    expmig_cancel_trigger(data);
    return NULL;
}

/* Never ends by itself, as long as nobody cancels. */
static int32_t dawdle(const expmig_progress *progress, void *user_data)
{
    pthread_t *caller = user_data;
    CHECK(pthread_equal(*caller, pthread_self()));
    CHECK(!progress->finished);
    sleep_ms(200);
    return EXPMIG_CALLBACK_CONTINUE;
}

static void cancel_from_another(void)
{
    expmig_manager *manager = open_manager("digits.db", 0);
    expmig_cancel *cancel = expmig_cancel_new();
    expmig_migrate_options options = migrate_options();
    expmig_migration *result = GARBAGE;
    pthread_t self = pthread_self(), thread = start(trigger_soon, cancel);
    options.cancel = cancel;
    options.progress_fn = dawdle;
    options.progress_user_data = &self;
    FAILS(EXPMIG_CANCELLED, expmig_migrate_experiment(manager, 1, NULL, &options, &result, &err));
    CHECK(result == NULL);
    join(thread);
    expmig_cancel_free(cancel);
    CHECK_INT(count_experiments(manager), 3);
    expmig_manager_free(manager);
}

static void *wait_for_lock(void *data)
{
    expmig_manager *manager = data;
    expmig_cancel *cancel = expmig_cancel_new();
    expmig_migrate_options options = migrate_options();
    expmig_migration *result = GARBAGE;
    pthread_t thread = start(trigger_soon, cancel);
    options.cancel = cancel;
    CHECK(expmig_migrate_experiment(manager, 1, NULL, &options, &result, NULL) == EXPMIG_CANCELLED);
    CHECK(result == NULL);
    join(thread);
    expmig_cancel_free(cancel);
    return NULL;
}

/* Cancelling ends the wait for a lock of another process. */
static void cancel_a_wait(void)
{
    expmig_database *database;
    expmig_manager *manager;
    locker other;
    copy_file("small.db", "waiting.db");
    database = open_with("waiting.db", 0, 600000);
    manager = manager_of(database);
    other = lock("waiting.db", "BEGIN EXCLUSIVE");
    wait_for_lock(manager);
    unlock(other);
    other = lock("waiting.db", "BEGIN IMMEDIATE");
    join(start(wait_for_lock, manager));
    unlock(other);
    expmig_manager_free(manager);
    expmig_database_close(database);
}

static void *read_error(void *data)
{
    int i;
    for (i = 0; i < 100; i++)
        CHECK(error_is_whole(data, EXPMIG_NOT_FOUND));
    return NULL;
}

static void *read_result(void *data)
{
    int i;
    for (i = 0; i < 100; i++) {
        uint8_t digest[EXPMIG_DIGEST_SIZE];
        CHECK(expmig_migration_items_total(data) > 0);
        CHECK_HAS(expmig_migration_to_json(data), "expmig.migration/1");
        CHECK(expmig_migration_digest(data, EXPMIG_DIGEST_SOURCE, digest, NULL) == EXPMIG_OK);
    }
    return NULL;
}

/* Errors and results are read in several threads at once. */
static void shared_reading(void)
{
    expmig_manager *manager = open_manager("small.db", 0);
    expmig_error *error = NULL;
    expmig_migration *result = NULL;
    uint8_t digest[EXPMIG_DIGEST_SIZE];
    pthread_t threads[4];
    size_t i;
    OK(expmig_migrate_experiment(manager, 1, NULL, NULL, &result, &err));
    CHECK(expmig_experiment_digest(manager, 99, NULL, digest, &error) == EXPMIG_NOT_FOUND);
    expmig_manager_free(manager);
    for (i = 0; i < 4; i++)
        threads[i] = i % 2 ? start(read_error, error) : start(read_result, result);
    read_error(error);
    for (i = 0; i < 4; i++)
        join(threads[i]);
    expmig_error_free(error);
    expmig_migration_free(result);
}

static void *free_manager(void *data)
{
    expmig_manager_free(data);
    return NULL;
}

static void *free_all(void *data)
{
    void **handles = data;
    expmig_database_close(handles[0]);
    expmig_error_free(handles[1]);
    expmig_cancel_free(handles[2]);
    expmig_migration_free(handles[3]);
    expmig_manager_free(handles[4]);
    return NULL;
}

static void *open_elsewhere(void *data)
{
    expmig_database *database = NULL;
    (void)data;
    CHECK(expmig_database_open("small.db", NULL, &database, NULL) == EXPMIG_OK);
    return database;
}

/* While its only call is running, a handle is freed by another thread. */
static int32_t free_in_a_thread(const expmig_progress *progress, void *user_data)
{
    expmig_manager **manager = user_data;
    (void)progress;
    if (*manager != NULL)
        join(start(free_manager, *manager));
    *manager = NULL;
    return EXPMIG_CALLBACK_CONTINUE;
}

/* Handles are opened in one thread, used in another and freed in a third. */
static void moving(void)
{
    void *handles[5] = {NULL, NULL, NULL, NULL, NULL}, *opened = NULL;
    uint8_t digest[EXPMIG_DIGEST_SIZE];
    expmig_manager *manager;
    expmig_migration *result = NULL;
    expmig_error *error = NULL;
    expmig_migrate_options options = migrate_options();
    CHECK(pthread_join(start(open_elsewhere, NULL), &opened) == 0);
    handles[0] = opened;
    manager = manager_of(handles[0]);
    OK(expmig_migrate_experiment(manager, 1, NULL, NULL, &result, &err));
    CHECK(expmig_experiment_digest(manager, 99, NULL, digest, &error) == EXPMIG_NOT_FOUND);
    handles[1] = error;
    handles[2] = expmig_cancel_new();
    handles[3] = result;
    handles[4] = manager;
    join(start(free_all, handles));

    manager = open_manager("small.db", 0);
    options.progress_fn = free_in_a_thread;
    options.progress_user_data = &manager;
    OK(expmig_migrate_experiment(manager, 2, NULL, &options, &result, &err));
    CHECK(manager == NULL);
    expmig_migration_free(result);
}

int main(void)
{
    const int rounds = slow_tool() ? 2 : ROUNDS;
    cancel_from_another();
    cancel_a_wait();
    moving();
    shared_reading();
    crossed(rounds);
    one_handle(rounds);
    forget_error();
    return 0;
}
