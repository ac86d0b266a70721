//! PostgreSQL.
//!
//! Everything above this room speaks one SQL: names in double quotes, which the server reads as they are, and numbered parameters (`?1`, see
//! [`placeholders`]). DDL is part of the transaction that it runs in. There is no driver: the protocol is spoken here, on a socket that never
//! waits for long, with no thread beside (but one that looks up a name, which the system lets nobody end).
//!
//! Beside the files that every engine has ([`super`] lists them):
//!
//! - [`wire`] is the socket and the messages on it, [`tls`] what encrypts them, [`channel_binding`] what ties the password to that. [`session`] connects, proves who we are, and gives every one of
//!   the [`settings`] our value.
//! - [`channel`] lets [`statements`] overlap ([`channel_state`] is where it is): a [`result_set`] is fetched some rows at a time ([`fetch`]), and put aside when another statement
//!   comes; rows are loaded ([`load`]) until one does.
//! - [`column_type`] is the type of a column, [`type_rules`] what that means to others. [`coercion`] decides what it makes of a value, so that
//!   nothing is left to the server; [`tables`] is what only the server knows.
//! - [`copy_data`] is what rows look like to `COPY`. [`reserve_ids`] keeps ids from others, and what numbers rows behind those that are there.
//! - [`deferred_keys`] has foreign keys wait for the end of a transaction (a [`dropped_key`] comes back then), [`new_tables`] are filled without them, [`delete_all`] deletes what nobody may add to meanwhile.
//! - [`ddl`] is how tables of ours are made, [`widen`] what makes others' as wide, [`foreign_key`] what keys there are.

mod add_column;
mod address;
mod capabilities;
mod cell;
mod change;
mod channel;
mod channel_binding;
mod channel_state;
mod coercion;
mod column_type;
mod connection;
mod copy_data;
mod ddl;
mod deferred_keys;
mod delete_all;
mod dropped_key;
mod engine;
mod failure;
mod fetch;
mod foreign_key;
mod insert;
mod layout;
mod load;
mod new_tables;
mod open;
mod placeholders;
mod read;
mod reserve_ids;
mod result_set;
mod session;
mod settings;
mod statements;
mod store;
mod tables;
mod tls;
mod triggers;
mod type_rules;
mod widen;
mod wire;

pub use capabilities::CAPABILITIES;
pub use open::address;
