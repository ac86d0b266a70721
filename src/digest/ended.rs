//! The digest of an experiment of which every row was read, from the leaves up.

use super::encode::{Stored, encode_bytes};
use super::experiment::{ALGORITHM, ALGORITHM_WITH_LINKS, ExperimentDigest, NodeDigests};
use super::extra_links::{Bare, Links, with_links};
use super::leaves::Leaves;
use super::node_sums::{Nodes, add_below, join, node_hash};
use super::sum::{Hash, Sum};
use crate::database::{Connection, Layout};
use crate::error::Result;
use crate::hierarchy::{Selection, unknown_experiment};
use crate::progress::Job;
use crate::schema::{ByEntity, Entity};

/// What is known when every row was read.
pub struct Ended {
    pub(super) row: Option<Hash>,
    pub(super) below: Sum,
    pub(super) known: ByEntity<Nodes>,
    pub(super) nodes: Option<NodeDigests>,
    pub(super) leaves: ByEntity<Leaves>,
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

    /// As [`Self::finish`], with the digests of the nodes, if they are wanted.
    pub fn finish_nodes(
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
