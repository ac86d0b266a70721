//! The descriptors of this process, by number.
//!
//! The system lists them in /proc/self/fd. Where that is not mounted, in a chroot for example, each number has to be examined. Safe code cannot do
//! that, because it cannot know who owns the descriptor behind a number. The C API, which may use unsafe code, lends the function.

use rustix::process::{Resource, getrlimit};
use std::collections::HashSet;
use std::sync::OnceLock;

use super::file_id::{FileId, id_of};

/// Numbers up to here are looked at one by one, which takes a tenth of a second at most.
const MOST: u64 = 1 << 20;

/// What takes unsafe code.
#[derive(Clone, Copy, Debug)]
pub struct Lent {
    /// The file that a descriptor is of; `None` if there is no such descriptor.
    pub file: fn(i32) -> Option<FileId>,
    /// Closes a descriptor: that of a connection to a server.
    #[cfg(feature = "servers")]
    pub close: fn(i32),
}

static LENT: OnceLock<Lent> = OnceLock::new();

/// Lends it, once for all.
pub fn lend(lent: Lent) {
    // Whoever comes second lends the same.
    let _first = LENT.set(lent);
}

/// The descriptors of a file, as [`of_file`] found them; the error of /proc where nobody can see them.
pub fn of_file(id: FileId) -> std::io::Result<HashSet<i32>> {
    match listed(id) {
        Ok(found) => Ok(found),
        Err(error) => counted(id).ok_or(error),
    }
}

fn listed(id: FileId) -> std::io::Result<HashSet<i32>> {
    let mut found = HashSet::new();
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let entry = entry?;
        let number = entry.file_name().to_str().and_then(|name| name.parse().ok());
        if let (Some(number), Ok(meta)) = (number, std::fs::metadata(entry.path()))
            && id_of(&meta) == id
        {
            found.insert(number);
        }
    }
    Ok(found)
}

fn counted(id: FileId) -> Option<HashSet<i32>> {
    let look = LENT.get()?.file;
    let limit = getrlimit(Resource::Nofile).current.filter(|limit| *limit <= MOST)?;
    Some((0..i32::try_from(limit).ok()?).filter(|number| look(*number) == Some(id)).collect())
}

/// Closes a descriptor of this number, if it is still of that file, and if anybody has lent how to.
#[cfg(feature = "servers")]
pub fn close(number: i32, id: FileId) {
    if let Some(lent) = LENT.get()
        && (lent.file)(number) == Some(id)
    {
        (lent.close)(number);
    }
}

/// The file that a descriptor is of, if anybody has lent how to know.
#[cfg(feature = "servers")]
pub fn file_of(number: i32) -> Option<FileId> {
    LENT.get().and_then(|lent| (lent.file)(number))
}
