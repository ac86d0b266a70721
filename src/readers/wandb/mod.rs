//! Offline runs of Weights & Biases: a file `run-*.wandb` for each session of a run, with records of everything that was logged.
//!
//! `blocks` puts records together from the pieces of a file, `item` reads names and values, `session` a whole file, `files` finds them.

mod blocks;
mod files;
mod item;
mod records;
mod session;
mod summary;

pub use files::READER;
