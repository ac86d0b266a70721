//! What is particular to MySQL and MariaDB.
//!
//! Everything above this room speaks one SQL, which a session here is set up to understand: names in double quotes (`ANSI_QUOTES`),
//! numbered parameters (`?1`, see [`placeholders`]), strict types. What differs stands behind the `Connection` trait.
//!
//! - [`address`] is the URL, [`session`] a connection as we want it with the [`settings`] that it needs, [`opening`] the time that it may take, [`patience`] the time that the server may be silent, [`failure`] the server's errors as ours.
//! - A result set occupies its connection until it is read. [`link`] lets others go first: what is left of a result set is put
//!   aside (in memory, then on disk), so that every statement of a job runs in its one transaction.
//! - [`layout`] reads what a schema has, [`visible`] proves that the account sees all of it; [`column_type`] and [`coercion`] know what a column makes of a value, so that nothing is
//!   left to the server's conversions: what [`insert`] sends is what comes back, or it is refused. [`numbers`], [`times`] and
//!   [`members`] are parts of that.
//!   [`any_cell`] is how a column of ours holds a cell of any type.
//!   Many rows go by `LOAD DATA` where the server takes it ([`load`]), while the next are made ready ([`loading`]).
//! - [`references`] finds the foreign keys that lead to our tables.
//! - [`read`] lets other people's statements do nothing but read.
//! - [`reserve`] keeps ids from others.
//! - [`triggers`] knows whether writing sets off more than that.
//! - [`added_column`] says how to add a column. Statements for people have [`names`] that every session reads.
//! - [`widen`] changes types that are too narrow. [`attributes`] is what a changed column has to keep, [`foreign_key`] what stands in
//!   the way and is put back; [`remembered`] keeps a widening that was cut off from losing any.
//! - [`connection`], with [`rows`], [`locks`] and [`tables`], and [`store`] put it together. DDL commits, so it never runs inside of a transaction that has written.

mod added_column;
mod address;
mod any_cell;
mod attributes;
mod capabilities;
mod cell;
mod coercion;
mod column_type;
mod connection;
mod failure;
mod foreign_key;
mod insert;
mod key_columns;
mod layout;
mod link;
mod load;
mod loading;
mod locks;
mod members;
mod names;
mod numbers;
mod open;
mod opening;
mod patience;
mod placeholders;
mod read;
mod references;
mod remembered;
mod reserve;
mod rows;
mod session;
mod settings;
mod socket;
mod store;
mod stored;
mod tables;
mod times;
mod triggers;
mod type_rules;
mod visible;
mod widen;

pub use capabilities::CAPABILITIES;
pub use open::address;
