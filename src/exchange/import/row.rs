//! One row while its object is being read.

use crate::spill::CellBuffer;
use crate::values::ValueRef;

/// A huge value must not keep its memory for the rest of the document.
pub const KEPT_BYTES: usize = 1 << 16;

/// Values by column; a column without one is NULL. Keeps its memory from row to row.
#[derive(Debug, Default)]
pub struct Row {
    values: CellBuffer,
    /// For each column, one more than the place of its value; 0 for none.
    places: Vec<u32>,
}

impl Row {
    /// Forgets every value.
    pub fn clear(&mut self) {
        self.values.clear(KEPT_BYTES);
        self.places.clear();
    }

    /// Adds a value, and says with [`Row::set`] which column it is of.
    pub fn values(&mut self) -> &mut CellBuffer {
        &mut self.values
    }

    /// The last value is that of this column.
    pub fn set(&mut self, column: usize) {
        if self.places.len() <= column {
            self.places.resize(column + 1, 0);
        }
        if let Some(place) = self.places.get_mut(column) {
            // As many values as a row can have columns.
            *place = u32::try_from(self.values.len()).unwrap_or(u32::MAX);
        }
    }

    /// Gives a column a value.
    pub fn put(&mut self, column: usize, value: ValueRef<'_>) {
        self.values.push(value);
        self.set(column);
    }

    /// The value of a column.
    pub fn get(&self, column: usize) -> ValueRef<'_> {
        match self.places.get(column) {
            Some(place @ 1..) => self.values.get(*place as usize - 1),
            _ => ValueRef::Null,
        }
    }

    /// How many columns there are, up to the last that was given a value.
    pub fn width(&self) -> usize {
        self.places.len()
    }

    /// The values of all columns up to the last that was given one.
    pub fn iter(&self) -> impl Iterator<Item = ValueRef<'_>> + Clone {
        (0..self.width()).map(|column| self.get(column))
    }
}

#[cfg(test)]
mod tests {
    use super::Row;
    use crate::values::ValueRef;

    #[test]
    fn values_are_found_by_column_whatever_their_order() {
        let mut row = Row::default();
        row.put(3, ValueRef::Text(b"three"));
        row.put(0, ValueRef::Integer(0));
        row.put(0, ValueRef::Integer(7));
        assert_eq!(
            row.iter().collect::<Vec<_>>(),
            [ValueRef::Integer(7), ValueRef::Null, ValueRef::Null, ValueRef::Text(b"three")]
        );
        assert_eq!((row.get(9), row.width()), (ValueRef::Null, 4));
        row.clear();
        assert_eq!((row.get(3), row.width()), (ValueRef::Null, 0));
    }
}
