//! The extra columns of a document: those that the target has, those that are added to it, and those that have ids of other rows.

use super::{Declared, Target};
use crate::database::{ColumnLayout, Kinds, MissingColumn, TableLayout, cannot_add};
use crate::error::{Domain, Error, Result, Status};
use crate::exchange::import::objects::Object;
use crate::exchange::import::reader::Reader;
use crate::values::one_line;

impl Target<'_> {
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

    pub(super) fn look_for_links(&mut self) {
        self.has_links = self.layout.has_links() || self.declared.iter().any(|extra| extra.refers.is_some());
    }

    /// The document has values for a column that the target would fill.
    fn give(&mut self, at: usize, name: &str) -> Result<()> {
        let Some(table) = self.table(at) else { return Ok(()) };
        if self.layout.filled(table, name).is_none_or(|filled| filled.column.counter) {
            return Ok(());
        }
        self.finish_table(at)?;
        self.layout.give(table, name);
        self.renew(at)
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
