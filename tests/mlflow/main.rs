//! MLflow's tracking store, on stores that MLflow itself wrote (tests/data/mlflow).

mod bring_in_beside;
mod bring_in_servers;
mod columns;
mod conflicts;
mod crash;
mod digest;
mod documents;
mod hostile;
mod hosts;
mod migrate;
mod mlruns;
mod neptune;
mod optuna;
mod other_trackers;
mod places;
mod report;
mod server_faults;
mod servers;
mod store;
#[path = "../support/mod.rs"]
mod support;
mod validation;
