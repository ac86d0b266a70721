//! Rows as the text that `LOAD DATA` reads, which is several times as fast as `INSERT`.

use std::io::Write;

use super::column_type::ColumnType;
use crate::schema::quote;
use crate::values::ValueRef;

/// Whether a column's values come through as text. Bytes that are no text could be taken for a part of a character, the digits of
/// `BIT` for its bytes, and a year 0 for 2000.
pub fn takes_text(column: &ColumnType) -> bool {
    matches!(
        column,
        ColumnType::Integer { .. }
            | ColumnType::Float(_)
            | ColumnType::Double(_)
            | ColumnType::Rounded { .. }
            | ColumnType::Decimal(_)
            | ColumnType::DateTime { .. }
            | ColumnType::Timestamp { .. }
            | ColumnType::Date
            | ColumnType::Time { .. }
            | ColumnType::Text { .. }
            | ColumnType::Choice { .. }
            | ColumnType::Formed(_)
            | ColumnType::Json
    )
}

/// The statement. The separators are written as numbers: what a backslash means in a text depends on the session.
pub fn statement(table: &str, columns: &[String]) -> String {
    format!(
        "LOAD DATA LOCAL INFILE 'expmig' INTO TABLE {} CHARACTER SET utf8mb4 \
         FIELDS TERMINATED BY X'09' ESCAPED BY X'5C' LINES TERMINATED BY X'0A' ({})",
        quote(table),
        columns.join(", ")
    )
}

/// Appends a value, and what separates it from the next.
pub fn append(value: ValueRef<'_>, last: bool, out: &mut Vec<u8>) {
    match value {
        ValueRef::Null => out.extend_from_slice(b"\\N"),
        // Writing into memory cannot fail.
        ValueRef::Integer(number) => drop(write!(out, "{number}")),
        // The shortest text that reads back as the same number.
        ValueRef::Real(number) => drop(write!(out, "{number:?}")),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => escape(bytes, out),
    }
    out.push(if last { b'\n' } else { b'\t' });
}

fn escape(mut bytes: &[u8], out: &mut Vec<u8>) {
    let special = |byte: &u8| matches!(byte, b'\\' | b'\t' | b'\n' | b'\0');
    while let Some(at) = bytes.iter().position(special) {
        let (plain, rest) = bytes.split_at(at);
        out.extend_from_slice(plain);
        let Some((byte, rest)) = rest.split_first() else { return };
        out.push(b'\\');
        out.push(match byte {
            b'\0' => b'0',
            b'\t' => b't',
            b'\n' => b'n',
            other => *other,
        });
        bytes = rest;
    }
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::append;
    use crate::values::ValueRef;

    #[test]
    fn values_are_separated_and_escaped() {
        let mut out = Vec::new();
        let values = [
            ValueRef::Null,
            ValueRef::Text(b"\\N"),
            ValueRef::Text(b""),
            ValueRef::Integer(-5),
            ValueRef::Real(0.1),
            ValueRef::Real(5e-324),
            ValueRef::Text("a\tb\nc\0d\\\u{e9}".as_bytes()),
        ];
        for (at, value) in values.iter().enumerate() {
            append(*value, at + 1 == values.len(), &mut out);
        }
        assert_eq!(String::from_utf8(out).unwrap(), "\\N\t\\\\N\t\t-5\t0.1\t5e-324\ta\\tb\\nc\\0d\\\\é\n");
    }
}
