//! The family of Experiment Manager: generation 1, and generation 2, which brought the three BATCH tables.
//!
//! Source of the facts: the tracking application's own DDL. This is the one place that knows its tables and their columns.

use super::call::Call;
use super::entity::{Entity, EntityData, Key, Keys, Level};
use super::family::{Document, Family, Finished, Listing};
use super::table::{Column, Kind, Place, Reference, Role, Table, id, text, time};

pub const EXPERIMENT: Entity = Entity::at(0);
pub const TRIAL: Entity = Entity::at(1);
pub const RUN: Entity = Entity::at(2);
pub const METRIC: Entity = Entity::at(3);
pub const ARTIFACT: Entity = Entity::at(4);

const fn entity(
    (noun, nouns): (&'static str, &'static str),
    level: Level,
    checking: &'static str,
    leads_out: &'static str,
) -> EntityData {
    EntityData { noun, nouns, level, key: Key::Integer, keys: Keys::Remapped, checking, leads_out }
}

/// The family.
pub static EXPERIMENT_MANAGER: Family = Family {
    name: "experiment-manager",
    tracker: "Experiment Manager",
    marks: &["EXPERIMENT", "TRIAL", "TRIAL_RUN"],
    generations: 2,
    entities: &[
        entity(
            ("experiment", "experiments"),
            Level::Root,
            "validating the hierarchy",
            "which is another experiment or none",
        ),
        entity(
            ("trial", "trials"),
            Level::Below(EXPERIMENT),
            "validating the hierarchy",
            "which is no trial of the experiment",
        ),
        entity(("run", "runs"), Level::Below(TRIAL), "validating the hierarchy", "which is no run of the experiment"),
        entity(("metric", "metrics"), Level::Linked, "validating metrics", "which is no metric of the experiment"),
        entity(
            ("artifact", "artifacts"),
            Level::Linked,
            "validating artifacts",
            "which is no artifact of the experiment",
        ),
    ],
    tables: TABLES,
    rules: &[],
    document: Document {
        flat: None,
        tables: &[
            ("EXPERIMENT", "experiment"),
            ("TRIAL", "trials"),
            ("TRIAL_RUN", "trial_runs"),
            ("RESULTS", "results"),
            ("EPOCH", "epochs"),
            ("BATCH", "batches"),
        ],
        columns: &[("desc", "description")],
        children: &[
            ("EXPERIMENT", &["TRIAL", "EXPERIMENT_ARTIFACT"]),
            ("TRIAL", &["TRIAL_ARTIFACT", "TRIAL_RUN"]),
            ("TRIAL_RUN", &["EPOCH", "RESULTS", "TRIAL_RUN_ARTIFACT"]),
            ("RESULTS", &["RESULTS_METRIC", "RESULTS_ARTIFACT"]),
            ("EPOCH", &["EPOCH_METRIC", "EPOCH_ARTIFACT", "BATCH"]),
            ("BATCH", &["BATCH_METRIC", "BATCH_ARTIFACT"]),
        ],
    },
    marker: None,
    maker: None,
    page: "README.md",
    listing: Listing {
        title: "title",
        description: Some("desc"),
        start: "start_time",
        update: "update_time",
        identity: &["id", "title", "start_time"],
    },
    division: None,
    digest: None,
    metrics: None,
    finished: Some(Finished { table: "TRIAL_RUN", column: "status", values: &["completed", "success"] }),
    lacks: &[Call::BringIn],
};

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
    Table { name, place: Place::Below(RUN), columns, primary_key, references, generation, optional: false }
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
    (owner, leaf): (Entity, Entity),
    columns: &'static [Column],
    primary_key: &'static [&'static str],
    references: &'static [Reference],
    generation: u8,
) -> Table {
    Table { name, place: Place::Link { owner, leaf }, columns, primary_key, references, generation, optional: false }
}

const TO_METRIC: Reference = refers(&["metric_id"], "METRIC", &["id"]);
const TO_ARTIFACT: Reference = refers(&["artifact_id"], "ARTIFACT", &["id"]);
const TO_RUN: Reference = refers(&["trial_run_id"], "TRIAL_RUN", &["id"]);
const TO_RESULTS: Reference = refers(&["results_id"], "RESULTS", &["trial_run_id"]);
const TO_EPOCH: Reference = refers(&["epoch_idx", "epoch_trial_run_id"], "EPOCH", &["idx", "trial_run_id"]);
const TO_BATCH: Reference =
    refers(&["batch_idx", "epoch_idx", "trial_run_id"], "BATCH", &["idx", "epoch_idx", "trial_run_id"]);

/// Every table, parents before children.
const TABLES: &[Table] = &[
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
        EXPERIMENT,
        &[id(), text("title", "VARCHAR(255) NOT NULL"), text("desc", "TEXT"), time("start_time"), time("update_time")],
        &[],
    ),
    node(
        "TRIAL",
        TRIAL,
        &[
            id(),
            text("name", "VARCHAR(255) NOT NULL"),
            owner("experiment_id", EXPERIMENT),
            time("start_time"),
            time("update_time"),
        ],
        &[refers(&["experiment_id"], "EXPERIMENT", &["id"])],
    ),
    node(
        "TRIAL_RUN",
        RUN,
        &[
            id(),
            owner("trial_id", TRIAL),
            text("status", "VARCHAR(50) NOT NULL"),
            time("start_time"),
            time("update_time"),
        ],
        &[refers(&["trial_id"], "TRIAL", &["id"])],
    ),
    below_run("RESULTS", &[parent("trial_run_id", RUN), time("time")], &["trial_run_id"], &[TO_RUN], 1),
    below_run(
        "EPOCH",
        &[index("idx"), parent("trial_run_id", RUN), time("time")],
        &["idx", "trial_run_id"],
        &[TO_RUN],
        1,
    ),
    below_run(
        "BATCH",
        &[index("idx"), index("epoch_idx"), parent("trial_run_id", RUN), time("time")],
        &["idx", "epoch_idx", "trial_run_id"],
        &[refers(&["epoch_idx", "trial_run_id"], "EPOCH", &["idx", "trial_run_id"])],
        2,
    ),
    leaf(
        "METRIC",
        METRIC,
        &[
            id(),
            text("type", "VARCHAR(50) NOT NULL"),
            Column { name: "total_val", role: Role::Content, kind: Kind::Real, sqlite: "FLOAT NOT NULL" },
            Column { name: "per_label_val", role: Role::Content, kind: Kind::Json, sqlite: "TEXT" },
        ],
    ),
    leaf("ARTIFACT", ARTIFACT, &[id(), text("type", "VARCHAR(50) NOT NULL"), text("loc", "VARCHAR(255) NOT NULL")]),
    link(
        "EXPERIMENT_ARTIFACT",
        (EXPERIMENT, ARTIFACT),
        &[parent("experiment_id", EXPERIMENT), parent("artifact_id", ARTIFACT)],
        &["experiment_id", "artifact_id"],
        &[refers(&["experiment_id"], "EXPERIMENT", &["id"]), TO_ARTIFACT],
        1,
    ),
    link(
        "TRIAL_ARTIFACT",
        (TRIAL, ARTIFACT),
        &[parent("trial_id", TRIAL), parent("artifact_id", ARTIFACT)],
        &["trial_id", "artifact_id"],
        &[refers(&["trial_id"], "TRIAL", &["id"]), TO_ARTIFACT],
        1,
    ),
    link(
        "TRIAL_RUN_ARTIFACT",
        (RUN, ARTIFACT),
        &[parent("trial_run_id", RUN), parent("artifact_id", ARTIFACT)],
        &["trial_run_id", "artifact_id"],
        &[TO_RUN, TO_ARTIFACT],
        1,
    ),
    link(
        "RESULTS_METRIC",
        (RUN, METRIC),
        &[parent("results_id", RUN), parent("metric_id", METRIC)],
        &["results_id", "metric_id"],
        &[TO_RESULTS, TO_METRIC],
        1,
    ),
    link(
        "RESULTS_ARTIFACT",
        (RUN, ARTIFACT),
        &[parent("results_id", RUN), parent("artifact_id", ARTIFACT)],
        &["results_id", "artifact_id"],
        &[TO_RESULTS, TO_ARTIFACT],
        1,
    ),
    link(
        "EPOCH_METRIC",
        (RUN, METRIC),
        &[index("epoch_idx"), parent("epoch_trial_run_id", RUN), parent("metric_id", METRIC)],
        &["epoch_idx", "epoch_trial_run_id", "metric_id"],
        &[TO_EPOCH, TO_METRIC],
        1,
    ),
    link(
        "EPOCH_ARTIFACT",
        (RUN, ARTIFACT),
        &[index("epoch_idx"), parent("epoch_trial_run_id", RUN), parent("artifact_id", ARTIFACT)],
        &["epoch_idx", "epoch_trial_run_id", "artifact_id"],
        &[TO_EPOCH, TO_ARTIFACT],
        1,
    ),
    link(
        "BATCH_METRIC",
        (RUN, METRIC),
        &[index("batch_idx"), index("epoch_idx"), parent("trial_run_id", RUN), parent("metric_id", METRIC)],
        &["batch_idx", "epoch_idx", "trial_run_id", "metric_id"],
        &[TO_BATCH, TO_METRIC],
        2,
    ),
    link(
        "BATCH_ARTIFACT",
        (RUN, ARTIFACT),
        &[index("batch_idx"), index("epoch_idx"), parent("trial_run_id", RUN), parent("artifact_id", ARTIFACT)],
        &["batch_idx", "epoch_idx", "trial_run_id", "artifact_id"],
        &[TO_BATCH, TO_ARTIFACT],
        2,
    ),
];
