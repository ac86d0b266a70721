//! The result of storing a value in a column.

use crate::values::Value;

/// What would be read back.
#[derive(Clone, Debug, PartialEq)]
pub enum Stored {
    /// The value, bit by bit.
    Same,
    /// Another one, which is what has to be sent.
    As(Value),
    /// Nothing: the column refuses the value.
    Refused,
    /// Only the server knows.
    Ask,
}

/// As it is, if it fits.
pub fn keep(fits: bool) -> Stored {
    if fits { Stored::Same } else { Stored::Refused }
}
