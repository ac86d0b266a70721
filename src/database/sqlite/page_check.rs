//! A check of every page of a SQLite file that nobody changes, several times as fast as `PRAGMA quick_check`
//! (<https://www.sqlite.org/fileformat2.html>).
//!
//! It only ever says that a file is sound: each page is used exactly once, each cell lies within its page and does not overlap others,
//! each record is as long as its header says, rowids ascend, and an index has as many entries as its table. If it finds anything odd or unknown,
//! it returns `None`, and SQLite decides.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;

use super::page_bytes::{claim, record_fits, u16_at, u32_at, varint};
use crate::error::Result;
use crate::progress::Job;

/// What a file begins with.
const MAGIC: &[u8] = b"SQLite format 3\0";
/// The header of the file, before the header of its first page.
const FILE_HEADER: usize = 100;
/// The page with this byte is used for locks alone.
const LOCK_BYTE: u64 = 0x4000_0000;
/// Trees are never deeper.
const MOST_LEVELS: usize = 20;
/// Below every rowid.
const BELOW_ALL: i128 = i64::MIN as i128 - 1;
/// Pages between two looks at the job.
const PAGES_PER_LOOK: u32 = 1024;

/// What a tree is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Table,
    Index,
}

/// A root page, and the root page of the table whose index it is.
pub type Root = (u32, Option<u32>);

/// How many entries the tree of a root page has.
pub type Entries = HashMap<u32, u64>;

/// A walk that is under way.
pub struct Walk<'a> {
    file: &'a File,
    page_size: usize,
    /// A page without what an extension keeps at its end.
    usable: usize,
    pages: u32,
    /// A bit for each page that was met.
    met: Vec<u64>,
    /// A page for each level of a tree, and a bit for each of its bytes.
    buffers: Vec<(Vec<u8>, Vec<u64>)>,
    job: Option<&'a Job>,
    stopped: Result<()>,
    looked: u32,
}

impl<'a> Walk<'a> {
    /// Begins a walk; `None` for a file that is not of the plainest kind.
    pub fn new(file: &'a File, job: Option<&'a Job>) -> Option<Walk<'a>> {
        let mut header = [0; FILE_HEADER];
        file.read_exact_at(&mut header, 0).ok()?;
        let page_size = match u16_at(&header, 16)? {
            1 => 65536,
            size if size >= 512 && size.is_power_of_two() => size,
            _ => return None,
        };
        let pages = u32_at(&header, 28)?;
        let size = file.metadata().ok()?.len();
        let usable = page_size.checked_sub(usize::from(*header.get(20)?))?;
        let plain = header.starts_with(MAGIC) && header.get(18..20)? == [1, 1] && header.get(21..24)? == [64, 32, 32];
        // Files that shrink by themselves have pages of another kind.
        let shrinks = u32_at(&header, 52)? != 0 || u32_at(&header, 64)? != 0;
        if !plain || shrinks || usable < 480 || pages == 0 || size != u64::from(pages) * page_size as u64 {
            return None;
        }
        let lock_page = u32::try_from(LOCK_BYTE / page_size as u64 + 1).ok()?;
        let met = vec![0; pages as usize / 64 + 1];
        let mut walk =
            Walk { file, page_size, usable, pages, met, buffers: Vec::new(), job, stopped: Ok(()), looked: 0 };
        if lock_page <= pages {
            walk.mark(lock_page);
        }
        let (trunk, free) = (u32_at(&header, 32)?, u32_at(&header, 36)?);
        walk.free_list(trunk, free)?;
        Some(walk)
    }

    /// Walks through all trees. The entries of each, by its root, if the file is sound as far as this can say; an error if the job
    /// was stopped.
    pub fn entries(mut self, roots: &[Root]) -> Result<Option<Entries>> {
        let entries = self.trees(roots);
        std::mem::replace(&mut self.stopped, Ok(()))?;
        Ok(entries)
    }

    fn trees(&mut self, roots: &[Root]) -> Option<Entries> {
        let mut entries = Entries::new();
        for &(root, _) in [(1, None)].iter().chain(roots) {
            let (_, rows) = self.tree(root, None, 0, (BELOW_ALL, i64::MAX))?;
            entries.insert(root, rows);
        }
        let agrees = |(index, table): &Root| table.is_none_or(|table| entries.get(index) == entries.get(&table));
        let all_met = (1..=self.pages).all(|page| self.is_met(page));
        (all_met && roots.iter().all(agrees)).then_some(entries)
    }

    fn is_met(&self, page: u32) -> bool {
        self.met.get(page as usize / 64).is_some_and(|bits| bits >> (page % 64) & 1 == 1)
    }

    /// Marks a page; `None` if there is none, or it was met before.
    fn mark(&mut self, page: u32) -> Option<()> {
        if page == 0 || page > self.pages || self.is_met(page) {
            return None;
        }
        *self.met.get_mut(page as usize / 64)? |= 1 << (page % 64);
        self.looked += 1;
        if self.looked.is_multiple_of(PAGES_PER_LOOK)
            && let Some(job) = self.job
        {
            self.stopped = job.check();
            self.stopped.is_ok().then_some(())?;
        }
        Some(())
    }

    fn read(&self, page: u32, into: &mut [u8]) -> Option<()> {
        self.file.read_exact_at(into, u64::from(page - 1) * self.page_size as u64).ok()
    }

    fn free_list(&mut self, mut trunk: u32, mut free: u32) -> Option<()> {
        let mut bytes = vec![0; self.page_size];
        while trunk != 0 {
            self.mark(trunk)?;
            self.read(trunk, &mut bytes)?;
            let leaves = u32_at(&bytes, 4)?;
            if leaves as usize > self.usable / 4 - 2 {
                return None;
            }
            for leaf in 0..leaves as usize {
                self.mark(u32_at(&bytes, 8 + 4 * leaf)?)?;
            }
            free = free.checked_sub(leaves + 1)?;
            trunk = u32_at(&bytes, 0)?;
        }
        (free == 0).then_some(())
    }

    /// The pages that hold what a cell has no room for.
    fn overflow(&mut self, mut page: u32, mut bytes: u64) -> Option<()> {
        let room = self.usable as u64 - 4;
        let mut next = [0; 4];
        loop {
            self.mark(page)?;
            self.read(page, &mut next)?;
            page = u32::from_be_bytes(next);
            bytes = bytes.saturating_sub(room);
            if bytes == 0 {
                return (page == 0).then_some(());
            }
        }
    }

    /// Walks through a tree whose rowids are above the first bound and not above the second. Its depth and its entries.
    fn tree(&mut self, page: u32, kind: Option<Kind>, level: usize, bounds: (i128, i64)) -> Option<(usize, u64)> {
        if level >= MOST_LEVELS {
            return None;
        }
        self.mark(page)?;
        let sizes = (self.page_size, self.page_size / 64);
        let (mut bytes, mut used) = self.buffers.pop().unwrap_or_else(|| (vec![0; sizes.0], vec![0; sizes.1]));
        self.read(page, &mut bytes)?;
        used.fill(0);
        let walked = self.page(page, (&bytes, &mut used), kind, level, bounds);
        self.buffers.push((bytes, used));
        walked
    }

    fn page(
        &mut self,
        page: u32,
        (bytes, used): (&[u8], &mut [u64]),
        kind: Option<Kind>,
        level: usize,
        (mut low, high): (i128, i64),
    ) -> Option<(usize, u64)> {
        let header = if page == 1 { FILE_HEADER } else { 0 };
        let bytes = bytes.get(..self.usable)?;
        let (this, leaf) = match bytes.get(header)? {
            2 => (Kind::Index, false),
            5 => (Kind::Table, false),
            10 => (Kind::Index, true),
            13 => (Kind::Table, true),
            _ => return None,
        };
        if kind.is_some_and(|kind| kind != this) {
            return None;
        }
        let cells = u16_at(bytes, header + 3)?;
        let content = match u16_at(bytes, header + 5)? {
            0 => 65536,
            at => at,
        };
        let pointers = header + if leaf { 8 } else { 12 };
        // What is used: up to the end of the pointers, the cells, the free blocks, and the fragments.
        let mut unused = self.usable.checked_sub(content)?;
        content.checked_sub(pointers + 2 * cells)?;
        let (mut depth, mut entries) = (None, 0);
        for cell in 0..cells {
            let at = u16_at(bytes, pointers + 2 * cell)?;
            if at < content {
                return None;
            }
            let (child, start) = if leaf { (0, at) } else { (u32_at(bytes, at)?, at + 4) };
            let end = match (this, leaf) {
                (Kind::Table, false) => {
                    let (key, end) = varint(bytes, start)?;
                    let key = key.cast_signed();
                    if i128::from(key) <= low || key > high {
                        return None;
                    }
                    entries += self.child(child, this, level, (low, key), &mut depth)?;
                    low = i128::from(key);
                    end
                }
                (Kind::Table, true) => {
                    let (payload, after) = varint(bytes, start)?;
                    let (key, body) = varint(bytes, after)?;
                    let key = key.cast_signed();
                    if i128::from(key) <= low || key > high {
                        return None;
                    }
                    low = i128::from(key);
                    entries += 1;
                    self.payload(bytes, body, payload, self.usable - 35)?
                }
                (Kind::Index, _) => {
                    if !leaf {
                        entries += self.child(child, this, level, (low, high), &mut depth)?;
                    }
                    entries += 1;
                    let (payload, body) = varint(bytes, start)?;
                    self.payload(bytes, body, payload, (self.usable - 12) * 64 / 255 - 23)?
                }
            };
            let size = (end - at).max(4);
            claim(used, at, size)?;
            unused = unused.checked_sub(size)?;
        }
        if !leaf {
            entries += self.child(u32_at(bytes, header + 8)?, this, level, (low, high), &mut depth)?;
        }
        let mut free = u16_at(bytes, header + 1)?;
        while free != 0 {
            let (next, size) = (u16_at(bytes, free)?, u16_at(bytes, free + 2)?);
            // Blocks of less than four bytes, or so close to each other, would be fragments or one block.
            let apart = next == 0 || next >= free + size + 4;
            if free < content || size < 4 || free + size > self.usable || !apart {
                return None;
            }
            claim(used, free, size)?;
            unused = unused.checked_sub(size)?;
            free = next;
        }
        if unused != usize::from(*bytes.get(header + 7)?) {
            return None;
        }
        Some((depth.unwrap_or(0) + 1, entries))
    }

    /// Walks through a child, and returns its entries; all children of a page are equally deep.
    fn child(
        &mut self,
        page: u32,
        kind: Kind,
        level: usize,
        bounds: (i128, i64),
        depth: &mut Option<usize>,
    ) -> Option<u64> {
        let (below, rows) = self.tree(page, Some(kind), level + 1, bounds)?;
        if depth.is_some_and(|depth| depth != below) {
            return None;
        }
        *depth = Some(below);
        Some(rows)
    }

    /// Checks a record of which at most `most` bytes stand in the page, and returns where its cell ends.
    #[inline]
    fn payload(&mut self, bytes: &[u8], body: usize, payload: u64, most: usize) -> Option<usize> {
        let whole = usize::try_from(payload).ok()?;
        if whole <= most {
            let end = body + whole;
            record_fits(bytes.get(body..end)?, payload)?;
            return Some(end);
        }
        let least = (self.usable - 12) * 32 / 255 - 23;
        let local = least + (whole - least) % (self.usable - 4);
        let local = if local <= most { local } else { least };
        let end = body + local;
        record_fits(bytes.get(body..end)?, payload)?;
        self.overflow(u32_at(bytes, end)?, (whole - local) as u64)?;
        Some(end + 4)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{File, OpenOptions};
    use std::os::unix::fs::FileExt;
    use std::path::Path;

    use super::super::any_damage::SHAPES;
    use super::super::connection::{Access, SqliteConnection};
    use super::super::integrity::{ask_sqlite, walk};
    use crate::database::connection::Depth;
    use crate::error::Status;
    use crate::random::{Random, seed};

    /// A file with them; the blobs are random.
    fn shapes(pragma: &str, path: &Path, random: &mut Random) -> rusqlite::Connection {
        let connection = rusqlite::Connection::open(path).unwrap();
        connection.execute_batch(&format!("PRAGMA {pragma}; {SHAPES}")).unwrap();
        let mut statement = connection.prepare("SELECT id, length(b) FROM plain WHERE b IS NOT NULL").unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        connection.execute_batch("BEGIN").unwrap();
        for (id, length) in rows.collect::<rusqlite::Result<Vec<(i64, u32)>>>().unwrap() {
            let blob = random.bytes(length as usize);
            connection.execute("UPDATE plain SET b = ?2 WHERE id = ?1", (id, blob)).unwrap();
        }
        drop(statement);
        connection.execute_batch("COMMIT").unwrap();
        connection
    }

    fn open(path: &Path) -> Option<SqliteConnection> {
        SqliteConnection::open(path, Access::Immutable, std::time::Duration::ZERO, false, None).ok()
    }

    #[test]
    fn sound_files_of_every_page_size_are_found_sound_and_their_rows_counted() {
        let mut random = Random::new(seed());
        for page_size in [512, 1024, 4096, 32768, 65536] {
            let file = tempfile::NamedTempFile::new().unwrap();
            let connection = shapes(&format!("page_size = {page_size}"), file.path(), &mut random);
            let rows = |table: &str| -> u64 {
                let sql = format!("SELECT count(*) FROM {table}");
                connection.query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap().try_into().unwrap()
            };
            let found = walk(&open(file.path()).unwrap()).unwrap();
            let found = found.unwrap_or_else(|| panic!("pages of {page_size} bytes"));
            for table in ["plain", "keyed", "empty"] {
                assert_eq!(found[table], rows(table), "{table}, pages of {page_size} bytes");
            }
        }
    }

    #[test]
    fn what_sqlite_finds_damaged_is_never_found_sound() {
        let file = tempfile::NamedTempFile::new().unwrap();
        drop(shapes("page_size = 1024", file.path(), &mut Random::new(seed())));
        let whole = std::fs::read(file.path()).unwrap();
        let writer = OpenOptions::new().write(true).open(file.path()).unwrap();
        let (mut damaged, mut passed_on) = (0, 0);
        // The headers of the file and of some pages, and every so many bytes of all.
        let at_risk = (0..whole.len()).filter(|at| *at < 116 || at % (7 * 1024) < 12 || at % 139 == 0);
        for at in at_risk {
            writer.write_all_at(&[whole[at] ^ (1 << (at % 8))], at as u64).unwrap();
            if let Some(connection) = open(file.path()) {
                let sound = matches!(walk(&connection), Ok(Some(_)));
                let judged = ask_sqlite(&connection, Depth::Structure);
                if let Err(error) = &judged {
                    assert_eq!(error.status(), Status::Corrupt, "byte {at}: {}", error.to_json());
                    damaged += 1;
                }
                passed_on += usize::from(!sound && judged.is_ok());
                assert!(!sound || judged.is_ok(), "byte {at}: {}", judged.unwrap_err().to_json());
            }
            writer.write_all_at(&[whole[at]], at as u64).unwrap();
        }
        assert!(damaged > 200, "{damaged} damaged, {passed_on} only odd");
    }

    #[test]
    fn files_that_are_not_of_the_plainest_kind_are_left_to_sqlite() {
        for pragma in ["auto_vacuum = FULL", "journal_mode = WAL"] {
            let file = tempfile::NamedTempFile::new().unwrap();
            drop(shapes(pragma, file.path(), &mut Random::new(1)));
            let opened = open(file.path()).unwrap();
            assert!(walk(&opened).unwrap().is_none(), "{pragma}");
            assert!(ask_sqlite(&opened, Depth::Everything).is_ok(), "{pragma}");
        }
        assert!(super::Walk::new(&File::open("/dev/null").unwrap(), None).is_none());
    }
}
