/* Listing, digesting and comparing experiments. */
#include "check.h"

static void list(const expmig_manager *manager)
{
    char *json = GARBAGE;
    const char *one, *two, *three;
    OK(expmig_experiment_list(manager, &json, &err));
    CHECK_HAS(json, "\"schema\":\"expmig.experiments/1\"");
    CHECK_HAS(json, "\"title\":\"Digits classification\"");
    CHECK_HAS(json, "\"trials\":1,\"runs\":1}");
    one = strstr(json, "\"id\":1,"), two = strstr(json, "\"id\":2,"), three = strstr(json, "\"id\":3,");
    CHECK(one != NULL && one < two && two < three);
    expmig_string_free(json);
    json = GARBAGE;
    FAILS_ON("manager", expmig_experiment_list(NULL, &json, &err));
    CHECK(json == NULL);
    FAILS_ON("json", expmig_experiment_list(manager, NULL, &err));
    CHECK(expmig_experiment_list(NULL, NULL, NULL) == EXPMIG_INVALID_ARGUMENT);
}

static void digest(const expmig_manager *manager)
{
    static const int64_t strangers[] = {0, -1, 4, INT64_MIN, INT64_MAX};
    uint8_t one[EXPMIG_DIGEST_SIZE + 1], two[EXPMIG_DIGEST_SIZE];
    size_t i;
    memset(one, 0x5a, sizeof one);
    memset(two, 0x5a, sizeof two);
    OK(expmig_experiment_digest(manager, 1, NULL, one, &err));
    CHECK(one[EXPMIG_DIGEST_SIZE] == 0x5a);
    OK(expmig_experiment_digest(manager, 1, NULL, two, &err));
    CHECK(memcmp(one, two, sizeof two) == 0 && !filled_with(one, 0));
    CHECK(expmig_experiment_digest(manager, 2, NULL, two, NULL) == EXPMIG_OK);
    CHECK(memcmp(one, two, sizeof two) != 0);
    for (i = 0; i < sizeof strangers / sizeof *strangers; i++) {
        memset(one, 0x5a, sizeof one);
        FAILS(EXPMIG_NOT_FOUND, expmig_experiment_digest(manager, strangers[i], NULL, one, &err));
        CHECK(filled_with(one, 0) && one[EXPMIG_DIGEST_SIZE] == 0x5a);
        CHECK_HAS(expmig_error_hint(err), "1, 2, 3");
    }
    CHECK_TEXT(detail("experiment_id"), "9223372036854775807");
    memset(one, 0x5a, sizeof one);
    FAILS_ON("manager", expmig_experiment_digest(NULL, 1, NULL, one, &err));
    CHECK(filled_with(one, 0));
    FAILS_ON("digest", expmig_experiment_digest(manager, 1, NULL, NULL, &err));
    CHECK(expmig_experiment_digest(NULL, 1, NULL, NULL, NULL) == EXPMIG_INVALID_ARGUMENT);
}

static void compare(const expmig_manager *a, const expmig_manager *b)
{
    char *json = GARBAGE;
    OK(expmig_experiment_compare(a, 1, a, 1, NULL, &json, &err));
    CHECK_HAS(json, "\"schema\":\"expmig.comparison/1\"");
    CHECK_HAS(json, "\"equal\":true");
    CHECK_HAS(json, "\"first_difference\":null");
    expmig_string_free(json);
    OK(expmig_experiment_compare(a, 2, b, 2, NULL, &json, &err));
    CHECK_HAS(json, "\"equal\":true");
    expmig_string_free(json);
    OK(expmig_experiment_compare(a, 1, b, 2, NULL, &json, &err));
    CHECK_HAS(json, "\"equal\":false");
    CHECK_HAS(json, "\"node\":\"EXPERIMENT\"");
    expmig_string_free(json);
    /* b differs from a in one METRIC of experiment 3. */
    OK(expmig_experiment_compare(a, 3, b, 3, NULL, &json, &err));
    CHECK_HAS(json, "\"equal\":false");
    CHECK_HAS(json, "METRIC");
    expmig_string_free(json);
    CHECK(expmig_experiment_compare(a, 3, b, 3, NULL, &json, NULL) == EXPMIG_OK);
    expmig_string_free(json);

    json = GARBAGE;
    FAILS(EXPMIG_NOT_FOUND, expmig_experiment_compare(a, 7, b, 1, NULL, &json, &err));
    CHECK(json == NULL);
    CHECK_TEXT(detail("experiment_id"), "7");
    json = GARBAGE;
    FAILS(EXPMIG_NOT_FOUND, expmig_experiment_compare(a, 1, b, INT64_MIN, NULL, &json, &err));
    CHECK(json == NULL);
    json = GARBAGE;
    FAILS_ON("manager_a", expmig_experiment_compare(NULL, 1, b, 1, NULL, &json, &err));
    CHECK(json == NULL);
    json = GARBAGE;
    FAILS_ON("manager_b", expmig_experiment_compare(a, 1, NULL, 1, NULL, &json, &err));
    CHECK(json == NULL);
    FAILS_ON("json", expmig_experiment_compare(a, 1, b, 1, NULL, NULL, &err));
    CHECK(expmig_experiment_compare(NULL, 1, NULL, 1, NULL, NULL, NULL) == EXPMIG_INVALID_ARGUMENT);
}

/* What other programs do to the file while it is open. */
static void trouble(void)
{
    expmig_database *database;
    expmig_manager *manager;
    uint8_t digest[EXPMIG_DIGEST_SIZE];
    char *json = GARBAGE;
    locker other;
    copy_file("small.db", "trouble.db");
    database = open_with("trouble.db", 0, 30);
    manager = manager_of(database);
    expmig_database_close(database);
    other = lock("trouble.db", "BEGIN EXCLUSIVE");
    FAILS(EXPMIG_BUSY, expmig_experiment_list(manager, &json, &err));
    CHECK(json == NULL);
    FAILS(EXPMIG_BUSY, expmig_experiment_digest(manager, 1, NULL, digest, &err));
    json = GARBAGE;
    FAILS(EXPMIG_BUSY, expmig_experiment_compare(manager, 1, manager, 2, NULL, &json, &err));
    CHECK(json == NULL);
    unlock(other);
    CHECK_INT(count_experiments(manager), 3);
    sql("trouble.db", "DROP TABLE TRIAL_RUN");
    json = GARBAGE;
    FAILS(EXPMIG_SCHEMA, expmig_experiment_list(manager, &json, &err));
    CHECK(json == NULL);
    FAILS(EXPMIG_SCHEMA, expmig_experiment_digest(manager, 1, NULL, digest, &err));
    FAILS(EXPMIG_SCHEMA, expmig_experiment_compare(manager, 1, manager, 2, NULL, &json, &err));
    expmig_manager_free(manager);
}

/* Another program is killed in the middle of a commit, while the database is open here: what it wrote is undone. */
static void crash_elsewhere(void)
{
    expmig_manager *manager, *read_only, *target;
    uint8_t before[EXPMIG_DIGEST_SIZE], after[EXPMIG_DIGEST_SIZE];
    expmig_migration *result = NULL;
    char *json = NULL;
    copy_file("small.db", "crash.db");
    manager = open_manager("crash.db", 0);
    read_only = open_manager("crash.db", EXPMIG_OPEN_READONLY);
    target = open_manager("saved.db", EXPMIG_OPEN_CREATE);
    OK(expmig_experiment_digest(manager, 1, NULL, before, &err));
#define CRASH                                                                                                          \
    run("sqlite3", "crash.db",                                                                                         \
        "PRAGMA cache_size = 1; BEGIN; UPDATE METRIC SET total_val = 0; UPDATE ARTIFACT SET loc = 'lost';",            \
        ".shell kill -9 $PPID")
    CHECK(CRASH != 0);
    CHECK(access("crash.db-journal", F_OK) == 0);
    FAILS(EXPMIG_IO, expmig_experiment_digest(read_only, 1, NULL, after, &err));
    OK(expmig_experiment_digest(manager, 1, NULL, after, &err));
    CHECK(memcmp(before, after, sizeof before) == 0);
    OK(expmig_experiment_digest(read_only, 1, NULL, after, &err));
    CHECK(memcmp(before, after, sizeof before) == 0);
    CHECK(CRASH != 0);
    CHECK_INT(count_experiments(manager), 3);
    CHECK(CRASH != 0);
    OK(expmig_migrate_plan(manager, 1, target, NULL, &json, &err));
    expmig_string_free(json);
    CHECK(CRASH != 0);
    OK(expmig_migrate_experiment(manager, 1, target, NULL, &result, &err));
    expmig_migration_free(result);
    CHECK(CRASH != 0);
    OK(expmig_experiment_compare(target, 1, manager, 1, NULL, &json, &err));
    CHECK_HAS(json, "\"equal\":true");
    expmig_string_free(json);
    expmig_manager_free(manager);
    expmig_manager_free(read_only);
    expmig_manager_free(target);
}

/* A page in the middle that was overwritten. */
static void damage(void)
{
    expmig_manager *manager;
    uint8_t digest[EXPMIG_DIGEST_SIZE];
    copy_file("digits.db", "damaged.db");
    {
        FILE *file = fopen("damaged.db", "r+b");
        long at;
        CHECK(file != NULL);
        for (at = 40; at < 190; at++) {
            CHECK(fseek(file, at * 4096, SEEK_SET) == 0);
            CHECK(fwrite("\x0d\xff\xff\xff\xff\xff\xff\xff", 8, 1, file) == 1);
        }
        CHECK(fclose(file) == 0);
    }
    manager = open_manager("damaged.db", 0);
    memset(digest, 0x5a, sizeof digest);
    FAILS(EXPMIG_CORRUPT, expmig_experiment_digest(manager, 1, NULL, digest, &err));
    CHECK(filled_with(digest, 0));
    CHECK(expmig_error_vendor_code(err) != 0);
    expmig_manager_free(manager);
}

int main(void)
{
    expmig_manager *a, *b;
    copy_file("small.db", "changed.db");
    sql("changed.db", "UPDATE METRIC SET total_val = total_val + 1 WHERE id = (SELECT max(id) FROM METRIC)");
    a = open_manager("small.db", EXPMIG_OPEN_READONLY);
    b = open_manager("changed.db", 0);
    list(a);
    digest(a);
    compare(a, b);
    expmig_manager_free(a);
    expmig_manager_free(b);
    trouble();
    crash_elsewhere();
    damage();
    forget_error();
    return 0;
}
