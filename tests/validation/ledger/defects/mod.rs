//! Damage at random places, and the ledger of what a validation must find because of it.

mod deletions;
mod groups;
mod keys;
mod references;
mod times;
mod values;

use std::collections::HashMap;
use std::fmt::Display;

use super::fixture::{Fixture, Node, Owner};
use super::found::Found;
use super::tables::Table;
use super::texts::{self, Case};

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

    fn random_table(&mut self, wanted: impl Fn(&Table) -> bool) -> &'static Table {
        let tables: Vec<&'static Table> = self.fixture.tables().filter(|table| wanted(table)).collect();
        let at = self.fixture.random.below(tables.len());
        tables[at]
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
}

/// How a row is named in the claims.
fn owner_name(owner: &Owner) -> String {
    match owner.table {
        "EPOCH" => format!("EPOCH idx={}, trial_run_id={}", owner.key[0], owner.key[1]),
        name => format!("{name} {}", owner.key.iter().map(i64::to_string).collect::<Vec<_>>().join(" ")),
    }
}
