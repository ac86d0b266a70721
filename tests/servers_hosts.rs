//! Servers that go away, seen by a host in C that does nothing about SIGPIPE: it lives, and hears of it by a status. `EXPMIG_FAULTS` says
//! how often that is tried for each way to connect (12), with three connections each.

mod programs;
#[path = "support/server.rs"]
mod server;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use mysql::prelude::Queryable;
use programs::combined::WAYS;
use programs::{ROOT, VALGRIND, with_databases};
use server::{Kind, PASSWORD, Server, USER, escaped};

/// How connections are made, as parameters of a URL.
const WAYS_IN: [&str; 3] = ["ssl-mode=required", "ssl-mode=disabled", "socket"];

fn certificate(folder: &Path) -> Vec<String> {
    let script = "cd \"$1\" && chmod 755 . && openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 \
        -subj /CN=localhost && chmod 644 *.pem";
    let done = Command::new("sh").args(["-c", script, "sh"]).arg(folder).output().expect("openssl");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let file = |name: &str| folder.join(name).display().to_string();
    vec![format!("--ssl-cert={}", file("cert.pem")), format!("--ssl-key={}", file("key.pem"))]
}

fn built(name: &str) -> PathBuf {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder").keep();
    WAYS[0].build(&Path::new(ROOT).join(format!("tests/c/{name}.c")), &folder)
}

/// The program, built once.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| built("server_gone"))
}

/// The URL of a schema, by a way to connect.
fn url(server: &Server, name: &str, way: &str) -> String {
    let account = format!("{USER}:{}", escaped(PASSWORD));
    match way {
        "socket" => {
            let socket = escaped(&server.socket().display().to_string());
            format!("mysql://{account}@localhost/{name}?socket={socket}")
        }
        parameters => format!("mysql://{account}@127.0.0.1:{}/{name}?{parameters}", server.port),
    }
}

/// Ends every connection of the account.
fn cut(server: &Server) {
    let mut root = server.connect_as("root", "", None);
    let find = format!("SELECT ID FROM information_schema.PROCESSLIST WHERE USER = '{USER}'");
    let ids: Vec<u64> = root.query(&find).expect("the connections");
    for id in ids {
        // It may be gone already.
        let _gone = root.query_drop(format!("KILL {id}"));
    }
    while !root.query::<u64, _>(&find).expect("the connections").is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

/// Runs the program on a schema, and does to the server what it says.
fn run(mut command: Command, server: &mut Server, options: &[&str], way: &str, last: &str, rounds: u32) {
    let name = server.schema();
    let url = url(server, &name, way);
    let folder = tempfile::tempdir().expect("a folder");
    with_databases(folder.path());
    command.args([&url, last, &rounds.to_string(), "digits.db"]).current_dir(folder.path());
    command.env_remove("LD_LIBRARY_PATH").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut host = command.spawn().expect("the program");
    let (mut answers, mut done) = (host.stdin.take().expect("its input"), None);
    for line in BufReader::new(host.stdout.take().expect("its output")).lines() {
        match line.expect("a line").as_str() {
            "cut" => cut(server),
            "kill" => server.kill(),
            number => done = Some(number.parse::<u64>().expect("how many migrations were done")),
        }
        let _ended = answers.write_all(b"\n");
    }
    let status = host.wait().expect("its end");
    assert!(status.success(), "{way}, {last}: {status}");
    if last == "kill" {
        server.restart(options);
    }
    // What was said to be done is there.
    let there: Option<u64> = server.connect(&name).query_first("SELECT COUNT(*) FROM EXPERIMENT").expect("a number");
    assert_eq!(there, done, "{way}, {last}");
}

fn each(test: impl Fn(&mut Server, &[&str])) {
    let folder = tempfile::tempdir().expect("a folder");
    let options = certificate(folder.path());
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    for kind in [Kind::MariaDb, Kind::Mysql] {
        match Server::start(kind, &options) {
            Some(mut server) => test(&mut server, &options),
            None => eprintln!("skipped on {kind:?}: EXPMIG_TEST_MYSQLD names no mysqld"),
        }
    }
}

#[test]
fn a_host_in_c_outlives_the_connections_that_a_server_ends() {
    let rounds = std::env::var("EXPMIG_FAULTS").map_or(12, |number| number.parse().expect("EXPMIG_FAULTS: a number"));
    each(|server, options| {
        for way in WAYS_IN {
            run(Command::new(program()), server, options, way, "cut", rounds);
        }
        let mut valgrind = Command::new("valgrind");
        // What TLS writes is made by instructions that valgrind takes for none that write.
        valgrind.args(VALGRIND).arg("--undef-value-errors=no").arg(program());
        run(valgrind, server, options, "ssl-mode=required", "cut", 3);
    });
}

#[test]
fn a_host_in_c_outlives_a_server_that_is_killed() {
    each(|server, options| {
        for rounds in [1, 2] {
            for way in WAYS_IN {
                run(Command::new(program()), server, options, way, "kill", rounds);
            }
        }
    });
}

#[test]
fn a_child_of_a_host_in_c_lets_go_of_connections_that_go_on_in_the_parent() {
    let program = built("server_fork");
    each(|server, _| {
        let run = |mut command: Command, way: &str| {
            let folder = tempfile::tempdir().expect("a folder");
            with_databases(folder.path());
            command.args([&url(server, &server.schema(), way), "small.db"]).current_dir(folder.path());
            programs::succeed(command.env_remove("LD_LIBRARY_PATH"), way);
        };
        for way in WAYS_IN {
            run(Command::new(&program), way);
        }
        let mut valgrind = Command::new("valgrind");
        valgrind.args(VALGRIND).arg("--undef-value-errors=no").arg(&program).env("CHECK_SLOW_TOOL", "1");
        run(valgrind, "ssl-mode=required");
    });
}
