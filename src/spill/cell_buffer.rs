//! Values stored one after another in one piece of memory, so that a row needs no allocation; but for huge ones that are handed over.

use crate::values::{Value, ValueRef};

#[derive(Clone, Copy, Debug)]
enum Cell {
    Null,
    Integer(i64),
    Real(f64),
    Text(usize, usize),
    Blob(usize, usize),
    /// By its place among the huge ones, and whether it is text.
    #[cfg_attr(not(feature = "mysql"), allow(dead_code, reason = "only the driver of MySQL hands its values over"))]
    Huge(usize, bool),
}

/// Values in the order in which they were added.
#[derive(Debug, Default)]
pub struct CellBuffer {
    cells: Vec<Cell>,
    bytes: Vec<u8>,
    /// Not copied.
    huge: Vec<Vec<u8>>,
}

impl CellBuffer {
    /// Adds a value.
    pub fn push(&mut self, value: ValueRef<'_>) {
        let cell = match value {
            ValueRef::Null => Cell::Null,
            ValueRef::Integer(value) => Cell::Integer(value),
            ValueRef::Real(value) => Cell::Real(value),
            ValueRef::Text(text) => Cell::Text(self.keep(text), text.len()),
            ValueRef::Blob(blob) => Cell::Blob(self.keep(blob), blob.len()),
        };
        self.cells.push(cell);
    }

    /// Adds a text, or a blob, that nobody else needs any more.
    #[cfg_attr(not(feature = "mysql"), allow(dead_code, reason = "only the driver of MySQL hands its values over"))]
    pub fn push_owned(&mut self, bytes: Vec<u8>, is_text: bool) {
        let value = if is_text { ValueRef::Text(&bytes) } else { ValueRef::Blob(&bytes) };
        if !value.is_huge() {
            return self.push(value);
        }
        self.cells.push(Cell::Huge(self.huge.len(), is_text));
        self.huge.push(bytes);
    }

    fn keep(&mut self, bytes: &[u8]) -> usize {
        let at = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        at
    }

    /// Adds a text that `write` appends to the buffer.
    pub fn push_text<E>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<(), E> {
        let at = self.bytes.len();
        write(&mut self.bytes)?;
        self.cells.push(Cell::Text(at, self.bytes.len() - at));
        Ok(())
    }

    fn value(&self, cell: Cell) -> ValueRef<'_> {
        match cell {
            Cell::Null => ValueRef::Null,
            Cell::Integer(value) => ValueRef::Integer(value),
            Cell::Real(value) => ValueRef::Real(value),
            Cell::Text(at, len) => ValueRef::Text(self.bytes.get(at..at + len).unwrap_or_default()),
            Cell::Blob(at, len) => ValueRef::Blob(self.bytes.get(at..at + len).unwrap_or_default()),
            Cell::Huge(at, true) => ValueRef::Text(self.huge.get(at).map_or(&[], Vec::as_slice)),
            Cell::Huge(at, false) => ValueRef::Blob(self.huge.get(at).map_or(&[], Vec::as_slice)),
        }
    }

    /// The value at this place; NULL where there is none.
    pub fn get(&self, at: usize) -> ValueRef<'_> {
        self.cells.get(at).map_or(ValueRef::Null, |cell| self.value(*cell))
    }

    /// Every value.
    pub fn iter(&self) -> impl Iterator<Item = ValueRef<'_>> {
        self.cells.iter().map(|cell| self.value(*cell))
    }

    /// Every value, owned: huge ones that were handed over are not copied.
    #[cfg_attr(not(feature = "servers"), allow(dead_code, reason = "only servers hand rows over"))]
    pub fn into_values(mut self) -> Vec<Value> {
        let cells = std::mem::take(&mut self.cells);
        let mut take = |at: usize| self.huge.get_mut(at).map(std::mem::take).unwrap_or_default();
        let mut huge = |cell: &Cell| match cell {
            Cell::Huge(at, true) => Some(Value::Text(take(*at))),
            Cell::Huge(at, false) => Some(Value::Blob(take(*at))),
            _ => None,
        };
        let taken: Vec<Option<Value>> = cells.iter().map(&mut huge).collect();
        taken.into_iter().zip(cells).map(|(taken, cell)| taken.unwrap_or_else(|| self.value(cell).to_owned())).collect()
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// How many bytes their texts and blobs have.
    pub fn byte_len(&self) -> usize {
        self.bytes.len() + self.huge.iter().map(Vec::len).sum::<usize>()
    }

    /// Forgets every value. Keeps the memory, but for what exceeds `most` bytes of texts and blobs.
    pub fn clear(&mut self, most: usize) {
        self.cells.clear();
        self.bytes.clear();
        self.huge.clear();
        self.bytes.shrink_to(most);
    }
}

#[cfg(test)]
mod tests {
    use super::CellBuffer;
    use crate::values::ValueRef;

    #[test]
    fn values_come_back_in_order_until_they_are_forgotten() {
        let mut cells = CellBuffer::default();
        let values = [
            ValueRef::Null,
            ValueRef::Text(b"a"),
            ValueRef::Blob(b""),
            ValueRef::Integer(-1),
            ValueRef::Text(b"bc\xff"),
            ValueRef::Real(0.5),
        ];
        values.iter().for_each(|value| cells.push(*value));
        let write = |out: &mut Vec<u8>| {
            out.extend_from_slice(b"written");
            Ok::<(), ()>(())
        };
        cells.push_text(write).unwrap();
        assert_eq!(cells.iter().take(6).collect::<Vec<_>>(), values);
        assert_eq!((cells.get(6), cells.get(7)), (ValueRef::Text(b"written"), ValueRef::Null));
        assert_eq!((cells.len(), cells.byte_len()), (7, 11));
        let huge = vec![b'x'; 1 << 20];
        for is_text in [true, false] {
            cells.push_owned(huge.clone(), is_text);
            cells.push_owned(b"small".to_vec(), is_text);
        }
        let wanted = [ValueRef::Text(&huge), ValueRef::Text(b"small"), ValueRef::Blob(&huge), ValueRef::Blob(b"small")];
        assert_eq!(cells.iter().skip(7).collect::<Vec<_>>(), wanted);
        assert_eq!((cells.len(), cells.byte_len()), (11, 21 + 2 * huge.len()));
        let owned: Vec<_> = cells.iter().map(ValueRef::to_owned).collect();
        let mut same = CellBuffer::default();
        cells.iter().for_each(|value| match value {
            ValueRef::Text(bytes) if bytes.len() > 1000 => same.push_owned(bytes.to_vec(), true),
            value => same.push(value),
        });
        assert_eq!(same.into_values(), owned);
        cells.clear(4);
        assert!(cells.len() == 0 && cells.byte_len() == 0 && cells.bytes.capacity() <= 4);
    }
}
