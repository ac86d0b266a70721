//! Writes the columns of a row as the members of its object.

use super::output::Output;
use crate::database::Row;
use crate::error::{Domain, Error, Result};
use crate::exchange::names::{EXTRA_COLUMNS, LINK_EXTRA_COLUMNS, column_key, columns};
use crate::exchange::value::{Slot, write_integer, write_string, write_value};
use crate::hierarchy::{RowQuery, Selection, Shape, id_in};
use crate::schema::{Column, Entity, Role};
use crate::values::ValueRef;

/// Where a member's value is.
enum Source {
    /// The id in this cell.
    Id(usize),
    /// The id of what the object stands in.
    Parent,
    Cell(usize, Slot),
    /// The id of another row in this cell.
    Link(usize, Entity),
}

struct Field {
    /// With its quotes.
    key: Vec<u8>,
    source: Source,
}

/// The members that a row's columns make.
pub struct Fields {
    own: Vec<Field>,
    extra: Vec<Field>,
    link_extra: Vec<Field>,
}

fn quoted(key: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    write_string(key, &mut bytes)?;
    Ok(bytes)
}

fn extra_fields(shape: &Shape<'_>) -> Result<Vec<Field>> {
    let extra = shape.columns.iter().enumerate().skip(shape.known);
    extra
        .map(|(at, column)| {
            let at = shape.first + at;
            let source = column.refers.map_or(Source::Cell(at, Slot::of(None)), |entity| Source::Link(at, entity));
            Ok(Field { key: quoted(&column.name)?, source })
        })
        .collect()
}

impl Fields {
    /// Those of the rows that a query reads.
    pub fn new(query: &RowQuery<'_>) -> Result<Fields> {
        // The id of a node is column 0, that of what a link links column 1.
        let (shape, id_at) = match &query.leaf {
            Some((_, leaf)) => (leaf, 1),
            None => (&query.shape, 0),
        };
        let cell = |column: &Column| {
            let at = shape.columns.iter().take(shape.known).position(|found| found.schema == Some(column));
            at.map(|at| Source::Cell(shape.first + at, Slot::of(Some(column.kind))))
        };
        let mut own = Vec::new();
        for column in columns(shape.table.schema) {
            let source = match column.role {
                Role::Id => Source::Id(id_at),
                Role::Parent(_) => Source::Parent,
                Role::Index | Role::Content => cell(column).ok_or_else(|| {
                    let message = format!("{}.{} is not read", shape.table.schema.name, column.name);
                    Error::internal(Domain::ImportExport, message)
                })?,
            };
            own.push(Field { key: quoted(column_key(shape.table.schema, column))?, source });
        }
        let link_extra = if query.leaf.is_some() { extra_fields(&query.shape)? } else { Vec::new() };
        Ok(Fields { own, extra: extra_fields(shape)?, link_extra })
    }

    /// Writes the members. `parent` is the id of what the object stands in, if that has one. Links to rows that are not in the
    /// selection are left out.
    pub fn write(&self, row: &dyn Row, parent: i64, selection: &mut Selection, output: &mut Output<'_>) -> Result<()> {
        for field in &self.own {
            output.key(&field.key);
            match field.source {
                Source::Id(at) => write_integer(row.value(at)?.as_integer().unwrap_or_default(), &mut output.buffer)?,
                Source::Parent => write_integer(parent, &mut output.buffer)?,
                Source::Cell(at, slot) => write_value(slot, row.value(at)?, &mut output.buffer)?,
                // Only extra columns are links.
                Source::Link(..) => {}
            }
        }
        write_extra(EXTRA_COLUMNS, &self.extra, row, selection, output)?;
        write_extra(LINK_EXTRA_COLUMNS, &self.link_extra, row, selection, output)
    }
}

fn write_extra(
    key: &str,
    fields: &[Field],
    row: &dyn Row,
    selection: &mut Selection,
    output: &mut Output<'_>,
) -> Result<()> {
    let mut open = false;
    for field in fields {
        let (value, slot) = match field.source {
            Source::Cell(at, slot) => (row.value(at)?, slot),
            Source::Link(at, entity) => {
                let value = row.value(at)?;
                let stays = selection.target(entity, value)?.is_some();
                let id = id_in(value).filter(|_| stays);
                (id.map_or(ValueRef::Null, ValueRef::Integer), Slot::Number)
            }
            Source::Id(_) | Source::Parent => continue,
        };
        if value == ValueRef::Null {
            continue;
        }
        if !open {
            output.plain_key(key);
            output.open(b'{');
            open = true;
        }
        output.key(&field.key);
        write_value(slot, value, &mut output.buffer)?;
    }
    if open {
        output.close(b'}');
    }
    Ok(())
}
