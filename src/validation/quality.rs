//! The values of one experiment, judged while it is read for something else: what the validator would say of them.

use super::issue::{Issue, IssueKind};
use super::options::Scope;
use super::report::{Collector, Report};
use super::times::{Span, check_times};
use super::values::Values;
use crate::database::Row;
use crate::error::Result;
use crate::hierarchy::{IdSet, Owner, Selection, Shape, Visitor};
use crate::schema::{Entity, Kind};
use crate::values::ValueRef;

/// How many issues are listed; all are counted.
const LISTED: usize = 100;

/// Collects the issues of the values: of the sections of metric JSON and of the hierarchy those that need no other row but the
/// parent.
#[derive(Debug)]
pub struct Quality {
    collector: Collector,
    values: Values,
    experiment: Span,
    trials: Vec<Span>,
    runs: Vec<Span>,
    run_trial: Vec<u32>,
    /// The metrics and artifacts, by rank, that have been judged.
    judged: [IdSet; 2],
}

impl Quality {
    /// For the rows of a selection.
    pub fn new(selection: &Selection) -> Quality {
        Quality {
            collector: Collector::new(LISTED),
            values: Values::default(),
            experiment: Span::default(),
            trials: vec![Span::default(); selection.trials.len()],
            runs: vec![Span::default(); selection.runs.len()],
            run_trial: selection.run_trial.clone(),
            judged: [IdSet::default(), IdSet::default()],
        }
    }

    /// What was found.
    pub fn report(self, experiment: i64) -> Report {
        let scope = Scope { metric_json: true, hierarchy: true, ..Scope::NONE };
        self.collector.report(scope, Some(experiment))
    }

    /// Judges a row by itself and its times; answers when it was.
    fn check(&mut self, shape: &Shape<'_>, row: &dyn Row, parent: Span) -> Result<Span> {
        let table = shape.table.schema.name;
        let key = || shape.row_key(row);
        let mut found: Vec<(IssueKind, &'static str, String, String)> = Vec::new();
        let mut times = [None, None];
        let mut free = times.iter_mut();
        for (at, column) in shape.columns.iter().enumerate().take(shape.known) {
            let Some(known) = column.schema else { continue };
            let value = row.value(shape.first + at)?;
            if let (Kind::Time, Some(slot)) = (known.kind, free.next()) {
                *slot = Some((known, value));
            }
            self.values.check(known, value, |kind, what| found.push((kind, known.name, value.describe(), what)));
        }
        let span = check_times(times.into_iter().flatten(), parent, |kind, (column, value), what| {
            found.push((kind, column.name, ValueRef::describe(value), what));
        });
        for (kind, column, value, what) in found {
            let (row, severity) = (key()?, kind.severity());
            self.collector.add(kind, severity, table, || Issue {
                kind,
                severity,
                table: table.into(),
                message: format!("{table} ({row}): {column} {what}"),
                row,
                column: Some(column.into()),
                value: Some(value),
                check: None,
            });
        }
        Ok(span)
    }
}

impl Visitor for Quality {
    fn wants_odd_links_only(&self) -> bool {
        true
    }

    fn odd_leaf(&mut self, _leaf: (Entity, u64), shape: &Shape<'_>, row: &dyn Row) -> Result<()> {
        self.check(shape, row, Span::default()).map(|_| ())
    }

    fn node(&mut self, owner: Owner, shape: &Shape<'_>, row: &dyn Row) -> Result<()> {
        let parent = match owner {
            Owner::Experiment => Span::default(),
            Owner::Trial(_) => self.experiment,
            Owner::Run(at) => {
                let trial = self.run_trial.get(at).and_then(|trial| self.trials.get(*trial as usize));
                trial.copied().unwrap_or_default()
            }
        };
        let span = self.check(shape, row, parent)?;
        let slot = match owner {
            Owner::Experiment => Some(&mut self.experiment),
            Owner::Trial(at) => self.trials.get_mut(at),
            Owner::Run(at) => self.runs.get_mut(at),
        };
        slot.into_iter().for_each(|slot| *slot = span);
        Ok(())
    }

    fn below_run(&mut self, run: usize, shape: &Shape<'_>, row: &dyn Row) -> Result<()> {
        let parent = self.runs.get(run).copied().unwrap_or_default();
        self.check(shape, row, parent).map(|_| ())
    }

    fn link(
        &mut self,
        _owner: Owner,
        _shape: &Shape<'_>,
        row: &dyn Row,
        leaf: Option<u64>,
        (entity, leaf_shape): (Entity, &Shape<'_>),
    ) -> Result<()> {
        let [metrics, artifacts] = &mut self.judged;
        let judged = if entity == Entity::Metric { metrics } else { artifacts };
        // Sharing is usual: a row is judged once, however many links lead to it.
        match leaf.and_then(|rank| i64::try_from(rank).ok()) {
            Some(rank) if judged.insert(rank)? => self.check(leaf_shape, row, Span::default()).map(|_| ()),
            _ => Ok(()),
        }
    }
}
