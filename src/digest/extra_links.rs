//! What the links of extra columns contribute to the digests of nodes (docs/digest.md, "Links of extra columns").

use super::encode::{Stored, encode_bytes, encode_row};
use super::row_bytes::RowBytes;
use super::sum::{Hash, Sum};
use crate::database::{Connection, Layout};
use crate::error::Result;
use crate::hierarchy::{Linking, Owner, Selection, Target, scan_links};
use crate::progress::Job;
use crate::schema::{ByEntity, Entity, Family, Place};
use crate::spill::{HashList, Paged};

/// The digests of the rows without their links, by entity.
#[derive(Default)]
pub struct Bare(pub ByEntity<HashList>);

/// Sums by position: some 2 MiB of them in memory.
type Sums = Paged<{ Sum::BYTES }, 400>;

/// The links, by where the rows stand that have them.
#[derive(Default)]
pub struct Links {
    /// Of the experiment's own row.
    pub own: Sum,
    /// Of linked rows, and of what hangs on the experiment itself.
    pub body: Sum,
    /// Of each row of the hierarchy, with what hangs on it.
    pub nodes: ByEntity<Sums>,
    pub any: bool,
}

impl Bare {
    /// Reads every row that has links. With `stored`, as they would be stored elsewhere, where links that lead out are NULL.
    pub fn links(
        &mut self,
        (connection, layout): (&dyn Connection, &Layout),
        selection: &mut Selection,
        stored: Option<Stored<'_>>,
        job: &Job,
    ) -> Result<Links> {
        let mut links = Links { nodes: ByEntity::new(layout.family), ..Links::default() };
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
                    None => *row.insert(self.row(linking, stored)?),
                };
                buffer.clear();
                encode_bytes(schema.name.as_bytes(), &mut buffer);
                encode_bytes(column.name.to_ascii_lowercase().as_bytes(), &mut buffer);
                buffer.extend_from_slice(&row);
                buffer.extend_from_slice(&self.target(selection.family, target)?);
                links.add((schema.place, linking.owner), &buffer)?;
            }
            Ok(())
        })?;
        Ok(links)
    }

    /// The digest of a row by itself; of a link with what it links.
    pub fn row(&mut self, linking: &Linking<'_>, stored: Option<Stored<'_>>) -> Result<Hash> {
        let place = linking.shape.table.schema.place;
        if let (Place::Leaf(_), Some(leaf)) = (place, linking.leaf) {
            return self.of(leaf);
        }
        let mut row = RowBytes::default();
        encode_row(linking.shape, linking.row, stored, &mut row)?;
        if matches!(place, Place::Link { .. }) {
            let linked = linking.leaf.map_or(Ok(Hash::default()), |leaf| self.of(leaf))?;
            row.bytes.extend_from_slice(&linked);
        }
        Ok(row.hash())
    }

    fn of(&mut self, (entity, at): Target) -> Result<Hash> {
        self.0.get_mut(entity).get(at)
    }

    /// Stands for what a link of this family's leads to.
    pub fn target(&mut self, family: &Family, target: Option<Target>) -> Result<Hash> {
        match target {
            None => Ok(Hash::default()),
            Some((Entity::ROOT, _)) => {
                let mut name = Vec::new();
                encode_bytes(family.table_name(Entity::ROOT).as_bytes(), &mut name);
                Ok(*blake3::hash(&name).as_bytes())
            }
            Some(target) => self.of(target),
        }
    }
}

impl Links {
    fn add(&mut self, (place, owner): (Place, Owner), link: &[u8]) -> Result<()> {
        self.any = true;
        let hash = *blake3::hash(link).as_bytes();
        let add = |kept: &mut [u8; Sum::BYTES]| {
            let mut sum = Sum::decode(kept);
            sum.add(&hash);
            *kept = sum.encoded();
        };
        match (place, owner) {
            (Place::Node(Entity::ROOT), _) => self.own.add(&hash),
            (_, Owner::ROOT) => self.body.add(&hash),
            (_, Owner { entity, at }) => return self.nodes.get_mut(entity).change(at as u64, add),
        }
        Ok(())
    }
}

/// The digest of a node with its links: as it is if there are none.
pub fn with_links(node: Hash, links: [u8; Sum::BYTES]) -> Hash {
    if Sum::decode(&links).is_empty() {
        return node;
    }
    *blake3::hash(&[node.as_slice(), links.as_slice()].concat()).as_bytes()
}
