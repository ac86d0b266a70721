//! The shape of the document (docs/export-format.md): what its keys are called, and which objects stand in which. Columns and their
//! order are the schema's.

use crate::schema::{Column, Entity, Place, Table, table};

/// The name and version in the head of a document.
pub const FORMAT_NAME: &str = "expmig.export";
pub const FORMAT_VERSION: u64 = 1;
/// The only way of writing that there is.
pub const FORMAT_JSON: &str = "json";

pub const FORMAT: &str = "format";
pub const METADATA: &str = "metadata";
pub const EXTRA_COLUMNS: &str = "extra_columns";
pub const LINK_EXTRA_COLUMNS: &str = "link_extra_columns";
/// Of an extra column in the head: the table whose ids it has.
pub const REFERENCES: &str = "references";

/// The key under which the objects of a table stand; those of a link have that of what it links.
const TABLE_KEYS: &[(&str, &str)] = &[
    ("EXPERIMENT", "experiment"),
    ("TRIAL", "trials"),
    ("TRIAL_RUN", "trial_runs"),
    ("RESULTS", "results"),
    ("EPOCH", "epochs"),
    ("BATCH", "batches"),
];

/// Columns whose key is not their name.
const COLUMN_KEYS: &[(&str, &str)] = &[("desc", "description")];

/// The tables whose objects stand in those of another table, in the order in which they are written. What belongs to the experiment
/// stands beside its object, in the document itself.
const CHILDREN: &[(&str, &[&str])] = &[
    ("EXPERIMENT", &["TRIAL", "EXPERIMENT_ARTIFACT"]),
    ("TRIAL", &["TRIAL_ARTIFACT", "TRIAL_RUN"]),
    ("TRIAL_RUN", &["EPOCH", "RESULTS", "TRIAL_RUN_ARTIFACT"]),
    ("RESULTS", &["RESULTS_METRIC", "RESULTS_ARTIFACT"]),
    ("EPOCH", &["EPOCH_METRIC", "EPOCH_ARTIFACT", "BATCH"]),
    ("BATCH", &["BATCH_METRIC", "BATCH_ARTIFACT"]),
];

fn look_up<T: Copy>(pairs: &[(&str, T)], name: &str) -> Option<T> {
    pairs.iter().find(|(known, _)| *known == name).map(|(_, found)| *found)
}

/// The key under which the objects of a table stand.
pub fn table_key(table: &Table) -> &'static str {
    match table.place {
        Place::Link { leaf: Entity::Metric, .. } | Place::Leaf(Entity::Metric) => "metrics",
        Place::Link { .. } | Place::Leaf(_) => "artifacts",
        _ => look_up(TABLE_KEYS, table.name).unwrap_or_default(),
    }
}

/// Whether a table has at most one object in that of another, and not a list of them.
pub fn is_single(table: &'static Table) -> bool {
    matches!(table.place, Place::Node(Entity::Experiment))
        || (table.place == Place::BelowRun && table.own_index().is_none())
}

/// The key of a column.
pub fn column_key(column: &'static Column) -> &'static str {
    look_up(COLUMN_KEYS, column.name).unwrap_or(column.name)
}

/// The columns that an object has: all but those that its place in the document says.
pub fn columns(table: &'static Table) -> impl Iterator<Item = &'static Column> + Clone {
    let is_said = move |column: &Column| match table.place {
        Place::BelowRun => !column.is_content() || table.is_outer_index(column),
        Place::Link { .. } => true,
        Place::Aside | Place::Node(_) | Place::Leaf(_) => false,
    };
    table.columns.iter().filter(move |column| !is_said(column))
}

/// The tables whose objects stand in those of this one.
pub fn children(table: &Table) -> &'static [&'static str] {
    look_up(CHILDREN, table.name).unwrap_or_default()
}

/// The table in whose objects those of this one stand.
pub fn parent(schema: &Table) -> Option<&'static Table> {
    CHILDREN.iter().find(|(_, children)| children.contains(&schema.name)).and_then(|(name, _)| table(name))
}

#[cfg(test)]
mod tests {
    use super::{children, column_key, columns, is_single, parent, table_key};
    use crate::schema::{Place, TABLES, table};

    fn names(columns: impl IntoIterator<Item = &'static crate::schema::Column>) -> Vec<&'static str> {
        columns.into_iter().map(|column| column.name).collect()
    }

    #[test]
    fn objects_stand_in_those_of_the_table_that_they_refer_to_first() {
        for schema in TABLES {
            let owner = schema.references.first().map(|reference| reference.table);
            assert_eq!(parent(schema).map(|parent| parent.name), owner, "{}", schema.name);
            assert!(children(schema).iter().all(|child| table(child).is_some()), "{}", schema.name);
            assert_eq!(table_key(schema).is_empty(), schema.place == Place::Aside, "{}", schema.name);
        }
    }

    #[test]
    fn a_place_in_the_document_says_what_an_object_hangs_on() {
        let of = |name: &str| table(name).unwrap();
        assert_eq!(names(columns(of("BATCH"))), ["idx", "time"]);
        assert_eq!(names(columns(of("RESULTS"))), ["time"]);
        assert_eq!(names(columns(of("TRIAL_RUN"))), ["id", "trial_id", "status", "start_time", "update_time"]);
        assert_eq!(columns(of("EPOCH_METRIC")).count(), 0);
        assert_eq!(names(of("BATCH_METRIC").index_path()), ["epoch_idx", "batch_idx"]);
        assert_eq!(names(of("BATCH").index_path()), ["epoch_idx", "idx"]);
        assert_eq!(names(of("RESULTS_METRIC").index_path()), [""; 0]);
        assert!(is_single(of("RESULTS")) && is_single(of("EXPERIMENT")) && !is_single(of("EPOCH")));
        assert_eq!(of("EXPERIMENT").columns.iter().map(column_key).nth(2), Some("description"));
    }
}
