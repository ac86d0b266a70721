//! Values that are not what their column is for. They are copied as they are; this says that they are there.

use serde::Serialize;

use crate::database::Row;
use crate::error::Result;
use crate::hierarchy::{Owner, Shape, Visitor};
use crate::schema::{Entity, Kind, ValueRef, json, parse_timestamp};

/// How many issues are kept in full; all are counted.
const KEPT: usize = 100;

/// What is wrong with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OddKind {
    /// Not a timestamp.
    Timestamp,
    /// Per-label values that are not JSON.
    MetricJson,
    /// A total that is not a finite number.
    MetricTotal,
}

/// One such value.
#[derive(Clone, Debug, Serialize)]
pub struct OddValue {
    pub kind: OddKind,
    pub table: &'static str,
    pub row: String,
    pub column: &'static str,
    pub message: String,
}

/// Collects issues while an experiment is read.
#[derive(Debug, Default)]
pub struct Quality {
    pub count: u64,
    pub first: Vec<OddValue>,
    /// Reused for every JSON text.
    scratch: Vec<u8>,
}

impl Quality {
    fn check(&mut self, shape: &Shape<'_>, row: &dyn Row) -> Result<()> {
        for (at, column) in shape.columns.iter().enumerate().take(shape.known) {
            let Some(known) = column.schema else { continue };
            let value = row.value(shape.first + at)?;
            let Some((kind, what)) = issue(known.kind, value, &mut self.scratch) else { continue };
            self.count += 1;
            if self.first.len() < KEPT {
                let (table, row) = (shape.table.schema.name, shape.row_key(row)?);
                let message = format!("{table} ({row}): {} {what}", known.name);
                self.first.push(OddValue { kind, table, row, column: known.name, message });
            }
        }
        Ok(())
    }
}

fn issue(kind: Kind, value: ValueRef<'_>, scratch: &mut Vec<u8>) -> Option<(OddKind, String)> {
    match (kind, value) {
        (Kind::Time, ValueRef::Text(text)) if parse_timestamp(text).is_some() => None,
        (Kind::Time, _) => Some((OddKind::Timestamp, format!("is not a timestamp: {}", value.describe()))),
        (Kind::Real, ValueRef::Integer(_)) => None,
        (Kind::Real, ValueRef::Real(number)) if number.is_finite() => None,
        (Kind::Real, _) => Some((OddKind::MetricTotal, format!("is not a finite number: {}", value.describe()))),
        (Kind::Json, ValueRef::Null) => None,
        (Kind::Json, ValueRef::Text(text)) => {
            scratch.clear();
            let error = json::canonicalize(text, scratch).err()?;
            Some((OddKind::MetricJson, format!("is not JSON: {} at byte {}", error.reason, error.offset)))
        }
        (Kind::Json, _) => Some((OddKind::MetricJson, format!("is not JSON text: {}", value.describe()))),
        (Kind::Integer | Kind::Text, _) => None,
    }
}

impl Visitor for Quality {
    fn wants_odd_rows_only(&self) -> bool {
        true
    }

    fn node(&mut self, _owner: Owner, shape: &Shape<'_>, row: &dyn Row) -> Result<()> {
        self.check(shape, row)
    }

    fn below_run(&mut self, _run: usize, shape: &Shape<'_>, row: &dyn Row) -> Result<()> {
        self.check(shape, row)
    }

    fn link(
        &mut self,
        _owner: Owner,
        _shape: &Shape<'_>,
        row: &dyn Row,
        leaf: Option<u64>,
        (_, leaf_shape): (Entity, &Shape<'_>),
    ) -> Result<()> {
        match leaf {
            Some(_) => self.check(leaf_shape, row),
            None => Ok(()),
        }
    }
}
