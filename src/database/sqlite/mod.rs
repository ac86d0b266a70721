//! What is particular to SQLite.
//!
//! - [`address`] is the address, [`failure`] SQLite's errors as ours, [`cell`] a value on its way.
//! - [`layout`] reads what a file has, [`references`] finds the foreign keys that lead to our tables, [`add`] adds a column.
//! - [`insert`] writes rows, [`cursors`] reads several queries at once, [`read`] lets other people's statements do nothing but read.
//! - [`connection`] puts these together, [`store`] is what a handle holds.
//! - How jobs read without keeping writers waiting: [`state`] is one consistent state, [`private`] a copy to read it from, [`pace`] how
//!   long reading may take. [`aside`] opens what has a write-ahead log where nothing may be written; [`beside`] tidies what opening made.
//! - [`copy`] copies whole files page by page ([`pages`]) for snapshots, and [`counters`] keeps the counters of ids in them.
//! - [`check`] looks for damage, by [`walk`] where SQLite itself would take long.

mod add;
mod address;
mod aside;
mod beside;
mod capabilities;
mod cell;
mod check;
mod connection;
mod copy;
mod counters;
mod cursors;
mod failure;
mod insert;
mod layout;
mod open;
mod pace;
mod pages;
mod private;
mod read;
mod references;
mod state;
mod store;
mod walk;

#[cfg(test)]
pub use address::SqliteAddress;
pub use capabilities::CAPABILITIES;
pub use connection::sqlite_version;
pub use open::{of_file, of_path, of_sqlite};
pub use store::{create_copy, open_copy};
