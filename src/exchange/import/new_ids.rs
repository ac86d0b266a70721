//! Assigns the new ids of imported rows.

use crate::database::{Connection, Layout, TableLayout, between};
use crate::error::{Domain, Error, NAMED, Result, Status};
use crate::hierarchy::{Block, IdSet};
use crate::progress::Job;
use crate::schema::{Entity, quote};

/// How many rows there are is not known before they were read. Where nobody else writes meanwhile, so many ids in a row are taken at
/// once: no document is so large, and those that get no row stay free.
const ALL: u64 = 1 << 40;
/// Where others write, what is taken is theirs no more: a few ids at first, twice as many each time, never more than this.
const FIRST: u64 = 16;
const MOST: u64 = 1 << 16;

/// The ids of one table's new rows, in the order in which they are given.
#[derive(Debug)]
pub struct NewIds {
    entity: Entity,
    above: i64,
    /// First ids, and how many follow each without a gap that were given.
    pub blocks: Vec<Block>,
    /// How many more of the last block were taken.
    left: u64,
    /// How many are taken next.
    more: u64,
    /// The highest id was in use.
    pub reused: bool,
}

impl NewIds {
    /// None so far. None will be given up to `above`.
    pub fn new(entity: Entity, above: i64) -> NewIds {
        NewIds {
            entity,
            above,
            blocks: Vec::new(),
            left: 0,
            more: if entity == Entity::ROOT { 1 } else { FIRST },
            reused: false,
        }
    }

    /// Whose ids these are.
    pub fn entity(&self) -> Entity {
        self.entity
    }

    /// The next id.
    pub fn next(&mut self, connection: &dyn Connection, layout: &Layout) -> Result<i64> {
        if self.left == 0 {
            self.take(connection, layout)?;
        }
        let Some((first, count)) = self.blocks.last_mut() else {
            return Err(Error::internal(Domain::ImportExport, "no ids were taken"));
        };
        let id = first.wrapping_add_unsigned(*count);
        *count += 1;
        self.left -= 1;
        Ok(id)
    }

    fn take(&mut self, connection: &dyn Connection, layout: &Layout) -> Result<()> {
        let table = layout.entity(self.entity)?;
        // The rows before may not have been written yet.
        let given = self.blocks.last().map_or(self.above, |(first, count)| first.wrapping_add_unsigned(count - 1));
        if !connection.capabilities().other_writers {
            self.more = ALL;
        }
        let (first, reused) = loop {
            match connection.allocate_ids(table, self.more, given) {
                Err(error) if error.status() == Status::Limit && self.more > 1 => self.more /= 2,
                taken => break taken?,
            }
        };
        self.reused |= reused;
        self.left = self.more;
        self.more = (self.more * 2).min(MOST);
        match self.blocks.last() {
            Some((before, count)) if before.checked_add_unsigned(*count) == Some(first) => {}
            _ => self.blocks.push((first, 0)),
        }
        Ok(())
    }
}

/// The ids that the target has of an entity.
struct IdsInTarget {
    entity: Entity,
    bounds: Option<(i64, i64)>,
    /// Read when an id within the bounds is first met.
    ids: Option<IdSet>,
}

/// Which of a document's ids are taken in the target.
#[derive(Default)]
pub struct Taken {
    known: Vec<IdsInTarget>,
    pub count: u64,
    /// The first ones: table and id.
    pub first: Vec<(&'static str, i64)>,
}

impl Taken {
    /// Looks at the target, before anything is written.
    pub fn new(connection: &dyn Connection, layout: &Layout) -> Result<Taken> {
        let mut taken = Taken::default();
        for entity in layout.family.all() {
            let table = layout.entity(entity)?;
            let (id, name) = (table.id(), quote(&table.name));
            let end = |which: &str| connection.query_integer(&format!("SELECT {which}({id}) FROM {name}"), &[]);
            taken.known.push(IdsInTarget { entity, bounds: end("min")?.zip(end("max")?), ids: None });
        }
        Ok(taken)
    }

    /// Whether a row of the target has this id. Counts those that are taken.
    pub fn check(
        &mut self,
        (connection, layout): (&dyn Connection, &Layout),
        entity: Entity,
        id: i64,
        job: &Job,
    ) -> Result<bool> {
        let Some(known) = self.known.iter_mut().find(|known| known.entity == entity) else { return Ok(false) };
        let Some((low, high)) = known.bounds else { return Ok(false) };
        if !(low..=high).contains(&id) {
            return Ok(false);
        }
        let table = layout.entity(entity)?;
        let set = match &mut known.ids {
            Some(set) => set,
            None => known.ids.insert(read_ids(connection, table, (low, high), job)?),
        };
        let taken = set.rank(id)?.is_some();
        if taken {
            self.count += 1;
            if self.first.len() < NAMED {
                self.first.push((table.schema.name, id));
            }
        }
        Ok(taken)
    }
}

/// The ids of a table that had these bounds before anything was written.
fn read_ids(connection: &dyn Connection, table: &TableLayout, bounds: (i64, i64), job: &Job) -> Result<IdSet> {
    let mut set = IdSet::default();
    let id = table.id();
    connection.query(&table.select_between(&id, &id), &between(bounds), &mut |row| {
        job.pulse()?;
        if let Some(id) = row.value(0)?.as_integer() {
            set.insert(id)?;
        }
        Ok(crate::database::Next::Row)
    })?;
    set.freeze()?;
    Ok(set)
}
