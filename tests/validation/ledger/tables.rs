//! The schema as the tests see it, and how rows are named in a report.

use rusqlite::types::ValueRef;

/// A foreign key: columns, table, its columns.
pub type Reference = (&'static [&'static str], &'static str, &'static [&'static str]);

pub struct Table {
    pub name: &'static str,
    pub key: &'static [&'static str],
    /// The columns that name other rows or count epochs and batches.
    pub links: &'static [&'static str],
    pub references: &'static [Reference],
    pub times: &'static [&'static str],
    /// Text columns, and whether they must not be NULL.
    pub texts: &'static [(&'static str, bool)],
}

const TO_METRIC: Reference = (&["metric_id"], "METRIC", &["id"]);
const TO_ARTIFACT: Reference = (&["artifact_id"], "ARTIFACT", &["id"]);
const TO_RUN: Reference = (&["trial_run_id"], "TRIAL_RUN", &["id"]);
const TO_RESULTS: Reference = (&["results_id"], "RESULTS", &["trial_run_id"]);
const TO_EPOCH: Reference = (&["epoch_idx", "epoch_trial_run_id"], "EPOCH", &["idx", "trial_run_id"]);
const TO_BATCH: Reference =
    (&["batch_idx", "epoch_idx", "trial_run_id"], "BATCH", &["idx", "epoch_idx", "trial_run_id"]);

const fn link(name: &'static str, key: &'static [&'static str], references: &'static [Reference]) -> Table {
    Table { name, key, links: key, references, times: &[], texts: &[] }
}

/// Parents before children; SCHEMA_VERSION is none of a validation's business.
pub const TABLES: [Table; 17] = [
    Table {
        name: "EXPERIMENT",
        key: &["id"],
        links: &[],
        references: &[],
        times: &["start_time", "update_time"],
        texts: &[("title", true), ("desc", false)],
    },
    Table {
        name: "TRIAL",
        key: &["id"],
        links: &["experiment_id"],
        references: &[(&["experiment_id"], "EXPERIMENT", &["id"])],
        times: &["start_time", "update_time"],
        texts: &[("name", true)],
    },
    Table {
        name: "TRIAL_RUN",
        key: &["id"],
        links: &["trial_id"],
        references: &[(&["trial_id"], "TRIAL", &["id"])],
        times: &["start_time", "update_time"],
        texts: &[("status", true)],
    },
    Table {
        name: "RESULTS",
        key: &["trial_run_id"],
        links: &["trial_run_id"],
        references: &[TO_RUN],
        times: &["time"],
        texts: &[],
    },
    Table {
        name: "EPOCH",
        key: &["idx", "trial_run_id"],
        links: &["idx", "trial_run_id"],
        references: &[TO_RUN],
        times: &["time"],
        texts: &[],
    },
    Table {
        name: "BATCH",
        key: &["idx", "epoch_idx", "trial_run_id"],
        links: &["idx", "epoch_idx", "trial_run_id"],
        references: &[(&["epoch_idx", "trial_run_id"], "EPOCH", &["idx", "trial_run_id"])],
        times: &["time"],
        texts: &[],
    },
    Table { name: "METRIC", key: &["id"], links: &[], references: &[], times: &[], texts: &[("type", true)] },
    Table {
        name: "ARTIFACT",
        key: &["id"],
        links: &[],
        references: &[],
        times: &[],
        texts: &[("type", true), ("loc", true)],
    },
    link(
        "EXPERIMENT_ARTIFACT",
        &["experiment_id", "artifact_id"],
        &[(&["experiment_id"], "EXPERIMENT", &["id"]), TO_ARTIFACT],
    ),
    link("TRIAL_ARTIFACT", &["trial_id", "artifact_id"], &[(&["trial_id"], "TRIAL", &["id"]), TO_ARTIFACT]),
    link("TRIAL_RUN_ARTIFACT", &["trial_run_id", "artifact_id"], &[TO_RUN, TO_ARTIFACT]),
    link("RESULTS_METRIC", &["results_id", "metric_id"], &[TO_RESULTS, TO_METRIC]),
    link("RESULTS_ARTIFACT", &["results_id", "artifact_id"], &[TO_RESULTS, TO_ARTIFACT]),
    link("EPOCH_METRIC", &["epoch_idx", "epoch_trial_run_id", "metric_id"], &[TO_EPOCH, TO_METRIC]),
    link("EPOCH_ARTIFACT", &["epoch_idx", "epoch_trial_run_id", "artifact_id"], &[TO_EPOCH, TO_ARTIFACT]),
    link("BATCH_METRIC", &["batch_idx", "epoch_idx", "trial_run_id", "metric_id"], &[TO_BATCH, TO_METRIC]),
    link("BATCH_ARTIFACT", &["batch_idx", "epoch_idx", "trial_run_id", "artifact_id"], &[TO_BATCH, TO_ARTIFACT]),
];

pub fn table(name: &str) -> &'static Table {
    TABLES.iter().find(|table| table.name == name).unwrap_or_else(|| panic!("no table {name}"))
}

impl Table {
    /// METRIC or ARTIFACT, if it is a junction.
    pub fn leaf(&self) -> Option<&'static str> {
        match self.references {
            [_, (_, leaf, _)] => Some(leaf),
            _ => None,
        }
    }
}

/// A name in SQL; `desc` is a word of the language.
pub fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

pub fn quoted_list(names: &[&str]) -> String {
    names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
}

/// A value as a row key shows it.
pub fn shown(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".to_owned(),
        ValueRef::Integer(value) => value.to_string(),
        ValueRef::Real(value) => format!("{value:?}"),
        ValueRef::Text(bytes) => {
            let text = String::from_utf8_lossy(bytes);
            let mut shown: String = text.chars().take(80).collect();
            if shown.len() < text.len() {
                shown.push('…');
            }
            format!("{shown:?}")
        }
        ValueRef::Blob(bytes) => format!("a blob of {} bytes", bytes.len()),
    }
}

/// A row's key in a report: the key columns' values in the schema's order.
pub fn key_text(names: &[&str], row: &rusqlite::Row<'_>) -> String {
    let cells = names.iter().enumerate().map(|(at, name)| {
        let value = row.get_ref(at).expect("a key column");
        format!("{name}={}", shown(value))
    });
    cells.collect::<Vec<_>>().join(", ")
}
