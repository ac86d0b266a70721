//! Servers that go away, seen by a host in C that does nothing about SIGPIPE: it lives, and hears of it by a status. `EXPMIG_FAULTS` says
//! how often that is tried for each way to connect (12), with three connections each; a sixth as often the server is killed. Half of
//! it happens at random moments, by `EXPMIG_TEST_SEED` (1).

use crate::programs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::time::Duration;

use crate::programs::combined::WAYS;
use crate::programs::{ROOT, VALGRIND, with_databases};
use crate::support::proxy::{Fault, Moment, Proxy, Way};
use crate::support::random::{Random, seed_or};
use crate::support::server::{Kind, PASSWORD, Server, USER, each_own, escaped};
use mysql::prelude::Queryable;

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
    for id in &ids {
        // It may be gone already.
        let _gone = root.query_drop(format!("KILL {id}"));
    }
    // Meanwhile the host may have made others.
    while root.query::<u64, _>(&find).expect("the connections").iter().any(|id| ids.contains(id)) {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Runs the program on a schema, and does to the server what it says.
fn run(mut command: Command, server: &mut Server, options: &[&str], way: &str, last: &str, rounds: u32) {
    let name = server.schema();
    let url = url(server, &name, way);
    let mut random = Random::new(seed_or(1).wrapping_add(rounds.into()));
    let folder = tempfile::tempdir().expect("a folder");
    with_databases(folder.path());
    command.args([&url, last, &rounds.to_string(), "digits.db"]).current_dir(folder.path());
    command.env_remove("LD_LIBRARY_PATH").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut host = command.spawn().expect("the program");
    let (mut answers, mut done) = (host.stdin.take().expect("its input"), None);
    for line in BufReader::new(host.stdout.take().expect("its output")).lines() {
        let word = line.expect("a line");
        let mut answer = || drop(answers.write_all(b"\n"));
        if word == "on" {
            answer();
            continue;
        }
        // Half of them happen while the host waits, the others at some moment afterwards.
        let later = random.percent(50);
        if later {
            answer();
            std::thread::sleep(Duration::from_micros(random.bits() % 30_000));
        }
        match word.as_str() {
            "cut" => cut(server),
            "kill" => server.kill(),
            number => done = Some(number.parse::<u64>().expect("how many migrations were done")),
        }
        if !later {
            answer();
        }
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
    each_with(&[], test);
}

fn each_with(more: &[&str], test: impl Fn(&mut Server, &[&str])) {
    let folder = tempfile::tempdir().expect("a folder");
    let options = certificate(folder.path());
    let options: Vec<&str> = options.iter().map(String::as_str).chain(more.iter().copied()).collect();
    each_own(&options, |server| test(server, &options));
}

/// How often.
fn faults() -> u32 {
    std::env::var("EXPMIG_FAULTS").map_or(12, |number| number.parse().expect("EXPMIG_FAULTS: a number"))
}

#[test]
fn a_host_in_c_outlives_the_connections_that_a_server_ends() {
    let rounds = faults();
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
        for rounds in 1..=faults() / 6 {
            for way in WAYS_IN {
                run(Command::new(program()), server, options, way, "kill", rounds);
            }
        }
    });
}

/// What the other end does with somebody who connects, after what it says at first.
#[derive(Clone, Copy, Debug)]
enum Manner {
    /// It accepts nobody.
    Full,
    Silent,
    /// A byte now and then, of a packet that never ends.
    Slow,
    /// After the greeting.
    SilentAfterGreeting,
    /// The answer to the login, or to the request for TLS, a byte now and then.
    SlowAfterGreeting(&'static [u8]),
}

/// A head of a TLS record that holds a server's hello, and of a packet.
const HELLO: &[u8] = b"\x16\x03\x03\x3f\x00\x02\x00\x3e\xfc\x03\x03";
const PACKET: &[u8] = b"\xff\xff\x00\x02\x00";

/// The greeting of a server: its first packet.
fn greeting(server: &Server) -> Vec<u8> {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).expect("a connection");
    let mut head = [0; 4];
    stream.read_exact(&mut head).expect("a head");
    let mut body = vec![0; usize::from(head[0]) + 256 * usize::from(head[1])];
    stream.read_exact(&mut body).expect("a greeting");
    [head.to_vec(), body].concat()
}

fn serve(mut stream: TcpStream, manner: Manner, greeting: &[u8], over: &AtomicBool) -> std::io::Result<()> {
    let head = match manner {
        Manner::Full | Manner::Silent => &[][..],
        Manner::Slow => PACKET,
        Manner::SilentAfterGreeting => {
            stream.write_all(greeting)?;
            &[]
        }
        Manner::SlowAfterGreeting(head) => {
            stream.write_all(greeting)?;
            stream.read_exact(&mut [0; 8])?;
            head
        }
    };
    stream.write_all(head)?;
    while !over.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(100));
        if !head.is_empty() {
            stream.write_all(b"\0")?;
        }
    }
    // Silence, until the other end has enough.
    let _ended = stream.read_to_end(&mut Vec::new());
    Ok(())
}

#[test]
fn opening_ends_in_time_whatever_the_other_end_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = certificate(folder.path());
    let server = Server::start(Kind::MariaDb, &options.iter().map(String::as_str).collect::<Vec<_>>());
    let greeting: &'static [u8] = greeting(&server.expect("MariaDB is always there")).leak();
    let program = built("server_silent");
    let plain = "ssl-mode=disabled";
    for (manner, mode) in [
        (Manner::Full, plain),
        (Manner::Silent, plain),
        (Manner::Slow, plain),
        (Manner::SilentAfterGreeting, plain),
        (Manner::SilentAfterGreeting, "ssl-mode=required"),
        (Manner::SlowAfterGreeting(PACKET), plain),
        (Manner::SlowAfterGreeting(HELLO), "ssl-mode=required"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let over: &'static AtomicBool = Box::leak(Box::new(AtomicBool::new(false)));
        if !matches!(manner, Manner::Full) {
            std::thread::spawn(move || {
                for stream in listener.incoming() {
                    let stream = stream.expect("a connection");
                    std::thread::spawn(move || serve(stream, manner, greeting, over));
                }
            });
        }
        let url = format!("mysql://u:p@127.0.0.1:{port}/s?connect-timeout-ms=3000&{mode}");
        let folder = tempfile::tempdir().expect("a folder");
        with_databases(folder.path());
        let mut host = Command::new(&program)
            .arg(url)
            .current_dir(folder.path())
            .env_remove("LD_LIBRARY_PATH")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program");
        for line in BufReader::new(host.stdout.take().expect("its output")).lines() {
            assert_eq!(line.expect("a line"), "waiting");
            over.store(true, Ordering::Relaxed);
        }
        let status = host.wait().expect("its end");
        assert!(status.success(), "{manner:?}, {mode}: {status}");
    }
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

/// Nothing passes for a while, shorter than a server may be silent, again and again.
fn slow_down(proxy: &Arc<Proxy>, times: u32) {
    let next = Arc::clone(proxy);
    let wait = move || {
        std::thread::sleep(Duration::from_millis(500));
        if times > 1 {
            slow_down(&next, times - 1);
        }
    };
    proxy.plan(Moment::Bytes(Way::ToClient, 10_000), Fault::Do(Box::new(wait)));
}

/// Runs the program on a new schema, through a proxy that does what it says.
fn with_silence(mut command: Command, server: &Server, way: &str) {
    let proxy = Arc::new(Proxy::start(&server.socket()));
    let (account, name) = (format!("{USER}:{}", escaped(PASSWORD)), server.schema());
    // MySQL knows the password then, and does not ask for what needs TLS.
    drop(server.connect(&name));
    let url = format!("mysql://{account}@127.0.0.1:{}/{name}?{way}&read-timeout-ms=2000", proxy.port);
    let folder = tempfile::tempdir().expect("a folder");
    with_databases(folder.path());
    command.args([&url, "small.db"]).current_dir(folder.path());
    command.env_remove("LD_LIBRARY_PATH").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut host = command.spawn().expect("the program");
    let mut answers = host.stdin.take().expect("its input");
    let mut silence: Option<mpsc::Sender<()>> = None;
    for line in BufReader::new(host.stdout.take().expect("its output")).lines() {
        let moment = match line.expect("a line").as_str() {
            "silent" => Some(Moment::Bytes(Way::ToClient, 0)),
            "within" => Some(Moment::Bytes(Way::ToClient, 2000)),
            "stuck" => Some(Moment::Bytes(Way::ToClient, 20_000)),
            "commit" => Some(Moment::Committed),
            "slow" => {
                slow_down(&proxy, 7);
                None
            }
            "speak" => {
                silence = None;
                None
            }
            other => panic!("{other}"),
        };
        if let Some(moment) = moment {
            let (ends, lasts) = mpsc::channel::<()>();
            silence = Some(ends);
            proxy.plan(moment, Fault::Do(Box::new(move || assert!(lasts.recv().is_err()))));
        }
        let _ended = answers.write_all(b"\n");
    }
    drop(silence);
    let status = host.wait().expect("its end");
    assert!(status.success(), "{command:?} on {:?}, {way}: {status}", server.kind);
}

#[test]
fn a_server_that_falls_silent_is_given_up_in_time_whatever_interrupts_the_wait() {
    let (program, skip) = (built("server_timer"), built("server_skip"));
    // A commit waits for no disk, which others may keep busy.
    each_with(&["--innodb-flush-log-at-trx-commit=0"], |server, _| {
        let server = &*server;
        std::thread::scope(|scope| {
            for way in ["ssl-mode=required", "ssl-mode=disabled"] {
                scope.spawn(|| with_silence(Command::new(&program), server, way));
            }
            scope.spawn(|| {
                let url = url(server, &server.schema(), "socket");
                let mut host = Command::new(&skip);
                programs::succeed(
                    host.arg(format!("{url}&read-timeout-ms=1500")).env_remove("LD_LIBRARY_PATH"),
                    "rows that nobody wants",
                );
            });
            // The driver is the same for both: once will do.
            if server.kind == Kind::MariaDb {
                let mut valgrind = Command::new("valgrind");
                valgrind.args(VALGRIND).arg("--undef-value-errors=no").arg(&program).env("CHECK_SLOW_TOOL", "1");
                scope.spawn(|| with_silence(valgrind, server, "ssl-mode=disabled"));
            }
        });
    });
}
