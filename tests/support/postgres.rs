//! A private PostgreSQL server, and a client that is not expmig: `psql`.
//!
//! As with the other servers a shell waits for the end of a pipe, kills the server, and removes the folder.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::server::{PASSWORD, START, USER, escaped, free_port};

/// The database of the tests.
pub const DATABASE: &str = "tests";
/// What a NULL is shown as: no test has such a text.
const NULL: &str = "\u{1}NULL";
const KEEPER: &str = r#"folder=$1; shift; "$@" & server=$!; echo $server > "$folder/server.pid"; read -r _; kill -9 $server; wait $server; sleep 0.1; rm -rf "$folder""#;

/// A running server.
pub struct Postgres {
    pub folder: PathBuf,
    pub port: u16,
    keeper: Option<Child>,
}

/// Where the programs of a server are: EXPMIG_TEST_POSTGRES names the folder, or it is the newest of the system's.
fn programs() -> PathBuf {
    if let Some(named) = std::env::var_os("EXPMIG_TEST_POSTGRES") {
        return PathBuf::from(named);
    }
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).max();
    let newest = newest.expect("postgres: run `sh tests/install-tools.sh test`");
    PathBuf::from(format!("/usr/lib/postgresql/{newest}/bin"))
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The server refuses to run as root.
fn command(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
    command
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{command:?}: {said}");
}

impl Postgres {
    /// The server that the tests of a binary share.
    pub fn shared() -> &'static Postgres {
        static SERVER: OnceLock<Postgres> = OnceLock::new();
        SERVER.get_or_init(|| Postgres::start(&[]))
    }

    /// A server of its own that offers TLS, with the certificate and the key in this folder.
    pub fn with_tls(folder: &Path) -> Postgres {
        let file = |name: &str| folder.join(name).display().to_string();
        run(Command::new("chmod").args(["755", &file("")]));
        run(Command::new("chmod").args(["600", &file("key.pem")]));
        if is_root() {
            run(Command::new("chown").args(["postgres", &file("key.pem")]));
        }
        let files = [("cert", "ssl_cert_file"), ("key", "ssl_key_file")];
        let files = files.map(|(name, setting)| format!("{setting}={}", file(&format!("{name}.pem"))));
        let server = Postgres::start(&[
            "-c",
            "ssl=on",
            "-c",
            &files[0],
            "-c",
            &files[1],
            "-c",
            "listen_addresses=127.0.0.1,127.0.0.2",
        ]);
        server.let_in("local all all trust\nhost all all 127.0.0.0/8 scram-sha-256\n");
        server
    }

    /// Replaces the rules of who is let in.
    pub fn let_in(&self, rules: &str) {
        std::fs::write(self.folder.join("data/pg_hba.conf"), rules).expect("the rules");
        let loaded = || self.psql("postgres", "postgres", "SELECT pg_conf_load_time()");
        let before = loaded();
        self.psql("postgres", "postgres", "SELECT pg_reload_conf()");
        let since = Instant::now();
        // The server that is asked tells the others.
        while loaded() == before {
            assert!(since.elapsed() < START, "the rules are not read");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// A server of its own, with more options.
    pub fn start(options: &[&str]) -> Postgres {
        let folder = tempfile::Builder::new().prefix("expmig-pg-").tempdir().expect("a folder").keep();
        let data = folder.join("data");
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(&folder));
        }
        run(command(&programs().join("initdb"))
            .env("HOME", &folder)
            .current_dir(&folder)
            .args(["--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"])
            .args(["--username=postgres", "-D"])
            .arg(&data));
        let mut server = Postgres { folder, port: 0, keeper: None };
        server.launch(options);
        let quoted = PASSWORD.replace('\'', "''");
        server.psql("postgres", "postgres", &format!("CREATE ROLE {USER} SUPERUSER LOGIN PASSWORD '{quoted}'"));
        server.psql("postgres", "postgres", &format!("CREATE DATABASE {DATABASE} OWNER {USER}"));
        server
    }

    /// The first number of its version.
    pub fn version(&self) -> u32 {
        let number = self.psql("postgres", "postgres", "\\t on\nSELECT current_setting('server_version_num')");
        number.trim().parse::<u32>().expect("a number") / 10_000
    }

    /// A server that follows this one, and has come as far as it.
    pub fn standby(&self) -> Postgres {
        let folder = tempfile::Builder::new().prefix("expmig-pg-").tempdir().expect("a folder").keep();
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(&folder));
        }
        run(command(&programs().join("pg_basebackup"))
            .env("HOME", &folder)
            .current_dir(&folder)
            .args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync", "--username=postgres", "-h"])
            .arg(&self.folder)
            .args(["-p", &self.port.to_string(), "-D"])
            .arg(folder.join("data")));
        let mut standby = Postgres { folder, port: 0, keeper: None };
        standby.launch(&[]);
        standby.catch_up(self);
        standby
    }

    /// Waits until it has come as far as the server that it follows.
    pub fn catch_up(&self, primary: &Postgres) {
        let end = primary.psql("postgres", "postgres", "\\t on\nSELECT pg_current_wal_flush_lsn()");
        let come = format!("\\t on\nSELECT pg_last_wal_replay_lsn() >= '{}'", end.trim());
        let since = Instant::now();
        while self.psql("postgres", "postgres", &come).trim() != "t" {
            assert!(since.elapsed() < START, "the standby does not come up");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn launch(&mut self, options: &[&str]) {
        self.port = free_port();
        let server = command(&programs().join("postgres"));
        let mut shell = Command::new("sh");
        shell.args(["-c", KEEPER, "sh"]).arg(&self.folder).arg(server.get_program()).args(server.get_args());
        shell.arg("-D").arg(self.folder.join("data")).arg("-k").arg(&self.folder);
        shell.args(["-p", &self.port.to_string(), "-h", "127.0.0.1", "-F"]);
        for setting in ["shared_buffers=64MB", "max_connections=200", "log_min_messages=fatal", "max_wal_size=4GB"] {
            shell.args(["-c", setting]);
        }
        shell.args(options).current_dir(&self.folder).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        self.keeper = Some(shell.spawn().expect("a shell"));
        let since = Instant::now();
        while !self.client("postgres", "postgres").arg("-c").arg("SELECT 1").output().expect("psql").status.success() {
            assert!(since.elapsed() < START, "PostgreSQL does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn client(&self, user: &str, database: &str) -> Command {
        let mut psql = Command::new("psql");
        psql.args([
            "-X",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-U",
            user,
            "-d",
            database,
            "-p",
            &self.port.to_string(),
            "-h",
        ]);
        psql.arg(&self.folder).env_remove("PGOPTIONS");
        psql
    }

    /// Runs a script; what it shows.
    pub fn psql(&self, user: &str, database: &str, script: &str) -> String {
        self.try_psql(&mut self.client(user, database), script).unwrap_or_else(|said| panic!("{said}: {script}"))
    }

    fn try_psql(&self, client: &mut Command, script: &str) -> Result<String, String> {
        let mut child = client
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("psql: run `sh tests/install-tools.sh test`");
        let mut input = child.stdin.take().expect("its input");
        let script = script.to_owned();
        let writing = std::thread::spawn(move || input.write_all(script.as_bytes()));
        let output = child.wait_with_output().expect("psql ends");
        let _read_to_its_end = writing.join().expect("a thread");
        match output.status.success() {
            true => Ok(String::from_utf8(output.stdout).expect("UTF-8")),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }

    fn in_schema(&self, schema: &str) -> Command {
        let mut psql = self.client(USER, DATABASE);
        psql.env("PGOPTIONS", format!("-c search_path={schema} -c TimeZone=UTC"));
        psql
    }

    /// A client that has run this in a transaction, and keeps that open.
    pub fn holding(&self, schema: &str, script: &str) -> Holding {
        let mut psql = self.in_schema(schema);
        let mut child = psql
            .arg("-t")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("psql: run `sh tests/install-tools.sh test`");
        let script = format!("BEGIN;\n{};\n\\echo held\n", in_its_words(script));
        child.stdin.as_mut().expect("its input").write_all(script.as_bytes()).expect("psql reads");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        assert!(lines.any(|line| line.expect("a line") == "held"), "{script}");
        Holding(child)
    }

    /// Runs a script in a schema.
    pub fn execute(&self, schema: &str, script: &str) {
        let script = in_its_words(script);
        self.try_psql(&mut self.in_schema(schema), &script).unwrap_or_else(|said| panic!("{said}: {script}"));
    }

    /// The rows of a query as text: reals by their bits, bytes escaped.
    pub fn rows(&self, schema: &str, query: &str) -> Vec<Vec<String>> {
        self.rows_of_each(schema, &[in_its_words(query)]).remove(0)
    }

    /// Those of several.
    fn rows_of_each(&self, schema: &str, queries: &[String]) -> Vec<Vec<Vec<String>>> {
        const MARK: &str = "\u{2}\n";
        let script: String = queries
            .iter()
            .map(|query| {
                format!("\\pset format unaligned\n{query} \\gdesc\n\\echo \u{2}\n\\pset format csv\n{query};\n\\echo \u{2}\n")
            })
            .collect();
        let mut psql = self.in_schema(schema);
        psql.args(["-t", "-F", "\u{1f}", "-P", &format!("null={NULL}")]);
        let shown = self.try_psql(&mut psql, &script).unwrap_or_else(|said| panic!("{said}: {queries:?}"));
        let mut parts = shown.split(MARK);
        let mut each = Vec::new();
        for _ in queries {
            let (types, rows) = (parts.next().expect("types"), parts.next().expect("rows"));
            let types: Vec<&str> = types.lines().filter_map(|line| line.split('\u{1f}').nth(1)).collect();
            let row = |row: Vec<String>| row.iter().zip(&types).map(|(cell, kind)| told(cell, kind)).collect();
            each.push(csv(rows).into_iter().map(row).collect());
        }
        each
    }

    /// Every row of every table of a schema, and the tables' declarations.
    pub fn dump(&self, schema: &str) -> Vec<(String, Vec<Vec<String>>)> {
        let names = "SELECT relname::text FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') ORDER BY 1";
        let plain = |row: Vec<String>| row[0].trim_start_matches("text \"").trim_end_matches('"').to_owned();
        let tables: Vec<String> = self.rows(schema, names).into_iter().map(plain).collect();
        let queries = tables.iter().flat_map(|table| {
            let declared = format!(
                "SELECT attname::text, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute WHERE attrelid = '\"{table}\"'::regclass \
                 AND attnum > 0 AND NOT attisdropped UNION ALL SELECT conname::text, pg_get_constraintdef(oid), convalidated \
                 FROM pg_constraint WHERE conrelid = '\"{table}\"'::regclass ORDER BY 1, 2"
            );
            [declared, format!("SELECT * FROM \"{table}\"")]
        });
        let queries: Vec<String> = queries.collect();
        let mut dump = Vec::new();
        let mut found = self.rows_of_each(schema, &queries).into_iter();
        for table in tables {
            dump.push((format!("{table}'s declaration"), found.next().expect("a declaration")));
            let mut rows = found.next().expect("rows");
            rows.sort();
            dump.push((table, rows));
        }
        dump.sort();
        dump
    }

    /// An empty schema that no other test uses.
    pub fn schema(&self) -> String {
        let name = self.unused_name();
        self.psql(USER, DATABASE, &format!("CREATE SCHEMA {name}"));
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
        format!(
            "postgresql://{user}:{}@127.0.0.1:{}/{DATABASE}?schema={schema}&sslmode=disable",
            escaped(password),
            self.port
        )
    }

    /// Kills the server as a power cut would.
    pub fn kill(&mut self) {
        let pid = std::fs::read_to_string(self.folder.join("server.pid")).expect("the pid of the server");
        run(Command::new("kill").args(["-9", pid.trim()]));
        let since = Instant::now();
        while Path::new(&format!("/proc/{}/fd/0", pid.trim())).exists() {
            assert!(since.elapsed() < START, "the server does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Starts it again, on another port.
    pub fn restart(&mut self, options: &[&str]) {
        if let Some(mut keeper) = self.keeper.take() {
            keeper.kill().expect("the shell ends");
            keeper.wait().expect("the shell ends");
        }
        let _not_there = std::fs::remove_file(self.folder.join("data/postmaster.pid"));
        // Those who served others end when they see that the first is gone.
        std::thread::sleep(Duration::from_millis(500));
        self.launch(options);
    }
}

/// A client with an open transaction.
pub struct Holding(Child);

impl Holding {
    /// Commits, and leaves.
    pub fn end(&mut self) {
        self.0.stdin.take().expect("its input").write_all(b"COMMIT;\n").expect("psql reads");
        assert!(self.0.wait().expect("psql ends").success());
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        let _ended = (self.0.kill(), self.0.wait());
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(mut keeper) = self.keeper.take() {
            // The end of the pipe is what the shell waits for.
            if let Some(mut pipe) = keeper.stdin.take() {
                let _ends_anyway = pipe.write_all(b"\n");
            }
            let _ended = keeper.wait();
        }
    }
}

/// A cell as the tests tell it.
fn told(cell: &str, kind: &str) -> String {
    if cell == NULL {
        return "Null".to_owned();
    }
    let escaped = |bytes: &[u8]| format!("text {:?}", bytes.escape_ascii().to_string());
    match kind {
        "bigint" | "integer" | "smallint" | "oid" => format!("Integer({cell})"),
        "boolean" => format!("Integer({})", i32::from(cell == "t")),
        "double precision" => format!("real {:016x}", cell.parse::<f64>().expect("a number").to_bits()),
        "real" => format!("single {:08x}", cell.parse::<f32>().expect("a number").to_bits()),
        "bytea" => {
            let digits = cell.strip_prefix("\\x").expect("hexadecimal digits");
            let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).expect("a byte");
            escaped(&(0..digits.len()).step_by(2).map(byte).collect::<Vec<_>>())
        }
        _ => escaped(cell.as_bytes()),
    }
}

fn csv(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
    let mut letters = text.chars().peekable();
    let mut quoted = false;
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                cell.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\n' if !quoted => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            other => cell.push(other),
        }
    }
    rows
}

/// The names that tests write without quotes, which the server would read in small letters.
const NAMES: [&str; 31] = [
    "SCHEMA_VERSION",
    "EXPERIMENT",
    "TRIAL",
    "TRIAL_RUN",
    "RESULTS",
    "EPOCH",
    "BATCH",
    "METRIC",
    "ARTIFACT",
    "EXPERIMENT_ARTIFACT",
    "TRIAL_ARTIFACT",
    "TRIAL_RUN_ARTIFACT",
    "RESULTS_METRIC",
    "RESULTS_ARTIFACT",
    "EPOCH_METRIC",
    "EPOCH_ARTIFACT",
    "BATCH_METRIC",
    "BATCH_ARTIFACT",
    "EXPMIG_UNDO",
    "EXPMIG_UNDO_LINK",
    "EXPMIG_UNDO_TRANSFORM",
    "EXPMIG_WIDENING",
    "NOTES",
    "NOTE_CASCADE",
    "NOTE_NULL",
    "NOTE_RESTRICT",
    "MARKS",
    "OTHER",
    "NOTE",
    "SEEN",
    "desc",
];

/// What a scenario writes for every server as this one reads it: names in quotes, triggers by functions, accounts.
pub fn in_its_words(script: &str) -> String {
    with_functions(&accounts(&with_quotes(script)))
}

/// The same for a statement that a test hands to expmig.
pub fn with_quotes(sql: &str) -> String {
    let (mut out, mut word, mut quote) = (String::new(), String::new(), None);
    let end = |word: &mut String, out: &mut String| {
        match NAMES.contains(&word.as_str()) {
            true => out.push_str(&format!("\"{word}\"")),
            false => out.push_str(word),
        }
        word.clear();
    };
    for letter in sql.chars() {
        if quote.is_none() && (letter.is_ascii_alphanumeric() || letter == '_') {
            word.push(letter);
            continue;
        }
        end(&mut word, &mut out);
        match quote {
            Some(open) if open == letter => quote = None,
            None if matches!(letter, '\'' | '"') => quote = Some(letter),
            _ => {}
        }
        out.push(letter);
    }
    end(&mut word, &mut out);
    out
}

fn accounts(script: &str) -> String {
    let statement = |text: &str| -> String {
        let trimmed = text.trim();
        // There is one name for the type, and one way to compute a column.
        if trimmed.contains(" DOUBLE") && !trimmed.contains("DOUBLE PRECISION") {
            return in_its_words(&text.replace(" DOUBLE", " DOUBLE PRECISION").replace(" VIRTUAL", " STORED"));
        }
        if trimmed.ends_with(" VIRTUAL") {
            return text.replace(" VIRTUAL", " STORED");
        }
        if let Some((before, after)) = text.split_once("INSERT OR IGNORE ") {
            let (row, end) = after.split_once(" END DO").map_or((after, ""), |(row, _)| (row, " END DO"));
            return format!("{before}INSERT {row} ON CONFLICT DO NOTHING{end}");
        }
        // Others drop a table that is referred to where keys are not looked at.
        if trimmed.starts_with("DROP TABLE ") {
            return format!("{text} CASCADE");
        }
        if let Some(name) = trimmed.strip_prefix("DROP TRIGGER ").filter(|name| !name.contains(" ON ")) {
            return format!(
                "DO $$ DECLARE t text; BEGIN FOR t IN SELECT tgrelid::regclass FROM pg_trigger WHERE tgname = '{name}' \
                 AND tgrelid IN (SELECT oid FROM pg_class WHERE relnamespace = current_schema()::regnamespace) \
                 LOOP EXECUTE format('DROP TRIGGER {name} ON %s', t); END LOOP; END $$"
            );
        }
        if let Some((user, password)) =
            trimmed.strip_prefix("CREATE USER ").and_then(|rest| rest.split_once(" IDENTIFIED BY "))
        {
            return format!("CREATE USER {user} PASSWORD {password}");
        }
        if trimmed.starts_with("GRANT PROCESS ") {
            return String::new();
        }
        let granted = trimmed.strip_prefix("GRANT ").and_then(|rest| rest.split_once(" ON "));
        if let Some((rights, (schema, user))) =
            granted.and_then(|(rights, rest)| Some((rights, rest.split_once(".* TO ")?)))
        {
            let schema = schema.trim();
            return format!(
                "GRANT USAGE ON SCHEMA {schema} TO {user};\nGRANT {rights} ON ALL TABLES IN SCHEMA {schema} TO {user};\n\
                 GRANT ALL ON ALL SEQUENCES IN SCHEMA {schema} TO {user}"
            );
        }
        if let Some((rights, (place, user))) =
            granted.and_then(|(rights, rest)| Some((rights, rest.split_once(" TO ")?)))
            && let Some((schema, _)) = place.split_once('.')
        {
            return format!("GRANT USAGE ON SCHEMA {schema} TO {user};\nGRANT {rights} ON {place} TO {user}");
        }
        text.to_owned()
    };
    script.split(";\n").map(statement).collect::<Vec<_>>().join(";\n")
}

/// `FOR EACH ROW DO … END DO` is a function and a trigger, and so is a lone statement in its place. As on SQLite, a trigger does not set itself off.
fn with_functions(script: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let lone = |statement: &str| match statement.split_once("FOR EACH ROW ") {
        Some((before, body)) if !body.starts_with("DO ") => {
            let body = match body.strip_prefix("SET ").and_then(|set| set.split_once(" = ")) {
                Some((column, value)) => format!("{column} := {value}"),
                None => body.to_owned(),
            };
            format!("{before}FOR EACH ROW DO {body} END DO")
        }
        _ => statement.to_owned(),
    };
    let script = script.split(";\n").map(lone).collect::<Vec<_>>().join(";\n");
    let mut rest = script.as_str();
    let mut out = String::new();
    while let Some((before, after)) = rest.split_once("FOR EACH ROW DO ") {
        let (body, after) = after.split_once(" END DO").expect("the end of what a trigger does");
        let name = format!("does_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let start = before.rfind("CREATE TRIGGER").expect("a trigger");
        out.push_str(&before[..start]);
        out.push_str(&format!(
            "CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; RETURN NEW; END $$;\n{}FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION {name}()",
            &before[start..]
        ));
        rest = after;
    }
    out + rest
}
