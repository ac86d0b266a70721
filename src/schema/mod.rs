//! The data model: which tables exist, and what their columns mean.
//!
//! Everything above asks this room; nothing else spells out a table's columns. It depends on nothing else.

mod ddl;
mod own_tables;
mod tables;

pub use ddl::{
    MYSQL_CHARSET, create_statement, create_statement_as, create_statement_mysql, create_statement_with, mysql_type,
    quote,
};
pub use own_tables::{OWN_TABLES, UNDO, UNDO_LINK, UNDO_TRANSFORM, WIDENING, own_table};
pub use tables::{Column, Entity, Kind, LinkOwner, Place, Reference, Role, TABLES, Table, entity_table, table};
