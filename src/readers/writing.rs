//! Writes what was read into the target, and proves it: afterwards every row of the experiments is what it was, or what was to be written.

use std::collections::{BTreeMap, HashSet};

use super::only_new::replace;
use super::placing::Placed;
use crate::database::{
    ANOTHER_VALUE, Chunk, ColumnLayout, Connection, Layout, Loss, Next, Planned, REFUSED_VALUE, Row, TableLayout,
};
use crate::digest::{Conversion, NamedDigester, NamedTable, Sum, encode_value, hex};
use crate::error::{Domain, Error, Result, Status};
use crate::hierarchy::{NamedRows, of_experiments};
use crate::migration::{Preflight, mismatch};
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
    fit: &mut Preflight,
    job: &Job,
) -> Result<()> {
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
        let keys = here.schema.primary_key.iter().copied().filter(|name| here.position(name).is_some());
        let keys: Vec<&str> = keys.collect();
        let columns = doubted.iter().map(|(column, _)| column.name.as_str()).chain(keys.iter().copied());
        let columns: Vec<String> = columns.map(quote).collect();
        let sql = format!("SELECT {} FROM {}", columns.join(", "), quote(&here.name));
        staging.query(&sql, &[], &mut |row| {
            job.pulse()?;
            for (at, (column, there)) in doubted.iter().enumerate() {
                let value = row.value(at)?;
                let (stored, reason) =
                    match Conversion::of(target, there, value, column.schema.map(|known| known.kind))? {
                        Conversion::Same => continue,
                        Conversion::Changed(stored) => (Some(stored.borrow().describe()), ANOTHER_VALUE),
                        Conversion::Refused => (None, REFUSED_VALUE),
                    };
                let mut key = Vec::new();
                for (at, name) in keys.iter().enumerate() {
                    key.push(format!("{name}={}", row.value(doubted.len() + at)?.describe()));
                }
                fit.refused += u64::from(stored.is_none());
                fit.note(Loss {
                    table: here.schema.name,
                    row: Some(key.join(", ")),
                    column: Some(column.name.clone()),
                    reason,
                    value: Some(value.describe()),
                    stored_as: stored,
                });
            }
            Ok(Next::Row)
        })?;
    }
    Ok(())
}

/// The error of values that do not fit.
pub fn judge(fit: &Preflight) -> Result<()> {
    if fit.count == 0 {
        return Ok(());
    }
    let status = if fit.refused > 0 { Status::Constraint } else { Status::Lossy };
    let message = format!("{} values do not fit the target; nothing was changed", fit.count);
    let error = Error::new(status, Domain::ImportExport, message)
        .detail("count", fit.count)
        .hint("bring the runs into a store that holds them, such as a SQLite file");
    Err(fit.name_in(error))
}

/// Fails if what is new is more than the target takes in one transaction.
pub fn refuse_too_large(
    (staging, staged): (&dyn Connection, &Layout),
    (target, layout): (&dyn Connection, &Layout),
) -> Result<()> {
    let mut planned = Vec::new();
    for here in of_experiments(staged) {
        let count = staging.query_integer(&format!("SELECT count(*) FROM {}", quote(&here.name)), &[])?;
        let rows = count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0);
        planned.extend(layout.table(here.schema.name).map(|table| Planned { table, rows, bytes: 0 }));
    }
    match target.transaction_size(&planned)? {
        Some(size) => size.check(Domain::ImportExport),
        None => Ok(()),
    }
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
