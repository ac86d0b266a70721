//! Checks the values of one experiment, by the rules of the validator, while the experiment is read for another purpose.

use super::issue::{Issue, IssueKind};
use super::options::Scope;
use super::report::{Collector, Report};
use super::time_order::{Span, check_times};
use super::value_checks::Values;
use crate::database::Row;
use crate::error::Result;
use crate::hierarchy::{IdSet, Owner, Selection, Shape, Visitor};
use crate::schema::{ByEntity, Entity, Family, Kind};
use crate::values::ValueRef;

/// How many issues are listed; all are counted.
const LISTED: usize = 100;

/// Collects the issues of the values: of the sections of metric JSON and of the hierarchy those that need no other row but the
/// parent.
#[derive(Debug)]
pub struct Quality {
    collector: Collector,
    values: Values,
    family: &'static Family,
    /// Of the rows of the hierarchy.
    spans: ByEntity<Vec<Span>>,
    parents: ByEntity<Vec<u32>>,
    /// The linked rows, by rank, that have been judged.
    judged: ByEntity<IdSet>,
}

impl Quality {
    /// For the rows of a selection.
    pub fn new(selection: &Selection) -> Quality {
        Quality {
            collector: Collector::new(LISTED),
            values: Values::default(),
            family: selection.family,
            spans: ByEntity::of(selection.family, |entity| vec![Span::default(); selection.ids(entity).len()]),
            parents: ByEntity::of(selection.family, |entity| match selection.family.parent(entity) {
                // All of these hang on the one row that there is.
                None | Some(Entity::ROOT) => Vec::new(),
                Some(_) => selection.parents(entity).to_vec(),
            }),
            judged: ByEntity::new(selection.family),
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
        let Owner { entity, at } = owner;
        let parent = self.family.parent(entity).map(|above| {
            let at = self.parents.get(entity).get(at).map_or(0, |parent| *parent as usize);
            self.spans.get(above).get(at).copied().unwrap_or_default()
        });
        let span = self.check(shape, row, parent.unwrap_or_default())?;
        let slot = self.spans.get_mut(entity).get_mut(at);
        slot.into_iter().for_each(|slot| *slot = span);
        Ok(())
    }

    fn below(&mut self, owner: Owner, shape: &Shape<'_>, row: &dyn Row) -> Result<()> {
        let parent = self.spans.get(owner.entity).get(owner.at).copied().unwrap_or_default();
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
        let judged = self.judged.get_mut(entity);
        // Sharing is usual: a row is judged once, however many links lead to it.
        match leaf.and_then(|rank| i64::try_from(rank).ok()) {
            Some(rank) if judged.insert(rank)? => self.check(leaf_shape, row, Span::default()).map(|_| ()),
            _ => Ok(()),
        }
    }
}
