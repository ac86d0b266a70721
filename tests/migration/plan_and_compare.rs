//! What a migration would do, what is there, and where two experiments differ: all read only.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::*;
use expmig::{CancelToken, JobOptions, MigrateOptions, OnDuplicate, Status, Strategy};
use serde_json::{Value as Json, json};

fn plan(source: &Path, target: &Path, options: MigrateOptions) -> Json {
    let (from, to) = (open_read_only(source), open_read_only(target));
    from.plan_migration(1, Some(&to), options).unwrap_or_else(|error| panic!("{}", error.to_json()))
}

// ---- Plan

#[test]
fn a_plan_writes_nothing_and_needs_no_right_to_write() {
    let folder = Folder::new();
    let extra = "ALTER TABLE METRIC ADD COLUMN unit TEXT; UPDATE METRIC SET unit = 'x';";
    let (source, target) = (folder.small("source.db", extra), folder.small("target.db", ""));
    for strategy in STRATEGIES {
        for on_duplicate in [OnDuplicate::Copy, OnDuplicate::Skip, OnDuplicate::Error] {
            let options =
                || MigrateOptions { on_duplicate, add_columns: true, target_experiment: Some(2), ..with(strategy) };
            leaves_alone(&source, || leaves_alone(&target, || plan(&source, &target, options())));
            // Handles that may write do not do it either.
            let (from, to) = (open(&source), open(&target));
            leaves_alone(&target, || from.plan_migration(1, Some(&to), options()).expect("a plan"));
            leaves_alone(&source, || from.plan_migration(1, None, MigrateOptions::default()).expect("a plan"));
        }
    }
}

#[test]
fn a_plan_counts_every_row_that_the_migration_copies() {
    let folder = Folder::new();
    let (source, target) = (folder.digits("source.db"), folder.empty("target.db", ""));
    let plan = plan(&source, &target, MigrateOptions::default());
    let result = migrate_files(&source, 1, &target, MigrateOptions::default()).expect("a copy");
    assert_eq!(at(&plan, "/items_total"), result.items_total);
    let planned: Vec<(String, u64)> = at(&plan, "/tables")
        .as_array()
        .expect("a list")
        .iter()
        .map(|table| (table["table"].as_str().expect("a name").to_owned(), table["rows"].as_u64().expect("a count")))
        .collect();
    let copied: Vec<(String, u64)> = result.tables.iter().map(|table| (table.table.to_owned(), table.copied)).collect();
    assert_eq!(planned, copied);
    for (table, rows) in planned {
        assert_eq!(integer(&target, &format!("SELECT count(*) FROM {table}")), rows as i64, "{table}");
    }
    assert_eq!(at(&plan, "/digest/source"), digest(&source, 1).as_str());
    assert_eq!(at(&plan, "/digest/as_stored"), digest(&target, 1).as_str());
    assert_eq!((at(&plan, "/same_database"), at(&plan, "/strategy")), (&json!(false), &json!("balanced")));
    assert_eq!(at(&plan, "/unsound/count"), 0);
    assert_eq!(at(&plan, "/odd_values/count"), 0);
    assert_eq!(at(&plan, "/lossy/count"), 0);
    assert_eq!(at(&plan, "/duplicates"), &json!([]));
}

#[test]
fn a_plan_into_an_existing_experiment_leaves_the_experiments_own_row_out() {
    let folder = Folder::new();
    let (source, target) = (folder.small("source.db", ""), folder.small("target.db", ""));
    let options = MigrateOptions { target_experiment: Some(2), ..MigrateOptions::default() };
    let plan = plan(&source, &target, options);
    assert_eq!(at(&plan, "/items_total"), SMALL_ROWS - 1);
    assert_eq!(at(&plan, "/tables/0/table"), "TRIAL");
    assert_eq!(at(&plan, "/target_experiment_id"), 2);
}

#[test]
fn a_plan_lists_what_would_be_lost() {
    let folder = Folder::new();
    let extra = "ALTER TABLE METRIC ADD COLUMN unit TEXT; UPDATE METRIC SET unit = '%' WHERE id = 31;";
    let source = folder.small("source.db", extra);
    let target = folder.database("target.db", 1, "");
    for strategy in STRATEGIES {
        let plan = plan(&source, &target, with(strategy));
        let expected = json!({"count": 8, "values": [
            {"table": "BATCH", "row": null, "column": null, "reason": "the target has no such table", "value": "3 rows", "stored_as": null},
            {"table": "BATCH_METRIC", "row": null, "column": null, "reason": "the target has no such table", "value": "3 rows", "stored_as": null},
            {"table": "BATCH_ARTIFACT", "row": null, "column": null, "reason": "the target has no such table", "value": "1 rows", "stored_as": null},
            {"table": "METRIC", "row": "id=31", "column": "unit", "reason": "the target has no such column", "value": "\"%\"", "stored_as": null},
        ], "rows_left_out": {}});
        assert_eq!(at(&plan, "/lossy"), &expected);
        assert_ne!(at(&plan, "/digest/source"), at(&plan, "/digest/as_stored"));
    }
}

#[test]
fn a_plan_says_what_becomes_of_each_extra_column() {
    let folder = Folder::new();
    let both = "ALTER TABLE METRIC ADD COLUMN Unit TEXT;";
    let source = folder.small("source.db", &format!("{both} ALTER TABLE TRIAL ADD COLUMN seed INTEGER;"));
    let target = folder.empty("target.db", &both.to_lowercase());
    let column = |table: &str, column: &str, kind: &str, fate: &str| json!({"table": table, "column": column, "type": kind, "fate": fate});
    for (add_columns, fate) in [(false, "missing in the target"), (true, "added")] {
        let plan = plan(&source, &target, MigrateOptions { add_columns, ..MigrateOptions::default() });
        let expected = json!([column("TRIAL", "seed", "INTEGER", fate), column("METRIC", "Unit", "TEXT", "copied")]);
        assert_eq!(at(&plan, "/extra_columns"), &expected);
    }
}

#[test]
fn a_plan_names_the_experiments_that_would_be_repeated() {
    let folder = Folder::new();
    let (source, target) = (folder.small("source.db", ""), folder.empty("target.db", ""));
    migrate_files(&source, 2, &target, MigrateOptions::default()).expect("another");
    migrate_files(&source, 1, &target, MigrateOptions::default()).expect("a copy");
    let found = |strategy| at(&plan(&source, &target, with(strategy)), "/duplicates").clone();
    assert_eq!(found(Strategy::Balanced), json!([{"experiment_id": 2, "proven": true}]));
    assert_eq!(found(Strategy::Aggressive), json!([{"experiment_id": 2, "proven": false}]));
    // The same row of EXPERIMENT with other contents is none.
    execute(&target, "UPDATE EPOCH SET time = 'x' WHERE idx = 1");
    assert_eq!(found(Strategy::Balanced), json!([]));
    let within = open(&source).plan_migration(1, None, MigrateOptions::default()).expect("a plan");
    assert_eq!((at(&within, "/duplicates"), at(&within, "/same_database")), (&json!([]), &json!(true)));
}

#[test]
fn a_plan_reports_what_the_migration_would_refuse() {
    let folder = Folder::new();
    let bad = "INSERT INTO EPOCH_METRIC VALUES (42, 21, 31); UPDATE TRIAL SET start_time = 'soon' WHERE id = 11;";
    let (source, target) = (folder.small("source.db", bad), folder.empty("target.db", ""));
    for strategy in [Strategy::Conservative, Strategy::Balanced] {
        let plan = plan(&source, &target, with(strategy));
        assert_eq!(at(&plan, "/unsound/count"), 1);
        assert_eq!(at(&plan, "/unsound/rows/0/table"), "EPOCH_METRIC");
        assert_eq!(at(&plan, "/unsound/rows/0/kind"), "dangling_reference");
        assert_eq!(at(&plan, "/odd_values/count"), 1);
        assert_eq!(at(&plan, "/odd_values/values/0/column"), "start_time");
    }
}

#[test]
fn a_plan_estimates_the_space_from_the_rows_themselves() {
    let folder = Folder::new();
    let (source, target) = (folder.digits("source.db"), folder.empty("target.db", ""));
    let plan = plan(&source, &target, MigrateOptions::default());
    let needed = at(&plan, "/space/needed_bytes").as_u64().expect("bytes");
    let before = bytes(&target).len() as u64;
    migrate_files(&source, 1, &target, MigrateOptions::default()).expect("a copy");
    let grown = bytes(&target).len() as u64 - before;
    assert!(needed > grown / 3 && needed < grown * 3, "{needed} estimated, {grown} needed");
    assert_eq!(at(&plan, "/space/enough"), at(&plan, "/space/free_bytes").as_u64().is_some_and(|free| free > needed));
}

#[test]
fn a_plan_fails_as_the_migration_would_on_what_does_not_exist() {
    let folder = Folder::new();
    let (source, target) = (folder.small("source.db", ""), folder.small("target.db", ""));
    let (from, to) = (open_read_only(&source), open_read_only(&target));
    let error = failed(from.plan_migration(9, Some(&to), MigrateOptions::default()), Status::NotFound);
    assert_detail(&error, "experiment_id", "9");
    let into = |id| MigrateOptions { target_experiment: Some(id), ..MigrateOptions::default() };
    failed(from.plan_migration(1, Some(&to), into(9)), Status::NotFound);
    failed(from.plan_migration(1, None, into(1)), Status::InvalidArgument);
    let none = MigrateOptions { batch_size: 0, ..MigrateOptions::default() };
    failed(from.plan_migration(1, Some(&to), none), Status::InvalidArgument);
}

// ---- Compare

fn compare(a: (&Path, i64), b: (&Path, i64)) -> Json {
    let (left, right) = (open_read_only(a.0), open_read_only(b.0));
    let report = left.compare_experiments(a.1, Some(&right), b.1, JobOptions::default());
    report.unwrap_or_else(|error| panic!("{}", error.to_json()))
}

#[test]
fn a_copy_compares_as_equal() {
    let folder = Folder::new();
    let source = folder.digits("source.db");
    let copy = open(&source).migrate_experiment(2, None, MigrateOptions::default()).expect("a copy");
    let report = leaves_alone(&source, || compare((&source, 2), (&source, copy.new_experiment_id)));
    assert_eq!((at(&report, "/equal"), at(&report, "/first_difference")), (&json!(true), &Json::Null));
    assert_eq!(at(&report, "/a/digest"), at(&report, "/b/digest"));
    assert_eq!(at(&report, "/a/tables"), at(&report, "/b/tables"));
    for table in &copy.tables {
        assert_eq!(at(&report, "/a/tables")[table.table], table.source, "{}", table.table);
    }
}

#[test]
fn one_change_at_any_level_is_named_with_its_node_row_and_column() {
    let folder = Folder::new();
    let original = folder.small("a.db", "");
    let trial = json!({"a": 11, "b": 11});
    let value = |column: &str, a: &str, b: &str| json!({"column": column, "a": a, "b": b});
    let changes = [
        (
            "UPDATE EXPERIMENT SET title = 'x' WHERE id = 1",
            json!({"node": "EXPERIMENT", "how": "another value", "difference": value("title", "\"Digits\"", "\"x\"")}),
        ),
        (
            "UPDATE EXPERIMENT SET \"desc\" = NULL WHERE id = 1",
            json!({"node": "EXPERIMENT", "how": "another value", "difference": value("desc", "\"a test\"", "NULL")}),
        ),
        (
            "UPDATE TRIAL SET name = 'x' WHERE id = 11",
            json!({"node": "TRIAL", "id": trial, "how": "another value", "difference": value("name", "\"first\"", "\"x\"")}),
        ),
        (
            "UPDATE TRIAL_RUN SET status = 'x' WHERE id = 22",
            json!({"node": "TRIAL_RUN", "id": {"a": 22, "b": 22}, "how": "another value",
                   "difference": value("status", "\"failed\"", "\"x\"")}),
        ),
        (
            "UPDATE RESULTS SET time = '2024-01-01T00:00:00' WHERE trial_run_id = 21",
            json!({"node": "RESULTS", "row": "", "how": "another value", "trial_run_id": {"a": 21, "b": 21},
                   "difference": value("time", "\"2023-12-01T10:10:00\"", "\"2024-01-01T00:00:00\"")}),
        ),
        (
            "UPDATE EPOCH SET time = 'x' WHERE idx = 1 AND trial_run_id = 21",
            json!({"node": "EPOCH", "row": "idx=1", "how": "another value", "trial_run_id": {"a": 21, "b": 21},
                   "difference": value("time", "\"2023-12-01T10:02:00\"", "\"x\"")}),
        ),
        (
            "UPDATE BATCH SET time = 'x' WHERE epoch_idx = 1 AND trial_run_id = 21",
            json!({"node": "BATCH", "row": "idx=0, epoch_idx=1", "how": "another value", "trial_run_id": {"a": 21, "b": 21},
                   "difference": value("time", "\"2023-12-01T10:02:10\"", "\"x\"")}),
        ),
        (
            "UPDATE METRIC SET per_label_val = '{}' WHERE id = 31",
            json!({"node": "RESULTS_METRIC", "row": "", "how": "another value", "trial_run_id": {"a": 21, "b": 21},
                   "difference": value("per_label_val", "\"{\\\"a\\\": 0.25, \\\"b\\\": 0.75}\"", "\"{}\"")}),
        ),
        (
            "UPDATE METRIC SET total_val = 0.8 WHERE id = 33",
            json!({"node": "EPOCH_METRIC", "row": "epoch_idx=1", "how": "another value", "trial_run_id": {"a": 21, "b": 21},
                   "difference": value("total_val", "0.75", "0.8")}),
        ),
        (
            "UPDATE METRIC SET total_val = 8 WHERE id = 38",
            json!({"node": "BATCH_METRIC", "row": "batch_idx=1, epoch_idx=0", "how": "another value",
                   "trial_run_id": {"a": 21, "b": 21}, "difference": value("total_val", "3.25", "8.0")}),
        ),
        (
            "UPDATE ARTIFACT SET loc = 'x' WHERE id = 51",
            json!({"node": "EXPERIMENT_ARTIFACT", "row": "", "how": "another value", "difference": value("loc", "\"e.yaml\"", "\"x\"")}),
        ),
        (
            "INSERT INTO ARTIFACT VALUES (70, 'params', 'x'); UPDATE TRIAL_ARTIFACT SET artifact_id = 70 WHERE trial_id = 12",
            json!({"node": "TRIAL_ARTIFACT", "row": "", "how": "another value", "difference": value("loc", "\"t.json\"", "\"x\"")}),
        ),
        (
            "UPDATE ARTIFACT SET type = 'x' WHERE id = 55",
            json!({"node": "EPOCH_ARTIFACT", "row": "epoch_idx=1", "how": "another value", "trial_run_id": {"a": 21, "b": 21},
                   "difference": value("type", "\"plot\"", "\"x\"")}),
        ),
        (
            "DELETE FROM EPOCH_ARTIFACT WHERE epoch_idx = 1",
            json!({"node": "EPOCH_ARTIFACT", "row": "epoch_idx=1", "how": "only in a", "trial_run_id": {"a": 21, "b": 21},
                   "difference": {"a": "ARTIFACT type=\"plot\", loc=\"epoch.png\"", "b": null}}),
        ),
        (
            "INSERT INTO EPOCH VALUES (5, 23, 'x')",
            json!({"node": "EPOCH", "row": "idx=5", "how": "only in b", "trial_run_id": {"a": 23, "b": 23},
                   "difference": {"a": null, "b": "time=\"x\""}}),
        ),
        (
            "DELETE FROM TRIAL_RUN WHERE id = 23",
            json!({"node": "TRIAL_RUN", "id": {"a": 23, "b": null}, "how": "only in a"}),
        ),
        (
            "INSERT INTO TRIAL VALUES (99, 'x', 1, '', '')",
            json!({"node": "TRIAL", "id": {"a": null, "b": 99}, "how": "only in b"}),
        ),
        (
            "INSERT INTO METRIC SELECT 80, type, total_val, per_label_val FROM METRIC WHERE id = 37;
             UPDATE BATCH_METRIC SET metric_id = 80 WHERE epoch_idx = 1",
            json!({"node": "METRIC or ARTIFACT", "how": "the same rows are linked, but not shared in the same way"}),
        ),
        (
            "ALTER TABLE EPOCH ADD COLUMN seed INTEGER; UPDATE EPOCH SET seed = 7 WHERE trial_run_id = 22",
            json!({"node": "EPOCH", "row": "idx=0", "how": "another value", "trial_run_id": {"a": 22, "b": 22},
                   "difference": value("seed", "NULL", "7")}),
        ),
    ];
    for (number, (change, expected)) in changes.iter().enumerate() {
        let other = folder.small(&format!("b{number}.db"), &format!("{change};"));
        let report = compare((&original, 1), (&other, 1));
        assert_eq!(at(&report, "/equal"), false, "{change}");
        assert_eq!(at(&report, "/first_difference"), expected, "{change}");
        // A change of the stranger is none of this experiment.
        assert_eq!(at(&compare((&original, 1), (&original, 1)), "/equal"), true);
    }
}

#[test]
fn one_of_two_equal_rows_that_is_missing_is_shown() {
    let folder = Folder::new();
    let twins = "INSERT INTO METRIC VALUES (40, 'x', 1, NULL), (41, 'x', 1, NULL); INSERT INTO RESULTS_METRIC VALUES (22, 40), (22, 41);";
    let two = folder.small("a.db", twins);
    let one = folder.small("b.db", &format!("{twins} DELETE FROM RESULTS_METRIC WHERE metric_id = 41;"));
    let report = compare((&two, 1), (&one, 1));
    assert_eq!(at(&report, "/first_difference/how"), "only in a");
    let shown = at(&report, "/first_difference/difference/a");
    assert_eq!(shown, "METRIC type=\"x\", total_val=1.0, per_label_val=NULL");
}

#[test]
fn comparing_what_does_not_exist_is_not_found() {
    let folder = Folder::new();
    let path = folder.small("a.db", "");
    for (a, b) in [(9, 1), (1, 9)] {
        let result = open_read_only(&path).compare_experiments(a, None, b, JobOptions::default());
        assert_detail(&failed(result, Status::NotFound), "experiment_id", "9");
    }
}

// ---- List and digest

#[test]
fn the_list_has_every_experiment_with_its_counts() {
    let folder = Folder::new();
    let more =
        "INSERT INTO EXPERIMENT VALUES (-4, '', NULL, 'x', 5); UPDATE EXPERIMENT SET title = x'00ff' WHERE id = 2;
                INSERT INTO TRIAL VALUES (90, 'of nobody', 77, '', '');";
    let path = folder.small("a.db", more);
    let list = leaves_alone(&path, || open_read_only(&path).list_experiments().expect("the list"));
    let shown: Vec<_> = list
        .iter()
        .map(|one| (one.id, one.title.as_deref(), one.description.as_deref(), one.trials, one.runs))
        .collect();
    let expected = [
        (-4, Some(""), None, 0, 0),
        (1, Some("Digits"), Some("a test"), 2, 3),
        (2, Some("a blob of 2 bytes"), None, 1, 1),
    ];
    assert_eq!(shown, expected);
    assert_eq!(list[1].update_time.as_deref(), Some("2023-12-01T11:00:00.5"));
    assert_eq!(open(&folder.empty("empty.db", "")).list_experiments().expect("the list").len(), 0);
}

#[test]
fn the_digest_of_an_unknown_experiment_is_not_found_and_names_the_nearest() {
    let folder = Folder::new();
    let ids = "INSERT INTO EXPERIMENT VALUES (50, '', '', '', ''), (60, '', '', '', ''), (9000, '', '', '', '');";
    let path = folder.small("a.db", ids);
    let unknown = |path: &Path, id| {
        let error = failed(open_read_only(path).experiment_digest(id, JobOptions::default()), Status::NotFound);
        assert_detail(&error, "experiment_id", &id.to_string());
        error.hint_text().unwrap_or_default().to_owned()
    };
    assert_eq!(unknown(&path, 52), "the nearest experiments are 2, 50, 60");
    assert_eq!(unknown(&path, i64::MAX), "the nearest experiments are 50, 60, 9000");
    assert_eq!(unknown(&path, i64::MIN), "the nearest experiments are 1, 2, 50");
    assert_eq!(unknown(&folder.empty("empty.db", ""), 1), "the database has no experiments");
}

/// The time that a thread has had on a processor: whatever else runs beside it does not count.
fn worked(thread: &str) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{thread}/schedstat")).ok()?;
    stat.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

/// Two experiments, 1 and 2, of which everything differs, or nothing but one row at the very end.
fn two_experiments(folder: &Folder, name: &str, trials: u64, epochs: u64, apart: bool) -> PathBuf {
    let label = |experiment: u64| if apart { format!("'{experiment} of ' || i") } else { "'t' || i".to_owned() };
    let mut script = "CREATE TEMP TABLE n AS WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 80000) SELECT i FROM n;".to_owned();
    for experiment in [1, 2] {
        let (from, label) = (experiment * 1_000_000, label(experiment));
        script.push_str(&format!(
            "INSERT INTO EXPERIMENT VALUES ({experiment}, 'e', NULL, '2023-12-01T10:00:00', '2023-12-01T11:00:00');
             INSERT INTO TRIAL SELECT {from} + i, {label}, {experiment}, '2023-12-01T10:00:00', '2023-12-01T11:00:00' FROM n WHERE i < {trials};
             INSERT INTO TRIAL_RUN SELECT {from} + i, {from} + i, {label}, '2023-12-01T10:00:00', '2023-12-01T11:00:00' FROM n WHERE i < {trials};
             INSERT INTO EPOCH SELECT i, {from}, '2023-12-01T10:00:00' FROM n WHERE i < {epochs};
             INSERT INTO METRIC SELECT {from} + i, {label}, i, '{{\"a\": ' || i || '}}' FROM n WHERE i < {epochs};
             INSERT INTO EPOCH_METRIC SELECT i, {from}, {from} + i FROM n WHERE i < {epochs};"
        ));
    }
    script.push_str("UPDATE METRIC SET total_val = -1 WHERE id = (SELECT max(id) FROM METRIC); DROP TABLE n");
    folder.empty(name, &script)
}

#[test]
fn comparing_ends_within_a_tenth_of_a_second_of_work_once_it_is_cancelled_at_whatever_moment() {
    const MOMENTS: u32 = 8;
    let Some(_) = worked("thread-self") else {
        eprintln!("skipped: the system does not say how long a thread has worked");
        return;
    };
    let folder = Folder::new();
    for (name, trials, epochs, apart) in
        [("trials.db", 30_000, 1, true), ("epochs.db", 1, 80_000, true), ("end.db", 1, 25_000, false)]
    {
        let path = two_experiments(&folder, name, trials, epochs, apart);
        // Cancelled once it has worked for so long; how long it went on for, and whether it was.
        let cancelled_after = |work: Duration| {
            let (token, path) = (CancelToken::new(), path.clone());
            let (say, hear) = std::sync::mpsc::channel();
            let watching = token.clone();
            let job = std::thread::spawn(move || {
                let manager = open(&path);
                let me = std::fs::read_link("/proc/thread-self").expect("this thread");
                let me = me.to_str().expect("its name").to_owned();
                let began = worked(&me).expect("a time");
                say.send((me.clone(), began)).expect("somebody who listens");
                let options = JobOptions { cancel: Some(watching), ..JobOptions::default() };
                let result = manager.compare_experiments(1, None, 2, options).map(drop);
                (result, worked(&me).expect("a time"), began)
            });
            let (thread, began) = hear.recv().expect("a thread");
            let mut seen = began;
            while seen - began < work && !job.is_finished() {
                std::thread::sleep(Duration::from_micros(200));
                seen = worked(&thread).unwrap_or(seen);
            }
            token.trigger();
            let triggered = worked(&thread).unwrap_or(seen);
            let (result, ended, began) = job.join().expect("the thread");
            (result, ended.saturating_sub(triggered), ended - began)
        };
        let (whole, _, needed) = cancelled_after(Duration::MAX);
        whole.expect("a comparison");
        println!("{name}: {needed:?}");
        let mut cancelled = 0;
        for moment in 0..MOMENTS {
            let (result, went_on, _) = cancelled_after(needed * moment / MOMENTS);
            if let Err(error) = result {
                assert_eq!(error.status(), Status::Cancelled, "{}", error.to_json());
                cancelled += 1;
            }
            assert!(
                went_on < Duration::from_millis(100),
                "{name}, moment {moment} of {MOMENTS}: {went_on:?} of {needed:?}"
            );
        }
        assert!(cancelled > MOMENTS / 2, "{name}: {cancelled} of {MOMENTS}");
    }
}
