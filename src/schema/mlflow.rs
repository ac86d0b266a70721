//! The family of MLflow's tracking store, heads 1.20 to 3.17.2: experiments, runs, logged models, datasets, traces, and what ties them.
//!
//! Source of the facts: stores that MLflow 1.20.2 to 3.17.2 wrote. This is the one place that knows their tables and columns. Which of
//! these a store has is asked of the store, table by table and column by column: the head says neither who wrote the rows, nor, after
//! an upgrade that was cut off, what is there. The model registry, jobs, gateways and users are none of an experiment's, and stand in no
//! list here: they are extra tables, which are left alone.

use super::entity::{Entity, EntityData, Key, Keys, Level};
use super::family::{Call, Document, Family, Listing, Marker, Meaning, Rule};
use super::table::{Column, Kind, Place, Role, Table};

pub const EXPERIMENT: Entity = Entity::at(0);
pub const RUN: Entity = Entity::at(1);
pub const MODEL: Entity = Entity::at(2);
pub const DATASET: Entity = Entity::at(3);
pub const TRACE: Entity = Entity::at(4);
pub const ASSESSMENT: Entity = Entity::at(5);
pub const INPUT: Entity = Entity::at(6);
pub const ASSOCIATION: Entity = Entity::at(7);

const fn entity(noun: &'static str, nouns: &'static str, level: Level, key: Key, keys: Keys) -> EntityData {
    EntityData { noun, nouns, level, key, keys, checking: "validating", leads_out: "which is none of the experiment's" }
}

const fn kept(noun: &'static str, nouns: &'static str, level: Level, bytes: usize) -> EntityData {
    entity(noun, nouns, level, Key::Text(bytes), Keys::Kept)
}

/// The family.
pub static MLFLOW: Family = Family {
    name: "mlflow",
    tracker: "MLflow",
    marks: &["alembic_version", "experiments", "runs", "metrics", "latest_metrics", "params", "tags"],
    generations: 1,
    entities: &[
        entity("experiment", "experiments", Level::Root, Key::Integer, Keys::Remapped),
        kept("run", "runs", Level::Below(EXPERIMENT), 32),
        kept("logged model", "logged models", Level::Below(EXPERIMENT), 36),
        kept("dataset", "datasets", Level::Below(EXPERIMENT), 36),
        kept("trace", "traces", Level::Below(EXPERIMENT), 50),
        kept("assessment", "assessments", Level::Below(TRACE), 50),
        kept("input", "inputs", Level::Between, 36),
        kept("association", "associations", Level::Between, 36),
    ],
    tables: TABLES,
    rules: RULES,
    document: Document { tables: &[], columns: &[], children: &[] },
    marker: Some(Marker { table: "alembic_version", column: "version_num", known: HEADS }),
    maker: Some("mlflow db upgrade URL"),
    page: "docs/mlflow.md",
    listing: Listing {
        title: "name",
        description: None,
        start: "creation_time",
        update: "last_update_time",
        identity: &["experiment_id", "name", "creation_time"],
    },
    metrics: Some("metrics"),
    lacks: &[Call::Export, Call::Import, Call::Transform, Call::Widen, Call::SnapshotOnServer],
};

/// The heads of `alembic_version`, from that of MLflow 1.20 to that of 3.17.2, oldest first.
const HEADS: &[&str] = &[
    "c48cb773bb87",
    "bd07f7e963c5",
    "0c779009ac13",
    "cc1f77228345",
    "97727af70f4d",
    "3500859a5d39",
    "7f2a7d5fae7d",
    "2d6e25af4d3e",
    "acf3f17fdcc7",
    "867495a8f9d4",
    "5b0e9adcef9c",
    "4465047574b1",
    "f5a4f2784254",
    "0584bdc529eb",
    "400f98739977",
    "6953534de441",
    "bda7b8c39065",
    "cbc13b556ace",
    "770bee3ae1dd",
    "a1b2c3d4e5f6",
    "de4033877273",
    "1a0cddfcaa16",
    "534353b11cbc",
    "71994744cf8e",
    "3da73c924c2f",
    "bf29a5ff90ea",
    "1bd49d398cd23",
    "b7c8d9e0f1a2",
    "5d2d30f0abce",
    "c9d4e5f6a7b8",
    "2c33131f4dae",
    "d3e4f5a6b7c8",
    "d0e1f2a3b4c5",
    "c8d9e0f1a2b3",
    "1b5f0d9ad7c1",
    "e1f2a3b4c5d6",
    "76601a5f987d",
    "c3d6457b6d8a",
    "a5b4c3d2e1f0",
    "ae8bbe7743c9",
    "7d34483879f0",
    "da6fb0208061",
    "89d3d66ed43f",
    "b7e4c1a90f23",
    "a8b9c0d1e2f3",
    "c1d2e3f4a5b6",
    "c3d9e7f1a2b4",
    "6f8d9c3b2a1e",
    "1971f2d9a75b",
    "17e22815139b",
    "b7e2c1a4d9f3",
    "75868b020152",
    "dc11669786a5",
];

const fn column(name: &'static str, role: Role, kind: Kind, sqlite: &'static str) -> Column {
    Column { name, role, kind, sqlite }
}

/// The row's own key, as a text that the tracker chose.
const fn key(name: &'static str, sqlite: &'static str) -> Column {
    column(name, Role::Id, Kind::Text, sqlite)
}

/// The text key of another entity's row.
const fn of(name: &'static str, entity: Entity, sqlite: &'static str) -> Column {
    column(name, Role::Parent(entity), Kind::Text, sqlite)
}

/// The id of the experiment.
const fn experiment() -> Column {
    column("experiment_id", Role::Parent(EXPERIMENT), Kind::Integer, "INTEGER NOT NULL")
}

/// A part of the row's natural key.
const fn index(name: &'static str, kind: Kind, sqlite: &'static str) -> Column {
    column(name, Role::Index, kind, sqlite)
}

const fn text(name: &'static str, sqlite: &'static str) -> Column {
    column(name, Role::Content, Kind::Text, sqlite)
}

/// An integer, or milliseconds since 1970.
const fn number(name: &'static str, sqlite: &'static str) -> Column {
    column(name, Role::Content, Kind::Integer, sqlite)
}

const fn real(name: &'static str, sqlite: &'static str) -> Column {
    column(name, Role::Content, Kind::Real, sqlite)
}

const fn table(
    name: &'static str,
    place: Place,
    columns: &'static [Column],
    primary_key: &'static [&'static str],
    optional: bool,
) -> Table {
    Table { name, place, columns, primary_key, references: &[], generation: 1, optional }
}

const fn rule(table: &'static str, column: &'static str, meaning: Meaning) -> Rule {
    Rule { table, column, meaning }
}

/// Every table of an experiment, parents before children. Those that later heads brought are optional.
const TABLES: &[Table] = &[
    table("alembic_version", Place::Aside, &[text("version_num", "VARCHAR(32) NOT NULL")], &["version_num"], false),
    table(
        "experiments",
        Place::Node(EXPERIMENT),
        &[
            column("experiment_id", Role::Id, Kind::Integer, "INTEGER NOT NULL"),
            text("name", "VARCHAR(256) NOT NULL"),
            text("artifact_location", "VARCHAR(256)"),
            text("lifecycle_stage", "VARCHAR(32)"),
            number("creation_time", "BIGINT"),
            number("last_update_time", "BIGINT"),
            text("workspace", "VARCHAR(63) NOT NULL"),
        ],
        &["experiment_id"],
        false,
    ),
    table(
        "experiment_tags",
        Place::Below(EXPERIMENT),
        &[index("key", Kind::Text, "VARCHAR(250) NOT NULL"), text("value", "TEXT"), experiment()],
        &["key", "experiment_id"],
        false,
    ),
    table(
        "runs",
        Place::Node(RUN),
        &[
            key("run_uuid", "VARCHAR(32) NOT NULL"),
            text("name", "VARCHAR(250)"),
            text("source_type", "VARCHAR(20)"),
            text("source_name", "VARCHAR(500)"),
            text("entry_point_name", "VARCHAR(50)"),
            text("user_id", "VARCHAR(256)"),
            text("status", "VARCHAR(9)"),
            number("start_time", "BIGINT"),
            number("end_time", "BIGINT"),
            text("source_version", "VARCHAR(50)"),
            text("lifecycle_stage", "VARCHAR(20)"),
            text("artifact_uri", "VARCHAR(200)"),
            experiment(),
            number("deleted_time", "BIGINT"),
        ],
        &["run_uuid"],
        false,
    ),
    table(
        "metrics",
        Place::Below(RUN),
        &[
            index("key", Kind::Text, "VARCHAR(250) NOT NULL"),
            real("value", "FLOAT NOT NULL"),
            index("timestamp", Kind::Integer, "BIGINT NOT NULL"),
            of("run_uuid", RUN, "VARCHAR(32) NOT NULL"),
            index("step", Kind::Integer, "BIGINT NOT NULL"),
            number("is_nan", "BOOLEAN NOT NULL"),
        ],
        &["key", "timestamp", "step", "run_uuid", "value", "is_nan"],
        false,
    ),
    table(
        "latest_metrics",
        Place::Derived(RUN),
        &[
            index("key", Kind::Text, "VARCHAR(250) NOT NULL"),
            real("value", "FLOAT NOT NULL"),
            number("timestamp", "BIGINT"),
            number("step", "BIGINT NOT NULL"),
            number("is_nan", "BOOLEAN NOT NULL"),
            of("run_uuid", RUN, "VARCHAR(32) NOT NULL"),
        ],
        &["key", "run_uuid"],
        false,
    ),
    table(
        "params",
        Place::Below(RUN),
        &[
            index("key", Kind::Text, "VARCHAR(250) NOT NULL"),
            text("value", "VARCHAR(8000) NOT NULL"),
            of("run_uuid", RUN, "VARCHAR(32) NOT NULL"),
        ],
        &["key", "run_uuid"],
        false,
    ),
    table(
        "tags",
        Place::Below(RUN),
        &[
            index("key", Kind::Text, "VARCHAR(250) NOT NULL"),
            text("value", "VARCHAR(8000)"),
            of("run_uuid", RUN, "VARCHAR(32) NOT NULL"),
        ],
        &["key", "run_uuid"],
        false,
    ),
    table(
        "datasets",
        Place::Node(DATASET),
        &[
            key("dataset_uuid", "VARCHAR(36) NOT NULL"),
            experiment(),
            index("name", Kind::Text, "VARCHAR(500) NOT NULL"),
            index("digest", Kind::Text, "VARCHAR(36) NOT NULL"),
            text("dataset_source_type", "VARCHAR(36) NOT NULL"),
            text("dataset_source", "TEXT NOT NULL"),
            text("dataset_schema", "TEXT"),
            text("dataset_profile", "TEXT"),
        ],
        &["experiment_id", "name", "digest"],
        true,
    ),
    table(
        "logged_models",
        Place::Node(MODEL),
        &[
            key("model_id", "VARCHAR(36) NOT NULL"),
            experiment(),
            text("name", "VARCHAR(500) NOT NULL"),
            text("artifact_location", "VARCHAR(1000) NOT NULL"),
            number("creation_timestamp_ms", "BIGINT NOT NULL"),
            number("last_updated_timestamp_ms", "BIGINT NOT NULL"),
            number("status", "INTEGER NOT NULL"),
            text("lifecycle_stage", "VARCHAR(32)"),
            text("model_type", "VARCHAR(500)"),
            text("source_run_id", "VARCHAR(32)"),
            text("status_message", "VARCHAR(1000)"),
        ],
        &["model_id"],
        true,
    ),
    table(
        "logged_model_metrics",
        Place::Below(MODEL),
        &[
            of("model_id", MODEL, "VARCHAR(36) NOT NULL"),
            index("metric_name", Kind::Text, "VARCHAR(500) NOT NULL"),
            index("metric_timestamp_ms", Kind::Integer, "BIGINT NOT NULL"),
            index("metric_step", Kind::Integer, "BIGINT NOT NULL"),
            real("metric_value", "FLOAT"),
            experiment(),
            text("run_id", "VARCHAR(32) NOT NULL"),
            text("dataset_uuid", "VARCHAR(36)"),
            text("dataset_name", "VARCHAR(500)"),
            text("dataset_digest", "VARCHAR(36)"),
        ],
        &["model_id", "metric_name", "metric_timestamp_ms", "metric_step", "run_id"],
        true,
    ),
    table(
        "logged_model_params",
        Place::Below(MODEL),
        &[
            of("model_id", MODEL, "VARCHAR(36) NOT NULL"),
            experiment(),
            index("param_key", Kind::Text, "VARCHAR(255) NOT NULL"),
            text("param_value", "TEXT NOT NULL"),
        ],
        &["model_id", "param_key"],
        true,
    ),
    table(
        "logged_model_tags",
        Place::Below(MODEL),
        &[
            of("model_id", MODEL, "VARCHAR(36) NOT NULL"),
            experiment(),
            index("tag_key", Kind::Text, "VARCHAR(255) NOT NULL"),
            text("tag_value", "TEXT NOT NULL"),
        ],
        &["model_id", "tag_key"],
        true,
    ),
    table(
        "trace_info",
        Place::Node(TRACE),
        &[
            key("request_id", "VARCHAR(50) NOT NULL"),
            experiment(),
            number("timestamp_ms", "BIGINT NOT NULL"),
            number("execution_time_ms", "BIGINT"),
            text("status", "VARCHAR(50) NOT NULL"),
            text("client_request_id", "VARCHAR(50)"),
            text("request_preview", "VARCHAR(1000)"),
            text("response_preview", "VARCHAR(1000)"),
            number("db_payload_generation", "INTEGER NOT NULL"),
            text("trace_name", "VARCHAR(4096)"),
            text("session_id", "VARCHAR(250)"),
            number("input_tokens", "BIGINT"),
            number("output_tokens", "BIGINT"),
            number("total_tokens", "BIGINT"),
            number("cache_read_input_tokens", "BIGINT"),
            number("cache_creation_input_tokens", "BIGINT"),
            number("cache_creation_input_tokens_above_1hr", "BIGINT"),
            real("input_cost", "FLOAT"),
            real("output_cost", "FLOAT"),
            real("total_cost", "FLOAT"),
        ],
        &["request_id"],
        true,
    ),
    table(
        "trace_tags",
        Place::Below(TRACE),
        &[
            index("key", Kind::Text, "VARCHAR(250) NOT NULL"),
            text("value", "VARCHAR(8000)"),
            of("request_id", TRACE, "VARCHAR(50) NOT NULL"),
        ],
        &["key", "request_id"],
        true,
    ),
    table(
        "trace_request_metadata",
        Place::Below(TRACE),
        &[
            index("key", Kind::Text, "VARCHAR(250) NOT NULL"),
            text("value", "VARCHAR(8000)"),
            of("request_id", TRACE, "VARCHAR(50) NOT NULL"),
        ],
        &["key", "request_id"],
        true,
    ),
    table(
        "trace_metrics",
        Place::Below(TRACE),
        &[
            of("request_id", TRACE, "VARCHAR(50) NOT NULL"),
            index("key", Kind::Text, "VARCHAR(250) NOT NULL"),
            real("value", "FLOAT"),
        ],
        &["request_id", "key"],
        true,
    ),
    table(
        "spans",
        Place::Below(TRACE),
        &[
            of("trace_id", TRACE, "VARCHAR(50) NOT NULL"),
            experiment(),
            index("span_id", Kind::Text, "VARCHAR(50) NOT NULL"),
            text("parent_span_id", "VARCHAR(50)"),
            text("name", "TEXT"),
            text("type", "VARCHAR(500)"),
            text("status", "VARCHAR(50) NOT NULL"),
            number("start_time_unix_nano", "BIGINT NOT NULL"),
            number("end_time_unix_nano", "BIGINT"),
            text("content", "TEXT NOT NULL"),
            real("input_cost", "FLOAT"),
            real("output_cost", "FLOAT"),
            real("total_cost", "FLOAT"),
            text("model_name", "VARCHAR(500)"),
            text("model_provider", "VARCHAR(500)"),
        ],
        &["trace_id", "span_id"],
        true,
    ),
    table(
        "span_metrics",
        Place::Below(TRACE),
        &[
            of("trace_id", TRACE, "VARCHAR(50) NOT NULL"),
            index("span_id", Kind::Text, "VARCHAR(50) NOT NULL"),
            index("key", Kind::Text, "VARCHAR(250) NOT NULL"),
            real("value", "FLOAT"),
        ],
        &["trace_id", "span_id", "key"],
        true,
    ),
    table(
        "assessments",
        Place::Node(ASSESSMENT),
        &[
            key("assessment_id", "VARCHAR(50) NOT NULL"),
            of("trace_id", TRACE, "VARCHAR(50) NOT NULL"),
            text("name", "VARCHAR(250) NOT NULL"),
            text("assessment_type", "VARCHAR(20) NOT NULL"),
            text("value", "TEXT NOT NULL"),
            text("error", "TEXT"),
            number("created_timestamp", "BIGINT NOT NULL"),
            number("last_updated_timestamp", "BIGINT NOT NULL"),
            text("source_type", "VARCHAR(50) NOT NULL"),
            text("source_id", "VARCHAR(250)"),
            text("run_id", "VARCHAR(32)"),
            text("span_id", "VARCHAR(50)"),
            text("rationale", "TEXT"),
            text("overrides", "VARCHAR(50)"),
            number("valid", "BOOLEAN NOT NULL"),
            text("assessment_metadata", "TEXT"),
            column("experiment_id", Role::Parent(EXPERIMENT), Kind::Integer, "INTEGER"),
            number("trace_timestamp_ms", "BIGINT"),
            real("aggregate_value", "FLOAT"),
            number("is_numeric_value", "BOOLEAN NOT NULL"),
        ],
        &["assessment_id"],
        true,
    ),
    table(
        "inputs",
        Place::Node(INPUT),
        &[
            key("input_uuid", "VARCHAR(36) NOT NULL"),
            text("source_type", "VARCHAR(36) NOT NULL"),
            text("source_id", "VARCHAR(36) NOT NULL"),
            text("destination_type", "VARCHAR(36) NOT NULL"),
            text("destination_id", "VARCHAR(36) NOT NULL"),
            number("step", "BIGINT NOT NULL"),
        ],
        &["source_type", "source_id", "destination_type", "destination_id"],
        true,
    ),
    table(
        "input_tags",
        Place::Below(INPUT),
        &[
            of("input_uuid", INPUT, "VARCHAR(36) NOT NULL"),
            index("name", Kind::Text, "VARCHAR(255) NOT NULL"),
            text("value", "VARCHAR(500) NOT NULL"),
        ],
        &["input_uuid", "name"],
        true,
    ),
    table(
        "entity_associations",
        Place::Node(ASSOCIATION),
        &[
            key("association_id", "VARCHAR(36) NOT NULL"),
            text("source_type", "VARCHAR(36) NOT NULL"),
            text("source_id", "VARCHAR(36) NOT NULL"),
            text("destination_type", "VARCHAR(36) NOT NULL"),
            text("destination_id", "VARCHAR(36) NOT NULL"),
            number("created_time", "BIGINT"),
        ],
        &["source_type", "source_id", "destination_type", "destination_id"],
        true,
    ),
];

/// What the type columns of `inputs` say.
const INPUT_ENDS: &[(&str, Entity)] = &[
    ("DATASET", DATASET),
    ("RUN", RUN),
    ("RUN_INPUT", RUN),
    ("RUN_OUTPUT", RUN),
    ("MODEL_INPUT", MODEL),
    ("MODEL_OUTPUT", MODEL),
];

/// What those of `entity_associations` say. Others lead to what is none of an experiment's: evaluation datasets, prompts.
const ASSOCIATION_ENDS: &[(&str, Entity)] = &[("run", RUN), ("model", MODEL), ("trace", TRACE)];

/// What the upgrade moves from the metadata of a trace into columns.
const MOVED_METADATA: &[&str] = &["mlflow.trace.session", "mlflow.trace.tokenUsage", "mlflow.trace.cost"];

const RULES: &[Rule] = &[
    // Columns that later heads brought.
    rule("experiments", "creation_time", Meaning::Later),
    rule("experiments", "last_update_time", Meaning::Later),
    rule("experiments", "workspace", Meaning::Later),
    rule("runs", "deleted_time", Meaning::Later),
    rule("inputs", "step", Meaning::Later),
    rule("trace_info", "client_request_id", Meaning::Later),
    rule("trace_info", "request_preview", Meaning::Later),
    rule("trace_info", "response_preview", Meaning::Later),
    rule("trace_info", "db_payload_generation", Meaning::Later),
    rule("trace_info", "trace_name", Meaning::Later),
    rule("trace_info", "session_id", Meaning::Later),
    rule("trace_info", "input_tokens", Meaning::Later),
    rule("trace_info", "output_tokens", Meaning::Later),
    rule("trace_info", "total_tokens", Meaning::Later),
    rule("trace_info", "cache_read_input_tokens", Meaning::Later),
    rule("trace_info", "cache_creation_input_tokens", Meaning::Later),
    rule("trace_info", "cache_creation_input_tokens_above_1hr", Meaning::Later),
    rule("trace_info", "input_cost", Meaning::Later),
    rule("trace_info", "output_cost", Meaning::Later),
    rule("trace_info", "total_cost", Meaning::Later),
    rule("spans", "input_cost", Meaning::Later),
    rule("spans", "output_cost", Meaning::Later),
    rule("spans", "total_cost", Meaning::Later),
    rule("spans", "model_name", Meaning::Later),
    rule("spans", "model_provider", Meaning::Later),
    rule("assessments", "assessment_metadata", Meaning::Later),
    rule("assessments", "experiment_id", Meaning::Later),
    rule("assessments", "trace_timestamp_ms", Meaning::Later),
    rule("assessments", "aggregate_value", Meaning::Later),
    rule("assessments", "is_numeric_value", Meaning::Later),
    rule("inputs", "step", Meaning::AbsentIs(0)),
    // What MLflow's own upgrade brings, moves or computes.
    rule("experiments", "workspace", Meaning::Aside),
    rule("trace_info", "db_payload_generation", Meaning::Aside),
    rule("trace_info", "trace_name", Meaning::Aside),
    rule("trace_info", "session_id", Meaning::Aside),
    rule("trace_info", "input_tokens", Meaning::Aside),
    rule("trace_info", "output_tokens", Meaning::Aside),
    rule("trace_info", "total_tokens", Meaning::Aside),
    rule("trace_info", "cache_read_input_tokens", Meaning::Aside),
    rule("trace_info", "cache_creation_input_tokens", Meaning::Aside),
    rule("trace_info", "cache_creation_input_tokens_above_1hr", Meaning::Aside),
    rule("trace_info", "input_cost", Meaning::Aside),
    rule("trace_info", "output_cost", Meaning::Aside),
    rule("trace_info", "total_cost", Meaning::Aside),
    rule("trace_tags", "value", Meaning::AsideWhere("key", &["mlflow.traceName"])),
    rule("trace_request_metadata", "value", Meaning::AsideWhere("key", MOVED_METADATA)),
    rule("spans", "input_cost", Meaning::Aside),
    rule("spans", "output_cost", Meaning::Aside),
    rule("spans", "total_cost", Meaning::Aside),
    rule("spans", "model_name", Meaning::Aside),
    rule("spans", "model_provider", Meaning::Aside),
    rule("assessments", "trace_timestamp_ms", Meaning::Aside),
    rule("assessments", "aggregate_value", Meaning::Aside),
    rule("assessments", "is_numeric_value", Meaning::Aside),
    // Times, and numbers that are not what they seem.
    rule("experiments", "creation_time", Meaning::Milliseconds),
    rule("experiments", "last_update_time", Meaning::Milliseconds),
    rule("runs", "start_time", Meaning::Milliseconds),
    rule("runs", "end_time", Meaning::Milliseconds),
    rule("runs", "deleted_time", Meaning::Milliseconds),
    rule("metrics", "timestamp", Meaning::Milliseconds),
    rule("metrics", "value", Meaning::NanIn("is_nan")),
    rule("metrics", "value", Meaning::InfinityAsGreatest),
    rule("latest_metrics", "value", Meaning::NanIn("is_nan")),
    rule("latest_metrics", "value", Meaning::InfinityAsGreatest),
    // Keys of other rows in columns and values.
    rule("tags", "value", Meaning::NamesWhere("key", "mlflow.parentRunId", RUN)),
    rule("trace_request_metadata", "value", Meaning::NamesWhere("key", "mlflow.sourceRun", RUN)),
    rule("trace_request_metadata", "value", Meaning::NamesWhere("key", "mlflow.modelId", MODEL)),
    rule("logged_models", "source_run_id", Meaning::Names(RUN)),
    rule("logged_model_metrics", "run_id", Meaning::Names(RUN)),
    rule("logged_model_metrics", "dataset_uuid", Meaning::Names(DATASET)),
    rule("assessments", "run_id", Meaning::Names(RUN)),
    rule("assessments", "overrides", Meaning::Names(ASSESSMENT)),
    rule("inputs", "source_id", Meaning::NamesBy("source_type", INPUT_ENDS)),
    rule("inputs", "destination_id", Meaning::NamesBy("destination_type", INPUT_ENDS)),
    rule("entity_associations", "source_id", Meaning::NamesBy("source_type", ASSOCIATION_ENDS)),
    rule("entity_associations", "destination_id", Meaning::NamesBy("destination_type", ASSOCIATION_ENDS)),
    rule("spans", "content", Meaning::MentionsOwner),
    // Artifacts are files, whose places have the keys of those who wrote them in them.
    rule("experiments", "artifact_location", Meaning::Location),
    rule("runs", "artifact_uri", Meaning::Location),
    rule("logged_models", "artifact_location", Meaning::Location),
    rule("trace_tags", "value", Meaning::LocationWhere("key", "mlflow.artifactLocation")),
];
