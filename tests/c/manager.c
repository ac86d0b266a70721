/* Managers: their log, and the end of its user data. */
#include "check.h"

typedef struct {
    int records[EXPMIG_LOG_DEBUG + 1];
    int destroyed;
    char last[EXPMIG_LOG_DEBUG + 1][256];
} log_book;

static void write_log(int32_t level, const char *message, void *user_data)
{
    log_book *book = user_data;
    CHECK(book->destroyed == 0);
    CHECK(level >= EXPMIG_LOG_ERROR && level <= EXPMIG_LOG_DEBUG);
    CHECK(*message != 0 && strchr(message, '\n') == NULL);
    book->records[level]++;
    snprintf(book->last[level], sizeof book->last[level], "%s", message);
}

static void destroy(void *user_data)
{
    log_book *book = user_data;
    book->destroyed++;
}

static expmig_manager_options log_into(log_book *book, int32_t level)
{
    expmig_manager_options options;
    memset(book, 0, sizeof *book);
    CHECK(expmig_manager_options_init(&options, sizeof options) == EXPMIG_OK);
    options.log_level = level;
    options.log_fn = write_log;
    options.log_user_data = book;
    options.log_destroy = destroy;
    return options;
}

/* A call that fails and two that succeed: one with a warning, as the copy is the second of its kind. */
static void work(const expmig_manager *manager)
{
    expmig_migration *result = NULL;
    uint8_t digest[EXPMIG_DIGEST_SIZE];
    FAILS(EXPMIG_NOT_FOUND, expmig_experiment_digest(manager, 99, NULL, digest, &err));
    OK(expmig_migrate_experiment(manager, 1, NULL, NULL, &result, &err));
    expmig_migration_free(result);
    OK(expmig_migrate_experiment(manager, 1, NULL, NULL, &result, &err));
    CHECK(expmig_migration_warning_count(result) > 0);
    expmig_migration_free(result);
}

static void levels(const expmig_database *database)
{
    int32_t level, each;
    for (level = EXPMIG_LOG_OFF; level <= EXPMIG_LOG_DEBUG; level++) {
        log_book book;
        expmig_manager_options options = log_into(&book, level);
        expmig_manager *manager = GARBAGE;
        OK(expmig_manager_new(database, &options, &manager, &err));
        /* Without a level there is no use for the user data. */
        CHECK_INT(book.destroyed, level == EXPMIG_LOG_OFF);
        work(manager);
        for (each = EXPMIG_LOG_ERROR; each <= EXPMIG_LOG_DEBUG; each++)
            CHECK((book.records[each] > 0) == (each <= level));
        if (level >= EXPMIG_LOG_ERROR) {
            CHECK_INT(book.records[EXPMIG_LOG_ERROR], 1);
            CHECK_HAS(book.last[EXPMIG_LOG_ERROR], "experiment 99 does not exist");
            CHECK_HAS(book.last[EXPMIG_LOG_ERROR], "NOT_FOUND");
        }
        if (level >= EXPMIG_LOG_WARNING)
            CHECK_HAS(book.last[EXPMIG_LOG_WARNING], "already");
        if (level >= EXPMIG_LOG_INFO)
            CHECK_HAS(book.last[EXPMIG_LOG_INFO], "experiment 1 is experiment ");
        CHECK_INT(book.destroyed, level == EXPMIG_LOG_OFF);
        expmig_manager_free(manager);
        CHECK_INT(book.destroyed, 1);
    }
}

/* The user data is destroyed exactly once, however expmig_manager_new ends. */
static void destroyed_on_failure(const expmig_database *database)
{
    union {
        expmig_manager_options known;
        unsigned char bytes[sizeof(expmig_manager_options) + 8];
    } larger;
    log_book book;
    expmig_manager_options options = log_into(&book, EXPMIG_LOG_INFO);
    expmig_manager *manager = GARBAGE;

    FAILS_ON("database", expmig_manager_new(NULL, &options, &manager, &err));
    CHECK(manager == NULL);
    CHECK_INT(book.destroyed, 1);

    options = log_into(&book, EXPMIG_LOG_INFO);
    FAILS_ON("manager", expmig_manager_new(database, &options, NULL, &err));
    CHECK_INT(book.destroyed, 1);

    options = log_into(&book, EXPMIG_LOG_INFO);
    CHECK(expmig_manager_new(NULL, &options, NULL, NULL) == EXPMIG_INVALID_ARGUMENT);
    CHECK_INT(book.destroyed, 1);

    options = log_into(&book, EXPMIG_LOG_INFO);
    options.flags = 1;
    manager = GARBAGE;
    FAILS_ON("flags", expmig_manager_new(database, &options, &manager, &err));
    CHECK(manager == NULL);
    CHECK_INT(book.destroyed, 1);

    options = log_into(&book, EXPMIG_LOG_INFO);
    options.reserved = 1;
    manager = GARBAGE;
    FAILS_ON("reserved", expmig_manager_new(database, &options, &manager, &err));
    CHECK(manager == NULL);
    CHECK_INT(book.destroyed, 1);

    options = log_into(&book, EXPMIG_LOG_INFO);
    options.snapshot_dir = "caf\xe9";
    manager = GARBAGE;
    FAILS_ON("snapshot_dir", expmig_manager_new(database, &options, &manager, &err));
    CHECK(manager == NULL);
    CHECK_INT(book.destroyed, 1);

    options = log_into(&book, EXPMIG_LOG_DEBUG + 1);
    FAILS_ON("log_level", expmig_manager_new(database, &options, &manager, &err));
    CHECK_INT(book.destroyed, 1);
    options = log_into(&book, -1);
    FAILS_ON("log_level", expmig_manager_new(database, &options, &manager, &err));
    CHECK_INT(book.destroyed, 1);

    /* Made for a later version: what this one knows of it is whole. */
    memset(&larger, 0, sizeof larger);
    larger.known = log_into(&book, EXPMIG_LOG_INFO);
    larger.known.struct_size = sizeof larger;
    larger.bytes[sizeof larger - 1] = 1;
    FAILS_ON("struct_size", expmig_manager_new(database, &larger.known, &manager, &err));
    CHECK_INT(book.destroyed, 1);

    /* Of a struct without a size nothing can be known. */
    options = log_into(&book, EXPMIG_LOG_INFO);
    options.struct_size = 0;
    FAILS_ON("struct_size", expmig_manager_new(database, &options, &manager, &err));
    CHECK_INT(book.destroyed, 0);
}

static void parts(const expmig_database *database)
{
    log_book book;
    expmig_manager_options options = log_into(&book, EXPMIG_LOG_DEBUG);
    expmig_manager *manager = GARBAGE;
    /* A destroy function without a log function. */
    options.log_fn = NULL;
    OK(expmig_manager_new(database, &options, &manager, &err));
    work(manager);
    expmig_manager_free(manager);
    CHECK_INT(book.destroyed, 1);
    /* A log function without a destroy function, and without user data. */
    options = log_into(&book, EXPMIG_LOG_DEBUG);
    options.log_destroy = NULL;
    options.snapshot_dir = "S\xc3\xa4ule";
    OK(expmig_manager_new(database, &options, &manager, &err));
    work(manager);
    expmig_manager_free(manager);
    CHECK_INT(book.destroyed, 0);
    CHECK(book.records[EXPMIG_LOG_DEBUG] > 0);
    options = log_into(&book, EXPMIG_LOG_DEBUG);
    options.log_fn = NULL;
    options.log_destroy = NULL;
    OK(expmig_manager_new(database, &options, &manager, &err));
    expmig_manager_free(manager);
}

/* Two managers of one database that log apart, and outlive the handle. */
static void side_by_side(void)
{
    expmig_database *database = open_database("small.db");
    log_book one, two;
    expmig_manager_options into_one = log_into(&one, EXPMIG_LOG_DEBUG), into_two = log_into(&two, EXPMIG_LOG_DEBUG);
    expmig_manager *first = NULL, *second = NULL;
    OK(expmig_manager_new(database, &into_one, &first, &err));
    OK(expmig_manager_new(database, &into_two, &second, &err));
    expmig_database_close(database);
    count_experiments(first);
    CHECK(one.records[EXPMIG_LOG_DEBUG] == 1 && two.records[EXPMIG_LOG_DEBUG] == 0);
    expmig_manager_free(first);
    CHECK(one.destroyed == 1 && two.destroyed == 0);
    count_experiments(second);
    CHECK_INT(two.records[EXPMIG_LOG_DEBUG], 1);
    expmig_manager_free(second);
    CHECK_INT(two.destroyed, 1);
}

int main(void)
{
    expmig_database *database = open_database("small.db");
    levels(database);
    destroyed_on_failure(database);
    parts(database);
    expmig_database_close(database);
    side_by_side();
    expmig_manager_free(NULL);
    forget_error();
    return 0;
}
