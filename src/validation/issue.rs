//! The kinds of issues and their severities. docs/validation.md explains every kind.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

/// The severity of an issue. Errors make a report fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i32)]
pub enum Severity {
    /// The data contradicts its schema: something will be lost, or was lost already.
    Error = 1,
    /// Somebody should look at it.
    Warning = 2,
    /// Unusual, and allowed.
    Info = 3,
}

impl Severity {
    /// All of them, the worst first.
    pub const ALL: [Severity; 3] = [Severity::Error, Severity::Warning, Severity::Info];

    /// The name in documents.
    pub const fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "info",
        }
    }

    /// The severity with this number.
    pub fn from_code(code: i32) -> Option<Severity> {
        Severity::ALL.into_iter().find(|severity| *severity as i32 == code)
    }
}

impl Serialize for Severity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// The part of a validation that finds an issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    ForeignKeys,
    MetricJson,
    Hierarchy,
    RegisteredChecks,
}

impl Section {
    /// All of them, in the order in which a report has them.
    pub const ALL: [Section; 4] =
        [Section::ForeignKeys, Section::MetricJson, Section::Hierarchy, Section::RegisteredChecks];

    /// The name in documents.
    pub const fn name(self) -> &'static str {
        match self {
            Section::ForeignKeys => "foreign_keys",
            Section::MetricJson => "metric_json",
            Section::Hierarchy => "hierarchy",
            Section::RegisteredChecks => "registered_checks",
        }
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal $section:ident $severity:ident,)+) => {
        /// What is wrong. The names are stable.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum IssueKind { $($(#[$doc])* $variant,)+ }

        impl IssueKind {
            /// Every kind.
            pub const ALL: &'static [IssueKind] = &[$(IssueKind::$variant,)+];

            /// The name in documents.
            pub const fn name(self) -> &'static str {
                match self { $(IssueKind::$variant => $name,)+ }
            }

            /// The part of a validation that finds it.
            pub const fn section(self) -> Section {
                match self { $(IssueKind::$variant => Section::$section,)+ }
            }

            /// How bad it is; a registered check says so itself.
            pub const fn severity(self) -> Severity {
                match self { $(IssueKind::$variant => Severity::$severity,)+ }
            }
        }
    };
}

kinds! {
    /// A foreign key names a row that does not exist.
    DanglingReference = "dangling_reference" ForeignKeys Error,

    /// Per-label values that are not JSON.
    JsonMalformed = "json_malformed" MetricJson Error,
    /// Per-label values that are JSON, but not an object.
    JsonNotObject = "json_not_object" MetricJson Error,
    /// A per-label value that is not a number.
    JsonNonNumeric = "json_non_numeric" MetricJson Error,
    /// The literal NaN, Infinity or -Infinity, which JSON does not have.
    JsonNonFinite = "json_non_finite" MetricJson Error,
    /// The same key twice.
    JsonDuplicateKey = "json_duplicate_key" MetricJson Error,
    /// An empty text, or blanks only.
    JsonEmpty = "json_empty" MetricJson Error,
    /// A Python literal.
    JsonPythonLiteral = "json_python_literal" MetricJson Error,
    /// Bytes that are not UTF-8.
    JsonNotUtf8 = "json_not_utf8" MetricJson Error,
    /// A blob or a number where JSON text belongs.
    JsonNotText = "json_not_text" MetricJson Error,
    /// A total that is NULL.
    TotalNull = "total_val_null" MetricJson Error,
    /// A total that is text or a blob.
    TotalNotNumber = "total_val_not_number" MetricJson Error,
    /// A total that is NaN or infinite.
    TotalNotFinite = "total_val_not_finite" MetricJson Error,

    /// A part of a key is NULL.
    NullKey = "null_key" Hierarchy Error,
    /// An id of a row, or of the row that it belongs to, is not an integer.
    KeyNotInteger = "key_not_integer" Hierarchy Error,
    /// The index of an epoch or of a batch is not an integer.
    IndexNotInteger = "index_not_integer" Hierarchy Error,
    /// The parent of a row of the hierarchy does not exist, so the row and everything below it belong to no experiment.
    Orphan = "orphan" Hierarchy Error,
    /// A time that is not a valid timestamp.
    TimestampInvalid = "timestamp_invalid" Hierarchy Error,
    /// It was updated before it started.
    TimestampsBackwards = "timestamps_backwards" Hierarchy Warning,
    /// A time before or after the times of the row's parent.
    ChildOutsideParent = "child_outside_parent" Hierarchy Warning,
    /// A text for which the schema refuses NULL is NULL.
    NullValue = "null_value" Hierarchy Error,
    /// Text that is not UTF-8.
    TextNotUtf8 = "text_not_utf8" Hierarchy Warning,
    /// A blob where text belongs.
    TextNotText = "text_not_text" Hierarchy Warning,
    /// A metric that nothing is linked to.
    UnlinkedMetric = "unlinked_metric" Hierarchy Warning,
    /// An artifact that nothing is linked to.
    UnlinkedArtifact = "unlinked_artifact" Hierarchy Warning,
    /// A metric or an artifact that belongs to more than one experiment.
    SharedRow = "shared_row" Hierarchy Info,
    /// The epochs of a run are not numbered without a gap.
    EpochGap = "epoch_gap" Hierarchy Info,
    /// Two trials of an experiment have the same name.
    DuplicateTrialName = "duplicate_trial_name" Hierarchy Info,

    /// A registered check found it.
    RegisteredCheck = "registered_check" RegisteredChecks Error,
}

impl Serialize for IssueKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Issue {
    pub kind: IssueKind,
    pub severity: Severity,
    /// The table, as the schema names it.
    pub table: Cow<'static, str>,
    /// The row's key: `epoch_idx=3, trial_run_id=7`.
    pub row: String,
    /// The column, or columns of a composite key, separated by commas.
    pub column: Option<Cow<'static, str>>,
    /// One line that names the row and says what is wrong.
    pub message: String,
    /// The offending value, cut to some 80 characters.
    pub value: Option<String>,
    /// The registered check that found it.
    pub check: Option<String>,
}
