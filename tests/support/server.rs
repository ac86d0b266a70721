//! Private servers: one of each kind for a test binary, a schema for each test.
//!
//! A server lives in a temporary folder, listens on a socket and on a free port of 127.0.0.1, and ends with the process that started
//! it, however that ends: a shell waits for the end of a pipe, kills it, and removes the folder.

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use mysql::prelude::Queryable;
use mysql::{Conn, OptsBuilder};

/// The account of the tests, which may do everything.
pub const USER: &str = "tester";
pub const PASSWORD: &str = "pa:ss/w@rd%#?";

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    MariaDb,
    Mysql,
}

/// The tables as the tracking application declares them on MySQL.
const ORIGINAL: &str = include_str!("../data/tracker_mysql.sql");

/// A running server.
pub struct Server {
    pub kind: Kind,
    pub folder: PathBuf,
    pub port: u16,
    keeper: Option<Child>,
    /// What it finds in its environment beside what the tests have.
    environment: Vec<(String, String)>,
}

/// Several start at once, and a machine can stall.
pub const START: Duration = Duration::from_secs(180);

/// Waits for a pipe to end, then ends the server.
const KEEPER: &str = r#"folder=$1; shift; "$@" & server=$!; echo $server > "$folder/server.pid"; read -r _; kill -9 $server; wait $server; rm -rf "$folder""#;

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{command:?}: {said}");
}

fn user() -> String {
    let output = Command::new("id").arg("-un").output().expect("id");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

impl Kind {
    pub const ALL: [Kind; 2] = [Kind::MariaDb, Kind::Mysql];

    /// The binary; `None` where this server is not asked for.
    pub fn binary(self) -> Option<PathBuf> {
        match self {
            Kind::Mysql => std::env::var_os("EXPMIG_TEST_MYSQLD").map(PathBuf::from),
            Kind::MariaDb => {
                if let Some(named) = std::env::var_os("EXPMIG_TEST_MARIADBD") {
                    return Some(PathBuf::from(named));
                }
                let found =
                    ["/usr/sbin/mariadbd", "/usr/libexec/mariadbd", "/usr/local/bin/mariadbd", "/usr/bin/mariadbd"];
                let found = found.iter().map(PathBuf::from).find(|path| path.exists());
                Some(found.expect("mariadbd: run `sh tests/install-tools.sh test`"))
            }
        }
    }

    fn initialise(self, binary: &Path, data: &Path) {
        match self {
            Kind::MariaDb => run(Command::new(installer(binary))
                .arg("--no-defaults")
                .arg(format!("--datadir={}", data.display()))
                .arg(format!("--user={}", user()))
                .args(["--auth-root-authentication-method=normal", "--skip-test-db", "--innodb-log-file-size=16M"])),
            Kind::Mysql => run(Command::new(binary)
                .args(["--no-defaults", "--initialize-insecure", "--innodb-redo-log-capacity=16M"])
                .arg(format!("--datadir={}", data.display()))
                .arg(format!("--user={}", user()))),
        }
    }

    /// A data folder as it is after the installation; made once for each version.
    fn template(self, binary: &Path) -> PathBuf {
        let base = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let output = Command::new(binary).args(["--no-defaults", "--version"]).output().expect("its version");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = said.split_whitespace().skip_while(|word| *word != "Ver").nth(1).expect("its version");
        let template = base.join(format!("{self:?}-{version}-template"));
        if !template.exists() {
            let draft = tempfile::tempdir_in(&base).expect("a folder for the template").keep();
            self.initialise(binary, &draft.join("data"));
            // Another test binary may have been faster.
            if std::fs::rename(&draft, &template).is_err() {
                std::fs::remove_dir_all(&draft).expect("the draft goes");
            }
        }
        template.join("data")
    }

    /// The server of this kind that the tests of a binary share; `None` where it is not asked for.
    pub fn shared(self) -> Option<&'static Server> {
        static SERVERS: [OnceLock<Option<Server>>; Kind::ALL.len()] = [const { OnceLock::new() }; Kind::ALL.len()];
        SERVERS[self as usize].get_or_init(|| Server::start(self, &[])).as_ref()
    }
}

/// Runs a test on every server there is, those that all tests of the binary share.
pub fn each(test: impl Fn(&'static Server)) {
    for kind in Kind::ALL {
        match kind.shared() {
            Some(server) => test(server),
            None => eprintln!("{SKIPPED} {kind:?}"),
        }
    }
}

/// As [`each`], with servers of its own, started with more options.
pub fn each_own(options: &[&str], test: impl Fn(&mut Server)) {
    for kind in Kind::ALL {
        match Server::start(kind, options) {
            Some(mut server) => test(&mut server),
            None => eprintln!("{SKIPPED} {kind:?}"),
        }
    }
}

/// Said of the servers that are not asked for.
pub const SKIPPED: &str = "skipped, for EXPMIG_TEST_MYSQLD names no mysqld:";

/// What makes MariaDB's data folders: beside the server that EXPMIG_TEST_MARIADBD names, or the system's.
fn installer(binary: &Path) -> PathBuf {
    let folder = binary.parent().unwrap_or(Path::new("/"));
    let beside = ["mariadb-install-db", "../bin/mariadb-install-db", "../scripts/mariadb-install-db"];
    let found = beside.iter().map(|name| folder.join(name)).find(|path| path.exists());
    found.unwrap_or_else(|| PathBuf::from("mariadb-install-db"))
}

/// Below those that the system gives to whoever connects: a server takes seconds to listen on a busy machine, and nobody gets the port meanwhile.
/// Each process of tests begins at another one.
pub fn free_port() -> u16 {
    const FIRST: u32 = 10_000;
    const PORTS: u32 = 20_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let begin = std::process::id().wrapping_mul(7919);
    let mut ports = (0..PORTS).map(|_| FIRST + begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % PORTS);
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    ports.find_map(|port| u16::try_from(port).ok().filter(free)).expect("a free port")
}

impl Server {
    /// A server of its own, with more options; `None` where this kind is not asked for.
    pub fn start(kind: Kind, options: &[&str]) -> Option<Server> {
        let mut server = Server::in_place(kind, None, &[])?;
        server.launch(options);
        server.add_account();
        Some(server)
    }

    /// A folder for a server, with a copy of `data`, or what a server has after the installation. It does not run yet; `None` where this kind is
    /// not asked for.
    pub fn in_place(kind: Kind, data: Option<&Path>, environment: &[(String, String)]) -> Option<Server> {
        let binary = kind.binary()?;
        let data = data.map_or_else(|| kind.template(&binary), Path::to_owned);
        let folder = tempfile::Builder::new().prefix("expmig-server-").tempdir().expect("a folder").keep();
        run(Command::new("cp").args(["-a", "--sparse=always"]).arg(&data).arg(folder.join("data")));
        // A server's own name, which MySQL makes anew where it is missing, as it has to be in a copy.
        let _only_mysql = std::fs::remove_file(folder.join("data/auto.cnf"));
        Some(Server { kind, folder, port: 0, keeper: None, environment: environment.to_vec() })
    }

    /// Makes the account of the tests.
    pub fn add_account(&self) {
        self.add_account_by(&mut self.connect_as("root", "", None));
    }

    pub fn add_account_by(&self, root: &mut Conn) {
        let quoted = PASSWORD.replace('\'', "''");
        root.query_drop(format!("CREATE USER '{USER}'@'%' IDENTIFIED BY '{quoted}'")).expect("the account");
        root.query_drop(format!("GRANT ALL ON *.* TO '{USER}'@'%' WITH GRANT OPTION")).expect("its rights");
    }

    /// Starts it with more options.
    pub fn launch_with(&mut self, options: &[String]) {
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        self.launch(&options);
    }

    /// Asks it to end, and waits for that.
    pub fn end(&mut self) {
        let pid = std::fs::read_to_string(self.folder.join("server.pid")).expect("the pid of the server");
        run(Command::new("kill").arg(pid.trim()));
        self.wait_for_end(pid.trim());
        self.let_keeper_go();
    }

    fn launch(&mut self, options: &[&str]) {
        let binary = self.kind.binary().expect("the binary is asked for");
        self.port = free_port();
        let folder = &self.folder;
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER, "sh"]).arg(folder).arg(binary).arg("--no-defaults");
        command.arg(format!("--user={}", user())).arg(format!("--datadir={}", folder.join("data").display()));
        command.arg(format!("--socket={}", self.socket().display())).arg(format!("--port={}", self.port));
        command.arg(format!("--pid-file={}", folder.join("pid").display()));
        // A server that starts deletes what others have of theirs in a folder that they share.
        command.arg(format!("--tmpdir={}", folder.display()));
        command.arg(format!("--log-error={}", folder.join("err.log").display()));
        command.args([
            "--bind-address=127.0.0.1",
            "--local-infile=1",
            "--skip-log-bin",
            "--character-set-server=utf8mb4",
        ]);
        command.args(["--innodb-buffer-pool-size=64M", "--skip-name-resolve"]);
        if self.kind == Kind::Mysql {
            command.args([
                "--mysqlx=OFF",
                "--performance-schema=OFF",
                "--secure-file-priv=",
                "--innodb-redo-log-capacity=32M",
            ]);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.args(options).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        self.keeper = Some(command.spawn().expect("a shell"));
        let since = Instant::now();
        while self.try_connect("root", "", None).is_err() {
            let log = || std::fs::read_to_string(self.folder.join("err.log")).unwrap_or_default();
            assert!(since.elapsed() < START, "{:?} does not start: {}", self.kind, log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Its version, as far as it matters.
    pub fn version(&self) -> (u32, u32) {
        let text: String =
            self.connect_as("root", "", None).query_first("SELECT VERSION()").expect("a version").expect("one");
        let mut numbers = text.split(['.', '-']).map_while(|part| part.parse().ok());
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.join("s.sock")
    }

    pub fn try_connect(&self, user: &str, password: &str, schema: Option<&str>) -> mysql::Result<Conn> {
        let options = OptsBuilder::new()
            .user(Some(user))
            .pass(Some(password))
            .db_name(schema)
            .socket(Some(self.socket().display().to_string()));
        Conn::new(options)
    }

    pub fn connect_as(&self, user: &str, password: &str, schema: Option<&str>) -> Conn {
        self.try_connect(user, password, schema).unwrap_or_else(|error| panic!("{user} cannot connect: {error}"))
    }

    /// A connection of the tests' own, as the tracking application would have it.
    pub fn connect(&self, schema: &str) -> Conn {
        let mut connection = self.connect_as(USER, PASSWORD, Some(schema));
        connection.query_drop("SET sql_mode = 'ANSI_QUOTES,STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO'").expect("a mode");
        connection
    }

    /// An empty schema that no other test uses.
    pub fn schema(&self) -> String {
        let name = self.unused_name();
        let mut root = self.connect_as("root", "", None);
        root.query_drop(format!("CREATE SCHEMA {name} CHARACTER SET utf8mb4")).expect("a schema");
        name
    }

    /// A schema with the empty tables of the tracking application.
    pub fn original(&self) -> String {
        let name = self.schema();
        let mut client = self.connect(&name);
        for statement in ORIGINAL.split(';').map(str::trim).filter(|statement| !statement.is_empty()) {
            client.query_drop(statement).unwrap_or_else(|error| panic!("{error}: {statement}"));
        }
        name
    }

    /// A name that no schema has.
    pub fn unused_name(&self) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// The URL of a schema, by TCP.
    pub fn url(&self, schema: &str) -> String {
        self.url_as(USER, PASSWORD, schema)
    }

    pub fn url_as(&self, user: &str, password: &str, schema: &str) -> String {
        format!("mysql://{user}:{}@127.0.0.1:{}/{schema}?ssl-mode=disabled", escaped(password), self.port)
    }

    /// Kills the server as a power cut would.
    pub fn kill(&mut self) {
        let pid = std::fs::read_to_string(self.folder.join("server.pid")).expect("the pid of the server");
        run(Command::new("kill").args(["-9", pid.trim()]));
        self.wait_for_end(pid.trim());
    }

    /// The shell stays until its pipe ends.
    fn wait_for_end(&self, pid: &str) {
        let since = Instant::now();
        while Path::new(&format!("/proc/{pid}/fd/0")).exists() {
            assert!(since.elapsed() < START, "the server does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends the shell without what it does at its end.
    fn let_keeper_go(&mut self) {
        if let Some(mut keeper) = self.keeper.take() {
            keeper.kill().expect("the shell ends");
            keeper.wait().expect("the shell ends");
        }
    }

    /// Where a node of Galera that was killed was, which its own server finds out.
    pub fn recovered(&self, provider: &str) -> String {
        let log = self.folder.join("recovered.log");
        let mut command = Command::new(self.kind.binary().expect("the binary is asked for"));
        command.arg("--no-defaults").arg(format!("--user={}", user()));
        command.arg(format!("--datadir={}", self.folder.join("data").display()));
        command.arg(format!("--log-error={}", log.display())).arg("--wsrep-recover");
        command.arg(format!("--tmpdir={}", self.folder.display())).args([
            "--wsrep-on=1",
            "--binlog-format=ROW",
            "--skip-networking",
        ]);
        command
            .args(["--wsrep-cluster-address=gcomm://", "--wsrep-sst-method=share"])
            .arg(format!("--wsrep-provider={provider}"))
            .arg(format!("--socket={}", self.folder.join("recovering").display()));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.status().expect("a server that recovers");
        let text = std::fs::read_to_string(&log).expect("a log");
        let position = text.lines().rev().find_map(|line| line.split_once("Recovered position: "));
        position.expect("a position").1.trim().to_owned()
    }

    /// As [`Server::restart`].
    pub fn restart_with(&mut self, options: &[String]) {
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        self.restart(&options);
    }

    /// Starts it again, on another port.
    pub fn restart(&mut self, options: &[&str]) {
        self.let_keeper_go();
        // What a killed server leaves behind, which MySQL believes to be in use while nobody has waited for the process.
        for name in ["s.sock", "s.sock.lock"] {
            let _not_there = std::fs::remove_file(self.folder.join(name));
        }
        self.launch(options);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.keeper.is_none() {
            // Nobody else removes it.
            let _never_there = std::fs::remove_dir_all(&self.folder);
        }
        if let Some(mut keeper) = self.keeper.take() {
            // The end of the pipe is what the shell waits for.
            if let Some(mut pipe) = keeper.stdin.take() {
                let _ends_anyway = pipe.write_all(b"\n");
            }
            let _ended = keeper.wait();
        }
    }
}

/// A text as it stands in a URL.
pub fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// The rows of a query as text: reals by their bits, bytes escaped.
pub fn rows(connection: &mut Conn, query: &str) -> Vec<Vec<String>> {
    let rows: Vec<mysql::Row> = connection.exec(query, ()).unwrap_or_else(|error| panic!("{error}: {query}"));
    let cell = |value: mysql::Value| match value {
        mysql::Value::NULL => "Null".to_owned(),
        mysql::Value::Int(number) => format!("Integer({number})"),
        mysql::Value::UInt(number) => format!("Integer({number})"),
        mysql::Value::Float(number) => format!("single {:08x}", number.to_bits()),
        mysql::Value::Double(number) => format!("real {:016x}", number.to_bits()),
        mysql::Value::Bytes(bytes) => format!("text {:?}", bytes.escape_ascii().to_string()),
        other => format!("{other:?}"),
    };
    rows.into_iter().map(|row| row.unwrap().into_iter().map(cell).collect()).collect()
}

/// Every row of every table of a schema, and the tables' declarations but for their counters.
pub fn dump(connection: &mut Conn) -> Vec<(String, Vec<Vec<String>>)> {
    let tables: Vec<String> = connection.query("SHOW TABLES").expect("the tables");
    let mut dump = Vec::new();
    for table in tables {
        let created = rows(connection, &format!("SHOW CREATE TABLE \"{table}\""));
        let without_counter = |text: &String| match text.split_once(" AUTO_INCREMENT=") {
            Some((before, after)) => format!("{before} {}", after.split_once(' ').map_or("", |(_, rest)| rest)),
            None => text.clone(),
        };
        dump.push((format!("{table}'s declaration"), vec![created[0].iter().map(without_counter).collect()]));
        dump.push((table.clone(), rows(connection, &format!("SELECT * FROM \"{table}\" ORDER BY 1, 2"))));
    }
    dump.sort();
    dump
}
