//! SQLite.
//!
//! Beside the files that every engine has ([`super`] lists them):
//!
//! - [`ids`] finds ids that were never used, [`id_counters`] keeps the counters of AUTOINCREMENT when the whole content is replaced.
//! - [`seek`] finds rows by an index.
//! - [`read_guard`] is SQLite's authorizer, which lets a caller's SQL only read.
//! - Reading without blocking writers: [`state`] is one consistent state, [`private_copy`] a copy from which it can be read.
//! - [`copy`] copies whole files page by page ([`backup_pages`]) for snapshots, [`copy_pace`] decides when that would block writers for
//!   too long, [`copy_file`] opens the files that hold copies.
//! - Files in WAL mode: [`unwritable`] reads a database where nothing may be written, [`wal_files`] removes the files that reading created,
//!   [`still`] sees whether the database and its log change.
//! - [`scratch`] is a database of our own, in which rows are put together for another.
//! - [`process_guard`] refuses a file that the process has open through another copy of SQLite, or had when it was forked.
//!   [`one_file`] makes sure that a handle stays with the file that it opened.
//! - [`path_check`] checks whether a path can be that of a database.
//! - [`integrity`] looks for damage, by [`page_check`] where SQLite itself would take long ([`page_bytes`]).

mod add_column;
mod address;
#[cfg(any(test, fuzzing))]
pub mod any_damage;
mod backup_pages;
mod capabilities;
mod cell;
mod change;
mod coercion;
mod connection;
mod copy;
mod copy_file;
mod copy_pace;
mod cursors;
mod engine;
mod failure;
mod id_counters;
mod ids;
mod insert;
mod integrity;
mod layout;
mod one_file;
mod open;
mod page_bytes;
mod page_check;
mod path_check;
mod private_copy;
mod process_guard;
mod read;
mod read_guard;
mod references;
mod scratch;
mod seek;
mod state;
mod still;
mod store;
mod triggers;
mod unwritable;
mod waits;
mod wal_files;

#[cfg(test)]
pub use address::SqliteAddress;
pub use capabilities::CAPABILITIES;
pub use connection::sqlite_version;
pub use copy_file::{create_copy, open_copy};
pub use open::{of_file, of_path, of_sqlite};
/// For the C API, which knows what goes on in the process.
pub use process_guard::{Held, hold};
pub use scratch::{CHANGED, Scratch, THERE};
