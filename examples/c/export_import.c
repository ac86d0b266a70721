/*
 * Writes an experiment as a JSON document, reads it into another database and proves that it is the same.
 *
 *     export_import DATABASE EXPERIMENT DOCUMENT TARGET_DATABASE
 *
 * The document is replaced if it is there, the target is created if it is not. Running it again imports nothing a second time.
 */
#include <expmig.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Prints what went wrong, where, and what to do. */
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
    printf("\r%5.1f %%  %" PRIu64 "/%" PRIu64 " rows  %-32s", progress->completion_percentage, progress->processed_items,
           progress->total_items, progress->operation);
    fflush(stdout);
    return EXPMIG_CALLBACK_CONTINUE; /* EXPMIG_CALLBACK_CANCEL would leave no file, and no row */
}

static expmig_status open_manager(const char *path, uint32_t flags, expmig_manager **manager, expmig_error **error)
{
    expmig_open_options options;
    expmig_database *database;
    expmig_status status = expmig_open_options_init(&options, sizeof options);
    if (status != EXPMIG_OK)
        return status;
    options.flags = flags;
    status = expmig_database_open(path, &options, &database, error);
    if (status == EXPMIG_OK)
        status = expmig_manager_new(database, NULL, manager, error);
    expmig_database_close(database); /* the manager keeps what it needs */
    return status;
}

/* Whether two experiments have the same content. */
static expmig_status compare(const expmig_manager *a, int64_t id_a, const expmig_manager *b, int64_t id_b, int *equal,
                             expmig_error **error)
{
    uint8_t one[EXPMIG_DIGEST_SIZE], other[EXPMIG_DIGEST_SIZE];
    expmig_status status = expmig_experiment_digest(a, id_a, NULL, one, error);
    if (status == EXPMIG_OK)
        status = expmig_experiment_digest(b, id_b, NULL, other, error);
    *equal = status == EXPMIG_OK && memcmp(one, other, sizeof one) == 0;
    return status;
}

int main(int argc, char **argv)
{
    expmig_manager *source = NULL, *target = NULL;
    expmig_export_options exporting;
    expmig_import_options importing;
    expmig_error *error = NULL;
    expmig_status status;
    int64_t id, imported = 0;
    int equal = 0;

    if (argc != 5) {
        fprintf(stderr, "usage: export_import DATABASE EXPERIMENT DOCUMENT TARGET_DATABASE\n");
        return EXIT_FAILURE;
    }
    id = strtoll(argv[2], NULL, 10);
    status = expmig_export_options_init(&exporting, sizeof exporting);
    if (status == EXPMIG_OK)
        status = expmig_import_options_init(&importing, sizeof importing);
    if (status == EXPMIG_OK)
        status = open_manager(argv[1], EXPMIG_OPEN_READONLY, &source, &error);
    if (status == EXPMIG_OK)
        status = open_manager(argv[4], EXPMIG_OPEN_CREATE, &target, &error);
    if (status == EXPMIG_OK) {
        exporting.flags = EXPMIG_EXPORT_REPLACE;
        exporting.progress_fn = show_progress;
        status = expmig_export_experiment_to_file(source, id, argv[3], &exporting, &error);
    }
    if (status == EXPMIG_OK) {
        printf("\nexported experiment %" PRId64 " to %s\n", id, argv[3]);
        importing.on_duplicate = EXPMIG_DUPLICATE_SKIP; /* safe to run again, also after a crash */
        importing.progress_fn = show_progress;
        status = expmig_import_experiment_from_file(target, argv[3], &importing, &imported, NULL, &error);
    }
    if (status == EXPMIG_OK)
        status = compare(source, id, target, imported, &equal, &error);
    if (status == EXPMIG_OK)
        printf("\nit is experiment %" PRId64 " of %s: the digests are %s\n", imported, argv[4], equal ? "equal" : "different");
    expmig_manager_free(target);
    expmig_manager_free(source);
    if (status != EXPMIG_OK)
        return failed(error);
    return equal ? EXIT_SUCCESS : EXIT_FAILURE;
}
