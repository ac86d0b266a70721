// What include/expmig.h declares, for koffi. Made of it by `make generated`; do not edit.
//
// A parameter through which a function answers is an array of one ([null]), and has the answer when the function has returned; for a
// struct it is an object, for bytes a Uint8Array. Strings that the library gives away come as strings of JavaScript, and are freed.
// 64-bit integers are numbers as long as these are exact, and BigInt beyond.
'use strict';

const constants = Object.freeze({
    EXPMIG_VERSION_MAJOR: 0,
    EXPMIG_VERSION_MINOR: 1,
    EXPMIG_VERSION_PATCH: 0,
    EXPMIG_TIME_UNKNOWN: -9223372036854775808n,
    EXPMIG_ABI_VERSION: 1,
    EXPMIG_CALLBACK_CONTINUE: 0,
    EXPMIG_CALLBACK_CANCEL: 1,
    EXPMIG_OPEN_READONLY: 1,
    EXPMIG_OPEN_CREATE: 2,
    EXPMIG_OPEN_ALLOW_SHARED_PROCESS: 4,
    EXPMIG_OPEN_CREATE_BESIDE: 8,
    EXPMIG_WIDEN_APPLY: 1,
    EXPMIG_VALUE_NULL: 0,
    EXPMIG_VALUE_INTEGER: 1,
    EXPMIG_VALUE_REAL: 2,
    EXPMIG_VALUE_TEXT: 3,
    EXPMIG_VALUE_BLOB: 4,
    EXPMIG_LOG_OFF: 0,
    EXPMIG_LOG_ERROR: 1,
    EXPMIG_LOG_WARNING: 2,
    EXPMIG_LOG_INFO: 3,
    EXPMIG_LOG_DEBUG: 4,
    EXPMIG_DIGEST_SIZE: 32,
    EXPMIG_RESTORE_FORCE: 1,
    EXPMIG_RESTORE_NO_SAFETY_SNAPSHOT: 2,
    EXPMIG_CLEANUP_CLAIM: 1,
    EXPMIG_STRATEGY_BALANCED: 0,
    EXPMIG_STRATEGY_CONSERVATIVE: 1,
    EXPMIG_STRATEGY_AGGRESSIVE: 2,
    EXPMIG_DUPLICATE_COPY: 0,
    EXPMIG_DUPLICATE_SKIP: 1,
    EXPMIG_DUPLICATE_ERROR: 2,
    EXPMIG_MIGRATE_ALLOW_LOSSY: 1,
    EXPMIG_MIGRATE_ADD_COLUMNS: 2,
    EXPMIG_MIGRATE_SNAPSHOT: 4,
    EXPMIG_DIGEST_SOURCE: 0,
    EXPMIG_DIGEST_TARGET: 1,
    EXPMIG_DIGEST_AS_STORED: 2,
    EXPMIG_SEVERITY_ERROR: 1,
    EXPMIG_SEVERITY_WARNING: 2,
    EXPMIG_SEVERITY_INFO: 3,
    EXPMIG_VALIDATE_FOREIGN_KEYS: 1,
    EXPMIG_VALIDATE_METRIC_JSON: 2,
    EXPMIG_VALIDATE_HIERARCHY: 4,
    EXPMIG_VALIDATE_REGISTERED_CHECKS: 8,
    EXPMIG_VALIDATE_ALL: 15,
    EXPMIG_EXPORT_NO_METRICS: 1,
    EXPMIG_EXPORT_NO_ARTIFACTS: 2,
    EXPMIG_EXPORT_SKIP_UNSOUND: 4,
    EXPMIG_EXPORT_REPLACE: 8,
    EXPMIG_IMPORT_PRESERVE_IDS: 1,
    EXPMIG_IMPORT_SKIP_VALIDATION: 2,
    EXPMIG_IMPORT_ADD_COLUMNS: 4,
    EXPMIG_IMPORT_ALLOW_UNLINKED: 8,
    EXPMIG_IMPORT_ALLOW_LOSSY: 16,
    EXPMIG_REPORT_HTML_REPLACE: 1,
    EXPMIG_TRANSFORM_DRY_RUN: 1,
    EXPMIG_UNDO_SKIP_CHANGED: 1,
    EXPMIG_OK: 0,
    EXPMIG_INVALID_ARGUMENT: 1,
    EXPMIG_MISUSE: 2,
    EXPMIG_NOT_FOUND: 3,
    EXPMIG_ALREADY_EXISTS: 4,
    EXPMIG_UNSUPPORTED: 5,
    EXPMIG_IO: 6,
    EXPMIG_BUSY: 7,
    EXPMIG_SHARED_PROCESS: 8,
    EXPMIG_CONNECTION: 9,
    EXPMIG_AUTH: 10,
    EXPMIG_CONSTRAINT: 11,
    EXPMIG_CORRUPT: 12,
    EXPMIG_SCHEMA: 13,
    EXPMIG_VALIDATION: 14,
    EXPMIG_LOSSY: 15,
    EXPMIG_MISMATCH: 16,
    EXPMIG_CANCELLED: 17,
    EXPMIG_TIMEOUT: 18,
    EXPMIG_CALLBACK: 19,
    EXPMIG_LIMIT: 20,
    EXPMIG_PANIC: 21,
    EXPMIG_INTERNAL: 22,
    EXPMIG_DOMAIN_DATABASE: 1,
    EXPMIG_DOMAIN_VALIDATION: 2,
    EXPMIG_DOMAIN_SNAPSHOT: 3,
    EXPMIG_DOMAIN_TRANSFORMATION: 4,
    EXPMIG_DOMAIN_IMPORT_EXPORT: 5,
    EXPMIG_DOMAIN_MIGRATION: 6,
});

const prototypes = Object.freeze({
    expmig_version: 'const char * expmig_version(void)',
    expmig_abi_version: 'uint32_t expmig_abi_version(void)',
    expmig_build_info: 'const char * expmig_build_info(void)',
    expmig_status_name: 'const char * expmig_status_name(expmig_status status)',
    expmig_domain_name: 'const char * expmig_domain_name(expmig_domain domain)',
    expmig_string_free: 'void expmig_string_free(void *string)',
    expmig_error_status: 'expmig_status expmig_error_status(const expmig_error *error)',
    expmig_error_domain: 'expmig_domain expmig_error_domain(const expmig_error *error)',
    expmig_error_message: 'const char * expmig_error_message(const expmig_error *error)',
    expmig_error_hint: 'const char * expmig_error_hint(const expmig_error *error)',
    expmig_error_retryable: 'int32_t expmig_error_retryable(const expmig_error *error)',
    expmig_error_vendor_code: 'int32_t expmig_error_vendor_code(const expmig_error *error)',
    expmig_error_sqlstate: 'const char * expmig_error_sqlstate(const expmig_error *error)',
    expmig_error_detail_count: 'size_t expmig_error_detail_count(const expmig_error *error)',
    expmig_error_detail_key: 'const char * expmig_error_detail_key(const expmig_error *error, size_t index)',
    expmig_error_detail_value: 'const char * expmig_error_detail_value(const expmig_error *error, size_t index)',
    expmig_error_cause: 'const expmig_error * expmig_error_cause(const expmig_error *error)',
    expmig_error_to_json: 'const char * expmig_error_to_json(const expmig_error *error)',
    expmig_error_free: 'void expmig_error_free(expmig_error *error)',
    expmig_cancel_new: 'expmig_cancel * expmig_cancel_new(void)',
    expmig_cancel_trigger: 'void expmig_cancel_trigger(const expmig_cancel *cancel)',
    expmig_cancel_free: 'void expmig_cancel_free(expmig_cancel *cancel)',
    expmig_job_options_init: 'expmig_status expmig_job_options_init(_Inout_ expmig_job_options *options, size_t size)',
    expmig_open_options_init: 'expmig_status expmig_open_options_init(_Inout_ expmig_open_options *options, size_t size)',
    expmig_database_open: 'expmig_status expmig_database_open(const char *url, const expmig_open_options *options, _Out_ expmig_database **database, _Out_ expmig_error **error)',
    expmig_database_info: 'expmig_status expmig_database_info(const expmig_database *database, _Out_ expmig_given_string *json, _Out_ expmig_error **error)',
    expmig_schema_widen: 'expmig_status expmig_schema_widen(const expmig_database *database, uint32_t flags, _Out_ expmig_given_string *json, _Out_ expmig_error **error)',
    expmig_database_close: 'void expmig_database_close(expmig_database *database)',
    expmig_database_query: 'expmig_status expmig_database_query(const expmig_database *database, const char *sql, const expmig_value *params, size_t param_count, expmig_row_fn row_fn, void *user_data, _Out_ expmig_error **error)',
    expmig_manager_options_init: 'expmig_status expmig_manager_options_init(_Inout_ expmig_manager_options *options, size_t size)',
    expmig_manager_new: 'expmig_status expmig_manager_new(const expmig_database *database, const expmig_manager_options *options, _Out_ expmig_manager **manager, _Out_ expmig_error **error)',
    expmig_manager_free: 'void expmig_manager_free(expmig_manager *manager)',
    expmig_experiment_list: 'expmig_status expmig_experiment_list(const expmig_manager *manager, _Out_ expmig_given_string *json, _Out_ expmig_error **error)',
    expmig_experiment_digest: 'expmig_status expmig_experiment_digest(const expmig_manager *manager, int64_t experiment_id, const expmig_job_options *options, _Out_ uint8_t *digest, _Out_ expmig_error **error)',
    expmig_experiment_compare: 'expmig_status expmig_experiment_compare(const expmig_manager *manager_a, int64_t experiment_a, const expmig_manager *manager_b, int64_t experiment_b, const expmig_job_options *options, _Out_ expmig_given_string *json, _Out_ expmig_error **error)',
    expmig_snapshot_options_init: 'expmig_status expmig_snapshot_options_init(_Inout_ expmig_snapshot_options *options, size_t size)',
    expmig_restore_options_init: 'expmig_status expmig_restore_options_init(_Inout_ expmig_restore_options *options, size_t size)',
    expmig_snapshot_create: 'expmig_status expmig_snapshot_create(const expmig_manager *manager, const char *description, const expmig_snapshot_options *options, _Out_ expmig_given_string *snapshot_id, _Out_ expmig_error **error)',
    expmig_snapshot_list: 'expmig_status expmig_snapshot_list(const expmig_manager *manager, int64_t since_us, const char *pattern, _Out_ expmig_given_string *json, _Out_ expmig_error **error)',
    expmig_snapshot_details: 'expmig_status expmig_snapshot_details(const expmig_manager *manager, const char *snapshot_id, _Out_ expmig_given_string *json, _Out_ expmig_error **error)',
    expmig_snapshot_verify: 'expmig_status expmig_snapshot_verify(const expmig_manager *manager, const char *snapshot_id, const expmig_job_options *options, _Out_ expmig_error **error)',
    expmig_snapshot_restore: 'expmig_status expmig_snapshot_restore(const expmig_manager *manager, const char *snapshot_id, const expmig_restore_options *options, _Out_ expmig_given_string *result_json, _Out_ expmig_error **error)',
    expmig_snapshot_delete: 'expmig_status expmig_snapshot_delete(const expmig_manager *manager, const char *snapshot_id, _Out_ expmig_error **error)',
    expmig_snapshot_cleanup: 'expmig_status expmig_snapshot_cleanup(const expmig_manager *manager, int64_t keep_count, _Out_ uint64_t *deleted, _Out_ expmig_error **error)',
    expmig_snapshot_cleanup_with: 'expmig_status expmig_snapshot_cleanup_with(const expmig_manager *manager, int64_t keep_count, uint32_t flags, _Out_ uint64_t *deleted, _Out_ uint64_t *left, _Out_ expmig_error **error)',
    expmig_migrate_options_init: 'expmig_status expmig_migrate_options_init(_Inout_ expmig_migrate_options *options, size_t size)',
    expmig_migrate_plan: 'expmig_status expmig_migrate_plan(const expmig_manager *source, int64_t experiment_id, const expmig_manager *target, const expmig_migrate_options *options, _Out_ expmig_given_string *plan_json, _Out_ expmig_error **error)',
    expmig_migrate_experiment: 'expmig_status expmig_migrate_experiment(const expmig_manager *source, int64_t experiment_id, const expmig_manager *target, const expmig_migrate_options *options, _Out_ expmig_migration **result, _Out_ expmig_error **error)',
    expmig_migration_source_experiment_id: 'int64_t expmig_migration_source_experiment_id(const expmig_migration *result)',
    expmig_migration_new_experiment_id: 'int64_t expmig_migration_new_experiment_id(const expmig_migration *result)',
    expmig_migration_skipped: 'int32_t expmig_migration_skipped(const expmig_migration *result)',
    expmig_migration_items_processed: 'uint64_t expmig_migration_items_processed(const expmig_migration *result)',
    expmig_migration_items_failed: 'uint64_t expmig_migration_items_failed(const expmig_migration *result)',
    expmig_migration_items_total: 'uint64_t expmig_migration_items_total(const expmig_migration *result)',
    expmig_migration_success_rate: 'double expmig_migration_success_rate(const expmig_migration *result)',
    expmig_migration_duration_ns: 'uint64_t expmig_migration_duration_ns(const expmig_migration *result)',
    expmig_migration_digest: 'expmig_status expmig_migration_digest(const expmig_migration *result, int32_t which, _Out_ uint8_t *digest, _Out_ expmig_error **error)',
    expmig_migration_snapshot_id: 'const char * expmig_migration_snapshot_id(const expmig_migration *result)',
    expmig_migration_warning_count: 'size_t expmig_migration_warning_count(const expmig_migration *result)',
    expmig_migration_warning_at: 'const char * expmig_migration_warning_at(const expmig_migration *result, size_t index)',
    expmig_migration_to_json: 'const char * expmig_migration_to_json(const expmig_migration *result)',
    expmig_migration_free: 'void expmig_migration_free(expmig_migration *result)',
    expmig_issue_init: 'expmig_status expmig_issue_init(_Inout_ expmig_issue *issue, size_t size)',
    expmig_report_passed: 'int32_t expmig_report_passed(const expmig_report *report)',
    expmig_report_issue_count: 'size_t expmig_report_issue_count(const expmig_report *report)',
    expmig_report_issue_at: 'expmig_status expmig_report_issue_at(const expmig_report *report, size_t index, _Inout_ expmig_issue *issue, _Out_ expmig_error **error)',
    expmig_report_error_count: 'uint64_t expmig_report_error_count(const expmig_report *report)',
    expmig_report_warning_count: 'uint64_t expmig_report_warning_count(const expmig_report *report)',
    expmig_report_info_count: 'uint64_t expmig_report_info_count(const expmig_report *report)',
    expmig_report_total_count: 'uint64_t expmig_report_total_count(const expmig_report *report)',
    expmig_report_count_of: 'uint64_t expmig_report_count_of(const expmig_report *report, const char *kind)',
    expmig_report_to_json: 'const char * expmig_report_to_json(const expmig_report *report)',
    expmig_report_free: 'void expmig_report_free(expmig_report *report)',
    expmig_validate_options_init: 'expmig_status expmig_validate_options_init(_Inout_ expmig_validate_options *options, size_t size)',
    expmig_validate: 'expmig_status expmig_validate(const expmig_manager *manager, const expmig_validate_options *options, _Out_ expmig_report **report, _Out_ expmig_error **error)',
    expmig_hierarchy_validate: 'expmig_status expmig_hierarchy_validate(const expmig_manager *manager, int64_t experiment_id, _Out_ int32_t *valid, _Out_ expmig_given_string *issues_json, _Out_ expmig_error **error)',
    expmig_metric_json_validate: 'expmig_status expmig_metric_json_validate(const char *json, size_t length, _Out_ int32_t *valid, _Out_ expmig_given_string *issues_json, _Out_ expmig_error **error)',
    expmig_export_options_init: 'expmig_status expmig_export_options_init(_Inout_ expmig_export_options *options, size_t size)',
    expmig_export_experiment: 'expmig_status expmig_export_experiment(const expmig_manager *manager, int64_t experiment_id, const expmig_export_options *options, expmig_write_fn write_fn, void *user_data, _Out_ expmig_error **error)',
    expmig_export_experiment_to_file: 'expmig_status expmig_export_experiment_to_file(const expmig_manager *manager, int64_t experiment_id, const char *path, const expmig_export_options *options, _Out_ expmig_error **error)',
    expmig_export_experiment_to_string: 'expmig_status expmig_export_experiment_to_string(const expmig_manager *manager, int64_t experiment_id, const expmig_export_options *options, _Out_ expmig_given_string *document, _Out_ expmig_error **error)',
    expmig_import_options_init: 'expmig_status expmig_import_options_init(_Inout_ expmig_import_options *options, size_t size)',
    expmig_import_experiment: 'expmig_status expmig_import_experiment(const expmig_manager *manager, expmig_read_fn read_fn, void *user_data, const expmig_import_options *options, _Out_ int64_t *experiment_id, _Out_ expmig_given_string *result_json, _Out_ expmig_error **error)',
    expmig_import_experiment_from_file: 'expmig_status expmig_import_experiment_from_file(const expmig_manager *manager, const char *path, const expmig_import_options *options, _Out_ int64_t *experiment_id, _Out_ expmig_given_string *result_json, _Out_ expmig_error **error)',
    expmig_import_experiment_from_string: 'expmig_status expmig_import_experiment_from_string(const expmig_manager *manager, const char *document, size_t length, const expmig_import_options *options, _Out_ int64_t *experiment_id, _Out_ expmig_given_string *result_json, _Out_ expmig_error **error)',
    expmig_report_html_options_init: 'expmig_status expmig_report_html_options_init(_Inout_ expmig_report_html_options *options, size_t size)',
    expmig_report_html: 'expmig_status expmig_report_html(const expmig_manager **managers, const int64_t *experiment_ids, size_t count, const expmig_report_html_options *options, expmig_write_fn write_fn, void *user_data, _Out_ expmig_error **error)',
    expmig_report_html_to_file: 'expmig_status expmig_report_html_to_file(const expmig_manager **managers, const int64_t *experiment_ids, size_t count, const char *path, const expmig_report_html_options *options, _Out_ expmig_error **error)',
    expmig_check_register: 'expmig_status expmig_check_register(const expmig_manager *manager, const char *name, expmig_check_fn check_fn, void *user_data, expmig_destroy_fn destroy, _Out_ expmig_error **error)',
    expmig_check_register_sql: 'expmig_status expmig_check_register_sql(const expmig_manager *manager, const char *name, const char *sql, _Out_ expmig_error **error)',
    expmig_check_unregister: 'expmig_status expmig_check_unregister(const expmig_manager *manager, const char *name, _Out_ expmig_error **error)',
    expmig_check_experiment_id: 'const int64_t * expmig_check_experiment_id(const expmig_check_context *context)',
    expmig_check_query: 'expmig_status expmig_check_query(const expmig_check_context *context, const char *sql, const expmig_value *params, size_t param_count, expmig_row_fn row_fn, void *user_data, _Out_ expmig_error **error)',
    expmig_check_report: 'expmig_status expmig_check_report(const expmig_check_context *context, const expmig_issue *issue, _Out_ expmig_error **error)',
    expmig_transform_selection_init: 'expmig_status expmig_transform_selection_init(_Inout_ expmig_transform_selection *selection, size_t size)',
    expmig_transform_options_init: 'expmig_status expmig_transform_options_init(_Inout_ expmig_transform_options *options, size_t size)',
    expmig_transform_metrics: 'expmig_status expmig_transform_metrics(const expmig_manager *manager, const expmig_transform_selection *selection, const char *rules_json, const expmig_transform_options *options, _Out_ expmig_transformation **result, _Out_ expmig_error **error)',
    expmig_transform_metrics_by: 'expmig_status expmig_transform_metrics_by(const expmig_manager *manager, const expmig_transform_selection *selection, const char *transformation, const char *params_json, const expmig_transform_options *options, _Out_ expmig_transformation **result, _Out_ expmig_error **error)',
    expmig_transform_note_init: 'expmig_status expmig_transform_note_init(_Inout_ expmig_transform_note *note, size_t size)',
    expmig_transformation_transform_id: 'int64_t expmig_transformation_transform_id(const expmig_transformation *result)',
    expmig_transformation_dry_run: 'int32_t expmig_transformation_dry_run(const expmig_transformation *result)',
    expmig_transformation_examined: 'uint64_t expmig_transformation_examined(const expmig_transformation *result)',
    expmig_transformation_matched: 'uint64_t expmig_transformation_matched(const expmig_transformation *result)',
    expmig_transformation_updated: 'uint64_t expmig_transformation_updated(const expmig_transformation *result)',
    expmig_transformation_unchanged: 'uint64_t expmig_transformation_unchanged(const expmig_transformation *result)',
    expmig_transformation_skipped: 'uint64_t expmig_transformation_skipped(const expmig_transformation *result)',
    expmig_transformation_failed: 'uint64_t expmig_transformation_failed(const expmig_transformation *result)',
    expmig_transformation_copied: 'uint64_t expmig_transformation_copied(const expmig_transformation *result)',
    expmig_transformation_success_rate: 'double expmig_transformation_success_rate(const expmig_transformation *result)',
    expmig_transformation_duration_ns: 'uint64_t expmig_transformation_duration_ns(const expmig_transformation *result)',
    expmig_transformation_warning_count: 'size_t expmig_transformation_warning_count(const expmig_transformation *result)',
    expmig_transformation_warning_at: 'const char * expmig_transformation_warning_at(const expmig_transformation *result, size_t index)',
    expmig_transformation_failure_count: 'size_t expmig_transformation_failure_count(const expmig_transformation *result)',
    expmig_transformation_failure_at: 'expmig_status expmig_transformation_failure_at(const expmig_transformation *result, size_t index, _Inout_ expmig_transform_note *note, _Out_ expmig_error **error)',
    expmig_transformation_skip_count: 'size_t expmig_transformation_skip_count(const expmig_transformation *result)',
    expmig_transformation_skip_at: 'expmig_status expmig_transformation_skip_at(const expmig_transformation *result, size_t index, _Inout_ expmig_transform_note *note, _Out_ expmig_error **error)',
    expmig_transformation_to_json: 'const char * expmig_transformation_to_json(const expmig_transformation *result)',
    expmig_transformation_free: 'void expmig_transformation_free(expmig_transformation *result)',
    expmig_undo_options_init: 'expmig_status expmig_undo_options_init(_Inout_ expmig_undo_options *options, size_t size)',
    expmig_transform_undo: 'expmig_status expmig_transform_undo(const expmig_manager *manager, int64_t transform_id, const expmig_undo_options *options, _Out_ expmig_given_string *result_json, _Out_ expmig_error **error)',
    expmig_transform_list: 'expmig_status expmig_transform_list(const expmig_manager *manager, _Out_ expmig_given_string *json, _Out_ expmig_error **error)',
    expmig_transform_forget: 'expmig_status expmig_transform_forget(const expmig_manager *manager, int64_t keep_count, const expmig_job_options *options, _Out_ uint64_t *forgotten_count, _Out_ expmig_error **error)',
    expmig_transformation_register: 'expmig_status expmig_transformation_register(const expmig_manager *manager, const char *name, expmig_transform_fn transform_fn, void *user_data, expmig_destroy_fn destroy, _Out_ expmig_error **error)',
    expmig_transformation_unregister: 'expmig_status expmig_transformation_unregister(const expmig_manager *manager, const char *name, _Out_ expmig_error **error)',
    expmig_transform_set_total: 'expmig_status expmig_transform_set_total(expmig_transform_context *context, double total_val, _Out_ expmig_error **error)',
    expmig_transform_set_per_label: 'expmig_status expmig_transform_set_per_label(expmig_transform_context *context, const char *per_label_json, _Out_ expmig_error **error)',
    expmig_transform_skip: 'expmig_status expmig_transform_skip(expmig_transform_context *context, const char *reason, _Out_ expmig_error **error)',
    expmig_transform_fail: 'expmig_status expmig_transform_fail(expmig_transform_context *context, const char *message, _Out_ expmig_error **error)',
});

/**
 * Declares the types, and answers the functions of a library that koffi has loaded, by their names. Once in each thread. A function is
 * looked for when it is first used, so an older library that does not have it yet serves programs that do not use it.
 */
function declare(koffi, library) {
    koffi.opaque('expmig_cancel');
    koffi.opaque('expmig_check_context');
    koffi.opaque('expmig_database');
    koffi.opaque('expmig_error');
    koffi.opaque('expmig_manager');
    koffi.opaque('expmig_migration');
    koffi.opaque('expmig_report');
    koffi.opaque('expmig_transform_context');
    koffi.opaque('expmig_transformation');
    koffi.alias('expmig_status', 'int32_t');
    koffi.alias('expmig_domain', 'int32_t');
    koffi.struct('expmig_progress', {
        struct_size: 'uint32_t',
        finished: 'int32_t',
        operation: 'const char *',
        processed_items: 'uint64_t',
        total_items: 'uint64_t',
        failed_items: 'uint64_t',
        completion_percentage: 'double',
        success_rate: 'double',
        start_time_us: 'int64_t',
        elapsed_seconds: 'double',
        remaining_seconds: 'double',
        estimated_completion_us: 'int64_t',
        error_count: 'uint64_t',
        recent_errors: 'const char **',
        recent_error_count: 'size_t',
    });
    koffi.pointer('expmig_progress_fn', koffi.proto('int32_t', ['void *', 'void *']));
    koffi.struct('expmig_job_options', {
        struct_size: 'uint32_t',
        flags: 'uint32_t',
        progress_fn: 'expmig_progress_fn',
        progress_user_data: 'void *',
        cancel: 'const expmig_cancel *',
    });
    koffi.pointer('expmig_password_fn', koffi.proto('const char *', ['void *']));
    koffi.struct('expmig_open_options', {
        struct_size: 'uint32_t',
        flags: 'uint32_t',
        busy_timeout_ms: 'int64_t',
        password: 'const char *',
        password_fn: 'expmig_password_fn',
        password_user_data: 'void *',
        max_read_lock_ms: 'int64_t',
        temp_dir: 'const char *',
        cancel: 'const expmig_cancel *',
        progress_fn: 'expmig_progress_fn',
        progress_user_data: 'void *',
    });
    koffi.struct('expmig_value', {
        type: 'int32_t',
        integer: 'int64_t',
        real: 'double',
        bytes: 'const void *',
        length: 'size_t',
    });
    koffi.struct('expmig_row', {
        struct_size: 'uint32_t',
        column_count: 'size_t',
        names: 'const char **',
        values: 'const expmig_value *',
    });
    koffi.pointer('expmig_row_fn', koffi.proto('int32_t', ['void *', 'void *']));
    koffi.pointer('expmig_log_fn', koffi.proto('void', ['int32_t', 'const char *', 'void *']));
    koffi.pointer('expmig_destroy_fn', koffi.proto('void', ['void *']));
    koffi.struct('expmig_manager_options', {
        struct_size: 'uint32_t',
        flags: 'uint32_t',
        snapshot_dir: 'const char *',
        log_level: 'int32_t',
        reserved: 'uint32_t',
        log_fn: 'expmig_log_fn',
        log_user_data: 'void *',
        log_destroy: 'expmig_destroy_fn',
    });
    koffi.struct('expmig_snapshot_options', {
        struct_size: 'uint32_t',
        flags: 'uint32_t',
        metadata_json: 'const char *',
        progress_fn: 'expmig_progress_fn',
        progress_user_data: 'void *',
        cancel: 'const expmig_cancel *',
    });
    koffi.struct('expmig_restore_options', {
        struct_size: 'uint32_t',
        flags: 'uint32_t',
        progress_fn: 'expmig_progress_fn',
        progress_user_data: 'void *',
        cancel: 'const expmig_cancel *',
    });
    koffi.struct('expmig_migrate_options', {
        struct_size: 'uint32_t',
        flags: 'uint32_t',
        strategy: 'int32_t',
        on_duplicate: 'int32_t',
        target_experiment_id: 'const int64_t *',
        batch_size: 'int64_t',
        title_prefix: 'const char *',
        progress_fn: 'expmig_progress_fn',
        progress_user_data: 'void *',
        cancel: 'const expmig_cancel *',
        transformation_rules: 'const char *',
    });
    koffi.struct('expmig_issue', {
        struct_size: 'uint32_t',
        severity: 'int32_t',
        kind: 'const char *',
        section: 'const char *',
        table: 'const char *',
        row_key: 'const char *',
        column: 'const char *',
        message: 'const char *',
        value: 'const char *',
        check: 'const char *',
    });
    koffi.struct('expmig_validate_options', {
        struct_size: 'uint32_t',
        scope: 'uint32_t',
        experiment_id: 'const int64_t *',
        issue_limit: 'int64_t',
        progress_fn: 'expmig_progress_fn',
        progress_user_data: 'void *',
        cancel: 'const expmig_cancel *',
    });
    koffi.struct('expmig_export_options', {
        struct_size: 'uint32_t',
        flags: 'uint32_t',
        indent: 'uint32_t',
        file_mode: 'uint32_t',
        format: 'const char *',
        progress_fn: 'expmig_progress_fn',
        progress_user_data: 'void *',
        cancel: 'const expmig_cancel *',
    });
    koffi.pointer('expmig_write_fn', koffi.proto('int32_t', ['void *', 'size_t', 'void *']));
    koffi.struct('expmig_import_options', {
        struct_size: 'uint32_t',
        flags: 'uint32_t',
        on_duplicate: 'int32_t',
        reserved: 'uint32_t',
        max_value_bytes: 'int64_t',
        progress_fn: 'expmig_progress_fn',
        progress_user_data: 'void *',
        cancel: 'const expmig_cancel *',
    });
    koffi.pointer('expmig_read_fn', koffi.proto('int32_t', ['void *', 'size_t', 'void *', 'void *']));
    koffi.struct('expmig_report_html_options', {
        struct_size: 'uint32_t',
        flags: 'uint32_t',
        issue_limit: 'uint32_t',
        file_mode: 'uint32_t',
        title: 'const char *',
        progress_fn: 'expmig_progress_fn',
        progress_user_data: 'void *',
        cancel: 'const expmig_cancel *',
    });
    koffi.pointer('expmig_check_fn', koffi.proto('int32_t', ['void *', 'void *']));
    koffi.struct('expmig_transform_selection', {
        struct_size: 'uint32_t',
        flags: 'uint32_t',
        experiment_ids: 'const int64_t *',
        experiment_id_count: 'size_t',
        metric_ids: 'const int64_t *',
        metric_id_count: 'size_t',
    });
    koffi.struct('expmig_transform_options', {
        struct_size: 'uint32_t',
        flags: 'uint32_t',
        batch_size: 'int64_t',
        progress_fn: 'expmig_progress_fn',
        progress_user_data: 'void *',
        cancel: 'const expmig_cancel *',
    });
    koffi.struct('expmig_transform_note', {
        struct_size: 'uint32_t',
        reserved: 'uint32_t',
        metric_id: 'int64_t',
        metric_type: 'const char *',
        transformation: 'const char *',
        reason: 'const char *',
    });
    koffi.struct('expmig_undo_options', {
        struct_size: 'uint32_t',
        flags: 'uint32_t',
        progress_fn: 'expmig_progress_fn',
        progress_user_data: 'void *',
        cancel: 'const expmig_cancel *',
    });
    koffi.struct('expmig_metric', {
        struct_size: 'uint32_t',
        reserved: 'uint32_t',
        id: 'int64_t',
        metric_type: 'const char *',
        total_val: 'expmig_value',
        per_label_val: 'expmig_value',
        params_json: 'const char *',
    });
    koffi.pointer('expmig_transform_fn', koffi.proto('int32_t', ['void *', 'void *', 'void *']));
    koffi.disposable('expmig_given_string', 'const char *', library.func('void expmig_string_free(void *string)'));
    const functions = {};
    for (const [name, prototype] of Object.entries(prototypes)) {
        const found = () => {
            const value = library.func(prototype);
            Object.defineProperty(functions, name, { value, enumerable: true });
            return value;
        };
        Object.defineProperty(functions, name, { get: found, enumerable: true, configurable: true });
    }
    return functions;
}

module.exports = { constants, declare };
