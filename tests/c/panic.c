/* A bug in the library is caught: the handle is lost, nothing else is. */
#include "check.h"

/* Only in debug builds, and in no header. */
expmig_status expmig__test_panic(const expmig_manager *manager, expmig_error **error);

int main(void)
{
    expmig_database *database, *again;
    expmig_manager *broken, *twin, *late = NULL, *other;
    expmig_migration *result = GARBAGE;
    expmig_report *report = GARBAGE;
    int32_t valid = 7;
    uint8_t digest[EXPMIG_DIGEST_SIZE];
    char *json = GARBAGE;
    copy_file("small.db", "other.db");
    database = open_database("small.db");
    broken = manager_of(database);
    twin = manager_of(database);
    other = open_manager("other.db", 0);

    FAILS_ON("manager", expmig__test_panic(NULL, &err));
    CHECK(expmig__test_panic(broken, NULL) == EXPMIG_PANIC);
    FAILS(EXPMIG_PANIC, expmig__test_panic(broken, &err));
    CHECK(*expmig_error_hint(err) != 0);

    /* Everything on this database answers PANIC from now on. */
    memset(digest, 0x5a, sizeof digest);
    FAILS(EXPMIG_PANIC, expmig_database_info(database, &json, &err));
    CHECK(json == NULL);
    json = GARBAGE;
    FAILS(EXPMIG_PANIC, expmig_experiment_list(broken, &json, &err));
    CHECK(json == NULL);
    FAILS(EXPMIG_PANIC, expmig_experiment_digest(twin, 1, NULL, digest, &err));
    CHECK(filled_with(digest, 0));
    json = GARBAGE;
    FAILS(EXPMIG_PANIC, expmig_experiment_compare(broken, 1, twin, 1, NULL, &json, &err));
    CHECK(json == NULL);
    FAILS(EXPMIG_PANIC, expmig_experiment_compare(other, 1, twin, 1, NULL, &json, &err));
    FAILS(EXPMIG_PANIC, expmig_migrate_plan(broken, 1, NULL, NULL, &json, &err));
    FAILS(EXPMIG_PANIC, expmig_migrate_plan(broken, 1, other, NULL, &json, &err));
    FAILS(EXPMIG_PANIC, expmig_migrate_experiment(broken, 1, other, NULL, &result, &err));
    CHECK(result == NULL);
    result = GARBAGE;
    FAILS(EXPMIG_PANIC, expmig_migrate_experiment(other, 1, broken, NULL, &result, &err));
    CHECK(result == NULL);
    FAILS(EXPMIG_PANIC, expmig_migrate_experiment(twin, 1, NULL, NULL, &result, &err));
    FAILS(EXPMIG_PANIC, expmig_validate(twin, NULL, &report, &err));
    CHECK(report == NULL);
    json = GARBAGE;
    FAILS(EXPMIG_PANIC, expmig_hierarchy_validate(twin, 1, &valid, &json, &err));
    CHECK(valid == 0 && json == NULL);
    OK(expmig_manager_new(database, NULL, &late, &err));
    FAILS(EXPMIG_PANIC, expmig_experiment_list(late, &json, &err));

    /* Other handles work, also a new one of the same file. */
    OK(expmig_experiment_digest(other, 1, NULL, digest, &err));
    OK(expmig_migrate_experiment(other, 1, NULL, NULL, &result, &err));
    expmig_migration_free(result);
    again = open_database("small.db");
    OK(expmig_database_info(again, &json, &err));
    expmig_string_free(json);

    expmig_manager_free(broken);
    expmig_database_close(database);
    expmig_manager_free(late);
    expmig_manager_free(twin);
    expmig_manager_free(other);
    expmig_database_close(again);
    forget_error();
    return 0;
}
