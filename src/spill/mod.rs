//! Sets, maps and lists that stay small in memory and go on to disk: what a job has to remember of millions of rows.
//!
//! What does not fit goes into private temporary databases ([`temporary`]) that are gone with the process. Everything above may use
//! them; they know nothing of databases, tables or jobs.
//!
//! - [`CellBuffer`]: values one after another, in memory; `Spool`: rows put aside, first in first out.
//! - [`IdMap`]: what became of each id. [`IdTable`]: a set of ids. [`Paged`]: a few bytes for each number from 0 on.

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
