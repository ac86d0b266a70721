/* What used to come as JSON only, as objects: the same content, texts that live as long as their object, and NULL everywhere. */
#include "check.h"

static expmig_manager *manager_in(const char *path, const char *folder)
{
    expmig_database *database = open_database(path);
    expmig_manager *manager = NULL;
    expmig_manager_options options;
    CHECK(expmig_manager_options_init(&options, sizeof options) == EXPMIG_OK);
    options.snapshot_dir = folder;
    OK(expmig_manager_new(database, &options, &manager, &err));
    expmig_database_close(database);
    return manager;
}

/* A document that the caller owns, and the same of an object. */
static void same_json(char *json, const char *of_object)
{
    CHECK_TEXT(of_object, json);
    expmig_string_free(json);
}

static void experiments(void)
{
    expmig_manager *manager;
    expmig_experiments *list = GARBAGE;
    const char *title;
    char *json = NULL;
    copy_file("small.db", "list.db");
    sql("list.db", "INSERT INTO EXPERIMENT (id, title, start_time, update_time) VALUES (9007199254740993, 'large', "
                   "'2024-01-01T00:00:00', '2024-01-02T00:00:00')");
    manager = open_manager("list.db", 0);
    FAILS_ON("manager", expmig_experiments_read(NULL, &list, &err));
    CHECK(list == NULL);
    FAILS_ON("experiments", expmig_experiments_read(manager, NULL, &err));
    OK(expmig_experiments_read(manager, &list, &err));
    OK(expmig_experiment_list(manager, &json, &err));
    same_json(json, expmig_experiments_to_json(list));
    expmig_manager_free(manager);
    CHECK_INT(expmig_experiments_count(list), 4);
    CHECK_INT(expmig_experiments_id(list, 0), 1);
    /* What a double could not hold. */
    CHECK_INT(expmig_experiments_id(list, 3), INT64_C(9007199254740993));
    title = expmig_experiments_title(list, 3);
    CHECK_TEXT(title, "large");
    CHECK(title == expmig_experiments_title(list, 3));
    CHECK(expmig_experiments_description(list, 3) == NULL);
    CHECK_TEXT(expmig_experiments_start_time(list, 3), "2024-01-01T00:00:00");
    CHECK_TEXT(expmig_experiments_update_time(list, 3), "2024-01-02T00:00:00");
    CHECK_INT(expmig_experiments_trial_count(list, 0), 1);
    CHECK_INT(expmig_experiments_run_count(list, 0), 1);
    CHECK_INT(expmig_experiments_trial_count(list, 3), 0);
    CHECK_INT(expmig_experiments_id(list, 4), 0);
    CHECK(expmig_experiments_title(list, SIZE_MAX) == NULL);
    CHECK_INT(expmig_experiments_run_count(list, 4), 0);
    CHECK_INT(expmig_experiments_unlisted_count(list), 0);
    CHECK(expmig_experiments_unlisted_at(list, 0) == NULL);
    expmig_experiments_free(list);
}

static void snapshots(void)
{
    expmig_manager *manager;
    expmig_snapshots *list = GARBAGE;
    expmig_snapshot *one = GARBAGE;
    const expmig_snapshot *first;
    expmig_snapshot_options options;
    char *id = NULL, *json = NULL, broken[100];
    uint64_t rows = 0;
    size_t i;
    copy_file("small.db", "kept.db");
    manager = manager_in("kept.db", "folder");
    CHECK(expmig_snapshot_options_init(&options, sizeof options) == EXPMIG_OK);
    options.metadata_json = "{\"by\": 1.50}";
    OK(expmig_snapshot_create(manager, "the first", &options, &id, &err));
    snprintf(broken, sizeof broken, "cp folder/%s.json folder/20200101_000000.json", id);
    CHECK(run("sh", "-c", broken, NULL) == 0);
    FAILS_ON("snapshots", expmig_snapshots_read(manager, EXPMIG_TIME_UNKNOWN, NULL, NULL, &err));
    FAILS_ON("pattern", expmig_snapshots_read(manager, EXPMIG_TIME_UNKNOWN, "\xff", &list, &err));
    CHECK(list == NULL);
    OK(expmig_snapshots_read(manager, EXPMIG_TIME_UNKNOWN, "*first*", &list, &err));
    OK(expmig_snapshot_list(manager, EXPMIG_TIME_UNKNOWN, "*first*", &json, &err));
    same_json(json, expmig_snapshots_to_json(list));
    OK(expmig_snapshot_read(manager, id, &one, &err));
    OK(expmig_snapshot_details(manager, id, &json, &err));
    same_json(json, expmig_snapshot_to_json(one));
    FAILS(EXPMIG_NOT_FOUND, expmig_snapshot_read(manager, "20000101_000000", (expmig_snapshot **)&first, &err));
    CHECK(first == NULL);
    expmig_manager_free(manager);
    CHECK_INT(expmig_snapshots_count(list), 1);
    first = expmig_snapshots_at(list, 0);
    CHECK(expmig_snapshots_at(list, 1) == NULL);
    CHECK_TEXT(expmig_snapshot_id(first), id);
    CHECK_TEXT(expmig_snapshot_description(one), "the first");
    CHECK_TEXT(expmig_snapshot_metadata_json(one), "{\"by\": 1.50}");
    CHECK_TEXT(expmig_snapshot_engine(one), "sqlite");
    CHECK_TEXT(expmig_snapshot_database_name(one), "kept.db");
    CHECK_TEXT(expmig_snapshot_library_version(one), expmig_version());
    CHECK(expmig_snapshot_size(first) >= 4096 && strlen(expmig_snapshot_blake3(first)) == 64);
    CHECK(expmig_snapshot_created_us(first) > INT64_C(1700000000000000));
    for (i = 0; i < expmig_snapshot_table_count(one); i++) {
        CHECK(*expmig_snapshot_table_name(one, i) != 0);
        rows += expmig_snapshot_table_rows(one, i);
    }
    CHECK(i >= 15 && rows > 82);
    CHECK_INT(expmig_snapshot_row_count(one), rows);
    CHECK(expmig_snapshot_table_name(one, i) == NULL && expmig_snapshot_table_rows(one, i) == 0);
    CHECK_INT(expmig_snapshots_broken_count(list), 1);
    CHECK_TEXT(expmig_snapshots_broken_id(list, 0), "20200101_000000");
    CHECK_INT(expmig_error_status(expmig_snapshots_broken_error(list, 0)), EXPMIG_CORRUPT);
    CHECK(expmig_snapshots_broken_id(list, 1) == NULL && expmig_snapshots_broken_error(list, 1) == NULL);
    expmig_snapshots_free(list);
    CHECK_TEXT(expmig_snapshot_id(one), id);
    expmig_snapshot_free(one);
    expmig_string_free(id);
}

static void plans(void)
{
    expmig_manager *manager;
    expmig_migrate_options options = migrate_options();
    expmig_plan *plan = GARBAGE;
    uint8_t source[EXPMIG_DIGEST_SIZE], stored[EXPMIG_DIGEST_SIZE];
    uint64_t rows = 0;
    size_t i, metric = SIZE_MAX;
    copy_file("small.db", "plan.db");
    sql("plan.db", "ALTER TABLE METRIC ADD COLUMN note TEXT; CREATE TABLE other (x); INSERT INTO EXPERIMENT SELECT 70, "
                   "title, desc, start_time, update_time FROM EXPERIMENT WHERE id = 1; UPDATE METRIC SET per_label_val = "
                   "'{\"a\": true}' WHERE id = (SELECT min(metric_id) FROM RESULTS_METRIC)");
    manager = open_manager("plan.db", 0);
    FAILS_ON("plan", expmig_plan_make(manager, 1, NULL, NULL, NULL, &err));
    FAILS(EXPMIG_NOT_FOUND, expmig_plan_make(manager, 99, NULL, NULL, &plan, &err));
    CHECK(plan == NULL);
    options.title_prefix = "copy of ";
    options.transformation_rules = "{\"metric_transformations\": [{\"metric_type\": \"accuracy\", \"transformation\": "
                                   "\"scale\", \"params\": {\"factor\": 2}}]}";
    OK(expmig_plan_make(manager, 1, NULL, &options, &plan, &err));
    expmig_manager_free(manager);
    CHECK_INT(expmig_plan_source_experiment_id(plan), 1);
    CHECK_INT(expmig_plan_target_experiment_id(plan), 0);
    CHECK_INT(expmig_plan_strategy(plan), EXPMIG_STRATEGY_BALANCED);
    CHECK_INT(expmig_plan_same_database(plan), 1);
    for (i = 0; i < expmig_plan_table_count(plan); i++) {
        rows += expmig_plan_table_rows(plan, i) + expmig_plan_table_unsound(plan, i);
        if (strcmp(expmig_plan_table_name(plan, i), "METRIC") == 0)
            metric = i;
    }
    CHECK_INT(expmig_plan_items_total(plan), rows);
    CHECK(expmig_plan_table_rows(plan, metric) > 0 && expmig_plan_table_unsound(plan, metric) == 0);
    CHECK(expmig_plan_table_name(plan, i) == NULL);
    CHECK_INT(expmig_plan_extra_column_count(plan), 1);
    CHECK_TEXT(expmig_plan_extra_column_table(plan, 0), "METRIC");
    CHECK_TEXT(expmig_plan_extra_column_name(plan, 0), "note");
    CHECK_TEXT(expmig_plan_extra_column_fate(plan, 0), "copied");
    CHECK(expmig_plan_extra_column_name(plan, 1) == NULL);
    CHECK_INT(expmig_plan_extra_table_count(plan), 1);
    CHECK_TEXT(expmig_plan_extra_table_at(plan, 0), "other");
    CHECK_INT(expmig_plan_problem_count(plan, EXPMIG_PLAN_UNSOUND), 0);
    CHECK_INT(expmig_plan_problem_count(plan, EXPMIG_PLAN_VALIDATION), 0);
    CHECK_INT(expmig_plan_problem_count(plan, EXPMIG_PLAN_ODD_VALUES), 1);
    CHECK_INT(expmig_plan_problem_listed(plan, EXPMIG_PLAN_ODD_VALUES), 1);
    CHECK_TEXT(expmig_plan_problem_table(plan, EXPMIG_PLAN_ODD_VALUES, 0), "METRIC");
    CHECK_HAS(expmig_plan_problem_row(plan, EXPMIG_PLAN_ODD_VALUES, 0), "id=");
    CHECK_TEXT(expmig_plan_problem_column(plan, EXPMIG_PLAN_ODD_VALUES, 0), "per_label_val");
    CHECK_HAS(expmig_plan_problem_message(plan, EXPMIG_PLAN_ODD_VALUES, 0), "METRIC (id=");
    CHECK(expmig_plan_problem_message(plan, EXPMIG_PLAN_ODD_VALUES, 1) == NULL);
    CHECK_INT(expmig_plan_problem_count(plan, 0) + expmig_plan_problem_count(plan, 5) + expmig_plan_problem_count(plan, INT32_MIN), 0);
    CHECK(expmig_transformation_matched(expmig_plan_transformation(plan)) > 0);
    CHECK_INT(expmig_transformation_dry_run(expmig_plan_transformation(plan)), 1);
    CHECK(expmig_plan_needed_bytes(plan) > 0 && expmig_plan_free_bytes(plan) > 0);
    OK(expmig_plan_digest(plan, EXPMIG_DIGEST_SOURCE, source, &err));
    OK(expmig_plan_digest(plan, EXPMIG_DIGEST_AS_STORED, stored, &err));
    CHECK(memcmp(source, stored, sizeof source) != 0);
    FAILS_ON("which", expmig_plan_digest(plan, EXPMIG_DIGEST_TARGET, source, &err));
    CHECK(filled_with(source, 0));
    for (i = 0; i < expmig_plan_warning_count(plan); i++)
        CHECK(*expmig_plan_warning_at(plan, i) != 0);
    CHECK(i > 0 && expmig_plan_warning_at(plan, i) == NULL);
    CHECK_HAS(expmig_plan_to_json(plan), "\"schema\":\"expmig.plan/1\"");
    CHECK_HAS(expmig_plan_to_json(plan), "\"write_lock_ms\":");
    CHECK(expmig_plan_to_json(plan) == expmig_plan_to_json(plan));
    expmig_plan_free(plan);
}

/* What the target cannot hold, and what it has already. */
static void plans_into_another(void)
{
    expmig_manager *source, *target;
    expmig_plan *plan = NULL;
    copy_file("small.db", "from.db");
    copy_file("small.db", "into.db");
    sql("from.db", "ALTER TABLE METRIC ADD COLUMN note TEXT; UPDATE METRIC SET note = 'kept'; PRAGMA foreign_keys = OFF; "
                   "INSERT INTO RESULTS_METRIC SELECT trial_run_id, 999999 FROM RESULTS ORDER BY 1 LIMIT 1");
    source = open_manager("from.db", 0);
    target = open_manager("into.db", 0);
    OK(expmig_plan_make(source, 1, target, NULL, &plan, &err));
    CHECK_INT(expmig_plan_same_database(plan), 0);
    CHECK_TEXT(expmig_plan_extra_column_fate(plan, 0), "missing in the target");
    CHECK(expmig_plan_problem_count(plan, EXPMIG_PLAN_LOSSY) >= 1);
    CHECK_TEXT(expmig_plan_problem_table(plan, EXPMIG_PLAN_LOSSY, 0), "METRIC");
    CHECK_TEXT(expmig_plan_problem_column(plan, EXPMIG_PLAN_LOSSY, 0), "note");
    CHECK(*expmig_plan_problem_message(plan, EXPMIG_PLAN_LOSSY, 0) != 0);
    CHECK_INT(expmig_plan_problem_count(plan, EXPMIG_PLAN_UNSOUND), 1);
    CHECK_TEXT(expmig_plan_problem_table(plan, EXPMIG_PLAN_UNSOUND, 0), "RESULTS_METRIC");
    CHECK(expmig_plan_problem_column(plan, EXPMIG_PLAN_UNSOUND, 0) == NULL);
    CHECK(expmig_plan_transformation(plan) == NULL);
    expmig_plan_free(plan);
    plan = NULL;
    OK(expmig_plan_make(source, 2, target, NULL, &plan, &err));
    CHECK_INT(expmig_plan_duplicate_count(plan), 1);
    CHECK_INT(expmig_plan_duplicate_id(plan, 0), 2);
    CHECK_INT(expmig_plan_duplicate_id(plan, 1), 0);
    CHECK(expmig_plan_duplicate_proven(plan, 0) == 0 || expmig_plan_duplicate_proven(plan, 0) == 1);
    expmig_plan_free(plan);
    expmig_manager_free(target);
    expmig_manager_free(source);
}

static void comparisons(void)
{
    expmig_manager *manager;
    expmig_comparison *found = GARBAGE;
    uint8_t a[EXPMIG_DIGEST_SIZE], b[EXPMIG_DIGEST_SIZE];
    char *json = NULL;
    size_t i;
    copy_file("small.db", "compare.db");
    manager = open_manager("compare.db", 0);
    FAILS_ON("comparison", expmig_comparison_make(manager, 1, manager, 2, NULL, NULL, &err));
    FAILS_ON("manager_b", expmig_comparison_make(manager, 1, NULL, 2, NULL, &found, &err));
    CHECK(found == NULL);
    OK(expmig_comparison_make(manager, 1, manager, 1, NULL, &found, &err));
    CHECK_INT(expmig_comparison_equal(found), 1);
    CHECK(expmig_comparison_difference_table(found) == NULL && expmig_comparison_difference_how(found) == NULL);
    CHECK_INT(expmig_comparison_difference_id(found, EXPMIG_SIDE_A), 0);
    OK(expmig_comparison_digest(found, EXPMIG_SIDE_A, a, &err));
    OK(expmig_comparison_digest(found, EXPMIG_SIDE_B, b, &err));
    CHECK(memcmp(a, b, sizeof a) == 0);
    FAILS_ON("side", expmig_comparison_digest(found, 2, a, &err));
    expmig_comparison_free(found);
    found = NULL;
    OK(expmig_comparison_make(manager, 1, manager, 2, NULL, &found, &err));
    OK(expmig_experiment_compare(manager, 1, manager, 2, NULL, &json, &err));
    same_json(json, expmig_comparison_to_json(found));
    expmig_manager_free(manager);
    CHECK_INT(expmig_comparison_equal(found), 0);
    CHECK_INT(expmig_comparison_experiment_id(found, EXPMIG_SIDE_A), 1);
    CHECK_INT(expmig_comparison_experiment_id(found, EXPMIG_SIDE_B), 2);
    CHECK_INT(expmig_comparison_experiment_id(found, -1), 0);
    for (i = 0; i < expmig_comparison_table_count(found, EXPMIG_SIDE_B); i++)
        CHECK(*expmig_comparison_table_name(found, EXPMIG_SIDE_B, i) != 0);
    CHECK(i >= 15 && expmig_comparison_table_name(found, EXPMIG_SIDE_B, i) == NULL);
    CHECK_INT(expmig_comparison_table_rows(found, EXPMIG_SIDE_A, 0), 1);
    CHECK_TEXT(expmig_comparison_difference_table(found), "EXPERIMENT");
    CHECK_TEXT(expmig_comparison_difference_how(found), "another value");
    CHECK_TEXT(expmig_comparison_difference_column(found), "title");
    CHECK(strcmp(expmig_comparison_difference_value(found, EXPMIG_SIDE_A), expmig_comparison_difference_value(found, EXPMIG_SIDE_B)) != 0);
    CHECK(expmig_comparison_difference_row(found, EXPMIG_SIDE_A) == NULL);
    CHECK(expmig_comparison_difference_within_table(found) == NULL);
    CHECK_INT(expmig_comparison_warning_count(found), 0);
    CHECK(expmig_comparison_warning_at(found, 0) == NULL);
    expmig_comparison_free(found);
}

/* Where only a row below a run differs. */
static void deep_comparison(void)
{
    expmig_manager *manager, *other;
    expmig_comparison *found = NULL;
    copy_file("small.db", "deep.db");
    sql("deep.db", "UPDATE EPOCH SET time = '2031-01-01T00:00:00' WHERE idx = 1 AND trial_run_id = (SELECT r.id FROM TRIAL_RUN r "
                   "JOIN TRIAL t ON t.id = r.trial_id WHERE t.experiment_id = 1)");
    manager = open_manager("small.db", 0);
    other = open_manager("deep.db", 0);
    OK(expmig_comparison_make(manager, 1, other, 1, NULL, &found, &err));
    CHECK_TEXT(expmig_comparison_difference_table(found), "EPOCH");
    CHECK_TEXT(expmig_comparison_difference_how(found), "another value");
    CHECK_HAS(expmig_comparison_difference_row(found, EXPMIG_SIDE_A), "1");
    CHECK_TEXT(expmig_comparison_difference_within_table(found), "TRIAL_RUN");
    CHECK(expmig_comparison_difference_within_id(found, EXPMIG_SIDE_A) > 0);
    CHECK_TEXT(expmig_comparison_difference_column(found), "time");
    CHECK_HAS(expmig_comparison_difference_value(found, EXPMIG_SIDE_B), "2031-01-01");
    CHECK_INT(expmig_comparison_difference_id(found, EXPMIG_SIDE_A), 0);
    CHECK(expmig_comparison_difference_key(found, EXPMIG_SIDE_A) == NULL);
    expmig_comparison_free(found);
    expmig_manager_free(other);
    expmig_manager_free(manager);
}

static void undos(void)
{
    expmig_manager *manager;
    expmig_transformation *scaled = NULL;
    expmig_transforms *list = GARBAGE;
    expmig_undo *undo = GARBAGE;
    expmig_undo_options options;
    int64_t id;
    char *json = NULL;
    copy_file("small.db", "undo.db");
    manager = open_manager("undo.db", 0);
    OK(expmig_transform_metrics_by(manager, NULL, "scale", "{\"factor\": 2}", NULL, &scaled, &err));
    id = expmig_transformation_transform_id(scaled);
    CHECK(id > 0);
    FAILS_ON("transforms", expmig_transforms_read(manager, NULL, &err));
    OK(expmig_transforms_read(manager, &list, &err));
    OK(expmig_transform_list(manager, &json, &err));
    same_json(json, expmig_transforms_to_json(list));
    CHECK_INT(expmig_transforms_count(list), 1);
    CHECK_INT(expmig_transforms_id(list, 0), id);
    CHECK_HAS(expmig_transforms_created_at(list, 0), "T");
    CHECK_HAS(expmig_transforms_rules_json(list, 0), "scale");
    CHECK_INT(expmig_transforms_metric_count(list, 0), expmig_transformation_updated(scaled));
    CHECK_INT(expmig_transforms_copied_count(list, 0), 0);
    CHECK_INT(expmig_transforms_id(list, 1), 0);
    CHECK(expmig_transforms_created_at(list, 1) == NULL && expmig_transforms_rules_json(list, 1) == NULL);
    expmig_transforms_free(list);
    sql("undo.db", "UPDATE METRIC SET total_val = total_val + 1 WHERE id = (SELECT min(metric_id) FROM EXPMIG_UNDO)");
    FAILS(EXPMIG_MISMATCH, expmig_undo_run(manager, id, NULL, &undo, &err));
    CHECK(undo == NULL);
    CHECK(expmig_undo_options_init(&options, sizeof options) == EXPMIG_OK);
    options.flags = EXPMIG_UNDO_SKIP_CHANGED;
    FAILS_ON("undo", expmig_undo_run(manager, id, &options, NULL, &err));
    OK(expmig_undo_run(manager, id, &options, &undo, &err));
    expmig_manager_free(manager);
    CHECK_INT(expmig_undo_transform_id(undo), id);
    CHECK_INT(expmig_undo_restored(undo) + 1, expmig_transformation_updated(scaled));
    CHECK_INT(expmig_undo_skipped(undo), 1);
    CHECK_INT(expmig_undo_skip_count(undo), 1);
    CHECK(expmig_undo_skip_metric_id(undo, 0) > 0 && expmig_undo_skip_metric_id(undo, 1) == 0);
    CHECK_TEXT(expmig_undo_skip_problem(undo, 0), "it was changed since");
    CHECK(expmig_undo_skip_problem(undo, 1) == NULL);
    CHECK_INT(expmig_undo_copies_undone(undo) + expmig_undo_copies_kept(undo), 0);
    CHECK(expmig_undo_duration_ns(undo) > 0);
    CHECK_HAS(expmig_undo_to_json(undo), "\"schema\":\"expmig.undo/1\"");
    expmig_undo_free(undo);
    expmig_transformation_free(scaled);
}

static int32_t give(void *buffer, size_t capacity, size_t *length, void *user_data)
{
    *length = fread(buffer, 1, capacity, user_data);
    return EXPMIG_CALLBACK_CONTINUE;
}

static void imports(void)
{
    expmig_manager *manager, *target;
    expmig_import *done = GARBAGE, *again = NULL, *third = NULL;
    expmig_import_options options;
    uint8_t source[EXPMIG_DIGEST_SIZE], written[EXPMIG_DIGEST_SIZE];
    uint64_t rows = 0;
    char *document = NULL;
    FILE *file;
    size_t i;
    manager = open_manager("small.db", 0);
    target = open_manager("imported.db", EXPMIG_OPEN_CREATE);
    OK(expmig_export_experiment_to_string(manager, 2, NULL, &document, &err));
    OK(expmig_export_experiment_to_file(manager, 2, "document.json", NULL, &err));
    FAILS_ON("result", expmig_import_run_from_string(target, document, strlen(document), NULL, NULL, &err));
    FAILS_ON("read_fn", expmig_import_run(target, NULL, NULL, NULL, &done, &err));
    CHECK(done == NULL);
    FAILS(EXPMIG_CORRUPT, expmig_import_run_from_string(target, "{", 1, NULL, &done, &err));
    FAILS(EXPMIG_NOT_FOUND, expmig_import_run_from_file(target, "none.json", NULL, &done, &err));
    OK(expmig_import_run_from_string(target, document, strlen(document), NULL, &done, &err));
    CHECK(expmig_import_options_init(&options, sizeof options) == EXPMIG_OK);
    options.on_duplicate = EXPMIG_DUPLICATE_SKIP;
    OK(expmig_import_run_from_file(target, "document.json", &options, &again, &err));
    file = fopen("document.json", "rb");
    CHECK(file != NULL);
    OK(expmig_import_run(target, give, file, &options, &third, &err));
    fclose(file);
    expmig_string_free(document);
    expmig_manager_free(target);
    expmig_manager_free(manager);
    CHECK_INT(expmig_import_experiment_id(done), 1);
    CHECK_INT(expmig_import_document_experiment_id(done), 2);
    CHECK_INT(expmig_import_skipped(done), 0);
    CHECK_INT(expmig_import_preserved_ids(done), 0);
    for (i = 0; i < expmig_import_table_count(done); i++)
        rows += expmig_import_table_rows(done, i);
    CHECK_INT(expmig_import_items_processed(done), rows);
    CHECK_TEXT(expmig_import_table_name(done, 0), "EXPERIMENT");
    CHECK(expmig_import_table_name(done, i) == NULL && expmig_import_table_rows(done, i) == 0);
    CHECK_INT(expmig_import_unlinked_metrics(done), 0);
    CHECK_TEXT(expmig_import_source_database(done), "small.db");
    CHECK_INT(expmig_import_added_column_count(done), 0);
    CHECK(expmig_import_added_column_table(done, 0) == NULL && expmig_import_added_column_name(done, 0) == NULL);
    CHECK_INT(expmig_import_lossy_count(done) + expmig_import_loss_count(done), 0);
    CHECK(expmig_import_loss_table(done, 0) == NULL && expmig_import_loss_reason(done, 0) == NULL);
    CHECK(expmig_import_loss_row(done, 0) == NULL && expmig_import_loss_column(done, 0) == NULL);
    OK(expmig_import_digest(done, EXPMIG_DIGEST_SOURCE, source, &err));
    OK(expmig_import_digest(done, EXPMIG_DIGEST_TARGET, written, &err));
    CHECK(memcmp(source, written, sizeof source) == 0);
    FAILS_ON("which", expmig_import_digest(done, EXPMIG_DIGEST_AS_STORED, source, &err));
    CHECK_INT(expmig_import_warning_count(done), 0);
    CHECK(expmig_import_warning_at(done, 0) == NULL);
    CHECK(expmig_import_duration_ns(done) > 0);
    CHECK_HAS(expmig_import_to_json(done), "\"schema\":\"expmig.import/1\"");
    CHECK_INT(expmig_import_skipped(again), 1);
    CHECK_INT(expmig_import_skipped(third), 1);
    CHECK_INT(expmig_import_experiment_id(third), 1);
    expmig_import_free(third);
    expmig_import_free(again);
    expmig_import_free(done);
}

static void nothing(void)
{
    uint8_t digest[EXPMIG_DIGEST_SIZE];
    CHECK(expmig_experiments_count(NULL) == 0 && expmig_experiments_id(NULL, 0) == 0 && expmig_experiments_title(NULL, 0) == NULL);
    CHECK_TEXT(expmig_experiments_to_json(NULL), "null");
    CHECK(expmig_snapshots_count(NULL) == 0 && expmig_snapshots_at(NULL, 0) == NULL && expmig_snapshot_id(NULL) == NULL);
    CHECK(expmig_snapshot_created_us(NULL) == EXPMIG_TIME_UNKNOWN);
    CHECK_TEXT(expmig_snapshots_to_json(NULL), "null");
    CHECK_TEXT(expmig_snapshot_to_json(NULL), "null");
    CHECK(expmig_plan_items_total(NULL) == 0 && expmig_plan_table_name(NULL, 0) == NULL && expmig_plan_free_bytes(NULL) == -1);
    CHECK(expmig_plan_transformation(NULL) == NULL && expmig_plan_problem_count(NULL, EXPMIG_PLAN_LOSSY) == 0);
    CHECK_TEXT(expmig_plan_to_json(NULL), "null");
    FAILS_ON("plan", expmig_plan_digest(NULL, EXPMIG_DIGEST_SOURCE, digest, &err));
    CHECK(expmig_comparison_equal(NULL) == 0 && expmig_comparison_difference_table(NULL) == NULL);
    CHECK_TEXT(expmig_comparison_to_json(NULL), "null");
    FAILS_ON("comparison", expmig_comparison_digest(NULL, EXPMIG_SIDE_A, digest, &err));
    CHECK(expmig_transforms_count(NULL) == 0 && expmig_undo_restored(NULL) == 0 && expmig_undo_skip_problem(NULL, 0) == NULL);
    CHECK_TEXT(expmig_transforms_to_json(NULL), "null");
    CHECK_TEXT(expmig_undo_to_json(NULL), "null");
    CHECK(expmig_import_experiment_id(NULL) == 0 && expmig_import_source_database(NULL) == NULL);
    CHECK_TEXT(expmig_import_to_json(NULL), "null");
    FAILS_ON("result", expmig_import_digest(NULL, EXPMIG_DIGEST_SOURCE, digest, &err));
    expmig_experiments_free(NULL);
    expmig_snapshots_free(NULL);
    expmig_snapshot_free(NULL);
    expmig_plan_free(NULL);
    expmig_comparison_free(NULL);
    expmig_transforms_free(NULL);
    expmig_undo_free(NULL);
    expmig_import_free(NULL);
}

int main(void)
{
    experiments();
    snapshots();
    plans();
    plans_into_another();
    comparisons();
    deep_comparison();
    undos();
    imports();
    nothing();
    forget_error();
    return 0;
}
