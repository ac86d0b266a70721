//! Exchange: an experiment as a JSON document, written and read. docs/export-format.md is the contract.
//!
//! Both ways stream: memory does not grow with the document. The manager calls this room.
//!
//! Import, in order: `input` has the bytes of a document, `reader` is a pull parser over them that knows where it is (`path`);
//! `objects` says what can stand in a document, `read_value` reads cells; `walk` goes through the document and hands rows to
//! `target`, which writes them; `prove` reads them back, and `run` puts it together.

mod embedded;
mod input;
mod leaves;
mod judge;
mod metadata;
mod names;
mod new_ids;
mod objects;
mod once;
mod options;
mod path;
mod prove;
mod read_value;
mod reader;
mod result;
mod row;
mod run;
mod source;
mod target;
mod value;
mod walk;

pub use options::ImportOptions;
pub use result::ImportResult;
pub use run::import;
pub use source::read_file;
