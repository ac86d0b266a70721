//! The foreign keys of a SQLite database.

use rusqlite::Connection;

use super::foreign_key::{ForeignKey, TableName};
use super::layout::Layout;
use super::reference::{Reference, References};
use super::sqlite_cell::from_sqlite;
use crate::schema::quote;

type Sqlite<T> = rusqlite::Result<T>;

/// Those that lead to the tables that the schema knows, and that it does not know itself.
pub fn read(connection: &Connection, layout: &Layout) -> Sqlite<References> {
    let mut found = Vec::new();
    for declared in &layout.foreign_keys {
        let Some(there) = declared.parent.known().and_then(|known| layout.table(known.name)) else { continue };
        let name = &declared.table.name;
        let (columns, to_columns): (Vec<String>, Vec<String>) = declared.columns.iter().cloned().unzip();
        if declared.table.known().is_some_and(|schema| schema.declares(&columns, there.schema)) {
            continue;
        }
        found.push(Reference {
            table: name.clone(),
            name: quote(name),
            columns,
            key: match key(connection, name)? {
                // Rows without a key have a number.
                key if key.is_empty() => vec!["rowid".to_owned()],
                key => key,
            },
            to: there.schema,
            to_name: quote(&there.name),
            to_columns,
            is_ours: declared.table.known().is_some(),
        });
    }
    Ok(References { found, perhaps_more: false, hidden: Vec::new() })
}

/// The foreign keys of a table.
pub fn declared(connection: &Connection, name: &str) -> Sqlite<Vec<ForeignKey>> {
    let mut statement = connection
        .prepare("SELECT id, \"table\", \"from\", \"to\" FROM pragma_foreign_key_list(?1, 'main') ORDER BY id, seq")?;
    let mut rows = statement.query([name])?;
    // Those of one key follow each other.
    let mut found: Vec<(i64, ForeignKey)> = Vec::new();
    while let Some(row) = rows.next()? {
        let text = |at: usize| Ok::<_, rusqlite::Error>(from_sqlite(row.get_ref(at)?).readable());
        let number: i64 = row.get(0)?;
        if found.last().is_none_or(|(last, _)| *last != number) {
            let parent = TableName::here(text(1)?.unwrap_or_default());
            found.push((number, ForeignKey { table: TableName::here(name), parent, columns: Vec::new() }));
        }
        let Some((_, foreign)) = found.last_mut() else { continue };
        let above = match text(3)? {
            Some(above) => above,
            // Without a name it is that of the primary key.
            None => match key(connection, &foreign.parent.name)?.get(foreign.columns.len()) {
                Some(above) => above.clone(),
                None => continue,
            },
        };
        foreign.columns.push((text(2)?.unwrap_or_default(), above));
    }
    Ok(found.into_iter().map(|(_, foreign)| foreign).filter(|foreign| !foreign.columns.is_empty()).collect())
}

/// The columns of the primary key, in its order.
fn key(connection: &Connection, name: &str) -> Sqlite<Vec<String>> {
    let mut statement =
        connection.prepare("SELECT name FROM pragma_table_info(?1, 'main') WHERE pk > 0 ORDER BY pk")?;
    let names = statement.query_map([name], |row| row.get(0))?;
    names.collect()
}
