//! Snapshots of a server's schema: copies its rows into a SQLite file, and back, from one consistent state to another.
//!
//! A snapshot has only the tables of the schema and the tables of expmig itself. Other tables are left alone.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use super::table_checksum::Content;
use crate::database::{
    ColumnLayout, Connection, Copied, Database, FULL_BYTES, Inserter, Layout, Next, TableLayout, Transaction, Unsteady,
    Watches, create_copy, open_copy,
};
use crate::digest::Conversion;
use crate::error::{Domain, Error, Result, Status};
use crate::hierarchy::ForeignReferrers;
use crate::progress::Job;
use crate::schema::{Call, Column, Kind, OWN_TABLES, Role, Table, create_statement_as, quote};
use crate::spill::CellBuffer;
use crate::values::ValueRef;

/// Cells that are written at once.
const FULL_CELLS: usize = 8192;

/// Writes one consistent state of everything into the file at `into`, which is empty and ours. Does not flush it.
pub fn copy_out(source: &dyn Connection, into: &Path, copied: Copied<'_>) -> Result<()> {
    match write_out(source, into, true, copied) {
        // Somebody's tables lack the keys that ours have, and hold a row twice.
        Err(error) if error.status() == Status::Constraint => {
            let emptied = File::options().write(true).open(into).and_then(|file| file.set_len(0));
            emptied
                .map_err(|error| Error::from_io(Domain::Snapshot, "the snapshot cannot be begun anew", into, &error))?;
            write_out(source, into, false, copied)
        }
        written => written,
    }
}

/// With `keyed`, into tables with the keys of the schema.
fn write_out(source: &dyn Connection, into: &Path, keyed: bool, copied: Copied<'_>) -> Result<()> {
    let _state = Transaction::read(source)?;
    let layout = source.layout()?;
    layout.require(Call::SnapshotOnServer, Domain::Snapshot)?;
    refuse_unsteady(source, &layout)?;
    for table in all(&layout) {
        for column in &table.columns {
            source.each_not_taken_back(table, column, &mut |value| Err(not_taken_back(table, column, value)))?;
        }
    }
    let target = create_copy(into)?;
    let writing = Transaction::write(target.as_ref())?;
    for table in all(&layout) {
        let declaration = |column: &Column| declaration(table, column, keyed);
        target.execute(&create_statement_as(table.schema, keyed, &declaration), &[])?;
    }
    let mut there = target.layout()?;
    for table in all(&layout) {
        for extra in table.extra_columns() {
            // Without a type, so that every value stays what it is.
            let untyped = ColumnLayout { declared: String::new(), refers: None, ..extra.clone() };
            named(&there, table).map(|made| target.add_column(made, &untyped)).transpose()?;
        }
    }
    there = target.layout()?;
    copy_rows((source, &layout), (target.as_ref(), &there), Way::Out, copied)?;
    writing.commit()
}

/// Fails if a table could change while it is read: the snapshot would be of no one state, and could not be restored either.
fn refuse_unsteady(source: &dyn Connection, layout: &Layout) -> Result<()> {
    let unsteady = source.unsteady_tables(layout)?;
    if unsteady.is_empty() {
        return Ok(());
    }
    let message = "tables of the schema know no transactions: there is no one state of them to keep, and restoring it could not be undone";
    let error = Error::new(Status::Unsupported, Domain::Snapshot, message);
    Err(Unsteady::name_all(&unsteady, error, "migrate the experiments into another database"))
}

/// How a column of the schema is declared in the file: as the schema says, unless that would rewrite or refuse what the server's column
/// holds.
fn declaration(table: &TableLayout, column: &Column, keyed: bool) -> Option<String> {
    let found = table.columns.iter().find(|found| found.schema.is_some_and(|known| known.name == column.name))?;
    let (declared, _) = column.sqlite.split_once(" NOT NULL").unwrap_or((column.sqlite, ""));
    let kept = ColumnLayout { declared: declared.to_owned(), ..found.clone() };
    let kept = kept.declared_in_sqlite(false);
    if column.role == Role::Id || (keyed && kept == declared && (found.not_null || !column.is_required())) {
        return None;
    }
    Some(format!("{kept}{}", if found.not_null { " NOT NULL" } else { "" }))
}

/// Which way rows go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Out of the database, which has to take every value back.
    Out,
    Back,
}

/// Replaces everything in the database by what is in the file at `from`, in one transaction. `keep`, if there is one, is called when
/// only this call can change the database any more.
///
/// Tables of others are left as they are: no foreign key acts, and afterwards none may lead nowhere that did not before. What was
/// written is read back. Returns what could not be made sure of.
pub fn replace(
    database: &Database,
    from: &Path,
    mut keep: Option<&mut dyn FnMut() -> Result<()>>,
    job: &Arc<Job>,
    copied: Copied<'_>,
) -> Result<Vec<String>> {
    let source = open_copy(from)?;
    let writer = database.writer(job)?;
    let _watches = Watches::new(job, [writer, writer]);
    let writing = Transaction::write(writer)?;
    let mut layout = database.checked(writer.layout()?)?;
    layout.require(Call::SnapshotOnServer, Domain::Snapshot)?;
    let from = source.layout()?;
    let own = filled_own_tables(source.as_ref(), &from)?;
    if !own.is_empty() && writer.make_tables(&own).map_err(no_log)? {
        layout = database.checked(writer.layout()?)?;
    }
    // What refers from our own tables comes from the snapshot, as it was.
    let strangers = ForeignReferrers::look(writer, &layout, |reference| !reference.is_ours)?;
    if writer.hold_tables(&all(&layout).collect::<Vec<_>>())?
        && let Some(keep) = keep.take()
    {
        keep()?;
    }
    writer.suspend_foreign_keys()?;
    writer.suspend_checks()?;
    // Whoever deletes every row keeps others from changing or adding any. They see the old ones until the end.
    for table in all(&layout).rev() {
        writer.delete_all(table)?;
    }
    if let Some(keep) = keep {
        keep()?;
    }
    let written = copy_rows((source.as_ref(), &from), (writer, &layout), Way::Back, copied)?;
    job.begin("reading back what was restored")?;
    read_back(writer, &layout, &written)?;
    strangers.check(Domain::Snapshot)?;
    job.begin_commit()?;
    writing.commit()?;
    Ok(strangers.perhaps_more.then(unseen).into_iter().collect())
}

/// What an account cannot know.
fn unseen() -> String {
    "tables that the account cannot see may refer to rows that no longer exist; only an account with the right PROCESS can know whether \
     there are such tables, which were not changed"
        .to_owned()
}

/// Fails unless every table has the rows that were written, and no others.
fn read_back(connection: &dyn Connection, layout: &Layout, written: &[Written]) -> Result<()> {
    for table in all(layout) {
        let of_table = written.iter().find(|written| written.table == table.schema.name);
        let nothing = (Content::default(), Vec::new());
        let (wanted, columns) =
            of_table.map_or((&nothing.0, &nothing.1), |written| (&written.content, &written.columns));
        let columns: Vec<_> = columns.iter().map(|(name, kind)| (name.as_str(), *kind)).collect();
        if !Content::read(connection, table, &columns)?.is(wanted) {
            let message =
                format!("{} was read back different from what the snapshot has; nothing was changed", table.name);
            return Err(Error::new(Status::Mismatch, Domain::Snapshot, message)
                .detail("table", &table.name)
                .hint("a trigger of the schema changes, adds or removes rows while they are written; remove it, and restore again"));
        }
    }
    Ok(())
}

/// The tables of experiments, parents before children, and those of the undo log.
fn all(layout: &Layout) -> impl DoubleEndedIterator<Item = &TableLayout> {
    layout.tables.iter().chain(&layout.own_tables)
}

/// The same table elsewhere.
fn named<'l>(layout: &'l Layout, table: &TableLayout) -> Option<&'l TableLayout> {
    all(layout).find(|there| there.schema.name == table.schema.name)
}

/// The tables of expmig's own that have rows, and of the undo log all if one has any.
fn filled_own_tables(connection: &dyn Connection, layout: &Layout) -> Result<Vec<&'static Table>> {
    let mut filled: Vec<&'static Table> = Vec::new();
    for table in &layout.own_tables {
        let is_of_log = OWN_TABLES.iter().any(|of_log| of_log.name == table.schema.name);
        let tables = if is_of_log { OWN_TABLES.to_vec() } else { vec![table.schema] };
        if count(connection, table)? > 0 {
            filled.extend(tables);
        }
    }
    filled.sort_by_key(|table| table.name);
    filled.dedup_by_key(|table| table.name);
    Ok(filled)
}

fn count(connection: &dyn Connection, table: &TableLayout) -> Result<u64> {
    let count = connection.query_integer(&format!("SELECT count(*) FROM {}", quote(&table.name)), &[])?;
    Ok(count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0))
}

/// The error of a snapshot's undo log that has no place.
fn no_log(error: Error) -> Error {
    match error.status() {
        Status::Auth => error.hint(
            "grant CREATE on the schema: the snapshot has an undo log or jobs, and the schema no tables for them; or restore a snapshot of a \
             database that has none",
        ),
        _ => error,
    }
}

/// What was written into a table, and into which of its columns, each with the kind that it is compared as.
struct Written {
    table: &'static str,
    columns: Vec<(String, Option<Kind>)>,
    content: Content,
}

/// On the way back, what is written is known afterwards.
fn copy_rows(
    (source, from): (&dyn Connection, &Layout),
    (target, to): (&dyn Connection, &Layout),
    way: Way,
    copied: Copied<'_>,
) -> Result<Vec<Written>> {
    let mut total = 0;
    for table in all(from) {
        total += count(source, table)?;
    }
    let (mut done, mut written) = (0, Vec::new());
    for table in all(from) {
        written.push(copy_table((source, table), (target, to), way, &mut |rows| {
            done += rows;
            copied(done.min(total), total)
        })?);
    }
    copied(total, total)?;
    Ok(written)
}

fn copy_table(
    (source, table): (&dyn Connection, &TableLayout),
    (target, to): (&dyn Connection, &Layout),
    way: Way,
    copied: &mut dyn FnMut(u64) -> Result<()>,
) -> Result<Written> {
    let there = named(to, table);
    let find = |column: &ColumnLayout| {
        there.and_then(|there| there.columns.iter().find(|other| other.name.eq_ignore_ascii_case(&column.name)))
    };
    let columns: Vec<Option<&ColumnLayout>> = table.columns.iter().map(find).collect();
    let names: Vec<&str> = columns.iter().flatten().map(|column| column.name.as_str()).collect();
    let mut inserter = there.map(|there| target.inserter(there, &names)).transpose()?;
    let select: Vec<String> = table.columns.iter().map(|column| quote(&column.name)).collect();
    let sql = format!("SELECT {} FROM {}", select.join(", "), quote(&table.name));
    let (mut cells, mut content) = (CellBuffer::default(), Content::default());
    let kind = |column: &ColumnLayout| column.schema.map(|known| known.kind);
    source.query(&sql, &[], &mut |row| {
        for (at, (column, there)) in table.columns.iter().zip(&columns).enumerate() {
            let value = row.value(at)?;
            let Some(there) = there else {
                if value != ValueRef::Null || inserter.is_none() {
                    return Err(no_place(table, column));
                }
                continue;
            };
            if way == Way::Out && !column.takes_back(value) {
                return Err(not_taken_back(table, column, value));
            }
            check(target, (table, column), there, value)?;
            cells.push(value);
            if way == Way::Back {
                content.cell(value, kind(there));
            }
        }
        if way == Way::Back {
            content.end_row();
        }
        if cells.len() >= FULL_CELLS || cells.byte_len() >= FULL_BYTES {
            flush(&mut inserter, &mut cells, names.len(), copied)?;
        }
        Ok(Next::Row)
    })?;
    flush(&mut inserter, &mut cells, names.len(), copied)?;
    let columns = columns.iter().flatten().map(|column| (column.name.clone(), kind(column))).collect();
    Ok(Written { table: table.schema.name, columns, content })
}

fn flush(
    inserter: &mut Option<Box<dyn Inserter + '_>>,
    cells: &mut CellBuffer,
    width: usize,
    copied: &mut dyn FnMut(u64) -> Result<()>,
) -> Result<()> {
    let values: Vec<ValueRef<'_>> = cells.iter().collect();
    if let Some(inserter) = inserter {
        inserter.insert(&values)?;
    }
    let rows = values.len() / width.max(1);
    drop(values);
    cells.clear(FULL_BYTES * 2);
    copied(rows as u64)
}

/// Fails unless a value has the same content where it goes.
#[inline]
fn check(
    target: &dyn Connection,
    (table, column): (&TableLayout, &ColumnLayout),
    there: &ColumnLayout,
    value: ValueRef<'_>,
) -> Result<()> {
    let what = match Conversion::of(target, there, value, column.schema.map(|known| known.kind))? {
        Conversion::Same => return Ok(()),
        Conversion::Refused => "refused".to_owned(),
        Conversion::Changed(stored) => stored.borrow().describe(),
    };
    Err(Error::new(
        Status::Lossy,
        Domain::Snapshot,
        format!("{}.{}: {} would be {what}; nothing was changed", table.schema.name, column.name, value.describe()),
    )
    .detail("table", table.schema.name)
    .detail("column", &column.name)
    .detail("value", value.describe())
    .hint("change the type of the column where the snapshot goes"))
}

/// A value that its own column would refuse, or store as another one.
fn not_taken_back(table: &TableLayout, column: &ColumnLayout, value: ValueRef<'_>) -> Error {
    let (table, declared) = (table.schema.name, &column.declared);
    let message = format!(
        "{table}.{} of type {declared} has {}, which it would not take back as it is: the snapshot could not be restored",
        column.name,
        value.describe()
    );
    Error::new(Status::Lossy, Domain::Snapshot, message)
        .detail("table", table)
        .detail("column", &column.name)
        .detail("value", value.describe())
        .hint("change the value, or the type of the column")
}

fn no_place(table: &TableLayout, column: &ColumnLayout) -> Error {
    let message = format!("the database has no column {}.{}; nothing was changed", table.schema.name, column.name);
    Error::new(Status::Lossy, Domain::Snapshot, message)
        .detail("table", table.schema.name)
        .detail("column", &column.name)
        .hint("add what is missing, and restore again")
}
