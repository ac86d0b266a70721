/* Queries of the caller's own. */
#include "check.h"
#include <math.h>

typedef struct {
    int rows, stop_after;
    int32_t answer;
} counter;

static int32_t count_row(const expmig_row *row, void *user_data)
{
    counter *c = user_data;
    CHECK(c->stop_after == 0 || c->rows < c->stop_after);
    CHECK_INT(row->struct_size, sizeof *row);
    CHECK(row->column_count > 0 && row->names[row->column_count - 1] != NULL);
    c->rows++;
    return c->rows == c->stop_after ? c->answer : EXPMIG_CALLBACK_CONTINUE;
}

/* How many rows a query answers. */
static int rows_of(const expmig_database *database, const char *select)
{
    counter c = {0, 0, 0};
    OK(expmig_database_query(database, select, NULL, 0, count_row, &c, &err));
    return c.rows;
}

static int32_t look_at_types(const expmig_row *row, void *user_data)
{
    static const char *const names[] = {"none", "id", "A Real", "text", "blob", "empty", "huge"};
    const expmig_value *v = row->values;
    size_t i;
    ++*(int *)user_data;
    CHECK_INT(row->column_count, 7);
    for (i = 0; i < 7; i++)
        CHECK_TEXT(row->names[i], names[i]);
    CHECK(v[0].type == EXPMIG_VALUE_NULL && v[0].bytes == NULL && v[0].length == 0);
    CHECK(v[1].type == EXPMIG_VALUE_INTEGER && v[1].integer == INT64_MIN);
    CHECK(v[2].type == EXPMIG_VALUE_REAL && v[2].real == 0.25 && v[2].integer == 0);
    CHECK(v[3].type == EXPMIG_VALUE_TEXT && v[3].length == 5 && memcmp(v[3].bytes, "a\0\xff\xc3z", 5) == 0);
    CHECK(v[4].type == EXPMIG_VALUE_BLOB && v[4].length == 2 && memcmp(v[4].bytes, "\0\1", 2) == 0);
    CHECK(v[5].type == EXPMIG_VALUE_TEXT && v[5].length == 0);
    CHECK(v[6].type == EXPMIG_VALUE_REAL && isinf(v[6].real));
    return EXPMIG_CALLBACK_CONTINUE;
}

static void types(const expmig_database *database)
{
    expmig_value params[7];
    int calls = 0;
    memset(params, 0, sizeof params);
    params[1].type = EXPMIG_VALUE_INTEGER;
    params[1].integer = INT64_MIN;
    params[2].type = EXPMIG_VALUE_REAL;
    params[2].real = 0.25;
    params[3].type = EXPMIG_VALUE_TEXT;
    params[3].bytes = "a\0\xff\xc3z";
    params[3].length = 5;
    params[4].type = EXPMIG_VALUE_BLOB;
    params[4].bytes = "\0\1";
    params[4].length = 2;
    params[5].type = EXPMIG_VALUE_TEXT; /* no bytes: the pointer is not looked at */
    params[6].type = EXPMIG_VALUE_REAL;
    params[6].real = HUGE_VAL;
    OK(expmig_database_query(database, "SELECT ? AS none, ? AS id, ? AS \"A Real\", ? AS text, ? AS blob, ? AS empty, ? AS huge",
                             params, 7, look_at_types, &calls, &err));
    CHECK_INT(calls, 1);
}

static void arguments(const expmig_database *database)
{
    expmig_value value;
    counter c = {0, 0, 0};
    memset(&value, 0, sizeof value);
    FAILS_ON("database", expmig_database_query(NULL, "SELECT 1", NULL, 0, count_row, &c, &err));
    FAILS_ON("sql", expmig_database_query(database, NULL, NULL, 0, count_row, &c, &err));
    FAILS_ON("sql", expmig_database_query(database, "SELECT '\xe9'", NULL, 0, count_row, &c, &err));
    FAILS_ON("row_fn", expmig_database_query(database, "SELECT 1", NULL, 0, NULL, &c, &err));
    FAILS_ON("params", expmig_database_query(database, "SELECT ?", NULL, 1, count_row, &c, &err));
    FAILS_ON("params", expmig_database_query(database, "SELECT ?", NULL, 0, count_row, &c, &err));
    FAILS_ON("params", expmig_database_query(database, "SELECT 1", &value, 1, count_row, &c, &err));
    value.type = 5;
    FAILS_ON("params", expmig_database_query(database, "SELECT ?", &value, 1, count_row, &c, &err));
    value.type = -1;
    FAILS_ON("params", expmig_database_query(database, "SELECT ?", &value, 1, count_row, &c, &err));
    CHECK_TEXT(detail("index"), "0");
    value.type = EXPMIG_VALUE_TEXT;
    value.length = 1;
    FAILS_ON("params", expmig_database_query(database, "SELECT ?", &value, 1, count_row, &c, &err));
    CHECK(expmig_database_query(NULL, NULL, NULL, 1, NULL, NULL, NULL) == EXPMIG_INVALID_ARGUMENT);
    FAILS_ON("sql", expmig_database_query(database, "SELECT id FORM TRIAL", NULL, 0, count_row, &c, &err));
    CHECK_TEXT(detail("offset"), "15");
    FAILS_ON("sql", expmig_database_query(database, "SELECT 1; SELECT 2", NULL, 0, count_row, &c, &err));
    CHECK_INT(c.rows, 0);
}

static void read_only(const expmig_database *database)
{
    static const char *const hostile[] = {
        "DELETE FROM TRIAL", "UPDATE METRIC SET total_val = 0 RETURNING id", "DROP TABLE METRIC", "CREATE TEMP TABLE x (y)",
        "COMMIT", "ROLLBACK", "SAVEPOINT x", "VACUUM INTO 'stolen.db'", "ATTACH 'stolen.db' AS x", "PRAGMA query_only = OFF",
        "PRAGMA journal_mode = OFF", "SELECT load_extension('libm.so.6')", "EXPLAIN DELETE FROM TRIAL",
        "SELECT * FROM pragma_optimize"};
    counter c = {0, 0, 0};
    size_t i;
    int trials = rows_of(database, "SELECT id FROM TRIAL");
    for (i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        FAILS(EXPMIG_MISUSE, expmig_database_query(database, hostile[i], NULL, 0, count_row, &c, &err));
        CHECK_TEXT(detail("parameter"), "sql");
        CHECK(*detail("action") != 0 && *expmig_error_hint(err) != 0);
        CHECK_INT(expmig_error_domain(err), EXPMIG_DOMAIN_DATABASE);
        CHECK_INT(rows_of(database, "SELECT id FROM TRIAL"), trials);
    }
    CHECK_INT(c.rows, 0);
    CHECK(access("stolen.db", F_OK) != 0);
    CHECK(same_file("small.db", "before.db"));
}

static void stopped(const expmig_database *database)
{
    static const char endless[] = "WITH n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n";
    counter cancel = {0, 100, EXPMIG_CALLBACK_CANCEL}, fail = {0, 1, 42};
    FAILS(EXPMIG_CANCELLED, expmig_database_query(database, endless, NULL, 0, count_row, &cancel, &err));
    CHECK_INT(cancel.rows, 100);
    FAILS(EXPMIG_CALLBACK, expmig_database_query(database, endless, NULL, 0, count_row, &fail, &err));
    CHECK_TEXT(detail("callback"), "row");
    CHECK_TEXT(detail("callback_result"), "42");
    CHECK_INT(fail.rows, 1);
    CHECK_INT(rows_of(database, "SELECT 1"), 1);
}

typedef struct {
    expmig_database *database, *other;
    expmig_manager *manager;
    int calls, end;
} scene;

static int32_t from_inside(const expmig_row *row, void *user_data)
{
    scene *s = user_data;
    counter c = {0, 0, 0};
    char *json = GARBAGE;
    (void)row;
    s->calls++;
    if (s->database == NULL)
        return EXPMIG_CALLBACK_CONTINUE;
    CHECK(expmig_database_query(s->database, "SELECT 1", NULL, 0, count_row, &c, NULL) == EXPMIG_MISUSE);
    CHECK(expmig_experiment_list(s->manager, &json, NULL) == EXPMIG_MISUSE);
    CHECK(json == NULL && c.rows == 0);
    CHECK(expmig_database_query(s->other, "SELECT 1", NULL, 0, count_row, &c, NULL) == EXPMIG_OK);
    CHECK_INT(c.rows, 1);
    if (s->end) {
        expmig_database_close(s->database);
        expmig_manager_free(s->manager);
        s->database = NULL;
        s->manager = NULL;
    }
    return EXPMIG_CALLBACK_CONTINUE;
}

/* Calls on the same database are refused; ending its handles is allowed, and the query goes on. */
static void reentrancy(void)
{
    scene s = {NULL, NULL, NULL, 0, 0};
    s.database = open_database("small.db");
    s.other = open_database("small.db");
    s.manager = manager_of(s.database);
    OK(expmig_database_query(s.database, "SELECT id FROM EXPERIMENT", NULL, 0, from_inside, &s, &err));
    CHECK_INT(s.calls, 3);
    s.end = 1;
    OK(expmig_database_query(s.database, "SELECT id FROM EXPERIMENT", NULL, 0, from_inside, &s, &err));
    CHECK_INT(s.calls, 6);
    CHECK(s.database == NULL);
    expmig_database_close(s.other);
}

static void trouble(void)
{
    expmig_database *database;
    counter c = {0, 0, 0};
    locker other;
    copy_file("small.db", "trouble.db");
    database = open_with("trouble.db", 0, 30);
    other = lock("trouble.db", "BEGIN EXCLUSIVE");
    FAILS(EXPMIG_BUSY, expmig_database_query(database, "SELECT 1", NULL, 0, count_row, &c, &err));
    unlock(other);
    CHECK_INT(rows_of(database, "SELECT 1"), 1);
    /* No lock is left behind. */
    sql("trouble.db", "BEGIN EXCLUSIVE; DELETE FROM EXPERIMENT WHERE id = 3; COMMIT");
    CHECK_INT(rows_of(database, "SELECT id FROM EXPERIMENT"), 2);
    expmig_database_close(database);
}

int main(void)
{
    expmig_database *database;
    copy_file("small.db", "before.db");
    database = open_database("small.db");
    types(database);
    arguments(database);
    read_only(database);
    stopped(database);
    expmig_database_close(database);
    database = open_with("small.db", EXPMIG_OPEN_READONLY, 5000);
    read_only(database);
    expmig_database_close(database);
    reentrancy();
    trouble();
    CHECK(same_file("small.db", "before.db"));
    forget_error();
    return 0;
}
