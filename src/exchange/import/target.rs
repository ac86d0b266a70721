//! Writing the rows of a document, many at a time, into tables that may differ from those they came from.

use super::objects::Object;
use super::reader::Reader;
use super::row::Row;
use crate::database::{
    Chunk, ColumnLayout, Connection, Kinds, Layout, Loss, Losses, MissingColumn, TableLayout, cannot_add, utf16_holds,
};
use crate::digest::same_content;
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
        if column.certainly_keeps(value) {
            return Ok(());
        }
        let Some(stored) = self.connection.stored_as(column, value)? else {
            let error = error(Status::Constraint, "is refused by the type of the target's column");
            return Err(error.hint("change the type of the target's column, or the value; nothing was changed"));
        };
        if same_content(value, stored.borrow(), column.schema.map(|known| known.kind)) {
            return Ok(());
        }
        let stored = stored.borrow().describe();
        if self.may.lose {
            self.losses.add(|| Loss {
                table: object.table.name,
                row: Some(reader.path().to_string()),
                column: Some(column.name.clone()),
                reason: "the target's column type converts it",
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
            reason: "the target has no such column",
            value: Some(value.describe()),
            stored_as: None,
        });
        Ok(())
    }

    /// Whether the document has more than the target holds, so that their digests cannot be equal.
    pub fn is_unproven(&self) -> bool {
        self.ignored || self.losses.count > 0
    }

    /// The extra columns that the document has. Those that the target lacks are added, if that is allowed.
    pub fn declare(&mut self, declared: Vec<Declared>, reader: &Reader<'_>) -> Result<()> {
        self.declared = declared;
        self.look_for_links();
        self.refuse_other_links(reader)?;
        self.undeclared = self.take_links();
        for (table, _) in self.undeclared.clone() {
            self.renew(self.layout.family.place_of(table))?;
        }
        for extra in self.declared.clone() {
            self.give(extra.table_at, &extra.column)?;
            let filled =
                self.table(extra.table_at).is_some_and(|table| self.layout.filled(table, &extra.column).is_some());
            if self.may.add_columns
                && !filled
                && self.find_extra(extra.table_at, &extra.column)?.is_none()
                && self.has(extra.table_at)?
            {
                self.add_column(extra.table_at, &extra.column)?;
            }
        }
        Ok(())
    }

    /// Whether rows were written already of which it is only now said that they name others.
    pub fn comes_late(&self, declared: &[Declared]) -> bool {
        declared.iter().filter(|extra| extra.refers.is_some()).any(|extra| {
            let Some(sink) = self.sinks.get(extra.table_at) else { return false };
            let name = self.table(extra.table_at).map_or("", |table| table.name);
            let is_it = |column: &&ColumnLayout| column.name.eq_ignore_ascii_case(&extra.column);
            let known = sink.columns.iter().find(is_it).is_some_and(|column| column.refers.is_some());
            let added =
                self.added.iter().any(|(table, column)| *table == name && column.eq_ignore_ascii_case(&extra.column));
            !known && (added || sink.rows > 0)
        })
    }

    /// What the document says of an extra column of this table.
    fn said(&self, table: &TableLayout, column: &ColumnLayout) -> Option<&Declared> {
        self.declared.iter().find(|extra| {
            self.table(extra.table_at).is_some_and(|known| known.name == table.schema.name)
                && column.schema.is_none()
                && extra.column.eq_ignore_ascii_case(&column.name)
        })
    }

    /// Fails if a column has ids of other rows in the document than here.
    fn refuse_other_links(&self, reader: &Reader<'_>) -> Result<()> {
        for table in &self.layout.tables {
            for column in &table.columns {
                let said = self.said(table, column).and_then(|extra| extra.refers);
                if let (Some(there), Some(here)) = (said, column.refers)
                    && there != here
                {
                    let (name, column) = (table.schema.name, &column.name);
                    let (there, here) = (self.layout.family.table_name(there), self.layout.family.table_name(here));
                    let what = format!("{name}.{column} has ids of {there}, and in the database those of {here}");
                    let error = reader.error(Status::Validation, what).detail("table", name).detail("column", column);
                    return Err(error.hint("change the foreign key of the column in the database; nothing was changed"));
                }
            }
        }
        Ok(())
    }

    /// Takes columns for what the document says, where nothing is declared here. Which they are.
    fn take_links(&mut self) -> Vec<(&'static str, String)> {
        let mut taken = Vec::new();
        let mut layout = std::mem::take(&mut self.layout.tables);
        for table in &mut layout {
            let name = table.schema.name;
            for at in 0..table.columns.len() {
                let Some(column) = table.columns.get(at).filter(|column| column.refers.is_none()) else { continue };
                let refers = self.said(table, column).and_then(|extra| extra.refers);
                if let (Some(_), Some(column)) = (refers, table.columns.get_mut(at)) {
                    column.refers = refers;
                    taken.push((name, column.name.clone()));
                }
            }
        }
        self.layout.tables = layout;
        taken
    }

    fn look_for_links(&mut self) {
        self.has_links = self.layout.has_links() || self.declared.iter().any(|extra| extra.refers.is_some());
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

    /// The document has values for a column that the target would fill.
    fn give(&mut self, at: usize, name: &str) -> Result<()> {
        let Some(table) = self.table(at) else { return Ok(()) };
        if self.layout.filled(table, name).is_none_or(|filled| filled.column.counter) {
            return Ok(());
        }
        self.finish_table(at)?;
        self.layout.give(table, name);
        self.begin_table(at)
    }

    /// Makes the sink of a table anew, whose columns have changed and whose rows are all written.
    fn begin_table(&mut self, at: usize) -> Result<()> {
        let rows = self.at(at)?.rows;
        let table = self.table(at).and_then(|table| self.layout.table(table.name));
        let sink = Sink { rows, ..self.sink(table) };
        if let Some(place) = self.sinks.get_mut(at) {
            *place = sink;
        }
        Ok(())
    }

    fn find_extra(&self, at: usize, name: &str) -> Result<Option<usize>> {
        let is_it = |column: &ColumnLayout| column.schema.is_none() && column.name.eq_ignore_ascii_case(name);
        Ok(self.at(at)?.columns.iter().position(is_it))
    }

    /// The position of an extra column, which is added if it is missing; `None` if its values are left out.
    pub fn extra_column(&mut self, object: &Object, name: &str, reader: &Reader<'_>) -> Result<Option<usize>> {
        if let Some(at) = self.find_extra(object.at, name)? {
            return Ok(Some(at));
        }
        if self.layout.filled(object.table, name).is_some() {
            self.give(object.at, name)?;
            return self.find_extra(object.at, name);
        }
        let table = object.table.name;
        if object.table.column(name).is_some() {
            return reader.invalid(format!("{table}.{name} is a column of the schema, not an extra one"));
        }
        if name.is_empty() || name.contains('\0') {
            return reader.invalid("a column cannot have this name");
        }
        if !self.may.add_columns && self.may.lose {
            return Ok(None);
        }
        if !self.may.add_columns {
            let name = one_line(name, 80);
            let error = reader.error(Status::Lossy, format!("the target has no column {table}.{name}"));
            let error = error.detail("table", table).detail("column", name);
            return Err(error.hint(
                "EXPMIG_IMPORT_ADD_COLUMNS adds missing columns, EXPMIG_IMPORT_ALLOW_LOSSY leaves their values out; nothing was changed",
            ));
        }
        self.add_column(object.at, name).map(Some)
    }

    fn add_column(&mut self, at: usize, name: &str) -> Result<usize> {
        let Some(table) = self.table(at).and_then(|table| self.layout.table(table.name)) else {
            return Err(Error::internal(Domain::ImportExport, format!("there is no table {at}")));
        };
        let is_it = |extra: &&Declared| extra.table_at == at && extra.column.eq_ignore_ascii_case(name);
        let declared = self.declared.iter().find(is_it).map_or_else(String::new, |extra| extra.declared.clone());
        let (table, schema) = (table.clone(), table.schema.name);
        if table.generates(name) {
            return Err(generated(schema, name));
        }
        self.finish_table(at)?;
        let refers = self.declared.iter().find(is_it).and_then(|extra| extra.refers);
        let column = ColumnLayout { refers, ..ColumnLayout::elsewhere(name, &declared) };
        if self.connection.capabilities().ddl_commits {
            return Err(self.cannot_add(&table, name));
        }
        self.connection.add_column(&table, &column)?;
        let filled = std::mem::take(&mut self.layout.filled);
        self.layout = self.connection.layout()?;
        self.look_for_links();
        self.layout.leave_to_fill(|table, column| {
            !filled.iter().any(|there| there.table.name == table.name && there.column.name == column.name)
        });
        self.take_links();
        self.added.push((schema, name.to_owned()));
        self.renew(at)?;
        match self.find_extra(at, name)? {
            Some(found) => Ok(found),
            None => Err(Error::internal(Domain::ImportExport, format!("the column {schema}.{name} was not added"))),
        }
    }

    /// Takes note of the columns that a table has by now.
    fn renew(&mut self, at: usize) -> Result<()> {
        self.finish_table(at)?;
        let rows = self.at(at)?.rows;
        let sink = Sink { rows, ..self.sink(self.table(at).and_then(|table| self.layout.table(table.name))) };
        if let Some(place) = self.sinks.get_mut(at) {
            *place = sink;
        }
        Ok(())
    }

    /// Names every column that the document declares and the database lacks; `name` is one of them.
    fn cannot_add(&self, table: &TableLayout, name: &str) -> Error {
        let missing = |extra: &Declared| {
            let there = self.layout.table(self.table(extra.table_at)?.name)?;
            let lacks = !there.columns.iter().any(|column| column.name.eq_ignore_ascii_case(&extra.column));
            let kinds = Kinds::declared(&extra.declared);
            let refers = extra.refers.and_then(|entity| self.layout.entity(entity).ok());
            lacks.then(|| MissingColumn { table: there, name: extra.column.clone(), kinds, refers })
        };
        let mut columns: Vec<MissingColumn<'_>> = self.declared.iter().filter_map(missing).collect();
        if columns.is_empty() {
            columns.push(MissingColumn { table, name: name.to_owned(), kinds: Kinds::default(), refers: None });
        }
        columns.sort_by(|a, b| a.table.name.cmp(&b.table.name));
        cannot_add(Domain::ImportExport, self.connection, &columns)
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

/// The database computes a column that the document has values for.
fn generated(table: &str, column: &str) -> Error {
    let message = format!(
        "the target's column {table}.{column} is generated, so the document's values cannot be written into it"
    );
    Error::new(Status::Schema, Domain::ImportExport, message)
        .detail("table", table)
        .detail("column", column)
        .hint("import into another database, or make it an ordinary column; nothing was changed")
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
