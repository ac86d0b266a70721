/* Whatever the order in which handles are freed: nothing is lost, and what is left works. */
#include "check.h"

enum { DATABASE, FIRST, SECOND, RESULT, ERROR, CANCEL, COUNT };

static void use(void *const *handles)
{
    char *json = NULL;
    uint8_t digest[EXPMIG_DIGEST_SIZE];
    if (handles[DATABASE] != NULL) {
        OK(expmig_database_info(handles[DATABASE], &json, &err));
        expmig_string_free(json);
    }
    if (handles[FIRST] != NULL)
        OK(expmig_experiment_list(handles[FIRST], &json, &err));
    if (handles[FIRST] != NULL)
        expmig_string_free(json);
    if (handles[SECOND] != NULL)
        OK(expmig_experiment_list(handles[SECOND], &json, &err));
    if (handles[SECOND] != NULL)
        expmig_string_free(json);
    if (handles[RESULT] != NULL) {
        CHECK_HAS(expmig_migration_to_json(handles[RESULT]), "expmig.migration/1");
        OK(expmig_migration_digest(handles[RESULT], EXPMIG_DIGEST_SOURCE, digest, &err));
    }
    if (handles[ERROR] != NULL)
        CHECK(error_is_whole(handles[ERROR], EXPMIG_NOT_FOUND));
    expmig_cancel_trigger(handles[CANCEL]);
}

static void end(void **handles, int which)
{
    switch (which) {
    case DATABASE:
        expmig_database_close(handles[which]);
        break;
    case FIRST:
    case SECOND:
        expmig_manager_free(handles[which]);
        break;
    case RESULT:
        expmig_migration_free(handles[which]);
        break;
    case ERROR:
        expmig_error_free(handles[which]);
        break;
    default:
        expmig_cancel_free(handles[which]);
    }
    handles[which] = NULL;
}

static void make(void **handles)
{
    expmig_manager *first, *second;
    expmig_cancel *cancel = expmig_cancel_new();
    expmig_migrate_options options = migrate_options();
    expmig_migration *result = NULL;
    expmig_error *error = NULL;
    char *json = NULL;
    handles[DATABASE] = open_database("tiny.db");
    handles[FIRST] = first = manager_of(handles[DATABASE]);
    handles[SECOND] = second = manager_of(handles[DATABASE]);
    options.on_duplicate = EXPMIG_DUPLICATE_SKIP;
    options.cancel = cancel;
    OK(expmig_migrate_experiment(first, 1, second, &options, &result, &err));
    CHECK(expmig_migrate_plan(first, 99, second, &options, &json, &error) == EXPMIG_NOT_FOUND);
    handles[RESULT] = result;
    handles[ERROR] = error;
    handles[CANCEL] = cancel;
}

/* The n-th permutation of the handles. */
static void order(int number, int *permutation)
{
    int left[COUNT], i, remaining;
    for (i = 0; i < COUNT; i++)
        left[i] = i;
    for (remaining = COUNT; remaining > 0; remaining--) {
        int at = number % remaining;
        number /= remaining;
        permutation[COUNT - remaining] = left[at];
        for (i = at; i + 1 < remaining; i++)
            left[i] = left[i + 1];
    }
}

static void null_everywhere(void)
{
    expmig_database_close(NULL);
    expmig_manager_free(NULL);
    expmig_migration_free(NULL);
    expmig_error_free(NULL);
    expmig_cancel_free(NULL);
    expmig_string_free(NULL);
}

int main(void)
{
    /* Under valgrind each seventh permutation: 103 of 720, and 7 shares no factor with 720. */
    const int step = slow_tool() ? 7 : 1;
    int number, at, permutation[COUNT];
    copy_file("small.db", "tiny.db");
    sql("tiny.db", "DELETE FROM TRIAL_ARTIFACT; DELETE FROM TRIAL WHERE experiment_id = 1; DELETE FROM EXPERIMENT WHERE id > 1");
    null_everywhere();
    for (number = 0; number < 720; number += step) {
        void *handles[COUNT];
        make(handles);
        order(number, permutation);
        for (at = 0; at < COUNT; at++) {
            end(handles, permutation[at]);
            if (number % 60 < step)
                use(handles);
        }
    }
    forget_error();
    return 0;
}
