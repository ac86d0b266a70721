//! Columns that a database lacks and cannot add within a transaction: what its owner has to do.

use super::affinity::Affinity;
use super::connection::{Connection, Next};
use super::layout::TableLayout;
use crate::error::{Domain, Error, Result, Status};
use crate::schema::quote;
use crate::values::ValueRef;

/// So many values tell what a column holds.
const MOST_VALUES: usize = 10_000;

/// What kinds of values a column has to hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds {
    pub integer: bool,
    pub real: bool,
    pub text: bool,
    pub blob: bool,
}

impl Kinds {
    /// Of the values that the column has.
    pub fn of(source: &dyn Connection, table: &TableLayout, column: &str) -> Result<Kinds> {
        let (mut kinds, mut count) = (Kinds::default(), 0);
        let name = quote(column);
        let sql = format!("SELECT {name} FROM {} WHERE {name} IS NOT NULL", quote(&table.name));
        source.query(&sql, &[], &mut |row| {
            match row.value(0)? {
                ValueRef::Null => {}
                ValueRef::Integer(_) => kinds.integer = true,
                ValueRef::Real(_) => kinds.real = true,
                ValueRef::Text(_) => kinds.text = true,
                ValueRef::Blob(_) => kinds.blob = true,
            }
            count += 1;
            Ok(if count < MOST_VALUES { Next::Row } else { Next::Stop })
        })?;
        Ok(kinds)
    }

    /// What a declared type lets one expect, where no values are known.
    pub fn declared(declared: &str) -> Kinds {
        let upper = declared.to_ascii_uppercase();
        let has = |part: &str| upper.contains(part);
        match Affinity::of(declared) {
            Affinity::Integer => Kinds { integer: true, ..Kinds::default() },
            Affinity::Real => Kinds { real: true, ..Kinds::default() },
            Affinity::Blob if has("BLOB") => Kinds { blob: true, ..Kinds::default() },
            Affinity::Numeric if has("BOOL") => Kinds { integer: true, ..Kinds::default() },
            Affinity::Numeric if has("DEC") || has("NUM") => Kinds { real: true, ..Kinds::default() },
            Affinity::Blob | Affinity::Numeric | Affinity::Text => Kinds { text: true, ..Kinds::default() },
        }
    }
}

/// A column that is missing in a table of the target.
pub struct MissingColumn<'t> {
    pub table: &'t TableLayout,
    pub name: String,
    pub kinds: Kinds,
    /// Whose ids it has.
    pub refers: Option<&'t TableLayout>,
}

/// The error of columns that the engine cannot add within a transaction, with the statements that add them.
pub fn cannot_add(domain: Domain, target: &dyn Connection, missing: &[MissingColumn<'_>]) -> Error {
    let Some(first) = missing.first() else { return Error::internal(domain, "no column is missing") };
    let (table, column) = (first.table.schema.name, &first.name);
    let more = match missing.len() {
        1 => String::new(),
        count => format!(" and {} more", count - 1),
    };
    let message = format!(
        "the target has no column {table}.{column}{more}, and a server cannot add it without ending the transaction"
    );
    let mut statements = Vec::new();
    let mut rest = missing;
    while let [first, ..] = rest {
        let of_table = rest.iter().take_while(|column| column.table.name == first.table.name).count();
        let (these, others) = rest.split_at(of_table);
        statements.extend(target.statement_to_add(first.table, these));
        rest = others;
    }
    let hint = format!("run this on the target, and call again; nothing was changed: {}", statements.join("; "));
    let error = Error::new(Status::Unsupported, domain, message).detail("table", table).detail("column", column);
    statements.into_iter().fold(error, |error, statement| error.detail("statement", statement)).hint(hint)
}
