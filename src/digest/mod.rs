//! The content digest: 256 bits that are equal for equal experiments, whatever their ids, their engine and the order of rows.
//!
//! docs/digest.md is the definition; [`encode`] writes values and rows, [`sum`] adds digests up, [`experiment`] puts the nodes
//! together. Migration, comparison and the manager call it.

mod encode;
mod experiment;
mod sum;

pub use encode::{Stored, encode_value};
pub use experiment::{ExperimentDigest, digest, digest_as, row_digest};
pub use sum::{Hash, Sum, hex};
