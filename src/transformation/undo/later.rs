//! What later transformations changed again.

use std::collections::BTreeSet;

use super::Undoing;
use crate::database::Next;
use crate::error::Result;
use crate::hierarchy::IdSet;
use crate::schema::{UNDO, quote};
use crate::transformation::undo_log::own;
use crate::values::Value;

/// The metrics that later transformations changed again, and those transformations.
#[derive(Default)]
pub struct Later {
    pub metrics: IdSet,
    pub transforms: BTreeSet<i64>,
}

impl Undoing<'_> {
    /// Looks among the rows of newer transformations for metrics of this one.
    pub fn later(&self) -> Result<Later> {
        let mut later = Later::default();
        let rows = own(self.layout, &UNDO)?;
        let (name, id) = (quote(&rows.name), rows.quoted("id"));
        let (metric, transform) = (rows.quoted("metric_id"), rows.quoted("transform_id"));
        let end = Value::Integer(self.entry.end_row());
        let sql = format!("SELECT EXISTS (SELECT 1 FROM {name} WHERE {id} >= ?1)");
        if self.connection.query_integer(&sql, std::slice::from_ref(&end))? == Some(1) {
            let mut own = IdSet::default();
            let sql = format!("SELECT {metric} FROM {name} WHERE {id} >= ?1 AND {id} < ?2");
            self.connection.query(&sql, &[Value::Integer(self.entry.first_row), end.clone()], &mut |row| {
                self.job.pulse()?;
                if let Some(metric) = row.value(0)?.as_integer() {
                    own.insert(metric)?;
                }
                Ok(Next::Row)
            })?;
            own.freeze()?;
            let sql = format!("SELECT {metric}, {transform} FROM {name} WHERE {id} >= ?1");
            self.connection.query(&sql, &[end], &mut |row| {
                self.job.pulse()?;
                if let (Some(metric), Some(transform)) = (row.value(0)?.as_integer(), row.value(1)?.as_integer())
                    && own.rank(metric)?.is_some()
                {
                    later.metrics.insert(metric)?;
                    later.transforms.insert(transform);
                }
                Ok(Next::Row)
            })?;
        }
        later.metrics.freeze()?;
        Ok(later)
    }
}
