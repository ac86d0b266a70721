//! The tables of an experiment-tracking database, as data: the one place that knows them.
//!
//! Source of the facts: the tracking application's own DDL. Generation 1 is without the three BATCH tables.

/// What a column's values are, for checking and for the canonical form of the digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 64-bit integers.
    Integer,
    /// IEEE-754 binary64 numbers.
    Real,
    /// Text without a meaning of its own.
    Text,
    /// A naive ISO 8601 timestamp.
    Time,
    /// JSON text.
    Json,
    /// Bytes without a meaning of their own.
    Bytes,
    /// A cell of another column: whatever that can hold, and it must come back as it was.
    Cell,
}

/// The things that have an id of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Entity {
    Experiment,
    Trial,
    Run,
    Metric,
    Artifact,
}

/// What a column is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The row's own id, chosen by the database.
    Id,
    /// The id of another entity's row.
    Parent(Entity),
    /// Part of the row's natural key below a run: an epoch's or a batch's index. Content, and copied as it is.
    Index,
    /// Everything else: copied as it is.
    Content,
}

/// One column.
#[derive(Debug, PartialEq, Eq)]
pub struct Column {
    pub name: &'static str,
    pub role: Role,
    pub kind: Kind,
    /// The declaration in SQLite, without the name.
    pub sqlite: &'static str,
}

impl Column {
    /// Whether the value describes the row itself (not an id, not a foreign key).
    pub const fn is_content(&self) -> bool {
        matches!(self.role, Role::Index | Role::Content)
    }

    /// Whether the value is part of the row's place in the hierarchy: an id of its own or of another row, or an index.
    pub const fn is_key(&self) -> bool {
        !matches!(self.role, Role::Content)
    }

    /// Whether the schema refuses NULL.
    pub fn is_required(&self) -> bool {
        self.sqlite.contains("NOT NULL")
    }
}

/// A foreign key.
#[derive(Debug, PartialEq, Eq)]
pub struct Reference {
    pub columns: &'static [&'static str],
    pub table: &'static str,
    pub parent_columns: &'static [&'static str],
}

/// What a junction table hangs its metric or artifact on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkOwner {
    Experiment,
    Trial,
    /// A run, or a row below it.
    Run,
}

impl LinkOwner {
    /// What has the id that a row carries as its owner's.
    pub const fn entity(self) -> Entity {
        match self {
            LinkOwner::Experiment => Entity::Experiment,
            LinkOwner::Trial => Entity::Trial,
            LinkOwner::Run => Entity::Run,
        }
    }
}

/// Where a table stands in the hierarchy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Not part of any experiment (SCHEMA_VERSION).
    Aside,
    /// EXPERIMENT, TRIAL, TRIAL_RUN.
    Node(Entity),
    /// RESULTS, EPOCH, BATCH: rows of one run.
    BelowRun,
    /// METRIC, ARTIFACT: reached through links only.
    Leaf(Entity),
    /// A junction table.
    Link { owner: LinkOwner, leaf: Entity },
}

/// One table.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    pub name: &'static str,
    pub place: Place,
    pub columns: &'static [Column],
    pub primary_key: &'static [&'static str],
    pub references: &'static [Reference],
    /// The generation of the schema that brought the table: 1 or 2.
    pub generation: u8,
    /// Whether databases of the table's generation may lack it.
    pub optional: bool,
}

impl Table {
    /// The column with this name, in any letter case.
    pub fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name))
    }

    /// The column that has the id of this entity.
    pub fn parent_column(&self, entity: Entity) -> Option<&'static Column> {
        self.columns.iter().find(|column| column.role == Role::Parent(entity))
    }

    /// Whether a column is the index of a row below the run on which this table's rows hang.
    pub fn is_outer_index(&self, column: &Column) -> bool {
        column.role == Role::Index
            && self.references.iter().any(|reference| {
                reference.columns.contains(&column.name)
                    && table(reference.table).is_some_and(|parent| parent.place == Place::BelowRun)
            })
    }

    /// The index that a row below the run has of its own.
    pub fn own_index(&self) -> Option<&'static Column> {
        self.columns.iter().find(|column| column.role == Role::Index && !self.is_outer_index(column))
    }

    /// The indices that lead from the run to a row, outermost first: those of the rows it hangs on, then its own.
    pub fn index_path(&self) -> Vec<&'static Column> {
        let mut path = Vec::new();
        for reference in self.references {
            let Some(parent) = table(reference.table).filter(|parent| parent.place == Place::BelowRun) else {
                continue;
            };
            for outer in parent.index_path() {
                let at = reference.parent_columns.iter().position(|name| *name == outer.name);
                path.extend(at.and_then(|at| reference.columns.get(at)).and_then(|name| self.column(name)));
            }
        }
        path.extend(self.own_index());
        path
    }

    /// Whether the schema itself has a foreign key of these columns to this table.
    pub fn declares(&self, columns: &[String], to: &Table) -> bool {
        let same = |known: &&'static str, column: &String| known.eq_ignore_ascii_case(column);
        self.references.iter().any(|reference| {
            reference.table == to.name
                && reference.columns.len() == columns.len()
                && columns.iter().all(|column| reference.columns.iter().any(|known| same(known, column)))
        })
    }

    /// Whether rows carry an id of their own, chosen by the database.
    pub fn has_own_id(&self) -> bool {
        self.columns.iter().any(|column| column.role == Role::Id)
    }
}

/// The table with this name, in any letter case.
pub fn table(name: &str) -> Option<&'static Table> {
    TABLES.iter().find(|table| table.name.eq_ignore_ascii_case(name))
}

pub(super) const fn id() -> Column {
    Column { name: "id", role: Role::Id, kind: Kind::Integer, sqlite: "INTEGER PRIMARY KEY AUTOINCREMENT" }
}

/// A reference to an entity in a table whose DDL insists on it.
const fn owner(name: &'static str, entity: Entity) -> Column {
    Column { name, role: Role::Parent(entity), kind: Kind::Integer, sqlite: "INT NOT NULL" }
}

/// A reference that is part of the primary key.
const fn parent(name: &'static str, entity: Entity) -> Column {
    Column { name, role: Role::Parent(entity), kind: Kind::Integer, sqlite: "INT" }
}

const fn index(name: &'static str) -> Column {
    Column { name, role: Role::Index, kind: Kind::Integer, sqlite: "INT" }
}

pub(super) const fn text(name: &'static str, sqlite: &'static str) -> Column {
    Column { name, role: Role::Content, kind: Kind::Text, sqlite }
}

pub(super) const fn time(name: &'static str) -> Column {
    Column { name, role: Role::Content, kind: Kind::Time, sqlite: "TEXT NOT NULL" }
}

const fn refers(
    columns: &'static [&'static str],
    table: &'static str,
    parent_columns: &'static [&'static str],
) -> Reference {
    Reference { columns, table, parent_columns }
}

const fn node(
    name: &'static str,
    entity: Entity,
    columns: &'static [Column],
    references: &'static [Reference],
) -> Table {
    Table {
        name,
        place: Place::Node(entity),
        columns,
        primary_key: &["id"],
        references,
        generation: 1,
        optional: false,
    }
}

const fn below_run(
    name: &'static str,
    columns: &'static [Column],
    primary_key: &'static [&'static str],
    references: &'static [Reference],
    generation: u8,
) -> Table {
    Table { name, place: Place::BelowRun, columns, primary_key, references, generation, optional: false }
}

const fn leaf(name: &'static str, entity: Entity, columns: &'static [Column]) -> Table {
    Table {
        name,
        place: Place::Leaf(entity),
        columns,
        primary_key: &["id"],
        references: &[],
        generation: 1,
        optional: false,
    }
}

const fn link(
    name: &'static str,
    (owner, leaf): (LinkOwner, Entity),
    columns: &'static [Column],
    primary_key: &'static [&'static str],
    references: &'static [Reference],
    generation: u8,
) -> Table {
    Table { name, place: Place::Link { owner, leaf }, columns, primary_key, references, generation, optional: false }
}

use Entity::{Artifact, Experiment, Metric, Run, Trial};

const TO_METRIC: Reference = refers(&["metric_id"], "METRIC", &["id"]);
const TO_ARTIFACT: Reference = refers(&["artifact_id"], "ARTIFACT", &["id"]);
const TO_RUN: Reference = refers(&["trial_run_id"], "TRIAL_RUN", &["id"]);
const TO_RESULTS: Reference = refers(&["results_id"], "RESULTS", &["trial_run_id"]);
const TO_EPOCH: Reference = refers(&["epoch_idx", "epoch_trial_run_id"], "EPOCH", &["idx", "trial_run_id"]);
const TO_BATCH: Reference =
    refers(&["batch_idx", "epoch_idx", "trial_run_id"], "BATCH", &["idx", "epoch_idx", "trial_run_id"]);

/// Every table, parents before children.
pub static TABLES: &[Table] = &[
    Table {
        name: "SCHEMA_VERSION",
        place: Place::Aside,
        columns: &[
            id(),
            text("version", "VARCHAR(20) NOT NULL UNIQUE"),
            text("migration_name", "VARCHAR(255) NOT NULL"),
            text("description", "TEXT"),
            time("applied_at"),
            text("rollback_script", "TEXT"),
        ],
        primary_key: &["id"],
        references: &[],
        generation: 1,
        optional: true,
    },
    node(
        "EXPERIMENT",
        Experiment,
        &[id(), text("title", "VARCHAR(255) NOT NULL"), text("desc", "TEXT"), time("start_time"), time("update_time")],
        &[],
    ),
    node(
        "TRIAL",
        Trial,
        &[
            id(),
            text("name", "VARCHAR(255) NOT NULL"),
            owner("experiment_id", Experiment),
            time("start_time"),
            time("update_time"),
        ],
        &[refers(&["experiment_id"], "EXPERIMENT", &["id"])],
    ),
    node(
        "TRIAL_RUN",
        Run,
        &[
            id(),
            owner("trial_id", Trial),
            text("status", "VARCHAR(50) NOT NULL"),
            time("start_time"),
            time("update_time"),
        ],
        &[refers(&["trial_id"], "TRIAL", &["id"])],
    ),
    below_run("RESULTS", &[parent("trial_run_id", Run), time("time")], &["trial_run_id"], &[TO_RUN], 1),
    below_run(
        "EPOCH",
        &[index("idx"), parent("trial_run_id", Run), time("time")],
        &["idx", "trial_run_id"],
        &[TO_RUN],
        1,
    ),
    below_run(
        "BATCH",
        &[index("idx"), index("epoch_idx"), parent("trial_run_id", Run), time("time")],
        &["idx", "epoch_idx", "trial_run_id"],
        &[refers(&["epoch_idx", "trial_run_id"], "EPOCH", &["idx", "trial_run_id"])],
        2,
    ),
    leaf(
        "METRIC",
        Metric,
        &[
            id(),
            text("type", "VARCHAR(50) NOT NULL"),
            Column { name: "total_val", role: Role::Content, kind: Kind::Real, sqlite: "FLOAT NOT NULL" },
            Column { name: "per_label_val", role: Role::Content, kind: Kind::Json, sqlite: "TEXT" },
        ],
    ),
    leaf("ARTIFACT", Artifact, &[id(), text("type", "VARCHAR(50) NOT NULL"), text("loc", "VARCHAR(255) NOT NULL")]),
    link(
        "EXPERIMENT_ARTIFACT",
        (LinkOwner::Experiment, Artifact),
        &[parent("experiment_id", Experiment), parent("artifact_id", Artifact)],
        &["experiment_id", "artifact_id"],
        &[refers(&["experiment_id"], "EXPERIMENT", &["id"]), TO_ARTIFACT],
        1,
    ),
    link(
        "TRIAL_ARTIFACT",
        (LinkOwner::Trial, Artifact),
        &[parent("trial_id", Trial), parent("artifact_id", Artifact)],
        &["trial_id", "artifact_id"],
        &[refers(&["trial_id"], "TRIAL", &["id"]), TO_ARTIFACT],
        1,
    ),
    link(
        "TRIAL_RUN_ARTIFACT",
        (LinkOwner::Run, Artifact),
        &[parent("trial_run_id", Run), parent("artifact_id", Artifact)],
        &["trial_run_id", "artifact_id"],
        &[TO_RUN, TO_ARTIFACT],
        1,
    ),
    link(
        "RESULTS_METRIC",
        (LinkOwner::Run, Metric),
        &[parent("results_id", Run), parent("metric_id", Metric)],
        &["results_id", "metric_id"],
        &[TO_RESULTS, TO_METRIC],
        1,
    ),
    link(
        "RESULTS_ARTIFACT",
        (LinkOwner::Run, Artifact),
        &[parent("results_id", Run), parent("artifact_id", Artifact)],
        &["results_id", "artifact_id"],
        &[TO_RESULTS, TO_ARTIFACT],
        1,
    ),
    link(
        "EPOCH_METRIC",
        (LinkOwner::Run, Metric),
        &[index("epoch_idx"), parent("epoch_trial_run_id", Run), parent("metric_id", Metric)],
        &["epoch_idx", "epoch_trial_run_id", "metric_id"],
        &[TO_EPOCH, TO_METRIC],
        1,
    ),
    link(
        "EPOCH_ARTIFACT",
        (LinkOwner::Run, Artifact),
        &[index("epoch_idx"), parent("epoch_trial_run_id", Run), parent("artifact_id", Artifact)],
        &["epoch_idx", "epoch_trial_run_id", "artifact_id"],
        &[TO_EPOCH, TO_ARTIFACT],
        1,
    ),
    link(
        "BATCH_METRIC",
        (LinkOwner::Run, Metric),
        &[index("batch_idx"), index("epoch_idx"), parent("trial_run_id", Run), parent("metric_id", Metric)],
        &["batch_idx", "epoch_idx", "trial_run_id", "metric_id"],
        &[TO_BATCH, TO_METRIC],
        2,
    ),
    link(
        "BATCH_ARTIFACT",
        (LinkOwner::Run, Artifact),
        &[index("batch_idx"), index("epoch_idx"), parent("trial_run_id", Run), parent("artifact_id", Artifact)],
        &["batch_idx", "epoch_idx", "trial_run_id", "artifact_id"],
        &[TO_BATCH, TO_ARTIFACT],
        2,
    ),
];
