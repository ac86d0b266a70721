//! Undoing a transformation: its metrics get back what they had, byte for byte, unless somebody changed them since.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::examine::{CELLS, same};
use super::links::{link_keys, move_statement};
use super::options::UndoOptions;
use super::selection::MetricLinks;
use super::undo_list::{TransformEntry, find, remove};
use super::undo_log::{Fingerprint, LINK_KEYS, fingerprint, own};
use super::write::{changed_otherwise, read_back, update_statement};
use crate::database::{Change, Connection, Database, Layout, Next, Row, TableLayout, Transaction, Watches};
use crate::error::{Domain, Error, Result, Status};
use crate::hierarchy::IdSet;
use crate::progress::Job;
use crate::schema::{Entity, Role, UNDO, UNDO_LINK, Value, ValueRef, quote};

/// How many metrics that cannot be restored are listed; an error names fewer.
const LISTED: usize = 100;
const NAMED: usize = 20;
/// Rows read, and bytes, before they are written.
const FULL_ROWS: usize = 4096;
const FULL_BYTES: usize = 1 << 20;

/// A metric that cannot be restored, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedSince {
    pub metric_id: i64,
    pub problem: &'static str,
}

/// What an undo did.
#[derive(Clone, Debug, Default)]
pub struct UndoResult {
    pub transform_id: i64,
    /// Metrics that have again what they had.
    pub restored: u64,
    /// Of these, the ones that had been copied: their links lead to the original again.
    pub copies: u64,
    /// Copies that stay, because something else is linked to them now.
    pub copies_kept: u64,
    /// Metrics that were left as they are: how many, and some of them.
    pub skipped: u64,
    pub skipped_first: Vec<ChangedSince>,
    pub duration: Duration,
}

impl UndoResult {
    /// The whole result, schema `expmig.undo/1`.
    pub fn to_json(&self) -> Json {
        let skipped: Vec<Json> =
            self.skipped_first.iter().map(|one| json!({"metric_id": one.metric_id, "problem": one.problem})).collect();
        json!({
            "schema": "expmig.undo/1",
            "transform_id": self.transform_id,
            "metrics_restored": self.restored,
            "copies_undone": self.copies,
            "copies_kept": self.copies_kept,
            "metrics_skipped": self.skipped,
            "skipped": skipped,
            "duration_ns": u64::try_from(self.duration.as_nanos()).unwrap_or(u64::MAX),
        })
    }
}

/// Undoes a transformation in one transaction.
pub fn undo(database: &Database, transform: i64, mut options: UndoOptions) -> Result<UndoResult> {
    let job = Job::new(Domain::Transformation, options.progress.take(), options.cancel.take());
    job.begin("opening")?;
    let connection = database.writer(&job)?;
    let _watches = Watches::new(&job, [connection, connection]);
    let transaction = Transaction::write(connection)?;
    let layout = database.checked(connection.layout()?)?;
    let entry = find(connection, &layout, transform)?;
    let mut undoing = Undoing { connection, layout: &layout, entry: &entry, job: &job };
    let mut result = undoing.run(options.skip_changed)?;
    job.begin("committing")?;
    transaction.commit()?;
    job.finish();
    result.duration = job.elapsed();
    Ok(result)
}

struct Undoing<'a> {
    connection: &'a dyn Connection,
    layout: &'a Layout,
    entry: &'a TransformEntry,
    job: &'a Arc<Job>,
}

/// The metrics that later transformations changed again, and those transformations.
#[derive(Default)]
struct Later {
    metrics: IdSet,
    transforms: BTreeSet<i64>,
}

impl Undoing<'_> {
    fn run(&mut self, skip_changed: bool) -> Result<UndoResult> {
        self.job.set_total(self.entry.metrics);
        self.job.begin("looking for later changes")?;
        let mut later = self.later()?;
        let mut torn = self.torn_links()?;
        self.job.begin("restoring metrics")?;
        let mut result = UndoResult { transform_id: self.entry.id, ..UndoResult::default() };
        let mut copies = self.restore(&mut later, &mut torn, skip_changed, &mut result)?;
        if result.skipped > 0 && !skip_changed {
            return Err(self.refused(&result, &later));
        }
        if !copies.is_empty() {
            self.job.begin("moving links back")?;
            self.move_links_back(&mut copies)?;
            result.copies_kept = self.remove_copies(&mut copies)?;
        }
        remove(self.connection, self.layout, self.entry)?;
        Ok(result)
    }

    fn refused(&self, result: &UndoResult, later: &Later) -> Error {
        let (id, total) = (self.entry.id, self.entry.metrics);
        let message = format!(
            "{} of the {total} metrics that transformation {id} changed are not as it left them; nothing was changed",
            result.skipped
        );
        let newest: Vec<String> = later.transforms.iter().rev().map(i64::to_string).collect();
        let hint = match newest.is_empty() {
            true => "undo with skip_changed leaves these metrics as they are and restores the others".to_owned(),
            false => format!(
                "first undo the later transformations of these metrics, the newest first: {}",
                newest.join(", ")
            ),
        };
        let mut error = Error::new(Status::Mismatch, Domain::Transformation, message)
            .detail("transform_id", id)
            .detail("count", result.skipped)
            .hint(hint);
        for newer in newest {
            error = error.detail("newer_transform_id", newer);
        }
        result.skipped_first.iter().take(NAMED).fold(error, |error, one| {
            let row = format!("id={}", one.metric_id);
            error.detail("table", "METRIC").detail("row", row).detail("problem", one.problem)
        })
    }

    /// Looks among the rows of newer transformations for metrics of this one.
    fn later(&self) -> Result<Later> {
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

    /// The copies with links that are not as they were left.
    fn torn_links(&self) -> Result<IdSet> {
        let mut torn = IdSet::default();
        if self.entry.copied > 0 {
            let known = MetricLinks::all(self.layout)?;
            let log = LinkLog::new(self.layout)?;
            for links in &known {
                let (name, metric) = (quote(&links.table.name), links.table.quoted(links.metric_column.name));
                let same: String = link_keys(links)
                    .iter()
                    .zip(&log.keys)
                    .map(|(key, logged)| format!(" AND t.{} IS l.{logged}", links.table.quoted(key.name)))
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

    /// Restores every metric that can be; returns the copies among them, which still stand. Writes nothing more once it is
    /// certain that nothing shall be changed.
    fn restore(
        &self,
        later: &mut Later,
        torn: &mut IdSet,
        skip_changed: bool,
        result: &mut UndoResult,
    ) -> Result<IdSet> {
        let metrics = self.layout.entity(Entity::Metric)?;
        let mut restorer = Restorer {
            connection: self.connection,
            table: metrics,
            statements: Default::default(),
            suspicious: self.connection.has_triggers(metrics)?,
            pending: Vec::new(),
            bytes: 0,
        };
        let mut copies = IdSet::default();
        let params = [Value::Integer(self.entry.first_row), Value::Integer(self.entry.end_row())];
        let mut seen = 0;
        self.connection.query(&self.restore_query(metrics)?, &params, &mut |row| {
            seen += 1;
            let logged = Logged::read(row)?;
            let is_later = later.metrics.rank(logged.metric)?.is_some();
            let is_torn = torn.rank(logged.metric)?.is_some();
            if let Some(problem) = logged.problem(is_later, is_torn) {
                result.skipped += 1;
                if result.skipped_first.len() < LISTED {
                    result.skipped_first.push(ChangedSince { metric_id: logged.metric, problem });
                }
                self.job.fail_row(format!("METRIC (id={}): {problem}", logged.metric))?;
                return Ok(Next::Row);
            }
            result.restored += 1;
            if logged.original.is_some() {
                result.copies += 1;
                copies.insert(logged.metric)?;
            } else if result.skipped == 0 || skip_changed {
                restorer.push(&logged)?;
            }
            self.job.advance()?;
            Ok(Next::Row)
        })?;
        if seen != self.entry.metrics {
            let message = format!(
                "the undo log has {seen} metrics of transformation {}, not {}",
                self.entry.id, self.entry.metrics
            );
            return Err(Error::new(Status::Mismatch, Domain::Transformation, message)
                .detail("table", UNDO.name)
                .hint("somebody changed the tables of the undo log; nothing was changed"));
        }
        restorer.flush()?;
        copies.freeze()?;
        Ok(copies)
    }

    /// The logged rows, each with what its metric is now, and that of the original of a copy.
    fn restore_query(&self, metrics: &TableLayout) -> Result<String> {
        let rows = own(self.layout, &UNDO)?;
        let [(total, _), (labels, _)] = CELLS;
        let (id, total, labels) = (metrics.quoted("id"), metrics.quoted(total), metrics.quoted(labels));
        let logged: Vec<String> = ["metric_id", "original_id", "cells", "total_val", "per_label_val", "written"]
            .iter()
            .map(|column| format!("u.{}", rows.quoted(column)))
            .collect();
        // All columns that a transformation leaves alone.
        let alike: String = metrics
            .columns
            .iter()
            .filter(|column| {
                column
                    .schema
                    .is_none_or(|known| known.role != Role::Id && CELLS.iter().all(|(name, _)| *name != known.name))
            })
            .map(|column| quote(&column.name))
            .map(|column| {
                format!(" AND o.{column} IS m.{column} COLLATE BINARY AND typeof(o.{column}) = typeof(m.{column})")
            })
            .collect();
        let name = quote(&metrics.name);
        Ok(format!(
            "SELECT {}, m.{id}, m.{total}, m.{labels}, o.{id}, o.{total}, o.{labels}, 1{alike} FROM {} AS u
             LEFT JOIN {name} AS m ON m.{id} = u.{} LEFT JOIN {name} AS o ON o.{id} = u.{}
             WHERE u.{rowid} >= ?1 AND u.{rowid} < ?2 ORDER BY u.{rowid}",
            logged.join(", "),
            quote(&rows.name),
            rows.quoted("metric_id"),
            rows.quoted("original_id"),
            rowid = rows.quoted("id"),
        ))
    }

    fn move_links_back(&self, copies: &mut IdSet) -> Result<()> {
        let log = LinkLog::new(self.layout)?;
        for links in MetricLinks::all(self.layout)? {
            let width = link_keys(&links).len();
            let keys: String = log.keys.iter().take(width).map(|key| format!(", {key}")).collect();
            let sql = format!(
                "SELECT {}, {}{keys} FROM {} WHERE {} = ?1 AND {} = ?2",
                log.metric, log.original, log.name, log.transform, log.table
            );
            let mut statement = self.connection.prepare_change(&move_statement(self.connection, &links))?;
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
                match statement.run(&params)? {
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

    /// Removes the copies that nothing is linked to any more; returns how many stay.
    fn remove_copies(&self, copies: &mut IdSet) -> Result<u64> {
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
        kept.freeze()?;
        let metrics = self.layout.entity(Entity::Metric)?;
        let sql = format!("DELETE FROM {} WHERE {} = ?1", quote(&metrics.name), metrics.quoted("id"));
        let mut statement = self.connection.prepare_change(&sql)?;
        copies.for_each(&mut |id| {
            self.job.pulse()?;
            if kept.rank(id)?.is_none() && statement.run(&[ValueRef::Integer(id)])? != 1 {
                return Err(changed_otherwise("a copy could not be removed").detail("metric_id", id));
            }
            Ok(())
        })?;
        Ok(kept.len())
    }
}

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

/// A row of the log, and what has become of its metric.
struct Logged<'r> {
    metric: i64,
    original: Option<i64>,
    changed: u8,
    old: [ValueRef<'r>; 2],
    written: ValueRef<'r>,
    /// The metric as it is; `None` if it is gone.
    now: Option<[ValueRef<'r>; 2]>,
    /// The original of a copy as it is.
    source: Option<[ValueRef<'r>; 2]>,
    /// Whether a copy and its original are the same but for these cells.
    alike: bool,
}

impl<'r> Logged<'r> {
    fn read(row: &'r dyn Row) -> Result<Logged<'r>> {
        let mut cells = [ValueRef::Null; 13];
        row.values(&mut cells)?;
        let [
            metric,
            original,
            changed,
            total,
            labels,
            written,
            now,
            now_total,
            now_labels,
            source,
            source_total,
            source_labels,
            alike,
        ] = cells;
        let there = |id: ValueRef<'_>, cells| (id != ValueRef::Null).then_some(cells);
        Ok(Logged {
            metric: metric.as_integer().unwrap_or(0),
            original: original.as_integer(),
            changed: changed.as_integer().and_then(|bits| u8::try_from(bits).ok()).unwrap_or(0),
            old: [total, labels],
            written,
            now: there(now, [now_total, now_labels]),
            source: there(source, [source_total, source_labels]),
            alike: alike.as_integer() == Some(1),
        })
    }

    /// What the metric had: the logged cells, and as they are those that were not changed.
    fn before(&self, now: [ValueRef<'r>; 2]) -> [ValueRef<'r>; 2] {
        let mut before = now;
        for ((cell, old), (_, bit)) in before.iter_mut().zip(self.old).zip(CELLS) {
            if self.changed & bit != 0 {
                *cell = old;
            }
        }
        before
    }

    /// Why it cannot be restored.
    fn problem(&self, later: bool, torn: bool) -> Option<&'static str> {
        let Some(now) = self.now else { return Some("it is gone") };
        if later {
            return Some("a later transformation changed it");
        }
        if self.written != ValueRef::Blob(&fingerprint(now)) {
            return Some("it was changed since");
        }
        self.original?;
        let Some(source) = self.source else { return Some("the metric that it was copied from is gone") };
        let unchanged = self.before(now).into_iter().zip(source).all(|(old, now)| same(old, now));
        match (unchanged && self.alike, torn) {
            (false, _) => Some("it, or the metric that it was copied from, was changed since"),
            (true, true) => Some("its links were changed since"),
            (true, false) => None,
        }
    }
}

/// Writes old cells back, chunk by chunk.
struct Restorer<'a> {
    connection: &'a dyn Connection,
    table: &'a TableLayout,
    statements: [Option<Box<dyn Change + 'a>>; 4],
    suspicious: bool,
    pending: Vec<(i64, u8, [Value; 2], Option<Fingerprint>)>,
    bytes: usize,
}

impl Restorer<'_> {
    fn push(&mut self, logged: &Logged<'_>) -> Result<()> {
        let wanted = match (self.suspicious, logged.now) {
            (true, Some(now)) => Some(fingerprint(logged.before(now))),
            _ => None,
        };
        for cell in logged.old {
            if let ValueRef::Text(bytes) | ValueRef::Blob(bytes) = cell {
                self.bytes += bytes.len();
            }
        }
        self.pending.push((logged.metric, logged.changed, logged.old.map(ValueRef::to_owned), wanted));
        if self.pending.len() >= FULL_ROWS || self.bytes >= FULL_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        self.bytes = 0;
        for (id, changed, old, wanted) in self.pending.drain(..) {
            let Some(place) = self.statements.get_mut(usize::from(changed)).filter(|_| changed != 0) else {
                return Err(Error::internal(
                    Domain::Transformation,
                    format!("the undo log of metric {id} has no cells"),
                ));
            };
            let statement = match place {
                Some(prepared) => prepared,
                None => place.insert(self.connection.prepare_change(&update_statement(self.table, changed))?),
            };
            let mut params = vec![ValueRef::Integer(id)];
            let cells = old.iter().zip(CELLS).filter(|(_, (_, bit))| changed & bit != 0);
            params.extend(cells.map(|(cell, _)| cell.borrow()));
            if statement.run(&params)? != 1 {
                return Err(changed_otherwise("the database did not change the row").detail("row", format!("id={id}")));
            }
            if let Some(wanted) = wanted {
                read_back(self.connection, self.table, id, &wanted)?;
            }
        }
        Ok(())
    }
}
