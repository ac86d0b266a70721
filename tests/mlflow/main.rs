//! MLflow's tracking store, on stores that MLflow itself wrote (tests/data/mlflow).

mod store;
#[path = "../support/mod.rs"]
mod support;
