//! expmig: an embeddable migration engine for experiment-tracking databases.
//!
//! The crate in one page. Layers, from the bottom; each uses only what stands above it in this list:
//!
//! - [`error`]: one error type; `process`: which process this is.
//! - [`values`]: what cells mean; [`schema`]: families of schemas, as data; `spill`: collections that go on to disk.
//! - [`progress`], `files`, `sockets`, [`database`]: jobs, files of our own, writing to servers, connections.
//! - `hierarchy`, [`digest`]: the rows below an experiment, and their content digest.
//! - [`validation`], [`transformation`], [`snapshot`], [`migration`], [`exchange`], [`arrow`]: the capabilities; only
//!   migration and import use others.
//! - [`report`]: the page, which is made of most of them; [`readers`]: runs from the files of other trackers.
//! - [`manager`]: the facade that users hold.
//! - `capi`: the C ABI; the only unsafe code.
//!
//! ```no_run
//! use expmig::{Database, Manager, MigrateOptions, OpenOptions};
//!
//! let manager = Manager::from(Database::open("experiments.db", OpenOptions::default())?);
//! let result = manager.migrate_experiment(1, None, MigrateOptions::default())?;
//! println!("experiment {} has digest {:?}", result.new_experiment_id, result.target_digest);
//! # Ok::<(), expmig::Error>(())
//! ```
#![deny(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::todo)
)]

#[cfg(all(feature = "bundled-sqlite", feature = "system-sqlite"))]
compile_error!("system-sqlite needs --no-default-features: with both, SQLite would be in the process twice");
#[cfg(not(any(feature = "bundled-sqlite", feature = "system-sqlite")))]
compile_error!("choose bundled-sqlite (the default) or system-sqlite");

pub mod arrow;
pub mod capi;
pub mod database;
pub mod digest;
pub mod error;
pub mod exchange;
mod files;
pub mod hierarchy;
pub mod manager;
pub mod migration;
mod process;
pub mod progress;
pub mod readers;
mod registry;
pub mod report;
pub mod schema;
pub mod snapshot;
#[cfg(feature = "servers")]
mod sockets;
mod spill;
mod threads;
pub mod transformation;
pub mod validation;
pub mod values;

#[cfg(test)]
#[path = "../tests/support/random.rs"]
mod random;

/// What must hold of any input, for the targets in fuzz/.
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing {
    pub use crate::database::any_damage::{pages, whole};
    pub use crate::readers::any_input::reads;
    pub use crate::values::any_text::{json, python_literal};
}

pub use database::{Database, Next, OpenOptions, Password, QueryRow, Secret};
pub use digest::OnDuplicate;
pub use error::{Domain, Error, Result, Status};
pub use exchange::{ExportOptions, ExportResult, ImportOptions, ImportResult};
pub use hierarchy::{OnConflict, OnName, TextKeyOptions};
pub use manager::{
    FileOptions, JobOptions, LogLevel, Manager, ManagerOptions, RestoreOptions, Settings, SnapshotOptions,
};
pub use migration::{JobState, MigrateOptions, MigrationResult, StagedJob, Strategy, jobs_json};
pub use progress::{CancelToken, Flow, Progress};
pub use readers::{BringInOptions, BringInResult};
pub use report::{ReportOptions, ReportResult, ReportedExperiment};
pub use snapshot::{Cleanup, RestoreResult, Snapshot, SnapshotList};
pub use transformation::{
    MetricSelection, TransformOptions, TransformationResult, Transformations, UndoOptions, UndoResult,
};
pub use validation::{
    Check, CheckContext, Finding, Issue, IssueKind, Report, Section, Severity, ValidateOptions, validate_metric_json,
};
pub use values::{Value, ValueRef};
