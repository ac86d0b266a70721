//! Visits each row of a walk once, even if several links lead to it.

use super::selection::Selection;
use super::shape::{Owner, Shape};
use super::walk::Visitor;
use crate::database::Row;
use crate::error::Result;
use crate::schema::{ByEntity, Entity};

/// Looks at the content of a row, whatever it hangs on.
pub trait Look {
    fn look(&mut self, shape: &Shape<'_>, row: &dyn Row) -> Result<()>;
}

/// Has each row of a selection looked at once.
pub struct RowsOnce<L> {
    pub look: L,
    /// The linked rows looked at, by rank.
    seen: ByEntity<Vec<bool>>,
}

impl<L: Look> RowsOnce<L> {
    pub fn new(look: L, selection: &Selection) -> RowsOnce<L> {
        let none = |entity| vec![false; selection.leaf_count(entity) as usize];
        RowsOnce { look, seen: ByEntity::of(selection.family, none) }
    }
}

impl<L: Look> Visitor for RowsOnce<L> {
    fn node(&mut self, _: Owner, shape: &Shape<'_>, row: &dyn Row) -> Result<()> {
        self.look.look(shape, row)
    }

    fn below(&mut self, _: Owner, shape: &Shape<'_>, row: &dyn Row) -> Result<()> {
        self.look.look(shape, row)
    }

    fn link(
        &mut self,
        _: Owner,
        shape: &Shape<'_>,
        row: &dyn Row,
        leaf: Option<u64>,
        (entity, leaf_shape): (Entity, &Shape<'_>),
    ) -> Result<()> {
        self.look.look(shape, row)?;
        let seen = self.seen.get_mut(entity);
        match leaf.and_then(|rank| seen.get_mut(rank as usize)) {
            Some(seen) if !*seen => {
                *seen = true;
                self.look.look(leaf_shape, row)
            }
            _ => Ok(()),
        }
    }
}
