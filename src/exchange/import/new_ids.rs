//! The ids that imported rows get.

use crate::database::{Connection, Layout, Mentioned};
use crate::error::{Domain, Error, NAMED, Result, Status};
use crate::hierarchy::IdSet;
use crate::progress::Job;
use crate::schema::{Entity, Value, quote};

/// So many ids in a row are reserved for each table; how many rows there are is not known before they were read. No document is
/// so large.
const RESERVED: u64 = 1 << 40;

/// The ids of one table's new rows, one after the other.
#[derive(Clone, Copy, Debug)]
pub struct NewIds {
    pub first: i64,
    pub count: u64,
    /// The highest id was in use.
    pub reused: bool,
}

impl NewIds {
    /// Reserves ids for as long as the transaction lasts.
    pub fn allocate(
        connection: &dyn Connection,
        layout: &Layout,
        entity: Entity,
        mentioned: &Mentioned,
    ) -> Result<NewIds> {
        let table = layout.entity(entity)?;
        let (first, reused) = connection.allocate_ids(table, RESERVED, mentioned.of(table.schema.name))?;
        Ok(NewIds { first, count: 0, reused })
    }

    /// The next id.
    pub fn next(&mut self) -> Result<i64> {
        if self.count >= RESERVED {
            return Err(Error::new(
                Status::Limit,
                Domain::ImportExport,
                format!("there are more than {RESERVED} rows"),
            )
            .hint("split the experiment"));
        }
        let id = self.first.wrapping_add_unsigned(self.count);
        self.count += 1;
        Ok(id)
    }
}

/// The ids that the target has of an entity.
struct Known {
    entity: Entity,
    bounds: Option<(i64, i64)>,
    /// Read when an id within the bounds is first met.
    ids: Option<IdSet>,
}

/// Which of a document's ids are taken in the target.
#[derive(Default)]
pub struct Taken {
    known: Vec<Known>,
    pub count: u64,
    /// The first ones: table and id.
    pub first: Vec<(&'static str, i64)>,
}

impl Taken {
    /// Looks at the target, before anything is written.
    pub fn new(connection: &dyn Connection, layout: &Layout) -> Result<Taken> {
        let mut taken = Taken::default();
        for entity in [Entity::Experiment, Entity::Trial, Entity::Run, Entity::Metric, Entity::Artifact] {
            let table = layout.entity(entity)?;
            let (id, name) = (table.quoted("id"), quote(&table.name));
            let end = |which: &str| connection.query_integer(&format!("SELECT {which}({id}) FROM {name}"), &[]);
            taken.known.push(Known { entity, bounds: end("min")?.zip(end("max")?), ids: None });
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
            None => known.ids.insert(read_ids(connection, &table.quoted("id"), &quote(&table.name), (low, high), job)?),
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
fn read_ids(connection: &dyn Connection, id: &str, name: &str, (low, high): (i64, i64), job: &Job) -> Result<IdSet> {
    let mut set = IdSet::default();
    let sql = format!("SELECT {id} FROM {name} WHERE {id} BETWEEN ?1 AND ?2");
    connection.query(&sql, &[Value::Integer(low), Value::Integer(high)], &mut |row| {
        job.pulse()?;
        if let Some(id) = row.value(0)?.as_integer() {
            set.insert(id)?;
        }
        Ok(crate::database::Next::Row)
    })?;
    set.freeze()?;
    Ok(set)
}
