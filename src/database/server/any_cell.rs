//! Stores a value of any type in one column of a server. The undo log keeps old values in this form.
//!
//! A letter names the type, and the rest is the value: `i12`, `r0.1`, `ttext`, `bbytes`. NULL is NULL.

use crate::error::{Domain, Error, Result, Status};
use crate::schema::{Kind, own_table};
use crate::values::ValueRef;

/// Whether a column of a result set comes from such a column. The server tells the table and the column by their own names, whatever
/// the statement calls them.
pub fn is_in(table: &str, column: &str) -> bool {
    own_table(table).and_then(|table| table.column(column)).is_some_and(|column| column.kind == Kind::Cell)
}

/// What is stored; `None` for NULL.
pub fn encode(value: ValueRef<'_>) -> Option<Vec<u8>> {
    match value {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(format!("i{number}").into_bytes()),
        // The shortest text that reads back as the same number.
        ValueRef::Real(number) => Some(format!("r{number:?}").into_bytes()),
        ValueRef::Text(text) => Some([b"t", text].concat()),
        ValueRef::Blob(blob) => Some([b"b", blob].concat()),
    }
}

/// The value; `column` is for the error if it is none.
pub fn decode<'b>(stored: &'b [u8], column: &str) -> Result<ValueRef<'b>> {
    let number = |digits: &'b [u8]| std::str::from_utf8(digits).ok();
    let value = match stored.split_first() {
        Some((b'i', digits)) => number(digits).and_then(|digits| digits.parse().ok()).map(ValueRef::Integer),
        Some((b'r', digits)) => number(digits).and_then(|digits| digits.parse().ok()).map(ValueRef::Real),
        Some((b't', text)) => Some(ValueRef::Text(text)),
        Some((b'b', blob)) => Some(ValueRef::Blob(blob)),
        _ => None,
    };
    value.ok_or_else(|| {
        let message = format!("the column {column} of the undo log has a cell that expmig did not write");
        Error::new(Status::Corrupt, Domain::Database, message)
            .detail("column", column)
            .hint("somebody changed the tables of the undo log; forget what they keep")
    })
}

#[cfg(test)]
mod tests {
    use super::{decode, encode, is_in};
    use crate::error::Status;
    use crate::values::ValueRef;

    #[test]
    fn every_cell_comes_back_as_it_was() {
        let reals = [0.1, -0.0, 5e-324, f64::MAX, f64::INFINITY, f64::NEG_INFINITY, f64::from(0.1_f32)];
        for real in reals {
            let stored = encode(ValueRef::Real(real)).unwrap();
            let Ok(ValueRef::Real(read)) = decode(&stored, "c") else { panic!("{real}") };
            assert_eq!(read.to_bits(), real.to_bits());
        }
        let others = [
            ValueRef::Integer(i64::MIN),
            ValueRef::Integer(i64::MAX),
            ValueRef::Text(b""),
            ValueRef::Text(b"i5\xff\0"),
            ValueRef::Blob(b"t"),
            ValueRef::Blob(b""),
        ];
        for value in others {
            assert_eq!(decode(&encode(value).unwrap(), "c").unwrap(), value);
        }
        assert_eq!(encode(ValueRef::Null), None);
    }

    #[test]
    fn what_expmig_did_not_write_is_refused() {
        for stored in ["", "0.5", "i", "i1.5", "rx", "r", "i9223372036854775808"] {
            assert_eq!(decode(stored.as_bytes(), "total_val").unwrap_err().status(), Status::Corrupt, "{stored}");
        }
    }

    #[test]
    fn only_cells_in_tables_of_ours_are_meant() {
        assert!(is_in("expmig_undo", "TOTAL_VAL") && is_in("EXPMIG_UNDO", "per_label_val"));
        assert!(!is_in("METRIC", "total_val") && !is_in("EXPMIG_UNDO", "written") && !is_in("", ""));
    }
}
