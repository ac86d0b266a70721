//! Where ids of a table's rows stand beside that table. One that no row has may be mentioned there all the same: what mentions it would
//! be of the new row that is given the id.

use super::connection::{Connection, Next};
use super::layout::Layout;
use crate::error::{Result, Status};
use crate::schema::{Place, Role, TABLES, Table, ValueRef, quote};

/// A column that has ids of another table's rows.
pub struct Mention {
    /// Whose ids, as the schema names it.
    pub of: &'static str,
    /// Where, for SQL.
    pub table: String,
    pub column: String,
}

/// All of them: those of the schema, and what others have declared to be foreign keys.
pub fn mentions(connection: &dyn Connection, layout: &Layout) -> Result<Vec<Mention>> {
    let mut found = Vec::new();
    for table in &layout.tables {
        for column in table.schema.columns {
            let Role::Parent(entity) = column.role else { continue };
            let is_of = |of: &&Table| matches!(of.place, Place::Node(e) | Place::Leaf(e) if e == entity);
            let Some(of) = TABLES.iter().find(is_of) else { continue };
            found.push(Mention { of: of.name, table: quote(&table.name), column: table.quoted(column.name) });
        }
    }
    for reference in connection.references(layout)?.found {
        for (column, to) in reference.columns.iter().zip(&reference.to_columns) {
            if reference.to.has_own_id() && to.eq_ignore_ascii_case("id") {
                found.push(Mention { of: reference.to.name, table: reference.name.clone(), column: quote(column) });
            }
        }
    }
    found.sort_by(|a, b| a.table.cmp(&b.table));
    Ok(found)
}

fn is_ours(layout: &Layout, quoted: &str) -> bool {
    layout.tables.iter().any(|table| quote(&table.name) == quoted)
}

/// The highest ids that are mentioned, by table.
pub struct Mentioned(Vec<(&'static str, i64)>);

impl Mentioned {
    /// Reads those of the `wanted` tables, all that one table mentions at once.
    pub fn read(connection: &dyn Connection, layout: &Layout, wanted: impl Fn(&str) -> bool) -> Result<Mentioned> {
        let mut mentions = mentions(connection, layout)?;
        mentions.retain(|mention| wanted(mention.of));
        let mut highest = Vec::new();
        for of_table in mentions.chunk_by(|a, b| a.table == b.table) {
            let Some(first) = of_table.first() else { continue };
            // Text is greater than all numbers, and may be one.
            for form in ["max(COLUMN)", "max(CAST(COLUMN AS INTEGER))"] {
                let columns: Vec<String> =
                    of_table.iter().map(|mention| form.replace("COLUMN", &mention.column)).collect();
                let sql = format!("SELECT {} FROM {}", columns.join(", "), first.table);
                let mut odd = false;
                let read = connection.query(&sql, &[], &mut |row| {
                    for (at, mention) in of_table.iter().enumerate() {
                        let value = row.value(at)?;
                        odd |= value.as_integer().is_none() && value != ValueRef::Null;
                        highest.extend(value.as_integer().map(|id| (mention.of, id)));
                    }
                    Ok(Next::Stop)
                });
                match read {
                    // What somebody else's table has is not to be known then. Its key keeps it from mentioning a row that does not exist.
                    Err(error) if error.status() == Status::Auth && !is_ours(layout, &first.table) => break,
                    read => read?,
                }
                if !odd {
                    break;
                }
            }
        }
        Ok(Mentioned(highest))
    }

    /// The highest id of a table's rows that is mentioned; 0 if none is.
    pub fn of(&self, table: &str) -> i64 {
        self.0.iter().filter(|(of, _)| *of == table).map(|(_, id)| *id).max().unwrap_or(0).max(0)
    }
}
