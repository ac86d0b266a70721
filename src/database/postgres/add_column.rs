//! Adds missing extra columns to a table, within the transaction that is running.

use super::column_type::ColumnType;
use super::connection::PostgresConnection;
use crate::database::affinity::Affinity;
use crate::database::column::{ColumnLayout, Storage};
use crate::database::layout::TableLayout;
use crate::database::missing_column::Kinds;
use crate::error::Result;
use crate::schema::{family_of, quote};

/// The type for values of these kinds.
fn type_for(kinds: Kinds) -> &'static str {
    match kinds {
        Kinds { text: true, .. } => "TEXT",
        Kinds { blob: true, .. } => "BYTEA",
        Kinds { real: true, .. } => "DOUBLE PRECISION",
        Kinds { integer: true, .. } => "BIGINT",
        _ => "TEXT",
    }
}

/// The type that holds what a column of another database does.
fn type_like(column: &ColumnLayout) -> String {
    if let Some(kind) = column.own_type::<ColumnType>() {
        // Names of enumerations and others stand for what the other database has.
        return match kind {
            ColumnType::Choice(_) => "TEXT".to_owned(),
            _ => column.declared.clone(),
        };
    }
    let Storage::Own(kind) = &column.storage else { return type_for(Kinds::declared(&column.declared)).to_owned() };
    let named = if kind.holds_integers() {
        "BIGINT"
    } else if kind.is_real() {
        "DOUBLE PRECISION"
    } else if kind.is_kept_by(Affinity::Text) && !kind.is_kept_by(Affinity::Real) {
        "TEXT"
    } else {
        type_for(Kinds::declared(&column.declared))
    };
    named.to_owned()
}

/// Adds a column like another database's.
pub fn add_column(connection: &PostgresConnection, table: &TableLayout, column: &ColumnLayout) -> Result<()> {
    let to = column.refers.and_then(|entity| family_of(table.schema).entity_table(entity));
    let declared = match to {
        Some(to) => {
            let id = to.id_column().map_or("", |id| id.name);
            format!("BIGINT REFERENCES {} ({}) DEFERRABLE", quote(to.name), quote(id))
        }
        None => type_like(column),
    };
    let (table, name) = (quote(&table.name), quote(&column.name));
    connection.command(&format!("ALTER TABLE {table} ADD COLUMN {name} {declared}"))?;
    connection.channel.forget_statements();
    Ok(())
}
