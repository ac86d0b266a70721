//! Digests the cells of a copy whose keys are texts, as they must be in the target and as they are there, so that both can be compared.

use std::collections::HashMap;

use smallvec::SmallVec;

use super::named_ends::{Destination, Ends, Pair};
use super::named_map::{Changes, RowMap};
use crate::database::{Row, TableLayout};
use crate::digest::{Hash, NamedDigest, NamedDigester, NamedTable, Sum, encode_bytes, encode_value};
use crate::error::Result;
use crate::hierarchy::{Named, NamedRows, of_experiments};
use crate::progress::Job;
use crate::schema::{ByEntity, Entity, Place, quote};
use crate::values::{Value, ValueRef};

/// Most tables have no more columns.
const COLUMNS: usize = 24;

/// The rows of one table: how many, and what they are, cell by cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableCells {
    pub rows: u64,
    cells: Sum,
}

impl TableCells {
    /// Adds other rows. Where rows are told by what they hang on, these hang on others.
    pub fn add_all(&mut self, other: &TableCells) {
        self.rows += other.rows;
        self.cells.add_all(&other.cells);
    }
}

/// Tells the rows of one table.
pub struct Teller {
    /// Where the digest of a row tells all of it but what it hangs on: by the position of that.
    by_owner: Option<Vec<Sum>>,
    told: TableCells,
    buffer: Vec<u8>,
}

impl Teller {
    /// For a table; `here` is the source's. Both ends come to the same answer about how rows are told.
    pub fn new(ends: &Ends<'_>, here: &TableLayout, pair: &Pair<'_>, rows: &NamedRows) -> Teller {
        let tells_all = |family, table| NamedTable::new(family, table).tells_all();
        let by_digest =
            pair.is_whole(here) && tells_all(ends.from.family, here) && tells_all(ends.to.family, pair.there);
        let owners = here.schema.owner().map_or(0, |owner| rows.ids(owner).len());
        let by_owner = by_digest.then(|| vec![Sum::default(); owners]);
        Teller { by_owner, told: TableCells::default(), buffer: Vec::new() }
    }

    /// Adds a row, which hangs on this one and has this digest; `cells` says what it is in the target. Answers what stands for the row.
    #[inline]
    pub fn add(&mut self, (pair, at): (&Pair<'_>, usize), digest: &Hash, cells: &[ValueRef<'_>]) -> Hash {
        self.told.rows += 1;
        if let Some(by_owner) = &mut self.by_owner {
            if let Some(sum) = by_owner.get_mut(at) {
                sum.add(digest);
            }
            return *digest;
        }
        self.buffer.clear();
        for ((_, there), value) in pair.columns.iter().zip(cells) {
            encode_value(*value, there.schema.map(|known| known.kind), &mut self.buffer);
        }
        let hash = *blake3::hash(&self.buffer).as_bytes();
        self.told.cells.add(&hash);
        hash
    }

    /// What the rows are that were added; `key` is that of a row that others hang on, in the target.
    pub fn finish<'k>(mut self, key: impl Fn(usize) -> Option<&'k [u8]>) -> TableCells {
        for (at, sum) in self.by_owner.iter().flatten().enumerate().filter(|(_, sum)| !sum.is_empty()) {
            self.buffer.clear();
            encode_bytes(key(at).unwrap_or_default(), &mut self.buffer);
            sum.encode(&mut self.buffer);
            self.told.cells.add(blake3::hash(&self.buffer).as_bytes());
        }
        self.told
    }
}

/// The cells of a row of the source as they are written.
pub fn written_cells(
    (pair, map): (&Pair<'_>, &RowMap<'_>),
    (named, row): (Named, &dyn Row),
    each: &mut dyn FnMut(&[ValueRef<'_>]) -> Result<()>,
) -> Result<()> {
    let mut mapped: SmallVec<[Option<Value>; COLUMNS]> = SmallVec::new();
    let mut values: SmallVec<[ValueRef<'_>; COLUMNS]> = SmallVec::new();
    if map.is_fixed() {
        for (at, _) in &pair.columns {
            let read = row.value(1 + at)?;
            // Assessments of earlier versions do not say which experiment they are of.
            let given = map.given(*at).filter(|_| read != ValueRef::Null);
            values.push(given.map_or(read, Value::borrow));
        }
        return each(&values);
    }
    for (at, _) in &pair.columns {
        mapped.push(map.cell(*at, (named, row, 1))?);
    }
    for ((at, _), mapped) in pair.columns.iter().zip(&mapped) {
        values.push(match mapped {
            Some(value) => value.borrow(),
            None => row.value(1 + at)?,
        });
    }
    each(&values)
}

/// For each row of the hierarchy what its own row and all that hang on it are, cell by cell as they would be written.
pub fn source_cells(ends: &Ends<'_>, changes: &Changes<'_>, to: &Destination, job: &Job) -> Result<ByEntity<Vec<Sum>>> {
    let rows = changes.rows;
    let mut sums = ByEntity::of(rows.family, |entity| vec![Sum::default(); rows.ids(entity).len()]);
    let mut digester = NamedDigester::new(rows);
    for table in of_experiments(ends.from).filter(|table| table.schema.place != Place::Node(Entity::ROOT)) {
        let pair = Pair::new(ends, table)?;
        let plan = NamedTable::new(ends.from.family, table);
        let columns: Vec<String> = table.columns.iter().map(|column| quote(&column.name)).collect();
        let map = RowMap::new(changes, table, |known| to.given(table, known));
        let mut teller = Teller::new(ends, table, &pair, rows);
        rows.scan(ends.source, (ends.from, table), (&columns, ""), job, &mut |named, row| {
            let digest = digester.row(&plan, (named, row, 1), &[])?;
            written_cells((&pair, &map), (named, row), &mut |values| {
                let told = teller.add((&pair, named.at), &digest, values);
                if let Some(sum) = sums.get_mut(named.entity).get_mut(named.at) {
                    sum.add(&told);
                }
                Ok(())
            })
        })?;
    }
    Ok(sums)
}

/// What the target has below one of its experiments.
pub struct Found {
    /// For each row of the hierarchy, as [`source_cells`].
    pub nodes: ByEntity<Vec<Sum>>,
    /// Of every table.
    pub tables: HashMap<&'static str, TableCells>,
    pub digest: NamedDigest,
}

/// Reads every cell of the target's rows that the source has a column for.
pub fn target_cells(ends: &Ends<'_>, rows: &NamedRows, job: &Job) -> Result<Found> {
    let mut nodes = ByEntity::of(rows.family, |entity| vec![Sum::default(); rows.ids(entity).len()]);
    let mut tables = HashMap::new();
    let mut digester = NamedDigester::new(rows);
    for table in of_experiments(ends.from) {
        let pair = Pair::new(ends, table)?;
        let plan = NamedTable::new(ends.to.family, pair.there);
        let positions = pair.positions();
        let digests = !matches!(table.schema.place, Place::Derived(_));
        let mut teller = Teller::new(ends, table, &pair, rows);
        let columns = plan.columns();
        rows.scan(ends.target, (ends.to, pair.there), (&columns, ""), job, &mut |named, row| {
            let digest = if digests { digester.row(&plan, (named, row, 1), &[])? } else { Hash::default() };
            let mut cells: SmallVec<[ValueRef<'_>; COLUMNS]> = SmallVec::new();
            for at in &positions {
                cells.push(row.value(1 + at)?);
            }
            let told = teller.add((&pair, named.at), &digest, &cells);
            if let Some(sum) = nodes.get_mut(named.entity).get_mut(named.at) {
                sum.add(&told);
            }
            Ok(())
        })?;
        let owner = table.schema.owner();
        tables.insert(table.schema.name, teller.finish(|at| rows.ids(owner?).get(at)));
    }
    Ok(Found { nodes, tables, digest: digester.finish()? })
}
