//! A few bytes for each number from 0 on. The pages that were used last are in memory, the others on disk.

use rusqlite::{Connection, OptionalExtension};

use super::temporary::{failed, with_table};
use crate::error::{Domain, Error, Result};

/// Numbers per page: few enough that reading one back for a single number is quick.
const NUMBERS: usize = 128;

struct Page<const SIZE: usize> {
    number: u64,
    changed: bool,
    entries: [[u8; SIZE]; NUMBERS],
}

impl<const SIZE: usize> Page<SIZE> {
    fn entry(&mut self, number: u64) -> Option<&mut [u8; SIZE]> {
        self.entries.get_mut((number % NUMBERS as u64) as usize)
    }
}

/// A list of entries of `SIZE` bytes, `PLACES` pages of them in memory; those that were never set are zeros. Each page has one place, so
/// that numbers which come in some order meet no other's.
pub struct Paged<const SIZE: usize, const PLACES: usize> {
    places: Vec<Option<Box<Page<SIZE>>>>,
    disk: Option<Connection>,
}

/// Hashes: 8 MiB of them in memory.
pub type HashList = Paged<32, 2048>;

impl<const SIZE: usize, const PLACES: usize> Default for Paged<SIZE, PLACES> {
    fn default() -> Paged<SIZE, PLACES> {
        Paged { places: Vec::new(), disk: None }
    }
}

impl<const SIZE: usize, const PLACES: usize> Paged<SIZE, PLACES> {
    /// Keeps an entry.
    pub fn set(&mut self, number: u64, entry: &[u8; SIZE]) -> Result<()> {
        self.change(number, |kept| *kept = *entry)
    }

    /// Changes an entry.
    #[inline]
    pub fn change(&mut self, number: u64, change: impl FnOnce(&mut [u8; SIZE])) -> Result<()> {
        let page = self.page(number / NUMBERS as u64)?;
        page.changed = true;
        if let Some(entry) = page.entry(number) {
            change(entry);
        }
        Ok(())
    }

    /// The entry of this number.
    #[inline]
    pub fn get(&mut self, number: u64) -> Result<[u8; SIZE]> {
        let page = self.page(number / NUMBERS as u64)?;
        Ok(page.entry(number).copied().unwrap_or([0; SIZE]))
    }

    #[inline]
    fn page(&mut self, number: u64) -> Result<&mut Page<SIZE>> {
        let at = (number % PLACES as u64) as usize;
        if !matches!(self.places.get(at), Some(Some(page)) if page.number == number) {
            self.turn_to(number, at)?;
        }
        let page = self.places.get_mut(at).and_then(Option::as_deref_mut);
        page.ok_or_else(|| Error::internal(Domain::Database, "a page has no place"))
    }

    /// Puts a page into its place.
    #[cold]
    fn turn_to(&mut self, number: u64, at: usize) -> Result<()> {
        if at >= self.places.len() {
            self.places.resize_with(at + 1, || None);
        }
        let page = match self.places.get_mut(at).and_then(Option::take) {
            Some(page) => self.exchange(page, number)?,
            None => Box::new(Page { number, changed: false, entries: [[0; SIZE]; NUMBERS] }),
        };
        if let Some(place) = self.places.get_mut(at) {
            *place = Some(page);
        }
        Ok(())
    }

    /// Writes a page out, if it has to be, and reads another one.
    fn exchange(&mut self, mut page: Box<Page<SIZE>>, number: u64) -> Result<Box<Page<SIZE>>> {
        let disk = match &self.disk {
            Some(open) => open,
            None => self.disk.insert(with_table("pages (id INTEGER PRIMARY KEY, entries BLOB)")?),
        };
        let id = |number: u64| number.cast_signed();
        if page.changed {
            let write = || {
                disk.prepare_cached("INSERT OR REPLACE INTO pages VALUES (?1, ?2)")?
                    .execute((id(page.number), page.entries.as_flattened()))
            };
            write().map_err(failed)?;
        }
        let read = |row: &rusqlite::Row<'_>| {
            let bytes = row.get_ref(0)?.as_blob().unwrap_or_default();
            bytes.as_chunks::<SIZE>().0.iter().zip(&mut page.entries).for_each(|(from, to)| *to = *from);
            Ok(())
        };
        let found =
            || disk.prepare_cached("SELECT entries FROM pages WHERE id = ?1")?.query_row([id(number)], read).optional();
        if found().map_err(failed)?.is_none() {
            page.entries = [[0; SIZE]; NUMBERS];
        }
        page.number = number;
        page.changed = false;
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    use super::{HashList, NUMBERS};

    const PLACES: usize = 2048;

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
