//! The data model: families of schemas, their tables, and the meaning of their columns.
//!
//! All rooms above use this one. A table and its columns are written down only in the file of its family. This room depends on nothing else.

mod by_entity;
mod call;
mod ddl;
mod entity;
pub mod experiment_manager;
mod families;
mod family;
mod meaning;
pub mod mlflow;
mod own_tables;
mod table;

pub use by_entity::ByEntity;
pub use call::Call;
pub use ddl::{create_statement, create_statement_as, create_statement_with, foreign_keys, quote, quote_all};
pub use entity::{Entity, EntityData, Key, Keys, Level};
pub use experiment_manager::EXPERIMENT_MANAGER;
pub use families::{default_family, families, family_of, recognise, table_of_any};
pub use family::{Division, Document, Family, Finished, Listing, Marker};
pub use meaning::{Meaning, Rule};
pub use mlflow::MLFLOW;
pub use own_tables::{JOB, OWN_TABLES, UNDO, UNDO_LINK, UNDO_TRANSFORM, WIDENING, WRITER, own_table};
pub use table::{Column, Kind, Place, Reference, Role, Table};
