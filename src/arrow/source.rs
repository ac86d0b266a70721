//! Which metrics are wanted, and where they are read from.

use std::ops::Range;

use super::builder::Subject;
use super::field::Field;
use super::owners::Owners;
use crate::database::TableLayout;

/// So many experiments are named in a statement; more are looked for among its rows.
const NAMED_IN_SQL: usize = 500;

/// On what metrics hang.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Levels {
    pub results: bool,
    pub epochs: bool,
    pub batches: bool,
}

impl Levels {
    pub const ALL: Levels = Levels { results: true, epochs: true, batches: true };

    /// Whether links with so many indices are wanted.
    pub(super) fn wants(self, indices: usize) -> bool {
        match indices {
            0 => self.results,
            1 => self.epochs,
            _ => self.batches,
        }
    }
}

/// What becomes of a value that does not fit the type of its column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Misfit {
    /// An error.
    #[default]
    Error,
    /// NULL, and its text in a second column.
    Column,
}

/// Which metrics are wanted, and how.
#[derive(Clone, Debug)]
pub struct MetricsOptions {
    /// Of these experiments; `None` for all.
    pub experiments: Option<Vec<i64>>,
    /// Of these types, byte for byte; `None` for all.
    pub types: Option<Vec<String>>,
    pub levels: Levels,
    pub misfit: Misfit,
}

impl Default for MetricsOptions {
    fn default() -> MetricsOptions {
        MetricsOptions { experiments: None, types: None, levels: Levels::ALL, misfit: Misfit::Error }
    }
}

/// What reads the metrics of one table, or the links of one to metrics.
pub(super) struct Statement<'a> {
    pub table: &'a TableLayout,
    pub sql: String,
    /// The cells that the statement reads; what is before and behind them is NULL, or known before.
    pub reads: Range<usize>,
    /// What was read before, to fill cells of the rows.
    pub owners: Option<Owners>,
}

/// Where metrics are read from, and what each row has: the experiment, what else, and the type.
pub(super) struct Source<'a> {
    /// What is read, one after another.
    pub statements: Vec<Statement<'a>>,
    /// What was read before, to fill cells of all statements' rows.
    pub runs: Option<Owners>,
    /// The columns of the result, each with whether a database can hold something else there.
    pub columns: Vec<(Field, bool)>,
    /// The place of the type.
    pub kind: usize,
    /// The places of a value, and of what says that it is NaN, behind the columns.
    pub nan: Option<(usize, usize)>,
    pub subject: Subject,
}

/// The condition that rows are of the experiments that are wanted, where these can be named.
pub(super) fn only(column: &str, options: &MetricsOptions) -> String {
    match &options.experiments {
        Some(ids) if ids.len() <= NAMED_IN_SQL && !ids.is_empty() => {
            let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
            format!(" WHERE {column} IN ({})", ids.join(", "))
        }
        _ => String::new(),
    }
}
