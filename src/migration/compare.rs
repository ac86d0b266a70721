//! Finds where two experiments first differ, and how.
//!
//! It compares digests first, and then looks only at what differs: at most the rows of one node are compared one by one.

use std::collections::HashMap;
use std::sync::Arc;

use super::compare_named::compare_named;
use super::comparison::{
    ANOTHER_VALUE, Compared, Comparison, Difference, ONLY_IN_A, ONLY_IN_B, RowKey, SHARED_OTHERWISE, Shown,
};
use super::difference::{Cells, NodeRows, cell_difference, cells, first_link_difference, first_row_difference};
use super::endpoints::refuse_other_family;
use crate::database::{Connection, Database, Layout, Reading, State, Watches};
use crate::digest::{ExperimentDigest, Hash, NodeDigests, digest_nodes, row_digest};
use crate::error::{Domain, Result};
use crate::hierarchy::{CountRows, Owner, Scope, Selection, Shape, experiment_exists, scan_nodes};
use crate::progress::Job;
use crate::schema::{ByEntity, Call, Entity};

/// One side of a comparison.
struct Side<'a> {
    connection: &'a dyn Connection,
    layout: Layout,
    selection: Selection,
    digest: ExperimentDigest,
    nodes: NodeDigests,
    /// The digests of the hierarchy's rows without the links of extra columns, where nothing but those differs.
    contents: Option<ByEntity<Vec<Hash>>>,
}

/// One side that is not read yet.
struct Counted<'a> {
    connection: &'a dyn Connection,
    layout: Layout,
    selection: Selection,
}

impl<'a> Counted<'a> {
    fn new(connection: &'a dyn Connection, experiment: i64, job: &Job) -> Result<Counted<'a>> {
        let layout = connection.layout()?;
        layout.check()?;
        layout.require(Call::Compare, Domain::Migration)?;
        experiment_exists(connection, &layout, experiment)?;
        job.begin("counting")?;
        let selection = Selection::read(connection, &layout, experiment, Scope::default(), job)?;
        selection.refuse_odd_keys(Domain::Migration)?;
        Ok(Counted { connection, layout, selection })
    }

    fn total(&self) -> u64 {
        self.selection.counts.iter().map(|counts| counts.rows + counts.unsound).sum()
    }

    fn read(self, job: &Job) -> Result<Side<'a>> {
        let Counted { connection, layout, mut selection } = self;
        job.begin("digesting")?;
        let (digest, nodes) = digest_nodes(connection, &layout, &mut selection, job, Some(&mut CountRows(job)))?;
        // Read together with the links to them.
        (0..selection.linked()).try_for_each(|_| job.advance())?;
        Ok(Side { connection, layout, selection, digest, nodes, contents: None })
    }
}

/// Compares two experiments.
pub fn compare(
    (database, experiment): (&Database, i64),
    (other_database, other_experiment): (&Database, i64),
    job: &Arc<Job>,
) -> Result<Comparison> {
    other_database.refuse_replaced()?;
    job.begin("opening")?;
    let state = database.state(Reading::Passes, job)?;
    let other_state =
        if database.is_same_as(other_database) { None } else { Some(other_database.state(Reading::Passes, job)?) };
    let connection = state.connection();
    let other_connection = other_state.as_ref().map_or(connection, State::connection);
    let _watches = Watches::new(job, [connection, other_connection]);
    let families = (database.family(), other_database.family());
    if families.0 != families.1 || families.0.has_text_keys() {
        let layouts = (connection.layout()?, other_connection.layout()?);
        refuse_other_family((database, &layouts.0), (other_database, &layouts.1))?;
        layouts.0.check()?;
        layouts.1.check()?;
        let (a, b) = ((connection, &layouts.0, experiment), (other_connection, &layouts.1, other_experiment));
        let report = compare_named(a, b, &[], job)?;
        job.finish();
        return Ok(report);
    }
    let report = compare_states((connection, experiment), (other_connection, other_experiment), job)?;
    job.finish();
    Ok(report)
}

/// As [`compare`], as a part of another job, of states that are open.
pub fn compare_states(
    (connection, experiment): (&dyn Connection, i64),
    (other_connection, other_experiment): (&dyn Connection, i64),
    job: &Arc<Job>,
) -> Result<Comparison> {
    let a = Counted::new(connection, experiment, job)?;
    let b = Counted::new(other_connection, other_experiment, job)?;
    job.set_total(job.counts().2 + a.total() + b.total());
    let mut unsteady = a.connection.unsteady_tables(&a.layout)?;
    if !std::ptr::addr_eq(connection, other_connection) {
        unsteady.extend(b.connection.unsteady_tables(&b.layout)?);
    }
    let warnings: Vec<String> = unsteady.iter().map(|table| table.warning("the comparison")).collect();
    let (a, b) = (a.read(job)?, b.read(job)?);
    let equal = a.digest.experiment == b.digest.experiment;
    let mut report = Comparison {
        equal,
        a: compared(experiment, &a),
        b: compared(other_experiment, &b),
        first_difference: None,
        warnings,
    };
    if !equal {
        job.begin("looking for the first difference")?;
        report.first_difference = Some(find_difference(by_contents(a, b, job)?, job)?);
    }
    Ok(report)
}

fn compared(experiment_id: i64, side: &Side<'_>) -> Compared {
    let tables = side.selection.counts.iter().map(|c| (c.table.name, c.rows + c.unsound)).collect();
    Compared { experiment_id, digest: side.digest.experiment, tables }
}

/// Nodes of one kind of both ends: the digests of all, and the positions of those that are of interest, ascending.
type Nodes<'n> = (&'n [Hash], &'n [usize]);

/// The positions on either side whose digests have no partner on the other.
fn unmatched((of_a, a): Nodes<'_>, (of_b, b): Nodes<'_>, job: &Job) -> Result<(Vec<usize>, Vec<usize>)> {
    let hash = |hashes: &[Hash], at: usize| hashes.get(at).copied().unwrap_or_default();
    let mut left: HashMap<Hash, usize> = HashMap::new();
    for at in b {
        job.pulse()?;
        *left.entry(hash(of_b, *at)).or_default() += 1;
    }
    let mut take = |hash: Hash| match left.get_mut(&hash) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        _ => false,
    };
    let (mut only_a, mut only_b) = (Vec::new(), Vec::new());
    for at in a {
        job.pulse()?;
        if !take(hash(of_a, *at)) {
            only_a.push(*at);
        }
    }
    for at in b {
        job.pulse()?;
        if take(hash(of_b, *at)) {
            only_b.push(*at);
        }
    }
    Ok((only_a, only_b))
}

/// Of the unmatched nodes, the first of each side, paired by equal rows where there are such.
fn pair(
    (a, only_a): (&Side<'_>, &[usize]),
    (b, only_b): (&Side<'_>, &[usize]),
    entity: Entity,
    job: &Job,
) -> Result<(Option<usize>, Option<usize>)> {
    let firsts = (only_a.first().copied(), only_b.first().copied());
    if firsts.0.is_none() || firsts.1.is_none() {
        return Ok(firsts);
    }
    let contents = |side: &Side<'_>, at: usize| side.contents.as_ref()?.get(entity).get(at).copied();
    if a.contents.is_some() {
        let equal_experiment = |of_a: &usize| {
            let equal_experiment = only_b.iter().find(|of_b| contents(a, *of_a) == contents(b, **of_b));
            equal_experiment.map(|of_b| (Some(*of_a), Some(*of_b)))
        };
        return Ok(only_a.first().and_then(equal_experiment).unwrap_or(firsts));
    }
    let mut rows: HashMap<Hash, usize> = HashMap::new();
    b.row_digests(entity, only_b, job, &mut |at, hash| {
        rows.entry(hash).or_insert(at);
    })?;
    let mut paired = None;
    a.row_digests(entity, only_a, job, &mut |at, hash| {
        if paired.is_none()
            && let Some(other) = rows.get(&hash)
        {
            paired = Some((Some(at), Some(*other)));
        }
    })?;
    Ok(paired.unwrap_or(firsts))
}

/// What a link leads to is another row if its content is another: so links count only where all contents are equal.
fn by_contents<'a>(mut a: Side<'a>, mut b: Side<'a>, job: &Job) -> Result<(Side<'a>, Side<'a>)> {
    if !(a.digest.linked || b.digest.linked) {
        return Ok((a, b));
    }
    let (of_a, of_b) = (a.contents()?, b.contents()?);
    let mut equal = true;
    for entity in a.children_of(Entity::ROOT) {
        let (hashes_a, hashes_b) = (of_a.get(entity), of_b.get(entity));
        let (all_a, all_b): (Vec<_>, Vec<_>) = ((0..hashes_a.len()).collect(), (0..hashes_b.len()).collect());
        let (only_a, only_b) = unmatched((hashes_a, &all_a), (hashes_b, &all_b), job)?;
        equal &= only_a.is_empty() && only_b.is_empty();
    }
    if equal {
        (a.contents, b.contents) = (Some(of_a), Some(of_b));
    } else {
        (a.nodes.nodes, b.nodes.nodes) = (of_a, of_b);
    }
    Ok((a, b))
}

fn find_difference((a, b): (Side<'_>, Side<'_>), job: &Job) -> Result<Difference> {
    if a.digest.row != b.digest.row
        && let Some(cells) = a.cell_difference(&b, Entity::ROOT, (0, 0), job)?
    {
        let name = a.layout.family.table_name(Entity::ROOT);
        return Ok(Difference { shown: Some(cells), ..Difference::of(name, ANOTHER_VALUE) });
    }
    find_below((a, Owner::ROOT), (b, Owner::ROOT), job)
}

/// Where two rows of the hierarchy differ whose own cells are equal.
fn find_below((a, owner_a): (Side<'_>, Owner), (b, owner_b): (Side<'_>, Owner), job: &Job) -> Result<Difference> {
    let family = a.layout.family;
    for entity in a.children_of(owner_a.entity) {
        let name = family.table_name(entity);
        let (all_a, all_b) = (a.below(entity, owner_a.at), b.below(entity, owner_b.at));
        let (hashes_a, hashes_b) = (a.nodes.nodes.get(entity), b.nodes.nodes.get(entity));
        let (only_a, only_b) = unmatched((hashes_a, &all_a), (hashes_b, &all_b), job)?;
        let found = pair((&a, &only_a), (&b, &only_b), entity, job)?;
        let ids = [a.id(entity, found.0), b.id(entity, found.1)].map(|id| id.map(RowKey::Integer));
        let (of_a, of_b) = match found {
            (Some(of_a), Some(of_b)) => (of_a, of_b),
            (None, None) => continue,
            (missing, _) => {
                let how = if missing.is_none() { ONLY_IN_B } else { ONLY_IN_A };
                return Ok(Difference { ids: Some(ids), ..Difference::of(name, how) });
            }
        };
        if let Some(cells) = a.cell_difference(&b, entity, (of_a, of_b), job)? {
            return Ok(Difference { ids: Some(ids), shown: Some(cells), ..Difference::of(name, ANOTHER_VALUE) });
        }
        let mut report = find_below((a, Owner { entity, at: of_a }), (b, Owner { entity, at: of_b }), job)?;
        if !family.has_below(entity) {
            report.within = Some((name, ids));
        }
        return Ok(report);
    }
    first_below((a, owner_a), (b, owner_b), job)
}

/// Where two nodes with equal rows differ while the nodes below them do not: in a row that hangs on them, or in a link.
fn first_below((a, owner_a): (Side<'_>, Owner), (b, owner_b): (Side<'_>, Owner), job: &Job) -> Result<Difference> {
    let family = a.layout.family;
    let (link, [a, b]) = first_link_difference(a.links(owner_a), b.links(owner_b), job)?;
    let found = first_row_difference(a.only_rows(), b.only_rows(), job)?.or(link);
    Ok(found.unwrap_or_else(|| {
        let leaves: Vec<_> = family.leaves().map(|leaf| family.table_name(leaf)).collect();
        Difference::of(leaves.join(" or "), SHARED_OTHERWISE)
    }))
}

impl<'a> Side<'a> {
    /// The entities whose rows hang on this one's.
    fn children_of(&self, entity: Entity) -> impl Iterator<Item = Entity> + use<> {
        self.layout.family.below_root().filter(move |(_, above)| *above == entity).map(|(entity, _)| entity)
    }

    /// The positions of the rows of an entity that hang on the row at this one.
    fn below(&self, entity: Entity, at: usize) -> Vec<usize> {
        let parents = self.selection.parents(entity).iter().enumerate();
        parents.filter(|(_, parent)| **parent as usize == at).map(|(at, _)| at).collect()
    }

    /// The digests of the hierarchy's rows without the links of extra columns.
    fn contents(&mut self) -> Result<ByEntity<Vec<Hash>>> {
        // Without such columns they are as they are.
        if !self.layout.has_links() {
            return Ok(self.nodes.nodes.clone());
        }
        let mut contents: ByEntity<Vec<Hash>> = ByEntity::new(self.layout.family);
        for (entity, _) in self.layout.family.below_root() {
            let bare = self.nodes.bare.0.get_mut(entity);
            let rows = 0..self.selection.ids(entity).len() as u64;
            *contents.get_mut(entity) = rows.map(|at| bare.get(at)).collect::<Result<_>>()?;
        }
        Ok(contents)
    }

    fn id(&self, entity: Entity, at: Option<usize>) -> Option<i64> {
        self.selection.ids(entity).get(at?)
    }

    /// Hands over the digests of the rows alone of the hierarchy at these positions, in their order.
    fn row_digests(
        &self,
        entity: Entity,
        positions: &[usize],
        job: &Job,
        each: &mut dyn FnMut(usize, Hash),
    ) -> Result<()> {
        let ids = self.selection.ids(entity);
        let id = |at: Option<&usize>| at.and_then(|at| ids.get(*at));
        let shape = Shape::node(self.layout.entity(entity)?);
        let bounds = id(positions.first()).zip(id(positions.last()));
        scan_nodes(self.connection, &shape, bounds, job, &mut |id, row| {
            if let Some(at) = ids.position(id)
                && positions.binary_search(&at).is_ok()
            {
                each(at, row_digest(&shape, row, None)?);
            }
            Ok(())
        })
    }

    /// The first column in which the rows of two nodes differ.
    fn cell_difference(
        &self,
        other: &Side<'_>,
        entity: Entity,
        (mine, theirs): (usize, usize),
        job: &Job,
    ) -> Result<Option<Shown>> {
        Ok(cell_difference(&self.cells(entity, mine, job)?, &other.cells(entity, theirs, job)?))
    }

    /// The cells of a node's row.
    fn cells(&self, entity: Entity, at: usize, job: &Job) -> Result<Cells> {
        let id = self.id(entity, Some(at));
        let shape = Shape::node(self.layout.entity(entity)?);
        let mut found = Cells::new();
        scan_nodes(self.connection, &shape, id.zip(id), job, &mut |_, row| {
            found = cells(&shape, row)?;
            Ok(())
        })?;
        Ok(found)
    }

    /// What is needed to read the links of one node.
    fn links(self, owner: Owner) -> NodeRows<'a> {
        let Side { connection, layout, selection, nodes, .. } = self;
        NodeRows { connection, layout, selection, owner, links: Some(nodes.bare) }
    }
}
