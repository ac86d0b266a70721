//! Checks the junction tables and the rows that they link: links to missing rows, rows without a link, and the values of metrics.

use super::experiment_manager::unlinked;
use super::nodes::{check_parent, check_value, null_keys, report_missing};
use super::parents::{Lookup, ParentRef};
use super::report::Collector;
use super::seen_rows::SeenRows;
use super::table_scan::{Cells, Pass, TableScan, cell, with_cells};
use super::value_checks::Values;
use crate::error::Result;
use crate::hierarchy::{IdSet, row_order, scan_leaves};
use crate::schema::{Column, Entity, Kind, Place, Role};

/// The rows that links name.
#[derive(Default)]
pub struct Linked {
    /// Frozen once every link was read.
    pub ids: IdSet,
    /// Those that more than one link names.
    pub again: IdSet,
    /// Whether all of them exist.
    pub all_exist: bool,
}

/// One junction table that is being read.
pub struct LinkScan<'l> {
    pub scan: TableScan<'l>,
    pub owner: Entity,
    owner_at: usize,
    owner_column: &'static Column,
    leaf_at: usize,
    parents: Vec<ParentRef>,
}

impl<'l> LinkScan<'l> {
    /// The junction tables of a leaf.
    pub fn all(pass: Pass<'l>, known: &SeenRows, wanted: Entity) -> Result<Vec<LinkScan<'l>>> {
        let mut scans = Vec::new();
        for table in &pass.layout.tables {
            let Place::Link { owner, leaf } = table.schema.place else { continue };
            if leaf != wanted {
                continue;
            }
            let scan = TableScan::new(table, |column| column.is_key());
            let at = |entity: Entity| scan.with(|column| column.role == Role::Parent(entity)).first().copied();
            let (Some((owner_at, owner_column)), Some((leaf_at, _))) = (at(owner), at(leaf)) else { continue };
            let parents = ParentRef::all(pass, known, &scan)?;
            scans.push(LinkScan { scan, owner, owner_at, owner_column, leaf_at, parents });
        }
        Ok(scans)
    }

    /// The position of the row's owner, if it is one that was read.
    pub fn owner(&self, known: &SeenRows, cells: &Cells<'_>) -> Option<usize> {
        known.nodes.get(self.owner).ids.position(cell(cells, self.owner_at).as_integer()?)
    }

    /// Where the owner's id is among the columns.
    pub fn owner_place(&self) -> usize {
        self.owner_at
    }

    /// The id of what the row links, if it is an integer.
    pub fn leaf_id(&self, cells: &Cells<'_>) -> Option<i64> {
        cell(cells, self.leaf_at).as_integer()
    }

    /// Hands over every link; of one experiment, only its own.
    pub fn read(&self, pass: Pass<'_>, known: &SeenRows, mut each: impl FnMut(&Cells<'_>) -> Result<()>) -> Result<()> {
        let table = self.scan.table;
        let bounds = match (pass.experiment, known.nodes.get(self.owner).ids.bounds()) {
            (None, _) => None,
            (Some(_), Some(bounds)) => Some((self.owner_column, bounds)),
            (Some(_), None) => return Ok(()),
        };
        self.scan.read(pass, bounds, &row_order(table), |cells| {
            if pass.experiment.is_some() && self.owner(known, cells).is_none() {
                return pass.job.pulse();
            }
            each(cells)
        })
    }
}

/// Reads the links to the rows of an entity, then these themselves.
pub fn read_links(
    pass: Pass<'_>,
    known: &SeenRows,
    leaf: Entity,
    values: &mut Values,
    collector: &mut Collector,
) -> Result<Linked> {
    let mut linked = Linked::default();
    let scope = pass.scope;
    let needed = scope.foreign_keys || scope.hierarchy || pass.experiment.is_some();
    let scans = if needed { LinkScan::all(pass, known, leaf)? } else { Vec::new() };
    for link in &scans {
        read_table(pass, known, link, &mut linked, collector)?;
    }
    linked.ids.freeze()?;
    linked.again.freeze()?;
    let found = read_leaves(pass, leaf, &mut linked, values, collector)?;
    linked.all_exist = found == linked.ids.len();
    if !linked.all_exist && scope.foreign_keys {
        let mut present = present(pass, leaf, &mut linked.ids)?;
        for link in &scans {
            report_dangling(pass, known, link, &mut present, collector)?;
        }
    }
    Ok(linked)
}

fn read_table(
    pass: Pass<'_>,
    known: &SeenRows,
    link: &LinkScan<'_>,
    linked: &mut Linked,
    collector: &mut Collector,
) -> Result<()> {
    link.read(pass, known, |cells| {
        pass.advance()?;
        for parent in &link.parents {
            check_parent(pass, known, &link.scan, parent, false, cells, collector)?;
        }
        if let Some(id) = link.leaf_id(cells)
            && !linked.ids.insert(id)?
            && pass.scope.hierarchy
        {
            linked.again.insert(id)?;
        }
        if pass.scope.hierarchy {
            null_keys(&link.scan, cells, collector);
        }
        Ok(())
    })
}

/// Reads the rows of the entity; answers how many of the linked rows there are.
fn read_leaves(
    pass: Pass<'_>,
    leaf: Entity,
    linked: &mut Linked,
    values: &mut Values,
    collector: &mut Collector,
) -> Result<u64> {
    let table = pass.layout.entity(leaf)?;
    let scope = pass.scope;
    let wanted = |column: &Column| match column.kind {
        Kind::Real | Kind::Json => scope.metric_json,
        _ => scope.hierarchy,
    };
    let scan = TableScan::new(table, wanted);
    let contents = scan.with(|column| column.role == Role::Content);
    let mut found = 0;
    if pass.experiment.is_some() {
        scan_leaves(pass.connection, table, &mut linked.ids, &scan.select_from(1), pass.job, &mut |_, row| {
            found += 1;
            pass.advance()?;
            with_cells(row, scan.columns.len(), |cells| {
                contents.iter().for_each(|content| check_value(&scan, cells, *content, values, collector));
                Ok(())
            })
        })?;
        return Ok(found);
    }
    let unlinked = unlinked(leaf);
    let id_at = scan.at(|column| column.role == Role::Id).unwrap_or(0);
    scan.read(pass, None, "", |cells| {
        pass.advance()?;
        let rank = match cell(cells, id_at).as_integer() {
            Some(id) => linked.ids.rank(id)?,
            None => {
                if scope.hierarchy {
                    null_keys(&scan, cells, collector);
                }
                None
            }
        };
        match rank {
            Some(_) => found += 1,
            None if scope.hierarchy => {
                scan.report(collector, cells, unlinked, (None, None), || "nothing is linked to it".to_owned());
            }
            None => {}
        }
        contents.iter().for_each(|content| check_value(&scan, cells, *content, values, collector));
        Ok(())
    })?;
    Ok(found)
}

/// Those of the linked ids that a row has.
fn present(pass: Pass<'_>, leaf: Entity, linked: &mut IdSet) -> Result<IdSet> {
    let mut present = IdSet::default();
    scan_leaves(pass.connection, pass.layout.entity(leaf)?, linked, "", pass.job, &mut |_, row| {
        if let Some(id) = row.value(0)?.as_integer() {
            present.insert(id)?;
        }
        Ok(())
    })?;
    present.freeze()?;
    Ok(present)
}

/// Reports links to ids that no row has.
fn report_dangling(
    pass: Pass<'_>,
    known: &SeenRows,
    link: &LinkScan<'_>,
    present: &mut IdSet,
    collector: &mut Collector,
) -> Result<()> {
    link.read(pass, known, |cells| {
        pass.job.pulse()?;
        for parent in &link.parents {
            if let Lookup::Later(id) = parent.look_up(pass, known, cells)?
                && present.rank(id)?.is_none()
            {
                report_missing(pass, &link.scan, parent, false, cells, collector);
            }
        }
        Ok(())
    })
}
