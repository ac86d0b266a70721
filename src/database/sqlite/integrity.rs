//! Checks a SQLite file for damage.

use std::fs::File;

use super::connection::SqliteConnection;
use super::failure::needs_the_application;
use super::page_check::{Entries, Root, Walk};
use crate::database::connection::{Depth, Reads, RowCounts, Writes};
use crate::database::rows::{Next, Row};
use crate::error::{Domain, Error, Result, Status};
use crate::schema::quote;
use crate::values::ValueRef;

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

/// The root page of each table and index, the name of a table, and the root page of the table for an index of all its rows.
const ROOTS: &str = "SELECT s.rootpage, CASE s.type WHEN 'table' THEN s.name END, CASE WHEN EXISTS (
      SELECT 1 FROM pragma_index_list(s.tbl_name) AS l WHERE l.name = s.name AND NOT l.partial) THEN t.rootpage END
    FROM sqlite_schema AS s
    LEFT JOIN sqlite_schema AS t ON s.type = 'index' AND t.type = 'table' AND t.name = s.tbl_name COLLATE NOCASE
    WHERE s.rootpage <> 0";

/// Fails with CORRUPT if the file is damaged, whatever SQLite calls that: a length that was damaged, for example, is a value that is too
/// large.
pub fn check(connection: &SqliteConnection, depth: Depth) -> Result<RowCounts> {
    if depth == Depth::Structure
        && connection.immutable
        && let Some(counts) = walk(connection)?
    {
        return Ok(counts);
    }
    ask_sqlite(connection, depth)
}

/// What a check meets that is neither a lock, a device, a lack of memory nor a request to stop is of the file.
fn of_damage(error: Error, connection: &SqliteConnection) -> Error {
    let of_sqlite = error.vendor_code().is_some_and(|code| code != rusqlite::ffi::SQLITE_NOMEM);
    let named = matches!(error.status(), Status::Limit | Status::Constraint | Status::Internal);
    if !(of_sqlite && named) {
        return error;
    }
    damaged(connection, [error.message().to_owned()]).caused_by(error)
}

fn damaged(connection: &SqliteConnection, problems: impl IntoIterator<Item = String>) -> Error {
    let error = Error::new(Status::Corrupt, Domain::Database, "the database is damaged")
        .at(&connection.waits.path)
        .hint("run PRAGMA integrity_check in the sqlite3 shell; REINDEX repairs indexes, other damage needs a backup");
    problems.into_iter().fold(error, |error, problem| error.detail("problem", problem))
}

/// The rows of each table, if a walk through the file finds nothing odd. Only of files that nobody changes: others must not be
/// opened.
pub(super) fn walk(connection: &SqliteConnection) -> Result<Option<RowCounts>> {
    let (mut roots, mut tables): (Vec<Root>, Vec<(String, u32)>) = (Vec::new(), Vec::new());
    let mut each = |row: &dyn Row| {
        let page = |index| -> Result<Option<u32>> {
            Ok(row.value(index)?.as_integer().and_then(|page| u32::try_from(page).ok()))
        };
        // Page 0 is none, which the walk finds odd.
        let root = page(0)?.unwrap_or(0);
        if let ValueRef::Text(name) = row.value(1)? {
            tables.push((String::from_utf8_lossy(name).into_owned(), root));
        }
        roots.push((root, page(2)?));
        Ok(Next::Row)
    };
    connection.query(ROOTS, &[], &mut each).map_err(|error| of_damage(error, connection))?;
    let job = connection.waits.job();
    let Ok(file) = File::open(&connection.waits.path) else { return Ok(None) };
    let Some(walk) = Walk::new(&file, job.as_deref()) else { return Ok(None) };
    let entries = walk.entries(&roots)?;
    let count = |entries: &Entries, (name, root): (String, u32)| Some((name, *entries.get(&root)?));
    Ok(entries.map(|entries| tables.into_iter().filter_map(|table| count(&entries, table)).collect()))
}

/// The rows of the tables that were counted for that.
pub(super) fn ask_sqlite(connection: &SqliteConnection, depth: Depth) -> Result<RowCounts> {
    ask(connection, depth).map_err(|error| of_damage(error, connection))
}

fn ask(connection: &SqliteConnection, depth: Depth) -> Result<RowCounts> {
    connection.execute("PRAGMA ignore_check_constraints = ON", &[])?;
    let pragma = match depth {
        Depth::Structure => "quick_check",
        Depth::Everything => "integrity_check",
    };
    let (mut problems, mut heard) = match look(connection, &format!("{pragma}({MOST})")) {
        Err(error) if needs_the_application(&error) => return table_by_table(connection, pragma, error),
        looked => looked?,
    };
    if problems.is_empty() && heard >= MOST {
        // All of them were of values; there may be others behind.
        (problems, heard) = look(connection, &format!("{pragma}({})", i32::MAX))?;
    }
    if heard == 0 {
        return Err(Error::internal(Domain::Database, format!("PRAGMA {pragma} says nothing")));
    }
    if problems.is_empty() {
        return Ok(RowCounts::new());
    }
    Err(damaged(connection, problems))
}

/// Where an index or a rule needs what only the application has, SQLite checks nothing at all. So every table is checked for itself, and
/// of those that it cannot check the structure has to do, which has to be sound throughout.
fn table_by_table(connection: &SqliteConnection, pragma: &str, cannot: Error) -> Result<RowCounts> {
    let walked = if connection.immutable { walk(connection)? } else { None };
    let Some(counts) = walked else { return Err(cannot) };
    let mut tables = Vec::new();
    connection.query("SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage <> 0", &[], &mut |row| {
        if let ValueRef::Text(name) = row.value(0)? {
            tables.push(String::from_utf8_lossy(name).into_owned());
        }
        Ok(Next::Row)
    })?;
    for table in tables {
        match look(connection, &format!("{pragma}({})", quote(&table))) {
            Err(error) if needs_the_application(&error) => {}
            Err(error) => return Err(error),
            Ok((problems, _)) if problems.is_empty() => {}
            Ok((problems, _)) => return Err(damaged(connection, problems)),
        }
    }
    Ok(counts)
}

/// The first problems, and how many lines SQLite said.
fn look(connection: &SqliteConnection, pragma: &str) -> Result<(Vec<String>, i32)> {
    let (mut problems, mut heard) = (Vec::new(), 0);
    connection.query(&format!("PRAGMA {pragma}"), &[], &mut |row| {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rusqlite::ffi;

    use super::super::connection::{Access, SqliteConnection};
    use super::of_damage;
    use crate::error::Status;

    #[test]
    fn what_a_check_meets_is_damage_unless_it_is_a_lock_a_device_or_a_lack_of_memory() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let connection = SqliteConnection::open(file.path(), Access::Read, Duration::ZERO, false, None).unwrap();
        let said = |code| {
            let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            of_damage(connection.wrap(error), &connection).status()
        };
        for code in [
            ffi::SQLITE_TOOBIG,
            ffi::SQLITE_ERROR,
            ffi::SQLITE_MISMATCH,
            ffi::SQLITE_INTERNAL,
            ffi::SQLITE_RANGE,
            ffi::SQLITE_CORRUPT,
            ffi::SQLITE_CORRUPT_INDEX,
            ffi::SQLITE_NOTADB,
            ffi::SQLITE_IOERR_SHORT_READ,
            ffi::SQLITE_CONSTRAINT,
        ] {
            assert_eq!(said(code), Status::Corrupt, "{code}");
        }
        for (code, status) in [
            (ffi::SQLITE_NOMEM, Status::Limit),
            (ffi::SQLITE_BUSY, Status::Busy),
            (ffi::SQLITE_LOCKED, Status::Busy),
            (ffi::SQLITE_SCHEMA, Status::Busy),
            (ffi::SQLITE_INTERRUPT, Status::Cancelled),
            (ffi::SQLITE_IOERR_READ, Status::Io),
            (ffi::SQLITE_FULL, Status::Io),
            (ffi::SQLITE_IOERR_GETTEMPPATH, Status::Io),
        ] {
            assert_eq!(said(code), status, "{code}");
        }
    }

    #[test]
    fn a_format_that_does_not_exist_is_damage() {
        let file = tempfile::NamedTempFile::new().unwrap();
        rusqlite::Connection::open(file.path()).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
        let writer = std::fs::OpenOptions::new().write(true).open(file.path()).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&writer, &[0x7f], 47).unwrap();
        let opened = SqliteConnection::open(file.path(), Access::Read, Duration::ZERO, false, None);
        assert_eq!(opened.err().map(|error| error.status()), Some(Status::Corrupt));
    }
}
