//! Is the experiment there already?

use std::collections::HashMap;
use std::sync::Arc;

use super::options::MigrateOptions;
use super::prepare::Prepared;
use super::sides::Sides;
use crate::digest::{ExperimentDigest, Hash, digest, digest_as, digest_nodes, experiments_with_row, row_digest, twin};
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
        sides: &Sides<'_>,
        options: &MigrateOptions,
        prepared: &mut Prepared,
        job: &Arc<Job>,
    ) -> Result<Duplicates> {
        job.begin("looking for the same experiment in the target")?;
        let mut duplicates = Duplicates::default();
        if let Some(target) = options.target_experiment {
            if options.needs_duplicates() && has_all(sides, options, prepared, target, job)? {
                if prepared.expected.is_none() {
                    prepared.digest_source(sides, options, job, (None, None))?;
                }
                duplicates.found.push(Duplicate { experiment: target, proven: true });
            }
            return Ok(duplicates);
        }
        duplicates.alike = same_row(sides, options, prepared, job)?;
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
            prepared.digest_source(sides, options, job, (None, None))?;
        }
        duplicates.compare(sides, prepared.expected.as_ref(), job)?;
        Ok(duplicates)
    }

    /// Compares contents that were not compared yet. The source was digested.
    pub fn compare(&mut self, sides: &Sides<'_>, expected: Option<&ExperimentDigest>, job: &Arc<Job>) -> Result<()> {
        let alike = std::mem::take(&mut self.alike);
        if let (Some(expected), false) = (expected, alike.is_empty()) {
            job.begin("looking for the same experiment in the target")?;
            let twin = twin(sides.target, &sides.target_layout, alike, expected, job)?;
            self.found.extend(twin.map(|experiment| Duplicate { experiment, proven: true }));
        }
        Ok(())
    }
}

/// Experiments of the target, other than the source, whose own row has the content that the copy's would have.
fn same_row(sides: &Sides<'_>, options: &MigrateOptions, prepared: &Prepared, job: &Job) -> Result<Vec<i64>> {
    let mut own: Option<Hash> = None;
    let stored = prepared.stored(sides, options);
    let table = prepared.effective.layout.entity(Entity::Experiment)?;
    let shape = Shape::node(table);
    scan_nodes(sides.source, &shape, Some((sides.experiment, sides.experiment)), job, &mut |_, row| {
        own = Some(row_digest(&shape, row, Some(&stored))?);
        Ok(())
    })?;
    let Some(own) = own else { return Ok(Vec::new()) };
    let source_itself = sides.same.then_some(sides.experiment);
    experiments_with_row(sides.target, &sides.target_layout, &own, source_itself, job)
}

/// Whether an experiment of the target has everything already that hangs on the source: its trials and its own links, and what they
/// share.
fn has_all(
    sides: &Sides<'_>,
    options: &MigrateOptions,
    prepared: &Prepared,
    target: i64,
    job: &Arc<Job>,
) -> Result<bool> {
    let mut there = Selection::read(sides.target, &sides.target_layout, target, Scope::default(), job)?;
    if there.trials.len() < prepared.selection.trials.len() {
        return Ok(false);
    }
    let mut copied = prepared.copied_selection(sides, job)?;
    let stored = prepared.stored(sides, options);
    let (expected, wanted) = sides.rewriting(|rewrite| {
        digest_as(sides.source, &prepared.effective.layout, &mut copied, (&stored, rewrite), job, true)
    })?;
    if wanted.trials.is_empty() && wanted.own.is_empty() {
        return Ok(false);
    }
    let (_, nodes) = digest_nodes(sides.target, &sides.target_layout, &mut there, job, None)?;
    let trials = groups(nodes.trials.iter().zip(there.trials.iter()), &wanted.trials);
    let artifacts = groups(nodes.own.iter().map(|(hash, id)| (hash, *id)), wanted.own.iter().map(|(hash, _)| hash));
    // Each time that it was appended made a group; the latest is the likeliest to be as it was.
    for at in (0..trials.len().max(artifacts.len())).rev().take(MOST_GROUPS) {
        let group = |groups: &[Vec<i64>]| groups.get(at).or(groups.last()).cloned();
        let (Some(trials), Some(artifacts)) = (group(&trials), group(&artifacts)) else { return Ok(false) };
        let scope = Scope {
            trials: Some(Members::Listed(trials)),
            artifacts: Some(Members::Listed(artifacts)),
            ..Scope::default()
        };
        let mut part = Selection::read(sides.target, &sides.target_layout, target, scope, job)?;
        if digest(sides.target, &sides.target_layout, &mut part, None, job, None)?.body == expected.body {
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
