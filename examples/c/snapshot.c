/*
 * Takes a snapshot of a database and verifies it.
 *
 *     snapshot DATABASE FOLDER
 *
 * The folder is made if it is not there. expmig_snapshot_restore brings the snapshot back.
 */
#include <expmig.h>
#include <stdio.h>
#include <stdlib.h>

/* Prints what went wrong and what to do. */
static int failed(expmig_error *error)
{
    fprintf(stderr, "%s: %s\n", expmig_status_name(expmig_error_status(error)), expmig_error_message(error));
    if (*expmig_error_hint(error))
        fprintf(stderr, "  hint: %s\n", expmig_error_hint(error));
    expmig_error_free(error);
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    expmig_database *database = NULL;
    expmig_manager *manager = NULL;
    expmig_manager_options options;
    expmig_error *error = NULL;
    expmig_status status;
    char *id = NULL;

    if (argc != 3) {
        fprintf(stderr, "usage: snapshot DATABASE FOLDER\n");
        return EXIT_FAILURE;
    }
    status = expmig_manager_options_init(&options, sizeof options);
    if (status == EXPMIG_OK)
        status = expmig_database_open(argv[1], NULL, &database, &error);
    if (status == EXPMIG_OK) {
        options.snapshot_dir = argv[2];
        status = expmig_manager_new(database, &options, &manager, &error);
    }
    if (status == EXPMIG_OK)
        status = expmig_snapshot_create(manager, "before the demo", NULL, &id, &error);
    if (status == EXPMIG_OK)
        status = expmig_snapshot_verify(manager, id, NULL, &error); /* size, checksum, every page, row and index */
    if (status == EXPMIG_OK)
        printf("snapshot %s of %s is verified\n", id, argv[1]);
    expmig_string_free(id);
    expmig_manager_free(manager);
    expmig_database_close(database);
    return status == EXPMIG_OK ? EXIT_SUCCESS : failed(error);
}
