//! Widening the tables of a server that are too narrow: everything fits afterwards, nothing else of the schema changes, and a widening
//! that is cut off loses no foreign key.

use crate::support;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::support::Folder;
use crate::support::proxy::{Fault, Moment, Proxy, Way};
use crate::support::server::{Kind, PASSWORD, SKIPPED, Server, USER, dump, each, escaped, rows};
use expmig::{Database, Error, JobOptions, Manager, MigrateOptions, OpenOptions, Status};
use mysql::Conn;
use mysql::prelude::Queryable;
use serde_json::{Value as Json, json};

fn open(url: &str) -> Manager {
    let database = Database::open(url, OpenOptions::default());
    Manager::from(database.unwrap_or_else(|error| panic!("{}", error.to_json())))
}

fn create(url: &str) -> Manager {
    let options = OpenOptions { create: true, ..OpenOptions::default() };
    Manager::from(Database::open(url, options).unwrap_or_else(|error| panic!("{}", error.to_json())))
}

fn widen(manager: &Manager, apply: bool) -> Json {
    manager.widen_schema(apply, JobOptions::default()).unwrap_or_else(|error| panic!("{}", error.to_json()))
}

fn run(client: &mut Conn, script: &str) {
    for statement in script.split(";\n").map(str::trim).filter(|statement| !statement.is_empty()) {
        client.query_drop(statement).unwrap_or_else(|error| panic!("{error}: {statement}"));
    }
}

/// The foreign keys with all they are, one text for each.
fn foreign_keys(client: &mut Conn) -> Vec<String> {
    let tables: Vec<String> = client.query("SHOW TABLES").expect("the tables");
    let mut found = Vec::new();
    for table in tables {
        let created: (String, String) =
            client.query_first(format!("SHOW CREATE TABLE \"{table}\"")).expect("the table").expect("a row");
        let lines = created.1.lines().filter(|line| line.contains("FOREIGN KEY"));
        found.extend(lines.map(|line| format!("{table}: {}", line.trim().trim_end_matches(','))));
    }
    found.sort();
    found
}

/// What is wide in the end, for every column that an id is in.
fn ids_that_are_not_wide(client: &mut Conn) -> Vec<Vec<String>> {
    let sql =
        "SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE()
        AND (COLUMN_NAME LIKE '%id' OR COLUMN_NAME LIKE '%idx') AND DATA_TYPE <> 'bigint'";
    rows(client, sql)
}

/// What a schema of somebody's own has beside the tables: names and rules of keys, defaults, comments, counters, keys of text.
const GROWN: &str = "
    ALTER TABLE TRIAL_ARTIFACT DROP FOREIGN KEY TRIAL_ARTIFACT_ibfk_1;
    ALTER TABLE TRIAL_ARTIFACT ADD CONSTRAINT \"of a trial\" FOREIGN KEY (trial_id) REFERENCES TRIAL (id) ON DELETE CASCADE ON UPDATE CASCADE;
    ALTER TABLE EPOCH_METRIC ADD CONSTRAINT twice FOREIGN KEY (metric_id) REFERENCES METRIC (id) ON DELETE NO ACTION;
    ALTER TABLE ARTIFACT MODIFY COLUMN type VARCHAR(50) CHARACTER SET latin1 NOT NULL, ADD UNIQUE KEY by_type (type, id), ADD KEY (type);
    ALTER TABLE METRIC MODIFY COLUMN type VARCHAR(50) CHARACTER SET latin1 NOT NULL DEFAULT 'it''s', ADD KEY (type);
    CREATE UNIQUE INDEX loc ON ARTIFACT (loc);
    ALTER TABLE ARTIFACT MODIFY COLUMN loc VARCHAR(200) CHARACTER SET latin1 NOT NULL COMMENT 'where it''s; and \"how\"';
    ALTER TABLE EXPERIMENT MODIFY COLUMN title VARCHAR(200) CHARACTER SET latin1 NOT NULL, ADD CONSTRAINT text_key FOREIGN KEY (title) REFERENCES ARTIFACT (loc) ON UPDATE CASCADE;
    ALTER TABLE TRIAL_RUN MODIFY COLUMN trial_id INT NOT NULL DEFAULT 0 COMMENT 'a trial';
    ALTER TABLE EXPERIMENT MODIFY COLUMN start_time DATETIME NOT NULL DEFAULT '2020-01-01 00:00:00';
    ALTER TABLE METRIC AUTO_INCREMENT = 4000";

const FEW: &str = "
    INSERT INTO ARTIFACT VALUES (1, 'a', 'title'), (2, 'b', 'elsewhere');
    INSERT INTO EXPERIMENT VALUES (1, 'title', NULL, '2023-12-01 10:00:00', '2023-12-01 10:00:00');
    INSERT INTO TRIAL VALUES (1, 't', 1, '2023-12-01 10:00:00', '2023-12-01 10:00:00');
    INSERT INTO TRIAL_RUN VALUES (1, 1, 's', '2023-12-01 10:00:00', '2023-12-01 10:00:00');
    INSERT INTO EPOCH VALUES (0, 1, '2023-12-01 10:00:00');
    INSERT INTO METRIC VALUES (1, 'm', 0.5, '{\"a\": 1}');
    INSERT INTO EPOCH_METRIC VALUES (0, 1, 1);
    INSERT INTO TRIAL_ARTIFACT VALUES (1, 2)";

#[test]
fn columns_of_foreign_keys_are_widened_and_the_keys_stay_as_they_were() {
    each(|server| {
        let folder = Folder::new();
        let source = support::open(&folder.small("a.db", "UPDATE METRIC SET total_val = 0.1 WHERE id = 32"));
        let name = server.original();
        let mut client = server.connect(&name);
        run(&mut client, GROWN);
        run(&mut client, FEW);
        let keys = foreign_keys(&mut client);
        assert_eq!(keys.len(), 5 + 18 + 2, "{keys:?}");
        let details = "SELECT TABLE_NAME, COLUMN_NAME, IS_NULLABLE, EXTRA, COLUMN_COMMENT, REPLACE(REPLACE(COLUMN_DEFAULT, '.000000', ''), '''', '')
            FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME NOT LIKE 'EXPMIG%' ORDER BY TABLE_NAME, COLUMN_NAME";
        let indexes =
            "SELECT TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX, COLUMN_NAME, NON_UNIQUE FROM information_schema.STATISTICS
            WHERE TABLE_SCHEMA = DATABASE() ORDER BY 1, 2, 3";
        let before = [details, indexes].map(|sql| rows(&mut client, sql));
        let manager = open(&server.url(&name));
        let digest = manager.experiment_digest(1, JobOptions::default()).expect("a digest");
        let planned = widen(&manager, false);
        assert_eq!(planned["left"], json!([]));
        assert_eq!(planned["foreign_keys"].as_array().map(Vec::len), Some(keys.len()), "{planned}");
        assert!(planned["foreign_keys"].to_string().contains(r#""name":"of a trial","missing":false"#), "{planned}");
        assert_eq!(foreign_keys(&mut client), keys);
        let done = widen(&manager, true);
        assert_eq!((&done["changes"], &done["statements"]), (&planned["changes"], &planned["statements"]));
        assert_eq!(foreign_keys(&mut client), keys);
        for (sql, before) in [details, indexes].into_iter().zip(before) {
            let after = rows(&mut client, sql);
            let gone: Vec<_> = before.iter().filter(|row| !after.contains(row)).collect();
            let new: Vec<_> = after.iter().filter(|row| !before.contains(row)).collect();
            assert!(gone.is_empty() && new.is_empty(), "{gone:?} became {new:?}");
        }
        assert_eq!(ids_that_are_not_wide(&mut client), Vec::<Vec<String>>::new());
        assert_eq!(manager.experiment_digest(1, JobOptions::default()).expect("a digest"), digest);
        let again = widen(&manager, false);
        assert_eq!((&again["changes"], &again["left"], &again["statements"]), (&json!([]), &json!([]), &json!([])));
        assert!(!dump(&mut client).iter().any(|(table, _)| table.to_uppercase().starts_with("EXPMIG")));
        // The counter goes on where it was, ids have 64 bits, and the keys are enforced.
        run(&mut client, "INSERT INTO METRIC (total_val) VALUES (0.1)");
        assert_eq!(
            rows(&mut client, "SELECT id, type FROM METRIC WHERE id > 1"),
            [["Integer(4000)", r#"text "it\\'s""#]]
        );
        run(
            &mut client,
            "INSERT INTO TRIAL VALUES (5000000000, 't', 1, '2023-12-01 10:00:00.000001', '2023-12-01 10:00:00')",
        );
        run(
            &mut client,
            "INSERT INTO TRIAL_RUN VALUES (6000000000, 5000000000, 's', '2023-12-01 10:00:00', '2023-12-01 10:00:00')",
        );
        let dangling = client.query_drop(
            "INSERT INTO TRIAL_RUN VALUES (7, 5000000001, 's', '2023-12-01 10:00:00', '2023-12-01 10:00:00')",
        );
        assert!(matches!(dangling, Err(mysql::Error::MySqlError(error)) if error.code == 1452));
        run(
            &mut client,
            "INSERT INTO TRIAL_ARTIFACT VALUES (5000000000, 2);\nDELETE FROM TRIAL_RUN WHERE id > 1;\nDELETE FROM TRIAL WHERE id > 1",
        );
        assert_eq!(
            rows(&mut client, "SELECT trial_id FROM TRIAL_ARTIFACT"),
            [["Integer(1)"]],
            "the rule of the key works"
        );
        // Nothing is lossy any more, also with ids that 32 bits do not hold.
        run(&mut client, "ALTER TABLE EXPERIMENT DROP FOREIGN KEY text_key;\nALTER TABLE ARTIFACT DROP INDEX loc");
        run(
            &mut client,
            "ALTER TABLE TRIAL AUTO_INCREMENT = 8000000000;\nALTER TABLE METRIC AUTO_INCREMENT = 9000000000",
        );
        let done = source.migrate_experiment(1, Some(&manager), MigrateOptions::default());
        let done = done.unwrap_or_else(|error| panic!("{}", error.to_json()));
        assert_eq!((done.to_json()["lossy"]["count"].as_u64(), done.source_digest), (Some(0), done.target_digest));
        assert_eq!(rows(&mut client, "SELECT MIN(trial_id) FROM TRIAL_RUN WHERE id > 1"), [["Integer(8000000000)"]]);
    });
}

#[test]
fn columns_that_a_foreign_key_ties_to_what_is_not_ours_are_left() {
    each(|server| {
        let name = server.original();
        let mut client = server.connect(&name);
        run(
            &mut client,
            "CREATE TABLE mine (trial INT, note VARCHAR(10), CONSTRAINT to_trial FOREIGN KEY (trial) REFERENCES TRIAL (id))",
        );
        run(&mut client, "ALTER TABLE METRIC MODIFY COLUMN id INT NOT NULL AUTO_INCREMENT COMMENT 'back\\\\slash'");
        let (keys, manager) = (foreign_keys(&mut client), open(&server.url(&name)));
        let planned = widen(&manager, true);
        let left: Vec<String> = planned["left"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|left| {
                format!("{}.{}", left["table"].as_str().expect("a name"), left["column"].as_str().expect("a name"))
            })
            .collect();
        // What is tied to them is left, too: wider ends of a key would not fit.
        let wanted = [
            "TRIAL.id",
            "TRIAL_RUN.trial_id",
            "METRIC.id",
            "TRIAL_ARTIFACT.trial_id",
            "RESULTS_METRIC.metric_id",
            "EPOCH_METRIC.metric_id",
            "BATCH_METRIC.metric_id",
        ];
        assert!(
            wanted.iter().all(|column| left.contains(&(*column).to_owned())) && left.len() == wanted.len(),
            "{planned}"
        );
        let reasons = planned["left"].to_string();
        for reason in ["to_trial ties it to mine.trial", "backslash", "metric.id, which is not changed"] {
            assert!(reasons.contains(reason), "{reason} in {reasons}");
        }
        assert_eq!(foreign_keys(&mut client), keys);
        assert_eq!(widen(&manager, false)["changes"], json!([]));
        assert_eq!(ids_that_are_not_wide(&mut client).len(), wanted.len());
    });
}

#[test]
fn nothing_but_foreign_keys_is_ever_made_of_what_is_remembered() {
    each(|server| {
        let name = server.original();
        let mut client = server.connect(&name);
        run(
            &mut client,
            "CREATE TABLE EXPMIG_WIDENING (id BIGINT PRIMARY KEY AUTO_INCREMENT, in_table LONGTEXT NOT NULL, name LONGTEXT NOT NULL,
             definition LONGTEXT NOT NULL)",
        );
        let before = dump(&mut client);
        let good = json!({"parent": "TRIAL", "columns": [["trial_id", "id"]], "update_rule": "CASCADE", "delete_rule": "CASCADE"});
        let mut rule = good.clone();
        rule["delete_rule"] = json!("CASCADE, DROP COLUMN status");
        let mut columns = good.clone();
        columns["columns"] = json!([]);
        for definition in [rule, columns, json!("DROP COLUMN status"), json!(null)] {
            run(&mut client, "DELETE FROM EXPMIG_WIDENING");
            let row = ("TRIAL_RUN", "fk_remembered", definition.to_string());
            client
                .exec_drop("INSERT INTO EXPMIG_WIDENING (in_table, name, definition) VALUES (?, ?, ?)", row)
                .expect("a row");
            for apply in [false, true] {
                let error = open(&server.url(&name)).widen_schema(apply, JobOptions::default()).expect_err("not ours");
                assert_eq!(error.status(), Status::Corrupt, "{}", error.to_json());
                assert!(error.message().contains("fk_remembered"), "{}", error.to_json());
            }
        }
        run(&mut client, "DELETE FROM EXPMIG_WIDENING");
        assert_eq!(dump(&mut client), before);
    });
}

/// The foreign keys that are there, and those that are remembered.
fn kept(client: &mut Conn, all: &[String]) -> (Vec<String>, Vec<String>) {
    let there = foreign_keys(client);
    let tables: Vec<String> = client.query("SHOW TABLES LIKE 'EXPMIG_WIDENING'").expect("the tables");
    let remembered: Vec<(String, String)> = match tables.first() {
        Some(table) => client.query(format!("SELECT in_table, name FROM {table}")).expect("what is remembered"),
        None => Vec::new(),
    };
    let missing: Vec<String> = all.iter().filter(|key| !there.contains(key)).cloned().collect();
    for key in &missing {
        let known = remembered.iter().any(|(table, name)| key.starts_with(&format!("{table}: CONSTRAINT \"{name}\" ")));
        assert!(known, "{key} is gone, and nobody knows it");
    }
    (there, missing)
}

#[test]
fn a_widening_that_is_cut_off_names_the_missing_keys_and_is_finished_by_the_next() {
    const MOMENTS: u64 = 12;
    for kind in Kind::ALL {
        let Some(mut server) = Server::start(kind, &[]) else {
            eprintln!("{SKIPPED} {kind:?}");
            continue;
        };
        let proxy = Proxy::start(&server.socket());
        let url = |name: &str| {
            format!("mysql://{USER}:{}@127.0.0.1:{}/{name}?ssl-mode=disabled", escaped(PASSWORD), proxy.port)
        };
        let made = |server: &Server| {
            let name = server.original();
            run(&mut server.connect(&name), GROWN);
            run(&mut server.connect(&name), FEW);
            name
        };
        let name = made(&server);
        let manager = open(&url(&name));
        proxy.count();
        widen(&manager, true);
        let passes = proxy.passed(Way::ToServer);
        let (mut cut_off, mut with_missing) = (0, 0);
        for at in 1..=MOMENTS {
            let name = made(&server);
            let all = foreign_keys(&mut server.connect(&name));
            let manager = open(&url(&name));
            let (told, struck) = mpsc::channel();
            let fault = if at % 2 == 0 {
                Fault::Cut
            } else {
                let pid = std::fs::read_to_string(server.folder.join("server.pid")).expect("the pid");
                Fault::Do(Box::new(move || {
                    let done = std::process::Command::new("kill").args(["-9", pid.trim()]).status().expect("kill");
                    assert!(done.success());
                    told.send(()).expect("somebody waits");
                }))
            };
            proxy.plan(Moment::Bytes(Way::ToServer, passes * at / (MOMENTS + 1)), fault);
            let result = manager.widen_schema(true, JobOptions::default());
            assert!(proxy.heal(), "the moment came");
            if at % 2 != 0 {
                struck.recv_timeout(Duration::from_secs(60)).expect("the server was killed");
                server.restart(&[]);
            }
            let error: Error = result.expect_err("it was cut off");
            assert_eq!(error.status(), Status::Connection, "{}", error.to_json());
            // Whoever looks meanwhile finds each key, or what adds it. A statement that was begun may go on a little on the server.
            let absent = kept(&mut server.connect(&name), &all).1;
            let planned = widen(&open(&server.url(&name)), true);
            let mut client = server.connect(&name);
            assert_eq!(foreign_keys(&mut client), all, "{kind:?}, moment {at}");
            assert_eq!(kept(&mut client, &all).1, Vec::<String>::new());
            assert_eq!(ids_that_are_not_wide(&mut client), Vec::<Vec<String>>::new());
            assert_eq!(widen(&open(&server.url(&name)), false)["statements"], json!([]), "{kind:?}, moment {at}");
            let missing =
                planned["foreign_keys"].as_array().expect("a list").iter().filter(|key| key["missing"] == true);
            let named = error.details().iter().filter(|detail| detail.key == "foreign_key").count();
            assert!(missing.clone().count() >= absent.len(), "{absent:?} and {planned}");
            assert!(missing.clone().count() <= named, "the error names them: {} and {planned}", error.to_json());
            cut_off += 1;
            with_missing += usize::from(missing.count() > 0);
        }
        eprintln!("{kind:?}: {cut_off} cut off, {with_missing} of them with keys missing");
        assert!(with_missing > 0, "no moment hit the middle");
    }
}

#[test]
fn a_definition_that_the_server_may_go_on_with_is_not_said_to_have_changed_nothing() {
    each(|server| {
        let name = server.schema();
        let url = server.url(&name);
        create(&url);
        let mut client = server.connect(&name);
        run(&mut client, "ALTER TABLE METRIC MODIFY type VARCHAR(10) NOT NULL");
        // Whoever reads in a transaction keeps others from defining anew what was read.
        run(&mut client, "START TRANSACTION;\nSELECT * FROM METRIC");
        // Shorter than the second after which the server itself gives up to wait, and longer than statements take that need not wait; a busy
        // machine may need some tries to connect in that time.
        let hasty = format!("{url}&read-timeout-ms=600");
        let manager = (0..50).find_map(|_| Database::open(&hasty, OpenOptions::default()).ok().map(Manager::from));
        let error = manager.expect("the schema").widen_schema(true, JobOptions::default()).expect_err("it waits");
        assert_eq!(error.status(), Status::Timeout, "{}", error.to_json());
        assert!(!error.to_json().to_string().contains("nothing was changed"), "{}", error.to_json());
        run(&mut client, "ROLLBACK");
        widen(&open(&url), true);
        assert_eq!(widen(&open(&url), false)["statements"], json!([]));
    });
}

#[test]
fn a_widened_schema_holds_everything_and_keeps_what_it_has() {
    each(|server| {
        let folder = Folder::new();
        let source = support::open(&folder.small(
            "a.db",
            "UPDATE METRIC SET total_val = 0.1, per_label_val = '{\"b\": 1.0, \"a\": 2}' WHERE id = 32",
        ));
        let name = server.original();
        let mut client = server.connect(&name);
        client
            .query_drop("ALTER TABLE ARTIFACT MODIFY COLUMN loc VARCHAR(300) CHARACTER SET latin1 NOT NULL")
            .expect("narrower");
        client
            .query_drop("ALTER TABLE TRIAL_RUN MODIFY COLUMN status VARCHAR(50) NOT NULL DEFAULT 'new'")
            .expect("a default");
        client
            .query_drop(
                "ALTER TABLE TRIAL_RUN MODIFY COLUMN update_time TIMESTAMP(6) NOT NULL DEFAULT '2020-01-01 00:00:00'",
            )
            .expect("odd");
        client
            .query_drop("ALTER TABLE TRIAL_RUN ALTER COLUMN start_time SET DEFAULT '2020-01-01 00:00:00'")
            .expect("a default");
        for statement in support::SMALL.split(";\n").map(str::trim).filter(|statement| !statement.is_empty()) {
            client.query_drop(statement).unwrap_or_else(|error| panic!("{error}: {statement}"));
        }
        let manager = open(&server.url(&name));
        let digest = |manager: &Manager| manager.experiment_digest(1, JobOptions::default()).expect("a digest");
        let (held, before) = (digest(&manager), dump(&mut client));
        let planned =
            manager.widen_schema(false, JobOptions::default()).unwrap_or_else(|error| panic!("{}", error.to_json()));
        assert_eq!(dump(&mut client), before);
        let text = planned["changes"].to_string();
        for change in [
            r#""column":"total_val","from":"float","to":"DOUBLE""#,
            r#""column":"start_time","from":"datetime","to":"DATETIME(6)""#,
            r#""column":"loc","from":"varchar(300)","to":"VARCHAR(300)""#,
            r#""column":"metric_id","from":"int"#,
            r#""column":"desc","from":"text","to":"LONGTEXT""#,
        ] {
            assert!(text.contains(change), "{change} in {text}");
        }
        let left: Vec<(&str, &str)> = planned["left"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|left| (left["table"].as_str().expect("a name"), left["column"].as_str().expect("a name")))
            .collect();
        // A type that depends on the session.
        assert_eq!(left, [("TRIAL_RUN", "update_time")], "{planned}");
        let read_only = OpenOptions { read_only: true, ..OpenOptions::default() };
        let reader = Manager::from(Database::open(&server.url(&name), read_only).expect("the schema"));
        support::failed(reader.widen_schema(true, JobOptions::default()), Status::Misuse);
        manager.widen_schema(true, JobOptions::default()).unwrap_or_else(|error| panic!("{}", error.to_json()));
        let again = manager.widen_schema(false, JobOptions::default()).expect("a plan");
        assert_eq!((&again["changes"], &again["left"]), (&serde_json::json!([]), &planned["left"]));
        assert_eq!(digest(&manager), held);
        client.query_drop("ALTER TABLE TRIAL_RUN MODIFY COLUMN update_time DATETIME(6) NOT NULL").expect("by hand");
        let done = source
            .migrate_experiment(1, Some(&manager), MigrateOptions::default())
            .unwrap_or_else(|error| panic!("{}", error.to_json()));
        assert_eq!((done.to_json()["lossy"]["count"].as_u64(), done.source_digest), (Some(0), done.target_digest));
        let ours = create(&server.url(&server.schema())).widen_schema(false, JobOptions::default()).expect("a plan");
        assert_eq!(
            (ours["changes"].as_array().map(Vec::len), ours["left"].as_array().map(Vec::len)),
            (Some(0), Some(0)),
            "{ours}"
        );
        assert_eq!(
            source.widen_schema(true, JobOptions::default()).expect("a plan")["statements"],
            serde_json::json!([])
        );
    });
}

/// What only the length or the type is too narrow of, with an order of its own, and days that are none.
const ORDERED: &str = "
    ALTER TABLE TRIAL MODIFY COLUMN name VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL;
    ALTER TABLE TRIAL_RUN MODIFY COLUMN status CHAR(50) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci NOT NULL;
    ALTER TABLE ARTIFACT ADD COLUMN \"it`s\" INT;
    CREATE INDEX \"back`tick\" ON ARTIFACT (\"it`s\");
    INSERT INTO TRIAL VALUES (9, 'none', 1, '0000-00-00 00:00:00', '2023-00-00 00:00:00')";

/// How the texts of a schema are compared.
fn collations(client: &mut Conn) -> Vec<Vec<String>> {
    let sql = "SELECT TABLE_NAME, COLUMN_NAME, COLLATION_NAME FROM information_schema.COLUMNS
        WHERE TABLE_SCHEMA = DATABASE() AND CHARACTER_SET_NAME = 'utf8mb4' AND TABLE_NAME NOT LIKE 'EXPMIG%' ORDER BY 1, 2";
    rows(client, sql)
}

#[test]
fn printed_statements_run_in_an_ordinary_client_and_leave_the_order_of_texts_alone() {
    each(|server| {
        let narrow = || {
            let name = server.original();
            let mut client = server.connect(&name);
            run(&mut client, GROWN);
            run(&mut client, FEW);
            run(&mut client, ORDERED);
            (name, client)
        };
        let (name, mut client) = narrow();
        let (keys, ordered, before) = (foreign_keys(&mut client), collations(&mut client), dump(&mut client));
        let planned = widen(&open(&server.url(&name)), false);
        let statements: Vec<&str> =
            planned["statements"].as_array().expect("statements").iter().filter_map(Json::as_str).collect();
        let widened = |name: &str| {
            let mut client = server.connect(name);
            let again = widen(&open(&server.url(name)), false);
            assert_eq!((&again["changes"], &again["statements"]), (&json!([]), &json!([])));
            assert_eq!(foreign_keys(&mut client), keys);
            let after = collations(&mut client);
            let changed: Vec<_> = ordered.iter().filter(|column| !after.contains(column)).collect();
            assert!(changed.is_empty(), "{changed:?} in {after:?}");
            assert_eq!(dump(&mut client).len(), before.len());
        };
        // A session as anybody gets it.
        let mut ordinary = server.connect_as("root", "", Some(&name));
        for statement in &statements {
            ordinary.query_drop(statement).unwrap_or_else(|error| panic!("{error}: {statement}"));
        }
        widened(&name);
        // The client of this server, with the statements as a script.
        if server.kind != Kind::MariaDb {
            return;
        }
        let (name, _) = narrow();
        let mut shell = Command::new("mariadb")
            .args(["--no-defaults", "--user=root", "--socket"])
            .arg(server.socket())
            .arg(&name)
            .stdin(Stdio::piped())
            .spawn()
            .expect("the client");
        let script: String = statements.iter().map(|statement| format!("{statement};\n")).collect();
        shell.stdin.take().expect("its input").write_all(script.as_bytes()).expect("written");
        assert!(shell.wait().expect("its end").success());
        widened(&name);
    });
}
