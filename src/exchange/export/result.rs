//! The result of an export.

use super::metadata::TableRows;
use crate::database::Unsteady;
use crate::digest::Hash;
use crate::hierarchy::OutsideReference;

/// The result of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportResult {
    /// The size of the document.
    pub bytes: u64,
    /// Rows per table that are in the document.
    pub counts: TableRows,
    /// Rows per table that are not in it, because they are unsound, or because a link that they must have leads out of the experiment.
    pub left_out: TableRows,
    /// Rows of other tables that refer to the experiment.
    pub behind: Vec<OutsideReference>,
    /// Links of extra columns that lead out of the document and are NULL in it: table, column, and how many.
    pub cut_links: Vec<(&'static str, String, u64)>,
    /// Generated columns, whose values are not in the document: table, column, and how many rows.
    pub computed: Vec<(&'static str, String, u64)>,
    /// Values of which the document has only the text, because the column holds more than that text: table, column, and how many.
    pub untold: Vec<(&'static str, String, u64)>,
    /// The digest in the document; `None` if it does not have everything of the experiment.
    pub digest: Option<Hash>,
    /// Tables that others could change while they were read.
    pub unsteady: Vec<Unsteady>,
}
