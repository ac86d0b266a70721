//! What is particular to SQLite.
//!
//! - [`url`] is the address, [`failure`] SQLite's errors as ours, [`cell`] a value on its way.
//! - [`layout`] reads what a file has, [`references`] finds the foreign keys that lead to our tables, [`add`] adds a column.
//! - [`insert`] writes rows, [`cursors`] reads several queries at once, [`seek`] finds where rows are, [`read`] lets other people's statements do nothing but read.
//! - [`connection`] puts these together, [`store`] is what a handle holds.
//! - How jobs read without keeping writers waiting: [`state`] is one consistent state, [`private`] a copy to read it from, [`pace`] how
//!   long reading may take. [`aside`] opens what has a write-ahead log where nothing may be written; [`beside`] tidies what opening made.
//! - [`copy`] copies whole files page by page ([`pages`]) for snapshots, and [`counters`] keeps the counters of ids in them.
//! - [`check`] looks for damage, by [`walk`] where SQLite itself would take long.

mod add;
mod aside;
mod beside;
mod cell;
mod check;
mod connection;
mod copy;
mod counters;
mod cursors;
mod failure;
mod insert;
mod layout;
mod pace;
mod pages;
mod private;
mod read;
mod references;
mod seek;
mod state;
mod store;
mod url;
mod walk;

pub use connection::sqlite_version;
pub use state::SqliteState;
pub use store::{SqliteFile, create_copy, open_copy};
pub use url::SqliteAddress;
