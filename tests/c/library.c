/* The library itself: versions, build information, names. */
#include "check.h"

static void names(void)
{
    static const char *const statuses[] = {
        "OK",         "INVALID_ARGUMENT", "MISUSE",  "NOT_FOUND", "ALREADY_EXISTS", "UNSUPPORTED", "IO",       "BUSY",
        "SHARED_PROCESS", "CONNECTION",   "AUTH",    "CONSTRAINT", "CORRUPT",       "SCHEMA",      "VALIDATION", "LOSSY",
        "MISMATCH",   "CANCELLED",        "TIMEOUT", "CALLBACK",  "LIMIT",          "PANIC",       "INTERNAL"};
    static const char *const domains[] = {"DATABASE",       "VALIDATION",    "SNAPSHOT",
                                          "TRANSFORMATION", "IMPORT_EXPORT", "MIGRATION"};
    static const int32_t unknown[] = {-1, 23, 1000, INT32_MAX, INT32_MIN};
    size_t i;
    for (i = 0; i < sizeof statuses / sizeof *statuses; i++)
        CHECK_TEXT(expmig_status_name((expmig_status)i), statuses[i]);
    for (i = 0; i < sizeof domains / sizeof *domains; i++)
        CHECK_TEXT(expmig_domain_name((expmig_domain)i + 1), domains[i]);
    for (i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        CHECK_TEXT(expmig_status_name(unknown[i]), "UNKNOWN");
        CHECK_TEXT(expmig_domain_name(unknown[i]), "UNKNOWN");
    }
    CHECK_TEXT(expmig_domain_name(0), "UNKNOWN");
    CHECK_TEXT(expmig_domain_name(7), "UNKNOWN");
    CHECK_TEXT(expmig_status_name(EXPMIG_SHARED_PROCESS), "SHARED_PROCESS");
    CHECK_TEXT(expmig_domain_name(EXPMIG_DOMAIN_MIGRATION), "MIGRATION");
    CHECK(expmig_status_name(EXPMIG_BUSY) == expmig_status_name(EXPMIG_BUSY));
}

int main(void)
{
    char version[32];
    snprintf(version, sizeof version, "%d.%d.%d", EXPMIG_VERSION_MAJOR, EXPMIG_VERSION_MINOR, EXPMIG_VERSION_PATCH);
    CHECK_TEXT(expmig_version(), version);
    CHECK(expmig_version() == expmig_version());
    CHECK_INT(expmig_abi_version(), EXPMIG_ABI_VERSION);
    CHECK_HAS(expmig_build_info(), "\"schema\":\"expmig.build/1\"");
    CHECK_HAS(expmig_build_info(), version);
    CHECK_HAS(expmig_build_info(), "\"abi_version\":1");
    CHECK_HAS(expmig_build_info(), "\"sqlite\":{\"version\":\"3.");
    CHECK(expmig_build_info() == expmig_build_info());
    names();
    expmig_string_free(NULL);
    forget_error();
    return 0;
}
