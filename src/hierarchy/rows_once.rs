//! Looking at each row of a walk once, also where several links lead to it.

use super::selection::Selection;
use super::walk::{Owner, Shape, Visitor};
use crate::database::Row;
use crate::error::Result;
use crate::schema::Entity;

/// Looks at the content of a row, whatever it hangs on.
pub trait Look {
    fn look(&mut self, shape: &Shape<'_>, row: &dyn Row) -> Result<()>;
}

/// Has each row of a selection looked at once.
pub struct RowsOnce<L> {
    pub look: L,
    /// The leaf rows looked at, by rank: metrics, artifacts.
    seen: [Vec<bool>; 2],
}

impl<L: Look> RowsOnce<L> {
    pub fn new(look: L, selection: &Selection) -> RowsOnce<L> {
        let none = |rows: u64| vec![false; rows as usize];
        RowsOnce { look, seen: [none(selection.metrics.len()), none(selection.artifacts.len())] }
    }
}

impl<L: Look> Visitor for RowsOnce<L> {
    fn node(&mut self, _: Owner, shape: &Shape<'_>, row: &dyn Row) -> Result<()> {
        self.look.look(shape, row)
    }

    fn below_run(&mut self, _: usize, shape: &Shape<'_>, row: &dyn Row) -> Result<()> {
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
        let [metrics, artifacts] = &mut self.seen;
        let seen = if entity == Entity::Metric { metrics } else { artifacts };
        match leaf.and_then(|rank| seen.get_mut(rank as usize)) {
            Some(seen) if !*seen => {
                *seen = true;
                self.look.look(leaf_shape, row)
            }
            _ => Ok(()),
        }
    }
}
