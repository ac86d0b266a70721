//! The capabilities of SQLite.

use crate::database::capabilities::Capabilities;

pub static CAPABILITIES: Capabilities = Capabilities {
    engine: "sqlite",
    whole_files: true,
    other_writers: false,
    locks_for_readers: true,
    ddl_commits: false,
    indexes_foreign_keys: false,
    how_to_widen: None,
};
