/* Progress callbacks: what they are told, and what their answers do. */
#include "check.h"
#include <math.h>
#include <pthread.h>

typedef struct {
    int calls, finished, stop_after;
    int32_t answer;
    long sleep_ms;
    uint64_t processed, total;
    double completion, elapsed;
    int64_t started, last_call_ms;
    pthread_t thread;
} watch;

static int64_t now_ms(void)
{
    struct timespec now;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Checks everything that the header promises of one report and of its place among the others. */
static int32_t look(const expmig_progress *p, void *user_data)
{
    watch *w = user_data;
    size_t i;
    CHECK(w->stop_after == 0 || w->calls < w->stop_after);
    CHECK(pthread_equal(w->thread, pthread_self()));
    CHECK_INT(p->struct_size, sizeof *p);
    CHECK(p->finished == 0 || p->finished == 1);
    CHECK(!w->finished);
    CHECK(p->operation != NULL && *p->operation != 0);
    CHECK(p->failed_items <= p->processed_items);
    CHECK(p->processed_items >= w->processed && p->total_items >= w->total);
    CHECK(p->total_items == 0 || p->processed_items <= p->total_items);
    CHECK(p->completion_percentage >= w->completion && p->completion_percentage <= 100);
    CHECK(p->total_items != 0 || p->finished || p->completion_percentage == 0);
    CHECK(p->success_rate >= 0 && p->success_rate <= 100);
    CHECK(p->failed_items != 0 || p->success_rate == 100);
    CHECK(p->start_time_us > INT64_C(1600000000000000) && (w->calls == 0 || p->start_time_us == w->started));
    CHECK(isfinite(p->elapsed_seconds) && p->elapsed_seconds >= w->elapsed);
    if (p->remaining_seconds < 0)
        CHECK(p->estimated_completion_us == EXPMIG_TIME_UNKNOWN);
    else
        CHECK(p->estimated_completion_us >= p->start_time_us);
    CHECK(p->recent_error_count <= p->error_count && p->recent_error_count <= 8);
    for (i = 0; i < p->recent_error_count; i++)
        CHECK(*p->recent_errors[i] != 0);
    if (p->finished) {
        CHECK(p->completion_percentage == 100 && p->remaining_seconds == 0);
        CHECK(p->processed_items == p->total_items);
    } else if (w->calls > 0) {
        CHECK(now_ms() - w->last_call_ms >= 99); /* both times are rounded down */
    } else {
        CHECK(p->processed_items == 0 && p->total_items == 0 && p->remaining_seconds < 0);
    }
    w->calls++;
    w->finished = p->finished;
    w->processed = p->processed_items;
    w->total = p->total_items;
    w->completion = p->completion_percentage;
    w->elapsed = p->elapsed_seconds;
    w->started = p->start_time_us;
    w->last_call_ms = now_ms();
    if (w->calls == w->stop_after)
        return w->answer;
    sleep_ms(p->finished ? 0 : w->sleep_ms);
    return EXPMIG_CALLBACK_CONTINUE;
}

static watch watching(int stop_after, int32_t answer, long sleep)
{
    watch w;
    memset(&w, 0, sizeof w);
    w.stop_after = stop_after;
    w.answer = answer;
    w.sleep_ms = sleep;
    w.thread = pthread_self();
    return w;
}

static expmig_migrate_options watched_migration(watch *w)
{
    expmig_migrate_options options = migrate_options();
    options.progress_fn = look;
    options.progress_user_data = w;
    return options;
}

static expmig_job_options watched_job(watch *w)
{
    expmig_job_options options = job_options();
    options.progress_fn = look;
    options.progress_user_data = w;
    return options;
}

/* Every function that reports, to its end. A callback that sleeps for as long as the throttle makes each step visible. */
static void to_the_end(const expmig_manager *a, const expmig_manager *b)
{
    watch w = watching(0, 0, 110);
    expmig_migrate_options options = watched_migration(&w);
    expmig_job_options job = watched_job(&w);
    expmig_migration *result = NULL;
    uint8_t digest[EXPMIG_DIGEST_SIZE];
    char *json = NULL;
    OK(expmig_migrate_experiment(a, 1, b, &options, &result, &err));
    CHECK(w.finished && w.calls >= 5);
    CHECK(w.processed == expmig_migration_items_processed(result) && w.total == expmig_migration_items_total(result));
    expmig_migration_free(result);
    w = watching(0, 0, 110);
    OK(expmig_migrate_plan(a, 1, b, &options, &json, &err));
    expmig_string_free(json);
    CHECK(w.finished && w.calls >= 3);
    w = watching(0, 0, 110);
    OK(expmig_experiment_digest(a, 1, &job, digest, &err));
    CHECK(w.finished && w.calls >= 3 && w.total > 0);
    w = watching(0, 0, 110);
    OK(expmig_experiment_compare(a, 1, b, 2, &job, &json, &err));
    expmig_string_free(json);
    CHECK(w.finished && w.calls >= 3);
    /* Without sleeping: at least the first and the last. */
    w = watching(0, 0, 0);
    OK(expmig_migrate_experiment(a, 1, NULL, &options, &result, &err));
    CHECK(w.finished && w.calls >= 2);
    expmig_migration_free(result);
    /* Skipped: nothing is processed. */
    options.on_duplicate = EXPMIG_DUPLICATE_SKIP;
    w = watching(0, 0, 0);
    OK(expmig_migrate_experiment(a, 1, NULL, &options, &result, &err));
    CHECK(w.finished && w.calls >= 2 && w.processed == 0 && w.total == 0);
    CHECK_INT(expmig_migration_skipped(result), 1);
    expmig_migration_free(result);
}

/* After the answer that stops it a callback is not called again; `look` sees to that. */
static void stopped(const expmig_manager *a, const expmig_manager *b, int stop_after)
{
    static const struct {
        int32_t answer;
        expmig_status status;
        const char *result;
    } ways[] = {{EXPMIG_CALLBACK_CANCEL, EXPMIG_CANCELLED, ""},
                {42, EXPMIG_CALLBACK, "42"},
                {INT32_MIN, EXPMIG_CALLBACK, "-2147483648"}};
    size_t i;
    for (i = 0; i < sizeof ways / sizeof *ways; i++) {
        watch w;
        expmig_migrate_options options = watched_migration(&w);
        expmig_job_options job = watched_job(&w);
        expmig_migration *result = GARBAGE;
        uint8_t digest[EXPMIG_DIGEST_SIZE];
        char *json = GARBAGE;
        w = watching(stop_after, ways[i].answer, 110);
        FAILS(ways[i].status, expmig_migrate_experiment(a, 1, b, &options, &result, &err));
        CHECK(result == NULL);
        CHECK_INT(w.calls, stop_after);
        CHECK_TEXT(detail("callback_result"), ways[i].result);
        CHECK_INT(expmig_error_domain(err), EXPMIG_DOMAIN_MIGRATION);
        w = watching(stop_after, ways[i].answer, 110);
        FAILS(ways[i].status, expmig_migrate_plan(a, 1, NULL, &options, &json, &err));
        CHECK(json == NULL);
        CHECK_TEXT(detail("callback_result"), ways[i].result);
        w = watching(stop_after, ways[i].answer, 110);
        memset(digest, 0x5a, sizeof digest);
        FAILS(ways[i].status, expmig_experiment_digest(a, 1, &job, digest, &err));
        CHECK(filled_with(digest, 0));
        w = watching(stop_after, ways[i].answer, 110);
        json = GARBAGE;
        FAILS(ways[i].status, expmig_experiment_compare(a, 1, b, 1, &job, &json, &err));
        CHECK(json == NULL);
        CHECK_INT(w.calls, stop_after);
        CHECK_TEXT(detail("callback_result"), ways[i].result);
    }
}

/* Stopping at the first report, at later ones, and at the last, which comes too late: else nothing was changed. */
static void stopped_anywhere(void)
{
    expmig_manager *a = open_manager("small.db", 0), *b;
    int at, more = 1;
    copy_file("small.db", "target.db");
    copy_file("small.db", "before.db");
    b = open_manager("target.db", 0);
    for (at = 1; more && at < 20; at += at < 4 ? 1 : 2) {
        watch w = watching(at, 42, 110);
        expmig_migrate_options options = watched_migration(&w);
        expmig_migration *result = GARBAGE;
        expmig_status status = expmig_migrate_experiment(a, 1, b, &options, &result, NULL);
        more = status != EXPMIG_OK;
        if (more) {
            CHECK_INT(status, EXPMIG_CALLBACK);
            CHECK(result == NULL);
            CHECK(same_file("target.db", "before.db"));
        } else {
            CHECK(w.finished);
            CHECK(w.calls <= at);
            CHECK_INT(count_experiments(b), 4);
            expmig_migration_free(result);
        }
    }
    CHECK(at > 5 && !more);
    expmig_manager_free(a);
    expmig_manager_free(b);
}

/* Unsound rows are errors in the report. */
static void errors_are_reported(void)
{
    expmig_manager *a;
    watch w = watching(0, 0, 110);
    expmig_migrate_options options = watched_migration(&w);
    expmig_migration *result = GARBAGE;
    copy_file("small.db", "dangling.db");
    sql("dangling.db", "DELETE FROM METRIC WHERE id IN (SELECT metric_id FROM EPOCH_METRIC)");
    a = open_manager("dangling.db", 0);
    options.strategy = EXPMIG_STRATEGY_AGGRESSIVE;
    OK(expmig_migrate_experiment(a, 1, NULL, &options, &result, &err));
    CHECK(w.finished);
    CHECK(expmig_migration_items_failed(result) > 0);
    CHECK(expmig_migration_success_rate(result) > 0 && expmig_migration_success_rate(result) < 100);
    expmig_migration_free(result);
    expmig_manager_free(a);
}

/* While the call waits for a lock the callback is still called, and can stop it. */
static void while_waiting(void)
{
    expmig_manager *a;
    watch w;
    expmig_migrate_options options = watched_migration(&w);
    expmig_migration *result = GARBAGE;
    locker other;
    int64_t began;
    expmig_database *database;
    copy_file("small.db", "waiting.db");
    database = open_with("waiting.db", 0, 60000);
    a = manager_of(database);
    other = lock("waiting.db", "BEGIN IMMEDIATE");
    w = watching(3, EXPMIG_CALLBACK_CANCEL, 0);
    began = now_ms();
    FAILS(EXPMIG_CANCELLED, expmig_migrate_experiment(a, 1, NULL, &options, &result, &err));
    CHECK(result == NULL);
    CHECK(now_ms() - began < 10000);
    unlock(other);
    expmig_manager_free(a);
    expmig_database_close(database);

    /* The same when the lock is there before the first write opens its connection. */
    database = open_with("waiting.db", 0, 60000);
    a = manager_of(database);
    other = lock("waiting.db", "BEGIN EXCLUSIVE");
    w = watching(3, EXPMIG_CALLBACK_CANCEL, 0);
    began = now_ms();
    FAILS(EXPMIG_CANCELLED, expmig_migrate_experiment(a, 1, NULL, &options, &result, &err));
    CHECK(result == NULL);
    CHECK(now_ms() - began < 10000);
    unlock(other);
    expmig_manager_free(a);
    expmig_database_close(database);
}

int main(void)
{
    expmig_manager *a, *b;
    stopped_anywhere();
    copy_file("small.db", "other.db");
    a = open_manager("small.db", 0);
    b = open_manager("other.db", 0);
    stopped(a, b, 1);
    stopped(a, b, 2);
    CHECK(count_experiments(a) == 3 && count_experiments(b) == 3);
    to_the_end(a, b);
    expmig_manager_free(a);
    expmig_manager_free(b);
    errors_are_reported();
    while_waiting();
    forget_error();
    return 0;
}
