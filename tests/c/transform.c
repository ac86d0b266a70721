/* Transforming metrics, undoing it, and transformations of the caller's own. */
#include "check.h"
#include <stddef.h>

#define RENAME                                                                                                         \
    "{\"metric_transformations\": [{\"metric_type\": \"accuracy\", \"transformation\": \"normalize_json_keys\","       \
    " \"rules\": {\"key_mapping\": {\"class_0\": \"cls_0\", \"class_1\": \"cls_1\"}}}]}"
#define DOUBLE "{\"factor\": 2, \"target\": \"total\"}"

static expmig_transform_selection selection(void)
{
    expmig_transform_selection s;
    CHECK(expmig_transform_selection_init(&s, sizeof s) == EXPMIG_OK);
    CHECK(s.struct_size == sizeof s && s.experiment_ids == NULL && s.metric_ids == NULL);
    return s;
}

static expmig_transform_options options(void)
{
    expmig_transform_options o;
    CHECK(expmig_transform_options_init(&o, sizeof o) == EXPMIG_OK);
    CHECK(o.batch_size == 1000 && o.flags == 0);
    return o;
}

static expmig_transformation *transform(const expmig_manager *manager, const expmig_transform_selection *s, const char *rules)
{
    expmig_transformation *result = GARBAGE;
    OK(expmig_transform_metrics(manager, s, rules, NULL, &result, &err));
    return result;
}

/* ---- The numbers of a result */

static void numbers(const expmig_manager *manager)
{
    expmig_transformation *result = transform(manager, NULL, RENAME);
    CHECK_INT(expmig_transformation_transform_id(result), 1);
    CHECK_INT(expmig_transformation_dry_run(result), 0);
    CHECK_INT(expmig_transformation_examined(result), 75);
    CHECK_INT(expmig_transformation_matched(result), 9);
    CHECK_INT(expmig_transformation_updated(result), 9);
    CHECK_INT(expmig_transformation_unchanged(result), 0);
    CHECK_INT(expmig_transformation_skipped(result), 0);
    CHECK_INT(expmig_transformation_failed(result), 0);
    CHECK_INT(expmig_transformation_copied(result), 0);
    CHECK(expmig_transformation_success_rate(result) == 100.0);
    CHECK(expmig_transformation_duration_ns(result) > 0);
    CHECK_INT(expmig_transformation_warning_count(result), 0);
    CHECK(expmig_transformation_warning_at(result, 0) == NULL);
    CHECK_INT(expmig_transformation_failure_count(result), 0);
    CHECK_HAS(expmig_transformation_to_json(result), "\"schema\":\"expmig.transformation/1\"");
    CHECK_HAS(expmig_transformation_to_json(result), "\"metrics_updated\":9");
    expmig_transformation_free(result);
    /* Once more: nothing to do, so nothing to undo. */
    result = transform(manager, NULL, RENAME);
    CHECK_INT(expmig_transformation_transform_id(result), 0);
    CHECK_INT(expmig_transformation_unchanged(result), 9);
    expmig_transformation_free(result);
    result = transform(manager, NULL, "[{\"metric_type\": \"Accuracy\", \"transformation\": \"scale\", \"params\": " DOUBLE "}]");
    CHECK_INT(expmig_transformation_matched(result), 0);
    CHECK(expmig_transformation_success_rate(result) == 100.0);
    CHECK_INT(expmig_transformation_warning_count(result), 2);
    CHECK_HAS(expmig_transformation_warning_at(result, 0), "\"accuracy\"");
    expmig_transformation_free(result);

    CHECK_INT(expmig_transformation_transform_id(NULL), 0);
    CHECK_INT(expmig_transformation_examined(NULL), 0);
    CHECK(expmig_transformation_success_rate(NULL) == 0.0);
    CHECK_TEXT(expmig_transformation_to_json(NULL), "null");
    CHECK(expmig_transformation_warning_at(NULL, 0) == NULL);
    expmig_transformation_free(NULL);
}

/* ---- Selections: NULL is everything, an empty list is nothing */

static uint64_t examined(const expmig_manager *manager, const expmig_transform_selection *s)
{
    expmig_transform_options o = options();
    expmig_transformation *result = GARBAGE;
    uint64_t count;
    o.flags = EXPMIG_TRANSFORM_DRY_RUN;
    OK(expmig_transform_metrics_by(manager, s, "scale", DOUBLE, &o, &result, &err));
    CHECK_INT(expmig_transformation_dry_run(result), 1);
    CHECK_INT(expmig_transformation_transform_id(result), 0);
    count = expmig_transformation_examined(result);
    CHECK_INT(expmig_transformation_updated(result), count);
    expmig_transformation_free(result);
    return count;
}

static void selections(const expmig_manager *manager)
{
    static const int64_t ids[3] = {1, 2, 1}, metrics[3] = {7, 8, 7}, unknown[2] = {7, 99999};
    expmig_transform_selection s = selection();
    expmig_transformation *result = GARBAGE;
    CHECK_INT(examined(manager, NULL), 75);
    CHECK_INT(examined(manager, &s), 75);
    s.experiment_ids = ids;
    CHECK_INT(examined(manager, &s), 0);
    s.experiment_id_count = 1;
    CHECK_INT(examined(manager, &s), 25);
    s.experiment_id_count = 3;
    CHECK_INT(examined(manager, &s), 50);
    s.metric_ids = metrics;
    CHECK_INT(examined(manager, &s), 0);
    s.metric_id_count = 3;
    CHECK_INT(examined(manager, &s), 2);
    s.metric_ids = NULL;
    FAILS_ON("metric_ids", expmig_transform_metrics(manager, &s, RENAME, NULL, &result, &err));
    CHECK(result == NULL);
    s = selection();
    s.experiment_id_count = 1;
    FAILS_ON("experiment_ids", expmig_transform_metrics(manager, &s, RENAME, NULL, &result, &err));
    s.experiment_ids = unknown + 1;
    FAILS(EXPMIG_NOT_FOUND, expmig_transform_metrics(manager, &s, RENAME, NULL, &result, &err));
    CHECK_TEXT(detail("experiment_id"), "99999");
    CHECK_INT(expmig_error_domain(err), EXPMIG_DOMAIN_TRANSFORMATION);
    s = selection();
    s.metric_ids = unknown;
    s.metric_id_count = 2;
    FAILS(EXPMIG_NOT_FOUND, expmig_transform_metrics(manager, &s, RENAME, NULL, &result, &err));
    CHECK_TEXT(detail("metric_id"), "99999");
}

/* ---- Arguments */

static void arguments(const expmig_manager *manager)
{
    expmig_transformation *result = GARBAGE;
    expmig_transform_options o = options();
    expmig_transform_selection s = selection();
    expmig_transform_note note;
    char *json = GARBAGE;
    uint64_t count = 7;
    FAILS_ON("manager", expmig_transform_metrics(NULL, NULL, RENAME, NULL, &result, &err));
    CHECK(result == NULL);
    FAILS_ON("result", expmig_transform_metrics(manager, NULL, RENAME, NULL, NULL, &err));
    FAILS_ON("rules_json", expmig_transform_metrics(manager, NULL, NULL, NULL, &result, &err));
    FAILS_ON("rules_json", expmig_transform_metrics(manager, NULL, "\xff", NULL, &result, &err));
    FAILS_ON("transformation", expmig_transform_metrics_by(manager, NULL, NULL, "{}", NULL, &result, &err));
    FAILS_ON("transformation_type", expmig_transform_metrics_by(manager, NULL, "skale", "{}", NULL, &result, &err));
    CHECK_HAS(expmig_error_hint(err), "scale");
    FAILS(EXPMIG_INVALID_ARGUMENT, expmig_transform_metrics_by(manager, NULL, "scale", NULL, NULL, &result, &err));
    FAILS(EXPMIG_INVALID_ARGUMENT, expmig_transform_metrics(manager, NULL, "{\"metric_transformations\": 7}", NULL, &result, &err));
    CHECK_TEXT(detail("path"), "$.metric_transformations");
    o.batch_size = 0;
    FAILS_ON("batch_size", expmig_transform_metrics(manager, NULL, RENAME, &o, &result, &err));
    o.batch_size = -1;
    FAILS_ON("batch_size", expmig_transform_metrics(manager, NULL, RENAME, &o, &result, &err));
    o = options();
    o.flags = 2;
    FAILS_ON("flags", expmig_transform_metrics(manager, NULL, RENAME, &o, &result, &err));
    s.flags = 1;
    FAILS_ON("flags", expmig_transform_metrics(manager, &s, RENAME, NULL, &result, &err));
    s.struct_size = 3;
    FAILS_ON("struct_size", expmig_transform_metrics(manager, &s, RENAME, NULL, &result, &err));
    CHECK(expmig_transform_selection_init(NULL, sizeof s) == EXPMIG_INVALID_ARGUMENT);
    CHECK(expmig_transform_options_init(&o, 1) == EXPMIG_INVALID_ARGUMENT);
    CHECK(expmig_undo_options_init(NULL, 0) == EXPMIG_INVALID_ARGUMENT);
    CHECK(expmig_transform_note_init(&note, 5000) == EXPMIG_INVALID_ARGUMENT);

    FAILS_ON("manager", expmig_transform_undo(NULL, 1, NULL, &json, &err));
    CHECK(json == NULL);
    FAILS_ON("result_json", expmig_transform_undo(manager, 1, NULL, NULL, &err));
    FAILS_ON("json", expmig_transform_list(manager, NULL, &err));
    FAILS_ON("manager", expmig_transform_list(NULL, &json, &err));
    FAILS_ON("keep_count", expmig_transform_forget(manager, -1, NULL, &count, &err));
    CHECK_INT(count, 0);
    FAILS_ON("manager", expmig_transform_forget(NULL, 0, NULL, NULL, &err));
}

/* ---- Going back */

static void undoing(const expmig_manager *manager, const char *path)
{
    expmig_undo_options o;
    expmig_transformation *result;
    char *json = GARBAGE;
    uint64_t forgotten = 7;
    CHECK(expmig_undo_options_init(&o, sizeof o) == EXPMIG_OK);
    OK(expmig_transform_list(manager, &json, &err));
    CHECK_HAS(json, "{\"schema\":\"expmig.transforms/1\",\"transforms\":[{\"id\":1,");
    CHECK_HAS(json, "\"metrics\":9");
    expmig_string_free(json);
    OK(expmig_transform_undo(manager, 1, NULL, &json, &err));
    CHECK_HAS(json, "\"schema\":\"expmig.undo/1\"");
    CHECK_HAS(json, "\"metrics_restored\":9");
    expmig_string_free(json);
    FAILS(EXPMIG_NOT_FOUND, expmig_transform_undo(manager, 1, NULL, &json, &err));
    CHECK(json == NULL);

    result = transform(manager, NULL, RENAME);
    CHECK_INT(expmig_transformation_transform_id(result), 2);
    expmig_transformation_free(result);
    sql(path, "UPDATE METRIC SET per_label_val = '{}' WHERE id = (SELECT min(id) FROM METRIC WHERE type = 'accuracy')");
    FAILS(EXPMIG_MISMATCH, expmig_transform_undo(manager, 2, NULL, &json, &err));
    CHECK_TEXT(detail("count"), "1");
    CHECK_TEXT(detail("transform_id"), "2");
    o.flags = 2;
    FAILS_ON("flags", expmig_transform_undo(manager, 2, &o, &json, &err));
    o.flags = EXPMIG_UNDO_SKIP_CHANGED;
    OK(expmig_transform_undo(manager, 2, &o, &json, &err));
    CHECK_HAS(json, "\"metrics_restored\":8");
    CHECK_HAS(json, "\"metrics_skipped\":1");
    expmig_string_free(json);

    expmig_transformation_free(transform(manager, NULL, RENAME));
    OK(expmig_transform_forget(manager, 1, NULL, &forgotten, &err));
    CHECK_INT(forgotten, 0);
    OK(expmig_transform_forget(manager, 0, NULL, &forgotten, &err));
    CHECK_INT(forgotten, 1);
    OK(expmig_transform_forget(manager, 0, NULL, NULL, &err));
    FAILS(EXPMIG_NOT_FOUND, expmig_transform_undo(manager, 3, NULL, &json, &err));
}

/* ---- Transformations of the caller's own */

typedef struct {
    const expmig_manager *manager;
    int calls, destroyed;
    int32_t answer;
    const char *params;
} user;

static void destroy(void *user_data)
{
    ((user *)user_data)->destroyed++;
}

static user nobody(void)
{
    user u;
    memset(&u, 0, sizeof u);
    return u;
}

/* Something else for each metric. */
static int32_t something(expmig_transform_context *context, const expmig_metric *metric, void *user_data)
{
    user *u = user_data;
    expmig_transformation *result = GARBAGE;
    CHECK_INT(metric->struct_size, sizeof *metric);
    CHECK_TEXT(metric->metric_type, "accuracy");
    CHECK_TEXT(metric->params_json, u->params);
    CHECK(metric->id > 0);
    CHECK_INT(metric->total_val.type, EXPMIG_VALUE_REAL);
    /* The first run leaves one metric without labels. */
    if (metric->per_label_val.type != EXPMIG_VALUE_NULL) {
        CHECK_INT(metric->per_label_val.type, EXPMIG_VALUE_TEXT);
        CHECK_INT(strlen(metric->per_label_val.bytes), metric->per_label_val.length);
    }
    /* The handles of the running call. */
    FAILS(EXPMIG_MISUSE, expmig_transform_metrics(u->manager, NULL, RENAME, NULL, &result, &err));
    FAILS(EXPMIG_MISUSE, expmig_transformation_unregister(u->manager, "anything", &err));
    switch (u->calls++) {
    case 0:
        FAILS_ON("context", expmig_transform_set_total(NULL, 0.5, &err));
        FAILS_ON("context", expmig_transform_fail(NULL, "x", &err));
        FAILS_ON("total_val", expmig_transform_set_total(context, strtod("nan", NULL), &err));
        FAILS_ON("per_label_json", expmig_transform_set_per_label(context, "\xff", &err));
        FAILS_ON("reason", expmig_transform_skip(context, NULL, &err));
        FAILS_ON("message", expmig_transform_fail(context, NULL, &err));
        OK(expmig_transform_set_total(context, 0.25, &err));
        OK(expmig_transform_set_per_label(context, "{\"a\":  1.0}", &err));
        break;
    case 1:
        OK(expmig_transform_set_per_label(context, NULL, &err));
        break;
    case 2:
        OK(expmig_transform_set_total(context, 1e300, &err));
        OK(expmig_transform_skip(context, "not\nthis one", &err));
        break;
    case 3:
        OK(expmig_transform_fail(context, "bad luck", &err));
        break;
    case 4:
        OK(expmig_transform_set_per_label(context, "[1]", &err));
        break;
    case 5:
        OK(expmig_transform_set_total(context, metric->total_val.real, &err));
        break;
    default:
        return u->answer;
    }
    return EXPMIG_CALLBACK_CONTINUE;
}

static int32_t anything(expmig_transform_context *context, const expmig_metric *metric, void *user_data)
{
    /* err is that of the running call. */
    expmig_error *outer = err;
    int32_t answer;
    err = NULL;
    answer = something(context, metric, user_data);
    forget_error();
    err = outer;
    return answer;
}

static void registered(const expmig_manager *manager)
{
    static const char *loose = "{\"metric_transformations\": [{\"metric_type\": \"accuracy\", \"transformation\": \"anything\","
                               " \"params\": {\"x\":  1.50}}], \"global_settings\": {\"rollback_on_error\": false}}";
    expmig_transformation *result = GARBAGE;
    expmig_transform_note note;
    user u = nobody();
    u.manager = manager;
    u.params = "{\"x\":  1.50}";
    OK(expmig_transformation_register(manager, "anything", anything, &u, destroy, &err));
    result = transform(manager, NULL, loose);
    CHECK_INT(u.calls, 9);
    CHECK_INT(expmig_transformation_matched(result), 9);
    CHECK_INT(expmig_transformation_updated(result), 2);
    CHECK_INT(expmig_transformation_unchanged(result), 4);
    CHECK_INT(expmig_transformation_skipped(result), 1);
    CHECK_INT(expmig_transformation_failed(result), 2);
    CHECK(expmig_transformation_success_rate(result) > 77.7 && expmig_transformation_success_rate(result) < 77.8);
    CHECK_INT(expmig_transformation_failure_count(result), 2);
    CHECK(expmig_transform_note_init(&note, sizeof note) == EXPMIG_OK);
    OK(expmig_transformation_failure_at(result, 0, &note, &err));
    CHECK_TEXT(note.metric_type, "accuracy");
    CHECK_TEXT(note.transformation, "anything");
    CHECK_TEXT(note.reason, "bad luck");
    CHECK(note.metric_id > 0);
    OK(expmig_transformation_failure_at(result, 1, &note, &err));
    CHECK_TEXT(note.transformation, "validate_after_transform");
    CHECK_INT(expmig_transformation_skip_count(result), 1);
    OK(expmig_transformation_skip_at(result, 0, &note, &err));
    CHECK_TEXT(note.reason, "not this one");
    FAILS_ON("index", expmig_transformation_failure_at(result, 2, &note, &err));
    FAILS_ON("index", expmig_transformation_skip_at(result, 1, &note, &err));
    FAILS_ON("result", expmig_transformation_failure_at(NULL, 0, &note, &err));
    FAILS_ON("note", expmig_transformation_failure_at(result, 0, NULL, &err));
    expmig_transformation_free(result);

    /* Strictly: the same failures end it, and nothing is changed. */
    u.calls = 0;
    u.params = "{}";
    FAILS(EXPMIG_VALIDATION, expmig_transform_metrics(manager, NULL,
        "[{\"metric_type\": \"accuracy\", \"transformation\": \"anything\"}]", NULL, &result, &err));
    CHECK_TEXT(detail("count"), "2");
    /* What the callback answers ends it too. */
    u.calls = 6;
    u.answer = EXPMIG_CALLBACK_CANCEL;
    u.params = "{\"x\":  1.50}";
    FAILS(EXPMIG_CANCELLED, expmig_transform_metrics(manager, NULL, loose, NULL, &result, &err));
    CHECK(result == NULL);
    CHECK_INT(u.calls, 7);
    u.answer = -5;
    FAILS(EXPMIG_CALLBACK, expmig_transform_metrics(manager, NULL, loose, NULL, &result, &err));
    CHECK_TEXT(detail("callback"), "transformation");
    CHECK_TEXT(detail("callback_result"), "-5");
    CHECK_INT(u.calls, 8);

    /* The user data is destroyed once, whatever happens. */
    CHECK_INT(u.destroyed, 0);
    FAILS(EXPMIG_ALREADY_EXISTS, expmig_transformation_register(manager, "anything", anything, &u, destroy, &err));
    CHECK_INT(u.destroyed, 1);
    FAILS(EXPMIG_ALREADY_EXISTS, expmig_transformation_register(manager, "round", anything, &u, destroy, &err));
    FAILS_ON("name", expmig_transformation_register(manager, "", anything, &u, destroy, &err));
    FAILS_ON("name", expmig_transformation_register(manager, NULL, anything, &u, destroy, &err));
    FAILS_ON("transform_fn", expmig_transformation_register(manager, "other", NULL, &u, destroy, &err));
    FAILS_ON("manager", expmig_transformation_register(NULL, "other", anything, &u, destroy, &err));
    CHECK_INT(u.destroyed, 6);
    OK(expmig_transformation_unregister(manager, "anything", &err));
    CHECK_INT(u.destroyed, 7);
    FAILS(EXPMIG_NOT_FOUND, expmig_transformation_unregister(manager, "anything", &err));
    FAILS_ON("name", expmig_transformation_unregister(manager, NULL, &err));
    FAILS(EXPMIG_INVALID_ARGUMENT, expmig_transform_metrics(manager, NULL, loose, NULL, &result, &err));
}

static void destroyed_with_the_manager(void)
{
    expmig_manager *manager = open_manager("small.db", 0);
    user u = nobody();
    OK(expmig_transformation_register(manager, "anything", anything, &u, destroy, &err));
    CHECK_INT(u.destroyed, 0);
    expmig_manager_free(manager);
    CHECK_INT(u.destroyed, 1);
}

/* ---- Progress, cancelling, a read-only handle */

static int32_t stop(const expmig_progress *progress, void *user_data)
{
    int *calls = user_data;
    CHECK(progress->finished == 0);
    ++*calls;
    return EXPMIG_CALLBACK_CANCEL;
}

static int32_t watch(const expmig_progress *progress, void *user_data)
{
    int *calls = user_data;
    ++*calls;
    if (progress->finished) {
        CHECK(progress->completion_percentage == 100.0);
        CHECK(progress->processed_items == 75 && progress->total_items == 75);
    }
    return EXPMIG_CALLBACK_CONTINUE;
}

static void watched(void)
{
    expmig_manager *manager;
    expmig_transform_options o = options();
    expmig_undo_options u;
    expmig_job_options j = job_options();
    expmig_transformation *result = GARBAGE;
    char *json = GARBAGE;
    int calls = 0;
    copy_file("small.db", "watched.db");
    copy_file("small.db", "before.db");
    manager = open_manager("watched.db", 0);
    o.progress_user_data = &calls;
    o.progress_fn = stop;
    FAILS(EXPMIG_CANCELLED, expmig_transform_metrics(manager, NULL, RENAME, &o, &result, &err));
    CHECK_INT(calls, 1);
    o.progress_fn = NULL;
    o.cancel = expmig_cancel_new();
    expmig_cancel_trigger((expmig_cancel *)o.cancel);
    FAILS(EXPMIG_CANCELLED, expmig_transform_metrics(manager, NULL, RENAME, &o, &result, &err));
    expmig_cancel_free((expmig_cancel *)o.cancel);
    o.cancel = NULL;
    CHECK(same_file("watched.db", "before.db"));
    calls = 0;
    o.progress_fn = watch;
    OK(expmig_transform_metrics(manager, NULL, RENAME, &o, &result, &err));
    CHECK(calls >= 2);
    expmig_transformation_free(result);
    CHECK(expmig_undo_options_init(&u, sizeof u) == EXPMIG_OK);
    u.progress_user_data = j.progress_user_data = &calls;
    u.progress_fn = j.progress_fn = stop;
    FAILS(EXPMIG_CANCELLED, expmig_transform_undo(manager, 1, &u, &json, &err));
    FAILS(EXPMIG_CANCELLED, expmig_transform_forget(manager, 0, &j, NULL, &err));
    OK(expmig_transform_undo(manager, 1, NULL, &json, &err));
    expmig_string_free(json);
    expmig_manager_free(manager);

    manager = open_manager("before.db", EXPMIG_OPEN_READONLY);
    FAILS(EXPMIG_MISUSE, expmig_transform_metrics(manager, NULL, RENAME, NULL, &result, &err));
    FAILS(EXPMIG_MISUSE, expmig_transform_undo(manager, 1, NULL, &json, &err));
    CHECK_INT(examined(manager, NULL), 75);
    OK(expmig_transform_list(manager, &json, &err));
    CHECK_TEXT(json, "{\"schema\":\"expmig.transforms/1\",\"transforms\":[]}");
    expmig_string_free(json);
    expmig_manager_free(manager);
}

/* ---- Rules for the copy of a migration */

static void migrated(void)
{
    expmig_manager *manager;
    expmig_migrate_options o = migrate_options();
    expmig_migration *result = GARBAGE;
    char *json = GARBAGE;
    uint8_t source[EXPMIG_DIGEST_SIZE], target[EXPMIG_DIGEST_SIZE], wanted[EXPMIG_DIGEST_SIZE];
    copy_file("small.db", "migrated.db");
    manager = open_manager("migrated.db", 0);
    CHECK(o.transformation_rules == NULL);
    o.transformation_rules = "\xff";
    FAILS_ON("transformation_rules", expmig_migrate_experiment(manager, 1, NULL, &o, &result, &err));
    o.transformation_rules = "[7]";
    FAILS(EXPMIG_INVALID_ARGUMENT, expmig_migrate_experiment(manager, 1, NULL, &o, &result, &err));
    CHECK_TEXT(detail("path"), "$[0]");
    o.transformation_rules = RENAME;
    OK(expmig_migrate_plan(manager, 1, NULL, &o, &json, &err));
    CHECK_HAS(json, "\"metrics_updated\":3,");
    expmig_string_free(json);
    OK(expmig_migrate_experiment(manager, 1, NULL, &o, &result, &err));
    CHECK_HAS(expmig_migration_to_json(result), "\"metrics_updated\":3,");
    OK(expmig_migration_digest(result, EXPMIG_DIGEST_SOURCE, source, &err));
    OK(expmig_migration_digest(result, EXPMIG_DIGEST_TARGET, target, &err));
    OK(expmig_migration_digest(result, EXPMIG_DIGEST_AS_STORED, wanted, &err));
    CHECK(memcmp(source, target, sizeof source) != 0 && memcmp(wanted, target, sizeof wanted) == 0);
    expmig_migration_free(result);
    /* A program that was built before there were rules. */
    o.struct_size = offsetof(expmig_migrate_options, transformation_rules);
    o.on_duplicate = EXPMIG_DUPLICATE_ERROR;
    OK(expmig_migrate_experiment(manager, 1, NULL, &o, &result, &err));
    CHECK_HAS(expmig_migration_to_json(result), "\"transformation\":null");
    expmig_migration_free(result);
    expmig_manager_free(manager);
}

int main(void)
{
    expmig_manager *manager;
    copy_file("small.db", "work.db");
    manager = open_manager("work.db", 0);
    numbers(manager);
    selections(manager);
    arguments(manager);
    undoing(manager, "work.db");
    expmig_manager_free(manager);
    copy_file("small.db", "own.db");
    manager = open_manager("own.db", 0);
    registered(manager);
    expmig_manager_free(manager);
    destroyed_with_the_manager();
    watched();
    migrated();
    forget_error();
    return 0;
}
