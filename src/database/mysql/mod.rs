//! MySQL and MariaDB.
//!
//! All code above this room uses one dialect of SQL, and a session here is set up to understand it: names in double quotes (`ANSI_QUOTES`),
//! numbered parameters (`?1`, see [`placeholders`]), strict types. DDL commits, so it never runs inside a transaction that has written.
//!
//! Beside the files that every engine has ([`super`] lists them):
//!
//! - [`session`] connects, within the connect timeout, with the [`settings`] that a session needs. [`read_timeout`] limits how long the
//!   server may be silent. [`socket`] has the descriptors that a child closes after a fork.
//! - A result set occupies its connection until it is read. [`channel`] lets other statements run first: it stores the rest of a
//!   [`result_set`] (in memory, then on disk), so that every statement of a job runs in its one transaction.
//! - [`privileges`] proves that the account sees the whole schema, [`key_columns`] reads the columns of foreign keys.
//! - [`column_type`] is the type of a column, [`type_rules`] its rules for code above this room. [`coercion`] decides how a column converts
//!   a value, so that nothing is left to the server; [`numbers`], [`times`] and [`enum_members`] are parts of it. [`tables`] has facts about a table
//!   that only the server knows.
//! - [`load_data`] writes many rows as text, and [`load_thread`] sends them while the next ones are prepared.
//! - [`reserve_ids`] reserves ids, over a [`second_connection`]; [`cluster_ids`] does where several servers number the rows.
//! - [`cluster`] knows what cluster the server belongs to ([`cluster_kind`] is which kind), and what that allows.
//! - [`widen`] changes types that are too narrow. [`column_attributes`] are the attributes that a changed column must keep. [`foreign_key`]
//!   drops the foreign keys that prevent a change, and adds them again; [`widening_log`] records them, so that a widening that is cut off
//!   loses none. [`names`] quotes names in statements that users run.

mod add_column;
mod address;
mod capabilities;
mod cell;
mod change;
mod channel;
mod cluster;
mod cluster_ids;
mod cluster_kind;
mod coercion;
mod column_attributes;
mod column_type;
mod connection;
mod ddl;
mod engine;
mod enum_members;
mod failure;
mod foreign_key;
mod insert;
mod key_columns;
mod layout;
mod load_data;
mod load_thread;
mod names;
mod numbers;
mod open;
mod placeholders;
mod privileges;
mod read;
mod read_timeout;
mod references;
mod reserve_ids;
mod result_set;
mod second_connection;
mod session;
mod settings;
mod socket;
mod store;
mod tables;
mod times;
mod triggers;
mod type_rules;
mod waits;
mod widen;
mod widening_log;

pub use capabilities::CAPABILITIES;
pub use open::address;
