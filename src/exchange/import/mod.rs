//! Reading a document: its rows are written while they are read, in one transaction, and proven before it is committed.
//!
//! In order: `input` has the bytes, `reader` is a pull parser over them that knows its place (`path`); `objects` defines the objects of
//! a document, `read_value` reads cells into a `row`; `walk` goes through the document and hands rows to `target`, which writes them
//! (`leaves` and `seen_keys` remember what was read before, `new_ids` assigns ids, `value_checks` finds odd values); `prove` reads the rows
//! back, and `run` puts it together. `named` reads documents whose tables stand one after the other into a scratch database.

mod dangling_links;
mod extra_link_ids;
mod file_source;
mod input;
mod leaves;
mod metadata;
mod named;
mod new_ids;
mod objects;
mod options;
mod path;
mod prove;
mod read_value;
mod reader;
mod result;
mod row;
mod run;
mod seen_keys;
mod target;
mod value_checks;
mod walk;

pub use file_source::read_file;
pub use named::stage;
pub use options::ImportOptions;
pub use result::ImportResult;
pub use run::import;
