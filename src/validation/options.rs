//! The options of a validation.

use super::issue::Section;
use crate::progress::{CancelToken, ProgressSink};

/// Which sections to check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    pub foreign_keys: bool,
    pub metric_json: bool,
    pub hierarchy: bool,
    pub registered_checks: bool,
}

impl Default for Scope {
    fn default() -> Scope {
        Scope { foreign_keys: true, metric_json: true, hierarchy: true, registered_checks: true }
    }
}

impl Scope {
    /// Nothing.
    pub const NONE: Scope =
        Scope { foreign_keys: false, metric_json: false, hierarchy: false, registered_checks: false };

    /// Whether a section is checked.
    pub fn has(self, section: Section) -> bool {
        match section {
            Section::ForeignKeys => self.foreign_keys,
            Section::MetricJson => self.metric_json,
            Section::Hierarchy => self.hierarchy,
            Section::RegisteredChecks => self.registered_checks,
        }
    }

    /// The sections that are checked.
    pub fn sections(self) -> impl Iterator<Item = Section> {
        Section::ALL.into_iter().filter(move |section| self.has(*section))
    }
}

/// Options of a validation.
pub struct ValidateOptions {
    pub scope: Scope,
    /// Only this experiment; `None` for the whole database.
    pub experiment: Option<i64>,
    /// How many issues are listed at most. All are counted.
    pub issue_limit: usize,
    pub progress: Option<ProgressSink>,
    pub cancel: Option<CancelToken>,
}

impl Default for ValidateOptions {
    fn default() -> ValidateOptions {
        ValidateOptions { scope: Scope::default(), experiment: None, issue_limit: 1000, progress: None, cancel: None }
    }
}

impl std::fmt::Debug for ValidateOptions {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("ValidateOptions")
            .field("scope", &self.scope)
            .field("experiment", &self.experiment)
            .field("issue_limit", &self.issue_limit)
            .finish_non_exhaustive()
    }
}
