//! MLflow's file store: a folder `mlruns` with a folder for each experiment, in it one for each run, in it a file for each key.
//!
//! `meta` reads the descriptions, `points` the files of metrics, `values` those of params and tags; `run`, `model` and `experiment` put them together.

mod experiment;
mod folder;
mod meta;
mod model;
mod points;
mod run;
mod values;

pub use experiment::READER;
