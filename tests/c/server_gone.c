/*
 * What a host sees of a server that goes away: no SIGPIPE, whatever it has made of that signal. Run by tests/hosts/servers.rs, which cuts
 * all connections when a line "cut" comes, kills the server at "kill", does nothing at "on", and answers each with a line.
 *
 *   server_gone URL LAST ROUNDS FILE    LAST: what is said before the last round; FILE: a SQLite database whose experiment 1 is migrated
 */
#define _GNU_SOURCE
#include "check.h"
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>

static volatile sig_atomic_t handled;
/* Migrations that were said to be done. */
static int migrated;

static void count(int number)
{
    (void)number;
    handled++;
}

static void say(const char *word)
{
    char answer[8];
    printf("%s\n", word);
    fflush(stdout);
    CHECK(fgets(answer, sizeof answer, stdin) != NULL);
}

/* Nothing is changed of what the process does about the signal, and nothing is left of ours. */
static void check_signals(void (*handler)(int), int blocked, int pending)
{
    struct sigaction action;
    sigset_t set;
    CHECK(sigaction(SIGPIPE, NULL, &action) == 0);
    CHECK(action.sa_handler == handler);
    CHECK(pthread_sigmask(SIG_SETMASK, NULL, &set) == 0);
    CHECK_INT(sigismember(&set, SIGPIPE), blocked);
    CHECK_INT(sigismember(&set, SIGTERM), 0);
    CHECK(sigpending(&set) == 0);
    CHECK_INT(sigismember(&set, SIGPIPE), pending);
    CHECK_INT(handled, 0);
}

static int list(const expmig_manager *manager)
{
    char *json = NULL;
    expmig_status status = expmig_experiment_list(manager, &json, NULL);
    expmig_string_free(json);
    CHECK(status == EXPMIG_OK || status == EXPMIG_CONNECTION);
    return status == EXPMIG_OK;
}

/* Cut while a migration reports; the host writes to a pipe of its own there, as it would anywhere. */
typedef struct {
    const char *word;
    void (*handler)(int);
    int blocked, pending, calls;
} cutter;

static int32_t cut(const expmig_progress *progress, void *user_data)
{
    cutter *at = user_data;
    (void)progress;
    check_signals(at->handler, at->blocked, at->pending);
    if (++at->calls == 2)
        say(at->word);
    return 0;
}

static void use(const char *url, const char *file, const char *last, int round, cutter at)
{
    expmig_manager *idle, *used, *target, *source = open_manager(file, EXPMIG_OPEN_READONLY);
    expmig_migrate_options options = migrate_options();
    expmig_migration *result = NULL;
    expmig_error *error = NULL;
    expmig_status status;
    idle = open_manager(url, EXPMIG_OPEN_CREATE);
    used = open_manager(url, 0);
    target = open_manager(url, 0);
    CHECK(list(idle) && list(used) && list(target));
    if (round % 3 == 0) {
        at.word = last;
        options.progress_fn = cut;
        options.progress_user_data = &at;
        status = expmig_migrate_experiment(source, 1, target, &options, &result, &error);
        if (status != EXPMIG_OK && status != EXPMIG_CONNECTION)
            check_line(__FILE__, __LINE__, expmig_error_to_json(error));
        /* Plain words: TLS has a link to its own manual for this. */
        CHECK(strstr(expmig_error_message(error), "://") == NULL);
        expmig_error_free(error);
        CHECK(status == EXPMIG_CONNECTION || status == EXPMIG_OK);
        CHECK((result != NULL) == (status == EXPMIG_OK));
        migrated += status == EXPMIG_OK;
        expmig_migration_free(result);
        check_signals(at.handler, at.blocked, at.pending);
    } else {
        say(last);
    }
    /* The first write comes through, and tells that there is nobody: all that follow it would raise the signal. */
    list(used);
    list(used);
    check_signals(at.handler, at.blocked, at.pending);
    expmig_manager_free(idle);
    check_signals(at.handler, at.blocked, at.pending);
    list(target);
    expmig_manager_free(used);
    expmig_manager_free(target);
    expmig_manager_free(source);
    check_signals(at.handler, at.blocked, at.pending);
}

/* One SIGPIPE of the host's waits, and only one, where it was sent to. */
static void take_one(int of_thread)
{
    struct timespec now = {0, 0};
    siginfo_t info;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    /* glibc's function hides where it was sent to. */
    CHECK_INT(syscall(SYS_rt_sigtimedwait, &set, &info, &now, (size_t)8), SIGPIPE);
    CHECK_INT(info.si_code == SI_TKILL, of_thread);
    CHECK_INT(sigtimedwait(&set, &info, &now), -1);
    CHECK_INT(errno, EAGAIN);
}

int main(int argc, char **argv)
{
    const char *url, *last;
    int rounds, round;
    sigset_t pipe;
    CHECK(argc == 5);
    url = argv[1], last = argv[2], rounds = atoi(argv[3]);
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    CHECK(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
    CHECK(pthread_sigmask(SIG_UNBLOCK, &pipe, NULL) == 0);
    for (round = 0; round < rounds; round++) {
        cutter at = {NULL, SIG_DFL, 0, 0, 0};
        const char *word = round + 1 == rounds ? last : "cut";
        switch (round / 3 % 4) {
        case 0:
            use(url, argv[4], word, round, at);
            break;
        case 1:
            at.handler = count;
            CHECK(signal(SIGPIPE, count) != SIG_ERR);
            use(url, argv[4], word, round, at);
            CHECK(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
            break;
        default:
            at.blocked = at.pending = 1;
            CHECK(pthread_sigmask(SIG_BLOCK, &pipe, NULL) == 0);
            CHECK((round / 3 % 2 ? pthread_kill(pthread_self(), SIGPIPE) : kill(getpid(), SIGPIPE)) == 0);
            use(url, argv[4], word, round, at);
            take_one(round / 3 % 2);
            CHECK(pthread_sigmask(SIG_UNBLOCK, &pipe, NULL) == 0);
        }
        /* What was asked for has happened: the next round's connections are not meant. */
        say("on");
    }
    forget_error();
    printf("%d\n", migrated);
    return 0;
}
