//! Snapshots: copies of a whole database in a folder, to be listed, verified and restored. docs/snapshots.md is the contract.
//!
//! A snapshot is two files, `ID.db` and its manifest `ID.json`, which is written last: without it there is no snapshot. Nothing that is read from the
//! folder is trusted until it was checked. The manager calls this room, also for migrations that take a snapshot before they write.
//!
//! In order: `id` and `manifest` say what a snapshot is, `identity` of which database; `folder` finds them, `reservation` keeps
//! two calls from making the same one and removes the remains of calls that were cut off; `create`, `verify`, `restore` and `delete` do the work.

mod create;
mod delete;
mod files;
mod folder;
mod id;
mod identity;
mod list;
mod manifest;
mod pages;
mod reservation;
mod restore;
mod rows;
mod table_checksum;
mod verify;

pub use create::{Request, create};
pub use delete::{Cleanup, cleanup, delete};
pub use folder::Folder;
pub use identity::{Fingerprint, Identity, Ownership};
pub use list::{Broken, SnapshotList, details, list};
pub use manifest::{Snapshot, Statistics};
pub use pages::Counting;
pub use restore::{RestoreResult, restore};
pub use verify::verify;
