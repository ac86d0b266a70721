//! Copies the rows of an experiment of a family whose keys are texts, and reads the copy back.

use std::collections::{HashMap, HashSet};

use super::named_cells::{Found, TableCells, Teller, target_cells, written_cells};
use super::named_ends::{Destination, Ends, Pair};
use super::named_map::{Changes, Locations, RowMap};
use super::preflight::Preflight;
use crate::database::{ANOTHER_VALUE, Chunk, ColumnLayout, Loss, NO_COLUMN, REFUSED_VALUE, Row, TableLayout};
use crate::digest::{Conversion, Hash, NamedDigest, NamedDigester, NamedTable};
use crate::error::{Domain, Error, Result, Status};
use crate::hierarchy::{Named, NamedRows, of_experiments};
use crate::progress::Job;
use crate::schema::{Entity, Place, Role, quote};
use crate::values::{Value, ValueRef};

/// The rows of one table that were written.
#[derive(Clone, Copy, Debug)]
pub struct Written {
    pub table: &'static str,
    /// Those of the source.
    pub rows: u64,
    pub cells: TableCells,
}

/// Finds every value that the target cannot hold as it is, before anything is written. Where artifacts are is looked at as it will be.
pub fn find_losses(ends: &Ends<'_>, changes: &Changes<'_>, job: &Job) -> Result<Preflight> {
    let mut fit = Preflight::default();
    let rows = changes.rows;
    for table in of_experiments(ends.from) {
        let pair = Pair::new(ends, table)?;
        let lost = table.columns.iter().enumerate().filter(|(at, _)| pair.columns.iter().all(|(other, _)| other != at));
        let lost: Vec<(usize, &ColumnLayout)> = lost.collect();
        let doubted: Vec<(usize, &ColumnLayout)> = pair
            .columns
            .iter()
            .copied()
            .filter(|(at, there)| table.columns.get(*at).is_none_or(|here| !there.takes_all_of(here)))
            .collect();
        if lost.is_empty() && doubted.is_empty() {
            continue;
        }
        let map = RowMap::new(changes, table, |_| None);
        let columns: Vec<String> = table.columns.iter().map(|column| quote(&column.name)).collect();
        let keys = table.key_columns().into_iter().filter_map(|name| Some((name, table.position(name)?)));
        let keys: Vec<(&str, usize)> = keys.collect();
        rows.scan(ends.source, (ends.from, table), (&columns, ""), job, &mut |named, row| {
            let key = || -> Result<String> {
                let part = |&(name, at): &(&str, usize)| Ok(format!("{name}={}", row.value(1 + at)?.describe()));
                Ok(keys.iter().map(part).collect::<Result<Vec<String>>>()?.join(", "))
            };
            for (at, column) in &lost {
                let value = row.value(1 + at)?;
                if value != ValueRef::Null {
                    fit.note(Loss {
                        table: table.schema.name,
                        row: Some(key()?),
                        column: Some(column.name.clone()),
                        reason: NO_COLUMN,
                        value: Some(value.describe()),
                        stored_as: None,
                    });
                }
            }
            for (at, there) in &doubted {
                let mapped = map.cell(*at, (named, row, 1))?;
                let value = mapped.as_ref().map_or(row.value(1 + at)?, Value::borrow);
                let kind = there.schema.map(|known| known.kind);
                let (stored, reason) = match Conversion::of(ends.target, there, value, kind)? {
                    Conversion::Same => continue,
                    Conversion::Changed(stored) => (Some(stored.borrow().describe()), ANOTHER_VALUE),
                    Conversion::Refused => (None, REFUSED_VALUE),
                };
                fit.refused += u64::from(stored.is_none());
                fit.note(Loss {
                    table: table.schema.name,
                    row: Some(key()?),
                    column: Some(there.name.clone()),
                    reason,
                    value: Some(value.describe()),
                    stored_as: stored,
                });
            }
            Ok(())
        })?;
    }
    Ok(fit)
}

/// What was copied.
pub struct Done {
    /// Of what was read.
    pub digest: NamedDigest,
    /// Of everything below the experiment as it has to be in the target.
    pub expected_body: Hash,
    pub written: Vec<Written>,
    pub locations: Option<Locations>,
    /// Rows that hang on the experiment itself which the target has with another content.
    pub differing: Vec<String>,
}

/// Copies every row; the digest of what was read comes with it.
pub fn copy(ends: &Ends<'_>, changes: &Changes<'_>, to: &Destination, batch_size: usize, job: &Job) -> Result<Done> {
    let rows = changes.rows;
    let mut digester = NamedDigester::new(rows);
    let mut expected = changes.artifacts.map(|_| NamedDigester::new(rows));
    let mut locations = changes.artifacts.map(|_| Locations::default());
    let (mut written, mut differing) = (Vec::new(), Vec::new());
    for table in of_experiments(ends.from) {
        let pair = Pair::new(ends, table)?;
        let plan = NamedTable::new(ends.from.family, table);
        let names: Vec<&str> = pair.columns.iter().map(|(_, there)| there.name.as_str()).collect();
        let inserter = ends.target.inserter(pair.there, &names)?;
        let mut chunk = Chunk::new(inserter, names.len(), batch_size, job);
        let mut teller = Teller::new(ends, table, &pair, rows);
        let mut read = 0;
        let columns = plan.columns();
        let digests = !matches!(table.schema.place, Place::Derived(_));
        let map = RowMap::new(changes, table, |known| to.given(table, known));
        let own = table.schema.place == Place::Node(Entity::ROOT);
        let (there, telling) = (to.there.get(table.schema.name), telling_position(table));
        rows.scan(ends.source, (ends.from, table), (&columns, ""), job, &mut |named, row| {
            read += 1;
            let digest = if digests { digester.row(&plan, (named, row, 1), &[])? } else { Hash::default() };
            let is_there = match (there, telling) {
                (Some(there), Some(at)) => {
                    matches!(row.value(1 + at)?, ValueRef::Text(text) if there.contains(text))
                }
                _ => false,
            };
            if is_there || changes.keys.is_there(named) || (own && to.own_row.is_none()) {
                if is_there {
                    let text = telling.map(|at| row.value(1 + at)).transpose()?;
                    differing.push(format!(
                        "{} {}",
                        table.schema.name,
                        text.map_or_else(String::new, |t| t.describe())
                    ));
                }
                return job.advance();
            }
            if let Some(expected) = &mut expected {
                let moved = map.locations((named, row, 1), locations.as_mut())?;
                if digests {
                    expected.row(&plan, (named, row, 1), &moved)?;
                }
            }
            written_cells((&pair, &map), (named, row), &mut |values| {
                teller.add((&pair, named.at), &digest, values);
                chunk.push(values)
            })?;
            chunk.flush_if_full()
        })?;
        chunk.finish()?;
        let owner = table.schema.owner();
        let key = |at| changes.keys.of(Named { entity: owner?, at }).or_else(|| rows.ids(owner?).get(at));
        written.push(Written { table: table.schema.name, rows: read, cells: teller.finish(key) });
    }
    let digest = digester.finish()?;
    let expected_body = match (expected, &to.own_row) {
        (Some(expected), Some(_)) => expected.finish()?.body,
        _ => digest.body,
    };
    Ok(Done { digest, expected_body, written, locations, differing })
}

/// Where the text is that tells the rows of one owner apart.
fn telling_position(table: &TableLayout) -> Option<usize> {
    let index = table.schema.columns.iter().find(|column| column.role == Role::Index)?;
    table.position(index.name)
}

/// Of the rows that hang on an experiment of the target itself what tells them apart, by table.
pub fn there_already(ends: &Ends<'_>, rows: &NamedRows, job: &Job) -> Result<HashMap<&'static str, HashSet<Vec<u8>>>> {
    let mut there = HashMap::new();
    for table in of_experiments(ends.to).filter(|table| table.schema.place == Place::Below(Entity::ROOT)) {
        let Some(at) = telling_position(table) else { continue };
        let columns: Vec<String> = table.columns.iter().map(|column| quote(&column.name)).collect();
        let mut texts = HashSet::new();
        rows.scan(ends.target, (ends.to, table), (&columns, ""), job, &mut |_, row| {
            if let ValueRef::Text(text) = row.value(1 + at)? {
                texts.insert(text.to_vec());
            }
            Ok(())
        })?;
        there.insert(table.schema.name, texts);
    }
    Ok(there)
}

/// Reads the copy back, every cell that was written; fails unless all of them are what they were, and as many, beside what was there `before`. Answers
/// the digest.
pub fn read_back(
    ends: &Ends<'_>,
    id: i64,
    (written, before): (&[Written], Option<&Found>),
    job: &Job,
) -> Result<NamedDigest> {
    let rows = NamedRows::uncounted(ends.target, ends.to, id, job)?;
    let found = target_cells(ends, &rows, job)?;
    for wanted in written {
        let mut cells = wanted.cells;
        if let Some(there) = before.and_then(|before| before.tables.get(wanted.table)) {
            cells.add_all(there);
        }
        let read = found.tables.get(wanted.table).copied().unwrap_or_default();
        if cells == read {
            continue;
        }
        let message =
            format!("the rows of {} were read back different from what was written; nothing was changed", wanted.table);
        return Err(mismatch(&message)
            .detail("table", wanted.table)
            .detail("problem", format!("{} rows should be there, and {} were read back", cells.rows, read.rows)));
    }
    Ok(found.digest)
}

/// The error of a copy that is not what it should be.
pub fn mismatch(message: &str) -> Error {
    Error::new(Status::Mismatch, Domain::Migration, message)
        .hint("something else writes into the target's tables, or rows that hung on nothing there are now the copy's: validate the target")
}

/// Fails unless the copy's digest is what it has to be.
pub fn check_digest(expected: &Hash, found: &Hash) -> Result<()> {
    if expected == found {
        return Ok(());
    }
    Err(mismatch("the copy is not what it should be; nothing was changed")
        .detail("expected_digest", crate::digest::hex(expected))
        .detail("target_digest", crate::digest::hex(found)))
}
