//! Settings that a server has for everybody change nothing of what is read and written. On a private MariaDB server, and on MySQL where
//! EXPMIG_TEST_MYSQLD names its binary.

use crate::support;
use std::path::Path;
use std::time::Duration;

use crate::support::Folder;
use crate::support::server::{Kind, PASSWORD, SKIPPED, Server, USER, each_own, rows};
use expmig::{
    Database, Error, ExportOptions, Flow, ImportOptions, Manager, ManagerOptions, MigrateOptions, OpenOptions,
    RestoreOptions, SnapshotOptions, Status,
};
use mysql::Conn;
use mysql::prelude::Queryable;

/// What their servers are started with.
const FEW: &[&str] = &["--max-connections=40"];

fn try_open(url: &str, snapshots: &Path) -> Result<Manager, Error> {
    let database = Database::open(url, OpenOptions::default())?;
    let snapshot_dir = Some(snapshots.to_owned());
    Ok(Manager::new(database, ManagerOptions { snapshot_dir, ..ManagerOptions::default() }))
}

fn done<T>(result: Result<T, Error>) -> T {
    result.unwrap_or_else(|error| panic!("{}", error.to_json()))
}

/// Everything below an experiment, in words that are the same on every engine.
fn content() -> [&'static str; 3] {
    let all = "SELECT t.name, r.status, e.idx, m.type, CAST(m.total_val * 1000 AS DECIMAL(20, 0)), m.per_label_val FROM EXPERIMENT x
        JOIN TRIAL t ON t.experiment_id = x.id JOIN TRIAL_RUN r ON r.trial_id = t.id JOIN EPOCH e ON e.trial_run_id = r.id
        JOIN EPOCH_METRIC l ON l.epoch_idx = e.idx AND l.epoch_trial_run_id = r.id JOIN METRIC m ON m.id = l.metric_id
        WHERE x.title = 'Digits' ORDER BY 1, 2, 3, 4, 5";
    let batches = "SELECT e.idx, b.idx, m.total_val FROM BATCH_METRIC l JOIN METRIC m ON m.id = l.metric_id
        JOIN BATCH b ON b.idx = l.batch_idx AND b.epoch_idx = l.epoch_idx AND b.trial_run_id = l.trial_run_id
        JOIN EPOCH e ON e.idx = b.epoch_idx AND e.trial_run_id = b.trial_run_id ORDER BY 1, 2, 3";
    let artifacts = "SELECT type, loc FROM ARTIFACT ORDER BY 1, 2";
    [all, batches, artifacts]
}

/// What a SQLite file has, without what its numbers look like.
fn of_file(path: &Path) -> Vec<String> {
    let connection = support::sql(path);
    let mut found = Vec::new();
    for query in content() {
        let query = query.replace("CAST(m.total_val * 1000 AS DECIMAL(20, 0))", "CAST(m.total_val * 1000 AS INTEGER)");
        let mut statement = connection.prepare(&query).expect("the query");
        let columns = statement.column_count();
        let mut read = statement.query([]).expect("rows");
        while let Some(row) = read.next().expect("a row") {
            let cells: Vec<String> = (0..columns)
                .map(|at| match row.get_ref(at).expect("a cell") {
                    rusqlite::types::ValueRef::Null => "-".to_owned(),
                    rusqlite::types::ValueRef::Integer(number) => number.to_string(),
                    rusqlite::types::ValueRef::Real(number) => number.to_string(),
                    rusqlite::types::ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
                    rusqlite::types::ValueRef::Blob(blob) => format!("{blob:?}"),
                })
                .collect();
            found.push(cells.join("|"));
        }
    }
    found
}

/// What a schema has, read with a connection whose settings are the server's as it was delivered.
fn of_server(client: &mut Conn) -> Vec<String> {
    let mut found = Vec::new();
    for query in content() {
        let read: Vec<mysql::Row> = client.query(query).expect("rows");
        for row in read {
            let cells: Vec<String> = row
                .unwrap()
                .into_iter()
                .map(|value| match value {
                    mysql::Value::NULL => "-".to_owned(),
                    mysql::Value::Bytes(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                    other => other.as_sql(true),
                })
                .collect();
            found.push(cells.join("|"));
        }
    }
    found
}

/// One schema, one file, and what both have to have in the end.
struct Probe {
    folder: Folder,
    source: Manager,
    schema: String,
    wanted: Vec<String>,
    /// Connected before anything was set.
    client: Conn,
    turn: u32,
}

impl Probe {
    fn new(server: &Server) -> Probe {
        let folder = Folder::new();
        // One experiment, and only what hangs on it.
        let path = folder.small("all.db", "DELETE FROM ARTIFACT WHERE id = 57");
        let source = support::open(&path);
        let alone = support::create(&folder.path("source.db"));
        done(source.migrate_experiment(1, Some(&alone), MigrateOptions::default()));
        drop((source, alone));
        let path = folder.path("source.db");
        let schema = server.schema();
        let options = OpenOptions { create: true, ..OpenOptions::default() };
        drop(Database::open(&server.url(&schema), options).expect("the tables"));
        let client = server.connect(&schema);
        Probe { source: support::open(&path), schema, wanted: of_file(&path), client, folder, turn: 0 }
    }

    fn empty(&mut self) {
        let tables: Vec<String> = self.client.query("SHOW TABLES").expect("the tables");
        self.client.query_drop("SET foreign_key_checks = 0").expect("off");
        for table in tables {
            self.client.query_drop(format!("DELETE FROM \"{table}\"")).expect("an empty table");
        }
        self.client.query_drop("SET foreign_key_checks = 1").expect("on");
    }

    /// Into the server, within it, out of it, a snapshot, and that restored.
    fn run(&mut self, url: &str) -> Result<(), Error> {
        self.turn += 1;
        let snapshots = self.folder.path(&format!("snapshots{}", self.turn));
        let target = try_open(url, &snapshots)?;
        let new = self.source.migrate_experiment(1, Some(&target), MigrateOptions::default())?.new_experiment_id;
        assert_eq!(of_server(&mut self.client), self.wanted, "written");
        let back = self.folder.path(&format!("back{}.db", self.turn));
        target.migrate_experiment(new, Some(&support::create(&back)), MigrateOptions::default())?;
        assert_eq!(of_file(&back), self.wanted, "read");
        let digest = target.experiment_digest(new, Default::default())?;
        assert_eq!(digest, self.source.experiment_digest(1, Default::default())?, "its digest");
        let document = target.export_to_string(new, ExportOptions::default())?;
        let imported = self.folder.path(&format!("imported{}.db", self.turn));
        support::create(&imported).import_from_string(document.as_bytes(), ImportOptions::default())?;
        assert_eq!(of_file(&imported), self.wanted, "exported");
        let id = target.create_snapshot("", SnapshotOptions::default())?;
        assert_eq!(of_file(&snapshots.join(format!("{id}.db"))), self.wanted, "in the snapshot");
        let rules = r#"{"metric_transformations": [{"metric_type": "loss", "transformation": "scale", "params": {"factor": 2}}]}"#;
        let changed = target.transform_metrics(&Default::default(), rules, Default::default())?;
        target.undo_transform(changed.transform_id.expect("an undo log"), Default::default())?;
        assert_eq!(of_server(&mut self.client), self.wanted, "undone");
        target.restore_snapshot(&id, RestoreOptions { no_safety_snapshot: true, ..RestoreOptions::default() })?;
        assert_eq!(of_server(&mut self.client), self.wanted, "restored");
        Ok(())
    }
}

/// Settings that did change what was read or written, or whether it was, and others of their kind.
const HOSTILE: [&str; 40] = [
    "sql_select_limit = 3",
    "completion_type = 2",
    "max_join_size = 1",
    "sql_big_selects = 0",
    "sql_safe_updates = 1",
    "sql_auto_is_null = 1",
    "autocommit = 0",
    "transaction_read_only = 1",
    "tx_read_only = 1",
    "transaction_isolation = 'READ-UNCOMMITTED'",
    "tx_isolation = 'READ-UNCOMMITTED'",
    "sql_mode = 'NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT,PAD_CHAR_TO_FULL_LENGTH,NO_UNSIGNED_SUBTRACTION,REAL_AS_FLOAT'",
    "time_zone = '-07:30'",
    "foreign_key_checks = 0",
    "unique_checks = 0",
    "check_constraint_checks = 0",
    "max_error_count = 0",
    "sql_notes = 0",
    "max_sort_length = 64",
    "group_concat_max_len = 4",
    "div_precision_increment = 0",
    "sql_quote_show_create = 0",
    "default_storage_engine = 'MyISAM'",
    "old_mode = 'NO_DUP_KEY_WARNINGS_WITH_IGNORE,ZERO_DATE_TIME_CAST'",
    "system_versioning_asof = '2001-01-01 00:00:00'",
    "max_statement_time = 0.000001",
    "max_execution_time = 1",
    "innodb_lock_wait_timeout = 1",
    "auto_increment_increment = 7",
    "auto_increment_offset = 3",
    "explicit_defaults_for_timestamp = 0",
    "sql_generate_invisible_primary_key = 1",
    "show_gipk_in_create_table_and_information_schema = 0",
    "information_schema_stats_expiry = 31536000",
    "character_set_client = latin1",
    "character_set_results = latin1",
    "character_set_connection = latin1",
    "collation_connection = 'latin1_german2_ci'",
    "idle_transaction_timeout = 1",
    "idle_write_transaction_timeout = 1",
];

#[test]
fn whatever_a_server_sets_for_everybody_the_same_is_read_and_written() {
    each_own(FEW, |server| {
        let mut probe = Probe::new(server);
        let mut root = server.connect_as("root", "", None);
        let set = HOSTILE.iter().filter(|setting| root.query_drop(format!("SET GLOBAL {setting}")).is_ok()).count();
        assert!(set > 25, "{set}");
        let url = server.url(&probe.schema);
        done(probe.run(&url));
    });
}

#[test]
fn what_a_server_does_to_each_new_connection_is_undone() {
    each_own(FEW, |server| {
        let mut probe = Probe::new(server);
        let mut root = server.connect_as("root", "", None);
        root.query_drop("CREATE USER plain IDENTIFIED BY 'x'").expect("an account");
        root.query_drop(format!("GRANT ALL ON {}.* TO plain", probe.schema)).expect("its rights");
        root.query_drop("SET GLOBAL init_connect = 'SET SESSION sql_select_limit = 2, sql_mode = \"\", autocommit = 0, completion_type = 1, foreign_key_checks = 0'")
            .expect("a setting");
        let url = server.url_as("plain", "x", &probe.schema);
        done(probe.run(&url));
    });
}

#[test]
fn a_job_that_pauses_outlives_the_servers_patience_with_idle_transactions() {
    each_own(FEW, |server| {
        let mut root = server.connect_as("root", "", None);
        for name in [
            "idle_transaction_timeout",
            "idle_write_transaction_timeout",
            "idle_readonly_transaction_timeout",
            "wait_timeout",
        ] {
            // MySQL has none of them but the last.
            let _not_there = root.query_drop(format!("SET GLOBAL {name} = 1"));
        }
        let probe = Probe::new(server);
        let target = done(try_open(&server.url(&probe.schema), &probe.folder.path("snapshots")));
        let mut paused = false;
        let progress = Box::new(move |progress: &expmig::Progress| {
            if progress.operation == "verifying the copy" && !std::mem::replace(&mut paused, true) {
                std::thread::sleep(Duration::from_millis(2500));
            }
            Flow::Continue
        });
        let options = MigrateOptions { progress: Some(progress), ..MigrateOptions::default() };
        done(probe.source.migrate_experiment(1, Some(&target), options));
    });
}

/// What a number can be at least and at most, as far as the server says.
fn limits(kind: Kind, client: &mut Conn, name: &str) -> Vec<String> {
    let sql = match kind {
        Kind::MariaDb => {
            "SELECT numeric_min_value, numeric_max_value FROM information_schema.system_variables WHERE variable_name = ?"
        }
        Kind::Mysql => "SELECT min_value, max_value FROM performance_schema.variables_info WHERE variable_name = ?",
    };
    let found: Option<(Option<String>, Option<String>)> = client.exec_first(sql, (name,)).expect("its limits");
    let (least, most) = found.unwrap_or_default();
    let known = least.into_iter().chain(most);
    known.map(|limit| limit.trim_end_matches(".000000").to_owned()).filter(|limit| !limit.is_empty()).collect()
}

/// The values that a setting takes from a list, all together last where it takes several.
fn listed(client: &mut Conn, name: &str) -> Vec<String> {
    let sql = "SELECT variable_type, enum_value_list FROM information_schema.system_variables WHERE variable_name = ?";
    let found: Option<(String, Option<String>)> = client.exec_first(sql, (name,)).expect("its values");
    let (declared, listed) = found.unwrap_or_default();
    let listed: Vec<String> = listed.iter().flat_map(|list| list.split(',')).map(str::to_owned).collect();
    let together = (!listed.is_empty() && ["SET", "FLAGSET"].contains(&declared.as_str())).then(|| listed.join(","));
    listed.iter().chain(&together).map(|one| format!("'{one}'")).collect()
}

/// The most hostile values of a setting: what is farthest from what it is.
fn hostile_values(kind: Kind, client: &mut Conn, name: &str, value: &str) -> Vec<String> {
    if name == "max_session_mem_used" {
        // With less, and with what it takes for less, MariaDB 10.11 itself ends when somebody connects.
        return ["131072", "524288"].map(str::to_owned).to_vec();
    }
    let mut values = limits(kind, client, name);
    match value {
        "ON" | "OFF" => values.extend(["0", "1"].map(str::to_owned)),
        number if number.parse::<f64>().is_ok() => {
            values.extend(["0", "1", "4", "0.000001", "4294967295", "18446744073709551615"].map(str::to_owned))
        }
        _ if kind == Kind::MariaDb => values.extend(listed(client, name)),
        // Switches are all turned off, and on, below.
        _ if value.contains('=') => {}
        // The number of a value of a list.
        _ => values.extend((0..12).map(|at| at.to_string())),
    }
    let more = match name {
        "sql_mode" => vec![
            "''",
            "'ANSI'",
            "'ORACLE'",
            "'TRADITIONAL'",
            "'PAD_CHAR_TO_FULL_LENGTH,NO_ZERO_DATE,ALLOW_INVALID_DATES,HIGH_NOT_PRECEDENCE,IGNORE_SPACE'",
        ],
        "time_zone" => vec!["'+13:00'", "'-12:30'"],
        "default_storage_engine" | "default_tmp_storage_engine" => vec!["'MyISAM'", "'MEMORY'"],
        "enforce_storage_engine" => vec!["'MyISAM'", "'MEMORY'"],
        "system_versioning_asof" => vec!["'1999-01-01 00:00:00'"],
        "lc_messages" | "lc_time_names" => vec!["'de_DE'", "'ja_JP'"],
        "init_connect" => vec!["'SET sql_select_limit = 1'"],
        "old_mode" => vec!["''"],
        "character_set_collations" => vec!["'utf8mb4=utf8mb4_general_ci,utf8mb3=utf8mb3_general_ci'"],
        character if character.starts_with("character_set_") => {
            vec!["'latin1'", "'ucs2'", "'utf16'", "'sjis'", "'binary'"]
        }
        collation if collation.starts_with("collation_") => vec!["'latin1_german2_ci'", "'utf8mb4_general_ci'"],
        _ => vec![],
    };
    values.extend(more.into_iter().map(str::to_owned));
    if ["optimizer_switch", "old_mode"].contains(&name) && value.contains('=') {
        let switched = |to: &str| {
            let all = value.split(',').filter_map(|one| one.split_once('=')).map(|(one, _)| format!("{one}={to}"));
            format!("'{}'", all.collect::<Vec<_>>().join(","))
        };
        values.extend([switched("off"), switched("on")]);
    }
    let mut seen = std::collections::HashSet::new();
    values.retain(|value| seen.insert(value.clone()));
    values
}

/// Whether each session has this setting for itself, be it that only the server gives it a value. Others are about the whole server: the
/// size of its logs, for example, which would fill the disk.
fn of_sessions(client: &mut Conn, name: &str) -> bool {
    /// ER_GLOBAL_VARIABLE
    const FOR_EVERYBODY: u16 = 1229;
    match client.query_drop(format!("SET SESSION {name} = DEFAULT")) {
        Err(mysql::Error::MySqlError(error)) => error.code != FOR_EVERYBODY,
        _ => true,
    }
}

/// The server's own rules and limits: whoever sets them so wants statements to be refused. The refusal names the setting, or says what is
/// in the way, and nothing is changed.
const MAY_REFUSE: &[&str] = &["max_allowed_packet", "max_session_mem_used", "max_user_connections"];

#[test]
#[ignore = "takes minutes: make large"]
fn no_setting_of_mariadb_changes_what_is_read_or_written_unnoticed() {
    sweep(Kind::MariaDb);
}

#[test]
#[ignore = "takes minutes: make large"]
fn no_setting_of_mysql_changes_what_is_read_or_written_unnoticed() {
    sweep(Kind::Mysql);
}

/// Shows a setting.
fn like(name: &str) -> String {
    format!("SHOW GLOBAL VARIABLES WHERE Variable_name = '{name}'")
}

/// Every setting that a session has and that can be set for everybody, one at a time.
fn sweep(kind: Kind) {
    let Some(server) = Server::start(kind, FEW) else {
        return eprintln!("{SKIPPED} {kind:?}");
    };
    let mut probe = Probe::new(&server);
    let mut root = server.connect_as("root", "", None);
    root.query_drop("SET SESSION sql_mode = ''").expect("a mode");
    let url = server.url(&probe.schema);
    // A few settings by their names, for whoever mends one.
    let only = std::env::var("EXPMIG_TEST_SETTINGS").unwrap_or_default();
    let all: Vec<(String, String)> = root.query("SHOW GLOBAL VARIABLES").expect("the settings");
    let (mut settings, mut tried, mut faults) = (0, 0, Vec::new());
    for (name, value) in all {
        let name = name.to_ascii_lowercase();
        let wanted = only.is_empty() || only.split(',').any(|one| one == name);
        if !wanted || !of_sessions(&mut root, &name) {
            continue;
        }
        root.query_drop(format!("SET @before = @@GLOBAL.{name}")).expect("a value");
        let mut values = vec![value.clone()];
        for hostile in hostile_values(kind, &mut root, &name, &value) {
            if root.query_drop(format!("SET GLOBAL {name} = {hostile}")).is_err() {
                continue;
            }
            // What is too much or too little becomes what can be.
            let (_, set) = root.query_first::<(String, String), _>(like(&name)).expect("it").expect("its value");
            let known = values.contains(&set);
            let since = std::time::Instant::now();
            let run = std::panic::AssertUnwindSafe(|| if known { Ok(()) } else { probe.run(&url) });
            let ran = std::panic::catch_unwind(run);
            let restored = root.query_drop(format!("SET GLOBAL {name} = @before"));
            restored.or_else(|_| root.query_drop(format!("SET GLOBAL {name} = DEFAULT"))).unwrap_or_else(|error| {
                let log = std::fs::read_to_string(server.folder.join("err.log")).unwrap_or_default();
                panic!("{name} = {hostile}: {error}\n{log}")
            });
            if known {
                continue;
            }
            values.push(set);
            match ran {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    eprintln!("{name} = {hostile}: {}", error.to_json());
                    let named = error.hint_text().is_some() && error.status() != Status::Internal;
                    if !(named && MAY_REFUSE.contains(&name.as_str())) {
                        faults.push(format!("{name} = {hostile}: {}", error.message()));
                    }
                }
                Err(_) => faults.push(format!("{name} = {hostile}: other rows")),
            }
            if since.elapsed() > SLOW {
                eprintln!("{name} = {hostile}: {:?}", since.elapsed());
            }
            probe.empty();
        }
        settings += usize::from(values.len() > 1);
        tried += values.len() - 1;
    }
    eprintln!("{kind:?}: {tried} values of {settings} settings tried");
    assert!(faults.is_empty(), "{kind:?}: {faults:#?}");
    assert!(!only.is_empty() || settings > 100, "{settings}");
}

/// A setting that makes the jobs take so long is named.
const SLOW: Duration = Duration::from_secs(20);

#[test]
fn rows_are_read_as_the_tests_read_them() {
    // What the others compare with is no accident.
    each_own(FEW, |server| {
        let mut probe = Probe::new(server);
        assert!(probe.wanted.len() > 10 && of_server(&mut probe.client).is_empty());
        let mut other = server.connect_as(USER, PASSWORD, Some(&probe.schema));
        assert_eq!(rows(&mut other, "SELECT 1"), [["Integer(1)"]]);
    });
}
