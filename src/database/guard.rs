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

/// The identity of the file at `path`, if it exists.
pub fn file_id(path: &Path) -> Option<FileId> {
    std::fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()))
}

/// This process's descriptors of that file.
fn descriptors(id: FileId) -> HashSet<u32> {
    let mut found = HashSet::new();
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else {
        return found;
    };
    for entry in entries.flatten() {
        let number = entry.file_name().to_str().and_then(|name| name.parse().ok());
        if let (Some(number), Ok(meta)) = (number, std::fs::metadata(entry.path()))
            && (meta.dev(), meta.ino()) == id
        {
            found.insert(number);
        }
    }
    found
}

/// Runs `open`, which opens the file at `path` through our SQLite, and remembers the descriptors it got. With `check`,
/// refuses first if somebody else in this process has the file open.
pub fn open<T>(path: &Path, check: bool, open: impl FnOnce() -> Result<T>) -> Result<T> {
    let mut known = ours();
    let before = file_id(path);
    let check = check && !cfg!(feature = "system-sqlite");
    if let (true, Some(id)) = (check, before) {
        let mine = known.entry(id).or_default();
        let present = descriptors(id);
        mine.retain(|number| present.contains(number));
        if present.iter().any(|number| !mine.contains(number)) {
            return Err(shared_process(path));
        }
    }
    let opened = open()?;
    if let Some(id) = file_id(path) {
        let mine = known.entry(id).or_default();
        let added: Vec<u32> = descriptors(id).into_iter().collect();
        // Without the check a foreign descriptor may be among them; then it was allowed by the caller.
        mine.extend(added);
    }
    Ok(opened)
}

fn shared_process(path: &Path) -> Error {
    Error::new(
        Status::SharedProcess,
        Domain::Database,
        "this process has the database open already, through another copy of SQLite",
    )
    .detail("path", path.display())
    .hint(
        "close the other connection first, or link expmig to the same SQLite (feature system-sqlite), or run it in a \
         process of its own; EXPMIG_OPEN_ALLOW_SHARED_PROCESS overrides, at the risk of losing locks and rows",
    )
}
