//! What newer servers have that older ones do not: each test says since when, and proves nothing on a server before that.

use expmig::{
    ImportOptions, IssueKind, JobOptions, Manager, MetricSelection, MigrateOptions, OnDuplicate, RestoreOptions,
    Severity, SnapshotOptions, Status, TransformOptions, UndoOptions, ValidateOptions,
};

use super::{created, done, open};
use crate::support::postgres::{DATABASE, Postgres};
use crate::support::server::{PASSWORD, USER, escaped};
use crate::support::{self, Folder};

fn copy() -> MigrateOptions {
    MigrateOptions { on_duplicate: OnDuplicate::Copy, ..MigrateOptions::default() }
}

fn digest(manager: &Manager, experiment: i64) -> [u8; 32] {
    done(manager.experiment_digest(experiment, JobOptions::default()))
}

/// A schema with the experiment of a small file, and that file.
fn filled(server: &Postgres, folder: &Folder) -> (String, Manager, Manager) {
    let (schema, _) = created(server);
    let source = support::open(&folder.small("small.db", ""));
    let options = expmig::ManagerOptions { snapshot_dir: Some(folder.path("snapshots")), ..Default::default() };
    let database = done(expmig::Database::open(&server.url(&schema), expmig::OpenOptions::default()));
    let manager = Manager::new(database, options);
    done(source.migrate_experiment(1, Some(&manager), MigrateOptions::default()));
    (schema, manager, source)
}

/// Since 18: columns that are computed when they are read, which is what is meant where nothing else is said.
#[test]
fn columns_that_are_computed_when_they_are_read_are_left_to_the_server() {
    let server = Postgres::shared();
    if server.version() < 18 {
        return;
    }
    let folder = Folder::new();
    let (schema, manager, source) = filled(server, &folder);
    let plain = digest(&manager, 1);
    server.execute(
        &schema,
        "ALTER TABLE METRIC ADD COLUMN twice double precision GENERATED ALWAYS AS (total_val * 2);
         ALTER TABLE METRIC ADD COLUMN named text GENERATED ALWAYS AS (type || '!') VIRTUAL;
         ALTER TABLE METRIC ADD COLUMN kept double precision GENERATED ALWAYS AS (total_val * 4) STORED",
    );
    assert_eq!(digest(&manager, 1), plain);
    assert_eq!(done(source.migrate_experiment(1, Some(&manager), copy())).target_digest, Some(plain));
    assert_eq!(done(manager.migrate_experiment(1, None, copy())).target_digest, Some(plain));
    let file = support::open(&folder.empty("file.db", ""));
    let add = MigrateOptions { add_columns: true, ..MigrateOptions::default() };
    assert_eq!(done(manager.migrate_experiment(1, Some(&file), add)).target_digest, Some(plain));
    let document = done(manager.export_to_string(1, Default::default()));
    let again = ImportOptions { on_duplicate: OnDuplicate::Copy, ..ImportOptions::default() };
    done(manager.import_from_string(document.as_bytes(), again));
    let before = server.dump(&schema);
    let taken = done(manager.create_snapshot("", SnapshotOptions::default()));
    let all = MetricSelection { experiments: Some(vec![1]), metrics: None };
    let scale = Some(r#"{"factor": 2, "target": "total"}"#);
    let changed = done(manager.transform_metrics_by(&all, "scale", scale, TransformOptions::default()));
    let computed = "SELECT count(*) FROM METRIC WHERE twice IS DISTINCT FROM total_val * 2 OR named IS DISTINCT FROM type || '!' \
        OR kept IS DISTINCT FROM total_val * 4";
    assert_eq!(server.rows(&schema, computed), [["Integer(0)"]]);
    assert_ne!(digest(&manager, 1), plain);
    done(manager.undo_transform(changed.transform_id.expect("an id"), UndoOptions::default()));
    done(manager.restore_snapshot(&taken, RestoreOptions::default()));
    let own = |dump: Vec<(String, Vec<Vec<String>>)>| -> Vec<_> {
        dump.into_iter().filter(|(table, _)| !table.starts_with("EXPMIG")).collect()
    };
    assert!(own(server.dump(&schema)) == own(before));
    // The server does not change the type of a column that another is computed of.
    server.execute(&schema, "ALTER TABLE METRIC DROP COLUMN named, DROP COLUMN twice, DROP COLUMN kept");
    server.execute(&schema, "ALTER TABLE METRIC ALTER COLUMN total_val TYPE real, ALTER COLUMN id TYPE integer");
    server.execute(&schema, "ALTER TABLE METRIC ADD COLUMN twice double precision GENERATED ALWAYS AS (total_val * 2)");
    let widened = done(manager.widen_schema(true, JobOptions::default()));
    assert_eq!(widened["left"][0]["column"], "total_val", "{widened}");
    assert_eq!(widened["changes"][0]["column"], "id", "{widened}");
}

/// Since 18: NOT NULL that is for new rows alone. Those that are there may hold NULL.
#[test]
fn a_column_that_refuses_null_from_now_on_is_read_as_one_that_may_hold_it() {
    let server = Postgres::shared();
    if server.version() < 18 {
        return;
    }
    let folder = Folder::new();
    let (schema, manager, _) = filled(server, &folder);
    server.execute(
        &schema,
        "ALTER TABLE METRIC ADD COLUMN note text; UPDATE METRIC SET note = 'n' WHERE id % 2 = 0; \
         ALTER TABLE METRIC ADD CONSTRAINT later NOT NULL note NOT VALID",
    );
    let before = server.dump(&schema);
    let taken = done(manager.create_snapshot("", SnapshotOptions::default()));
    // A target that refuses NULL is told before anything is written there.
    let path = folder.empty("strict.db", "ALTER TABLE METRIC ADD COLUMN note TEXT NOT NULL DEFAULT ''");
    let empty = support::database::dump(&path);
    let error = manager.migrate_experiment(1, Some(&support::open(&path)), MigrateOptions::default()).unwrap_err();
    assert_eq!(error.status(), Status::Constraint, "{}", error.to_json());
    assert!(error.to_json().to_string().contains("the target refuses NULL"), "{}", error.to_json());
    assert!(support::database::dump(&path) == empty);
    // The server takes no such row any more, wherever it comes from; and says so.
    for error in [
        manager.migrate_experiment(1, None, copy()).map(drop).unwrap_err(),
        manager.restore_snapshot(&taken, RestoreOptions::default()).map(drop).unwrap_err(),
    ] {
        assert_eq!(error.status(), Status::Constraint, "{}", error.to_json());
        assert!(error.to_json().to_string().contains("note"), "{}", error.to_json());
    }
    assert!(server.dump(&schema) == before);
    server.execute(
        &schema,
        "UPDATE METRIC SET note = '' WHERE note IS NULL; ALTER TABLE METRIC VALIDATE CONSTRAINT later",
    );
    let copied = done(manager.migrate_experiment(1, None, copy()));
    assert_eq!(copied.source_digest, copied.target_digest);
    // Validation of a store of MLflow's looks for what its own tables refuse.
    let store = server.schema();
    let tables =
        std::fs::read_to_string(support::crate_path("tests/data/mlflow/3.17.2-postgresql.sql")).expect("a file");
    server.psql(USER, DATABASE, &format!("SET search_path = {store};\n{tables}"));
    let manager = done(open(&server.url(&store), None, false));
    let nulls = |manager: &Manager| {
        let report = done(manager.validate(ValidateOptions::default()));
        report.issues().iter().filter(|issue| issue.kind == IssueKind::NullValue).count()
    };
    assert_eq!(nulls(&manager), 0);
    server
        .execute(&store, "ALTER TABLE experiments ALTER COLUMN name DROP NOT NULL; UPDATE experiments SET name = NULL");
    let found = nulls(&manager);
    assert!(found > 0);
    server.execute(&store, "ALTER TABLE experiments ADD CONSTRAINT later NOT NULL name NOT VALID");
    assert_eq!(nulls(&manager), found);
}

/// Since 18: foreign keys that the server does not enforce. What leads nowhere is named; nobody has to own a table to have them wait.
#[test]
fn a_key_that_is_not_enforced_is_looked_at_and_needs_no_owner() {
    let server = Postgres::shared();
    if server.version() < 18 {
        return;
    }
    let folder = Folder::new();
    let (schema, manager, source) = filled(server, &folder);
    server.execute(
        &schema,
        "ALTER TABLE METRIC ADD COLUMN trial bigint CONSTRAINT of_trial REFERENCES TRIAL (id) NOT ENFORCED",
    );
    let user = format!("{schema}_limited");
    server.psql(
        "postgres",
        DATABASE,
        &format!(
            "CREATE ROLE {user} LOGIN PASSWORD 'p'; GRANT USAGE ON SCHEMA {schema} TO {user}; \
             GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO {user}; GRANT ALL ON ALL SEQUENCES IN SCHEMA {schema} TO {user}"
        ),
    );
    let limited = done(open(&server.url_as(&user, "p", &schema), Some("p"), false));
    let document = done(source.export_to_string(1, Default::default()));
    let again = ImportOptions { on_duplicate: OnDuplicate::Copy, ..ImportOptions::default() };
    done(limited.import_from_string(document.as_bytes(), again));
    let kept = "SELECT count(*) FROM pg_constraint WHERE conname = 'of_trial' AND NOT conenforced AND connamespace = current_schema()::regnamespace";
    assert_eq!(server.rows(&schema, kept), [["Integer(1)"]]);
    // Copies lead to copies.
    server.execute(&schema, "UPDATE METRIC SET trial = (SELECT min(id) FROM TRIAL WHERE experiment_id = 1)");
    let copied = done(manager.migrate_experiment(1, None, copy())).new_experiment_id;
    let there = format!(
        "SELECT count(DISTINCT trial) FROM METRIC JOIN TRIAL ON TRIAL.id = trial WHERE experiment_id = {copied}"
    );
    assert_eq!(server.rows(&schema, &there), [["Integer(1)"]]);
    // The server lets a row lead nowhere.
    server.execute(&schema, "UPDATE METRIC SET trial = 4711 WHERE id = (SELECT min(metric_id) FROM EPOCH_METRIC)");
    let report = done(manager.validate(ValidateOptions::default()));
    assert!(report.to_json().to_string().contains("4711"), "{}", report.to_json());
    let before = server.dump(&schema);
    let error = manager.migrate_experiment(1, None, copy()).map(drop).unwrap_err();
    assert_eq!(error.status(), Status::Lossy, "{}", error.to_json());
    assert!(server.dump(&schema) == before);
}

/// Since 18: keys over a span of time, which many rows together may cover: what refers there is equal to none of them.
#[test]
fn a_key_over_a_span_of_time_is_left_to_the_server() {
    let server = Postgres::shared();
    if server.version() < 18 {
        return;
    }
    let folder = Folder::new();
    let (schema, manager, source) = filled(server, &folder);
    let other = server.schema();
    server.execute(
        &schema,
        &format!(
            "ALTER TABLE TRIAL ADD COLUMN place int4range, ADD COLUMN span int4range, ADD UNIQUE (place, span WITHOUT OVERLAPS);
             UPDATE TRIAL SET place = '[1,2)', span = int4range(id::int * 10, id::int * 10 + 10);
             ALTER TABLE METRIC ADD COLUMN place int4range, ADD COLUMN span int4range,
                ADD FOREIGN KEY (place, PERIOD span) REFERENCES TRIAL (place, PERIOD span);
             UPDATE METRIC SET place = '[1,2)', span = (SELECT int4range(min(lower(t.span)), min(lower(t.span)) + 5) FROM TRIAL t);
             CREATE TABLE {other}.mine (place int4range, span int4range, FOREIGN KEY (place, PERIOD span) REFERENCES TRIAL (place, PERIOD span));
             INSERT INTO {other}.mine SELECT place, span FROM METRIC"
        ),
    );
    let report = done(manager.validate(ValidateOptions::default()));
    assert_eq!(report.count(Severity::Error), 0, "{}", report.to_json());
    // Into a schema without the key, and back over a snapshot, which the server looks at as a whole.
    let copied = done(manager.migrate_experiment(
        1,
        Some(&support::open(&folder.empty("file.db", ""))),
        MigrateOptions { add_columns: true, ..MigrateOptions::default() },
    ));
    assert_eq!(copied.source_digest, copied.target_digest);
    let before = server.dump(&schema);
    let taken = done(manager.create_snapshot("", SnapshotOptions::default()));
    done(source.migrate_experiment(2, Some(&manager), MigrateOptions::default()));
    done(manager.restore_snapshot(&taken, RestoreOptions::default()));
    assert!(server.dump(&schema) == before);
    // A copy within would overlap, which the server refuses.
    let error = manager.migrate_experiment(1, None, copy()).map(drop).unwrap_err();
    assert_eq!(error.status(), Status::Constraint, "{}", error.to_json());
    assert!(server.dump(&schema) == before);
}

/// A table of parts that numbers its rows; since 17 the parts number them too.
#[test]
fn a_table_in_parts_numbers_its_rows_beyond_the_copies() {
    let server = Postgres::shared();
    let folder = Folder::new();
    let (schema, manager, source) = filled(server, &folder);
    server.execute(
        &schema,
        "ALTER TABLE METRIC RENAME TO plain;
         CREATE TABLE METRIC (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, type varchar(50) NOT NULL,
             total_val double precision NOT NULL, per_label_val text) PARTITION BY RANGE (id);
         CREATE TABLE low PARTITION OF METRIC FOR VALUES FROM (MINVALUE) TO (20);
         CREATE TABLE high PARTITION OF METRIC DEFAULT;
         INSERT INTO METRIC SELECT * FROM plain;
         ALTER TABLE EPOCH_METRIC DROP CONSTRAINT \"EPOCH_METRIC_metric_id_fkey\", ADD FOREIGN KEY (metric_id) REFERENCES METRIC (id);
         ALTER TABLE BATCH_METRIC DROP CONSTRAINT \"BATCH_METRIC_metric_id_fkey\", ADD FOREIGN KEY (metric_id) REFERENCES METRIC (id) DEFERRABLE;
         ALTER TABLE RESULTS_METRIC DROP CONSTRAINT \"RESULTS_METRIC_metric_id_fkey\";
         DROP TABLE plain",
    );
    let wanted = digest(&source, 1);
    let before = server.dump(&schema);
    let taken = done(manager.create_snapshot("", SnapshotOptions::default()));
    for _ in 0..3 {
        assert_eq!(done(source.migrate_experiment(1, Some(&manager), copy())).target_digest, Some(wanted));
        // Who writes into the table gets an id of its own.
        server.execute(&schema, "INSERT INTO METRIC (type, total_val) VALUES ('next', 1)");
    }
    assert_ne!(server.rows(&schema, "SELECT count(*) FROM high"), [["Integer(0)"]]);
    done(manager.restore_snapshot(&taken, RestoreOptions::default()));
    assert!(server.dump(&schema) == before);
    server.execute(&schema, "INSERT INTO METRIC (type, total_val) VALUES ('next', 1)");
}

/// Since 17: a database whose order of text is the server's own.
#[test]
fn the_servers_own_order_of_text_changes_nothing() {
    let server = Postgres::shared();
    if server.version() < 17 {
        return;
    }
    let folder = Folder::new();
    let source = support::open(&folder.digits("digits.db"));
    let wanted = digest(&source, 1);
    let locales: &[&str] = if server.version() < 18 { &["C.UTF-8"] } else { &["C.UTF-8", "PG_UNICODE_FAST"] };
    for locale in locales {
        let name = format!("order_{}", server.unused_name());
        server.psql(
            "postgres",
            "postgres",
            &format!("CREATE DATABASE {name} OWNER {USER} TEMPLATE template0 LOCALE_PROVIDER builtin BUILTIN_LOCALE '{locale}'"),
        );
        let url = format!("postgresql://{USER}:{}@127.0.0.1:{}/{name}?sslmode=disable", escaped(PASSWORD), server.port);
        let target = done(open(&url, None, true));
        assert_eq!(
            done(source.migrate_experiment(1, Some(&target), MigrateOptions::default())).target_digest,
            Some(wanted)
        );
        let back = support::open(&folder.empty(&format!("{name}.db"), ""));
        assert_eq!(
            done(target.migrate_experiment(1, Some(&back), MigrateOptions::default())).target_digest,
            Some(wanted)
        );
        assert_eq!(done(target.validate(ValidateOptions::default())).count(Severity::Error), 0);
    }
}
