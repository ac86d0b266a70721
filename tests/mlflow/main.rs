//! MLflow's tracking store, on stores that MLflow itself wrote (tests/data/mlflow).

mod columns;
mod conflicts;
mod crash;
mod digest;
mod documents;
mod hostile;
mod migrate;
mod mlruns;
mod other_trackers;
mod places;
mod report;
mod servers;
mod store;
#[path = "../support/mod.rs"]
mod support;
mod validation;
