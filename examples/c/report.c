/*
 * Writes a page of experiments to look at in a browser.
 *
 *     report DATABASE PAGE ID...
 *
 * Of two experiments the page also says where they first differ. A file of the page's name is replaced.
 */
#include <expmig.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST = 100 };

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
    const expmig_manager *managers[MOST];
    int64_t experiments[MOST];
    expmig_report_html_options options;
    expmig_error *error = NULL;
    expmig_status status;
    size_t count = 0;

    if (argc < 4 || argc > 3 + MOST) {
        fprintf(stderr, "usage: report DATABASE PAGE ID... (at most %d)\n", MOST);
        return EXIT_FAILURE;
    }
    status = expmig_report_html_options_init(&options, sizeof options);
    options.flags = EXPMIG_REPORT_HTML_REPLACE;
    if (status == EXPMIG_OK)
        status = expmig_database_open(argv[1], NULL, &database, &error);
    if (status == EXPMIG_OK)
        status = expmig_manager_new(database, NULL, &manager, &error);
    for (; 3 + (int)count < argc; count++) {
        managers[count] = manager; /* experiments of several databases can be on one page */
        experiments[count] = strtoll(argv[3 + count], NULL, 10);
    }
    if (status == EXPMIG_OK)
        status = expmig_report_html_to_file(managers, experiments, count, argv[2], &options, &error);
    if (status == EXPMIG_OK)
        printf("%s: open it in a browser\n", argv[2]);
    expmig_manager_free(manager);
    expmig_database_close(database);
    return status == EXPMIG_OK ? EXIT_SUCCESS : failed(error);
}
