//! How a database may be used.

use std::path::PathBuf;
use std::time::Duration;

use super::secret::Password;

/// How a database may be used.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// Refuse everything that writes.
    pub read_only: bool,
    /// Create the file or the schema if it is missing, and the tables of generation 2 in one that is empty.
    pub create: bool,
    /// Like `create`, but create the tables also beside other tables, which are not changed.
    pub create_beside: bool,
    /// How long to wait for other connections' locks.
    pub busy_timeout: Duration,
    /// Refuse if this process has the file open through another copy of SQLite. For hosts that are not Rust programs.
    pub guard: bool,
    /// The password for a server, instead of one in the URL.
    pub password: Option<Password>,
    /// The longest time for which reading makes the writers of a SQLite file in rollback-journal mode wait. A call that would take longer
    /// reads a private copy. `None` reads in place, however long that takes.
    pub max_read_lock: Option<Duration>,
    /// The folder for private copies; `None` for the folder of SQLite's temporary files.
    pub temp_dir: Option<PathBuf>,
}

impl Default for OpenOptions {
    fn default() -> OpenOptions {
        OpenOptions {
            read_only: false,
            create: false,
            create_beside: false,
            busy_timeout: Duration::from_secs(5),
            guard: false,
            password: None,
            max_read_lock: Some(Duration::from_secs(2)),
            temp_dir: None,
        }
    }
}

impl OpenOptions {
    /// Whether what is missing is created.
    pub(super) fn creates(&self) -> bool {
        self.create || self.create_beside
    }
}
