//! The capabilities of PostgreSQL.

use crate::database::capabilities::Capabilities;

pub static CAPABILITIES: Capabilities = Capabilities {
    engine: "postgresql",
    whole_files: false,
    other_writers: true,
    locks_for_readers: false,
    ddl_commits: false,
    indexes_foreign_keys: false,
    how_to_widen: Some("widen the target's columns with expmig_schema_widen"),
};
