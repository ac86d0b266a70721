//! Reading what a SQLite database has.

use rusqlite::Connection;

use super::layout::{Affinity, ColumnLayout, Layout, Storage, TableLayout, ids_are_no_key};
use crate::error::{Error, Result};
use crate::schema::{Table, own_table, quote, table};

type Sqlite<T> = rusqlite::Result<T>;

/// The tables and columns that exist; `wrap` adds the path to SQLite's errors.
pub fn read(connection: &Connection, wrap: &dyn Fn(rusqlite::Error) -> Error) -> Result<Layout> {
    let mut tables = Vec::new();
    let mut own_tables = Vec::new();
    let mut extra_tables = Vec::new();
    for (name, has_rowid) in names(connection).map_err(wrap)? {
        let Some(schema) = table(&name) else {
            match own_table(&name) {
                Some(schema) => {
                    let (columns, _) = columns(connection, schema, (&name, has_rowid)).map_err(wrap)?;
                    own_tables.push(TableLayout { schema, name, columns, has_rowid });
                }
                None => extra_tables.push(name),
            }
            continue;
        };
        let (columns, key) = columns(connection, schema, (&name, has_rowid)).map_err(wrap)?;
        if schema.has_own_id() && !unique_id(connection, &name, &key).map_err(wrap)? {
            return Err(ids_are_no_key(&name));
        }
        tables.push(TableLayout { schema, name, columns, has_rowid });
    }
    let encoding: String = connection.query_row("PRAGMA encoding", [], |row| row.get(0)).map_err(wrap)?;
    Ok(Layout { utf16: encoding != "UTF-8", ..Layout::new(tables, own_tables, extra_tables)? })
}

/// Every table that is not SQLite's own, and whether its rows have a rowid.
fn names(connection: &Connection) -> Sqlite<Vec<(String, bool)>> {
    let mut statement = connection.prepare(
        "SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
    )?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? == 0)))?;
    rows.collect()
}

/// The columns that can be written, and the names of the primary key.
fn columns(
    connection: &Connection,
    schema: &Table,
    (name, has_rowid): (&str, bool),
) -> Sqlite<(Vec<ColumnLayout>, Vec<String>)> {
    let mut statement = connection.prepare(&format!("PRAGMA main.table_xinfo({})", quote(name)))?;
    let mut rows = statement.query([])?;
    let mut columns = Vec::new();
    let mut key = Vec::new();
    while let Some(row) = rows.next()? {
        let name: String = row.get("name")?;
        let in_key = row.get::<_, i64>("pk")? > 0;
        if in_key {
            key.push(name.clone());
        }
        let generated = row.get::<_, i64>("hidden")? != 0;
        if !generated {
            let declared = row.get::<_, Option<String>>("type")?.unwrap_or_default();
            columns.push(ColumnLayout {
                schema: schema.columns.iter().find(|column| column.name.eq_ignore_ascii_case(&name)),
                name,
                storage: Storage::Sqlite(Affinity::of(&declared)),
                // The key of a rowid table that is so declared is the rowid: see below.
                counter: in_key && declared.eq_ignore_ascii_case("INTEGER"),
                declared,
                not_null: row.get::<_, i64>("notnull")? != 0,
                has_default: row.get::<_, Option<String>>("dflt_value")?.is_some(),
            });
        }
    }
    if key.len() != 1 || !has_rowid {
        columns.iter_mut().for_each(|column| column.counter = false);
    }
    Ok((columns, key))
}

/// Whether `id` alone is the primary key or has a unique index.
fn unique_id(connection: &Connection, name: &str, key: &[String]) -> Sqlite<bool> {
    if matches!(key, [only] if only.eq_ignore_ascii_case("id")) {
        return Ok(true);
    }
    let mut statement = connection.prepare(
        "SELECT count(*) FROM pragma_index_list(?1) AS l WHERE l.\"unique\" = 1 AND l.partial = 0
         AND (SELECT lower(group_concat(name)) FROM pragma_index_info(l.name)) = 'id'",
    )?;
    Ok(statement.query_row([name], |row| row.get::<_, i64>(0))? > 0)
}
