//! Widening the tables of a schema that are too narrow: everything fits afterwards, nothing else changes, and it is done wholly or not at all.

use expmig::{JobOptions, Manager, MigrateOptions, OpenOptions, Status};
use serde_json::Value as Json;

use super::{created, done, open};
use crate::support::postgres::{DATABASE, Postgres};
use crate::support::proxy::{Fault, Moment, Proxy, Way};
use crate::support::server::USER;
use crate::support::{self, Folder};

/// Narrow types everywhere, as ORMs declare them, and what a schema of somebody's own has beside.
const NARROW: &str = r#"
DO $$ DECLARE c record; BEGIN
  FOR c IN SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = current_schema() LOOP
    EXECUTE format('ALTER TABLE %I ALTER COLUMN %I TYPE %s', c.table_name, c.column_name,
      CASE c.data_type WHEN 'bigint' THEN 'integer' WHEN 'double precision' THEN 'real'
        WHEN 'timestamp without time zone' THEN 'timestamp(0)' ELSE c.data_type END);
  END LOOP; END $$;
ALTER TABLE "METRIC" ALTER COLUMN per_label_val TYPE json USING per_label_val::json;
ALTER TABLE "METRIC" ALTER COLUMN type SET DEFAULT 'it''s';
ALTER TABLE "METRIC" ALTER COLUMN id DROP IDENTITY;
CREATE SEQUENCE metric_ids AS integer START 4000 OWNED BY "METRIC".id;
ALTER TABLE "METRIC" ALTER COLUMN id SET DEFAULT nextval('metric_ids');
ALTER TABLE "ARTIFACT" ALTER COLUMN type TYPE char(8) COLLATE "ucs_basic", ADD CHECK (length(type) > 0);
ALTER TABLE "ARTIFACT" ALTER COLUMN loc TYPE varchar(30);
COMMENT ON COLUMN "ARTIFACT".type IS 'what it is';
ALTER TABLE "EXPERIMENT" ALTER COLUMN start_time TYPE timestamptz(0), ALTER COLUMN start_time SET DEFAULT '2020-01-01 00:00:00+00';
CREATE INDEX by_type ON "METRIC" (type, (total_val * 2)) WHERE id > 1;
CREATE TABLE mine (trial integer CONSTRAINT to_trial REFERENCES "TRIAL" (id) ON DELETE CASCADE, note varchar(10));
INSERT INTO "ARTIFACT" VALUES (1, 'a', 'somewhere'), (2, 'b  ', 'elsewhere');
INSERT INTO "EXPERIMENT" VALUES (1, 'title', NULL, '2023-12-01 10:00:00+00', '2023-12-01 10:00:00');
INSERT INTO "TRIAL" VALUES (1, 't', 1, '2023-12-01 10:00:00', '2023-12-01 10:00:00');
INSERT INTO mine VALUES (1, 'here');
INSERT INTO "TRIAL_RUN" VALUES (1, 1, 's', '2023-12-01 10:00:00', '2023-12-01 10:00:00');
INSERT INTO "EPOCH" VALUES (0, 1, '2023-12-01 10:00:00');
INSERT INTO "METRIC" VALUES (1, 'm', 0.1, '{"a":  1e0, "a": 2}'), (2, 'm', '-0', NULL), (3, 'm', 'Infinity', 'null');
INSERT INTO "EPOCH_METRIC" VALUES (0, 1, 1), (0, 1, 2), (0, 1, 3);
INSERT INTO "TRIAL_ARTIFACT" VALUES (1, 1), (1, 2)"#;

/// What there is of indexes, defaults, comments and checks.
const BESIDE: &str = "SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema() \
    UNION ALL SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef JOIN pg_class c ON c.oid = adrelid WHERE relnamespace = current_schema()::regnamespace \
    UNION ALL SELECT description FROM pg_description JOIN pg_class c ON c.oid = objoid WHERE relnamespace = current_schema()::regnamespace \
    UNION ALL SELECT conname || pg_get_constraintdef(k.oid) FROM pg_constraint k WHERE connamespace = current_schema()::regnamespace ORDER BY 1";

fn widen(manager: &Manager, apply: bool) -> Json {
    done(manager.widen_schema(apply, JobOptions::default()))
}

fn narrow(server: &Postgres) -> (String, Manager) {
    let (schema, manager) = created(server);
    server.execute(&schema, NARROW);
    (schema, manager)
}

fn statements(plan: &Json) -> String {
    let all = plan["statements"].as_array().expect("a list").iter();
    all.map(|statement| format!("{};\n", statement.as_str().expect("a statement"))).collect()
}

/// A column as `TABLE.column`.
fn names(list: &Json) -> Vec<String> {
    let name =
        |of: &Json| format!("{}.{}", of["table"].as_str().expect("a name"), of["column"].as_str().expect("a name"));
    let mut names: Vec<String> = list.as_array().expect("a list").iter().map(name).collect();
    names.sort();
    names
}

#[test]
fn everything_fits_afterwards_and_the_printed_statements_do_the_same_in_psql() {
    let server = Postgres::shared();
    let [(by_hand, hand), (by_call, manager)] = [narrow(server), narrow(server)];
    let digest = done(manager.experiment_digest(1, JobOptions::default()));
    let (dump, beside) = (server.dump(&by_call), server.rows(&by_call, BESIDE));
    let planned = widen(&manager, false);
    assert_eq!(planned["left"], serde_json::json!([]));
    assert!(server.dump(&by_call) == dump, "a plan changes nothing");
    assert_eq!(names(&planned["changes"]).len(), 53, "{planned}");
    server.psql(USER, DATABASE, &statements(&widen(&hand, false)));
    let applied = widen(&manager, true);
    assert_eq!((&applied["changes"], &applied["statements"]), (&planned["changes"], &planned["statements"]));
    // Names of schemas aside the two are the same, and no column is too narrow any more.
    let told =
        |schema: &str| format!("{:?}{:?}", server.dump(schema), server.rows(schema, BESIDE)).replace(schema, "S");
    assert_eq!(told(&by_hand), told(&by_call));
    let declared = told(&by_call);
    for narrow in ["integer", " real", "timestamp(0)", "json", "character("] {
        let left = declared.matches(narrow).count();
        assert_eq!(left, usize::from(narrow == "integer"), "{narrow} in {declared}");
    }
    assert_eq!(widen(&manager, false)["statements"], serde_json::json!([]));
    assert_eq!(done(manager.experiment_digest(1, JobOptions::default())), digest);
    // Rows are what they were, but for their types.
    let cells = "SELECT id, type, total_val, per_label_val::text FROM METRIC ORDER BY id";
    assert_eq!(
        server.rows(&by_call, cells),
        [
            [
                "Integer(1)",
                r#"text "m""#,
                &format!("real {:016x}", f64::from(0.1_f32).to_bits()),
                r#"text "{\\\"a\\\":  1e0, \\\"a\\\": 2}""#
            ],
            ["Integer(2)", r#"text "m""#, "real 8000000000000000", "Null"],
            ["Integer(3)", r#"text "m""#, "real 7ff0000000000000", r#"text "null""#],
        ]
        .map(|row| row.map(str::to_owned))
    );
    let blanks = server.rows(&by_call, "SELECT type, length(type) FROM ARTIFACT ORDER BY id");
    assert_eq!(blanks[0], [r#"text "a       ""#, "Integer(8)"]);
    let kept = server.rows(&by_call, BESIDE);
    let plain = |text: &str| {
        text.replace("::text", "").replace("::bpchar", "").replace("::double precision", "").replace("::real", "")
    };
    assert_eq!(kept.len(), beside.len());
    for (now, before) in kept.iter().zip(&beside) {
        assert!(plain(&now[0]) == plain(&before[0]) || before[0].contains("length"), "{before:?} became {now:?}");
    }
    // What numbers the rows goes on where it was, beyond 32 bits, and keys are enforced.
    server.execute(&by_call, "INSERT INTO METRIC (total_val) VALUES (0.1); SELECT setval('metric_ids', 5000000000); INSERT INTO METRIC (total_val) VALUES (0.1)");
    let ids = server.rows(&by_call, "SELECT id, type FROM METRIC WHERE id > 3 ORDER BY id");
    assert_eq!(ids, [["Integer(4000)", r#"text "it\\'s""#], ["Integer(5000000001)", r#"text "it\\'s""#]]);
    server.execute(
        &by_call,
        "DELETE FROM EPOCH_METRIC; DELETE FROM METRIC WHERE id > 1; DELETE FROM TRIAL_ARTIFACT; DELETE FROM EPOCH",
    );
    server.execute(&by_call, "DELETE FROM TRIAL_RUN; DELETE FROM TRIAL");
    assert!(server.rows(&by_call, "SELECT * FROM mine").is_empty(), "the rule of the key works");
    // Nothing is lossy any more.
    let folder = Folder::new();
    let source = support::open(&folder.small("a.db", "UPDATE METRIC SET total_val = 0.1 WHERE id = 32"));
    let copied = done(source.migrate_experiment(1, Some(&manager), MigrateOptions::default()));
    assert_eq!((copied.to_json()["lossy"]["count"].as_u64(), copied.source_digest), (Some(0), copied.target_digest));
}

#[test]
fn columns_that_the_server_does_not_change_are_left_with_the_reason() {
    let server = Postgres::shared();
    let (schema, manager) = narrow(server);
    let script = r#"CREATE VIEW lately AS SELECT start_time FROM "EXPERIMENT";
           CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
           CREATE TRIGGER watches AFTER UPDATE OF "trial_id" ON "TRIAL_RUN" FOR EACH ROW EXECUTE FUNCTION nothing();
           ALTER TABLE "METRIC" ADD COLUMN twice real GENERATED ALWAYS AS (total_val * 2) STORED;
           CREATE DOMAIN place AS varchar(30) CHECK (value <> '');
           ALTER TABLE "ARTIFACT" ALTER COLUMN loc TYPE place;
           ALTER TABLE "EPOCH" ALTER COLUMN time TYPE date;
           CREATE TYPE mood AS ENUM ('title', 'other');
           ALTER TABLE "EXPERIMENT" ALTER COLUMN title TYPE mood USING title::text::mood;
           DROP TABLE "EPOCH_METRIC";
           CREATE TABLE "EPOCH_METRIC" (epoch_idx integer, epoch_trial_run_id integer, metric_id integer) PARTITION BY RANGE (epoch_idx);
           CREATE TABLE part PARTITION OF "EPOCH_METRIC" DEFAULT"#;
    server.psql(USER, DATABASE, &format!("SET search_path = {schema}; {script}"));
    let applied = widen(&manager, true);
    let left = [
        "ARTIFACT.loc",
        "EPOCH.time",
        "EPOCH_METRIC.epoch_idx",
        "EXPERIMENT.start_time",
        "EXPERIMENT.title",
        "METRIC.total_val",
        "TRIAL_RUN.trial_id",
    ];
    assert_eq!(names(&applied["left"]), left, "{applied}");
    let reasons = applied["left"].to_string();
    for reason in ["view lately", "trigger watches", "column twice of table", "domain", "partitions", "enumeration"] {
        assert!(reasons.contains(reason), "{reason} in {reasons}");
    }
    let again = widen(&manager, false);
    assert_eq!((&again["changes"], names(&again["left"])), (&serde_json::json!([]), left.map(str::to_owned).to_vec()));
    let types = server.rows(
        &schema,
        "SELECT count(*) FILTER (WHERE data_type = 'integer'), count(*) FILTER (WHERE data_type = 'real') FROM information_schema.columns
         WHERE table_schema = current_schema() AND table_name <> 'mine'",
    );
    // Those that are left; of a partitioned table the partition has them too.
    assert_eq!(types, [["Integer(3)", "Integer(2)"]]);
}

#[test]
fn what_the_server_refuses_names_the_table_and_changes_nothing() {
    let server = Postgres::shared();
    let (schema, manager) = narrow(server);
    server.execute(&schema, r#"ALTER TABLE "METRIC" ADD CHECK (per_label_val ->> 'a' <> '7')"#);
    let before = server.dump(&schema);
    let error = manager.widen_schema(true, JobOptions::default()).unwrap_err();
    assert_eq!(error.status(), Status::Unsupported, "{}", error.to_json());
    assert!(error.to_json().to_string().contains("METRIC"), "{}", error.to_json());
    assert!(server.dump(&schema) == before);
    // An account that does not own the tables.
    server.execute(&schema, r#"ALTER TABLE "METRIC" DROP CONSTRAINT "METRIC_per_label_val_check""#);
    let before = server.dump(&schema);
    let user = format!("{schema}_other");
    server.psql(
        "postgres",
        DATABASE,
        &format!("CREATE ROLE {user} LOGIN PASSWORD 'p'; GRANT USAGE ON SCHEMA {schema} TO {user}; GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO {user}"),
    );
    let other = done(open(&server.url_as(&user, "p", &schema), None, false));
    let error = other.widen_schema(true, JobOptions::default()).unwrap_err();
    assert_eq!(error.status(), Status::Auth, "{}", error.to_json());
    // Somebody who reads.
    let mut client = server.holding(&schema, r#"SELECT * FROM "METRIC""#);
    let url = format!("{}&", server.url(&schema));
    let options = OpenOptions { busy_timeout: std::time::Duration::from_millis(200), ..OpenOptions::default() };
    let waiting = Manager::from(done(expmig::Database::open(&url, options)));
    let error = waiting.widen_schema(true, JobOptions::default()).unwrap_err();
    assert_eq!(error.status(), Status::Busy, "{}", error.to_json());
    client.end();
    assert!(server.dump(&schema) == before);
    assert_eq!(names(&widen(&waiting, true)["changes"]).len(), 53);
}

#[test]
fn a_widening_that_is_cut_off_is_done_wholly_or_not_at_all() {
    cut_off(&|_| vec![Moment::BeforeCommit, Moment::Committed]);
}

#[test]
#[ignore = "takes a minute or two: make large"]
fn a_widening_that_is_cut_off_anywhere_is_done_wholly_or_not_at_all() {
    const MOMENTS: u64 = 20;
    cut_off(&|passes| {
        let cuts = (1..=MOMENTS).map(|at| Moment::Bytes(Way::ToServer, passes * at / (MOMENTS + 1)));
        cuts.chain([Moment::BeforeCommit, Moment::AfterCommit, Moment::Committed]).collect()
    });
}

fn cut_off(moments: &dyn Fn(u64) -> Vec<Moment>) {
    let mut server = Postgres::start(&[]);
    let socket = |server: &Postgres| server.folder.join(format!(".s.PGSQL.{}", server.port));
    let mut proxy = Proxy::start(&socket(&server));
    let url = |proxy: &Proxy, schema: &str| {
        format!("postgresql://{USER}@127.0.0.1:{}/{DATABASE}?schema={schema}&sslmode=disable", proxy.port)
    };
    let (schema, _) = narrow(&server);
    let manager = done(open(&url(&proxy, &schema), None, false));
    let narrow_dump = server.dump(&schema);
    proxy.count();
    widen(&manager, true);
    let passes = proxy.passed(Way::ToServer);
    let told = |dump: &[(String, Vec<Vec<String>>)], schema: &str| format!("{dump:?}").replace(schema, "S");
    let (narrow_dump, wide) = (told(&narrow_dump, &schema), told(&server.dump(&schema), &schema));
    for moment in moments(passes) {
        let (schema, _) = narrow(&server);
        let manager = done(open(&url(&proxy, &schema), None, false));
        proxy.plan(moment, Fault::Cut);
        let error = manager.widen_schema(true, JobOptions::default()).unwrap_err();
        assert!(proxy.heal(), "{moment:?} came");
        assert_eq!(error.status(), Status::Connection, "{moment:?}: {}", error.to_json());
        // What the server does not know to be cut off it may end in a while.
        let since = std::time::Instant::now();
        let locks = "SELECT 1 FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE c.relnamespace = current_schema()::regnamespace LIMIT 1";
        while !server.rows(&schema, locks).is_empty() {
            assert!(since.elapsed().as_secs() < 60, "a lock stays");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let there = told(&server.dump(&schema), &schema);
        assert!(there == narrow_dump || error.is_undecided() && there == wide, "{moment:?}: {}", error.to_json());
        widen(&done(open(&server.url(&schema), None, false)), true);
        assert_eq!(told(&server.dump(&schema), &schema), wide, "{moment:?}");
    }
    // The server dies.
    let (schema, _) = narrow(&server);
    let manager = done(open(&url(&proxy, &schema), None, false));
    let pid = std::fs::read_to_string(server.folder.join("server.pid")).expect("the pid");
    let (told_it, struck) = std::sync::mpsc::channel();
    proxy.plan(
        Moment::Bytes(Way::ToServer, passes * 3 / 4),
        Fault::Do(Box::new(move || {
            assert!(std::process::Command::new("kill").args(["-9", pid.trim()]).status().expect("kill").success());
            told_it.send(()).expect("somebody waits");
        })),
    );
    let error = manager.widen_schema(true, JobOptions::default()).unwrap_err();
    struck.recv_timeout(std::time::Duration::from_secs(60)).expect("the server was killed");
    assert_eq!(error.status(), Status::Connection, "{}", error.to_json());
    server.restart(&[]);
    assert_eq!(told(&server.dump(&schema), &schema), narrow_dump);
    proxy = Proxy::start(&socket(&server));
    widen(&done(open(&url(&proxy, &schema), None, false)), true);
    assert_eq!(told(&server.dump(&schema), &schema), wide);
}
