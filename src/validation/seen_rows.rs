//! Remembers the rows that were read so far and to which others refer, in a few bits per row.

use super::time_order::Span;
use crate::hierarchy::{Ids, RunKeys};
use crate::schema::{ByEntity, Entity, Family};

/// Stands for a node that has no parent.
const NO_PARENT: u32 = u32::MAX;

/// The rows of one table of the hierarchy.
#[derive(Default)]
pub struct Level {
    pub ids: Ids,
    /// The position of each row's parent in the level above.
    parents: Vec<u32>,
    pub spans: Vec<Span>,
}

impl Level {
    /// The span of the row at this position.
    pub fn span(&self, at: usize) -> Span {
        self.spans.get(at).copied().unwrap_or_default()
    }

    /// The position of a row's parent in the level above.
    pub fn parent(&self, at: usize) -> Option<usize> {
        self.parents.get(at).filter(|parent| **parent != NO_PARENT).map(|parent| *parent as usize)
    }
}

impl Level {
    /// Adds a row: its id, and the position of its parent.
    pub fn push(&mut self, id: i64, parent: Option<usize>) {
        self.ids.push(id);
        self.parents.push(parent.and_then(|at| u32::try_from(at).ok()).unwrap_or(NO_PARENT));
    }
}

/// All rows of the hierarchy that were read.
pub type Nodes = ByEntity<Level>;

/// The position of the experiment that a row of the hierarchy belongs to.
pub fn experiment_of(family: &Family, nodes: &Nodes, owner: Entity, at: usize) -> Option<usize> {
    let below = family.upwards(owner).take_while(|entity| *entity != Entity::ROOT);
    below.map(|entity| nodes.get(entity)).try_fold(at, |at, level| level.parent(at))
}

/// The rows that were read so far and that others refer to.
pub struct SeenRows {
    pub nodes: Nodes,
    /// The keys of the rows that hang on those, by table.
    pub below: Vec<(&'static str, RunKeys)>,
}

impl SeenRows {
    /// Nothing yet.
    pub fn new(family: &Family) -> SeenRows {
        SeenRows { nodes: ByEntity::new(family), below: Vec::new() }
    }
}
