/*
 * A host whose timer interrupts every wait, and a server that falls silent: the time for which it may is over when it is over.
 * Run by tests/hosts/servers.rs, which stands between the two, and answers each word with a line when what it says is so.
 *
 *   server_timer URL FILE    URL: ends with read-timeout-ms=2000; FILE: a SQLite database whose experiment 1 is migrated
 */
#define _GNU_SOURCE
#include "check.h"
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>

enum { LIMIT_MS = 2000, LATEST_MS = 8000, BYTES = 200000 };

static volatile sig_atomic_t ticks, elsewhere;
static pthread_t host;

static void tick(int number)
{
    (void)number;
    ticks++;
    elsewhere += !pthread_equal(pthread_self(), host);
}

static void say(const char *word)
{
    char answer[8];
    printf("%s\n", word);
    fflush(stdout);
    while (fgets(answer, sizeof answer, stdin) == NULL) {
        CHECK(errno == EINTR);
        clearerr(stdin);
    }
}

static long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Since when. */
static long since;

static void begin(const char *word)
{
    say(word);
    ticks = 0;
    since = now_ms();
}

/* It took as long as the server may be silent, and not much longer, although the timer went off all the time. */
static void check_time(void)
{
    long took = now_ms() - since;
    CHECK(took >= LIMIT_MS);
    CHECK(slow_tool() || took < LATEST_MS);
    CHECK(ticks >= 20);
}

static int32_t takes_bytes(const expmig_row *row, void *data)
{
    CHECK(row->column_count == 1 && row->values[0].type == EXPMIG_VALUE_TEXT);
    *(size_t *)data += row->values[0].length;
    return 0;
}

#define LARGE "SELECT REPEAT('x', 200000)"

/* The time to wait for the lock of another process is measured, too, whatever cuts its sleeps short. */
static void busy(const char *file)
{
    struct itimerval every = {{0, 10000}, {0, 10000}}, never = {{0, 0}, {0, 0}};
    struct sigaction action;
    expmig_database *database = open_with(file, 0, LIMIT_MS);
    expmig_manager *manager = manager_of(database);
    expmig_migration *result = NULL;
    locker other = lock(file, "BEGIN IMMEDIATE");
    memset(&action, 0, sizeof action);
    action.sa_handler = tick;
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    CHECK(setitimer(ITIMER_REAL, &every, NULL) == 0);
    ticks = 0;
    since = now_ms();
    FAILS(EXPMIG_BUSY, expmig_migrate_experiment(manager, 1, NULL, NULL, &result, &err));
    check_time();
    CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0);
    unlock(other);
    OK(expmig_migrate_experiment(manager, 1, NULL, NULL, &result, &err));
    expmig_migration_free(result);
    expmig_database_close(database);
    expmig_manager_free(manager);
}

/* Makes the tables, which can take a server its time. */
static void create(const char *url)
{
    char patient[1000];
    char *end;
    snprintf(patient, sizeof patient, "%s", url);
    CHECK((end = strstr(patient, "&read-timeout-ms")) != NULL);
    *end = 0;
    expmig_manager_free(open_manager(patient, EXPMIG_OPEN_CREATE));
}

/* What depends on neither TLS nor how the handler is installed is tried with one of the two. */
static void silent(expmig_manager *source, const char *url, int plain)
{
    struct itimerval every = {{0, 10000}, {0, 10000}}, never = {{0, 0}, {0, 0}};
    struct sigaction action;
    expmig_database *database = open_database(url);
    expmig_manager *manager = manager_of(database);
    expmig_migration *result = NULL;
    expmig_migrate_options options = migrate_options();
    size_t bytes = 0;
    memset(&action, 0, sizeof action);
    action.sa_handler = tick;
    action.sa_flags = plain ? SA_RESTART : 0;
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    CHECK(setitimer(ITIMER_REAL, &every, NULL) == 0);
    if (!slow_tool()) {
        OK(expmig_migrate_experiment(source, 1, manager, NULL, &result, &err));
        expmig_migration_free(result);
    }

    /* Where nothing was begun that could be lost, another connection does it. */
    if (plain && !slow_tool()) {
        begin("silent");
        CHECK_INT(count_experiments(manager), 1);
        check_time();
        say("speak");
    }

    /* In the middle of a value. */
    begin("stuck");
    FAILS(EXPMIG_TIMEOUT, expmig_database_query(database, LARGE, NULL, 0, takes_bytes, &bytes, &err));
    check_time();
    CHECK_HAS(expmig_error_hint(err), "read-timeout-ms");
    say("speak");
    CHECK_INT(count_experiments(manager), slow_tool() ? 0 : 1);

    /* Slow is not silent. */
    if (!plain) {
        bytes = 0;
        begin("slow");
        OK(expmig_database_query(database, LARGE, NULL, 0, takes_bytes, &bytes, &err));
        CHECK(now_ms() - since >= LIMIT_MS + 500);
        CHECK_INT(bytes, BYTES);
    }

    /* In the middle of a migration nothing is changed; at its commit nobody knows. */
    options.on_duplicate = EXPMIG_DUPLICATE_COPY;
    if (!slow_tool()) {
        begin("within");
        FAILS(EXPMIG_TIMEOUT, expmig_migrate_experiment(source, 1, manager, &options, &result, &err));
        check_time();
        CHECK_TEXT(detail("outcome"), "");
        say("speak");
        CHECK_INT(count_experiments(manager), 1);
    }
    if (plain && !slow_tool()) {
        begin("commit");
        forget_error();
        CHECK_INT(expmig_migrate_experiment(source, 1, manager, &options, &result, &err), EXPMIG_TIMEOUT);
        check_time();
        CHECK(!expmig_error_retryable(err) && expmig_error_cause(err) != NULL);
        CHECK_TEXT(detail("outcome"), "undecided");
        CHECK_HAS(expmig_error_message(err), "read-timeout-ms");
        say("speak");
        CHECK_INT(count_experiments(manager), 2);
    }
    CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0);

    /* Closing does not wait for it, either. */
    say("silent");
    since = now_ms();
    expmig_database_close(database);
    expmig_manager_free(manager);
    CHECK(slow_tool() || now_ms() - since < LATEST_MS);
    say("speak");
}

int main(int argc, char **argv)
{
    expmig_manager *source;
    CHECK(argc == 3);
    host = pthread_self();
    source = open_manager(argv[2], 0);
    busy(argv[2]);
    create(argv[1]);
    silent(source, argv[1], strstr(argv[1], "ssl-mode=disabled") != NULL);
    expmig_manager_free(source);
    /* The host's handler runs on the host's thread. */
    CHECK_INT(elsewhere, 0);
    forget_error();
    return 0;
}
