//! Restores a snapshot into the existing database.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::create::{Request, create};
use super::folder::Folder;
use super::identity::Ownership;
use super::manifest::{Snapshot, Statistics};
use super::pages::{Counting, Pages};
use super::rows;
use super::verify::{Found, find};
use crate::database::{Database, Depth, Watches};
use crate::error::{Domain, Error, Result, Status};
use crate::progress::Job;

/// What a restore did.
#[derive(Clone, Debug)]
pub struct RestoreResult {
    pub snapshot_id: String,
    /// The safety snapshot of the overwritten content, if one was taken.
    pub safety_snapshot_id: Option<String>,
    /// How the database was recognised as that of the snapshot.
    pub database: Ownership,
    /// What the database has now.
    pub statistics: Statistics,
    pub size: u64,
    /// What could not be checked.
    pub warnings: Vec<String>,
    pub duration: Duration,
}

impl RestoreResult {
    /// Schema `expmig.restore/1`.
    pub fn to_json(&self) -> Json {
        json!({
            "schema": "expmig.restore/1",
            "snapshot_id": self.snapshot_id,
            "safety_snapshot_id": self.safety_snapshot_id,
            "database": self.database.name(),
            "statistics": self.statistics,
            "size": self.size,
            "warnings": self.warnings,
            "duration_ns": u64::try_from(self.duration.as_nanos()).unwrap_or(u64::MAX),
        })
    }
}

/// Replaces everything in `database` by the snapshot. `force`: also if it is another database's. `safety`: take a snapshot of what
/// is overwritten first.
pub fn restore(
    database: &Database,
    folder: &Folder,
    asked: &str,
    (force, safety): (bool, bool),
    job: &Arc<Job>,
) -> Result<RestoreResult> {
    database.refuse_read_only(Domain::Snapshot)?;
    database.refuse_replaced()?;
    let mut pages = Pages::new(job, Counting::Pages, 2);
    job.begin("reading the snapshot")?;
    let found = find(folder, asked)?;
    let id = &found.snapshot.id;
    let known = found.snapshot.database.is_of(database)?;
    if !force {
        match known {
            Ownership::File => {}
            Ownership::Content => return Err(perhaps_of_another(&found.snapshot, database)),
            Ownership::No => return Err(of_another(&found.snapshot, database)),
        }
    }
    found.check(Depth::Structure, job, &mut pages).map_err(|error| error.detail("snapshot_id", id))?;
    pages.next("restoring")?;
    let (safety, warnings) = overwrite(database, folder, &found, safety, job, &mut pages)?;
    pages.finish();
    Ok(RestoreResult {
        snapshot_id: id.clone(),
        safety_snapshot_id: safety,
        database: known,
        statistics: found.snapshot.statistics,
        size: found.snapshot.size,
        warnings,
        duration: job.elapsed(),
    })
}

/// The id of the snapshot of what was overwritten, if one was wanted, and what could not be made sure of. It stays when the rest
/// fails.
fn overwrite(
    database: &Database,
    folder: &Folder,
    found: &Found,
    safety: bool,
    job: &Arc<Job>,
    pages: &mut Pages<'_>,
) -> Result<(Option<String>, Vec<String>)> {
    let request = Request::new(&format!("before restoring {}", found.snapshot.id), None)?;
    let mut kept: Option<String> = None;
    let mut keep = || -> Result<()> {
        if let Some(outdated) = kept.take() {
            super::delete(folder, &outdated)?;
        }
        let taken = create(database, folder, &request, job, Counting::Nothing).map_err(no_safety)?;
        kept = Some(taken.id);
        job.begin("restoring")
    };
    let keep: Option<&mut dyn FnMut() -> Result<()>> = if safety { Some(&mut keep) } else { None };
    let reader = database.reader()?;
    let _watches = Watches::new(job, [reader, reader]);
    let mut copied = |done, total| pages.at(done, total);
    let warnings = match database.capabilities().whole_files {
        true => database.replace_content(&found.path, keep, job, &mut copied).map(|()| Vec::new())?,
        false => rows::replace(database, &found.path, keep, job, &mut copied)?,
    };
    Ok((kept, warnings))
}

/// Stopping is no failure of the safety snapshot.
fn no_safety(cause: Error) -> Error {
    if matches!(cause.status(), Status::Cancelled | Status::Callback) {
        return cause;
    }
    Error::new(
        cause.status(),
        Domain::Snapshot,
        "the safety snapshot of the current content failed; nothing was changed",
    )
    .hint("correct what the cause of this error says, or restore without a safety snapshot (EXPMIG_RESTORE_NO_SAFETY_SNAPSHOT)")
    .caused_by(cause)
}

/// A copy has the same name and the same experiments, and so has what it was copied from.
fn perhaps_of_another(snapshot: &Snapshot, database: &Database) -> Error {
    let (what, place) = match database.capabilities().whole_files {
        true => ("file", "to another file system or machine"),
        false => ("server", "to another server"),
    };
    let message = format!(
        "the snapshot {} is of a database that resembles this one (its name or its place, and experiments), but it is not certain that it is the same {what}",
        snapshot.id
    );
    let error = Error::new(Status::Mismatch, Domain::Snapshot, message).detail("snapshot_id", &snapshot.id);
    database
        .name_in(error)
        .detail("snapshot_database", &snapshot.database.file_name)
        .detail("snapshot_created_at", &snapshot.created_at)
        .detail("known", Ownership::Content.name())
        .hint(format!(
            "if this database was moved {place}, or is a copy that should get the content of the snapshot, force it \
             (EXPMIG_RESTORE_FORCE), which replaces everything in this one"
        ))
}

fn of_another(snapshot: &Snapshot, database: &Database) -> Error {
    let message = format!("the snapshot {} is of another database", snapshot.id);
    let error = Error::new(Status::Mismatch, Domain::Snapshot, message).detail("snapshot_id", &snapshot.id);
    database.name_in(error).detail("snapshot_database", &snapshot.database.file_name).hint(
        "restore it into its own database, or force it (EXPMIG_RESTORE_FORCE), which replaces everything in this one",
    )
}
