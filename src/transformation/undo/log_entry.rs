//! A row of the undo log, and the present state of its metric.

use super::Undoing;
use crate::database::{Row, TableLayout};
use crate::error::Result;
use crate::schema::{Role, UNDO, quote};
use crate::transformation::examine::same;
use crate::transformation::metric::CELLS;
use crate::transformation::undo_log::{fingerprint, own};
use crate::transformation::untold::Untold;
use crate::values::ValueRef;

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
        let Some(now) = self.now else { return Some("it is gone") };
        if later {
            return Some("a later transformation changed it");
        }
        // No transformation leaves a value whose text does not tell all of it.
        if self.written != ValueRef::Blob(&fingerprint(now)) || untold.first_of(now, self.changed).is_some() {
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

impl Undoing<'_> {
    /// What a metric had, by the id of its row in the log.
    pub fn old_query(&self) -> Result<String> {
        let rows = own(self.layout, &UNDO)?;
        let [(total, _), (labels, _)] = CELLS;
        let [total, labels, id] = [total, labels, "id"].map(|column| rows.quoted(column));
        Ok(format!("SELECT {total}, {labels} FROM {} WHERE {id} = ?1", quote(&rows.name)))
    }

    /// The logged rows, each with what its metric is now, and that of the original of a copy.
    pub fn restore_query(&self, metrics: &TableLayout) -> Result<String> {
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
            .map(|column| format!(" AND {}", self.connection.identical(&format!("o.{column}"), &format!("m.{column}"))))
            .collect();
        let name = quote(&metrics.name);
        Ok(format!(
            "SELECT {}, m.{id}, m.{total}, m.{labels}, o.{id}, o.{total}, o.{labels}, (1 = 1{alike}), u.{rowid} FROM {} AS u
             LEFT JOIN {name} AS m ON m.{id} = u.{} LEFT JOIN {name} AS o ON o.{id} = u.{}
             WHERE u.{rowid} >= ?1 AND u.{rowid} < ?2 ORDER BY u.{rowid}",
            logged.join(", "),
            quote(&rows.name),
            rows.quoted("metric_id"),
            rows.quoted("original_id"),
            rowid = rows.quoted("id"),
        ))
    }
}
