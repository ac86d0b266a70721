//! Widening the tables of a server, so that they hold every value that a SQLite file can hold.

use serde::Serialize;
use serde_json::{Value as Json, json};

/// A column whose type is changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    pub table: &'static str,
    pub column: String,
    pub from: String,
    pub to: String,
}

/// A column that is left as it is, though it does not hold everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Left {
    pub table: &'static str,
    pub column: String,
    #[serde(rename = "type")]
    pub declared: String,
    pub reason: String,
}

/// A foreign key that is dropped, and added again with the same name and rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AddedAgain {
    pub table: String,
    pub name: String,
    /// It is missing since a widening was cut off.
    pub missing: bool,
}

/// What has to be done.
#[derive(Clone, Debug, Default)]
pub struct Widening {
    pub changes: Vec<Change>,
    pub left: Vec<Left>,
    pub foreign_keys: Vec<AddedAgain>,
    /// For any client: the mode is set that they are written for, foreign keys are dropped, columns changed, and foreign keys added again.
    pub statements: Vec<String>,
}

impl Widening {
    /// Schema `expmig.widening/1`.
    pub fn to_json(&self, applied: bool) -> Json {
        json!({
            "schema": "expmig.widening/1",
            "applied": applied,
            "changes": self.changes,
            "left": self.left,
            "foreign_keys": self.foreign_keys,
            "statements": self.statements,
        })
    }
}
