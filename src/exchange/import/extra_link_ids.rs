//! The new ids of rows to which extra columns of the document refer, both of rows that were read and of rows that come later.

use super::reader::Reader;
use crate::error::{Domain, Error, NAMED, Result, Status};
use crate::schema::{ByEntity, Entity, Family};
use crate::spill::IdMap;

/// A link to a row that has not come yet.
struct Mention {
    entity: Entity,
    id: i64,
    path: String,
    offset: u64,
}

/// Which rows were named, and which came.
pub struct ExtraLinkIds {
    family: &'static Family,
    /// From ids of the document to new ones; the root comes once.
    maps: ByEntity<IdMap>,
    /// How many rows were named and have not come yet, and the first of them.
    waiting: u64,
    first: Vec<Mention>,
    /// The experiment, which comes once.
    experiment: Option<Mention>,
}

impl ExtraLinkIds {
    /// None yet.
    pub fn new(family: &'static Family) -> ExtraLinkIds {
        ExtraLinkIds { family, maps: ByEntity::new(family), waiting: 0, first: Vec::new(), experiment: None }
    }

    fn map(&mut self, entity: Entity) -> Result<&mut IdMap> {
        match entity {
            Entity::ROOT => Err(Error::internal(Domain::ImportExport, "an experiment is no row among others")),
            _ => Ok(self.maps.get_mut(entity)),
        }
    }

    /// The row with this id of the document comes: the new id that it has, or gets.
    pub fn appear(&mut self, entity: Entity, id: i64, next: impl FnOnce() -> Result<i64>) -> Result<i64> {
        let map = self.map(entity)?;
        if let Some((new, _)) = map.get(id)? {
            self.waiting = self.waiting.saturating_sub(1);
            self.first.retain(|mention| (mention.entity, mention.id) != (entity, id));
            return Ok(new);
        }
        let new = next()?;
        map.insert(id, new, Default::default())?;
        Ok(new)
    }

    /// A row is named, in this column: the new id that it has, or will have.
    pub fn mention(
        &mut self,
        (entity, id): (Entity, i64),
        column: &str,
        reader: &Reader<'_>,
        next: impl FnOnce() -> Result<i64>,
    ) -> Result<i64> {
        let map = self.map(entity)?;
        if let Some((new, _)) = map.get(id)? {
            return Ok(new);
        }
        let new = next()?;
        map.insert(id, new, Default::default())?;
        self.waiting += 1;
        if self.first.len() < NAMED {
            self.first.push(Mention::new((entity, id), column, reader));
        }
        Ok(new)
    }

    /// The experiment is named.
    pub fn mention_experiment(&mut self, id: i64, column: &str, reader: &Reader<'_>) -> Result<()> {
        match &self.experiment {
            Some(before) if before.id != id => {
                Err(Mention::new((Entity::ROOT, id), column, reader).error(self.family, reader))
            }
            Some(_) => Ok(()),
            None => {
                self.experiment = Some(Mention::new((Entity::ROOT, id), column, reader));
                Ok(())
            }
        }
    }

    /// Fails unless all came that were named, or links to rows that did not may be lost.
    pub fn finish(&self, experiment: i64, may_lose: bool, reader: &Reader<'_>) -> Result<()> {
        if let Some(other) = self.experiment.as_ref().filter(|mention| mention.id != experiment) {
            return Err(other.error(self.family, reader));
        }
        match (self.first.first(), self.waiting) {
            (_, 0) => Ok(()),
            _ if may_lose => Ok(()),
            (Some(first), count) => Err(first.error(self.family, reader).detail("count", count)),
            (None, count) => {
                reader.invalid(format!("{count} rows are named in extra columns that the document does not have"))
            }
        }
    }
}

impl Mention {
    fn new((entity, id): (Entity, i64), column: &str, reader: &Reader<'_>) -> Mention {
        Mention { entity, id, path: format!("{}: {column}", reader.path()), offset: reader.offset() }
    }

    fn error(&self, family: &Family, reader: &Reader<'_>) -> Error {
        let (table, id) = (family.table_name(self.entity), self.id);
        let what = format!("{} names {table} {id}, which the document does not have", self.path);
        reader.error_at(self.offset, Status::Validation, what).detail("table", table).detail("id", id)
    }
}
