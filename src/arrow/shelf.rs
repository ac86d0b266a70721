//! Batches that wait to be taken: the first ones in memory, the others on disk.

use std::collections::VecDeque;

use super::builder::Batch;
use super::column::{Column, Values};
use super::field::Field;
use crate::error::{Domain, Error, Result};
use crate::spill::{CellBuffer, Spool};
use crate::values::ValueRef;

/// What of batches is kept in memory.
const KEPT: usize = 2 << 20;
/// Bytes of a buffer that are put aside at once; a multiple of a number's.
const PIECE: usize = 1 << 17;

/// A queue of batches.
#[derive(Default)]
pub struct Shelf {
    front: VecDeque<Batch>,
    kept: usize,
    disk: Spool,
    /// Batches on disk.
    further: usize,
}

impl Shelf {
    /// Adds a batch.
    pub fn push(&mut self, batch: Batch) -> Result<()> {
        self.kept += batch.columns.iter().map(Column::bytes).sum::<usize>();
        if self.further == 0 && self.kept <= KEPT {
            self.front.push_back(batch);
            return Ok(());
        }
        self.numbers(&[batch.rows])?;
        // Each column is let go of as soon as it is on disk.
        for column in batch.columns {
            self.put(&column)?;
        }
        self.further += 1;
        Ok(())
    }

    /// Takes the next batch, of these columns.
    pub fn pop(&mut self, fields: &[Field]) -> Result<Option<Batch>> {
        if let Some(batch) = self.front.pop_front() {
            return Ok(Some(batch));
        }
        let Some(further) = self.further.checked_sub(1) else { return Ok(None) };
        self.further = further;
        let mut cells = CellBuffer::default();
        let [rows] = self.take(&mut cells)?;
        let columns = fields.iter().map(|field| self.get(field, &mut cells)).collect::<Result<_>>()?;
        Ok(Some(Batch { rows, columns }))
    }

    fn put(&mut self, column: &Column) -> Result<()> {
        let (validity, offsets) = (column.validity.len(), column.offsets.len());
        let values = match &column.values {
            Values::None => 0,
            Values::Integers(values) => values.len(),
            Values::Reals(values) => values.len(),
            Values::Bytes(values) => values.len(),
        };
        self.numbers(&[column.rows, column.nulls, validity, offsets, values])?;
        let disk = &mut self.disk;
        put_bytes(disk, &column.validity)?;
        put_numbers(disk, &column.offsets, |value| value.to_le_bytes())?;
        match &column.values {
            Values::None => {}
            Values::Integers(values) => put_numbers(disk, values, |value| value.to_le_bytes())?,
            Values::Reals(values) => put_numbers(disk, values, |value| value.to_le_bytes())?,
            Values::Bytes(values) => put_bytes(disk, values)?,
        }
        column.children.iter().try_for_each(|child| self.put(child))
    }

    fn get(&mut self, field: &Field, cells: &mut CellBuffer) -> Result<Column> {
        let [rows, nulls, validity, offsets, values] = self.take(cells)?;
        let mut column = Column::new(field);
        (column.rows, column.nulls) = (rows, nulls);
        column.validity = Vec::with_capacity(validity);
        self.bytes(validity, cells, &mut |bytes| column.validity.extend_from_slice(bytes))?;
        column.offsets = Vec::with_capacity(offsets);
        self.bytes(offsets * 4, cells, &mut |bytes| {
            column.offsets.extend(bytes.as_chunks().0.iter().map(|bytes| i32::from_le_bytes(*bytes)));
        })?;
        match &mut column.values {
            Values::None => {}
            Values::Integers(all) => {
                all.reserve_exact(values);
                self.bytes(values * 8, cells, &mut |bytes| {
                    all.extend(bytes.as_chunks().0.iter().map(|bytes| i64::from_le_bytes(*bytes)));
                })?;
            }
            Values::Reals(all) => {
                all.reserve_exact(values);
                self.bytes(values * 8, cells, &mut |bytes| {
                    all.extend(bytes.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes)));
                })?;
            }
            Values::Bytes(all) => {
                all.reserve_exact(values);
                self.bytes(values, cells, &mut |bytes| all.extend_from_slice(bytes))?;
            }
        }
        column.children = field.children.iter().map(|child| self.get(child, cells)).collect::<Result<_>>()?;
        Ok(column)
    }

    fn numbers(&mut self, numbers: &[usize]) -> Result<()> {
        let cells: Vec<ValueRef<'_>> = numbers.iter().map(|number| ValueRef::Integer(*number as i64)).collect();
        self.disk.push_values(&cells)
    }

    /// The numbers that were put aside next.
    fn take<const N: usize>(&mut self, cells: &mut CellBuffer) -> Result<[usize; N]> {
        let mut numbers = [0; N];
        self.next(cells)?;
        for (at, number) in numbers.iter_mut().enumerate() {
            let read = cells.get(at).as_integer().and_then(|number| usize::try_from(number).ok());
            *number = read.ok_or_else(lost)?;
        }
        Ok(numbers)
    }

    fn next(&mut self, cells: &mut CellBuffer) -> Result<()> {
        cells.clear(PIECE);
        if self.disk.pop(cells)? { Ok(()) } else { Err(lost()) }
    }

    /// Hands over so many bytes that were put aside next, piece by piece.
    fn bytes(&mut self, mut count: usize, cells: &mut CellBuffer, each: &mut dyn FnMut(&[u8])) -> Result<()> {
        while count > 0 {
            self.next(cells)?;
            let ValueRef::Blob(bytes) = cells.get(0) else { return Err(lost()) };
            count = count.checked_sub(bytes.len()).filter(|_| !bytes.is_empty()).ok_or_else(lost)?;
            each(bytes);
        }
        Ok(())
    }
}

fn lost() -> Error {
    Error::internal(Domain::Database, "a batch was put aside badly")
}

fn put_bytes(disk: &mut Spool, bytes: &[u8]) -> Result<()> {
    bytes.chunks(PIECE).try_for_each(|piece| disk.push_values(&[ValueRef::Blob(piece)]))
}

fn put_numbers<T: Copy, const N: usize>(disk: &mut Spool, numbers: &[T], bytes: fn(T) -> [u8; N]) -> Result<()> {
    let mut piece = Vec::new();
    for some in numbers.chunks(PIECE / N) {
        piece.clear();
        some.iter().for_each(|number| piece.extend_from_slice(&bytes(*number)));
        disk.push_values(&[ValueRef::Blob(&piece)])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::builder::{Builder, Subject};
    use super::super::field::{Field, Kind};
    use super::{KEPT, Shelf};
    use crate::values::ValueRef;

    /// Columns of every type come back as they were, from memory and from disk.
    #[test]
    fn batches_come_back_in_order_from_memory_and_from_disk() {
        let kinds = [Kind::Integer, Kind::Real, Kind::Text, Kind::Bytes, Kind::Time, Kind::Labels, Kind::Null];
        let fields = || kinds.iter().map(|kind| (Field::new(kind.name(), *kind), false)).collect();
        let (mut first, mut second) = (Builder::new(fields(), Subject::Row), Builder::new(fields(), Subject::Row));
        let (mut shelf, mut all, mut bytes) = (Shelf::default(), Vec::new(), 0);
        let long = "x".repeat(300_000);
        for batch in 0..30i64 {
            for row in 0..50i64 {
                let labels = format!("{{\"a\": {row}.5, \"{batch}\": -1e300}}");
                let time = format!("2024-01-01T00:00:{row:02}");
                let values = [
                    ValueRef::Integer(row - batch),
                    if row % 7 == 3 { ValueRef::Null } else { ValueRef::Real(f64::NAN) },
                    ValueRef::Text(if row == 9 { long.as_bytes() } else { b"" }),
                    if batch == 3 { ValueRef::Null } else { ValueRef::Blob(b"\xff\0") },
                    ValueRef::Text(time.as_bytes()),
                    if row == 0 { ValueRef::Null } else { ValueRef::Text(labels.as_bytes()) },
                    ValueRef::Null,
                ];
                for builder in [&mut first, &mut second] {
                    builder.push(|at| values[at]).unwrap();
                }
            }
            bytes += 300_000;
            shelf.push(first.take().unwrap()).unwrap();
            all.push(format!("{:?}", second.take().unwrap()));
        }
        assert!(bytes > KEPT && shelf.front.len() > 3 && shelf.further > 3, "{} {}", shelf.front.len(), shelf.further);
        for (number, wanted) in all.into_iter().enumerate() {
            let found = format!("{:?}", shelf.pop(first.fields()).unwrap().unwrap());
            assert!(found == wanted, "batch {number}");
        }
        assert!(shelf.pop(first.fields()).unwrap().is_none());
    }
}
