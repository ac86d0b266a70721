//! Whether a database in WAL mode and its log are unchanged, for a copy that is made without the locks that SQLite would take.

use std::fs::Metadata;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::error::{Domain, Error, Result};

/// Longer than any clock of a file system goes on showing one time.
pub const TICK: Duration = Duration::from_millis(100);

/// A file that SQLite keeps beside a database.
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.to_owned().into_os_string();
    name.push(suffix);
    PathBuf::from(name)
}

/// What tells that a file was written to: which it is, its size, and when it and what is known of it were changed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    file: (u64, u64),
    size: u64,
    changed: [(i64, i64); 2],
}

impl Stamp {
    fn of(meta: &Metadata) -> Stamp {
        let changed = [(meta.mtime(), meta.mtime_nsec()), (meta.ctime(), meta.ctime_nsec())];
        Stamp { file: (meta.dev(), meta.ino()), size: meta.size(), changed }
    }
}

/// A database and its log at one moment.
#[derive(Clone, Debug)]
pub struct Still {
    database: Stamp,
    /// `None` if there is none, or nothing in it.
    log: Option<Stamp>,
    latest: Option<SystemTime>,
}

impl PartialEq for Still {
    fn eq(&self, other: &Still) -> bool {
        self.database == other.database && self.log == other.log
    }
}

impl Still {
    /// Looks at both, without opening them.
    pub fn look(path: &Path) -> Result<Still> {
        let cannot =
            |path: &Path, error| Error::from_io(Domain::Database, "the file cannot be looked at", path, &error);
        let database = std::fs::metadata(path).map_err(|error| cannot(path, error))?;
        let log_path = beside(path, "-wal");
        let log = match std::fs::metadata(&log_path) {
            Ok(meta) => Some(meta).filter(|meta| meta.len() > 0),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(cannot(&log_path, error)),
        };
        let latest =
            [Some(&database), log.as_ref()].into_iter().flatten().filter_map(|meta| meta.modified().ok()).max();
        Ok(Still { database: Stamp::of(&database), log: log.as_ref().map(Stamp::of), latest })
    }

    /// Whether there is something in the log.
    pub fn has_log(&self) -> bool {
        self.log.is_some()
    }

    /// The bytes of both.
    pub fn size(&self) -> u64 {
        self.log.as_ref().map_or(0, |log| log.size).saturating_add(self.database.size)
    }

    /// Whether one more change could still get the times of the last.
    pub fn is_recent(&self) -> bool {
        // A time to come is none that can be trusted.
        self.latest.is_none_or(|latest| latest.elapsed().map_or(true, |age| age < TICK))
    }
}
