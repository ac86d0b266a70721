//! The parts of a document that describe it: `format` at its beginning, `metadata` at its end.

use chrono::{SecondsFormat, Utc};
use serde_json::{Map, Value as Json, json};

use super::options::ExportOptions;
use crate::database::{Database, TableLayout};
use crate::digest::{Hash, hex};
use crate::exchange::names::{FORMAT_JSON, FORMAT_NAME, FORMAT_VERSION, REFERENCES};
use crate::hierarchy::OutsideReference;
use crate::schema::family_of;

/// Rows per table.
pub type TableRows = Vec<(&'static str, u64)>;

/// What stands first in a document. `rows` is how many will come, if that is known.
pub fn head<'l>(rows: Option<u64>, tables: impl Iterator<Item = &'l TableLayout>) -> Json {
    let mut columns = Vec::new();
    for table in tables {
        for column in table.extra_columns() {
            let mut listed = json!({"table": table.schema.name, "column": column.name, "type": column.declared});
            if let (Some(listed), Some(entity)) = (listed.as_object_mut(), column.refers) {
                listed.insert(REFERENCES.to_owned(), Json::from(family_of(table.schema).table_name(entity)));
            }
            columns.push(listed);
        }
    }
    let mut head = json!({"name": FORMAT_NAME, "version": FORMAT_VERSION});
    if let Some(head) = head.as_object_mut() {
        head.extend(rows.map(|rows| ("rows".to_owned(), Json::from(rows))));
        head.insert("extra_columns".to_owned(), Json::Array(columns));
    }
    head
}

fn object(counts: &TableRows) -> Map<String, Json> {
    counts.iter().map(|(table, rows)| ((*table).to_owned(), Json::from(*rows))).collect()
}

/// Values of a table's column.
type OfColumns<'s> = &'s [(&'static str, String, u64)];

/// Rows that are in the document; rows that are not, and links, computed values and those that are not told whole; and what hangs on the experiment beside.
type Said<'s> = (&'s TableRows, &'s TableRows, [OfColumns<'s>; 3], &'s [OutsideReference]);

/// What is said of the digest.
pub struct Digested<'d> {
    /// The definition that it follows.
    pub algorithm: &'static str,
    pub digest: Option<&'d Hash>,
    /// The document has everything of the experiment.
    pub complete: bool,
}

/// What stands last.
pub fn metadata(
    database: &Database,
    generation: u8,
    options: &ExportOptions,
    (counts, left_out, of_columns, behind): Said<'_>,
    digested: Digested<'_>,
) -> Json {
    let mut missing = object(left_out);
    missing.extend(behind.iter().map(|behind| (behind.table.clone(), Json::from(behind.rows))));
    let of_columns = of_columns.into_iter().flatten();
    missing.extend(of_columns.map(|(table, column, values)| (format!("{table}.{column}"), Json::from(*values))));
    json!({
        "export_timestamp": Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true),
        "source_database": database.name(),
        "include_metrics": options.include_metrics,
        "include_artifacts": options.include_artifacts,
        "format": FORMAT_JSON,
        "format_version": FORMAT_VERSION,
        "generation": generation,
        "complete": digested.complete,
        "left_out": missing,
        "counts": object(counts),
        "digest": {
            "algorithm": digested.algorithm,
            "value": digested.digest.map(hex),
        },
        "expmig_version": env!("CARGO_PKG_VERSION"),
    })
}
