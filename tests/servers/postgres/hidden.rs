//! Rows and columns that the account does not see, rows that do not last, and what only looks like a table: each is refused by name, and nothing
//! is written.

use expmig::{
    Error, ExportOptions, ImportOptions, JobOptions, Manager, MetricSelection, MigrateOptions, OnDuplicate, Status,
    TransformOptions, UndoOptions,
};

use super::{created, done, open};
use crate::support::postgres::{DATABASE, Postgres};
use crate::support::server::USER;
use crate::support::{self, Folder};

/// A schema with the two experiments of a small file.
fn filled(server: &Postgres, folder: &Folder) -> (String, Manager, Manager) {
    let (schema, target) = created(server);
    let path = folder.path("small.db");
    let source = if path.exists() { support::open(&path) } else { support::open(&folder.small("small.db", "")) };
    for experiment in [1, 2] {
        done(source.migrate_experiment(experiment, Some(&target), MigrateOptions::default()));
    }
    (schema, target, source)
}

/// An account with every right on the tables, which it does not own.
fn limited(server: &Postgres, schema: &str) -> (String, Manager) {
    let user = format!("{schema}_limited");
    server.psql(
        "postgres",
        DATABASE,
        &format!(
            "CREATE ROLE {user} LOGIN PASSWORD 'p'; GRANT USAGE ON SCHEMA {schema} TO {user}; \
             GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO {user}; GRANT ALL ON ALL SEQUENCES IN SCHEMA {schema} TO {user}"
        ),
    );
    let manager = done(open(&server.url_as(&user, "p", schema), Some("p"), false));
    (user, manager)
}

fn told(error: &Error) -> String {
    error.to_json().to_string()
}

/// Every call that reads or writes rows refuses with this status, and says this; the schema stays as it is.
fn refuses(server: &Postgres, schema: &str, manager: &Manager, source: &Manager, status: Status, says: &[&str]) {
    let before = server.dump(schema);
    let calls: [(&str, expmig::Result<()>); 6] = [
        ("digest", manager.experiment_digest(1, JobOptions::default()).map(drop)),
        ("list", manager.list_experiments().map(drop)),
        ("export", manager.export_to_string(1, ExportOptions::default()).map(drop)),
        ("compare", manager.compare_experiments(1, Some(source), 1, JobOptions::default()).map(drop)),
        (
            "migrate from",
            manager
                .migrate_experiment(1, None, MigrateOptions { on_duplicate: OnDuplicate::Copy, ..Default::default() })
                .map(drop),
        ),
        (
            "migrate to",
            source
                .migrate_experiment(
                    1,
                    Some(manager),
                    MigrateOptions { on_duplicate: OnDuplicate::Copy, ..Default::default() },
                )
                .map(drop),
        ),
    ];
    for (call, result) in calls {
        let error = result.expect_err(call);
        assert_eq!(error.status(), status, "{call}: {}", told(&error));
        for part in says {
            assert!(told(&error).contains(part), "{call}, {part}: {}", told(&error));
        }
    }
    assert!(server.dump(schema) == before);
}

#[test]
fn a_policy_that_hides_rows_from_the_account_is_refused_and_one_that_does_not_is_not() {
    let server = Postgres::start(&[]);
    let folder = Folder::new();
    let (schema, owner, source) = filled(&server, &folder);
    let (user, manager) = limited(&server, &schema);
    let digest = done(owner.experiment_digest(1, JobOptions::default()));
    assert_eq!(done(manager.experiment_digest(1, JobOptions::default())), digest);
    server.execute(
        &schema,
        r#"ALTER TABLE "METRIC" ENABLE ROW LEVEL SECURITY; CREATE POLICY hides ON "METRIC" USING (id % 2 = 0)"#,
    );
    // The handle was opened before there was a policy.
    refuses(&server, &schema, &manager, &source, Status::Schema, &["METRIC", "policy"]);
    let opened = open(&server.url_as(&user, "p", &schema), None, false);
    assert_eq!(opened.and_then(|manager| manager.list_experiments()).unwrap_err().status(), Status::Schema);
    // A superuser sees all, and so does who has BYPASSRLS.
    assert_eq!(done(owner.experiment_digest(1, JobOptions::default())), digest);
    server.psql("postgres", DATABASE, &format!("ALTER ROLE {user} BYPASSRLS"));
    assert_eq!(done(manager.experiment_digest(1, JobOptions::default())), digest);
    // The owner, who sees all unless it is forced on him too.
    server.psql(
        "postgres",
        DATABASE,
        &format!(r#"ALTER ROLE {user} NOBYPASSRLS; ALTER TABLE {schema}."METRIC" OWNER TO {user}"#),
    );
    assert_eq!(done(manager.experiment_digest(1, JobOptions::default())), digest);
    server.execute(&schema, r#"ALTER TABLE "METRIC" FORCE ROW LEVEL SECURITY"#);
    refuses(&server, &schema, &manager, &source, Status::Schema, &["METRIC", "policy"]);
    // One that lets everything through today lets through what it likes tomorrow.
    server.execute(&schema, r#"DROP POLICY hides ON "METRIC"; CREATE POLICY every ON "METRIC" USING (true)"#);
    refuses(&server, &schema, &manager, &source, Status::Schema, &["METRIC", "policy"]);
    server.execute(&schema, r#"ALTER TABLE "METRIC" DISABLE ROW LEVEL SECURITY"#);
    assert_eq!(done(manager.experiment_digest(1, JobOptions::default())), digest);
}

#[test]
fn what_only_looks_like_a_table_is_refused_by_name() {
    let server = Postgres::start(&[]);
    let folder = Folder::new();
    let (schema, manager, source) = filled(&server, &folder);
    server.execute(
        &schema,
        "CREATE EXTENSION file_fdw SCHEMA public; CREATE SERVER elsewhere FOREIGN DATA WRAPPER file_fdw",
    );
    server.execute(&schema, r#"ALTER TABLE "BATCH_METRIC" RENAME TO moved"#);
    for (make, remove, what) in [
        (r#"CREATE VIEW "BATCH_METRIC" AS SELECT * FROM moved"#, "VIEW", "a view"),
        (
            r#"CREATE MATERIALIZED VIEW "BATCH_METRIC" AS SELECT * FROM moved"#,
            "MATERIALIZED VIEW",
            "a materialized view",
        ),
        (
            r#"CREATE FOREIGN TABLE "BATCH_METRIC" (batch_idx bigint, epoch_idx bigint, trial_run_id bigint, metric_id bigint) SERVER elsewhere OPTIONS (filename '/dev/null')"#,
            "FOREIGN TABLE",
            "another server",
        ),
        (r#"CREATE SEQUENCE "BATCH_METRIC""#, "SEQUENCE", "a sequence"),
    ] {
        server.execute(&schema, make);
        refuses(&server, &schema, &manager, &source, Status::Schema, &["BATCH_METRIC", what]);
        server.execute(&schema, &format!(r#"DROP {remove} "BATCH_METRIC""#));
    }
    server.execute(&schema, r#"ALTER TABLE moved RENAME TO "BATCH_METRIC""#);
    // Rows of those that inherit would be read along.
    server.execute(&schema, r#"CREATE TABLE heir () INHERITS ("METRIC")"#);
    refuses(&server, &schema, &manager, &source, Status::Schema, &["METRIC", "inherit"]);
    server.execute(&schema, "DROP TABLE heir");
    // A part of a table that is on another server is not of one state with the rest, and no transaction of this one undoes what is written there.
    let target = done(open(&server.url(&schema), None, false));
    server.execute(
        &schema,
        r#"ALTER TABLE "EPOCH_ARTIFACT" RENAME TO plain;
           CREATE TABLE "EPOCH_ARTIFACT" (LIKE plain) PARTITION BY RANGE (epoch_idx);
           CREATE TABLE near PARTITION OF "EPOCH_ARTIFACT" FOR VALUES FROM (0) TO (1000);
           INSERT INTO "EPOCH_ARTIFACT" SELECT * FROM plain"#,
    );
    let digest = done(source.experiment_digest(1, JobOptions::default()));
    assert_eq!(done(target.experiment_digest(1, JobOptions::default())), digest);
    server.execute(
        &schema,
        r#"CREATE FOREIGN TABLE far PARTITION OF "EPOCH_ARTIFACT" FOR VALUES FROM (1000) TO (2000) SERVER elsewhere OPTIONS (filename '/dev/null')"#,
    );
    refuses(&server, &schema, &target, &source, Status::Schema, &["EPOCH_ARTIFACT", "another server"]);
    server.execute(&schema, "DROP FOREIGN TABLE far");
    // A part that would be empty after a crash is read, and not written.
    server.execute(
        &schema,
        r#"CREATE UNLOGGED TABLE gone PARTITION OF "EPOCH_ARTIFACT" FOR VALUES FROM (1000) TO (2000)"#,
    );
    assert_eq!(done(target.experiment_digest(1, JobOptions::default())), digest);
    not_written(&server, &schema, &target, &source, &["EPOCH_ARTIFACT", "UNLOGGED", "gone"]);
    server.execute(&schema, "DROP TABLE gone");
    let copy = MigrateOptions { on_duplicate: OnDuplicate::Copy, ..MigrateOptions::default() };
    assert_eq!(done(source.migrate_experiment(1, Some(&target), copy)).target_digest, Some(digest));
}

/// A job that writes is refused before it does, and says this.
fn not_written(server: &Postgres, schema: &str, target: &Manager, source: &Manager, says: &[&str]) {
    let before = server.dump(schema);
    let document = done(source.export_to_string(1, ExportOptions::default()));
    let copy = || MigrateOptions { on_duplicate: OnDuplicate::Copy, ..MigrateOptions::default() };
    for error in [
        source.migrate_experiment(1, Some(target), copy()).map(drop).unwrap_err(),
        target.migrate_experiment(1, None, copy()).map(drop).unwrap_err(),
        target
            .import_from_string(
                document.as_bytes(),
                ImportOptions { on_duplicate: OnDuplicate::Copy, ..ImportOptions::default() },
            )
            .map(drop)
            .unwrap_err(),
    ] {
        assert_eq!(error.status(), Status::Unsupported, "{}", told(&error));
        assert!(says.iter().all(|part| told(&error).contains(part)), "{}", told(&error));
    }
    assert!(server.dump(schema) == before);
}

#[test]
fn rows_that_a_crash_would_take_are_read_and_not_written() {
    let server = Postgres::start(&[]);
    let folder = Folder::new();
    let (schema, target, source) = filled(&server, &folder);
    let digest = done(source.experiment_digest(1, JobOptions::default()));
    // A table that nothing refers to: no logged table may refer to an unlogged one.
    server.execute(&schema, r#"ALTER TABLE "EPOCH_METRIC" SET UNLOGGED"#);
    assert_eq!(done(target.experiment_digest(1, JobOptions::default())), digest);
    not_written(&server, &schema, &target, &source, &["EPOCH_METRIC", "UNLOGGED", "SET LOGGED"]);
    server.execute(&schema, r#"ALTER TABLE "EPOCH_METRIC" SET LOGGED"#);
    // Tables of one session alone, of the same names, are in nobody's way but theirs; their schema is no place for experiments.
    let mut holding = server.holding(&schema, r#"CREATE TEMPORARY TABLE "METRIC" (id bigint)"#);
    assert_eq!(done(target.experiment_digest(1, JobOptions::default())), digest);
    let copy = MigrateOptions { on_duplicate: OnDuplicate::Copy, ..MigrateOptions::default() };
    assert_eq!(done(source.migrate_experiment(1, Some(&target), copy)).target_digest, Some(digest));
    holding.end();
    let mut holding = server.holding(
        &schema,
        &format!("CREATE TEMPORARY TABLE \"EXPERIMENT\" (LIKE {schema}.\"EXPERIMENT\" INCLUDING ALL);\nCOMMIT;\nBEGIN"),
    );
    let temporary = server.psql(USER, DATABASE, "\\t on\n\\pset format unaligned\nSELECT nspname FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid WHERE relname = 'EXPERIMENT' AND relpersistence = 't'");
    let error = open(&server.url(temporary.trim().lines().last().unwrap_or_default()), None, false)
        .and_then(|manager| manager.list_experiments())
        .unwrap_err();
    assert_eq!(error.status(), Status::Schema, "{}", told(&error));
    assert!(told(&error).contains("temporary"), "{}", told(&error));
    holding.end();
}

#[test]
fn a_right_to_some_columns_is_not_enough_and_the_column_is_named() {
    let server = Postgres::start(&[]);
    let folder = Folder::new();
    let (schema, _, source) = filled(&server, &folder);
    let (user, manager) = limited(&server, &schema);
    server.execute(
        &schema,
        &format!(
            r#"REVOKE ALL ON "METRIC" FROM {user}; GRANT SELECT (id, type, total_val), INSERT ON "METRIC" TO {user}"#
        ),
    );
    refuses(&server, &schema, &manager, &source, Status::Auth, &["METRIC", "per_label_val", "SELECT"]);
    // Reading is not writing.
    server.execute(&schema, &format!(r#"REVOKE ALL ON "METRIC" FROM {user}; GRANT SELECT ON "METRIC" TO {user}"#));
    done(manager.experiment_digest(1, JobOptions::default()));
    let before = server.dump(&schema);
    let copy = || MigrateOptions { on_duplicate: OnDuplicate::Copy, ..MigrateOptions::default() };
    let error = source.migrate_experiment(1, Some(&manager), copy()).map(drop).unwrap_err();
    assert_eq!(error.status(), Status::Auth, "{}", told(&error));
    assert!(told(&error).contains("METRIC"), "{}", told(&error));
    // Some columns, and not those that are written.
    server.execute(&schema, &format!(r#"GRANT INSERT (id, type) ON "METRIC" TO {user}"#));
    let error = source.migrate_experiment(1, Some(&manager), copy()).map(drop).unwrap_err();
    assert_eq!(error.status(), Status::Auth, "{}", told(&error));
    assert!(server.dump(&schema) == before);
    // All of them one by one are as good as the table.
    server.execute(
        &schema,
        &format!(r#"GRANT INSERT (id, type, total_val, per_label_val) ON "METRIC" TO {user}; GRANT SELECT (id, type, total_val, per_label_val) ON "METRIC" TO {user}"#),
    );
    let copied = done(source.migrate_experiment(1, Some(&manager), copy()));
    assert_eq!(copied.source_digest, copied.target_digest);
}

#[test]
fn ids_that_are_always_the_servers_are_kept_and_computed_columns_are_left_to_it() {
    let server = Postgres::start(&[]);
    let folder = Folder::new();
    let (schema, target, source) = filled(&server, &folder);
    server.execute(
        &schema,
        r#"ALTER TABLE "METRIC" ALTER COLUMN id SET GENERATED ALWAYS; ALTER TABLE "TRIAL" ALTER COLUMN id SET GENERATED ALWAYS;
           ALTER TABLE "METRIC" ADD COLUMN twice double precision GENERATED ALWAYS AS (total_val * 2) STORED;
           ALTER TABLE "TRIAL" ADD COLUMN counted bigint GENERATED ALWAYS AS IDENTITY"#,
    );
    let digest = |manager: &Manager, id| done(manager.experiment_digest(id, JobOptions::default()));
    let copy = || MigrateOptions { on_duplicate: OnDuplicate::Copy, ..MigrateOptions::default() };
    let copied = done(source.migrate_experiment(1, Some(&target), copy()));
    assert_eq!(copied.expected_digest, copied.target_digest);
    let within = done(target.migrate_experiment(1, None, copy()));
    assert_eq!(within.expected_digest, within.target_digest);
    let document = done(target.export_to_string(1, ExportOptions::default()));
    done(target.import_from_string(
        document.as_bytes(),
        ImportOptions { on_duplicate: OnDuplicate::Copy, ..ImportOptions::default() },
    ));
    assert_eq!(
        server.rows(&schema, "SELECT count(*) FROM METRIC WHERE twice IS DISTINCT FROM total_val * 2"),
        [["Integer(0)"]]
    );
    assert_eq!(
        server.rows(&schema, "SELECT count(*) - count(DISTINCT counted), min(counted) FROM TRIAL"),
        [["Integer(0)", "Integer(1)"]]
    );
    // A metric that two experiments share is copied for the one that is transformed, and all comes back.
    server.execute(&schema, r#"INSERT INTO "RESULTS_METRIC" SELECT results_id, (SELECT min(metric_id) FROM "RESULTS_METRIC") FROM "RESULTS_METRIC" ORDER BY 1 DESC LIMIT 1"#);
    let (one, before) = (digest(&target, 1), server.dump(&schema));
    let selection = MetricSelection { experiments: Some(vec![1]), metrics: None };
    let changed = done(target.transform_metrics_by(
        &selection,
        "scale",
        Some(r#"{"factor": 2, "target": "total"}"#),
        TransformOptions::default(),
    ));
    assert!(changed.copied > 0, "{}", changed.to_json());
    assert_ne!(digest(&target, 1), one);
    done(target.undo_transform(changed.transform_id.expect("an id"), UndoOptions::default()));
    assert_eq!(digest(&target, 1), one);
    let own = |dump: Vec<(String, Vec<Vec<String>>)>| -> Vec<_> {
        dump.into_iter().filter(|(table, _)| !table.starts_with("EXPMIG")).collect()
    };
    assert!(own(server.dump(&schema)) == own(before));
    // The next row that somebody writes has an id of its own.
    server.execute(&schema, r#"INSERT INTO "METRIC" (type, total_val) VALUES ('next', 1)"#);
}

#[test]
fn names_lead_to_the_schema_of_the_url_whatever_the_account_is_told() {
    let server = Postgres::start(&[]);
    let folder = Folder::new();
    let (schema, owner, source) = filled(&server, &folder);
    let digest = done(owner.experiment_digest(1, JobOptions::default()));
    let (user, _) = limited(&server, &schema);
    // Tables of the same names, in both letter cases, where everybody looks first; functions that lie; a time zone, forms and limits of its own.
    let decoy = server.schema();
    server.execute(
        &decoy,
        r#"CREATE TABLE "METRIC" (id bigint); CREATE TABLE metric (id bigint); CREATE TABLE "EXPERIMENT" (id bigint)"#,
    );
    server.psql(
        "postgres",
        DATABASE,
        &format!(
            "CREATE FUNCTION {decoy}.current_setting(text) RETURNS text LANGUAGE sql AS $$ SELECT 'lie' $$;
             CREATE TABLE public.\"METRIC\" (id bigint);
             GRANT USAGE ON SCHEMA {decoy} TO {user};
             ALTER ROLE {user} SET search_path = {decoy}, public, pg_catalog;
             ALTER ROLE {user} SET \"DateStyle\" = 'SQL, DMY'; ALTER ROLE {user} SET \"TimeZone\" = 'Asia/Kathmandu';
             ALTER ROLE {user} SET extra_float_digits = -15; ALTER ROLE {user} SET bytea_output = escape;
             ALTER ROLE {user} SET standard_conforming_strings = off; ALTER ROLE {user} SET default_transaction_read_only = on;
             ALTER ROLE {user} SET default_transaction_isolation = serializable; ALTER ROLE {user} SET \"IntervalStyle\" = sql_standard;
             ALTER ROLE {user} SET row_security = on; ALTER ROLE {user} SET transform_null_equals = on; ALTER ROLE {user} SET array_nulls = off;
             ALTER ROLE {user} SET client_encoding = 'LATIN1'; ALTER ROLE {user} SET enable_indexscan = off; ALTER ROLE {user} SET work_mem = '64kB'"
        ),
    );
    let manager = done(open(&server.url_as(&user, "p", &schema), None, false));
    assert_eq!(done(manager.experiment_digest(1, JobOptions::default())), digest);
    let copied = done(source.migrate_experiment(
        1,
        Some(&manager),
        MigrateOptions { on_duplicate: OnDuplicate::Copy, ..MigrateOptions::default() },
    ));
    assert_eq!(copied.target_digest, Some(digest));
    let compared = done(manager.compare_experiments(1, Some(&owner), 1, JobOptions::default()));
    assert_eq!(compared["equal"], true);
    assert_eq!(server.rows(&decoy, "SELECT count(*) FROM METRIC"), [["Integer(0)"]]);
}
