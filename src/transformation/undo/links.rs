//! The links that were moved to copies: checks whether they are unchanged, and moves them back.

use super::Undoing;
use crate::database::{Layout, Next};
use crate::error::Result;
use crate::hierarchy::{ForeignReferrers, IdSet};
use crate::schema::experiment_manager::METRIC;
use crate::schema::{UNDO_LINK, quote};
use crate::transformation::links::{link_condition, link_keys, move_statement};
use crate::transformation::selection::MetricLinks;
use crate::transformation::undo_log::{LINK_KEYS, own};
use crate::transformation::write::changed_otherwise;
use crate::values::{Value, ValueRef};

/// The columns of the log of links.
struct LinkLog {
    name: String,
    transform: String,
    metric: String,
    original: String,
    table: String,
    keys: [String; LINK_KEYS],
}

impl LinkLog {
    fn new(layout: &Layout) -> Result<LinkLog> {
        let log = own(layout, &UNDO_LINK)?;
        Ok(LinkLog {
            name: quote(&log.name),
            transform: log.quoted("transform_id"),
            metric: log.quoted("metric_id"),
            original: log.quoted("original_id"),
            table: log.quoted("link_table"),
            keys: ["key_1", "key_2", "key_3"].map(|key| log.quoted(key)),
        })
    }
}

impl Undoing<'_> {
    /// The copies with links that are not as they were left.
    pub fn torn_links(&self) -> Result<IdSet> {
        let mut torn = IdSet::default();
        if self.entry.copied > 0 {
            let known = MetricLinks::all(self.layout)?;
            let log = LinkLog::new(self.layout)?;
            for links in &known {
                let (name, metric) = (quote(&links.table.name), links.table.quoted(links.metric_column.name));
                let same: String = link_keys(links)
                    .iter()
                    .zip(&log.keys)
                    .map(|(key, logged)| (format!("t.{}", links.table.quoted(key.name)), format!("l.{logged}")))
                    .map(|(key, logged)| format!(" AND {}", self.connection.same(&key, &logged)))
                    .collect();
                let count = |id: &str| format!("(SELECT count(*) FROM {name} AS t WHERE t.{metric} = l.{id}{same})");
                let sql = format!(
                    "SELECT l.{}, {}, {} FROM {} AS l WHERE l.{} = ?1 AND l.{} = ?2",
                    log.metric,
                    count(&log.metric),
                    count(&log.original),
                    log.name,
                    log.transform,
                    log.table
                );
                let params = [Value::Integer(self.entry.id), Value::Text(links.table.schema.name.into())];
                self.connection.query(&sql, &params, &mut |row| {
                    self.job.pulse()?;
                    let moved = (row.value(1)?.as_integer(), row.value(2)?.as_integer()) == (Some(1), Some(0));
                    if let (false, Some(copy)) = (moved, row.value(0)?.as_integer()) {
                        torn.insert(copy)?;
                    }
                    Ok(Next::Row)
                })?;
            }
            let sql = format!("SELECT {}, {} FROM {} WHERE {} = ?1", log.metric, log.table, log.name, log.transform);
            self.connection.query(&sql, &[Value::Integer(self.entry.id)], &mut |row| {
                let table = row.value(1)?.to_owned();
                let there = known.iter().any(|links| table == Value::Text(links.table.schema.name.into()));
                if let (false, Some(copy)) = (there, row.value(0)?.as_integer()) {
                    torn.insert(copy)?;
                }
                Ok(Next::Row)
            })?;
        }
        torn.freeze()?;
        Ok(torn)
    }

    /// Moves the links of these copies back to their originals.
    pub fn move_links_back(&self, copies: &mut IdSet) -> Result<()> {
        let log = LinkLog::new(self.layout)?;
        for links in MetricLinks::all(self.layout)? {
            let width = link_keys(&links).len();
            let keys: String = log.keys.iter().take(width).map(|key| format!(", {key}")).collect();
            let sql = format!(
                "SELECT {}, {}{keys} FROM {} WHERE {} = ?1 AND {} = ?2",
                log.metric, log.original, log.name, log.transform, log.table
            );
            let mut statement = self.connection.prepare_change(&move_statement(self.connection, &links)?)?;
            let which = link_condition(self.connection, &links);
            let params = [Value::Integer(self.entry.id), Value::Text(links.table.schema.name.into())];
            self.connection.query(&sql, &params, &mut |row| {
                self.job.pulse()?;
                let Some(copy) = row.value(0)?.as_integer() else { return Ok(Next::Row) };
                if copies.rank(copy)?.is_none() {
                    return Ok(Next::Row);
                }
                let mut params = vec![row.value(1)?, ValueRef::Integer(copy)];
                for at in 0..width {
                    params.push(row.value(at + 2)?);
                }
                let keys: Vec<Value> = params.iter().skip(2).map(|key| ValueRef::to_owned(*key)).collect();
                let key = |metric: ValueRef<'_>| -> Vec<Value> {
                    std::iter::once(metric.to_owned()).chain(keys.iter().cloned()).collect()
                };
                let (before, after) = (key(ValueRef::Integer(copy)), key(row.value(1)?));
                let rows = ((which.as_str(), before.as_slice()), (which.as_str(), after.as_slice()));
                match self.census.around(links.table.schema.name, rows, || statement.run(&params))? {
                    1 => Ok(Next::Row),
                    _ => {
                        Err(changed_otherwise("a link could not be moved back")
                            .detail("table", links.table.schema.name))
                    }
                }
            })?;
        }
        Ok(())
    }

    /// Removes the copies that nothing is linked to any more, be it of ours or of others; returns how many stay.
    pub fn remove_copies(&self, copies: &mut IdSet, strangers: &ForeignReferrers<'_>) -> Result<u64> {
        let mut kept = IdSet::default();
        for links in MetricLinks::all(self.layout)? {
            let sql =
                format!("SELECT {} FROM {}", links.table.quoted(links.metric_column.name), quote(&links.table.name));
            self.connection.query(&sql, &[], &mut |row| {
                self.job.pulse()?;
                if let Some(id) = row.value(0)?.as_integer()
                    && copies.rank(id)?.is_some()
                {
                    kept.insert(id)?;
                }
                Ok(Next::Row)
            })?;
        }
        let metrics = self.layout.entity(METRIC)?;
        strangers.referred_ids(metrics.schema.name, "id", &mut |id| {
            self.job.pulse()?;
            if copies.rank(id)?.is_some() {
                kept.insert(id)?;
            }
            Ok(())
        })?;
        kept.freeze()?;
        let sql = format!("DELETE FROM {} WHERE {} = ?1", quote(&metrics.name), metrics.quoted("id"));
        let mut statement = self.connection.prepare_change(&sql)?;
        copies.for_each(&mut |id| {
            self.job.pulse()?;
            let own = [Value::Integer(id)];
            let own: (&str, &[Value]) = ("id = ?1", &own);
            let mut remove = || statement.run(&[ValueRef::Integer(id)]);
            if kept.rank(id)?.is_none() && self.census.around(metrics.schema.name, (own, own), &mut remove)? != 1 {
                return Err(changed_otherwise("a copy could not be removed").detail("metric_id", id));
            }
            Ok(())
        })?;
        Ok(kept.len())
    }
}
