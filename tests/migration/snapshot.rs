//! The snapshot of the target that a migration takes before its first write.

use crate::support::*;
use expmig::{ManagerOptions, MigrateOptions, RestoreOptions, Status, Strategy};

/// A manager that keeps its snapshots in a folder of the test's.
fn with_folder(path: &std::path::Path, folder: &std::path::Path) -> expmig::Manager {
    let database = expmig::Database::open(url(path), expmig::OpenOptions::default()).expect("opens");
    let options = ManagerOptions { snapshot_dir: Some(folder.to_owned()), ..ManagerOptions::default() };
    expmig::Manager::new(database, options)
}

fn snapshots(manager: &expmig::Manager) -> Vec<String> {
    let list = manager.list_snapshots(None, None).expect("a list");
    list.snapshots.into_iter().map(|snapshot| snapshot.id).collect()
}

#[test]
fn conservative_takes_a_snapshot_of_the_target_as_it_was_and_the_others_only_when_asked() {
    for journal in ["DELETE", "WAL"] {
        let folder = Folder::new();
        let (source, target) = (folder.small("source.db", ""), folder.small("target.db", ""));
        sql(&target).pragma_update(None, "journal_mode", journal).expect("a journal mode");
        let (of_source, of_target) = (folder.path("of source"), folder.path("of target"));
        let (from, to) = (with_folder(&source, &of_source), with_folder(&target, &of_target));
        let before = dump(&target);
        for (strategy, asked, taken) in [
            (Strategy::Balanced, false, false),
            (Strategy::Aggressive, false, false),
            (Strategy::Conservative, false, true),
            (Strategy::Balanced, true, true),
            (Strategy::Aggressive, true, true),
        ] {
            let options = MigrateOptions { create_snapshot: asked, ..with(strategy) };
            let result = from.migrate_experiment(1, Some(&to), options).expect("a copy");
            assert_eq!(result.snapshot_id.is_some(), taken, "{strategy:?}");
            assert_eq!(result.to_json()["snapshot_id"], serde_json::json!(result.snapshot_id));
            let Some(id) = result.snapshot_id else { continue };
            assert_eq!(snapshots(&to)[0], id, "the newest");
            to.verify_snapshot(&id, expmig::JobOptions::default()).expect("a sound snapshot");
            // It is the target without this copy: restored, the copy is gone and nothing else.
            let with_copy = integer(&target, "SELECT count(*) FROM EXPERIMENT");
            let options = RestoreOptions { no_safety_snapshot: true, ..RestoreOptions::default() };
            to.restore_snapshot(&id, options).expect("restored");
            assert_eq!(integer(&target, "SELECT count(*) FROM EXPERIMENT"), with_copy - 1);
        }
        // The first two copies were never undone.
        let after = dump(&target);
        assert_eq!(integer(&target, "SELECT count(*) FROM EXPERIMENT"), 4);
        assert!(after != before);
        assert!(!of_source.exists(), "nothing of the source was kept");
    }
}

#[test]
fn within_one_database_the_snapshot_is_the_state_before() {
    let folder = Folder::new();
    let path = folder.digits("work.db");
    let before = dump(&path);
    let manager = with_folder(&path, &folder.path("snapshots"));
    let id =
        manager.migrate_experiment(2, None, with(Strategy::Conservative)).expect("a copy").snapshot_id.expect("one");
    let description = manager.snapshot_details(&id).expect("details").description;
    assert!(description.contains("experiment 2"), "{description}");
    let changed = dump(&path);
    manager.restore_snapshot(&id, RestoreOptions::default()).expect("restored");
    // All but the counters of ids, which never go back.
    let mut wanted = before;
    wanted.extend(changed.into_iter().filter(|(table, _)| table == "sqlite_sequence"));
    assert!(dump(&path) == wanted);
}

#[test]
fn a_migration_that_is_refused_takes_no_snapshot() {
    let folder = Folder::new();
    let source = folder.small("source.db", "UPDATE TRIAL SET start_time = 'soon' WHERE id = 11");
    let kept = folder.path("snapshots");
    let manager = with_folder(&source, &kept);
    failed(manager.migrate_experiment(1, None, with(Strategy::Conservative)), Status::Validation);
    failed(manager.migrate_experiment(99, None, with(Strategy::Conservative)), Status::NotFound);
    assert!(!kept.exists());
}

#[test]
fn without_its_snapshot_a_conservative_migration_changes_nothing() {
    let folder = Folder::new();
    let path = folder.small("work.db", "");
    let blocked = folder.path("a file");
    std::fs::write(&blocked, "not a folder").expect("a file");
    let manager = with_folder(&path, &blocked);
    let error = leaves_alone(&path, || manager.migrate_experiment(1, None, with(Strategy::Conservative)))
        .expect_err("no folder for the snapshot");
    assert_eq!(error.domain(), expmig::Domain::Snapshot, "{}", error.to_json());
    manager.migrate_experiment(1, None, with(Strategy::Balanced)).expect("BALANCED needs none");
}

#[test]
fn a_migration_that_fails_later_names_the_snapshot_that_stays() {
    let folder = Folder::new();
    let source = folder.small("source.db", "");
    let tamper = "CREATE TRIGGER t AFTER INSERT ON BATCH_ARTIFACT BEGIN UPDATE ARTIFACT SET loc = 'x' WHERE id = NEW.artifact_id; END;";
    let target = folder.empty("target.db", tamper);
    let before = dump(&target);
    let (from, to) = (open(&source), with_folder(&target, &folder.path("snapshots")));
    let error = failed(from.migrate_experiment(1, Some(&to), with(Strategy::Conservative)), Status::Mismatch);
    assert_eq!(details(&error, "snapshot_id"), snapshots(&to));
    assert!(dump(&target) == before);
}
