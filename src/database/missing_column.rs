//! Columns that a database does not have, and the values that they must be able to hold.

use super::affinity::Affinity;
use super::layout::TableLayout;

/// What kinds of values a column has to hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds {
    pub integer: bool,
    pub real: bool,
    pub text: bool,
    pub blob: bool,
}

impl Kinds {
    /// What a declared type lets one expect, where no values are known.
    pub fn declared(declared: &str) -> Kinds {
        let upper = declared.to_ascii_uppercase();
        let has = |part: &str| upper.contains(part);
        match Affinity::of(declared) {
            Affinity::Integer => Kinds { integer: true, ..Kinds::default() },
            Affinity::Real => Kinds { real: true, ..Kinds::default() },
            Affinity::Blob if has("BLOB") => Kinds { blob: true, ..Kinds::default() },
            Affinity::Numeric if has("BOOL") => Kinds { integer: true, ..Kinds::default() },
            Affinity::Numeric if has("DEC") || has("NUM") => Kinds { real: true, ..Kinds::default() },
            Affinity::Blob | Affinity::Numeric | Affinity::Text => Kinds { text: true, ..Kinds::default() },
        }
    }
}

/// A column that is missing in a table of the target.
pub struct MissingColumn<'t> {
    pub table: &'t TableLayout,
    pub name: String,
    pub kinds: Kinds,
    /// Whose ids it has.
    pub refers: Option<&'t TableLayout>,
}
