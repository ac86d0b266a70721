//! Servers of a test's own with a store of MLflow's, which may be killed.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::places::{Dump, Engine, dump_of, execute_on, script, table_names};
use crate::support::postgres::{DATABASE, Postgres};
use crate::support::server::{PASSWORD, START, Server, USER, escaped};
use mysql::prelude::Queryable;

/// A server with a store.
pub enum Host {
    Server(Engine, Server, String),
    Postgres(Postgres, String),
}

impl Host {
    pub fn start(engine: Engine) -> Host {
        let Some(kind) = engine.kind() else {
            let server = Postgres::start(&[]);
            let schema = server.schema();
            server.psql(USER, DATABASE, &format!("SET search_path = {schema};\n{}", script(engine.tables())));
            return Host::Postgres(server, schema);
        };
        let server = Server::start(kind, &[]).expect("the server is there");
        let schema = server.schema();
        execute_on(&server, &schema, &script(engine.tables()));
        Host::Server(engine, server, schema)
    }

    pub fn engine(&self) -> Engine {
        match self {
            Host::Server(engine, ..) => *engine,
            Host::Postgres(..) => Engine::Postgres,
        }
    }

    pub fn socket(&self) -> PathBuf {
        match self {
            Host::Server(_, server, _) => server.socket(),
            Host::Postgres(server, _) => server.folder.join(format!(".s.PGSQL.{}", server.port)),
        }
    }

    fn port(&self) -> u16 {
        match self {
            Host::Server(_, server, _) => server.port,
            Host::Postgres(server, _) => server.port,
        }
    }

    pub fn url(&self) -> String {
        self.url_at(self.port())
    }

    /// The URL by a forwarder.
    pub fn url_at(&self, port: u16) -> String {
        let at = format!("{USER}:{}@127.0.0.1:{port}", escaped(PASSWORD));
        match self {
            Host::Server(.., schema) => format!("mysql://{at}/{schema}?ssl-mode=disabled"),
            Host::Postgres(_, schema) => format!("postgresql://{at}/{DATABASE}?schema={schema}&sslmode=disable"),
        }
    }

    pub fn dump(&self) -> Dump {
        match self {
            Host::Server(_, server, schema) => dump_of(server, schema),
            Host::Postgres(server, schema) => server.dump(schema),
        }
    }

    /// Takes every experiment away but 0, which the tables came with; the next one gets the number that the first one had.
    pub fn empty(&self) {
        let tables: String = table_names()
            .map(|table| match table {
                "experiments" => "DELETE FROM experiments WHERE experiment_id > 0;\n".to_owned(),
                table => format!("DELETE FROM {table};\n"),
            })
            .collect();
        match self {
            Host::Server(_, server, schema) => {
                let whole = format!("SET foreign_key_checks = 0;\n{tables}ALTER TABLE experiments AUTO_INCREMENT = 1");
                execute_on(server, schema, &whole);
            }
            Host::Postgres(server, schema) => {
                let next = "SELECT setval(pg_get_serial_sequence('experiments', 'experiment_id'), 1, false)";
                server.execute(schema, &format!("SET session_replication_role = replica;\n{tables}{next};"));
            }
        }
    }

    /// Waits until the server does nothing any more for anybody but the tests.
    pub fn wait_for_nobody(&self) {
        let since = Instant::now();
        let busy = || match self {
            Host::Server(_, server, schema) => {
                let others = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND ID <> CONNECTION_ID()";
                server.connect(schema).query_first::<u64, _>(others).expect("a number") != Some(0)
            }
            Host::Postgres(server, schema) => {
                !server.rows(schema, "SELECT 1 FROM pg_stat_activity WHERE application_name = 'expmig'").is_empty()
            }
        };
        while busy() {
            assert!(since.elapsed() < START, "{:?}: somebody is at it", self.engine());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// What ends every connection of expmig's.
    pub fn ends_connections(&self) -> Box<dyn FnOnce() + Send> {
        match self {
            Host::Server(_, server, schema) => {
                let mut client = server.connect(schema);
                Box::new(move || {
                    let others =
                        "SELECT ID FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND ID <> CONNECTION_ID()";
                    let ids: Vec<u64> = client.query(others).expect("the processes");
                    for id in &ids {
                        let _already_gone = client.query_drop(format!("KILL {id}"));
                    }
                    // They end when they hear of it. Meanwhile there may be others.
                    while client.query::<u64, _>(others).expect("the processes").iter().any(|id| ids.contains(id)) {
                        std::thread::sleep(Duration::from_millis(5));
                    }
                })
            }
            Host::Postgres(server, _) => {
                let mut psql = Command::new("psql");
                psql.args(["-X", "-q", "-U", "postgres", "-d", "postgres", "-p", &server.port.to_string(), "-h"]);
                psql.arg(&server.folder).arg("-c");
                psql.arg(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'expmig'",
                );
                Box::new(move || assert!(psql.output().expect("psql").status.success()))
            }
        }
    }

    /// What kills the server as a power cut would.
    pub fn kills(&self) -> Box<dyn FnOnce() + Send> {
        let folder = match self {
            Host::Server(_, server, _) => &server.folder,
            Host::Postgres(server, _) => &server.folder,
        };
        let pid = std::fs::read_to_string(folder.join("server.pid")).expect("the pid of the server");
        Box::new(move || {
            let done = Command::new("kill").args(["-9", pid.trim()]).status().expect("kill");
            assert!(done.success());
        })
    }

    pub fn restart(&mut self) {
        match self {
            Host::Server(_, server, _) => server.restart(&[]),
            Host::Postgres(server, _) => server.restart(&[]),
        }
    }
}
