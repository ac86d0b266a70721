//! What must hold for a file after any damage to its bytes. A target in fuzz/ and a short test with random damage use this.

use std::path::Path;

use super::connection::{Access, SqliteConnection};
use super::integrity::{ask_sqlite, walk};
use crate::database::connection::Depth;

/// Tables and indexes of every kind, records that overflow, free pages and free blocks.
pub(super) const SHAPES: &str = "
    CREATE TABLE plain (id INTEGER PRIMARY KEY, t TEXT, r REAL, b BLOB);
    CREATE TABLE keyed (k TEXT PRIMARY KEY, v) WITHOUT ROWID;
    CREATE INDEX of_t ON plain (t); CREATE INDEX some ON plain (r) WHERE r > 100; CREATE UNIQUE INDEX of_r ON plain (r, id);
    CREATE TABLE empty (x UNIQUE);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 260)
      INSERT INTO plain SELECT i * 3 - 1000, printf('%.*c', i * 7 % 300, 'é'), i / 3.0, zeroblob(CASE WHEN i % 50 = 0 THEN 9000 ELSE i % 40 END) FROM n;
    INSERT INTO plain VALUES (9223372036854775807, '', 0, NULL), (-9223372036854775808, NULL, -1, zeroblob(4000));
    INSERT INTO keyed SELECT 'k' || id, t FROM plain;
    DELETE FROM plain WHERE id % 5 = 0; DELETE FROM keyed WHERE length(v) > 200; ALTER TABLE plain ADD COLUMN later";

const PAGE: usize = 512;

/// A file to damage.
pub fn whole(path: &Path) -> Vec<u8> {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.execute_batch(&format!("PRAGMA page_size = {PAGE}; {SHAPES}")).unwrap();
    drop(connection);
    std::fs::read(path).unwrap()
}

/// Its bytes with a damage of any number of steps, eight bytes each: what is done, and where.
fn damaged(whole: &[u8], damage: &[u8]) -> Vec<u8> {
    let (mut bytes, pages) = (whole.to_vec(), whole.len() / PAGE);
    for step in damage.chunks_exact(8) {
        let place = |from: usize| (usize::from(step[from]) << 8 | usize::from(step[from + 1])) * 31 % whole.len();
        let (how, value, at, other) = (step[0], step[1], place(2), place(4));
        let (page, other_page) = (at % pages * PAGE, other % pages * PAGE);
        match how % 7 {
            0 => bytes[at] = value,
            1 => bytes[at] ^= 1 << (value % 8),
            2 => {
                let size = usize::from(value % 64 + 1).min(whole.len() - at.max(other));
                bytes.copy_within(other..other + size, at);
            }
            3 => {
                for byte in 0..PAGE {
                    bytes.swap(page + byte, other_page + byte);
                }
            }
            // The header of a page and its first pointers.
            4 => bytes[if page == 0 { 100 } else { page } + usize::from(value % 24)] = step[6],
            // Numbers that follow each other in it.
            5 => {
                let at = if page == 0 { 100 } else { page } + usize::from(value % 24) / 2 * 2;
                bytes[at..at + 2].copy_from_slice(&step[6..8]);
            }
            // The header of the file.
            _ => bytes[16 + usize::from(value) % 84] = step[6],
        }
    }
    bytes
}

/// A walk through the file that was damaged so finds it sound only where SQLite does too. Whether SQLite does.
pub fn pages(path: &Path, whole: &[u8], damage: &[u8]) -> bool {
    std::fs::write(path, damaged(whole, damage)).unwrap();
    let opened = SqliteConnection::open(path, Access::Immutable, std::time::Duration::ZERO, false, None);
    let Ok(connection) = opened else { return false };
    let sound = matches!(walk(&connection), Ok(Some(_)));
    let judged = ask_sqlite(&connection, Depth::Structure);
    assert!(!sound || judged.is_ok(), "{damage:?}: {}", judged.unwrap_err().to_json());
    judged.is_ok()
}

#[cfg(test)]
mod tests {
    use crate::random::{Random, seed};

    #[test]
    fn damage_of_many_bytes_that_sqlite_finds_is_never_found_sound() {
        let folder = tempfile::tempdir().unwrap();
        let whole = super::whole(&folder.path().join("whole.db"));
        let (mut random, path) = (Random::new(seed()), folder.path().join("damaged.db"));
        assert!(super::pages(&path, &whole, &[]), "it was sound");
        let sound = (0..800)
            .filter(|_| {
                let steps = 1 + random.below(5);
                super::pages(&path, &whole, &random.bytes(steps * 8))
            })
            .count();
        assert!((1..700).contains(&sound), "{sound} of 800 are sound");
    }
}
