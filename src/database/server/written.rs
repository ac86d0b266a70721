//! Converting the cells of rows that are written into a table of a server.

use super::any_cell;
use super::stored::Stored;
use crate::database::column::{ColumnLayout, EngineType};
use crate::database::connection::Catalog;
use crate::database::layout::TableLayout;
use crate::error::{Domain, Error, Result, Status};
use crate::values::{Value, ValueRef};

/// The type of a column on a server.
pub trait ServerType: EngineType + Clone {
    /// The result of storing a value in such a column.
    fn store(&self, value: ValueRef<'_>) -> Stored;

    /// How a value is sent that the server would not understand as it is read; `None` for as it is.
    fn sent(&self, value: ValueRef<'_>) -> Option<Value>;

    /// Whether such a column keeps values of any type ([`any_cell`]).
    fn is_any_cell(&self) -> bool;

    /// Whether a value of which only the server knows the result is sent without asking it: nothing here depends on the answer.
    fn is_left_to_server(&self) -> bool;
}

/// The result of storing a value, `ask`ed of the server if only it knows; `None` if it is refused.
pub fn stored_as<K: ServerType>(
    column: &ColumnLayout,
    value: ValueRef<'_>,
    ask: impl FnOnce(&K) -> Result<Option<Value>>,
) -> Result<Option<Value>> {
    let Some(kind) = column.own_type::<K>() else {
        return Err(Error::internal(Domain::Database, "a column of another engine"));
    };
    match kind.store(value) {
        Stored::Same => Ok(Some(value.to_owned())),
        Stored::As(value) => Ok(Some(value)),
        Stored::Refused => Ok(None),
        Stored::Ask => ask(kind),
    }
}

/// A column that is written.
pub struct WrittenColumn<K> {
    pub layout: ColumnLayout,
    pub kind: K,
}

/// The columns of a table that are written.
pub struct Written<K> {
    /// The name of the table in the schema.
    pub table: &'static str,
    pub columns: Vec<WrittenColumn<K>>,
}

impl<K: ServerType> Written<K> {
    /// Finds the columns of a table by their names there.
    pub fn new(table: &TableLayout, names: &[&str]) -> Result<Written<K>> {
        let find = |name: &&str| {
            let found = table.columns.iter().find(|column| column.name == *name)?;
            Some(WrittenColumn { layout: found.clone(), kind: found.own_type::<K>()?.clone() })
        };
        let table = table.schema.name;
        match names.iter().map(find).collect::<Option<Vec<_>>>() {
            Some(columns) => Ok(Written { table, columns }),
            None => Err(Error::internal(Domain::Database, format!("{table} has other columns"))),
        }
    }

    /// How many there are, or one if there are none.
    pub fn width(&self) -> usize {
        self.columns.len().max(1)
    }

    /// What has to be sent; `None` for the value itself.
    pub fn converted(
        &self,
        connection: &impl Catalog,
        column: &WrittenColumn<K>,
        value: ValueRef<'_>,
    ) -> Result<Option<Value>> {
        let WrittenColumn { layout, kind } = column;
        if kind.is_any_cell() {
            return Ok(any_cell::encode(value).map(Value::Blob));
        }
        let stored = match kind.store(value) {
            Stored::Same => return Ok(kind.sent(value)),
            Stored::As(value) => Some(value),
            Stored::Refused => None,
            Stored::Ask if kind.is_left_to_server() => return Ok(None),
            Stored::Ask => connection.stored_as(layout, value)?,
        };
        match stored {
            Some(stored) => Ok(kind.sent(stored.borrow()).or(Some(stored))),
            None => Err(Error::new(
                Status::Constraint,
                Domain::Database,
                format!("{}.{} cannot hold {}", self.table, layout.name, value.describe()),
            )
            .detail("column", &layout.name)
            .detail("value", value.describe())
            .hint("compare the target's schema with the source's")),
        }
    }

    /// An error of writing, with the table. Rows of another table may have been loaded only now.
    pub fn named(&self, error: Error) -> Error {
        let named = error.details().iter().any(|detail| detail.key == "table");
        if named { error } else { error.detail("table", self.table) }
    }
}
