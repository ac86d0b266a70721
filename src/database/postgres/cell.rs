//! Converts the server's values to values of the library.

use std::collections::HashMap;

use postgres_protocol::Oid;

use crate::database::server::any_cell;
use crate::database::server::decimals::read_decimal;
use crate::error::{Domain, Error, Result};
use crate::schema::{Column, Kind, own_table};
use crate::spill::CellBuffer;
use crate::values::ValueRef;

/// The types with forms of their own, by their numbers, which every server has.
pub mod types {
    use postgres_protocol::Oid;

    pub const BOOL: Oid = 16;
    pub const BYTEA: Oid = 17;
    pub const INT8: Oid = 20;
    pub const INT2: Oid = 21;
    pub const INT4: Oid = 23;
    pub const OID: Oid = 26;
    pub const FLOAT4: Oid = 700;
    pub const FLOAT8: Oid = 701;
    pub const TIMESTAMP: Oid = 1114;
    pub const TIMESTAMPTZ: Oid = 1184;
    pub const NUMERIC: Oid = 1700;
}

/// A column of a table that the schema knows: where it is, by the numbers that the server has for the table and the column.
pub type Known = HashMap<(Oid, i16), (&'static str, &'static Column)>;

/// How the values of one column are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    Bool,
    Int2,
    Int4,
    Int8,
    Oid,
    Float4,
    Float8,
    Bytes,
    /// Bytes are a cell of any type.
    Cell,
    DateTime,
    /// Digits that are an integer if they can be, else text.
    Decimal,
    /// Digits that are a real number if that has the same, else as `Decimal`.
    Number,
    /// In the server's own words.
    Text,
}

impl Reading {
    fn of(type_oid: Oid, known: Option<&(&'static str, &'static Column)>) -> Reading {
        match type_oid {
            types::BOOL => Reading::Bool,
            types::INT2 => Reading::Int2,
            types::INT4 => Reading::Int4,
            types::INT8 => Reading::Int8,
            types::OID => Reading::Oid,
            types::FLOAT4 => Reading::Float4,
            types::FLOAT8 => Reading::Float8,
            types::BYTEA => match known {
                Some((table, column)) if column.kind == Kind::Cell && own_table(table).is_some() => Reading::Cell,
                _ => Reading::Bytes,
            },
            types::TIMESTAMP | types::TIMESTAMPTZ => Reading::DateTime,
            types::NUMERIC if known.is_some_and(|(_, column)| column.kind == Kind::Real) => Reading::Number,
            types::NUMERIC => Reading::Decimal,
            _ => Reading::Text,
        }
    }

    /// The format that is asked for: 1 for the server's bytes, 0 for text.
    fn format(self) -> i16 {
        match self {
            Reading::DateTime | Reading::Decimal | Reading::Number | Reading::Text => 0,
            _ => 1,
        }
    }
}

/// A column of a result set.
struct Read {
    reading: Reading,
    name: String,
}

/// How the columns of a result set are read.
#[derive(Default)]
pub struct Columns(Vec<Read>);

impl Columns {
    /// Adds one: its name, its type, and the table and column that it comes from, if any.
    pub fn push(&mut self, name: &str, type_oid: Oid, from: (Oid, i16), known: &Known) {
        let reading = Reading::of(type_oid, known.get(&from));
        self.0.push(Read { reading, name: name.to_owned() });
    }

    /// The names.
    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(|column| column.name.clone()).collect()
    }

    /// The formats in which the values are asked for.
    pub fn formats(&self) -> impl Iterator<Item = i16> {
        self.0.iter().map(|column| column.reading.format())
    }

    /// Adds the value of the column at this place.
    pub fn read(&self, at: usize, bytes: Option<&[u8]>, cells: &mut CellBuffer) -> Result<()> {
        let column = self.0.get(at).ok_or_else(|| Error::internal(Domain::Database, "a cell without a column"))?;
        let Some(bytes) = bytes else {
            cells.push(ValueRef::Null);
            return Ok(());
        };
        column.read(bytes, cells)
    }
}

impl Read {
    fn read(&self, bytes: &[u8], cells: &mut CellBuffer) -> Result<()> {
        let short = || Error::internal(Domain::Database, format!("a value of the column {} is too short", self.name));
        let value = match self.reading {
            Reading::Text => ValueRef::Text(bytes),
            Reading::Int8 => ValueRef::Integer(i64::from_be_bytes(*bytes.first_chunk().ok_or_else(short)?)),
            Reading::Int4 => ValueRef::Integer(i64::from(i32::from_be_bytes(*bytes.first_chunk().ok_or_else(short)?))),
            Reading::Int2 => ValueRef::Integer(i64::from(i16::from_be_bytes(*bytes.first_chunk().ok_or_else(short)?))),
            Reading::Oid => ValueRef::Integer(i64::from(u32::from_be_bytes(*bytes.first_chunk().ok_or_else(short)?))),
            Reading::Float8 => ValueRef::Real(f64::from_be_bytes(*bytes.first_chunk().ok_or_else(short)?)),
            Reading::Float4 => ValueRef::Real(f64::from(f32::from_be_bytes(*bytes.first_chunk().ok_or_else(short)?))),
            Reading::Bool => ValueRef::Integer(i64::from(bytes.first() == Some(&1))),
            Reading::Bytes => ValueRef::Blob(bytes),
            Reading::Cell => any_cell::decode(bytes, &self.name)?,
            Reading::Decimal => read_decimal(false, bytes),
            Reading::Number => read_decimal(true, bytes),
            Reading::DateTime => {
                return cells.push_text(|out| {
                    date_time(bytes, out);
                    Ok(())
                });
            }
        };
        cells.push(value);
        Ok(())
    }
}

/// As `format_timestamp` writes it: with a T, and a fraction of six digits or none. Moments beyond the years that it knows, and infinity, are in
/// the server's own words. Sessions are at UTC: a zone that is shown is that.
fn date_time(bytes: &[u8], out: &mut Vec<u8>) {
    let plain = bytes.strip_suffix(b"+00").unwrap_or(bytes);
    let (Some(date), Some(b' '), Some(clock), Some(rest)) =
        (plain.get(..10), plain.get(10), plain.get(11..19), plain.get(19..))
    else {
        out.extend_from_slice(bytes);
        return;
    };
    let fraction = match rest {
        [] => Some(rest),
        [b'.', digits @ ..] if digits.len() <= 6 && digits.iter().all(u8::is_ascii_digit) => Some(digits),
        _ => None,
    };
    let Some(fraction) = fraction.filter(|_| date.get(4) == Some(&b'-')) else {
        out.extend_from_slice(bytes);
        return;
    };
    out.extend_from_slice(date);
    out.push(b'T');
    out.extend_from_slice(clock);
    if !fraction.is_empty() {
        out.push(b'.');
        out.extend_from_slice(fraction);
        out.extend(std::iter::repeat_n(b'0', 6 - fraction.len()));
    }
}

#[cfg(test)]
mod tests {
    use super::date_time;

    #[test]
    fn times_are_read_in_one_form_and_odd_ones_in_the_words_of_the_server() {
        for (shown, read) in [
            ("2023-12-01 10:00:00", "2023-12-01T10:00:00"),
            ("2023-12-01 10:00:00.5", "2023-12-01T10:00:00.500000"),
            ("2023-12-01 10:00:00.000001+00", "2023-12-01T10:00:00.000001"),
            ("0001-01-01 00:00:00", "0001-01-01T00:00:00"),
            ("0044-03-15 12:00:00 BC", "0044-03-15 12:00:00 BC"),
            ("10000-01-01 00:00:00", "10000-01-01 00:00:00"),
            ("infinity", "infinity"),
            ("-infinity", "-infinity"),
        ] {
            let mut out = Vec::new();
            date_time(shown.as_bytes(), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), read);
        }
    }
}
