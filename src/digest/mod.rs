//! The content digest: 256 bits that are equal for equal experiments, whatever their ids, their engine and the order of rows.
//!
//! docs/digest.md is the definition; [`encode`] writes values and rows, [`sum`] adds digests up, [`experiment`] puts the nodes
//! together, [`links`] what extra columns tie; [`twin`] finds an experiment that is there twice. Migration, comparison, import and the manager call it.

mod census;
mod duplicates;
mod encode;
mod experiment;
mod links;
mod sum;

pub use census::{Census, grown_by};
pub use duplicates::{OnDuplicate, experiments_with_row, twin};
pub use encode::{Stored, encode_apart, encode_value, same_content};
pub use experiment::{
    ALGORITHM, ALGORITHM_WITH_LINKS, Digester, Ended, ExperimentDigest, NodeDigests, digest, digest_as, digest_nodes,
    row_digest,
};
pub use links::Bare;
pub use sum::{Hash, Sum, hex, parse_hex};
