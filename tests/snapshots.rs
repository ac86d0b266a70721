//! Snapshots: what is made, listed, verified, restored and deleted.

mod common;

use std::path::{Path, PathBuf};

use common::database::{Journal, assert_same, dump, journal_files, open, small};
use expmig::{Database, JobOptions, Manager, ManagerOptions, OpenOptions, RestoreOptions, SnapshotOptions};
use tempfile::TempDir;

/// A folder with one database.
struct Place(TempDir);

impl Place {
    fn new(build: fn(&Path, Journal), journal: Journal) -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        build(&place.database(), journal);
        place
    }

    fn small(journal: Journal) -> Place {
        Place::new(small, journal)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn database(&self) -> PathBuf {
        self.path("experiments.db")
    }

    fn folder(&self) -> PathBuf {
        self.path("snapshots")
    }

    fn manager(&self) -> Manager {
        self.manager_with(OpenOptions::default())
    }

    fn manager_with(&self, options: OpenOptions) -> Manager {
        manager(&self.database(), &self.folder(), options)
    }

    /// The names in the snapshot folder.
    fn names(&self) -> Vec<String> {
        names(&self.folder())
    }
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn manager(database: &Path, folder: &Path, options: OpenOptions) -> Manager {
    let database = Database::open(database.to_str().unwrap(), options).unwrap();
    Manager::new(database, ManagerOptions { snapshot_dir: Some(folder.to_owned()), ..ManagerOptions::default() })
}

fn create(manager: &Manager, description: &str) -> String {
    manager.create_snapshot(description, SnapshotOptions::default()).unwrap()
}

fn unforced() -> RestoreOptions {
    RestoreOptions::default()
}

/// Changes every table's content, as another program would.
fn change(database: &Path) {
    let connection = open(database);
    connection
        .execute_batch(
            "BEGIN; UPDATE EXPERIMENT SET title = 'changed'; DELETE FROM METRIC WHERE id % 2 = 0; CREATE TABLE later (x);
             INSERT INTO TRIAL (name, experiment_id, start_time, update_time) VALUES ('late', 1, '2024-01-01T00:00:00', '2024-01-01T00:00:00');
             COMMIT",
        )
        .unwrap();
}

const JOURNALS: [Journal; 2] = [Journal::Rollback, Journal::Wal];

#[test]
fn a_snapshot_has_every_table_and_comes_back_whole() {
    for journal in JOURNALS {
        let place = Place::small(journal);
        let before = dump(&place.database());
        let manager = place.manager();
        let id = create(&manager, "the beginning");
        assert_eq!(place.names(), [format!("{id}.db"), format!("{id}.json")]);
        let copy = place.folder().join(format!("{id}.db"));
        assert_same(&dump(&copy), &before, "the snapshot");
        manager.verify_snapshot(&id, JobOptions::default()).unwrap();
        change(&place.database());
        let changed = dump(&place.database());
        let result = manager.restore_snapshot(&id, unforced()).unwrap();
        assert_same(&dump(&place.database()), &before, &format!("restored, {journal:?}"));
        let safety = result.safety_snapshot_id.unwrap();
        assert_same(&dump(&place.folder().join(format!("{safety}.db"))), &changed, "the safety snapshot");
        drop(manager);
        // Whoever only reads leaves the log behind, but there is nothing in it.
        for file in journal_files(&place.database()) {
            assert!(journal == Journal::Wal && !file.ends_with("-journal"), "{}", file.display());
            assert!(!file.to_str().unwrap().ends_with("-wal") || file.metadata().unwrap().len() == 0);
        }
        let mode: String = open(&place.database()).query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
        assert_eq!(mode, if journal == Journal::Wal { "wal" } else { "delete" });
    }
}
