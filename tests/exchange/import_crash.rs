//! An import that fails, is cancelled, is killed or runs out of space leaves the database as it was, and can be run again.

use crate::support;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::child::{self, Outcome};
use crate::support::database::{Dump, Journal, assert_same, bulky, dump, journal_files, medium, small};
use crate::support::fault::*;
use expmig::{
    CancelToken, Database, Error, ExportOptions, Flow, ImportOptions, ImportResult, Manager, OnDuplicate, OpenOptions,
    Status,
};
use serde_json::json;
use tempfile::TempDir;

fn open(path: &Path) -> Manager {
    Manager::from(Database::open(path.to_str().unwrap(), OpenOptions::default()).unwrap())
}

fn skipping() -> ImportOptions {
    ImportOptions { on_duplicate: OnDuplicate::Skip, ..ImportOptions::default() }
}

fn import(database: &Path, document: &Path) -> Result<ImportResult, Error> {
    open(database).import_from_file(document, skipping())
}

/// The body of every child process; as a test of its own it does nothing.
#[test]
fn child_process() {
    let Some((_, input)) = child::role() else { return };
    let path = |name: &str| PathBuf::from(input[name].as_str().unwrap());
    child::say(&match import(&path("database"), &path("document")) {
        Ok(result) => json!({"id": result.experiment_id, "skipped": result.skipped}),
        Err(error) => json!({"error": error.to_json()}),
    });
}

/// A document, and a database with other experiments before and after it is imported.
struct Trial {
    folder: TempDir,
    before: Dump,
    after: Dump,
    id: i64,
}

/// A folder with a database.
struct Place(TempDir);

impl Place {
    fn database(&self) -> PathBuf {
        self.0.path().join("target.db")
    }
}

impl Trial {
    fn new(target: fn(&Path, Journal), source: fn(&Path, Journal), journal: Journal) -> Trial {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("source.db");
        source(&from, Journal::Rollback);
        // Its own time, so that it is not in the target already.
        support::database::open(&from).execute_batch("UPDATE EXPERIMENT SET title = title || ' again'").unwrap();
        let document = std::fs::File::create(folder.path().join("document.json")).unwrap();
        open(&from).export_experiment(1, &mut &document, ExportOptions::default()).unwrap();
        target(&folder.path().join("target.db"), journal);
        let mut trial = Trial { folder, before: Dump::new(), after: Dump::new(), id: 0 };
        let place = trial.place();
        trial.before = dump(&place.database());
        let result = import(&place.database(), &trial.document()).unwrap();
        assert!(!result.skipped);
        trial.id = result.experiment_id;
        trial.after = dump(&place.database());
        trial
    }

    fn document(&self) -> PathBuf {
        self.folder.path().join("document.json")
    }

    fn place(&self) -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        std::fs::copy(self.folder.path().join("target.db"), place.database()).unwrap();
        place
    }

    fn command(&self, place: &Place) -> Command {
        child::command("import", &json!({"database": place.database(), "document": self.document()}))
    }

    /// Checks a database after a disturbance, and that the next import finds or makes what is missing; whether it was there.
    fn recover(&self, place: &Place, what: &str) -> bool {
        let found = dump(&place.database());
        let happened = found == self.after;
        if !happened {
            assert_same(&found, &self.before, what);
        }
        for (round, skips) in [happened, true].into_iter().enumerate() {
            let again = import(&place.database(), &self.document());
            let again = again.unwrap_or_else(|error| panic!("{what}: run {round}: {}", error.to_json()));
            assert_eq!((again.skipped, again.experiment_id), (skips, self.id), "{what}: run {round}");
        }
        assert_same(&dump(&place.database()), &self.after, what);
        assert_eq!(journal_files(&place.database()), Vec::<PathBuf>::new(), "{what}: left behind");
        happened
    }
}

/// Lets the import fail, or kills it, at each of its changes to a file.
fn sweep(journal: Journal, fault_at: impl Fn(usize) -> Fault) {
    let trial = Trial::new(small, small, journal);
    let shim = Shim::new();
    let run = |place: &Place, at, fault| shim.run(trial.command(place), place.0.path(), at, fault, child::outcome);
    let place = trial.place();
    let (outcome, noted) = run(&place, 0, KILL);
    assert!(matches!(outcome, Outcome::Done { skipped: false, .. }), "{outcome:?}");
    assert!(trial.recover(&place, "undisturbed"));
    let changes: usize = noted.parse().unwrap();
    let (mut before, mut after) = (0, 0);
    for at in points(changes) {
        let fault = fault_at(at);
        let place = trial.place();
        let (outcome, noted) = run(&place, at, fault);
        let what = format!("{journal:?}, {fault:?} at {at} of {changes} ({noted}), {outcome:?}");
        let happened = trial.recover(&place, &what);
        match outcome {
            Outcome::Done { skipped, .. } => assert!(!skipped && happened, "{what}"),
            Outcome::Killed => assert_eq!(fault, KILL, "{what}"),
            Outcome::Failed(error) => {
                assert_eq!(error["status"], "IO", "{what}");
                // A commit that is complete in the log, but could not be flushed, is found by the next open or is not.
                let undecided = error.to_string().contains("\"undecided\"") && noted.contains("fsync");
                assert!(!happened || undecided, "{what}");
                let says_why = format!("{} {}", error["message"], error["hint"]);
                assert!(fault.errno != Some(ENOSPC) || says_why.contains("space"), "{what}");
            }
        }
        *(if happened { &mut after } else { &mut before }) += 1;
    }
    println!("{journal:?}: {changes} changes, {before} before, {after} after");
    assert!(before > 0);
}

#[test]
fn a_kill_at_any_change_leaves_it_whole_or_not_at_all() {
    sweep(Journal::Rollback, |_| KILL);
}

#[test]
fn a_kill_at_any_change_in_wal_mode_leaves_it_whole_or_not_at_all() {
    sweep(Journal::Wal, |_| KILL);
}

#[test]
fn an_error_or_a_full_disk_at_any_change_leaves_it_whole_or_not_at_all() {
    sweep(Journal::Rollback, mixed);
}

/// Kills the import at so many moments between its start and somewhat after its end.
fn kill_at_moments(source: fn(&Path, Journal), moments: u32) {
    let trial = Trial::new(small, source, Journal::Rollback);
    let mut duration = Duration::ZERO;
    for _ in 0..3 {
        let place = trial.place();
        let since = Instant::now();
        let outcome = child::outcome(trial.command(&place).spawn().unwrap());
        duration = duration.max(since.elapsed());
        assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
    }
    let (mut before, mut after) = (0, 0);
    for moment in 0..moments {
        let delay = moment_of(duration, moment);
        let place = trial.place();
        let mut child = trial.command(&place).spawn().unwrap();
        std::thread::sleep(delay);
        child.kill().unwrap();
        let outcome = child::outcome(child);
        let what = format!("killed after {delay:?} of {duration:?}, {outcome:?}");
        assert!(!matches!(outcome, Outcome::Failed(_)), "{what}");
        *(if trial.recover(&place, &what) { &mut after } else { &mut before }) += 1;
    }
    println!("{before} were before the end, {after} after it");
    assert!(before > 0);
}

#[test]
fn a_kill_at_any_moment_leaves_it_whole_or_not_at_all() {
    kill_at_moments(medium, 40);
    // More than the page cache holds.
    kill_at_moments(bulky, 8);
}

#[test]
fn a_limit_on_the_size_of_files_is_reported_as_a_full_disk() {
    let trial = Trial::new(small, medium, Journal::Rollback);
    let mut failed = 0;
    for blocks in (0..).step_by(200) {
        let place = trial.place();
        let outcome = child::outcome(with_file_size_limit(&trial.command(&place), blocks).spawn().unwrap());
        let what = format!("{blocks} blocks, {outcome:?}");
        match &outcome {
            Outcome::Failed(error) => {
                failed += 1;
                assert_eq!(error["status"], "IO", "{what}");
                assert_same(&dump(&place.database()), &trial.before, &what);
            }
            Outcome::Done { .. } => {
                assert!(failed > 1 && trial.recover(&place, &what), "{what}");
                return;
            }
            Outcome::Killed => panic!("{what}"),
        }
    }
}

// ---- The caller's own

/// Gives a document in pieces, and does something before each.
struct Pieces<'d, F>(&'d [u8], F);

impl<F: FnMut() -> std::io::Result<()>> Read for Pieces<'_, F> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        (self.1)()?;
        let count = self.0.len().min(buffer.len()).min(1000);
        buffer[..count].copy_from_slice(&self.0[..count]);
        self.0 = &self.0[count..];
        Ok(count)
    }
}

/// Imports, and lets the caller interfere before each piece; the database is as it was.
fn interrupted(trial: &Trial, options: ImportOptions, before_each: impl FnMut() -> std::io::Result<()>) -> Error {
    let place = trial.place();
    let document = std::fs::read(trial.document()).unwrap();
    let error = open(&place.database()).import_experiment(&mut Pieces(&document, before_each), options).unwrap_err();
    assert_same(&dump(&place.database()), &trial.before, &error.to_json().to_string());
    error
}

#[test]
fn a_reader_that_fails_at_any_piece_ends_the_import_with_its_own_error() {
    let trial = Trial::new(small, small, Journal::Rollback);
    let pieces = std::fs::metadata(trial.document()).unwrap().len() / 1000 + 2;
    for piece in (0..pieces).step_by(usize::try_from(pieces / 20).unwrap()).chain([pieces - 1]) {
        let mut left = piece;
        let error = interrupted(&trial, skipping(), || {
            left = left.checked_sub(1).ok_or_else(|| std::io::Error::other("the line is dead"))?;
            Ok(())
        });
        assert_eq!(error.status(), Status::Io);
        assert!(error.message().contains("the line is dead"), "{}", error.message());
        assert!(error.details().iter().any(|detail| detail.key == "offset"), "{}", error.to_json());
    }
}

#[test]
fn a_token_cancels_before_and_while_the_document_is_read() {
    let trial = Trial::new(small, small, Journal::Rollback);
    for piece in [0, 1, 7, 20] {
        let token = CancelToken::new();
        let mut left = piece;
        let options = ImportOptions { cancel: Some(token.clone()), ..skipping() };
        let error = interrupted(&trial, options, || {
            if left == 0 {
                token.trigger();
            }
            left -= 1;
            Ok(())
        });
        assert_eq!(error.status(), Status::Cancelled, "{}", error.to_json());
    }
}

#[test]
fn a_progress_callback_ends_it_at_every_report_but_the_last() {
    let trial = Trial::new(small, small, Journal::Rollback);
    let mut reports = 0;
    for stop_at in 1.. {
        let place = trial.place();
        let document = std::fs::read(trial.document()).unwrap();
        let calls = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counter = std::sync::Arc::clone(&calls);
        let sink = Box::new(move |progress: &expmig::Progress| {
            // As long as the throttle, so that every phase reports.
            std::thread::sleep(Duration::from_millis(if progress.finished { 0 } else { 101 }));
            let call = counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
            match call == stop_at {
                true if call.is_multiple_of(2) => Flow::Fail(42),
                true => Flow::Cancel,
                false => Flow::Continue,
            }
        });
        let options = ImportOptions { progress: Some(sink), ..skipping() };
        match open(&place.database()).import_from_string(&document, options) {
            Ok(_) => {
                reports = calls.load(std::sync::atomic::Ordering::Relaxed);
                assert_same(&dump(&place.database()), &trial.after, "to the end");
                break;
            }
            Err(error) => {
                let expected = if stop_at % 2 == 0 { Status::Callback } else { Status::Cancelled };
                assert_eq!(error.status(), expected, "{}", error.to_json());
                assert_same(&dump(&place.database()), &trial.before, "ended");
            }
        }
    }
    assert!(reports >= 5, "{reports} reports");
}
