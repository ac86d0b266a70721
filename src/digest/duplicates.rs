//! Finding an experiment that is there already, by its content.

use super::experiment::{ExperimentDigest, digest, digest_nodes, link_digest, row_digest};
use super::sum::{Hash, Sum};
use crate::database::{Connection, Layout, Next, Row};
use crate::error::Result;
use crate::hierarchy::{RowQuery, Scope, Selection, Shape, scan_nodes};
use crate::progress::Job;
use crate::schema::{Entity, LinkOwner, Place, quote};
use crate::values::Value;

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

/// The first of these experiments, whose own rows are equal and whose ids ascend, with the content that is wanted: what is cheap to
/// find out is found out first, and of all of them.
pub fn twin(
    connection: &dyn Connection,
    layout: &Layout,
    alike: Vec<i64>,
    wanted: &ExperimentDigest,
    job: &Job,
) -> Result<Option<i64>> {
    let search = Search { connection, layout, wanted, job };
    let mut left = if alike.len() > 1 { search.of_same_size(alike)? } else { alike };
    if left.is_empty() {
        return Ok(None);
    }
    // Nearly always there is no other, or it is the one.
    let first = left.remove(0);
    if search.is_same(first)? {
        return Ok(Some(first));
    }
    left = search.with_same_links(left)?;
    let most = (MOST_NODES / (wanted.trials.count() + wanted.runs).max(1)).clamp(1, usize::MAX as u64) as usize;
    let mut size = FIRST_GROUP;
    while !left.is_empty() {
        let group: Vec<i64> = left.drain(..size.min(most).min(left.len())).collect();
        for experiment in search.with_same_trials(group)? {
            if search.is_same(experiment)? {
                return Ok(Some(experiment));
            }
        }
        size = size.saturating_mul(GROWTH);
    }
    Ok(None)
}

/// So many experiments are digested together at first, and so many times more each time.
const FIRST_GROUP: usize = 8;
const GROWTH: usize = 8;
/// But no more trials and runs than this, unless one experiment has them.
const MOST_NODES: u64 = 1 << 17;

struct Search<'s> {
    connection: &'s dyn Connection,
    layout: &'s Layout,
    wanted: &'s ExperimentDigest,
    job: &'s Job,
}

impl Search<'_> {
    /// Whether it has the wanted content.
    fn is_same(&self, experiment: i64) -> Result<bool> {
        let mut there = Selection::read(self.connection, self.layout, experiment, Scope::default(), self.job)?;
        let wanted = self.wanted;
        let as_many = there.trials.len() as u64 == wanted.trials.count() && there.runs.len() as u64 == wanted.runs;
        Ok(as_many
            && digest(self.connection, self.layout, &mut there, None, self.job, None)?.experiment == wanted.experiment)
    }

    /// Those with as many trials and runs.
    fn of_same_size(&self, experiments: Vec<i64>) -> Result<Vec<i64>> {
        let (trials, runs) = (self.layout.entity(Entity::Trial)?, self.layout.entity(Entity::Run)?);
        let (owner, of_trials) = (trials.quoted("experiment_id"), format!("{} AS t", quote(&trials.name)));
        let of_runs = format!(
            "{} AS r JOIN {of_trials} ON t.{} = r.{}",
            quote(&runs.name),
            trials.quoted("id"),
            runs.quoted("trial_id")
        );
        let mut counts = vec![[0u64; 2]; experiments.len()];
        for (which, from) in [of_trials, of_runs].iter().enumerate() {
            let sql = format!("SELECT t.{owner} FROM {from} WHERE t.{owner} BETWEEN ?1 AND ?2");
            self.of_each(&experiments, &sql, &mut |at, _| {
                let count = counts.get_mut(at).and_then(|counts| counts.get_mut(which));
                count.into_iter().for_each(|count| *count += 1);
                Ok(())
            })?;
        }
        let wanted = [self.wanted.trials.count(), self.wanted.runs];
        Ok(experiments.into_iter().zip(counts).filter(|(_, counts)| *counts == wanted).map(|(id, _)| id).collect())
    }

    /// Those of whose own links nothing is known that the wanted ones do not have.
    fn with_same_links(&self, experiments: Vec<i64>) -> Result<Vec<i64>> {
        let mut sums = vec![Some(Sum::default()); experiments.len()];
        for table in &self.layout.tables {
            if !matches!(table.schema.place, Place::Link { owner: LinkOwner::Experiment, .. }) {
                continue;
            }
            let query = RowQuery::new(self.layout, table)?;
            let Some((_, leaf)) = &query.leaf else { continue };
            self.of_each(&experiments, &query.sql, &mut |at, row| {
                let Some(place) = sums.get_mut(at) else { return Ok(()) };
                match (link_digest((&query.shape, leaf), row)?, &mut *place) {
                    (Some(hash), Some(sum)) => sum.add(&hash),
                    _ => *place = None,
                }
                Ok(())
            })?;
        }
        let same = |sum: &Option<Sum>| sum.is_none_or(|sum| sum == self.wanted.own);
        Ok(experiments.into_iter().zip(sums).filter(|(_, sum)| same(sum)).map(|(id, _)| id).collect())
    }

    /// Those with the same trials, which are all read at once.
    fn with_same_trials(&self, experiments: Vec<i64>) -> Result<Vec<i64>> {
        if experiments.len() == 1 {
            return Ok(experiments);
        }
        let (mut selection, owners) = Selection::read_several(self.connection, self.layout, &experiments, self.job)?;
        let (_, nodes) = digest_nodes(self.connection, self.layout, &mut selection, self.job, None)?;
        let mut sums = vec![Sum::default(); experiments.len()];
        for (hash, owner) in nodes.trials.iter().zip(owners) {
            sums.iter_mut().skip(owner).take(1).for_each(|sum| sum.add(hash));
        }
        let same = |sum: &Sum| *sum == self.wanted.trials;
        Ok(experiments.into_iter().zip(sums).filter(|(_, sum)| same(sum)).map(|(id, _)| id).collect())
    }

    /// Hands over the rows of a query that begin with the id of one of the experiments, and that one's place. The query's parameters
    /// are the first and the last.
    fn of_each(
        &self,
        experiments: &[i64],
        sql: &str,
        each: &mut dyn FnMut(usize, &dyn Row) -> Result<()>,
    ) -> Result<()> {
        let (Some(low), Some(high)) = (experiments.first(), experiments.last()) else { return Ok(()) };
        self.connection.query(sql, &[Value::Integer(*low), Value::Integer(*high)], &mut |row| {
            self.job.pulse()?;
            if let Some(at) = row.value(0)?.as_integer().and_then(|id| experiments.binary_search(&id).ok()) {
                each(at, row)?;
            }
            Ok(Next::Row)
        })
    }
}
