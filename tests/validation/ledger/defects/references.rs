//! Rows that name what does not exist.

use std::fmt::Display;

use super::Ledger;
use crate::ledger::fixture::{Node, Owner, SECOND};
use crate::ledger::tables::{Table, table};

impl Ledger {
    /// Adds a row of this table, without what its references say.
    pub(super) fn insert_with(&mut self, into: &'static Table, references: &[(&str, String)]) -> String {
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

    /// One reference of one table dangles.
    pub fn dangling_in(&mut self, into: &'static Table, reference: usize) -> bool {
        let dangling: Vec<bool> = (0..into.references.len()).map(|at| at == reference).collect();
        self.insert_dangling(into, &dangling)
    }

    pub(super) fn dangling(&mut self) -> bool {
        let into = self.random_table(|table| !table.references.is_empty());
        let reference = self.fixture.random.below(into.references.len());
        self.dangling_in(into, reference)
    }

    pub(super) fn dangling_at_both_ends(&mut self) -> bool {
        let into = self.random_table(|table| table.leaf().is_some());
        self.insert_dangling(into, &[true, true])
    }

    pub(super) fn text_as_reference(&mut self) -> bool {
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

    pub(super) fn orphan_subtree_of_trial(&mut self) -> bool {
        let experiment = Node { id: self.fixture.id("EXPERIMENT"), start: 1_000_000, update: 5_000_000 };
        let trial = self.fixture.add_trial(experiment, "an orphan");
        let row = format!("id={}", trial.id);
        self.expect("dangling_reference", "TRIAL", &row, "experiment_id");
        self.expect("orphan", "TRIAL", &row, "experiment_id");
        self.grow(Some(trial), None);
        true
    }

    pub(super) fn orphan_subtree_of_run(&mut self) -> bool {
        let trial = Node { id: self.fixture.id("TRIAL"), start: 1_000_000, update: 5_000_000 };
        let run = self.fixture.add_run(trial);
        let row = format!("id={}", run.id);
        self.expect("dangling_reference", "TRIAL_RUN", &row, "trial_id");
        self.expect("orphan", "TRIAL_RUN", &row, "trial_id");
        self.grow(None, Some(run));
        true
    }

    pub(super) fn batch_without_epoch(&mut self) -> bool {
        self.fixture.shape.generation > 1 && self.dangling_in(table("BATCH"), 0)
    }
}
