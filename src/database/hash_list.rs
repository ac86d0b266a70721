//! 32 bytes for each number from 0 on: the pages that were used last in memory, the others on disk.

use rusqlite::{Connection, OptionalExtension};

use super::temporary::{failed, with_table};
use crate::error::{Domain, Error, Result};

/// What is kept for a number.
type Hash = [u8; 32];

/// Numbers per page, which is 4 KiB: few enough that reading one back for a single number is quick.
const NUMBERS: usize = 128;
/// Pages in memory: 8 MiB. Each page has one place, so that numbers which come in some order meet no other's.
const PLACES: usize = 2048;

struct Page {
    number: u64,
    changed: bool,
    hashes: [Hash; NUMBERS],
}

/// A list of hashes; those that were never set are zeros.
#[derive(Default)]
pub struct HashList {
    places: Vec<Option<Box<Page>>>,
    disk: Option<Connection>,
}

impl HashList {
    /// Keeps a hash.
    pub fn set(&mut self, number: u64, hash: &Hash) -> Result<()> {
        let page = self.page(number / NUMBERS as u64)?;
        page.changed = true;
        if let Some(place) = page.hashes.get_mut((number % NUMBERS as u64) as usize) {
            *place = *hash;
        }
        Ok(())
    }

    /// The hash of this number.
    pub fn get(&mut self, number: u64) -> Result<Hash> {
        let page = self.page(number / NUMBERS as u64)?;
        Ok(page.hashes.get((number % NUMBERS as u64) as usize).copied().unwrap_or_default())
    }

    fn page(&mut self, number: u64) -> Result<&mut Page> {
        let at = (number % PLACES as u64) as usize;
        if at >= self.places.len() {
            self.places.resize_with(at + 1, || None);
        }
        let before = self.places.get_mut(at).and_then(Option::take);
        let page = match before {
            Some(page) if page.number == number => page,
            Some(page) => self.exchange(page, number)?,
            None => Box::new(Page { number, changed: false, hashes: [Hash::default(); NUMBERS] }),
        };
        let place = self.places.get_mut(at);
        place
            .map(|place| &mut **place.insert(page))
            .ok_or_else(|| Error::internal(Domain::Database, "a page of hashes has no place"))
    }

    /// Writes a page out, if it has to be, and reads another one.
    fn exchange(&mut self, mut page: Box<Page>, number: u64) -> Result<Box<Page>> {
        let disk = match &self.disk {
            Some(open) => open,
            None => self.disk.insert(with_table("pages (id INTEGER PRIMARY KEY, hashes BLOB)")?),
        };
        let id = |number: u64| number.cast_signed();
        if page.changed {
            let write = || {
                disk.prepare_cached("INSERT OR REPLACE INTO pages VALUES (?1, ?2)")?
                    .execute((id(page.number), page.hashes.as_flattened()))
            };
            write().map_err(failed)?;
        }
        let read = |row: &rusqlite::Row<'_>| {
            let bytes = row.get_ref(0)?.as_blob().unwrap_or_default();
            bytes.as_chunks::<32>().0.iter().zip(&mut page.hashes).for_each(|(from, to)| *to = *from);
            Ok(())
        };
        let found =
            || disk.prepare_cached("SELECT hashes FROM pages WHERE id = ?1")?.query_row([id(number)], read).optional();
        if found().map_err(failed)?.is_none() {
            page.hashes = [Hash::default(); NUMBERS];
        }
        page.number = number;
        page.changed = false;
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    use super::{HashList, NUMBERS, PLACES};

    fn hash(number: u64) -> [u8; 32] {
        let mut hash = [7; 32];
        hash[..8].copy_from_slice(&number.to_le_bytes());
        hash
    }

    #[test]
    fn hashes_come_back_in_any_order_also_from_disk() {
        let count = (NUMBERS * PLACES * 2 + 300) as u64;
        let mut list = HashList::default();
        let wanted = |number: u64| if number.is_multiple_of(5) { [0; 32] } else { hash(number) };
        for number in (0..count).filter(|number| !number.is_multiple_of(5)) {
            list.set(number, &hash(number)).unwrap();
        }
        assert!(list.disk.is_some());
        for number in (0..count).step_by(97).chain((0..count).rev().step_by(89)) {
            assert_eq!(list.get(number).unwrap(), wanted(number), "{number}");
        }
        // Far away from all others, and changed again after it was on disk.
        assert_eq!(list.get(u64::MAX).unwrap(), [0; 32]);
        list.set(1, &hash(9)).unwrap();
        assert_eq!(list.get((NUMBERS * PLACES + 1) as u64).unwrap(), wanted((NUMBERS * PLACES + 1) as u64));
        assert_eq!((list.get(1).unwrap(), list.get(2).unwrap()), (hash(9), hash(2)));
    }
}
