//! The foreign keys of a schema: those of its tables, and those of others that lead there.

use super::connection::PostgresConnection;
use crate::database::connection::Reads;
use crate::database::foreign_key::{ForeignKey, TableName};
use crate::database::layout::Layout;
use crate::database::reference::{Reference, References};
use crate::database::rows::Next;
use crate::error::{Error, Result};
use crate::schema::quote;
use crate::values::Value;

/// A row for each column of a key: the key, where it begins and where it ends. Keys of partitions are those of the whole. A key
/// over a span of time (PERIOD, since 18) leads to all rows that cover it together, none of which is equal: the server looks after it.
const COLUMNS: &str = "SELECT k.oid, rn.nspname, r.relname, a.attname, fn.nspname, f.relname, fa.attname, \
        pg_catalog.has_table_privilege(r.oid, 'SELECT') AND pg_catalog.has_schema_privilege(rn.oid, 'USAGE') \
    FROM pg_catalog.pg_constraint AS k \
    JOIN pg_catalog.pg_class AS r ON r.oid = k.conrelid JOIN pg_catalog.pg_namespace AS rn ON rn.oid = r.relnamespace \
    JOIN pg_catalog.pg_class AS f ON f.oid = k.confrelid JOIN pg_catalog.pg_namespace AS fn ON fn.oid = f.relnamespace \
    CROSS JOIN LATERAL unnest(k.conkey, k.confkey) WITH ORDINALITY AS p (here, there, place) \
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = p.here \
    JOIN pg_catalog.pg_attribute AS fa ON fa.attrelid = k.confrelid AND fa.attnum = p.there \
    WHERE k.contype = 'f' AND k.conparentid = 0 AND NOT coalesce((pg_catalog.to_jsonb(k) ->> 'conperiod')::boolean, false) AND";
const ORDER: &str = "ORDER BY rn.nspname, r.relname, k.oid, p.place";
const KEY: &str = "SELECT a.attname FROM pg_catalog.pg_index AS i \
    JOIN pg_catalog.pg_class AS c ON c.oid = i.indrelid JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace \
    CROSS JOIN LATERAL unnest(i.indkey::smallint[]) WITH ORDINALITY AS p (number, place) \
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = p.number \
    WHERE n.nspname = ?1 AND c.relname = ?2 AND i.indisprimary ORDER BY p.place";

/// A column of a key.
struct Part {
    key: i64,
    from: (String, String),
    column: String,
    to: (String, String),
    to_column: String,
    /// The account may read the table that it begins in.
    readable: bool,
}

fn parts(connection: &PostgresConnection, condition: &str) -> Result<Vec<Part>> {
    let schema = [Value::Text(connection.schema().as_bytes().to_vec())];
    let mut found = Vec::new();
    connection.query(&format!("{COLUMNS} {condition} = ?1 {ORDER}"), &schema, &mut |row| {
        let text = |at: usize| Ok::<_, Error>(row.value(at)?.readable().unwrap_or_default());
        found.push(Part {
            key: row.value(0)?.as_integer().unwrap_or_default(),
            from: (text(1)?, text(2)?),
            column: text(3)?,
            to: (text(4)?, text(5)?),
            to_column: text(6)?,
            readable: row.value(7)?.as_integer() == Some(1),
        });
        Ok(Next::Row)
    })?;
    Ok(found)
}

/// The foreign keys of the schema's tables.
pub fn declared(connection: &PostgresConnection) -> Result<Vec<ForeignKey>> {
    let parts = parts(connection, "rn.nspname")?;
    let keys = parts.chunk_by(|a, b| a.key == b.key).filter_map(|of_key| {
        let Part { from, to, .. } = of_key.first()?;
        let schema = (to.0 != connection.schema()).then(|| to.0.clone());
        Some(ForeignKey {
            table: TableName::here(&from.1),
            parent: TableName { schema, name: to.1.clone() },
            columns: of_key.iter().map(|part| (part.column.clone(), part.to_column.clone())).collect(),
            unnamed: false,
        })
    });
    Ok(keys.collect())
}

/// The foreign keys that lead to the tables that the schema knows, and that the schema does not have.
pub fn references(connection: &PostgresConnection, layout: &Layout) -> Result<References> {
    let parts = parts(connection, "fn.nspname")?;
    let mut references = References::default();
    for of_key in parts.chunk_by(|a, b| a.key == b.key) {
        let Some(Part { from, to, readable, .. }) = of_key.first() else { continue };
        let Some(there) = layout.tables.iter().find(|table| table.name == to.1) else { continue };
        let is_here = from.0 == connection.schema();
        let table = if is_here { from.1.clone() } else { format!("{}.{}", from.0, from.1) };
        if !readable {
            references.hidden.push(table);
            continue;
        }
        let columns: Vec<String> = of_key.iter().map(|part| part.column.clone()).collect();
        let ours = layout.family.table(&from.1).filter(|_| is_here);
        if ours.is_some_and(|schema| schema.declares(&columns, there.schema)) {
            continue;
        }
        references.found.push(Reference {
            table,
            name: format!("{}.{}", quote(&from.0), quote(&from.1)),
            columns,
            key: primary_key(connection, from)?,
            to: there.schema,
            to_name: quote(&there.name),
            to_columns: of_key.iter().map(|part| part.to_column.clone()).collect(),
            is_ours: ours.is_some(),
        });
    }
    Ok(references)
}

fn primary_key(connection: &PostgresConnection, (schema, table): &(String, String)) -> Result<Vec<String>> {
    let names = [schema, table].map(|name| Value::Text(name.as_bytes().to_vec()));
    let mut key = Vec::new();
    connection.query(KEY, &names, &mut |row| {
        key.extend(row.value(0)?.readable());
        Ok(Next::Row)
    })?;
    Ok(key)
}
