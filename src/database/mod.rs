//! Opening databases and talking to them.
//!
//! Users hold a [`Database`]: the address of the data and how it may be used. Everything above this room works through a
//! [`Connection`] and a [`Layout`], so it does not know which engine it uses; it may ask only for the [`Capabilities`] of the engine.
//! The code for an engine is in its folder, and `drivers` is the one table that names the engines. `server` is what the engines on servers share.
//!
//! An engine is a folder, which has the same files for the same jobs as the others, and a line in that table:
//!
//! | file | what it holds |
//! |---|---|
//! | `capabilities.rs` | one [`Capabilities`]; docs/servers.md has a column for each engine |
//! | `address.rs`, `open.rs` | parse the rest of a URL after its scheme, and open a `store` |
//! | `store.rs` | what a handle holds: its connections, which are opened when they are needed, and facts about the whole database |
//! | `connection.rs` | one connection: opening it, running statements on it |
//! | `engine.rs` | the one implementation of a [`Connection`]: [`Reads`], [`Writes`], [`Catalog`], [`Dialect`] |
//! | `layout.rs`, `references.rs`, `triggers.rs` | the tables and columns of the database, the foreign keys to our tables, whether triggers fire |
//! | `cell.rs`, `cursors.rs` | converting values, and reading several queries at once (on servers: `server/result_sets.rs`) |
//! | `insert.rs`, `change.rs`, `add_column.rs` | writing rows, statements that run often, adding missing columns |
//! | `coercion.rs` | how a column converts a value; a type with rules of its own is an [`EngineType`] |
//! | `read.rs` | SQL from callers, restricted to reading |
//! | `waits.rs` | waiting for the locks of others, where the server does not |
//! | `failure.rs` | converts the engine's errors to ours |

mod affinity;
mod cannot_add;
mod capabilities;
mod chunk;
mod column;
mod connection;
mod creating;
mod descriptors;
mod drivers;
mod file_id;
mod foreign;
mod foreign_key;
mod glob;
mod handle;
mod identity;
mod layout;
mod links;
mod loss;
mod mentions;
mod missing_column;
#[cfg(feature = "mysql")]
mod mysql;
mod options;
#[cfg(feature = "postgres")]
mod postgres;
mod read;
mod reference;
mod refused_sql;
mod rows;
mod secret;
#[cfg(feature = "servers")]
mod server;
mod sqlite;
mod state;
mod store;
mod table_queries;
mod transaction;
mod transaction_size;
mod unsteady;
mod url;
mod version;
mod watched;
mod widening;

pub(crate) use descriptors::{Lent, lend};
pub(crate) use file_id::FileId;

pub use affinity::{Affinity, utf16_holds};
pub use cannot_add::cannot_add;
pub use capabilities::Capabilities;
pub use chunk::{Chunk, FULL_BYTES, Stages};
pub use column::{ColumnLayout, EngineType, Storage};
pub use connection::{
    Catalog, Change, Connection, Copied, Depth, Dialect, Inserter, Reading, Reads, RowCounts, Whereabouts, Write,
    Writes,
};
pub use foreign::Foreign;
pub use foreign_key::{ForeignKey, TableName};
pub use glob::Glob;
pub use handle::Database;
pub use layout::{Filled, Layout, TableLayout};
pub use loss::{ANOTHER_VALUE, CONVERTED, KEPT, Loss, Losses, NO_COLUMN, REFUSED_VALUE};
pub use mentions::Mentioned;
pub use missing_column::{Kinds, MissingColumn};
pub use options::OpenOptions;
pub use read::{EachRow, QueryRow, ReadStatement};
pub use reference::{Reference, References};
pub use rows::{Cells, Cursor, Next, Query, Row};
pub use secret::{Password, Secret};
#[cfg(fuzzing)]
pub(crate) use sqlite::any_damage;
pub use sqlite::{CHANGED, Scratch, THERE, create_copy, open_copy, sqlite_version};
pub(crate) use sqlite::{Held, hold};
pub use state::State;
pub use table_queries::{between, select_between};
pub use transaction::{Transaction, Watches};
pub use transaction_size::{Planned, TransactionSize};
pub use unsteady::Unsteady;
pub use version::Version;
pub use widening::Widening;
