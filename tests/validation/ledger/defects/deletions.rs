//! Rows that are gone, and what they leave behind.

use super::{Ledger, owner_name};
use crate::ledger::fixture::Owner;
use crate::ledger::found::Found;
use crate::ledger::tables::{TABLES, table};

impl Ledger {
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

    pub(super) fn deleted_trial(&mut self) -> bool {
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

    pub(super) fn deleted_run(&mut self) -> bool {
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

    pub(super) fn deleted_epoch(&mut self) -> bool {
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

    pub(super) fn deleted_results(&mut self) -> bool {
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
        for of in TABLES.iter().filter(|table| table.leaf() == Some(leaf)) {
            self.bereft(of.name, &[&column], &format!("{column} = {id}"));
        }
        true
    }

    pub(super) fn deleted_metric(&mut self) -> bool {
        self.deleted_leaf("METRIC", &self.fixture.metrics.clone())
    }

    pub(super) fn deleted_artifact(&mut self) -> bool {
        self.deleted_leaf("ARTIFACT", &self.fixture.artifacts.clone())
    }
}

/// Whether epoch numbers have a gap or begin above 1.
fn has_gap(sorted: &[i64]) -> bool {
    sorted.first().is_some_and(|first| *first > 1) || sorted.windows(2).any(|pair| pair[1].abs_diff(pair[0]) > 1)
}
