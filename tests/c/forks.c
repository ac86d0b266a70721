/* Many forks beside those that write: what a migration said is so, and the files are whole. EXPMIG_TEST_FORKS sets how many. */
#include "check.h"
#include <pthread.h>
#include <signal.h>

enum { FEW = 6, AT_ONCE = 4 };

static int forks_wanted(void)
{
    const char *given = getenv("EXPMIG_TEST_FORKS");
    return slow_tool() ? 2 : given != NULL ? atoi(given) : FEW;
}

static expmig_database *opened(const char *path, expmig_status *status)
{
    expmig_open_options options;
    expmig_database *database = NULL;
    CHECK(expmig_open_options_init(&options, sizeof options) == EXPMIG_OK);
    options.busy_timeout_ms = 60000;
    *status = expmig_database_open(path, &options, &database, NULL);
    return database;
}

static expmig_status migrate(const expmig_manager *manager)
{
    expmig_migration *result = NULL;
    expmig_status status = expmig_migrate_experiment(manager, 1, NULL, NULL, &result, NULL);
    expmig_migration_free(result);
    return status;
}

/* Opens, migrates, closes. */
static expmig_status migrate_in(const char *path)
{
    expmig_status status;
    expmig_manager *manager = NULL;
    expmig_database *database = opened(path, &status);
    if (database == NULL)
        return status;
    CHECK(expmig_manager_new(database, NULL, &manager, NULL) == EXPMIG_OK);
    expmig_database_close(database);
    status = migrate(manager);
    expmig_manager_free(manager);
    return status;
}

typedef struct {
    expmig_manager *manager;
    volatile int stop;
    int done;
} writer;

static void *writes(void *data)
{
    writer *w = data;
    do {
        expmig_status status = migrate(w->manager);
        CHECK(status == EXPMIG_OK || status == EXPMIG_BUSY);
        w->done += status == EXPMIG_OK;
    } while (!w->stop);
    return NULL;
}

/* What a child did: a bit for each migration that said that all is well. */
enum { IN_OPEN = 1, IN_OTHER = 2, IN_CLOSED = 4, WRONG = 64 };

static int child(expmig_manager *of_parent)
{
    int done = 0;
    expmig_status status;
    alarm(slow_tool() ? 900 : 300);
    expmig_manager_free(of_parent);
    status = migrate_in("open.db");
    if (status == EXPMIG_OK)
        done |= IN_OPEN;
    else if (status != EXPMIG_MISUSE)
        done |= WRONG;
    status = migrate_in("other.db");
    if (status == EXPMIG_OK)
        done |= IN_OTHER;
    else if (status != EXPMIG_BUSY)
        done |= WRONG;
    status = migrate_in("closed.db");
    if (status == EXPMIG_OK)
        done |= IN_CLOSED;
    else if (status != EXPMIG_BUSY)
        done |= WRONG;
    return done;
}

static void collect(int *open, int *other, int *closed)
{
    int status = -1;
    CHECK(wait(&status) > 0);
    CHECK(WIFEXITED(status));
    CHECK((WEXITSTATUS(status) & WRONG) == 0);
    *open += (WEXITSTATUS(status) & IN_OPEN) != 0;
    *other += (WEXITSTATUS(status) & IN_OTHER) != 0;
    *closed += (WEXITSTATUS(status) & IN_CLOSED) != 0;
}

static void holds(const char *path, int experiments)
{
    char statement[160];
    snprintf(statement, sizeof statement,
             "test \"$(sqlite3 %s 'PRAGMA integrity_check; SELECT count(*) FROM EXPERIMENT' | tr '\\n' ' ')\" = 'ok %d '", path,
             experiments);
    CHECK_INT(run("sh", "-c", statement, NULL), 0);
}

static void with_journal(const char *mode)
{
    writer work;
    pthread_t thread;
    expmig_status status;
    expmig_database *database;
    char statement[128];
    int i, running = 0, open = 0, other = 0, closed = 0, wanted = forks_wanted();
    copy_file("small.db", "open.db"), copy_file("small.db", "other.db"), copy_file("small.db", "closed.db");
    snprintf(statement, sizeof statement,
             "for f in open other closed; do sqlite3 $f.db 'PRAGMA journal_mode = %s'; done > mode", mode);
    CHECK_INT(run("sh", "-c", statement, NULL), 0);
    database = opened("open.db", &status);
    CHECK_INT(status, EXPMIG_OK);
    work.stop = work.done = 0;
    OK(expmig_manager_new(database, NULL, &work.manager, &err));
    expmig_database_close(database);
    CHECK(pthread_create(&thread, NULL, writes, &work) == 0);
    for (i = 0; i < wanted; i++) {
        pid_t forked;
        /* Opened, and closed again before the next fork. */
        closed += migrate_in("closed.db") == EXPMIG_OK;
        forked = fork();
        CHECK(forked >= 0);
        if (forked == 0) {
            char code[16];
            snprintf(code, sizeof code, "exit %d", child(work.manager));
            /* As end_child. */
            execlp("sh", "sh", "-c", code, (char *)NULL);
            _exit(WRONG);
        }
        if (++running == AT_ONCE) {
            collect(&open, &other, &closed);
            running--;
        }
    }
    while (running-- > 0)
        collect(&open, &other, &closed);
    work.stop = 1;
    CHECK(pthread_join(thread, NULL) == 0);
    expmig_manager_free(work.manager);
    CHECK_INT(open, 0);
    CHECK(other > 0 && closed > wanted / 2 && work.done > 0);
    holds("open.db", 3 + work.done);
    holds("other.db", 3 + other);
    holds("closed.db", 3 + closed);
}

int main(void)
{
    if (sanitized())
        return 0;
    with_journal("delete");
    CHECK_INT(run("rm", "open.db", "other.db", "closed.db"), 0);
    with_journal("wal");
    forget_error();
    return 0;
}
