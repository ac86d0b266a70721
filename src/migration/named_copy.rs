//! Copies the rows of an experiment of a family whose keys are texts, and reads the copy back.

use super::preflight::Preflight;
use crate::database::{Chunk, ColumnLayout, Connection, Layout, Loss, TableLayout};
use crate::digest::{Conversion, Hash, NamedDigest, NamedDigester, NamedTable, Sum, encode_value};
use crate::error::{Domain, Error, Result, Status};
use crate::hierarchy::NamedRows;
use crate::progress::Job;
use crate::schema::{Entity, Place, Role, quote};
use crate::values::{Value, ValueRef};

/// The rows of one table that were written: how many, and what they are, cell by cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    pub table: &'static str,
    pub rows: u64,
    cells: Sum,
}

/// What is copied to where.
pub struct Ends<'a> {
    pub source: &'a dyn Connection,
    pub from: &'a Layout,
    pub target: &'a dyn Connection,
    pub to: &'a Layout,
}

/// One table of both ends.
struct Pair<'l> {
    there: &'l TableLayout,
    /// For each column of the source that the target has, too: where it is there.
    columns: Vec<(usize, &'l ColumnLayout)>,
}

impl<'l> Pair<'l> {
    fn new(ends: &Ends<'l>, here: &'l TableLayout) -> Result<Pair<'l>> {
        let Some(there) = ends.to.table(here.schema.name) else {
            let message = format!("the target has no table {}", here.schema.name);
            return Err(Error::new(Status::Schema, Domain::Migration, message).detail("table", here.schema.name));
        };
        let find =
            |column: &ColumnLayout| there.columns.iter().find(|other| other.name.eq_ignore_ascii_case(&column.name));
        let columns = here.columns.iter().enumerate().filter_map(|(at, column)| Some((at, find(column)?)));
        Ok(Pair { there, columns: columns.collect() })
    }
}

/// The tables that are copied: those of the rows, and those that say again what these say.
pub fn copied(layout: &Layout) -> impl Iterator<Item = &TableLayout> {
    let takes_part =
        |table: &&TableLayout| matches!(table.schema.place, Place::Node(_) | Place::Below(_) | Place::Derived(_));
    layout.tables.iter().filter(takes_part)
}

/// Finds every value that the target cannot hold as it is, before anything is written.
pub fn find_losses(ends: &Ends<'_>, rows: &NamedRows, job: &Job) -> Result<Preflight> {
    let mut fit = Preflight::default();
    for table in copied(ends.from) {
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
        let columns: Vec<String> = table.columns.iter().map(|column| quote(&column.name)).collect();
        rows.scan(ends.source, (ends.from, table), (&columns, ""), job, &mut |named, row| {
            let key = || {
                let id = table.schema.id_column().map_or("of", |column| column.name);
                match rows.ids(named.entity).get(named.at) {
                    Some(key) => format!("{id}={}", ValueRef::Text(key).describe()),
                    None => format!("experiment_id={}", rows.experiment),
                }
            };
            for (at, column) in &lost {
                let value = row.value(1 + at)?;
                if value != ValueRef::Null {
                    fit.note(Loss {
                        table: table.schema.name,
                        row: Some(key()),
                        column: Some(column.name.clone()),
                        reason: "the target has no such column",
                        value: Some(value.describe()),
                        stored_as: None,
                    });
                }
            }
            for (at, there) in &doubted {
                let value = row.value(1 + at)?;
                let kind = there.schema.map(|known| known.kind);
                let (stored, reason) = match Conversion::of(ends.target, there, value, kind)? {
                    Conversion::Same => continue,
                    Conversion::Changed(stored) => {
                        (Some(stored.borrow().describe()), "the target would store another value")
                    }
                    Conversion::Refused => (None, "the target refuses the value"),
                };
                fit.refused += u64::from(stored.is_none());
                fit.note(Loss {
                    table: table.schema.name,
                    row: Some(key()),
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

/// Appends what a cell is, whoever stores it.
fn add_cell(value: ValueRef<'_>, column: &ColumnLayout, buffer: &mut Vec<u8>) {
    encode_value(value, column.schema.map(|known| known.kind), buffer);
}

/// Copies every row; the digest of what was read comes with it.
pub fn copy(
    ends: &Ends<'_>,
    rows: &NamedRows,
    (new_id, name): (i64, &Value),
    batch_size: usize,
    job: &Job,
) -> Result<(NamedDigest, Vec<Written>)> {
    let mut digester = NamedDigester::new(rows);
    let mut written = Vec::new();
    for table in copied(ends.from) {
        let pair = Pair::new(ends, table)?;
        let plan = NamedTable::new(ends.from.family, table);
        let names: Vec<&str> = pair.columns.iter().map(|(_, there)| there.name.as_str()).collect();
        let inserter = ends.target.inserter(pair.there, &names)?;
        let mut chunk = Chunk::new(inserter, names.len(), batch_size, job);
        let (mut cells, mut buffer) = (Sum::default(), Vec::new());
        let digests = !matches!(table.schema.place, Place::Derived(_));
        // What each column gets instead of its own value.
        let of_root = |at: usize| {
            let known = table.columns.get(at).and_then(|column| column.schema)?;
            let is_root = table.schema.place == Place::Node(Entity::ROOT);
            match known.role {
                Role::Parent(Entity::ROOT) => Some(Value::Integer(new_id)),
                Role::Id if is_root => Some(Value::Integer(new_id)),
                Role::Content if is_root && known.name == ends.from.family.listing.title => Some(name.clone()),
                _ => None,
            }
        };
        let given: Vec<Option<Value>> = pair.columns.iter().map(|(at, _)| of_root(*at)).collect();
        rows.scan(ends.source, (ends.from, table), (&plan.columns(), ""), job, &mut |named, row| {
            if digests {
                digester.row(&plan, (named, row, 1), &[])?;
            }
            buffer.clear();
            let mut values: Vec<ValueRef<'_>> = Vec::with_capacity(names.len());
            for ((at, there), given) in pair.columns.iter().zip(&given) {
                let read = row.value(1 + at)?;
                let value = match given {
                    // Assessments of earlier versions do not say which experiment they are of.
                    Some(_) if read == ValueRef::Null => read,
                    Some(value) => value.borrow(),
                    None => read,
                };
                add_cell(value, there, &mut buffer);
                values.push(value);
            }
            cells.add(blake3::hash(&buffer).as_bytes());
            chunk.push(&values)?;
            chunk.flush_if_full()
        })?;
        let rows_written = chunk.finish()?;
        written.push(Written { table: table.schema.name, rows: rows_written, cells });
    }
    Ok((digester.finish()?, written))
}

/// Reads the copy back, every cell that was written; fails unless all of them are what they were, and as many. Answers the digest.
pub fn read_back(ends: &Ends<'_>, new_id: i64, written: &[Written], job: &Job) -> Result<NamedDigest> {
    let rows = NamedRows::read(ends.target, ends.to, new_id, job)?;
    let mut digester = NamedDigester::new(&rows);
    for table in copied(ends.from) {
        let pair = Pair::new(ends, table)?;
        let plan = NamedTable::new(ends.to.family, pair.there);
        let positions: Vec<(usize, &ColumnLayout)> =
            pair.columns.iter().filter_map(|(_, there)| Some((pair.there.position(&there.name)?, *there))).collect();
        let (mut found, mut buffer) = (Sum::default(), Vec::new());
        let digests = !matches!(table.schema.place, Place::Derived(_));
        rows.scan(ends.target, (ends.to, pair.there), (&plan.columns(), ""), job, &mut |named, row| {
            if digests {
                digester.row(&plan, (named, row, 1), &[])?;
            }
            buffer.clear();
            for (at, there) in &positions {
                add_cell(row.value(1 + at)?, there, &mut buffer);
            }
            found.add(blake3::hash(&buffer).as_bytes());
            Ok(())
        })?;
        let wanted = written.iter().find(|written| written.table == table.schema.name);
        let Some(wanted) = wanted.filter(|wanted| wanted.cells != found || wanted.rows != found.count()) else {
            continue;
        };
        let message =
            format!("the rows of {} were read back different from what was written; nothing was changed", wanted.table);
        return Err(mismatch(&message)
            .detail("table", wanted.table)
            .detail("problem", format!("{} rows were written, and {} were read back", wanted.rows, found.count())));
    }
    digester.finish()
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
