//! The foreign keys of a server that refer to tables of the schema.

use super::connection::MysqlConnection;
use super::key_columns::{self, Keys};
use crate::database::connection::Reads;
use crate::database::layout::Layout;
use crate::database::reference::{Reference, References};
use crate::database::rows::Next;
use crate::error::{Error, Result};
use crate::schema::quote;
use crate::values::Value;

const REFERENCES: &str = "TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_TABLE_NAME, \
    REFERENCED_COLUMN_NAME, TABLE_SCHEMA = DATABASE()";
const KEY: &str = "SELECT COLUMN_NAME FROM information_schema.STATISTICS
    WHERE TABLE_SCHEMA = ?1 AND TABLE_NAME = ?2 AND INDEX_NAME = 'PRIMARY' ORDER BY SEQ_IN_INDEX";
/// The account lacks the right PROCESS.
const DENIED: i32 = 1227;

/// Those that the schema does not know.
pub fn read(connection: &MysqlConnection, layout: &Layout) -> Result<References> {
    let mut found: Vec<([String; 3], Reference)> = Vec::new();
    let mut all = Vec::new();
    key_columns::each(connection, Keys::ToHere, REFERENCES, &mut |row| {
        let text = |at| Ok::<_, Error>(row.value(at)?.readable().unwrap_or_default());
        let id = [text(0)?, text(1)?, text(2)?];
        let (from, to, to_column) = (text(3)?, text(4)?, text(5)?);
        let is_here = row.value(6)?.as_integer() == Some(1);
        if all.last() != Some(&id) {
            all.push(id.clone());
        }
        let Some(there) = layout.tables.iter().find(|table| table.name.eq_ignore_ascii_case(&to)) else {
            return Ok(Next::Row);
        };
        let [schema, name, _] = &id;
        if found.last().is_none_or(|(last, _)| *last != id) {
            let reference = Reference {
                table: if is_here { name.clone() } else { format!("{schema}.{name}") },
                name: format!("{}.{}", quote(schema), quote(name)),
                columns: Vec::new(),
                key: Vec::new(),
                to: there.schema,
                to_name: quote(&there.name),
                to_columns: Vec::new(),
                is_ours: is_here && layout.family.table(name).is_some(),
            };
            found.push((id, reference));
        }
        if let Some((_, reference)) = found.last_mut() {
            reference.columns.push(from);
            reference.to_columns.push(to_column);
        }
        Ok(Next::Row)
    })?;
    let own = |reference: &Reference| {
        reference.is_ours
            && layout
                .family
                .table(&reference.table)
                .is_some_and(|schema| schema.declares(&reference.columns, reference.to))
    };
    found.retain(|(_, reference)| !own(reference));
    for ([schema, name, _], reference) in &mut found {
        let names = [schema, name].map(|name| Value::Text(name.as_bytes().to_vec()));
        connection.query(KEY, &names, &mut |row| {
            reference.key.extend(row.value(0)?.readable());
            Ok(Next::Row)
        })?;
    }
    let hidden = hidden(connection, &all)?;
    let found = found.into_iter().map(|(_, reference)| reference).collect();
    let perhaps_more = hidden.is_none();
    Ok(References { found, perhaps_more, hidden: hidden.unwrap_or_default(), unnamed: Vec::new() })
}

/// The tables that refer to the schema as the storage engine knows, and that the account is not shown; `None` if that could not be
/// asked.
fn hidden(connection: &MysqlConnection, shown: &[[String; 3]]) -> Result<Option<Vec<String>>> {
    let list = if connection.is_mariadb() { "INNODB_SYS_FOREIGN" } else { "INNODB_FOREIGN" };
    let schema = connection.schema();
    // There, other names are written in another way.
    let plain = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !plain(schema) {
        return Ok(None);
    }
    let sql =
        format!("SELECT FOR_NAME, ID FROM information_schema.{list} WHERE SUBSTRING_INDEX(REF_NAME, '/', 1) = ?1");
    let mut hidden = Vec::new();
    let asked = connection.query(&sql, &[Value::Text(schema.as_bytes().to_vec())], &mut |row| {
        let name = row.value(0)?.readable().unwrap_or_default();
        let Some((from, table)) = name.split_once('/') else { return Ok(Next::Row) };
        let is_shown = |[schema, name, _]: &[String; 3]| {
            schema.eq_ignore_ascii_case(from) && (name.eq_ignore_ascii_case(table) || !plain(name))
        };
        if !shown.iter().any(is_shown) {
            hidden.push(name.replace('/', "."));
        }
        Ok(Next::Row)
    });
    match asked {
        Err(error) if error.vendor_code() == Some(DENIED) => Ok(None),
        asked => asked.map(|()| Some(hidden)),
    }
}
