//! Reading METRIC and ARTIFACT rows by a set of ids.

use super::ids::IdSet;
use crate::database::{Connection, Next, Row, TableLayout};
use crate::error::Result;
use crate::progress::Job;
use crate::schema::{Value, quote};

/// One row of this many in the range of ids is worth reading the range rather than looking each id up.
const RANGE_PER_ROW: u64 = 16;

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
    let (id, name) = (table.quoted("id"), quote(&table.name));
    if high.abs_diff(low) / set.len() <= RANGE_PER_ROW {
        let sql = format!("SELECT {id}{columns} FROM {name} WHERE {id} BETWEEN ?1 AND ?2 ORDER BY {id}");
        return connection.query(&sql, &[Value::Integer(low), Value::Integer(high)], &mut |row| {
            job.pulse()?;
            if let Some(found) = row.value(0)?.as_integer()
                && let Some(rank) = set.rank(found)?
            {
                each(rank, row)?;
            }
            Ok(Next::Row)
        });
    }
    let sql = format!("SELECT {id}{columns} FROM {name} WHERE {id} = ?1");
    let mut rank = 0;
    set.for_each(&mut |wanted| {
        job.pulse()?;
        connection.query(&sql, &[Value::Integer(wanted)], &mut |row| {
            each(rank, row)?;
            Ok(Next::Stop)
        })?;
        rank += 1;
        Ok(())
    })
}
