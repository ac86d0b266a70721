//! The columns whose values mean more than their types say.

use super::entities::{ASSESSMENT, DATASET, MODEL, RUN, TRACE};
use crate::schema::entity::Entity;
use crate::schema::meaning::{Meaning, Rule};

const fn rule(table: &'static str, column: &'static str, meaning: Meaning) -> Rule {
    Rule { table, column, meaning }
}

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

/// The meanings, table by table.
pub const RULES: &[Rule] = &[
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
