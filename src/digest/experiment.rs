//! The digests of nodes, from the leaves up, in one pass.

use super::encode::{Stored, encode_bytes, encode_row};
use super::links::{Known, Links, with_links};
use super::sum::{Hash, Sum};
use crate::database::{Connection, HashList, Layout, Row};
use crate::error::Result;
use crate::hierarchy::{
    Apart, Owner, Rewrite, Selection, Shape, Through, Visitor, unknown_experiment, walk, walk_apart,
};
use crate::progress::Job;
use crate::schema::Entity;

/// The definition and its version, which is also a prefix of what is hashed.
pub const ALGORITHM: &str = "expmig.digest/1";
/// The same of experiments whose rows have links in extra columns.
pub const ALGORITHM_WITH_LINKS: &str = "expmig.digest/2";
/// Stands for a linked row that does not exist.
const MISSING: Hash = [0; 32];

/// The digests of one experiment.
#[derive(Clone, Debug)]
pub struct ExperimentDigest {
    /// Of everything.
    pub experiment: Hash,
    /// Of everything but the experiment's own row.
    pub body: Hash,
    /// Of the experiment's own row alone.
    pub row: Hash,
    /// Of each trial, in the selection's order.
    pub trials: Vec<Hash>,
    /// Of each run, in the selection's order.
    pub runs: Vec<Hash>,
    /// Whether rows have links in extra columns.
    pub linked: bool,
}

impl ExperimentDigest {
    /// The definition that it follows.
    pub fn algorithm(&self) -> &'static str {
        if self.linked { ALGORITHM_WITH_LINKS } else { ALGORITHM }
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
    let apart = stored.is_none() && also.as_ref().is_none_or(|also| also.wants_odd_links_only());
    let mut digester = Digester::new(selection, layout, stored, also);
    match apart {
        true => walk_apart(connection, layout, selection, job, &mut digester)?,
        false => walk(connection, layout, selection, job, &mut digester)?,
    }
    digester.end().finish((connection, layout), selection, stored, job)
}

/// As [`digest`], of what the rows become: each value as `stored` says, each linked row as `rewrite` says before.
pub fn digest_as<'a>(
    connection: &dyn Connection,
    layout: &Layout,
    selection: &mut Selection,
    (stored, rewrite): (Stored<'a>, Option<&mut dyn Rewrite>),
    job: &Job,
) -> Result<ExperimentDigest> {
    let Some(rewrite) = rewrite else {
        return digest(connection, layout, selection, Some(stored), job, None);
    };
    let mut digester = Digester::new(selection, layout, Some(stored), None);
    walk(connection, layout, selection, job, &mut Through { rewrite, visitor: &mut digester })?;
    digester.end().finish((connection, layout), selection, Some(stored), job)
}

/// The digest of one row by itself.
pub fn row_digest(shape: &Shape<'_>, row: &dyn Row, stored: Option<Stored<'_>>) -> Result<Hash> {
    let mut bytes = Vec::new();
    encode_row(shape, row, stored, &mut bytes)?;
    Ok(*blake3::hash(&bytes).as_bytes())
}

/// What is known of a node before everything below it was added.
#[derive(Clone, Copy, Default)]
struct Node {
    row: Hash,
    below: Sum,
}

/// One bit per row.
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

/// The linked rows of one table.
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

/// Digests rows that are handed to it as [`walk`] does it, in any order, or as [`walk_apart`] does it, linked rows before their links.
pub struct Digester<'a> {
    stored: Option<Stored<'a>>,
    also: Option<&'a mut dyn Visitor>,
    row: Option<Hash>,
    below: Sum,
    trials: Vec<Node>,
    runs: Vec<Node>,
    metrics: Leaves,
    artifacts: Leaves,
    /// Links of extra columns will ask for the digests of metrics and artifacts.
    keeps_leaves: bool,
    buffer: Vec<u8>,
    leaf_buffer: Vec<u8>,
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
            trials: vec![Node::default(); selection.trials.len()],
            runs: vec![Node::default(); selection.runs.len()],
            metrics: Leaves::new(selection.metrics.len()),
            artifacts: Leaves::new(selection.artifacts.len()),
            keeps_leaves: layout.has_links(),
            buffer: Vec::new(),
            leaf_buffer: Vec::new(),
        }
    }

    fn below(&mut self, owner: Owner) -> Option<&mut Sum> {
        match owner {
            Owner::Experiment => Some(&mut self.below),
            Owner::Trial(at) => self.trials.get_mut(at).map(|node| &mut node.below),
            Owner::Run(at) => self.runs.get_mut(at).map(|node| &mut node.below),
        }
    }

    fn leaves(&mut self, entity: Entity) -> &mut Leaves {
        match entity {
            Entity::Metric => &mut self.metrics,
            _ => &mut self.artifacts,
        }
    }

    fn add(&mut self, owner: Owner, hash: &Hash) {
        if let Some(sum) = self.below(owner) {
            sum.add(hash);
        }
    }

    /// Who also wants a link whose values are all usual ones, or not.
    fn interested(&mut self, usual: bool) -> Option<&mut (dyn Visitor + 'a)> {
        let also = self.also.as_deref_mut()?;
        // With `stored`, what was encoded is not what the row has.
        (!usual || self.stored.is_some() || !also.wants_odd_links_only()).then_some(also)
    }

    /// `H(H(R(row)) ‖ sum(S))`.
    fn node_hash(node: &Node) -> Hash {
        let mut bytes = Vec::with_capacity(72);
        bytes.extend_from_slice(&node.row);
        node.below.encode(&mut bytes);
        *blake3::hash(&bytes).as_bytes()
    }

    /// After every row of the selection.
    pub fn end(self) -> Ended {
        Ended {
            row: self.row,
            below: self.below,
            trials: self.trials,
            runs: self.runs,
            metrics: self.metrics,
            artifacts: self.artifacts,
        }
    }
}

/// What is known when every row was read.
pub struct Ended {
    row: Option<Hash>,
    below: Sum,
    trials: Vec<Node>,
    runs: Vec<Node>,
    metrics: Leaves,
    artifacts: Leaves,
}

impl Ended {
    /// The digests. Rows that have links in extra columns are read once more.
    pub fn finish(
        mut self,
        (connection, layout): (&dyn Connection, &Layout),
        selection: &mut Selection,
        stored: Option<Stored<'_>>,
        job: &Job,
    ) -> Result<ExperimentDigest> {
        let Some(row) = self.row else {
            return Err(unknown_experiment(selection.experiment, &[]));
        };
        let bare: Vec<Hash> = self.runs.iter().map(Digester::node_hash).collect();
        let again = if layout.has_links() { self.trials.clone() } else { Vec::new() };
        let trials = trial_hashes(std::mem::take(&mut self.trials), &bare, selection);
        let (metrics, artifacts) = (&mut self.metrics.hashes, &mut self.artifacts.hashes);
        let known = Known { trials: &trials, runs: &bare, metrics, artifacts };
        let links = known.links((connection, layout), selection, stored, job)?;
        let (trials, runs) = match links.any {
            false => (trials, bare),
            true => {
                let linked = |hashes: Vec<Hash>, links: &[Sum]| -> Vec<Hash> {
                    hashes.into_iter().zip(links).map(|(hash, links)| with_links(hash, Some(links))).collect()
                };
                let runs = linked(bare, &links.runs);
                (linked(trial_hashes(again, &runs, selection), &links.trials), runs)
            }
        };
        Ok(self.whole(row, &links, trials, runs))
    }

    fn whole(self, row: Hash, links: &Links, trials: Vec<Hash>, runs: Vec<Hash>) -> ExperimentDigest {
        let mut below = self.below;
        trials.iter().for_each(|hash| below.add(hash));
        let mut body = Vec::new();
        below.encode(&mut body);
        self.metrics.sum.encode(&mut body);
        self.artifacts.sum.encode(&mut body);
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
        ExperimentDigest {
            experiment: *blake3::hash(&whole).as_bytes(),
            body: *blake3::hash(&body).as_bytes(),
            row,
            trials,
            runs,
            linked: links.any,
        }
    }
}

/// The digests of trials with those of their runs.
fn trial_hashes(mut trials: Vec<Node>, runs: &[Hash], selection: &Selection) -> Vec<Hash> {
    for (hash, trial) in runs.iter().zip(&selection.run_trial) {
        if let Some(node) = trials.get_mut(*trial as usize) {
            node.below.add(hash);
        }
    }
    trials.iter().map(Digester::node_hash).collect()
}

impl Visitor for Digester<'_> {
    fn node(&mut self, owner: Owner, shape: &Shape<'_>, row: &dyn Row) -> Result<()> {
        self.buffer.clear();
        encode_row(shape, row, self.stored, &mut self.buffer)?;
        if let Some(also) = self.also.as_deref_mut() {
            also.node(owner, shape, row)?;
        }
        let hash = *blake3::hash(&self.buffer).as_bytes();
        match owner {
            Owner::Experiment => self.row = Some(hash),
            Owner::Trial(at) => self.trials.iter_mut().skip(at).take(1).for_each(|node| node.row = hash),
            Owner::Run(at) => self.runs.iter_mut().skip(at).take(1).for_each(|node| node.row = hash),
        }
        Ok(())
    }

    fn below_run(&mut self, run: usize, shape: &Shape<'_>, row: &dyn Row) -> Result<()> {
        self.buffer.clear();
        encode_row(shape, row, self.stored, &mut self.buffer)?;
        if let Some(also) = self.also.as_deref_mut() {
            also.below_run(run, shape, row)?;
        }
        let hash = *blake3::hash(&self.buffer).as_bytes();
        self.add(Owner::Run(run), &hash);
        Ok(())
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
            linked = *blake3::hash(&self.leaf_buffer).as_bytes();
            self.leaves(leaf_shape.0).link(rank, &linked);
            if self.keeps_leaves {
                self.leaves(leaf_shape.0).hashes.set(rank, &linked)?;
            }
        }
        self.buffer.clear();
        usual &= encode_row(shape, row, self.stored, &mut self.buffer)?;
        if let Some(also) = self.interested(usual) {
            also.link(owner, shape, row, leaf, leaf_shape)?;
        }
        self.buffer.extend_from_slice(&linked);
        let hash = *blake3::hash(&self.buffer).as_bytes();
        self.add(owner, &hash);
        Ok(())
    }
}

impl Apart for Digester<'_> {
    fn leaf(&mut self, leaf: (Entity, u64), shape: &Shape<'_>, row: &dyn Row) -> Result<()> {
        self.leaf_buffer.clear();
        let usual = encode_row(shape, row, self.stored, &mut self.leaf_buffer)?;
        let hash = *blake3::hash(&self.leaf_buffer).as_bytes();
        if let Some(also) = self.interested(usual) {
            also.odd_leaf(leaf, shape, row)?;
        }
        self.leaves(leaf.0).hashes.set(leaf.1, &hash)
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
            let leaves = self.leaves(entity);
            linked = leaves.hashes.get(rank)?;
            leaves.link(rank, &linked);
        }
        self.buffer.clear();
        encode_row(shape, row, self.stored, &mut self.buffer)?;
        self.buffer.extend_from_slice(&linked);
        let hash = *blake3::hash(&self.buffer).as_bytes();
        self.add(owner, &hash);
        Ok(())
    }
}
