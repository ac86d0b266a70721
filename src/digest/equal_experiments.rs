//! Finds experiments that a database already has, by their content.

use super::experiment::ExperimentDigest;
use super::selection::{digest, digest_nodes, link_digest, row_digest};
use super::sum::{Hash, Sum};
use crate::database::{Connection, Layout, Next, Row};
use crate::error::{Domain, Error, Result};
use crate::hierarchy::{RowQuery, Scope, Selection, Shape, scan_nodes};
use crate::progress::Job;
use crate::schema::{Entity, Place, quote};
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
    let shape = Shape::node(layout.root()?);
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
pub fn equal_experiment(
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
    let most = (MOST_NODES / (wanted.nodes.count() + wanted.deeper).max(1)).clamp(1, usize::MAX as u64) as usize;
    let mut size = FIRST_GROUP;
    while !left.is_empty() {
        let group: Vec<i64> = left.drain(..size.min(most).min(left.len())).collect();
        for experiment in search.with_same_nodes(group)? {
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
/// But no more rows of the hierarchy than this, unless one experiment has them.
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
        let as_many = there.nodes_below_root() == wanted.nodes.count() + wanted.deeper;
        Ok(as_many
            && digest(self.connection, self.layout, &mut there, None, self.job, None)?.experiment == wanted.experiment)
    }

    /// The rows of an entity, `t0`, with what they hang on, up to `tN` which hang on experiments; and the quoted key of these.
    fn from(&self, entity: Entity) -> Result<(String, String)> {
        let family = self.layout.family;
        let mut table = self.layout.entity(entity)?;
        let (mut from, mut at) = (format!("{} AS t0", quote(&table.name)), 0);
        for above in family.upwards(entity).skip(1) {
            let key = table.parent(above)?;
            if above == Entity::ROOT {
                return Ok((from, format!("t{at}.{key}")));
            }
            table = self.layout.entity(above)?;
            at += 1;
            let (name, id) = (quote(&table.name), table.id());
            from.push_str(&format!(" JOIN {name} AS t{at} ON t{at}.{id} = t{}.{key}", at - 1));
        }
        Err(Error::internal(Domain::Database, "rows that belong to no experiment"))
    }

    /// Those with as many rows of the hierarchy, on top and below.
    fn of_same_size(&self, experiments: Vec<i64>) -> Result<Vec<i64>> {
        let mut counts = vec![[0u64; 2]; experiments.len()];
        for (entity, above) in self.layout.family.below_root() {
            let which = usize::from(above != Entity::ROOT);
            let (from, owner) = self.from(entity)?;
            let sql = format!("SELECT {owner} FROM {from} WHERE {owner} BETWEEN ?1 AND ?2");
            self.of_each(&experiments, &sql, &mut |at, _| {
                let count = counts.get_mut(at).and_then(|counts| counts.get_mut(which));
                count.into_iter().for_each(|count| *count += 1);
                Ok(())
            })?;
        }
        let wanted = [self.wanted.nodes.count(), self.wanted.deeper];
        Ok(experiments.into_iter().zip(counts).filter(|(_, counts)| *counts == wanted).map(|(id, _)| id).collect())
    }

    /// Those of whose own links nothing is known that the wanted ones do not have.
    fn with_same_links(&self, experiments: Vec<i64>) -> Result<Vec<i64>> {
        let mut sums = vec![Some(Sum::default()); experiments.len()];
        for table in &self.layout.tables {
            if !matches!(table.schema.place, Place::Link { owner: Entity::ROOT, .. }) {
                continue;
            }
            let query = RowQuery::new(self.layout, table)?;
            let Some((_, leaf)) = &query.leaf else { continue };
            self.of_each(&experiments, &query.sql(), &mut |at, row| {
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

    /// Those with the same rows of the hierarchy, which are all read at once.
    fn with_same_nodes(&self, experiments: Vec<i64>) -> Result<Vec<i64>> {
        if experiments.len() == 1 {
            return Ok(experiments);
        }
        let (mut selection, owners) = Selection::read_several(self.connection, self.layout, &experiments, self.job)?;
        let (_, nodes) = digest_nodes(self.connection, self.layout, &mut selection, self.job, None)?;
        let mut sums = vec![Sum::default(); experiments.len()];
        for (entity, owners) in owners.iter() {
            for (hash, owner) in nodes.nodes.get(entity).iter().zip(owners) {
                sums.iter_mut().skip(*owner).take(1).for_each(|sum| sum.add(hash));
            }
        }
        let same = |sum: &Sum| *sum == self.wanted.nodes;
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
