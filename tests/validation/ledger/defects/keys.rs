//! NULL in keys, and indices that are no integers.

use std::fmt::Display;

use super::Ledger;
use crate::ledger::fixture::{Node, node_of};
use crate::ledger::tables::{Table, table};

impl Ledger {
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

    pub(super) fn null_key(&mut self) -> bool {
        let loose = self.fixture.shape.loose;
        let into = self.random_table(|table| !table.links.is_empty() && (table.key != ["id"] || loose));
        let mut columns = into.links.to_vec();
        self.fixture.random.shuffle(&mut columns);
        let count = 1 + self.fixture.random.below(columns.len());
        self.null_key_in(into, &columns[..count])
    }

    pub(super) fn all_null_key(&mut self) -> bool {
        let into = self.random_table(|table| !table.links.is_empty() && table.key != ["id"]);
        self.null_key_in(into, into.links)
    }

    pub(super) fn null_owner(&mut self) -> bool {
        let into = self.random_table(|table| ["TRIAL", "TRIAL_RUN"].contains(&table.name));
        self.can_be_null(into) && self.null_key_in(into, into.links)
    }

    /// A row with NULL in its key is no orphan beside, but what is not NULL can dangle.
    pub(super) fn null_key_that_dangles(&mut self) -> bool {
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

    fn odd_index(&mut self) -> String {
        (*self.fixture.random.pick(&["'first'", "0.5", "-1.5", "x'01'", "''", "1e-3"])).to_owned()
    }

    pub(super) fn odd_epoch(&mut self) -> bool {
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

    pub(super) fn odd_batch(&mut self) -> bool {
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

    pub(super) fn batch_of_odd_epoch(&mut self) -> bool {
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

    pub(super) fn odd_index_that_dangles(&mut self) -> bool {
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
