//! A migration that fails, is cancelled, is killed or runs out of space leaves the target as it was, and can be run again.

mod common;

use std::path::Path;
use std::process::Command;

use common::child::{self, Outcome};
use common::database::{Journal, small};
use common::scenario::{Layout, Place, Scenario, State};
use tempfile::TempDir;

/// The body of every child process; as a test of its own it does nothing.
#[test]
fn child_process() {
    if let Some((_, input)) = child::role() {
        child::migrate(input);
    }
}

// ---- faults between the library and the file system ------------------------------------------------------------------------

/// The shim that lets system calls fail.
struct Shim(TempDir);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fault {
    /// What the system call answers; `None` kills the process.
    errno: Option<i32>,
    forever: bool,
}

const EIO: i32 = 5;
const ENOSPC: i32 = 28;
const KILL: Fault = Fault { errno: None, forever: false };
const IO_FOREVER: Fault = Fault { errno: Some(EIO), forever: true };

impl Shim {
    fn new() -> Shim {
        let folder = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c/fault.c");
        let status = Command::new("cc")
            .args(["-O1", "-shared", "-fPIC", "-o"])
            .arg(folder.path().join("fault.so"))
            .arg(source)
            .arg("-ldl")
            .status()
            .expect("cc compiles the shim");
        assert!(status.success());
        Shim(folder)
    }

    /// Runs the job with a fault at the `at`-th change of a file; 0 for none. Returns what the shim noted.
    fn run(&self, scenario: &Scenario, place: &Place, at: usize, fault: Fault) -> (Outcome, String) {
        let mark = tempfile::NamedTempFile::new_in(self.0.path()).unwrap();
        let child = scenario
            .job(place)
            .command()
            .env("LD_PRELOAD", self.0.path().join("fault.so"))
            .env("FAULT_DIR", place.folder())
            .env("FAULT_AT", at.to_string())
            .env("FAULT_ERRNO", fault.errno.unwrap_or(0).to_string())
            .env("FAULT_FOREVER", u8::from(fault.forever).to_string())
            .env("FAULT_TORN", (at % 2).to_string())
            .env("FAULT_MARK", mark.path())
            .spawn()
            .unwrap();
        let outcome = child::outcome(child);
        (outcome, std::fs::read_to_string(mark.path()).unwrap())
    }
}

/// The first hundred points, then about as many up to the end.
fn points(changes: usize) -> impl Iterator<Item = usize> {
    let step = (changes.saturating_sub(100) / 100).max(1);
    (1..=changes.min(100)).chain((101..=changes).step_by(step))
}

/// How many points ended how.
#[derive(Debug, Default)]
struct Tally {
    done: usize,
    failed: usize,
    killed: usize,
}

/// Lets the job fail at every point. A job that says it is done is done, one that fails says IO and changed nothing; and
/// whatever happened, the next run repairs it.
fn sweep(scenario: &Scenario, fault_at: impl Fn(usize) -> Fault) {
    let shim = Shim::new();
    let place = scenario.place();
    let (outcome, noted) = shim.run(scenario, &place, 0, KILL);
    assert!(matches!(outcome, Outcome::Done { skipped: false, .. }), "{outcome:?}");
    assert_eq!(scenario.recover(&place, "undisturbed"), State::After);
    let changes: usize = noted.parse().unwrap();
    let mut tally = Tally::default();
    for at in points(changes) {
        let fault = fault_at(at);
        let place = scenario.place();
        let (outcome, noted) = shim.run(scenario, &place, at, fault);
        let what = format!("{fault:?} at {at} of {changes} ({noted})");
        let state = scenario.recover(&place, &format!("{what}, {outcome:?}"));
        match outcome {
            Outcome::Done { skipped, .. } => {
                tally.done += 1;
                assert_eq!((skipped, state), (false, State::After), "{what}");
            }
            Outcome::Failed(error) => {
                tally.failed += 1;
                assert_eq!(error["status"], "IO", "{what}: {error}");
                // A commit that is complete in the log, but could not be flushed, is found by the next open or is not.
                let undecided = error.to_string().contains("\"undecided\"") && noted.contains("fsync");
                assert!(state == State::Before || undecided, "{what}: {error}");
                let says_why = format!("{} {}", error["message"], error["hint"]);
                assert!(fault.errno != Some(ENOSPC) || says_why.contains("space"), "{what}: {error}");
            }
            Outcome::Killed => {
                tally.killed += 1;
                assert_eq!(fault, KILL, "{what}");
            }
        }
    }
    println!("{changes} changes: {tally:?}");
    assert!(tally.failed + tally.killed > changes.min(100) / 2, "{tally:?}");
}

macro_rules! sweeps {
    ($($name:ident: $layout:ident, $journal:ident, $build:ident, $fault_at:expr;)+) => {$(
        #[test]
        fn $name() {
            sweep(&Scenario::new(Layout::$layout, Journal::$journal, $build), $fault_at);
        }
    )+};
}

sweeps! {
    a_kill_at_any_change_of_one_rollback_file_loses_nothing: SameFile, Rollback, small, |_| KILL;
    a_kill_at_any_change_of_one_wal_file_loses_nothing: SameFile, Wal, small, |_| KILL;
    a_kill_at_any_change_of_two_rollback_files_loses_nothing: TwoFiles, Rollback, small, |_| KILL;
    a_kill_at_any_change_of_two_wal_files_loses_nothing: TwoFiles, Wal, small, |_| KILL;
    a_kill_at_any_change_of_a_new_file_loses_nothing: Created, Rollback, small, |_| KILL;
    a_device_that_dies_at_any_change_of_one_wal_file_loses_nothing: SameFile, Wal, small, |_| IO_FOREVER;
    a_device_that_dies_at_any_change_of_one_rollback_file_loses_nothing: SameFile, Rollback, small, |_| IO_FOREVER;
}
