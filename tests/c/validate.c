/* Validating, and reading the report. */
#include "check.h"
#include <pthread.h>

static const uint32_t sections[] = {EXPMIG_VALIDATE_FOREIGN_KEYS, EXPMIG_VALIDATE_METRIC_JSON, EXPMIG_VALIDATE_HIERARCHY,
                                    EXPMIG_VALIDATE_REGISTERED_CHECKS};

/* Every promise of the header about reports. */
static void report_is_whole(const expmig_report *report)
{
    size_t i, count = expmig_report_issue_count(report);
    uint64_t errors = expmig_report_error_count(report), warnings = expmig_report_warning_count(report);
    uint64_t infos = expmig_report_info_count(report);
    expmig_issue issue;
    CHECK_INT(expmig_report_passed(report), errors == 0);
    CHECK(expmig_report_total_count(report) == errors + warnings + infos);
    CHECK(count <= expmig_report_total_count(report));
    CHECK(expmig_issue_init(&issue, sizeof issue) == EXPMIG_OK);
    for (i = 0; i < count; i++) {
        CHECK(expmig_report_issue_at(report, i, &issue, NULL) == EXPMIG_OK);
        CHECK_INT(issue.struct_size, sizeof issue);
        CHECK(issue.severity >= EXPMIG_SEVERITY_ERROR && issue.severity <= EXPMIG_SEVERITY_INFO);
        CHECK(*issue.kind != 0 && *issue.section != 0 && issue.table != NULL && issue.row_key != NULL);
        CHECK(*issue.message != 0 && strchr(issue.message, '\n') == NULL);
        CHECK(expmig_report_count_of(report, issue.kind) > 0);
        CHECK((issue.check != NULL) == (strcmp(issue.section, "registered_checks") == 0));
    }
    CHECK_HAS(expmig_report_to_json(report), "\"schema\":\"expmig.validation/1\"");
    CHECK_HAS(expmig_report_to_json(report), errors == 0 ? "\"PASS\"" : "\"FAIL\"");
    CHECK(expmig_report_to_json(report) == expmig_report_to_json(report));
    CHECK(expmig_report_count_of(report, "no such kind") == 0);
    CHECK(expmig_report_count_of(report, "caf\xe9") == 0);
    CHECK(expmig_report_count_of(report, NULL) == 0);
}

static void null_reports(void)
{
    expmig_issue issue;
    CHECK(expmig_issue_init(&issue, sizeof issue) == EXPMIG_OK);
    CHECK_INT(expmig_report_passed(NULL), 0);
    CHECK(expmig_report_issue_count(NULL) == 0 && expmig_report_total_count(NULL) == 0);
    CHECK(expmig_report_error_count(NULL) == 0 && expmig_report_warning_count(NULL) == 0);
    CHECK(expmig_report_info_count(NULL) == 0 && expmig_report_count_of(NULL, "orphan") == 0);
    CHECK_TEXT(expmig_report_to_json(NULL), "null");
    FAILS_ON("report", expmig_report_issue_at(NULL, 0, &issue, &err));
    expmig_report_free(NULL);
}

static void whole_database(const expmig_manager *manager)
{
    expmig_report *report = GARBAGE;
    expmig_issue issue;
    OK(expmig_validate(manager, NULL, &report, &err));
    report_is_whole(report);
    CHECK_INT(expmig_report_passed(report), 1);
    CHECK_HAS(expmig_report_to_json(report), "\"experiment_id\":null");
    CHECK(expmig_issue_init(&issue, sizeof issue) == EXPMIG_OK);
    FAILS_ON("index", expmig_report_issue_at(report, expmig_report_issue_count(report), &issue, &err));
    FAILS_ON("index", expmig_report_issue_at(report, SIZE_MAX, &issue, &err));
    CHECK(issue.struct_size == sizeof issue && issue.message == NULL);
    FAILS_ON("issue", expmig_report_issue_at(report, 0, NULL, &err));
    CHECK(expmig_report_issue_at(report, 0, NULL, NULL) == EXPMIG_INVALID_ARGUMENT);
    issue.struct_size = 8;
    FAILS_ON("struct_size", expmig_report_issue_at(report, 0, &issue, &err));
    expmig_report_free(report);
}

static void scopes(const expmig_manager *manager)
{
    expmig_validate_options options = validate_options();
    expmig_report *report = GARBAGE;
    size_t i;
    for (i = 0; i < 4; i++) {
        options.scope = sections[i];
        OK(expmig_validate(manager, &options, &report, &err));
        report_is_whole(report);
        expmig_report_free(report);
    }
    CHECK_INT(sections[0] | sections[1] | sections[2] | sections[3], EXPMIG_VALIDATE_ALL);
    options.scope = EXPMIG_VALIDATE_HIERARCHY;
    OK(expmig_validate(manager, &options, &report, &err));
    CHECK_HAS(expmig_report_to_json(report), "\"scope\":[\"hierarchy\"]");
    expmig_report_free(report);
    report = GARBAGE;
    options.scope = 0;
    FAILS_ON("scope", expmig_validate(manager, &options, &report, &err));
    CHECK(report == NULL && *expmig_error_hint(err) != 0);
    for (i = 4; i < 32; i++) {
        options.scope = EXPMIG_VALIDATE_ALL | (uint32_t)1 << i;
        FAILS_ON("scope", expmig_validate(manager, &options, &report, &err));
    }
}

static void one_experiment(const expmig_manager *manager)
{
    static const int64_t strangers[] = {0, -1, 4, INT64_MIN, INT64_MAX};
    expmig_validate_options options = validate_options();
    expmig_report *report = GARBAGE;
    int64_t id = 2;
    size_t i;
    options.experiment_id = &id;
    OK(expmig_validate(manager, &options, &report, &err));
    report_is_whole(report);
    CHECK_HAS(expmig_report_to_json(report), "\"experiment_id\":2");
    expmig_report_free(report);
    for (i = 0; i < sizeof strangers / sizeof *strangers; i++) {
        id = strangers[i];
        report = GARBAGE;
        FAILS(EXPMIG_NOT_FOUND, expmig_validate(manager, &options, &report, &err));
        CHECK(report == NULL);
        CHECK_HAS(expmig_error_hint(err), "1, 2, 3");
    }
    CHECK_TEXT(detail("experiment_id"), "9223372036854775807");
}

static void arguments(const expmig_manager *manager)
{
    expmig_validate_options options = validate_options();
    expmig_report *report = GARBAGE;
    FAILS_ON("manager", expmig_validate(NULL, NULL, &report, &err));
    CHECK(report == NULL);
    CHECK_INT(expmig_error_domain(err), EXPMIG_DOMAIN_VALIDATION);
    FAILS_ON("report", expmig_validate(manager, NULL, NULL, &err));
    CHECK(expmig_validate(NULL, NULL, NULL, NULL) == EXPMIG_INVALID_ARGUMENT);
    options.issue_limit = -1;
    report = GARBAGE;
    FAILS_ON("issue_limit", expmig_validate(manager, &options, &report, &err));
    CHECK(report == NULL);
    options.issue_limit = 0;
    OK(expmig_validate(manager, &options, &report, &err));
    report_is_whole(report);
    CHECK(expmig_report_issue_count(report) == 0);
    expmig_report_free(report);
    options.issue_limit = INT64_MAX;
    OK(expmig_validate(manager, &options, &report, &err));
    report_is_whole(report);
    CHECK(expmig_report_issue_count(report) == expmig_report_total_count(report));
    expmig_report_free(report);
}

/* As many issues as are wanted, and all of them counted. */
static void limits(const expmig_manager *manager)
{
    static const int64_t wanted[] = {0, 1, 7, 1000000};
    expmig_validate_options options = validate_options();
    expmig_report *report = GARBAGE;
    uint64_t all = 0;
    size_t i;
    OK(expmig_check_register_sql(manager, "all", "SELECT 'METRIC' AS table_name, id AS key, char(10) || id AS message FROM METRIC",
                                 &err));
    options.scope = EXPMIG_VALIDATE_REGISTERED_CHECKS;
    for (i = 0; i < 4; i++) {
        options.issue_limit = wanted[i];
        OK(expmig_validate(manager, &options, &report, &err));
        report_is_whole(report);
        all = expmig_report_error_count(report);
        CHECK(all > 20 && expmig_report_count_of(report, "registered_check") == all);
        CHECK(expmig_report_issue_count(report) == (all < (uint64_t)wanted[i] ? all : (uint64_t)wanted[i]));
        CHECK_INT(expmig_report_passed(report), 0);
        expmig_report_free(report);
    }
    OK(expmig_check_unregister(manager, "all", &err));
}

/* Structs of programs that were built with an older or a newer header. */
static void issue_sizes(const expmig_manager *manager)
{
    union {
        expmig_issue known;
        unsigned char bytes[sizeof(expmig_issue) + 24];
    } larger;
    expmig_report *report = NULL;
    size_t i;
    OK(expmig_check_register_sql(manager, "one", "SELECT 1 AS id", &err));
    OK(expmig_validate(manager, NULL, &report, &err));
    OK(expmig_check_unregister(manager, "one", &err));
    memset(&larger, 0x5a, sizeof larger);
    larger.known.struct_size = sizeof larger;
    for (i = 0; i < expmig_report_issue_count(report); i++) {
        OK(expmig_report_issue_at(report, i, &larger.known, &err));
        CHECK_INT(larger.known.struct_size, sizeof larger);
        CHECK(*larger.known.message != 0 && larger.bytes[sizeof(expmig_issue)] == 0 && larger.bytes[sizeof larger - 1] == 0);
    }
    CHECK(i > 0);
    memset(&larger, 0x5a, sizeof larger);
    larger.known.struct_size = sizeof(expmig_issue);
    OK(expmig_report_issue_at(report, 0, &larger.known, &err));
    CHECK(larger.bytes[sizeof(expmig_issue)] == 0x5a);
    expmig_report_free(report);
}

static void hierarchy(const expmig_manager *manager)
{
    int32_t valid = 7;
    char *json = GARBAGE;
    OK(expmig_hierarchy_validate(manager, 1, &valid, &json, &err));
    CHECK_INT(valid, 1);
    CHECK_HAS(json, "\"schema\":\"expmig.hierarchy/1\"");
    CHECK_HAS(json, "\"experiment_id\":1,\"valid\":true");
    expmig_string_free(json);
    /* What the specification says of an experiment that does not exist. */
    valid = 7;
    OK(expmig_hierarchy_validate(manager, 99, &valid, &json, &err));
    CHECK_INT(valid, 0);
    CHECK_HAS(json, "\"issues\":[\"experiment 99 does not exist\"]");
    expmig_string_free(json);
    valid = 7;
    json = GARBAGE;
    FAILS_ON("manager", expmig_hierarchy_validate(NULL, 1, &valid, &json, &err));
    CHECK(valid == 0 && json == NULL);
    FAILS_ON("valid", expmig_hierarchy_validate(manager, 1, NULL, &json, &err));
    valid = 7;
    FAILS_ON("issues_json", expmig_hierarchy_validate(manager, 1, &valid, NULL, &err));
    CHECK_INT(valid, 0);
    CHECK(expmig_hierarchy_validate(NULL, 1, NULL, NULL, NULL) == EXPMIG_INVALID_ARGUMENT);
}

static void metric_json(void)
{
    int32_t valid = 7;
    char *json = GARBAGE;
    const char *fine = "{\"a\": 1, \"_note\": null}#";
    OK(expmig_metric_json_validate(fine, strlen(fine) - 1, &valid, &json, &err));
    CHECK_INT(valid, 1);
    CHECK_TEXT(json, "{\"schema\":\"expmig.metric-json/1\",\"valid\":true,\"issues\":[]}");
    expmig_string_free(json);
    const char *wrong = "{\"a\": NaN, \"a\": true}";
    OK(expmig_metric_json_validate(wrong, strlen(wrong), &valid, &json, &err));
    CHECK_INT(valid, 0);
    CHECK_HAS(json, "\"kind\":\"json_non_finite\",\"message\":\"per_label_val has a literal");
    CHECK_HAS(json, "\"kind\":\"json_non_numeric\"");
    CHECK_HAS(json, "\"kind\":\"json_duplicate_key\"");
    expmig_string_free(json);
    OK(expmig_metric_json_validate(NULL, 0, &valid, &json, &err));
    CHECK_HAS(json, "\"kind\":\"json_empty\"");
    expmig_string_free(json);
    OK(expmig_metric_json_validate("\xff", 1, &valid, &json, &err));
    CHECK_HAS(json, "\"kind\":\"json_not_utf8\"");
    expmig_string_free(json);
    valid = 7;
    json = GARBAGE;
    FAILS_ON("json", expmig_metric_json_validate(NULL, 1, &valid, &json, &err));
    CHECK(valid == 0 && json == NULL);
    FAILS_ON("valid", expmig_metric_json_validate("", 0, NULL, &json, &err));
    FAILS_ON("issues_json", expmig_metric_json_validate("", 0, &valid, NULL, &err));
}

static int32_t answer(const expmig_progress *progress, void *user_data)
{
    int32_t *answers = user_data;
    answers[1]++;
    CHECK(progress->struct_size == sizeof *progress);
    return answers[0];
}

static void stopped(const expmig_manager *manager)
{
    expmig_validate_options options = validate_options();
    expmig_cancel *cancel = expmig_cancel_new();
    expmig_report *report = GARBAGE;
    int32_t answers[2] = {EXPMIG_CALLBACK_CONTINUE, 0};
    options.progress_fn = answer;
    options.progress_user_data = answers;
    OK(expmig_validate(manager, &options, &report, &err));
    expmig_report_free(report);
    CHECK(answers[1] >= 2);
    answers[0] = EXPMIG_CALLBACK_CANCEL;
    report = GARBAGE;
    FAILS(EXPMIG_CANCELLED, expmig_validate(manager, &options, &report, &err));
    CHECK(report == NULL);
    answers[0] = 42;
    FAILS(EXPMIG_CALLBACK, expmig_validate(manager, &options, &report, &err));
    CHECK_TEXT(detail("callback_result"), "42");
    CHECK_INT(expmig_error_domain(err), EXPMIG_DOMAIN_VALIDATION);
    options.progress_fn = NULL;
    options.cancel = cancel;
    expmig_cancel_trigger(cancel);
    FAILS(EXPMIG_CANCELLED, expmig_validate(manager, &options, &report, &err));
    CHECK_INT(expmig_error_domain(err), EXPMIG_DOMAIN_VALIDATION);
    expmig_cancel_free(cancel);
    OK(expmig_validate(manager, NULL, &report, &err));
    expmig_report_free(report);
}

/* What other programs do to the file while it is open. */
static void trouble(void)
{
    expmig_database *database;
    expmig_manager *manager;
    expmig_report *report = GARBAGE;
    int32_t valid = 7;
    char *json = GARBAGE;
    locker other;
    copy_file("small.db", "trouble.db");
    database = open_with("trouble.db", 0, 30);
    manager = manager_of(database);
    expmig_database_close(database);
    other = lock("trouble.db", "BEGIN EXCLUSIVE");
    FAILS(EXPMIG_BUSY, expmig_validate(manager, NULL, &report, &err));
    CHECK(report == NULL);
    FAILS(EXPMIG_BUSY, expmig_hierarchy_validate(manager, 1, &valid, &json, &err));
    CHECK(valid == 0 && json == NULL);
    unlock(other);
    OK(expmig_validate(manager, NULL, &report, &err));
    expmig_report_free(report);
    /* A failure of the database is no issue. */
    sql("trouble.db", "DROP TABLE TRIAL_RUN");
    FAILS(EXPMIG_SCHEMA, expmig_validate(manager, NULL, &report, &err));
    FAILS(EXPMIG_SCHEMA, expmig_hierarchy_validate(manager, 1, &valid, &json, &err));
    expmig_manager_free(manager);
}

static void *read_report(void *data)
{
    int i;
    for (i = 0; i < 20; i++)
        report_is_whole(data);
    return NULL;
}

/* A report outlives the handles that it came from, and is read in several threads at once. */
static void shared_reading(void)
{
    expmig_database *database = open_database("small.db");
    expmig_manager *manager = manager_of(database);
    expmig_report *report = NULL;
    pthread_t threads[4];
    size_t i;
    OK(expmig_check_register_sql(manager, "all", "SELECT id FROM METRIC", &err));
    OK(expmig_validate(manager, NULL, &report, &err));
    expmig_manager_free(manager);
    expmig_database_close(database);
    CHECK(expmig_report_issue_count(report) > 20);
    for (i = 0; i < 4; i++)
        CHECK(pthread_create(&threads[i], NULL, read_report, report) == 0);
    read_report(report);
    for (i = 0; i < 4; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    expmig_report_free(report);
}

int main(void)
{
    expmig_manager *manager;
    copy_file("small.db", "before.db");
    manager = open_manager("small.db", 0);
    null_reports();
    whole_database(manager);
    scopes(manager);
    one_experiment(manager);
    arguments(manager);
    limits(manager);
    issue_sizes(manager);
    hierarchy(manager);
    metric_json();
    stopped(manager);
    expmig_manager_free(manager);
    trouble();
    shared_reading();
    CHECK(same_file("small.db", "before.db"));
    forget_error();
    return 0;
}
