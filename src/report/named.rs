//! Reads an experiment whose keys are texts that the tracker chose, and whose metrics, params and tags are rows of the runs themselves.
//!
//! The keys of the runs that are listed are kept, and none else: memory does not grow with what is there.

use std::collections::HashMap;

use super::curves::{Key, Level};
use super::gather::{Experiment, Node, Nodes, Shared};
use super::limits::{NAMES, NESTED, NODES, TEXT};
use super::texts::{Room, Texts, columns, nested};
use crate::database::{Connection, Layout, Next, Row, TableLayout};
use crate::error::{Domain, Error, Result};
use crate::hierarchy::{NamedRows, Shape, written_time};
use crate::progress::Job;
use crate::schema::{Entity, Family, Kind, Meaning, Place, Role, quote};
use crate::values::{Value, ValueRef};

/// How many rows of an experiment a table has, and whether these are read one by one.
pub type TableRows = (&'static str, u64, bool);

/// Of every table.
pub fn count(connection: &dyn Connection, layout: &Layout, experiment: i64, job: &Job) -> Result<Vec<TableRows>> {
    let mut counts = Vec::new();
    for table in &layout.tables {
        if matches!(table.schema.place, Place::Aside | Place::Derived(_)) {
            continue;
        }
        job.pulse()?;
        let Some(condition) = NamedRows::of_table(layout, table)? else { continue };
        let sql = format!("SELECT count(*) FROM {} AS t WHERE {condition}", quote(&table.name));
        let rows = connection.query_integer(&sql, &[Value::Integer(experiment)])?.unwrap_or(0);
        let name = table.schema.name;
        counts.push((
            name,
            u64::try_from(rows).unwrap_or(0),
            layout.family.metrics == Some(name) || texts_of(layout, table),
        ));
    }
    Ok(counts)
}

/// Whether a table has texts of an experiment or its runs.
fn texts_of(layout: &Layout, table: &TableLayout) -> bool {
    let run = layout.family.metrics.and_then(|name| layout.family.table(name)?.owner());
    table.schema.owner().is_some_and(|owner| owner == Entity::ROOT || Some(owner) == run) && columns(table).is_some()
}

/// Reads an experiment, which is the one at `place` among `of` of a page.
pub fn gather_named(
    (connection, layout): (&dyn Connection, &Layout),
    experiment: i64,
    (run, counts): (Entity, &[TableRows]),
    (place, of): (u32, usize),
    shared: &mut Shared,
    job: &Job,
) -> Result<Experiment> {
    let mut reading = Reading { connection, layout, experiment, run, job, runs: HashMap::new() };
    let (root, _) = reading.nodes(Entity::ROOT, 1)?;
    let (mut runs, keys) = reading.nodes(run, (NODES / of.max(1)).max(1))?;
    let of_runs = layout.entity(run)?.schema.name;
    let all = counts.iter().find(|(name, ..)| *name == of_runs).map_or(0, |(_, rows, _)| *rows);
    runs.count = usize::try_from(all).unwrap_or(usize::MAX).max(runs.first.len());
    reading.runs = keys;
    let rows = counts.iter().map(|(name, rows, _)| (*name, *rows)).collect();
    let mut found = Experiment::new(vec![root, runs], rows, HashMap::new());
    let (mut room, mut parents) = (Room::new(of), HashMap::new());
    for table in layout.tables.iter().filter(|table| texts_of(layout, table)) {
        found.texts.extend(reading.texts(table, &mut room, &mut parents)?);
    }
    if let Some(runs) = found.nodes.last_mut() {
        let (above, circular) = nested(&parents, runs.first.len(), NESTED);
        runs.first.iter_mut().zip(above).for_each(|(node, parent)| node.parent = parent);
        found.circular = circular;
    }
    reading.metrics(place, &mut found, shared)?;
    Ok(found)
}

struct Reading<'r> {
    connection: &'r dyn Connection,
    layout: &'r Layout,
    experiment: i64,
    run: Entity,
    job: &'r Job,
    /// The positions of the runs that are listed.
    runs: HashMap<Vec<u8>, usize>,
}

/// The cells of a row as texts; times as times.
fn cells(family: &Family, shape: &Shape<'_>, row: &dyn Row) -> Result<Vec<Option<String>>> {
    let mut cells = Vec::with_capacity(shape.columns.len());
    for (at, column) in shape.columns.iter().enumerate() {
        let value = row.value(shape.first + at)?;
        let time = written_time(family, shape.table.schema.name, &column.name, value);
        cells.push(time.or_else(|| value.readable_up_to(TEXT)));
    }
    Ok(cells)
}

impl Reading<'_> {
    /// Reads columns of the rows of a table that are the experiment's.
    fn query(
        &self,
        table: &TableLayout,
        (columns, order): (&[String], &str),
        each: &mut dyn FnMut(&dyn Row) -> Result<()>,
    ) -> Result<()> {
        let Some(condition) = NamedRows::of_table(self.layout, table)? else { return Ok(()) };
        let sql = format!("SELECT {} FROM {} AS t WHERE {condition}{order}", columns.join(", "), quote(&table.name));
        self.connection.query(&sql, &[Value::Integer(self.experiment)], &mut |row| {
            each(row)?;
            Ok(Next::Row)
        })
    }

    /// The first rows of an entity by when they began, and their positions by key.
    fn nodes(&self, entity: Entity, most: usize) -> Result<(Nodes, HashMap<Vec<u8>, usize>)> {
        let (family, table) = (self.layout.family, self.layout.entity(entity)?);
        let shape = Shape::node(table);
        let mut select = vec![format!("t.{}", table.id())];
        select.extend(shape.columns.iter().map(|column| format!("t.{}", quote(&column.name))));
        let is_time = |name: &str| {
            let mut rules = family.rules_of(table.schema.name, name);
            rules.any(|meaning| meaning == Meaning::Milliseconds)
        };
        let began =
            table.schema.columns.iter().find(|column| is_time(column.name) && table.position(column.name).is_some());
        let began = began.map_or_else(String::new, |column| {
            let column = format!("t.{}", table.quoted(column.name));
            format!("CASE WHEN {column} IS NULL THEN 1 ELSE 0 END, {column}, ")
        });
        let order = format!(" ORDER BY {began}t.{} LIMIT {most}", table.id());
        let (mut first, mut keys) = (Vec::new(), HashMap::new());
        self.query(table, (&select, &order), &mut |row| {
            let id = row.value(0)?;
            let shown = match id.as_integer() {
                Some(id) => id.into(),
                None => id.readable_up_to(TEXT).into(),
            };
            if let ValueRef::Text(key) = id {
                keys.insert(key.to_vec(), first.len());
            }
            self.job.pulse()?;
            first.push(Node { id: shown, parent: None, cells: cells(family, &shape, row)? });
            Ok(())
        })?;
        let columns = shape.columns.iter().map(|column| column.name.clone()).collect();
        let nodes = Nodes { entity, columns, count: first.len(), first, nested: entity == self.run };
        Ok((nodes, keys))
    }

    fn position(&self, owner: Entity, key: ValueRef<'_>) -> Option<usize> {
        match key {
            _ if owner == Entity::ROOT => Some(0),
            ValueRef::Text(key) => self.runs.get(key).copied(),
            _ => None,
        }
    }

    /// The texts of a table, and which runs these say that others hang on.
    fn texts(
        &self,
        table: &TableLayout,
        room: &mut Room,
        parents: &mut HashMap<usize, usize>,
    ) -> Result<Option<Texts>> {
        let (Some((key, text)), Some(owner)) = (columns(table), table.schema.owner()) else { return Ok(None) };
        let mut texts = Texts::new(table.schema.name, owner);
        let mut rules = self.layout.family.rules_of(table.schema.name, text.name);
        let above = rules.find_map(|meaning| match meaning {
            Meaning::NamesWhere(column, wanted, entity) if column == key.name && entity == self.run => Some(wanted),
            _ => None,
        });
        let select = [table.parent(owner)?, table.quoted(key.name), table.quoted(text.name)];
        let select = select.map(|column| format!("t.{column}"));
        self.query(table, (&select, ""), &mut |row| {
            self.job.advance()?;
            let (position, key, text) = (self.position(owner, row.value(0)?), row.value(1)?, row.value(2)?);
            let names = above.is_some_and(|wanted| key == ValueRef::Text(wanted.as_bytes()));
            if let (true, Some(run), Some(parent)) = (names && owner == self.run, position, self.position(owner, text))
            {
                parents.insert(run, parent);
            }
            texts.add(position, key, text, room);
            Ok(())
        })?;
        Ok(Some(texts))
    }

    /// The curves, by step and by time.
    fn metrics(&self, place: u32, found: &mut Experiment, shared: &mut Shared) -> Result<()> {
        let family = self.layout.family;
        let missing = |what: &str| Error::internal(Domain::ImportExport, format!("metrics have no {what}"));
        let name = family.metrics.ok_or_else(|| missing("table"))?;
        let table = self.layout.table(name).ok_or_else(|| missing("table"))?;
        let has = |column: &str, wanted: fn(&Meaning) -> bool| family.rules_of(name, column).any(|rule| wanted(&rule));
        let is_time = |column: &str| has(column, |rule| *rule == Meaning::Milliseconds);
        let find = |role: Role, kind: Kind, timed: bool| {
            let mut columns = table.schema.columns.iter().filter(|column| column.role == role && column.kind == kind);
            columns.find(|column| is_time(column.name) == timed).map(|column| column.name)
        };
        let key = find(Role::Index, Kind::Text, false).ok_or_else(|| missing("key"))?;
        let step = find(Role::Index, Kind::Integer, false).ok_or_else(|| missing("step"))?;
        let time = find(Role::Index, Kind::Integer, true).ok_or_else(|| missing("time"))?;
        let value = find(Role::Content, Kind::Real, false).ok_or_else(|| missing("value"))?;
        let nan = family.rules_of(name, value).find_map(|meaning| match meaning {
            Meaning::NanIn(column) => Some(format!("CASE WHEN t.{} THEN 1 ELSE 0 END", table.quoted(column))),
            _ => None,
        });
        let stands_in = has(value, |rule| *rule == Meaning::InfinityAsGreatest);
        let mut select = vec![format!("t.{}", table.parent(self.run)?)];
        select.extend([key, step, time, value].map(|column| format!("t.{}", table.quoted(column))));
        select.push(nan.unwrap_or_else(|| "0".to_owned()));
        // Rows of one run, and of one metric, mostly follow each other.
        let mut last: Option<(Vec<u8>, Option<usize>)> = None;
        self.query(table, (&select, ""), &mut |row| {
            self.job.advance()?;
            let owner = match (row.value(0)?, &mut last) {
                (ValueRef::Text(key), Some((known, run))) if known == key => *run,
                (key, last) => {
                    let run = self.position(self.run, key);
                    if let ValueRef::Text(key) = key {
                        *last = Some((key.to_vec(), run));
                    }
                    run
                }
            };
            let Some(run) = owner.and_then(|run| u32::try_from(run).ok()) else {
                found.beyond += 1;
                return Ok(());
            };
            let (Some(step), Some(time)) = (row.value(2)?.as_integer(), row.value(3)?.as_integer()) else {
                found.unplaced += 1;
                return Ok(());
            };
            let text = row.value(1)?.readable_up_to(TEXT).unwrap_or_else(|| "NULL".to_owned());
            let Some(metric) = shared.metrics.place(&text, NAMES) else {
                found.unnamed += 1;
                return Ok(());
            };
            let is_nan = row.value(5)?.as_integer() == Some(1);
            let value = number(row.value(4)?, is_nan, stands_in);
            let key = Key { experiment: place, run, metric, level: Level::Step, label: None };
            found.drawn += 1;
            shared.totals.add(key, (step, time), value);
            shared.times.add(Key { level: Level::Time, ..key }, (time, step), value);
            Ok(())
        })
    }
}

/// A stored number as what it stands for; `None` is no number.
fn number(value: ValueRef<'_>, is_nan: bool, stands_in: bool) -> Option<f64> {
    let value = match value {
        _ if is_nan => f64::NAN,
        ValueRef::Integer(value) => value as f64,
        ValueRef::Real(value) => value,
        _ => return None,
    };
    Some(if stands_in && value.abs() == f64::MAX { value * 2.0 } else { value })
}

#[cfg(test)]
mod tests {
    use super::number;
    use crate::values::ValueRef::{Null, Real, Text};

    #[test]
    fn what_stands_for_infinity_or_nan_is_shown_as_that() {
        assert_eq!(number(Real(f64::MAX), false, true), Some(f64::INFINITY));
        assert_eq!(number(Real(f64::MIN), false, true), Some(f64::NEG_INFINITY));
        assert_eq!(number(Real(f64::MAX), false, false), Some(f64::MAX));
        assert!(number(Real(0.0), true, true).unwrap().is_nan());
        assert_eq!((number(Null, false, true), number(Text(b"1"), false, true)), (None, None));
    }
}
