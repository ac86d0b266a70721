//! The rows below an experiment of a family whose keys are texts that the tracker chose: which they are, and reading them.
//!
//! What [`Selection`](super::Selection) is for keys that are integers. Random texts are in no range, so the database finds the rows by
//! subqueries, `run_uuid IN (SELECT ... WHERE experiment_id = ?1)`, which use the indexes that there are.

use super::selection::Counts;
use super::text_ids::TextIds;
use crate::database::{Cells, Connection, Layout, Next, Row, TableLayout};
use crate::error::{Domain, Error, Result, Status};
use crate::progress::Job;
use crate::schema::{ByEntity, Entity, Family, Level, Meaning, Place, Table, quote};
use crate::values::{Value, ValueRef};

/// A row of the hierarchy: its entity, and its position among the selected rows of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    pub entity: Entity,
    pub at: usize,
}

/// Rows that tie something of the experiment to something that is not: they are none of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Astray {
    pub table: String,
    pub rows: u64,
}

impl Astray {
    /// For a person.
    pub fn message(&self) -> String {
        let Astray { table, rows } = self;
        format!("{rows} rows of {table} tie something of the experiment to what is none of it, and stay behind")
    }

    /// The same of rows of a table that is none of an experiment's.
    pub fn message_behind(&self) -> String {
        let Astray { table, rows } = self;
        format!("{rows} rows of {table} hang on the experiment, are no part of a copy, and stay behind")
    }
}

/// The rows below one experiment.
#[derive(Debug)]
pub struct NamedRows {
    pub family: &'static Family,
    pub experiment: i64,
    ids: ByEntity<TextIds>,
    /// Of rows that hang on others than the experiment: the position of these.
    parents: ByEntity<Vec<u32>>,
    /// Every table of the layout that takes part, in its order.
    pub counts: Vec<Counts>,
    pub astray: Vec<Astray>,
}

/// The tables whose rows are of experiments: those of the hierarchy, what hangs on it, and those that say again what these say.
pub fn of_experiments(layout: &Layout) -> impl Iterator<Item = &TableLayout> {
    let takes_part =
        |table: &&TableLayout| matches!(table.schema.place, Place::Node(_) | Place::Below(_) | Place::Derived(_));
    layout.tables.iter().filter(takes_part)
}

/// The condition under which a row, called `alias`, is of the experiment ?1; `None` where the database lacks a table for that.
fn condition(layout: &Layout, entity: Entity, alias: &str, depth: usize) -> Result<Option<String>> {
    let Some(table) = entity_table(layout, entity) else { return Ok(None) };
    Ok(match layout.family.of(entity).level {
        Level::Root => Some(format!("{alias}.{} = ?1", table.id())),
        Level::Below(Entity::ROOT) => Some(format!("{alias}.{} = ?1", table.parent(Entity::ROOT)?)),
        Level::Below(above) => {
            let key = table.parent(above)?;
            members(layout, above, depth)?.map(|members| format!("{alias}.{key} IN ({members})"))
        }
        Level::Between => Some(ends(layout, table, alias, depth)?.join(" AND ")),
        Level::Linked => None,
    })
}

fn entity_table(layout: &Layout, entity: Entity) -> Option<&TableLayout> {
    layout.tables.iter().find(|table| table.schema.entity() == Some(entity))
}

/// The query for the keys of an entity's rows.
fn members(layout: &Layout, entity: Entity, depth: usize) -> Result<Option<String>> {
    let Some(table) = entity_table(layout, entity) else { return Ok(None) };
    let alias = format!("m{depth}");
    let condition = condition(layout, entity, &alias, depth + 1)?;
    Ok(condition.map(|condition| {
        format!("SELECT {alias}.{} FROM {} AS {alias} WHERE {condition}", table.id(), quote(&table.name))
    }))
}

/// For each end of a row that ties two others: whether it is of the experiment.
fn ends(layout: &Layout, table: &TableLayout, alias: &str, depth: usize) -> Result<Vec<String>> {
    let mut ends = Vec::new();
    for column in table.schema.columns {
        for meaning in layout.family.rules_of(table.schema.name, column.name) {
            let Meaning::NamesBy(kind, words) = meaning else { continue };
            let mut ways = Vec::new();
            for (word, entity) in words {
                if let Some(members) = members(layout, *entity, depth)? {
                    let (kind, name) = (table.quoted(kind), table.quoted(column.name));
                    ways.push(format!("({alias}.{kind} = '{word}' AND {alias}.{name} IN ({members}))"));
                }
            }
            ends.push(if ways.is_empty() { "1 = 0".to_owned() } else { format!("({})", ways.join(" OR ")) });
        }
    }
    Ok(ends)
}

fn key_text(value: ValueRef<'_>) -> Option<&[u8]> {
    match value {
        ValueRef::Text(text) => Some(text),
        _ => None,
    }
}

impl NamedRows {
    /// Finds the rows. The experiment's own row is not looked at.
    pub fn read(connection: &dyn Connection, layout: &Layout, experiment: i64, job: &Job) -> Result<NamedRows> {
        let mut rows = NamedRows::uncounted(connection, layout, experiment, job)?;
        for table in &layout.tables {
            if let Some(rows_of) = rows.count(connection, layout, table)? {
                rows.counts.push(Counts { table: table.schema, rows: rows_of, unsound: 0, in_order: false });
            }
        }
        Ok(rows)
    }

    /// As [`NamedRows::read`], for who reads them all anyway: `counts` is empty.
    pub fn uncounted(connection: &dyn Connection, layout: &Layout, experiment: i64, job: &Job) -> Result<NamedRows> {
        let family = layout.family;
        let mut rows = NamedRows { experiment, ..NamedRows::nothing(family) };
        for entity in family.all().filter(|entity| *entity != Entity::ROOT) {
            rows.read_keys(connection, layout, entity, job)?;
        }
        Ok(rows)
    }

    /// No rows.
    pub fn nothing(family: &'static Family) -> NamedRows {
        let (ids, parents) = (ByEntity::new(family), ByEntity::new(family));
        NamedRows { family, experiment: 0, ids, parents, counts: Vec::new(), astray: Vec::new() }
    }

    fn read_keys(&mut self, connection: &dyn Connection, layout: &Layout, entity: Entity, job: &Job) -> Result<()> {
        let (Some(table), Some(condition)) = (entity_table(layout, entity), condition(layout, entity, "t", 0)?) else {
            return Ok(());
        };
        let above = self.family.parent(entity).filter(|above| *above != Entity::ROOT);
        let parent = above.map(|above| table.parent(above)).transpose()?;
        let also = parent.map_or_else(String::new, |parent| format!(", t.{parent}"));
        let sql = format!("SELECT t.{}{also} FROM {} AS t WHERE {condition}", table.id(), quote(&table.name));
        let (mut ids, mut parents) = (TextIds::default(), Vec::new());
        connection.query(&sql, &[Value::Integer(self.experiment)], &mut |row| {
            job.pulse()?;
            let Some(key) = key_text(row.value(0)?) else {
                return Err(no_text(table, row.value(0)?));
            };
            ids.push(key);
            if let Some(above) = above {
                let at = key_text(row.value(1)?).and_then(|key| self.ids.get(above).position(key));
                let at = at.and_then(|at| u32::try_from(at).ok()).ok_or_else(|| misspelt(table, row.value(1)))?;
                parents.push(at);
            }
            Ok(Next::Row)
        })?;
        let (order, twice) = ids.freeze();
        if let Some(key) = twice {
            return Err(occurs_twice(table, &key));
        }
        *self.ids.get_mut(entity) = ids;
        *self.parents.get_mut(entity) = order.iter().filter_map(|at| parents.get(*at).copied()).collect();
        if self.family.of(entity).level == Level::Between {
            let ends = ends(layout, table, "t", 0)?;
            let sql = format!(
                "SELECT count(*) FROM {} AS t WHERE ({}) AND NOT ({condition})",
                quote(&table.name),
                ends.join(" OR ")
            );
            let rows = connection.query_integer(&sql, &[Value::Integer(self.experiment)])?.unwrap_or(0);
            if let Some(rows) = u64::try_from(rows).ok().filter(|rows| *rows > 0) {
                self.astray.push(Astray { table: table.schema.name.to_owned(), rows });
            }
        }
        Ok(())
    }

    /// How many rows a table has; `None` if it takes no part.
    fn count(&self, connection: &dyn Connection, layout: &Layout, table: &TableLayout) -> Result<Option<u64>> {
        Ok(match table.schema.place {
            Place::Node(Entity::ROOT) => Some(1),
            Place::Node(entity) => Some(self.ids.get(entity).len() as u64),
            Place::Below(_) => {
                let Some(condition) = NamedRows::of_table(layout, table)? else { return Ok(Some(0)) };
                let sql = format!("SELECT count(*) FROM {} AS t WHERE {condition}", quote(&table.name));
                let rows = connection.query_integer(&sql, &[Value::Integer(self.experiment)])?;
                Some(rows.and_then(|rows| u64::try_from(rows).ok()).unwrap_or(0))
            }
            Place::Aside | Place::Derived(_) | Place::Leaf(_) | Place::Link { .. } => None,
        })
    }

    /// The condition under which a row of a table, called `t`, is of the experiment ?1.
    pub fn of_table(layout: &Layout, table: &TableLayout) -> Result<Option<String>> {
        match (table.schema.place, table.schema.owner()) {
            (Place::Node(entity), _) => condition(layout, entity, "t", 0),
            (_, Some(Entity::ROOT)) => Ok(Some(format!("t.{} = ?1", table.parent(Entity::ROOT)?))),
            (_, Some(owner)) => {
                let key = table.parent(owner)?;
                Ok(members(layout, owner, 0)?.map(|members| format!("t.{key} IN ({members})")))
            }
            (_, None) => Ok(None),
        }
    }

    /// The rows of tables that are none of an experiment's and that hang on something of this one by a foreign key.
    pub fn left_behind(&self, connection: &dyn Connection, layout: &Layout) -> Result<Vec<Astray>> {
        let mut behind: Vec<Astray> = Vec::new();
        for key in &layout.foreign_keys {
            let (None, Some(parent)) = (key.table.known(layout.family), key.parent.known(layout.family)) else {
                continue;
            };
            let ([(column, above)], Some(entity)) = (key.columns.as_slice(), parent.entity()) else { continue };
            let is_id = parent.id_column().is_some_and(|id| id.name.eq_ignore_ascii_case(above));
            let known = behind.iter().any(|astray| astray.table == key.table.name);
            if !is_id || known || key.unnamed || key.table.schema.is_some() {
                continue;
            }
            let Some(members) = members(layout, entity, 0)? else { continue };
            let sql = format!(
                "SELECT count(*) FROM {} AS t WHERE t.{} IN ({members})",
                quote(&key.table.name),
                quote(column)
            );
            let rows = connection.query_integer(&sql, &[Value::Integer(self.experiment)])?;
            if let Some(rows) = rows.and_then(|rows| u64::try_from(rows).ok()).filter(|rows| *rows > 0) {
                behind.push(Astray { table: key.table.name.clone(), rows });
            }
        }
        Ok(behind)
    }

    /// How many rows there are that say again what others say.
    pub fn derived(&self, connection: &dyn Connection, layout: &Layout) -> Result<u64> {
        let mut total = 0;
        for table in layout.tables.iter().filter(|table| matches!(table.schema.place, Place::Derived(_))) {
            total += self.derived_of(connection, layout, table)?;
        }
        Ok(total)
    }

    /// How many of them one table has.
    pub fn derived_of(&self, connection: &dyn Connection, layout: &Layout, table: &TableLayout) -> Result<u64> {
        let Some(condition) = NamedRows::of_table(layout, table)? else { return Ok(0) };
        let sql = format!("SELECT count(*) FROM {} AS t WHERE {condition}", quote(&table.name));
        let rows = connection.query_integer(&sql, &[Value::Integer(self.experiment)])?;
        Ok(rows.and_then(|rows| u64::try_from(rows).ok()).unwrap_or(0))
    }

    /// The keys of an entity's rows.
    pub fn ids(&self, entity: Entity) -> &TextIds {
        self.ids.get(entity)
    }

    /// For each row of an entity that hangs on another than the experiment the position of that.
    pub fn parents(&self, entity: Entity) -> &[u32] {
        self.parents.get(entity)
    }

    /// All rows, of every table.
    pub fn total(&self) -> u64 {
        self.counts.iter().map(|counts| counts.rows).sum()
    }

    /// The row of an entity that a value names.
    #[inline]
    pub fn find(&self, entity: Entity, value: ValueRef<'_>) -> Option<Named> {
        if entity == Entity::ROOT {
            return (value.as_integer() == Some(self.experiment)).then_some(Named { entity, at: 0 });
        }
        let at = self.ids.get(entity).position(key_text(value)?)?;
        Some(Named { entity, at })
    }

    /// Reads the rows of a table: the key of the row of the hierarchy that each is or hangs on, and these columns, quoted. `order` is what to sort by,
    /// as SQL, or nothing.
    pub fn scan(
        &self,
        connection: &dyn Connection,
        (layout, table): (&Layout, &TableLayout),
        (columns, order): (&[String], &str),
        job: &Job,
        each: &mut dyn FnMut(Named, &Cells<'_>) -> Result<()>,
    ) -> Result<()> {
        let Some(condition) = NamedRows::of_table(layout, table)? else { return Ok(()) };
        let (owner, key) = match (table.schema.place, table.schema.owner()) {
            (Place::Node(entity), _) => (entity, table.id()),
            (_, Some(owner)) => (owner, table.parent(owner)?),
            (_, None) => return Ok(()),
        };
        // Mostly the key is one of the columns, and there is nothing cheap about reading it twice.
        let place = columns.iter().position(|column| *column == key);
        let key = place.is_none().then_some(&key);
        let select: Vec<String> = key.into_iter().chain(columns).map(|column| format!("t.{column}")).collect();
        let sql = format!("SELECT {} FROM {} AS t WHERE {condition}{order}", select.join(", "), quote(&table.name));
        // Rows of one owner mostly follow each other.
        let mut last: Option<(Vec<u8>, Named)> = None;
        connection.query(&sql, &[Value::Integer(self.experiment)], &mut |row| {
            job.pulse()?;
            let row = match place {
                Some(place) => Cells::repeating(row, columns.len(), place)?,
                None => Cells::of(row, 1 + columns.len())?,
            };
            let value = row.value(0)?;
            let named = match (&last, key_text(value)) {
                (Some((known, named)), Some(key)) if known == key => *named,
                (_, key) => {
                    let named = self.find(owner, value).ok_or_else(|| misspelt(table, Ok(value)))?;
                    last = key.map(|key| (key.to_vec(), named));
                    named
                }
            };
            each(named, &row)?;
            Ok(Next::Row)
        })
    }
}

fn unsound(table: &TableLayout, message: String) -> Error {
    Error::new(Status::Validation, Domain::Database, message)
        .detail("table", table.schema.name)
        .hint("validate the store, and repair the row")
}

fn no_text(table: &TableLayout, value: ValueRef<'_>) -> Error {
    let id = table.schema.id_column().map_or("", |column| column.name);
    unsound(table, format!("{}.{id} is {}, which is no text", table.schema.name, value.describe()))
}

fn occurs_twice(table: &TableLayout, key: &[u8]) -> Error {
    let id = table.schema.id_column().map_or("", |column| column.name);
    let key = ValueRef::Text(key).describe();
    unsound(table, format!("two rows of {} have {id}={key}", table.schema.name))
}

/// The database takes two spellings of a key for one, and here they are two.
fn misspelt(table: &TableLayout, value: Result<ValueRef<'_>>) -> Error {
    let value = value.map_or_else(|_| "something".to_owned(), |value| value.describe());
    unsound(table, format!("a row of {} hangs on {value}, which is spelt otherwise where it stands", table.schema.name))
}

/// The rows of an entity that a column of a row names by its value, by the rules of the family: `at` finds another column's value.
pub fn named_entity<'r>(
    family: &Family,
    (table, column): (&Table, &str),
    at: &mut dyn FnMut(&str) -> Result<ValueRef<'r>>,
) -> Result<Option<Entity>> {
    let text = |value: ValueRef<'_>, wanted: &str| matches!(value, ValueRef::Text(text) if text == wanted.as_bytes());
    for meaning in family.rules_of(table.name, column) {
        match meaning {
            Meaning::Names(entity) => return Ok(Some(entity)),
            Meaning::NamesWhere(other, wanted, entity) if text(at(other)?, wanted) => return Ok(Some(entity)),
            Meaning::NamesBy(other, words) => {
                let kind = at(other)?;
                if let Some((_, entity)) = words.iter().find(|(word, _)| text(kind, word)) {
                    return Ok(Some(*entity));
                }
            }
            _ => {}
        }
    }
    Ok(None)
}
