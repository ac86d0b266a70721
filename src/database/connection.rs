//! The interface of a connection, in four parts: reading, writing, the catalog, and the dialect of SQL.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::capabilities::Capabilities;
use super::column::ColumnLayout;
use super::layout::{Layout, TableLayout};
use super::missing_column::MissingColumn;
use super::read::ReadStatement;
use super::reference::References;
use super::rows::{Next, Query, Row, WithCursors};
use super::transaction_size::{Planned, TransactionSize};
use super::unsteady::Unsteady;
use crate::error::{Domain, Error, Result, Status};
use crate::progress::Job;
use crate::schema::Table;
use crate::values::{Value, ValueRef};

/// How a state is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Some passes, one after the other, as fast as the machine can.
    Passes,
    /// For as long as something else takes, such as writing.
    Beside,
}

/// How closely stored data is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Every page and row is where it belongs.
    Structure,
    /// And every index says what its table says.
    Everything,
}

/// Where the rows are that a column finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whereabouts {
    /// Anywhere: finding out would be no less than reading the table.
    Unknown,
    /// There are none.
    Nowhere,
    /// From this rowid to that, perhaps with others among them.
    Between(i64, i64),
}

/// What a statement does to a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    Insert,
    Update,
}

/// The rows of tables, by name.
pub type RowCounts = HashMap<String, u64>;

/// Hears how many pages are copied, and how many there are. Both can shrink when somebody changes what is being copied.
pub type Copied<'a> = &'a mut dyn FnMut(u64, u64) -> Result<()>;

/// Writes rows into one table.
pub trait Inserter {
    /// Writes rows: for each the values of the columns the inserter was made for, in their order, row after row. After a failure
    /// some may be written: the transaction has to be rolled back.
    fn insert(&mut self, values: &[ValueRef<'_>]) -> Result<()>;
}

/// A statement that changes something, prepared once and run often.
pub trait Change {
    /// Runs it with these parameters; returns how many rows it changed.
    fn run(&mut self, params: &[ValueRef<'_>]) -> Result<u64>;

    /// As [`Change::run`], with parameters that are not needed afterwards: nothing is kept of huge ones that the engine has taken over.
    fn run_owned(&mut self, params: Vec<Value>) -> Result<u64> {
        let params: Vec<ValueRef<'_>> = params.iter().map(Value::borrow).collect();
        self.run(&params)
    }
}

/// The refusal of what can be done with files only; `what` is a plural.
fn files_only(what: &str) -> Error {
    let message = format!("{what} are made only of databases that are files");
    Error::new(Status::Unsupported, Domain::Database, message)
        .hint("migrate the experiments into a database that is a file first, and work there")
}

/// Reading. Methods take `&self` so that a query can write while it reads, where the engine can.
pub trait Reads {
    /// From now on long statements and waits tick this job; `None` ends it.
    fn watch(&self, job: Option<Arc<Job>>);

    /// From now on reading keeps nobody waiting, however long the caller takes from row to row. Not while a query is being read.
    fn let_go(&self) -> Result<()> {
        Ok(())
    }

    /// Gives back memory that only further reading would make use of.
    fn release_memory(&self) {}

    /// Begins a transaction that reads one consistent state.
    fn begin_read(&self) -> Result<()>;

    /// Undoes the transaction. Without one, does nothing.
    fn rollback(&self);

    /// Runs a query and hands over row after row.
    fn query(&self, sql: &str, params: &[Value], each: &mut dyn FnMut(&dyn Row) -> Result<Next>) -> Result<()>;

    /// The single integer that a query returns in its first row and column; `None` for no row or NULL.
    fn query_integer(&self, sql: &str, params: &[Value]) -> Result<Option<i64>> {
        let mut found = None;
        self.query(sql, params, &mut |row| {
            found = row.value(0)?.as_integer();
            Ok(Next::Stop)
        })?;
        Ok(found)
    }

    /// The first cells of the first row of a query, so many. Where the driver hands huge ones over there is no other copy of them.
    fn first_row(&self, sql: &str, params: &[Value], width: usize) -> Result<Option<Vec<Value>>> {
        let mut found = None;
        self.query(sql, params, &mut |row| {
            found = Some((0..width).map(|at| row.value(at).map(ValueRef::to_owned)).collect::<Result<_>>()?);
            Ok(Next::Stop)
        })?;
        Ok(found)
    }

    /// Between which rowids the rows of a table are in which a column is not less than one number, nor greater than another; without
    /// the other also those in which it is greater than every number. Only where the engine finds that sooner than the rows.
    fn whereabouts(&self, _: &TableLayout, _column: &str, _bounds: (i64, Option<i64>)) -> Result<Whereabouts> {
        Ok(Whereabouts::Unknown)
    }

    /// Runs several queries at once, each of which is read as far as `body`, called once with a cursor for each, likes.
    fn read_together(&self, queries: &[Query], body: WithCursors<'_>) -> Result<()>;

    /// Prepares one statement of somebody else's, inside the transaction that is running or in one of its own. Fails with MISUSE if
    /// it would do anything but read, or end the transaction.
    fn prepare_read<'c>(&'c self, sql: &str) -> Result<Box<dyn ReadStatement + 'c>>;

    /// Writes one consistent state of everything into the file at `into`, which is empty and nobody else's, as a SQLite file
    /// without a write-ahead log. Does not flush it to the device. Writers can commit meanwhile, unless they do it so often that
    /// the copy would not end. Only where databases are [whole files](Capabilities::whole_files).
    fn copy_into(&self, _into: &Path, _: Copied<'_>) -> Result<()> {
        Err(files_only("copies of whole files"))
    }

    /// Fails with CORRUPT if what is stored is damaged. Values that break a rule of their column are no damage. Returns the rows of
    /// the tables that had to be counted for that. Only where databases are whole files.
    fn check_integrity(&self, _: Depth) -> Result<RowCounts> {
        Err(files_only("checks of whole files"))
    }

    /// How many bytes the file system under the database can still take; `None` where that cannot be known.
    fn free_bytes(&self) -> Option<u64> {
        None
    }
}

/// Writing rows, in a transaction.
pub trait Writes {
    /// Begins a transaction that may write; waits for the right to, up to the busy timeout.
    fn begin_write(&self) -> Result<()>;

    /// Makes the transaction's changes durable.
    fn commit(&self) -> Result<()>;

    /// As [`Reads::query`] inside of a transaction that writes, of the rows as they are now: from the first row that is handed
    /// over until the transaction ends nobody else changes one of them.
    fn query_locked(&self, sql: &str, params: &[Value], each: &mut dyn FnMut(&dyn Row) -> Result<Next>) -> Result<()>;

    /// As [`Reads::first_row`], of the rows that [`Writes::query_locked`] finds.
    fn first_row_locked(&self, sql: &str, params: &[Value], width: usize) -> Result<Option<Vec<Value>>> {
        let mut found = None;
        self.query_locked(sql, params, &mut |row| {
            found = Some((0..width).map(|at| row.value(at).map(ValueRef::to_owned)).collect::<Result<_>>()?);
            Ok(Next::Stop)
        })?;
        Ok(found)
    }

    /// As [`Reads::query`] inside of a transaction that writes, of the rows as they are now: until the transaction ends nobody
    /// else changes them, or adds one that the query would have found. Needs no right but to read.
    fn query_held(&self, sql: &str, params: &[Value], each: &mut dyn FnMut(&dyn Row) -> Result<Next>) -> Result<()>;

    /// Takes the lock of a job that writes in several transactions, until the connection ends or lets go of it: whether nobody else of
    /// this server has it.
    fn hold_job(&self, _id: i64) -> Result<bool> {
        Ok(true)
    }

    /// Lets go of the lock of a job.
    fn let_go_of_job(&self, _id: i64) {}

    /// Whether other servers, which know nothing of the locks of this one, write into the same tables.
    fn is_one_of_several_writers(&self) -> bool {
        false
    }

    /// Keeps others from changing these tables until the transaction ends, while they read them still; false where only deleting their rows does
    /// that ([`Writes::delete_all`]). Before foreign keys are suspended, for some engines keep readers away from then on.
    fn hold_tables(&self, _tables: &[&TableLayout]) -> Result<bool> {
        Ok(false)
    }

    /// Until the transaction ends, what this connection writes sets off no action of a foreign key, and none refuses it: the caller
    /// answers for them. Whether the database would have enforced them at all.
    fn suspend_foreign_keys(&self) -> Result<bool>;

    /// Until the transaction ends, rows that break a CHECK constraint are let in, where the engine can be told so: those that were there
    /// before got in somehow.
    fn suspend_checks(&self) -> Result<()> {
        Ok(())
    }

    /// Runs a statement that changes something; returns how many rows it changed.
    fn execute(&self, sql: &str, params: &[Value]) -> Result<u64>;

    /// Prepares a statement that changes something and is run often.
    fn prepare_change<'c>(&'c self, sql: &str) -> Result<Box<dyn Change + 'c>>;

    /// How a statement begins that inserts into a table or updates it: `INSERT INTO T`, `UPDATE T`. Whatever the table's own rules are
    /// for rows that are in each other's way, it fails, where the engine lets a statement say so.
    fn opening(&self, write: Write, table: &TableLayout) -> Result<String>;

    /// What stands between the columns and the rows of an `INSERT` whose ids are of the caller's choice.
    fn with_ids_given(&self) -> &'static str {
        ""
    }

    /// Prepares writing rows into these columns of a table.
    fn inserter<'c>(&'c self, table: &TableLayout, columns: &[&str]) -> Result<Box<dyn Inserter + 'c>>;

    /// Deletes every row of a table. Until the transaction ends nobody else can change it.
    fn delete_all(&self, table: &TableLayout) -> Result<()>;

    /// The first of `count` ids in a row that were never used in this table and are above `above`, and whether they had to be taken
    /// from below the highest id ever used. Nobody else gets them while the write transaction lasts; where others write meanwhile
    /// the database is made to skip them, whatever becomes of the transaction.
    fn allocate_ids(&self, table: &TableLayout, count: u64, above: i64) -> Result<(i64, bool)>;

    /// Fails if what is written into the table could not be undone.
    fn check_undoes(&self, table: &TableLayout) -> Result<()>;

    /// How a value for a column has to be given to a statement that runs more than once, where the engine would otherwise take the type of
    /// the first for that of the next; `None` for as it is.
    fn as_sent(&self, _column: &ColumnLayout, _value: ValueRef<'_>) -> Option<Value> {
        None
    }
}

/// What the database has: its tables, what hangs on them, and what their columns make of a value.
pub trait Catalog {
    /// The tables and columns that exist.
    fn layout(&self) -> Result<Layout>;

    /// The foreign keys to the tables of the layout that the schema does not know.
    fn references(&self, layout: &Layout) -> Result<References>;

    /// Whether writing into this table makes the database do more than that.
    fn has_triggers(&self, table: &TableLayout) -> Result<bool>;

    /// Whether writing into any table could change rows that were not named, or whether that cannot be known.
    fn can_be_meddled_with(&self) -> Result<bool>;

    /// The tables of which no state can be kept while others write.
    fn unsteady_tables(&self, layout: &Layout) -> Result<Vec<Unsteady>>;

    /// How large a transaction a job that inserts these rows would be, where a cluster limits that.
    fn transaction_size(&self, _: &[Planned<'_>]) -> Result<Option<TransactionSize>> {
        Ok(None)
    }

    /// Makes those of these tables of expmig's own that are missing, for the transaction that is running and has written nothing
    /// yet. Where DDL would end the transaction it is begun anew after it, without letting another writer of ours in between, and
    /// the tables stay, empty, whatever becomes of it. Whether what was read before has to be read again.
    fn make_tables(&self, tables: &[&'static Table]) -> Result<bool>;

    /// Adds a column to a table, of a type that keeps everything that this one, of another database, holds; where DDL
    /// [does not commit](Capabilities::ddl_commits).
    fn add_column(&self, table: &TableLayout, column: &ColumnLayout) -> Result<()>;

    /// Where it does, the statement that adds columns, for a client of any settings.
    fn statement_to_add(&self, _: &TableLayout, _: &[MissingColumn<'_>]) -> Option<String> {
        None
    }

    /// What the engine would read back if `value` were stored in this column of its own; `None` if the column refuses it.
    fn stored_as(&self, column: &ColumnLayout, value: ValueRef<'_>) -> Result<Option<Value>>;

    /// Shows the values of a column that the column would not take back as they are, where [`ColumnLayout::takes_back`] cannot tell.
    fn each_not_taken_back(
        &self,
        _: &TableLayout,
        _: &ColumnLayout,
        _found: &mut dyn FnMut(ValueRef<'_>) -> Result<Next>,
    ) -> Result<()> {
        Ok(())
    }
}

/// How the engine says what others say differently.
pub trait Dialect {
    /// What the engine can do.
    fn capabilities(&self) -> &'static Capabilities;

    /// The SQL for whether two expressions are equal, NULL being equal to NULL.
    fn same(&self, left: &str, right: &str) -> String;

    /// The SQL for an expression that is equal to another only if the texts are, byte by byte, whatever the column's own rules.
    fn exactly(&self, expression: &str) -> String;

    /// The SQL for whether two cells of one column are the same: NULL as NULL, of the same type, byte by byte.
    fn identical(&self, left: &str, right: &str) -> String;

    /// The SQL for how many bytes the value of an expression has.
    fn byte_length(&self, expression: &str) -> String;

    /// The SQL for the integer that the value of an expression stands for.
    fn as_integer(&self, expression: &str) -> String {
        format!("CAST({expression} AS SIGNED INTEGER)")
    }

    /// The SQL for whether a [real number](super::EngineType::is_real) is one that SQLite keeps in no column for such.
    fn is_odd_real(&self, expression: &str) -> String {
        format!("{expression} = 0 AND CAST({expression} AS CHAR) LIKE '-%'")
    }
}

/// One connection: all of that.
pub trait Connection: Reads + Writes + Catalog + Dialect {}

impl<T: Reads + Writes + Catalog + Dialect> Connection for T {}
