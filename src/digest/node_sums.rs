//! What is known of the rows of the hierarchy while an experiment is read: of each the digest of its row, and the sum of what is below it.

use super::sum::{Hash, Sum};
use crate::error::Result;
use crate::spill::Paged;

/// The size of what is known of a node before everything below it was added: the digest of its row, and the sum of what is below.
pub const NODE: usize = size_of::<Hash>() + Sum::BYTES;

/// What is known of the rows of one entity of the hierarchy, by position: up to 4 MiB of it in memory.
pub type Nodes = Paged<NODE, 455>;

/// Adds to what is below a node.
pub fn add_below(node: &mut [u8; NODE], hash: &Hash) {
    let mut more = Sum::default();
    more.add(hash);
    add_all_below(node, &more);
}

/// Takes the digest of a node's row from another, and adds what is below that one.
pub fn join(node: &mut [u8; NODE], other: &[u8; NODE]) {
    if let (Some(row), Some(of)) = (node.first_chunk_mut::<{ size_of::<Hash>() }>(), other.first_chunk()) {
        *row = *of;
    }
    if let Some(below) = other.last_chunk() {
        add_all_below(node, &Sum::decode(below));
    }
}

/// Adds several to what is below a node.
pub fn add_all_below(node: &mut [u8; NODE], more: &Sum) {
    if let Some(below) = node.last_chunk_mut() {
        let mut sum = Sum::decode(below);
        sum.add_all(more);
        *below = sum.encoded();
    }
}

/// The digest of a node, of what is known of it: `H(H(R(row)) ‖ sum(S))`.
pub fn node_hash(nodes: &mut Nodes, at: u64) -> Result<Hash> {
    Ok(*blake3::hash(&nodes.get(at)?).as_bytes())
}
