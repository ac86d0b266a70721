//! A checksum of the rows of a table, whatever their order. It shows whether the restored rows are those of the snapshot.

use crate::database::{Connection, Next, Row, TableLayout};
use crate::digest::{Sum, encode_value};
use crate::error::Result;
use crate::schema::{Kind, quote};
use crate::values::ValueRef;

/// The rows of some columns of a table.
#[derive(Default)]
pub struct Content {
    sum: Sum,
    bytes: Vec<u8>,
}

impl Content {
    /// Adds the cell of a row, as the content of a column of this kind.
    pub fn cell(&mut self, value: ValueRef<'_>, kind: Option<Kind>) {
        encode_value(value, kind, &mut self.bytes);
    }

    /// Ends a row.
    pub fn end_row(&mut self) {
        self.sum.add(blake3::hash(&self.bytes).as_bytes());
        self.bytes.clear();
    }

    /// Reads columns of a table, each with the kind that it is compared as.
    pub fn read(connection: &dyn Connection, table: &TableLayout, columns: &[(&str, Option<Kind>)]) -> Result<Content> {
        let names: Vec<String> = columns.iter().map(|(name, _)| quote(name)).collect();
        let select = if names.is_empty() { "1".to_owned() } else { names.join(", ") };
        let mut content = Content::default();
        connection.query(&format!("SELECT {select} FROM {}", quote(&table.name)), &[], &mut |row: &dyn Row| {
            for (at, (_, kind)) in columns.iter().enumerate() {
                content.cell(row.value(at)?, *kind);
            }
            content.end_row();
            Ok(Next::Row)
        })?;
        Ok(content)
    }

    /// Whether both are the same rows.
    pub fn is(&self, other: &Content) -> bool {
        self.sum == other.sum
    }
}
