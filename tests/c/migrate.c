/* Planning and migrating: results, options, and each way to fail. */
#include "check.h"
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

static void digest_of(const expmig_migration *result, int32_t which, uint8_t *digest)
{
    memset(digest, 0x5a, EXPMIG_DIGEST_SIZE);
    OK(expmig_migration_digest(result, which, digest, &err));
    CHECK(!filled_with(digest, 0x5a) && !filled_with(digest, 0));
}

/* A migration that fails: no result, and the target's file is as it was. */
#define NOT_MIGRATED(status, source, experiment, target, options, file)                                                \
    do {                                                                                                               \
        expmig_migration *none = GARBAGE;                                                                              \
        copy_file((file), "as_it_was.db");                                                                             \
        FAILS((status), expmig_migrate_experiment((source), (experiment), (target), (options), &none, &err));          \
        CHECK(none == NULL);                                                                                           \
        CHECK(same_file((file), "as_it_was.db"));                                                                      \
    } while (0)

static expmig_migration *migrated(const expmig_manager *source, int64_t experiment, const expmig_manager *target,
                                  const expmig_migrate_options *options)
{
    expmig_migration *result = GARBAGE;
    OK(expmig_migrate_experiment(source, experiment, target, options, &result, &err));
    CHECK(result != NULL && result != GARBAGE);
    return result;
}

/* What every getter says of a copy that lost nothing. */
static void check_whole(const expmig_migration *result, int64_t from, int64_t to)
{
    uint8_t source[EXPMIG_DIGEST_SIZE], target[EXPMIG_DIGEST_SIZE], stored[EXPMIG_DIGEST_SIZE];
    const char *json = expmig_migration_to_json(result);
    size_t i, count = expmig_migration_warning_count(result);
    CHECK_INT(expmig_migration_source_experiment_id(result), from);
    CHECK_INT(expmig_migration_new_experiment_id(result), to);
    CHECK_INT(expmig_migration_skipped(result), 0);
    CHECK_INT(expmig_migration_items_processed(result), expmig_migration_items_total(result));
    CHECK(expmig_migration_items_total(result) >= 82);
    CHECK_INT(expmig_migration_items_failed(result), 0);
    CHECK(expmig_migration_success_rate(result) == 100.0);
    CHECK(expmig_migration_duration_ns(result) > 0);
    digest_of(result, EXPMIG_DIGEST_SOURCE, source);
    digest_of(result, EXPMIG_DIGEST_TARGET, target);
    digest_of(result, EXPMIG_DIGEST_AS_STORED, stored);
    CHECK(memcmp(source, target, sizeof source) == 0 && memcmp(source, stored, sizeof source) == 0);
    for (i = 0; i < count; i++)
        CHECK(*expmig_migration_warning_at(result, i) != 0);
    CHECK(expmig_migration_warning_at(result, count) == NULL);
    CHECK(expmig_migration_warning_at(result, SIZE_MAX) == NULL);
    CHECK_HAS(json, "\"schema\":\"expmig.migration/1\"");
    CHECK_HAS(json, "\"table\":\"METRIC\"");
    CHECK(json == expmig_migration_to_json(result));
}

static void getters_of_nothing(void)
{
    uint8_t digest[EXPMIG_DIGEST_SIZE];
    CHECK_INT(expmig_migration_source_experiment_id(NULL), 0);
    CHECK_INT(expmig_migration_new_experiment_id(NULL), 0);
    CHECK_INT(expmig_migration_skipped(NULL), 0);
    CHECK_INT(expmig_migration_items_processed(NULL), 0);
    CHECK_INT(expmig_migration_items_failed(NULL), 0);
    CHECK_INT(expmig_migration_items_total(NULL), 0);
    CHECK(expmig_migration_success_rate(NULL) == 0);
    CHECK_INT(expmig_migration_duration_ns(NULL), 0);
    CHECK_INT(expmig_migration_warning_count(NULL), 0);
    CHECK(expmig_migration_warning_at(NULL, 0) == NULL);
    CHECK_TEXT(expmig_migration_to_json(NULL), "null");
    memset(digest, 0x5a, sizeof digest);
    FAILS_ON("result", expmig_migration_digest(NULL, EXPMIG_DIGEST_SOURCE, digest, &err));
    CHECK(filled_with(digest, 0));
    CHECK(expmig_migration_digest(NULL, 99, NULL, NULL) == EXPMIG_INVALID_ARGUMENT);
    expmig_migration_free(NULL);
}

/* Real data: within one database and into a new one; the copies compare as equal. */
static void real_data(void)
{
    expmig_manager *source = open_manager("digits.db", 0), *target = open_manager("new.db", EXPMIG_OPEN_CREATE);
    expmig_migration *result;
    uint8_t digest[EXPMIG_DIGEST_SIZE], again[EXPMIG_DIGEST_SIZE];
    char *json = NULL;
    result = migrated(source, 1, NULL, NULL);
    check_whole(result, 1, 4);
    CHECK(expmig_migration_items_total(result) > 3000);
    digest_of(result, EXPMIG_DIGEST_TARGET, digest);
    OK(expmig_experiment_digest(source, 1, NULL, again, &err));
    CHECK(memcmp(digest, again, sizeof digest) == 0);
    OK(expmig_experiment_digest(source, 4, NULL, again, &err));
    CHECK(memcmp(digest, again, sizeof digest) == 0);
    memset(again, 0x5a, sizeof again);
    FAILS_ON("which", expmig_migration_digest(result, 3, again, &err));
    CHECK(filled_with(again, 0));
    FAILS_ON("which", expmig_migration_digest(result, -1, again, &err));
    FAILS_ON("digest", expmig_migration_digest(result, EXPMIG_DIGEST_SOURCE, NULL, &err));
    CHECK(expmig_migration_digest(result, EXPMIG_DIGEST_TARGET, again, NULL) == EXPMIG_OK);
    expmig_migration_free(result);
    result = migrated(source, 2, target, NULL);
    check_whole(result, 2, 1);
    CHECK_INT(expmig_migration_warning_count(result), 0);
    OK(expmig_experiment_compare(source, 2, target, 1, NULL, &json, &err));
    CHECK_HAS(json, "\"equal\":true");
    expmig_string_free(json);
    expmig_manager_free(source);
    expmig_manager_free(target);
    /* A result outlives its managers. */
    check_whole(result, 2, 1);
    expmig_migration_free(result);
}

static void plan(const expmig_manager *source, const expmig_manager *target)
{
    expmig_migrate_options options = migrate_options();
    int64_t into = 2;
    char *json = GARBAGE;
    copy_file("target.db", "as_it_was.db");
    OK(expmig_migrate_plan(source, 1, target, NULL, &json, &err));
    CHECK_HAS(json, "\"schema\":\"expmig.plan/1\"");
    CHECK_HAS(json, "\"items_total\":82");
    CHECK_HAS(json, "\"same_database\":false");
    CHECK_HAS(json, "\"duplicates\":[{\"experiment_id\":1,\"proven\":true}]");
    expmig_string_free(json);
    options.target_experiment_id = &into;
    options.strategy = EXPMIG_STRATEGY_AGGRESSIVE;
    OK(expmig_migrate_plan(source, 1, target, &options, &json, &err));
    CHECK_HAS(json, "\"items_total\":81");
    CHECK_HAS(json, "\"target_experiment_id\":2");
    CHECK_HAS(json, "\"strategy\":\"aggressive\"");
    expmig_string_free(json);
    CHECK(expmig_migrate_plan(source, 1, NULL, NULL, &json, NULL) == EXPMIG_OK);
    CHECK_HAS(json, "\"same_database\":true");
    expmig_string_free(json);
    CHECK(same_file("target.db", "as_it_was.db"));
    json = GARBAGE;
    FAILS(EXPMIG_NOT_FOUND, expmig_migrate_plan(source, 9, target, NULL, &json, &err));
    CHECK(json == NULL);
    into = 9;
    json = GARBAGE;
    FAILS(EXPMIG_NOT_FOUND, expmig_migrate_plan(source, 1, target, &options, &json, &err));
    CHECK(json == NULL);
    CHECK_TEXT(detail("parameter"), "target_experiment_id");
    json = GARBAGE;
    FAILS_ON("source", expmig_migrate_plan(NULL, 1, target, NULL, &json, &err));
    CHECK(json == NULL);
    FAILS_ON("plan_json", expmig_migrate_plan(source, 1, target, NULL, NULL, &err));
    CHECK(expmig_migrate_plan(NULL, 1, NULL, NULL, NULL, NULL) == EXPMIG_INVALID_ARGUMENT);
}

static void refused_arguments(const expmig_manager *source, const expmig_manager *target)
{
    static const int64_t strangers[] = {0, -1, 4, INT64_MIN, INT64_MAX};
    expmig_migrate_options options = migrate_options();
    expmig_migration *result = GARBAGE;
    int64_t into = 1;
    char *json = GARBAGE;
    size_t i;
    FAILS_ON("source", expmig_migrate_experiment(NULL, 1, target, NULL, &result, &err));
    CHECK(result == NULL);
    FAILS_ON("result", expmig_migrate_experiment(source, 1, target, NULL, NULL, &err));
    CHECK(expmig_migrate_experiment(NULL, 1, NULL, NULL, NULL, NULL) == EXPMIG_INVALID_ARGUMENT);
    for (i = 0; i < sizeof strangers / sizeof *strangers; i++) {
        NOT_MIGRATED(EXPMIG_NOT_FOUND, source, strangers[i], target, NULL, "target.db");
        CHECK_HAS(expmig_error_hint(err), "1, 2, 3");
        options.target_experiment_id = &strangers[i];
        NOT_MIGRATED(EXPMIG_NOT_FOUND, source, 1, target, &options, "target.db");
        CHECK_TEXT(detail("parameter"), "target_experiment_id");
    }
    options.target_experiment_id = &into;
    FAILS_ON("target_experiment_id", expmig_migrate_experiment(source, 1, NULL, &options, &result, &err));
    options.title_prefix = "x";
    FAILS_ON("title_prefix", expmig_migrate_experiment(source, 2, NULL, &options, &result, &err));

/* The same refusal by both functions that take the options. */
#define REFUSED(parameter)                                                                                             \
    do {                                                                                                               \
        NOT_MIGRATED(EXPMIG_INVALID_ARGUMENT, source, 1, target, &options, "target.db");                               \
        CHECK_TEXT(detail("parameter"), (parameter));                                                                  \
        json = GARBAGE;                                                                                                \
        FAILS_ON(parameter, expmig_migrate_plan(source, 1, target, &options, &json, &err));                            \
        CHECK(json == NULL);                                                                                           \
    } while (0)

    options = migrate_options();
    options.title_prefix = "caf\xe9";
    REFUSED("title_prefix");
    options = migrate_options();
    options.batch_size = 0;
    REFUSED("batch_size");
    options.batch_size = -1;
    REFUSED("batch_size");
    options.batch_size = INT64_MIN;
    REFUSED("batch_size");
    options = migrate_options();
    options.strategy = 3;
    REFUSED("strategy");
    options.strategy = -1;
    REFUSED("strategy");
    options = migrate_options();
    options.on_duplicate = 3;
    REFUSED("on_duplicate");
    options.on_duplicate = -1;
    REFUSED("on_duplicate");
    options = migrate_options();
    options.flags = 16;
    REFUSED("flags");
}

static void every_option(const expmig_manager *source)
{
    static const int64_t batches[] = {1, 7, 1000, INT64_MAX};
    expmig_manager *target = open_manager("options.db", EXPMIG_OPEN_CREATE);
    expmig_migrate_options options = migrate_options();
    uint8_t one[EXPMIG_DIGEST_SIZE], two[EXPMIG_DIGEST_SIZE];
    expmig_migration *result;
    int64_t into;
    char *json = NULL;
    size_t i;
    /* 1 to 4: the batch size is never seen in the result. */
    for (i = 0; i < sizeof batches / sizeof *batches; i++) {
        options.batch_size = batches[i];
        result = migrated(source, 1, target, &options);
        check_whole(result, 1, (int64_t)i + 1);
        CHECK((expmig_migration_warning_count(result) > 0) == (i > 0));
        expmig_migration_free(result);
    }
    /* on_duplicate */
    options.on_duplicate = EXPMIG_DUPLICATE_SKIP;
    result = migrated(source, 1, target, &options);
    CHECK_INT(expmig_migration_skipped(result), 1);
    CHECK_INT(expmig_migration_new_experiment_id(result), 1);
    CHECK_INT(expmig_migration_items_processed(result), 0);
    CHECK_INT(expmig_migration_warning_count(result), 1);
    expmig_migration_free(result);
    options.on_duplicate = EXPMIG_DUPLICATE_ERROR;
    NOT_MIGRATED(EXPMIG_ALREADY_EXISTS, source, 1, target, &options, "options.db");
    CHECK_TEXT(detail("duplicate_experiment_id"), "1");
    result = migrated(source, 2, target, &options);
    check_whole(result, 2, 5);
    expmig_migration_free(result);
    /* title_prefix: another title, hence another digest than the source's. */
    options.title_prefix = "Kopie \xe2\x80\x93 ";
    result = migrated(source, 1, target, &options);
    CHECK_INT(expmig_migration_new_experiment_id(result), 6);
    digest_of(result, EXPMIG_DIGEST_SOURCE, one);
    digest_of(result, EXPMIG_DIGEST_TARGET, two);
    CHECK(memcmp(one, two, sizeof one) != 0);
    digest_of(result, EXPMIG_DIGEST_AS_STORED, one);
    CHECK(memcmp(one, two, sizeof one) == 0);
    expmig_migration_free(result);
    OK(expmig_experiment_list(target, &json, &err));
    CHECK_HAS(json, "\"title\":\"Kopie \xe2\x80\x93 Digits classification\"");
    expmig_string_free(json);
    /* target_experiment_id: the trials come to those of experiment 5. */
    options = migrate_options();
    into = 5;
    options.target_experiment_id = &into;
    result = migrated(source, 3, target, &options);
    CHECK_INT(expmig_migration_new_experiment_id(result), 5);
    CHECK_INT(expmig_migration_items_processed(result), 81);
    expmig_migration_free(result);
    OK(expmig_experiment_list(target, &json, &err));
    CHECK_HAS(strstr(json, "\"id\":5,"), "\"trials\":2,\"runs\":2}");
    expmig_string_free(json);
    /* The strategies. */
    options = migrate_options();
    CHECK(expmig_migration_snapshot_id(NULL) == NULL);
    options.strategy = EXPMIG_STRATEGY_CONSERVATIVE;
    result = migrated(source, 3, target, &options);
    check_whole(result, 3, 7);
    OK(expmig_snapshot_verify(target, expmig_migration_snapshot_id(result), NULL, &err));
    expmig_migration_free(result);
    options = migrate_options();
    options.transformation_rules = "[{\"metric_type\": \"loss\", \"transformation\": \"no such\"}]";
    result = GARBAGE;
    FAILS(EXPMIG_INVALID_ARGUMENT, expmig_migrate_experiment(source, 2, target, &options, &result, &err));
    CHECK(result == NULL);
    CHECK_INT(expmig_error_domain(err), EXPMIG_DOMAIN_TRANSFORMATION);
    options.transformation_rules =
        "[{\"metric_type\": \"loss\", \"transformation\": \"scale\", \"params\": {\"factor\": 2, \"target\": \"total\"}}]";
    options.strategy = EXPMIG_STRATEGY_AGGRESSIVE;
    result = migrated(source, 2, target, &options);
    CHECK_HAS(expmig_migration_to_json(result), "\"schema\":\"expmig.transformation/1\"");
    CHECK_INT(expmig_migration_new_experiment_id(result), 8);
    memset(one, 0x5a, sizeof one);
    FAILS(EXPMIG_NOT_FOUND, expmig_migration_digest(result, EXPMIG_DIGEST_TARGET, one, &err));
    CHECK(filled_with(one, 0));
    expmig_migration_free(result);
    expmig_manager_free(target);
}

/* What the target cannot hold, and the flags about that. */
static void extra_columns(void)
{
    expmig_manager *source, *target;
    expmig_migrate_options options = migrate_options();
    expmig_migration *result;
    copy_file("small.db", "extra.db");
    copy_file("small.db", "narrow.db");
    sql("extra.db", "ALTER TABLE TRIAL ADD COLUMN owner TEXT; UPDATE TRIAL SET owner = 'somebody'");
    source = open_manager("extra.db", 0);
    target = open_manager("narrow.db", 0);
    NOT_MIGRATED(EXPMIG_LOSSY, source, 1, target, &options, "narrow.db");
    CHECK_TEXT(detail("table"), "TRIAL");
    CHECK_TEXT(detail("column"), "owner");
    CHECK_TEXT(detail("count"), "1");
    CHECK_HAS(expmig_error_hint(err), "EXPMIG_MIGRATE_ALLOW_LOSSY");
    options.flags = EXPMIG_MIGRATE_ALLOW_LOSSY;
    result = migrated(source, 1, target, &options);
    CHECK_HAS(expmig_migration_to_json(result), "\"lossy\":{\"count\":1");
    CHECK(expmig_migration_warning_count(result) > 0);
    expmig_migration_free(result);
    options.flags = EXPMIG_MIGRATE_ADD_COLUMNS;
    result = migrated(source, 1, target, &options);
    check_whole(result, 1, 5);
    CHECK_HAS(expmig_migration_to_json(result), "\"lossy\":{\"count\":0");
    expmig_migration_free(result);
    expmig_manager_free(source);
    expmig_manager_free(target);
}

/* A source whose links lead nowhere. */
static void dangling(void)
{
    expmig_manager *source;
    expmig_migrate_options options = migrate_options();
    expmig_migration *result;
    copy_file("small.db", "dangling.db");
    sql("dangling.db", "DELETE FROM METRIC WHERE id = (SELECT min(metric_id) FROM RESULTS_METRIC)");
    source = open_manager("dangling.db", 0);
    NOT_MIGRATED(EXPMIG_VALIDATION, source, 1, NULL, &options, "dangling.db");
    CHECK_INT(expmig_error_domain(err), EXPMIG_DOMAIN_VALIDATION);
    CHECK_TEXT(detail("table"), "RESULTS_METRIC");
    CHECK_TEXT(detail("experiment_id"), "1");
    options.strategy = EXPMIG_STRATEGY_CONSERVATIVE;
    NOT_MIGRATED(EXPMIG_VALIDATION, source, 1, NULL, &options, "dangling.db");
    options.strategy = EXPMIG_STRATEGY_AGGRESSIVE;
    result = migrated(source, 1, NULL, &options);
    CHECK_INT(expmig_migration_items_failed(result), 1);
    CHECK(expmig_migration_success_rate(result) < 100 && expmig_migration_success_rate(result) > 98);
    CHECK_HAS(expmig_migration_to_json(result), "\"left_out\":{\"count\":1");
    expmig_migration_free(result);
    expmig_manager_free(source);
}

/* Databases that refuse rows, change them, or run out of ids. */
static void unwilling_targets(const expmig_manager *source)
{
    expmig_manager *target;
    expmig_migration *result;
    copy_file("small.db", "check.db");
    sql("check.db", "CREATE UNIQUE INDEX one_title ON EXPERIMENT(title)");
    target = open_manager("check.db", 0);
    NOT_MIGRATED(EXPMIG_CONSTRAINT, source, 1, target, NULL, "check.db");
    CHECK(expmig_error_vendor_code(err) != 0);
    CHECK_TEXT(detail("table"), "EXPERIMENT");
    expmig_manager_free(target);

    copy_file("small.db", "trigger.db");
    sql("trigger.db", "CREATE TRIGGER meddle AFTER INSERT ON METRIC BEGIN "
                      "UPDATE METRIC SET total_val = total_val + 1 WHERE id = new.id; END");
    target = open_manager("trigger.db", 0);
    NOT_MIGRATED(EXPMIG_MISMATCH, source, 1, target, NULL, "trigger.db");
    CHECK_HAS(expmig_error_hint(err), "trigger");
    expmig_manager_free(target);

    copy_file("small.db", "full.db");
    sql("full.db", "INSERT INTO METRIC VALUES (9223372036854775807, 'x', 1, NULL)");
    target = open_manager("full.db", 0);
    result = migrated(source, 1, target, NULL);
    check_whole(result, 1, 4);
    expmig_migration_free(result);
    expmig_manager_free(target);

    target = open_manager("target.db", EXPMIG_OPEN_READONLY);
    NOT_MIGRATED(EXPMIG_MISUSE, source, 1, target, NULL, "target.db");
    expmig_manager_free(target);
}

/* What other programs and the system do meanwhile. */
static void trouble(const expmig_manager *source)
{
    expmig_database *database;
    expmig_manager *target;
    char *json = GARBAGE;
    struct rlimit limit, old;
    struct stat file;
    locker other;
    copy_file("small.db", "trouble.db");
    database = open_with("trouble.db", 0, 40);
    target = manager_of(database);
    expmig_database_close(database);
    other = lock("trouble.db", "BEGIN IMMEDIATE");
    NOT_MIGRATED(EXPMIG_BUSY, source, 1, target, NULL, "trouble.db");
    CHECK_TEXT(detail("busy_timeout_ms"), "40");
    OK(expmig_migrate_plan(source, 1, target, NULL, &json, &err));
    expmig_string_free(json);
    unlock(other);
    other = lock("trouble.db", "BEGIN EXCLUSIVE");
    NOT_MIGRATED(EXPMIG_BUSY, source, 1, target, NULL, "trouble.db");
    json = GARBAGE;
    FAILS(EXPMIG_BUSY, expmig_migrate_plan(source, 1, target, NULL, &json, &err));
    CHECK(json == NULL);
    unlock(other);
    /* A reader in another process: everything is written, but cannot be committed. */
    other = lock("trouble.db", "BEGIN; SELECT 1 FROM EXPERIMENT WHERE id < 0");
    NOT_MIGRATED(EXPMIG_BUSY, source, 1, target, NULL, "trouble.db");
    unlock(other);

    /* A file that must not grow: as a full disk. */
    CHECK(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    CHECK(getrlimit(RLIMIT_FSIZE, &old) == 0);
    limit = old;
    CHECK(stat("trouble.db", &file) == 0);
    limit.rlim_cur = (rlim_t)file.st_size;
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    {
        expmig_migration *none = GARBAGE;
        FAILS(EXPMIG_IO, expmig_migrate_experiment(source, 1, target, NULL, &none, &err));
        CHECK(none == NULL);
    }
    CHECK(setrlimit(RLIMIT_FSIZE, &old) == 0);
    CHECK_HAS(detail("path"), "trouble.db");
    CHECK_INT(count_experiments(target), 3);

    sql("trouble.db", "ALTER TABLE EPOCH RENAME TO epochs");
    NOT_MIGRATED(EXPMIG_SCHEMA, source, 1, target, NULL, "trouble.db");
    CHECK_TEXT(detail("table"), "EPOCH");
    json = GARBAGE;
    FAILS(EXPMIG_SCHEMA, expmig_migrate_plan(source, 1, target, NULL, &json, &err));
    CHECK(json == NULL);
    expmig_manager_free(target);
}

static void damage(const expmig_manager *target)
{
    expmig_manager *source;
    char *json = GARBAGE;
    FILE *file;
    long at;
    copy_file("digits.db", "damaged.db");
    file = fopen("damaged.db", "r+b");
    CHECK(file != NULL);
    for (at = 40; at < 190; at++)
        CHECK(fseek(file, at * 4096, SEEK_SET) == 0 && fwrite("\x0d\xff\xff\xff\xff\xff\xff\xff", 8, 1, file) == 1);
    CHECK(fclose(file) == 0);
    source = open_manager("damaged.db", 0);
    NOT_MIGRATED(EXPMIG_CORRUPT, source, 1, target, NULL, "target.db");
    FAILS(EXPMIG_CORRUPT, expmig_migrate_plan(source, 1, target, NULL, &json, &err));
    CHECK(json == NULL);
    expmig_manager_free(source);
}

int main(void)
{
    expmig_manager *source, *target;
    getters_of_nothing();
    real_data();
    copy_file("small.db", "target.db");
    source = open_manager("small.db", 0);
    target = open_manager("target.db", 0);
    plan(source, target);
    refused_arguments(source, target);
    every_option(source);
    extra_columns();
    dangling();
    unwilling_targets(source);
    trouble(source);
    damage(target);
    expmig_manager_free(source);
    expmig_manager_free(target);
    forget_error();
    return 0;
}
