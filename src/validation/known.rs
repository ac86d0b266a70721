//! What was read so far and others refer to: a few bits per row.

use super::times::Span;
use crate::hierarchy::{Ids, RunKeys};
use crate::schema::Entity;

/// Stands for a node that has no parent.
pub const NOBODY: u32 = u32::MAX;

/// The rows of one of the three tables.
#[derive(Default)]
pub struct Level {
    pub ids: Ids,
    /// The position of each row's parent in the level above.
    pub parents: Vec<u32>,
    pub spans: Vec<Span>,
}

impl Level {
    /// The span of the row at this position.
    pub fn span(&self, at: usize) -> Span {
        self.spans.get(at).copied().unwrap_or_default()
    }

    /// The position of a row's parent in the level above.
    pub fn parent(&self, at: usize) -> Option<usize> {
        self.parents.get(at).filter(|parent| **parent != NOBODY).map(|parent| *parent as usize)
    }
}

/// All nodes that were read.
#[derive(Default)]
pub struct Nodes {
    pub experiments: Level,
    pub trials: Level,
    pub runs: Level,
}

impl Nodes {
    /// The level of an entity.
    pub fn level(&self, entity: Entity) -> &Level {
        match entity {
            Entity::Experiment => &self.experiments,
            Entity::Trial => &self.trials,
            _ => &self.runs,
        }
    }

    /// The same, to be filled.
    pub fn level_mut(&mut self, entity: Entity) -> &mut Level {
        match entity {
            Entity::Experiment => &mut self.experiments,
            Entity::Trial => &mut self.trials,
            _ => &mut self.runs,
        }
    }
}

/// The rows that were read so far and that others refer to.
#[derive(Default)]
pub struct Known {
    pub nodes: Nodes,
    /// The keys of the rows below the runs, by table.
    pub below: Vec<(&'static str, RunKeys)>,
}
