//! Faults between a child process and the file system.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::child::Outcome;

/// The shim that lets system calls fail.
pub struct Shim(TempDir);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What the system call answers; `None` kills the process.
    pub errno: Option<i32>,
    pub forever: bool,
}

pub const EIO: i32 = 5;
pub const ENOSPC: i32 = 28;
pub const KILL: Fault = Fault { errno: None, forever: false };
pub const IO_ONCE: Fault = Fault { errno: Some(EIO), forever: false };
pub const IO_FOREVER: Fault = Fault { errno: Some(EIO), forever: true };
pub const FULL_ONCE: Fault = Fault { errno: Some(ENOSPC), forever: false };
pub const FULL_FOREVER: Fault = Fault { errno: Some(ENOSPC), forever: true };

impl Shim {
    pub fn new() -> Shim {
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

    /// Runs the command with a fault at the `at`-th change of a file in `folder`; 0 for none. Returns what the shim noted.
    pub fn run(
        &self,
        mut command: Command,
        folder: &Path,
        at: usize,
        fault: Fault,
        outcome: fn(Child) -> Outcome,
    ) -> (Outcome, String) {
        let mark = tempfile::NamedTempFile::new_in(self.0.path()).unwrap();
        let child = command
            .env("LD_PRELOAD", self.0.path().join("fault.so"))
            .env("FAULT_DIR", folder)
            .env("FAULT_AT", at.to_string())
            .env("FAULT_ERRNO", fault.errno.unwrap_or(0).to_string())
            .env("FAULT_FOREVER", u8::from(fault.forever).to_string())
            .env("FAULT_TORN", (at % 2).to_string())
            .env("FAULT_MARK", mark.path())
            .spawn()
            .unwrap();
        let outcome = outcome(child);
        (outcome, std::fs::read_to_string(mark.path()).unwrap())
    }
}

/// The first hundred points, then about as many up to the end.
pub fn points(changes: usize) -> impl Iterator<Item = usize> {
    let step = (changes.saturating_sub(100) / 100).max(1);
    (1..=changes.min(100)).chain((101..=changes).step_by(step))
}

/// Another way to fail at each point.
pub fn mixed(at: usize) -> Fault {
    [IO_ONCE, FULL_FOREVER, IO_FOREVER, FULL_ONCE][at % 4]
}

/// The same command, which can only write files of so many blocks of 512 bytes.
pub fn with_file_size_limit(command: &Command, blocks: usize) -> Command {
    let mut limited = Command::new("sh");
    limited
        // The signal would kill the process; ignored, the write fails instead.
        .args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"")])
        .arg(command.get_program())
        .args(command.get_args())
        .envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    limited
}

/// Moments between the start of something and somewhat after its end: evenly spread, in an order that looks random, by steps of
/// the golden ratio.
pub fn moment_of(duration: Duration, moment: u32) -> Duration {
    duration.mul_f64(1.2 * (f64::from(moment) * 0.618_033_988_75).fract())
}
