//! Optuna's studies: from its tables (`tables`), in a file or on a server, and from its journal (`journal`). Both make trials of what they find
//! (`trial`), which become runs in the same way; `study` is the experiment that they are in. `distribution` says what a stored parameter stands for, `times`
//! which moment a time is.

mod distribution;
mod journal;
mod source;
mod study;
mod tables;
mod times;
mod trial;

pub use source::READER;
