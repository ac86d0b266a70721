//! The in-process guard: which files this process has open, and which its parent had open when it forked.
//!
//! POSIX drops all of a process's locks on a file when any descriptor of it is closed. Two copies of SQLite in one process do
//! not know of each other, so the second one's close drops the first one's locks. Before the library opens a file, it therefore looks for the
//! same file among the descriptors of the process.
//!
//! A fork copies SQLite's memory, in which it keeps its locks, but not the locks themselves. A child that opened a file which the parent had
//! open would believe that it holds locks which it does not have. So the file is refused, under every name.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use crate::database::descriptors;
use crate::database::file_id::{FileId, file_id};
use crate::error::{Domain, Error, Result, Status};
use crate::process::{Process, WAYS_OUT};

/// A file that is open here through our SQLite.
#[derive(Default)]
struct Ours {
    /// Connections that lock it, and those that do not.
    locking: usize,
    immutable: usize,
    descriptors: HashSet<i32>,
}

/// How a connection uses a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// As others do, too.
    Shared,
    /// As one that nobody changes, without any lock: such a connection leaves nothing that a fork could spoil.
    Immutable,
}

/// What the process knows of its files.
struct Files {
    /// Whose it is; `None` if nobody has opened anything.
    process: Option<Process>,
    ours: BTreeMap<FileId, Ours>,
    /// Those beside which reading has made a write-ahead log.
    logs: BTreeSet<FileId>,
    /// Those that were open when this process, or one that it comes from, was forked.
    inherited: BTreeSet<FileId>,
}

static FILES: Mutex<Files> =
    Mutex::new(Files { process: None, ours: BTreeMap::new(), logs: BTreeSet::new(), inherited: BTreeSet::new() });
/// The number of the process that the files are of, to be known without the lock; 0 if there is none.
static OWNER: AtomicU64 = AtomicU64::new(0);

/// How long to wait for a lock that may be that of a thread which does not exist in this process.
const PATIENCE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_micros(100);

/// The lock, unless it takes too long to get.
fn try_files() -> Option<MutexGuard<'static, Files>> {
    let since = Instant::now();
    loop {
        match FILES.try_lock() {
            Ok(files) => return Some(files),
            Err(TryLockError::Poisoned(files)) => return Some(files.into_inner()),
            Err(TryLockError::WouldBlock) if since.elapsed() < PATIENCE => std::thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => return None,
        }
    }
}

/// The files of this process. What the parent had open becomes what was inherited.
fn files() -> Result<MutexGuard<'static, Files>> {
    let here = Process::current();
    let owner = match OWNER.compare_exchange(0, here.number(), Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => here.number(),
        Err(owner) => owner,
    };
    let mut files = if owner == here.number() {
        FILES.lock().unwrap_or_else(PoisonError::into_inner)
    } else {
        // A fork that nobody was told of, while another thread opened something: that thread lets go of the lock in the parent only.
        try_files().ok_or_else(|| {
            let message = "this process was forked in the moment in which another thread opened a database";
            Error::new(Status::Misuse, Domain::Database, message).hint(WAYS_OUT)
        })?
    };
    if files.process != Some(here) {
        let left = std::mem::take(&mut files.ours);
        files.logs.clear();
        files.inherited.extend(left.into_iter().filter(|(_, mine)| mine.locking > 0).map(|(id, _)| id));
        files.process = Some(here);
        OWNER.store(here.number(), Ordering::Release);
    }
    Ok(files)
}

/// Nobody opens or closes a file while it is held: a fork finds everything as it is between two of these.
pub struct Held(#[expect(dead_code, reason = "lets go when it is dropped")] MutexGuard<'static, Files>);

/// Holds the files still, for a fork; `None` if that takes too long.
pub fn hold() -> Option<Held> {
    try_files().map(Held)
}

/// Whether this process has the file open, through whatever; so too where that cannot be seen.
pub fn is_open_here(path: &Path) -> bool {
    file_id(path).is_some_and(|id| descriptors::of_file(id).map_or(true, |open| !open.is_empty()))
}

/// Remembers that reading has made a write-ahead log beside a file, or that it is gone.
pub fn note_log(id: FileId, there: bool) {
    if let Ok(mut files) = files() {
        let _changed = if there { files.logs.insert(id) } else { files.logs.remove(&id) };
    }
}

/// Whether reading has made a write-ahead log beside a file.
pub fn made_log(id: FileId) -> bool {
    files().is_ok_and(|files| files.logs.contains(&id))
}

/// Keeps a file's descriptors known as ours. Drop it right after the connection was closed, so that a descriptor which somebody
/// else gets under the same number is not taken for ours.
#[derive(Debug)]
pub struct Registration(Option<(FileId, Use)>);

impl Registration {
    /// Of a file that nobody else can open.
    pub fn of_none() -> Registration {
        Registration(None)
    }

    /// The file that was opened; `None` if its path has come to name another meanwhile.
    pub fn file(&self) -> Option<FileId> {
        self.0.map(|(id, _)| id)
    }
}

impl Ours {
    fn count(&mut self, way: Use) -> &mut usize {
        match way {
            Use::Shared => &mut self.locking,
            Use::Immutable => &mut self.immutable,
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let Some((id, way)) = self.0 else { return };
        let Ok(mut files) = files() else { return };
        let Some(mine) = files.ours.get_mut(&id) else { return };
        let count = mine.count(way);
        *count = count.saturating_sub(1);
        if mine.locking + mine.immutable == 0 {
            files.ours.remove(&id);
        } else if let Ok(present) = descriptors::of_file(id) {
            // SQLite keeps a descriptor open while other connections of ours hold locks on the file.
            mine.descriptors.retain(|number| present.contains(number));
        }
    }
}

/// Runs `open`, which opens the file at `path` through our SQLite, and remembers the descriptors it got. With `check`,
/// refuses first if somebody else in this process has the file open. What the parent of a fork had open is refused always.
pub fn open<T>(path: &Path, check: bool, way: Use, open: impl FnOnce() -> Result<T>) -> Result<(T, Registration)> {
    let mut files = files()?;
    let check = check && !cfg!(feature = "system-sqlite");
    let id = file_id(path);
    let mut before = HashSet::new();
    if let Some(id) = id {
        refuse_inherited(&files, (id, way), path)?;
        match descriptors::of_file(id) {
            Ok(present) => before = present,
            Err(error) if check => return Err(unseen(path, &error)),
            Err(_) => {}
        }
        let mine = files.ours.get(&id);
        let mut others = before.iter().filter(|number| !mine.is_some_and(|mine| mine.descriptors.contains(number)));
        if let (true, Some(other)) = (check, others.next()) {
            return Err(shared_process(path, *other));
        }
    }
    let opened = open()?;
    // What the path names now has to be what was opened.
    let Some(id) = file_id(path) else { return Ok((opened, Registration(None))) };
    refuse_inherited(&files, (id, way), path)?;
    let after = match descriptors::of_file(id) {
        Ok(after) if after.is_empty() => return Ok((opened, Registration(None))),
        Ok(after) => after,
        Err(error) if check => return Err(unseen(path, &error)),
        Err(_) => HashSet::new(),
    };
    let mine = files.ours.entry(id).or_default();
    *mine.count(way) += 1;
    mine.descriptors.extend(after.difference(&before));
    Ok((opened, Registration(Some((id, way)))))
}

fn refuse_inherited(files: &Files, (id, way): (FileId, Use), path: &Path) -> Result<()> {
    if way == Use::Immutable || !files.inherited.contains(&id) {
        return Ok(());
    }
    let message = "the parent of this process had the database open at the fork, and SQLite does not survive that";
    Err(Error::new(Status::Misuse, Domain::Database, message).at(path).hint(WAYS_OUT))
}

fn shared_process(path: &Path, descriptor: i32) -> Error {
    let message = format!(
        "this process has the database's file open already, as descriptor {descriptor}, perhaps through another copy of SQLite"
    );
    refusal(message, path).detail("descriptor", descriptor)
}

/// Nobody can tell whether the file is open.
fn unseen(path: &Path, error: &std::io::Error) -> Error {
    if let Some(named) = Error::of_descriptors(Domain::Database, "the database cannot be opened", error) {
        return named.at(path);
    }
    let message = format!(
        "whether this process has the database open through another copy of SQLite cannot be seen: /proc/self/fd cannot be \
         read ({error})"
    );
    refusal(message, path)
        .detail("needed", "/proc")
        .hint(format!("mount /proc; or, if nothing else here opens the file, {OVERRIDES}"))
}

const OVERRIDES: &str = "EXPMIG_OPEN_ALLOW_SHARED_PROCESS overrides, at the risk of losing locks and rows";

fn refusal(message: String, path: &Path) -> Error {
    Error::new(Status::SharedProcess, Domain::Database, message).at(path).hint(format!(
        "close the other connection, or what else has the file open, first; or link expmig to the same SQLite (feature \
         system-sqlite), or run it in a process of its own; {OVERRIDES}"
    ))
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::path::Path;

    use super::{Use, open};
    use crate::error::{Error, Result, Status};

    fn ours(path: &Path) -> Result<(File, super::Registration)> {
        open(path, true, Use::Shared, || {
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
