//! What the links of extra columns add to the digests of nodes (docs/digest.md, "Links of extra columns").

use super::encode::{Stored, encode_bytes, encode_row};
use super::sum::{Hash, Sum};
use crate::database::{Connection, HashList, Layout};
use crate::error::Result;
use crate::hierarchy::{Linking, Owner, Selection, Target, scan_links};
use crate::progress::Job;
use crate::schema::{Entity, Place};

/// What is known of the rows without their links.
pub struct Known<'k> {
    pub trials: &'k [Hash],
    pub runs: &'k [Hash],
    pub metrics: &'k mut HashList,
    pub artifacts: &'k mut HashList,
}

/// The links, by where the rows stand that have them.
#[derive(Default)]
pub struct Links {
    /// Of the experiment's own row.
    pub own: Sum,
    /// Of metrics, artifacts, and the experiment's links to artifacts.
    pub body: Sum,
    /// Of each trial and of each run, with what is below it; empty if there are no links at all.
    pub trials: Vec<Sum>,
    pub runs: Vec<Sum>,
    pub any: bool,
}

impl Known<'_> {
    /// Reads every row that has links. With `stored`, as they would be stored elsewhere, where links that lead out are NULL.
    pub fn links(
        mut self,
        (connection, layout): (&dyn Connection, &Layout),
        selection: &mut Selection,
        stored: Option<Stored<'_>>,
        job: &Job,
    ) -> Result<Links> {
        let mut links = Links::default();
        if !layout.has_links() {
            return Ok(links);
        }
        let mut buffer = Vec::new();
        scan_links(connection, layout, selection, job, &mut |selection, linking| {
            let schema = linking.shape.table.schema;
            let mut row = None;
            for (column, entity, value) in linking.links()? {
                let target = selection.target(entity, value)?;
                if target.is_none() && stored.is_some() {
                    continue;
                }
                let row = match row {
                    Some(row) => row,
                    None => *row.insert(self.row(linking, stored, &mut buffer)?),
                };
                buffer.clear();
                encode_bytes(schema.name.as_bytes(), &mut buffer);
                encode_bytes(column.name.to_ascii_lowercase().as_bytes(), &mut buffer);
                buffer.extend_from_slice(&row);
                buffer.extend_from_slice(&self.target(target)?);
                links.add(self.trials.len(), self.runs.len(), (schema.place, linking.owner), &buffer);
            }
            Ok(())
        })?;
        Ok(links)
    }

    /// The digest of a row by itself; of a link with what it links.
    fn row(&mut self, linking: &Linking<'_>, stored: Option<Stored<'_>>, buffer: &mut Vec<u8>) -> Result<Hash> {
        let place = linking.shape.table.schema.place;
        if let (Place::Leaf(_), Some(leaf)) = (place, linking.leaf) {
            return self.leaf(leaf);
        }
        buffer.clear();
        encode_row(linking.shape, linking.row, stored, buffer)?;
        if matches!(place, Place::Link { .. }) {
            let linked = linking.leaf.map_or(Ok(Hash::default()), |leaf| self.leaf(leaf))?;
            buffer.extend_from_slice(&linked);
        }
        Ok(*blake3::hash(buffer).as_bytes())
    }

    fn leaf(&mut self, (entity, rank): (Entity, u64)) -> Result<Hash> {
        match entity {
            Entity::Metric => self.metrics.get(rank),
            _ => self.artifacts.get(rank),
        }
    }

    /// Stands for what a link leads to.
    fn target(&mut self, target: Option<Target>) -> Result<Hash> {
        let known = |hashes: &[Hash], at: usize| hashes.get(at).copied().unwrap_or_default();
        match target {
            None => Ok(Hash::default()),
            Some(Target::Experiment) => {
                let mut name = Vec::new();
                encode_bytes(b"EXPERIMENT", &mut name);
                Ok(*blake3::hash(&name).as_bytes())
            }
            Some(Target::Trial(at)) => Ok(known(self.trials, at)),
            Some(Target::Run(at)) => Ok(known(self.runs, at)),
            Some(Target::Leaf(entity, rank)) => self.leaf((entity, rank)),
        }
    }
}

impl Links {
    fn add(&mut self, trials: usize, runs: usize, (place, owner): (Place, Owner), link: &[u8]) {
        if !self.any {
            self.any = true;
            self.trials.resize(trials, Sum::default());
            self.runs.resize(runs, Sum::default());
        }
        let hash = *blake3::hash(link).as_bytes();
        let sum = match (place, owner) {
            (Place::Node(Entity::Experiment), _) => Some(&mut self.own),
            (_, Owner::Experiment) => Some(&mut self.body),
            (_, Owner::Trial(at)) => self.trials.get_mut(at),
            (_, Owner::Run(at)) => self.runs.get_mut(at),
        };
        if let Some(sum) = sum {
            sum.add(&hash);
        }
    }
}

/// The digest of a node with its links: as it is if there are none.
pub fn with_links(node: Hash, links: Option<&Sum>) -> Hash {
    let Some(links) = links.filter(|links| !links.is_empty()) else { return node };
    let mut bytes = node.to_vec();
    links.encode(&mut bytes);
    *blake3::hash(&bytes).as_bytes()
}
