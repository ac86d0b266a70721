//! What the targets share.
#![allow(dead_code, reason = "every target uses a part of this")]

use expmig::{Database, Error, ImportOptions, Manager, OpenOptions, Status};

/// A database of the target's own, gone when dropped.
pub struct Place {
    pub folder: tempfile::TempDir,
    pub manager: Manager,
}

impl Place {
    /// A new database in a new folder, with one small experiment.
    pub fn new() -> Place {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.db");
        let options = OpenOptions { create: true, ..OpenOptions::default() };
        let database = Database::open(path.to_str().expect("UTF-8"), options).expect("a database");
        let manager = Manager::from(database);
        let document = include_bytes!("../seeds/import/small.json");
        manager.import_from_string(document, ImportOptions::default()).expect("the seed is imported");
        Place { folder, manager }
    }

    /// One number of the database.
    pub fn count(&self, sql: &str) -> i64 {
        let mut found = 0;
        let mut take = |row: &expmig::QueryRow<'_>| {
            found = row.values.first().and_then(|value| value.as_integer()).expect("a number");
            Ok(expmig::Next::Row)
        };
        self.manager.query(sql, &[], &mut take).expect("a number");
        found
    }
}

/// Fails on errors that no input may cause: bugs of the library, and words that do not end.
pub fn accept(error: &Error) {
    let json = error.to_json();
    assert!(!matches!(error.status(), Status::Internal | Status::Panic), "{json}");
    assert!(error.message().len() < 4000, "a message of {} bytes", error.message().len());
    assert!(!error.message().is_empty());
}
