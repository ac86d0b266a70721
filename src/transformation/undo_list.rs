//! Lists the transformations that can be undone, and removes their undo logs.

use serde_json::{Value as Json, json};

use super::undo_log::own;
use crate::database::{Connection, Layout, Next};
use crate::error::{Domain, Error, Result, Status};
use crate::schema::{UNDO, UNDO_LINK, UNDO_TRANSFORM, quote};
use crate::values::{Value, ValueRef};

/// A transformation that can be undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransformEntry {
    pub id: i64,
    /// Naive ISO 8601, UTC.
    pub created_at: String,
    /// What the rules were, as JSON.
    pub rules: String,
    /// Where its rows in the undo log begin.
    pub(super) first_row: i64,
    /// How many metrics it changed.
    pub metrics: u64,
    /// How many of them it copied first.
    pub copied: u64,
}

impl TransformEntry {
    /// The row of the undo log after its last.
    pub(super) fn end_row(&self) -> i64 {
        self.first_row.wrapping_add_unsigned(self.metrics)
    }

    fn to_json(&self) -> Json {
        // It was written by us; should somebody have changed it, it is shown as it is.
        let rules = serde_json::from_str(&self.rules).unwrap_or_else(|_| json!(self.rules));
        json!({
            "id": self.id,
            "created_at": self.created_at,
            "rules": rules,
            "metrics": self.metrics,
            "copied": self.copied,
        })
    }
}

/// The list as a document, schema `expmig.transforms/1`.
pub fn list_json(entries: &[TransformEntry]) -> Json {
    json!({
        "schema": "expmig.transforms/1",
        "transforms": entries.iter().map(TransformEntry::to_json).collect::<Vec<_>>(),
    })
}

/// All of them, the newest first.
pub fn list(connection: &dyn Connection, layout: &Layout) -> Result<Vec<TransformEntry>> {
    let mut entries = Vec::new();
    let Some(table) = layout.own_table(&UNDO_TRANSFORM)? else { return Ok(entries) };
    let columns: Vec<String> = UNDO_TRANSFORM.columns.iter().map(|column| table.quoted(column.name)).collect();
    let sql = format!("SELECT {} FROM {} ORDER BY 1 DESC", columns.join(", "), quote(&table.name));
    connection.query(&sql, &[], &mut |row| {
        let integer = |at| -> Result<i64> { Ok(row.value(at)?.as_integer().unwrap_or(0)) };
        let text = |at| -> Result<String> {
            Ok(match row.value(at)? {
                ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
                other => other.describe(),
            })
        };
        entries.push(TransformEntry {
            id: integer(0)?,
            created_at: text(1)?,
            rules: text(2)?,
            first_row: integer(3)?,
            metrics: u64::try_from(integer(4)?).unwrap_or(0),
            copied: u64::try_from(integer(5)?).unwrap_or(0),
        });
        Ok(Next::Row)
    })?;
    Ok(entries)
}

/// Removes what is kept of this transformation.
pub(super) fn remove(connection: &dyn Connection, layout: &Layout, entry: &TransformEntry) -> Result<()> {
    let (rows, links, transforms) = (own(layout, &UNDO)?, own(layout, &UNDO_LINK)?, own(layout, &UNDO_TRANSFORM)?);
    let id = [Value::Integer(entry.id)];
    let sql = format!("DELETE FROM {} WHERE {} >= ?1 AND {1} < ?2", quote(&rows.name), rows.quoted("id"));
    connection.execute(&sql, &[Value::Integer(entry.first_row), Value::Integer(entry.end_row())])?;
    if entry.copied > 0 {
        let sql = format!("DELETE FROM {} WHERE {} = ?1", quote(&links.name), links.quoted("transform_id"));
        connection.execute(&sql, &id)?;
    }
    let sql = format!("DELETE FROM {} WHERE {} = ?1", quote(&transforms.name), transforms.quoted("id"));
    connection.execute(&sql, &id).map(|_| ())
}

/// Keeps the newest so many, and returns how many it removed. The caller commits.
pub fn forget(connection: &dyn Connection, layout: &Layout, keep: i64) -> Result<u64> {
    let Ok(keep) = usize::try_from(keep) else {
        return Err(Error::argument(Domain::Transformation, "keep_count", "keep_count must not be negative")
            .hint("0 forgets all of them"));
    };
    let entries = list(connection, layout)?;
    let old = entries.get(keep..).unwrap_or_default();
    old.iter().try_for_each(|entry| remove(connection, layout, entry))?;
    Ok(old.len() as u64)
}

/// The transformation with this id, and all; fails with the ids that there are.
pub(super) fn find(connection: &dyn Connection, layout: &Layout, id: i64) -> Result<TransformEntry> {
    const NAMED: usize = 5;
    let entries = list(connection, layout)?;
    if let Some(found) = entries.iter().find(|entry| entry.id == id) {
        return Ok(found.clone());
    }
    let known: Vec<String> = entries.iter().take(NAMED).map(|entry| entry.id.to_string()).collect();
    let hint = match known.is_empty() {
        true => {
            "no transformation can be undone; each can be undone once, and only if backup_original was true".to_owned()
        }
        false => format!("each can be undone once; the newest that can be are {}", known.join(", ")),
    };
    Err(Error::new(Status::NotFound, Domain::Transformation, format!("there is no transformation {id} to undo"))
        .detail("transform_id", id)
        .hint(hint))
}
