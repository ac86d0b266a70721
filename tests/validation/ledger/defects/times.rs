//! Times that are none, run backwards, or lie outside what they belong to.

use super::{Ledger, owner_name};
use crate::ledger::fixture::{Node, Owner, SECOND, node_of};
use crate::ledger::tables::table;

impl Ledger {
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

    pub(super) fn bad_timestamp(&mut self) -> bool {
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

    pub(super) fn bad_timestamp_below_run(&mut self) -> bool {
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

    pub(super) fn backwards(&mut self) -> bool {
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

    pub(super) fn starts_early(&mut self) -> bool {
        let before = *self.fixture.random.pick(&[1, SECOND, 86_400 * SECOND]);
        let Some((of, row)) = self.child(|parent| Some((parent.start - before, parent.start))) else { return false };
        self.expect("child_outside_parent", of, &row, "start_time");
        true
    }

    pub(super) fn updated_late(&mut self) -> bool {
        let after = *self.fixture.random.pick(&[1, SECOND, 86_400 * SECOND]);
        let late = |parent: Node| (parent.update > parent.start).then_some((parent.start, parent.update + after));
        let Some((of, row)) = self.child(late) else { return false };
        self.expect("child_outside_parent", of, &row, "update_time");
        true
    }

    pub(super) fn all_late(&mut self) -> bool {
        let late = |parent: Node| (parent.update > parent.start).then_some((parent.update + 1, parent.update + 1));
        let Some((of, row)) = self.child(late) else { return false };
        self.expect("child_outside_parent", of, &row, "start_time");
        self.expect("child_outside_parent", of, &row, "update_time");
        true
    }

    pub(super) fn outside_run(&mut self) -> bool {
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
}
