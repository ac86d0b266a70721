// The calls that take options, as Go makes them. Options that lead to something of Go's are filled in here: a struct in Go's memory must not hold a
// handle as a pointer, which the garbage collector would take for one. cgo knows no const: the prototypes of Go's functions have none, and are no
// expmig_progress_fn and no expmig_row_fn.
#ifndef EXPMIG_GO_CALLS_H
#define EXPMIG_GO_CALLS_H

#include <expmig.h>
#include <stdlib.h>

int32_t expmigGoProgress(expmig_progress *progress, uintptr_t handle);
int32_t expmigGoRow(expmig_row *row, uintptr_t handle);

// What every call that takes long has: who hears of its progress, if anybody, and what ends it.
typedef struct {
    const expmig_cancel *cancel;
    uintptr_t handle;
} expmig_go_job;

static inline int32_t expmig_go_report(const expmig_progress *progress, void *user_data)
{
    return expmigGoProgress((expmig_progress *)progress, (uintptr_t)user_data);
}

static inline int32_t expmig_go_row(const expmig_row *row, void *user_data)
{
    return expmigGoRow((expmig_row *)row, (uintptr_t)user_data);
}

#define EXPMIG_GO_OPTIONS(name, job)                                                                                                                 \
    expmig_##name##_options options;                                                                                                                 \
    expmig_status status = expmig_##name##_options_init(&options, sizeof options);                                                                   \
    if (status != EXPMIG_OK)                                                                                                                         \
        return status;                                                                                                                               \
    options.cancel = (job).cancel;                                                                                                                   \
    if ((job).handle) {                                                                                                                              \
        options.progress_fn = expmig_go_report;                                                                                                      \
        options.progress_user_data = (void *)(job).handle;                                                                                           \
    }

static inline expmig_status expmig_go_open(const char *url, uint32_t flags, const char *password, int64_t busy_timeout_ms, expmig_go_job job,
                                           expmig_database **database, expmig_error **error)
{
    EXPMIG_GO_OPTIONS(open, job)
    options.flags = flags;
    options.password = password;
    if (busy_timeout_ms >= 0)
        options.busy_timeout_ms = busy_timeout_ms;
    return expmig_database_open(url, &options, database, error);
}

static inline expmig_status expmig_go_manager(const expmig_database *database, const char *snapshot_dir, expmig_manager **manager, expmig_error **error)
{
    expmig_manager_options options;
    expmig_status status = expmig_manager_options_init(&options, sizeof options);
    if (status != EXPMIG_OK)
        return status;
    if (snapshot_dir)
        options.snapshot_dir = snapshot_dir;
    return expmig_manager_new(database, &options, manager, error);
}

static inline expmig_status expmig_go_query(const expmig_database *database, const char *sql, const expmig_value *values, size_t count, uintptr_t handle,
                                            expmig_error **error)
{
    return expmig_database_query(database, sql, values, count, expmig_go_row, (void *)handle, error);
}

// How to migrate; `into` counts if `appends` is not 0.
typedef struct {
    int32_t strategy, on_duplicate;
    uint32_t flags;
    int32_t appends;
    int64_t into;
    const char *title_prefix;
} expmig_go_migrate_options;

#define EXPMIG_GO_MIGRATE_OPTIONS(how, job)                                                                                                          \
    EXPMIG_GO_OPTIONS(migrate, job)                                                                                                                  \
    options.strategy = (how).strategy;                                                                                                               \
    options.on_duplicate = (how).on_duplicate;                                                                                                       \
    options.flags = (how).flags;                                                                                                                     \
    options.title_prefix = (how).title_prefix;                                                                                                       \
    if ((how).appends)                                                                                                                               \
        options.target_experiment_id = &(how).into;

static inline expmig_status expmig_go_migrate(const expmig_manager *source, int64_t experiment, const expmig_manager *target,
                                              expmig_go_migrate_options how, expmig_go_job job, expmig_migration **result, expmig_error **error)
{
    EXPMIG_GO_MIGRATE_OPTIONS(how, job)
    return expmig_migrate_experiment(source, experiment, target, &options, result, error);
}

static inline expmig_status expmig_go_plan(const expmig_manager *source, int64_t experiment, const expmig_manager *target, expmig_go_migrate_options how,
                                           expmig_go_job job, expmig_plan **plan, expmig_error **error)
{
    EXPMIG_GO_MIGRATE_OPTIONS(how, job)
    return expmig_plan_make(source, experiment, target, &options, plan, error);
}

static inline expmig_status expmig_go_digest(const expmig_manager *manager, int64_t experiment, expmig_go_job job, uint8_t *digest, expmig_error **error)
{
    EXPMIG_GO_OPTIONS(job, job)
    return expmig_experiment_digest(manager, experiment, &options, digest, error);
}

static inline expmig_status expmig_go_compare(const expmig_manager *a, int64_t experiment_a, const expmig_manager *b, int64_t experiment_b,
                                              expmig_go_job job, expmig_comparison **comparison, expmig_error **error)
{
    EXPMIG_GO_OPTIONS(job, job)
    return expmig_comparison_make(a, experiment_a, b, experiment_b, &options, comparison, error);
}

static inline expmig_status expmig_go_validate(const expmig_manager *manager, int32_t one, int64_t experiment, int64_t issue_limit, expmig_go_job job,
                                               expmig_report **report, expmig_error **error)
{
    EXPMIG_GO_OPTIONS(validate, job)
    if (one)
        options.experiment_id = &experiment;
    if (issue_limit >= 0)
        options.issue_limit = issue_limit;
    return expmig_validate(manager, &options, report, error);
}

static inline expmig_status expmig_go_transform(const expmig_manager *manager, int32_t selects, const int64_t *experiments, size_t count,
                                                const char *rules, uint32_t flags, expmig_go_job job, expmig_transformation **result,
                                                expmig_error **error)
{
    expmig_transform_selection selection;
    EXPMIG_GO_OPTIONS(transform, job)
    status = expmig_transform_selection_init(&selection, sizeof selection);
    if (status != EXPMIG_OK)
        return status;
    if (selects) {
        selection.experiment_ids = experiments;
        selection.experiment_id_count = count;
    }
    options.flags = flags;
    return expmig_transform_metrics(manager, &selection, rules, &options, result, error);
}

static inline expmig_status expmig_go_undo(const expmig_manager *manager, int64_t transform, uint32_t flags, expmig_go_job job, expmig_undo **undo,
                                           expmig_error **error)
{
    EXPMIG_GO_OPTIONS(undo, job)
    options.flags = flags;
    return expmig_undo_run(manager, transform, &options, undo, error);
}

static inline expmig_status expmig_go_snapshot(const expmig_manager *manager, const char *description, expmig_go_job job, char **snapshot,
                                               expmig_error **error)
{
    EXPMIG_GO_OPTIONS(snapshot, job)
    return expmig_snapshot_create(manager, description, &options, snapshot, error);
}

static inline expmig_status expmig_go_verify(const expmig_manager *manager, const char *snapshot, expmig_go_job job, expmig_error **error)
{
    EXPMIG_GO_OPTIONS(job, job)
    return expmig_snapshot_verify(manager, snapshot, &options, error);
}

static inline expmig_status expmig_go_restore(const expmig_manager *manager, const char *snapshot, uint32_t flags, expmig_go_job job, char **json,
                                              expmig_error **error)
{
    EXPMIG_GO_OPTIONS(restore, job)
    options.flags = flags;
    return expmig_snapshot_restore(manager, snapshot, &options, json, error);
}

static inline expmig_status expmig_go_export(const expmig_manager *manager, int64_t experiment, const char *path, uint32_t flags, expmig_go_job job,
                                             expmig_error **error)
{
    EXPMIG_GO_OPTIONS(export, job)
    options.flags = flags;
    return expmig_export_experiment_to_file(manager, experiment, path, &options, error);
}

static inline expmig_status expmig_go_import(const expmig_manager *manager, const char *path, int32_t on_duplicate, uint32_t flags, expmig_go_job job,
                                             expmig_import **result, expmig_error **error)
{
    EXPMIG_GO_OPTIONS(import, job)
    options.on_duplicate = on_duplicate;
    options.flags = flags;
    return expmig_import_run_from_file(manager, path, &options, result, error);
}

static inline expmig_status expmig_go_page(const expmig_manager **managers, const int64_t *experiments, size_t count, const char *path,
                                           const char *title, uint32_t flags, expmig_go_job job, expmig_error **error)
{
    EXPMIG_GO_OPTIONS(report_html, job)
    options.title = title;
    options.flags = flags;
    return expmig_report_html_to_file(managers, experiments, count, path, &options, error);
}

#endif
