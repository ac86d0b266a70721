//! A password appears nowhere: in no error of any kind, log, document, snapshot or description, in no process list and in no log of the
//! server. One password for all tests, whose parts are found also where it was cut or written otherwise.

use crate::support;
use std::fmt::Debug;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use crate::support::Folder;
use crate::support::proxy::{Fault, Moment, Proxy, Way};
use crate::support::server::{Kind, Server, USER, each, escaped};
use expmig::database::{Password, Secret};
use expmig::{
    Database, Error, ExportOptions, JobOptions, Manager, ManagerOptions, MigrateOptions, OpenOptions, SnapshotOptions,
    Status, ValidateOptions,
};
use mysql::prelude::Queryable;

/// With everything that has a meaning in a URL.
const PASSWORD: &str = "Geheimwort:zq7xk/wq9vb@kx4jq?yv3bz#pj8wk%41qk'\"\\ é";
/// What no part of anything may contain, in any letter case.
const PARTS: [&str; 6] = ["geheimwort", "zq7xk", "wq9vb", "kx4jq", "yv3bz", "pj8wk"];

#[track_caller]
fn clean(what: &str, text: &str) {
    let lower = text.to_lowercase();
    let found = PARTS.iter().find(|part| lower.contains(**part));
    assert!(found.is_none(), "{what} has a part of the password: {text}");
}

/// What can be seen of a result: it is an error of this status, with nothing of the password in any part of it.
#[track_caller]
fn failed<T: Debug>(result: Result<T, Error>, status: Status) -> Error {
    let error = result.expect_err("an error");
    let mut next = Some(&error);
    while let Some(cause) = next {
        clean("a message", cause.message());
        clean("a hint", cause.hint_text().unwrap_or_default());
        for detail in cause.details() {
            clean("a detail", &format!("{} {}", detail.key, detail.value));
        }
        next = cause.cause();
    }
    for shown in [error.to_json().to_string(), format!("{error}"), format!("{error:?}"), format!("{error:#?}")] {
        clean("an error", &shown);
    }
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        clean("a source", &format!("{cause} {cause:?}"));
        source = cause.source();
    }
    assert_eq!(error.status(), status, "{}", error.to_json());
    error
}

fn open(url: &str) -> Result<Database, Error> {
    Database::open(url, OpenOptions::default())
}

/// An account with the password, and the URL of a schema with it.
fn account(server: &Server, user: &str, rights: &str) -> (String, String) {
    let name = server.schema();
    drop(Database::open(&server.url(&name), OpenOptions { create: true, ..OpenOptions::default() }).expect("tables"));
    let mut root = server.connect(&name);
    root.exec_drop("SET sql_mode = 'NO_BACKSLASH_ESCAPES'", ()).expect("a mode");
    let quoted = PASSWORD.replace('\'', "''");
    root.query_drop(format!("CREATE USER IF NOT EXISTS '{user}'@'%' IDENTIFIED BY '{quoted}'")).expect("an account");
    root.query_drop(format!("GRANT {rights} ON {name}.* TO '{user}'@'%'")).expect("a right");
    (server.url_as(user, PASSWORD, &name), name)
}

#[test]
fn no_error_of_opening_has_it() {
    each(|server| {
        let (url, name) = account(server, "opener", "SELECT");
        open(&url).expect("the right password");
        let secret = escaped(PASSWORD);
        let at = |user: &str, place: &str| format!("mysql://{user}:{secret}@{place}");
        let port = server.port;
        failed(open(&at(USER, &format!("127.0.0.1:{port}/{name}"))), Status::Auth);
        failed(open(&at("nobody", &format!("127.0.0.1:{port}/{name}"))), Status::Auth);
        failed(open(&at("opener", &format!("127.0.0.1:{port}/no_such_schema"))), Status::Auth);
        failed(open(&at("opener", &format!("host.invalid/{name}"))), Status::Connection);
        failed(open(&at("opener", &format!("127.0.0.1:1/{name}"))), Status::Connection);
        failed(open(&at("opener", &format!("localhost/{name}?socket=/no/such.sock"))), Status::Connection);
        failed(open(&at("opener", &format!("127.0.0.1:{port}/{name}?ssl-ca=/no/such.pem"))), Status::Io);
        let create = OpenOptions { create: true, ..OpenOptions::default() };
        failed(Database::open(&at("opener", &format!("127.0.0.1:{port}/not_there")), create), Status::Auth);
        // Given beside the URL.
        for password in [Password::Is(Secret::new(PASSWORD)), Password::Ask(Arc::new(|| Ok(PASSWORD.to_owned())))] {
            let options = OpenOptions { password: Some(password), ..OpenOptions::default() };
            clean("options", &format!("{options:?}"));
            failed(Database::open(&format!("mysql://{USER}@127.0.0.1:{port}/{name}"), options), Status::Auth);
        }
    });
}

#[test]
fn no_error_of_encryption_has_it() {
    let server = Server::start(Kind::MariaDb, &["--skip-ssl"]).expect("MariaDB is always there");
    let (url, _) = account(&server, "opener", "SELECT");
    let plain = url.replace("ssl-mode=disabled", "");
    for mode in ["required", "verify-ca", "verify-identity"] {
        failed(open(&format!("{plain}ssl-mode={mode}")), Status::Connection);
    }
}

#[test]
fn no_error_about_who_does_not_speak_the_protocol_has_it() {
    for (answer, status) in [
        (None, Status::Timeout),
        (Some(&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..]), Status::Connection),
        (Some(&b""[..]), Status::Connection),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let listening = std::thread::spawn(move || {
            let (mut client, _) = listener.accept().expect("a client");
            match answer {
                Some(answer) => client.write_all(answer).expect("an answer"),
                // Until the other end gives up.
                None => drop(client.read(&mut [0])),
            }
        });
        let url = format!("mysql://someone:{}@127.0.0.1:{port}/schema?read-timeout-ms=300", escaped(PASSWORD));
        failed(open(&url), status);
        listening.join().expect("it ends");
    }
}

#[test]
fn no_error_about_a_url_that_is_not_understood_has_it() {
    let escaped = escaped(PASSWORD);
    // Also not escaped, as people write it; half of it is taken for a host, a port, a path or a parameter then.
    for secret in [
        PASSWORD,
        escaped.as_str(),
        "zq7xk/wq9vb",
        "1/wq9vb",
        "zq7xk?wq9vb",
        "zq7xk#wq9vb",
        "zq7xk@wq9vb",
        "%zz-zq7xk",
        "%ff-zq7xk",
    ] {
        for url in [
            format!("mysql://me:{secret}@host:port/schema"),
            format!("mysql://me:{secret}@host:99999/schema"),
            format!("mysql://me:{secret}@127.0.0.1:1/schema"),
            format!("mysql://me:{secret}@/schema"),
            format!("mysql://me:{secret}@127.0.0.1"),
            format!("mysql://me:{secret}@127.0.0.1:1"),
            format!("mysql://me:{secret}@127.0.0.1:1/a/b"),
            format!("mysql://me:{secret}@127.0.0.1:1/schema#x"),
            format!("mysql://me:{secret}@127.0.0.1:1/schema?ssl-mode={secret}"),
            format!("mysql://me:{secret}@127.0.0.1:1/schema?password={secret}"),
            format!("mysql://127.0.0.1:1/schema?{secret}"),
            format!("mysql://127.0.0.1:1/schema?connect-timeout-ms={secret}"),
            format!("mysql:me:{secret}@127.0.0.1/schema"),
            format!("mysql:/me:{secret}@127.0.0.1/schema"),
            format!("mysql:///me:{secret}@127.0.0.1/schema"),
            format!("mysql://me:{secret}@[::1/schema"),
            // What other libraries call it, and other databases.
            format!("MySQL://me:{secret}@127.0.0.1:1/schema"),
            format!("mysql+pymysql://me:{secret}@127.0.0.1:1/schema"),
            format!("mysql2://me:{secret}@127.0.0.1:1/schema"),
            format!("jdbc:mysql://me:{secret}@127.0.0.1:1/schema"),
            format!("postgresql://me:{secret}@127.0.0.1:1/schema"),
            format!(" mysql://me:{secret}@127.0.0.1:1/schema"),
        ] {
            let error = open(&url).expect_err("no such thing can be opened");
            let status = error.status();
            failed(Err::<Database, Error>(error), status);
            let expected = [Status::InvalidArgument, Status::Connection, Status::Unsupported];
            assert!(expected.contains(&status), "{status:?} of {url}");
        }
    }
}

#[test]
fn nothing_of_a_job_has_it_and_no_list_of_processes() {
    each(|server| {
        let mut root = server.connect("mysql");
        root.query_drop("SET GLOBAL log_output = 'TABLE'").expect("a log");
        let (url, name) = account(server, "worker", "ALL");
        // From here on: making the account says the password.
        root.query_drop("SET GLOBAL general_log = 1").expect("a log");
        let folder = Folder::new();
        let lines = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&lines);
        let log = move |_, line: &str| kept.lock().expect("the lines").push_str(line);
        let options = ManagerOptions {
            log: Some(Box::new(log)),
            log_level: Some(expmig::LogLevel::Debug),
            snapshot_dir: Some(folder.path("snapshots")),
        };
        let database = open(&url).expect("the schema");
        clean("a database", &format!("{database:?}"));
        let target = Manager::new(database, options);
        clean("a manager", &format!("{target:?}"));
        let source = support::open(&folder.small("a.db", ""));
        let list = server.connect(&name);
        let seen = Arc::new(Mutex::new((list, String::new())));
        let looking = Arc::clone(&seen);
        let progress = Box::new(move |progress: &expmig::Progress| {
            let (list, text) = &mut *looking.lock().expect("the list");
            let rows: Vec<mysql::Row> = list.query("SHOW FULL PROCESSLIST").expect("the processes");
            text.push_str(&format!("{rows:?} {progress:?}"));
            text.push_str(&String::from_utf8_lossy(&std::fs::read("/proc/self/cmdline").expect("the command line")));
            text.push_str(&String::from_utf8_lossy(&std::fs::read("/proc/self/environ").expect("the environment")));
            text.push_str(&std::fs::read_to_string("/proc/self/comm").expect("the name"));
            expmig::Flow::Continue
        });
        let options = MigrateOptions { progress: Some(progress), create_snapshot: true, ..MigrateOptions::default() };
        let done = source.migrate_experiment(1, Some(&target), options).expect("a copy");
        clean("a result", &done.to_json().to_string());
        assert!(seen.lock().expect("the list").1.contains("worker"), "the process is in the list");
        clean("what others see", &seen.lock().expect("the list").1);
        let id = target.create_snapshot("of a server", SnapshotOptions::default()).expect("a snapshot");
        for name in [format!("{id}.json"), format!("{id}.db")] {
            let bytes = std::fs::read(folder.path("snapshots").join(&name)).expect("the file");
            assert!(bytes.len() > 100);
            clean(&name, &String::from_utf8_lossy(&bytes));
        }
        clean("the details", &format!("{:?}", target.snapshot_details(&id).expect("the details")));
        clean("the database's description", &target.database_info().expect("it").to_string());
        clean("a document", &target.export_to_string(1, ExportOptions::default()).expect("a document"));
        clean("a report", &target.validate(ValidateOptions::default()).expect("a report").to_json().to_string());
        clean("a widening", &target.widen_schema(false, JobOptions::default()).expect("a plan").to_string());
        // Errors of jobs: what does not exist, a line that breaks, a session that is ended, no right.
        failed(target.experiment_digest(77, JobOptions::default()), Status::NotFound);
        let proxy = Proxy::start(&server.socket());
        let through = url.replace(&format!(":{}/", server.port), &format!(":{}/", proxy.port));
        let broken = Manager::from(open(&through).expect("the schema"));
        for fault in [Moment::Bytes(Way::ToServer, 900), Moment::Bytes(Way::ToClient, 3000), Moment::Committed] {
            proxy.plan(fault, Fault::Cut);
            failed(source.migrate_experiment(1, Some(&broken), MigrateOptions::default()), Status::Connection);
            assert!(proxy.heal(), "{fault:?}");
        }
        let (reading, _) = account(server, "reader", "SELECT");
        let reader = Manager::from(open(&reading).expect("the schema"));
        failed(source.migrate_experiment(1, Some(&reader), MigrateOptions::default()), Status::Auth);
        drop((target, broken, reader));
        let lines = lines.lock().expect("the lines");
        assert!(!lines.is_empty(), "the job was logged");
        clean("the log", &lines);
        // What the server wrote down, but for the statement that made the second account.
        root.query_drop("SET GLOBAL general_log = 0").expect("no log");
        let written: Vec<Vec<u8>> =
            root.query("SELECT argument FROM general_log WHERE user_host LIKE '%worker%'").expect("the log");
        assert!(written.len() > 20, "{} statements", written.len());
        for statement in written {
            clean("the server's log", &String::from_utf8_lossy(&statement));
        }
        root.query_drop("TRUNCATE TABLE general_log").expect("an empty log");
    });
}
