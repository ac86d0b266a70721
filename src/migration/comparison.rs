//! The result of a comparison: whether two experiments are equal, and where they first differ.

use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use crate::digest::{Hash, hex};

/// In which way two experiments differ.
pub const ANOTHER_VALUE: &str = "another value";
pub const ANOTHER_LINK: &str = "another link";
pub const ONLY_IN_A: &str = "only in a";
pub const ONLY_IN_B: &str = "only in b";
pub const SHARED_OTHERWISE: &str = "the same rows are linked, but not shared in the same way";

/// The key of a row, as its family has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum RowKey {
    Integer(i64),
    Text(String),
}

/// The keys of the rows on either side; `None` where there is no such row.
pub type RowKeys = [Option<RowKey>; 2];

/// What a comparison found.
#[derive(Clone, Debug)]
pub struct Comparison {
    pub equal: bool,
    pub a: Compared,
    pub b: Compared,
    /// `None` if they are equal.
    pub first_difference: Option<Difference>,
    /// About tables that others could change while they were read.
    pub warnings: Vec<String>,
}

/// One of the two experiments.
#[derive(Clone, Debug)]
pub struct Compared {
    pub experiment_id: i64,
    pub digest: Hash,
    /// How many rows each table has of it.
    pub tables: Vec<(&'static str, u64)>,
}

/// Where the experiments first differ, and how. Pairs are of the first experiment and of the second.
#[derive(Clone, Debug, Default)]
pub struct Difference {
    /// The table.
    pub node: String,
    /// The rows of the hierarchy: their ids.
    pub ids: Option<RowKeys>,
    /// A row that hangs on one of the hierarchy: its key below that.
    pub row: Option<String>,
    /// The rows that have a link which leads elsewhere: their keys.
    pub rows: Option<[Option<String>; 2]>,
    pub how: &'static str,
    pub shown: Option<Shown>,
    /// The rows of the hierarchy on which it hangs: their table and ids.
    pub within: Option<(&'static str, RowKeys)>,
}

/// What differs, as a person reads it.
#[derive(Clone, Debug)]
pub struct Shown {
    /// `None` for whole rows.
    pub column: Option<String>,
    pub values: [Option<String>; 2],
}

impl Difference {
    pub(super) fn of(node: impl Into<String>, how: &'static str) -> Difference {
        Difference { node: node.into(), how, ..Difference::default() }
    }

    fn to_json(&self) -> Json {
        let mut object = Map::new();
        let mut put = |key: &str, value: Json| object.insert(key.to_owned(), value);
        put("node", json!(self.node));
        if let Some([a, b]) = &self.ids {
            put("id", json!({"a": a, "b": b}));
        }
        if let Some(row) = &self.row {
            put("row", json!(row));
        }
        if let Some([a, b]) = &self.rows {
            put("rows", json!({"a": a, "b": b}));
        }
        put("how", json!(self.how));
        if let Some(Shown { column, values: [a, b] }) = &self.shown {
            put(
                "difference",
                match column {
                    Some(column) => json!({"column": column, "a": a, "b": b}),
                    None => json!({"a": a, "b": b}),
                },
            );
        }
        if let Some((table, [a, b])) = &self.within {
            put(&format!("{}_id", table.to_ascii_lowercase()), json!({"a": a, "b": b}));
        }
        Json::Object(object)
    }
}

impl Compared {
    fn to_json(&self) -> Json {
        let tables: Map<String, Json> =
            self.tables.iter().map(|(name, rows)| ((*name).to_owned(), json!(rows))).collect();
        json!({"experiment_id": self.experiment_id, "digest": hex(&self.digest), "tables": tables})
    }
}

impl Comparison {
    /// The whole comparison, schema `expmig.comparison/1`.
    pub fn to_json(&self) -> Json {
        json!({
            "schema": "expmig.comparison/1",
            "equal": self.equal,
            "a": self.a.to_json(),
            "b": self.b.to_json(),
            "first_difference": self.first_difference.as_ref().map(Difference::to_json),
            "warnings": self.warnings,
        })
    }
}
