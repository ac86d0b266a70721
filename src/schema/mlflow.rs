//! The family of MLflow's tracking store, heads 1.20 to 3.17.2: experiments, runs, logged models, datasets, traces, and what ties them.
//!
//! Source of the facts: stores that MLflow 1.20.2 to 3.17.2 wrote. This folder is the one place that knows their tables and columns:
//! `tables` has them, `entities` the kinds of rows with keys, `rules` what values mean, `heads` the versions. Which of
//! these a store has is asked of the store, table by table and column by column: the head says neither who wrote the rows, nor, after
//! an upgrade that was cut off, what is there. The model registry, jobs, gateways and users are none of an experiment's, and stand in no
//! list here: they are extra tables, which are left alone.

mod entities;
mod heads;
mod rules;
mod tables;

pub use entities::{ASSESSMENT, ASSOCIATION, DATASET, EXPERIMENT, INPUT, MODEL, RUN, TRACE};
use heads::HEADS;
use rules::RULES;
use tables::TABLES;

use super::call::Call;
use super::entity::{EntityData, Key, Keys, Level};
use super::family::{Division, Document, Family, Listing, Marker};

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
    document: Document { flat: Some("expmig.mlflow/1"), tables: &[], columns: &[], children: &[] },
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
    division: Some(Division { column: "workspace", table: "workspaces", key: "name" }),
    digest: Some("expmig.digest.mlflow/1"),
    metrics: Some("metrics"),
    finished: None,
    lacks: &[Call::Transform, Call::Widen, Call::SnapshotOnServer, Call::Stage],
};
