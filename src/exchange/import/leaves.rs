//! The metrics, or the artifacts, that were read so far. Each becomes one row, however often it appears.

use std::hash::{BuildHasher, Hasher, RandomState};

use super::row::{KEPT_BYTES, Row};
use crate::error::{Domain, Error, Result};
use crate::hierarchy::IdSet;
use crate::spill::{Fingerprint, IdMap};
use crate::values::ValueRef;

/// What an appearance is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appearance {
    /// The first: the row is to be written.
    First,
    /// The row was written.
    Again,
    /// Another row has the id.
    Another,
}

/// The rows of one kind.
#[derive(Default)]
pub struct Leaves {
    seen: IdSet,
    map: IdMap,
    /// Of this run alone: nobody can write two rows that it takes for one.
    key: RandomState,
    buffer: Vec<u8>,
}

impl Leaves {
    /// The new id of a row that was there before.
    pub fn new_id(&mut self, id: i64) -> Result<Option<i64>> {
        Ok(self.map.get(id)?.map(|(new, _)| new))
    }

    /// Looks at a row with this id in the document. If it is the first, `new` gives the id that it gets.
    pub fn look(
        &mut self,
        id: i64,
        id_column: usize,
        row: &Row,
        new: impl FnOnce() -> Result<i64>,
    ) -> Result<(Appearance, i64)> {
        let fingerprint = self.fingerprint(id_column, row);
        if self.seen.insert(id)? {
            let new = new()?;
            self.map.insert(id, new, fingerprint)?;
            return Ok((Appearance::First, new));
        }
        match self.map.get(id)? {
            Some((new, known)) if known == fingerprint => Ok((Appearance::Again, new)),
            Some((new, _)) => Ok((Appearance::Another, new)),
            None => Err(Error::internal(Domain::ImportExport, format!("the id {id} was seen and is not known"))),
        }
    }

    /// Of every value but the id.
    fn fingerprint(&mut self, id_column: usize, row: &Row) -> Fingerprint {
        self.buffer.clear();
        let mut huge = None;
        for (at, value) in row.iter().enumerate().filter(|(at, _)| *at != id_column) {
            let (tag, number, bytes): (u8, u64, &[u8]) = match value {
                ValueRef::Null => continue,
                ValueRef::Integer(value) => (1, value.cast_unsigned(), &[]),
                ValueRef::Real(value) => (2, value.to_bits(), &[]),
                ValueRef::Text(text) => (3, text.len() as u64, text),
                ValueRef::Blob(blob) => (4, blob.len() as u64, blob),
            };
            // Few bytes for what most rows have, as a hash takes longer for more.
            push_number((at as u64) << 3 | u64::from(tag), &mut self.buffer);
            match tag {
                1 | 2 => self.buffer.extend_from_slice(&number.to_le_bytes()),
                _ => push_number(number, &mut self.buffer),
            }
            if value.is_huge() {
                // Without a copy of it.
                huge.get_or_insert_with(|| self.key.build_hasher()).write(bytes);
            } else {
                self.buffer.extend_from_slice(bytes);
            }
        }
        let hash = self.key.hash_one(self.buffer.as_slice());
        let hash = huge.map_or(hash, |huge| self.key.hash_one((hash, huge.finish())));
        if self.buffer.capacity() > KEPT_BYTES {
            self.buffer.clear();
            self.buffer.shrink_to(KEPT_BYTES);
        }
        hash.to_le_bytes()
    }
}

/// Appends a number in as many groups of seven bits as it needs.
fn push_number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}
