//! Files that the library creates itself: only their owner can read them, they appear complete, and they are flushed. Not for database files.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::fd::{AsRawFd, IntoRawFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags, linkat, renameat_with};
use rustix::io::{Errno, fcntl_getfd, retry_on_intr};
use rustix::stdio::{stderr, stdin, stdout};

use crate::error::{Domain, Error, Result, Status};
use crate::process::Process;

/// Where a program reads and writes that knows of nothing else.
const LOW: i32 = 3;

/// Puts /dev/null where a descriptor below 3 is closed, as in daemons: what is opened next would get its number, and what the program
/// prints would be written into it. SQLite does the same for its files. It is not passed on to other programs.
pub fn occupy_low_descriptors() {
    let is_closed = |fd| fcntl_getfd(fd) == Err(Errno::BADF);
    if !(is_closed(stdin()) || is_closed(stdout()) || is_closed(stderr())) {
        return;
    }
    let open = |path: &str, flags: OFlags| rustix::fs::open(path, flags | OFlags::CLOEXEC, Mode::empty());
    // Where there is no /dev/null, something that can be neither read nor written.
    let any = || open("/dev/null", OFlags::RDWR).or_else(|_| open("/", OFlags::PATH));
    while let Ok(fd) = any() {
        if fd.as_raw_fd() >= LOW {
            break;
        }
        let _stays = fd.into_raw_fd();
    }
}

/// Why nothing can be opened, if that is so for the want of descriptors.
pub fn out_of_descriptors() -> Option<std::io::Error> {
    match rustix::fs::open("/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty()) {
        Err(error @ (Errno::MFILE | Errno::NFILE)) => Some(error.into()),
        _ => None,
    }
}

/// Creates a file that does not exist, for us alone.
pub fn create_new(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
}

/// Renames, unless something has the new name.
pub fn rename_new(domain: Domain, from: &Path, to: &Path) -> Result<()> {
    let ours = file_at(from);
    let renamed = match retry_on_intr(|| renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE)) {
        // The file system cannot refuse: whoever comes here has looked before.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => std::fs::rename(from, to),
        other => other.map_err(std::io::Error::from),
    };
    match renamed {
        Err(error) if !has_moved(ours, from, to) => {
            Err(Error::from_io(domain, "the file cannot be renamed", to, &error))
        }
        // A server of files can have done it, and its answer been lost.
        _ => Ok(()),
    }
}

/// Which file has a name: the device and the inode.
fn file_at(path: &Path) -> Option<(u64, u64)> {
    path.symlink_metadata().ok().map(|meta| (meta.dev(), meta.ino()))
}

/// Whether the file that had one name has the other instead.
fn has_moved(file: Option<(u64, u64)>, from: &Path, to: &Path) -> bool {
    file.is_some() && file_at(to) == file && file_at(from) != file
}

/// Deletes a file; fine if it is not there.
pub fn remove(domain: Domain, path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(Error::from_io(domain, "the file cannot be deleted", path, &error))
        }
        _ => Ok(()),
    }
}

/// A folder in which names are about to be created, changed or deleted, to make that last. It is opened before anything is done, so
/// that afterwards nothing is left that can fail but the device.
#[derive(Debug)]
pub struct Folder {
    domain: Domain,
    path: PathBuf,
    file: File,
}

impl Folder {
    pub fn open(domain: Domain, path: &Path) -> Result<Folder> {
        let file = File::open(path)
            .map_err(|error| Error::from_io(domain, "the folder cannot be opened, to be flushed", path, &error))?;
        Ok(Folder { domain, path: path.to_owned(), file })
    }

    /// Makes what was done last, where the file system can.
    pub fn sync(&self) -> Result<()> {
        match self.file.sync_all() {
            Err(error) if error.raw_os_error() != Some(Errno::INVAL.raw_os_error()) => {
                Err(Error::from_io(self.domain, "the folder cannot be flushed", &self.path, &error))
            }
            _ => Ok(()),
        }
    }

    /// As [`Folder::sync`], where what was done cannot be taken back: nobody can tell whether it lasts. `what` says what it was.
    pub fn settle(&self, what: &str) -> Result<()> {
        self.sync().map_err(|cause| {
            let message = format!("{what}, but whether that outlasts a crash of the machine is not known");
            Error::undecided(Status::Io, self.domain, message)
                .hint("look what is there: it is whole, old or new; do it again when the device works")
                .caused_by(cause)
        })
    }
}

/// A file that gets its name when it is complete. Until then there is nothing to be seen of it, and nothing left if the process is
/// killed; where the file system has no files without a name it has a hidden one.
#[derive(Debug)]
pub struct NewFile {
    domain: Domain,
    file: File,
    path: PathBuf,
    /// The name that it has meanwhile.
    hidden: Option<PathBuf>,
    process: Process,
}

impl NewFile {
    /// Begins a file that shall be at `path`, with these permissions.
    pub fn create(domain: Domain, path: &Path, mode: u32) -> Result<NewFile> {
        let path = std::path::absolute(path)
            .map_err(|error| Error::from_io(domain, "the working directory cannot be read", path, &error))?;
        let Some(folder) = path.parent().map(Path::to_owned).filter(|_| path.file_name().is_some()) else {
            return Err(Error::argument(domain, "path", "the path names no file").at(path));
        };
        let failed = |error: &std::io::Error| match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => {
                Error::new(Status::NotFound, domain, "the folder for the file does not exist")
                    .at(&folder)
                    .hint("create the folder first")
            }
            _ => Error::from_io(domain, "the file cannot be created", &path, error),
        };
        let (file, hidden) = match unnamed(&folder) {
            Some(file) => (file, None),
            None => {
                let hidden = hidden_name(&path);
                (create_new(&hidden).map_err(|error| failed(&error))?, Some(hidden))
            }
        };
        let new = NewFile { domain, file, path, hidden, process: Process::current() };
        // Whatever the process's mask is.
        let set = new.file.set_permissions(std::fs::Permissions::from_mode(mode));
        set.map_err(|error| Error::from_io(domain, "the permissions cannot be set", &new.path, &error))?;
        Ok(new)
    }

    /// Appends bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let written = self.file.write_all(bytes);
        written.map_err(|error| Error::from_io(self.domain, "the file cannot be written", &self.path, &error))
    }

    /// Appends everything that is in another file.
    pub fn copy(&mut self, from: &Path) -> std::io::Result<()> {
        std::io::copy(&mut File::open(from)?, &mut self.file).map(drop)
    }

    /// Flushes the file and gives it its name: a new one, or, with `replace`, also one that another file had. If it has the name, but may
    /// not last, the error is undecided.
    pub fn publish(self, replace: bool) -> Result<()> {
        let folder = Folder::open(self.domain, self.path.parent().unwrap_or(Path::new("/")))?;
        let synced = self.file.sync_all();
        synced.map_err(|error| Error::from_io(self.domain, "the file cannot be flushed", &self.path, &error))?;
        let path = self.path.clone();
        self.name(replace)?;
        folder.settle("the file has its name").map_err(|error| error.at(&path))
    }

    /// Gives the file its name, without making it last.
    pub fn name(mut self, replace: bool) -> Result<()> {
        if replace {
            let hidden = match self.hidden.take() {
                Some(hidden) => hidden,
                None => {
                    let hidden = hidden_name(&self.path);
                    self.link(&hidden)?;
                    hidden
                }
            };
            // Deleted by `drop` unless it is renamed.
            self.hidden = Some(hidden.clone());
            match std::fs::rename(&hidden, &self.path) {
                Err(error) if !self.is_at(&self.path) => {
                    return Err(Error::from_io(self.domain, "the file cannot be renamed", &self.path, &error));
                }
                // A server of files can have done it, and its answer been lost.
                _ => self.hidden = None,
            }
        } else {
            match &self.hidden {
                None => self.link(&self.path)?,
                Some(hidden) => {
                    if std::fs::symlink_metadata(&self.path).is_ok() {
                        return Err(exists(self.domain, &self.path));
                    }
                    rename_new(self.domain, hidden, &self.path)?;
                    self.hidden = None;
                }
            }
        }
        Ok(())
    }

    /// Gives the file without a name one.
    fn link(&self, to: &Path) -> Result<()> {
        let from = descriptor(&self.file);
        let linked = retry_on_intr(|| linkat(CWD, &from, CWD, to, AtFlags::SYMLINK_FOLLOW));
        match linked {
            Err(_) if self.is_at(to) => Ok(()),
            Err(Errno::EXIST) => Err(exists(self.domain, to)),
            Err(other) => Err(Error::from_io(self.domain, "the file cannot be given its name", to, &other.into())),
            Ok(()) => Ok(()),
        }
    }

    /// Whether it has this name.
    fn is_at(&self, path: &Path) -> bool {
        let Ok(ours) = self.file.metadata() else { return false };
        file_at(path) == Some((ours.dev(), ours.ino()))
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        // In a child after a fork it is the parent's, which goes on with it.
        if let Some(hidden) = self.hidden.as_ref().filter(|_| self.process.is_current()) {
            // What cannot be deleted is hidden and in nobody's way.
            let _stays = remove(self.domain, hidden);
        }
    }
}

/// The error for a file that shall be created, but is there.
pub fn exists(domain: Domain, path: &Path) -> Error {
    Error::new(Status::AlreadyExists, domain, "there is a file of this name")
        .at(path)
        .hint("choose another name, or ask to replace it")
}

/// A new file without a name; `None` where there can be none, or no way to name it later.
fn unnamed(folder: &Path) -> Option<File> {
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    let fd = retry_on_intr(|| rustix::fs::open(folder, flags, Mode::from(0o600))).ok()?;
    let file = File::from(fd);
    descriptor(&file).exists().then_some(file)
}

fn descriptor(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// A name beside the file's that nobody else uses, nor one of the names that SQLite would take for parts of a database of that name:
/// a process that was killed can have left any of them, and in another container it had the same number.
pub fn hidden_name(path: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    loop {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!(".expmig-{}-{count}.new", std::process::id());
        let is_there = |suffix| path.with_file_name(format!("{name}{suffix}")).symlink_metadata().is_ok();
        if !["", "-journal", "-wal", "-shm"].into_iter().any(is_there) {
            return path.with_file_name(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::{NewFile, create_new, file_at, has_moved, hidden_name, rename_new};
    use crate::error::{Domain, Status};

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn what_a_killed_process_left_is_in_nobodys_way() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("copy");
        let next = |after: &str| {
            let number = after.split(['-', '.']).nth(3).and_then(|number| number.parse::<u64>().ok()).unwrap();
            format!(".expmig-{}-{}.new", std::process::id(), number + 1)
        };
        let first = hidden_name(&path).file_name().unwrap().to_string_lossy().into_owned();
        // Other tests take numbers meanwhile.
        let mut left = next(&first);
        let suffixes = ["", "-journal", "-wal", "-shm"];
        for at in 0..400 {
            std::fs::write(folder.path().join(format!("{left}{}", suffixes[at % 4])), "").unwrap();
            left = next(&left);
        }
        let found = hidden_name(&path);
        let name = found.file_name().unwrap().to_string_lossy().into_owned();
        assert!(names(folder.path()).iter().all(|there| !there.starts_with(&name)), "{name}");
        create_new(&found).unwrap();
    }

    /// As on a file system that has no files without a name.
    fn with_hidden_name(path: &Path) -> NewFile {
        let hidden = hidden_name(path);
        NewFile {
            domain: Domain::ImportExport,
            file: create_new(&hidden).unwrap(),
            path: path.to_owned(),
            hidden: Some(hidden),
            process: super::Process::current(),
        }
    }

    fn without_name(path: &Path) -> NewFile {
        NewFile::create(Domain::ImportExport, path, 0o640).unwrap()
    }

    #[test]
    fn a_file_appears_when_it_is_complete_and_never_instead_of_another() {
        for create in [with_hidden_name, without_name] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a.json");
            let mut file = create(&path);
            file.write(b"one").unwrap();
            assert!(!path.exists());
            file.publish(false).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), b"one");
            let mut second = create(&path);
            second.write(b"two").unwrap();
            assert_eq!(second.publish(false).unwrap_err().status(), Status::AlreadyExists);
            assert_eq!(std::fs::read(&path).unwrap(), b"one");
            let mut third = create(&path);
            third.write(b"three").unwrap();
            third.publish(true).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), b"three");
            drop(create(&path));
            assert_eq!(names(folder.path()), ["a.json"]);
        }
    }

    #[test]
    fn a_rename_that_was_done_is_told_from_one_that_was_not() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        std::fs::write(&from, "new").unwrap();
        let ours = file_at(&from);
        assert!(!has_moved(ours, &from, &to));
        // Both are names of it.
        std::fs::hard_link(&from, &to).unwrap();
        assert!(!has_moved(ours, &from, &to));
        assert!(rename_new(Domain::Snapshot, &from, &to).is_err());
        // As an answer that was lost leaves it.
        std::fs::remove_file(&from).unwrap();
        assert!(has_moved(ours, &from, &to));
        std::fs::write(&from, "another").unwrap();
        assert!(has_moved(ours, &from, &to) && !has_moved(file_at(&from), &from, &to) && !has_moved(None, &from, &to));
    }

    #[test]
    fn permissions_are_those_that_were_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        without_name(&path).publish(false).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o640);
    }

    #[test]
    fn a_missing_folder_is_not_found_and_a_path_without_a_name_refused() {
        let create = |path: &str| NewFile::create(Domain::ImportExport, Path::new(path), 0o600).unwrap_err();
        assert_eq!(create("/nowhere/at/all.json").status(), Status::NotFound);
        assert_eq!(create("/").status(), Status::InvalidArgument);
    }
}
