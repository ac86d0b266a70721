/* Opening, looking at and closing databases. */
#include "check.h"
#include <limits.h>
#include <sys/stat.h>

static expmig_open_options open_options(uint32_t flags, int64_t busy_timeout_ms)
{
    expmig_open_options options;
    CHECK(expmig_open_options_init(&options, sizeof options) == EXPMIG_OK);
    options.flags = flags;
    options.busy_timeout_ms = busy_timeout_ms;
    return options;
}

/* Opening fails, and the output, full of garbage before, is NULL. */
#define NOT_OPENED(status, url, flags, timeout)                                                                        \
    do {                                                                                                               \
        expmig_open_options options = open_options((flags), (timeout));                                                \
        expmig_database *database = GARBAGE;                                                                           \
        FAILS((status), expmig_database_open((url), &options, &database, &err));                                       \
        CHECK(database == NULL);                                                                                       \
        CHECK_INT(expmig_error_domain(err), EXPMIG_DOMAIN_DATABASE);                                                   \
    } while (0)

#define NOT_OPENED_ON(parameter, url, flags, timeout)                                                                  \
    do {                                                                                                               \
        NOT_OPENED(EXPMIG_INVALID_ARGUMENT, (url), (flags), (timeout));                                                \
        CHECK_TEXT(detail("parameter"), (parameter));                                                                  \
    } while (0)

static void arguments(void)
{
    expmig_database *database = GARBAGE;
    char *json = GARBAGE;
    FAILS_ON("url", expmig_database_open(NULL, NULL, &database, &err));
    CHECK(database == NULL);
    FAILS_ON("database", expmig_database_open("small.db", NULL, NULL, &err));
    CHECK(expmig_database_open(NULL, NULL, NULL, NULL) == EXPMIG_INVALID_ARGUMENT);
    CHECK(expmig_database_open("missing.db", NULL, &database, NULL) == EXPMIG_NOT_FOUND);
    NOT_OPENED_ON("url", "\xff\xfe.db", 0, 5000);
    NOT_OPENED_ON("url", "small.db\xc3", 0, 5000);
    NOT_OPENED_ON("url", "", 0, 5000);
    NOT_OPENED_ON("url", "sqlite:", 0, 5000);
    NOT_OPENED_ON("url", ":memory:", 0, 5000);
    NOT_OPENED_ON("url", "sqlite::memory:", 0, 5000);
    NOT_OPENED_ON("url", ".", 0, 5000);
    NOT_OPENED_ON("busy_timeout_ms", "small.db", 0, -1);
    NOT_OPENED_ON("busy_timeout_ms", "small.db", 0, INT64_MIN);
    NOT_OPENED_ON("flags", "small.db", EXPMIG_OPEN_READONLY | EXPMIG_OPEN_CREATE, 5000);
    NOT_OPENED_ON("flags", "small.db", 0x80000000u, 5000);
    FAILS_ON("database", expmig_database_info(NULL, &json, &err));
    CHECK(json == NULL);
    database = open_with("small.db", 0, INT64_MAX);
    FAILS_ON("json", expmig_database_info(database, NULL, &err));
    CHECK(expmig_database_info(database, NULL, NULL) == EXPMIG_INVALID_ARGUMENT);
    CHECK(expmig_database_info(NULL, NULL, NULL) == EXPMIG_INVALID_ARGUMENT);
    expmig_database_close(database);
    expmig_database_close(NULL);
}

static void what_is_not_there(void)
{
    NOT_OPENED(EXPMIG_NOT_FOUND, "missing.db", 0, 5000);
    NOT_OPENED(EXPMIG_NOT_FOUND, "sqlite:missing.db", EXPMIG_OPEN_READONLY, 5000);
    NOT_OPENED(EXPMIG_NOT_FOUND, "sqlite:///missing.db", 0, 5000);
    NOT_OPENED(EXPMIG_NOT_FOUND, "file:missing.db?mode=ro", 0, 5000);
    NOT_OPENED(EXPMIG_NOT_FOUND, "small.db/inside.db", 0, 5000);
    NOT_OPENED(EXPMIG_NOT_FOUND, "no/folder.db", EXPMIG_OPEN_CREATE, 5000);
    CHECK(access("missing.db", F_OK) != 0 && access("no", F_OK) != 0);
    /* Nobody listens on port 1. */
    NOT_OPENED(EXPMIG_CONNECTION, "mysql://me:secret@127.0.0.1:1/db", 0, 5000);
    CHECK(strstr(expmig_error_to_json(err), "secret") == NULL);
    CHECK(expmig_error_retryable(err) == 1);
    NOT_OPENED(EXPMIG_CONNECTION, "mariadb://127.0.0.1:1/db", EXPMIG_OPEN_CREATE, 5000);
    NOT_OPENED(EXPMIG_INVALID_ARGUMENT, "mysql://me:secret@host", 0, 5000);
    CHECK(strstr(expmig_error_to_json(err), "secret") == NULL);
}

static void widening(void)
{
    char *json = GARBAGE;
    expmig_open_options options = open_options(EXPMIG_OPEN_READONLY, 5000);
    expmig_database *database = NULL;
    CHECK(expmig_database_open("small.db", &options, &database, NULL) == EXPMIG_OK);
    /* A file holds everything. */
    CHECK(expmig_schema_widen(database, 0, &json, NULL) == EXPMIG_OK);
    CHECK_HAS(json, "\"statements\":[]");
    expmig_string_free(json);
    json = GARBAGE;
    FAILS(EXPMIG_MISUSE, expmig_schema_widen(database, EXPMIG_WIDEN_APPLY, &json, &err));
    CHECK(json == NULL);
    FAILS_ON("flags", expmig_schema_widen(database, 0x80, &json, &err));
    FAILS_ON("json", expmig_schema_widen(database, 0, NULL, &err));
    FAILS_ON("database", expmig_schema_widen(NULL, 0, &json, &err));
    expmig_database_close(database);
}

static const char *answer;
static int asked;

static const char *password(void *user_data)
{
    CHECK(user_data == &asked);
    asked++;
    return answer;
}

static void passwords(void)
{
    expmig_database *database = GARBAGE;
    expmig_open_options options = open_options(0, 5000);
    options.password_fn = password;
    options.password_user_data = &asked;
    /* Nobody is asked for what is refused anyway. */
    options.flags = 0x80;
    FAILS_ON("flags", expmig_database_open("mysql://me@127.0.0.1:1/db", &options, &database, &err));
    options.flags = 0;
    options.busy_timeout_ms = -1;
    FAILS_ON("busy_timeout_ms", expmig_database_open("mysql://me@127.0.0.1:1/db", &options, &database, &err));
    options.busy_timeout_ms = 5000;
    options.max_read_lock_ms = -1;
    FAILS_ON("max_read_lock_ms", expmig_database_open("mysql://me@127.0.0.1:1/db", &options, &database, &err));
    options.max_read_lock_ms = 2000;
    options.temp_dir = "\xff";
    FAILS_ON("temp_dir", expmig_database_open("mysql://me@127.0.0.1:1/db", &options, &database, &err));
    options.temp_dir = "";
    FAILS_ON("temp_dir", expmig_database_open("small.db", &options, &database, &err));
    options.temp_dir = NULL;
    CHECK(database == NULL && asked == 0);
    FAILS(EXPMIG_CALLBACK, expmig_database_open("mysql://me@127.0.0.1:1/db", &options, &database, &err));
    CHECK(database == NULL && asked == 1);
    answer = "from the callback";
    FAILS(EXPMIG_CONNECTION, expmig_database_open("mysql://me@127.0.0.1:1/db", &options, &database, &err));
    CHECK(asked == 2 && strstr(expmig_error_to_json(err), answer) == NULL);
    options.password = "from the options";
    FAILS(EXPMIG_CONNECTION, expmig_database_open("mysql://me@127.0.0.1:1/db", &options, &database, &err));
    CHECK(asked == 2 && strstr(expmig_error_to_json(err), "from the") == NULL);
    options.password = "\xff";
    FAILS_ON("password", expmig_database_open("mysql://me@127.0.0.1:1/db", &options, &database, &err));
    /* A file needs none. */
    options.password = NULL;
    CHECK(expmig_database_open("small.db", &options, &database, NULL) == EXPMIG_OK && asked == 2);
    expmig_database_close(database);
}

static void what_is_no_database(void)
{
    char long_name[PATH_MAX + 100];
    FILE *file = fopen("text.db", "w");
    CHECK(file != NULL && fprintf(file, "%1000s", "no database") == 1000 && fclose(file) == 0);
    NOT_OPENED(EXPMIG_CORRUPT, "text.db", 0, 5000);
    CHECK_INT(expmig_error_vendor_code(err), 26);
    CHECK_HAS(detail("path"), "text.db");
    NOT_OPENED(EXPMIG_CORRUPT, "text.db", EXPMIG_OPEN_CREATE, 5000);
    copy_file("small.db", "cut.db");
    CHECK(truncate("cut.db", 6000) == 0);
    NOT_OPENED(EXPMIG_CORRUPT, "cut.db", 0, 5000);
    CHECK(symlink("circle.db", "circle.db") == 0);
    NOT_OPENED(EXPMIG_IO, "circle.db", 0, 5000);
    memset(long_name, 'x', sizeof long_name);
    long_name[sizeof long_name - 1] = 0;
    NOT_OPENED(EXPMIG_IO, long_name, 0, 5000);
    CHECK(mkfifo("pipe.db", 0600) == 0);
    NOT_OPENED_ON("url", "pipe.db", 0, 5000);
    NOT_OPENED_ON("url", "/dev/null", 0, 5000);
}

static void what_lacks_something(void)
{
    copy_file("small.db", "table.db");
    sql("table.db", "DROP TABLE METRIC");
    NOT_OPENED(EXPMIG_SCHEMA, "table.db", 0, 5000);
    CHECK_TEXT(detail("table"), "METRIC");
    copy_file("small.db", "column.db");
    sql("column.db", "ALTER TABLE TRIAL RENAME COLUMN name TO title");
    NOT_OPENED(EXPMIG_SCHEMA, "column.db", 0, 5000);
    CHECK_TEXT(detail("table"), "TRIAL");
    CHECK_TEXT(detail("column"), "name");
    sql("elses.db", "CREATE TABLE somebody_elses (x)");
    NOT_OPENED(EXPMIG_SCHEMA, "elses.db", 0, 5000);
    sql("ids.db", "CREATE TABLE EXPERIMENT (id INT, title, \"desc\", start_time, update_time)");
    NOT_OPENED(EXPMIG_SCHEMA, "ids.db", 0, 5000);
    CHECK_TEXT(detail("column"), "id");
}

static void what_is_locked(void)
{
    locker other = lock("small.db", "BEGIN EXCLUSIVE");
    NOT_OPENED(EXPMIG_BUSY, "small.db", 0, 0);
    NOT_OPENED(EXPMIG_BUSY, "small.db", EXPMIG_OPEN_READONLY, 60);
    CHECK_TEXT(detail("busy_timeout_ms"), "60");
    unlock(other);
}

/* A handle that is open meets a lock, or a table that is gone. */
static void info_fails(void)
{
    expmig_database *database;
    char *json = GARBAGE;
    locker other;
    copy_file("small.db", "info.db");
    database = open_with("info.db", 0, 50);
    other = lock("info.db", "BEGIN EXCLUSIVE");
    FAILS(EXPMIG_BUSY, expmig_database_info(database, &json, &err));
    CHECK(json == NULL);
    unlock(other);
    OK(expmig_database_info(database, &json, &err));
    expmig_string_free(json);
    expmig_database_close(database);
    /* The busy timeout holds for opening and for looking: both wait until the lock is gone. */
    other = lock("info.db", "BEGIN EXCLUSIVE");
    let_go_soon(other);
    database = open_with("info.db", 0, 60000);
    unlock(other);
    other = lock("info.db", "BEGIN EXCLUSIVE");
    let_go_soon(other);
    OK(expmig_database_info(database, &json, &err));
    expmig_string_free(json);
    unlock(other);
    sql("info.db", "DROP TABLE ARTIFACT");
    json = GARBAGE;
    FAILS(EXPMIG_SCHEMA, expmig_database_info(database, &json, &err));
    CHECK(json == NULL);
    CHECK_TEXT(detail("table"), "ARTIFACT");
    CHECK_HAS(detail("path"), "info.db");
    expmig_database_close(database);
}

static void info(void)
{
    expmig_database *database;
    char *json = GARBAGE, *again = GARBAGE;
    copy_file("small.db", "more.db");
    sql("more.db", "ALTER TABLE TRIAL ADD COLUMN \"f\xc3\xbcr\" TEXT; CREATE TABLE aside (x)");
    database = open_with("more.db", EXPMIG_OPEN_READONLY, 5000);
    OK(expmig_database_info(database, &json, &err));
    CHECK_HAS(json, "\"schema\":\"expmig.database/1\"");
    CHECK_HAS(json, "\"engine\":\"sqlite\"");
    CHECK_HAS(json, "/more.db\"");
    CHECK_HAS(json, "\"generation\":2");
    CHECK_HAS(json, "\"BATCH\"");
    CHECK_HAS(json, "{\"table\":\"TRIAL\",\"column\":\"f\xc3\xbcr\",\"type\":\"TEXT\"}");
    CHECK_HAS(json, "\"extra_tables\":[\"aside\"]");
    OK(expmig_database_info(database, &again, &err));
    CHECK(again != json);
    CHECK_TEXT(again, json);
    /* Strings of the caller's outlive the handle. */
    expmig_database_close(database);
    CHECK_TEXT(again, json);
    expmig_string_free(json);
    expmig_string_free(again);
}

/* All the ways to name a file; and what each way of opening allows. */
static void opened(void)
{
    expmig_database *one = open_database("small.db"), *two = open_database("sqlite:small.db"), *three;
    char path[PATH_MAX], *json = NULL;
    CHECK(getcwd(path, sizeof path - 20) != NULL);
    strcat(path, "/small.db");
    three = open_with(path, EXPMIG_OPEN_READONLY, 0);
    /* Relative paths are those of the moment of opening. */
    CHECK(mkdir("elsewhere", 0700) == 0 && chdir("elsewhere") == 0);
    OK(expmig_database_info(one, &json, &err));
    CHECK_HAS(json, path);
    expmig_string_free(json);
    CHECK(chdir("..") == 0);
    expmig_database_close(two);
    expmig_database_close(one);
    expmig_database_close(three);
}

static void created(void)
{
    expmig_database *database = open_with("new.db", EXPMIG_OPEN_CREATE, 5000);
    expmig_manager *manager = manager_of(database);
    char *json = NULL;
    CHECK_INT(count_experiments(manager), 0);
    OK(expmig_database_info(database, &json, &err));
    CHECK_HAS(json, "\"generation\":2");
    expmig_string_free(json);
    expmig_manager_free(manager);
    expmig_database_close(database);
    database = open_with("new.db", EXPMIG_OPEN_CREATE, 5000);
    expmig_database_close(database);
    database = open_database("new.db");
    expmig_database_close(database);
    /* An empty file is a database without tables. */
    CHECK(fclose(fopen("empty.db", "w")) == 0);
    NOT_OPENED(EXPMIG_SCHEMA, "empty.db", 0, 5000);
    database = open_with("empty.db", EXPMIG_OPEN_CREATE, 5000);
    expmig_database_close(database);
    /* Creating leaves alone what is there. */
    database = open_with("small.db", EXPMIG_OPEN_CREATE, 5000);
    manager = manager_of(database);
    expmig_database_close(database);
    CHECK_INT(count_experiments(manager), 3);
    expmig_manager_free(manager);
}

static void read_only(void)
{
    expmig_manager *manager = open_manager("small.db", EXPMIG_OPEN_READONLY);
    expmig_migration *result = GARBAGE;
    FAILS(EXPMIG_MISUSE, expmig_migrate_experiment(manager, 1, NULL, NULL, &result, &err));
    CHECK(result == NULL);
    CHECK_HAS(expmig_error_hint(err), "EXPMIG_OPEN_READONLY");
    CHECK_INT(count_experiments(manager), 3);
    expmig_manager_free(manager);
}

/* A handle is of the file that its path named first. */
static void replaced(void)
{
    expmig_database *database;
    char *json = GARBAGE;
    copy_file("small.db", "first.db");
    copy_file("small.db", "second.db");
    database = open_with("first.db", 0, 50);
    CHECK(rename("second.db", "first.db") == 0);
    FAILS(EXPMIG_MISMATCH, expmig_database_info(database, &json, &err));
    CHECK(json == NULL);
    CHECK_INT(expmig_error_retryable(err), 0);
    CHECK_INT(expmig_error_domain(err), EXPMIG_DOMAIN_DATABASE);
    CHECK_HAS(expmig_error_message(err), "replaced");
    CHECK_HAS(expmig_error_hint(err), "open it again");
    CHECK_HAS(detail("path"), "first.db");
    CHECK(unlink("first.db") == 0);
    FAILS(EXPMIG_MISMATCH, expmig_database_info(database, &json, &err));
    CHECK_HAS(expmig_error_message(err), "deleted");
    expmig_database_close(database);
}

int main(void)
{
    arguments();
    what_is_not_there();
    passwords();
    widening();
    what_is_no_database();
    what_lacks_something();
    what_is_locked();
    info_fails();
    info();
    opened();
    read_only();
    created();
    replaced();
    forget_error();
    return 0;
}
