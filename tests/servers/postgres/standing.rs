//! What stands between a job and the disk: a commit that is answered early, a server that only follows another, limits of time, poolers.

use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use expmig::{ExportOptions, ImportOptions, JobOptions, MigrateOptions, OnDuplicate, Status};

use super::{created, done, open};
use crate::support::postgres::{DATABASE, Postgres};
use crate::support::server::{PASSWORD, START, USER, escaped, free_port};
use crate::support::{self, Folder};

fn copy() -> MigrateOptions {
    MigrateOptions { on_duplicate: OnDuplicate::Copy, ..MigrateOptions::default() }
}

/// What a setting is in the session.
fn shown(manager: &expmig::Manager, setting: &str) -> String {
    let mut shown = String::new();
    done(manager.query(&format!("SHOW {setting}"), &[], &mut |row| {
        shown = row.values[0].describe();
        Ok(expmig::Next::Row)
    }));
    shown
}

#[test]
fn a_commit_of_ours_is_on_the_disk_whatever_the_account_is_told() {
    let server = Postgres::start(&[]);
    let (schema, _) = created(&server);
    for (set, ours) in [("off", "local"), ("local", "local"), ("on", "on"), ("remote_apply", "remote_apply")] {
        server.psql("postgres", DATABASE, &format!("ALTER ROLE {USER} SET synchronous_commit = {set}"));
        let manager = done(open(&server.url(&schema), None, false));
        assert!(
            shown(&manager, "synchronous_commit") == format!("\"{ours}\""),
            "{set}: {}",
            shown(&manager, "synchronous_commit")
        );
        let about = done(manager.database_info());
        // Others' commits are as the account is told.
        let told = about.to_string().contains("synchronous_commit");
        assert_eq!(told, set == "off", "{about}");
        // The private server is told not to wait for the disk at all: nobody can answer for it then.
        assert!(about.to_string().contains("fsync"), "{about}");
    }
}

#[test]
fn a_standby_is_read_and_says_that_it_is_one_when_it_is_to_be_written() {
    let server = Postgres::start(&["-c", "wal_level=replica"]);
    let (schema, target) = created(&server);
    let folder = Folder::new();
    let source = support::open(&folder.small("small.db", ""));
    done(source.migrate_experiment(1, Some(&target), MigrateOptions::default()));
    let digest = done(target.experiment_digest(1, JobOptions::default()));
    let standby = server.standby();
    let there = done(open(&standby.url(&schema), None, false));
    assert_eq!(done(there.experiment_digest(1, JobOptions::default())), digest);
    // Out of it: into a file, a document, and the server that it follows.
    let file = support::open(&folder.empty("file.db", ""));
    assert_eq!(done(there.migrate_experiment(1, Some(&file), MigrateOptions::default())).target_digest, Some(digest));
    let document = done(there.export_to_string(1, ExportOptions::default()));
    assert_eq!(done(there.migrate_experiment(1, Some(&target), copy())).target_digest, Some(digest));
    // Into it.
    let before = standby.dump(&schema);
    let errors = [
        source.migrate_experiment(1, Some(&there), copy()).map(drop).unwrap_err(),
        there.migrate_experiment(1, None, copy()).map(drop).unwrap_err(),
        there.import_from_string(document.as_bytes(), ImportOptions::default()).map(drop).unwrap_err(),
        there.widen_schema(true, JobOptions::default()).map(drop).unwrap_err(),
        open(&standby.url("another_schema"), None, true).map(drop).unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.status(), Status::Io, "{}", error.to_json());
        assert!(error.to_json().to_string().contains("standby"), "{}", error.to_json());
    }
    // What it follows may have come there meanwhile, and nothing else.
    assert!(standby.dump(&schema).len() == before.len());
    // Once it is on its own it is written.
    standby.psql("postgres", "postgres", "SELECT pg_promote()");
    assert_eq!(done(source.migrate_experiment(1, Some(&there), copy())).target_digest, Some(digest));
}

#[test]
fn limits_of_time_that_the_account_is_given_are_not_those_of_a_job() {
    let server = Postgres::start(&[]);
    let (schema, _) = created(&server);
    let mut limits = vec!["statement_timeout", "idle_in_transaction_session_timeout"];
    for (since, limit) in [(14, "idle_session_timeout"), (17, "transaction_timeout")] {
        limits.extend((server.version() >= since).then_some(limit));
    }
    for limit in &limits {
        server.psql("postgres", DATABASE, &format!("ALTER ROLE {USER} SET {limit} = '90s'"));
    }
    server.psql("postgres", DATABASE, &format!("ALTER ROLE {USER} SET lock_timeout = '1ms'"));
    let target = done(open(&server.url(&schema), None, false));
    for limit in limits {
        assert_eq!(shown(&target, limit), r#""0""#, "{limit}");
    }
    assert_eq!(shown(&target, "lock_timeout"), r#""5s""#);
}

/// A pgbouncer in front of a server.
struct Pooler {
    process: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Pooler {
    fn start(server: &Postgres, mode: &str, size: u32) -> Pooler {
        let folder = tempfile::Builder::new().prefix("expmig-pool-").tempdir().expect("a folder");
        let port = free_port();
        let file = |name: &str| folder.path().join(name);
        std::fs::write(file("users.txt"), format!("\"{USER}\" \"{}\"\n", PASSWORD.replace('"', "\"\"")))
            .expect("users");
        std::fs::write(
            file("pool.ini"),
            format!(
                "[databases]\n{DATABASE} = host={} port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
                 auth_type = plain\nauth_file = {}\npool_mode = {mode}\ndefault_pool_size = {size}\n",
                server.folder.display(),
                server.port,
                file("users.txt").display()
            ),
        )
        .expect("its settings");
        let mut command = Command::new("pgbouncer");
        if rustix::process::geteuid().is_root() {
            for name in ["", "users.txt", "pool.ini"] {
                assert!(Command::new("chown").arg("postgres").arg(file(name)).status().expect("chown").success());
            }
            command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "pgbouncer"]);
        }
        let process = command
            .arg(file("pool.ini"))
            .env("PATH", "/usr/sbin:/usr/bin:/bin")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("pgbouncer: run `sh tests/install-tools.sh test`");
        let since = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(since.elapsed() < START, "pgbouncer does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        Pooler { process, port, _folder: folder }
    }

    fn url(&self, schema: &str, more: &str) -> String {
        format!(
            "postgresql://{USER}:{}@127.0.0.1:{}/{DATABASE}?schema={schema}&sslmode=disable{more}",
            escaped(PASSWORD),
            self.port
        )
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ended = (self.process.kill(), self.process.wait());
    }
}

#[test]
fn a_pooler_works_where_it_gives_a_session_and_is_refused_by_name_where_it_does_not() {
    let server = Postgres::start(&[]);
    let (schema, direct) = created(&server);
    let folder = Folder::new();
    let source = support::open(&folder.digits("digits.db"));
    let digest = done(source.experiment_digest(1, JobOptions::default()));
    let named = |error: &expmig::Error| {
        assert_eq!(error.status(), Status::Unsupported, "{}", error.to_json());
        let told = error.to_json().to_string();
        assert!(told.contains("pooler") && told.contains("session"), "{told}");
    };
    for mode in ["session", "transaction", "statement"] {
        let pooler = Pooler::start(&server, mode, 20);
        // Without a word of whoever knows it, nothing is set in a session that may be somebody else's next.
        named(&open(&pooler.url(&schema, ""), None, false).map(drop).unwrap_err());
        let session = open(&pooler.url(&schema, "&pooler=session"), None, false);
        if mode == "session" {
            let target = done(session);
            let copied = done(source.migrate_experiment(1, Some(&target), copy()));
            assert_eq!(copied.target_digest, Some(digest));
            assert_eq!(done(target.experiment_digest(copied.new_experiment_id, JobOptions::default())), digest);
            let ids = done(direct.list_experiments()).len();
            assert_eq!(ids, 1);
            continue;
        }
        if mode == "statement" {
            session.map(drop).expect_err("no transaction");
            continue;
        }
        // Somebody who said so, and is wrong: what is done is done rightly, or not at all.
        let mut others: Vec<Child> = (0..4).map(|_| busy(&pooler)).collect();
        for _ in 0..10 {
            let (before, there) = (server.dump(&schema), done(direct.list_experiments()).len());
            let copied = open(&pooler.url(&schema, "&pooler=session"), None, false)
                .and_then(|target| source.migrate_experiment(1, Some(&target), copy()));
            match copied {
                Ok(copied) => {
                    assert_eq!(done(direct.list_experiments()).len(), there + 1);
                    assert_eq!(done(direct.experiment_digest(copied.new_experiment_id, JobOptions::default())), digest);
                }
                Err(error) => {
                    // The lock of a job before may be left in a session of the pool.
                    if error.status() != Status::Busy {
                        named(&error);
                    }
                    assert!(server.dump(&schema) == before);
                    break;
                }
            }
        }
        for other in &mut others {
            let _ended = (other.kill(), other.wait());
        }
    }
}

/// A client that takes sessions from the pool and gives them back.
fn busy(pooler: &Pooler) -> Child {
    let mut child = Command::new("psql")
        .args(["-X", "-q", "-h", "127.0.0.1", "-U", USER, "-d", DATABASE, "-p", &pooler.port.to_string()])
        .env("PGPASSWORD", PASSWORD)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("psql");
    let input = child.stdin.as_mut().expect("its input");
    for _ in 0..500 {
        let _ends = input.write_all(b"SELECT pg_sleep(0.01);\n");
    }
    child
}
