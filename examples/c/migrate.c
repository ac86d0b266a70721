/*
 * Copies an experiment and proves that the copy equals the source.
 *
 *     migrate DATABASE EXPERIMENT [TARGET_DATABASE]
 *
 * Without a target the copy goes into the same database. A target that does not exist is created. Running it again copies
 * nothing a second time.
 */
#include <expmig.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Prints what went wrong, which row or file it is about, and what to do. */
static int failed(expmig_error *error)
{
    size_t i;
    fprintf(stderr, "\n%s: %s\n", expmig_status_name(expmig_error_status(error)), expmig_error_message(error));
    for (i = 0; i < expmig_error_detail_count(error); i++)
        fprintf(stderr, "  %s: %s\n", expmig_error_detail_key(error, i), expmig_error_detail_value(error, i));
    if (*expmig_error_hint(error))
        fprintf(stderr, "  hint: %s\n", expmig_error_hint(error));
    expmig_error_free(error);
    return EXIT_FAILURE;
}

static int32_t show_progress(const expmig_progress *progress, void *user_data)
{
    (void)user_data;
    printf("\r%5.1f %%  %" PRIu64 "/%" PRIu64 " rows  %-48s", progress->completion_percentage,
           progress->processed_items, progress->total_items, progress->operation);
    fflush(stdout);
    return EXPMIG_CALLBACK_CONTINUE; /* EXPMIG_CALLBACK_CANCEL would undo everything */
}

static void print_digest(const char *name, const expmig_migration *result, int32_t which)
{
    uint8_t digest[EXPMIG_DIGEST_SIZE];
    size_t i;
    if (expmig_migration_digest(result, which, digest, NULL) != EXPMIG_OK)
        return;
    printf("%s digest ", name);
    for (i = 0; i < sizeof digest; i++)
        printf("%02x", digest[i]);
    printf("\n");
}

static expmig_status open_manager(const char *path, uint32_t flags, expmig_manager **manager, expmig_error **error)
{
    expmig_open_options options;
    expmig_database *database;
    expmig_status status = expmig_open_options_init(&options, sizeof options);
    *manager = NULL;
    if (status != EXPMIG_OK)
        return status;
    options.flags = flags;
    status = expmig_database_open(path, &options, &database, error);
    if (status == EXPMIG_OK)
        status = expmig_manager_new(database, NULL, manager, error);
    expmig_database_close(database); /* the manager keeps what it needs */
    return status;
}

int main(int argc, char **argv)
{
    expmig_manager *source = NULL, *target = NULL;
    expmig_migrate_options options;
    expmig_migration *result = NULL;
    expmig_error *error = NULL;
    expmig_status status;
    size_t i;

    if (argc < 3 || argc > 4) {
        fprintf(stderr, "usage: migrate DATABASE EXPERIMENT [TARGET_DATABASE]\n");
        return EXIT_FAILURE;
    }
    status = expmig_migrate_options_init(&options, sizeof options);
    if (status == EXPMIG_OK)
        status = open_manager(argv[1], 0, &source, &error);
    if (status == EXPMIG_OK && argc == 4)
        status = open_manager(argv[3], EXPMIG_OPEN_CREATE, &target, &error);
    if (status == EXPMIG_OK) {
        options.on_duplicate = EXPMIG_DUPLICATE_SKIP; /* safe to run again, also after a crash */
        options.progress_fn = show_progress;
        status = expmig_migrate_experiment(source, strtoll(argv[2], NULL, 10), target, &options, &result, &error);
    }
    if (status == EXPMIG_OK) {
        printf("\n%s experiment %" PRId64 " as experiment %" PRId64 ": %" PRIu64 " rows, %" PRIu64 " left out, %.3f s\n",
               expmig_migration_skipped(result) ? "the target has" : "copied",
               expmig_migration_source_experiment_id(result), expmig_migration_new_experiment_id(result),
               expmig_migration_items_processed(result), expmig_migration_items_failed(result),
               (double)expmig_migration_duration_ns(result) / 1e9);
        for (i = 0; i < expmig_migration_warning_count(result); i++)
            printf("warning: %s\n", expmig_migration_warning_at(result, i));
        print_digest("source", result, EXPMIG_DIGEST_SOURCE);
        print_digest("target", result, EXPMIG_DIGEST_TARGET);
    }
    expmig_migration_free(result);
    expmig_manager_free(target);
    expmig_manager_free(source);
    return status == EXPMIG_OK ? EXIT_SUCCESS : failed(error);
}
