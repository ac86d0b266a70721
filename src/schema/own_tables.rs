//! The tables of expmig's own, as data.

use super::table::{Column, Kind, Place, Role, Table, id, text, time};

/// The table of expmig's own with this name, in any letter case.
pub fn own_table(name: &str) -> Option<&'static Table> {
    OWN_TABLES.into_iter().chain([&WIDENING, &WRITER, &JOB]).find(|table| table.name.eq_ignore_ascii_case(name))
}

const fn own(name: &'static str, columns: &'static [Column]) -> Table {
    Table { name, place: Place::Aside, columns, primary_key: &["id"], references: &[], generation: 1, optional: true }
}

const fn number(name: &'static str) -> Column {
    Column { name, role: Role::Content, kind: Kind::Integer, sqlite: "INTEGER NOT NULL" }
}

/// A column for a cell of another table. Without a type, so that SQLite leaves every cell as it is.
const fn cell(name: &'static str) -> Column {
    Column { name, role: Role::Content, kind: Kind::Cell, sqlite: "" }
}

/// A column for a key of another table: an integer on a server, where nothing else can be a key, and whatever it is in SQLite.
const fn key(name: &'static str) -> Column {
    Column { name, role: Role::Content, kind: Kind::Integer, sqlite: "" }
}

/// One row for each transformation that can be undone.
pub static UNDO_TRANSFORM: Table = own(
    "EXPMIG_UNDO_TRANSFORM",
    &[
        id(),
        time("created_at"),
        text("rules", "TEXT NOT NULL"),
        // Its rows in EXPMIG_UNDO have the ids from here on, without a gap.
        number("first_row"),
        number("row_count"),
        number("copied"),
    ],
);

/// One row for each METRIC row that a transformation changed, or copied and changed.
pub static UNDO: Table = own(
    "EXPMIG_UNDO",
    &[
        Column { name: "id", role: Role::Id, kind: Kind::Integer, sqlite: "INTEGER PRIMARY KEY" },
        number("transform_id"),
        number("metric_id"),
        // Of a copy: the row that it was copied from.
        Column { name: "original_id", role: Role::Content, kind: Kind::Integer, sqlite: "INTEGER" },
        // Which cells were changed, and below what they were: 1 total_val, 2 per_label_val, 3 both.
        number("cells"),
        cell("total_val"),
        cell("per_label_val"),
        // Tells whether both cells are still what the transformation left: the first 16 bytes of a BLAKE3 hash.
        Column { name: "written", role: Role::Content, kind: Kind::Bytes, sqlite: "BLOB NOT NULL" },
    ],
);

/// One row for each link that was moved from a shared METRIC row to its copy.
pub static UNDO_LINK: Table = own(
    "EXPMIG_UNDO_LINK",
    &[
        Column { name: "id", role: Role::Id, kind: Kind::Integer, sqlite: "INTEGER PRIMARY KEY" },
        number("transform_id"),
        number("metric_id"),
        number("original_id"),
        text("link_table", "TEXT NOT NULL"),
        // The rest of the link's key, in the order of its table's columns.
        key("key_1"),
        key("key_2"),
        key("key_3"),
    ],
);

/// The tables of the undo log: made when they are first needed, part of no experiment, and nobody else's.
pub static OWN_TABLES: [&Table; 3] = [&UNDO_TRANSFORM, &UNDO, &UNDO_LINK];

/// One row for each foreign key that has to be added again: there while a schema of a server is being widened, or if that was cut off.
pub static WIDENING: Table = own(
    "EXPMIG_WIDENING",
    &[
        id(),
        text("in_table", "TEXT NOT NULL"),
        text("name", "TEXT NOT NULL"),
        // What it ties and its rules, as JSON.
        text("definition", "TEXT NOT NULL"),
    ],
);

/// One row, which every job that writes changes: in a cluster whose nodes all take writes, of two such transactions only one can be committed.
pub static WRITER: Table = own("EXPMIG_WRITER", &[id(), number("jobs")]);

/// One row for each job that writes in several transactions and is not done: what it does, and how far it is.
pub static JOB: Table = own(
    "EXPMIG_JOB",
    &[
        id(),
        text("kind", "TEXT NOT NULL"),
        text("state", "TEXT NOT NULL"),
        // Counts the transactions: each begins by counting on from the last of its own job, and fails if another call did.
        number("turn"),
        time("created_at"),
        time("touched_at"),
        // What it does, as JSON; never changed.
        text("document", "TEXT NOT NULL"),
        // How many rows of each table are there, as JSON.
        text("place", "TEXT NOT NULL"),
    ],
);
