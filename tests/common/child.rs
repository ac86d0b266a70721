//! Child processes: the test binary once more, in another role.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use expmig::{Database, Error, Manager, MigrateOptions, MigrationResult, OnDuplicate, OpenOptions};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const ROLE: &str = "EXPMIG_TEST_ROLE";
const INPUT: &str = "EXPMIG_TEST_INPUT";
/// Comes before what a child has to say; the test harness writes lines of its own.
const MARK: &str = "@@";

/// A migration, as a whole process does it: open, migrate, close.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    pub source: PathBuf,
    pub experiment: i64,
    /// `None` within the source.
    pub target: Option<PathBuf>,
    pub skip: bool,
    pub busy_timeout: Duration,
}

impl Job {
    pub fn open_options(&self) -> OpenOptions {
        OpenOptions { busy_timeout: self.busy_timeout, ..OpenOptions::default() }
    }

    pub fn run(&self, options: MigrateOptions) -> Result<MigrationResult, Error> {
        let open = |path: &PathBuf, create| {
            let options = OpenOptions { create, ..self.open_options() };
            Database::open(path.to_str().expect("paths of tests are UTF-8"), options).map(Manager::from)
        };
        let source = open(&self.source, false)?;
        let target = self.target.as_ref().map(|path| open(path, true)).transpose()?;
        let on_duplicate = if self.skip { OnDuplicate::Skip } else { OnDuplicate::Copy };
        source.migrate_experiment(self.experiment, target.as_ref(), MigrateOptions { on_duplicate, ..options })
    }

    /// A child process that does it.
    pub fn command(&self) -> Command {
        command("migrate", &serde_json::to_value(self).unwrap())
    }
}

/// How a child process ended.
#[derive(Debug)]
pub enum Outcome {
    /// The experiment that was made or found.
    Done { id: i64, skipped: bool },
    /// The error, as JSON.
    Failed(Value),
    /// SIGKILL.
    Killed,
}

/// This test binary in a role.
pub fn command(role: &str, input: &Value) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "child_process", "--nocapture", "--test-threads=1"])
        .env(ROLE, role)
        .env(INPUT, input.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    command
}

/// Says something to the parent.
pub fn say(value: &Value) {
    println!("{MARK}{value}");
}

/// What a child said.
pub fn heard(line: &str) -> Option<Value> {
    let (_, value) = line.split_once(MARK)?;
    Some(serde_json::from_str(value.trim_end()).expect("a child speaks JSON"))
}

/// The role and input of this process, if it is a child.
pub fn role() -> Option<(String, Value)> {
    let role = std::env::var(ROLE).ok()?;
    Some((role, serde_json::from_str(&std::env::var(INPUT).unwrap()).unwrap()))
}

/// The child's part of [`Job::command`].
pub fn migrate(input: Value) {
    let job: Job = serde_json::from_value(input).unwrap();
    match job.run(MigrateOptions::default()) {
        Ok(result) => say(&json!({"id": result.new_experiment_id, "skipped": result.skipped})),
        Err(error) => say(&json!({"error": error.to_json()})),
    }
}

/// Waits for a migrating child.
pub fn outcome(mut child: Child) -> Outcome {
    drop(child.stdin.take());
    let mut text = String::new();
    child.stdout.take().expect("stdout is a pipe").read_to_string(&mut text).unwrap();
    let status = child.wait().unwrap();
    let said = text.lines().find_map(heard);
    match (status.signal(), said) {
        (Some(9), _) => Outcome::Killed,
        (None, Some(said)) if status.success() => match said.get("error") {
            Some(error) => Outcome::Failed(error.clone()),
            None => Outcome::Done { id: said["id"].as_i64().unwrap(), skipped: said["skipped"].as_bool().unwrap() },
        },
        _ => panic!("the child ended with {status} and said {text}"),
    }
}
