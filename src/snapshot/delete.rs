//! Deleting snapshots.

use super::files::{look, remove, sync_folder};
use super::folder::Folder;
use super::id::Id;
use super::identity::Known;
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
    // From here on it does not count. The reservation deletes the rest, or whoever finds it.
    remove(&folder.manifest(id))?;
    sync_folder(folder.path())?;
    remove(&folder.database(id))?;
    drop(right);
    sync_folder(folder.path())
}

/// Keeps the newest snapshots of this database, and deletes its others. Returns how many it deleted. Snapshots of other databases,
/// and broken ones, of which it cannot be known whose they are, stay.
pub fn cleanup(database: &Database, folder: &Folder, keep: i64) -> Result<u64> {
    let Ok(keep) = usize::try_from(keep) else {
        return Err(Error::argument(Domain::Snapshot, "keep_count", format!("keep_count is negative: {keep}"))
            .hint("0 deletes all snapshots of this database"));
    };
    database.refuse_replaced()?;
    if look(folder.path())?.is_none() {
        return Ok(0);
    }
    sweep(folder)?;
    let mut ours = Vec::new();
    for snapshot in list(folder, None, None)?.snapshots {
        if snapshot.database.is_of(database)? != Known::No {
            ours.push(snapshot.id);
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
    Ok(deleted)
}
