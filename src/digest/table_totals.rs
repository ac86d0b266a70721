//! Compares the rows of the tables of the schema before and after a job, which shows what triggers did.
//!
//! It compares the numbers of rows, and a checksum of the rows that existed before and that the job does not write. Both need every table to be read
//! twice, so this is only done where triggers are possible.

use std::cell::RefCell;

use super::sum::{Hash, Sum};
use crate::database::{Connection, Layout, Next, Row, TableLayout};
use crate::error::{Domain, Error, Result, Status};
use crate::hierarchy::{IdSet, append_value};
use crate::progress::Job;
use crate::schema::{ByEntity, Entity, Place, Role, quote};
use crate::values::Value;

/// The rows of a table.
struct Counted {
    table: TableLayout,
    rows: i64,
    /// Of those that were there before.
    old: Sum,
    /// Of these, the ones that were written since, as they were and as they are.
    gone: Sum,
    come: Sum,
}

/// The ids that there were before.
struct Before {
    ids: ByEntity<IdSet>,
    /// The experiment whose own row is written, too.
    touched: Option<i64>,
}

impl Before {
    /// Whether a row was there before, by its ids: those that a job gives are new.
    fn has(&mut self, table: &TableLayout, row: &dyn Row) -> Result<bool> {
        for (at, column) in table.columns.iter().enumerate() {
            let entity = match (column.schema.map(|known| known.role), table.schema.place) {
                (Some(Role::Id), Place::Node(entity) | Place::Leaf(entity)) => entity,
                (Some(Role::Parent(entity)), Place::Below(_) | Place::Link { .. }) => entity,
                _ => continue,
            };
            // A key that is no integer is nobody's of ours.
            let Some(id) = row.value(at)?.as_integer() else { continue };
            let touched = table.schema.place == Place::Node(Entity::ROOT) && self.touched == Some(id);
            if touched || self.ids.get_mut(entity).rank(id)?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// What our tables have before the first write; nothing, where nothing can change them but what is written.
pub struct TableTotals<'c> {
    connection: &'c dyn Connection,
    before: RefCell<Before>,
    tables: RefCell<Vec<Counted>>,
}

/// Which rows of a table: a condition and its parameters.
pub type Which<'w> = (&'w str, &'w [Value]);

impl<'c> TableTotals<'c> {
    /// Looks at them inside of the transaction that is going to write. What others write meanwhile is no part of what it sees. The own row
    /// of the experiment that is `touched` may change.
    pub fn take(
        connection: &'c dyn Connection,
        layout: &Layout,
        touched: Option<i64>,
        job: &Job,
    ) -> Result<TableTotals<'c>> {
        let mut before = Before { ids: ByEntity::new(layout.family), touched };
        let mut tables = Vec::new();
        if connection.can_be_meddled_with()? {
            job.begin("looking at what is there")?;
            for table in &layout.tables {
                if let Some(entity) = table.schema.entity() {
                    read_ids(connection, table, before.ids.get_mut(entity), job)?;
                }
            }
            for table in &layout.tables {
                let (rows, old) = read(connection, table, &mut before, job)?;
                let (gone, come) = (Sum::default(), Sum::default());
                tables.push(Counted { table: table.clone(), rows, old, gone, come });
            }
        }
        Ok(TableTotals { connection, before: RefCell::new(before), tables: RefCell::new(tables) })
    }

    /// Does what changes these rows of a table, which are those rows afterwards.
    pub fn around<T>(
        &self,
        table: &str,
        (before, after): (Which<'_>, Which<'_>),
        act: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        if self.tables.borrow().is_empty() {
            return act();
        }
        let gone = self.sum(table, before)?;
        let done = act()?;
        let come = self.sum(table, after)?;
        let mut tables = self.tables.borrow_mut();
        if let Some(counted) = tables.iter_mut().find(|counted| counted.table.schema.name == table) {
            counted.gone.add_all(&gone);
            counted.come.add_all(&come);
        }
        Ok(done)
    }

    fn sum(&self, table: &str, (condition, params): Which<'_>) -> Result<Sum> {
        let tables = self.tables.borrow();
        let mut sum = Sum::default();
        let Some(counted) = tables.iter().find(|counted| counted.table.schema.name == table) else { return Ok(sum) };
        let sql = format!("{} WHERE {condition}", select(&counted.table));
        let (mut before, mut buffer) = (self.before.borrow_mut(), Vec::new());
        self.connection.query(&sql, params, &mut |row| {
            if before.has(&counted.table, row)? {
                sum.add(&hash(&counted.table, row, &mut buffer)?);
            }
            Ok(Next::Row)
        })?;
        Ok(sum)
    }

    /// Fails unless every table has as many rows more as it `grew` by what was written, and of those that were there before each is
    /// as it was, or as it was written.
    pub fn check(&self, domain: Domain, job: &Job, grew: impl Fn(&str) -> i64) -> Result<()> {
        let (mut counts, mut changed) = (Vec::new(), Vec::new());
        let mut before = self.before.borrow_mut();
        for counted in self.tables.borrow().iter() {
            let name = counted.table.schema.name;
            let (rows, mut old) = read(self.connection, &counted.table, &mut before, job)?;
            let wanted = counted.rows + grew(name);
            if wanted != rows {
                counts.push((name, format!("{name} should have {wanted} rows, and has {rows}")));
            }
            let mut expected = counted.old;
            expected.add_all(&counted.come);
            old.add_all(&counted.gone);
            if old != expected {
                changed.push((name, format!("rows of {name} have changed")));
            }
        }
        let (message, wrong) = match (counts.is_empty(), changed.is_empty()) {
            (true, true) => return Ok(()),
            (false, _) => {
                ("rows appeared or disappeared that this call did not write or remove; nothing was changed", counts)
            }
            (true, false) => ("rows were changed that this call does not write; nothing was changed", changed),
        };
        let error = Error::new(Status::Mismatch, domain, message).hint(
            "a trigger of the schema, or a conflict clause of one of its tables (ON CONFLICT), causes this; remove it",
        );
        Err(wrong
            .into_iter()
            .fold(error, |error, (table, problem)| error.detail("table", table).detail("problem", problem)))
    }
}

fn select(table: &TableLayout) -> String {
    let columns: Vec<String> = table.columns.iter().map(|column| quote(&column.name)).collect();
    format!("SELECT {} FROM {}", columns.join(", "), quote(&table.name))
}

fn read_ids(connection: &dyn Connection, table: &TableLayout, ids: &mut IdSet, job: &Job) -> Result<()> {
    let id = table.id();
    connection.query(&format!("SELECT {id} FROM {} ORDER BY {id}", quote(&table.name)), &[], &mut |row| {
        job.pulse()?;
        if let Some(id) = row.value(0)?.as_integer() {
            ids.insert(id)?;
        }
        Ok(Next::Row)
    })?;
    ids.freeze()
}

/// How many rows there are, and the sum of those that were there before.
fn read(connection: &dyn Connection, table: &TableLayout, before: &mut Before, job: &Job) -> Result<(i64, Sum)> {
    let (mut rows, mut sum, mut buffer) = (0, Sum::default(), Vec::new());
    connection.query(&select(table), &[], &mut |row| {
        job.pulse()?;
        rows += 1;
        if before.has(table, row)? {
            sum.add(&hash(table, row, &mut buffer)?);
        }
        Ok(Next::Row)
    })?;
    Ok((rows, sum))
}

/// Of every cell as it is, whatever it means.
fn hash(table: &TableLayout, row: &dyn Row, buffer: &mut Vec<u8>) -> Result<Hash> {
    buffer.clear();
    for at in 0..table.columns.len() {
        append_value(row.value(at)?, buffer);
    }
    Ok(*blake3::hash(buffer).as_bytes())
}

/// By how many rows each table grew, of those of which that is known; the others did not.
pub fn grown_by(written: &[(&'static str, u64)], table: &str) -> i64 {
    let rows = written.iter().filter(|(name, _)| *name == table).map(|(_, rows)| *rows).sum::<u64>();
    i64::try_from(rows).unwrap_or(i64::MAX)
}
