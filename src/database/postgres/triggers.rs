//! Whether writing to a table fires triggers or rules. The catalog shows all of them to every account.

use super::connection::PostgresConnection;
use crate::database::connection::Reads;
use crate::error::Result;
use crate::values::Value;

const ANY: &str = "SELECT count(*) FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace \
    WHERE n.nspname = ?1 AND c.relkind IN ('r', 'p') AND (EXISTS (SELECT 1 FROM pg_catalog.pg_trigger AS t \
        WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D') \
    OR EXISTS (SELECT 1 FROM pg_catalog.pg_rewrite AS r WHERE r.ev_class = c.oid AND r.ev_enabled <> 'D'))";

/// Whether this table, or any table of the schema, has one.
pub fn any(connection: &PostgresConnection, table: Option<&str>) -> Result<bool> {
    let of_table = table.map_or("", |_| " AND c.relname = ?2");
    let names = std::iter::once(connection.schema()).chain(table);
    let names: Vec<Value> = names.map(|name| Value::Text(name.as_bytes().to_vec())).collect();
    Ok(connection.query_integer(&format!("{ANY}{of_table}"), &names)?.unwrap_or(0) > 0)
}
