//! Decides what becomes of a row whose key the target has already: it gets a new key, or the row that is there is kept.

use std::collections::HashMap;

use super::named_cells::{Found, source_cells};
use super::named_ends::{Destination, Ends};
use super::named_ids::{KeyMaker, NewKeys};
use super::named_map::{Changes, RowMap};
use super::named_target::Taken;
use crate::database::{Row, TableLayout};
use crate::error::{Domain, Error, NAMED, Result, Status};
use crate::hierarchy::{Named, NamedRows, OnConflict, of_experiments};
use crate::progress::Job;
use crate::schema::{Entity, Role, quote};
use crate::values::{Value, ValueRef};

/// What an experiment of the target has that rows are appended to.
pub struct Appended {
    pub rows: NamedRows,
    pub cells: Found,
}

/// Decides about every key.
pub fn decide(
    ends: &Ends<'_>,
    rows: &NamedRows,
    (to, appended): (&Destination, Option<&Appended>),
    (same, on_conflict, existing): (bool, OnConflict, Option<i64>),
    job: &Job,
) -> Result<NewKeys> {
    let mut keys = NewKeys::kept(rows.family);
    let mut maker = KeyMaker::new();
    // Rows of the source, and which of the target could be the same.
    let mut alike: Vec<(Named, Named)> = Vec::new();
    if same {
        for entity in rows.family.all().filter(|entity| *entity != Entity::ROOT) {
            for (at, key) in rows.ids(entity).iter().enumerate() {
                keys.change(Named { entity, at }, maker.make(key));
            }
        }
    } else {
        let taken = Taken::find(ends.target, ends.to, rows, job)?;
        match on_conflict {
            _ if taken.count() == 0 => {}
            OnConflict::New if taken.can_be_solved() => {
                for named in taken.rows {
                    let old = rows.ids(named.entity).get(named.at).unwrap_or_default();
                    keys.change(named, maker.make(old));
                }
            }
            OnConflict::Skip if taken.can_be_solved() && appended.is_some() => {
                for named in &taken.rows {
                    let key = rows.ids(named.entity).get(named.at).unwrap_or_default();
                    let there = appended.and_then(|appended| appended.rows.find(named.entity, ValueRef::Text(key)));
                    let Some(there) = there else { return Err(elsewhere(rows, *named)) };
                    alike.push((*named, there));
                }
            }
            _ => return Err(taken.error(rows.experiment, existing)),
        }
    }
    if let Some(appended) = appended {
        natural(ends, rows, appended, (&mut keys, &mut alike), job)?;
        leave_equal(ends, rows, (to, appended), (&mut keys, &alike), job)?;
    }
    Ok(keys)
}

/// A row whose key another experiment of the target has.
fn elsewhere(rows: &NamedRows, named: Named) -> Error {
    let key = ValueRef::Text(rows.ids(named.entity).get(named.at).unwrap_or_default()).describe();
    let noun = rows.family.of(named.entity).noun;
    let message = format!(
        "the {noun} {key} is in another experiment of the target than the one that is appended to; nothing was changed"
    );
    Error::new(Status::AlreadyExists, Domain::Migration, message)
        .detail("table", rows.family.table_name(named.entity))
        .detail("row", key)
        .hint("on_conflict = new gives the copy a key of its own")
}

/// The columns that tell the rows of an entity apart beside the id.
fn natural_key(table: &TableLayout) -> Vec<(usize, bool)> {
    if table.schema.key_id().is_some() {
        return Vec::new();
    }
    let find = |name: &&str| {
        let is_root = table.schema.column(name).is_some_and(|column| column.role == Role::Parent(Entity::ROOT));
        Some((table.position(name)?, is_root))
    };
    table.schema.primary_key.iter().filter_map(find).collect()
}

/// A row of the target has the same natural key, a dataset's name and digest for instance: it is the same one, or in the way.
fn natural(
    ends: &Ends<'_>,
    rows: &NamedRows,
    appended: &Appended,
    (keys, alike): (&mut NewKeys, &mut Vec<(Named, Named)>),
    job: &Job,
) -> Result<()> {
    for table in of_experiments(ends.from) {
        let (Some(entity), Some(there)) = (table.schema.entity(), ends.to.table(table.schema.name)) else { continue };
        let (here_key, there_key) = (natural_key(table), natural_key(there));
        if here_key.is_empty() || here_key.len() != there_key.len() {
            continue;
        }
        let columns = |table: &TableLayout| table.columns.iter().map(|c| quote(&c.name)).collect::<Vec<String>>();
        let mut known: HashMap<Vec<Vec<u8>>, Named> = HashMap::new();
        appended.rows.scan(ends.target, (ends.to, there), (&columns(there), ""), job, &mut |named, row| {
            let mut key = Vec::new();
            for (at, _) in there_key.iter().filter(|(_, is_root)| !is_root) {
                key.push(row.value(1 + at)?.readable().unwrap_or_default().into_bytes());
            }
            known.insert(key, named);
            Ok(())
        })?;
        let mut found = Vec::new();
        let changes = Changes { rows, keys, artifacts: None };
        let map = RowMap::new(&changes, table, |_| None);
        rows.scan(ends.source, (ends.from, table), (&columns(table), ""), job, &mut |named, row| {
            let mut key = Vec::new();
            for (at, _) in here_key.iter().filter(|(_, is_root)| !is_root) {
                let mapped = map.cell(*at, (named, row, 1))?;
                let value = mapped.as_ref().map_or(row.value(1 + at)?, Value::borrow);
                key.push(value.readable().unwrap_or_default().into_bytes());
            }
            found.extend(known.get(&key).map(|there| (named, *there)));
            Ok(())
        })?;
        for (named, there) in found {
            let theirs = appended.rows.ids(entity).get(there.at).unwrap_or_default();
            if rows.ids(entity).get(named.at) == Some(theirs) {
                keys.keep(named);
            } else {
                keys.change(named, theirs.to_vec());
            }
            if !alike.contains(&(named, there)) {
                alike.push((named, there));
            }
        }
    }
    Ok(())
}

/// Leaves what is the same, cell by cell; fails if something is not.
fn leave_equal(
    ends: &Ends<'_>,
    rows: &NamedRows,
    (to, appended): (&Destination, &Appended),
    (keys, alike): (&mut NewKeys, &[(Named, Named)]),
    job: &Job,
) -> Result<()> {
    if alike.is_empty() {
        return Ok(());
    }
    let cells = source_cells(ends, &Changes { rows, keys, artifacts: None }, to, job)?;
    let mut other = Vec::new();
    for (named, there) in alike {
        let here = cells.get(named.entity).get(named.at);
        if here.is_some() && here == appended.cells.nodes.get(there.entity).get(there.at) {
            keys.leave(*named);
        } else {
            other.push(*named);
        }
    }
    if other.is_empty() {
        return Ok(());
    }
    let message = format!(
        "{} rows of experiment {} are in the target with another content; nothing was changed",
        other.len(),
        rows.experiment
    );
    let error = Error::new(Status::AlreadyExists, Domain::Migration, message)
        .detail("experiment_id", rows.experiment)
        .detail("count", other.len())
        .hint("compare both, or give the copies new keys with on_conflict = new");
    Err(other.iter().take(NAMED).fold(error, |error, named| {
        let key = ValueRef::Text(rows.ids(named.entity).get(named.at).unwrap_or_default()).describe();
        error.detail("table", rows.family.table_name(named.entity)).detail("row", key)
    }))
}
