//! SQLite's rules for how a column converts a value (type affinity). Every copy and snapshot uses them, whatever engine a value came from.

use crate::values::ValueRef;

/// How SQLite converts what is stored in a column (<https://www.sqlite.org/datatype3.html>, section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Affinity {
    Blob,
    Text,
    Numeric,
    Integer,
    Real,
}

impl Affinity {
    /// The affinity of a declared type, by SQLite's rules.
    pub fn of(declared: &str) -> Affinity {
        let upper = declared.to_ascii_uppercase();
        let has = |part: &str| upper.contains(part);
        if has("INT") {
            Affinity::Integer
        } else if has("CHAR") || has("CLOB") || has("TEXT") {
            Affinity::Text
        } else if has("BLOB") || upper.is_empty() {
            Affinity::Blob
        } else if has("REAL") || has("FLOA") || has("DOUB") {
            Affinity::Real
        } else {
            Affinity::Numeric
        }
    }

    /// Whether a column of this one type takes such a value as it is: the columns of a STRICT table.
    pub fn is_kind_of(self, value: ValueRef<'_>) -> bool {
        matches!(
            (self, value),
            (_, ValueRef::Null)
                | (Affinity::Integer, ValueRef::Integer(_))
                | (Affinity::Real, ValueRef::Real(_))
                | (Affinity::Text, ValueRef::Text(_))
                | (Affinity::Blob, ValueRef::Blob(_))
        )
    }

    /// Whether integers stay integers.
    pub fn is_exact(self) -> bool {
        matches!(self, Affinity::Integer | Affinity::Numeric | Affinity::Blob)
    }

    /// Whether a value is certainly stored as it is. If not, the engine knows.
    pub fn certainly_keeps(self, value: ValueRef<'_>) -> bool {
        // What no number has: text with it in it is not converted.
        let beyond_numbers =
            |byte: &u8| !matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E' | b'\t'..=b'\r' | b' ');
        match (self, value) {
            // SQLite makes NULL of it.
            (_, ValueRef::Real(number)) if number.is_nan() => false,
            (_, ValueRef::Null | ValueRef::Blob(_)) | (Affinity::Blob, _) | (Affinity::Text, ValueRef::Text(_)) => true,
            (Affinity::Text, _) => false,
            (_, ValueRef::Text(text)) => text.iter().any(beyond_numbers),
            // SQLite keeps whole numbers as integers, which have no -0.
            (Affinity::Real, ValueRef::Real(number)) => number != 0.0 || number.is_sign_positive(),
            (Affinity::Numeric | Affinity::Integer, ValueRef::Integer(_)) => true,
            (Affinity::Real, ValueRef::Integer(_)) | (Affinity::Numeric | Affinity::Integer, ValueRef::Real(_)) => {
                false
            }
        }
    }
}

/// Whether a value comes back from UTF-16: SQLite replaces what is not UTF-8, and two code points that are no characters.
pub fn utf16_holds(value: ValueRef<'_>) -> bool {
    match value {
        ValueRef::Text(text) => std::str::from_utf8(text).is_ok_and(|text| !text.contains(['\u{fffe}', '\u{ffff}'])),
        _ => true,
    }
}

/// The type that, in a STRICT table, keeps every value as it is.
pub const ANY: &str = "ANY";
