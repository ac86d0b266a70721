//! Losses: values that a database would change or cannot hold. All are counted, the first ones are kept to be shown.

use serde::Serialize;
use serde_json::{Value as Json, json};

/// How many values are kept in full; all are counted.
pub const KEPT: usize = 100;

/// Reasons of a [`Loss`] that several jobs give.
pub const CONVERTED: &str = "the target's column type converts it";
pub const NO_COLUMN: &str = "the target has no such column";
pub const ANOTHER_VALUE: &str = "the target would store another value";
pub const REFUSED_VALUE: &str = "the target refuses the value";

/// Something that would be lost or changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Loss {
    pub table: &'static str,
    /// The key of the row, or its place in a document; absent for a whole table.
    pub row: Option<String>,
    pub column: Option<String>,
    pub reason: &'static str,
    pub value: Option<String>,
    pub stored_as: Option<String>,
}

/// Everything that was lost or changed: an exact count, and the first hundred.
#[derive(Clone, Debug, Default)]
pub struct Losses {
    pub count: u64,
    pub first: Vec<Loss>,
}

impl Losses {
    pub fn add(&mut self, loss: impl FnOnce() -> Loss) {
        self.count += 1;
        if self.first.len() < KEPT {
            self.first.push(loss());
        }
    }

    /// The list as JSON.
    pub fn to_json(&self) -> Json {
        json!({"count": self.count, "values": self.first})
    }
}
