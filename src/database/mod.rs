//! Opening databases and talking to them.
//!
//! [`Database`] is what users hold: where the data is and how it may be used. Everything above this room works through the
//! small [`Connection`] trait and a [`Layout`], so it does not know which engine it talks to. Here, and only here, stands
//! what is particular to an engine.

mod affinity;
mod capabilities;
mod chunk;
mod column;
mod connection;
mod creating;
mod descriptors;
mod drivers;
mod foreign_key;
mod glob;
mod guard;
mod handle;
mod identity;
mod layout;
mod links;
mod loss;
mod mentions;
mod missing_column;
#[cfg(feature = "mysql")]
mod mysql;
mod one_file;
mod options;
mod read;
mod reference;
mod secret;
mod sqlite;
mod state;
mod still;
mod store;
mod unsteady;
mod url;
mod watched;
mod widening;

/// For the C API, which knows what goes on in the process.
pub(crate) use descriptors::{Lent, lend};
pub(crate) use guard::{FileId, Held, hold};

pub use affinity::{Affinity, utf16_holds};
pub use capabilities::Capabilities;
pub use chunk::Chunk;
pub use column::{ColumnLayout, EngineType, Storage};
pub use connection::{
    Cells, Change, Connection, Copied, Cursor, Depth, Inserter, Next, Query, Reading, Row, RowCounts, Transaction,
    Watches, Write,
};
pub use foreign_key::{ForeignKey, TableName};
pub use glob::Glob;
pub use handle::Database;
pub use layout::{Filled, Layout, TableLayout};
pub use loss::{KEPT, Loss, Losses};
pub use mentions::Mentioned;
pub use missing_column::{Kinds, MissingColumn, cannot_add};
pub use options::OpenOptions;
pub use read::{EachRow, QueryRow, ReadStatement};
pub use reference::{Reference, References};
pub use secret::{Password, Secret};
pub use sqlite::{create_copy, open_copy, sqlite_version};
pub use state::State;
pub use unsteady::Unsteady;
pub use widening::Widening;
