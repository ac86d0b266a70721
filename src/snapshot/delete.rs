//! Deleting snapshots.

use super::files::{look, open_folder, remove};
use super::folder::Folder;
use super::id::Id;
use super::identity::Ownership;
use super::list::list;
use super::reservation::{Reservation, sweep};
use crate::database::Database;
use crate::error::{Domain, Error, Result, Status};

/// Deletes a snapshot, also a broken one.
pub fn delete(folder: &Folder, asked: &str) -> Result<()> {
    let id = folder.find(asked)?;
    remove_snapshot(folder, &id).map_err(|error| error.detail("snapshot_id", &id))
}

fn remove_snapshot(folder: &Folder, id: &Id) -> Result<()> {
    let right = Reservation::wait(folder, id)?;
    // Somebody else may have been faster.
    folder.find(id.as_str())?;
    let names = open_folder(folder.path())?;
    // From here on it does not count. The reservation deletes the rest, or whoever finds it.
    remove(&folder.manifest(id))?;
    names.settle("the snapshot is deleted")?;
    remove(&folder.database(id)).map_err(|cause| {
        Error::undecided(Status::Io, Domain::Snapshot, "the snapshot is deleted, but its file is still there")
            .hint("the next call that makes or deletes a snapshot in the folder tries again")
            .caused_by(cause)
    })?;
    drop(right);
    names.settle("the snapshot is deleted")
}

/// What a cleanup did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cleanup {
    /// Snapshots that were deleted.
    pub deleted: u64,
    /// Snapshots that may belong to this database, but were kept because that is not certain.
    pub left: u64,
}

/// Keeps the newest snapshots of this database, and deletes its others: those that are certainly its own, and with `claim` those,
/// too, of a database that resembles it. Snapshots of other databases, and broken ones, of which it cannot be known whose they are,
/// stay.
pub fn cleanup(database: &Database, folder: &Folder, keep: i64, claim: bool) -> Result<Cleanup> {
    let Ok(keep) = usize::try_from(keep) else {
        return Err(Error::argument(Domain::Snapshot, "keep_count", format!("keep_count is negative: {keep}"))
            .hint("0 deletes all snapshots of this database"));
    };
    database.refuse_replaced()?;
    if look(folder.path())?.is_none() {
        return Ok(Cleanup::default());
    }
    sweep(folder)?;
    let (mut ours, mut left) = (Vec::new(), 0);
    for snapshot in list(folder, None, None)?.snapshots {
        match snapshot.database.is_of(database)? {
            Ownership::File => ours.push(snapshot.id),
            Ownership::Content if claim => ours.push(snapshot.id),
            Ownership::Content => left += 1,
            Ownership::No => {}
        }
    }
    database.refuse_replaced()?;
    let mut deleted = 0;
    for id in ours.iter().skip(keep) {
        match delete(folder, id) {
            Ok(()) => deleted += 1,
            // Somebody else was faster.
            Err(error) if error.status() == Status::NotFound => {}
            Err(error) => return Err(error.detail("deleted", deleted)),
        }
    }
    Ok(Cleanup { deleted, left })
}
