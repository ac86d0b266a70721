//! `check_copy.py`, the independent checker, kept running: starting Python for each check would take most of the time.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

use serde_json::{Value, json};

const SERVER: &str = "
import json, sys
sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
import check_copy
for line in sys.stdin:
    call = json.loads(line)
    print(json.dumps(check_copy.check(*call['files'], **call['options'])), flush=True)
";

struct Server {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

/// The running checker.
pub struct Checker(Mutex<Server>);

impl Checker {
    pub fn start() -> Checker {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python");
        let mut process = Command::new("python3")
            .args(["-c", SERVER])
            .arg(scripts)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 runs the checker");
        let input = process.stdin.take().expect("stdin is a pipe");
        let output = BufReader::new(process.stdout.take().expect("stdout is a pipe"));
        Checker(Mutex::new(Server { process, input, output }))
    }

    /// Fails unless the experiment of the target is a complete and exact copy. `before` is what the two files were.
    pub fn assert_copy(&self, source: (&Path, i64), target: (&Path, i64), before: (&Path, Option<&Path>)) {
        let call = json!({
            "files": [source.0, source.1, target.0, target.1],
            "options": {"pristine": before.0, "target_before": before.1},
        });
        let mut server = self.0.lock().unwrap();
        writeln!(server.input, "{call}").unwrap();
        let mut line = String::new();
        server.output.read_line(&mut line).unwrap();
        let differences: Value = serde_json::from_str(&line).expect("the checker answers");
        assert_eq!(
            differences,
            json!([]),
            "of {} {} from {} {}",
            target.0.display(),
            target.1,
            source.0.display(),
            source.1
        );
    }
}

impl Drop for Checker {
    fn drop(&mut self) {
        let server = self.0.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        let _ = server.process.kill();
        let _ = server.process.wait();
    }
}
