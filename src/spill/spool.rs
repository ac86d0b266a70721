//! Stores rows while their connection does something else: the first ones in memory, the others on disk.

use super::cell_buffer::CellBuffer;
use super::temporary::Pieces;
use crate::error::{Domain, Error, Result};
use crate::values::ValueRef;

/// What is kept in memory, and how much is read back from disk at once.
const PIECE: usize = 1 << 18;

/// A queue of rows.
#[derive(Default)]
pub struct Spool {
    /// Rows that come next, as bytes, and how many of these were read.
    front: Vec<u8>,
    read: usize,
    /// Rows that were added last.
    back: Vec<u8>,
    /// What is between the two.
    disk: Option<Pieces>,
}

impl Spool {
    /// Adds a row.
    pub fn push(&mut self, cells: &CellBuffer) -> Result<()> {
        self.push_each(cells.len(), cells.iter())
    }

    /// Adds a row of these values.
    pub fn push_values(&mut self, values: &[ValueRef<'_>]) -> Result<()> {
        self.push_each(values.len(), values.iter().copied())
    }

    fn push_each<'v>(&mut self, count: usize, values: impl Iterator<Item = ValueRef<'v>>) -> Result<()> {
        self.back.extend_from_slice(&(count as u32).to_le_bytes());
        for value in values {
            encode(value, &mut self.back);
        }
        if self.back.len() < PIECE {
            return Ok(());
        }
        if self.front.is_empty() && self.disk.is_none() {
            self.front = std::mem::take(&mut self.back);
            return Ok(());
        }
        let disk = match &mut self.disk {
            Some(open) => open,
            None => self.disk.insert(Pieces::new()?),
        };
        disk.push(&self.back)?;
        self.back.clear();
        Ok(())
    }

    /// Takes the next row, if there is one.
    pub fn pop(&mut self, cells: &mut CellBuffer) -> Result<bool> {
        if self.read >= self.front.len() && !self.refill()? {
            return Ok(false);
        }
        let mut rest = self.front.get(self.read..).unwrap_or_default();
        decode_row(&mut rest, cells).ok_or_else(|| Error::internal(Domain::Database, "a row was put aside badly"))?;
        self.read = self.front.len() - rest.len();
        if self.read >= self.front.len() {
            // A huge value is not kept twice.
            self.front = Vec::new();
            self.read = 0;
        }
        Ok(true)
    }

    fn refill(&mut self) -> Result<bool> {
        self.read = 0;
        self.front = match self.disk.as_mut().map_or(Ok(None), Pieces::pop)? {
            Some(piece) => piece,
            None => {
                self.disk = None;
                std::mem::take(&mut self.back)
            }
        };
        Ok(!self.front.is_empty())
    }
}

fn encode(value: ValueRef<'_>, out: &mut Vec<u8>) {
    let mut bytes = |tag, bytes: &[u8]| {
        out.push(tag);
        out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        out.extend_from_slice(bytes);
    };
    match value {
        ValueRef::Null => out.push(0),
        ValueRef::Text(text) => bytes(3, text),
        ValueRef::Blob(blob) => bytes(4, blob),
        ValueRef::Integer(number) => {
            out.push(1);
            out.extend_from_slice(&number.to_le_bytes());
        }
        ValueRef::Real(number) => {
            out.push(2);
            out.extend_from_slice(&number.to_le_bytes());
        }
    }
}

fn decode_row(rest: &mut &[u8], cells: &mut CellBuffer) -> Option<()> {
    let (count, after) = rest.split_first_chunk::<4>()?;
    *rest = after;
    for _ in 0..u32::from_le_bytes(*count) {
        let (tag, after) = rest.split_first()?;
        *rest = after;
        if *tag == 0 {
            cells.push(ValueRef::Null);
            continue;
        }
        let (word, after) = rest.split_first_chunk::<8>()?;
        *rest = after;
        match tag {
            1 => cells.push(ValueRef::Integer(i64::from_le_bytes(*word))),
            2 => cells.push(ValueRef::Real(f64::from_le_bytes(*word))),
            tag => {
                let length = usize::try_from(u64::from_le_bytes(*word)).ok()?;
                let (bytes, after) = rest.split_at_checked(length)?;
                *rest = after;
                cells.push(if *tag == 3 { ValueRef::Text(bytes) } else { ValueRef::Blob(bytes) });
            }
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::{CellBuffer, PIECE, Spool};
    use crate::values::ValueRef;

    #[test]
    fn rows_come_back_in_order_from_memory_and_from_disk() {
        let long = vec![b'x'; PIECE / 3];
        for count in [0, 1, 5, 40] {
            let mut spool = Spool::default();
            let mut cells = CellBuffer::default();
            for row in 0..count {
                cells.clear(0);
                for value in [
                    ValueRef::Integer(row),
                    ValueRef::Null,
                    ValueRef::Text(&long),
                    ValueRef::Blob(b"\0"),
                    ValueRef::Real(0.5),
                ] {
                    cells.push(value);
                }
                spool.push(&cells).unwrap();
            }
            assert_eq!(spool.disk.is_some(), count == 40);
            for row in 0..count {
                cells.clear(0);
                assert!(spool.pop(&mut cells).unwrap());
                assert_eq!((cells.get(0), cells.get(3)), (ValueRef::Integer(row), ValueRef::Blob(b"\0")));
                assert_eq!((cells.len(), cells.get(2)), (5, ValueRef::Text(&long)));
            }
            assert!(!spool.pop(&mut cells).unwrap());
        }
    }
}
