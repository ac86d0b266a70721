//! Files of a snapshot folder: opening files that cannot be trusted, and flushing changes to the device.

use std::fs::{DirBuilder, File, Metadata};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use crate::error::{Domain, Error, Result, Status};
use crate::files;
pub use crate::files::create_new;

pub fn io(what: &str, path: &Path, error: &std::io::Error) -> Error {
    Error::from_io(Domain::Snapshot, what, path, error)
}

/// A snapshot that is not as it was made.
pub fn corrupt(message: impl Into<String>, path: &Path) -> Error {
    Error::new(Status::Corrupt, Domain::Snapshot, message)
        .at(path)
        .hint("use another snapshot; this one can be deleted")
}

/// Opens a file for reading. A link, which could lead anywhere, and a pipe, which could wait for ever, are refused.
pub fn open_plain(path: &Path) -> Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match retry_on_intr(|| rustix::fs::open(path, flags, Mode::empty())) {
        Ok(fd) => {
            let file = File::from(fd);
            let meta = file.metadata().map_err(|error| io("the file cannot be looked at", path, &error))?;
            if meta.is_file() { Ok(file) } else { Err(corrupt("this is not a plain file", path)) }
        }
        Err(Errno::LOOP | Errno::MLINK) => Err(corrupt("this is a symbolic link, which is refused", path)),
        Err(error) => Err(io("the file cannot be opened", path, &error.into())),
    }
}

/// What is at the path itself, be it a link; `None` if nothing is there.
pub fn look(path: &Path) -> Result<Option<Metadata>> {
    match std::fs::symlink_metadata(path) {
        Ok(meta) => Ok(Some(meta)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io("the file cannot be looked at", path, &error)),
    }
}

/// Whether the open file is the one at the path.
pub fn is_at(file: &File, path: &Path) -> bool {
    let (Ok(open), Ok(there)) = (file.metadata(), std::fs::symlink_metadata(path)) else { return false };
    (open.dev(), open.ino()) == (there.dev(), there.ino())
}

/// Writes a new file and flushes it.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<()> {
    create_new(path)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        })
        .map_err(|error| io("the file cannot be written", path, &error))
}

/// The whole file; an error if it has more than `most` bytes.
pub fn read_at_most(path: &Path, most: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut limited = open_plain(path)?.take(most.saturating_add(1));
    limited.read_to_end(&mut bytes).map_err(|error| io("the file cannot be read", path, &error))?;
    if bytes.len() as u64 > most {
        return Err(corrupt(format!("the file has more than {most} bytes"), path));
    }
    Ok(bytes)
}

/// Renames, unless something has the new name.
pub fn rename_new(from: &Path, to: &Path) -> Result<()> {
    files::rename_new(Domain::Snapshot, from, to)
}

/// Deletes a file; fine if it is not there.
pub fn remove(path: &Path) -> Result<()> {
    files::remove(Domain::Snapshot, path)
}

/// Opens a folder in which names are about to change.
pub fn open_folder(path: &Path) -> Result<files::Folder> {
    files::Folder::open(Domain::Snapshot, path)
}

/// Creates the folder, for us alone, if it is missing.
pub fn create_folder(path: &Path) -> Result<()> {
    let missing: Vec<&Path> = path.ancestors().take_while(|folder| !folder.is_dir()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| io("the folder for snapshots cannot be created", path, &error))?;
    // Each of them, from the outermost: what is in a folder lasts no longer than the folder's own name.
    missing.iter().rev().filter_map(|folder| folder.parent()).try_for_each(|parent| {
        let here = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        open_folder(here)?.sync()
    })
}
