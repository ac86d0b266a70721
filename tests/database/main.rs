//! Files as they are found: opened, read in odd schemas and types, beside others, without rights, replaced while they are open.

mod bad_input;
mod live_training;
mod odd_schemas;
mod query;
mod reading_once;
mod replaced_file;
mod sqlite_types;
#[path = "../support/mod.rs"]
mod support;
mod write_ahead_log;
