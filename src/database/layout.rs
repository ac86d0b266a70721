//! Which of the tables and columns of the schema a database has, and what else it has.

use std::collections::HashSet;

use super::column::{ColumnLayout, Storage};
use super::foreign_key::{ForeignKey, has_id_of};
use crate::error::{Domain, Error, NAMED, Result, Status};
use crate::schema::{Call, Entity, Family, Kind, Place, Role, Table, families, own_table, quote};

/// The error of a table that has no ids.
pub fn no_ids(name: &str, id: &str) -> Error {
    schema_error(format!("the column {name}.{id} is missing")).detail("table", name).detail("column", id)
}

/// The error of a table whose ids are no key.
pub fn ids_are_no_key(name: &str, id: &str) -> Error {
    Error::new(Status::Schema, Domain::Database, format!("{name}.{id} is not a key: ids could occur twice"))
        .detail("table", name)
        .detail("column", id)
        .hint(format!("rebuild the table with {id} as its primary key"))
}

/// Whether a name is one that a job relies on: what has it must be a table of rows of its own. What is aside is read by nothing.
pub fn is_relied_on(family: &Family, name: &str) -> bool {
    family.table(name).is_some_and(|known| known.place != Place::Aside) || own_table(name).is_some()
}

/// The error of something else with the name of a known table: read as absent, its rows would be lost.
pub fn not_a_table(name: &str, kind: &str) -> Error {
    Error::new(Status::Schema, Domain::Database, format!("{name} is {kind}, not a table with rows of its own"))
        .detail("table", name)
        .detail("kind", kind)
        .hint("rename it, or put a table with its rows in its place: nothing else can be copied, kept in a snapshot or written")
}

fn schema_error(message: String) -> Error {
    let trackers: Vec<&str> = families().map(|family| family.tracker).collect();
    Error::new(Status::Schema, Domain::Database, message)
        .hint(format!("expmig opens databases that {} wrote; check the path or the schema name", trackers.join(" or ")))
}

/// The error of creating tables where other things are.
fn not_empty(beside: &[String]) -> Error {
    let count = beside.len();
    let message = format!("there are {count} other tables or views here, so no tables are created");
    let error = Error::new(Status::Schema, Domain::Database, message)
        .detail("count", count)
        .hint("give a new file or an empty schema; EXPMIG_OPEN_CREATE_BESIDE creates the tables beside what is there");
    beside.iter().take(NAMED).fold(error, |error, name| error.detail("table", name))
}

/// A known table that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableLayout {
    pub schema: &'static Table,
    /// The name, in the database's own letter case.
    pub name: String,
    /// The columns that can be written, in the database's order.
    pub columns: Vec<ColumnLayout>,
    /// The names of the columns that the database computes: nothing can be written into them.
    pub generated: Vec<String>,
    /// The name by which a row's rowid is read, so that the order of insertion can be; `None` if rows have none, or columns have all its names.
    pub rowid: Option<&'static str>,
}

impl TableLayout {
    /// Whether it is one of a SQLite file, whose columns convert by their affinity.
    pub fn is_of_a_file(&self) -> bool {
        self.columns.iter().all(|column| !matches!(column.storage, Storage::Own(_)))
    }

    /// The position of the column with this name, in any letter case.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name.eq_ignore_ascii_case(name))
    }

    /// The quoted name that the database uses for a column of the schema.
    pub fn quoted(&self, column: &str) -> String {
        match self.columns.iter().find(|found| found.name.eq_ignore_ascii_case(column)) {
            Some(found) => quote(&found.name),
            None => quote(column),
        }
    }

    /// The columns that tell a row from all others, in a message: its own key, or the primary key, as far as they are there.
    pub fn key_columns(&self) -> Vec<&'static str> {
        let key = self.schema.id_column().map_or(self.schema.primary_key, |_| &[]);
        let id = self.schema.id_column().map(|column| column.name);
        id.into_iter().chain(key.iter().copied()).filter(|name| self.position(name).is_some()).collect()
    }

    /// The quoted name of the column with the rows' own key.
    pub fn id(&self) -> String {
        self.quoted(self.schema.id_column().map_or("", |column| column.name))
    }

    /// The column with the rows' own key.
    pub fn id_layout(&self) -> Option<&ColumnLayout> {
        let id = self.schema.id_column()?;
        self.columns.iter().find(|column| column.name.eq_ignore_ascii_case(id.name))
    }

    /// The quoted name of the column with the key of what a row hangs on.
    pub fn parent(&self, entity: Entity) -> Result<String> {
        match self.schema.parent_column(entity) {
            Some(column) => Ok(self.quoted(column.name)),
            None => Err(Error::internal(Domain::Database, format!("{} has no key of {entity:?}", self.schema.name))),
        }
    }

    /// What an update of these columns has to set beside, so that all others stay as they are: `, stamp = stamp`.
    pub fn unstamped(&self, changed: &[&str]) -> String {
        let of_others = |column: &&ColumnLayout| {
            column.is_stamped && changed.iter().all(|name| !column.name.eq_ignore_ascii_case(name))
        };
        let names = self.columns.iter().filter(of_others).map(|column| quote(&column.name));
        names.map(|name| format!(", {name} = {name}")).collect()
    }

    /// Whether the database computes the column with this name, in any letter case.
    pub fn generates(&self, name: &str) -> bool {
        self.generated.iter().any(|generated| generated.eq_ignore_ascii_case(name))
    }

    /// The extra columns.
    pub fn extra_columns(&self) -> impl Iterator<Item = &ColumnLayout> {
        self.columns.iter().filter(|column| column.schema.is_none())
    }
}

/// An extra column that gets its values from the database, and none from a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filled {
    pub table: &'static Table,
    pub column: ColumnLayout,
}

impl Filled {
    /// What a job says of it.
    pub fn warning(&self) -> String {
        let (table, column) = (self.table.name, &self.column.name);
        match self.column.counter {
            true => format!("the target numbers its rows in the column {table}.{column} itself"),
            false => format!("the target fills the column {table}.{column} with its default"),
        }
    }
}

/// Marks the extra columns that have ids of ours.
fn mark(family: &Family, tables: &mut [TableLayout], keys: &[ForeignKey]) {
    for key in keys {
        let (Some(schema), Some(parent)) = (key.table.known(family), key.parent.known(family)) else { continue };
        let Some(found) = tables.iter_mut().find(|table| table.schema.name == schema.name) else { continue };
        for (name, above) in &key.columns {
            let column = found.columns.iter_mut().find(|column| column.name.eq_ignore_ascii_case(name));
            if let (Some(column), Some(entity)) = (column, has_id_of(parent, above))
                && column.schema.is_none()
            {
                column.torn |= column.refers.is_some_and(|other| other != entity);
                column.refers = Some(entity);
            }
        }
    }
}

/// Everything that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    pub family: &'static Family,
    /// The known tables, parents before children.
    pub tables: Vec<TableLayout>,
    /// Tables of expmig's own, which are part of no experiment.
    pub own_tables: Vec<TableLayout>,
    /// Tables that are not ours; they are left alone.
    pub extra_tables: Vec<String>,
    /// What the tables declare.
    pub foreign_keys: Vec<ForeignKey>,
    /// These, and what else is not ours and can be read as a table: views, and what an engine has beside.
    pub beside: Vec<String>,
    /// Whether text is stored as UTF-16, which cannot hold every sequence of bytes.
    pub utf16: bool,
    /// What [`Layout::leave_to_fill`] took away.
    pub filled: Vec<Filled>,
}

impl Layout {
    /// From what was found, in any order.
    pub fn new(
        family: &'static Family,
        mut tables: Vec<TableLayout>,
        own_tables: Vec<TableLayout>,
        extra_tables: Vec<String>,
        foreign_keys: Vec<ForeignKey>,
    ) -> Result<Layout> {
        tables.sort_by_key(|found| family.place_of(found.schema.name));
        let mut seen = HashSet::new();
        if let Some(twice) = tables.iter().find(|found| !seen.insert(found.schema.name)) {
            let message = format!("the table {} exists twice, in different letter cases", twice.schema.name);
            return Err(Error::new(Status::Schema, Domain::Database, message)
                .detail("table", &twice.name)
                .hint(format!("rename the one that {} does not use", family.tracker)));
        }
        mark(family, &mut tables, &foreign_keys);
        let beside = extra_tables.clone();
        Ok(Layout { family, tables, own_tables, extra_tables, foreign_keys, beside, utf16: false, filled: Vec::new() })
    }

    /// From now on without the extra columns that the database fills for a job that writes: those in which it numbers the rows, which
    /// are its own, and those that refuse NULL and have a default, unless the job has values for them (`given`).
    pub fn leave_to_fill(&mut self, given: impl Fn(&Table, &ColumnLayout) -> bool) {
        for table in &mut self.tables {
            let fills = |column: &mut ColumnLayout| {
                let insists = column.not_null && column.has_default && !given(table.schema, column);
                column.schema.is_none() && (column.counter || insists)
            };
            let taken = table.columns.extract_if(.., fills);
            self.filled.extend(taken.map(|column| Filled { table: table.schema, column }));
        }
    }

    /// Whether the database fills this column, and why.
    pub fn filled(&self, table: &Table, column: &str) -> Option<&Filled> {
        let mut filled = self.filled.iter();
        filled.find(|filled| filled.table.name == table.name && filled.column.name.eq_ignore_ascii_case(column))
    }

    /// A job has values for a column after all.
    pub fn give(&mut self, table: &Table, column: &str) {
        let is_it = |filled: &mut Filled| {
            filled.table.name == table.name && !filled.column.counter && filled.column.name.eq_ignore_ascii_case(column)
        };
        let given: Vec<Filled> = self.filled.extract_if(.., is_it).collect();
        if let Some(there) = self.tables.iter_mut().find(|there| there.schema.name == table.name) {
            there.columns.extend(given.into_iter().map(|filled| filled.column));
        }
    }

    /// The layout of a known table, if the database has it.
    pub fn table(&self, name: &str) -> Option<&TableLayout> {
        self.tables.iter().find(|table| table.schema.name == name)
    }

    /// The layout of a table of expmig's own, if the database has it; fails if it is not as this version makes it.
    pub fn own_table(&self, schema: &'static Table) -> Result<Option<&TableLayout>> {
        let Some(found) = self.own_tables.iter().find(|table| table.schema.name == schema.name) else {
            return Ok(None);
        };
        match schema.columns.iter().find(|column| found.columns.iter().all(|there| there.schema != Some(*column))) {
            None => Ok(Some(found)),
            Some(missing) => Err(Error::new(
                Status::Schema,
                Domain::Database,
                format!("the column {}.{} is missing", schema.name, missing.name),
            )
            .detail("table", schema.name)
            .detail("column", missing.name)
            .hint("another version of expmig made the table; undo or forget its transformations with that version")),
        }
    }

    /// Those of these tables of expmig's own that the database does not have; fails if one is not as this version makes it.
    pub fn missing(&self, tables: &[&'static Table]) -> Result<Vec<&'static Table>> {
        let mut missing = Vec::new();
        for table in tables {
            if self.own_table(table)?.is_none() {
                missing.push(*table);
            }
        }
        Ok(missing)
    }

    /// The layout of an entity's table.
    pub fn entity(&self, entity: Entity) -> Result<&TableLayout> {
        self.tables
            .iter()
            .find(|table| table.schema.entity() == Some(entity))
            .ok_or_else(|| Error::internal(Domain::Database, format!("no table for {entity:?}")))
    }

    /// Whether all columns of keys have numeric types: then a key is equal to another in a copy if it was in the source, and reads
    /// back as the integer that was written.
    pub fn keeps_keys(&self) -> bool {
        let is_key = |column: &ColumnLayout| column.schema.is_some_and(|known| known.role != Role::Content);
        let mut columns = self.tables.iter().flat_map(|table| &table.columns);
        columns.all(|column| !is_key(column) || column.holds_integers())
    }

    /// The layout of the table whose rows a job moves one of, with all that is below.
    pub fn root(&self) -> Result<&TableLayout> {
        self.entity(self.family.root())
    }

    /// Fails if this cannot be done with databases of the family.
    pub fn require(&self, call: Call, domain: Domain) -> Result<()> {
        let family = self.family;
        if !family.lacks.contains(&call) {
            return Ok(());
        }
        let message = format!("{} is not available for a database of {}", call.name(), family.tracker);
        let see = format!("{} says what works on it", family.page);
        Err(Error::new(Status::Unsupported, domain, message).detail("family", family.name).hint(see))
    }

    /// That of the newest table.
    pub fn generation(&self) -> u8 {
        self.tables.iter().map(|table| table.schema.generation).max().unwrap_or(1)
    }

    /// Fails unless every table and column is there that every generation has.
    pub fn check(&self) -> Result<()> {
        let lacks = |table: &&Table| !table.optional && table.generation == 1 && self.table(table.name).is_none();
        if let Some(table) = self.family.tables.iter().find(lacks) {
            return Err(schema_error(format!("the table {} is missing", table.name)).detail("table", table.name));
        }
        self.check_columns()
    }

    /// The tables to create, in their order: all that are missing, unless there are experiments or tables of other databases of theirs. Fails
    /// if anything else is there that is not ours, and that is not `allowed`.
    pub fn to_create(&self, allowed: bool) -> Result<Vec<&'static Table>> {
        // What this one has not is what its version has not.
        if self.family.maker.is_some() {
            return Ok(Vec::new());
        }
        let missing: Vec<&'static Table> =
            self.family.tables.iter().filter(|table| self.table(table.name).is_none()).collect();
        // What a call that was cut off has left are the first of the tables.
        let first = self.tables.iter().zip(self.family.tables).all(|(found, table)| found.schema.name == table.name);
        if missing.is_empty() || !first {
            return Ok(Vec::new());
        }
        if !allowed && !self.beside.is_empty() {
            return Err(not_empty(&self.beside));
        }
        self.check_columns()?;
        Ok(missing)
    }

    /// Fails unless the tables that are there have the columns that they need.
    fn check_columns(&self) -> Result<()> {
        for found in &self.tables {
            let table = found.schema;
            for column in table.columns {
                let named = |error: Error| error.detail("table", table.name).detail("column", column.name);
                let Some(there) = found.columns.iter().find(|other| other.schema == Some(column)) else {
                    if found.generates(column.name) {
                        let message = format!(
                            "the column {}.{} is generated, so nothing can be written into it",
                            table.name, column.name
                        );
                        return Err(named(schema_error(message)));
                    }
                    if self.family.is_later(table, column) {
                        continue;
                    }
                    return Err(named(schema_error(format!("the column {}.{} is missing", table.name, column.name))));
                };
                if column.kind == Kind::Integer && there.refuses_role(column.role) {
                    let message = format!("{}.{} is a key but declared {}", table.name, column.name, there.declared);
                    return Err(named(schema_error(message)));
                }
            }
        }
        Ok(())
    }
}
