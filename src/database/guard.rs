//! The in-process guard: does this process hold a database file open through another copy of SQLite?
//!
//! POSIX drops all of a process's locks on a file when any descriptor of it is closed. Two copies of SQLite in one process do
//! not know of each other, so the second one's close drops the first one's locks. We therefore look through our own
//! descriptors for the same file before opening it. Nothing is opened for that: only /proc/self/fd is read.

use std::collections::{HashMap, HashSet};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use once_cell::sync::Lazy;

use crate::error::{Domain, Error, Result, Status};

/// A file, whatever its name: device and inode.
pub type FileId = (u64, u64);

/// The descriptors that our own SQLite opened, per file.
static OURS: Lazy<Mutex<HashMap<FileId, HashSet<u32>>>> = Lazy::new(Mutex::default);

fn ours() -> MutexGuard<'static, HashMap<FileId, HashSet<u32>>> {
    OURS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What tells a file from others.
pub fn id_of(meta: &std::fs::Metadata) -> FileId {
    (meta.dev(), meta.ino())
}

/// The identity of the file at `path`, if it exists.
pub fn file_id(path: &Path) -> Option<FileId> {
    std::fs::metadata(path).ok().as_ref().map(id_of)
}

/// This process's descriptors of that file; `None` where they cannot be seen.
fn descriptors(id: FileId) -> Option<HashSet<u32>> {
    let (mut found, mut seen) = (HashSet::new(), false);
    for entry in std::fs::read_dir("/proc/self/fd").ok()?.flatten() {
        let number = entry.file_name().to_str().and_then(|name| name.parse().ok());
        if let (Some(number), Ok(meta)) = (number, std::fs::metadata(entry.path())) {
            seen = true;
            if id_of(&meta) == id {
                found.insert(number);
            }
        }
    }
    seen.then_some(found)
}

/// Whether this process has the file open, through whatever; so too where that cannot be seen.
pub fn is_open_here(path: &Path) -> bool {
    file_id(path).is_some_and(|id| descriptors(id).is_none_or(|open| !open.is_empty()))
}

/// Keeps a file's descriptors known as ours. Drop it right after the connection was closed, so that a descriptor which somebody
/// else gets under the same number is not taken for ours.
#[derive(Debug)]
pub struct Registration(Option<FileId>);

impl Registration {
    /// Of a file that nobody else can open.
    pub fn of_none() -> Registration {
        Registration(None)
    }

    /// The file that was opened; `None` if its path has come to name another meanwhile.
    pub fn file(&self) -> Option<FileId> {
        self.0
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let Some(id) = self.0 else { return };
        let mut known = ours();
        // SQLite keeps a descriptor open while other connections of ours hold locks on the file.
        let present = descriptors(id).unwrap_or_default();
        if let Some(mine) = known.get_mut(&id) {
            mine.retain(|number| present.contains(number));
            if mine.is_empty() {
                known.remove(&id);
            }
        }
    }
}

/// Runs `open`, which opens the file at `path` through our SQLite, and remembers the descriptors it got. With `check`,
/// refuses first if somebody else in this process has the file open.
pub fn open<T>(path: &Path, check: bool, open: impl FnOnce() -> Result<T>) -> Result<(T, Registration)> {
    let mut known = ours();
    let check = check && !cfg!(feature = "system-sqlite");
    let before = file_id(path).and_then(descriptors).unwrap_or_default();
    if let (true, Some(id)) = (check, file_id(path)) {
        let mine = known.get(&id);
        if before.iter().any(|number| !mine.is_some_and(|mine| mine.contains(number))) {
            return Err(shared_process(path));
        }
    }
    let opened = open()?;
    let found = file_id(path).map(|id| (id, descriptors(id)));
    // What the path names now has to be what was opened.
    let found = found.filter(|(_, open)| !open.as_ref().is_some_and(HashSet::is_empty));
    let id = found.as_ref().map(|(id, _)| *id);
    if let Some((id, Some(open))) = found {
        let added = open.into_iter().filter(|number| !before.contains(number));
        known.entry(id).or_default().extend(added);
    }
    Ok((opened, Registration(id)))
}

fn shared_process(path: &Path) -> Error {
    Error::new(
        Status::SharedProcess,
        Domain::Database,
        "this process has the database open already, through another copy of SQLite",
    )
    .at(path)
    .hint(
        "close the other connection first, or link expmig to the same SQLite (feature system-sqlite), or run it in a \
         process of its own; EXPMIG_OPEN_ALLOW_SHARED_PROCESS overrides, at the risk of losing locks and rows",
    )
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::path::Path;

    use super::open;
    use crate::error::{Error, Result, Status};

    fn ours(path: &Path) -> Result<(File, super::Registration)> {
        open(path, true, || {
            File::open(path).map_err(|error| Error::internal(crate::error::Domain::Database, error.to_string()))
        })
    }

    #[test]
    fn our_own_descriptors_are_no_conflict_and_others_are() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.into_temp_path();
        let first = ours(&path).unwrap();
        let second = ours(&path).unwrap();
        let foreign = File::open(&path).unwrap();
        assert_eq!(ours(&path).unwrap_err().status(), Status::SharedProcess);
        drop(foreign);
        assert!(ours(&path).is_ok());
        drop((first, second));
    }

    #[test]
    fn a_descriptor_that_gets_the_number_of_a_closed_one_of_ours_is_foreign() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.into_temp_path();
        let (file, registration) = ours(&path).unwrap();
        drop(file);
        drop(registration);
        let foreign = File::open(&path).unwrap();
        assert_eq!(ours(&path).unwrap_err().status(), Status::SharedProcess);
        drop(foreign);
    }
}
