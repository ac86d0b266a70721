//! Transforms metrics while they are copied.

use super::examine::{Examiner, Verdict};
use super::metric::CELLS;
use super::plan::Plan;
use super::result::{Noted, Sample, TransformationResult};
use super::rules::Settings;
use super::steps::Steps;
use crate::database::{ColumnLayout, Connection, Layout, Row};
use crate::error::{Error, Result};
use crate::hierarchy::{IdSet, Rewrite};
use crate::schema::Entity;
use crate::schema::experiment_manager::METRIC;
use crate::values::{Value, ValueRef};

/// Shows METRIC rows as rules make them. The same row can be asked for often; it counts once.
pub struct Rewriter<'a> {
    examiner: Examiner<'a>,
    steps: Steps<'static>,
    all_or_nothing: bool,
    seen: IdSet,
    result: TransformationResult,
}

/// A row with other values in two places.
struct Rewritten<'r> {
    row: &'r dyn Row,
    cells: [(Option<usize>, Option<&'r Value>); 2],
}

impl Row for Rewritten<'_> {
    fn value(&self, index: usize) -> Result<ValueRef<'_>> {
        match self.cells.iter().find(|(at, _)| *at == Some(index)) {
            Some((_, Some(value))) => Ok(value.borrow()),
            _ => self.row.value(index),
        }
    }
}

impl<'a> Rewriter<'a> {
    /// For the metrics of a database. A preview keeps examples.
    pub fn new(connection: &'a dyn Connection, layout: &Layout, plan: Plan, preview: bool) -> Result<Rewriter<'a>> {
        let table = layout.entity(METRIC)?;
        Ok(Rewriter {
            // No undo log is written of a copy.
            examiner: Examiner::new(connection, table, &Settings { backup_original: false, ..plan.settings })?,
            steps: plan.steps,
            all_or_nothing: plan.settings.rollback_on_error,
            seen: IdSet::default(),
            result: TransformationResult { dry_run: preview, ..TransformationResult::default() },
        })
    }

    /// Whether rules are for the rows of an entity.
    pub fn rewrites(entity: Entity) -> bool {
        entity == METRIC
    }

    /// Counts from the beginning.
    pub fn start(&mut self) {
        self.seen = IdSet::default();
        self.result = TransformationResult { dry_run: self.result.dry_run, ..TransformationResult::default() };
        self.steps.start();
    }

    /// The error, if metrics failed and that fails all.
    pub fn refused(&self) -> Option<Error> {
        (self.all_or_nothing && self.result.failed.count > 0).then(|| self.result.refused())
    }

    /// What was done to the metrics that were seen.
    pub fn result(&self) -> TransformationResult {
        let mut result = self.result.clone();
        result.rules = self.steps.counts();
        result.warnings = self.steps.warnings();
        let failed = result.failed.count;
        if failed > 0 && !self.all_or_nothing {
            result.warnings.push(format!("{failed} metrics could not be transformed and are copied as they are"));
        }
        result
    }

    fn note(&mut self, id: i64, verdict: &Verdict, [kind, total, labels]: [ValueRef<'_>; 3]) {
        let result = &mut self.result;
        result.matched += 1;
        match verdict {
            Verdict::Unchanged => result.unchanged += 1,
            Verdict::Skipped(by, reason) => result.skipped.add(|| Noted::new(id, kind, by, reason)),
            Verdict::Failed(by, reason) => result.failed.add(|| Noted::new(id, kind, by, reason)),
            Verdict::Changed(_) => {
                if result.wants_sample() {
                    result.samples.push(Sample::new(kind, [total, labels], self.examiner.metric()));
                }
                result.updated += 1;
            }
        }
    }
}

impl Rewrite for Rewriter<'_> {
    fn leaf(
        &mut self,
        (entity, id): (Entity, i64),
        columns: &[&ColumnLayout],
        first: usize,
        row: &dyn Row,
        see: &mut dyn FnMut(&dyn Row) -> Result<()>,
    ) -> Result<()> {
        if !Rewriter::rewrites(entity) {
            return see(row);
        }
        let place = |name: &str| {
            let found = columns.iter().position(|column| column.schema.is_some_and(|known| known.name == name));
            found.map(|at| first + at)
        };
        let value = |at: Option<usize>| at.map_or(Ok(ValueRef::Null), |at| row.value(at));
        let [(total_name, total_bit), (labels_name, labels_bit)] = CELLS;
        let (total_at, labels_at) = (place(total_name), place(labels_name));
        let cells = [value(place("type"))?, value(total_at)?, value(labels_at)?];
        let new = self.seen.insert(id)?;
        self.result.examined += u64::from(new);
        let [kind, ..] = cells;
        let matching = self.steps.matching(kind);
        if matching.is_empty() {
            return see(row);
        }
        let verdict = self.examiner.examine((&mut self.steps, &matching), id, cells)?;
        if new {
            self.note(id, &verdict, cells);
        }
        let Verdict::Changed(changed) = verdict else { return see(row) };
        let metric = self.examiner.metric();
        let cell = |at, bit, value| (at, (changed & bit != 0).then_some(value));
        let cells = [cell(total_at, total_bit, &metric.total_val), cell(labels_at, labels_bit, &metric.per_label_val)];
        see(&Rewritten { row, cells })
    }
}
