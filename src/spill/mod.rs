//! Sets, maps and lists that are small in memory and overflow to disk: what a job must remember about millions of rows.
//!
//! Data that does not fit into memory goes into private temporary databases and files ([`temporary`]) that disappear with the process. All rooms above may use
//! these collections, which know nothing of databases, tables or jobs.
//!
//! - [`CellBuffer`]: values one after another, in memory; [`Spool`]: a queue of rows, first in first out; [`Pieces`]: one of bytes.
//! - [`IdMap`]: the new id of each id. [`IdTable`]: a set of ids. [`Paged`]: a few bytes for each number from 0 on.

mod cell_buffer;
mod id_map;
mod id_table;
mod paged;
mod spool;
pub mod temporary;

pub use cell_buffer::CellBuffer;
pub use id_map::{Fingerprint, IdMap};
pub use id_table::IdTable;
pub use paged::{HashList, Paged};
pub use spool::Spool;
pub use temporary::Pieces;
