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

    /// A value names a row that does not exist, and no foreign key says that it has to.
    DanglingLink = "dangling_link" ForeignKeys Warning,

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

    /// A metric of a run that latest_metrics does not have.
    LatestMissing = "latest_metric_missing" Hierarchy Error,
    /// A row of latest_metrics that is no point of metrics.
    LatestUnfounded = "latest_metric_unfounded" Hierarchy Error,
    /// A row of latest_metrics that is not the latest point.
    LatestOutdated = "latest_metric_outdated" Hierarchy Error,
    /// NULL where the tracker's own client fails.
    NullForClient = "null_for_client" Hierarchy Error,
    /// A status or stage that the tracker does not know.
    UnknownWord = "unknown_word" Hierarchy Error,
    /// A key that has to tell rows apart, and that two have.
    KeyTwice = "key_twice" Hierarchy Error,
    /// A run's name is not what its tag says.
    NameDiffers = "run_name_differs" Hierarchy Warning,
    /// A run is active below something that is deleted.
    ActiveBelowDeleted = "active_below_deleted" Hierarchy Warning,
    /// A run that is nested in itself.
    ParentOfItself = "parent_of_itself" Hierarchy Warning,
    /// A run that is nested in one of another experiment.
    ParentElsewhere = "parent_elsewhere" Hierarchy Warning,
    /// A metric of a model that is none of the run's.
    ModelMetricUnfounded = "model_metric_unfounded" Hierarchy Warning,
    /// Keys that differ in what a server may ignore.
    KeysFold = "keys_fold" Hierarchy Warning,
    /// A fraction or a text where an integer belongs.
    NumberNotInteger = "number_not_integer" Hierarchy Warning,
    /// A number that is said to be none.
    NanWithValue = "nan_with_value" Hierarchy Warning,
    /// Seconds where milliseconds belong.
    TimeInSeconds = "time_in_seconds" Hierarchy Warning,
    /// A text that is longer than other engines' columns hold.
    TextTooLong = "text_too_long" Hierarchy Warning,
    /// An id that is greater than other engines' columns hold.
    IdTooLarge = "id_too_large" Hierarchy Warning,
    /// The greatest finite number, which stands for an infinite one.
    MaybeInfinite = "maybe_infinite" Hierarchy Info,

    /// A registered check found it.
    RegisteredCheck = "registered_check" RegisteredChecks Error,
}

impl IssueKind {
    /// Those that only a store of MLflow's can have.
    pub const OF_MLFLOW: &'static [IssueKind] = &[
        IssueKind::DanglingLink,
        IssueKind::LatestMissing,
        IssueKind::LatestUnfounded,
        IssueKind::LatestOutdated,
        IssueKind::NullForClient,
        IssueKind::UnknownWord,
        IssueKind::KeyTwice,
        IssueKind::NameDiffers,
        IssueKind::ActiveBelowDeleted,
        IssueKind::ParentOfItself,
        IssueKind::ParentElsewhere,
        IssueKind::ModelMetricUnfounded,
        IssueKind::KeysFold,
        IssueKind::NumberNotInteger,
        IssueKind::NanWithValue,
        IssueKind::TimeInSeconds,
        IssueKind::TextTooLong,
        IssueKind::IdTooLarge,
        IssueKind::MaybeInfinite,
    ];
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
