//! What a database really has, beside what the schema data says it should have.

use std::collections::HashSet;

use super::foreign_key::{ForeignKey, mark};
#[cfg(feature = "mysql")]
use super::mysql::ColumnType;
use crate::error::{Domain, Error, NAMED, Result, Status};
use crate::schema::{Column, Entity, Place, Role, TABLES, Table, own_table, quote, table};
use crate::values::ValueRef;

/// How SQLite converts what is stored in a column (https://www.sqlite.org/datatype3.html, section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Affinity {
    Blob,
    Text,
    Numeric,
    Integer,
    Real,
}

impl Affinity {
    /// The affinity of a declared type, by SQLite's rules.
    pub fn of(declared: &str) -> Affinity {
        let upper = declared.to_ascii_uppercase();
        let has = |part: &str| upper.contains(part);
        if has("INT") {
            Affinity::Integer
        } else if has("CHAR") || has("CLOB") || has("TEXT") {
            Affinity::Text
        } else if has("BLOB") || upper.is_empty() {
            Affinity::Blob
        } else if has("REAL") || has("FLOA") || has("DOUB") {
            Affinity::Real
        } else {
            Affinity::Numeric
        }
    }

    /// Whether a column of this one type takes such a value as it is: the columns of a STRICT table.
    fn is_kind_of(self, value: ValueRef<'_>) -> bool {
        matches!(
            (self, value),
            (_, ValueRef::Null)
                | (Affinity::Integer, ValueRef::Integer(_))
                | (Affinity::Real, ValueRef::Real(_))
                | (Affinity::Text, ValueRef::Text(_))
                | (Affinity::Blob, ValueRef::Blob(_))
        )
    }

    /// Whether integers stay integers.
    pub fn is_exact(self) -> bool {
        matches!(self, Affinity::Integer | Affinity::Numeric | Affinity::Blob)
    }

    /// Whether a value is certainly stored as it is. If not, [`Connection::stored_as`](super::Connection::stored_as) knows.
    pub fn certainly_keeps(self, value: ValueRef<'_>) -> bool {
        // What no number has: text with it in it is not converted.
        let beyond_numbers =
            |byte: &u8| !matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E' | b'\t'..=b'\r' | b' ');
        match (self, value) {
            // SQLite makes NULL of it.
            (_, ValueRef::Real(number)) if number.is_nan() => false,
            (_, ValueRef::Null | ValueRef::Blob(_)) | (Affinity::Blob, _) | (Affinity::Text, ValueRef::Text(_)) => true,
            (Affinity::Text, _) => false,
            (_, ValueRef::Text(text)) => text.iter().any(beyond_numbers),
            // SQLite keeps whole numbers as integers, which have no -0.
            (Affinity::Real, ValueRef::Real(number)) => number != 0.0 || number.is_sign_positive(),
            (Affinity::Numeric | Affinity::Integer, ValueRef::Integer(_)) => true,
            (Affinity::Real, ValueRef::Integer(_)) | (Affinity::Numeric | Affinity::Integer, ValueRef::Real(_)) => {
                false
            }
        }
    }
}

/// Whether a value comes back from UTF-16: SQLite replaces what is not UTF-8, and two code points that are no characters.
pub fn utf16_holds(value: ValueRef<'_>) -> bool {
    match value {
        ValueRef::Text(text) => std::str::from_utf8(text).is_ok_and(|text| !text.contains(['\u{fffe}', '\u{ffff}'])),
        _ => true,
    }
}

/// The type that, in a STRICT table, keeps every value as it is.
pub const ANY: &str = "ANY";

/// What decides what becomes of a value in a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Storage {
    Sqlite(Affinity),
    /// A column of a SQLite table that is STRICT: it converts as the affinity says, and refuses what is of another type then. One of
    /// type ANY keeps everything, as `Sqlite(Affinity::Blob)`.
    Strict(Affinity),
    #[cfg(feature = "mysql")]
    Mysql(ColumnType),
}

/// The error of a table that has no ids.
pub fn no_ids(name: &str) -> Error {
    schema_error(format!("the column {name}.id is missing")).detail("table", name).detail("column", "id")
}

/// The error of a table whose ids are no key.
pub fn ids_are_no_key(name: &str) -> Error {
    Error::new(Status::Schema, Domain::Database, format!("{name}.id is not a key: ids could occur twice"))
        .detail("table", name)
        .detail("column", "id")
        .hint("rebuild the table with id as its primary key")
}

/// Whether a name is one that the engine relies on: what has it must be a table of rows of its own. `SCHEMA_VERSION` is read by nothing.
pub fn is_relied_on(name: &str) -> bool {
    table(name).is_some_and(|known| known.place != Place::Aside) || own_table(name).is_some()
}

/// The error of something else with the name of a known table: read as absent, its rows would be lost.
pub fn not_a_table(name: &str, kind: &str) -> Error {
    Error::new(Status::Schema, Domain::Database, format!("{name} is {kind}, not a table with rows of its own"))
        .detail("table", name)
        .detail("kind", kind)
        .hint("rename it, or put a table with its rows in its place: nothing else can be copied, kept in a snapshot or written")
}

/// A column that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnLayout {
    /// The name, in the database's own letter case.
    pub name: String,
    /// What the schema knows of it; `None` for an extra column.
    pub schema: Option<&'static Column>,
    /// The declared type.
    pub declared: String,
    /// What the type does to values.
    pub storage: Storage,
    /// Whether NULL is refused.
    pub not_null: bool,
    /// Of an extra column that is a foreign key to a table of ours: whose ids it has.
    pub refers: Option<Entity>,
    /// It has ids of several.
    pub torn: bool,
    /// Whether the database itself numbers the rows of the table in this column.
    pub counter: bool,
    /// Whether a row that is written without it gets a value, which may be NULL where that is not refused.
    pub has_default: bool,
    /// Whether the engine writes the time into it whenever another column of the row changes.
    pub is_stamped: bool,
}

impl ColumnLayout {
    /// A column of some database, of which only the declared type is known.
    ///
    /// SQLite's types are what their affinity makes of them, but a server writes its own in small letters, and what they hold can be
    /// something that the affinity of the same words would rewrite: `decimal(20,2)`, `enum('007')`.
    pub fn elsewhere(name: &str, declared: &str) -> ColumnLayout {
        let affinity = Affinity::of(declared);
        let is_server = declared.bytes().any(|byte| byte.is_ascii_lowercase());
        let integers = affinity == Affinity::Integer && !declared.contains(['\'', ' ']);
        let known = !is_server || integers || matches!(affinity, Affinity::Text | Affinity::Blob);
        ColumnLayout {
            name: name.to_owned(),
            schema: None,
            declared: declared.to_owned(),
            storage: Storage::Sqlite(if known { affinity } else { Affinity::Blob }),
            not_null: false,
            refers: None,
            torn: false,
            counter: false,
            has_default: false,
            is_stamped: false,
        }
    }

    /// Whether a value is certainly stored as it is. If not, [`Connection::stored_as`](super::Connection::stored_as) knows.
    #[inline]
    pub fn certainly_keeps(&self, value: ValueRef<'_>) -> bool {
        match &self.storage {
            Storage::Sqlite(affinity) => affinity.certainly_keeps(value),
            Storage::Strict(affinity) => affinity.is_kind_of(value) && affinity.certainly_keeps(value),
            #[cfg(feature = "mysql")]
            Storage::Mysql(column) => column.certainly_keeps(value),
        }
    }

    /// Whether what is read of a value tells all of it.
    #[cfg(feature = "mysql")]
    pub fn is_read_whole(&self) -> bool {
        !matches!(&self.storage, Storage::Mysql(column) if !column.is_read_whole())
    }

    /// Whether what is read of a value tells all of it.
    #[cfg(not(feature = "mysql"))]
    pub fn is_read_whole(&self) -> bool {
        true
    }

    /// Whether the column would take a value that was read from it back as it is, as far as can be told without the server.
    #[cfg(feature = "mysql")]
    pub fn takes_back(&self, value: ValueRef<'_>) -> bool {
        !matches!(&self.storage, Storage::Mysql(column) if !column.takes_back(value))
    }

    /// Whether the column would take a value that was read from it back as it is.
    #[cfg(not(feature = "mysql"))]
    pub fn takes_back(&self, _: ValueRef<'_>) -> bool {
        true
    }

    /// How SQLite converts values; `None` for a column that refuses some, or of another engine.
    pub fn affinity(&self) -> Option<Affinity> {
        match &self.storage {
            Storage::Sqlite(affinity) => Some(*affinity),
            _ => None,
        }
    }

    /// Whether whatever the other column holds is certainly stored here as it is.
    pub fn takes_all_of(&self, other: &ColumnLayout) -> bool {
        match (&self.storage, &other.storage) {
            (Storage::Sqlite(Affinity::Blob), _) => true,
            #[cfg(feature = "mysql")]
            (Storage::Sqlite(affinity), Storage::Mysql(column)) => column.is_kept_by(*affinity),
            // What is of one type only, and converted by this affinity already.
            (Storage::Sqlite(affinity), Storage::Strict(strict)) => affinity == strict || *strict == Affinity::Blob,
            // NaN cannot have come into a column, whatever its type.
            (here, there) => here == there && self.holds(),
        }
    }

    /// Whether of all that the other column holds nothing but -0.0 could change here.
    #[cfg(not(feature = "mysql"))]
    pub fn takes_all_but_negative_zero_of(&self, _: &ColumnLayout) -> bool {
        false
    }

    /// Whether of all that the other column holds nothing but -0.0 could change here.
    #[cfg(feature = "mysql")]
    pub fn takes_all_but_negative_zero_of(&self, other: &ColumnLayout) -> bool {
        let numbers = matches!(self.storage, Storage::Sqlite(Affinity::Real) | Storage::Strict(Affinity::Real));
        numbers && matches!(&other.storage, Storage::Mysql(column) if column.is_real())
    }

    #[cfg(not(feature = "mysql"))]
    fn holds(&self) -> bool {
        true
    }

    /// The type that a column of a SQLite table has to be declared with to keep everything that this one holds: its own, if that does,
    /// else that of text, else none.
    pub fn declared_in_sqlite(&self, strict: bool) -> &str {
        if strict {
            return ANY;
        }
        // Elsewhere it is a word of no meaning, which makes numbers of text.
        let own = if self.declared.eq_ignore_ascii_case(ANY) { "" } else { self.declared.as_str() };
        let keeps = |declared: &&str| {
            let storage = Storage::Sqlite(Affinity::of(declared));
            ColumnLayout { storage, ..ColumnLayout::elsewhere("", "") }.takes_all_of(self)
        };
        [own, "TEXT"].into_iter().find(keeps).unwrap_or_default()
    }

    /// Whether values of the type can be written at all.
    #[cfg(feature = "mysql")]
    fn holds(&self) -> bool {
        self.storage != Storage::Mysql(ColumnType::Other)
    }

    /// Whether keys compare here as the integers that they are.
    pub fn holds_integers(&self) -> bool {
        match &self.storage {
            Storage::Sqlite(affinity) | Storage::Strict(affinity) => {
                matches!(affinity, Affinity::Integer | Affinity::Numeric)
            }
            #[cfg(feature = "mysql")]
            Storage::Mysql(column) => matches!(column, ColumnType::Integer { .. }),
        }
    }

    /// Whether the type makes the column no key for this role: text is nobody's key, every row would seem to hang on nothing.
    fn refuses_role(&self, role: Role) -> bool {
        match (&self.storage, role) {
            (Storage::Sqlite(affinity) | Storage::Strict(affinity), Role::Id) => {
                matches!(affinity, Affinity::Text | Affinity::Real)
            }
            (Storage::Sqlite(affinity) | Storage::Strict(affinity), Role::Parent(_)) => *affinity == Affinity::Text,
            (Storage::Sqlite(_) | Storage::Strict(_), Role::Index) => false,
            #[cfg(feature = "mysql")]
            (Storage::Mysql(_), Role::Id | Role::Parent(_) | Role::Index) => !self.holds_integers(),
            (_, Role::Content) => false,
        }
    }
}

fn schema_error(message: String) -> Error {
    Error::new(Status::Schema, Domain::Database, message)
        .hint("expmig opens databases that Experiment Manager wrote; check the path or the schema name")
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

/// Everything that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
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
        mut tables: Vec<TableLayout>,
        own_tables: Vec<TableLayout>,
        extra_tables: Vec<String>,
        foreign_keys: Vec<ForeignKey>,
    ) -> Result<Layout> {
        tables.sort_by_key(|found| TABLES.iter().position(|known| known.name == found.schema.name));
        let mut seen = HashSet::new();
        if let Some(twice) = tables.iter().find(|found| !seen.insert(found.schema.name)) {
            let message = format!("the table {} exists twice, in different letter cases", twice.schema.name);
            return Err(Error::new(Status::Schema, Domain::Database, message)
                .detail("table", &twice.name)
                .hint("rename the one that Experiment Manager does not use"));
        }
        mark(&mut tables, &foreign_keys);
        let beside = extra_tables.clone();
        Ok(Layout { tables, own_tables, extra_tables, foreign_keys, beside, utf16: false, filled: Vec::new() })
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
            .find(|table| matches!(table.schema.place, Place::Node(e) | Place::Leaf(e) if e == entity))
            .ok_or_else(|| Error::internal(Domain::Database, format!("no table for {entity:?}")))
    }

    /// 2 if any table of generation 2 exists, else 1.
    pub fn generation(&self) -> u8 {
        self.tables.iter().map(|table| table.schema.generation).max().unwrap_or(1)
    }

    /// Fails unless every table and column is there that every generation has.
    pub fn check(&self) -> Result<()> {
        let lacks = |table: &&Table| !table.optional && table.generation == 1 && self.table(table.name).is_none();
        if let Some(table) = TABLES.iter().find(lacks) {
            return Err(schema_error(format!("the table {} is missing", table.name)).detail("table", table.name));
        }
        self.check_columns()
    }

    /// The tables to create, in their order: all that are missing, unless there are experiments or tables of other databases of theirs. Fails
    /// if anything else is there that is not ours, and that is not `allowed`.
    pub fn to_create(&self, allowed: bool) -> Result<Vec<&'static Table>> {
        let missing: Vec<&'static Table> = TABLES.iter().filter(|table| self.table(table.name).is_none()).collect();
        // What a call that was cut off has left are the first of the tables.
        let first = self.tables.iter().zip(TABLES).all(|(found, table)| found.schema.name == table.name);
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
                    return Err(named(schema_error(format!("the column {}.{} is missing", table.name, column.name))));
                };
                if there.refuses_role(column.role) {
                    let message = format!("{}.{} is a key but declared {}", table.name, column.name, there.declared);
                    return Err(named(schema_error(message)));
                }
            }
        }
        Ok(())
    }
}
