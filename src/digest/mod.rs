//! The content digest: 256 bits that are equal for equal experiments, whatever their ids, their engine and the order of rows.
//!
//! docs/digest.md is the definition. `selection` reads an experiment: `encode` writes values and rows into `row_bytes`, `digester` collects their
//! digests in `node_sums` and `leaves`, and `ended` makes the digest of them that `experiment` describes, with links of extra columns
//! (`extra_links`). `named` does all of that for families whose keys are texts; `sum` adds digests up. [`equal_experiment`] finds an experiment that
//! a database already has. [`Conversion`] says whether a value has the same content in another column. Migration, comparison, import, snapshots and the manager call this room.

mod conversion;
mod digester;
mod encode;
mod ended;
mod equal_experiments;
mod experiment;
mod extra_links;
mod leaves;
mod named;
mod node_sums;
mod row_bytes;
mod selection;
mod sum;
mod table_totals;

pub use conversion::Conversion;
pub use digester::Digester;
pub use encode::{Stored, encode_apart, encode_bytes, encode_value};
pub use ended::Ended;
pub use equal_experiments::{OnDuplicate, equal_experiment, experiments_with_row};
pub use experiment::{ALGORITHM, ALGORITHM_WITH_LINKS, ExperimentDigest, NodeDigests};
pub use extra_links::Bare;
pub use named::{
    NamedDigest, NamedDigester, NamedTable, digest_changed, digest_named, digested, in_base64, replace, root_row, whole,
};
pub use selection::{digest, digest_as, digest_nodes, row_digest};
pub use sum::{Hash, Sum, hex, parse_hex};
pub use table_totals::{TableTotals, grown_by};
