//! The content digest: 256 bits that are equal for equal experiments, whatever their ids, their engine and the order of rows.
//!
//! docs/digest.md is the definition. `encode` writes values and rows into `row_bytes`, `sum` adds digests up, `experiment` computes the digests of nodes,
//! `extra_links` those of links of extra columns, and `named` all of that for families whose keys are texts. [`equal_experiment`] finds an experiment that a database already has. [`Conversion`]
//! says whether a value has the same content in another column. Migration, comparison, import, snapshots and the manager call this room.

mod conversion;
mod encode;
mod equal_experiments;
mod experiment;
mod extra_links;
mod named;
mod row_bytes;
mod sum;
mod table_totals;

pub use conversion::Conversion;
pub use encode::{Stored, encode_apart, encode_bytes, encode_value};
pub use equal_experiments::{OnDuplicate, equal_experiment, experiments_with_row};
pub use experiment::{
    ALGORITHM, ALGORITHM_WITH_LINKS, Digester, Ended, ExperimentDigest, NodeDigests, digest, digest_as, digest_nodes,
    row_digest,
};
pub use extra_links::Bare;
pub use named::{
    NamedDigest, NamedDigester, NamedTable, digest_changed, digest_named, digested, in_base64, replace, root_row, whole,
};
pub use sum::{Hash, Sum, hex, parse_hex};
pub use table_totals::{TableTotals, grown_by};
