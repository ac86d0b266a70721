//! Finding an experiment that is there already, by its content.

use super::experiment::{ExperimentDigest, digest, row_digest};
use super::sum::Hash;
use crate::database::{Connection, Layout};
use crate::error::Result;
use crate::hierarchy::{Scope, Selection, Shape, scan_nodes};
use crate::progress::Job;
use crate::schema::Entity;

/// What to do when the target has the same experiment already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDuplicate {
    /// Copy it again, with a warning that names the one that is there.
    #[default]
    Copy,
    /// Write nothing; the result has the id of the one that is there.
    Skip,
    /// Fail with ALREADY_EXISTS.
    Error,
}

/// The experiments, but for one, whose own row has this digest, by id.
pub fn experiments_with_row(
    connection: &dyn Connection,
    layout: &Layout,
    row: &Hash,
    except: Option<i64>,
    job: &Job,
) -> Result<Vec<i64>> {
    let mut same = Vec::new();
    let shape = Shape::node(layout.entity(Entity::Experiment)?);
    scan_nodes(connection, &shape, Some((i64::MIN, i64::MAX)), job, &mut |id, found| {
        if Some(id) != except && row_digest(&shape, found, None)? == *row {
            same.push(id);
        }
        Ok(())
    })?;
    Ok(same)
}

/// The first experiment, by id, that has the same content as this one and is another. Equal experiments have equal rows, so only
/// those whose own row is equal are read further: nearly always none.
pub fn twin(
    connection: &dyn Connection,
    layout: &Layout,
    (experiment, content): (i64, &ExperimentDigest),
    job: &Job,
) -> Result<Option<i64>> {
    for other in experiments_with_row(connection, layout, &content.row, Some(experiment), job)? {
        let mut there = Selection::read(connection, layout, other, Scope::default(), job)?;
        let as_many = there.trials.len() == content.trials.len() && there.runs.len() == content.runs.len();
        if as_many && digest(connection, layout, &mut there, None, job, None)?.experiment == content.experiment {
            return Ok(Some(other));
        }
    }
    Ok(None)
}
