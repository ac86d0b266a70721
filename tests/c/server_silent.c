/*
 * Opening ends in time, whatever the other end does, with a timer that interrupts every wait. Run by tests/hosts/servers.rs.
 *
 *   server_silent URL    whose connect-timeout-ms is 3000, and which never lets anybody in
 */
#define _GNU_SOURCE
#include "check.h"
#include <dirent.h>
#include <signal.h>
#include <sys/time.h>

static volatile sig_atomic_t ticks;

static void tick(int number)
{
    (void)number;
    ticks++;
}

static long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int count(const char *folder)
{
    DIR *entries = opendir(folder);
    int number = 0;
    CHECK(entries != NULL);
    while (readdir(entries) != NULL)
        number++;
    closedir(entries);
    return number;
}

typedef struct {
    int calls, stop_at;
} watcher;

static int32_t watch(const expmig_progress *progress, void *user_data)
{
    watcher *at = user_data;
    if (!progress->finished)
        CHECK_TEXT(progress->operation, "opening the database");
    return ++at->calls == at->stop_at ? EXPMIG_CALLBACK_CANCEL : EXPMIG_CALLBACK_CONTINUE;
}

int main(int argc, char **argv)
{
    struct itimerval every = {{0, 20000}, {0, 20000}}, never = {{0, 0}, {0, 0}};
    struct sigaction action;
    expmig_database *database = GARBAGE;
    expmig_cancel *cancel = expmig_cancel_new();
    expmig_open_options options;
    watcher at = {0, 0};
    int threads = count("/proc/self/task"), files = count("/proc/self/fd");
    long since, took;
    CHECK(argc == 2);
    memset(&action, 0, sizeof action);
    action.sa_handler = tick;
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    CHECK(expmig_open_options_init(&options, sizeof options) == EXPMIG_OK);
    options.progress_fn = watch;
    options.progress_user_data = &at;

    CHECK(setitimer(ITIMER_REAL, &every, NULL) == 0);
    since = now_ms();
    FAILS(EXPMIG_TIMEOUT, expmig_database_open(argv[1], &options, &database, &err));
    took = now_ms() - since;
    CHECK(database == NULL);
    CHECK_HAS(expmig_error_hint(err), "connect-timeout-ms");
    CHECK(took >= 3000 && took < 6000);
    CHECK(at.calls >= 2 && ticks > 0);

    at.calls = 0, at.stop_at = 2;
    FAILS(EXPMIG_CANCELLED, expmig_database_open(argv[1], &options, &database, &err));
    CHECK_INT(at.calls, 2);

    at.calls = at.stop_at = 0;
    options.cancel = cancel;
    expmig_cancel_trigger(cancel);
    FAILS(EXPMIG_CANCELLED, expmig_database_open(argv[1], &options, &database, &err));
    FAILS(EXPMIG_CANCELLED, expmig_database_open("small.db", &options, &database, &err));
    options.cancel = NULL;
    OK(expmig_database_open("small.db", &options, &database, &err));
    CHECK(at.calls >= 1);
    expmig_database_close(database);
    expmig_cancel_free(cancel);

    /* What was left alone ends by itself once the other end says nothing for as long; `main` of the test sees to that. */
    CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0);
    printf("waiting\n");
    fflush(stdout);
    since = now_ms();
    while (count("/proc/self/task") > threads || count("/proc/self/fd") > files) {
        CHECK(now_ms() - since < 20000);
        sleep_ms(20);
    }
    forget_error();
    return 0;
}
