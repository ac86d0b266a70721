//! Finds metrics that later transformations changed again.

use std::collections::BTreeSet;

use crate::database::{Connection, Layout, Next};
use crate::error::Result;
use crate::hierarchy::IdSet;
use crate::progress::Job;
use crate::schema::{UNDO, quote};
use crate::transformation::undo_list::TransformEntry;
use crate::transformation::undo_log::own;
use crate::values::Value;

/// The metrics that later transformations changed again, and those transformations.
#[derive(Default)]
pub struct Later {
    pub metrics: IdSet,
    pub transforms: BTreeSet<i64>,
}

impl Later {
    /// Looks among the rows of newer transformations for metrics of this one.
    pub fn find(connection: &dyn Connection, layout: &Layout, entry: &TransformEntry, job: &Job) -> Result<Later> {
        let mut later = Later::default();
        let rows = own(layout, &UNDO)?;
        let (name, id) = (quote(&rows.name), rows.quoted("id"));
        let (metric, transform) = (rows.quoted("metric_id"), rows.quoted("transform_id"));
        let end = Value::Integer(entry.end_row());
        let sql = format!("SELECT EXISTS (SELECT 1 FROM {name} WHERE {id} >= ?1)");
        if connection.query_integer(&sql, std::slice::from_ref(&end))? == Some(1) {
            let mut own = IdSet::default();
            let sql = format!("SELECT {metric} FROM {name} WHERE {id} >= ?1 AND {id} < ?2");
            connection.query(&sql, &[Value::Integer(entry.first_row), end.clone()], &mut |row| {
                job.pulse()?;
                if let Some(metric) = row.value(0)?.as_integer() {
                    own.insert(metric)?;
                }
                Ok(Next::Row)
            })?;
            own.freeze()?;
            let sql = format!("SELECT {metric}, {transform} FROM {name} WHERE {id} >= ?1");
            connection.query(&sql, &[end], &mut |row| {
                job.pulse()?;
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
