//! The right of one call of one process to make or delete a snapshot.
//!
//! It is a hidden file that is created exclusively and locked for as long as its owner lives. So the remains of an owner that was cut off can be told
//! from a snapshot that is still being made. The next call that finds such remains takes over the right and removes them.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::time::Duration;

use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use rustix::io::{Errno, retry_on_intr};

use super::files::{create_new, io, is_at, look, remove};
use super::folder::Folder;
use super::id::Id;
use crate::error::{Domain, Error, Result, Status};
use crate::process::Process;

/// What SQLite may put beside a database that it writes.
const BESIDE: [&str; 3] = ["-journal", "-wal", "-shm"];

/// How often, and how long after each other, the right is tried to get.
const MOST_TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(10);

/// The right. When it is dropped, everything of the snapshot that does not count is deleted.
#[derive(Debug)]
pub struct Reservation<'f> {
    folder: &'f Folder,
    id: Id,
    /// Locked as long as it is open.
    file: File,
    process: Process,
}

impl<'f> Reservation<'f> {
    /// The right to a snapshot; `None` if somebody has it.
    pub fn take(folder: &'f Folder, id: &Id) -> Result<Option<Reservation<'f>>> {
        for _ in 0..MOST_TRIES {
            let path = folder.lock(id);
            let file = match create_new(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(None),
                Err(error) => return Err(io("nothing can be created in the folder for snapshots", &path, &error)),
            };
            if lock(&file, folder, id)? {
                let reservation = Reservation { folder, id: id.clone(), file, process: Process::current() };
                // For a person who finds it.
                writeln!(&reservation.file, "process {}", std::process::id())
                    .map_err(|error| io("the file cannot be written", &path, &error))?;
                return Ok(Some(reservation));
            }
            // Somebody was faster, took it for a leftover, and deletes it.
            std::thread::sleep(PAUSE);
        }
        Ok(None)
    }

    /// The right to a snapshot that is there, when whoever has it has done with it or was cut off.
    pub fn wait(folder: &'f Folder, id: &Id) -> Result<Reservation<'f>> {
        for _ in 0..MOST_TRIES {
            if let Some(right) = Reservation::take(folder, id)? {
                return Ok(right);
            }
            sweep(folder)?;
            std::thread::sleep(PAUSE);
        }
        Err(Error::new(Status::Busy, Domain::Snapshot, format!("the snapshot {id} is being made or deleted"))
            .at(folder.lock(id))
            .hint("try again"))
    }

    /// The right to a new snapshot; `None` if there is one with this id, or somebody is making it.
    pub fn take_new(folder: &'f Folder, id: &Id) -> Result<Option<Reservation<'f>>> {
        let taken =
            || -> Result<bool> { Ok(look(&folder.database(id))?.is_some() || look(&folder.manifest(id))?.is_some()) };
        if taken()? {
            return Ok(None);
        }
        let Some(reservation) = Reservation::take(folder, id)? else { return Ok(None) };
        if taken()? {
            return Ok(None);
        }
        Ok(Some(reservation))
    }

    /// What somebody left behind when it was cut off; `None` if somebody is still at work.
    fn take_over(folder: &'f Folder, id: &Id) -> Result<Option<Reservation<'f>>> {
        let path = folder.lock(id);
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match retry_on_intr(|| rustix::fs::open(&path, flags, Mode::empty())) {
            Ok(fd) => File::from(fd),
            // Only the lock is gone. Nobody can be at work without one.
            Err(Errno::NOENT) => return Reservation::take(folder, id),
            Err(error) => return Err(io("the lock cannot be opened", &path, &error.into())),
        };
        if !lock(&file, folder, id)? {
            return Ok(None);
        }
        Ok(Some(Reservation { folder, id: id.clone(), file, process: Process::current() }))
    }

    pub fn id(&self) -> &Id {
        &self.id
    }

    fn clean_up(&self) -> Result<()> {
        let folder = self.folder;
        remove(&folder.new_manifest(&self.id))?;
        let new = folder.new_database(&self.id);
        for suffix in BESIDE {
            let mut name = new.clone().into_os_string();
            name.push(suffix);
            remove(name.as_ref())?;
        }
        remove(&new)?;
        // Without its manifest it does not count.
        if look(&folder.manifest(&self.id))?.is_none() {
            remove(&folder.database(&self.id))?;
        }
        // Last: as long as it is there, this can be done again.
        remove(&folder.lock(&self.id))
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        // In a child after a fork it is the parent's, which is at work. What cannot be deleted now is deleted by the next sweep.
        let _later = if self.process.is_current() { self.clean_up() } else { Ok(()) };
    }
}

/// Locks the file; whether it is ours now.
fn lock(file: &File, folder: &Folder, id: &Id) -> Result<bool> {
    let path = folder.lock(id);
    match retry_on_intr(|| flock(file, FlockOperation::NonBlockingLockExclusive)) {
        // Whoever had it before may have deleted it.
        Ok(()) => Ok(is_at(file, &path)),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(io("the file cannot be locked", &path, &error.into())),
    }
}

/// Deletes what creators and deleters left behind when they were cut off. What cannot be deleted is in nobody's way.
pub fn sweep(folder: &Folder) -> Result<()> {
    for id in folder.names()?.unfinished {
        if let Ok(Some(leftover)) = Reservation::take_over(folder, &id) {
            drop(leftover);
        }
    }
    Ok(())
}
