//! TensorBoard's event files, whoever wrote them: a folder for each run, in it files of records with points, texts, pictures and hyperparameters.
//!
//! `records` reads the records of a file, `event` what is in one, `scalar` the numbers of it, `hparams` the hyperparameters; `run` puts a folder together,
//! and `log` finds the folders.

mod event;
mod hparams;
mod log;
mod records;
mod run;
mod scalar;

pub use log::READER;
