//! The rules of a server's column type, as code above the engine needs them.

use std::any::Any;

use super::coercion::store;
use super::column_type::{Charset, ColumnType, Decimal};
use super::insert::sent;
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
        // What only the server knows is looked for in the whole column.
        matches!(store(self, value), Stored::Same | Stored::Ask)
    }

    fn is_kept_by(&self, affinity: Affinity) -> bool {
        match self {
            // What is beyond 63 bits is text.
            ColumnType::Integer { most, .. } | ColumnType::Bits { most } => {
                affinity == Affinity::Blob || (affinity.is_exact() && *most <= i64::MAX.unsigned_abs())
            }
            ColumnType::Year { .. } => affinity.is_exact(),
            ColumnType::Binary { .. } | ColumnType::Geometry { .. } | ColumnType::Vector { .. } => true,
            ColumnType::Text { .. }
            | ColumnType::Json
            | ColumnType::DateTime { .. }
            | ColumnType::Timestamp { .. }
            | ColumnType::Date
            | ColumnType::Time { .. }
            | ColumnType::Choice { .. }
            | ColumnType::Formed(_) => matches!(affinity, Affinity::Blob | Affinity::Text),
            // Whole numbers are integers.
            ColumnType::Decimal(Decimal { scale, number: false, .. }) if *scale > 0 => {
                matches!(affinity, Affinity::Blob | Affinity::Text)
            }
            ColumnType::Float(_)
            | ColumnType::Double(_)
            | ColumnType::Rounded { .. }
            | ColumnType::Decimal(_)
            | ColumnType::Cell
            | ColumnType::Other => affinity == Affinity::Blob,
        }
    }

    fn is_real(&self) -> bool {
        matches!(self, ColumnType::Float(_) | ColumnType::Double(_) | ColumnType::Rounded { .. })
    }

    fn is_read_whole(&self) -> bool {
        // A character set can have characters that no other has.
        let ColumnType::Text { charset: Charset::Other(charset), .. } = self else { return true };
        charset == "latin1" || charset == "ascii"
    }

    fn holds_integers(&self) -> bool {
        matches!(self, ColumnType::Integer { .. })
    }

    fn can_be_written(&self) -> bool {
        *self != ColumnType::Other
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
        matches!(self, ColumnType::Json | ColumnType::Formed(_))
    }
}
