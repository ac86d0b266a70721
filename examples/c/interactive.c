/*
 * Shows the experiments and snapshots of a database and what copying one experiment would do, and asks before it copies.
 *
 *     interactive DATABASE SNAPSHOT_FOLDER EXPERIMENT [TARGET_DATABASE]
 *
 * Without a target the copy goes into the same database. Nothing here needs a parser of JSON.
 */
#include <expmig.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static int failed(expmig_error *error)
{
    fprintf(stderr, "%s: %s\n", expmig_status_name(expmig_error_status(error)), expmig_error_message(error));
    if (*expmig_error_hint(error))
        fprintf(stderr, "  hint: %s\n", expmig_error_hint(error));
    expmig_error_free(error);
    return EXIT_FAILURE;
}

static const char *or_none(const char *text)
{
    return text ? text : "-";
}

static expmig_status show_database(const expmig_manager *manager, expmig_error **error)
{
    expmig_experiments *experiments = NULL;
    expmig_snapshots *snapshots = NULL;
    size_t i;
    expmig_status status = expmig_experiments_read(manager, &experiments, error);
    if (status == EXPMIG_OK)
        status = expmig_snapshots_read(manager, EXPMIG_TIME_UNKNOWN, NULL, &snapshots, error);
    for (i = 0; i < expmig_experiments_count(experiments); i++)
        printf("experiment %" PRId64 "  %-30s  %" PRIu64 " trials, %" PRIu64 " runs\n", expmig_experiments_id(experiments, i),
               or_none(expmig_experiments_title(experiments, i)), expmig_experiments_trial_count(experiments, i),
               expmig_experiments_run_count(experiments, i));
    for (i = 0; i < expmig_snapshots_count(snapshots); i++) {
        const expmig_snapshot *snapshot = expmig_snapshots_at(snapshots, i); /* lives as long as the list */
        printf("snapshot %s  of %s, %" PRIu64 " rows, %" PRIu64 " bytes: %s\n", expmig_snapshot_id(snapshot),
               expmig_snapshot_database_name(snapshot), expmig_snapshot_row_count(snapshot), expmig_snapshot_size(snapshot),
               expmig_snapshot_description(snapshot));
    }
    for (i = 0; i < expmig_snapshots_broken_count(snapshots); i++)
        printf("snapshot %s  cannot be used: %s\n", expmig_snapshots_broken_id(snapshots, i),
               expmig_error_message(expmig_snapshots_broken_error(snapshots, i)));
    expmig_snapshots_free(snapshots);
    expmig_experiments_free(experiments);
    return status;
}

static void show_problems(const expmig_plan *plan, int32_t which, const char *name)
{
    size_t i;
    if (expmig_plan_problem_count(plan, which) > 0)
        printf("%s: %" PRIu64 "\n", name, expmig_plan_problem_count(plan, which));
    for (i = 0; i < expmig_plan_problem_listed(plan, which) && i < 5; i++)
        printf("  %s (%s): %s\n", expmig_plan_problem_table(plan, which, i), or_none(expmig_plan_problem_row(plan, which, i)),
               expmig_plan_problem_message(plan, which, i));
}

static void show_plan(const expmig_plan *plan)
{
    size_t i;
    printf("copying experiment %" PRId64 ": %" PRIu64 " rows, about %" PRId64 " bytes\n",
           expmig_plan_source_experiment_id(plan), expmig_plan_items_total(plan), expmig_plan_needed_bytes(plan));
    for (i = 0; i < expmig_plan_table_count(plan); i++)
        if (expmig_plan_table_rows(plan, i) > 0)
            printf("  %-20s %8" PRIu64 "\n", expmig_plan_table_name(plan, i), expmig_plan_table_rows(plan, i));
    show_problems(plan, EXPMIG_PLAN_UNSOUND, "rows that hang on nothing");
    show_problems(plan, EXPMIG_PLAN_ODD_VALUES, "odd values");
    show_problems(plan, EXPMIG_PLAN_LOSSY, "what the target cannot hold");
    for (i = 0; i < expmig_plan_duplicate_count(plan); i++)
        printf("the target already has it as experiment %" PRId64 "\n", expmig_plan_duplicate_id(plan, i));
    for (i = 0; i < expmig_plan_warning_count(plan); i++)
        printf("warning: %s\n", expmig_plan_warning_at(plan, i));
}

static expmig_status open_manager(const char *path, uint32_t flags, const char *folder, expmig_manager **manager,
                                  expmig_error **error)
{
    expmig_open_options open;
    expmig_manager_options options;
    expmig_database *database = NULL;
    expmig_status status = expmig_open_options_init(&open, sizeof open);
    if (status == EXPMIG_OK)
        status = expmig_manager_options_init(&options, sizeof options);
    if (status != EXPMIG_OK)
        return status;
    open.flags = flags;
    options.snapshot_dir = folder;
    status = expmig_database_open(path, &open, &database, error);
    if (status == EXPMIG_OK)
        status = expmig_manager_new(database, &options, manager, error);
    expmig_database_close(database); /* the manager keeps what it needs */
    return status;
}

int main(int argc, char **argv)
{
    expmig_manager *source = NULL, *target = NULL;
    expmig_plan *plan = NULL;
    expmig_migration *result = NULL;
    expmig_error *error = NULL;
    int64_t experiment;
    expmig_status status;

    if (argc < 4 || argc > 5) {
        fprintf(stderr, "usage: interactive DATABASE SNAPSHOT_FOLDER EXPERIMENT [TARGET_DATABASE]\n");
        return EXIT_FAILURE;
    }
    experiment = strtoll(argv[3], NULL, 10);
    status = open_manager(argv[1], 0, argv[2], &source, &error);
    if (status == EXPMIG_OK)
        status = show_database(source, &error);
    if (status == EXPMIG_OK && argc == 5)
        status = open_manager(argv[4], EXPMIG_OPEN_CREATE, argv[2], &target, &error);
    if (status == EXPMIG_OK)
        status = expmig_plan_make(source, experiment, target, NULL, &plan, &error);
    if (status == EXPMIG_OK) {
        show_plan(plan);
        printf("copy it? [y/N] ");
        fflush(stdout);
        if (getchar() == 'y') {
            status = expmig_migrate_experiment(source, experiment, target, NULL, &result, &error);
            if (status == EXPMIG_OK)
                printf("\nit is experiment %" PRId64 "\n", expmig_migration_new_experiment_id(result));
        } else {
            printf("\nnothing was changed\n");
        }
    }
    expmig_migration_free(result);
    expmig_plan_free(plan);
    expmig_manager_free(target);
    expmig_manager_free(source);
    return status == EXPMIG_OK ? EXIT_SUCCESS : failed(error);
}
