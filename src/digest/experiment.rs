//! What the digest of an experiment consists of.

use super::extra_links::Bare;
use super::sum::{Hash, Sum};
use crate::schema::{ByEntity, Family};

/// The definition and its version, which is also a prefix of what is hashed.
pub const ALGORITHM: &str = "expmig.digest/1";
/// The same of experiments whose rows have links in extra columns.
pub const ALGORITHM_WITH_LINKS: &str = "expmig.digest/2";
/// The digests of one experiment.
#[derive(Clone, Copy, Debug)]
pub struct ExperimentDigest {
    /// Of everything.
    pub experiment: Hash,
    /// Of everything but the experiment's own row.
    pub body: Hash,
    /// Of the experiment's own row alone.
    pub row: Hash,
    /// Of what hangs on the experiment itself.
    pub own: Sum,
    /// Of the rows of the hierarchy that hang on the experiment, with what is below them.
    pub nodes: Sum,
    /// How many rows of the hierarchy are below those.
    pub deeper: u64,
    /// Whether rows have links in extra columns.
    pub linked: bool,
}

impl ExperimentDigest {
    /// The definition that it follows.
    pub fn algorithm(&self) -> &'static str {
        if self.linked { ALGORITHM_WITH_LINKS } else { ALGORITHM }
    }
}

/// The digests of what an experiment consists of. There can be many.
#[derive(Default)]
pub struct NodeDigests {
    /// Of each row of the hierarchy, in the selection's order.
    pub nodes: ByEntity<Vec<Hash>>,
    /// Of each link of the experiment itself, with the id of what it links.
    pub own: ByEntity<Vec<(Hash, i64)>>,
    /// Of the rows without the links of extra columns, where there are such columns.
    pub bare: Bare,
}

impl NodeDigests {
    pub(super) fn new(family: &Family) -> NodeDigests {
        NodeDigests { nodes: ByEntity::new(family), own: ByEntity::new(family), bare: Bare::default() }
    }
}
