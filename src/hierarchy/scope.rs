//! Which part of an experiment is selected.

use std::ops::RangeInclusive;
use std::sync::Arc;

use super::barring::LeftOutRows;
use super::cut_links::CutLinks;
use crate::schema::Entity;

/// Some ids.
#[derive(Clone, Debug)]
pub enum Members {
    Range(RangeInclusive<i64>),
    /// Ascending.
    Listed(Vec<i64>),
}

impl Members {
    pub fn contains(&self, id: i64) -> bool {
        match self {
            Members::Range(range) => range.contains(&id),
            Members::Listed(ids) => ids.binary_search(&id).is_ok(),
        }
    }
}

/// Which part of an experiment.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// If there are any: of the rows of these entities that hang on the experiment itself only these, and of its own links only those to
    /// these of what they link.
    pub only: Vec<(Entity, Members)>,
    /// Leave out linked rows that only links reach which cannot stand themselves.
    pub sound_only: bool,
    /// Leave these rows out, and what hangs on them.
    pub without: Option<Arc<LeftOutRows>>,
    /// Read these links as NULL.
    pub cut: Option<Arc<CutLinks>>,
}

impl Scope {
    /// Which rows of an entity, if not all.
    pub fn only(&self, entity: Entity) -> Option<&Members> {
        self.only.iter().find(|(of, _)| *of == entity).map(|(_, members)| members)
    }
}
