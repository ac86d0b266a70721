//! The data model: which tables exist, what their columns mean, and what values are.
//!
//! Everything above asks this room; nothing else spells out a table's columns. It depends on nothing but the error type.

mod ddl;
pub mod json;
mod own_tables;
pub(crate) mod python_literal;
mod tables;
mod timestamp;
mod value;

pub use ddl::{
    MYSQL_CHARSET, create_statement, create_statement_as, create_statement_mysql, create_statement_with, mysql_type,
    quote,
};
pub use own_tables::{OWN_TABLES, UNDO, UNDO_LINK, UNDO_TRANSFORM, WIDENING, own_table};
pub use tables::{Column, Entity, Kind, LinkOwner, Place, Reference, Role, TABLES, Table, table};
pub use timestamp::{format_timestamp, parse_timestamp};
pub use value::{Value, ValueRef, one_line};
