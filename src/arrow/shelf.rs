//! Batches that wait to be taken: the first ones in memory, the others on disk.

use std::collections::VecDeque;

use super::builder::Batch;
use super::column::{Column, Values};
use super::field::Field;
use crate::error::{Domain, Error, Result};
use crate::spill::Pieces;

/// What of batches is kept in memory: who takes a stream has as much of it beside. More of them go to disk, so that streams of any length are made
/// in memory of this size.
const KEPT: usize = 16 << 20;
/// Bytes of a buffer that are put aside at once; a multiple of a number's.
const PIECE: usize = 1 << 17;

/// A queue of batches.
#[derive(Default)]
pub struct Shelf {
    front: VecDeque<Batch>,
    kept: usize,
    disk: Option<Pieces>,
    /// Batches on disk.
    further: usize,
    /// What is on its way to disk, or from it.
    piece: Vec<u8>,
}

impl Shelf {
    /// Adds a batch.
    pub fn push(&mut self, batch: Batch) -> Result<()> {
        self.kept += batch.columns.iter().map(Column::bytes).sum::<usize>();
        if self.further == 0 && self.kept <= KEPT {
            self.front.push_back(batch);
            return Ok(());
        }
        let mut disk = match self.disk.take() {
            Some(open) => open,
            None => Pieces::new()?,
        };
        put_numbers(&mut disk, &mut self.piece, &[batch.rows as u64], u64::to_le_bytes)?;
        // Each column is let go of as soon as it is on disk.
        for column in batch.columns {
            put(&mut disk, &mut self.piece, &column)?;
        }
        self.further += 1;
        self.disk = Some(disk);
        Ok(())
    }

    /// Takes the next batch, of these columns.
    pub fn pop(&mut self, fields: &[Field]) -> Result<Option<Batch>> {
        if let Some(batch) = self.front.pop_front() {
            return Ok(Some(batch));
        }
        let Some(further) = self.further.checked_sub(1) else { return Ok(None) };
        self.further = further;
        let [rows] = self.numbers()?;
        let columns = fields.iter().map(|field| self.get(field)).collect::<Result<_>>()?;
        Ok(Some(Batch { rows, columns }))
    }

    fn get(&mut self, field: &Field) -> Result<Column> {
        let [rows, nulls, validity, offsets, values] = self.numbers()?;
        let mut column = Column::new(field);
        (column.rows, column.nulls) = (rows, nulls);
        column.validity = self.values(validity, |[byte]| byte)?;
        column.offsets = self.values(offsets, i32::from_le_bytes)?;
        match &mut column.values {
            Values::None => {}
            Values::Integers(all) => *all = self.values(values, i64::from_le_bytes)?,
            Values::Reals(all) => *all = self.values(values, f64::from_le_bytes)?,
            // The buffer of a new column is somewhere even if it stays empty.
            Values::Bytes(_) if values == 0 => {}
            Values::Bytes(all) => *all = self.values(values, |[byte]| byte)?,
        }
        column.children = field.children.iter().map(|child| self.get(child)).collect::<Result<_>>()?;
        Ok(column)
    }

    /// The numbers that were put aside next.
    fn numbers<const N: usize>(&mut self) -> Result<[usize; N]> {
        let numbers: Vec<u64> = self.values(N, u64::from_le_bytes)?;
        let numbers: Option<Vec<usize>> = numbers.into_iter().map(|number| usize::try_from(number).ok()).collect();
        numbers.and_then(|numbers| numbers.try_into().ok()).ok_or_else(lost)
    }

    /// So many values that were put aside next, piece by piece.
    fn values<T, const N: usize>(&mut self, count: usize, value: impl Fn([u8; N]) -> T) -> Result<Vec<T>> {
        let mut values = Vec::with_capacity(count);
        while values.len() < count {
            if !self.disk.as_mut().ok_or_else(lost)?.take(&mut self.piece)? || self.piece.is_empty() {
                return Err(lost());
            }
            let (all, []) = self.piece.as_chunks() else { return Err(lost()) };
            values.extend(all.iter().map(|bytes| value(*bytes)));
        }
        if values.len() == count { Ok(values) } else { Err(lost()) }
    }
}

fn lost() -> Error {
    Error::internal(Domain::Database, "a batch was put aside badly")
}

fn put(disk: &mut Pieces, piece: &mut Vec<u8>, column: &Column) -> Result<()> {
    let (validity, offsets) = (column.validity.len(), column.offsets.len());
    let values = match &column.values {
        Values::None => 0,
        Values::Integers(values) => values.len(),
        Values::Reals(values) => values.len(),
        Values::Bytes(values) => values.len(),
    };
    let numbers = [column.rows, column.nulls, validity, offsets, values].map(|number| number as u64);
    put_numbers(disk, piece, &numbers, u64::to_le_bytes)?;
    put_bytes(disk, &column.validity)?;
    put_numbers(disk, piece, &column.offsets, i32::to_le_bytes)?;
    match &column.values {
        Values::None => {}
        Values::Integers(values) => put_numbers(disk, piece, values, i64::to_le_bytes)?,
        Values::Reals(values) => put_numbers(disk, piece, values, f64::to_le_bytes)?,
        Values::Bytes(values) => put_bytes(disk, values)?,
    }
    column.children.iter().try_for_each(|child| put(disk, piece, child))
}

fn put_bytes(disk: &mut Pieces, bytes: &[u8]) -> Result<()> {
    bytes.chunks(PIECE).try_for_each(|piece| disk.push(piece))
}

fn put_numbers<T: Copy, const N: usize>(
    disk: &mut Pieces,
    piece: &mut Vec<u8>,
    numbers: &[T],
    bytes: impl Fn(T) -> [u8; N],
) -> Result<()> {
    for some in numbers.chunks(PIECE / N) {
        piece.resize(some.len() * N, 0);
        let (places, _) = piece.as_chunks_mut();
        places.iter_mut().zip(some).for_each(|(place, number)| *place = bytes(*number));
        disk.push(piece)?;
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
        let long = "x".repeat(1_500_000);
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
            bytes += long.len();
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
