//! How much a page has at most, so that it stays below 5 MiB and opens within a second. Everything beyond is counted, and the page says so.

/// Experiments of one page.
pub const EXPERIMENTS: usize = 100;
/// Runs that are listed and drawn, and as many trials; of all experiments together.
pub const NODES: usize = 2000;
/// Curves of totals, and of single labels.
pub const CURVES: usize = 8000;
pub const LABEL_CURVES: usize = 4000;
/// Buckets of one curve, each of which has its lowest and its highest value.
pub const BUCKETS: usize = 4096;
/// Buckets of all curves together: of totals, and of single labels.
pub const ALL_BUCKETS: usize = 32_000;
pub const ALL_LABEL_BUCKETS: usize = 12_000;
/// Of totals by time, where values have steps and times.
pub const ALL_TIME_BUCKETS: usize = 12_000;
/// Params and tags that are listed, and their characters; of all experiments together.
pub const TEXTS: usize = 20_000;
pub const ALL_TEXT: usize = 1 << 20;
/// How deep runs hang on each other in the tree.
pub const NESTED: usize = 100;
/// Types of metrics, and labels.
pub const NAMES: usize = 1000;
/// Artifacts that are listed.
pub const ARTIFACTS: usize = 2000;
/// Issues that are listed, if the caller does not say.
pub const ISSUES: usize = 500;
/// The most that a caller can ask for.
pub const MOST_ISSUES: usize = 2000;
/// Characters of one text.
pub const TEXT: usize = 400;
/// Bytes of one metric's values of labels.
pub const LABELS_TEXT: usize = 64 * 1024;
