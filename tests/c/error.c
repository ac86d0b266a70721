/* Errors: every getter, with and without something to get, and with NULL. */
#include "check.h"

static void of_nothing(void)
{
    CHECK_INT(expmig_error_status(NULL), EXPMIG_OK);
    CHECK_INT(expmig_error_domain(NULL), 0);
    CHECK_TEXT(expmig_error_message(NULL), "");
    CHECK_TEXT(expmig_error_hint(NULL), "");
    CHECK_INT(expmig_error_retryable(NULL), 0);
    CHECK_INT(expmig_error_vendor_code(NULL), 0);
    CHECK_TEXT(expmig_error_sqlstate(NULL), "");
    CHECK_INT(expmig_error_detail_count(NULL), 0);
    CHECK(expmig_error_detail_key(NULL, 0) == NULL && expmig_error_detail_value(NULL, 0) == NULL);
    CHECK(expmig_error_cause(NULL) == NULL);
    CHECK_TEXT(expmig_error_to_json(NULL), "null");
    expmig_error_free(NULL);
}

static void of_a_missing_file(void)
{
    expmig_database *database = GARBAGE;
    const char *message;
    FAILS(EXPMIG_NOT_FOUND, expmig_database_open("no/such.db", NULL, &database, &err));
    CHECK(database == NULL);
    CHECK_INT(expmig_error_domain(err), EXPMIG_DOMAIN_DATABASE);
    CHECK_HAS(expmig_error_hint(err), "EXPMIG_OPEN_CREATE");
    CHECK_INT(expmig_error_vendor_code(err), 0);
    CHECK_HAS(detail("path"), "/no/such.db");
    CHECK(detail("path")[0] == '/');
    CHECK_HAS(expmig_error_message(err), detail("path"));
    CHECK_HAS(expmig_error_to_json(err), "\"domain\":\"DATABASE\"");
    CHECK_HAS(expmig_error_to_json(err), "/no/such.db");
    /* Borrowed: the same pointer each time. */
    message = expmig_error_message(err);
    CHECK(message == expmig_error_message(err));
    CHECK(expmig_error_hint(err) == expmig_error_hint(err));
    CHECK(expmig_error_to_json(err) == expmig_error_to_json(err));
    CHECK(expmig_error_detail_key(err, SIZE_MAX) == NULL && expmig_error_detail_value(err, SIZE_MAX) == NULL);
    CHECK(expmig_error_detail_key(err, 1) == NULL && expmig_error_detail_value(err, 1) == NULL);
}

static void of_the_engine(void)
{
    expmig_open_options options;
    expmig_database *database = GARBAGE;
    locker other = lock("small.db", "BEGIN EXCLUSIVE");
    CHECK(expmig_open_options_init(&options, sizeof options) == EXPMIG_OK);
    options.busy_timeout_ms = 0;
    FAILS(EXPMIG_BUSY, expmig_database_open("small.db", &options, &database, &err));
    unlock(other);
    CHECK(database == NULL);
    CHECK_INT(expmig_error_retryable(err), 1);
    CHECK_INT(expmig_error_vendor_code(err), 5);
    CHECK_TEXT(detail("busy_timeout_ms"), "0");
    CHECK_HAS(expmig_error_to_json(err), "\"vendor_code\":5");
    CHECK_HAS(expmig_error_to_json(err), "\"retryable\":true");
    /* Retryable means what it says. */
    database = open_database("small.db");
    expmig_database_close(database);
}

/* An error outlives what it came from. */
static void lives_on(void)
{
    expmig_database *database = open_database("small.db");
    expmig_manager *manager = manager_of(database);
    uint8_t digest[EXPMIG_DIGEST_SIZE];
    expmig_error *kept = GARBAGE;
    CHECK(expmig_experiment_digest(manager, 77, NULL, digest, &kept) == EXPMIG_NOT_FOUND);
    expmig_manager_free(manager);
    expmig_database_close(database);
    CHECK(error_is_whole(kept, EXPMIG_NOT_FOUND));
    CHECK_HAS(expmig_error_message(kept), "77");
    CHECK_HAS(expmig_error_hint(kept), "1, 2, 3");
    CHECK_INT(expmig_error_domain(kept), EXPMIG_DOMAIN_MIGRATION);
    expmig_error_free(kept);
}

/* Text of the caller comes back as UTF-8, with nothing that breaks a line. */
static void odd_text(void)
{
    expmig_database *database = GARBAGE;
    const char *byte;
    FAILS(EXPMIG_NOT_FOUND, expmig_database_open("Zw\xc3\xb6lf\n\"q\".db", NULL, &database, &err));
    CHECK_HAS(detail("path"), "Zw\xc3\xb6lf\n\"q\".db");
    for (byte = expmig_error_message(err); *byte != 0; byte++)
        CHECK((unsigned char)*byte >= 0x20);
    for (byte = expmig_error_to_json(err); *byte != 0; byte++)
        CHECK((unsigned char)*byte >= 0x20);
    FAILS_ON("url", expmig_database_open("caf\xe9.db", NULL, &database, &err));
}

int main(void)
{
    of_nothing();
    of_a_missing_file();
    of_the_engine();
    lives_on();
    odd_text();
    forget_error();
    return 0;
}
