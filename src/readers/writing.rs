//! Writes what was read into the target, and proves it: afterwards every row of the experiments is what it was, or what was to be written.

use std::collections::{BTreeMap, HashSet};

use super::only_new::replace;
use super::placing::Placed;
use crate::database::{Chunk, ColumnLayout, Connection, Layout, Loss, Losses, Next, Row, TableLayout};
use crate::digest::{Conversion, NamedDigester, NamedTable, Sum, encode_value, hex};
use crate::error::{Domain, Error, NAMED, Result, Status};
use crate::hierarchy::{NamedRows, of_experiments};
use crate::migration::mismatch;
use crate::progress::Job;
use crate::schema::{Place, quote};
use crate::values::{Value, ValueRef};

/// The cells of the rows of each table, whatever their order.
pub type Cells = BTreeMap<&'static str, Sum>;

fn hash_of<'v>(
    columns: impl Iterator<Item = (&'v ColumnLayout, ValueRef<'v>)>,
    buffer: &mut Vec<u8>,
) -> crate::digest::Hash {
    buffer.clear();
    columns.for_each(|(column, value)| encode_value(value, column.schema.map(|known| known.kind), buffer));
    *blake3::hash(buffer).as_bytes()
}

/// The columns of the scratch database's table: what is written.
fn names(table: &TableLayout) -> Vec<&str> {
    table.columns.iter().map(|column| column.name.as_str()).collect()
}

/// What the target's columns would make of the values that are new.
pub fn find_losses(
    (staging, staged): (&dyn Connection, &Layout),
    (target, layout): (&dyn Connection, &Layout),
    job: &Job,
) -> Result<(Losses, u64)> {
    let (mut losses, mut refused) = (Losses::default(), 0);
    for here in of_experiments(staged) {
        let Some(table) = layout.table(here.schema.name) else { continue };
        let find = |name: &str| table.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name));
        let doubted: Vec<(&ColumnLayout, &ColumnLayout)> = here
            .columns
            .iter()
            .filter_map(|column| Some((column, find(&column.name)?)))
            .filter(|(column, there)| !there.takes_all_of(column))
            .collect();
        if doubted.is_empty() {
            continue;
        }
        let columns: Vec<String> = doubted.iter().map(|(column, _)| quote(&column.name)).collect();
        let sql = format!("SELECT {} FROM {}", columns.join(", "), quote(&here.name));
        staging.query(&sql, &[], &mut |row| {
            job.pulse()?;
            for (at, (column, there)) in doubted.iter().enumerate() {
                let value = row.value(at)?;
                let stored = match Conversion::of(target, there, value, column.schema.map(|known| known.kind))? {
                    Conversion::Same => continue,
                    Conversion::Changed(stored) => Some(stored.borrow().describe()),
                    Conversion::Refused => None,
                };
                refused += u64::from(stored.is_none());
                losses.add(|| Loss {
                    table: here.schema.name,
                    row: None,
                    column: Some(column.name.clone()),
                    reason: match stored {
                        Some(_) => "the target would store another value",
                        None => "the target refuses the value",
                    },
                    value: Some(value.describe()),
                    stored_as: stored.clone(),
                });
            }
            Ok(Next::Row)
        })?;
    }
    Ok((losses, refused))
}

/// The error of values that do not fit.
pub fn judge(losses: &Losses, refused: u64) -> Result<()> {
    if losses.count == 0 {
        return Ok(());
    }
    let status = if refused > 0 { Status::Constraint } else { Status::Lossy };
    let message = format!("{} values do not fit the target; nothing was changed", losses.count);
    let mut error = Error::new(status, Domain::ImportExport, message)
        .detail("count", losses.count)
        .hint("bring the runs into a store that holds them, such as a SQLite file");
    for loss in losses.first.iter().take(NAMED) {
        error = error.detail("table", loss.table);
        for (key, value) in [("column", &loss.column), ("value", &loss.value), ("stored_as", &loss.stored_as)] {
            error = value.iter().fold(error, |error, value| error.detail(key, value));
        }
    }
    Err(error)
}

/// Reads the experiments that are in the target, every cell of the columns that are written, and digests them if that is asked for.
pub fn read_cells(
    (target, layout): (&dyn Connection, &Layout),
    (staged, experiments): (&Layout, &[Placed]),
    mut digests: Option<&mut BTreeMap<i64, String>>,
    job: &Job,
) -> Result<Cells> {
    let mut cells = Cells::new();
    let mut done = HashSet::new();
    let mut buffer = Vec::new();
    for placed in experiments {
        if !done.insert(placed.id) {
            continue;
        }
        let rows = NamedRows::read(target, layout, placed.id, job)?;
        let mut digester = NamedDigester::new(&rows);
        for table in of_experiments(layout) {
            let plan = NamedTable::new(layout.family, table);
            let here = staged.table(table.schema.name);
            let columns: Vec<(usize, &ColumnLayout)> = here.map_or_else(Vec::new, |here| {
                here.columns.iter().filter_map(|column| Some((table.position(&column.name)?, column))).collect()
            });
            let sum = cells.entry(table.schema.name).or_default();
            let is_digested = digests.is_some() && !matches!(table.schema.place, Place::Derived(_));
            rows.scan(target, (layout, table), (&plan.columns(), ""), job, &mut |named, row| {
                if is_digested {
                    digester.row(&plan, (named, row, 1), &[])?;
                }
                buffer.clear();
                for (at, column) in &columns {
                    encode_value(row.value(1 + at)?, column.schema.map(|known| known.kind), &mut buffer);
                }
                sum.add(blake3::hash(&buffer).as_bytes());
                Ok(())
            })?;
        }
        if let Some(digests) = &mut digests {
            digests.insert(placed.id, hex(&digester.finish()?.experiment));
        }
    }
    Ok(cells)
}

/// Writes everything that is new; adds it to the cells that were there.
pub fn write(
    (staging, staged): (&dyn Connection, &Layout),
    (target, layout): (&dyn Connection, &Layout),
    cells: &mut Cells,
    job: &Job,
) -> Result<Vec<(&'static str, u64)>> {
    let mut buffer = Vec::new();
    let mut inserted = Vec::new();
    for here in of_experiments(staged) {
        let Some(table) = layout.table(here.schema.name) else { continue };
        let names = names(here);
        let columns: Vec<String> = names.iter().map(|name| quote(name)).collect();
        let sum = cells.entry(here.schema.name).or_default();
        let mut chunk = Chunk::new(target.inserter(table, &names)?, names.len(), usize::MAX, job);
        let sql = format!("SELECT {} FROM {}", columns.join(", "), quote(&here.name));
        staging.query(&sql, &[], &mut |row| {
            let mut values: Vec<ValueRef<'_>> = Vec::with_capacity(names.len());
            for at in 0..names.len() {
                values.push(row.value(at)?);
            }
            sum.add(&hash_of(here.columns.iter().zip(values.iter().copied()), &mut buffer));
            chunk.push(&values)?;
            chunk.flush_if_full()?;
            Ok(Next::Row)
        })?;
        inserted.push((here.schema.name, chunk.finish()?));
    }
    replace((staging, staged), (target, layout), &mut |table, before, after| {
        let sum = cells.entry(table.schema.name).or_default();
        let mut hash =
            |values: &[Value]| hash_of(table.columns.iter().zip(values.iter().map(Value::borrow)), &mut buffer);
        sum.remove(&hash(before));
        sum.add(&hash(after));
        Ok(())
    })?;
    Ok(inserted)
}

/// Fails unless the target has exactly what it has to have.
pub fn prove(expected: &Cells, found: &Cells) -> Result<()> {
    for (table, wanted) in expected {
        let there = found.get(table).copied().unwrap_or_default();
        if there != *wanted {
            let message =
                format!("the rows of {table} were read back different from what was written; nothing was changed");
            let problem = format!("{} rows have to be there, and {} are", wanted.count(), there.count());
            return Err(mismatch(&message)
                .in_domain(Domain::ImportExport)
                .detail("table", table)
                .detail("problem", problem));
        }
    }
    Ok(())
}
