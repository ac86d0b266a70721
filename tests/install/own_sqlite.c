/*
 * A program with a SQLite of its own, the system's: `own_sqlite DATABASE`. Both copies work side by side, each in its version; the
 * same file at the same time is refused.
 */
#include <expmig.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                                    \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

static int count(sqlite3 *own, const char *sql)
{
    sqlite3_stmt *statement;
    int number;
    CHECK(sqlite3_prepare_v2(own, sql, -1, &statement, NULL) == SQLITE_OK);
    CHECK(sqlite3_step(statement) == SQLITE_ROW);
    number = sqlite3_column_int(statement, 0);
    CHECK(sqlite3_finalize(statement) == SQLITE_OK);
    return number;
}

int main(int argc, char **argv)
{
    char linked[64];
    sqlite3 *own, *memory;
    expmig_database *database;
    expmig_manager *manager;
    expmig_migration *copy;
    CHECK(argc == 2);

    /* Ours is the one that we were compiled with, and not the one in the library. */
    CHECK(strcmp(sqlite3_libversion(), SQLITE_VERSION) == 0);
    CHECK(strcmp(sqlite3_sourceid(), SQLITE_SOURCE_ID) == 0);
    snprintf(linked, sizeof linked, "\"version\":\"%s\"", SQLITE_VERSION);
    CHECK(strstr(expmig_build_info(), "\"linked\":\"bundled\"") != NULL);
    CHECK(strstr(expmig_build_info(), linked) == NULL);

    CHECK(sqlite3_open(":memory:", &memory) == SQLITE_OK);
    CHECK(sqlite3_exec(memory, "CREATE TABLE t (x); INSERT INTO t VALUES (1), (2)", NULL, NULL, NULL) == SQLITE_OK);
    CHECK(expmig_database_open(argv[1], NULL, &database, NULL) == EXPMIG_OK);
    CHECK(expmig_manager_new(database, NULL, &manager, NULL) == EXPMIG_OK);
    CHECK(expmig_migrate_experiment(manager, 1, NULL, NULL, &copy, NULL) == EXPMIG_OK);
    CHECK(count(memory, "SELECT count(*) FROM t") == 2);
    expmig_migration_free(copy);
    expmig_manager_free(manager);
    expmig_database_close(database);

    CHECK(sqlite3_open(argv[1], &own) == SQLITE_OK);
    CHECK(count(own, "SELECT count(*) FROM EXPERIMENT") == 4);
    CHECK(expmig_database_open(argv[1], NULL, &database, NULL) == EXPMIG_SHARED_PROCESS);
    CHECK(count(own, "SELECT count(*) FROM EXPERIMENT") == 4);
    sqlite3_close(own);
    sqlite3_close(memory);
    printf("both work\n");
    return 0;
}
