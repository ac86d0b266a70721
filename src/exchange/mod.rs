//! Exchange: one experiment as one JSON document, out of a database and into one. docs/export-format.md is the contract.
//!
//! Both ways stream, in constant memory. `names` says what the document looks like, `value` and `embedded` how a cell is written;
//! `import` reads documents.

mod embedded;
mod import;
mod names;
mod value;

pub use import::{ImportOptions, ImportResult, import, read_file};
