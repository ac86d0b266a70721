//! A row of the undo log, and the present state of its metric.

use super::Undoing;
use crate::database::{Row, TableLayout};
use crate::error::Result;
use crate::schema::experiment_manager::METRIC;
use crate::schema::{Role, UNDO, quote};
use crate::transformation::examine::same;
use crate::transformation::metric::CELLS;
use crate::transformation::undo_log::{Fingerprint, fingerprint, own};
use crate::transformation::untold::Untold;
use crate::transformation::write::select_cells;
use crate::values::{HUGE, Value, ValueRef};

/// A row of the log, and what has become of its metric.
pub struct Logged<'r> {
    pub metric: i64,
    /// Its own id.
    pub id: i64,
    pub original: Option<i64>,
    pub changed: u8,
    pub old: [ValueRef<'r>; 2],
    written: ValueRef<'r>,
    /// The metric as it is; `None` if it is gone.
    pub now: Option<[ValueRef<'r>; 2]>,
    /// The original of a copy as it is.
    source: Option<[ValueRef<'r>; 2]>,
    /// Whether a copy and its original are the same but for these cells.
    alike: bool,
}

impl<'r> Logged<'r> {
    pub fn read(row: &'r dyn Row) -> Result<Logged<'r>> {
        let mut cells = [ValueRef::Null; 14];
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
            id,
        ] = cells;
        let there = |id: ValueRef<'_>, cells| (id != ValueRef::Null).then_some(cells);
        Ok(Logged {
            metric: metric.as_integer().unwrap_or(0),
            id: id.as_integer().unwrap_or(0),
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
    pub fn before(&self, now: [ValueRef<'r>; 2]) -> [ValueRef<'r>; 2] {
        let mut before = now;
        for ((cell, old), (_, bit)) in before.iter_mut().zip(self.old).zip(CELLS) {
            if self.changed & bit != 0 {
                *cell = old;
            }
        }
        before
    }

    /// Why it cannot be restored.
    pub fn problem(&self, later: bool, torn: bool, untold: &Untold) -> Option<&'static str> {
        let Some(now) = self.now else { return Some(GONE) };
        // No transformation leaves a value whose text does not tell all of it.
        let as_left =
            || self.written == ValueRef::Blob(&fingerprint(now)) && untold.first_of(now, self.changed).is_none();
        let source =
            || self.source.map(|source| self.before(now).into_iter().zip(source).all(|(old, now)| same(old, now)));
        problem((later, torn), as_left, self.original.is_some(), || source().map(|same| same && self.alike))
    }
}

const GONE: &str = "it is gone";

/// Why a metric that is there cannot be restored, if it is as the transformation left it, or not, and, of a copy, its original as it was,
/// or not, or gone.
fn problem(
    (later, torn): (bool, bool),
    as_left: impl FnOnce() -> bool,
    is_copy: bool,
    source: impl FnOnce() -> Option<bool>,
) -> Option<&'static str> {
    if later {
        return Some("a later transformation changed it");
    }
    if !as_left() {
        return Some("it was changed since");
    }
    if !is_copy {
        return None;
    }
    match source() {
        None => Some("the metric that it was copied from is gone"),
        Some(false) => Some("it, or the metric that it was copied from, was changed since"),
        Some(true) if torn => Some("its links were changed since"),
        Some(true) => None,
    }
}

/// A row of the log that has, or whose metric or original has, huge cells: they are read one after the other, so that there is never more
/// than one of each.
pub struct HugeLogged {
    pub metric: i64,
    pub id: i64,
    pub original: Option<i64>,
    pub changed: u8,
    written: Value,
    is_there: bool,
    alike: bool,
}

impl HugeLogged {
    /// From a row of [`Undoing::restore_query`] without cells.
    pub fn read(row: &dyn Row) -> Result<HugeLogged> {
        let Logged { metric, id, original, changed, written, now, alike, .. } = Logged::read(row)?;
        let is_there = now.is_some();
        Ok(HugeLogged { metric, id, original, changed, written: written.to_owned(), is_there, alike })
    }
}

/// Which rows of the log are read, and of the cells all or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    All,
    WithoutHugeCells,
    HugeAlone,
}

impl Undoing<'_> {
    /// What a metric had, by the id of its row in the log.
    pub fn old_query(&self) -> Result<String> {
        let rows = own(self.layout, &UNDO)?;
        let [(total, _), (labels, _)] = CELLS;
        let [total, labels, id] = [total, labels, "id"].map(|column| rows.quoted(column));
        Ok(format!("SELECT {total}, {labels} FROM {} WHERE {id} = ?1", quote(&rows.name)))
    }

    /// Why a metric with huge cells cannot be restored, and the fingerprint of what it had.
    pub fn huge_problem(
        &self,
        logged: &HugeLogged,
        marks: (bool, bool),
        untold: &Untold,
    ) -> Result<(Option<&'static str>, Option<Fingerprint>)> {
        let metrics = self.layout.entity(METRIC)?;
        let sql = format!("{} WHERE {} = ?1", select_cells(metrics, "id"), metrics.quoted("id"));
        let cells = |id: i64| self.connection.first_row_locked(&sql, &[Value::Integer(id)], 3);
        let Some(Ok([total, labels, _])) =
            cells(logged.metric)?.filter(|_| logged.is_there).map(<[Value; 3]>::try_from)
        else {
            return Ok((Some(GONE), None));
        };
        let mut before = [total, labels];
        let now = before.each_ref().map(Value::borrow);
        let as_left = logged.written.borrow() == ValueRef::Blob(&fingerprint(now))
            && untold.first_of(now, logged.changed).is_none();
        let changing = CELLS.map(|(_, bit)| logged.changed & bit != 0);
        // What is not needed any more goes before the next is read.
        before.iter_mut().zip(changing).filter(|(_, changes)| *changes).for_each(|(cell, _)| *cell = Value::Null);
        let old = self.connection.first_row(&self.old_query()?, &[Value::Integer(logged.id)], 2)?.unwrap_or_default();
        for ((cell, old), _) in before.iter_mut().zip(old).zip(changing).filter(|(_, changes)| *changes) {
            *cell = old;
        }
        let fingerprint_before = fingerprint(before.each_ref().map(Value::borrow));
        drop(before);
        let source = match logged.original {
            Some(original) => cells(original)?.map(<[Value; 3]>::try_from),
            None => None,
        };
        let same = source.map(|source| match source {
            Ok([total, labels, _]) => fingerprint([total.borrow(), labels.borrow()]) == fingerprint_before,
            Err(_) => false,
        });
        let problem = problem(marks, || as_left, logged.original.is_some(), || same.map(|same| same && logged.alike));
        Ok((problem, Some(fingerprint_before)))
    }

    /// The logged rows, each with what its metric is now, and that of the original of a copy.
    pub fn restore_query(&self, metrics: &TableLayout, which: Rows) -> Result<String> {
        let rows = own(self.layout, &UNDO)?;
        let [(total, _), (labels, _)] = CELLS;
        let id = metrics.quoted("id");
        let cell = |of: &str, table: &TableLayout, column: &str| match which {
            Rows::HugeAlone => "NULL".to_owned(),
            Rows::All | Rows::WithoutHugeCells => format!("{of}.{}", table.quoted(column)),
        };
        let logged: Vec<String> = ["metric_id", "original_id", "cells", "total_val", "per_label_val", "written"]
            .iter()
            .map(|column| match CELLS.iter().any(|(cell, _)| cell == column) {
                true => cell("u", rows, column),
                false => format!("u.{}", rows.quoted(column)),
            })
            .collect();
        let bytes = |of: &str, table: &TableLayout, column: &str| {
            format!("COALESCE({}, 0)", self.connection.byte_length(&format!("{of}.{}", table.quoted(column))))
        };
        let all_cells = [("u", rows), ("m", metrics), ("o", metrics)];
        let all_bytes = all_cells.iter().flat_map(|(of, table)| CELLS.map(|(column, _)| bytes(of, table, column)));
        let all_bytes = || all_bytes.clone().collect::<Vec<_>>().join(" + ");
        let chosen = match which {
            Rows::All => String::new(),
            Rows::WithoutHugeCells => format!(" AND {} < {HUGE}", all_bytes()),
            Rows::HugeAlone => format!(" AND {} >= {HUGE}", all_bytes()),
        };
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
            .map(|column| format!(" AND {}", self.connection.identical(&format!("o.{column}"), &format!("m.{column}"))))
            .collect();
        let name = quote(&metrics.name);
        let [m_total, m_labels] = [total, labels].map(|column| cell("m", metrics, column));
        let [o_total, o_labels] = [total, labels].map(|column| cell("o", metrics, column));
        Ok(format!(
            "SELECT {}, m.{id}, {m_total}, {m_labels}, o.{id}, {o_total}, {o_labels}, (1 = 1{alike}), u.{rowid} FROM {} AS u
             LEFT JOIN {name} AS m ON m.{id} = u.{} LEFT JOIN {name} AS o ON o.{id} = u.{}
             WHERE u.{rowid} >= ?1 AND u.{rowid} < ?2{chosen} ORDER BY u.{rowid}",
            logged.join(", "),
            quote(&rows.name),
            rows.quoted("metric_id"),
            rows.quoted("original_id"),
            rowid = rows.quoted("id"),
        ))
    }
}
