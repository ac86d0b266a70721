//! MLflow's tracking store, on stores that MLflow itself wrote (tests/data/mlflow).

mod digest;
mod store;
#[path = "../support/mod.rs"]
mod support;
mod validation;
