//! The digests of nodes, from the leaves up, in one pass.

use super::encode::{Stored, encode_bytes, encode_row};
use super::extra_links::{Bare, Links, with_links};
use super::row_bytes::RowBytes;
use super::sum::{Hash, Sum};
use crate::database::{Connection, Layout, Row};
use crate::error::Result;
use crate::hierarchy::{
    Owner, Rewrite, RewritingVisitor, Selection, SeparateVisitor, Shape, Visitor, unknown_experiment, walk,
    walk_separately,
};
use crate::progress::Job;
use crate::schema::{ByEntity, Entity, Family};
use crate::spill::{HashList, Paged};
use crate::values::ValueRef;

/// The definition and its version, which is also a prefix of what is hashed.
pub const ALGORITHM: &str = "expmig.digest/1";
/// The same of experiments whose rows have links in extra columns.
pub const ALGORITHM_WITH_LINKS: &str = "expmig.digest/2";
/// Stands for a linked row that does not exist.
const MISSING: Hash = [0; 32];

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
    fn new(family: &Family) -> NodeDigests {
        NodeDigests { nodes: ByEntity::new(family), own: ByEntity::new(family), bare: Bare::default() }
    }
}

/// Reads the whole selection and digests it; with `stored`, as it would be stored elsewhere.
pub fn digest<'a>(
    connection: &dyn Connection,
    layout: &Layout,
    selection: &mut Selection,
    stored: Option<Stored<'a>>,
    job: &Job,
    also: Option<&'a mut dyn Visitor>,
) -> Result<ExperimentDigest> {
    let plain = stored.is_none() && selection.scope.cut.is_none();
    let apart = plain && also.as_ref().is_none_or(|also| also.wants_odd_links_only());
    let mut digester = Digester::new(selection, layout, stored, also);
    match apart {
        true => walk_separately(connection, layout, selection, job, &mut digester)?,
        false => walk(connection, layout, selection, job, &mut digester)?,
    }
    digester.end()?.finish((connection, layout), selection, stored, job)
}

/// As [`digest`], with the digests of the nodes.
pub fn digest_nodes(
    connection: &dyn Connection,
    layout: &Layout,
    selection: &mut Selection,
    job: &Job,
    also: Option<&mut dyn Visitor>,
) -> Result<(ExperimentDigest, NodeDigests)> {
    let mut digester = Digester::new(selection, layout, None, also);
    digester.nodes = Some(NodeDigests::new(selection.family));
    walk(connection, layout, selection, job, &mut digester)?;
    digester.end()?.finish_nodes((connection, layout), selection, None, job)
}

/// As [`digest_nodes`], of what the rows become: each value as `stored` says, each linked row as `rewrite` says before. The nodes only
/// if they are wanted.
pub fn digest_as<'a>(
    connection: &dyn Connection,
    layout: &Layout,
    selection: &mut Selection,
    (stored, rewrite): (Stored<'a>, Option<&mut dyn Rewrite>),
    job: &Job,
    nodes: bool,
) -> Result<(ExperimentDigest, NodeDigests)> {
    let mut digester = Digester::new(selection, layout, Some(stored), None);
    digester.nodes = nodes.then(|| NodeDigests::new(selection.family));
    match rewrite {
        Some(rewrite) => {
            walk(connection, layout, selection, job, &mut RewritingVisitor { rewrite, visitor: &mut digester })?;
        }
        None => walk(connection, layout, selection, job, &mut digester)?,
    }
    digester.end()?.finish_nodes((connection, layout), selection, Some(stored), job)
}

/// The digest of one row by itself.
pub fn row_digest(shape: &Shape<'_>, row: &dyn Row, stored: Option<Stored<'_>>) -> Result<Hash> {
    let mut bytes = RowBytes::default();
    encode_row(shape, row, stored, &mut bytes)?;
    Ok(bytes.hash())
}

/// The digest of a link and of what it links; `None` where that could be missing: it looks as a row of NULLs would.
pub fn link_digest((shape, leaf): (&Shape<'_>, &Shape<'_>), row: &dyn Row) -> Result<Option<Hash>> {
    let content = leaf.first..leaf.first + leaf.columns.len();
    let mut known = false;
    for at in content {
        known |= row.value(at)? != ValueRef::Null;
    }
    if !known {
        return Ok(None);
    }
    let mut bytes = RowBytes::default();
    encode_row(shape, row, None, &mut bytes)?;
    bytes.bytes.extend_from_slice(&row_digest(leaf, row, None)?);
    Ok(Some(bytes.hash()))
}

/// The size of what is known of a node before everything below it was added: the digest of its row, and the sum of what is below.
const NODE: usize = size_of::<Hash>() + Sum::BYTES;

/// What is known of the rows of one entity of the hierarchy, by position: up to 4 MiB of it in memory.
type Nodes = Paged<NODE, 455>;

/// Adds to what is below a node.
fn add_below(node: &mut [u8; NODE], hash: &Hash) {
    let mut more = Sum::default();
    more.add(hash);
    add_all_below(node, &more);
}

/// Takes the digest of a node's row from another, and adds what is below that one.
fn join(node: &mut [u8; NODE], other: &[u8; NODE]) {
    if let (Some(row), Some(of)) = (node.first_chunk_mut::<{ size_of::<Hash>() }>(), other.first_chunk()) {
        *row = *of;
    }
    if let Some(below) = other.last_chunk() {
        add_all_below(node, &Sum::decode(below));
    }
}

/// Adds several to what is below a node.
fn add_all_below(node: &mut [u8; NODE], more: &Sum) {
    if let Some(below) = node.last_chunk_mut() {
        let mut sum = Sum::decode(below);
        sum.add_all(more);
        *below = sum.encoded();
    }
}

/// One bit per row.
#[derive(Default)]
struct Seen(Vec<u64>);

impl Seen {
    fn new(count: u64) -> Seen {
        Seen(vec![0; (count / 64) as usize + 1])
    }

    /// Whether this is the first time.
    #[inline]
    fn first(&mut self, rank: u64) -> bool {
        let bit = 1u64 << (rank % 64);
        match self.0.get_mut((rank / 64) as usize) {
            Some(word) => {
                let first = *word & bit == 0;
                *word |= bit;
                first
            }
            None => false,
        }
    }
}

/// The linked rows of one entity.
#[derive(Default)]
struct Leaves {
    seen: Seen,
    sum: Sum,
    /// By rank, where links are read apart.
    hashes: HashList,
}

impl Leaves {
    fn new(count: u64) -> Leaves {
        Leaves { seen: Seen::new(count), sum: Sum::default(), hashes: HashList::default() }
    }

    /// Adds a row when the first link to it is read.
    #[inline]
    fn link(&mut self, rank: u64, linked: &Hash) {
        if self.seen.first(rank) {
            self.sum.add(linked);
        }
    }
}

/// Digests rows that are handed to it as [`walk`] does it, in any order, or as [`walk_separately`] does it, linked rows before their links.
pub struct Digester<'a> {
    stored: Option<Stored<'a>>,
    also: Option<&'a mut dyn Visitor>,
    row: Option<Hash>,
    below: Sum,
    known: ByEntity<Nodes>,
    /// What is not yet added below its owner: rows of one owner mostly follow each other.
    pending: (Owner, Sum),
    /// `None` if only the whole is of interest.
    nodes: Option<NodeDigests>,
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

/// What is known when every row was read.
pub struct Ended {
    row: Option<Hash>,
    below: Sum,
    known: ByEntity<Nodes>,
    nodes: Option<NodeDigests>,
    leaves: ByEntity<Leaves>,
}

/// `H(H(R(row)) ‖ sum(S))`: what is known of the node.
fn node_hash(nodes: &mut Nodes, at: u64) -> Result<Hash> {
    Ok(*blake3::hash(&nodes.get(at)?).as_bytes())
}

impl Ended {
    /// The digest. Rows that have links in extra columns are read once more.
    pub fn finish(
        self,
        from: (&dyn Connection, &Layout),
        selection: &mut Selection,
        stored: Option<Stored<'_>>,
        job: &Job,
    ) -> Result<ExperimentDigest> {
        self.finish_nodes(from, selection, stored, job).map(|(digest, _)| digest)
    }

    /// Reads the links of extra columns: they lead to nodes as these are without links.
    fn links(
        &mut self,
        (connection, layout): (&dyn Connection, &Layout),
        selection: &mut Selection,
        stored: Option<Stored<'_>>,
        job: &Job,
    ) -> Result<(Links, Bare)> {
        if !layout.has_links() {
            return Ok(Default::default());
        }
        let mut rows = Bare(ByEntity::new(selection.family));
        // With the rows below them, but without the links of those.
        let mut whole: ByEntity<Nodes> = ByEntity::new(selection.family);
        for (entity, above) in selection.family.below_root().rev() {
            for at in 0..selection.ids(entity).len() as u64 {
                job.pulse()?;
                let own = self.known.get_mut(entity);
                let hash = match selection.family.has_below(entity) {
                    true => {
                        let (own, nodes) = (own.get(at)?, whole.get_mut(entity));
                        nodes.change(at, |node| join(node, &own))?;
                        node_hash(nodes, at)?
                    }
                    false => node_hash(own, at)?,
                };
                rows.0.get_mut(entity).set(at, &hash)?;
            }
            if above == Entity::ROOT {
                continue;
            }
            for (at, parent) in selection.parents(entity).iter().enumerate() {
                let hash = rows.0.get_mut(entity).get(at as u64)?;
                whole.get_mut(above).change(u64::from(*parent), |node| add_below(node, &hash))?;
            }
        }
        for entity in selection.family.leaves() {
            *rows.0.get_mut(entity) = std::mem::take(&mut self.leaves.get_mut(entity).hashes);
        }
        let links = rows.links((connection, layout), selection, stored, job)?;
        Ok((links, rows))
    }

    fn finish_nodes(
        mut self,
        from: (&dyn Connection, &Layout),
        selection: &mut Selection,
        stored: Option<Stored<'_>>,
        job: &Job,
    ) -> Result<(ExperimentDigest, NodeDigests)> {
        let Some(row) = self.row else {
            return Err(unknown_experiment(selection.experiment, &[]));
        };
        let (mut links, bare) = self.links(from, selection, stored, job)?;
        let mut nodes = self.nodes.take();
        let mut top = Sum::default();
        for (entity, above) in selection.family.below_root().rev() {
            for (at, parent) in selection.parents(entity).iter().enumerate() {
                job.pulse()?;
                let hash = node_hash(self.known.get_mut(entity), at as u64)?;
                let hash = match links.any {
                    true => with_links(hash, links.nodes.get_mut(entity).get(at as u64)?),
                    false => hash,
                };
                match above {
                    Entity::ROOT => top.add(&hash),
                    _ => self.known.get_mut(above).change(u64::from(*parent), |node| add_below(node, &hash))?,
                }
                nodes.iter_mut().for_each(|nodes| nodes.nodes.get_mut(entity).push(hash));
            }
        }
        let mut below = self.below;
        below.add_all(&top);
        let mut body = Vec::new();
        below.encode(&mut body);
        for entity in selection.family.leaves() {
            self.leaves.get(entity).sum.encode(&mut body);
        }
        if !links.body.is_empty() {
            links.body.encode(&mut body);
        }
        let mut whole = Vec::new();
        encode_bytes(if links.any { ALGORITHM_WITH_LINKS } else { ALGORITHM }.as_bytes(), &mut whole);
        whole.extend_from_slice(&row);
        whole.extend_from_slice(&body);
        if links.any {
            links.own.encode(&mut whole);
        }
        let digest = ExperimentDigest {
            experiment: *blake3::hash(&whole).as_bytes(),
            body: *blake3::hash(&body).as_bytes(),
            row,
            own: self.below,
            nodes: top,
            deeper: selection.nodes_below_root() - top.count(),
            linked: links.any,
        };
        let nodes = nodes.map(|nodes| NodeDigests { bare, ..nodes });
        Ok((digest, nodes.unwrap_or_default()))
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
