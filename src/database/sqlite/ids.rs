//! Finds ids that no row of a table has or had.

use super::connection::SqliteConnection;
use crate::database::connection::{Catalog, Reads};
use crate::database::layout::TableLayout;
use crate::database::mentions::mentions;
use crate::error::{Domain, Error, Result, Status};
use crate::schema::quote;
use crate::values::Value;

fn integer(connection: &SqliteConnection, sql: &str) -> Result<Option<i64>> {
    connection.inner.query_row(sql, [], |row| row.get(0)).map_err(|error| connection.wrap(error))
}

/// The highest id that the table has or had.
pub fn high_water(connection: &SqliteConnection, table: &TableLayout) -> Result<i64> {
    let (id, name) = (table.id(), quote(&table.name));
    let highest = match connection.query_integer(&format!("SELECT max({id}) FROM {name}"), &[])? {
        Some(highest) => highest,
        // There is none, or one that is no integer, which is above them all.
        None => integer(connection, &format!("SELECT max(CAST({id} AS INTEGER)) FROM {name}"))?.unwrap_or(0),
    };
    let has_sequence =
        integer(connection, "SELECT count(*) FROM sqlite_schema WHERE name = 'sqlite_sequence'")? == Some(1);
    if !has_sequence {
        return Ok(highest.max(0));
    }
    let text = table.name.replace('\'', "''");
    let sequence = integer(
        connection,
        &format!("SELECT max(CAST(seq AS INTEGER)) FROM sqlite_sequence WHERE name = '{text}' COLLATE NOCASE"),
    )?;
    Ok(highest.max(sequence.unwrap_or(0)).max(0))
}

/// The first of `count` of them in a row, above `above`, and whether they had to be taken from below the highest.
pub fn allocate(connection: &SqliteConnection, table: &TableLayout, count: u64, above: i64) -> Result<(i64, bool)> {
    let used = high_water(connection, table)?.max(above);
    let room = i64::MAX.abs_diff(used);
    if count <= room {
        return Ok((used.saturating_add(1), false));
    }
    // The ids above are spent. Take the first gap among those in use or mentioned that is wide enough, or what is above them all.
    let own = format!("SELECT CAST({} AS INTEGER) AS id FROM {}", table.id(), quote(&table.name));
    let mentions = mentions(connection, &connection.layout()?)?;
    let of_this = mentions.iter().filter(|mention| mention.of == table.schema.name);
    let used = of_this.fold(own, |used, mention| {
        format!("{used} UNION SELECT CAST({} AS INTEGER) FROM {}", mention.column, mention.table)
    });
    let sql = format!(
        "WITH used AS ({used}) SELECT previous + 1 FROM (
           SELECT id, lag(id, 1, 0) OVER (ORDER BY id) AS previous FROM used WHERE id > 0
         ) WHERE id - previous - 1 >= ?1
         UNION ALL SELECT highest + 1 FROM (SELECT max(0, coalesce(max(id), 0)) AS highest FROM used)
           WHERE {} - highest >= ?1 LIMIT 1",
        i64::MAX
    );
    let wanted = i64::try_from(count).unwrap_or(i64::MAX);
    match connection.query_integer(&sql, &[Value::Integer(wanted)])? {
        Some(first) => Ok((first, true)),
        None => Err(Error::new(
            Status::Limit,
            Domain::Database,
            format!("{} has no {count} free ids in a row", table.schema.name),
        )
        .detail("table", table.schema.name)
        .hint("migrate into another database")),
    }
}
