//! Making and restoring snapshots with a kill, a failing device or a full disk at any moment: the database is old or new, whole,
//! the folder lists only good snapshots, and the next call works.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::child::{self, Outcome, outcome_of};
use crate::support::database::{Dump, Journal, assert_same, bulky, dump, small};
use crate::support::fault::*;
use crate::support::snapshot::*;

/// The body of every child process; as a test of its own it does nothing.
#[test]
fn child_process() {
    if let Some((_, input)) = child::role() {
        run_child(&input);
    }
}

/// What a child does to a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Create,
    Restore,
    Delete,
}

/// A place with a snapshot of the old state, a database in the new state, and what is in both.
struct Trial {
    act: Act,
    master: Place,
    id: String,
    old: Dump,
    new: Dump,
    restored: Dump,
}

impl Trial {
    fn start(act: Act, build: fn(&Path, Journal), journal: Journal) -> Trial {
        let master = Place::new(build, journal);
        let old = master.dump();
        let id = create(&master.manager(), "old");
        change(&master.database());
        let new = master.dump();
        let restored = restored(&old, &new);
        Trial { act, master, id, old, new, restored }
    }

    /// A copy of everything.
    fn place(&self) -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        std::fs::create_dir(place.folder()).unwrap();
        std::fs::copy(self.master.database(), place.database()).unwrap();
        for name in self.master.names() {
            std::fs::copy(self.master.folder().join(&name), place.folder().join(&name)).unwrap();
        }
        place
    }

    fn command(&self, place: &Place) -> std::process::Command {
        let act = match self.act {
            Act::Create => "create",
            Act::Restore => "restore",
            Act::Delete => "delete",
        };
        command(place, act, &self.id)
    }

    /// Checks a place after a disturbance; whether what was wanted has happened.
    fn check(&self, place: &Place, outcome: &Outcome, what: &str) -> bool {
        let done = matches!(outcome, Outcome::Done { .. });
        let found = place.dump();
        let restored = found == self.restored;
        if self.act == Act::Restore {
            if !restored {
                assert_same(&found, &self.new, what);
            }
        } else {
            assert_same(&found, &self.new, what);
        }
        // Only whole snapshots are listed, and all of them are good.
        let manager = place.manager();
        assert_eq!(broken(&manager), [], "{what}");
        let listed = ids(&manager);
        for id in &listed {
            verify(&manager, id).unwrap_or_else(|error| panic!("{what}: {}", error.to_json()));
            let state = dump(&place.file(id));
            assert_same(&state, if *id == self.id { &self.old } else { &self.new }, &format!("{what}: {id}"));
        }
        let happened = match self.act {
            Act::Restore => restored,
            Act::Create => listed.len() == 2,
            Act::Delete => listed.is_empty(),
        };
        assert!(self.act == Act::Delete || listed.contains(&self.id), "{what}: the old snapshot is gone");
        assert!(happened || !done, "{what}: said to be done, but is not");
        // The next calls work, and sweep what is left.
        let again = create(&manager, "again");
        assert_same(&dump(&place.file(&again)), &found, &format!("{what}: the next snapshot"));
        let whole = ids(&manager);
        let whole: Vec<&str> = whole.iter().map(String::as_str).collect();
        assert_eq!(place.names(), files_of(&whole), "{what}: debris");
        if self.act == Act::Restore {
            restore_into_copy(&manager, &self.id, false).unwrap_or_else(|error| panic!("{what}: {}", error.to_json()));
            assert_same(&place.dump(), &self.restored, &format!("{what}: the next restore"));
        }
        happened
    }

    /// What a call that fails must say, and leave.
    fn check_failure(&self, place: &Place, error: &serde_json::Value, fault: &str, what: &str) {
        assert_eq!(error["status"], "IO", "{what}: {error}");
        let says_why = format!("{} {} {}", error["message"], error["hint"], error["cause"]);
        assert!(fault != "full" || says_why.contains("space"), "{what}: {error}");
        if self.act == Act::Create {
            let hidden: Vec<String> = place.names().into_iter().filter(|name| name.starts_with('.')).collect();
            // What cannot be deleted stays, and is swept later.
            assert!(fault == "device" || hidden.is_empty(), "{what}: debris {hidden:?}");
        }
    }
}

/// Lets the call fail, or kills it, at each of its changes to a file.
fn sweep(act: Act, journal: Journal, fault_at: impl Fn(usize) -> Fault) {
    let trial = Trial::start(act, small, journal);
    let shim = Shim::new();
    let run = |place: &Place, at, fault| shim.run(trial.command(place), place.0.path(), at, fault, outcome_of);
    let place = trial.place();
    let (outcome, noted) = run(&place, 0, KILL);
    assert!(trial.check(&place, &outcome, "undisturbed"), "{outcome:?}");
    let changes: usize = noted.parse().unwrap();
    assert!(changes > 3, "{changes} changes");
    let (mut before, mut after) = (0, 0);
    for at in points(changes) {
        let fault = fault_at(at);
        let place = trial.place();
        let (outcome, noted) = run(&place, at, fault);
        let what = format!("{act:?}, {journal:?}, {fault:?} at {at} of {changes} ({noted}), {outcome:?}");
        match &outcome {
            Outcome::Failed(error) => {
                let kind = match fault.errno {
                    Some(ENOSPC) => "full",
                    _ => "device",
                };
                trial.check_failure(&place, error, kind, &what);
            }
            Outcome::Killed => assert_eq!(fault, KILL, "{what}"),
            Outcome::Done { .. } => {}
        }
        let happened = trial.check(&place, &outcome, &what);
        if let Outcome::Failed(error) = &outcome {
            let undecided = error["details"].to_string().contains(r#"{"key":"outcome","value":"undecided"}"#);
            assert!(undecided || !happened, "{what}: it happened, but the error says that nothing did: {error}");
        }
        *(if happened { &mut after } else { &mut before }) += 1;
    }
    println!("{act:?}, {journal:?}: {changes} changes, {before} before, {after} after");
    assert!(before > 0);
}

macro_rules! sweeps {
    ($($name:ident: $act:ident, $journal:ident, $fault_at:expr;)+) => {$(
        #[test]
        fn $name() {
            sweep(Act::$act, Journal::$journal, $fault_at);
        }
    )+};
}

sweeps! {
    a_kill_at_any_change_while_making_a_snapshot_leaves_it_whole_or_not_at_all: Create, Rollback, |_| KILL;
    a_kill_at_any_change_while_making_a_snapshot_in_wal_mode_leaves_it_whole_or_not_at_all: Create, Wal, |_| KILL;
    an_error_at_any_change_while_making_a_snapshot_leaves_it_whole_or_not_at_all: Create, Rollback, mixed;
    a_kill_at_any_change_while_restoring_leaves_the_old_state_or_the_new_one: Restore, Rollback, |_| KILL;
    a_kill_at_any_change_while_restoring_in_wal_mode_leaves_the_old_state_or_the_new_one: Restore, Wal, |_| KILL;
    an_error_at_any_change_while_restoring_leaves_the_old_state_or_the_new_one: Restore, Rollback, mixed;
    an_error_at_any_change_while_restoring_in_wal_mode_leaves_the_old_state_or_the_new_one: Restore, Wal, mixed;
    a_kill_at_any_change_while_deleting_leaves_it_whole_or_not_at_all: Delete, Rollback, |_| KILL;
    an_error_at_any_change_while_deleting_leaves_it_whole_or_not_at_all: Delete, Rollback, mixed;
}

/// Kills the call at so many moments between its start and somewhat after its end.
fn kill_at_random_moments(act: Act, build: fn(&Path, Journal), journal: Journal, moments: u32) {
    let trial = Trial::start(act, build, journal);
    let mut duration = Duration::ZERO;
    for _ in 0..3 {
        let place = trial.place();
        let since = Instant::now();
        let outcome = outcome_of(trial.command(&place).spawn().unwrap());
        duration = duration.max(since.elapsed());
        assert!(trial.check(&place, &outcome, "undisturbed"), "{outcome:?}");
    }
    let (mut before, mut after) = (0, 0);
    for moment in 0..moments {
        let delay = moment_of(duration, moment);
        let place = trial.place();
        let mut child = trial.command(&place).spawn().unwrap();
        std::thread::sleep(delay);
        child.kill().unwrap();
        let outcome = outcome_of(child);
        let what = format!("{act:?}, {journal:?}, killed after {delay:?} of {duration:?}, {outcome:?}");
        assert!(!matches!(outcome, Outcome::Failed(_)), "{what}");
        *(if trial.check(&place, &outcome, &what) { &mut after } else { &mut before }) += 1;
    }
    println!("{act:?}, {journal:?}: of {moments} moments {before} were before the end, {after} after it");
    // How many came after it depends on the machine; that a call which ends has happened, the first three say.
    assert!(before > 0);
}

#[test]
fn a_kill_at_100_moments_of_making_a_snapshot_in_rollback_mode() {
    kill_at_random_moments(Act::Create, small, Journal::Rollback, 85);
    kill_at_random_moments(Act::Create, bulky, Journal::Rollback, 15);
}

#[test]
fn a_kill_at_100_moments_of_making_a_snapshot_in_wal_mode() {
    kill_at_random_moments(Act::Create, small, Journal::Wal, 85);
    kill_at_random_moments(Act::Create, bulky, Journal::Wal, 15);
}

#[test]
fn a_kill_at_100_moments_of_restoring_in_rollback_mode() {
    kill_at_random_moments(Act::Restore, small, Journal::Rollback, 80);
    kill_at_random_moments(Act::Restore, bulky, Journal::Rollback, 20);
}

#[test]
fn a_kill_at_100_moments_of_restoring_in_wal_mode() {
    kill_at_random_moments(Act::Restore, small, Journal::Wal, 80);
    kill_at_random_moments(Act::Restore, bulky, Journal::Wal, 20);
}

/// Runs the call with every limit on the size of files, from none to enough: as on a disk that is full.
fn limit_the_file_size(act: Act, journal: Journal) {
    let trial = Trial::start(act, small, journal);
    let mut failed = 0;
    for blocks in (0..).step_by(40) {
        let place = trial.place();
        let outcome = outcome_of(with_file_size_limit(&trial.command(&place), blocks).spawn().unwrap());
        let what = format!("{act:?}, {journal:?}, {blocks} blocks, {outcome:?}");
        match &outcome {
            Outcome::Failed(error) => {
                failed += 1;
                trial.check_failure(&place, error, "full", &what);
                assert!(!trial.check(&place, &outcome, &what), "{what}");
            }
            Outcome::Done { .. } => {
                assert!(trial.check(&place, &outcome, &what) && failed > 1, "{what}");
                return;
            }
            Outcome::Killed => panic!("{what}"),
        }
    }
}

#[test]
fn a_full_disk_while_making_a_snapshot_is_reported_and_leaves_nothing() {
    limit_the_file_size(Act::Create, Journal::Rollback);
    limit_the_file_size(Act::Create, Journal::Wal);
}

#[test]
fn a_full_disk_while_restoring_is_reported_and_changes_nothing() {
    limit_the_file_size(Act::Restore, Journal::Rollback);
    limit_the_file_size(Act::Restore, Journal::Wal);
}
