//! Copies the rows of an experiment of a family whose keys are texts, and reads the copy back.

use std::collections::{HashMap, HashSet};

use smallvec::SmallVec;

use super::named_map::{Changes, Locations, RowMap};
use super::preflight::Preflight;
use crate::database::{Chunk, ColumnLayout, Connection, Layout, Loss, Row, TableLayout, Transaction};
use crate::digest::{Conversion, Hash, NamedDigest, NamedDigester, NamedTable, Sum, encode_value};
use crate::error::{Domain, Error, Result, Status};
use crate::hierarchy::{Named, NamedRows};
use crate::progress::Job;
use crate::schema::{ByEntity, Column, Entity, Place, Role, quote};
use crate::values::{Value, ValueRef};

/// The rows of one table that were written: how many, and what they are, cell by cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    pub table: &'static str,
    /// Those of the source.
    pub rows: u64,
    cells: Sum,
}

impl Written {
    /// How many were written.
    pub fn copied(&self) -> u64 {
        self.cells.count()
    }
}

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
    fn given(&self, table: &TableLayout, known: &'static Column) -> Option<Value> {
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
struct Pair<'l> {
    there: &'l TableLayout,
    /// For each column of the source that the target has, too: where it is there.
    columns: Vec<(usize, &'l ColumnLayout)>,
}

impl<'l> Pair<'l> {
    fn new(ends: &Ends<'l>, here: &'l TableLayout) -> Result<Pair<'l>> {
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
    fn positions(&self) -> Vec<(usize, &'l ColumnLayout)> {
        self.columns.iter().filter_map(|(_, there)| Some((self.there.position(&there.name)?, *there))).collect()
    }
}

/// The tables that are copied: those of the rows, and those that say again what these say.
pub fn copied(layout: &Layout) -> impl Iterator<Item = &TableLayout> {
    let takes_part =
        |table: &&TableLayout| matches!(table.schema.place, Place::Node(_) | Place::Below(_) | Place::Derived(_));
    layout.tables.iter().filter(takes_part)
}

/// Finds every value that the target cannot hold as it is, before anything is written. Where artifacts are is looked at as it will be.
pub fn find_losses(ends: &Ends<'_>, changes: &Changes<'_>, job: &Job) -> Result<Preflight> {
    let mut fit = Preflight::default();
    let rows = changes.rows;
    for table in copied(ends.from) {
        let pair = Pair::new(ends, table)?;
        let lost = table.columns.iter().enumerate().filter(|(at, _)| pair.columns.iter().all(|(other, _)| other != at));
        let lost: Vec<(usize, &ColumnLayout)> = lost.collect();
        let doubted: Vec<(usize, &ColumnLayout)> = pair
            .columns
            .iter()
            .copied()
            .filter(|(at, there)| table.columns.get(*at).is_none_or(|here| !there.takes_all_of(here)))
            .collect();
        if lost.is_empty() && doubted.is_empty() {
            continue;
        }
        let map = RowMap::new(changes, table, |_| None);
        let columns: Vec<String> = table.columns.iter().map(|column| quote(&column.name)).collect();
        rows.scan(ends.source, (ends.from, table), (&columns, ""), job, &mut |named, row| {
            let key = || {
                let id = table.schema.id_column().map_or("of", |column| column.name);
                match rows.ids(named.entity).get(named.at) {
                    Some(key) => format!("{id}={}", ValueRef::Text(key).describe()),
                    None => format!("experiment_id={}", rows.experiment),
                }
            };
            for (at, column) in &lost {
                let value = row.value(1 + at)?;
                if value != ValueRef::Null {
                    fit.note(Loss {
                        table: table.schema.name,
                        row: Some(key()),
                        column: Some(column.name.clone()),
                        reason: "the target has no such column",
                        value: Some(value.describe()),
                        stored_as: None,
                    });
                }
            }
            for (at, there) in &doubted {
                let mapped = map.cell(*at, (named, row, 1))?;
                let value = mapped.as_ref().map_or(row.value(1 + at)?, Value::borrow);
                let kind = there.schema.map(|known| known.kind);
                let (stored, reason) = match Conversion::of(ends.target, there, value, kind)? {
                    Conversion::Same => continue,
                    Conversion::Changed(stored) => {
                        (Some(stored.borrow().describe()), "the target would store another value")
                    }
                    Conversion::Refused => (None, "the target refuses the value"),
                };
                fit.refused += u64::from(stored.is_none());
                fit.note(Loss {
                    table: table.schema.name,
                    row: Some(key()),
                    column: Some(there.name.clone()),
                    reason,
                    value: Some(value.describe()),
                    stored_as: stored,
                });
            }
            Ok(())
        })?;
    }
    Ok(fit)
}

/// Most tables have no more columns.
const COLUMNS: usize = 24;

/// Appends what a cell is, whoever stores it.
fn add_cell(value: ValueRef<'_>, column: &ColumnLayout, buffer: &mut Vec<u8>) {
    encode_value(value, column.schema.map(|known| known.kind), buffer);
}

/// The cells of a row of the source as they are written, and what tells them.
fn cells_of(
    (pair, map): (&Pair<'_>, &RowMap<'_>),
    (named, row): (Named, &dyn Row),
    buffer: &mut Vec<u8>,
    each: &mut dyn FnMut(&[ValueRef<'_>]) -> Result<()>,
) -> Result<Hash> {
    buffer.clear();
    let mut mapped: SmallVec<[Option<Value>; COLUMNS]> = SmallVec::new();
    let mut values: SmallVec<[ValueRef<'_>; COLUMNS]> = SmallVec::new();
    if map.is_fixed() {
        for (at, there) in &pair.columns {
            let read = row.value(1 + at)?;
            // Assessments of earlier versions do not say which experiment they are of.
            let given = map.given(*at).filter(|_| read != ValueRef::Null);
            let value = given.map_or(read, Value::borrow);
            add_cell(value, there, buffer);
            values.push(value);
        }
        each(&values)?;
        return Ok(*blake3::hash(buffer).as_bytes());
    }
    for (at, _) in &pair.columns {
        mapped.push(map.cell(*at, (named, row, 1))?);
    }
    for ((at, there), mapped) in pair.columns.iter().zip(&mapped) {
        let value = match mapped {
            Some(value) => value.borrow(),
            None => row.value(1 + at)?,
        };
        add_cell(value, there, buffer);
        values.push(value);
    }
    each(&values)?;
    Ok(*blake3::hash(buffer).as_bytes())
}

/// For each row of the hierarchy what its own row and all that hang on it are, cell by cell as they would be written.
pub fn source_cells(ends: &Ends<'_>, changes: &Changes<'_>, to: &Destination, job: &Job) -> Result<ByEntity<Vec<Sum>>> {
    let rows = changes.rows;
    let mut sums = ByEntity::of(rows.family, |entity| vec![Sum::default(); rows.ids(entity).len()]);
    for table in copied(ends.from).filter(|table| table.schema.place != Place::Node(Entity::ROOT)) {
        let pair = Pair::new(ends, table)?;
        let columns: Vec<String> = table.columns.iter().map(|column| quote(&column.name)).collect();
        let map = RowMap::new(changes, table, |known| to.given(table, known));
        let mut buffer = Vec::new();
        rows.scan(ends.source, (ends.from, table), (&columns, ""), job, &mut |named, row| {
            let hash = cells_of((&pair, &map), (named, row), &mut buffer, &mut |_| Ok(()))?;
            if let Some(sum) = sums.get_mut(named.entity).get_mut(named.at) {
                sum.add(&hash);
            }
            Ok(())
        })?;
    }
    Ok(sums)
}

/// What the target has below one of its experiments.
pub struct Found {
    /// For each row of the hierarchy, as [`source_cells`].
    pub nodes: ByEntity<Vec<Sum>>,
    /// Of every table.
    tables: HashMap<&'static str, Sum>,
    pub digest: NamedDigest,
}

/// Reads every cell of the target's rows that the source has a column for.
pub fn target_cells(ends: &Ends<'_>, rows: &NamedRows, job: &Job) -> Result<Found> {
    let mut nodes = ByEntity::of(rows.family, |entity| vec![Sum::default(); rows.ids(entity).len()]);
    let mut tables = HashMap::new();
    let mut digester = NamedDigester::new(rows);
    for table in copied(ends.from) {
        let pair = Pair::new(ends, table)?;
        let plan = NamedTable::new(ends.to.family, pair.there);
        let positions = pair.positions();
        let digests = !matches!(table.schema.place, Place::Derived(_));
        let (mut all, mut buffer) = (Sum::default(), Vec::new());
        rows.scan(ends.target, (ends.to, pair.there), (&plan.columns(), ""), job, &mut |named, row| {
            if digests {
                digester.row(&plan, (named, row, 1), &[])?;
            }
            buffer.clear();
            for (at, there) in &positions {
                add_cell(row.value(1 + at)?, there, &mut buffer);
            }
            let hash = *blake3::hash(&buffer).as_bytes();
            all.add(&hash);
            if let Some(sum) = nodes.get_mut(named.entity).get_mut(named.at) {
                sum.add(&hash);
            }
            Ok(())
        })?;
        tables.insert(table.schema.name, all);
    }
    Ok(Found { nodes, tables, digest: digester.finish()? })
}

/// What was copied.
pub struct Done {
    /// Of what was read.
    pub digest: NamedDigest,
    /// Of everything below the experiment as it has to be in the target.
    pub expected_body: Hash,
    pub written: Vec<Written>,
    pub locations: Option<Locations>,
    /// Rows that hang on the experiment itself which the target has with another content.
    pub differing: Vec<String>,
}

/// Copies every row; the digest of what was read comes with it.
pub fn copy(ends: &Ends<'_>, changes: &Changes<'_>, to: &Destination, batch_size: usize, job: &Job) -> Result<Done> {
    let rows = changes.rows;
    let mut digester = NamedDigester::new(rows);
    let mut expected = changes.artifacts.map(|_| NamedDigester::new(rows));
    let mut locations = changes.artifacts.map(|_| Locations::default());
    let (mut written, mut differing) = (Vec::new(), Vec::new());
    for table in copied(ends.from) {
        let pair = Pair::new(ends, table)?;
        let plan = NamedTable::new(ends.from.family, table);
        let names: Vec<&str> = pair.columns.iter().map(|(_, there)| there.name.as_str()).collect();
        let inserter = ends.target.inserter(pair.there, &names)?;
        let mut chunk = Chunk::new(inserter, names.len(), batch_size, job);
        let (mut cells, mut buffer, mut read) = (Sum::default(), Vec::new(), 0);
        let digests = !matches!(table.schema.place, Place::Derived(_));
        let map = RowMap::new(changes, table, |known| to.given(table, known));
        let own = table.schema.place == Place::Node(Entity::ROOT);
        let (there, telling) = (to.there.get(table.schema.name), telling_position(table));
        rows.scan(ends.source, (ends.from, table), (&plan.columns(), ""), job, &mut |named, row| {
            read += 1;
            if digests {
                digester.row(&plan, (named, row, 1), &[])?;
            }
            let is_there = match (there, telling) {
                (Some(there), Some(at)) => {
                    matches!(row.value(1 + at)?, ValueRef::Text(text) if there.contains(text))
                }
                _ => false,
            };
            if is_there || changes.keys.is_there(named) || (own && to.own_row.is_none()) {
                if is_there {
                    let text = telling.map(|at| row.value(1 + at)).transpose()?;
                    differing.push(format!(
                        "{} {}",
                        table.schema.name,
                        text.map_or_else(String::new, |t| t.describe())
                    ));
                }
                return job.advance();
            }
            if let Some(expected) = &mut expected {
                let moved = map.locations((named, row, 1), locations.as_mut())?;
                if digests {
                    expected.row(&plan, (named, row, 1), &moved)?;
                }
            }
            let hash = cells_of((&pair, &map), (named, row), &mut buffer, &mut |values| chunk.push(values))?;
            cells.add(&hash);
            chunk.flush_if_full()
        })?;
        chunk.finish()?;
        written.push(Written { table: table.schema.name, rows: read, cells });
    }
    let digest = digester.finish()?;
    let expected_body = match (expected, &to.own_row) {
        (Some(expected), Some(_)) => expected.finish()?.body,
        _ => digest.body,
    };
    Ok(Done { digest, expected_body, written, locations, differing })
}

/// Where the text is that tells the rows of one owner apart.
fn telling_position(table: &TableLayout) -> Option<usize> {
    let index = table.schema.columns.iter().find(|column| column.role == Role::Index)?;
    table.position(index.name)
}

/// Of the rows that hang on an experiment of the target itself what tells them apart, by table.
pub fn there_already(ends: &Ends<'_>, rows: &NamedRows, job: &Job) -> Result<HashMap<&'static str, HashSet<Vec<u8>>>> {
    let mut there = HashMap::new();
    for table in copied(ends.to).filter(|table| table.schema.place == Place::Below(Entity::ROOT)) {
        let Some(at) = telling_position(table) else { continue };
        let columns: Vec<String> = table.columns.iter().map(|column| quote(&column.name)).collect();
        let mut texts = HashSet::new();
        rows.scan(ends.target, (ends.to, table), (&columns, ""), job, &mut |_, row| {
            if let ValueRef::Text(text) = row.value(1 + at)? {
                texts.insert(text.to_vec());
            }
            Ok(())
        })?;
        there.insert(table.schema.name, texts);
    }
    Ok(there)
}

/// Reads the copy back, every cell that was written; fails unless all of them are what they were, and as many, beside what was there `before`. Answers
/// the digest.
pub fn read_back(
    ends: &Ends<'_>,
    id: i64,
    (written, before): (&[Written], Option<&Found>),
    job: &Job,
) -> Result<NamedDigest> {
    let rows = NamedRows::read(ends.target, ends.to, id, job)?;
    let found = target_cells(ends, &rows, job)?;
    for wanted in written {
        let mut cells = wanted.cells;
        if let Some(there) = before.and_then(|before| before.tables.get(wanted.table)) {
            cells.add_all(there);
        }
        let read = found.tables.get(wanted.table).copied().unwrap_or_default();
        if cells == read {
            continue;
        }
        let message =
            format!("the rows of {} were read back different from what was written; nothing was changed", wanted.table);
        return Err(mismatch(&message).detail("table", wanted.table).detail(
            "problem",
            format!("{} rows should be there, and {} were read back", cells.count(), read.count()),
        ));
    }
    Ok(found.digest)
}

/// The error of a copy that is not what it should be.
pub fn mismatch(message: &str) -> Error {
    Error::new(Status::Mismatch, Domain::Migration, message)
        .hint("something else writes into the target's tables, or rows that hung on nothing there are now the copy's: validate the target")
}

/// Fails unless the copy's digest is what it has to be.
pub fn check_digest(expected: &Hash, found: &Hash) -> Result<()> {
    if expected == found {
        return Ok(());
    }
    Err(mismatch("the copy is not what it should be; nothing was changed")
        .detail("expected_digest", crate::digest::hex(expected))
        .detail("target_digest", crate::digest::hex(found)))
}
