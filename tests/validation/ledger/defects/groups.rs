//! What only several rows together show: links that are missing or too many, gaps, names that are the same.

use super::Ledger;
use crate::ledger::fixture::Owner;
use crate::ledger::found::Found;

impl Ledger {
    pub(super) fn unlinked_metric(&mut self) -> bool {
        let id = self.fixture.loose_metric();
        self.expected.push(Found::new("unlinked_metric", "METRIC", format!("id={id}"), None));
        true
    }

    pub(super) fn unlinked_artifact(&mut self) -> bool {
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

    pub(super) fn shared_metric(&mut self) -> bool {
        self.shared("METRIC")
    }

    pub(super) fn shared_artifact(&mut self) -> bool {
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

    pub(super) fn epoch_gap(&mut self) -> bool {
        let gaps: [&[i64]; 7] =
            [&[0, 2], &[1, 2, 4], &[2, 1, 0, 9, 8], &[-1, 1], &[0, i64::MAX], &[i64::MIN, 0], &[i64::MIN, i64::MAX]];
        let indices = *self.fixture.random.pick(&gaps);
        let Some(row) = self.run_of_epochs(indices) else { return false };
        self.expected.push(Found::new("epoch_gap", "TRIAL_RUN", row, None));
        true
    }

    pub(super) fn late_first_epoch(&mut self) -> bool {
        let late: [&[i64]; 4] = [&[2], &[2, 3], &[100, 101, 102], &[i64::MAX]];
        let indices = *self.fixture.random.pick(&late);
        let Some(row) = self.run_of_epochs(indices) else { return false };
        self.expected.push(Found::new("epoch_gap", "TRIAL_RUN", row, None));
        true
    }

    pub(super) fn duplicate_names(&mut self) -> bool {
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
}
