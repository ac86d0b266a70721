//! What the client neptune-scale kept for a service that is closed: a SQLite file for each session of a run, with operations that were not sent. `files` finds
//! them and which run they are of, `operation` takes operations apart, `run` puts the run together.

mod files;
mod operation;
mod run;

pub use files::READER;
