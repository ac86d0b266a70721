//! New ids in the target for the rows of a document.

use crate::database::Mentioned;
use crate::error::{Domain, Error, Result};
use crate::exchange::import::new_ids::NewIds;
use crate::exchange::import::target::Target;
use crate::schema::Entity;

/// Gets ids for every entity, when they are needed.
pub fn new_ids(target: &Target<'_>) -> Result<Vec<NewIds>> {
    let mentioned = Mentioned::read(target.connection, &target.layout, |_| true)?;
    let above = |entity| Ok(mentioned.of(target.layout.entity(entity)?.schema.name));
    target.layout.family.all().map(|entity| Ok(NewIds::new(entity, above(entity)?))).collect()
}

/// The next id of an entity.
pub fn next_id(ids: &mut [NewIds], entity: Entity, target: &Target<'_>) -> Result<i64> {
    match ids.iter_mut().find(|ids| ids.entity() == entity) {
        Some(ids) => ids.next(target.connection, &target.layout),
        None => Err(Error::internal(Domain::ImportExport, format!("no ids were reserved for {entity:?}"))),
    }
}
