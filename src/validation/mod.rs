//! Checking data before it is trusted.
//!
//! So far: the values of one experiment ([`Quality`]), while it is read for something else. Rows that hang on nothing are
//! found by `hierarchy::Selection`. Migration calls it.

mod quality;

pub use quality::{Issue, IssueKind, Quality};
