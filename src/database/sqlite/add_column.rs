//! Adding columns to a SQLite table.

use super::connection::SqliteConnection;
use super::ids;
use super::layout::ROWID;
use crate::database::column::ColumnLayout;
use crate::database::connection::{Catalog, Reads, Writes};
use crate::database::layout::TableLayout;
use crate::error::{Domain, Error, Result, Status};
use crate::schema::{create_statement, create_statement_with, entity_table, quote};
use crate::values::Value;

/// A type that is text of somebody's, and could be any SQL; in quotes it is a type.
fn as_type(declared: &str) -> String {
    if declared.is_empty() { String::new() } else { quote(declared) }
}

/// The foreign key of a column that has ids of ours.
fn refers(column: &ColumnLayout) -> String {
    column.refers.map_or_else(String::new, |entity| format!(" REFERENCES {}(id)", quote(entity_table(entity))))
}

/// Adds a column like another database's, of a type that keeps what that holds.
pub fn add_column(connection: &SqliteConnection, table: &TableLayout, column: &ColumnLayout) -> Result<()> {
    let strict = "SELECT strict FROM pragma_table_list WHERE schema = 'main' AND name = ?1";
    let named = [Value::Text(table.name.clone().into_bytes())];
    let strict = connection.query_integer(strict, &named)?;
    let declared = column.declared_in_sqlite(strict == Some(1));
    if ROWID.iter().any(|alias| alias.eq_ignore_ascii_case(&column.name)) {
        return make_anew(connection, table, &column.name, &(as_type(declared) + &refers(column)));
    }
    let (name, declared) = (quote(&table.name), as_type(declared) + &refers(column));
    connection.execute(&format!("ALTER TABLE {name} ADD COLUMN {} {declared}", quote(&column.name)), &[]).map(drop)
}

/// A table can have a column of one of these names, but SQLite adds none. So a table that we made, and in which nothing was yet, is made
/// anew.
fn make_anew(connection: &SqliteConnection, table: &TableLayout, column: &str, declared: &str) -> Result<()> {
    // Columns may have been added since the layout was read.
    let layout = connection.layout()?;
    let table = layout.tables.iter().find(|there| there.name == table.name).unwrap_or(table);
    let name = quote(&table.name);
    // As far as the first column, whatever was added since.
    let ours = create_statement(table.schema);
    let begin = ours.split_once('\n').and_then(|(head, rest)| rest.split_once('\n').map(|(first, _)| (head, first)));
    let begin = begin.map_or_else(String::new, |(head, first)| format!("{head}\n{first}"));
    let asks = [
        format!("SELECT EXISTS (SELECT 1 FROM {name})"),
        "SELECT count(*) FROM sqlite_schema WHERE tbl_name = ?1 COLLATE NOCASE AND type <> 'table' AND sql IS NOT NULL"
            .to_owned(),
        "SELECT count(*) FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE AND type = 'table' AND instr(sql, ?2) <> 1"
            .to_owned(),
    ];
    let params = [table.name.clone(), begin].map(|text| Value::Text(text.into_bytes()));
    let plain = table.generated.is_empty() && table.extra_columns().all(|extra| !extra.not_null);
    let mut free = plain;
    for (ask, count) in asks.iter().zip([0, 1, 2]) {
        let params = params.get(..count).unwrap_or_default();
        free &= connection.query_integer(ask, params)? == Some(0);
    }
    if !free || ids::high_water(connection, table)? > 0 {
        let message = format!("SQLite adds no column {column} to {}, as that is a name of its own", table.name);
        return Err(Error::new(Status::Unsupported, Domain::Database, message)
            .detail("table", &table.name)
            .detail("column", column)
            .hint("take a new file as the target, or make the table anew with that column; nothing was changed"));
    }
    let mut extra: Vec<(&str, String)> =
        table.extra_columns().map(|extra| (extra.name.as_str(), as_type(&extra.declared) + &refers(extra))).collect();
    extra.push((column, declared.to_owned()));
    connection.execute(&format!("DROP TABLE {name}"), &[])?;
    connection.execute(&create_statement_with(table.schema, &extra), &[]).map(drop)
}
