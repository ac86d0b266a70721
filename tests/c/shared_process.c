/* The guard against two copies of SQLite in one process. */
#include "check.h"
#include <dlfcn.h>
#include <fcntl.h>

/* Opening fails as somebody else in this process has the file open. */
static void refused(const char *path)
{
    expmig_database *database = GARBAGE;
    FAILS(EXPMIG_SHARED_PROCESS, expmig_database_open(path, NULL, &database, &err));
    CHECK(database == NULL);
    CHECK_HAS(expmig_error_hint(err), "EXPMIG_OPEN_ALLOW_SHARED_PROCESS");
    CHECK_HAS(detail("path"), ".db");
    /* Which it is, and no more than can be known. */
    CHECK_HAS(expmig_error_message(err), "perhaps");
    CHECK_HAS(expmig_error_message(err), detail("descriptor"));
    CHECK(fcntl(atoi(detail("descriptor")), F_GETFD) != -1);
}

static void opens(const char *path, uint32_t flags)
{
    expmig_manager *manager = open_manager(path, flags);
    CHECK(count_experiments(manager) >= 3);
    expmig_manager_free(manager);
}

/* Handles of our own are no conflict, however many and in whatever order they go. */
static void our_own(void)
{
    expmig_manager *one = open_manager("small.db", 0), *two = open_manager("small.db", 0);
    expmig_migration *result = NULL;
    OK(expmig_migrate_experiment(one, 1, NULL, NULL, &result, &err));
    expmig_migration_free(result);
    opens("small.db", 0);
    expmig_manager_free(one);
    opens("small.db", 0);
    OK(expmig_migrate_experiment(two, 1, NULL, NULL, &result, &err));
    expmig_migration_free(result);
    expmig_manager_free(two);
    opens("small.db", EXPMIG_OPEN_READONLY);
}

static void a_descriptor(void)
{
    int foreign = open("small.db", O_RDONLY);
    expmig_manager *manager;
    expmig_migration *result = GARBAGE;
    CHECK(foreign >= 0);
    refused("small.db");
    refused("sqlite:small.db");
    /* By whatever name. */
    CHECK(symlink("small.db", "symlink.db") == 0 && link("small.db", "hardlink.db") == 0);
    refused("symlink.db");
    refused("hardlink.db");
    refused(".//./small.db");
    /* Other files are no concern. */
    opens("digits.db", 0);
    opens("small.db", EXPMIG_OPEN_ALLOW_SHARED_PROCESS);
    /* What was allowed once is not allowed for all. */
    refused("small.db");
    CHECK(close(foreign) == 0);
    opens("small.db", 0);

    /* The next descriptor may get a number that was ours. */
    foreign = open("small.db", O_RDONLY);
    refused("small.db");
    CHECK(close(foreign) == 0);

    /* Reading goes on with what is open; the first write has to open the file once more. */
    manager = open_manager("small.db", 0);
    foreign = open("small.db", O_RDONLY);
    CHECK(count_experiments(manager) >= 3);
    FAILS(EXPMIG_SHARED_PROCESS, expmig_migrate_experiment(manager, 1, NULL, NULL, &result, &err));
    CHECK(result == NULL);
    CHECK(close(foreign) == 0);
    OK(expmig_migrate_experiment(manager, 1, NULL, NULL, &result, &err));
    expmig_migration_free(result);
    expmig_manager_free(manager);
}

typedef int (*open_function)(const char *path, void **connection);
typedef int (*exec_function)(void *connection, const char *sql, void *callback, void *data, char **message);
typedef int (*close_function)(void *connection);

/* The case itself: the host program's own SQLite. Left out where the system has none. */
static void another_sqlite(void)
{
    void *library = dlopen("libsqlite3.so.0", RTLD_NOW | RTLD_LOCAL), *connection = NULL;
    open_function sqlite_open;
    exec_function sqlite_exec;
    close_function sqlite_close;
    if (library == NULL)
        return;
    /* The way that POSIX gives to turn an object pointer into a function pointer. */
    *(void **)&sqlite_open = dlsym(library, "sqlite3_open");
    *(void **)&sqlite_exec = dlsym(library, "sqlite3_exec");
    *(void **)&sqlite_close = dlsym(library, "sqlite3_close");
    CHECK(sqlite_open != NULL && sqlite_exec != NULL && sqlite_close != NULL);
    CHECK(sqlite_open("small.db", &connection) == 0);
    CHECK(sqlite_exec(connection, "BEGIN IMMEDIATE; UPDATE EXPERIMENT SET \"desc\" = 'host'", NULL, NULL, NULL) == 0);
    refused("small.db");
    /* The refusal did not cost the host its lock. */
    CHECK(run("sh", "-c", "sqlite3 small.db 'BEGIN IMMEDIATE' 2>/dev/null", NULL) != 0);
    CHECK(sqlite_exec(connection, "COMMIT", NULL, NULL, NULL) == 0);
    refused("small.db");
    opens("small.db", EXPMIG_OPEN_ALLOW_SHARED_PROCESS);
    CHECK(sqlite_close(connection) == 0);
    opens("small.db", 0);
    CHECK(dlclose(library) == 0);
}

int main(void)
{
    our_own();
    a_descriptor();
    another_sqlite();
    forget_error();
    return 0;
}
