//! Opening databases and talking to them.
//!
//! [`Database`] is what users hold: where the data is and how it may be used. Everything above this room works through the
//! small [`Connection`] trait and a [`Layout`], so it does not know which engine it talks to. Here, and only here, stands
//! what is particular to an engine.

mod cell_buffer;
mod chunk;
mod connection;
mod descriptors;
mod foreign_key;
mod glob;
mod guard;
mod handle;
mod id_map;
mod id_table;
mod layout;
mod loss;
mod mentions;
mod missing_column;
#[cfg(feature = "mysql")]
mod mysql;
mod one_file;
mod paged;
mod read;
mod reference;
mod secret;
mod spool;
mod sqlite;
mod sqlite_add;
mod sqlite_aside;
mod sqlite_beside;
mod sqlite_cell;
mod sqlite_check;
mod sqlite_copy;
mod sqlite_counters;
mod sqlite_cursors;
mod sqlite_error;
mod sqlite_file;
mod sqlite_insert;
mod sqlite_layout;
mod sqlite_pace;
mod sqlite_pages;
mod sqlite_private;
mod sqlite_read;
mod sqlite_references;
mod sqlite_seek;
mod sqlite_state;
mod sqlite_url;
mod sqlite_walk;
mod state;
mod still;
mod temporary;
mod unsteady;
mod url;
mod watched;
mod widening;

/// For the C API, which knows what goes on in the process.
pub(crate) use descriptors::{Lent, lend};
pub(crate) use guard::{FileId, Held, hold};

pub use cell_buffer::CellBuffer;
pub use chunk::Chunk;
pub use connection::{
    Cells, Change, Connection, Copied, Cursor, Depth, Engine, Inserter, Next, Query, Reading, Row, RowCounts,
    Transaction, Watches, Whereabouts, Write,
};
pub use foreign_key::{ForeignKey, TableName};
pub use glob::Glob;
pub use handle::{Database, OpenOptions};
pub use id_map::{Fingerprint, IdMap};
pub use id_table::IdTable;
pub use layout::{Affinity, ColumnLayout, Filled, Layout, Storage, TableLayout, utf16_holds};
pub use loss::{KEPT, Loss, Losses};
pub use mentions::Mentioned;
pub use missing_column::{Kinds, MissingColumn, cannot_add};
pub use paged::{HashList, Paged};
pub use read::{EachRow, QueryRow, ReadStatement};
pub use reference::{Reference, References};
pub use secret::{Password, Secret};
pub use sqlite::sqlite_version;
pub use sqlite_file::{create_copy, open_copy};
pub use state::State;
pub use unsteady::Unsteady;
pub use widening::Widening;
