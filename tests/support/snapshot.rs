//! A database with its snapshot folder.

use std::path::{Path, PathBuf};

use expmig::{
    Database, Error, JobOptions, Manager, ManagerOptions, OpenOptions, RestoreOptions, RestoreResult, SnapshotOptions,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::child;
use super::database::{Dump, Journal, dump, open};

pub const JOURNALS: [Journal; 2] = [Journal::Rollback, Journal::Wal];

/// A folder with one database, and another for its snapshots.
pub struct Place(pub TempDir);

impl Place {
    pub fn new(build: fn(&Path, Journal), journal: Journal) -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        build(&place.database(), journal);
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn database(&self) -> PathBuf {
        self.path("experiments.db")
    }

    pub fn folder(&self) -> PathBuf {
        self.path("snapshots")
    }

    pub fn file(&self, id: &str) -> PathBuf {
        self.folder().join(format!("{id}.db"))
    }

    pub fn manifest(&self, id: &str) -> PathBuf {
        self.folder().join(format!("{id}.json"))
    }

    pub fn manager(&self) -> Manager {
        manager(&self.database(), &self.folder(), OpenOptions::default())
    }

    /// The names in the snapshot folder.
    pub fn names(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.folder()) else { return Vec::new() };
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub fn dump(&self) -> Dump {
        dump(&self.database())
    }
}

/// The names that whole snapshots have.
pub fn files_of(ids: &[&str]) -> Vec<String> {
    let mut names: Vec<String> = ids.iter().flat_map(|id| [format!("{id}.db"), format!("{id}.json")]).collect();
    names.sort();
    names
}

pub fn manager(database: &Path, folder: &Path, options: OpenOptions) -> Manager {
    let database = Database::open(database.to_str().unwrap(), options).unwrap();
    Manager::new(database, ManagerOptions { snapshot_dir: Some(folder.to_owned()), ..ManagerOptions::default() })
}

pub fn create(manager: &Manager, description: &str) -> String {
    manager.create_snapshot(description, SnapshotOptions::default()).unwrap()
}

pub fn verify(manager: &Manager, id: &str) -> Result<(), Error> {
    manager.verify_snapshot(id, JobOptions::default())
}

/// Restores with a safety snapshot.
pub fn restore(manager: &Manager, id: &str) -> Result<RestoreResult, Error> {
    manager.restore_snapshot(id, RestoreOptions::default())
}

/// Restores without a safety snapshot.
pub fn restore_alone(manager: &Manager, id: &str) -> Result<RestoreResult, Error> {
    manager.restore_snapshot(id, RestoreOptions { no_safety_snapshot: true, ..RestoreOptions::default() })
}

/// The ids that are listed, the newest first.
pub fn ids(manager: &Manager) -> Vec<String> {
    manager.list_snapshots(None, None).unwrap().snapshots.into_iter().map(|snapshot| snapshot.id).collect()
}

/// The ids that are listed as broken, with the names of their statuses.
pub fn broken(manager: &Manager) -> Vec<(String, &'static str)> {
    let list = manager.list_snapshots(None, None).unwrap();
    list.broken.into_iter().map(|broken| (broken.id, broken.error.status().name())).collect()
}

pub fn detail<'e>(error: &'e Error, key: &str) -> &'e str {
    error.details().iter().find(|detail| detail.key == key).map_or("", |detail| &detail.value)
}

/// Changes rows and the schema, as another program would.
pub fn change(database: &Path) {
    open(database)
        .execute_batch(
            "BEGIN; UPDATE EXPERIMENT SET desc = 'changed'; DELETE FROM METRIC WHERE id % 2 = 0; CREATE TABLE later (x);
             INSERT INTO ARTIFACT (type, loc) VALUES ('late', '/late'); COMMIT",
        )
        .unwrap();
}

/// As [`restore_alone`], or with a safety snapshot, into a database that is a copy of the snapshot's.
pub fn restore_into_copy(manager: &Manager, id: &str, safely: bool) -> Result<RestoreResult, Error> {
    let options = RestoreOptions { force: true, no_safety_snapshot: !safely, ..RestoreOptions::default() };
    manager.restore_snapshot(id, options)
}

/// A child process that makes or restores a snapshot, as `run_child` does it.
#[track_caller]
pub fn command(place: &Place, act: &str, id: &str) -> std::process::Command {
    let input = json!({"database": place.database(), "folder": place.folder(), "act": act, "id": id});
    child::command("snapshot", &input)
}

/// The child's part of [`command`]: opens, does one thing, closes.
pub fn run_child(input: &Value) {
    let path = |key: &str| PathBuf::from(input[key].as_str().unwrap());
    let act = || -> Result<String, Error> {
        let database = Database::open(path("database").to_str().unwrap(), OpenOptions::default())?;
        let options = ManagerOptions { snapshot_dir: Some(path("folder")), ..ManagerOptions::default() };
        let manager = Manager::new(database, options);
        let id = input["id"].as_str().unwrap();
        match input["act"].as_str().unwrap() {
            "create" => manager.create_snapshot("by a child", SnapshotOptions::default()),
            "restore" => restore_into_copy(&manager, id, false).map(|result| result.snapshot_id),
            "restore safely" => restore_into_copy(&manager, id, true).map(|result| result.snapshot_id),
            "delete" => manager.delete_snapshot(id).map(|()| id.to_owned()),
            other => panic!("no act {other}"),
        }
    };
    child::say(&match act() {
        Ok(id) => json!({"id": id}),
        Err(error) => json!({"error": error.to_json()}),
    });
}

/// What a restore of a snapshot with this content makes of a database with the other: the counters of AUTOINCREMENT are never lowered.
pub fn restored(snapshot: &Dump, over: &Dump) -> Dump {
    const COUNTERS: &str = "sqlite_sequence";
    let counters = |dump: &Dump| -> Vec<(String, i64)> {
        let split = |row: &String| {
            let (name, highest) = row.split_once(", ").unwrap().1.split_once(", ").unwrap();
            (name.to_owned(), highest.parse().unwrap())
        };
        dump.get(COUNTERS).into_iter().flatten().map(split).collect()
    };
    let (mut kept, old) = (counters(snapshot), counters(over));
    for (name, highest) in old {
        match kept.iter_mut().find(|(kept, _)| *kept == name) {
            Some((_, kept)) => *kept = highest.max(*kept),
            None => kept.push((name, highest)),
        }
    }
    let rows = kept.iter().zip(1..).map(|((name, highest), row)| format!("{row}, {name}, {highest}"));
    let mut dump = snapshot.clone();
    if dump.contains_key(COUNTERS) {
        dump.insert(COUNTERS.to_owned(), rows.collect());
    }
    dump
}
