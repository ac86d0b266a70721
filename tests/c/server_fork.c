/* A host that forks with connections to a server: the child lets go of them and sends nothing, and the parent's go on. Arguments: the URL
   of a schema, a database to copy from. */
#include "check.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

enum { NUMBERS = 256, ROUNDS = 10 };

static int sockets(void)
{
    struct stat found;
    int fd, count = 0;
    for (fd = 3; fd < NUMBERS; fd++)
        count += fstat(fd, &found) == 0 && S_ISSOCK(found.st_mode);
    return count;
}

/* Those that are somebody else's. */
static int sockets_before = 0;

static int32_t takes_number(const expmig_row *row, void *data)
{
    CHECK(row->column_count == 1 && row->values[0].type == EXPMIG_VALUE_INTEGER);
    *(int64_t *)data = row->values[0].integer;
    return 0;
}

/* Which connection it is to the server. */
static int64_t connection_id(const expmig_database *database)
{
    int64_t id = 0;
    OK(expmig_database_query(database, "SELECT CONNECTION_ID()", NULL, 0, takes_number, &id, &err));
    return id;
}

static void copies(const expmig_manager *source, const expmig_manager *target)
{
    expmig_migration *result = NULL;
    OK(expmig_migrate_experiment(source, 1, target, NULL, &result, &err));
    expmig_migration_free(result);
}

typedef struct {
    const expmig_manager *source, *target;
    int rounds;
} work;

static void *works(void *data)
{
    work *w = data;
    while (w->rounds-- > 0) {
        expmig_migration *result = NULL;
        CHECK(expmig_migrate_experiment(w->source, 1, w->target, NULL, &result, NULL) == EXPMIG_OK);
        expmig_migration_free(result);
    }
    return NULL;
}

static void in_child(const char *url, expmig_database *database, expmig_manager *manager, int idle)
{
    char *json = NULL;
    int status = -1;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        alarm(slow_tool() ? 600 : 60);
        FAILS(EXPMIG_MISUSE, expmig_experiment_list(manager, &json, &err));
        FAILS(EXPMIG_MISUSE, expmig_database_info(database, &json, &err));
        expmig_database_close(database);
        expmig_manager_free(manager);
        if (idle)
            CHECK_INT(sockets(), sockets_before);
        manager = open_manager(url, 0);
        CHECK(count_experiments(manager) > 0);
        expmig_manager_free(manager);
        end_child(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_INT(status, 0);
}

/* In a daemon, which has closed what is below 3: no connection lives there. */
static void as_a_daemon(const char *url)
{
    int status = -1;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        struct stat found;
        char *id = NULL;
        int fd;
        expmig_manager *manager;
        for (fd = 0; fd < 3; fd++)
            close(fd);
        manager = open_manager(url, 0);
        for (fd = 0; fd < 3; fd++)
            CHECK(fstat(fd, &found) != 0 || S_ISCHR(found.st_mode));
        CHECK(write(1, "a line of the host\n", 19) == 19 && write(2, "another\n", 8) == 8);
        CHECK(count_experiments(manager) > 0);
        OK(expmig_snapshot_create(manager, "", NULL, &id, &err));
        CHECK(write(1, "a line of the host\n", 19) == 19);
        OK(expmig_snapshot_verify(manager, id, NULL, &err));
        expmig_string_free(id);
        expmig_manager_free(manager);
        end_child(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_INT(status, 0);
}

/* Without a descriptor there is no connection, and the error says why. */
static void none_left(const char *url)
{
    int taken[NUMBERS], count = 0;
    expmig_database *database = NULL;
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = NUMBERS;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    while ((taken[count] = open("/dev/null", O_RDONLY)) >= 0)
        count++;
    FAILS(EXPMIG_IO, expmig_database_open(url, NULL, &database, &err));
    CHECK_TEXT(detail("errno"), "24");
    CHECK_HAS(expmig_error_hint(err), "ulimit -n");
    while (count-- > 0)
        CHECK(close(taken[count]) == 0);
    expmig_manager_free(open_manager(url, 0));
}

int main(int count, char **arguments)
{
    expmig_database *database;
    expmig_manager *manager, *source;
    work twenty;
    pthread_t thread;
    int i, before, rounds = slow_tool() ? 1 : ROUNDS;
    int64_t id;
    CHECK_INT(count, 3);
    sockets_before = sockets();
    database = open_with(arguments[1], EXPMIG_OPEN_CREATE, 30000);
    manager = manager_of(database);
    source = open_manager(arguments[2], 0);
    copies(source, manager);
    id = connection_id(database);
    before = count_experiments(manager);
    for (i = 0; i < rounds; i++) {
        in_child(arguments[1], database, manager, 1);
        CHECK_INT(connection_id(database), id);
        copies(source, manager);
    }
    CHECK_INT(count_experiments(manager), before + rounds);
    twenty.source = source, twenty.target = manager, twenty.rounds = slow_tool() ? 1 : 2;
    before += rounds + twenty.rounds;
    CHECK(pthread_create(&thread, NULL, works, &twenty) == 0);
    for (i = 0; i < rounds; i++)
        in_child(arguments[1], database, manager, 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_INT(count_experiments(manager), before);
    CHECK_INT(connection_id(database), id);
    expmig_database_close(database);
    expmig_manager_free(manager);
    expmig_manager_free(source);
    as_a_daemon(arguments[1]);
    none_left(arguments[1]);
    forget_error();
    return 0;
}
