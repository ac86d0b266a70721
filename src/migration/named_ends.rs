//! Both ends of a copy of an experiment of a family whose keys are texts: the stores, their tables, and what the rows become a part of.

use std::collections::{HashMap, HashSet};

use crate::database::{ColumnLayout, Connection, Layout, TableLayout, Transaction};
use crate::error::{Domain, Error, Result, Status};
use crate::schema::{Column, Entity, Place, Role};
use crate::values::Value;

/// What is copied to where.
pub struct Ends<'a> {
    pub source: &'a dyn Connection,
    pub from: &'a Layout,
    pub target: &'a dyn Connection,
    pub to: &'a Layout,
    /// The target is in a transaction already.
    pub held: bool,
}

/// Looks at a target in a transaction, which waits for others' locks; `held` says that it is in one already.
pub fn looking<T>(target: &dyn Connection, held: bool, look: impl FnOnce() -> Result<T>) -> Result<T> {
    let _looking = if held { None } else { Some(Transaction::read(target)?) };
    look()
}

/// What the rows become a part of.
pub struct Destination {
    /// The experiment's id in the target.
    pub id: i64,
    /// What its own row gets; `None` if the target has the row.
    pub own_row: Option<Vec<(&'static str, Value)>>,
    /// By table, of rows that hang on the experiment itself: the texts that tell those apart that the target has.
    pub there: HashMap<&'static str, HashSet<Vec<u8>>>,
}

impl Destination {
    /// What a column gets in every row of a table.
    pub fn given(&self, table: &TableLayout, known: &'static Column) -> Option<Value> {
        let is_root = table.schema.place == Place::Node(Entity::ROOT);
        match known.role {
            Role::Parent(Entity::ROOT) => Some(Value::Integer(self.id)),
            Role::Id if is_root => Some(Value::Integer(self.id)),
            Role::Content if is_root => {
                let given = self.own_row.as_ref()?.iter().find(|(name, _)| *name == known.name);
                given.map(|(_, value)| value.clone())
            }
            _ => None,
        }
    }
}

/// One table of both ends.
pub struct Pair<'l> {
    pub there: &'l TableLayout,
    /// For each column of the source that the target has, too: where it is there.
    pub columns: Vec<(usize, &'l ColumnLayout)>,
}

impl<'l> Pair<'l> {
    pub fn new(ends: &Ends<'l>, here: &'l TableLayout) -> Result<Pair<'l>> {
        let Some(there) = ends.to.table(here.schema.name) else {
            let message = format!("the target has no table {}", here.schema.name);
            return Err(Error::new(Status::Schema, Domain::Migration, message).detail("table", here.schema.name));
        };
        let find =
            |column: &ColumnLayout| there.columns.iter().find(|other| other.name.eq_ignore_ascii_case(&column.name));
        let columns = here.columns.iter().enumerate().filter_map(|(at, column)| Some((at, find(column)?)));
        Ok(Pair { there, columns: columns.collect() })
    }

    /// The places of these columns in the target's table.
    pub fn positions(&self) -> Vec<usize> {
        self.columns.iter().filter_map(|(_, there)| self.there.position(&there.name)).collect()
    }

    /// Whether both have the same columns.
    pub fn is_whole(&self, here: &TableLayout) -> bool {
        self.columns.len() == here.columns.len() && self.columns.len() == self.there.columns.len()
    }
}
