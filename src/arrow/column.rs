//! The buffers of one column of a batch.

use super::field::{Field, Kind};
use super::labels::{Labels, Reason, exact};
use crate::values::{ValueRef, parse_timestamp};

/// The most bytes for which a new column has room: one huge value says nothing about the next ones.
const MOST_ROOM: usize = 4 << 20;

/// The values of a column, one after another; those of NULLs count for nothing.
#[derive(Debug)]
pub enum Values {
    None,
    Integers(Vec<i64>),
    Reals(Vec<f64>),
    Bytes(Vec<u8>),
}

/// One column of a batch.
#[derive(Debug)]
pub struct Column {
    pub kind: Kind,
    pub rows: usize,
    pub nulls: usize,
    /// A bit for each row, the lowest first: 1 for a value. Empty while there is no NULL.
    pub validity: Vec<u8>,
    /// Where the bytes or entries of each row begin, and the end of the last.
    pub offsets: Vec<i32>,
    pub values: Values,
    pub children: Vec<Column>,
    /// The last text with a time, and that. The rows of an epoch have the same.
    last_time: (Vec<u8>, i64),
}

impl Column {
    /// An empty column.
    pub fn new(field: &Field) -> Column {
        let (offsets, values) = match field.kind {
            Kind::Null | Kind::Entries => (Vec::new(), Values::None),
            Kind::Integer | Kind::Time | Kind::Milliseconds => (Vec::new(), Values::Integers(Vec::new())),
            Kind::Real => (Vec::new(), Values::Reals(Vec::new())),
            // With room, so that the buffer is somewhere even if it stays empty.
            Kind::Text | Kind::Bytes => (vec![0], Values::Bytes(Vec::with_capacity(1))),
            Kind::Labels => (vec![0], Values::None),
        };
        let children = field.children.iter().map(Column::new).collect();
        Column {
            kind: field.kind,
            rows: 0,
            nulls: 0,
            validity: Vec::new(),
            offsets,
            values,
            children,
            last_time: Default::default(),
        }
    }

    /// An empty column with room for as many values as another has, and for as many bytes unless they are very many.
    pub fn with_room_of(field: &Field, other: &Column) -> Column {
        let mut column = Column::new(field);
        column.validity.reserve_exact(other.validity.len());
        column.offsets.reserve_exact(other.offsets.len().saturating_sub(column.offsets.len()));
        match (&mut column.values, &other.values) {
            (Values::Integers(here), Values::Integers(there)) => here.reserve_exact(there.len()),
            (Values::Reals(here), Values::Reals(there)) => here.reserve_exact(there.len()),
            (Values::Bytes(here), Values::Bytes(there)) => here.reserve_exact(there.len().min(MOST_ROOM)),
            _ => {}
        }
        let children = field.children.iter().zip(&other.children);
        column.children = children.map(|(field, other)| Column::with_room_of(field, other)).collect();
        column
    }

    /// Lets go of what is remembered for further rows.
    pub fn end(&mut self) {
        self.last_time = Default::default();
    }

    /// Adds a value, or NULL; adds nothing and says why if it does not fit.
    pub fn push(&mut self, value: ValueRef<'_>, labels: &mut Labels) -> Result<(), Reason> {
        match (self.kind, value) {
            (_, ValueRef::Null) => self.push_null(),
            (Kind::Null | Kind::Entries, _) => return Err("it is not NULL".to_owned()),
            (Kind::Integer, value) => {
                self.push_integer(value.as_integer().ok_or_else(|| "it is no 64-bit integer".to_owned())?);
            }
            (Kind::Real, value) => self.push_real(real(value)?),
            (Kind::Time, ValueRef::Text(text)) => {
                if self.last_time.0 != text || text.is_empty() {
                    let time = parse_timestamp(text).ok_or_else(|| "it is no timestamp".to_owned())?;
                    self.last_time = (text.to_owned(), time);
                }
                self.push_integer(self.last_time.1);
            }
            (Kind::Time, _) => return Err("it is no text with a timestamp".to_owned()),
            (Kind::Milliseconds, ValueRef::Integer(time)) => {
                let time = time.checked_mul(1000).ok_or_else(|| "its microseconds are beyond 64 bits".to_owned())?;
                self.push_integer(time);
            }
            (Kind::Milliseconds, _) => return Err("it is no integer, of milliseconds".to_owned()),
            (Kind::Text, ValueRef::Text(text)) => match std::str::from_utf8(text) {
                Ok(_) => self.push_bytes(text)?,
                Err(error) => return Err(format!("it is not UTF-8: byte {} is wrong", error.valid_up_to())),
            },
            (Kind::Text, _) => return Err("it is no text".to_owned()),
            (Kind::Bytes, ValueRef::Blob(bytes) | ValueRef::Text(bytes)) => self.push_bytes(bytes)?,
            (Kind::Bytes, _) => return Err("it has no bytes".to_owned()),
            (Kind::Labels, value) => self.push_labels(value, labels)?,
        }
        Ok(())
    }

    /// Adds a NULL.
    pub fn push_null(&mut self) {
        match &mut self.values {
            Values::Integers(values) => values.push(0),
            Values::Reals(values) => values.push(0.0),
            Values::None | Values::Bytes(_) => {}
        }
        if let Some(end) = self.offsets.last().copied() {
            self.offsets.push(end);
        }
        if self.validity.is_empty() && self.kind != Kind::Null {
            // All before have a value.
            self.validity = vec![0xff; self.rows / 8];
            if !self.rows.is_multiple_of(8) {
                self.validity.push((1u8 << (self.rows % 8)) - 1);
            }
        }
        self.add_row(false);
        self.nulls += 1;
    }

    #[inline(always)]
    fn add_row(&mut self, is_value: bool) {
        let (byte, bit) = (self.rows / 8, self.rows % 8);
        // Without a NULL there is no bitmap yet; with one it has a byte for each row before.
        if self.nulls > 0 || !is_value {
            if self.kind != Kind::Null && self.validity.len() <= byte {
                self.validity.push(0);
            }
            if let Some(byte) = self.validity.get_mut(byte).filter(|_| is_value) {
                *byte |= 1 << bit;
            }
        }
        self.rows += 1;
    }

    #[inline(always)]
    fn push_integer(&mut self, value: i64) {
        if let Values::Integers(values) = &mut self.values {
            values.push(value);
        }
        self.add_row(true);
    }

    #[inline(always)]
    fn push_real(&mut self, value: f64) {
        if let Values::Reals(values) = &mut self.values {
            values.push(value);
        }
        self.add_row(true);
    }

    fn push_bytes(&mut self, bytes: &[u8]) -> Result<(), Reason> {
        let Values::Bytes(values) = &mut self.values else { return Ok(()) };
        let end = i32::try_from(values.len() + bytes.len()).map_err(|_| "it has more than 2 GiB".to_owned())?;
        values.extend_from_slice(bytes);
        self.offsets.push(end);
        self.add_row(true);
        Ok(())
    }

    fn push_labels(&mut self, value: ValueRef<'_>, labels: &mut Labels) -> Result<(), Reason> {
        labels.read(value)?;
        let [entries] = self.children.as_mut_slice() else { return Ok(()) };
        let end = i32::try_from(entries.rows + labels.len()).map_err(|_| "it has too many labels".to_owned())?;
        let [keys, values] = entries.children.as_mut_slice() else { return Ok(()) };
        // All of them, or none.
        let bytes = keys.bytes() + labels.iter().map(|(key, _)| key.len()).sum::<usize>();
        i32::try_from(bytes).map_err(|_| "its labels have more than 2 GiB".to_owned())?;
        for (key, value) in labels.iter() {
            keys.push_bytes(key)?;
            values.push_real(value);
        }
        entries.rows += labels.len();
        self.offsets.push(end);
        self.add_row(true);
        Ok(())
    }

    /// About how many bytes it has.
    pub fn bytes(&self) -> usize {
        let values = match &self.values {
            Values::None => 0,
            Values::Integers(values) => values.len() * 8,
            Values::Reals(values) => values.len() * 8,
            Values::Bytes(values) => values.len(),
        };
        values + self.offsets.len() * 4 + self.children.iter().map(Column::bytes).sum::<usize>()
    }
}

/// The double that a number is, unless it is an integer that no double is.
fn real(value: ValueRef<'_>) -> Result<f64, Reason> {
    match value {
        ValueRef::Real(value) => Ok(value),
        ValueRef::Integer(value) => exact(value).ok_or_else(|| "no double is exactly that integer".to_owned()),
        _ => Err("it is no number".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::field::{Field, Kind};
    use super::{Column, Labels, Values};
    use crate::values::ValueRef;

    #[test]
    fn the_bitmap_says_which_rows_have_a_value() {
        for first in 0..20 {
            let mut column = Column::new(&Field::new("x", Kind::Integer));
            let mut labels = Labels::default();
            for row in 0..20 {
                let value = if row == first || row == 17 { ValueRef::Null } else { ValueRef::Integer(row) };
                column.push(value, &mut labels).unwrap();
            }
            assert_eq!(column.validity.len(), 3);
            for row in 0..20usize {
                let is_value = column.validity[row / 8] >> (row % 8) & 1 == 1;
                assert_eq!(is_value, row as i64 != first && row != 17, "{first} {row}");
            }
            let Values::Integers(values) = &column.values else { panic!() };
            assert_eq!((values.len(), column.rows), (20, 20));
            assert_eq!(column.nulls, if first == 17 { 1 } else { 2 });
        }
    }

    #[test]
    fn what_does_not_fit_adds_nothing() {
        let mut labels = Labels::default();
        for (kind, value) in [
            (Kind::Integer, ValueRef::Real(0.5)),
            (Kind::Integer, ValueRef::Text(b"7")),
            (Kind::Real, ValueRef::Integer((1 << 53) + 1)),
            (Kind::Real, ValueRef::Integer(i64::MAX)),
            (Kind::Real, ValueRef::Text(b"0.5")),
            (Kind::Text, ValueRef::Text(b"\xff")),
            (Kind::Text, ValueRef::Blob(b"a")),
            (Kind::Time, ValueRef::Text(b"yesterday")),
            (Kind::Time, ValueRef::Integer(5)),
            (Kind::Milliseconds, ValueRef::Integer(i64::MAX / 1000 + 1)),
            (Kind::Milliseconds, ValueRef::Text(b"5")),
            (Kind::Labels, ValueRef::Text(b"{\"a\": 1, \"a\": 2}")),
            (Kind::Labels, ValueRef::Text(b"{\"a\": 1, \"b\": true}")),
            (Kind::Labels, ValueRef::Text(b"[1]")),
        ] {
            let mut column = Column::new(&Field::new("x", kind));
            assert!(column.push(value, &mut labels).is_err(), "{kind:?} {value:?}");
            assert_eq!((column.rows, column.nulls, column.bytes() <= 8), (0, 0, true), "{kind:?}");
        }
    }
}
