//! The rules of a server's column type, as code above the engine needs them.

use std::any::Any;

use super::coercion::store;
use super::column_type::ColumnType;
use super::tables::sent;
use crate::database::affinity::Affinity;
use crate::database::column::EngineType;
use crate::database::server::stored::Stored;
use crate::database::server::written::ServerType;
use crate::values::{Value, ValueRef};

impl EngineType for ColumnType {
    fn certainly_keeps(&self, value: ValueRef<'_>) -> bool {
        store(self, value) == Stored::Same
    }

    fn takes_back(&self, value: ValueRef<'_>) -> bool {
        // What comes back has been in a file, which has no place for NaN.
        if matches!(value, ValueRef::Real(number) if number.is_nan()) {
            return false;
        }
        // What only the server knows came from there, in the form in which it reads it.
        matches!(store(self, value), Stored::Same | Stored::Ask)
    }

    fn is_kept_by(&self, affinity: Affinity) -> bool {
        match self {
            ColumnType::Integer(_) | ColumnType::Oid | ColumnType::Bool => affinity.is_exact(),
            ColumnType::Bytes => true,
            ColumnType::Text { .. }
            | ColumnType::Json
            | ColumnType::DateTime { .. }
            | ColumnType::Date
            | ColumnType::Formed(_)
            | ColumnType::Choice(_) => matches!(affinity, Affinity::Blob | Affinity::Text),
            // There is no NaN in a file.
            ColumnType::Float | ColumnType::Double => false,
            ColumnType::Numeric(_) | ColumnType::Cell => affinity == Affinity::Blob,
        }
    }

    fn is_real(&self) -> bool {
        matches!(self, ColumnType::Float | ColumnType::Double)
    }

    fn is_read_whole(&self) -> bool {
        true
    }

    fn holds_integers(&self) -> bool {
        matches!(self, ColumnType::Integer(_) | ColumnType::Oid)
    }

    fn can_be_written(&self) -> bool {
        true
    }

    fn is_same_as(&self, other: &dyn EngineType) -> bool {
        let other: &dyn Any = other;
        other.downcast_ref() == Some(self)
    }
}

impl ServerType for ColumnType {
    fn store(&self, value: ValueRef<'_>) -> Stored {
        store(self, value)
    }

    fn sent(&self, value: ValueRef<'_>) -> Option<Value> {
        sent(self, value)
    }

    fn is_any_cell(&self) -> bool {
        *self == ColumnType::Cell
    }

    fn is_left_to_server(&self) -> bool {
        !matches!(self, ColumnType::Numeric(_))
    }
}
