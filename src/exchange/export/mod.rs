//! Export: writes an experiment as a document, as a stream. The manager calls this room.
//!
//! In order: `options` and `sink` say how and to where; `output` writes JSON, `fields` the columns of a row; `order` and `stream` read
//! the tables side by side, each in the document's order; `nesting` nests the objects, `metadata` ends the document, and
//! `run` puts it together. `named` does all of that for families whose documents have their tables one after the other. `file` makes files appear complete or not at all.

mod fields;
mod file;
mod metadata;
mod named;
mod nesting;
mod options;
mod order;
mod output;
mod result;
mod run;
mod sink;
mod stream;

pub use file::FileSink;
pub use options::ExportOptions;
pub use output::Output;
pub use result::ExportResult;
pub use run::export;
pub use sink::{CallbackSink, Sink, WriteSink};
