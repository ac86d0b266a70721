//! Migration of real data: whatever the target and the strategy, the copy is complete, exact and separate, which two
//! independent programs confirm (tests/python/check_copy.py row by row, tests/python/digest.py by content).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::support::*;
use expmig::{Manager, MigrateOptions, MigrationResult, OnDuplicate, Status};

/// Every database with real data: its private copy, and how many experiments it has.
fn real_databases(folder: &Folder) -> Vec<(PathBuf, Vec<i64>)> {
    let mut found = vec![(folder.digits("digits.db"), vec![1, 2, 3])];
    if let Some(original) = original_database() {
        found.push((folder.copy_of(&original, "original.db"), vec![1, 2]));
    }
    found
}

/// What the result says about itself.
fn check_result(result: &MigrationResult, experiment: i64) {
    assert_eq!(result.source_experiment_id, experiment);
    assert!(!result.skipped);
    assert_eq!((result.items_failed, result.success_rate()), (0, 100.0));
    assert_eq!(result.items_processed, result.items_total);
    assert_eq!(result.tables.iter().map(|table| table.copied).sum::<u64>(), result.items_total);
    assert!(result.tables.iter().all(|table| table.copied == table.source && table.failed == 0), "{:?}", result.tables);
}

/// Both implementations say that source and copies are equal, and so does each result.
fn check_digests(results: &[MigrationResult], of_source: &BTreeMap<i64, String>, target: &Path) {
    let of_target = python_digests(target);
    for result in results {
        let (old, new) = (result.source_experiment_id, result.new_experiment_id);
        assert_eq!(of_source[&old], of_target[&new]);
        assert_eq!(digest(target, new), of_target[&new]);
        if result.strategy != expmig::Strategy::Aggressive {
            let expected = Some(of_source[&old].clone());
            assert_eq!(result.source_digest.map(|hash| expmig::digest::hex(&hash)), expected);
            assert_eq!(result.target_digest, result.source_digest);
            assert_eq!(result.expected_digest, result.source_digest);
        }
    }
}

#[test]
fn digests_of_all_experiments_are_those_of_the_second_implementation() {
    let folder = Folder::new();
    for (path, experiments) in real_databases(&folder) {
        let other = python_digests(&path);
        assert_eq!(other.keys().copied().collect::<Vec<_>>(), experiments);
        for (experiment, expected) in other {
            assert_eq!(digest(&path, experiment), expected, "{} {experiment}", path.display());
        }
    }
}

#[test]
fn every_experiment_is_copied_exactly_within_its_database_in_every_strategy() {
    let folder = Folder::new();
    for (pristine, experiments) in real_databases(&folder) {
        let of_source = python_digests(&pristine);
        for strategy in STRATEGIES {
            for experiment in &experiments {
                let path = folder.copy_of(&pristine, "work.db");
                let result = open(&path).migrate_experiment(*experiment, None, with(strategy)).expect("a copy");
                Check::new((&path, *experiment), (&path, result.new_experiment_id)).pristine(&pristine).ok();
                check_result(&result, *experiment);
                check_digests(&[result], &of_source, &path);
            }
        }
    }
}

#[test]
fn every_experiment_is_copied_exactly_into_a_new_file_in_every_strategy() {
    let folder = Folder::new();
    for (pristine, experiments) in real_databases(&folder) {
        let source = folder.copy_of(&pristine, "source.db");
        let (from, of_source) = (open_read_only(&source), python_digests(&source));
        for strategy in STRATEGIES {
            let target = folder.path("target.db");
            let to = create(&target);
            let mut results = Vec::new();
            for (at, experiment) in experiments.iter().enumerate() {
                let result = from.migrate_experiment(*experiment, Some(&to), with(strategy)).expect("a copy");
                assert_eq!(result.new_experiment_id, at as i64 + 1, "ids in a new file begin at 1");
                check_result(&result, *experiment);
                Check::new((&source, *experiment), (&target, result.new_experiment_id)).ok();
                results.push(result);
            }
            check_digests(&results, &of_source, &target);
            drop(to);
            std::fs::remove_file(&target).expect("the target goes");
        }
        assert!(bytes(&source) == bytes(&pristine), "the source was written to");
    }
}

#[test]
fn every_experiment_is_copied_exactly_beside_other_content_in_every_strategy() {
    let folder = Folder::new();
    let before = folder.small("before.db", "");
    for (pristine, experiments) in real_databases(&folder) {
        let source = folder.copy_of(&pristine, "source.db");
        let of_source = python_digests(&source);
        for strategy in STRATEGIES {
            for experiment in &experiments {
                let target = folder.copy_of(&before, "target.db");
                let result = migrate_files(&source, *experiment, &target, with(strategy)).expect("a copy");
                check_result(&result, *experiment);
                Check::new((&source, *experiment), (&target, result.new_experiment_id)).target_before(&before).ok();
                check_digests(&[result], &of_source, &target);
            }
        }
        assert!(bytes(&source) == bytes(&pristine), "the source was written to");
    }
}

#[test]
fn a_database_in_wal_mode_is_source_and_target_like_any_other() {
    let folder = Folder::new();
    let (source, target) = (folder.digits("source.db"), folder.small("target.db", ""));
    // Connections that stay open, so that the content stays in the -wal files.
    let (keep_source, keep_target) = (sql(&source), sql(&target));
    for connection in [&keep_source, &keep_target] {
        connection.pragma_update(None, "journal_mode", "WAL").expect("WAL");
    }
    keep_source.execute_batch("UPDATE EXPERIMENT SET title = 'only in the log' WHERE id = 2").expect("a change");
    let result = migrate_files(&source, 2, &target, MigrateOptions::default()).expect("a copy");
    Check::new((&source, 2), (&target, result.new_experiment_id)).ok();
    assert_eq!(text(&target, "SELECT title FROM EXPERIMENT ORDER BY id DESC LIMIT 1"), "only in the log");
}

#[test]
fn skip_returns_the_id_of_the_first_copy_and_writes_nothing() {
    let folder = Folder::new();
    let source = folder.digits("source.db");
    for strategy in STRATEGIES {
        let target = folder.path(&format!("{}.db", strategy.name()));
        let (from, to) = (open(&source), create(&target));
        let skip = || MigrateOptions { on_duplicate: OnDuplicate::Skip, ..with(strategy) };
        let first = from.migrate_experiment(2, Some(&to), skip()).expect("a copy");
        assert!(!first.skipped);
        let second = leaves_alone(&target, || from.migrate_experiment(2, Some(&to), skip()).expect("a skip"));
        assert!(second.skipped);
        assert_eq!(second.new_experiment_id, first.new_experiment_id);
        assert_eq!((second.items_processed, second.items_total, second.items_failed), (0, 0, 0));
        assert!(second.warnings.iter().any(|line| line.contains("as experiment 1")), "{:?}", second.warnings);
        let third = from.migrate_experiment(3, Some(&to), skip()).expect("another experiment");
        assert!(!third.skipped, "only the same content is skipped");
    }
}

#[test]
fn error_refuses_a_second_copy_and_names_the_first() {
    let folder = Folder::new();
    let source = folder.digits("source.db");
    for strategy in STRATEGIES {
        let target = folder.path(&format!("{}.db", strategy.name()));
        let (from, to) = (open(&source), create(&target));
        let strict = || MigrateOptions { on_duplicate: OnDuplicate::Error, ..with(strategy) };
        from.migrate_experiment(1, Some(&to), strict()).expect("another experiment");
        let first = from.migrate_experiment(2, Some(&to), strict()).expect("a copy");
        let again = leaves_alone(&target, || from.migrate_experiment(2, Some(&to), strict()));
        let error = failed(again, Status::AlreadyExists);
        assert_detail(&error, "duplicate_experiment_id", &first.new_experiment_id.to_string());
        assert_detail(&error, "experiment_id", "2");
    }
}

#[test]
fn copy_makes_a_second_copy_and_warns_with_the_id_of_the_first() {
    let folder = Folder::new();
    let source = folder.digits("source.db");
    for strategy in STRATEGIES {
        let target = folder.path(&format!("{}.db", strategy.name()));
        let (from, to) = (open(&source), create(&target));
        let first = from.migrate_experiment(2, Some(&to), with(strategy)).expect("a copy");
        let named = format!("experiment {}", first.new_experiment_id);
        assert!(!first.warnings.iter().any(|line| line.contains(&named)), "{:?}", first.warnings);
        let second = from.migrate_experiment(2, Some(&to), with(strategy)).expect("a second copy");
        assert!(second.warnings.iter().any(|line| line.contains(&named)), "{:?}", second.warnings);
        assert_ne!(first.new_experiment_id, second.new_experiment_id);
        Check::new((&source, 2), (&target, second.new_experiment_id)).ok();
    }
}

#[test]
fn within_one_database_the_source_itself_is_no_duplicate() {
    let folder = Folder::new();
    let path = folder.digits("work.db");
    let manager = open(&path);
    let strict = || MigrateOptions { on_duplicate: OnDuplicate::Error, ..MigrateOptions::default() };
    let first = manager.migrate_experiment(2, None, strict()).expect("the source is no duplicate of its copy");
    let error = failed(manager.migrate_experiment(2, None, strict()), Status::AlreadyExists);
    assert_detail(&error, "duplicate_experiment_id", &first.new_experiment_id.to_string());
}

fn append(manager: &Manager, target: Option<&Manager>, from: i64, into: i64) -> expmig::Result<MigrationResult> {
    let options = MigrateOptions { target_experiment: Some(into), ..MigrateOptions::default() };
    manager.migrate_experiment(from, target, options)
}

#[test]
fn trials_are_appended_to_an_existing_experiment_whose_row_keeps_all_but_its_update_time() {
    let folder = Folder::new();
    let (source, target) = (folder.digits("source.db"), folder.small("target.db", ""));
    let before = folder.copy_of(&target, "before.db");
    let own = "SELECT id, title, \"desc\", start_time FROM EXPERIMENT WHERE id = 1";
    let row = rows(&target, own);
    let result = append(&open(&source), Some(&open(&target)), 3, 1).expect("appended");
    assert_eq!(result.new_experiment_id, 1);
    assert_eq!(rows(&target, own), row);
    let updated = text(&target, "SELECT update_time FROM EXPERIMENT WHERE id = 1");
    assert!(updated.as_str() > "2023-12-01T11:00:00.5", "{updated}");
    // Apart from that one cell, the file is as it was, and the trials of the source are there too.
    execute(&target, "UPDATE EXPERIMENT SET update_time = '2023-12-01T11:00:00.5' WHERE id = 1");
    Check::new((&source, 3), (&target, 1)).target_before(&before).into_existing(2).ok();
    assert_eq!(integer(&target, "SELECT count(*) FROM TRIAL WHERE experiment_id = 1"), 2 + 5);
    assert_eq!(result.items_processed, result.items_total);
    assert!(result.tables.iter().all(|table| table.table != "EXPERIMENT"));
}

#[test]
fn trials_are_appended_to_another_experiment_of_the_same_database() {
    let folder = Folder::new();
    let path = folder.digits("work.db");
    let before = folder.copy_of(&path, "before.db");
    append(&open(&path), None, 1, 3).expect("appended");
    execute(&path, "UPDATE EXPERIMENT SET update_time = '2023-12-01T10:04:13.893756' WHERE id = 3");
    Check::new((&path, 1), (&path, 3)).pristine(&before).into_existing(5).ok();
}

#[test]
fn a_later_update_time_of_the_target_experiment_is_kept() {
    let folder = Folder::new();
    let change = "UPDATE EXPERIMENT SET update_time = '9999-12-31T23:59:59' WHERE id = 2;";
    let path = folder.small("work.db", change);
    append(&open(&path), None, 1, 2).expect("appended");
    assert_eq!(text(&path, "SELECT update_time FROM EXPERIMENT WHERE id = 2"), "9999-12-31T23:59:59");
}

#[test]
fn appending_the_same_trials_again_is_a_duplicate() {
    let folder = Folder::new();
    let (source, target) = (folder.digits("source.db"), folder.small("target.db", ""));
    let (from, to) = (open(&source), open(&target));
    let first = append(&from, Some(&to), 2, 1).expect("appended");
    let again = |on_duplicate| MigrateOptions { target_experiment: Some(1), on_duplicate, ..MigrateOptions::default() };
    leaves_alone(&target, || {
        let skipped = from.migrate_experiment(2, Some(&to), again(OnDuplicate::Skip)).expect("a skip");
        assert!(skipped.skipped);
        assert_eq!(skipped.new_experiment_id, 1);
        assert_eq!(skipped.expected_digest, first.expected_digest);
        assert_eq!(skipped.target_digest, None, "the experiment has other trials beside them");
        let refused = from.migrate_experiment(2, Some(&to), again(OnDuplicate::Error));
        assert_detail(&failed(refused, Status::AlreadyExists), "duplicate_experiment_id", "1");
    });
    let other = from.migrate_experiment(3, Some(&to), again(OnDuplicate::Error)).expect("other trials");
    assert!(!other.skipped);
    let copied = from.migrate_experiment(2, Some(&to), again(OnDuplicate::Copy)).expect("a second copy");
    assert!(copied.warnings.iter().any(|line| line.contains("experiment 1")), "{:?}", copied.warnings);
}

#[test]
fn a_target_experiment_that_does_not_exist_is_not_found_before_any_write() {
    let folder = Folder::new();
    let (source, target) = (folder.digits("source.db"), folder.small("target.db", ""));
    let error = leaves_alone(&target, || failed(append(&open(&source), Some(&open(&target)), 1, 99), Status::NotFound));
    assert_detail(&error, "parameter", "target_experiment_id");
    assert_detail(&error, "experiment_id", "99");
    assert!(error.hint_text().is_some_and(|hint| hint.contains('2')), "{:?}", error.hint_text());
}

#[test]
fn an_experiment_is_not_migrated_into_itself_by_whatever_name_of_the_file() {
    let folder = Folder::new();
    let path = folder.small("work.db", "");
    let link = folder.path("link.db");
    std::os::unix::fs::symlink(&path, &link).expect("a link");
    leaves_alone(&path, || {
        let error = failed(append(&open(&path), None, 1, 1), Status::InvalidArgument);
        assert_detail(&error, "experiment_id", "1");
        failed(append(&open(&path), Some(&open(&link)), 1, 1), Status::InvalidArgument);
    });
    // In another file the same number is another experiment.
    let other = folder.small("other.db", "");
    append(&open(&path), Some(&open(&other)), 1, 1).expect("appended");
}

#[test]
fn two_names_of_one_file_are_one_database() {
    let folder = Folder::new();
    let path = folder.digits("work.db");
    let before = folder.copy_of(&path, "before.db");
    let link = folder.path("link.db");
    std::os::unix::fs::symlink(&path, &link).expect("a link");
    let result = migrate_files(&path, 2, &link, MigrateOptions::default()).expect("a copy");
    Check::new((&path, 2), (&path, result.new_experiment_id)).pristine(&before).ok();
}

#[test]
fn a_title_prefix_changes_the_title_of_the_copy_and_nothing_else() {
    let folder = Folder::new();
    let source = folder.digits("source.db");
    for strategy in STRATEGIES {
        let target = folder.path(&format!("{}.db", strategy.name()));
        let (from, to) = (open(&source), create(&target));
        let options = || MigrateOptions { title_prefix: Some("Copy of ".to_owned()), ..with(strategy) };
        let result = from.migrate_experiment(2, Some(&to), options()).expect("a copy");
        assert_eq!(text(&target, "SELECT title FROM EXPERIMENT"), "Copy of Wine cultivar classification");
        if let Some(expected) = result.expected_digest {
            assert_eq!(expmig::digest::hex(&expected), python_digests(&target)[&result.new_experiment_id]);
            assert_ne!(result.source_digest, result.expected_digest);
        }
        let skip = MigrateOptions { on_duplicate: OnDuplicate::Skip, ..options() };
        assert!(from.migrate_experiment(2, Some(&to), skip).expect("a skip").skipped);
        execute(&target, "UPDATE EXPERIMENT SET title = substr(title, 9)");
        Check::new((&source, 2), (&target, result.new_experiment_id)).ok();
    }
    let error = failed(
        open(&source).migrate_experiment(
            1,
            None,
            MigrateOptions {
                title_prefix: Some("x".to_owned()),
                target_experiment: Some(2),
                ..MigrateOptions::default()
            },
        ),
        Status::InvalidArgument,
    );
    assert_detail(&error, "parameter", "title_prefix");
}

#[test]
fn every_batch_size_gives_the_same_database() {
    let folder = Folder::new();
    let source = folder.digits("source.db");
    let mut dumps = Vec::new();
    for batch_size in [1, 7, 1000, 1_000_000] {
        let within = folder.digits(&format!("within-{batch_size}.db"));
        let target = folder.small(&format!("target-{batch_size}.db"), "");
        let options = || MigrateOptions { batch_size, ..MigrateOptions::default() };
        open(&within).migrate_experiment(1, None, options()).expect("a copy");
        migrate_files(&source, 1, &target, options()).expect("a copy");
        dumps.push((batch_size, dump(&within), dump(&target)));
    }
    let (_, within, target) = &dumps[0];
    assert!(within["METRIC"].len() > 5175 && !target["BATCH_METRIC"].is_empty());
    for (batch_size, other_within, other_target) in &dumps[1..] {
        assert!(within == other_within, "another result within one database with batches of {batch_size}");
        assert!(target == other_target, "another result in a target with batches of {batch_size}");
    }
}

#[test]
fn the_id_map_leads_from_each_old_row_to_its_copy() {
    let folder = Folder::new();
    let (source, target) = (folder.digits("source.db"), folder.small("target.db", ""));
    let result = migrate_files(&source, 3, &target, MigrateOptions::default()).expect("a copy");
    let json = result.to_json();
    assert_eq!(at(&json, "/id_map/experiment"), &serde_json::json!([[3, result.new_experiment_id]]));

    let named = |path: &Path, table: &str, columns: &str, id: i64| {
        rows(path, &format!("SELECT {columns} FROM {table} WHERE id = {id}"))
    };
    let (trials, runs) = (&result.id_map.trials, &result.id_map.runs);
    assert_eq!((trials.len(), runs.len()), (5, 15));
    for (old, new) in trials {
        let columns = "name, start_time, update_time";
        assert_eq!(named(&source, "TRIAL", columns, *old), named(&target, "TRIAL", columns, *new));
    }
    for (old, new) in runs {
        let columns = "status, start_time, update_time";
        assert_eq!(named(&source, "TRIAL_RUN", columns, *old), named(&target, "TRIAL_RUN", columns, *new));
        let trial_of =
            |path: &Path, run: i64| integer(path, &format!("SELECT trial_id FROM TRIAL_RUN WHERE id = {run}"));
        assert!(trials.contains(&(trial_of(&source, *old), trial_of(&target, *new))));
    }
    let below = |table: &str, owner: &str, leaf: &str| {
        format!(
            "SELECT {leaf} FROM {table} WHERE {owner} IN (SELECT r.id FROM TRIAL_RUN r JOIN TRIAL t ON t.id = r.trial_id
               WHERE t.experiment_id = 3)"
        )
    };
    let metrics = format!(
        "SELECT id, type, total_val, per_label_val FROM METRIC WHERE id IN ({} UNION {} UNION {}) ORDER BY id",
        below("RESULTS_METRIC", "results_id", "metric_id"),
        below("EPOCH_METRIC", "epoch_trial_run_id", "metric_id"),
        below("BATCH_METRIC", "trial_run_id", "metric_id"),
    );
    let old = rows(&source, &metrics);
    let (first, count) = result.id_map.metrics.expect("metrics");
    assert_eq!(count, old.len() as u64);
    let range = format!("SELECT id, type, total_val, per_label_val FROM METRIC WHERE id >= {first} ORDER BY id");
    let new = rows(&target, &range);
    assert_eq!(old.len(), new.len());
    for (at, (old, new)) in old.iter().zip(&new).enumerate() {
        assert_eq!(new[0], format!("Integer({})", first + at as i64));
        assert_eq!(old[1..], new[1..]);
    }
    let (first, count) = result.id_map.artifacts.expect("artifacts");
    let artifacts = format!("SELECT count(*), min(id), max(id) FROM ARTIFACT WHERE id >= {first}");
    let last = first + count as i64 - 1;
    let expected = vec![vec![format!("Integer({count})"), format!("Integer({first})"), format!("Integer({last})")]];
    assert_eq!(rows(&target, &artifacts), expected);
}
