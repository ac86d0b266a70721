//! Databases with known defects, and what a validation must say of them.
//!
//! `fixture` makes clean random databases, `defects` damages them and writes down what that must lead to, `texts` has metric JSON
//! of every kind. `oracle` works out the issues of any database by brute force, from the description of the issue kinds alone;
//! `chaos` damages databases
//! without keeping a ledger. `tables` is its view of the schema. None of it uses the code under test.
#![allow(dead_code, unused_imports, reason = "every test file is a crate of its own and uses a part of this")]

pub mod chaos;
pub mod defects;
pub mod fixture;
pub mod found;
pub mod oracle;
pub mod random;
pub mod tables;
pub mod texts;

pub use found::{Found, assert_equal, found, validate_file, validate_with};
pub use random::Random;

/// How many random databases a test makes; more with EXPMIG_SEEDS.
pub fn seeds(few: u64) -> std::ops::Range<u64> {
    0..std::env::var("EXPMIG_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(few)
}
