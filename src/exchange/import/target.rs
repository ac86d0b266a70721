//! Writes the rows of a document, many at a time, into tables that may differ from those of the source.

mod extra_columns;

use super::objects::Object;
use super::reader::Reader;
use super::row::Row;
use crate::database::{
    CONVERTED, Chunk, ColumnLayout, Connection, Layout, Loss, Losses, NO_COLUMN, TableLayout, utf16_holds,
};
use crate::digest::Conversion;
use crate::error::{Domain, Error, Result, Status};
use crate::hierarchy::RowidRanges;
use crate::progress::Job;
use crate::schema::{Entity, Place, Table};
use crate::values::{Value, ValueRef, one_line};
use smallvec::SmallVec;

/// Rows of one table that are written at once, at most.
const CHUNK_ROWS: usize = 1000;

/// One table. Without columns if the target lacks it.
#[derive(Default)]
struct Sink<'c> {
    /// In the order in which rows have their values: the schema's columns, then the extra ones.
    columns: Vec<ColumnLayout>,
    /// The positions of the columns that refuse NULL.
    required: Vec<usize>,
    /// Those of the extra columns that have ids of other rows, and whose.
    links: Vec<(usize, Entity)>,
    /// Rows wait here; made for the first one.
    chunk: Option<Chunk<'c>>,
    rows: u64,
}

/// An extra column, as the head of a document names it.
#[derive(Clone, Debug)]
pub struct Declared {
    pub table_at: usize,
    pub column: String,
    /// The declared type.
    pub declared: String,
    /// Whose ids it has.
    pub refers: Option<Entity>,
}

/// What may be done where the target has no room.
#[derive(Clone, Copy, Debug)]
pub struct May {
    /// Extra columns that are missing are added.
    pub add_columns: bool,
    /// Values are changed, or left out with their columns.
    pub lose: bool,
}

/// The database that is written to.
pub struct Target<'c> {
    pub connection: &'c dyn Connection,
    pub layout: Layout,
    job: &'c Job,
    may: May,
    /// Where rows go.
    pub new_rows: RowidRanges,
    /// What the target cannot hold as it is.
    pub losses: Losses,
    /// Values came for a column that the target fills itself.
    ignored: bool,
    /// By the table's place among the schema's.
    sinks: Vec<Sink<'c>>,
    declared: Vec<Declared>,
    /// Whether rows name others of the document in extra columns: known before each of them is asked.
    has_links: bool,
    /// The columns that were added.
    pub added: Vec<(&'static str, String)>,
    /// Those that have ids of other rows in the document, and do not declare it in the target.
    pub undeclared: Vec<(&'static str, String)>,
    /// Nothing is written any more, because it would be undone.
    blocked: bool,
}

impl<'c> Target<'c> {
    /// For as long as a write transaction lasts.
    pub fn new(connection: &'c dyn Connection, mut layout: Layout, may: May, job: &'c Job) -> Result<Target<'c>> {
        // Until the document has values for them.
        layout.leave_to_fill(|_, _| false);
        let mut target = Target {
            new_rows: RowidRanges::of_new_rows(connection, &layout)?,
            connection,
            layout,
            job,
            may,
            losses: Losses::default(),
            ignored: false,
            sinks: Vec::new(),
            declared: Vec::new(),
            has_links: false,
            added: Vec::new(),
            undeclared: Vec::new(),
            blocked: false,
        };
        target.look_for_links();
        target.sinks =
            target.layout.family.tables.iter().map(|table| target.sink(target.layout.table(table.name))).collect();
        Ok(target)
    }

    fn sink(&self, table: Option<&TableLayout>) -> Sink<'c> {
        let Some(table) = table else { return Sink::default() };
        let known = table
            .schema
            .columns
            .iter()
            .filter_map(|column| table.columns.iter().find(|found| found.schema == Some(column)));
        let columns: Vec<_> = known.chain(table.extra_columns()).cloned().collect();
        let required = columns.iter().enumerate().filter(|(_, column)| column.not_null).map(|(at, _)| at).collect();
        let links = columns.iter().enumerate().filter_map(|(at, column)| Some((at, column.refers?))).collect();
        Sink { columns, required, links, chunk: None, rows: 0 }
    }

    fn table(&self, at: usize) -> Option<&'static Table> {
        self.layout.family.tables.get(at)
    }

    fn at(&self, at: usize) -> Result<&Sink<'c>> {
        self.sinks.get(at).ok_or_else(|| Error::internal(Domain::ImportExport, format!("there is no table {at}")))
    }

    /// Writes nothing from now on: what is wrong is known, and everything will be undone.
    pub fn block(&mut self) {
        self.blocked = true;
    }

    /// Whether nothing was written yet, and may be.
    pub fn is_untouched(&self) -> bool {
        !self.blocked && self.sinks.iter().all(|sink| sink.rows == 0)
    }

    /// Fails unless the target has the table.
    pub fn require(&self, object: &Object, reader: &Reader<'_>) -> Result<()> {
        if !self.at(object.at)?.columns.is_empty() {
            return Ok(());
        }
        let name = object.table.name;
        let error = reader.error(Status::Lossy, format!("the target has no table {name}")).detail("table", name);
        Err(error.hint("import into a database of generation 2, such as a new one; nothing was changed"))
    }

    /// Fails unless the target stores this value of a column as it is, or it may be lost.
    #[inline]
    pub fn check(&mut self, object: &Object, at: usize, value: ValueRef<'_>, reader: &Reader<'_>) -> Result<()> {
        let Some(column) = self.at(object.at)?.columns.get(at) else { return Ok(()) };
        if column.certainly_keeps(value) && !self.layout.utf16 {
            return Ok(());
        }
        let column = column.clone();
        self.check_closely(object, &column, value, reader)
    }

    #[cold]
    fn check_closely(
        &mut self,
        object: &Object,
        column: &ColumnLayout,
        value: ValueRef<'_>,
        reader: &Reader<'_>,
    ) -> Result<()> {
        let error = |status, what: &str| {
            let what = format!("{} {what}", value.describe());
            let error = reader.error(status, what).detail("table", object.table.name).detail("column", &column.name);
            error.detail("value", value.describe())
        };
        if self.layout.utf16 && !utf16_holds(value) {
            let error = error(Status::Constraint, "cannot be held by the target, which stores text as UTF-16");
            return Err(error.hint("import into a database that stores text as UTF-8; nothing was changed"));
        }
        let stored = match Conversion::of(self.connection, column, value, column.schema.map(|known| known.kind))? {
            Conversion::Same => return Ok(()),
            Conversion::Refused => {
                let error = error(Status::Constraint, "is refused by the type of the target's column");
                return Err(error.hint("change the type of the target's column, or the value; nothing was changed"));
            }
            Conversion::Changed(stored) => stored.borrow().describe(),
        };
        if self.may.lose {
            self.losses.add(|| Loss {
                table: object.table.name,
                row: Some(reader.path().to_string()),
                column: Some(column.name.clone()),
                reason: CONVERTED,
                value: Some(value.describe()),
                stored_as: Some(stored),
            });
            return Ok(());
        }
        let error = error(Status::Lossy, &format!("would be stored as {stored}")).detail("stored_as", stored);
        let widen = self.connection.capabilities().how_to_widen.map_or_else(String::new, |how| format!("{how}, or "));
        Err(error.hint(format!(
            "{widen}allow the loss with EXPMIG_IMPORT_ALLOW_LOSSY, or change the type of the target's column, or the value; \
             nothing was changed"
        )))
    }

    /// A value of a column that the target has not, or fills itself.
    pub fn leave_out(&mut self, object: &Object, name: &str, value: ValueRef<'_>, reader: &Reader<'_>) -> Result<()> {
        if self.layout.filled(object.table, name).is_some() {
            self.ignored = true;
            return Ok(());
        }
        self.losses.add(|| Loss {
            table: object.table.name,
            row: Some(reader.path().to_string()),
            column: Some(one_line(name, 80)),
            reason: NO_COLUMN,
            value: Some(value.describe()),
            stored_as: None,
        });
        Ok(())
    }

    /// Whether the document has more than the target holds, so that their digests cannot be equal.
    pub fn is_unproven(&self) -> bool {
        self.ignored || self.losses.count > 0
    }

    /// Whether rows name others of the document in extra columns.
    pub fn has_links(&self) -> bool {
        self.has_links
    }

    /// The extra columns of a table that have ids of other rows, by position, and whose.
    pub fn links(&self, at: usize) -> &[(usize, Entity)] {
        self.sinks.get(at).map_or(&[], |sink| &sink.links)
    }

    /// Whether what the target cannot hold may be lost.
    pub fn may_lose(&self) -> bool {
        self.may.lose
    }

    /// Whether a column, by its position, refuses NULL.
    pub fn refuses_null(&self, at: usize, column: usize) -> bool {
        self.sinks.get(at).is_some_and(|sink| sink.required.contains(&column))
    }

    /// The name of a column by its position.
    pub fn column_name(&self, at: usize, column: usize) -> &str {
        self.sinks.get(at).and_then(|sink| sink.columns.get(column)).map_or("", |column| column.name.as_str())
    }

    fn has(&self, at: usize) -> Result<bool> {
        Ok(!self.at(at)?.columns.is_empty())
    }

    /// Writes the rows of a table that wait, and takes note of the columns that it has by now.
    fn renew(&mut self, at: usize) -> Result<()> {
        self.finish_table(at)?;
        let rows = self.at(at)?.rows;
        let sink = Sink { rows, ..self.sink(self.table(at).and_then(|table| self.layout.table(table.name))) };
        if let Some(place) = self.sinks.get_mut(at) {
            *place = sink;
        }
        Ok(())
    }

    /// Writes a row.
    pub fn write(&mut self, object: &Object, row: &Row, reader: &Reader<'_>) -> Result<()> {
        let Target { connection, layout, job, sinks, blocked, .. } = self;
        let Some(sink) = sinks.get_mut(object.at).filter(|_| !*blocked) else { return Ok(()) };
        if let Some(at) = sink.required.iter().find(|at| row.get(**at) == ValueRef::Null) {
            let column = sink.columns.get(*at).map_or("", |column| column.name.as_str());
            return Err(refused(object, column, reader));
        }
        let chunk = match &mut sink.chunk {
            Some(chunk) => chunk,
            None => {
                let Some(table) = layout.table(object.table.name) else { return Ok(()) };
                let names: Vec<&str> = sink.columns.iter().map(|column| column.name.as_str()).collect();
                let inserter = connection.inserter(table, &names)?;
                let key: SmallVec<[usize; 4]> = match object.table.has_own_id() {
                    true => SmallVec::new(),
                    false => object
                        .table
                        .primary_key
                        .iter()
                        .filter_map(|name| object.table.columns.iter().position(|column| column.name == *name))
                        .collect(),
                };
                sink.chunk.insert(match key.is_empty() {
                    true => Chunk::new(inserter, names.len(), CHUNK_ROWS, job),
                    false => Chunk::sorted(inserter, names.len(), &key, job),
                })
            }
        };
        sink.rows += 1;
        chunk.push_all(row.iter()).and_then(|()| chunk.flush_if_full()).map_err(|error| near(error, reader.offset()))
    }

    /// Writes the rows of a table that wait.
    fn finish_table(&mut self, at: usize) -> Result<()> {
        match self.sinks.get_mut(at).and_then(|sink| sink.chunk.take()) {
            Some(chunk) if !self.blocked => chunk.finish().map(|_| ()),
            _ => Ok(()),
        }
    }

    /// Writes all rows that wait; answers how many there were of each table in all.
    pub fn finish(&mut self, reader: &Reader<'_>) -> Result<Vec<(&'static str, u64)>> {
        for at in 0..self.sinks.len() {
            self.finish_table(at).map_err(|error| near(error, reader.offset()))?;
        }
        let tables = self.layout.family.tables.iter().zip(&self.sinks);
        let rows = tables.filter(|(table, sink)| table.place != Place::Aside && !sink.columns.is_empty());
        Ok(rows.map(|(table, sink)| (table.name, sink.rows)).collect())
    }

    /// As [`Target::check`], for keys: nearly all are integers, which every table keeps.
    pub fn check_key(&mut self, object: &Object, at: usize, value: &Value, reader: &Reader<'_>) -> Result<()> {
        match value {
            Value::Integer(_) => Ok(()),
            other => self.check(object, at, other.borrow(), reader),
        }
    }
}

/// A column refuses NULL.
fn refused(object: &Object, column: &str, reader: &Reader<'_>) -> Error {
    let table = object.table.name;
    let error = reader.error(Status::Constraint, format!("the target refuses NULL in {table}.{column}"));
    let error = error.detail("table", table).detail("column", column);
    error.hint("give it a value, or change the target's schema; nothing was changed")
}

/// Rows are written some time after they were read; where they stand is before this offset.
fn near(error: Error, offset: u64) -> Error {
    match error.status() {
        Status::Constraint => error.detail("before_offset", offset).in_domain(Domain::ImportExport),
        _ => error,
    }
}
