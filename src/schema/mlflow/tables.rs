//! The tables, and their columns.

use super::entities::{ASSESSMENT, ASSOCIATION, DATASET, EXPERIMENT, INPUT, MODEL, RUN, TRACE};
use crate::schema::entity::Entity;
use crate::schema::table::{Column, Kind, Place, Role, Table};

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

/// Every table of an experiment, parents before children. Those that later heads brought are optional.
pub const TABLES: &[Table] = &[
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
