//! Finds experiments of the target with the same content as the experiment to copy.

use std::collections::HashMap;
use std::sync::Arc;

use super::endpoints::Endpoints;
use super::options::MigrateOptions;
use super::prepare::Prepared;
use crate::digest::{
    ExperimentDigest, Hash, NodeDigests, digest, digest_as, digest_nodes, equal_experiment, experiments_with_row,
    row_digest,
};
use crate::error::{NAMED, Result};
use crate::hierarchy::{Members, Scope, Selection, Shape, scan_nodes};
use crate::progress::Job;
use crate::schema::Entity;

/// An experiment of the target with the same content.
#[derive(Clone, Copy, Debug)]
pub struct Duplicate {
    pub experiment: i64,
    /// Whether the contents were compared. If not, only the experiment's own row is known to be equal.
    pub proven: bool,
}

/// What is known of experiments of the target that the copy would repeat.
#[derive(Debug, Default)]
pub struct Duplicates {
    /// The first one by id, where contents are compared; otherwise the first few.
    pub found: Vec<Duplicate>,
    /// Others whose own row is equal too, and whose contents were not compared.
    pub others: usize,
    /// Experiments whose own row is equal, and whose contents are to be compared when the source has been digested.
    alike: Vec<i64>,
}

impl Duplicates {
    /// The experiments of the target that the copy would repeat. With a target experiment: that one, if it has all of the source's
    /// already.
    ///
    /// Equal experiments have equal rows, so only those whose own row is equal are read further: nearly always none. Where it is only
    /// for a warning, and the source is digested when it is copied, they are left for [`Duplicates::compare`].
    pub fn find(
        ends: &Endpoints<'_>,
        options: &MigrateOptions,
        prepared: &mut Prepared,
        job: &Arc<Job>,
    ) -> Result<Duplicates> {
        job.begin("looking for the same experiment in the target")?;
        let mut duplicates = Duplicates::default();
        if let Some(target) = options.target_experiment {
            if options.needs_duplicates() && has_all(ends, options, prepared, target, job)? {
                if prepared.expected.is_none() {
                    prepared.digest_source(ends, options, job, (None, None))?;
                }
                duplicates.found.push(Duplicate { experiment: target, proven: true });
            }
            return Ok(duplicates);
        }
        duplicates.alike = same_row(ends, options, prepared, job)?;
        if !options.needs_duplicates() {
            let alike = std::mem::take(&mut duplicates.alike);
            duplicates.others = alike.len().saturating_sub(NAMED);
            let found = alike.into_iter().take(NAMED).map(|experiment| Duplicate { experiment, proven: false });
            duplicates.found.extend(found);
            return Ok(duplicates);
        }
        if duplicates.alike.is_empty() || (options.only_warns_of_duplicates() && prepared.deferred.is_some()) {
            return Ok(duplicates);
        }
        if prepared.expected.is_none() {
            prepared.digest_source(ends, options, job, (None, None))?;
        }
        duplicates.compare(ends, prepared.expected.as_ref(), job)?;
        Ok(duplicates)
    }

    /// Compares contents that were not compared yet. The source was digested.
    pub fn compare(&mut self, ends: &Endpoints<'_>, expected: Option<&ExperimentDigest>, job: &Arc<Job>) -> Result<()> {
        let alike = std::mem::take(&mut self.alike);
        if let (Some(expected), false) = (expected, alike.is_empty()) {
            job.begin("looking for the same experiment in the target")?;
            let equal_experiment = equal_experiment(ends.target, &ends.target_layout, alike, expected, job)?;
            self.found.extend(equal_experiment.map(|experiment| Duplicate { experiment, proven: true }));
        }
        Ok(())
    }
}

/// Experiments of the target, other than the source, whose own row has the content that the copy's would have.
fn same_row(ends: &Endpoints<'_>, options: &MigrateOptions, prepared: &Prepared, job: &Job) -> Result<Vec<i64>> {
    let mut own: Option<Hash> = None;
    let stored = prepared.stored(ends, options);
    let table = prepared.effective.layout.root()?;
    let shape = Shape::node(table);
    scan_nodes(ends.source, &shape, Some((ends.experiment, ends.experiment)), job, &mut |_, row| {
        own = Some(row_digest(&shape, row, Some(&stored))?);
        Ok(())
    })?;
    let Some(own) = own else { return Ok(Vec::new()) };
    let source_itself = ends.same.then_some(ends.experiment);
    experiments_with_row(ends.target, &ends.target_layout, &own, source_itself, job)
}

/// Whether an experiment of the target has everything already that hangs on the source: its nodes and its own links, and what they
/// share.
fn has_all(
    ends: &Endpoints<'_>,
    options: &MigrateOptions,
    prepared: &Prepared,
    target: i64,
    job: &Arc<Job>,
) -> Result<bool> {
    let mut there = Selection::read(ends.target, &ends.target_layout, target, Scope::default(), job)?;
    let family = there.family;
    let top: Vec<Entity> =
        family.below_root().filter(|(_, above)| *above == Entity::ROOT).map(|(top, _)| top).collect();
    if top.iter().any(|entity| there.ids(*entity).len() < prepared.selection.ids(*entity).len()) {
        return Ok(false);
    }
    let mut copied = prepared.copied_selection(ends, job)?;
    let stored = prepared.stored(ends, options);
    let (expected, wanted) = ends.rewriting(|rewrite| {
        digest_as(ends.source, &prepared.effective.layout, &mut copied, (&stored, rewrite), job, true)
    })?;
    let nothing = |wanted: &NodeDigests| {
        top.iter().all(|entity| wanted.nodes.get(*entity).is_empty())
            && wanted.own.iter().all(|(_, own)| own.is_empty())
    };
    if nothing(&wanted) {
        return Ok(false);
    }
    let (_, nodes) = digest_nodes(ends.target, &ends.target_layout, &mut there, job, None)?;
    let mut groups_of: Vec<(Entity, Vec<Vec<i64>>)> = Vec::new();
    for entity in top {
        let rows = nodes.nodes.get(entity).iter().zip(there.ids(entity).iter());
        groups_of.push((entity, groups(rows, wanted.nodes.get(entity))));
    }
    for entity in family.leaves() {
        let rows = nodes.own.get(entity).iter().map(|(hash, id)| (hash, *id));
        groups_of.push((entity, groups(rows, wanted.own.get(entity).iter().map(|(hash, _)| hash))));
    }
    // Each time that it was appended made a group; the latest is the likeliest to be as it was.
    let most = groups_of.iter().map(|(_, groups)| groups.len()).max().unwrap_or(0);
    for at in (0..most).rev().take(MOST_GROUPS) {
        let mut only = Vec::new();
        for (entity, groups) in &groups_of {
            let Some(group) = groups.get(at).or(groups.last()) else { return Ok(false) };
            only.push((*entity, Members::Listed(group.clone())));
        }
        let scope = Scope { only, ..Scope::default() };
        let mut part = Selection::read(ends.target, &ends.target_layout, target, scope, job)?;
        if digest(ends.target, &ends.target_layout, &mut part, None, job, None)?.body == expected.body {
            return Ok(true);
        }
    }
    Ok(false)
}

/// How often what was appended is looked at.
const MOST_GROUPS: usize = 8;

/// The ids of rows whose digests are all that are wanted, as often as they are in the rows: each group ascending.
fn groups<'h>(
    rows: impl Iterator<Item = (&'h Hash, i64)>,
    wanted: impl IntoIterator<Item = &'h Hash>,
) -> Vec<Vec<i64>> {
    let mut found: HashMap<&Hash, (usize, Vec<i64>)> = HashMap::new();
    wanted.into_iter().for_each(|hash| found.entry(hash).or_default().0 += 1);
    for (hash, id) in rows {
        if let Some((_, ids)) = found.get_mut(hash) {
            ids.push(id);
        }
    }
    let count = found.values().map(|(times, ids)| ids.len() / times).min().unwrap_or(1);
    let mut groups = vec![Vec::new(); count];
    for (times, ids) in found.into_values() {
        for (group, ids) in groups.iter_mut().zip(ids.chunks_exact(times)) {
            group.extend_from_slice(ids);
        }
    }
    groups.iter_mut().for_each(|group| group.sort_unstable());
    groups
}
