//! The capabilities of MySQL and MariaDB.

use crate::database::capabilities::Capabilities;

pub static CAPABILITIES: Capabilities = Capabilities {
    engine: "mysql",
    whole_files: false,
    other_writers: true,
    locks_for_readers: false,
    ddl_commits: true,
    indexes_foreign_keys: true,
    how_to_widen: Some("widen the target's columns with expmig_schema_widen"),
};
