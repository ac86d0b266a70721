/* Registered checks. */
#include "check.h"

static expmig_validate_options checks_only(void)
{
    expmig_validate_options options = validate_options();
    options.scope = EXPMIG_VALIDATE_REGISTERED_CHECKS;
    return options;
}

static expmig_report *validated(const expmig_manager *manager)
{
    expmig_validate_options options = checks_only();
    expmig_report *report = GARBAGE;
    OK(expmig_validate(manager, &options, &report, &err));
    CHECK_INT(expmig_report_count_of(report, "registered_check"), expmig_report_total_count(report));
    return report;
}

static expmig_issue issue_at(const expmig_report *report, size_t index)
{
    expmig_issue issue;
    CHECK(expmig_issue_init(&issue, sizeof issue) == EXPMIG_OK);
    OK(expmig_report_issue_at(report, index, &issue, &err));
    return issue;
}

/* ---- SQL */

static void select_offenders(const expmig_manager *manager)
{
    expmig_report *report;
    expmig_issue issue;
    OK(expmig_check_register_sql(manager, "titles",
                                 "SELECT 'EXPERIMENT' AS \"table\", 'id=' || id AS row_key, 'title' AS column_name, title AS value,"
                                 " 'a title' AS message, 'info' AS severity FROM EXPERIMENT ORDER BY id",
                                 &err));
    OK(expmig_check_register_sql(manager, "bare", "SELECT id FROM EXPERIMENT WHERE id = 2", &err));
    report = validated(manager);
    CHECK_INT(expmig_report_issue_count(report), 4);
    CHECK_INT(expmig_report_passed(report), 0);
    CHECK(expmig_report_error_count(report) == 1 && expmig_report_info_count(report) == 3);
    issue = issue_at(report, 0);
    CHECK_INT(issue.severity, EXPMIG_SEVERITY_ERROR);
    CHECK_TEXT(issue.kind, "registered_check");
    CHECK_TEXT(issue.section, "registered_checks");
    CHECK_TEXT(issue.table, "");
    CHECK_TEXT(issue.row_key, "id=2");
    CHECK_TEXT(issue.message, "bare: id=2");
    CHECK_TEXT(issue.check, "bare");
    CHECK(issue.column == NULL && issue.value == NULL);
    issue = issue_at(report, 1);
    CHECK_INT(issue.severity, EXPMIG_SEVERITY_INFO);
    CHECK_TEXT(issue.table, "EXPERIMENT");
    CHECK_TEXT(issue.row_key, "id=1");
    CHECK_TEXT(issue.column, "title");
    CHECK_TEXT(issue.message, "a title");
    CHECK_TEXT(issue.value, "\"Digits classification\"");
    CHECK_TEXT(issue.check, "titles");
    CHECK_HAS(expmig_report_to_json(report), "\"check\":\"titles\",\"count\":3}");
    expmig_report_free(report);
    OK(expmig_check_unregister(manager, "titles", &err));
    OK(expmig_check_unregister(manager, "bare", &err));
    report = validated(manager);
    CHECK_INT(expmig_report_passed(report), 1);
    CHECK_INT(expmig_report_total_count(report), 0);
    expmig_report_free(report);
}

static void sql_arguments(const expmig_manager *manager)
{
    FAILS_ON("manager", expmig_check_register_sql(NULL, "c", "SELECT 1", &err));
    FAILS_ON("name", expmig_check_register_sql(manager, NULL, "SELECT 1", &err));
    FAILS_ON("name", expmig_check_register_sql(manager, "", "SELECT 1", &err));
    FAILS_ON("name", expmig_check_register_sql(manager, "caf\xe9", "SELECT 1", &err));
    FAILS_ON("sql", expmig_check_register_sql(manager, "c", NULL, &err));
    FAILS_ON("sql", expmig_check_register_sql(manager, "c", "SELEKT 1", &err));
    CHECK_TEXT(detail("check"), "c");
    FAILS_ON("sql", expmig_check_register_sql(manager, "c", "SELECT ?", &err));
    FAILS(EXPMIG_MISUSE, expmig_check_register_sql(manager, "c", "DELETE FROM TRIAL", &err));
    CHECK_TEXT(detail("action"), "DELETE FROM TRIAL");
    CHECK(expmig_check_register_sql(NULL, NULL, NULL, NULL) == EXPMIG_INVALID_ARGUMENT);
    OK(expmig_check_register_sql(manager, "c", "SELECT id FROM TRIAL WHERE id = :experiment_id", &err));
    FAILS(EXPMIG_ALREADY_EXISTS, expmig_check_register_sql(manager, "c", "SELECT 1", &err));
    FAILS_ON("manager", expmig_check_unregister(NULL, "c", &err));
    FAILS_ON("name", expmig_check_unregister(manager, NULL, &err));
    FAILS(EXPMIG_NOT_FOUND, expmig_check_unregister(manager, "d", &err));
    CHECK_HAS(expmig_error_hint(err), "\"c\"");
    OK(expmig_check_unregister(manager, "c", &err));
    FAILS(EXPMIG_NOT_FOUND, expmig_check_unregister(manager, "c", &err));
}

/* ---- Callbacks */

typedef struct {
    const expmig_manager *manager;
    const expmig_database *database;
    const expmig_check_context *context;
    int calls, destroyed, deep;
    int32_t answer;
    int64_t experiment;
} user;

static void destroy(void *user_data)
{
    user *u = user_data;
    u->destroyed++;
}

static user nobody(void)
{
    user u;
    memset(&u, 0, sizeof u);
    return u;
}

static int32_t answer(const expmig_check_context *context, void *user_data)
{
    user *u = user_data;
    CHECK(context != NULL);
    u->calls++;
    return u->answer;
}

static int32_t count_epochs(const expmig_row *row, void *user_data)
{
    user *u = user_data;
    CHECK_TEXT(row->names[0], "idx");
    u->deep++;
    return EXPMIG_CALLBACK_CONTINUE;
}

/* A query inside the callback of a query, and a report inside that of both. */
static int32_t report_run(const expmig_row *row, void *user_data)
{
    user *u = user_data;
    char key[40], value[40];
    expmig_issue issue;
    u->deep = 0;
    CHECK(expmig_check_query(u->context, "SELECT idx FROM EPOCH WHERE trial_run_id = ?", &row->values[0], 1, count_epochs, u,
                             NULL) == EXPMIG_OK);
    CHECK(u->deep > 0);
    snprintf(key, sizeof key, "id=%" PRId64, row->values[0].integer);
    snprintf(value, sizeof value, "%d epochs", u->deep);
    CHECK(expmig_issue_init(&issue, sizeof issue) == EXPMIG_OK);
    issue.severity = EXPMIG_SEVERITY_WARNING;
    issue.table = "TRIAL_RUN";
    issue.row_key = key;
    issue.value = value;
    issue.kind = issue.section = issue.check = "not looked at";
    CHECK(expmig_check_report(u->context, &issue, NULL) == EXPMIG_OK);
    return EXPMIG_CALLBACK_CONTINUE;
}

static int32_t look_at_runs(const expmig_check_context *context, void *user_data)
{
    user *u = user_data;
    const int64_t *experiment = expmig_check_experiment_id(context);
    expmig_value id;
    memset(&id, 0, sizeof id);
    u->calls++;
    u->context = context;
    u->experiment = experiment == NULL ? -1 : *experiment;
    if (experiment != NULL) {
        id.type = EXPMIG_VALUE_INTEGER;
        id.integer = *experiment;
    }
    CHECK(expmig_check_query(context,
                             "SELECT r.id FROM TRIAL_RUN AS r JOIN TRIAL AS t ON t.id = r.trial_id"
                             " WHERE ?1 IS NULL OR t.experiment_id = ?1",
                             &id, 1, report_run, u, NULL) == EXPMIG_OK);
    return EXPMIG_CALLBACK_CONTINUE;
}

static void look_and_report(const expmig_manager *manager)
{
    expmig_validate_options options = checks_only();
    expmig_report *report;
    expmig_issue issue;
    user u = nobody();
    int64_t id = 2;
    OK(expmig_check_register(manager, "runs", look_at_runs, &u, destroy, &err));
    report = validated(manager);
    CHECK(u.calls == 1 && u.experiment == -1);
    CHECK_INT(expmig_report_issue_count(report), 3);
    CHECK(expmig_report_passed(report) && expmig_report_warning_count(report) == 3);
    issue = issue_at(report, 0);
    CHECK_TEXT(issue.table, "TRIAL_RUN");
    CHECK_TEXT(issue.kind, "registered_check");
    CHECK_TEXT(issue.check, "runs");
    CHECK_TEXT(issue.value, "2 epochs");
    CHECK_HAS(issue.message, "runs: TRIAL_RUN (id=");
    CHECK(issue.column == NULL);
    expmig_report_free(report);
    options.experiment_id = &id;
    OK(expmig_validate(manager, &options, &report, &err));
    CHECK(u.calls == 2 && u.experiment == 2);
    CHECK_INT(expmig_report_issue_count(report), 1);
    expmig_report_free(report);
    CHECK_INT(u.destroyed, 0);
    OK(expmig_check_unregister(manager, "runs", &err));
    CHECK_INT(u.destroyed, 1);
}

/* Every way in which reporting can go wrong. */
static int32_t report_badly(const expmig_check_context *context, void *user_data)
{
    user *u = user_data;
    expmig_issue issue;
    CHECK(expmig_issue_init(&issue, sizeof issue) == EXPMIG_OK);
    FAILS_ON("context", expmig_check_report(NULL, &issue, &err));
    FAILS_ON("issue", expmig_check_report(context, NULL, &err));
    issue.severity = 0;
    FAILS_ON("severity", expmig_check_report(context, &issue, &err));
    issue.severity = 4;
    FAILS_ON("severity", expmig_check_report(context, &issue, &err));
    issue.severity = EXPMIG_SEVERITY_INFO;
    issue.message = "caf\xe9";
    FAILS_ON("message", expmig_check_report(context, &issue, &err));
    issue.message = NULL;
    issue.table = "caf\xe9";
    FAILS_ON("table", expmig_check_report(context, &issue, &err));
    issue.table = NULL;
    issue.struct_size = 0;
    FAILS_ON("struct_size", expmig_check_report(context, &issue, &err));
    FAILS_ON("context", expmig_check_query(NULL, "SELECT 1", NULL, 0, count_epochs, u, &err));
    FAILS_ON("sql", expmig_check_query(context, NULL, NULL, 0, count_epochs, u, &err));
    FAILS_ON("row_fn", expmig_check_query(context, "SELECT 1", NULL, 0, NULL, u, &err));
    FAILS_ON("sql", expmig_check_query(context, "SELEKT", NULL, 0, count_epochs, u, &err));
    FAILS(EXPMIG_MISUSE, expmig_check_query(context, "COMMIT", NULL, 0, count_epochs, u, &err));
    FAILS(EXPMIG_MISUSE, expmig_check_query(context, "DELETE FROM TRIAL", NULL, 0, count_epochs, u, &err));
    CHECK(expmig_check_experiment_id(NULL) == NULL);
    issue.struct_size = sizeof issue;
    OK(expmig_check_report(context, &issue, &err));
    u->calls++;
    return EXPMIG_CALLBACK_CONTINUE;
}

/* Built with the header of a later version. */
static int32_t report_larger(const expmig_check_context *context, void *user_data)
{
    user *u = user_data;
    union {
        expmig_issue known;
        unsigned char bytes[sizeof(expmig_issue) + 16];
    } larger;
    CHECK(expmig_issue_init(&larger.known, sizeof larger) == EXPMIG_OK);
    larger.known.message = "larger";
    CHECK(expmig_check_report(context, &larger.known, NULL) == EXPMIG_OK);
    larger.bytes[sizeof larger - 1] = 1;
    CHECK(expmig_check_report(context, &larger.known, NULL) == EXPMIG_INVALID_ARGUMENT);
    u->calls++;
    return EXPMIG_CALLBACK_CONTINUE;
}

static void bad_reports(const expmig_manager *manager)
{
    expmig_report *report = NULL;
    expmig_issue issue;
    expmig_validate_options options = checks_only();
    user u = nobody();
    CHECK(expmig_check_register(manager, "bad", report_badly, &u, NULL, NULL) == EXPMIG_OK);
    /* The callback uses `err`. */
    CHECK(expmig_validate(manager, &options, &report, NULL) == EXPMIG_OK);
    CHECK(u.calls == 1 && expmig_report_total_count(report) == 1);
    issue = issue_at(report, 0);
    CHECK_TEXT(issue.message, "bad");
    CHECK_TEXT(issue.row_key, "");
    CHECK_INT(issue.severity, EXPMIG_SEVERITY_INFO);
    expmig_report_free(report);
    OK(expmig_check_unregister(manager, "bad", &err));
    OK(expmig_check_register(manager, "larger", report_larger, &u, NULL, &err));
    report = validated(manager);
    CHECK(u.calls == 2 && expmig_report_total_count(report) == 1);
    expmig_report_free(report);
    OK(expmig_check_unregister(manager, "larger", &err));
}

static void failing(const expmig_manager *manager)
{
    expmig_validate_options options = checks_only();
    expmig_report *report = GARBAGE;
    user u = nobody(), later = nobody();
    OK(expmig_check_register(manager, "failing", answer, &u, destroy, &err));
    OK(expmig_check_register(manager, "later", answer, &later, destroy, &err));
    u.answer = 42;
    FAILS(EXPMIG_CALLBACK, expmig_validate(manager, &options, &report, &err));
    CHECK(report == NULL);
    CHECK_TEXT(detail("check"), "failing");
    CHECK_TEXT(detail("callback_result"), "42");
    CHECK_INT(expmig_error_domain(err), EXPMIG_DOMAIN_VALIDATION);
    u.answer = INT32_MIN;
    FAILS(EXPMIG_CALLBACK, expmig_validate(manager, &options, &report, &err));
    CHECK_TEXT(detail("callback_result"), "-2147483648");
    u.answer = EXPMIG_CALLBACK_CANCEL;
    FAILS(EXPMIG_CANCELLED, expmig_validate(manager, &options, &report, &err));
    CHECK_TEXT(detail("check"), "failing");
    CHECK(u.calls == 3 && later.calls == 0);
    u.answer = EXPMIG_CALLBACK_CONTINUE;
    expmig_report_free(validated(manager));
    CHECK(u.calls == 4 && later.calls == 1);
    /* Outside of its scope it does not run. */
    options.scope = EXPMIG_VALIDATE_FOREIGN_KEYS;
    OK(expmig_validate(manager, &options, &report, &err));
    expmig_report_free(report);
    CHECK_INT(u.calls, 4);
    OK(expmig_check_unregister(manager, "failing", &err));
    OK(expmig_check_unregister(manager, "later", &err));
    CHECK(u.destroyed == 1 && later.destroyed == 1);
}

/* The user data is destroyed exactly once, however its life ends. */
static void destroyed_once(const expmig_database *database)
{
    expmig_manager *manager = manager_of(database), *twin = manager_of(database);
    char long_name[130];
    user u = nobody();
    FAILS_ON("manager", expmig_check_register(NULL, "c", answer, &u, destroy, &err));
    CHECK_INT(u.destroyed, 1);
    FAILS_ON("name", expmig_check_register(manager, NULL, answer, &u, destroy, &err));
    CHECK_INT(u.destroyed, 2);
    FAILS_ON("name", expmig_check_register(manager, "caf\xe9", answer, &u, destroy, &err));
    CHECK_INT(u.destroyed, 3);
    memset(long_name, 'x', sizeof long_name);
    long_name[129] = 0;
    FAILS_ON("name", expmig_check_register(manager, long_name, answer, &u, destroy, &err));
    CHECK_INT(u.destroyed, 4);
    FAILS_ON("check_fn", expmig_check_register(manager, "c", NULL, &u, destroy, &err));
    CHECK_INT(u.destroyed, 5);
    CHECK(expmig_check_register(NULL, NULL, NULL, &u, destroy, NULL) == EXPMIG_INVALID_ARGUMENT);
    CHECK_INT(u.destroyed, 6);
    u = nobody();
    long_name[128] = 0;
    OK(expmig_check_register(manager, long_name, answer, &u, destroy, &err));
    OK(expmig_check_register(manager, "c", answer, &u, destroy, &err));
    FAILS(EXPMIG_ALREADY_EXISTS, expmig_check_register(manager, "c", answer, &u, destroy, &err));
    CHECK_INT(u.destroyed, 1);
    /* Another manager of the same database has checks of its own. */
    OK(expmig_check_register(twin, "c", answer, &u, destroy, &err));
    expmig_report_free(validated(manager));
    CHECK_INT(u.destroyed, 1);
    expmig_manager_free(twin);
    CHECK_INT(u.destroyed, 2);
    OK(expmig_check_unregister(manager, "c", &err));
    CHECK_INT(u.destroyed, 3);
    expmig_manager_free(manager);
    CHECK_INT(u.destroyed, 4);
    /* Neither user data nor destroy function. */
    manager = manager_of(database);
    OK(expmig_check_register(manager, "c", report_larger, &u, NULL, &err));
    expmig_manager_free(manager);
    CHECK_INT(u.destroyed, 4);
}

/* ---- Calls from inside */

static int32_t from_inside(const expmig_check_context *context, void *user_data)
{
    user *u = user_data, inner = nobody();
    expmig_report *report = GARBAGE;
    CHECK(expmig_validate(u->manager, NULL, &report, NULL) == EXPMIG_MISUSE);
    CHECK(report == NULL);
    CHECK(expmig_check_register(u->manager, "inner", answer, &inner, destroy, NULL) == EXPMIG_MISUSE);
    CHECK_INT(inner.destroyed, 1);
    CHECK(expmig_check_register_sql(u->manager, "inner", "SELECT 1", NULL) == EXPMIG_MISUSE);
    CHECK(expmig_check_unregister(u->manager, "inside", NULL) == EXPMIG_MISUSE);
    CHECK(expmig_database_query(u->database, "SELECT 1", NULL, 0, count_epochs, u, NULL) == EXPMIG_MISUSE);
    CHECK(context != NULL && u->destroyed == 0);
    u->calls++;
    return EXPMIG_CALLBACK_CONTINUE;
}

static int32_t free_everything(const expmig_check_context *context, void *user_data)
{
    user *u = user_data;
    expmig_issue issue;
    expmig_manager_free((expmig_manager *)u->manager);
    expmig_database_close((expmig_database *)u->database);
    CHECK_INT(u->destroyed, 0);
    CHECK(expmig_issue_init(&issue, sizeof issue) == EXPMIG_OK);
    CHECK(expmig_check_report(context, &issue, NULL) == EXPMIG_OK);
    u->calls++;
    return EXPMIG_CALLBACK_CONTINUE;
}

static void reentrancy(void)
{
    expmig_database *database = open_database("small.db");
    expmig_manager *manager = manager_of(database);
    expmig_report *report;
    user u = nobody();
    u.manager = manager;
    u.database = database;
    OK(expmig_check_register(manager, "inside", from_inside, &u, destroy, &err));
    expmig_report_free(validated(manager));
    CHECK_INT(u.calls, 1);
    OK(expmig_check_unregister(manager, "inside", &err));
    CHECK_INT(u.destroyed, 1);
    u.destroyed = 0;
    OK(expmig_check_register(manager, "end", free_everything, &u, destroy, &err));
    report = validated(manager);
    CHECK(u.calls == 2 && u.destroyed == 1);
    CHECK_INT(expmig_report_issue_count(report), 1);
    CHECK_TEXT(issue_at(report, 0).check, "end");
    expmig_report_free(report);
}

int main(void)
{
    expmig_database *database;
    expmig_manager *manager;
    copy_file("small.db", "before.db");
    database = open_database("small.db");
    manager = manager_of(database);
    select_offenders(manager);
    sql_arguments(manager);
    look_and_report(manager);
    bad_reports(manager);
    failing(manager);
    destroyed_once(database);
    expmig_manager_free(manager);
    expmig_database_close(database);
    reentrancy();
    CHECK(same_file("small.db", "before.db"));
    forget_error();
    return 0;
}
