//! Damage at random places, and the ledger of what a validation must find because of it.

use std::collections::HashMap;
use std::fmt::Display;

use super::fixture::{Fixture, Node, Owner, SECOND, latest, node_of};
use super::found::Found;
use super::tables::{Table, table};
use super::texts::{self, Case, blob, text};

/// What the damage may do to a row that it meets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Claim {
    /// Something relies on it: it must stay as it is.
    Pinned,
    /// It is damaged already.
    Damaged,
}

pub struct Ledger {
    pub fixture: Fixture,
    pub expected: Vec<Found>,
    /// The defects that were made, for messages.
    pub made: Vec<&'static str>,
    claims: HashMap<String, Claim>,
    cases: Vec<Case>,
}

/// Makes one defect; false if the database has no place for it.
pub type Defect = fn(&mut Ledger) -> bool;

/// Every defect by name.
pub const DEFECTS: &[(&str, Defect)] = &[
    ("a dangling reference", Ledger::dangling),
    ("a link with both ends dangling", Ledger::dangling_at_both_ends),
    ("text as a reference", Ledger::text_as_reference),
    ("an orphaned trial with a subtree", Ledger::orphan_subtree_of_trial),
    ("an orphaned run with a subtree", Ledger::orphan_subtree_of_run),
    ("a batch without its epoch", Ledger::batch_without_epoch),
    ("a deleted trial", Ledger::deleted_trial),
    ("a deleted run", Ledger::deleted_run),
    ("a deleted epoch", Ledger::deleted_epoch),
    ("deleted results", Ledger::deleted_results),
    ("a deleted metric", Ledger::deleted_metric),
    ("a deleted artifact", Ledger::deleted_artifact),
    ("a NULL key", Ledger::null_key),
    ("NULL in all of a key", Ledger::all_null_key),
    ("a node of nothing", Ledger::null_owner),
    ("a NULL key in a row that dangles", Ledger::null_key_that_dangles),
    ("odd metric JSON", Ledger::odd_json),
    ("odd metric JSON in a row that was there", Ledger::odd_json_in_place),
    ("an odd total", Ledger::odd_total),
    ("an odd total with odd JSON", Ledger::odd_total_and_json),
    ("a bad timestamp of a node", Ledger::bad_timestamp),
    ("a bad timestamp below a run", Ledger::bad_timestamp_below_run),
    ("timestamps backwards", Ledger::backwards),
    ("a start before the parent's", Ledger::starts_early),
    ("an update after the parent's", Ledger::updated_late),
    ("a start and an update after the parent's end", Ledger::all_late),
    ("a time outside the run's", Ledger::outside_run),
    ("NULL text", Ledger::null_text),
    ("text that is not UTF-8", Ledger::not_utf8),
    ("a blob for text", Ledger::blob_for_text),
    ("an unlinked metric", Ledger::unlinked_metric),
    ("an unlinked artifact", Ledger::unlinked_artifact),
    ("a shared metric", Ledger::shared_metric),
    ("a shared artifact", Ledger::shared_artifact),
    ("a gap of epochs", Ledger::epoch_gap),
    ("epochs that begin late", Ledger::late_first_epoch),
    ("trials of one name", Ledger::duplicate_names),
    ("an epoch with an odd index", Ledger::odd_epoch),
    ("a batch with an odd index", Ledger::odd_batch),
    ("a batch of an odd epoch", Ledger::batch_of_odd_epoch),
    ("an odd index that dangles", Ledger::odd_index_that_dangles),
];

impl Ledger {
    pub fn new(fixture: Fixture) -> Ledger {
        let cases = texts::cases().into_iter().filter(|case| !case.kinds.is_empty()).collect();
        Ledger { fixture, expected: Vec::new(), made: Vec::new(), claims: HashMap::new(), cases }
    }

    /// Makes some defects of all kinds.
    pub fn damage(&mut self, count: usize) {
        for _ in 0..count {
            let (name, defect) = *self.fixture.random.pick(DEFECTS);
            self.make(name, defect);
        }
    }

    /// Makes every defect once, in random order.
    pub fn damage_every_way(&mut self) {
        let mut all = DEFECTS.to_vec();
        self.fixture.random.shuffle(&mut all);
        for (name, defect) in all {
            self.make(name, defect);
        }
    }

    pub fn make(&mut self, name: &'static str, defect: Defect) -> bool {
        let made = defect(self);
        if made {
            self.made.push(name);
        }
        made
    }

    fn expect(&mut self, kind: &str, table: &str, row: &str, column: &str) {
        self.expected.push(Found::new(kind, table, row, Some(column)));
    }

    /// Takes a row that nothing was done to, to damage it.
    fn damage_row(&mut self, row: &dyn Display) -> bool {
        let free = !self.claims.contains_key(&row.to_string());
        if free {
            self.claims.insert(row.to_string(), Claim::Damaged);
        }
        free
    }

    /// Relies on a row that must not be damaged.
    fn pin(&mut self, row: &dyn Display) -> bool {
        *self.claims.entry(row.to_string()).or_insert(Claim::Pinned) == Claim::Pinned
    }

    /// A random one of these that can be pinned as this table's.
    fn pinned<T: Clone>(&mut self, from: &[T], name: impl Fn(&T) -> String) -> Option<T> {
        let mut all = from.to_vec();
        self.fixture.random.shuffle(&mut all);
        all.into_iter().find(|one| self.pin(&name(one)))
    }

    /// A random one of these that nothing was done to.
    fn free<T: Clone>(&mut self, from: &[T], name: impl Fn(&T) -> String) -> Option<T> {
        let mut all = from.to_vec();
        self.fixture.random.shuffle(&mut all);
        all.into_iter().find(|one| self.damage_row(&name(one)))
    }

    fn experiment(&mut self) -> Option<Node> {
        self.pinned(&self.fixture.experiments.clone(), |node| format!("EXPERIMENT {}", node.id))
    }

    fn trial(&mut self) -> Option<Node> {
        self.pinned(&self.fixture.trials.clone(), |node| format!("TRIAL {}", node.id))
    }

    fn run(&mut self) -> Option<Node> {
        self.pinned(&self.fixture.runs.clone(), |node| format!("TRIAL_RUN {}", node.id))
    }

    /// A row to hang links on, of these tables.
    fn owner(&mut self, tables: &[&str]) -> Option<Owner> {
        let owners: Vec<Owner> =
            self.fixture.owners.iter().filter(|owner| tables.contains(&owner.table)).cloned().collect();
        self.pinned(&owners, owner_name)
    }

    /// A row to hang this leaf on.
    fn owner_of(&mut self, leaf: &str) -> Option<Owner> {
        match leaf {
            "METRIC" => self.owner(&["RESULTS", "EPOCH", "BATCH"]),
            _ => self.owner(&["EXPERIMENT", "TRIAL", "TRIAL_RUN", "RESULTS", "EPOCH", "BATCH"]),
        }
    }

    /// A metric or artifact that is linked as it should be; nothing else uses it.
    fn linked_leaf(&mut self, leaf: &str) -> Option<i64> {
        let owner = self.owner_of(leaf)?;
        let id = self.fixture.loose_leaf(leaf);
        self.fixture.link(&owner, leaf, id);
        Some(id)
    }

    /// Values for the columns of a reference, of a row that exists; they can be relied on. A metric or artifact has no other link:
    /// through one more it could belong to two experiments.
    fn sound(&mut self, parent: &str) -> Option<Vec<i64>> {
        Some(match parent {
            "METRIC" | "ARTIFACT" => vec![self.fixture.loose_leaf(parent)],
            _ => self.owner(&[parent])?.key,
        })
    }

    /// Values for the columns of a reference, of a row that does not exist.
    fn missing(&mut self, parent: &'static str) -> Vec<String> {
        let width = match parent {
            "EPOCH" => 2,
            "BATCH" => 3,
            "RESULTS" => return self.run_without_results(),
            _ => return vec![self.fixture.id(parent).to_string()],
        };
        let index = |ledger: &mut Ledger| 1_000_000 + ledger.fixture.random.below(1_000_000);
        let mut values: Vec<String> = (0..width - 1).map(|_| index(self).to_string()).collect();
        // Of a run that exists, or of none.
        let run = match self.run() {
            Some(run) if self.fixture.random.percent(60) => run.id,
            _ => self.fixture.id("TRIAL_RUN"),
        };
        values.push(run.to_string());
        values
    }

    /// A run that has no results, or none at all.
    fn run_without_results(&mut self) -> Vec<String> {
        if self.fixture.random.percent(50)
            && let Some(trial) = self.trial()
        {
            return vec![self.fixture.add_run(trial).id.to_string()];
        }
        vec![self.fixture.id("TRIAL_RUN").to_string()]
    }

    /// Adds a row of this table, without what its references say.
    fn insert_with(&mut self, into: &'static Table, references: &[(&str, String)]) -> String {
        let time = self.fixture.time(1_700_000_000 * SECOND);
        let id = self.fixture.id(into.name);
        let name = format!("'unique {id}'");
        let mut cells: Vec<(&str, &dyn Display)> =
            references.iter().map(|(column, value)| (*column, value as &dyn Display)).collect();
        if into.key == ["id"] {
            cells.push(("id", &id));
        }
        cells.extend(into.texts.iter().map(|(column, _)| (*column, &name as &dyn Display)));
        cells.extend(into.times.iter().map(|column| (*column, &time as &dyn Display)));
        if into.name == "BATCH" && !references.iter().any(|(column, _)| *column == "idx") {
            cells.push(("idx", &id));
        }
        if into.name == "EPOCH" && !references.iter().any(|(column, _)| *column == "idx") {
            cells.push(("idx", &0));
        }
        self.fixture.insert(into.name, &cells)
    }

    /// Adds a row to this table; `dangling` tells for each reference whether its row is missing.
    fn insert_dangling(&mut self, into: &'static Table, dangling: &[bool]) -> bool {
        let mut cells = Vec::new();
        for ((columns, parent, _), missing) in into.references.iter().zip(dangling) {
            let values: Vec<String> = match missing {
                true => self.missing(parent),
                false => match self.sound(parent) {
                    Some(values) => values.iter().map(i64::to_string).collect(),
                    None => return false,
                },
            };
            cells.extend(columns.iter().copied().zip(values));
        }
        // A batch has a time, which is compared with that of its run, where there is one.
        if into.name == "BATCH" {
            return self.batch_of(&cells);
        }
        let row = self.insert_with(into, &cells);
        for ((columns, _, _), _) in into.references.iter().zip(dangling).filter(|(_, missing)| **missing) {
            self.expect("dangling_reference", into.name, &row, &columns.join(", "));
            if into.leaf().is_none() {
                self.expect("orphan", into.name, &row, &columns.join(", "));
            }
        }
        true
    }

    fn batch_of(&mut self, cells: &[(&str, String)]) -> bool {
        let run: i64 = cells[1].1.parse().expect("a run's id");
        let known = self.fixture.runs.iter().copied().find(|node| node.id == run);
        let node = known.unwrap_or(Node { id: run, start: 0, update: 1 });
        let idx = self.fixture.random.between(2000, 1 << 40);
        let row = self.fixture.add_batch(node, &cells[0].1, &idx);
        self.expect("dangling_reference", "BATCH", &row, "epoch_idx, trial_run_id");
        self.expect("orphan", "BATCH", &row, "epoch_idx, trial_run_id");
        true
    }

    fn random_table(&mut self, wanted: impl Fn(&Table) -> bool) -> &'static Table {
        let tables: Vec<&'static Table> = self.fixture.tables().filter(|table| wanted(table)).collect();
        let at = self.fixture.random.below(tables.len());
        tables[at]
    }

    /// One reference of one table dangles.
    pub fn dangling_in(&mut self, into: &'static Table, reference: usize) -> bool {
        let dangling: Vec<bool> = (0..into.references.len()).map(|at| at == reference).collect();
        self.insert_dangling(into, &dangling)
    }

    fn dangling(&mut self) -> bool {
        let into = self.random_table(|table| !table.references.is_empty());
        let reference = self.fixture.random.below(into.references.len());
        self.dangling_in(into, reference)
    }

    fn dangling_at_both_ends(&mut self) -> bool {
        let into = self.random_table(|table| table.leaf().is_some());
        self.insert_dangling(into, &[true, true])
    }

    fn text_as_reference(&mut self) -> bool {
        let value = (*self.fixture.random.pick(&["'x'", "''", "1.5", "x'00'", "'1e999'", "'５'"])).to_owned();
        let into = self.random_table(|table| table.references.iter().any(|(columns, ..)| columns.len() == 1));
        let owners = into.references.iter().filter(|(columns, ..)| columns.len() == 1);
        let (columns, ..) = *self.fixture.random.pick(&owners.collect::<Vec<_>>());
        // Results of such a run would be there for links of the same text.
        if into.name.starts_with("RESULTS") && !self.damage_row(&format!("RESULTS {value}")) {
            return false;
        }
        let mut cells = vec![(columns[0], value)];
        for (columns, parent, _) in into.references.iter().filter(|(other, ..)| other != columns) {
            let Some(values) = self.sound(parent) else { return false };
            cells.extend(columns.iter().copied().zip(values.iter().map(i64::to_string)));
        }
        // Each may be there only once.
        let place: Vec<String> = cells.iter().map(|(_, value)| value.clone()).collect();
        if into.key != ["id"] && !self.damage_row(&format!("{} {}", into.name, place.join(" "))) {
            return false;
        }
        let row = self.insert_with(into, &cells);
        self.expect("dangling_reference", into.name, &row, columns[0]);
        if into.leaf().is_none() {
            self.expect("orphan", into.name, &row, columns[0]);
        }
        true
    }

    /// Runs, results, epochs, batches and links below something: none of that is an orphan by itself.
    fn grow(&mut self, trial: Option<Node>, run: Option<Node>) {
        let run = match (trial, run) {
            (_, Some(run)) => run,
            (Some(trial), None) => self.fixture.add_run(trial),
            (None, None) => return,
        };
        let Some(metric) = self.linked_leaf("METRIC") else { return };
        for idx in 0..self.fixture.random.between(0, 3) {
            // Without a run that exists, the epochs themselves are the top.
            self.fixture.add_epoch(run, &idx);
            self.fixture.link(&Owner { table: "EPOCH", key: vec![idx, run.id] }, "METRIC", metric);
            if self.fixture.shape.generation > 1 {
                self.fixture.add_batch(run, &idx, &7);
                self.fixture.link(&Owner { table: "BATCH", key: vec![7, idx, run.id] }, "METRIC", metric);
            }
        }
    }

    fn orphan_subtree_of_trial(&mut self) -> bool {
        let experiment = Node { id: self.fixture.id("EXPERIMENT"), start: 1_000_000, update: 5_000_000 };
        let trial = self.fixture.add_trial(experiment, "an orphan");
        let row = format!("id={}", trial.id);
        self.expect("dangling_reference", "TRIAL", &row, "experiment_id");
        self.expect("orphan", "TRIAL", &row, "experiment_id");
        self.grow(Some(trial), None);
        true
    }

    fn orphan_subtree_of_run(&mut self) -> bool {
        let trial = Node { id: self.fixture.id("TRIAL"), start: 1_000_000, update: 5_000_000 };
        let run = self.fixture.add_run(trial);
        let row = format!("id={}", run.id);
        self.expect("dangling_reference", "TRIAL_RUN", &row, "trial_id");
        self.expect("orphan", "TRIAL_RUN", &row, "trial_id");
        self.grow(None, Some(run));
        true
    }

    fn batch_without_epoch(&mut self) -> bool {
        self.fixture.shape.generation > 1 && self.dangling_in(table("BATCH"), 0)
    }

    /// Rows that a condition on their columns finds lose what these columns refer to.
    fn bereft(&mut self, of: &'static str, columns: &[&str], condition: &str) {
        if self.fixture.shape.generation < 2 && of.starts_with("BATCH") {
            return;
        }
        for row in self.fixture.keys(of, condition) {
            self.expect("dangling_reference", of, &row, &columns.join(", "));
            if table(of).leaf().is_none() {
                self.expect("orphan", of, &row, &columns.join(", "));
            }
        }
    }

    fn deleted_trial(&mut self) -> bool {
        let Some(trial) = self.free(&self.fixture.trials.clone(), |node| format!("TRIAL {}", node.id)) else {
            return false;
        };
        let id = trial.id;
        self.fixture.execute(&format!("DELETE FROM TRIAL WHERE id = {id}"));
        self.bereft("TRIAL_RUN", &["trial_id"], &format!("trial_id = {id}"));
        self.bereft("TRIAL_ARTIFACT", &["trial_id"], &format!("trial_id = {id}"));
        for row in self.fixture.keys("TRIAL_RUN", &format!("trial_id = {id}")) {
            let _kept = self.damage_row(&format!("TRIAL_RUN {}", row.trim_start_matches("id=")));
        }
        true
    }

    fn deleted_run(&mut self) -> bool {
        // Its times, epochs and results must be untouched too.
        let free = self.fixture.runs.clone();
        let Some(run) = self.free(&free, |node| format!("TRIAL_RUN {}", node.id)) else { return false };
        let id = run.id;
        if !self.damage_row(&format!("EPOCHS {id}")) || !self.damage_row(&format!("RESULTS {id}")) {
            return false;
        }
        self.fixture.execute(&format!("DELETE FROM TRIAL_RUN WHERE id = {id}"));
        for of in ["RESULTS", "EPOCH", "TRIAL_RUN_ARTIFACT"] {
            self.bereft(of, &["trial_run_id"], &format!("trial_run_id = {id}"));
        }
        for row in self.fixture.keys("EPOCH", &format!("trial_run_id = {id}")) {
            let _kept = self.damage_row(&format!("EPOCH {row}"));
        }
        true
    }

    fn deleted_epoch(&mut self) -> bool {
        let epochs: Vec<Owner> = self.fixture.owners.iter().filter(|owner| owner.table == "EPOCH").cloned().collect();
        let Some(epoch) = self.free(&epochs, owner_name) else { return false };
        let (idx, run) = (epoch.key[0], epoch.key[1]);
        if !self.pin(&format!("TRIAL_RUN {run}")) || !self.damage_row(&format!("EPOCHS {run}")) {
            return false;
        }
        self.fixture.execute(&format!("DELETE FROM EPOCH WHERE idx = {idx} AND trial_run_id = {run}"));
        let here = format!("epoch_idx = {idx} AND trial_run_id = {run}");
        self.bereft("BATCH", &["epoch_idx", "trial_run_id"], &here);
        let here = format!("epoch_idx = {idx} AND epoch_trial_run_id = {run}");
        for of in ["EPOCH_METRIC", "EPOCH_ARTIFACT"] {
            self.bereft(of, &["epoch_idx", "epoch_trial_run_id"], &here);
        }
        let left = self.indices(run);
        if has_gap(&left) {
            self.expected.push(Found::new("epoch_gap", "TRIAL_RUN", format!("id={run}"), None));
        }
        true
    }

    /// The integer epoch indices of a run.
    fn indices(&self, run: i64) -> Vec<i64> {
        let query = "SELECT idx FROM EPOCH WHERE trial_run_id = ?1 AND typeof(idx) = 'integer' ORDER BY idx";
        let mut statement = self.fixture.sql.prepare(query).expect("a query");
        let rows = statement.query_map([run], |row| row.get(0)).expect("the query");
        rows.map(|row| row.expect("an index")).collect()
    }

    fn deleted_results(&mut self) -> bool {
        let all: Vec<Owner> = self.fixture.owners.iter().filter(|owner| owner.table == "RESULTS").cloned().collect();
        let Some(results) = self.free(&all, owner_name) else { return false };
        let run = results.key[0];
        self.fixture.execute(&format!("DELETE FROM RESULTS WHERE trial_run_id = {run}"));
        for of in ["RESULTS_METRIC", "RESULTS_ARTIFACT"] {
            self.bereft(of, &["results_id"], &format!("results_id = {run}"));
        }
        true
    }

    fn deleted_leaf(&mut self, leaf: &str, ids: &[i64]) -> bool {
        let Some(id) = self.free(ids, |id| format!("{leaf} {id}")) else { return false };
        self.fixture.execute(&format!("DELETE FROM {leaf} WHERE id = {id}"));
        let column = format!("{}_id", leaf.to_lowercase());
        for of in super::tables::TABLES.iter().filter(|table| table.leaf() == Some(leaf)) {
            self.bereft(of.name, &[&column], &format!("{column} = {id}"));
        }
        true
    }

    fn deleted_metric(&mut self) -> bool {
        self.deleted_leaf("METRIC", &self.fixture.metrics.clone())
    }

    fn deleted_artifact(&mut self) -> bool {
        self.deleted_leaf("ARTIFACT", &self.fixture.artifacts.clone())
    }

    /// A row of this table with NULL in these columns; what stands in the others exists.
    pub fn null_key_in(&mut self, into: &'static Table, null: &[&str]) -> bool {
        if self.fixture.shape.without_rowid {
            return false;
        }
        let mut cells: Vec<(&str, String)> = Vec::new();
        for (columns, parent, _) in into.references {
            let values = match *columns {
                [only] if null.contains(only) => vec![0],
                _ => match self.sound(parent) {
                    Some(values) => values,
                    None => return false,
                },
            };
            let values = columns.iter().zip(values);
            cells.extend(values.map(|(column, value)| {
                (*column, if null.contains(column) { "NULL".to_owned() } else { value.to_string() })
            }));
        }
        for column in into.links.iter().filter(|column| **column == "idx") {
            let idx = if null.contains(column) { "NULL".to_owned() } else { self.fixture.id("BATCH").to_string() };
            cells.push((column, idx));
        }
        let columns: Vec<&str> = into.links.iter().copied().filter(|column| null.contains(column)).collect();
        let text: Vec<String> = into
            .key
            .iter()
            .filter_map(|name| cells.iter().find(|(column, _)| column == name))
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if !self.fixture.new_null_key(into.name, &text.join(", ")) {
            return false;
        }
        let run = cells.iter().find(|(column, _)| *column == "trial_run_id").and_then(|(_, id)| id.parse::<i64>().ok());
        let row = match run {
            Some(run) if ["EPOCH", "BATCH"].contains(&into.name) => {
                // Its time must lie within that of its run.
                let run = node_of(&self.fixture.runs, run);
                let time = self.fixture.time_within(run);
                let mut cells: Vec<(&str, &dyn Display)> =
                    cells.iter().map(|(column, value)| (*column, value as &dyn Display)).collect();
                cells.push(("time", &time));
                if into.name == "EPOCH" && !self.pin(&format!("TRIAL_RUN {}", run.id)) {
                    return false;
                }
                self.fixture.insert(into.name, &cells)
            }
            _ => self.insert_with(into, &cells),
        };
        self.expect("null_key", into.name, &row, &columns.join(", "));
        true
    }

    /// The columns of a table in which NULL can stand.
    fn can_be_null(&self, of: &'static Table) -> bool {
        !of.links.is_empty() && (of.key != ["id"] || self.fixture.shape.loose)
    }

    fn null_key(&mut self) -> bool {
        let loose = self.fixture.shape.loose;
        let into = self.random_table(|table| !table.links.is_empty() && (table.key != ["id"] || loose));
        let mut columns = into.links.to_vec();
        self.fixture.random.shuffle(&mut columns);
        let count = 1 + self.fixture.random.below(columns.len());
        self.null_key_in(into, &columns[..count])
    }

    fn all_null_key(&mut self) -> bool {
        let into = self.random_table(|table| !table.links.is_empty() && table.key != ["id"]);
        self.null_key_in(into, into.links)
    }

    fn null_owner(&mut self) -> bool {
        let into = self.random_table(|table| ["TRIAL", "TRIAL_RUN"].contains(&table.name));
        self.can_be_null(into) && self.null_key_in(into, into.links)
    }

    /// A row with NULL in its key is no orphan beside, but what is not NULL can dangle.
    fn null_key_that_dangles(&mut self) -> bool {
        if self.fixture.shape.without_rowid {
            return false;
        }
        let places: [(&str, &str, usize); 6] = [
            ("EPOCH", "idx", 0),
            ("BATCH", "idx", 0),
            ("RESULTS_METRIC", "results_id", 1),
            ("RESULTS_METRIC", "metric_id", 0),
            ("EPOCH_ARTIFACT", "epoch_idx", 1),
            ("BATCH_METRIC", "metric_id", 0),
        ];
        let (into, null, reference) = *self.fixture.random.pick(&places);
        if self.fixture.shape.generation < 2 && into.starts_with("BATCH") {
            return false;
        }
        let into = table(into);
        let (columns, parent, _) = into.references[reference];
        let mut cells: Vec<(&str, String)> = columns.iter().copied().zip(self.missing(parent)).collect();
        for (at, (columns, parent, _)) in into.references.iter().enumerate() {
            if at == reference {
                continue;
            }
            let values = match *columns {
                [only] if *only == null => vec![0],
                _ => match self.sound(parent) {
                    Some(values) => values,
                    None => return false,
                },
            };
            let value = |column: &str, value: i64| if column == null { "NULL".to_owned() } else { value.to_string() };
            cells.extend(columns.iter().zip(values).map(|(column, id)| (*column, value(column, id))));
        }
        if into.links.contains(&"idx") {
            cells.push(("idx", "NULL".to_owned()));
        }
        let run = match cells.iter().find(|(column, _)| into.name == "BATCH" && *column == "trial_run_id") {
            Some((_, id)) => self.fixture.runs.iter().copied().find(|node| node.id.to_string() == *id),
            None => None,
        };
        let time = match run {
            Some(run) => self.fixture.time_within(run),
            None => "'2024-01-01T00:00:00'".to_owned(),
        };
        let mut all: Vec<(&str, &dyn Display)> =
            cells.iter().map(|(column, value)| (*column, value as &dyn Display)).collect();
        if !into.times.is_empty() {
            all.push(("time", &time));
        }
        let row = self.fixture.insert(into.name, &all);
        self.expect("null_key", into.name, &row, null);
        self.expect("dangling_reference", into.name, &row, &columns.join(", "));
        true
    }

    fn odd_case(&mut self) -> (String, Vec<&'static str>) {
        let at = self.fixture.random.below(self.cases.len());
        (self.cases[at].cell.clone(), self.cases[at].kinds.clone())
    }

    /// Puts a per-label value into a metric.
    fn put_json(&mut self, id: i64) {
        let (cell, kinds) = self.odd_case();
        self.fixture.set("METRIC", id, "per_label_val", &cell);
        for kind in kinds {
            self.expect(kind, "METRIC", &format!("id={id}"), "per_label_val");
        }
    }

    fn put_total(&mut self, id: i64) {
        let odd = [
            ("NULL", "total_val_null"),
            ("'high'", "total_val_not_number"),
            ("''", "total_val_not_number"),
            ("x'00'", "total_val_not_number"),
            ("'NaN'", "total_val_not_number"),
            ("9e999", "total_val_not_finite"),
            ("-9e999", "total_val_not_finite"),
        ];
        let from = if self.fixture.shape.loose { 0 } else { 1 };
        let (cell, kind) = *self.fixture.random.pick(&odd[from..]);
        self.fixture.set("METRIC", id, "total_val", &cell);
        self.expect(kind, "METRIC", &format!("id={id}"), "total_val");
    }

    fn odd_json(&mut self) -> bool {
        let Some(id) = self.linked_leaf("METRIC") else { return false };
        self.put_json(id);
        true
    }

    fn odd_json_in_place(&mut self) -> bool {
        let Some(id) = self.free(&self.fixture.metrics.clone(), |id| format!("METRIC {id}")) else { return false };
        self.put_json(id);
        true
    }

    fn odd_total(&mut self) -> bool {
        let Some(id) = self.free(&self.fixture.metrics.clone(), |id| format!("METRIC {id}")) else { return false };
        self.put_total(id);
        true
    }

    fn odd_total_and_json(&mut self) -> bool {
        let Some(id) = self.linked_leaf("METRIC") else { return false };
        self.put_total(id);
        self.put_json(id);
        true
    }

    fn bad_time(&mut self) -> String {
        let bad = [
            "'yesterday'",
            "''",
            "'2023-12-01'",
            "'2023-02-30T10:00:00'",
            "'2023-12-01T10:00:00Z'",
            "'2023-12-01T10:00:00+01:00'",
            "'2023-12-01T10:00:00.1234567'",
            "' 2023-12-01T10:00:00'",
            "'2023-12-01T10:00:60'",
            "1701424800",
            "1701424800.5",
            "x'323032332d31322d30315431303a30303a3030'",
            "CAST(x'ff' AS TEXT)",
            "NULL",
        ];
        let to = if self.fixture.shape.loose { bad.len() } else { bad.len() - 1 };
        (*self.fixture.random.pick(&bad[..to])).to_owned()
    }

    /// A node that nothing was done to, with its table.
    fn free_node(&mut self) -> Option<(&'static str, Node)> {
        let mut tables = [
            ("EXPERIMENT", self.fixture.experiments.clone()),
            ("TRIAL", self.fixture.trials.clone()),
            ("TRIAL_RUN", self.fixture.runs.clone()),
        ];
        self.fixture.random.shuffle(&mut tables);
        let (name, nodes) = tables.into_iter().find(|(_, nodes)| !nodes.is_empty())?;
        Some((name, self.free(&nodes, |node| format!("{name} {}", node.id))?))
    }

    fn bad_timestamp(&mut self) -> bool {
        let Some((of, node)) = self.free_node() else { return false };
        let both = self.fixture.random.percent(20);
        let only = *self.fixture.random.pick(&["start_time", "update_time"]);
        for column in ["start_time", "update_time"].into_iter().filter(|column| both || *column == only) {
            let time = self.bad_time();
            self.fixture.set(of, node.id, column, &time);
            self.expect("timestamp_invalid", of, &format!("id={}", node.id), column);
        }
        true
    }

    fn bad_timestamp_below_run(&mut self) -> bool {
        let Some(owner) = self.owner(&["RESULTS", "EPOCH", "BATCH"]) else { return false };
        if !self.damage_row(&format!("time of {}", owner_name(&owner))) {
            return false;
        }
        let time = self.bad_time();
        self.set_time(&owner, &time, "timestamp_invalid");
        true
    }

    fn set_time(&mut self, owner: &Owner, time: &str, kind: &str) {
        let key = table(owner.table).key;
        let here: Vec<String> =
            key.iter().zip(&owner.key).map(|(column, value)| format!("{column} = {value}")).collect();
        let here = here.join(" AND ");
        self.fixture.execute(&format!("UPDATE {} SET time = {time} WHERE {here}", owner.table));
        let row = self.fixture.keys(owner.table, &here);
        self.expect(kind, owner.table, &row[0], "time");
    }

    fn backwards(&mut self) -> bool {
        let Some((of, node)) = self.free_node() else { return false };
        let before = *self.fixture.random.pick(&[1, SECOND, 400 * 86_400 * SECOND]);
        let time = self.fixture.time(node.start - before);
        self.fixture.set(of, node.id, "update_time", &time);
        self.expect("timestamps_backwards", of, &format!("id={}", node.id), "update_time");
        true
    }

    /// A new trial or run below a node that stays as it is, with these times.
    fn child(&mut self, times: impl Fn(Node) -> Option<(i64, i64)>) -> Option<(&'static str, String)> {
        let of_trial = self.fixture.random.percent(50);
        let parent = if of_trial { self.trial()? } else { self.experiment()? };
        let (start, update) = times(parent)?;
        let child = if of_trial {
            self.fixture.add_run(parent)
        } else {
            let name = format!("child {}", self.fixture.id("name"));
            self.fixture.add_trial(parent, &name)
        };
        let of = if of_trial { "TRIAL_RUN" } else { "TRIAL" };
        let (start, update) = (self.fixture.time(start), self.fixture.time(update));
        self.fixture.set(of, child.id, "start_time", &start);
        self.fixture.set(of, child.id, "update_time", &update);
        Some((of, format!("id={}", child.id)))
    }

    fn starts_early(&mut self) -> bool {
        let before = *self.fixture.random.pick(&[1, SECOND, 86_400 * SECOND]);
        let Some((of, row)) = self.child(|parent| Some((parent.start - before, parent.start))) else { return false };
        self.expect("child_outside_parent", of, &row, "start_time");
        true
    }

    fn updated_late(&mut self) -> bool {
        let after = *self.fixture.random.pick(&[1, SECOND, 86_400 * SECOND]);
        let late = |parent: Node| (parent.update > parent.start).then_some((parent.start, parent.update + after));
        let Some((of, row)) = self.child(late) else { return false };
        self.expect("child_outside_parent", of, &row, "update_time");
        true
    }

    fn all_late(&mut self) -> bool {
        let late = |parent: Node| (parent.update > parent.start).then_some((parent.update + 1, parent.update + 1));
        let Some((of, row)) = self.child(late) else { return false };
        self.expect("child_outside_parent", of, &row, "start_time");
        self.expect("child_outside_parent", of, &row, "update_time");
        true
    }

    fn outside_run(&mut self) -> bool {
        let Some(owner) = self.owner(&["RESULTS", "EPOCH", "BATCH"]) else { return false };
        let run = node_of(&self.fixture.runs, owner.key[owner.key.len() - 1]);
        if !self.pin(&format!("TRIAL_RUN {}", run.id)) || !self.damage_row(&format!("time of {}", owner_name(&owner))) {
            return false;
        }
        let late = self.fixture.random.percent(50) && run.update > run.start;
        let moment = if late { run.update + 1 } else { run.start - 1 };
        let time = self.fixture.time(moment);
        self.set_time(&owner, &time, "child_outside_parent");
        true
    }

    /// A text column of a row that nothing was done to.
    fn free_text(&mut self, required: bool) -> Option<(&'static str, i64, &'static str)> {
        let leaf = self.fixture.random.percent(50);
        let (of, id) = if leaf {
            let leaf = *self.fixture.random.pick(&["METRIC", "ARTIFACT"]);
            let ids = if leaf == "METRIC" { &self.fixture.metrics } else { &self.fixture.artifacts };
            (leaf, self.free(&ids.clone(), |id| format!("{leaf} {id}"))?)
        } else {
            let (of, node) = self.free_node()?;
            (of, node.id)
        };
        let columns = table(of).texts.iter().filter(|(_, not_null)| *not_null || !required);
        let (column, _) = *self.fixture.random.pick(&columns.collect::<Vec<_>>());
        Some((of, id, column))
    }

    fn put_text(&mut self, required: bool, value: &str, kind: &str) -> bool {
        let Some((of, id, column)) = self.free_text(required) else { return false };
        self.fixture.set(of, id, column, &value);
        self.expect(kind, of, &format!("id={id}"), column);
        true
    }

    fn null_text(&mut self) -> bool {
        self.fixture.shape.loose && self.put_text(true, "NULL", "null_value")
    }

    fn not_utf8(&mut self) -> bool {
        let value = *self.fixture.random.pick(&[&b"\xff"[..], b"ab\xc3", b"\xed\xa0\x80", b"caf\xe9"]);
        self.put_text(false, &text(value), "text_not_utf8")
    }

    fn blob_for_text(&mut self) -> bool {
        let value = *self.fixture.random.pick(&[&b""[..], b"name", b"\x00\xff"]);
        self.put_text(false, &blob(value), "text_not_text")
    }

    fn unlinked_metric(&mut self) -> bool {
        let id = self.fixture.loose_metric();
        self.expected.push(Found::new("unlinked_metric", "METRIC", format!("id={id}"), None));
        true
    }

    fn unlinked_artifact(&mut self) -> bool {
        let id = self.fixture.loose_artifact();
        self.expected.push(Found::new("unlinked_artifact", "ARTIFACT", format!("id={id}"), None));
        true
    }

    /// The experiment of a row that links hang on, if all that leads to it can be relied on.
    fn pinned_experiment(&mut self, owner: &Owner) -> Option<i64> {
        let up = |ledger: &Ledger, query: &str, id: i64| -> Option<i64> {
            ledger.fixture.sql.query_row(query, [id], |row| row.get(0)).ok()
        };
        let last = owner.key[owner.key.len() - 1];
        let run = (!["EXPERIMENT", "TRIAL"].contains(&owner.table)).then_some(last);
        if let Some(run) = run
            && !self.pin(&format!("TRIAL_RUN {run}"))
        {
            return None;
        }
        if owner.table == "BATCH" && !self.pin(&format!("EPOCH idx={}, trial_run_id={last}", owner.key[1])) {
            return None;
        }
        let trial = match (owner.table, run) {
            ("EXPERIMENT", _) => None,
            (_, Some(run)) => Some(up(self, "SELECT trial_id FROM TRIAL_RUN WHERE id = ?1", run)?),
            _ => Some(last),
        };
        let Some(trial) = trial else { return Some(last) };
        if !self.pin(&format!("TRIAL {trial}")) {
            return None;
        }
        up(self, "SELECT experiment_id FROM TRIAL WHERE id = ?1", trial)
    }

    fn shared(&mut self, leaf: &str) -> bool {
        let mut owners: Vec<(Owner, i64)> = Vec::new();
        for _ in 0..8 {
            let Some(owner) = self.owner_of(leaf) else { return false };
            let Some(experiment) = self.pinned_experiment(&owner) else { continue };
            if !owners.iter().any(|(other, _)| other.table == owner.table && other.key == owner.key) {
                owners.push((owner, experiment));
            }
        }
        if owners.iter().all(|(_, experiment)| Some(*experiment) == owners.first().map(|(_, first)| *first)) {
            return false;
        }
        let id = self.fixture.loose_leaf(leaf);
        for (owner, _) in &owners {
            self.fixture.link(owner, leaf, id);
        }
        self.expected.push(Found::new("shared_row", leaf, format!("id={id}"), None));
        true
    }

    fn shared_metric(&mut self) -> bool {
        self.shared("METRIC")
    }

    fn shared_artifact(&mut self) -> bool {
        self.shared("ARTIFACT")
    }

    /// A new run with these epochs.
    fn run_of_epochs(&mut self, indices: &[i64]) -> Option<String> {
        let trial = self.trial()?;
        let run = self.fixture.add_run(trial);
        for idx in indices {
            self.fixture.add_epoch(run, idx);
        }
        Some(format!("id={}", run.id))
    }

    fn epoch_gap(&mut self) -> bool {
        let gaps: [&[i64]; 7] =
            [&[0, 2], &[1, 2, 4], &[2, 1, 0, 9, 8], &[-1, 1], &[0, i64::MAX], &[i64::MIN, 0], &[i64::MIN, i64::MAX]];
        let indices = *self.fixture.random.pick(&gaps);
        let Some(row) = self.run_of_epochs(indices) else { return false };
        self.expected.push(Found::new("epoch_gap", "TRIAL_RUN", row, None));
        true
    }

    fn late_first_epoch(&mut self) -> bool {
        let late: [&[i64]; 4] = [&[2], &[2, 3], &[100, 101, 102], &[i64::MAX]];
        let indices = *self.fixture.random.pick(&late);
        let Some(row) = self.run_of_epochs(indices) else { return false };
        self.expected.push(Found::new("epoch_gap", "TRIAL_RUN", row, None));
        true
    }

    fn duplicate_names(&mut self) -> bool {
        let Some(experiment) = self.experiment() else { return false };
        let name = format!("the same {}", self.fixture.id("name"));
        let mut ids: Vec<i64> =
            (0..self.fixture.random.between(2, 4)).map(|_| self.fixture.add_trial(experiment, &name).id).collect();
        ids.sort_unstable();
        for id in &ids[1..] {
            self.expect("duplicate_trial_name", "TRIAL", &format!("id={id}"), "name");
        }
        true
    }

    fn odd_index(&mut self) -> String {
        (*self.fixture.random.pick(&["'first'", "0.5", "-1.5", "x'01'", "''", "1e-3"])).to_owned()
    }

    fn odd_epoch(&mut self) -> bool {
        let (Some(run), idx) = (self.run(), self.odd_index()) else { return false };
        if !self.damage_row(&format!("EPOCH {idx} of {}", run.id)) {
            return false;
        }
        let row = self.fixture.add_epoch(run, &idx);
        self.expect("index_not_integer", "EPOCH", &row, "idx");
        true
    }

    /// An epoch and its run, both as they should be.
    fn epoch(&mut self) -> Option<(i64, Node)> {
        let epoch = self.owner(&["EPOCH"])?;
        let run = node_of(&self.fixture.runs, epoch.key[1]);
        self.pin(&format!("TRIAL_RUN {}", run.id)).then_some((epoch.key[0], run))
    }

    fn odd_batch(&mut self) -> bool {
        let idx = self.odd_index();
        if self.fixture.shape.generation < 2 {
            return false;
        }
        let Some((epoch, run)) = self.epoch() else { return false };
        if !self.damage_row(&format!("BATCH {idx} of {epoch} of {}", run.id)) {
            return false;
        }
        let row = self.fixture.add_batch(run, &epoch, &idx);
        self.expect("index_not_integer", "BATCH", &row, "idx");
        true
    }

    fn batch_of_odd_epoch(&mut self) -> bool {
        let (Some(run), epoch) = (self.run(), self.odd_index()) else { return false };
        if self.fixture.shape.generation < 2 || !self.damage_row(&format!("EPOCH {epoch} of {}", run.id)) {
            return false;
        }
        let row = self.fixture.add_epoch(run, &epoch);
        self.expect("index_not_integer", "EPOCH", &row, "idx");
        for idx in ["0", "'last'"] {
            let row = self.fixture.add_batch(run, &epoch, &idx);
            self.expect("index_not_integer", "BATCH", &row, "epoch_idx");
            if idx == "'last'" {
                self.expect("index_not_integer", "BATCH", &row, "idx");
            }
        }
        true
    }

    fn odd_index_that_dangles(&mut self) -> bool {
        let (Some(run), epoch) = (self.run(), self.odd_index()) else { return false };
        if self.fixture.shape.generation < 2 || !self.damage_row(&format!("EPOCH {epoch} of {}", run.id)) {
            return false;
        }
        let row = self.fixture.add_batch(run, &epoch, &0);
        self.expect("index_not_integer", "BATCH", &row, "epoch_idx");
        self.expect("dangling_reference", "BATCH", &row, "epoch_idx, trial_run_id");
        self.expect("orphan", "BATCH", &row, "epoch_idx, trial_run_id");
        true
    }
}

/// How a row is named in the claims.
fn owner_name(owner: &Owner) -> String {
    match owner.table {
        "EPOCH" => format!("EPOCH idx={}, trial_run_id={}", owner.key[0], owner.key[1]),
        name => format!("{name} {}", owner.key.iter().map(i64::to_string).collect::<Vec<_>>().join(" ")),
    }
}

/// Whether epoch numbers have a gap or begin above 1.
fn has_gap(sorted: &[i64]) -> bool {
    sorted.first().is_some_and(|first| *first > 1) || sorted.windows(2).any(|pair| pair[1].abs_diff(pair[0]) > 1)
}

/// The end of what a child may bear; for tests of the fixture itself.
pub fn end_of(parent: Node) -> i64 {
    latest(parent)
}
