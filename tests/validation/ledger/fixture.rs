//! Clean random databases: every relation, time, index and value is as it should be.

use std::collections::{HashMap, HashSet};
use std::fmt::Display;
use std::path::PathBuf;

use chrono::DateTime;
use rusqlite::Connection;

use super::tables::{TABLES, key_text, quoted, quoted_list, table};
use super::texts::{self, text};
use crate::support::random::Random;
use crate::support::{Folder, schema, sql};

/// In which form the tables are.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub generation: u8,
    /// Without NOT NULL, as in databases whose tables were made by hand.
    pub loose: bool,
    pub without_rowid: bool,
    pub lower_case: bool,
    /// Columns and tables of somebody else.
    pub extras: bool,
    pub schema_version: bool,
}

impl Shape {
    pub fn random(random: &mut Random) -> Shape {
        Shape {
            generation: if random.percent(30) { 1 } else { 2 },
            loose: random.percent(60),
            without_rowid: random.percent(15),
            lower_case: random.percent(20),
            extras: random.percent(30),
            schema_version: random.percent(70),
        }
    }

    fn script(self) -> String {
        let mut script = String::new();
        for statement in schema(self.generation).split_inclusive(";\n") {
            if statement.contains("SCHEMA_VERSION") && !self.schema_version {
                continue;
            }
            let own_id = statement.contains("AUTOINCREMENT");
            if self.without_rowid && !own_id {
                script.push_str(&statement.replace("\n);", "\n) WITHOUT ROWID;"));
            } else {
                script.push_str(statement);
            }
        }
        if self.loose {
            script = script.replace(" NOT NULL", "");
        }
        if self.extras {
            script.push_str(
                "ALTER TABLE METRIC ADD COLUMN unit TEXT; ALTER TABLE TRIAL ADD COLUMN parent_id INT REFERENCES TRIAL(id);
                 CREATE TABLE NOTES (id INT, trial_id INT, note TEXT); INSERT INTO NOTES VALUES (NULL, -77, x'ff'), (1, NULL, 'x');
                 CREATE VIEW OVERVIEW AS SELECT * FROM TRIAL; CREATE INDEX BY_TRIAL ON TRIAL_RUN (trial_id);",
            );
        }
        if self.lower_case { script.to_lowercase() } else { script }
    }
}

/// EXPERIMENT, TRIAL or TRIAL_RUN.
#[derive(Clone, Copy, Debug)]
pub struct Node {
    pub id: i64,
    pub start: i64,
    pub update: i64,
}

/// Something to hang links on: a table's row and the values of its key.
#[derive(Clone, Debug)]
pub struct Owner {
    /// What stands before `_METRIC` and `_ARTIFACT` in the names of the junctions.
    pub table: &'static str,
    pub key: Vec<i64>,
}

pub struct Fixture {
    pub path: PathBuf,
    pub shape: Shape,
    pub sql: Connection,
    pub random: Random,
    pub experiments: Vec<Node>,
    pub trials: Vec<Node>,
    pub runs: Vec<Node>,
    pub owners: Vec<Owner>,
    pub metrics: Vec<i64>,
    pub artifacts: Vec<i64>,
    ids: HashMap<&'static str, HashSet<i64>>,
    fine: Vec<String>,
    bad_rows: HashSet<String>,
}

pub const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3600 * SECOND;

impl Fixture {
    /// A clean database.
    pub fn new(folder: &Folder, seed: u64) -> Fixture {
        let mut random = Random::new(seed);
        let shape = Shape::random(&mut random);
        Fixture::with(folder, seed, shape)
    }

    pub fn with(folder: &Folder, seed: u64, shape: Shape) -> Fixture {
        let path = folder.script(&format!("seed{seed}.db"), &shape.script());
        let sql = sql(&path);
        sql.execute_batch("PRAGMA synchronous = OFF; BEGIN").expect("a transaction");
        let fine = texts::cases().into_iter().filter(|case| case.kinds.is_empty()).map(|case| case.cell).collect();
        let mut fixture = Fixture {
            path,
            shape,
            sql,
            random: Random::new(seed ^ 0xfeed),
            experiments: Vec::new(),
            trials: Vec::new(),
            runs: Vec::new(),
            owners: Vec::new(),
            metrics: Vec::new(),
            artifacts: Vec::new(),
            ids: HashMap::new(),
            fine,
            bad_rows: HashSet::new(),
        };
        fixture.fill();
        fixture
    }

    /// Writes everything to the file.
    pub fn finish(self) -> PathBuf {
        self.sql.execute_batch("COMMIT").expect("a commit");
        self.path
    }

    /// The tables that the database has, of those that a validation looks at.
    pub fn tables(&self) -> impl Iterator<Item = &'static super::tables::Table> + use<> {
        let generation = self.shape.generation;
        TABLES.iter().filter(move |table| generation > 1 || !table.name.starts_with("BATCH"))
    }

    /// Adds a row; the values are SQL expressions. Its key, as a report shows it.
    pub fn insert(&mut self, into: &str, cells: &[(&str, &dyn Display)]) -> String {
        let names: Vec<&str> = cells.iter().map(|(name, _)| *name).collect();
        let values: Vec<String> = cells.iter().map(|(_, value)| value.to_string()).collect();
        let key = table(into).key;
        let statement = format!(
            "INSERT INTO {into} ({}) VALUES ({}) RETURNING {}",
            quoted_list(&names),
            values.join(", "),
            quoted_list(key)
        );
        self.sql
            .query_row(&statement, [], |row| Ok(key_text(key, row)))
            .unwrap_or_else(|error| panic!("{error}: {statement}"))
    }

    /// The keys of the rows for which a condition holds.
    pub fn keys(&self, of: &str, condition: &str) -> Vec<String> {
        let key = table(of).key;
        let query = format!("SELECT {} FROM {of} WHERE {condition}", quoted_list(key));
        let mut statement = self.sql.prepare(&query).unwrap_or_else(|error| panic!("{error}: {query}"));
        let rows = statement.query_map([], |row| Ok(key_text(key, row))).expect("the query");
        rows.map(|row| row.expect("a row")).collect()
    }

    pub fn execute(&mut self, statement: &str) {
        self.sql.execute_batch(statement).unwrap_or_else(|error| panic!("{error}: {statement}"));
    }

    pub fn set(&mut self, of: &str, id: i64, column: &str, value: &dyn Display) {
        self.execute(&format!("UPDATE {of} SET {} = {value} WHERE id = {id}", quoted(column)));
    }

    /// An id that the table never had and never will have again, of any size.
    pub fn id(&mut self, of: &'static str) -> i64 {
        loop {
            let id = match self.random.below(20) {
                0 => self.random.between(-1000, 0),
                1 => i64::MAX - self.random.between(0, 100),
                2 => i64::MIN + self.random.between(0, 100),
                3 => self.random.between(1 << 31, 1 << 54),
                _ => self.random.between(1, 5000),
            };
            if self.ids.entry(of).or_default().insert(id) {
                return id;
            }
        }
    }

    /// A moment as text, in one of the spellings that are allowed.
    pub fn time(&mut self, micros: i64) -> String {
        let time = DateTime::from_timestamp_micros(micros).expect("a time").naive_utc();
        let separator = if self.random.percent(20) { " " } else { "T" };
        let mut fraction = format!("{:06}", micros.rem_euclid(SECOND));
        if self.random.percent(50) {
            let short = fraction.trim_end_matches('0').len();
            fraction.truncate(short);
        }
        let dot = if fraction.is_empty() { "" } else { "." };
        format!("'{}{separator}{}{dot}{fraction}'", time.format("%Y-%m-%d"), time.format("%H:%M:%S"))
    }

    /// A moment from `from` to `to`, often one of the two.
    pub fn moment(&mut self, from: i64, to: i64) -> i64 {
        match self.random.below(6) {
            0 => from,
            1 => to,
            _ => {
                let step = *self.random.pick(&[1, SECOND]);
                from + self.random.between(0, (to - from) / step) * step
            }
        }
    }

    /// Start and update of something within its parent.
    pub fn span(&mut self, parent: Node) -> (i64, i64) {
        let end = latest(parent);
        let start = self.moment(parent.start, end);
        let update = if self.random.percent(30) { start } else { self.moment(start, end) };
        (start, update)
    }

    pub fn time_within(&mut self, parent: Node) -> String {
        let moment = self.moment(parent.start, latest(parent));
        self.time(moment)
    }

    fn words(&mut self) -> String {
        let word = *self.random.pick(&["digits", "größer", "大", "it''s", "", "NaN", "a, b=c", "x\ny"]);
        format!("'{word} {}'", self.random.below(1000))
    }

    /// A metric without links.
    pub fn loose_metric(&mut self) -> i64 {
        let id = self.id("METRIC");
        let total = *self.random.pick(&["0", "-1", "0.5", "1e308", "'2.5'", "9007199254740993", "5e-324"]);
        let at = self.random.below(self.fine.len());
        let labels = self.fine[at].clone();
        self.insert("METRIC", &[("id", &id), ("type", &"'loss'"), ("total_val", &total), ("per_label_val", &labels)]);
        id
    }

    /// An artifact without links.
    pub fn loose_artifact(&mut self) -> i64 {
        let id = self.id("ARTIFACT");
        let loc = self.words();
        self.insert("ARTIFACT", &[("id", &id), ("type", &"'log'"), ("loc", &loc)]);
        id
    }

    /// A row of METRIC or ARTIFACT without links.
    pub fn loose_leaf(&mut self, leaf: &str) -> i64 {
        if leaf == "METRIC" { self.loose_metric() } else { self.loose_artifact() }
    }

    /// Adds a link.
    pub fn link(&mut self, owner: &Owner, leaf: &str, id: i64) -> String {
        let junction = format!("{}_{leaf}", owner.table);
        let columns = table(&junction).key;
        let cells: Vec<(&str, &dyn Display)> =
            columns.iter().copied().zip(owner.key.iter().chain([&id]).map(|part| part as &dyn Display)).collect();
        self.insert(&junction, &cells)
    }

    fn fill(&mut self) {
        for _ in 0..self.random.between(1, 4) {
            self.fill_experiment();
        }
        if self.shape.schema_version {
            self.execute(
                "INSERT INTO SCHEMA_VERSION (version, migration_name, applied_at) VALUES ('1', 'first', 'never')",
            );
        }
    }

    fn fill_experiment(&mut self) {
        let id = self.id("EXPERIMENT");
        let start = 1_700_000_000 * SECOND + self.random.between(-5 * HOUR, 5 * HOUR);
        let update = if self.random.percent(30) { start } else { start + self.random.between(1, 3 * HOUR) };
        let experiment = Node { id, start, update };
        let (title, begin, end) = (self.words(), self.time(start), self.time(update));
        let desc = if self.random.percent(50) { "NULL".to_owned() } else { self.words() };
        self.insert(
            "EXPERIMENT",
            &[("id", &id), ("title", &title), ("desc", &desc), ("start_time", &begin), ("update_time", &end)],
        );
        self.experiments.push(experiment);
        let mut own = vec![Owner { table: "EXPERIMENT", key: vec![id] }];
        for number in 0..self.random.between(0, 4) {
            self.fill_trial(experiment, number, &mut own);
        }
        self.fill_links(&own);
        self.owners.append(&mut own);
    }

    pub fn add_trial(&mut self, experiment: Node, name: &str) -> Node {
        let ((start, update), id) = (self.span(experiment), self.id("TRIAL"));
        let (begin, end) = (self.time(start), self.time(update));
        self.insert(
            "TRIAL",
            &[
                ("id", &id),
                ("name", &text(name)),
                ("experiment_id", &experiment.id),
                ("start_time", &begin),
                ("update_time", &end),
            ],
        );
        Node { id, start, update }
    }

    pub fn add_run(&mut self, trial: Node) -> Node {
        let ((start, update), id) = (self.span(trial), self.id("TRIAL_RUN"));
        let (begin, end) = (self.time(start), self.time(update));
        self.insert(
            "TRIAL_RUN",
            &[
                ("id", &id),
                ("trial_id", &trial.id),
                ("status", &"'completed'"),
                ("start_time", &begin),
                ("update_time", &end),
            ],
        );
        Node { id, start, update }
    }

    pub fn add_epoch(&mut self, run: Node, idx: &dyn Display) -> String {
        let time = self.time_within(run);
        self.insert("EPOCH", &[("idx", idx), ("trial_run_id", &run.id), ("time", &time)])
    }

    pub fn add_batch(&mut self, run: Node, epoch: &dyn Display, idx: &dyn Display) -> String {
        let time = self.time_within(run);
        self.insert("BATCH", &[("idx", idx), ("epoch_idx", epoch), ("trial_run_id", &run.id), ("time", &time)])
    }

    fn fill_trial(&mut self, experiment: Node, number: i64, own: &mut Vec<Owner>) {
        // Names of other experiments' trials, and names that differ in case only, are no duplicates.
        let name = format!("{}{}", if number % 2 == 0 { "Model" } else { "model" }, number / 2);
        let trial = self.add_trial(experiment, &name);
        self.trials.push(trial);
        own.push(Owner { table: "TRIAL", key: vec![trial.id] });
        for _ in 0..self.random.between(0, 3) {
            let run = self.add_run(trial);
            self.runs.push(run);
            own.push(Owner { table: "TRIAL_RUN", key: vec![run.id] });
            self.fill_run(run, own);
        }
    }

    fn fill_run(&mut self, run: Node, own: &mut Vec<Owner>) {
        if self.random.percent(70) {
            let time = self.time_within(run);
            self.insert("RESULTS", &[("trial_run_id", &run.id), ("time", &time)]);
            own.push(Owner { table: "RESULTS", key: vec![run.id] });
        }
        let first = *self.random.pick(&[0, 0, 1, -1]);
        let mut indices: Vec<i64> = (first..first + self.random.between(0, 5)).collect();
        self.random.shuffle(&mut indices);
        for idx in indices {
            self.add_epoch(run, &idx);
            own.push(Owner { table: "EPOCH", key: vec![idx, run.id] });
            if self.shape.generation < 2 {
                continue;
            }
            for _ in 0..self.random.between(0, 3) {
                // Batches may be numbered as they like.
                let batch = self.random.between(-3, 1000);
                let taken =
                    self.keys("BATCH", &format!("(idx, epoch_idx, trial_run_id) = ({batch}, {idx}, {})", run.id));
                if taken.is_empty() {
                    self.add_batch(run, &idx, &batch);
                    own.push(Owner { table: "BATCH", key: vec![batch, idx, run.id] });
                }
            }
        }
    }

    /// Metrics and artifacts of one experiment; some hang on several of its rows.
    fn fill_links(&mut self, own: &[Owner]) {
        let with_metrics: Vec<Owner> =
            own.iter().filter(|owner| ["RESULTS", "EPOCH", "BATCH"].contains(&owner.table)).cloned().collect();
        for (leaf, owners) in [("METRIC", with_metrics.as_slice()), ("ARTIFACT", own)] {
            if owners.is_empty() {
                continue;
            }
            for _ in 0..self.random.between(1, 12) {
                let id = self.loose_leaf(leaf);
                if leaf == "METRIC" {
                    self.metrics.push(id)
                } else {
                    self.artifacts.push(id)
                }
                let mut hung: Vec<usize> =
                    (0..self.random.between(1, 3)).map(|_| self.random.below(owners.len())).collect();
                hung.sort_unstable();
                hung.dedup();
                for at in hung {
                    self.link(&owners[at], leaf, id);
                }
            }
        }
    }

    /// Whether no row with NULL in its key has this key text yet.
    pub fn new_null_key(&mut self, of: &str, key: &str) -> bool {
        self.bad_rows.insert(format!("{of} {key}"))
    }
}

/// The latest moment that something below this may bear.
pub fn latest(parent: Node) -> i64 {
    // What was never updated says nothing about the end.
    if parent.update > parent.start { parent.update } else { parent.start + HOUR }
}

pub fn node_of(nodes: &[Node], id: i64) -> Node {
    *nodes.iter().find(|node| node.id == id).unwrap_or_else(|| panic!("no node {id}"))
}
