/* Bringing runs in: options, and what is refused. What is brought in, the tests of the Python package see through these functions. */
#include "check.h"

static void refused_calls_set_their_outputs(const expmig_manager *manager)
{
    expmig_bring_in_options options;
    expmig_brought *result = GARBAGE;
    CHECK(expmig_bring_in_options_init(&options, sizeof options) == EXPMIG_OK);
    CHECK(options.flags == 0 && options.kind == NULL && options.sidecar == NULL && options.zone == NULL);
    CHECK(options.on_conflict == EXPMIG_CONFLICT_ERROR && options.on_name == EXPMIG_NAME_SUFFIX);
    FAILS(EXPMIG_INVALID_ARGUMENT, expmig_bring_in(NULL, ".", &options, &result, &err));
    CHECK(result == NULL);
    FAILS(EXPMIG_INVALID_ARGUMENT, expmig_bring_in(manager, NULL, &options, &result, &err));
    FAILS(EXPMIG_INVALID_ARGUMENT, expmig_bring_in(manager, ".", &options, NULL, &err));
    result = GARBAGE;
    FAILS(EXPMIG_NOT_FOUND, expmig_bring_in(manager, "nowhere", &options, &result, &err));
    CHECK(result == NULL);
    FAILS(EXPMIG_UNSUPPORTED, expmig_bring_in_plan(manager, "digits.db", NULL, &result, &err));
    options.flags = 0x40000000;
    FAILS(EXPMIG_INVALID_ARGUMENT, expmig_bring_in(manager, ".", &options, &result, &err));
    options.flags = EXPMIG_BRING_IN_LEAVE_OUT;
    options.on_name = 9;
    FAILS(EXPMIG_INVALID_ARGUMENT, expmig_bring_in(manager, ".", &options, &result, &err));
    options.on_name = EXPMIG_NAME_APPEND;
    options.on_conflict = EXPMIG_CONFLICT_NEW;
    FAILS(EXPMIG_INVALID_ARGUMENT, expmig_bring_in(manager, ".", &options, &result, &err));
    options.on_conflict = EXPMIG_CONFLICT_SKIP;
    options.kind = "sacred";
    FAILS(EXPMIG_INVALID_ARGUMENT, expmig_bring_in(manager, ".", &options, &result, &err));
    options.kind = "wandb";
    options.zone = "local";
    FAILS(EXPMIG_INVALID_ARGUMENT, expmig_bring_in(manager, ".", &options, &result, &err));
    CHECK_HAS(expmig_error_message(err), "local");
    options.zone = "+09:00";
    FAILS(EXPMIG_UNSUPPORTED, expmig_bring_in(manager, "digits.db", &options, &result, &err));
    CHECK_HAS(expmig_error_message(err), "bringing runs of other trackers in");
}

static void getters_of_nothing_answer_nothing(void)
{
    CHECK(expmig_brought_kind(NULL) == NULL);
    CHECK(expmig_brought_planned(NULL) == 0);
    CHECK(expmig_brought_experiment_count(NULL) == 0 && expmig_brought_experiment_id(NULL, 0) == 0);
    CHECK(expmig_brought_experiment_name(NULL, 0) == NULL && expmig_brought_experiment_source_name(NULL, 0) == NULL);
    CHECK(expmig_brought_experiment_was_there(NULL, 0) == 0 && expmig_brought_experiment_run_count(NULL, 0) == 0);
    CHECK(expmig_brought_run_count(NULL) == 0 && expmig_brought_new_run_count(NULL) == 0);
    CHECK(expmig_brought_rows_new(NULL) == 0 && expmig_brought_rows_changed(NULL) == 0);
    CHECK(expmig_brought_points(NULL, EXPMIG_ACCOUNT_READ) == 0 && expmig_brought_values(NULL, EXPMIG_ACCOUNT_STORED) == 0);
    CHECK(expmig_brought_without_place(NULL) == 0);
    CHECK(expmig_brought_torn_count(NULL) == 0 && expmig_brought_unfinished_count(NULL) == 0);
    CHECK(expmig_brought_warning_count(NULL) == 0 && expmig_brought_warning_at(NULL, 0) == NULL);
    CHECK(expmig_brought_duration_ns(NULL) == 0);
    CHECK_TEXT(expmig_brought_to_json(NULL), "null");
    expmig_brought_free(NULL);
}

int main(void)
{
    expmig_manager *manager = open_manager("digits.db", 0);
    refused_calls_set_their_outputs(manager);
    getters_of_nothing_answer_nothing();
    expmig_manager_free(manager);
    forget_error();
    return 0;
}
