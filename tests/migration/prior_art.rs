//! What the original Python implementation got wrong, item by item: expmig does not. The numbers are those of the list of its bugs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::*;
use expmig::transformation::Outcome;
use expmig::{
    CancelToken, Database, Flow, IssueKind, JobOptions, MetricSelection, MigrateOptions, OnDuplicate, OpenOptions,
    Progress, Status, Strategy, TransformOptions, TransformationResult, UndoOptions, ValidateOptions,
};

/// More than the least time between two calls of a progress sink, so that it is called at every opportunity.
const SLOW: Duration = Duration::from_millis(105);

/// Every report of a migration.
fn reports(source: &std::path::Path, target: &std::path::Path, strategy: Strategy) -> Vec<Progress> {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&calls);
    let sink = move |progress: &Progress| {
        kept.lock().expect("the calls").push(progress.clone());
        std::thread::sleep(SLOW);
        Flow::Continue
    };
    let options = MigrateOptions { progress: Some(Box::new(sink)), ..with(strategy) };
    migrate_files(source, 1, target, options).expect("a copy");
    std::mem::take(&mut *calls.lock().expect("the calls"))
}

// ---- Migration

#[test]
fn prior_art_item_01_metrics_artifacts_and_links_are_copied_and_survive_the_source() {
    let folder = Folder::new();
    let path = folder.small("work.db", "");
    let result = open(&path).migrate_experiment(1, None, MigrateOptions::default()).expect("a copy");
    let expected = digest(&path, 1);
    let copied = |table: &str| result.tables.iter().find(|count| count.table == table).map_or(0, |count| count.copied);
    let counts = [("METRIC", 7), ("ARTIFACT", 6), ("RESULTS_METRIC", 2), ("EPOCH_METRIC", 3), ("BATCH_METRIC", 3)];
    for (table, rows) in counts {
        assert_eq!(copied(table), rows, "{table}");
    }
    // The source goes, with everything of its own.
    for (table, condition) in [
        ("BATCH_METRIC", "trial_run_id < 24"),
        ("BATCH_ARTIFACT", "trial_run_id < 24"),
        ("EPOCH_METRIC", "epoch_trial_run_id < 24"),
        ("EPOCH_ARTIFACT", "epoch_trial_run_id < 24"),
        ("RESULTS_METRIC", "results_id < 24"),
        ("RESULTS_ARTIFACT", "results_id < 24"),
        ("TRIAL_RUN_ARTIFACT", "trial_run_id < 24"),
        ("TRIAL_ARTIFACT", "trial_id < 13"),
        ("EXPERIMENT_ARTIFACT", "experiment_id = 1"),
        ("BATCH", "trial_run_id < 24"),
        ("EPOCH", "trial_run_id < 24"),
        ("RESULTS", "trial_run_id < 24"),
        ("TRIAL_RUN", "id < 24"),
        ("TRIAL", "id < 13"),
        ("EXPERIMENT", "id = 1"),
        ("METRIC", "id < 39"),
        ("ARTIFACT", "id < 59"),
    ] {
        execute(&path, &format!("DELETE FROM {table} WHERE {condition}"));
    }
    assert_eq!(digest(&path, result.new_experiment_id), expected);
    assert_eq!(python_digests(&path)[&result.new_experiment_id], expected);
}

#[test]
fn prior_art_item_02_all_times_are_those_of_the_source() {
    let folder = Folder::new();
    let (source, target) = (folder.digits("source.db"), folder.empty("target.db", ""));
    migrate_files(&source, 1, &target, MigrateOptions::default()).expect("a copy");
    let queries = [
        "SELECT start_time, update_time FROM EXPERIMENT WHERE id = 1",
        "SELECT start_time, update_time FROM TRIAL WHERE experiment_id = 1 ORDER BY id",
        "SELECT r.start_time, r.update_time FROM TRIAL_RUN r JOIN TRIAL t ON t.id = r.trial_id WHERE t.experiment_id = 1 ORDER BY r.id",
        "SELECT x.time FROM RESULTS x JOIN TRIAL_RUN r ON r.id = x.trial_run_id JOIN TRIAL t ON t.id = r.trial_id
           WHERE t.experiment_id = 1 ORDER BY r.id",
        "SELECT x.time FROM EPOCH x JOIN TRIAL_RUN r ON r.id = x.trial_run_id JOIN TRIAL t ON t.id = r.trial_id
           WHERE t.experiment_id = 1 ORDER BY r.id, x.idx",
        "SELECT x.time FROM BATCH x JOIN TRIAL_RUN r ON r.id = x.trial_run_id JOIN TRIAL t ON t.id = r.trial_id
           WHERE t.experiment_id = 1 ORDER BY r.id, x.epoch_idx, x.idx",
    ];
    for query in queries {
        let of_source = rows(&source, query);
        assert!(!of_source.is_empty());
        assert_eq!(rows(&target, query), of_source, "{query}");
    }
}

#[test]
fn prior_art_item_03_title_and_description_are_not_rewritten() {
    let folder = Folder::new();
    let path = folder.small("work.db", "");
    for (experiment, title) in [(1, "Digits"), (2, "Other")] {
        let result = open(&path).migrate_experiment(experiment, None, MigrateOptions::default()).expect("a copy");
        let row = |id| rows(&path, &format!("SELECT title, \"desc\" FROM EXPERIMENT WHERE id = {id}"));
        assert_eq!(row(result.new_experiment_id), row(experiment));
        assert_eq!(row(experiment)[0][0], format!("text {title:?}"));
    }
    assert_eq!(integer(&path, "SELECT count(*) FROM EXPERIMENT WHERE \"desc\" IS NULL"), 2);
}

#[test]
fn prior_art_item_04_a_failure_leaves_nothing_behind_and_a_retry_duplicates_nothing() {
    let folder = Folder::new();
    let source = folder.small("source.db", "");
    // The very last row of the last table fails.
    let trap = "CREATE TRIGGER trap BEFORE INSERT ON BATCH_ARTIFACT BEGIN SELECT RAISE(ABORT, 'no more'); END;";
    let target = folder.small("target.db", trap);
    let before = folder.copy_of(&target, "before.db");
    for strategy in STRATEGIES {
        leaves_alone(&target, || {
            let result = migrate_files(&source, 1, &target, MigrateOptions { batch_size: 1, ..with(strategy) });
            failed(result, Status::Constraint)
        });
    }
    execute(&target, "DROP TRIGGER trap");
    let result = migrate_files(&source, 1, &target, MigrateOptions::default()).expect("a copy");
    execute(&target, trap);
    Check::new((&source, 1), (&target, result.new_experiment_id)).target_before(&before).ok();
}

#[test]
fn prior_art_item_05_a_failure_is_never_reported_as_success() {
    let folder = Folder::new();
    let (source, target) = (folder.small("source.db", ""), folder.empty("target.db", ""));
    let finished = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&finished);
    let sink = move |progress: &Progress| {
        seen.fetch_or(progress.finished || progress.completion_percentage() >= 100.0, Ordering::Relaxed);
        Flow::Continue
    };
    let options =
        MigrateOptions { target_experiment: Some(999), progress: Some(Box::new(sink)), ..with(Strategy::Balanced) };
    failed(migrate_files(&source, 1, &target, options), Status::NotFound);
    assert!(!finished.load(Ordering::Relaxed), "no report says that it is done");
}

#[test]
fn prior_art_item_06_every_row_of_every_table_counts_and_the_end_is_100_percent() {
    let folder = Folder::new();
    let (source, target) = (folder.small("source.db", ""), folder.empty("target.db", ""));
    let reports = reports(&source, &target, Strategy::Balanced);
    let last = reports.last().expect("a last report");
    assert_eq!((last.processed_items, last.total_items), (SMALL_ROWS, SMALL_ROWS));
    assert_eq!(last.completion_percentage(), 100.0);
    let tables = dump(&target);
    let rows: usize = tables.iter().filter(|(name, _)| !name.starts_with("sqlite")).map(|(_, rows)| rows.len()).sum();
    assert_eq!(rows as u64, SMALL_ROWS);
}

#[test]
fn prior_art_item_07_the_success_rate_stays_within_0_and_100() {
    let folder = Folder::new();
    // More rows fail than can be copied.
    let bad: String = (0..200).map(|n| format!("INSERT INTO EPOCH_METRIC VALUES ({}, 21, 31);", 100 + n)).collect();
    let (source, target) = (folder.small("source.db", &bad), folder.empty("target.db", ""));
    let reports = reports(&source, &target, Strategy::Aggressive);
    for report in &reports {
        assert!((0.0..=100.0).contains(&report.success_rate()), "{report:?}");
        assert!(report.failed_items <= report.processed_items, "failed rows are processed rows");
    }
    let last = reports.last().expect("a last report");
    assert_eq!((last.failed_items, last.processed_items), (200, SMALL_ROWS + 200));
    assert!(last.success_rate() > 0.0 && last.success_rate() < 50.0);
}

#[test]
fn prior_art_item_08_nothing_is_complete_before_it_was_counted() {
    let folder = Folder::new();
    let (source, target) = (folder.small("source.db", ""), folder.empty("target.db", ""));
    let reports = reports(&source, &target, Strategy::Balanced);
    let uncounted: Vec<_> = reports.iter().filter(|report| report.total_items == 0).collect();
    assert!(uncounted.len() >= 3, "{reports:?}");
    assert!(uncounted.iter().all(|report| report.completion_percentage() == 0.0));
    assert!(reports.windows(2).all(|pair| pair[0].completion_percentage() <= pair[1].completion_percentage()));
}

#[test]
fn prior_art_item_09_each_error_is_listed_once() {
    let folder = Folder::new();
    let bad =
        "INSERT INTO EPOCH_METRIC VALUES (50, 21, 31), (51, 21, 31); INSERT INTO BATCH_METRIC VALUES (9, 0, 21, 37);";
    let (source, target) = (folder.small("source.db", bad), folder.empty("target.db", ""));
    for strategy in [Strategy::Conservative, Strategy::Balanced] {
        let error = failed(migrate_files(&source, 1, &target, with(strategy)), Status::Validation);
        assert_eq!(details(&error, "table"), ["EPOCH_METRIC", "EPOCH_METRIC", "BATCH_METRIC"]);
        assert_eq!(details(&error, "count"), ["3"]);
    }
    let last = reports(&source, &target, Strategy::Aggressive).pop().expect("a last report");
    assert_eq!((last.error_count, last.recent_errors.len()), (3, 3));
    let mut once = last.recent_errors.clone();
    once.dedup();
    assert_eq!(once, last.recent_errors);
}

#[test]
fn prior_art_item_10_the_batch_size_is_used_and_checked() {
    let folder = Folder::new();
    let source = folder.digits("source.db");
    let (small, large) = (folder.empty("small.db", ""), folder.empty("large.db", ""));
    for (target, batch_size) in [(&small, 1), (&large, 1_000_000)] {
        let options = MigrateOptions { batch_size, ..MigrateOptions::default() };
        migrate_files(&source, 1, target, options).expect("a copy");
    }
    assert!(dump(&small) == dump(&large), "the batch size never changes the result");
    let none = MigrateOptions { batch_size: 0, ..MigrateOptions::default() };
    failed(migrate_files(&source, 1, &small, none), Status::InvalidArgument);
}

#[test]
fn prior_art_item_11_the_target_is_checked_and_repetition_is_noticed() {
    let folder = Folder::new();
    let path = folder.small("work.db", "");
    let manager = open(&path);
    let into = |target| MigrateOptions { target_experiment: Some(target), ..MigrateOptions::default() };
    leaves_alone(&path, || {
        failed(manager.migrate_experiment(1, None, into(99)), Status::NotFound);
        failed(manager.migrate_experiment(1, None, into(1)), Status::InvalidArgument);
    });
    manager.migrate_experiment(1, None, MigrateOptions::default()).expect("a copy");
    let strict = MigrateOptions { on_duplicate: OnDuplicate::Error, ..MigrateOptions::default() };
    leaves_alone(&path, || failed(manager.migrate_experiment(1, None, strict), Status::AlreadyExists));
}

#[test]
fn prior_art_item_12_old_problems_of_strangers_stop_nobody_and_the_proof_comes_before_the_commit() {
    let folder = Folder::new();
    let strangers = "INSERT INTO EPOCH_METRIC VALUES (42, 24, 36); UPDATE TRIAL SET start_time = 'x' WHERE id = 13;
                     INSERT INTO TRIAL_RUN VALUES (90, 77, 'orphan', '', '');";
    let path = folder.small("work.db", strangers);
    // CONSERVATIVE asks for a sound database, and asks before it writes.
    leaves_alone(&path, || {
        failed(open(&path).migrate_experiment(1, None, with(Strategy::Conservative)), Status::Validation)
    });
    for strategy in [Strategy::Balanced, Strategy::Aggressive] {
        open(&path).migrate_experiment(1, None, with(strategy)).expect("a copy");
    }
    let tamper = "CREATE TRIGGER t AFTER INSERT ON BATCH_ARTIFACT BEGIN UPDATE ARTIFACT SET loc = 'x' WHERE id = NEW.artifact_id; END;";
    let target = folder.small("target.db", tamper);
    leaves_alone(&target, || failed(migrate_files(&path, 1, &target, MigrateOptions::default()), Status::Mismatch));
}

#[test]
fn prior_art_item_13_one_state_is_read_even_under_a_writer_and_rows_keep_their_order() {
    let folder = Folder::new();
    let (source, target) = (folder.small("source.db", ""), folder.empty("target.db", ""));
    let writer = sql(&source);
    writer.pragma_update(None, "journal_mode", "WAL").expect("WAL");
    let before = digest(&source, 1);
    let wrote = Arc::new(AtomicBool::new(false));
    let done = Arc::clone(&wrote);
    // Somebody changes what was read already and what was not, in the middle of the job.
    let sink = move |progress: &Progress| {
        if progress.operation == "digesting the source" && !done.swap(true, Ordering::Relaxed) {
            let script =
                "UPDATE EXPERIMENT SET title = 'new'; DELETE FROM BATCH_METRIC; INSERT INTO EPOCH VALUES (7, 21, '');
                          INSERT INTO TRIAL VALUES (90, 'new', 1, '', '');";
            writer.execute_batch(script).expect("a write");
        }
        std::thread::sleep(SLOW);
        Flow::Continue
    };
    let options = MigrateOptions { progress: Some(Box::new(sink)), ..MigrateOptions::default() };
    let result = migrate_files(&source, 1, &target, options).expect("a copy");
    assert!(wrote.load(Ordering::Relaxed));
    assert_eq!(python_digests(&target)[&result.new_experiment_id], before);
    assert_ne!(digest(&source, 1), before);
    assert!(result.id_map.runs.is_sorted() && result.id_map.trials.is_sorted());
}

#[test]
fn prior_art_item_14_an_experiment_goes_from_one_database_to_another() {
    let folder = Folder::new();
    let (source, target) = (folder.digits("source.db"), folder.path("new.db"));
    let (from, to) = (open_read_only(&source), create(&target));
    let result =
        leaves_alone(&source, || from.migrate_experiment(3, Some(&to), MigrateOptions::default()).expect("a copy"));
    Check::new((&source, 3), (&target, result.new_experiment_id)).ok();
}

// ---- Validation, as far as a migration does it

#[test]
fn prior_art_item_27_an_experiment_with_orphans_below_it_is_not_valid() {
    let folder = Folder::new();
    let source = folder.small("source.db", "DELETE FROM EPOCH WHERE trial_run_id = 21;");
    for strategy in [Strategy::Conservative, Strategy::Balanced] {
        let error = failed(open(&source).migrate_experiment(1, None, with(strategy)), Status::Validation);
        // 3 batches and what is linked to them, 2 epoch metrics, 1 epoch artifact.
        assert_detail(&error, "count", "10");
    }
}

#[test]
fn prior_art_item_28_a_database_failure_is_no_finding_about_the_data() {
    let folder = Folder::new();
    let source = folder.small("source.db", "");
    let hasty = OpenOptions { busy_timeout: Duration::from_millis(20), ..OpenOptions::default() };
    let manager = expmig::Manager::from(Database::open(url(&source), hasty).expect("opens"));
    let other = sql(&source);
    other.execute_batch("BEGIN EXCLUSIVE").expect("a lock");
    let error = failed(manager.plan_migration(1, None, MigrateOptions::default()), Status::Busy);
    assert!(error.retryable());
    failed(manager.experiment_digest(1, JobOptions::default()), Status::Busy);
}

#[test]
fn prior_art_item_29_a_link_to_an_epoch_that_does_not_exist_is_found() {
    let folder = Folder::new();
    for (table, values) in [("EPOCH_METRIC", "(42, 21, 31)"), ("EPOCH_ARTIFACT", "(42, 21, 51)")] {
        let source = folder.small(&format!("{table}.db"), &format!("INSERT INTO {table} VALUES {values};"));
        let error = failed(open(&source).migrate_experiment(1, None, with(Strategy::Balanced)), Status::Validation);
        assert_detail(&error, "table", table);
    }
}

#[test]
fn prior_art_item_30_null_is_no_reference_to_anything() {
    let folder = Folder::new();
    let nobodys =
        "INSERT INTO RESULTS VALUES (NULL, ''); INSERT INTO EXPERIMENT_ARTIFACT VALUES (NULL, 51), (NULL, NULL);
                   INSERT INTO EPOCH_METRIC VALUES (0, NULL, 31);";
    let path = folder.small("work.db", nobodys);
    open(&path).migrate_experiment(1, None, with(Strategy::Balanced)).expect("NULL violates nothing");
    let report = open(&path).validate(ValidateOptions::default()).expect("a report");
    let kinds: Vec<IssueKind> = report.counts().iter().map(|count| count.kind).collect();
    assert!(!kinds.contains(&IssueKind::DanglingReference) && kinds.contains(&IssueKind::NullKey), "{kinds:?}");
    // A link of this experiment that links nothing could not be told from another one: it is named as what it is.
    let own = folder.small("own.db", "INSERT INTO RESULTS_METRIC VALUES (21, NULL);");
    let plan = open(&own).plan_migration(1, None, MigrateOptions::default()).expect("a plan");
    assert_eq!(at(&plan, "/unsound/rows/0/kind"), "null_key");
    let message = at(&plan, "/unsound/rows/0/message").as_str().unwrap_or_default();
    assert!(message.contains("metric_id is NULL") && !message.contains("does not exist"), "{message}");
}

#[test]
fn prior_art_item_31_a_table_that_the_generation_does_not_have_violates_nothing() {
    let folder = Folder::new();
    let first = folder.database("first.db", 1, SMALL);
    let without_versions = folder.small("second.db", "DROP TABLE SCHEMA_VERSION;");
    for path in [first, without_versions] {
        let result = open(&path).migrate_experiment(1, None, with(Strategy::Conservative)).expect("a copy");
        Check::new((&path, 1), (&path, result.new_experiment_id)).ok();
    }
}

// ---- Transformation

/// A rule for one type of metrics.
fn rule(kind: &str, transformation: &str, params: &str) -> String {
    format!(r#"[{{"metric_type": "{kind}", "transformation": "{transformation}", "params": {params}}}]"#)
}

fn of(experiments: &[i64]) -> MetricSelection {
    MetricSelection { experiments: Some(experiments.to_vec()), metrics: None }
}

fn transform(path: &std::path::Path, selection: &MetricSelection, rules: &str) -> expmig::Result<TransformationResult> {
    open(path).transform_metrics(selection, rules, TransformOptions::default())
}

const TENFOLD: &str = r#"{"factor": 10, "target": "total"}"#;

#[test]
fn prior_art_item_36_no_experiments_are_no_experiments() {
    let folder = Folder::new();
    let path = folder.small("work.db", "");
    let result = leaves_alone(&path, || transform(&path, &of(&[]), &rule("loss", "scale", TENFOLD)).expect("done"));
    assert_eq!((result.examined, result.updated), (0, 0));
}

#[test]
fn prior_art_item_37_final_and_batch_metrics_are_reached_too() {
    let folder = Folder::new();
    let path = folder.small("work.db", "");
    for (kind, updated) in [("accuracy", 2), ("loss", 3), ("batch_loss", 2)] {
        let result = transform(&path, &of(&[1]), &rule(kind, "scale", TENFOLD)).expect("done");
        assert_eq!(result.updated, updated, "{kind}");
    }
    assert_eq!(integer(&path, "SELECT CAST(sum(total_val * 1000) AS INT) FROM METRIC WHERE id <> 36"), 121_250);
}

#[test]
fn prior_art_item_38_legacy_rows_are_what_legacy_to_per_label_is_for() {
    let folder = Folder::new();
    let path = folder.small("work.db", "UPDATE METRIC SET per_label_val = '' WHERE id = 33;");
    let params = r#"{"default_classes": ["cat", "dog"]}"#;
    let result = transform(&path, &of(&[1]), &rule("loss", "legacy_to_per_label", params)).expect("done");
    assert_eq!(result.updated, 3);
    for (id, total) in [(32, "1.5"), (33, "0.75"), (34, "2.5")] {
        let labels = text(&path, &format!("SELECT per_label_val FROM METRIC WHERE id = {id}"));
        let read: serde_json::Value = serde_json::from_str(&labels).expect("JSON");
        let total: f64 = total.parse().expect("a number");
        assert_eq!((read["cat"].as_f64(), read["dog"].as_f64()), (Some(total), Some(total)), "{labels}");
    }
}

#[test]
fn prior_art_item_39_the_documented_rules_do_something_to_the_metrics_of_their_type() {
    let folder = Folder::new();
    let path = folder.small("work.db", "");
    let document = r#"{"metric_transformations": [
        {"metric_type": "accuracy", "transformation": "normalize_json_keys", "rules": {"key_mapping": {"a": "cat"}}}],
        "global_settings": {"backup_original": true, "validate_after_transform": true, "rollback_on_error": true}}"#;
    let result = transform(&path, &MetricSelection::default(), document).expect("done");
    assert_eq!((result.matched, result.updated), (2, 2));
    assert_eq!(text(&path, "SELECT per_label_val FROM METRIC WHERE id = 31"), r#"{"cat": 0.25, "b": 0.75}"#);
}

#[test]
fn prior_art_item_40_a_rule_that_fails_is_counted_as_failed() {
    let folder = Folder::new();
    let path = folder.small("work.db", "");
    let manager = open(&path);
    let raises = |_: &expmig::transformation::Metric, _: &str| Ok(Outcome::Failed("it raised".to_owned()));
    manager.register_transformation("raises", Box::new(raises)).expect("a new name");
    let loose = format!(
        r#"{{"metric_transformations": {}, "global_settings": {{"rollback_on_error": false}}}}"#,
        rule("accuracy", "raises", "{}")
    );
    let act = || manager.transform_metrics(&MetricSelection::default(), &loose, TransformOptions::default());
    let result = leaves_alone(&path, || act().expect("a result"));
    assert_eq!((result.matched, result.updated, result.failed.count), (2, 0, 2));
    assert_eq!(result.success_rate(), 0.0);
    assert!(result.failed.first.iter().all(|failed| failed.reason == "it raised"));
}

#[test]
fn prior_art_item_41_nothing_is_committed_before_the_end_and_every_run_can_be_undone() {
    let folder = Folder::new();
    let path = folder.small("work.db", "");
    let before = dump(&path)["METRIC"].clone();
    let hundredth = rule("loss", "scale", r#"{"factor": 0.01, "target": "total"}"#);
    // It fails at the last metric of four, with a chunk for each.
    let manager = open(&path);
    let fails = |metric: &expmig::transformation::Metric, _: &str| {
        Ok(match metric.id {
            36 => Outcome::Failed("too late".to_owned()),
            _ => Outcome::Changed { total_val: Some(expmig::Value::Real(0.0)), per_label_val: None },
        })
    };
    manager.register_transformation("fails", Box::new(fails)).expect("a new name");
    let options = TransformOptions { batch_size: 1, ..TransformOptions::default() };
    let result = manager.transform_metrics(&MetricSelection::default(), &rule("loss", "fails", "{}"), options);
    failed(result, Status::Validation);
    assert_eq!(dump(&path)["METRIC"], before);
    // Running twice divides twice, as it was asked to; each time can be taken back.
    let once = transform(&path, &MetricSelection::default(), &hundredth).expect("done").transform_id.expect("an id");
    let twice = transform(&path, &MetricSelection::default(), &hundredth).expect("done").transform_id.expect("an id");
    for id in [twice, once] {
        manager.undo_transform(id, UndoOptions::default()).expect("undone");
    }
    assert_eq!(dump(&path)["METRIC"], before);
}

#[test]
fn prior_art_item_42_a_batch_size_below_one_is_an_error() {
    let folder = Folder::new();
    let path = folder.small("work.db", "");
    let options = TransformOptions { batch_size: 0, ..TransformOptions::default() };
    let act = || open(&path).transform_metrics(&of(&[1]), &rule("loss", "scale", TENFOLD), options);
    let error = leaves_alone(&path, || failed(act(), Status::InvalidArgument));
    assert_detail(&error, "parameter", "batch_size");
}

#[test]
fn prior_art_item_43_unchanged_rows_are_not_written_and_shared_ones_change_for_nobody_else() {
    let folder = Folder::new();
    let path = folder.small("work.db", "INSERT INTO EPOCH_METRIC VALUES (1, 21, 36);");
    let rename = rule("accuracy", "normalize_json_keys", r#"{"key_mapping": {"z": "x"}}"#);
    leaves_alone(&path, || transform(&path, &MetricSelection::default(), &rename).expect("done"));
    let stranger = digest(&path, 2);
    let result = transform(&path, &of(&[1]), &rule("loss", "scale", TENFOLD)).expect("done");
    assert_eq!((result.updated, result.copied), (4, 1));
    assert_eq!(digest(&path, 2), stranger);
}

#[test]
fn prior_art_item_44_labels_keep_their_order_and_no_nan_spreads() {
    let folder = Folder::new();
    let labels = r#"{"zebra": 1, "ant": 2.50, "cow": 3e-3}"#;
    let path = folder.small("work.db", &format!("UPDATE METRIC SET per_label_val = '{labels}' WHERE id = 31;"));
    let selection = MetricSelection { experiments: None, metrics: Some(vec![31]) };
    let rename = rule("accuracy", "normalize_json_keys", r#"{"key_mapping": {"ant": "bee"}}"#);
    for _ in 0..20 {
        let copy = folder.copy_of(&path, "copy.db");
        transform(&copy, &selection, &rename).expect("done");
        assert_eq!(text(&copy, "SELECT per_label_val FROM METRIC WHERE id = 31"), labels.replace("ant", "bee"));
    }
    execute(&path, r#"UPDATE METRIC SET per_label_val = '{"a": NaN, "b": 1}' WHERE id = 31"#);
    let mean = rule("accuracy", "aggregate", r#"{"function": "mean"}"#);
    leaves_alone(&path, || failed(transform(&path, &selection, &mean), Status::Validation));
}

// ---- Progress

#[test]
fn prior_art_item_45_a_callback_may_use_the_library_and_gets_a_report_that_stays() {
    let folder = Folder::new();
    let (source, target) = (folder.small("source.db", ""), folder.empty("target.db", ""));
    let other = folder.small("other.db", "");
    let token = CancelToken::new();
    let kept: Arc<Mutex<Vec<Progress>>> = Arc::default();
    let (reports, paths) = (Arc::clone(&kept), [source.clone(), target.clone(), other.clone()]);
    let untouched = token.clone();
    let sink = move |progress: &Progress| {
        // Everything short of the handles in use: other handles on the same files, other jobs with their own callbacks.
        for path in &paths {
            open_read_only(path).list_experiments().expect("a list");
        }
        let inner = |_: &Progress| Flow::Continue;
        let options = MigrateOptions { progress: Some(Box::new(inner)), ..MigrateOptions::default() };
        open(&paths[2]).migrate_experiment(2, None, options).expect("another migration");
        assert!(!untouched.is_triggered());
        reports.lock().expect("the reports").push(progress.clone());
        std::thread::sleep(SLOW);
        Flow::Continue
    };
    let options = MigrateOptions { progress: Some(Box::new(sink)), cancel: Some(token), ..MigrateOptions::default() };
    let result = migrate_files(&source, 1, &target, options).expect("a copy");
    Check::new((&source, 1), (&target, result.new_experiment_id)).ok();
    let reports = kept.lock().expect("the reports");
    // "In progress" can be told from "done".
    assert_eq!(reports.iter().map(|report| report.finished).filter(|finished| *finished).count(), 1);
    assert!(!reports[0].finished && reports.last().is_some_and(|last| last.finished));
    assert_eq!(reports[0].processed_items, 0, "the first report did not change afterwards");
}

#[test]
fn prior_art_item_46_times_are_those_of_a_clock_that_never_goes_back_and_end_at_zero() {
    let folder = Folder::new();
    let (source, target) = (folder.small("source.db", ""), folder.empty("target.db", ""));
    let reports = reports(&source, &target, Strategy::Balanced);
    assert!(reports.windows(2).all(|pair| pair[0].elapsed < pair[1].elapsed));
    let last = reports.last().expect("a last report");
    assert_eq!((last.remaining, last.error_count), (Some(Duration::ZERO), 0));
    assert!(reports.iter().all(|report| report.remaining.is_none() == report.estimated_completion_us().is_none()));
}

// ---- Opening

#[test]
fn prior_art_item_47_opening_creates_nothing() {
    let folder = Folder::new();
    let path = folder.small("work.db", "");
    for typo in ["wrok.db", "no/work.db", "work.db2"] {
        failed(Database::open(url(&folder.path(typo)), OpenOptions::default()), Status::NotFound);
    }
    leaves_alone(&path, || {
        let manager = open(&path);
        manager.list_experiments().expect("a list");
        manager.database_info().expect("the info");
        manager.plan_migration(1, None, MigrateOptions::default()).expect("a plan");
        manager.experiment_digest(1, JobOptions::default()).expect("a digest");
    });
    assert_eq!(folder.names(), ["work.db"]);
}

#[test]
fn prior_art_item_49_passwords_are_repeated_nowhere() {
    // Nobody listens on port 1.
    for (address, status) in [
        ("mysql://me:secret@127.0.0.1:1/db", Status::Connection),
        ("mysql://me:secret@127.0.0.1:1/db?ssl=1", Status::InvalidArgument),
        ("mariadb://me:secret@127.0.0.1:1/db?ssl-mode=required", Status::Connection),
    ] {
        let error = failed(Database::open(address, OpenOptions::default()), status);
        assert!(!error.to_json().to_string().contains("secret"), "{}", error.to_json());
        assert!(!format!("{error:?}").contains("secret"));
    }
}

#[test]
fn prior_art_item_55_reading_and_writing_through_one_connection_do_not_disturb_each_other() {
    let folder = Folder::new();
    let path = folder.digits("work.db");
    let before = folder.copy_of(&path, "before.db");
    let manager = open(&path);
    let options = MigrateOptions { batch_size: 1, ..MigrateOptions::default() };
    let result = manager.migrate_experiment(2, None, options).expect("a copy");
    Check::new((&path, 2), (&path, result.new_experiment_id)).pristine(&before).ok();
    // The same handle goes on to work, and sees what it wrote.
    assert_eq!(manager.list_experiments().expect("a list").len(), 4);
    let report = manager.compare_experiments(2, None, result.new_experiment_id, JobOptions::default());
    assert_eq!(at(&report.expect("a comparison"), "/equal"), true);
}

#[test]
fn prior_art_item_56_a_created_database_is_declared_as_the_applications_own() {
    let folder = Folder::new();
    let (own, created) = (folder.digits("own.db"), folder.path("created.db"));
    create(&created);
    let tables =
        rows(&own, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name");
    assert_eq!(tables.len(), 18);
    assert_eq!(
        rows(&created, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name"),
        tables
    );
    for table in tables {
        let name = table[0].trim_start_matches("text ").trim_matches('"').to_owned();
        for pragma in ["table_info", "foreign_key_list", "index_list"] {
            let query = format!("SELECT * FROM pragma_{pragma}('{name}')");
            let sorted = |path| {
                let mut found = rows(path, &query);
                found.sort();
                found
            };
            assert_eq!(sorted(&created), sorted(&own), "{pragma} of {name}");
        }
    }
    // Also with a RESULTS key that is NULL, which its declaration permits.
    execute(&created, "INSERT INTO RESULTS VALUES (NULL, '')");
}
