//! The structure of the document (docs/export-format.md): the keys, and which objects contain which. The columns and their order come from the
//! schema.

use crate::schema::{Column, Place, Table, family_of};

/// The name and version in the head of a document.
pub const FORMAT_NAME: &str = "expmig.export";
pub const FORMAT_VERSION: u64 = 1;
/// The only way of writing that there is.
pub const FORMAT_JSON: &str = "json";

pub const FORMAT: &str = "format";
pub const METADATA: &str = "metadata";
pub const EXTRA_COLUMNS: &str = "extra_columns";
pub const LINK_EXTRA_COLUMNS: &str = "link_extra_columns";
/// Of a document whose tables stand one after the other: the version of the schema, how many rows will come, the tables, and of one of them its columns.
pub const VERSION: &str = "version";
pub const ROWS: &str = "rows";
pub const TABLES: &str = "tables";
pub const COLUMNS: &str = "columns";
/// Of an extra column in the head: the table whose ids it has.
pub const REFERENCES: &str = "references";

fn look_up<T: Copy>(pairs: &[(&str, T)], name: &str) -> Option<T> {
    pairs.iter().find(|(known, _)| *known == name).map(|(_, found)| *found)
}

/// The key under which the objects of a table stand.
pub fn table_key(table: &Table) -> &'static str {
    let family = family_of(table);
    match table.place {
        Place::Link { leaf, .. } | Place::Leaf(leaf) => family.of(leaf).nouns,
        _ => look_up(family.document.tables, table.name).unwrap_or_default(),
    }
}

/// Whether a table has at most one object in that of another, and not a list of them.
pub fn is_single(table: &'static Table) -> bool {
    let family = family_of(table);
    match table.place {
        Place::Node(entity) => entity == family.root(),
        Place::Below(_) => family.own_index(table).is_none(),
        _ => false,
    }
}

/// The key of a column of this table.
pub fn column_key(table: &Table, column: &'static Column) -> &'static str {
    look_up(family_of(table).document.columns, column.name).unwrap_or(column.name)
}

/// The columns that an object has: all but those that its place in the document says.
pub fn columns(table: &'static Table) -> impl Iterator<Item = &'static Column> + Clone {
    let is_said = move |column: &Column| match table.place {
        Place::Below(_) => !column.is_content() || family_of(table).is_outer_index(table, column),
        Place::Link { .. } => true,
        Place::Aside | Place::Derived(_) | Place::Node(_) | Place::Leaf(_) => false,
    };
    table.columns.iter().filter(move |column| !is_said(column))
}

/// The tables whose objects stand in those of this one.
pub fn children(table: &Table) -> &'static [&'static str] {
    look_up(family_of(table).document.children, table.name).unwrap_or_default()
}

/// The table in whose objects those of this one stand.
pub fn parent(schema: &Table) -> Option<&'static Table> {
    let family = family_of(schema);
    let mut parents = family.document.children.iter();
    parents.find(|(_, children)| children.contains(&schema.name)).and_then(|(name, _)| family.table(name))
}

#[cfg(test)]
mod tests {
    use super::{children, column_key, columns, is_single, parent, table_key};
    use crate::schema::{EXPERIMENT_MANAGER, Place};

    fn names(columns: impl IntoIterator<Item = &'static crate::schema::Column>) -> Vec<&'static str> {
        columns.into_iter().map(|column| column.name).collect()
    }

    #[test]
    fn objects_stand_in_those_of_the_table_that_they_refer_to_first() {
        for schema in EXPERIMENT_MANAGER.tables {
            let owner = schema.references.first().map(|reference| reference.table);
            assert_eq!(parent(schema).map(|parent| parent.name), owner, "{}", schema.name);
            assert!(children(schema).iter().all(|child| EXPERIMENT_MANAGER.table(child).is_some()), "{}", schema.name);
            assert_eq!(table_key(schema).is_empty(), schema.place == Place::Aside, "{}", schema.name);
        }
    }

    #[test]
    fn a_place_in_the_document_says_what_an_object_hangs_on() {
        let of = |name: &str| EXPERIMENT_MANAGER.table(name).unwrap();
        assert_eq!(names(columns(of("BATCH"))), ["idx", "time"]);
        assert_eq!(names(columns(of("RESULTS"))), ["time"]);
        assert_eq!(names(columns(of("TRIAL_RUN"))), ["id", "trial_id", "status", "start_time", "update_time"]);
        assert_eq!(columns(of("EPOCH_METRIC")).count(), 0);
        assert_eq!(names(EXPERIMENT_MANAGER.index_path(of("BATCH_METRIC"))), ["epoch_idx", "batch_idx"]);
        assert_eq!(names(EXPERIMENT_MANAGER.index_path(of("BATCH"))), ["epoch_idx", "idx"]);
        assert_eq!(names(EXPERIMENT_MANAGER.index_path(of("RESULTS_METRIC"))), [""; 0]);
        assert!(is_single(of("RESULTS")) && is_single(of("EXPERIMENT")) && !is_single(of("EPOCH")));
        assert_eq!(
            of("EXPERIMENT").columns.iter().map(|column| column_key(of("EXPERIMENT"), column)).nth(2),
            Some("description")
        );
    }
}
