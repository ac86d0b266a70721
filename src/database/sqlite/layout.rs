//! Reads which tables and columns a SQLite database has.

use rusqlite::{Connection, Row};

use super::cell::from_sqlite;
use super::references::declared;
use crate::database::affinity::{ANY, Affinity};
use crate::database::column::{ColumnLayout, Storage};
use crate::database::layout::{Layout, TableLayout, ids_are_no_key, is_relied_on, no_ids, not_a_table};
use crate::error::{Domain, Error, Result, Status};
use crate::schema::{Table, own_table, quote, recognise};
use crate::values::ValueRef;

type Sqlite<T> = rusqlite::Result<T>;

/// The names of a row's rowid. A column with one of them hides it.
pub const ROWID: [&str; 3] = ["rowid", "oid", "_rowid_"];

/// The tables and columns that exist; `wrap` adds the path to SQLite's errors.
pub fn read(connection: &Connection, wrap: &dyn Fn(rusqlite::Error) -> Error) -> Result<Layout> {
    let mut tables = Vec::new();
    let mut own_tables = Vec::new();
    let mut extra_tables = Vec::new();
    let mut others = Vec::new();
    let mut keys = Vec::new();
    let names = names(connection).map_err(wrap)?;
    let family = recognise(names.iter().map(|named| named.name.as_str()));
    for Named { name, bytes, kind, has_rowid, strict } in names {
        if kind != "table" {
            if is_relied_on(family, &name) {
                return Err(not_a_table(&name, what_is(&kind)));
            }
            others.push(name);
            continue;
        }
        keys.extend(declared(connection, &bytes).map_err(wrap)?);
        let known = family.table(&name);
        let Some(schema) = known.or_else(|| own_table(&name)) else {
            extra_tables.push(name);
            continue;
        };
        let Columns { columns, generated, key } = columns(connection, schema, (&name, has_rowid, strict), wrap)?;
        if let Some(id) = schema.key_id().filter(|_| known.is_some())
            && !unique_id(connection, (&name, id), &key).map_err(wrap)?
        {
            let there = |column: &ColumnLayout| column.name.eq_ignore_ascii_case(id);
            return Err(if columns.iter().any(there) { ids_are_no_key(&name, id) } else { no_ids(&name, id) });
        }
        let taken = |alias: &&str| {
            let named = |column: &String| column.eq_ignore_ascii_case(alias);
            columns.iter().any(|column| named(&column.name)) || generated.iter().any(named)
        };
        let rowid = ROWID.into_iter().find(|alias| has_rowid && !taken(alias));
        let list = if known.is_some() { &mut tables } else { &mut own_tables };
        list.push(TableLayout { schema, name, columns, generated, rowid });
    }
    let encoding: String = connection.query_row("PRAGMA encoding", [], |row| row.get(0)).map_err(wrap)?;
    let layout = Layout::new(family, tables, own_tables, extra_tables, keys)?;
    let beside = layout.extra_tables.iter().cloned().chain(others).collect();
    Ok(Layout { utf16: encoding != "UTF-8", beside, ..layout })
}

/// What SQLite calls something that can be read as a table, and is none.
fn what_is(kind: &str) -> &'static str {
    match kind {
        "view" => "a view",
        "virtual" => "a virtual table",
        _ => "a table that belongs to a virtual one",
    }
}

/// Something that can be read as a table.
struct Named {
    /// As it is; with replacement characters where it is not UTF-8, and then it is none of ours.
    name: String,
    bytes: Vec<u8>,
    kind: String,
    has_rowid: bool,
    strict: bool,
}

/// Everything that can be read as a table and is not SQLite's own.
fn names(connection: &Connection) -> Sqlite<Vec<Named>> {
    let mut statement = connection.prepare(
        "SELECT name, type, wr, strict FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
    )?;
    let rows = statement.query_map([], |row| {
        let (name, kind, strict) = (text(row, "name")?, text(row, "type")?, row.get("strict")?);
        let bytes = row.get_ref("name")?.as_bytes_or_null().unwrap_or_default().unwrap_or_default().to_vec();
        Ok(Named { name, bytes, kind, has_rowid: row.get::<_, i64>("wr")? == 0, strict })
    })?;
    rows.collect()
}

/// A name that somebody gave, in whatever bytes.
fn text(row: &Row<'_>, column: &str) -> Sqlite<String> {
    Ok(from_sqlite(row.get_ref(column)?).readable().unwrap_or_default())
}

struct Columns {
    /// The columns that can be written.
    columns: Vec<ColumnLayout>,
    /// The names of the others.
    generated: Vec<String>,
    /// The names of the primary key.
    key: Vec<String>,
}

fn columns(
    connection: &Connection,
    schema: &Table,
    (table, has_rowid, strict): (&str, bool, bool),
    wrap: &dyn Fn(rusqlite::Error) -> Error,
) -> Result<Columns> {
    let mut found = Columns { columns: Vec::new(), generated: Vec::new(), key: Vec::new() };
    let mut statement = connection.prepare(&format!("PRAGMA main.table_xinfo({})", quote(table))).map_err(wrap)?;
    let mut rows = statement.query([]).map_err(wrap)?;
    while let Some(row) = rows.next().map_err(wrap)? {
        if let ValueRef::Text(bytes) = from_sqlite(row.get_ref("name").map_err(wrap)?)
            && std::str::from_utf8(bytes).is_err()
        {
            return Err(not_utf8(table, &String::from_utf8_lossy(bytes)));
        }
        let name = text(row, "name").map_err(wrap)?;
        let number = |column: &str| row.get::<_, i64>(column).map_err(wrap);
        let in_key = number("pk")? > 0;
        if in_key {
            found.key.push(name.clone());
        }
        if number("hidden")? != 0 {
            found.generated.push(name);
            continue;
        }
        let declared = text(row, "type").map_err(wrap)?;
        let known = schema.columns.iter().find(|column| column.name.eq_ignore_ascii_case(&name));
        let storage = storage(&declared, strict);
        found.columns.push(ColumnLayout {
            // The key of a table with rowids that is so declared is the rowid: see below.
            counter: in_key && declared.eq_ignore_ascii_case("INTEGER"),
            not_null: number("notnull")? != 0,
            has_default: !matches!(from_sqlite(row.get_ref("dflt_value").map_err(wrap)?), ValueRef::Null),
            ..ColumnLayout::new(name, known, declared, storage)
        });
    }
    if found.key.len() != 1 || !has_rowid {
        found.columns.iter_mut().for_each(|column| column.counter = false);
    }
    Ok(found)
}

fn not_utf8(table: &str, column: &str) -> Error {
    Error::new(Status::Schema, Domain::Database, format!("{table} has a column whose name is not UTF-8"))
        .detail("table", table)
        .detail("column", column)
        .hint("rename the column")
}

/// What a column of this type does to values.
fn storage(declared: &str, strict: bool) -> Storage {
    match strict {
        false => Storage::Affinity(Affinity::of(declared)),
        true if declared.eq_ignore_ascii_case(ANY) => Storage::Affinity(Affinity::Blob),
        true => Storage::Strict(Affinity::of(declared)),
    }
}

/// Whether the column `id` alone is the primary key or has a unique index.
fn unique_id(connection: &Connection, (name, id): (&str, &str), key: &[String]) -> Sqlite<bool> {
    if matches!(key, [only] if only.eq_ignore_ascii_case(id)) {
        return Ok(true);
    }
    let mut statement = connection.prepare(
        "SELECT count(*) FROM pragma_index_list(?1) AS l WHERE l.\"unique\" = 1 AND l.partial = 0
         AND (SELECT lower(group_concat(name)) FROM pragma_index_info(l.name)) = lower(?2)",
    )?;
    Ok(statement.query_row([name, id], |row| row.get::<_, i64>(0))? > 0)
}
