//! Exchange: one experiment as one JSON document, out of a database and into one. docs/export-format.md is the contract.
//!
//! Both ways stream, in constant memory. `names` says what the document looks like, `value` and `embedded` how a cell is written;
//! `export` is the way out, `import` the way in.

mod embedded;
mod export;
mod import;
mod names;
mod value;

pub(crate) use export::{CallbackSink, FileSink, Output, Sink, WriteSink, export};
pub use export::{ExportOptions, ExportResult};
pub(crate) use import::stage;
pub use import::{ImportOptions, ImportResult, import, read_file};
