//! Reads METRIC and ARTIFACT rows by a set of ids.

use super::ids::IdSet;
use crate::database::{Connection, Next, Row, TableLayout, between};
use crate::error::Result;
use crate::progress::Job;
use crate::schema::quote;
use crate::values::Value;

/// One row of this many in the range of ids is worth reading the range rather than looking each id up.
const RANGE_PER_ROW: u64 = 16;
/// Otherwise so many are looked up with one statement.
const IDS_AT_ONCE: usize = 100;

/// Hands over the rows of a leaf table whose ids lie between these two, by id. `columns` is the select list after the id, which is column 0.
pub fn scan_leaf_range(
    connection: &dyn Connection,
    table: &TableLayout,
    bounds: (i64, i64),
    columns: &str,
    job: &Job,
    each: &mut dyn FnMut(i64, &dyn Row) -> Result<()>,
) -> Result<()> {
    let id = table.id();
    let sql = format!("{} ORDER BY {id}", table.select_between(&format!("{id}{columns}"), &id));
    connection.query(&sql, &between(bounds), &mut |row| {
        job.pulse()?;
        if let Some(found) = row.value(0)?.as_integer() {
            each(found, row)?;
        }
        Ok(Next::Row)
    })
}

/// Hands over the rows of a leaf table whose ids are in the frozen set, in the order of ids. `columns` is the select list after
/// the id, which is column 0; the rank of the id comes first.
pub fn scan_leaves(
    connection: &dyn Connection,
    table: &TableLayout,
    set: &mut IdSet,
    columns: &str,
    job: &Job,
    each: &mut dyn FnMut(u64, &dyn Row) -> Result<()>,
) -> Result<()> {
    let Some((low, high)) = set.bounds() else {
        return Ok(());
    };
    if high.abs_diff(low) / set.len() <= RANGE_PER_ROW {
        return scan_leaf_range(
            connection,
            table,
            (low, high),
            columns,
            job,
            &mut |found, row| match set.rank(found)? {
                Some(rank) => each(rank, row),
                None => Ok(()),
            },
        );
    }
    let (id, name) = (table.id(), quote(&table.name));
    let places: Vec<String> = (1..=IDS_AT_ONCE).map(|place| format!("?{place}")).collect();
    let sql = format!("SELECT {id}{columns} FROM {name} WHERE {id} IN ({}) ORDER BY {id}", places.join(", "));
    let mut look_up = |wanted: &[i64], rank: u64| {
        let Some(last) = wanted.last() else { return Ok(()) };
        // The same statement for every group: the last id fills it up.
        let filled = wanted.iter().chain(std::iter::repeat(last)).take(IDS_AT_ONCE);
        let params: Vec<Value> = filled.map(|id| Value::Integer(*id)).collect();
        connection.query(&sql, &params, &mut |row| {
            job.pulse()?;
            let found = row.value(0)?.as_integer().and_then(|found| wanted.binary_search(&found).ok());
            if let Some(at) = found {
                each(rank + at as u64, row)?;
            }
            Ok(Next::Row)
        })
    };
    let mut group = Vec::with_capacity(IDS_AT_ONCE);
    let mut rank = 0;
    set.for_each(&mut |wanted| {
        group.push(wanted);
        if group.len() == IDS_AT_ONCE {
            look_up(&group, rank)?;
            rank += group.len() as u64;
            group.clear();
        }
        Ok(())
    })?;
    look_up(&group, rank)
}
