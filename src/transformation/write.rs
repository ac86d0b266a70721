//! Writes the changed metrics: in place, or as copies if others are linked to them, too.

use super::metric::{CELLS, Metric};
use super::result::Noted;
use super::undo_log::{Fingerprint, Touched, UndoLog, fingerprint};
use crate::database::{Change, Connection, FULL_BYTES, Layout, Mentioned, Next, TableLayout, Write};
use crate::digest::TableTotals;
use crate::error::{Domain, Error, Result, Status};
use crate::hierarchy::IdSet;
use crate::schema::{Role, quote};
use crate::values::{Value, ValueRef};

/// A chunk is also written when it has this many rows.
const FULL_ROWS: usize = 1 << 14;

/// Rows that are looked at once more with one statement.
const LOCKED_AT_ONCE: usize = 500;

/// What speaks of a row that the database refuses.
const DATABASE: &str = "database";

/// A metric that changed and was not yet written.
struct Pending {
    id: i64,
    /// A row to be copied, not changed.
    shared: bool,
    /// Which cells change, as bits; what they become, and, for the undo log, what they were. The others are NULL here.
    changed: u8,
    new: [Value; 2],
    old: Option<[Value; 2]>,
    written: Option<Fingerprint>,
    /// It is not certain that the columns keep the new cells as they are.
    uncertain: bool,
    /// Of the row as it was read, if somebody else can have changed it since.
    seen: Option<Fingerprint>,
}

/// How a metric was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// It belongs to the selection alone.
    Own,
    /// The same, and from now on nobody else changes it.
    Locked,
    /// Others are linked to it, so it is copied.
    Shared,
}

/// What was written of a chunk.
#[derive(Default)]
pub struct Written {
    pub updated: u64,
    pub copied: u64,
    /// The metrics that the database refused.
    pub refused: Vec<Noted>,
}

/// Collects changed metrics and writes them chunk by chunk.
pub struct Writer<'c> {
    connection: &'c dyn Connection,
    census: &'c TableTotals<'c>,
    table: TableLayout,
    most_rows: usize,
    pending: Vec<Pending>,
    bytes: usize,
    /// The statements for each combination of cells, once they are needed: updates, and copies.
    statements: [[Option<Box<dyn Change + 'c>>; 4]; 2],
    pub log: Option<UndoLog<'c>>,
    /// Somebody else has a say in what is written, so it is read back.
    suspicious: bool,
    has_other_writers: bool,
    /// The rows that were copied, and the id of the first copy.
    copied: IdSet,
    first_copy: i64,
}

fn size(values: &[Value; 2]) -> usize {
    let one = |value: &Value| match value {
        Value::Text(bytes) | Value::Blob(bytes) => bytes.len(),
        _ => 0,
    };
    values.iter().map(one).sum()
}

impl<'c> Writer<'c> {
    /// `most_copies` is how many rows may have to be copied.
    pub fn new(
        (connection, census): (&'c dyn Connection, &'c TableTotals<'c>),
        (layout, table): (&Layout, &TableLayout),
        log: Option<UndoLog<'c>>,
        (batch_size, most_copies): (usize, u64),
    ) -> Result<Writer<'c>> {
        Ok(Writer {
            connection,
            census,
            table: table.clone(),
            most_rows: batch_size.min(FULL_ROWS),
            pending: Vec::new(),
            bytes: 0,
            statements: Default::default(),
            log,
            suspicious: connection.has_triggers(table)?,
            has_other_writers: connection.capabilities().other_writers,
            copied: IdSet::default(),
            first_copy: match most_copies {
                0 => 0,
                _ => {
                    let mentioned = Mentioned::read(connection, layout, |of| of == table.schema.name)?;
                    connection.allocate_ids(table, most_copies, mentioned.of(table.schema.name))?.0
                }
            },
        })
    }

    /// Takes a metric that changed, and its cells. `old` are the cells that it has. Writes the chunk if it is full.
    pub fn push(&mut self, metric: &mut Metric, changed: u8, old: [ValueRef<'_>; 2], found: Found) -> Result<Written> {
        let is_mine = found == Found::Locked || !self.has_other_writers;
        let seen = (!is_mine).then(|| fingerprint(old));
        let cells = [metric.total_val.borrow(), metric.per_label_val.borrow()];
        let keeps = |(cell, (name, bit)): (ValueRef<'_>, (&str, u8))| {
            changed & bit == 0 || certainly_keeps(&self.table, name, cell)
        };
        let uncertain = self.suspicious || !cells.into_iter().zip(CELLS).all(keeps);
        let needed = self.log.is_some() || uncertain;
        let written = needed.then(|| fingerprint(cells));
        let changes = |at: usize| CELLS.get(at).is_some_and(|(_, bit)| changed & bit != 0);
        let take = |at: usize, cell: &mut Value| match changes(at) {
            true => std::mem::replace(cell, Value::Null),
            false => Value::Null,
        };
        let new = [take(0, &mut metric.total_val), take(1, &mut metric.per_label_val)];
        let [total, labels] = old;
        let kept = |at: usize, cell| if changes(at) { cell } else { ValueRef::Null };
        let old = self.log.is_some().then(|| [kept(0, total), kept(1, labels)]);
        let shared = found == Found::Shared;
        let mut one = Pending { id: metric.id, shared, changed, new, old: None, written, uncertain, seen };
        let huge = one.new.iter().map(Value::borrow).chain(old.into_iter().flatten()).any(|cell| cell.is_huge());
        if huge && is_mine {
            let mut done = self.flush()?;
            self.write_through(one, old, &mut done)?;
            return Ok(done);
        }
        one.old = old.map(|old| old.map(ValueRef::to_owned));
        self.bytes += size(&one.new) + one.old.as_ref().map_or(0, size);
        self.pending.push(one);
        if self.is_full() { self.flush() } else { Ok(Written::default()) }
    }

    fn is_full(&self) -> bool {
        self.pending.len() >= self.most_rows || self.bytes >= FULL_BYTES
    }

    /// Forgets the chunk.
    pub fn discard(&mut self) {
        self.pending.clear();
        self.bytes = 0;
    }

    /// Writes the chunk.
    pub fn flush(&mut self) -> Result<Written> {
        let mut done = Written::default();
        let mut pending = std::mem::take(&mut self.pending);
        self.bytes = 0;
        if self.has_other_writers {
            pending.chunks(LOCKED_AT_ONCE).try_for_each(|chunk| self.lock(chunk))?;
        }
        let mut touched = Vec::with_capacity(pending.len());
        for one in &mut pending {
            let new = std::mem::replace(&mut one.new, [Value::Null, Value::Null]);
            let one: &Pending = one;
            let old = one.old.as_ref().map(|old| old.each_ref().map(Value::borrow));
            touched.extend(self.settle(one, new, old, &mut done)?);
        }
        self.keep(&touched)?;
        Ok(done)
    }

    /// Writes a metric with huge cells at once: the old ones are where they were read, so that there is no copy of them, and the new
    /// ones are gone before the old ones are kept.
    fn write_through(&mut self, mut one: Pending, old: Option<[ValueRef<'_>; 2]>, done: &mut Written) -> Result<()> {
        let new = std::mem::replace(&mut one.new, [Value::Null, Value::Null]);
        let touched = self.settle(&one, new, old, done)?;
        self.keep(touched.as_slice())
    }

    fn keep(&mut self, touched: &[Touched<'_>]) -> Result<()> {
        match &mut self.log {
            Some(log) if !touched.is_empty() => log.add(touched),
            _ => Ok(()),
        }
    }

    /// Writes the new cells of a metric, and counts it; what the undo log has to keep.
    fn settle<'v>(
        &mut self,
        one: &'v Pending,
        new: [Value; 2],
        old: Option<[ValueRef<'v>; 2]>,
        done: &mut Written,
    ) -> Result<Option<Touched<'v>>> {
        let copy = one.shared.then(|| self.first_copy.wrapping_add_unsigned(self.copied.len()));
        match self.write(one, new, copy) {
            Ok(()) => {}
            Err(error) if error.status() == Status::Constraint => {
                done.refused.push(self.refused(one.id, &error)?);
                return Ok(None);
            }
            Err(error) => return Err(error.detail("row", format!("id={}", one.id))),
        }
        done.updated += 1;
        if copy.is_some() {
            self.copied.insert(one.id)?;
            done.copied += 1;
        }
        let Some(written) = &one.written else { return Ok(None) };
        if one.uncertain {
            read_back(self.connection, &self.table, copy.unwrap_or(one.id), written)?;
        }
        let (metric, original) = (copy.unwrap_or(one.id), copy.map(|_| one.id));
        Ok(old.map(|old| Touched { metric, original, changed: one.changed, old, written }))
    }

    /// Keeps everybody from changing these rows from now on; fails if somebody did since they were read.
    fn lock(&self, pending: &[Pending]) -> Result<()> {
        let places: Vec<String> = (1..=pending.len()).map(|at| format!("?{at}")).collect();
        let id = self.table.quoted("id");
        let sql = format!("{} WHERE {id} IN ({}) ORDER BY {id}", select_cells(&self.table, "id"), places.join(", "));
        let ids: Vec<Value> = pending.iter().map(|one| Value::Integer(one.id)).collect();
        // Both are in the order of the ids.
        let mut wanted = pending.iter();
        self.connection.query_locked(&sql, &ids, &mut |row| {
            let Some(one) = wanted.next() else { return Ok(Next::Stop) };
            let same = one.seen == Some(fingerprint([row.value(0)?, row.value(1)?]));
            match same && row.value(2)?.as_integer() == Some(one.id) {
                true => Ok(Next::Row),
                false => Err(changed_meanwhile(one.id)),
            }
        })?;
        wanted.next().map_or(Ok(()), |one| Err(changed_meanwhile(one.id)))
    }

    fn refused(&self, id: i64, error: &Error) -> Result<Noted> {
        let (kind, table) = (self.table.quoted("type"), quote(&self.table.name));
        let sql = format!("SELECT {kind} FROM {table} WHERE {} = ?1", self.table.quoted("id"));
        let mut kind = Value::Null;
        self.connection.query(&sql, &[Value::Integer(id)], &mut |row| {
            kind = row.value(0)?.to_owned();
            Ok(Next::Stop)
        })?;
        Ok(Noted::new(id, kind.borrow(), DATABASE, error.message()))
    }

    /// Changes the row, or writes a copy of it with this id.
    fn write(&mut self, one: &Pending, new: [Value; 2], copy: Option<i64>) -> Result<()> {
        let mut params = vec![Value::Integer(one.id)];
        params.extend(copy.map(Value::Integer));
        for (value, (name, _)) in new.into_iter().zip(CELLS).filter(|(_, (_, bit))| one.changed & bit != 0) {
            params.push(as_sent(self.connection, &self.table, (value.borrow(), name)).unwrap_or(value));
        }
        let place =
            self.statements.get_mut(usize::from(copy.is_some())).and_then(|all| all.get_mut(usize::from(one.changed)));
        let Some(place) = place else {
            return Err(Error::internal(Domain::Transformation, "a change of no cell"));
        };
        let statement = match place {
            Some(prepared) => prepared,
            None => {
                let sql = match copy {
                    Some(_) => copy_statement(self.connection, &self.table, one.changed)?,
                    None => update_statement(self.connection, &self.table, one.changed)?,
                };
                place.insert(self.connection.prepare_change(&sql)?)
            }
        };
        let own = [Value::Integer(one.id)];
        let own: (&str, &[Value]) = ("id = ?1", &own);
        let written = match copy {
            Some(_) => statement.run_owned(params)?,
            None => self.census.around(self.table.schema.name, (own, own), || statement.run_owned(params))?,
        };
        match written {
            1 => Ok(()),
            _ => Err(changed_otherwise("the database did not change the row")),
        }
    }

    /// The rows that were copied, frozen, the id of the first copy, and the undo log.
    pub fn finish(mut self) -> Result<(IdSet, i64, Option<UndoLog<'c>>)> {
        self.copied.freeze()?;
        Ok((self.copied, self.first_copy, self.log))
    }
}

/// The error for a metric that is another than it was when it was read.
pub fn changed_meanwhile(id: i64) -> Error {
    let message = format!("METRIC (id={id}) was changed by another connection meanwhile; nothing was changed");
    Error::new(Status::Busy, Domain::Transformation, message)
        .detail("table", "METRIC")
        .detail("row", format!("id={id}"))
        .hint("try again")
}

/// `SELECT total_val, per_label_val, id FROM METRIC`, with another column in the place of `id`.
pub fn select_cells(table: &TableLayout, also: &str) -> String {
    let [(total, _), (labels, _)] = CELLS;
    let [total, labels, also] = [total, labels, also].map(|column| table.quoted(column));
    format!("SELECT {total}, {labels}, {also} FROM {}", quote(&table.name))
}

/// How a cell, with its column, is given to a statement; `None` for as it is.
pub fn as_sent(connection: &dyn Connection, table: &TableLayout, (value, name): (ValueRef<'_>, &str)) -> Option<Value> {
    let column = table.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name))?;
    connection.as_sent(column, value)
}

/// Whether a cell is certainly stored as it is in its column of METRIC.
pub fn certainly_keeps(table: &TableLayout, column: &str, cell: ValueRef<'_>) -> bool {
    let column = table.columns.iter().find(|there| there.schema.is_some_and(|known| known.name == column));
    column.is_some_and(|column| column.certainly_keeps(cell))
}

/// Fails unless the cells of a metric are as they were written.
pub fn read_back(connection: &dyn Connection, table: &TableLayout, id: i64, written: &Fingerprint) -> Result<()> {
    let sql = format!("{} WHERE {} = ?1", select_cells(table, "id"), table.quoted("id"));
    let mut same = false;
    connection.query(&sql, &[Value::Integer(id)], &mut |row| {
        same = fingerprint([row.value(0)?, row.value(1)?]) == *written;
        Ok(Next::Stop)
    })?;
    match same {
        true => Ok(()),
        false => Err(changed_otherwise("the row was read back different").detail("row", format!("id={id}"))),
    }
}

/// The error for a row that did not become what it should.
pub fn changed_otherwise(what: &str) -> Error {
    Error::new(Status::Mismatch, Domain::Transformation, format!("{what}; nothing was changed"))
        .detail("table", "METRIC")
        .hint(
            "a trigger, or the type of a column, changes or refuses what is written; remove the trigger, or let it leave these \
             columns alone",
        )
}

/// The cells that change, each with its parameter, numbered from `first` on.
fn cells(changed: u8, first: usize) -> impl Iterator<Item = (&'static str, String)> {
    let changing = CELLS.into_iter().filter(move |(_, bit)| changed & bit != 0);
    changing.enumerate().map(move |(at, (name, _))| (name, format!("?{}", first + at)))
}

/// `UPDATE METRIC SET total_val = ?2 WHERE id = ?1`
pub fn update_statement(connection: &dyn Connection, table: &TableLayout, changed: u8) -> Result<String> {
    let set: Vec<String> =
        cells(changed, 2).map(|(name, parameter)| format!("{} = {parameter}", table.quoted(name))).collect();
    let names: Vec<&str> = cells(changed, 2).map(|(name, _)| name).collect();
    let (update, others) = (connection.opening(Write::Update, table)?, table.unstamped(&names));
    Ok(format!("{update} SET {}{others} WHERE {} = ?1", set.join(", "), table.quoted("id")))
}

/// `INSERT INTO METRIC (id, type, total_val, ...) SELECT ?2, type, ?3, ... FROM METRIC WHERE id = ?1`
fn copy_statement(connection: &dyn Connection, table: &TableLayout, changed: u8) -> Result<String> {
    let names: Vec<String> = table.columns.iter().map(|column| quote(&column.name)).collect();
    let selected: Vec<String> = table
        .columns
        .iter()
        .map(|column| match column.schema {
            Some(known) if known.role == Role::Id => "?2".to_owned(),
            Some(known) => {
                let cell = cells(changed, 3).find(|(name, _)| *name == known.name);
                cell.map_or_else(|| quote(&column.name), |(_, parameter)| parameter)
            }
            None => quote(&column.name),
        })
        .collect();
    let name = quote(&table.name);
    Ok(format!(
        "{} ({}) {}SELECT {} FROM {name} WHERE {} = ?1",
        connection.opening(Write::Insert, table)?,
        names.join(", "),
        connection.with_ids_given(),
        selected.join(", "),
        table.quoted("id")
    ))
}
