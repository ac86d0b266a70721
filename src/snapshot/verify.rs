//! Checks whether a snapshot is unchanged.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use super::create::{checksum, examine};
use super::files::{corrupt, io, is_at, look, open_plain};
use super::folder::Folder;
use super::id::Id;
use super::manifest::Snapshot;
use super::pages::{Counting, Pages};
use crate::database::Depth;
use crate::error::{Result, Status};
use crate::progress::Job;

/// A snapshot whose manifest is sound and whose file has the right size.
pub struct Found {
    pub snapshot: Snapshot,
    pub path: PathBuf,
    file: File,
}

/// Finds a snapshot by what a caller asks for.
pub fn find(folder: &Folder, asked: &str) -> Result<Found> {
    let id = folder.find(asked)?;
    open(folder, &id).map_err(|error| error.detail("snapshot_id", &id))
}

/// Opens a snapshot.
pub fn open(folder: &Folder, id: &Id) -> Result<Found> {
    if look(&folder.manifest(id))?.is_none() {
        return Err(corrupt("the manifest is missing, without which there is no snapshot", &folder.manifest(id)));
    }
    let snapshot = Snapshot::read(folder, id)?;
    let path = folder.database(id);
    if look(&path)?.is_none() {
        return Err(corrupt("the snapshot's file is missing", &path));
    }
    let file = open_plain(&path)?;
    let size = file.metadata().map_err(|error| io("the snapshot cannot be looked at", &path, &error))?.len();
    if size != snapshot.size {
        let message = format!("the snapshot's file has {size} bytes instead of {}", snapshot.size);
        return Err(corrupt(message, &path));
    }
    Ok(Found { snapshot, path, file })
}

impl Found {
    /// Fails unless the file is the one that was made, and whole.
    pub fn check(&self, depth: Depth, job: &Arc<Job>, pages: &mut Pages<'_>) -> Result<()> {
        let (_, found) = checksum(&self.file, &self.path, pages)?;
        if found != self.snapshot.blake3 {
            return Err(corrupt("the snapshot's file was changed: its checksum differs", &self.path)
                .detail("expected", &self.snapshot.blake3)
                .detail("found", found));
        }
        // SQLite opens it by its name.
        if !is_at(&self.file, &self.path) {
            return Err(corrupt("the snapshot's file was replaced while it was read", &self.path));
        }
        job.begin("checking the snapshot")?;
        let (_, statistics) = examine(&self.path, depth, job, None).map_err(|error| match error.status() {
            Status::Corrupt => corrupt("the snapshot's file is damaged", &self.path).caused_by(error),
            _ => error,
        })?;
        if statistics != self.snapshot.statistics {
            return Err(corrupt("the manifest's statistics are not those of the snapshot's file", &self.path));
        }
        Ok(())
    }
}

/// Fails unless the snapshot is as it was made: its size, its checksum, every page, row and index, and its statistics.
pub fn verify(folder: &Folder, asked: &str, job: &Arc<Job>) -> Result<()> {
    let mut pages = Pages::new(job, Counting::Pages, 1);
    job.begin("reading the snapshot")?;
    let found = find(folder, asked)?;
    found.check(Depth::Everything, job, &mut pages).map_err(|error| error.detail("snapshot_id", &found.snapshot.id))?;
    pages.finish();
    Ok(())
}
