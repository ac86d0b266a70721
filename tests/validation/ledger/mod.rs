//! Databases with known defects, and what a validation must say of them.
//!
//! `fixture` makes clean random databases, `defects` damages them and writes down what that must lead to, `texts` has metric JSON
//! of every kind. `oracle` works out the issues of any database by brute force, from the description of the issue kinds alone;
//! `chaos` damages databases
//! without keeping a ledger. `tables` is its view of the schema. None of it uses the code under test.

pub mod chaos;
pub mod defects;
pub mod fixture;
pub mod found;
pub mod oracle;
pub mod tables;
pub mod texts;

use std::path::{Path, PathBuf};

use crate::support::{Folder, sql};
use defects::Ledger;
use fixture::{Fixture, Shape};

pub use crate::support::random::{Random, seed_or};
pub use found::{Found, assert_equal, found, validate_file, validate_with};

/// The seeds of the random databases that a test makes; more with EXPMIG_SEEDS.
pub fn seeds(few: u64) -> std::ops::Range<u64> {
    let first = seed_or(0);
    first..first + std::env::var("EXPMIG_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(few)
}

/// A database with many issues of all kinds, small enough to look at again and again.
pub fn damaged(folder: &Folder) -> PathBuf {
    let shape = Shape { generation: 2, loose: true, without_rowid: false, ..Shape::random(&mut Random::new(5)) };
    let mut ledger = Ledger::new(Fixture::with(folder, 5, shape));
    ledger.damage_every_way();
    ledger.damage(100);
    ledger.fixture.finish()
}

/// The ids of a file's experiments.
pub fn experiments(path: &Path) -> Vec<i64> {
    let connection = sql(path);
    let mut statement = connection.prepare("SELECT id FROM EXPERIMENT").expect("a query");
    let rows = statement.query_map([], |row| row.get(0)).expect("the query");
    rows.map(|row| row.expect("an id")).collect()
}
