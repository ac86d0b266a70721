//! Writing rows into a SQLite table, many with each statement.

use rusqlite::Statement;

use super::cell::Cell;
use super::connection::SqliteConnection;
use super::triggers;
use crate::database::connection::{Inserter, Write};
use crate::database::layout::TableLayout;
use crate::error::{Error, Result};
use crate::schema::quote;
use crate::values::ValueRef;

/// Rows per statement: enough that what a statement costs beside its rows hardly counts.
const ROWS: usize = 50;
/// The number of parameters that every build of SQLite takes.
const MOST_PARAMETERS: usize = 999;
/// Statements forget values of more bytes than this at once, all others when the next takes their place.
const HUGE: usize = 1 << 16;

/// Writes rows into some columns of one table.
pub struct SqliteInserter<'c> {
    connection: &'c SqliteConnection,
    table: &'static str,
    /// The statement as far as its rows, and one row of it.
    head: String,
    row: String,
    width: usize,
    /// Rows of the statement for many; 1 if there shall be none.
    rows: usize,
    many: Option<Statement<'c>>,
    one: Option<Statement<'c>>,
}

impl<'c> SqliteInserter<'c> {
    /// Prepares nothing yet: a table of few rows needs only one of the two statements.
    pub fn new(connection: &'c SqliteConnection, table: &TableLayout, columns: &[&str]) -> Result<SqliteInserter<'c>> {
        let names: Vec<String> = columns.iter().map(|column| quote(column)).collect();
        let width = columns.len().max(1);
        // After a failure everything is rolled back, so SQLite need not be able to undo one statement alone (ABORT): with
        // several rows that would copy every page it touches.
        let (policy, rows) = match policy(connection, table)? {
            Policy::Own => (" OR FAIL", ROWS.min(MOST_PARAMETERS / width).max(1)),
            shared => (shared.abort(), 1),
        };
        Ok(SqliteInserter {
            connection,
            table: table.schema.name,
            head: format!("INSERT{policy} INTO {} ({}) VALUES ", quote(&table.name), names.join(", ")),
            row: format!("({})", vec!["?"; width].join(", ")),
            width,
            rows,
            many: None,
            one: None,
        })
    }

    fn write(&mut self, values: &[ValueRef<'_>]) -> rusqlite::Result<()> {
        let groups = values.chunks_exact(self.rows * self.width);
        let rest = groups.remainder();
        for group in groups {
            run(self.connection, &mut self.many, (&self.head, &self.row, self.rows), group)?;
        }
        for row in rest.chunks_exact(self.width) {
            run(self.connection, &mut self.one, (&self.head, &self.row, 1), row)?;
        }
        Ok(())
    }
}

/// How a statement of ours overrides what a table says of rows that are in each other's way (`UNIQUE ... ON CONFLICT REPLACE`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Policy {
    /// It says so itself.
    Own,
    /// So it does, although the policy then holds for the statements of the table's triggers, too, whatever these say.
    Imposed,
    /// There is nothing to override, and triggers that have a policy of their own keep it.
    None,
}

impl Policy {
    /// For a statement that is undone alone if it fails.
    fn abort(self) -> &'static str {
        match self {
            Policy::Own | Policy::Imposed => " OR ABORT",
            Policy::None => "",
        }
    }
}

fn policy(connection: &SqliteConnection, table: &TableLayout) -> Result<Policy> {
    if !triggers::has(connection, table)? {
        return Ok(Policy::Own);
    }
    // SQLite tells it nowhere but in the text of the declaration. The word can stand there for another reason, which does no harm.
    let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE AND sql LIKE '%conflict%'";
    let says = connection.inner.query_row(sql, [&table.name], |row| row.get::<_, i64>(0));
    let says = says.map_err(|error| connection.wrap(error))?;
    Ok(if says > 0 { Policy::Imposed } else { Policy::None })
}

/// How a statement begins that writes into a table.
pub fn opening(connection: &SqliteConnection, write: Write, table: &TableLayout) -> Result<String> {
    let (policy, name) = (policy(connection, table)?.abort(), quote(&table.name));
    Ok(match write {
        Write::Insert => format!("INSERT{policy} INTO {name}"),
        Write::Update => format!("UPDATE{policy} {name}"),
    })
}

/// Whether a statement should forget the value at once.
pub fn is_huge(value: &ValueRef<'_>) -> bool {
    matches!(value, ValueRef::Text(v) | ValueRef::Blob(v) if v.len() > HUGE)
}

/// Writes as many rows as the statement has, which is prepared on its first use.
fn run<'c>(
    connection: &'c SqliteConnection,
    statement: &mut Option<Statement<'c>>,
    (head, row, rows): (&str, &str, usize),
    values: &[ValueRef<'_>],
) -> rusqlite::Result<()> {
    let statement = match statement {
        Some(prepared) => prepared,
        None => statement.insert(connection.inner.prepare(&format!("{head}{}", vec![row; rows].join(", ")))?),
    };
    for (index, value) in values.iter().enumerate() {
        statement.raw_bind_parameter(index + 1, Cell(*value))?;
    }
    statement.raw_execute()?;
    if values.iter().any(is_huge) {
        statement.clear_bindings();
    }
    Ok(())
}

impl Inserter for SqliteInserter<'_> {
    fn insert(&mut self, values: &[ValueRef<'_>]) -> Result<()> {
        self.write(values).map_err(|error| {
            let error: Error = self.connection.wrap(error);
            let named = error.details().iter().any(|detail| detail.key == "table");
            if named { error } else { error.detail("table", self.table) }
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::database::{Database, OpenOptions, Transaction};
    use crate::error::Status;
    use crate::values::{Value, ValueRef};

    /// A new database, whose ARTIFACT table has a trigger or not.
    fn database(folder: &tempfile::TempDir, trigger: bool) -> Database {
        let path = folder.path().join(if trigger { "trigger.db" } else { "plain.db" });
        let database =
            Database::open(path.to_str().unwrap(), OpenOptions { create: true, ..OpenOptions::default() }).unwrap();
        if trigger {
            let writer = database.writer(&crate::progress::Job::unwatched(crate::error::Domain::Database)).unwrap();
            writer.execute("CREATE TABLE seen (id INTEGER PRIMARY KEY)", &[]).unwrap();
            let sql =
                "CREATE TRIGGER t AFTER INSERT ON artifact BEGIN INSERT OR IGNORE INTO seen VALUES (new.id / 2); END";
            writer.execute(sql, &[]).unwrap();
        }
        database
    }

    /// Writes rows with these ids in one call; what it answered, and how many rows there are then.
    fn write(database: &Database, ids: &[i64]) -> (crate::error::Result<()>, Option<i64>) {
        let writer = database.writer(&crate::progress::Job::unwatched(crate::error::Domain::Database)).unwrap();
        let transaction = Transaction::write(writer).unwrap();
        let layout = database.layout().unwrap();
        let mut inserter = writer.inserter(layout.table("ARTIFACT").unwrap(), &["id", "type", "loc"]).unwrap();
        let long = vec![b'x'; super::HUGE + 1];
        let mut values = Vec::new();
        for id in ids {
            let loc = if id % 7 == 0 { ValueRef::Blob(&long) } else { ValueRef::Text(b"here") };
            values.extend([ValueRef::Integer(*id), ValueRef::Text(b"model"), loc]);
        }
        let written = inserter.insert(&values);
        drop(inserter);
        if written.is_ok() {
            transaction.commit().unwrap();
        } else {
            drop(transaction);
        }
        let sql = "SELECT count(*) FROM ARTIFACT WHERE length(loc) = iif(id % 7 = 0, ?1, 4) AND type = 'model'";
        let count = writer.query_integer(sql, &[Value::Integer(super::HUGE as i64 + 1)]).unwrap();
        (written, count)
    }

    #[test]
    fn any_number_of_rows_is_written_with_and_without_triggers() {
        let folder = tempfile::tempdir().unwrap();
        for trigger in [false, true] {
            let database = database(&folder, trigger);
            let mut next = 1;
            for count in [0, 1, 49, 50, 51, 273] {
                let ids: Vec<i64> = (next..next + count).collect();
                let (written, total) = write(&database, &ids);
                written.unwrap();
                next += count;
                assert_eq!(total, Some(next - 1));
            }
        }
    }

    #[test]
    fn a_refused_row_names_the_table_and_nothing_stays_after_the_rollback() {
        let folder = tempfile::tempdir().unwrap();
        for trigger in [false, true] {
            let database = database(&folder, trigger);
            let mut ids: Vec<i64> = (1..=120).collect();
            ids.push(7);
            let (written, total) = write(&database, &ids);
            let error = written.unwrap_err();
            assert_eq!(error.status(), Status::Constraint);
            assert!(error.details().iter().any(|detail| detail.key == "table" && detail.value == "ARTIFACT"));
            assert_eq!(total, Some(0));
        }
    }
}
