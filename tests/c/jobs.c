/* Migrations in several transactions: what a file refuses, and arguments. What servers do, the tests of the Python package see through these functions. */
#include "check.h"

static void a_file_takes_no_copy_in_stages(const expmig_manager *manager)
{
    expmig_migrate_options options;
    expmig_migration *result = GARBAGE;
    CHECK(expmig_migrate_options_init(&options, sizeof options) == EXPMIG_OK);
    CHECK(options.stage_rows == 0);
    options.flags = EXPMIG_MIGRATE_STAGED;
    FAILS(EXPMIG_UNSUPPORTED, expmig_migrate_experiment(manager, 1, NULL, &options, &result, &err));
    CHECK(result == NULL);
    CHECK_HAS(expmig_error_message(err), "a database in a file");
    options.flags = 0;
    options.stage_rows = 100;
    FAILS(EXPMIG_INVALID_ARGUMENT, expmig_migrate_experiment(manager, 1, NULL, &options, &result, &err));
    CHECK_HAS(expmig_error_message(err), "stage_rows");
}

static void refused_calls_set_their_outputs(const expmig_manager *manager)
{
    char *json = GARBAGE;
    expmig_migration *result = GARBAGE;
    OK(expmig_job_list(manager, &json, &err));
    CHECK_TEXT(json, "{\"schema\":\"expmig.jobs/1\",\"jobs\":[]}");
    expmig_string_free(json);
    json = GARBAGE;
    FAILS(EXPMIG_INVALID_ARGUMENT, expmig_job_list(NULL, &json, &err));
    CHECK(json == NULL);
    FAILS(EXPMIG_INVALID_ARGUMENT, expmig_job_list(manager, NULL, &err));
    FAILS(EXPMIG_INVALID_ARGUMENT, expmig_job_resume(NULL, 1, NULL, NULL, &result, &err));
    CHECK(result == NULL);
    FAILS(EXPMIG_INVALID_ARGUMENT, expmig_job_resume(manager, 1, NULL, NULL, NULL, &err));
    result = GARBAGE;
    FAILS(EXPMIG_UNSUPPORTED, expmig_job_resume(manager, 1, NULL, NULL, &result, &err));
    CHECK(result == NULL);
    FAILS(EXPMIG_INVALID_ARGUMENT, expmig_job_abandon(NULL, 1, NULL, &err));
    FAILS(EXPMIG_NOT_FOUND, expmig_job_abandon(manager, 1, NULL, &err));
    CHECK_HAS(expmig_error_message(err), "there is no job 1");
}

int main(void)
{
    expmig_manager *manager = open_manager("digits.db", 0);
    a_file_takes_no_copy_in_stages(manager);
    refused_calls_set_their_outputs(manager);
    expmig_manager_free(manager);
    forget_error();
    return 0;
}
