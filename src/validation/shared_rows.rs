//! Finds linked rows that belong to more than one experiment. They are allowed, but changing them changes each experiment.

use super::issue::{Issue, IssueKind};
use super::links::{LinkScan, Linked};
use super::report::Collector;
use super::seen_rows::{SeenRows, experiment_of};
use super::table_scan::{Pass, cell};
use crate::database::Layout;
use crate::error::Result;
use crate::hierarchy::IdSet;
use crate::schema::{Entity, Role, Table, quote};
use crate::values::Value;

/// How many rows are followed at a time: some 6 MiB.
const AT_ONCE: usize = 1 << 18;

/// Reports them.
pub fn read_shared(
    pass: Pass<'_>,
    known: &SeenRows,
    leaf: Entity,
    linked: &mut Linked,
    collector: &mut Collector,
) -> Result<()> {
    match pass.experiment {
        None => among_all(pass, known, leaf, linked, collector),
        Some(experiment) => with_others(pass, known, leaf, (experiment, linked), collector),
    }
}

/// One of them, and the experiments that the links seen so far lead to.
struct Followed {
    id: i64,
    first: Option<usize>,
    other: Option<usize>,
}

fn among_all(
    pass: Pass<'_>,
    known: &SeenRows,
    leaf: Entity,
    linked: &mut Linked,
    collector: &mut Collector,
) -> Result<()> {
    if linked.again.is_empty() {
        return Ok(());
    }
    let scans = LinkScan::all(pass, known, leaf)?;
    let all_exist = linked.all_exist;
    let mut followed: Vec<Followed> = Vec::new();
    let mut follow = |followed: &mut Vec<Followed>| -> Result<()> {
        for link in &scans {
            link.read(pass, known, |cells| {
                pass.job.pulse()?;
                let Some(id) = link.leaf_id(cells) else { return Ok(()) };
                let Ok(at) = followed.binary_search_by_key(&id, |one| one.id) else { return Ok(()) };
                let (Some(owner), Some(one)) = (link.owner(known, cells), followed.get_mut(at)) else { return Ok(()) };
                let Some(experiment) = experiment_of(pass.layout.family, &known.nodes, link.owner, owner) else {
                    return Ok(());
                };
                match one.first {
                    None => one.first = Some(experiment),
                    Some(first) if first != experiment => one.other = Some(experiment),
                    Some(_) => {}
                }
                Ok(())
            })?;
        }
        let ids: Vec<i64> = known.nodes.get(Entity::ROOT).ids.iter().collect();
        for one in followed.drain(..) {
            let id = |at: Option<usize>| at.and_then(|at| ids.get(at)).copied();
            if let (Some(first), Some(other)) = (id(one.first), id(one.other))
                && (all_exist || exists(pass, leaf, one.id)?)
            {
                report(pass.layout.entity(leaf)?.schema, one.id, (first, other), collector);
            }
        }
        Ok(())
    };
    linked.again.for_each(&mut |id| {
        followed.push(Followed { id, first: None, other: None });
        if followed.len() >= AT_ONCE { follow(&mut followed) } else { Ok(()) }
    })?;
    follow(&mut followed)
}

/// Looks for links of other experiments to what this one is linked to.
fn with_others(
    pass: Pass<'_>,
    known: &SeenRows,
    leaf: Entity,
    (experiment, linked): (i64, &mut Linked),
    collector: &mut Collector,
) -> Result<()> {
    let everywhere = Pass { experiment: None, ..pass };
    let mut reported = IdSet::default();
    let all_exist = linked.all_exist;
    for link in &LinkScan::all(pass, known, leaf)? {
        let asks = other_experiment(pass.layout, link.owner)?;
        link.read(everywhere, known, |cells| {
            pass.job.pulse()?;
            let Some(id) = link.leaf_id(cells) else { return Ok(()) };
            if linked.ids.rank(id)?.is_none() || link.owner(known, cells).is_some() {
                return Ok(());
            }
            let owner = cell(cells, link.owner_place()).to_owned();
            let other = pass.connection.query_integer(&asks, &[owner, Value::Integer(experiment)])?;
            if let Some(other) = other
                && (all_exist || exists(pass, leaf, id)?)
                && reported.insert(id)?
            {
                report(pass.layout.entity(leaf)?.schema, id, (experiment, other), collector);
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// Whether what links name is there; where it is not, that is reported elsewhere.
fn exists(pass: Pass<'_>, leaf: Entity, id: i64) -> Result<bool> {
    let table = pass.layout.entity(leaf)?;
    let sql = format!("SELECT 1 FROM {} WHERE {} = ?1", quote(&table.name), table.id());
    Ok(pass.connection.query_integer(&sql, &[Value::Integer(id)])? == Some(1))
}

/// A query for the experiment that a node belongs to, if it is another than the second parameter.
fn other_experiment(layout: &Layout, owner: Entity) -> Result<String> {
    // From the node up: each level's table is joined with the one above.
    let mut sql = String::new();
    let mut below: Option<String> = None;
    let mut first = None;
    let mut last = String::new();
    for (at, entity) in layout.family.upwards(owner).enumerate() {
        let table = layout.entity(entity)?;
        let id = format!("n{at}.{}", table.id());
        match below {
            None => sql.push_str(&format!("FROM {} AS n{at}", quote(&table.name))),
            Some(parent) => sql.push_str(&format!(" JOIN {} AS n{at} ON {id} = {parent}", quote(&table.name))),
        }
        let parent = table.schema.columns.iter().find(|column| matches!(column.role, Role::Parent(_)));
        below = parent.map(|column| format!("n{at}.{}", table.quoted(column.name)));
        first = first.or(Some(id.clone()));
        last = id;
    }
    Ok(format!("SELECT {last} {sql} WHERE {} = ?1 AND {last} <> ?2", first.unwrap_or_default()))
}

fn report(table: &Table, id: i64, (first, other): (i64, i64), collector: &mut Collector) {
    let kind = IssueKind::SharedRow;
    collector.add(kind, kind.severity(), table.name, || {
        let row = format!("id={id}");
        let message = format!("{} ({row}): it belongs to experiments {first} and {other}", table.name);
        let (severity, table) = (kind.severity(), table.name.into());
        Issue { kind, severity, table, row, column: None, message, value: None, check: None }
    });
}
