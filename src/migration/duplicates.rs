//! Is the experiment there already?

use std::collections::HashMap;
use std::sync::Arc;

use super::options::MigrateOptions;
use super::sides::{Prepared, Sides};
use crate::digest::{Hash, digest, experiments_with_row, row_digest};
use crate::error::Result;
use crate::hierarchy::{Scope, Selection, Shape, scan_nodes};
use crate::progress::Job;
use crate::schema::Entity;

/// An experiment of the target with the same content.
#[derive(Clone, Debug)]
pub struct Duplicate {
    pub experiment: i64,
    /// Whether the contents were compared. If not, only the experiment's own row is known to be equal.
    pub proven: bool,
}

/// The experiments of the target that the copy would repeat, by id. With a target experiment: that one, if it has trials with the
/// contents of all of the source's.
///
/// Equal experiments have equal rows, so only those whose own row is equal are read further: nearly always none.
pub fn find_duplicates(
    sides: &Sides<'_>,
    options: &MigrateOptions,
    prepared: &mut Prepared,
    job: &Arc<Job>,
) -> Result<Vec<Duplicate>> {
    let candidates = match options.target_experiment {
        Some(target) => vec![target],
        None => same_row(sides, options, prepared, job)?,
    };
    let mut found = Vec::new();
    for experiment in candidates {
        if !options.needs_duplicates() {
            if options.target_experiment.is_none() {
                found.push(Duplicate { experiment, proven: false });
            }
            continue;
        }
        let mut there = Selection::read(sides.target, &sides.target_layout, experiment, Scope::default(), job)?;
        let fewer = there.trials.len() < prepared.selection.trials.len();
        let differs =
            there.trials.len() != prepared.selection.trials.len() || there.runs.len() != prepared.selection.runs.len();
        if fewer || (differs && options.target_experiment.is_none()) {
            continue;
        }
        if prepared.expected.is_none() {
            prepared.digest_source(sides, options, job, (None, None))?;
        }
        let Some(expected) = &prepared.expected else { continue };
        let other = digest(sides.target, &sides.target_layout, &mut there, None, job, None)?;
        let repeats = match options.target_experiment {
            Some(_) => !expected.trials.is_empty() && contains(&other.trials, &expected.trials),
            None => other.experiment == expected.experiment,
        };
        if repeats {
            found.push(Duplicate { experiment, proven: true });
        }
    }
    Ok(found)
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

/// Whether every trial digest, as often as it occurs, is among the others.
fn contains(others: &[Hash], wanted: &[Hash]) -> bool {
    let mut left: HashMap<&Hash, usize> = HashMap::new();
    for hash in others {
        *left.entry(hash).or_default() += 1;
    }
    wanted.iter().all(|hash| match left.get_mut(hash) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        _ => false,
    })
}
