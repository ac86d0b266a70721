//! Collects the digests of rows, in one pass over an experiment.

use super::encode::{Stored, encode_row};
use super::ended::Ended;
use super::experiment::NodeDigests;
use super::leaves::Leaves;
use super::node_sums::{NODE, Nodes, add_all_below};
use super::row_bytes::RowBytes;
use super::sum::{Hash, Sum};
use crate::database::{Layout, Row};
use crate::error::Result;
use crate::hierarchy::{Owner, Selection, SeparateVisitor, Shape, Visitor};
use crate::schema::{ByEntity, Entity};

/// Stands for a linked row that does not exist.
const MISSING: Hash = [0; 32];

/// Digests rows that are handed to it as [`walk`](crate::hierarchy::walk) does it, in any order, or as [`walk_separately`](crate::hierarchy::walk_separately) does it, linked rows before their links.
pub struct Digester<'a> {
    stored: Option<Stored<'a>>,
    also: Option<&'a mut dyn Visitor>,
    row: Option<Hash>,
    below: Sum,
    known: ByEntity<Nodes>,
    /// What is not yet added below its owner: rows of one owner mostly follow each other.
    pending: (Owner, Sum),
    /// `None` if only the whole is of interest.
    pub nodes: Option<NodeDigests>,
    leaves: ByEntity<Leaves>,
    /// Links of extra columns will ask for the digests of linked rows.
    keeps_leaves: bool,
    buffer: RowBytes,
    leaf_buffer: RowBytes,
}

impl<'a> Digester<'a> {
    /// With `stored`, as they would be stored elsewhere; `also` gets the rows too.
    pub fn new(
        selection: &Selection,
        layout: &Layout,
        stored: Option<Stored<'a>>,
        also: Option<&'a mut dyn Visitor>,
    ) -> Digester<'a> {
        Digester {
            stored,
            also,
            row: None,
            below: Sum::default(),
            known: ByEntity::new(selection.family),
            pending: (Owner::ROOT, Sum::default()),
            nodes: None,
            leaves: ByEntity::of(selection.family, |entity| Leaves::new(selection.leaf_count(entity))),
            keeps_leaves: layout.has_links(),
            buffer: RowBytes::default(),
            leaf_buffer: RowBytes::default(),
        }
    }

    #[inline]
    fn add(&mut self, owner: Owner, hash: &Hash) -> Result<()> {
        if self.pending.0 != owner {
            self.add_pending()?;
            self.pending.0 = owner;
        }
        self.pending.1.add(hash);
        Ok(())
    }

    fn add_pending(&mut self) -> Result<()> {
        let more = std::mem::take(&mut self.pending.1);
        match self.pending.0 {
            _ if more.is_empty() => Ok(()),
            Owner::ROOT => {
                self.below.add_all(&more);
                Ok(())
            }
            Owner { entity, at } => self.known.get_mut(entity).change(at as u64, |node| add_all_below(node, &more)),
        }
    }

    /// Adds a link, whose row stands in the buffer, with the digest of what it links.
    #[inline(always)]
    fn add_link(&mut self, owner: Owner, (leaf, linked): (Entity, &Hash), row: &dyn Row) -> Result<()> {
        self.buffer.bytes.extend_from_slice(linked);
        let hash = self.buffer.hash();
        if let (Owner::ROOT, Some(nodes)) = (owner, &mut self.nodes) {
            // The walk selects the linked row's id second.
            nodes.own.get_mut(leaf).extend(row.value(1)?.as_integer().map(|id| (hash, id)));
        }
        self.add(owner, &hash)
    }

    /// Who also wants a link whose values are all usual ones, or not.
    fn interested(&mut self, usual: bool) -> Option<&mut (dyn Visitor + 'a)> {
        let also = self.also.as_deref_mut()?;
        // With `stored`, what was encoded is not what the row has.
        (!usual || self.stored.is_some() || !also.wants_odd_links_only()).then_some(also)
    }

    /// After every row of the selection.
    pub fn end(mut self) -> Result<Ended> {
        self.add_pending()?;
        Ok(Ended { row: self.row, below: self.below, known: self.known, nodes: self.nodes, leaves: self.leaves })
    }
}

impl Visitor for Digester<'_> {
    fn node(&mut self, owner: Owner, shape: &Shape<'_>, row: &dyn Row) -> Result<()> {
        self.buffer.clear();
        encode_row(shape, row, self.stored, &mut self.buffer)?;
        let hash = self.buffer.hash();
        if let Some(also) = self.also.as_deref_mut() {
            also.node(owner, shape, row)?;
        }
        let set = |node: &mut [u8; NODE]| {
            if let Some(row) = node.first_chunk_mut() {
                *row = hash;
            }
        };
        match owner {
            Owner::ROOT => self.row = Some(hash),
            Owner { entity, at } => self.known.get_mut(entity).change(at as u64, set)?,
        }
        Ok(())
    }

    fn below(&mut self, owner: Owner, shape: &Shape<'_>, row: &dyn Row) -> Result<()> {
        self.buffer.clear();
        encode_row(shape, row, self.stored, &mut self.buffer)?;
        let hash = self.buffer.hash();
        if let Some(also) = self.also.as_deref_mut() {
            also.below(owner, shape, row)?;
        }
        self.add(owner, &hash)
    }

    fn link(
        &mut self,
        owner: Owner,
        shape: &Shape<'_>,
        row: &dyn Row,
        leaf: Option<u64>,
        leaf_shape: (Entity, &Shape<'_>),
    ) -> Result<()> {
        let mut linked = MISSING;
        let mut usual = true;
        if let Some(rank) = leaf {
            self.leaf_buffer.clear();
            usual = encode_row(leaf_shape.1, row, self.stored, &mut self.leaf_buffer)?;
            linked = self.leaf_buffer.hash();
            self.leaves.get_mut(leaf_shape.0).link(rank, &linked);
            if self.keeps_leaves {
                self.leaves.get_mut(leaf_shape.0).hashes.set(rank, &linked)?;
            }
        }
        self.buffer.clear();
        usual &= encode_row(shape, row, self.stored, &mut self.buffer)?;
        if let Some(also) = self.interested(usual) {
            also.link(owner, shape, row, leaf, leaf_shape)?;
        }
        self.add_link(owner, (leaf_shape.0, &linked), row)
    }
}

impl SeparateVisitor for Digester<'_> {
    fn leaf(&mut self, leaf: (Entity, u64), shape: &Shape<'_>, row: &dyn Row) -> Result<()> {
        self.leaf_buffer.clear();
        let usual = encode_row(shape, row, self.stored, &mut self.leaf_buffer)?;
        let hash = self.leaf_buffer.hash();
        if let Some(also) = self.interested(usual) {
            also.odd_leaf(leaf, shape, row)?;
        }
        self.leaves.get_mut(leaf.0).hashes.set(leaf.1, &hash)
    }

    fn bare_link(
        &mut self,
        owner: Owner,
        shape: &Shape<'_>,
        row: &dyn Row,
        (entity, rank): (Entity, Option<u64>),
    ) -> Result<()> {
        let mut linked = MISSING;
        if let Some(rank) = rank {
            let leaves = self.leaves.get_mut(entity);
            linked = leaves.hashes.get(rank)?;
            leaves.link(rank, &linked);
        }
        self.buffer.clear();
        encode_row(shape, row, self.stored, &mut self.buffer)?;
        self.add_link(owner, (entity, &linked), row)
    }
}
