/*
 * A program of the time of expmig 0.1.0: uses every kind of thing that its header has. It is never changed; it is compiled with the
 * header of that time, and has to run with every library that has the same SONAME.
 */
#include "expmig-0.1.0.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                                    \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)
#define OK(call) CHECK((call) == EXPMIG_OK && error == NULL)

static expmig_error *error;
static int finished, destroyed, rows;

static int32_t on_progress(const expmig_progress *progress, void *user_data)
{
    CHECK(progress->struct_size >= sizeof *progress && *(int *)user_data == 42);
    CHECK(*progress->operation != 0 && progress->processed_items <= progress->total_items);
    CHECK(progress->recent_error_count == 0 && progress->start_time_us > 0);
    finished += progress->finished;
    if (progress->finished)
        CHECK(progress->completion_percentage == 100.0 && progress->remaining_seconds == 0.0);
    return EXPMIG_CALLBACK_CONTINUE;
}

static int32_t on_row(const expmig_row *row, void *user_data)
{
    CHECK(row->struct_size >= sizeof *row && row->column_count == 3 && user_data == NULL);
    CHECK(strcmp(row->names[0], "id") == 0 && row->values[0].type == EXPMIG_VALUE_INTEGER && row->values[0].integer == 1);
    CHECK(row->values[1].type == EXPMIG_VALUE_TEXT && row->values[1].length == strlen("Digits classification"));
    CHECK(row->values[2].type == EXPMIG_VALUE_REAL && row->values[2].real == 0.5);
    rows++;
    return EXPMIG_CALLBACK_CONTINUE;
}

static void on_log(int32_t level, const char *message, void *user_data)
{
    CHECK(level >= EXPMIG_LOG_ERROR && level <= EXPMIG_LOG_INFO && *message != 0 && user_data == &destroyed);
}

static void on_destroy(void *user_data)
{
    ++*(int *)user_data;
}

static int32_t check(const expmig_check_context *context, void *user_data)
{
    expmig_issue issue;
    CHECK(user_data == NULL && *expmig_check_experiment_id(context) == 1);
    CHECK(expmig_issue_init(&issue, sizeof issue) == EXPMIG_OK && issue.severity == EXPMIG_SEVERITY_ERROR);
    issue.severity = EXPMIG_SEVERITY_WARNING;
    issue.table = "TRIAL";
    issue.row_key = "id=1";
    issue.message = "of the program";
    return expmig_check_report(context, &issue, NULL) == EXPMIG_OK ? EXPMIG_CALLBACK_CONTINUE : -1;
}

static int32_t transform(expmig_transform_context *context, const expmig_metric *metric, void *user_data)
{
    CHECK(metric->struct_size >= sizeof *metric && metric->id > 0 && user_data == NULL);
    CHECK(strcmp(metric->metric_type, "accuracy") == 0 && strcmp(metric->params_json, "{}") == 0);
    CHECK(metric->total_val.type == EXPMIG_VALUE_REAL && metric->per_label_val.type == EXPMIG_VALUE_TEXT);
    return expmig_transform_set_total(context, metric->total_val.real * 100, NULL) == EXPMIG_OK ? EXPMIG_CALLBACK_CONTINUE : -1;
}

static void errors(void)
{
    expmig_database *database;
    CHECK(expmig_database_open("none.db", NULL, &database, &error) == EXPMIG_NOT_FOUND && database == NULL);
    CHECK(expmig_error_status(error) == EXPMIG_NOT_FOUND && expmig_error_domain(error) == EXPMIG_DOMAIN_DATABASE);
    CHECK(*expmig_error_message(error) != 0 && *expmig_error_hint(error) != 0 && !expmig_error_retryable(error));
    CHECK(strcmp(expmig_status_name(EXPMIG_INTERNAL), "INTERNAL") == 0);
    expmig_error_free(error);
    error = NULL;
}

static void validation(const expmig_manager *manager)
{
    expmig_validate_options options;
    expmig_report *report;
    expmig_issue issue;
    int64_t one = 1;
    int number = 42;
    size_t i;
    OK(expmig_check_register(manager, "check", check, NULL, NULL, &error));
    CHECK(expmig_validate_options_init(&options, sizeof options) == EXPMIG_OK && options.scope == EXPMIG_VALIDATE_ALL);
    options.experiment_id = &one;
    options.progress_fn = on_progress;
    options.progress_user_data = &number;
    OK(expmig_validate(manager, &options, &report, &error));
    CHECK(expmig_report_passed(report) && expmig_report_count_of(report, "registered_check") == 1 && finished == 1);
    CHECK(expmig_issue_init(&issue, sizeof issue) == EXPMIG_OK);
    for (i = 0; i < expmig_report_issue_count(report); i++) {
        OK(expmig_report_issue_at(report, i, &issue, &error));
        if (issue.check != NULL)
            CHECK(strcmp(issue.check, "check") == 0 && strcmp(issue.message, "of the program") == 0 && issue.column == NULL);
    }
    expmig_report_free(report);
    OK(expmig_check_unregister(manager, "check", &error));
}

static void migration(const expmig_manager *manager)
{
    expmig_migrate_options options;
    expmig_migration *result;
    uint8_t source[EXPMIG_DIGEST_SIZE], target[EXPMIG_DIGEST_SIZE];
    int number = 42;
    CHECK(expmig_migrate_options_init(&options, sizeof options) == EXPMIG_OK);
    CHECK(options.strategy == EXPMIG_STRATEGY_BALANCED && options.batch_size == 1000);
    options.flags = EXPMIG_MIGRATE_SNAPSHOT;
    options.strategy = EXPMIG_STRATEGY_CONSERVATIVE;
    options.progress_fn = on_progress;
    options.progress_user_data = &number;
    OK(expmig_migrate_experiment(manager, 1, NULL, &options, &result, &error));
    CHECK(expmig_migration_new_experiment_id(result) == 4 && expmig_migration_items_failed(result) == 0 && finished == 2);
    OK(expmig_migration_digest(result, EXPMIG_DIGEST_SOURCE, source, &error));
    OK(expmig_experiment_digest(manager, 4, NULL, target, &error));
    CHECK(memcmp(source, target, sizeof source) == 0 && expmig_migration_snapshot_id(result) != NULL);
    expmig_migration_free(result);
}

static void transformation(const expmig_manager *manager)
{
    expmig_transform_selection selection;
    expmig_transformation *result;
    int64_t experiment = 4;
    char *json;
    OK(expmig_transformation_register(manager, "percent", transform, NULL, NULL, &error));
    CHECK(expmig_transform_selection_init(&selection, sizeof selection) == EXPMIG_OK);
    selection.experiment_ids = &experiment;
    selection.experiment_id_count = 1;
    OK(expmig_transform_metrics(manager, &selection, "[{\"metric_type\": \"accuracy\", \"transformation\": \"percent\"}]", NULL,
                                &result, &error));
    CHECK(expmig_transformation_updated(result) == 3 && expmig_transformation_failed(result) == 0);
    OK(expmig_transform_undo(manager, expmig_transformation_transform_id(result), NULL, &json, &error));
    CHECK(strstr(json, "\"metrics_restored\":3") != NULL);
    expmig_string_free(json);
    expmig_transformation_free(result);
}

static void snapshots(const expmig_manager *manager)
{
    expmig_snapshot_options options;
    char *id, *json;
    uint64_t deleted;
    CHECK(expmig_snapshot_options_init(&options, sizeof options) == EXPMIG_OK);
    options.metadata_json = "{\"by\": \"0.1.0\"}";
    OK(expmig_snapshot_create(manager, "of the program", &options, &id, &error));
    OK(expmig_snapshot_list(manager, EXPMIG_TIME_UNKNOWN, "of the*", &json, &error));
    CHECK(strstr(json, id) != NULL && strstr(json, "{\"by\": \"0.1.0\"}") != NULL);
    expmig_string_free(json);
    OK(expmig_snapshot_verify(manager, id, NULL, &error));
    OK(expmig_snapshot_restore(manager, id, NULL, NULL, &error));
    OK(expmig_snapshot_cleanup(manager, 0, &deleted, &error));
    CHECK(deleted == 3); /* the migration's, ours, and that of what the restore overwrote */
    expmig_string_free(id);
}

static int32_t on_write(const void *bytes, size_t length, void *user_data)
{
    CHECK(bytes != NULL && length > 0);
    *(size_t *)user_data += length;
    return EXPMIG_CALLBACK_CONTINUE;
}

static void documents(const expmig_manager *manager)
{
    expmig_export_options options;
    expmig_import_options import;
    size_t length = 0;
    int64_t id;
    char *document, *json;
    CHECK(expmig_export_options_init(&options, sizeof options) == EXPMIG_OK && options.file_mode == 0600);
    OK(expmig_export_experiment(manager, 2, &options, on_write, &length, &error));
    options.flags = EXPMIG_EXPORT_NO_ARTIFACTS;
    OK(expmig_export_experiment_to_string(manager, 2, &options, &document, &error));
    CHECK(strlen(document) > 0 && strlen(document) < length);
    CHECK(expmig_import_options_init(&import, sizeof import) == EXPMIG_OK && import.max_value_bytes == 64 << 20);
    import.on_duplicate = EXPMIG_DUPLICATE_ERROR;
    OK(expmig_import_experiment_from_string(manager, document, strlen(document), &import, &id, &json, &error));
    CHECK(id > 3 && strstr(json, "\"skipped\":false") != NULL);
    expmig_string_free(json);
    expmig_string_free(document);
}

int main(void)
{
    static const expmig_value half = {EXPMIG_VALUE_REAL, 0, 0.5, NULL, 0};
    expmig_open_options open;
    expmig_manager_options options;
    expmig_database *database;
    expmig_manager *manager;
    expmig_cancel *cancel = expmig_cancel_new();
    expmig_job_options job;
    uint8_t digest[EXPMIG_DIGEST_SIZE];

    CHECK(expmig_abi_version() >= EXPMIG_ABI_VERSION);
    errors();
    CHECK(expmig_open_options_init(&open, sizeof open) == EXPMIG_OK && open.busy_timeout_ms == 5000);
    OK(expmig_database_open("sqlite:small.db", &open, &database, &error));
    OK(expmig_database_query(database, "SELECT id, title, ? FROM EXPERIMENT WHERE id = 1", &half, 1, on_row, NULL, &error));
    CHECK(rows == 1);
    CHECK(expmig_manager_options_init(&options, sizeof options) == EXPMIG_OK && options.log_level == EXPMIG_LOG_INFO);
    options.snapshot_dir = "snapshots-0.1.0";
    options.log_fn = on_log;
    options.log_user_data = &destroyed;
    options.log_destroy = on_destroy;
    OK(expmig_manager_new(database, &options, &manager, &error));
    expmig_database_close(database);
    validation(manager);
    migration(manager);
    transformation(manager);
    snapshots(manager);
    documents(manager);

    expmig_cancel_trigger(cancel);
    CHECK(expmig_job_options_init(&job, sizeof job) == EXPMIG_OK);
    job.cancel = cancel;
    CHECK(expmig_experiment_digest(manager, 1, &job, digest, &error) == EXPMIG_CANCELLED);
    expmig_error_free(error);
    expmig_cancel_free(cancel);
    expmig_manager_free(manager);
    CHECK(destroyed == 1);
    return 0;
}
