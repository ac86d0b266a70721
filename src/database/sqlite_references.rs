//! The foreign keys of a SQLite database that lead to the tables that the schema knows.

use rusqlite::Connection;

use super::layout::{Layout, TableLayout};
use super::reference::{Reference, References};
use crate::schema::{quote, table};

type Sqlite<T> = rusqlite::Result<T>;

/// Those that the schema does not know.
pub fn read(connection: &Connection, layout: &Layout) -> Sqlite<References> {
    let mut found = Vec::new();
    let known = layout.tables.iter().map(|table| table.name.as_str());
    for name in known.chain(layout.extra_tables.iter().map(String::as_str)) {
        found.extend(of_table(connection, layout, name)?);
    }
    Ok(References { found, perhaps_more: false })
}

fn of_table(connection: &Connection, layout: &Layout, name: &str) -> Sqlite<Vec<Reference>> {
    let mut statement = connection
        .prepare("SELECT id, \"table\", \"from\", \"to\" FROM pragma_foreign_key_list(?1, 'main') ORDER BY id, seq")?;
    let mut rows = statement.query([name])?;
    let mut found: Vec<(i64, Reference)> = Vec::new();
    while let Some(row) = rows.next()? {
        let (id, to, from): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let there = layout.tables.iter().find(|table| table.name.eq_ignore_ascii_case(&to));
        let Some(there) = there else { continue };
        let at = match found.last() {
            Some((last, _)) if *last == id => found.len() - 1,
            _ => {
                found.push((id, new(connection, name, there)?));
                found.len() - 1
            }
        };
        let Some((_, reference)) = found.get_mut(at) else { continue };
        // Without a name it is that of the primary key.
        let to = match row.get::<_, Option<String>>(3)? {
            Some(to) => Some(to),
            None => key(connection, &there.name)?.get(reference.columns.len()).cloned(),
        };
        let Some(to) = to else { continue };
        reference.columns.push(from);
        reference.to_columns.push(to);
    }
    let own =
        |reference: &Reference| table(name).is_some_and(|schema| schema.declares(&reference.columns, reference.to));
    Ok(found.into_iter().map(|(_, reference)| reference).filter(|reference| !own(reference)).collect())
}

fn new(connection: &Connection, name: &str, there: &TableLayout) -> Sqlite<Reference> {
    let key = match key(connection, name)? {
        // Rows without a key have a number.
        key if key.is_empty() => vec!["rowid".to_owned()],
        key => key,
    };
    Ok(Reference {
        table: name.to_owned(),
        name: quote(name),
        columns: Vec::new(),
        key,
        to: there.schema,
        to_name: quote(&there.name),
        to_columns: Vec::new(),
        is_ours: table(name).is_some(),
    })
}

/// The columns of the primary key, in its order.
fn key(connection: &Connection, name: &str) -> Sqlite<Vec<String>> {
    let mut statement =
        connection.prepare("SELECT name FROM pragma_table_info(?1, 'main') WHERE pk > 0 ORDER BY pk")?;
    let names = statement.query_map([name], |row| row.get(0))?;
    names.collect()
}
