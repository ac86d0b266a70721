//! Where two experiments first differ, and how.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::difference::{Cells, NodeRows, cell_difference, cells, first_row_difference};
use crate::database::{Connection, Database, Layout, Row, Transaction, Watches};
use crate::digest::{ExperimentDigest, Hash, digest, hex};
use crate::error::Result;
use crate::hierarchy::{Owner, Scope, Selection, Shape, Visitor, experiment_exists};
use crate::progress::Job;
use crate::schema::Entity;

/// One side of a comparison.
struct Side<'a> {
    connection: &'a dyn Connection,
    layout: Layout,
    selection: Selection,
    digest: ExperimentDigest,
    nodes: Nodes<'a>,
}

/// One side that is not read yet.
struct Counted<'a> {
    connection: &'a dyn Connection,
    layout: Layout,
    selection: Selection,
}

/// The cells of the experiment's row, of each trial and of each run. Counts the rows that are read.
struct Nodes<'j> {
    job: &'j Job,
    experiment: Cells,
    trials: HashMap<usize, Cells>,
    runs: HashMap<usize, Cells>,
}

impl Visitor for Nodes<'_> {
    fn node(&mut self, owner: Owner, shape: &Shape<'_>, row: &dyn Row) -> Result<()> {
        let cells = cells(shape, row)?;
        match owner {
            Owner::Experiment => self.experiment = cells,
            Owner::Trial(at) => drop(self.trials.insert(at, cells)),
            Owner::Run(at) => drop(self.runs.insert(at, cells)),
        }
        self.job.advance()
    }

    fn below_run(&mut self, _: usize, _: &Shape<'_>, _: &dyn Row) -> Result<()> {
        self.job.advance()
    }

    fn link(&mut self, _: Owner, _: &Shape<'_>, _: &dyn Row, _: Option<u64>, _: (Entity, &Shape<'_>)) -> Result<()> {
        self.job.advance()
    }
}

impl<'a> Counted<'a> {
    fn new(connection: &'a dyn Connection, experiment: i64, job: &Job) -> Result<Counted<'a>> {
        let layout = connection.layout()?;
        layout.check()?;
        experiment_exists(connection, &layout, experiment)?;
        job.begin("counting")?;
        let selection = Selection::read(connection, &layout, experiment, Scope::default(), job)?;
        Ok(Counted { connection, layout, selection })
    }

    fn total(&self) -> u64 {
        self.selection.counts.iter().map(|counts| counts.rows + counts.unsound).sum()
    }

    fn read(self, job: &'a Job) -> Result<Side<'a>> {
        let Counted { connection, layout, mut selection } = self;
        job.begin("digesting")?;
        let mut nodes = Nodes { job, experiment: Cells::new(), trials: HashMap::new(), runs: HashMap::new() };
        let digest = digest(connection, &layout, &mut selection, None, job, Some(&mut nodes))?;
        // Read together with the links to them.
        (0..selection.metrics.len() + selection.artifacts.len()).try_for_each(|_| job.advance())?;
        Ok(Side { connection, layout, selection, digest, nodes })
    }
}

/// Compares two experiments; a JSON object, schema `expmig.comparison/1`.
pub fn compare(
    (database, experiment): (&Database, i64),
    (other_database, other_experiment): (&Database, i64),
    job: &Arc<Job>,
) -> Result<Json> {
    let connection = database.reader()?;
    let same = database.is_same_as(other_database);
    other_database.refuse_replaced()?;
    let other_connection = if same { connection } else { other_database.reader()? };
    let _watches = Watches::new(job, [connection, other_connection]);
    job.begin("opening")?;
    let _state = Transaction::read(connection)?;
    let _other_state = if same { None } else { Some(Transaction::read(other_connection)?) };
    let a = Counted::new(connection, experiment, job)?;
    let b = Counted::new(other_connection, other_experiment, job)?;
    job.set_total(a.total() + b.total());
    let (mut a, mut b) = (a.read(job)?, b.read(job)?);
    let equal = a.digest.experiment == b.digest.experiment;
    let difference = if equal { Json::Null } else { find_difference(&mut a, &mut b, job)? };
    job.finish();
    Ok(json!({
        "schema": "expmig.comparison/1",
        "equal": equal,
        "a": {"experiment_id": experiment, "digest": hex(&a.digest.experiment), "tables": counts(&a)},
        "b": {"experiment_id": other_experiment, "digest": hex(&b.digest.experiment), "tables": counts(&b)},
        "first_difference": difference,
    }))
}

fn counts(side: &Side<'_>) -> Json {
    side.selection
        .counts
        .iter()
        .map(|c| (c.table.name.to_owned(), json!(c.rows + c.unsound)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// Positions on either side whose digests have no partner on the other.
fn unmatched(a: &[(usize, Hash)], b: &[(usize, Hash)]) -> (Vec<usize>, Vec<usize>) {
    let mut left: HashMap<Hash, Vec<usize>> = HashMap::new();
    for (at, hash) in b {
        left.entry(*hash).or_default().push(*at);
    }
    let mut only_a = Vec::new();
    for (at, hash) in a {
        if left.get_mut(hash).and_then(Vec::pop).is_none() {
            only_a.push(*at);
        }
    }
    let mut only_b: Vec<usize> = left.into_values().flatten().collect();
    only_b.sort_unstable();
    (only_a, only_b)
}

/// Of the unmatched nodes, the first of each side, paired by equal cells where there are such.
fn pair(
    only_a: &[usize],
    only_b: &[usize],
    a: &HashMap<usize, Cells>,
    b: &HashMap<usize, Cells>,
) -> (Option<usize>, Option<usize>) {
    for of_a in only_a {
        let twin = only_b.iter().find(|of_b| match (a.get(of_a), b.get(*of_b)) {
            (Some(x), Some(y)) => cell_difference(x, y).is_none(),
            _ => false,
        });
        if let Some(twin) = twin {
            return (Some(*of_a), Some(*twin));
        }
    }
    (only_a.first().copied(), only_b.first().copied())
}

fn numbered(hashes: &[Hash], keep: impl Fn(usize) -> bool) -> Vec<(usize, Hash)> {
    hashes.iter().copied().enumerate().filter(|(at, _)| keep(*at)).collect()
}

fn find_difference(a: &mut Side<'_>, b: &mut Side<'_>, job: &Job) -> Result<Json> {
    if let Some(cells) = cell_difference(&a.nodes.experiment, &b.nodes.experiment) {
        return Ok(json!({"node": "EXPERIMENT", "how": "another value", "difference": cells}));
    }
    let (only_a, only_b) = unmatched(&numbered(&a.digest.trials, |_| true), &numbered(&b.digest.trials, |_| true));
    let (of_a, of_b) = pair(&only_a, &only_b, &a.nodes.trials, &b.nodes.trials);
    let id = |side: &Side<'_>, at: Option<usize>| at.and_then(|at| side.selection.trials.iter().nth(at));
    let ids = json!({"a": id(a, of_a), "b": id(b, of_b)});
    let (trial_a, trial_b) = match (of_a, of_b) {
        (Some(x), Some(y)) => (x, y),
        (None, None) => return first_row_difference(a.rows(Owner::Experiment), b.rows(Owner::Experiment), job),
        (missing, _) => {
            let how = if missing.is_none() { "only in b" } else { "only in a" };
            return Ok(json!({"node": "TRIAL", "id": ids, "how": how}));
        }
    };
    if let (Some(x), Some(y)) = (a.nodes.trials.get(&trial_a), b.nodes.trials.get(&trial_b))
        && let Some(cells) = cell_difference(x, y)
    {
        return Ok(json!({"node": "TRIAL", "id": ids, "how": "another value", "difference": cells}));
    }
    find_below_trial(a, b, (trial_a, trial_b), job)
}

fn find_below_trial(a: &mut Side<'_>, b: &mut Side<'_>, (trial_a, trial_b): (usize, usize), job: &Job) -> Result<Json> {
    let runs = |side: &Side<'_>, trial: usize| {
        numbered(&side.digest.runs, |at| side.selection.run_trial.get(at).is_some_and(|owner| *owner as usize == trial))
    };
    let (only_a, only_b) = unmatched(&runs(a, trial_a), &runs(b, trial_b));
    let (of_a, of_b) = pair(&only_a, &only_b, &a.nodes.runs, &b.nodes.runs);
    let id = |side: &Side<'_>, at: Option<usize>| at.and_then(|at| side.selection.runs.iter().nth(at));
    let ids = json!({"a": id(a, of_a), "b": id(b, of_b)});
    let (run_a, run_b) = match (of_a, of_b) {
        (Some(x), Some(y)) => (x, y),
        (None, None) => return first_row_difference(a.rows(Owner::Trial(trial_a)), b.rows(Owner::Trial(trial_b)), job),
        (missing, _) => {
            let how = if missing.is_none() { "only in b" } else { "only in a" };
            return Ok(json!({"node": "TRIAL_RUN", "id": ids, "how": how}));
        }
    };
    if let (Some(x), Some(y)) = (a.nodes.runs.get(&run_a), b.nodes.runs.get(&run_b))
        && let Some(cells) = cell_difference(x, y)
    {
        return Ok(json!({"node": "TRIAL_RUN", "id": ids, "how": "another value", "difference": cells}));
    }
    let mut report = first_row_difference(a.rows(Owner::Run(run_a)), b.rows(Owner::Run(run_b)), job)?;
    if let Some(object) = report.as_object_mut() {
        object.insert("trial_run_id".to_owned(), ids);
    }
    Ok(report)
}

impl<'a> Side<'a> {
    /// What is needed to read the rows of one node.
    fn rows(&mut self, owner: Owner) -> NodeRows<'_> {
        NodeRows { connection: self.connection, layout: &self.layout, selection: &mut self.selection, owner }
    }
}
