//! Converts the server's values to values of the library.

use mysql::consts::ColumnType as Wire;
use mysql::{Column, Row, Value as Sent};

use crate::database::server::any_cell;
use crate::database::server::decimals::read_decimal;
use crate::error::{Domain, Error, Result, Status};
use crate::schema::{Kind, Role, table_of_any};
use crate::spill::CellBuffer;
use crate::values::{Value, ValueRef};

/// The character set of what is no text.
const BINARY: u16 = 63;

/// How the values of one column are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// As they come; bytes are a blob.
    Plain,
    /// Bytes are text.
    Text,
    /// Digits that are an integer if they can be, else text.
    Decimal,
    /// Digits that are a real number if that has the same, else as `Decimal`.
    Number,
    /// Bytes are a number.
    Bits,
    Date,
    DateTime,
    Time,
    /// Bytes are a cell of any type.
    Cell,
}

/// A column of a result set.
struct Read {
    reading: Reading,
    name: String,
    /// The table that it comes from, if it comes from one of experiments'.
    table: Option<&'static str>,
    /// What is beyond 63 bits is text: so nothing of a content is lost, but no key and no count is such a number.
    is_content: bool,
}

/// How the columns of a result set are read.
pub struct Columns(Vec<Read>);

impl Columns {
    pub fn of(columns: &[Column]) -> Columns {
        Columns(columns.iter().map(Read::of).collect())
    }

    /// The names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|column| column.name.as_str())
    }

    /// Adds the cells of a row.
    pub fn push(&self, row: Row, cells: &mut CellBuffer) -> Result<()> {
        row.unwrap().into_iter().zip(&self.0).try_for_each(|(value, column)| column.push(value, cells))
    }
}

impl Read {
    fn of(column: &Column) -> Read {
        // The server tells them by their own names, whatever the statement calls them.
        let table = table_of_any(&column.org_table_str());
        let known = table.and_then(|table| table.column(&column.org_name_str()));
        let reading = match column.column_type() {
            _ if any_cell::is_in(&column.org_table_str(), &column.org_name_str()) => Reading::Cell,
            Wire::MYSQL_TYPE_NEWDECIMAL | Wire::MYSQL_TYPE_DECIMAL => {
                let is_real = known.is_some_and(|known| known.kind == Kind::Real);
                if is_real { Reading::Number } else { Reading::Decimal }
            }
            Wire::MYSQL_TYPE_BIT => Reading::Bits,
            Wire::MYSQL_TYPE_DATE | Wire::MYSQL_TYPE_NEWDATE => Reading::Date,
            Wire::MYSQL_TYPE_DATETIME
            | Wire::MYSQL_TYPE_DATETIME2
            | Wire::MYSQL_TYPE_TIMESTAMP
            | Wire::MYSQL_TYPE_TIMESTAMP2 => Reading::DateTime,
            Wire::MYSQL_TYPE_TIME | Wire::MYSQL_TYPE_TIME2 => Reading::Time,
            // Its character set is said to be binary.
            Wire::MYSQL_TYPE_JSON => Reading::Text,
            Wire::MYSQL_TYPE_GEOMETRY => Reading::Plain,
            _ if column.character_set() != BINARY => Reading::Text,
            _ => Reading::Plain,
        };
        Read {
            reading,
            name: column.name_str().into_owned(),
            table: table.map(|table| table.name),
            is_content: table.is_some() && known.is_none_or(|known| known.role == Role::Content),
        }
    }

    fn push(&self, value: Sent, cells: &mut CellBuffer) -> Result<()> {
        let reading = self.reading;
        match (value, reading) {
            (Sent::NULL, _) => cells.push(ValueRef::Null),
            (Sent::Int(number), _) => cells.push(ValueRef::Integer(number)),
            (Sent::UInt(number), _) => self.push_unsigned(number, cells)?,
            (Sent::Float(number), _) => cells.push(ValueRef::Real(f64::from(number))),
            (Sent::Double(number), _) => cells.push(ValueRef::Real(number)),
            (Sent::Bytes(mut bytes), Reading::Cell) => match any_cell::decode(&bytes, &self.name)? {
                value if value.is_huge() => {
                    // The letter goes, and what is left is not copied.
                    let is_text = matches!(value, ValueRef::Text(_));
                    bytes.remove(0);
                    cells.push_owned(bytes, is_text);
                }
                value => cells.push(value),
            },
            (Sent::Bytes(bytes), Reading::Text) => cells.push_owned(bytes, true),
            (Sent::Bytes(bytes), Reading::Decimal) => cells.push(read_decimal(false, &bytes)),
            (Sent::Bytes(bytes), Reading::Number) => cells.push(read_decimal(true, &bytes)),
            (Sent::Bytes(bytes), Reading::Bits) => {
                let number = bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
                self.push_unsigned(number, cells)?;
            }
            (Sent::Bytes(bytes), _) => cells.push_owned(bytes, false),
            (Sent::Date(year, month, day, hour, minute, second, micros), _) => {
                let date = (year, month, day);
                let time = (reading != Reading::Date).then_some((hour, minute, second, micros));
                cells.push_text(|out| {
                    date_text(date, time, out);
                    Ok::<(), Error>(())
                })?;
            }
            (Sent::Time(negative, days, hours, minutes, seconds, micros), _) => {
                let sign = if negative { "-" } else { "" };
                let hours = days.saturating_mul(24).saturating_add(u32::from(hours));
                let mut text = format!("{sign}{hours:02}:{minutes:02}:{seconds:02}");
                if micros != 0 {
                    text.push_str(&format!(".{micros:06}"));
                }
                cells.push(ValueRef::Text(text.as_bytes()));
            }
        }
        Ok(())
    }

    fn push_unsigned(&self, number: u64, cells: &mut CellBuffer) -> Result<()> {
        match i64::try_from(number) {
            Ok(number) => cells.push(ValueRef::Integer(number)),
            Err(_) if self.is_content => cells.push(ValueRef::Text(number.to_string().as_bytes())),
            Err(_) => {
                let message = format!("{number} in the column {} has more than 63 bits", self.name);
                let error = Error::new(Status::Limit, Domain::Database, message)
                    .detail("column", &self.name)
                    .detail("value", number)
                    .hint("expmig holds keys and counts as integers of 64 bits with a sign; change the value");
                return Err(self.table.into_iter().fold(error, |error, table| error.detail("table", table)));
            }
        }
        Ok(())
    }
}

/// A value on its way to the server.
pub fn wire(value: ValueRef<'_>) -> Sent {
    match value {
        ValueRef::Null => Sent::NULL,
        ValueRef::Integer(number) => Sent::Int(number),
        ValueRef::Real(number) => Sent::Double(number),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Sent::Bytes(bytes.to_vec()),
    }
}

/// As [`wire`], of a value that is not needed any more.
pub fn wire_owned(value: Value) -> Sent {
    match value {
        Value::Text(bytes) | Value::Blob(bytes) => Sent::Bytes(bytes),
        other => wire(other.borrow()),
    }
}

/// As `format_timestamp` writes it; dates that are none, such as `0000-00-00`, by their digits. A good part of all values are times,
/// so the digits are written by hand.
fn date_text((year, month, day): (u16, u8, u8), time: Option<(u8, u8, u8, u32)>, out: &mut Vec<u8>) {
    digits(u32::from(year), 4, out);
    for (before, part) in [(b'-', month), (b'-', day)] {
        out.push(before);
        digits(u32::from(part), 2, out);
    }
    let Some((hour, minute, second, micros)) = time else { return };
    for (before, part) in [(b'T', hour), (b':', minute), (b':', second)] {
        out.push(before);
        digits(u32::from(part), 2, out);
    }
    if micros != 0 {
        out.push(b'.');
        digits(micros, 6, out);
    }
}

/// The last digits of a number, at least so many.
fn digits(number: u32, width: u32, out: &mut Vec<u8>) {
    if number >= 10_u32.pow(width) {
        digits(number / 10_u32.pow(width), 1, out);
    }
    for place in (0..width).rev() {
        // One digit.
        out.push(b'0' + (number / 10_u32.pow(place) % 10) as u8);
    }
}

#[cfg(test)]
mod tests {
    use mysql::Value;

    use super::{Read, Reading};
    use crate::spill::CellBuffer;
    use crate::values::ValueRef;

    fn column(reading: Reading, is_content: bool) -> Read {
        Read { reading, name: "c".to_owned(), table: Some("METRIC"), is_content }
    }

    fn read(value: Value, reading: Reading) -> crate::values::Value {
        let mut cells = CellBuffer::default();
        column(reading, true).push(value, &mut cells).unwrap();
        cells.get(0).to_owned()
    }

    #[test]
    fn values_are_read_exactly_or_refused() {
        let text = |text: &str| ValueRef::Text(text.as_bytes()).to_owned();
        assert_eq!(read(Value::Date(2023, 12, 1, 10, 0, 0, 0), Reading::DateTime), text("2023-12-01T10:00:00"));
        assert_eq!(read(Value::Date(2023, 12, 1, 0, 0, 0, 7), Reading::DateTime), text("2023-12-01T00:00:00.000007"));
        assert_eq!(read(Value::Date(0, 0, 0, 0, 0, 0, 0), Reading::DateTime), text("0000-00-00T00:00:00"));
        assert_eq!(read(Value::Date(2023, 12, 1, 0, 0, 0, 0), Reading::Date), text("2023-12-01"));
        assert_eq!(read(Value::Time(true, 1, 2, 3, 4, 5), Reading::Time), text("-26:03:04.000005"));
        assert_eq!(read(Value::Float(0.1), Reading::Plain), ValueRef::Real(0.100_000_001_490_116_12).to_owned());
        assert_eq!(read(Value::Bytes(b"12".to_vec()), Reading::Decimal), ValueRef::Integer(12).to_owned());
        assert_eq!(read(Value::Bytes(b"1.50".to_vec()), Reading::Decimal), text("1.50"));
        assert_eq!(read(Value::Bytes(vec![1, 2]), Reading::Bits), ValueRef::Integer(258).to_owned());
        assert_eq!(read(Value::Bytes(vec![0xff]), Reading::Plain), ValueRef::Blob(&[0xff]).to_owned());
        assert_eq!(read(Value::Bytes(b"1.50".to_vec()), Reading::Number), ValueRef::Real(1.5).to_owned());
        let large = "123456789012345678.25";
        assert_eq!(read(Value::Bytes(large.into()), Reading::Number), text(large));
        assert_eq!(read(Value::UInt(u64::MAX), Reading::Plain), text("18446744073709551615"));
        assert_eq!(read(Value::Bytes(vec![0xff; 8]), Reading::Bits), text("18446744073709551615"));
        let key = column(Reading::Plain, false).push(Value::UInt(1 << 63), &mut CellBuffer::default());
        assert!(key.unwrap_err().details().iter().any(|detail| detail.key == "table" && detail.value == "METRIC"));
    }
}
