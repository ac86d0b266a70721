//! Rows in the two forms that `COPY` reads: the server's own bytes for the types whose form is known here, and text for any.

use std::io::Write;

use super::column_type::ColumnType;
use super::statements::real_text;
use crate::values::{ValueRef, parse_timestamp};

/// What a binary load begins with: a signature, no flags, no more header.
pub const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// Microseconds from 1970 to 2000, where the server's time begins.
const EPOCH: i64 = 946_684_800_000_000;

/// Whether the values of a column can be written in the server's own bytes.
pub fn has_bytes(column: &ColumnType) -> bool {
    !matches!(column, ColumnType::Numeric(_) | ColumnType::Date | ColumnType::Formed(_))
}

/// Begins a row of so many columns.
pub fn begin_row(columns: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&(columns as u16).to_be_bytes());
}

/// Appends a value in the server's own bytes; whether there is such a form of it.
pub fn append_bytes(column: &ColumnType, value: ValueRef<'_>, out: &mut Vec<u8>) -> bool {
    let mut fixed = |bytes: &[u8]| {
        out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
        out.extend_from_slice(bytes);
        true
    };
    match (column, value) {
        (_, ValueRef::Null) => {
            out.extend_from_slice(&(-1_i32).to_be_bytes());
            true
        }
        (ColumnType::Integer(8), ValueRef::Integer(number)) => fixed(&number.to_be_bytes()),
        (ColumnType::Integer(4), ValueRef::Integer(number)) => {
            i32::try_from(number).is_ok_and(|number| fixed(&number.to_be_bytes()))
        }
        (ColumnType::Integer(2), ValueRef::Integer(number)) => {
            i16::try_from(number).is_ok_and(|number| fixed(&number.to_be_bytes()))
        }
        (ColumnType::Bool, ValueRef::Integer(number)) => fixed(&[u8::from(number != 0)]),
        (ColumnType::Double, ValueRef::Real(number)) => fixed(&number.to_be_bytes()),
        (ColumnType::Float, ValueRef::Real(number)) => fixed(&(number as f32).to_be_bytes()),
        (ColumnType::DateTime { .. }, ValueRef::Text(text)) => {
            let since = parse_timestamp(text).and_then(|micros| micros.checked_sub(EPOCH));
            since.is_some_and(|since| fixed(&since.to_be_bytes()))
        }
        (
            ColumnType::Text { .. } | ColumnType::Json | ColumnType::Choice(_) | ColumnType::Bytes | ColumnType::Cell,
            ValueRef::Text(bytes) | ValueRef::Blob(bytes),
        ) => u32::try_from(bytes.len()).is_ok() && fixed(bytes),
        _ => false,
    }
}

/// Appends a value as text, and what separates it from the next.
pub fn append_text(column: &ColumnType, value: ValueRef<'_>, last: bool, out: &mut Vec<u8>) {
    match (column, value) {
        (_, ValueRef::Null) => out.extend_from_slice(b"\\N"),
        (ColumnType::Bool, ValueRef::Integer(number)) => out.push(if number == 0 { b'f' } else { b't' }),
        // Writing into memory cannot fail.
        (_, ValueRef::Integer(number)) => drop(write!(out, "{number}")),
        (_, ValueRef::Real(number)) => out.extend_from_slice(real_text(number).as_bytes()),
        (ColumnType::Bytes | ColumnType::Cell, ValueRef::Text(bytes) | ValueRef::Blob(bytes)) => {
            out.extend_from_slice(b"\\\\x");
            bytes.iter().for_each(|byte| drop(write!(out, "{byte:02x}")));
        }
        (_, ValueRef::Text(bytes) | ValueRef::Blob(bytes)) => {
            for byte in bytes {
                match byte {
                    b'\\' => out.extend_from_slice(b"\\\\"),
                    b'\t' => out.extend_from_slice(b"\\t"),
                    b'\n' => out.extend_from_slice(b"\\n"),
                    b'\r' => out.extend_from_slice(b"\\r"),
                    other => out.push(*other),
                }
            }
        }
    }
    out.push(if last { b'\n' } else { b'\t' });
}

#[cfg(test)]
mod tests {
    use super::{append_bytes, append_text};
    use crate::database::postgres::column_type::ColumnType;
    use crate::values::ValueRef;

    const TEXT: ColumnType = ColumnType::Text { most: None, padded: false };

    #[test]
    fn values_are_separated_and_escaped() {
        let mut out = Vec::new();
        let values = [
            (TEXT, ValueRef::Null),
            (TEXT, ValueRef::Text(b"\\N")),
            (ColumnType::Integer(8), ValueRef::Integer(-5)),
            (ColumnType::Double, ValueRef::Real(5e-324)),
            (ColumnType::Double, ValueRef::Real(f64::NEG_INFINITY)),
            (ColumnType::Bytes, ValueRef::Blob(b"\0\xff")),
            (ColumnType::Bool, ValueRef::Integer(1)),
            (TEXT, ValueRef::Text("a\tb\r\nc\\é".as_bytes())),
        ];
        for (at, (column, value)) in values.iter().enumerate() {
            append_text(column, *value, at + 1 == values.len(), &mut out);
        }
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "\\N\t\\\\N\t-5\t5e-324\t-Infinity\t\\\\x00ff\tt\ta\\tb\\r\\nc\\\\é\n"
        );
    }

    #[test]
    fn bytes_are_those_of_the_server() {
        let bytes = |column: ColumnType, value| {
            let mut out = Vec::new();
            append_bytes(&column, value, &mut out).then_some(out)
        };
        assert_eq!(bytes(TEXT, ValueRef::Null), Some(vec![0xff; 4]));
        assert_eq!(bytes(ColumnType::Integer(2), ValueRef::Integer(-2)), Some(vec![0, 0, 0, 2, 0xff, 0xfe]));
        assert_eq!(bytes(ColumnType::Integer(2), ValueRef::Integer(1 << 15)), None);
        let time = ColumnType::DateTime { fraction: 6, zoned: false };
        let second = ValueRef::Text(b"2000-01-01T00:00:00.000001");
        assert_eq!(bytes(time.clone(), second), Some(vec![0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1]));
        assert_eq!(bytes(time, ValueRef::Text(b"infinity")), None);
    }
}
