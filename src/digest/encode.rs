//! The canonical bytes of values and rows (docs/digest.md, "Values" and "Rows").

use super::row_bytes::RowBytes;
use crate::database::{ColumnLayout, Row, TableLayout};
use crate::error::Result;
use crate::hierarchy::Shape;
use crate::schema::{Column, Kind};
use crate::values::{Value, ValueRef, json, parse_timestamp};

/// What a value becomes when it is stored elsewhere: `None` if it stays as it is.
pub type Stored<'a> = &'a (dyn Fn(&TableLayout, &ColumnLayout, ValueRef<'_>) -> Result<Option<Value>> + 'a);

const NULL: u8 = 0;
const INTEGER: u8 = 1;
const REAL: u8 = 2;
const TIME: u8 = 3;
const TEXT: u8 = 4;
const BLOB: u8 = 5;
const JSON: u8 = 6;

/// Appends a length and the bytes.
pub fn encode_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    out.extend_from_slice(bytes);
}

fn fixed(tag: u8, payload: [u8; 8], out: &mut Vec<u8>) {
    out.push(tag);
    out.extend_from_slice(&payload);
}

/// The real number that is exactly this integer.
fn exact_real(value: i64) -> Option<f64> {
    let real = value as f64;
    (ValueRef::Real(real).as_integer() == Some(value)).then_some(real)
}

/// Appends a value, as the content of a column of this kind; `None` for an extra column.
pub fn encode_value(value: ValueRef<'_>, kind: Option<Kind>, out: &mut Vec<u8>) {
    match (value, kind) {
        (ValueRef::Null, _) => out.push(NULL),
        (ValueRef::Integer(value), Some(Kind::Real)) => match exact_real(value) {
            Some(real) => fixed(REAL, real.to_le_bytes(), out),
            None => fixed(INTEGER, value.to_le_bytes(), out),
        },
        (ValueRef::Integer(value), _) => fixed(INTEGER, value.to_le_bytes(), out),
        (ValueRef::Real(real), Some(Kind::Integer)) => match value.as_integer() {
            Some(integer) => fixed(INTEGER, integer.to_le_bytes(), out),
            None => fixed(REAL, real.to_le_bytes(), out),
        },
        (ValueRef::Real(value), _) => fixed(REAL, value.to_le_bytes(), out),
        (ValueRef::Text(text), Some(Kind::Time)) => match parse_timestamp(text) {
            Some(micros) => fixed(TIME, micros.to_le_bytes(), out),
            None => encode_text(text, out),
        },
        (ValueRef::Text(text), Some(Kind::Json)) => encode_json(text, out),
        (ValueRef::Text(text), _) => encode_text(text, out),
        (ValueRef::Blob(blob), _) => {
            out.push(BLOB);
            encode_bytes(blob, out);
        }
    }
}

/// As [`encode_value`] for an extra column, but the bytes of a text or a blob, which come last, are answered rather than appended.
pub fn encode_apart<'v>(value: ValueRef<'v>, out: &mut Vec<u8>) -> &'v [u8] {
    let (tag, bytes) = match value {
        ValueRef::Text(bytes) => (TEXT, bytes),
        ValueRef::Blob(bytes) => (BLOB, bytes),
        other => {
            encode_value(other, None, out);
            return &[];
        }
    };
    out.push(tag);
    out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    bytes
}

/// Whether two values are the same to the digest, as the content of a column of this kind.
pub fn same_content(a: ValueRef<'_>, b: ValueRef<'_>, kind: Option<Kind>) -> bool {
    let form = |value| {
        let mut bytes = Vec::new();
        encode_value(value, kind, &mut bytes);
        bytes
    };
    form(a) == form(b)
}

fn encode_text(text: &[u8], out: &mut Vec<u8>) {
    out.push(TEXT);
    encode_bytes(text, out);
}

fn encode_json(text: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.push(JSON);
    let length_at = out.len();
    out.extend_from_slice(&[0; 8]);
    let body = out.len();
    if json::canonicalize(text, out).is_err() {
        out.truncate(start);
        return encode_text(text, out);
    }
    let length = (out.len() - body) as u64;
    if let Some(place) = out.get_mut(length_at..body) {
        place.copy_from_slice(&length.to_le_bytes());
    }
}

/// Whether the form of a value is certainly one that its column is for: a timestamp, a finite number, an object of numbers or none,
/// an integer, text.
fn is_usual(column: &Column, form: &[u8]) -> bool {
    match (column.kind, form.split_first()) {
        (Kind::Time, Some((tag, _))) => *tag == TIME,
        (Kind::Json, Some((&JSON, bytes))) => bytes.get(8..).is_some_and(json::is_object_of_numbers),
        (Kind::Json, Some((tag, _))) => *tag == NULL,
        (Kind::Real, Some((&REAL, bytes))) => bytes.first_chunk().is_some_and(|b| f64::from_le_bytes(*b).is_finite()),
        (Kind::Real | Kind::Integer, Some((tag, _))) => *tag == INTEGER,
        (Kind::Text, Some((&TEXT, bytes))) => bytes.get(8..).is_some_and(|text| std::str::from_utf8(text).is_ok()),
        (Kind::Text, Some((tag, _))) => *tag == NULL && !column.is_required(),
        (Kind::Bytes, Some((tag, _))) => *tag == BLOB,
        (Kind::Cell, Some(_)) => true,
        (_, None) => false,
    }
}

/// Appends a huge value, as the content of a column of this schema, without a copy of it. Whether it is a usual one.
#[cold]
fn encode_huge(value: ValueRef<'_>, known: Option<&Column>, out: &mut RowBytes) -> bool {
    let kind = known.map(|known| known.kind);
    if let (ValueRef::Text(text), Some(Kind::Json)) = (value, kind)
        && let Ok(pieces) = json::InPieces::read(text)
    {
        out.bytes.push(JSON);
        out.bytes.extend_from_slice(&pieces.length.to_le_bytes());
        pieces.hand_over(&mut |piece| out.add_piece(piece));
        return pieces.is_object_of_numbers;
    }
    let apart = encode_apart(value, &mut out.bytes);
    out.add_piece(apart);
    match (kind, value) {
        (Some(Kind::Text), ValueRef::Text(text)) => std::str::from_utf8(text).is_ok(),
        (Some(Kind::Bytes), ValueRef::Blob(_)) | (Some(Kind::Cell) | None, _) => true,
        _ => false,
    }
}

/// Appends a row, each value as `stored` says it would be stored. Whether all values that the schema knows are usual ones.
pub fn encode_row(shape: &Shape<'_>, row: &dyn Row, stored: Option<Stored<'_>>, out: &mut RowBytes) -> Result<bool> {
    let mut usual = true;
    encode_bytes(shape.table.schema.name.as_bytes(), &mut out.bytes);
    let mut extra: Vec<(usize, &ColumnLayout, Option<Value>)> = Vec::new();
    for (at, column) in shape.columns.iter().enumerate() {
        let value = row.value(shape.first + at)?;
        if at >= shape.known {
            // What refers to another row is no content: see `links`.
            if value != ValueRef::Null && column.refers.is_none() {
                let converted = convert(shape.table, column, value, stored)?;
                // One that becomes NULL is as none.
                if converted != Some(Value::Null) {
                    extra.push((at, column, converted));
                }
            }
            continue;
        }
        let converted = convert(shape.table, column, value, stored)?;
        usual &= encode_cell(column, converted.as_ref().map_or(value, Value::borrow), out);
    }
    out.bytes.extend_from_slice(&(extra.len() as u64).to_le_bytes());
    for (at, column, converted) in extra {
        encode_bytes(column.name.to_ascii_lowercase().as_bytes(), &mut out.bytes);
        let value = row.value(shape.first + at)?;
        encode_cell(column, converted.as_ref().map_or(value, Value::borrow), out);
    }
    Ok(usual)
}

#[inline(always)]
fn convert(
    table: &TableLayout,
    column: &ColumnLayout,
    value: ValueRef<'_>,
    stored: Option<Stored<'_>>,
) -> Result<Option<Value>> {
    stored.map_or(Ok(None), |stored| stored(table, column, value))
}

/// Appends a cell. Whether it is a usual one, or one of which the schema knows nothing.
fn encode_cell(column: &ColumnLayout, value: ValueRef<'_>, out: &mut RowBytes) -> bool {
    if value.is_huge() {
        return encode_huge(value, column.schema, out);
    }
    let start = out.bytes.len();
    encode_value(value, column.schema.map(|known| known.kind), &mut out.bytes);
    match (column.schema, out.bytes.get(start..)) {
        (Some(known), Some(form)) => is_usual(known, form),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::{RowBytes, ValueRef, encode_apart, encode_huge, encode_value, is_usual};
    use crate::schema::{Kind, table_of_any};

    fn form(value: ValueRef<'_>, kind: Kind) -> Vec<u8> {
        let mut out = Vec::new();
        encode_value(value, Some(kind), &mut out);
        out
    }

    #[test]
    fn numbers_are_equal_when_the_column_makes_them_so() {
        assert_eq!(form(ValueRef::Integer(5), Kind::Real), form(ValueRef::Real(5.0), Kind::Real));
        assert_eq!(form(ValueRef::Real(5.0), Kind::Integer), form(ValueRef::Integer(5), Kind::Integer));
        assert_ne!(form(ValueRef::Integer(5), Kind::Text), form(ValueRef::Real(5.0), Kind::Text));
        let beyond = (1i64 << 53) + 1;
        assert_eq!(form(ValueRef::Integer(beyond), Kind::Real), form(ValueRef::Integer(beyond), Kind::Integer));
        assert_eq!(form(ValueRef::Integer(i64::MAX), Kind::Real), form(ValueRef::Integer(i64::MAX), Kind::Integer));
        assert_eq!(
            form(ValueRef::Real(i64::MIN as f64), Kind::Integer),
            form(ValueRef::Integer(i64::MIN), Kind::Integer)
        );
        assert_eq!(form(ValueRef::Real(9.3e18), Kind::Integer)[0], 2);
        assert_eq!(form(ValueRef::Real(f64::INFINITY), Kind::Integer)[0], 2);
    }

    #[test]
    fn bytes_apart_are_the_same_form() {
        for value in [
            ValueRef::Null,
            ValueRef::Integer(7),
            ValueRef::Real(0.5),
            ValueRef::Text(b""),
            ValueRef::Text(b"ab"),
            ValueRef::Blob(b"ab"),
        ] {
            let (mut whole, mut apart) = (Vec::new(), Vec::new());
            encode_value(value, None, &mut whole);
            let bytes = encode_apart(value, &mut apart);
            assert_eq!([&apart, bytes].concat(), whole);
        }
    }

    #[test]
    fn text_that_is_no_timestamp_or_json_stays_text() {
        assert_eq!(form(ValueRef::Text(b"soon"), Kind::Time), form(ValueRef::Text(b"soon"), Kind::Text));
        assert_eq!(form(ValueRef::Text(b"{'a': 1}"), Kind::Json), form(ValueRef::Text(b"{'a': 1}"), Kind::Text));
        assert_eq!(form(ValueRef::Text(b" {} "), Kind::Json), form(ValueRef::Text(b"{}"), Kind::Json));
        assert_ne!(form(ValueRef::Blob(b"{}"), Kind::Json), form(ValueRef::Text(b"{}"), Kind::Json));
    }

    #[test]
    fn huge_values_have_the_form_that_they_have_as_a_whole() {
        let members = |value: &str| {
            // Only one of them is not in order: sorting takes long.
            let place = |at: usize| if value == "1.50" { at * 7919 % 70_000 } else { at };
            let members: Vec<String> = (0..70_000).map(|at| format!("\"key {:05}\": {value}", place(at))).collect();
            format!(" {{{}}}", members.join(", ")).into_bytes()
        };
        let texts = [
            members("1.50"),
            members("-1e3"),
            members("[{}]"),
            members("1").iter().map(|byte| if *byte == b'k' { b'_' } else { *byte }).collect(),
            [&members("1")[..], b"x"].concat(),
            [&members("2")[..members("2").len() - 1], b", \"key 69999\": 1}"].concat(),
            [b"[", &members("1")[..], b"]"].concat(),
            vec![b'x'; 1 << 20],
            vec![0xff; 1 << 20],
        ];
        let metric = table_of_any("METRIC").unwrap();
        let columns = ["per_label_val", "type", "total_val"].map(|name| metric.column(name));
        for (value, column) in texts.iter().flat_map(|text| {
            let values = [ValueRef::Text(text), ValueRef::Blob(text)];
            values.into_iter().flat_map(|value| columns.into_iter().chain([None]).map(move |column| (value, column)))
        }) {
            assert!(value.is_huge());
            let mut whole = Vec::new();
            encode_value(value, column.map(|column| column.kind), &mut whole);
            let mut row = RowBytes::default();
            let usual = encode_huge(value, column, &mut row);
            assert_eq!(row.hash(), *blake3::hash(&whole).as_bytes(), "{column:?} {}", value.describe());
            assert_eq!(usual, column.is_none_or(|column| is_usual(column, &whole)), "{column:?} {}", value.describe());
        }
    }
}
