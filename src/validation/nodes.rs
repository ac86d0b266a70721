//! Checks the rows of the hierarchy's entities: their values, the parent that each refers to, and their times.

use std::borrow::Cow;

use super::issue::IssueKind;
use super::parents::{Lookup, ParentRef};
use super::report::Collector;
use super::seen_rows::{Level, SeenRows};
use super::table_scan::{Cells, Pass, TableScan, cell};
use super::time_order::{Span, check_times};
use super::value_checks::Values;
use crate::database::TableLayout;
use crate::error::Result;
use crate::hierarchy::is_disguised;
use crate::schema::{Column, Entity, Kind, Role};
use crate::values::ValueRef;

/// Reads a table of the hierarchy, parents first.
pub fn read_nodes(
    pass: Pass<'_>,
    table: &TableLayout,
    entity: Entity,
    known: &mut SeenRows,
    values: &mut Values,
    collector: &mut Collector,
) -> Result<()> {
    let hierarchy = pass.scope.hierarchy;
    let scan = TableScan::new(table, |column| hierarchy || column.is_key());
    let owner = scan.with(|column| matches!(column.role, Role::Parent(_))).first().copied();
    let above = owner.and_then(|(_, column)| match column.role {
        Role::Parent(above) => Some(above),
        _ => None,
    });
    let id_at = scan.own_id.unwrap_or(0);
    let id_column = scan.columns.get(id_at).copied();
    let bounds = match (pass.experiment, owner, above) {
        (None, ..) => None,
        (Some(experiment), None, _) => id_column.map(|column| (column, (experiment, experiment))),
        (Some(experiment), Some((_, column)), Some(Entity::ROOT)) => Some((column, (experiment, experiment))),
        (Some(_), Some((_, column)), above) => match above.and_then(|above| known.nodes.get(above).ids.bounds()) {
            Some(bounds) => Some((column, bounds)),
            None => return Ok(()),
        },
    };
    let parents = ParentRef::all(pass, known, &scan)?;
    let contents = scan.with(|column| column.role == Role::Content && column.kind != Kind::Time);
    let times = scan.with(|column| column.kind == Kind::Time);
    let mut level = Level::default();
    scan.read(pass, bounds, &format!(" ORDER BY t.{}", table.id()), |cells| {
        let parent_id = owner.and_then(|(at, _)| cell(cells, at).as_integer());
        let position = above.and_then(|above| known.nodes.get(above).ids.position(parent_id?));
        if pass.experiment.is_some() && above.is_some() && position.is_none() {
            return pass.job.pulse();
        }
        pass.advance()?;
        for parent in &parents {
            check_parent(pass, known, &scan, parent, true, cells, collector)?;
        }
        let mut span = Span::default();
        if hierarchy {
            null_keys(&scan, cells, collector);
            for (at, column) in &contents {
                check_value(&scan, cells, (*at, column), values, collector);
            }
            let of_parent = match (above, position) {
                (Some(above), Some(at)) => known.nodes.get(above).span(at),
                _ => Span::default(),
            };
            span = check_row_times(&scan, cells, &times, of_parent, values, collector);
        }
        if let Some(id) = cell(cells, id_at).as_integer() {
            level.push(id, position);
            if hierarchy {
                level.spans.push(span);
            }
        }
        Ok(())
    })?;
    *known.nodes.get_mut(entity) = level;
    Ok(())
}

/// Reports a foreign key that names nothing. With `hangs`, the row's place in the hierarchy is below what it names.
#[inline]
pub fn check_parent(
    pass: Pass<'_>,
    known: &SeenRows,
    scan: &TableScan<'_>,
    parent: &ParentRef,
    hangs: bool,
    cells: &Cells<'_>,
    collector: &mut Collector,
) -> Result<Lookup> {
    let found = parent.look_up(pass, known, cells)?;
    match found {
        Lookup::Missing => report_missing(pass, scan, parent, hangs, cells, collector),
        Lookup::Found if pass.scope.hierarchy => odd_references(scan, parent, cells, collector),
        _ => {}
    }
    Ok(found)
}

/// Reports a row whose parent does not exist.
pub fn report_missing(
    pass: Pass<'_>,
    scan: &TableScan<'_>,
    parent: &ParentRef,
    hangs: bool,
    cells: &Cells<'_>,
    collector: &mut Collector,
) {
    let columns = || Some(Cow::Owned(parent.columns()));
    let value = match parent.places.as_slice() {
        [only] => Some(cell(cells, *only)),
        _ => None,
    };
    let named = || {
        let part = |(at, name): (&usize, &&str)| format!("{name}={}", cell(cells, *at).describe());
        let key: Vec<String> = parent.places.iter().zip(parent.reference.parent_columns).map(part).collect();
        format!("{} ({})", parent.reference.table, key.join(", "))
    };
    if pass.scope.foreign_keys {
        scan.report(collector, cells, IssueKind::DanglingReference, (columns(), value), || {
            format!("names {}, which does not exist", named())
        });
    }
    // What has NULL in its key is reported as that.
    if pass.scope.hierarchy && hangs && null_columns(scan, cells).is_empty() {
        scan.report(collector, cells, IssueKind::Orphan, (columns(), value), || {
            format!("puts it, and all that is below it, under {}, which does not exist", named())
        });
    }
}

/// Reports an id that is no integer, and the parts of the row's key and of its references that are NULL.
pub fn null_keys(scan: &TableScan<'_>, cells: &Cells<'_>, collector: &mut Collector) {
    odd_keys(scan, cells, collector);
    let null = null_columns(scan, cells);
    if null.is_empty() {
        return;
    }
    scan.report(
        collector,
        cells,
        IssueKind::NullKey,
        (Some(Cow::Owned(null.join(", "))), Some(ValueRef::Null)),
        || "is NULL, so the row belongs to nothing".to_owned(),
    );
}

/// Reports an id that is no integer: nothing finds the row by it.
fn odd_keys(scan: &TableScan<'_>, cells: &Cells<'_>, collector: &mut Collector) {
    let Some(at) = scan.own_id else { return };
    let value = cell(cells, at);
    if value != ValueRef::Null && value.as_integer().is_none() {
        let found = (scan.columns.get(at).map(|column| column.name.into()), Some(value));
        scan.report(collector, cells, IssueKind::KeyNotInteger, found, || "is no integer".to_owned());
    }
}

/// Reports the ids in a foreign key that are texts, look like integers, and lead somewhere all the same.
#[inline]
fn odd_references(scan: &TableScan<'_>, parent: &ParentRef, cells: &Cells<'_>, collector: &mut Collector) {
    if parent.places.iter().any(|at| matches!(cell(cells, *at), ValueRef::Text(_))) {
        disguised_references(scan, parent, cells, collector);
    }
}

#[cold]
fn disguised_references(scan: &TableScan<'_>, parent: &ParentRef, cells: &Cells<'_>, collector: &mut Collector) {
    for at in &parent.places {
        let (value, column) = (cell(cells, *at), scan.columns.get(*at));
        let Some(column) = column.filter(|column| matches!(column.role, Role::Parent(_))) else { continue };
        if is_disguised(value) {
            let found = (Some(column.name.into()), Some(value));
            scan.report(collector, cells, IssueKind::KeyNotInteger, found, || {
                "is no integer, so the row is not found by it".to_owned()
            });
        }
    }
}

/// The parts of the row's key and of its references that are NULL.
fn null_columns(scan: &TableScan<'_>, cells: &Cells<'_>) -> Vec<&'static str> {
    let mut null = Vec::new();
    for (at, column) in scan.columns.iter().enumerate() {
        if column.is_key() && cell(cells, at) == ValueRef::Null {
            null.push(column.name);
        }
    }
    null
}

/// Reports what is wrong with one value.
pub fn check_value(
    scan: &TableScan<'_>,
    cells: &Cells<'_>,
    (at, column): (usize, &'static Column),
    values: &mut Values,
    collector: &mut Collector,
) {
    let value = cell(cells, at);
    values.check(column, value, |kind, what| {
        scan.report(collector, cells, kind, (Some(column.name.into()), Some(value)), || what);
    });
}

/// Checks the times of a row: each by itself, against each other, and against those of its parent.
pub fn check_row_times(
    scan: &TableScan<'_>,
    cells: &Cells<'_>,
    times: &[(usize, &'static Column)],
    parent: Span,
    values: &mut Values,
    collector: &mut Collector,
) -> Span {
    times.iter().for_each(|time| check_value(scan, cells, *time, values, collector));
    let read = times.iter().map(|(at, column)| (*column, cell(cells, *at)));
    check_times(read, parent, |kind, (column, value), what| {
        scan.report(collector, cells, kind, (Some(column.name.into()), Some(value)), || what);
    })
}
