//! MySQL and MariaDB.
//!
//! Everything above this room speaks one SQL, which a session here is set up to understand: names in double quotes (`ANSI_QUOTES`),
//! numbered parameters (`?1`, see [`placeholders`]), strict types. DDL commits, so it never runs inside of a transaction that has written.
//!
//! Beside the files that every engine has ([`super`] lists them):
//!
//! - [`session`] connects, within [`connect_timeout`], with the [`settings`] that a session needs; [`read_timeout`] is how long the
//!   server may be silent, [`socket`] what a child after a fork lets go of.
//! - A result set occupies its connection until it is read. [`channel`] lets others go first: what is left of a [`result_set`] is put
//!   aside (in memory, then on disk), so that every statement of a job runs in its one transaction.
//! - [`privileges`] proves that the account sees all of the schema, [`key_columns`] reads the columns of foreign keys.
//! - [`column_type`] is the type of a column, [`type_rules`] what that means to others. [`coercion`] decides what it makes of a value, so
//!   that nothing is left to the server: [`stored`], [`numbers`], [`times`] and [`enum_members`] are parts of that. [`any_cell`] is how a
//!   column of ours holds a cell of any type, [`tables`] what only the server knows of a table.
//! - [`load_data`] writes many rows as text, [`load_thread`] while the next are made ready.
//! - [`reserve_ids`] keeps ids from others, on a [`second_connection`].
//! - [`widen`] changes types that are too narrow. [`column_attributes`] is what a changed column has to keep, [`foreign_key`] what stands
//!   in the way and is put back; [`widening_log`] keeps a widening that was cut off from losing any. Statements for people have
//!   [`names`] that every session reads.

mod add_column;
mod address;
mod any_cell;
mod capabilities;
mod cell;
mod change;
mod channel;
mod coercion;
mod column_attributes;
mod column_type;
mod connect_timeout;
mod connection;
mod cursors;
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
mod stored;
mod tables;
mod times;
mod triggers;
mod type_rules;
mod waits;
mod widen;
mod widening_log;

pub use capabilities::CAPABILITIES;
pub use open::address;
