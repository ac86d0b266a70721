//! The foreign keys of a SQLite database.

use rusqlite::{Connection, types};

use super::cell::Cell;
use crate::database::foreign_key::{ForeignKey, TableName};
use crate::database::layout::Layout;
use crate::database::reference::{Reference, References};
use crate::schema::quote;
use crate::values::ValueRef;

type Sqlite<T> = rusqlite::Result<T>;

/// Those that lead to the tables that the schema knows, and that it does not know itself.
pub fn read(connection: &Connection, layout: &Layout) -> Sqlite<References> {
    let mut references = References::default();
    for declared in &layout.foreign_keys {
        let Some(there) = declared.parent.known(layout.family).and_then(|known| layout.table(known.name)) else {
            continue;
        };
        let name = &declared.table.name;
        let (columns, to_columns): (Vec<String>, Vec<String>) = declared.columns.iter().cloned().unzip();
        if declared.table.known(layout.family).is_some_and(|schema| schema.declares(&columns, there.schema)) {
            continue;
        }
        let key = if declared.unnamed { None } else { key(connection, name.as_bytes())? };
        let Some(key) = key else {
            if !references.unnamed.contains(name) {
                references.unnamed.push(name.clone());
            }
            continue;
        };
        references.found.push(Reference {
            table: name.clone(),
            name: quote(name),
            columns,
            // Rows without a key have a number.
            key: if key.is_empty() { vec!["rowid".to_owned()] } else { key },
            to: there.schema,
            to_name: quote(&there.name),
            to_columns,
            is_ours: declared.table.known(layout.family).is_some(),
        });
    }
    Ok(references)
}

/// The foreign keys of a table, whatever the bytes of its name are.
pub fn declared(connection: &Connection, name: &[u8]) -> Sqlite<Vec<ForeignKey>> {
    let mut statement = connection
        .prepare("SELECT id, \"table\", \"from\", \"to\" FROM pragma_foreign_key_list(?1, 'main') ORDER BY id, seq")?;
    let mut rows = statement.query([Cell(ValueRef::Text(name))])?;
    // Those of one key follow each other.
    let mut found: Vec<(i64, ForeignKey)> = Vec::new();
    while let Some(row) = rows.next()? {
        let named = |at: usize| {
            let bytes = row.get_ref(at)?.as_bytes_or_null().unwrap_or_default().unwrap_or_default();
            Ok::<_, rusqlite::Error>((String::from_utf8_lossy(bytes).into_owned(), std::str::from_utf8(bytes).is_ok()))
        };
        let number: i64 = row.get(0)?;
        let table = TableName::here(String::from_utf8_lossy(name));
        if found.last().is_none_or(|(last, _)| *last != number) {
            let unnamed = std::str::from_utf8(name).is_err();
            found.push((
                number,
                ForeignKey { table, parent: TableName::here(named(1)?.0), columns: Vec::new(), unnamed },
            ));
        }
        let Some((_, foreign)) = found.last_mut() else { continue };
        let above = match row.get_ref(3)? {
            // Without a name it is that of the primary key.
            types::ValueRef::Null => {
                let key = key(connection, foreign.parent.name.as_bytes())?.unwrap_or_default();
                match key.get(foreign.columns.len()) {
                    Some(above) => above.clone(),
                    None => continue,
                }
            }
            _ => named(3)?.0,
        };
        let (column, known) = named(2)?;
        foreign.unnamed |= !known;
        foreign.columns.push((column, above));
    }
    Ok(found.into_iter().map(|(_, foreign)| foreign).filter(|foreign| !foreign.columns.is_empty()).collect())
}

/// The columns of the primary key, in its order; `None` if no statement can name one of them.
fn key(connection: &Connection, name: &[u8]) -> Sqlite<Option<Vec<String>>> {
    let mut statement =
        connection.prepare("SELECT name FROM pragma_table_info(?1, 'main') WHERE pk > 0 ORDER BY pk")?;
    let names = statement.query_map([Cell(ValueRef::Text(name))], |row| {
        let bytes = row.get_ref(0)?.as_bytes_or_null().unwrap_or_default().unwrap_or_default();
        Ok(std::str::from_utf8(bytes).ok().map(str::to_owned))
    })?;
    names.collect()
}
