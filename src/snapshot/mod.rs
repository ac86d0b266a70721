//! Snapshots: whole copies of a database in a folder, to be looked at, verified and restored. docs/snapshots.md is the contract.
//!
//! A snapshot is two files, `ID.db` and its manifest `ID.json`, which is written last: without it there is no snapshot. Everything
//! that is read here from a folder is somebody else's word until it was checked. The manager calls this room, and so does whoever
//! needs a snapshot before changing something.
//!
//! In order: `id` and `manifest` say what a snapshot is, `identity` of which database; `folder` finds them, `reservation` keeps
//! two calls from making the same one and sweeps what was cut off; `create`, `verify`, `restore` and `delete` do the work.

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
