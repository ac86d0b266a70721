//! An export that fails or is killed leaves no part of a file: the old document, none, or the new one as a whole.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::child::{self, Outcome};
use crate::support::database::{Journal, medium};
use crate::support::fault::*;
use expmig::{Database, ExportOptions, FileOptions, ImportOptions, Manager, OnDuplicate, OpenOptions};
use serde_json::json;
use tempfile::TempDir;

fn open(path: &Path) -> Manager {
    let options = OpenOptions { read_only: true, ..OpenOptions::default() };
    Manager::from(Database::open(path.to_str().unwrap(), options).unwrap())
}

/// The body of every child process; as a test of its own it does nothing.
#[test]
fn child_process() {
    let Some((_, input)) = child::role() else { return };
    let path = |name: &str| PathBuf::from(input[name].as_str().unwrap());
    let file = FileOptions { replace: input["replace"].as_bool().unwrap(), ..FileOptions::default() };
    let exported = open(&path("database")).export_to_file(1, &path("document"), file, ExportOptions::default());
    child::say(&match exported {
        Ok(_) => json!({"done": true}),
        Err(error) => json!({"error": error.to_json()}),
    });
}

/// A database, and the folder for documents.
struct Place {
    database: PathBuf,
    folder: TempDir,
    replace: bool,
}

impl Place {
    fn document(&self) -> PathBuf {
        self.folder.path().join("document.json")
    }

    fn command(&self) -> Command {
        let input = json!({"database": self.database, "document": self.document(), "replace": self.replace});
        child::command("export", &input)
    }

    /// Whether the new document is there. If not, everything is as it was.
    fn has_new(&self, what: &str) -> bool {
        let names: Vec<_> = self.folder.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(names.iter().all(|name| name == "document.json"), "{what}: {names:?}");
        assert!(!self.replace || names.len() == 1, "{what}: the old document is gone");
        let Ok(text) = std::fs::read(self.document()) else { return false };
        if text == b"old" {
            return false;
        }
        // It is whole: its digest is that of what was imported.
        let target = self.folder.path().join("target.db");
        let options = OpenOptions { create: true, ..OpenOptions::default() };
        let target = Manager::from(Database::open(target.to_str().unwrap(), options).unwrap());
        let options = ImportOptions { on_duplicate: OnDuplicate::Error, ..ImportOptions::default() };
        let result =
            target.import_from_string(&text, options).unwrap_or_else(|error| panic!("{what}: {}", error.to_json()));
        assert_eq!(result.document_digest, Some(result.digest), "{what}");
        true
    }
}

fn place(database: &Path, replace: bool) -> Place {
    let place = Place { database: database.to_owned(), folder: tempfile::tempdir().unwrap(), replace };
    if replace {
        std::fs::write(place.document(), "old").unwrap();
    }
    place
}

/// How often it was undecided whether the new document lasts.
fn sweep(replace: bool, fault_at: impl Fn(usize) -> Fault) -> usize {
    let mut times = 0;
    let source = tempfile::tempdir().unwrap();
    let database = source.path().join("source.db");
    medium(&database, Journal::Rollback);
    let shim = Shim::new();
    let run = |place: &Place, at, fault| shim.run(place.command(), place.folder.path(), at, fault, child::outcome_of);
    let undisturbed = place(&database, replace);
    let (outcome, noted) = run(&undisturbed, 0, KILL);
    assert!(matches!(outcome, Outcome::Done { .. }) && undisturbed.has_new("undisturbed"), "{outcome:?}");
    let changes: usize = noted.parse().unwrap();
    assert!(changes > 3, "{changes} changes");
    for at in points(changes) {
        let fault = fault_at(at);
        let place = place(&database, replace);
        let (outcome, noted) = run(&place, at, fault);
        let what = format!("{fault:?} at {at} of {changes} ({noted}), {outcome:?}");
        let happened = place.has_new(&what);
        match outcome {
            Outcome::Done { .. } => assert!(happened, "{what}"),
            Outcome::Killed => assert_eq!(fault, KILL, "{what}"),
            Outcome::Failed(error) => {
                assert_eq!(error["status"], "IO", "{what}");
                // The name is there, but may not last: flushing the folder failed, which comes last, and the error says so.
                assert!(!happened || at == changes, "{what}");
                let undecided = error["details"].to_string().contains(r#"{"key":"outcome","value":"undecided"}"#);
                assert_eq!(undecided, happened, "{what}: {error}");
                times += usize::from(undecided);
                let says_why = format!("{} {}", error["message"], error["hint"]);
                assert!(fault.errno != Some(ENOSPC) || says_why.contains("space"), "{what}");
            }
        }
    }
    times
}

#[test]
fn a_document_whose_name_may_not_last_is_called_undecided() {
    for replace in [true, false] {
        assert_eq!(sweep(replace, |_| IO_ONCE), 1);
    }
}

#[test]
fn a_kill_at_any_change_leaves_the_old_document_none_or_the_new_one() {
    sweep(true, |_| KILL);
    sweep(false, |_| KILL);
}

#[test]
fn an_error_or_a_full_disk_at_any_change_leaves_the_old_document_none_or_the_new_one() {
    sweep(true, mixed);
    sweep(false, mixed);
}
