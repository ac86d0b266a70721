//! Whether a SQLite file is whole.

use super::connection::{Connection, Depth, Next};
use super::sqlite::SqliteConnection;
use crate::error::{Domain, Error, Result, Status};
use crate::schema::ValueRef;

/// How many problems an error names.
const NAMED: usize = 5;
/// How many problems SQLite looks for before it gives up. Those of the structure come first.
const MOST: i32 = 100;
/// What SQLite says of values that their column should not hold. Whoever wrote them could, so they are no damage.
const OF_VALUES: [(&str, &str); 5] = [
    ("NULL value in ", ""),
    ("NUMERIC value in ", ""),
    ("TEXT value in ", ""),
    ("CHECK constraint failed in ", ""),
    ("non-", " value in "),
];

/// Fails with CORRUPT if the file is damaged.
pub fn check(connection: &SqliteConnection, depth: Depth) -> Result<()> {
    connection.execute("PRAGMA ignore_check_constraints = ON", &[])?;
    let pragma = match depth {
        Depth::Structure => "quick_check",
        Depth::Everything => "integrity_check",
    };
    let (mut problems, mut heard) = look(connection, pragma, MOST)?;
    if problems.is_empty() && heard >= MOST {
        // All of them were of values; there may be others behind.
        (problems, heard) = look(connection, pragma, i32::MAX)?;
    }
    if heard == 0 {
        return Err(Error::internal(Domain::Database, format!("PRAGMA {pragma} says nothing")));
    }
    if problems.is_empty() {
        return Ok(());
    }
    let error = Error::new(Status::Corrupt, Domain::Database, "the database is damaged")
        .detail("path", connection.waits.path.display())
        .hint("run PRAGMA integrity_check in the sqlite3 shell; REINDEX mends indexes, everything else needs a backup");
    Err(problems.into_iter().fold(error, |error, problem| error.detail("problem", problem)))
}

/// The first problems, and how many lines SQLite said.
fn look(connection: &SqliteConnection, pragma: &str, most: i32) -> Result<(Vec<String>, i32)> {
    let (mut problems, mut heard) = (Vec::new(), 0);
    connection.query(&format!("PRAGMA {pragma}({most})"), &[], &mut |row| {
        heard += 1;
        let ValueRef::Text(text) = row.value(0)? else { return Ok(Next::Row) };
        let line = String::from_utf8_lossy(text);
        let of_values = OF_VALUES.iter().any(|(start, part)| line.starts_with(start) && line.contains(part));
        if line != "ok" && !of_values {
            problems.push(line.replace('\n', "; "));
        }
        Ok(if problems.len() >= NAMED { Next::Stop } else { Next::Row })
    })?;
    Ok((problems, heard))
}
