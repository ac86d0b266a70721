//! Child processes: the test binary once more, in another role. What a role is, the test `child_process` of the file says that starts it.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

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
    /// Opens the source, and the target if that is another file.
    pub fn open(&self) -> Result<(Manager, Option<Manager>), Error> {
        let open = |path: &PathBuf, create| {
            let options = OpenOptions { busy_timeout: self.busy_timeout, create, ..OpenOptions::default() };
            Database::open(path.to_str().expect("paths of tests are UTF-8"), options).map(Manager::from)
        };
        Ok((open(&self.source, false)?, self.target.as_ref().map(|path| open(path, true)).transpose()?))
    }

    pub fn run(&self, options: MigrateOptions) -> Result<MigrationResult, Error> {
        let (source, target) = self.open()?;
        let on_duplicate = if self.skip { OnDuplicate::Skip } else { OnDuplicate::Copy };
        source.migrate_experiment(self.experiment, target.as_ref(), MigrateOptions { on_duplicate, ..options })
    }

    /// A child process that does it.
    #[track_caller]
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

/// The full name of a test of the file that asks: its module has the file's name.
#[track_caller]
pub fn full_name(test: &str) -> String {
    let file = Path::new(Location::caller().file()).file_stem().unwrap().to_str().unwrap();
    if file == "main" { test.to_owned() } else { format!("{file}::{test}") }
}

/// This test binary in a role, for which the file that asks has a test `child_process`.
#[track_caller]
pub fn command(role: &str, input: &Value) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", &full_name("child_process"), "--nocapture", "--test-threads=1"])
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

/// Waits for a child that says the id of a snapshot.
pub fn outcome_of(child: Child) -> Outcome {
    ended(child, |_| Outcome::Done { id: 0, skipped: false })
}

/// Waits for a migrating child.
pub fn outcome(child: Child) -> Outcome {
    ended(child, |said| Outcome::Done { id: said["id"].as_i64().unwrap(), skipped: said["skipped"].as_bool().unwrap() })
}

fn ended(mut child: Child, done: impl Fn(&Value) -> Outcome) -> Outcome {
    drop(child.stdin.take());
    let mut text = String::new();
    child.stdout.take().expect("stdout is a pipe").read_to_string(&mut text).unwrap();
    let status = child.wait().unwrap();
    let said = text.lines().find_map(heard);
    match (status.signal(), said) {
        (Some(9), _) => Outcome::Killed,
        (None, Some(said)) if status.success() => match said.get("error") {
            Some(error) => Outcome::Failed(error.clone()),
            None => done(&said),
        },
        _ => panic!("the child ended with {status} and said {text}"),
    }
}

/// A child that says one thing after the other until its standard input is closed.
pub struct Talker {
    child: Child,
    input: Mutex<Option<ChildStdin>>,
    heard: Arc<Mutex<Vec<Value>>>,
    listener: Option<JoinHandle<()>>,
}

impl Talker {
    #[track_caller]
    pub fn start(role: &str, input: &Value) -> Talker {
        Talker::of(&mut command(role, input))
    }

    /// A process that speaks as a child does; its standard input and output are pipes.
    pub fn of(command: &mut Command) -> Talker {
        let mut child = command.spawn().unwrap();
        let input = Mutex::new(child.stdin.take());
        let lines = BufReader::new(child.stdout.take().expect("stdout is a pipe")).lines();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&heard);
        let listener = std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                into.lock().unwrap().extend(self::heard(&line));
            }
        });
        Talker { child, input, heard, listener: Some(listener) }
    }

    /// What it has said so far.
    pub fn heard(&self) -> Vec<Value> {
        self.heard.lock().unwrap().clone()
    }

    /// How often it has said something with this key.
    pub fn count(&self, key: &str) -> usize {
        self.heard.lock().unwrap().iter().filter(|value| value.get(key).is_some()).count()
    }

    /// Waits until it has said something with this key so many times; gives up after a minute.
    pub fn wait_for(&self, key: &str, times: usize) {
        let since = Instant::now();
        while self.count(key) < times {
            assert!(since.elapsed() < Duration::from_secs(60), "the child said {:?} last", self.heard().last());
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Lets it go on.
    pub fn go(&self) {
        writeln!(self.input.lock().unwrap().as_mut().expect("stdin is a pipe"), "go").unwrap();
    }

    /// Closes its standard input and waits for its end; returns all that it said.
    pub fn stop(mut self) -> Vec<Value> {
        drop(self.input.lock().unwrap().take());
        let status = self.child.wait().unwrap();
        self.listener.take().expect("stopped once").join().unwrap();
        assert!(status.success(), "the child ended with {status} and said {:?}", self.heard());
        self.heard()
    }

    /// kill -9.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Talker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// In a child: what the parent wants of it, heard by a thread of its own.
#[derive(Clone, Default)]
pub struct Parent {
    goes: Arc<AtomicUsize>,
    closed: Arc<AtomicBool>,
}

impl Parent {
    pub fn listen() -> Parent {
        let parent = Parent::default();
        let heard = parent.clone();
        std::thread::spawn(move || {
            for _ in std::io::stdin().lines().map_while(Result::ok) {
                heard.goes.fetch_add(1, Ordering::Relaxed);
            }
            heard.closed.store(true, Ordering::Relaxed);
        });
        parent
    }

    /// Whether it has not closed the standard input yet.
    pub fn waits(&self) -> bool {
        !self.closed.load(Ordering::Relaxed)
    }

    /// How often it said [`Talker::go`].
    pub fn goes(&self) -> usize {
        self.goes.load(Ordering::Relaxed)
    }
}

/// In a child: waits for [`Talker::go`] or for the end of the standard input.
pub fn wait_for_go() {
    std::io::stdin().read_line(&mut String::new()).unwrap();
}
