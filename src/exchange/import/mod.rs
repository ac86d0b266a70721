//! Reading a document: its rows are written while they are read, in one transaction, and proven before it is committed.
//!
//! In order: `input` has the bytes, `reader` is a pull parser over them that knows where it is (`path`); `objects` says what can stand
//! in a document, `read_value` reads cells into a `row`; `walk` goes through the document (`leaves` and `seen_keys` know what was there
//! before, `new_ids` what becomes of ids, `value_checks` what is odd) and hands rows to `target`, which writes them; `prove` reads them back,
//! and `run` puts it together.

mod dangling_links;
mod extra_link_ids;
mod file_source;
mod input;
mod leaves;
mod metadata;
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
pub use options::ImportOptions;
pub use result::ImportResult;
pub use run::import;
