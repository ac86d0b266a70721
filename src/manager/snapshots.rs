//! Snapshots of the database: making, listing, verifying, restoring and deleting them.

use std::borrow::Borrow;

use super::{JobOptions, LogLevel, Manager};
use crate::database::Database;
use crate::error::{Domain, Result};
use crate::snapshot::{self, Cleanup, Counting, Folder, RestoreResult, Snapshot, SnapshotList};

/// Options of a new snapshot.
#[derive(Default)]
pub struct SnapshotOptions<'a> {
    /// The text of a JSON object; `None` for an empty one.
    pub metadata: Option<&'a str>,
    pub job: JobOptions,
}

/// Options of a restore.
#[derive(Default)]
pub struct RestoreOptions {
    /// Restore also a snapshot of another database.
    pub force: bool,
    /// Take no snapshot of what is overwritten.
    pub no_safety_snapshot: bool,
    pub job: JobOptions,
}

impl<D: Borrow<Database>> Manager<D> {
    /// The folder for snapshots.
    pub(super) fn folder(&self) -> Result<Folder> {
        match &self.settings.folder {
            Some(folder) => Ok(folder.clone()),
            None => Folder::at(self.settings.options.snapshot_dir.as_deref()),
        }
    }

    /// Makes a snapshot of one consistent state of the database, which others may use meanwhile. Returns its id.
    pub fn create_snapshot(&self, description: &str, options: SnapshotOptions<'_>) -> Result<String> {
        let create = || {
            let request = snapshot::Request::new(description, options.metadata)?;
            let job = options.job.job(Domain::Snapshot);
            let made = snapshot::create(self.database(), &self.folder()?, &request, &job, Counting::Pages)?;
            job.finish();
            self.log(LogLevel::Info, &|| format!("made snapshot {}", made.id));
            Ok(made.id)
        };
        self.logged("create snapshot", create())
    }

    /// The snapshots that were made at `since` (microseconds since 1970, UTC) or later and whose id or description matches the
    /// glob `pattern`.
    pub fn list_snapshots(&self, since: Option<i64>, pattern: Option<&str>) -> Result<SnapshotList> {
        self.logged("list snapshots", self.folder().and_then(|folder| snapshot::list(&folder, since, pattern)))
    }

    /// What a snapshot's manifest says.
    pub fn snapshot_details(&self, id: &str) -> Result<Snapshot> {
        self.logged("snapshot details", self.folder().and_then(|folder| snapshot::details(&folder, id)))
    }

    /// Fails unless the snapshot is as it was made.
    pub fn verify_snapshot(&self, id: &str, options: JobOptions) -> Result<()> {
        let job = options.job(Domain::Snapshot);
        let verified = self.folder().and_then(|folder| snapshot::verify(&folder, id, &job));
        if verified.is_ok() {
            job.finish();
        }
        self.logged("verify snapshot", verified)
    }

    /// Replaces everything in the database by the snapshot. Other programs see the old content or the new one, nothing in between.
    pub fn restore_snapshot(&self, id: &str, options: RestoreOptions) -> Result<RestoreResult> {
        let restore = || {
            let job = options.job.job(Domain::Snapshot);
            let how = (options.force, !options.no_safety_snapshot);
            let done = snapshot::restore(self.database(), &self.folder()?, id, how, &job)?;
            job.finish();
            self.log(LogLevel::Info, &|| format!("restored snapshot {}", done.snapshot_id));
            Ok(done)
        };
        self.logged("restore snapshot", restore())
    }

    /// Deletes a snapshot.
    pub fn delete_snapshot(&self, id: &str) -> Result<()> {
        self.logged("delete snapshot", self.folder().and_then(|folder| snapshot::delete(&folder, id)))
    }

    /// Keeps the newest `keep` snapshots of this database and deletes its other snapshots. Returns how many it deleted.
    pub fn cleanup_snapshots(&self, keep: i64) -> Result<u64> {
        Ok(self.cleanup_snapshots_with(keep, false)?.deleted)
    }

    /// Like [`Manager::cleanup_snapshots`], but also counts the snapshots of a database that only resembles this one, which it keeps. With
    /// `claim` it treats them as snapshots of this database: use it for a database that was moved to another machine with its snapshots.
    pub fn cleanup_snapshots_with(&self, keep: i64, claim: bool) -> Result<Cleanup> {
        let cleaned = self.folder().and_then(|folder| snapshot::cleanup(self.database(), &folder, keep, claim));
        if let Ok(Cleanup { left: left @ 1.., .. }) = &cleaned {
            self.log(LogLevel::Warning, &|| {
                format!("left {left} snapshots of a database that resembles this one: it is not certain that they are its own")
            });
        }
        self.logged("clean up snapshots", cleaned)
    }
}
