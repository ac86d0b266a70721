/*
 * Validates a database, with a rule of its own beside the built-in ones.
 *
 *     validate DATABASE [EXPERIMENT]
 *
 * Exits with 0 if there are no errors, with 1 if there are, and with 2 if the data could not be looked at.
 */
#include <expmig.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Runs that failed or never ended; :experiment_id is NULL if the whole database is validated. */
static const char unfinished_runs[] =
    "SELECT 'TRIAL_RUN' AS \"table\", 'id=' || r.id AS \"row\", 'status' AS \"column\", r.status AS value,"
    "       'run ' || r.id || ' of trial ' || t.id || ' is ' || r.status AS message, 'warning' AS severity"
    "  FROM TRIAL_RUN AS r JOIN TRIAL AS t ON t.id = r.trial_id"
    " WHERE r.status <> 'completed' AND (t.experiment_id = :experiment_id OR :experiment_id IS NULL) ORDER BY r.id";

static int failed(expmig_error *error)
{
    fprintf(stderr, "\n%s: %s\n", expmig_status_name(expmig_error_status(error)), expmig_error_message(error));
    if (*expmig_error_hint(error))
        fprintf(stderr, "  hint: %s\n", expmig_error_hint(error));
    expmig_error_free(error);
    return 2;
}

static int32_t show_progress(const expmig_progress *progress, void *user_data)
{
    (void)user_data;
    printf("\r%5.1f %%  %" PRIu64 "/%" PRIu64 " rows  %-32s", progress->completion_percentage, progress->processed_items,
           progress->total_items, progress->operation);
    fflush(stdout);
    return EXPMIG_CALLBACK_CONTINUE;
}

static void print_report(const expmig_report *report)
{
    static const char *const severities[] = {"", "error", "warning", "info"};
    size_t i, count = expmig_report_issue_count(report);
    expmig_issue issue;
    if (expmig_issue_init(&issue, sizeof issue) != EXPMIG_OK)
        return;
    printf("\n");
    for (i = 0; i < count; i++) {
        if (expmig_report_issue_at(report, i, &issue, NULL) == EXPMIG_OK)
            printf("%-8s %-22s %s\n", severities[issue.severity], issue.check ? issue.check : issue.kind, issue.message);
    }
    if (count < expmig_report_total_count(report))
        printf("... and %" PRIu64 " more\n", expmig_report_total_count(report) - count);
    printf("%s: %" PRIu64 " errors, %" PRIu64 " warnings, %" PRIu64 " infos\n",
           expmig_report_passed(report) ? "PASS" : "FAIL", expmig_report_error_count(report),
           expmig_report_warning_count(report), expmig_report_info_count(report));
}

int main(int argc, char **argv)
{
    expmig_database *database = NULL;
    expmig_manager *manager = NULL;
    expmig_validate_options options;
    expmig_report *report = NULL;
    expmig_error *error = NULL;
    expmig_status status;
    int64_t experiment = argc == 3 ? strtoll(argv[2], NULL, 10) : 0;
    int passed;

    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: validate DATABASE [EXPERIMENT]\n");
        return 2;
    }
    status = expmig_validate_options_init(&options, sizeof options);
    if (status == EXPMIG_OK)
        status = expmig_database_open(argv[1], NULL, &database, &error);
    if (status == EXPMIG_OK)
        status = expmig_manager_new(database, NULL, &manager, &error);
    if (status == EXPMIG_OK)
        status = expmig_check_register_sql(manager, "unfinished runs", unfinished_runs, &error);
    if (status == EXPMIG_OK) {
        options.experiment_id = argc == 3 ? &experiment : NULL;
        options.issue_limit = 20;
        options.progress_fn = show_progress;
        status = expmig_validate(manager, &options, &report, &error);
    }
    if (status == EXPMIG_OK)
        print_report(report);
    passed = expmig_report_passed(report);
    expmig_report_free(report);
    expmig_manager_free(manager);
    expmig_database_close(database);
    if (status != EXPMIG_OK)
        return failed(error);
    return passed ? 0 : 1;
}
