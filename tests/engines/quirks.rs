//! What differs between engines, as far as a scenario has to know. An engine is one value here and one [`Client`]; a scenario asks for what it
//! needs, never for an engine's name. A further engine is a further value, and a line in `scenarios!`.

use super::client::{Client, Files, PostgresServers, Servers};
use super::support::postgres::with_quotes;
use super::support::server::Kind;

/// The engine that a scenario runs on.
pub type Engine = &'static Quirks;

pub struct Quirks {
    pub client: &'static dyn Client,
    /// What `database_info` calls it, and the server.
    pub name: &'static str,
    pub server: Option<&'static str>,

    // ---- what it does ----
    /// A restore replaces everything, the tables of others too, and not just the rows of ours.
    pub restores_whole: bool,
    /// A change of the schema is durable at once, so that what is cut off may have half of it.
    pub ddl_commits: bool,
    /// A column that is missing in the target is added by the call.
    pub adds_columns: bool,
    /// Columns have a greatest length.
    pub checks_lengths: bool,
    /// A trigger may change the table whose change set it off.
    pub triggers_change_their_table: bool,
    /// `RAISE`: a trigger may undo the transaction.
    pub triggers_undo_transactions: bool,
    /// `ON CONFLICT` clauses of a table: rows in each other's way may be replaced or ignored.
    pub conflict_rules: bool,
    /// Tables whose columns refuse values of other types than theirs, where others take all.
    pub strict_tables: bool,
    /// Columns that are set when a row changes, and columns whose default is the time.
    pub stamps: bool,
    /// Columns that `*` does not show.
    pub hides_columns: bool,
    /// `rowid` and `oid` are names as others are.
    pub rowid_is_a_name: bool,
    /// A text may have a NUL in it.
    pub holds_nul: bool,
    /// Who refers to the tables of a schema is shown to some accounts only, and those who may see it can restore all the same.
    pub hides_referrers: bool,
    /// A restore lets others' rows be that led nowhere before, though a key forbids them.
    pub leaves_dangling: bool,

    // ---- how it is said ----
    /// A statement for expmig, with names that are written without quotes everywhere else.
    pub sql: fn(&str) -> String,
    /// Foreign keys are not looked at any more.
    pub unchecked: &'static str,
    pub insert_or_ignore: &'static str,
    /// A text for each trial.
    pub trial_codes: &'static str,
    /// What stands for a computed column that is stored, where there are any.
    pub computed: Option<&'static str>,
    /// Columns of exact types: name, type, a value, and what it is read as.
    pub exact_types: &'static [(&'static str, &'static str, &'static str, &'static str)],
    /// What takes the place of BATCH_METRIC, whose rows stand elsewhere then: what the refusal calls it, and how it is made.
    pub impostors: &'static [(&'static str, &'static str)],
    /// Statements that read and do more, besides those that do so everywhere.
    pub sly_queries: &'static [&'static str],
    /// A function that writes.
    pub writing_function: Option<&'static str>,
    /// The trigger's part behind `ON table`: does this for each row.
    pub for_each_row: fn(&str) -> String,
    /// A new column that is a foreign key.
    pub link: fn(&str, &str, &str) -> String,
    /// The same, which refuses NULL; the last one is what it is at first.
    pub firm_link: fn(&str, &str, &str, i64) -> String,
    /// TRIAL.parent_id (11 at first), EXPERIMENT.best and METRIC.run, foreign keys with an action each.
    pub links_with_actions: &'static str,
    /// Foreign keys of METRIC's of several columns: to TRIAL_RUN, EPOCH and BATCH.
    pub links_of_several_columns: &'static str,
    /// TRIAL.code, which is unique, and METRIC.of_code, a foreign key to it.
    pub link_to_code: &'static str,
    /// Makes METRIC.of_code refuse NULL, while METRIC has no rows.
    pub firm_code: &'static str,
    /// RESULTS_METRIC gets a column `nr` that numbers its rows; EPOCH one of the time where there are such.
    pub filled_columns: &'static str,
}

pub static SQLITE: Quirks = Quirks {
    client: &Files,
    name: "sqlite",
    server: None,
    restores_whole: true,
    ddl_commits: false,
    adds_columns: true,
    checks_lengths: false,
    triggers_change_their_table: true,
    triggers_undo_transactions: true,
    conflict_rules: true,
    strict_tables: true,
    stamps: false,
    hides_columns: false,
    rowid_is_a_name: false,
    holds_nul: true,
    hides_referrers: true,
    leaves_dangling: true,
    sql: str::to_owned,
    unchecked: "PRAGMA foreign_keys = OFF",
    insert_or_ignore: "INSERT OR IGNORE",
    trial_codes: "'code ' || id",
    computed: None,
    exact_types: &[],
    impostors: &[
        ("a view", "CREATE VIEW batch_metric AS SELECT * FROM moved"),
        ("a virtual table", "CREATE VIRTUAL TABLE BATCH_METRIC USING fts5(x, y)"),
    ],
    sly_queries: &[],
    writing_function: None,
    for_each_row: |statement| format!("BEGIN {statement}; END"),
    link: |table, column, parent| format!("ALTER TABLE {table} ADD COLUMN {column} INTEGER REFERENCES {parent}"),
    firm_link: |table, column, parent, value| {
        format!(
            "PRAGMA foreign_keys = OFF; ALTER TABLE {table} ADD COLUMN {column} INTEGER NOT NULL DEFAULT {value} REFERENCES {parent}(id)"
        )
    },
    links_with_actions: "PRAGMA foreign_keys = OFF; ALTER TABLE TRIAL ADD COLUMN parent_id INTEGER NOT NULL DEFAULT 11 REFERENCES TRIAL(id) DEFERRABLE INITIALLY DEFERRED;
             ALTER TABLE EXPERIMENT ADD COLUMN best INTEGER REFERENCES TRIAL(id) ON DELETE CASCADE;
             ALTER TABLE METRIC ADD COLUMN run INTEGER REFERENCES TRIAL_RUN(id) ON DELETE SET NULL",
    links_of_several_columns: "CREATE UNIQUE INDEX RUN_OF_TRIAL ON TRIAL_RUN (trial_id, id);
             CREATE TABLE OLD AS SELECT * FROM METRIC; DROP TABLE METRIC;
             CREATE TABLE METRIC (id INTEGER PRIMARY KEY AUTOINCREMENT, type VARCHAR(50) NOT NULL, total_val FLOAT NOT NULL, per_label_val TEXT,
                of_trial INTEGER, of_run INTEGER, at_epoch INTEGER, at_run INTEGER, batch INTEGER, batch_epoch INTEGER, batch_run INTEGER,
                FOREIGN KEY (of_trial, of_run) REFERENCES TRIAL_RUN(trial_id, id) DEFERRABLE INITIALLY DEFERRED,
                FOREIGN KEY (at_epoch, at_run) REFERENCES EPOCH(idx, trial_run_id) ON DELETE SET NULL,
                FOREIGN KEY (batch, batch_epoch, batch_run) REFERENCES BATCH(idx, epoch_idx, trial_run_id));
             INSERT INTO METRIC (id, type, total_val, per_label_val) SELECT * FROM OLD; DROP TABLE OLD",
    link_to_code: "ALTER TABLE TRIAL ADD COLUMN code TEXT; CREATE UNIQUE INDEX CODES ON TRIAL (code);
             ALTER TABLE METRIC ADD COLUMN of_code TEXT REFERENCES TRIAL(code)",
    firm_code: "DROP TABLE METRIC;
             CREATE TABLE METRIC (id INTEGER PRIMARY KEY AUTOINCREMENT, type VARCHAR(50) NOT NULL, total_val FLOAT NOT NULL, per_label_val TEXT,
                of_code TEXT NOT NULL REFERENCES TRIAL(code))",
    filled_columns: "ALTER TABLE RESULTS_METRIC RENAME TO old;
             CREATE TABLE RESULTS_METRIC (nr INTEGER PRIMARY KEY, results_id INTEGER NOT NULL, metric_id INTEGER NOT NULL, UNIQUE (results_id, metric_id));
             INSERT INTO RESULTS_METRIC (results_id, metric_id) SELECT results_id, metric_id FROM old; DROP TABLE old",
};

pub static MARIADB: Quirks = SERVER;

pub static MYSQL: Quirks = Quirks {
    client: &Servers(Kind::Mysql),
    server: Some("MySQL"),
    computed: Some("STORED"),
    impostors: &[VIEW, MERGE],
    ..SERVER
};

/// MariaDB, from which MySQL differs in little.
const SERVER: Quirks = Quirks {
    client: &Servers(Kind::MariaDb),
    name: "mysql",
    server: Some("MariaDB"),
    restores_whole: false,
    ddl_commits: true,
    adds_columns: false,
    checks_lengths: true,
    triggers_change_their_table: false,
    triggers_undo_transactions: false,
    conflict_rules: false,
    strict_tables: false,
    stamps: true,
    hides_columns: true,
    rowid_is_a_name: true,
    holds_nul: true,
    hides_referrers: true,
    leaves_dangling: true,
    sql: str::to_owned,
    unchecked: "SET foreign_key_checks = 0",
    insert_or_ignore: "INSERT IGNORE",
    trial_codes: "concat('code ', id)",
    computed: Some("PERSISTENT"),
    exact_types: &[
        ("exact", "DECIMAL(20,2)", "123456789012345678.25", "123456789012345678.25"),
        ("padded", "DECIMAL(10,3)", "1.5", "1.500"),
        ("chosen", "ENUM('007','08')", "'007'", "007"),
        ("big", "BIGINT UNSIGNED", "9223372036854775807", "9223372036854775807"),
        ("spent", "TIME", "'-12:30:00'", "-12:30:00"),
        ("code", "CHAR(5)", "'00123'", "00123"),
    ],
    impostors: &[VIEW, ("a sequence", "CREATE SEQUENCE BATCH_METRIC"), MERGE],
    sly_queries: &[
        "SELECT 1 INTO OUTFILE '/tmp/expmig-test'",
        "SELECT 1 INTO @x",
        "SELECT * FROM METRIC FOR UPDATE",
        "SELECT GET_LOCK('a', 0)",
        "SELECT /*! 1 INTO @x */",
        "WITH x AS (SELECT 1 AS y) DELETE FROM METRIC WHERE id IN (SELECT y FROM x)",
        "SET @x = 1",
        "KILL 1",
    ],
    writing_function: Some(
        "CREATE FUNCTION writes() RETURNS INT DETERMINISTIC MODIFIES SQL DATA BEGIN DELETE FROM EPOCH_ARTIFACT WHERE epoch_idx >= 0; RETURN 1; END",
    ),
    for_each_row: |statement| format!("FOR EACH ROW BEGIN {statement}; END"),
    link: |table, column, parent| {
        format!("ALTER TABLE {table} ADD COLUMN {column} BIGINT, ADD FOREIGN KEY ({column}) REFERENCES {parent}(id)")
    },
    firm_link: |table, column, parent, value| {
        format!(
            "ALTER TABLE {table} ADD COLUMN {column} BIGINT NOT NULL DEFAULT {value};\n\
             ALTER TABLE {table} ALTER COLUMN {column} DROP DEFAULT, ADD FOREIGN KEY ({column}) REFERENCES {parent}(id)"
        )
    },
    links_with_actions: "ALTER TABLE TRIAL ADD COLUMN parent_id BIGINT NOT NULL DEFAULT 11, ADD FOREIGN KEY (parent_id) REFERENCES TRIAL(id) ON DELETE CASCADE;\n\
             ALTER TABLE EXPERIMENT ADD COLUMN best BIGINT, ADD FOREIGN KEY (best) REFERENCES TRIAL(id) ON DELETE CASCADE;\n\
             ALTER TABLE METRIC ADD COLUMN run BIGINT, ADD FOREIGN KEY (run) REFERENCES TRIAL_RUN(id) ON DELETE SET NULL",
    links_of_several_columns: "ALTER TABLE TRIAL_RUN ADD UNIQUE KEY RUN_OF_TRIAL (trial_id, id);
             ALTER TABLE METRIC ADD COLUMN of_trial BIGINT, ADD COLUMN of_run BIGINT, ADD COLUMN at_epoch BIGINT, ADD COLUMN at_run BIGINT,
                ADD COLUMN batch BIGINT, ADD COLUMN batch_epoch BIGINT, ADD COLUMN batch_run BIGINT,
                ADD FOREIGN KEY (of_trial, of_run) REFERENCES TRIAL_RUN(trial_id, id),
                ADD FOREIGN KEY (at_epoch, at_run) REFERENCES EPOCH(idx, trial_run_id) ON DELETE SET NULL,
                ADD FOREIGN KEY (batch, batch_epoch, batch_run) REFERENCES BATCH(idx, epoch_idx, trial_run_id)",
    link_to_code: "ALTER TABLE TRIAL ADD COLUMN code VARCHAR(20) UNIQUE;\n\
             ALTER TABLE METRIC ADD COLUMN of_code VARCHAR(20), ADD FOREIGN KEY (of_code) REFERENCES TRIAL(code)",
    firm_code: "ALTER TABLE METRIC MODIFY of_code VARCHAR(20) NOT NULL",
    filled_columns: "ALTER TABLE RESULTS_METRIC ADD COLUMN nr BIGINT AUTO_INCREMENT UNIQUE;\n\
             ALTER TABLE EPOCH ADD COLUMN created TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP",
};

pub static POSTGRES: Quirks = Quirks {
    client: &PostgresServers,
    name: "postgresql",
    server: Some("PostgreSQL"),
    restores_whole: false,
    ddl_commits: false,
    adds_columns: true,
    checks_lengths: true,
    triggers_change_their_table: true,
    triggers_undo_transactions: false,
    conflict_rules: false,
    strict_tables: false,
    stamps: false,
    hides_columns: false,
    rowid_is_a_name: true,
    holds_nul: false,
    hides_referrers: false,
    leaves_dangling: false,
    sql: with_quotes,
    unchecked: "SET session_replication_role = replica",
    insert_or_ignore: "INSERT OR IGNORE",
    trial_codes: "'code ' || id",
    computed: Some("STORED"),
    exact_types: &[
        ("exact", "NUMERIC(20,2)", "123456789012345678.25", "123456789012345678.25"),
        ("padded", "NUMERIC(10,3)", "1.5", "1.500"),
        ("big", "BIGINT", "9223372036854775807", "9223372036854775807"),
        ("spent", "TIME", "'12:30:00'", "12:30:00"),
        ("code", "CHAR(5)", "'00123'", "00123"),
    ],
    impostors: &[
        VIEW,
        ("a sequence", "CREATE SEQUENCE BATCH_METRIC"),
        ("a materialized view", "CREATE MATERIALIZED VIEW BATCH_METRIC AS SELECT * FROM moved"),
    ],
    sly_queries: &[
        "SELECT 1 INTO x",
        "SELECT * FROM METRIC FOR UPDATE",
        "SELECT * FROM METRIC FOR SHARE",
        "SELECT pg_advisory_lock(1)",
        "SELECT set_config('row_security', 'on', false)",
        "WITH x AS (DELETE FROM METRIC RETURNING id) SELECT * FROM x",
        "EXPLAIN ANALYZE DELETE FROM METRIC",
        "SET search_path = public",
        "COPY METRIC TO STDOUT",
    ],
    writing_function: Some(
        "CREATE FUNCTION writes() RETURNS INT LANGUAGE plpgsql AS $$ BEGIN DELETE FROM EPOCH_ARTIFACT WHERE epoch_idx >= 0; RETURN 1; END $$",
    ),
    for_each_row: |statement| format!("FOR EACH ROW DO {statement} END DO"),
    link: |table, column, parent| format!("ALTER TABLE {table} ADD COLUMN {column} BIGINT REFERENCES {parent}(id)"),
    firm_link: |table, column, parent, value| {
        format!(
            "ALTER TABLE {table} ADD COLUMN {column} BIGINT NOT NULL DEFAULT {value};\n\
             ALTER TABLE {table} ALTER COLUMN {column} DROP DEFAULT, ADD FOREIGN KEY ({column}) REFERENCES {parent}(id)"
        )
    },
    links_with_actions: "ALTER TABLE TRIAL ADD COLUMN parent_id BIGINT NOT NULL DEFAULT 11 REFERENCES TRIAL(id) ON DELETE CASCADE;
             ALTER TABLE EXPERIMENT ADD COLUMN best BIGINT REFERENCES TRIAL(id) ON DELETE CASCADE;
             ALTER TABLE METRIC ADD COLUMN run BIGINT REFERENCES TRIAL_RUN(id) ON DELETE SET NULL",
    links_of_several_columns: "ALTER TABLE TRIAL_RUN ADD UNIQUE (trial_id, id);
             ALTER TABLE METRIC ADD COLUMN of_trial BIGINT, ADD COLUMN of_run BIGINT, ADD COLUMN at_epoch BIGINT, ADD COLUMN at_run BIGINT,
                ADD COLUMN batch BIGINT, ADD COLUMN batch_epoch BIGINT, ADD COLUMN batch_run BIGINT,
                ADD FOREIGN KEY (of_trial, of_run) REFERENCES TRIAL_RUN(trial_id, id),
                ADD FOREIGN KEY (at_epoch, at_run) REFERENCES EPOCH(idx, trial_run_id) ON DELETE SET NULL,
                ADD FOREIGN KEY (batch, batch_epoch, batch_run) REFERENCES BATCH(idx, epoch_idx, trial_run_id)",
    link_to_code: "ALTER TABLE TRIAL ADD COLUMN code VARCHAR(20) UNIQUE;
             ALTER TABLE METRIC ADD COLUMN of_code VARCHAR(20) REFERENCES TRIAL(code)",
    firm_code: "ALTER TABLE METRIC ALTER COLUMN of_code SET NOT NULL",
    filled_columns: "ALTER TABLE RESULTS_METRIC ADD COLUMN nr BIGINT GENERATED BY DEFAULT AS IDENTITY UNIQUE",
};

const VIEW: (&str, &str) = ("a view", "CREATE VIEW BATCH_METRIC AS SELECT * FROM moved");
const MERGE: (&str, &str) = (
    "somewhere else",
    "CREATE TABLE m1 (x INT, y INT) ENGINE = MyISAM;\nCREATE TABLE BATCH_METRIC (x INT, y INT) ENGINE = MERGE UNION = (m1)",
);
