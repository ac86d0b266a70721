//! Where each experiment that was read goes in the target: into one of its own, or into the one that has its runs already.

use std::collections::{HashMap, HashSet};

use super::options::BringInOptions;
use crate::database::{Connection, Layout, Next};
use crate::error::{Domain, Error, NAMED, Result, Status};
use crate::hierarchy::{OnConflict, OnName};
use crate::migration::{Folding, next_id};
use crate::progress::Job;
use crate::schema::mlflow::RUN;
use crate::schema::{Entity, Role, quote};
use crate::values::{Value, ValueRef};

/// Keys that are looked up with one statement.
const AT_ONCE: usize = 200;
/// So many numbers are tried behind a name.
const NUMBERS: u32 = 10_000;

/// One experiment, and where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Its id in the scratch database.
    pub staged: i64,
    /// The name that the source has for it, and the one that it has in the target.
    pub source_name: String,
    pub name: String,
    pub id: i64,
    /// The target has it already.
    pub is_there: bool,
    pub runs: u64,
}

/// Where everything goes.
#[derive(Debug, Default)]
pub struct Placing {
    pub experiments: Vec<Placed>,
    /// Runs of the source whose id is another run's in the target, and that are left out.
    pub left_out: Vec<String>,
}

struct StagedRun {
    id: String,
    experiment: i64,
    start_time: Option<i64>,
}

struct StagedExperiment {
    id: i64,
    name: String,
    artifact_location: Value,
    creation_time: Value,
}

fn staged_runs(staging: &dyn Connection) -> Result<Vec<StagedRun>> {
    let mut runs = Vec::new();
    staging.query("SELECT run_uuid, experiment_id, start_time FROM runs", &[], &mut |row| {
        let id = row.value(0)?.readable().unwrap_or_default();
        let experiment = row.value(1)?.as_integer().unwrap_or_default();
        runs.push(StagedRun { id, experiment, start_time: row.value(2)?.as_integer() });
        Ok(Next::Row)
    })?;
    Ok(runs)
}

fn staged_experiments(staging: &dyn Connection, layout: &Layout) -> Result<Vec<StagedExperiment>> {
    let root = layout.root()?;
    // The first versions had no such times.
    let time = if root.position("creation_time").is_some() { "creation_time" } else { "NULL" };
    let sql =
        format!("SELECT experiment_id, name, artifact_location, {time} FROM experiments ORDER BY experiment_id DESC");
    let mut found = Vec::new();
    staging.query(&sql, &[], &mut |row| {
        found.push(StagedExperiment {
            id: row.value(0)?.as_integer().unwrap_or_default(),
            name: row.value(1)?.readable().unwrap_or_default(),
            artifact_location: row.value(2)?.to_owned(),
            creation_time: row.value(3)?.to_owned(),
        });
        Ok(Next::Row)
    })?;
    Ok(found)
}

/// The runs of the target that have one of these ids: the experiment of each, and when it began.
fn runs_there(
    target: &dyn Connection,
    layout: &Layout,
    runs: &[StagedRun],
    job: &Job,
) -> Result<HashMap<String, (i64, Option<i64>)>> {
    let table = layout.entity(RUN)?;
    let (id, owner, start) = (table.id(), table.parent(Entity::ROOT)?, table.quoted("start_time"));
    let places: Vec<String> = (1..=AT_ONCE).map(|place| format!("?{place}")).collect();
    let places = places.join(", ");
    let sql = format!("SELECT {id}, {owner}, {start} FROM {} WHERE {id} IN ({places})", quote(&table.name));
    let mut found = HashMap::new();
    for group in runs.chunks(AT_ONCE) {
        job.pulse()?;
        // The same statement for every group: the last key fills it up.
        let filled = group.iter().chain(group.last().into_iter().cycle()).take(AT_ONCE);
        let params: Vec<Value> = filled.map(|run| Value::Text(run.id.as_bytes().to_vec())).collect();
        target.query(&sql, &params, &mut |row| {
            if let (Some(id), Some(experiment)) = (row.value(0)?.readable(), row.value(1)?.as_integer()) {
                found.insert(id, (experiment, row.value(2)?.as_integer()));
            }
            Ok(Next::Row)
        })?;
    }
    Ok(found)
}

/// The ids and names of the target's experiments for which a condition holds.
fn named(target: &dyn Connection, layout: &Layout, condition: &str, params: &[Value]) -> Result<Vec<(i64, String)>> {
    let table = layout.root()?;
    let (id, name) = (table.id(), table.quoted(layout.family.listing.title));
    let sql = format!("SELECT {id}, {name} FROM {} WHERE {condition} ORDER BY {id}", quote(&table.name));
    let mut found = Vec::new();
    target.query(&sql, params, &mut |row| {
        if let Some(id) = row.value(0)?.as_integer() {
            found.push((id, row.value(1)?.readable().unwrap_or_default()));
        }
        Ok(Next::Row)
    })?;
    Ok(found)
}

fn of_name(target: &dyn Connection, layout: &Layout, name: &str) -> Result<Option<(i64, String)>> {
    let column = layout.root()?.quoted(layout.family.listing.title);
    let name = Value::Text(name.as_bytes().to_vec());
    Ok(named(target, layout, &format!("{column} = ?1"), &[name])?.into_iter().next())
}

/// The names that were given to new experiments, as the target tells names apart.
struct Given<'t> {
    names: HashSet<String>,
    folding: Option<Folding<'t>>,
}

impl Given<'_> {
    fn has(&mut self, name: &str) -> Result<bool> {
        if self.names.contains(name) {
            return Ok(true);
        }
        if let Some(folding) = &mut self.folding {
            for other in &self.names {
                if folding.folds(other, name)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}

/// The first of "name", "name (2)" and so on that nothing has.
fn free_name(target: &dyn Connection, layout: &Layout, wanted: &str, given: &mut Given<'_>) -> Result<String> {
    for number in 1..NUMBERS {
        let name = if number == 1 { wanted.to_owned() } else { format!("{wanted} ({number})") };
        if !given.has(&name)? && of_name(target, layout, &name)?.is_none() {
            return Ok(name);
        }
    }
    let message = format!("the target has {NUMBERS} experiments of the name {wanted}");
    Err(Error::new(Status::Limit, Domain::ImportExport, message).hint("rename some of them, or give another name"))
}

/// An experiment of the target that an earlier import made of this one, and that has none of its runs.
fn made_before(target: &dyn Connection, layout: &Layout, of: &StagedExperiment) -> Result<Option<(i64, String)>> {
    let root = layout.root()?;
    if of.creation_time == Value::Null || root.position("creation_time").is_none() {
        return Ok(None);
    }
    let location = match of.artifact_location {
        Value::Null => "IS NULL",
        _ => "= ?2",
    };
    let condition =
        format!("{} = ?1 AND {} {location}", root.quoted("creation_time"), root.quoted("artifact_location"));
    let mut params = vec![of.creation_time.clone()];
    params.extend((of.artifact_location != Value::Null).then(|| of.artifact_location.clone()));
    let found = named(target, layout, &condition, &params)?;
    let is_it = |name: &str| name == of.name || name.strip_prefix(&of.name).is_some_and(|rest| rest.starts_with(" ("));
    Ok(found.into_iter().find(|(_, name)| is_it(name)))
}

/// The error of ids that others have.
fn name_taken(name: &str) -> Error {
    let message = format!("the target has another experiment {name:?}, or the source has two; nothing was changed");
    Error::new(Status::AlreadyExists, Domain::ImportExport, message)
        .detail("name", name)
        .hint("give the name of the experiment, or on_name = suffix or append")
}

fn taken(ids: &[String]) -> Error {
    let message = format!("the target has other runs with {} ids of the source; nothing was changed", ids.len());
    let error = Error::new(Status::AlreadyExists, Domain::ImportExport, message)
        .detail("count", ids.len())
        .hint("on_conflict = skip leaves these runs of the source out; or delete and purge those of the target");
    ids.iter().take(NAMED).fold(error, |error, id| error.detail("run_id", id))
}

/// The place for artifacts below which a store puts those of its experiments, told by that of the first one.
fn artifact_root(target: &dyn Connection, layout: &Layout) -> Result<Option<String>> {
    let root = layout.root()?;
    let (id, location) = (root.id(), root.quoted("artifact_location"));
    let sql = format!("SELECT {id}, {location} FROM {} ORDER BY {id}", quote(&root.name));
    let mut found = None;
    target.query(&sql, &[], &mut |row| {
        let (id, location) = (row.value(0)?.as_integer(), row.value(1)?.readable());
        let whole = id.and_then(|id| location?.strip_suffix(&format!("/{id}")).map(str::to_owned));
        found = whole.filter(|root| !root.contains('?'));
        Ok(if found.is_some() { Next::Stop } else { Next::Row })
    })?;
    Ok(found)
}

/// The place for the artifacts of an experiment of the target.
fn artifact_location(target: &dyn Connection, layout: &Layout, id: i64) -> Result<Option<String>> {
    let root = layout.root()?;
    let sql =
        format!("SELECT {} FROM {} WHERE {} = ?1", root.quoted("artifact_location"), quote(&root.name), root.id());
    let mut found = None;
    target.query(&sql, &[Value::Integer(id)], &mut |row| {
        found = row.value(0)?.readable().filter(|location| !location.contains('?'));
        Ok(Next::Stop)
    })?;
    Ok(found)
}

impl Placing {
    /// Gives experiments and runs that have none a place for artifacts, as MLflow would have done it: without one, its client can begin no run in an
    /// experiment.
    pub fn give_places(&self, staging: &dyn Connection, (target, layout): (&dyn Connection, &Layout)) -> Result<()> {
        let root = artifact_root(target, layout)?;
        let text = |text: String| Value::Text(text.into_bytes());
        for placed in &self.experiments {
            let location = match placed.is_there {
                true => artifact_location(target, layout, placed.id)?,
                false => root.as_ref().map(|root| format!("{root}/{}", placed.id)),
            };
            let Some(location) = location else { continue };
            if !placed.is_there {
                let sql = "UPDATE experiments SET artifact_location = ?2 WHERE experiment_id = ?1 AND artifact_location IS NULL";
                staging.execute(sql, &[Value::Integer(placed.id), text(location.clone())])?;
            }
            let sql = "UPDATE runs SET artifact_uri = ?2 || '/' || run_uuid || '/artifacts' WHERE experiment_id = ?1 AND artifact_uri IS NULL";
            staging.execute(sql, &[Value::Integer(placed.id), text(location)])?;
        }
        Ok(())
    }

    /// Finds out.
    pub fn find(
        (staging, staged): (&dyn Connection, &Layout),
        (target, layout): (&dyn Connection, &Layout),
        options: &BringInOptions,
        job: &Job,
    ) -> Result<Placing> {
        let runs = staged_runs(staging)?;
        let there = runs_there(target, layout, &runs, job)?;
        let mut placing = Placing::default();
        let mut homes: HashMap<i64, HashMap<i64, u64>> = HashMap::new();
        let mut counts: HashMap<i64, u64> = HashMap::new();
        for run in &runs {
            *counts.entry(run.experiment).or_default() += 1;
            match there.get(&run.id) {
                Some((home, start_time)) if *start_time == run.start_time => {
                    *homes.entry(run.experiment).or_default().entry(*home).or_default() += 1;
                }
                Some(_) => placing.left_out.push(run.id.clone()),
                None => {}
            }
        }
        if !placing.left_out.is_empty() && options.on_conflict == OnConflict::Error {
            return Err(taken(&placing.left_out));
        }
        let folding = Folding::of(target, layout.root()?, layout.family.listing.title)?;
        let mut given = Given { names: HashSet::new(), folding };
        let mut next = next_id(target, layout)?;
        for experiment in staged_experiments(staging, staged)? {
            let home =
                homes.get(&experiment.id).and_then(|homes| homes.iter().max_by_key(|(id, runs)| (**runs, -**id)));
            let mut found = match home {
                Some((id, _)) => {
                    let column = layout.root()?.id();
                    named(target, layout, &format!("{column} = ?1"), &[Value::Integer(*id)])?.into_iter().next()
                }
                None => made_before(target, layout, &experiment)?,
            };
            if found.is_none() && options.on_name == OnName::Append {
                found = of_name(target, layout, &experiment.name)?;
                let same = |placed: &&Placed| placed.source_name == experiment.name;
                let earlier = placing.experiments.iter().find(same);
                if found.is_none()
                    && let Some(earlier) = earlier.map(|placed| (placed.id, placed.name.clone()))
                {
                    found = Some(earlier);
                }
            }
            let (id, name, is_there) = match found {
                Some((id, name)) => (id, name, true),
                None => {
                    let name = free_name(target, layout, &experiment.name, &mut given)?;
                    if name != experiment.name && options.on_name == OnName::Error {
                        return Err(name_taken(&experiment.name));
                    }
                    given.names.insert(name.clone());
                    next += 1;
                    (next - 1, name, false)
                }
            };
            let runs = counts.get(&experiment.id).copied().unwrap_or(0);
            let (staged, source_name) = (experiment.id, experiment.name);
            placing.experiments.push(Placed { staged, source_name, name, id, is_there, runs });
        }
        Ok(placing)
    }

    /// Gives what was read the ids and names that it has in the target. Returns how many rows were left out, by table.
    pub fn apply(&self, staging: &dyn Connection, layout: &Layout) -> Result<Vec<(&'static str, u64)>> {
        let mut left_out = Vec::new();
        for id in &self.left_out {
            let id = Value::Text(id.as_bytes().to_vec());
            for table in &layout.tables {
                let of_run = table.schema.columns.iter().find(|column| match column.role {
                    Role::Parent(entity) => entity == RUN,
                    Role::Id => table.schema.entity() == Some(RUN),
                    _ => column.name == "run_id",
                });
                let condition = match (of_run, table.schema.name) {
                    (Some(column), _) => format!("{} = ?1", table.quoted(column.name)),
                    (None, "inputs") => {
                        "(source_type <> 'DATASET' AND source_id = ?1) OR (destination_type = 'RUN' AND destination_id = ?1)"
                            .to_owned()
                    }
                    (None, _) => continue,
                };
                let sql = format!("DELETE FROM {} WHERE {condition}", quote(&table.name));
                left_out.push((table.schema.name, staging.execute(&sql, std::slice::from_ref(&id))?));
            }
        }
        if !self.left_out.is_empty() && layout.table("input_tags").is_some() {
            let sql = "DELETE FROM input_tags WHERE input_uuid NOT IN (SELECT input_uuid FROM inputs)";
            left_out.push(("input_tags", staging.execute(sql, &[])?));
        }
        for placed in &self.experiments {
            for table in &layout.tables {
                let is_of = |role: Role| role == Role::Parent(Entity::ROOT);
                let column = table.schema.columns.iter().find(|column| {
                    is_of(column.role) || (column.role == Role::Id && table.schema.entity() == Some(Entity::ROOT))
                });
                let Some(column) = column.filter(|column| table.position(column.name).is_some()) else { continue };
                let column = table.quoted(column.name);
                let sql = match (table.schema.entity() == Some(Entity::ROOT), placed.is_there) {
                    // The target's own row stays as it is.
                    (true, true) => format!("DELETE FROM {} WHERE {column} = ?1", quote(&table.name)),
                    _ => format!("UPDATE {} SET {column} = ?2 WHERE {column} = ?1", quote(&table.name)),
                };
                let mut params = vec![Value::Integer(placed.staged)];
                params.extend(sql.starts_with("UPDATE").then_some(Value::Integer(placed.id)));
                staging.execute(&sql, &params)?;
            }
            if !placed.is_there {
                let params = [Value::Text(placed.name.as_bytes().to_vec()), Value::Integer(placed.id)];
                staging.execute("UPDATE experiments SET name = ?1 WHERE experiment_id = ?2", &params)?;
            }
        }
        Ok(left_out)
    }

    /// Whether any of it is in the target already.
    pub fn meets_others(&self) -> bool {
        self.experiments.iter().any(|placed| placed.is_there)
    }
}

/// A value as a parameter.
pub fn owned(values: &[ValueRef<'_>]) -> Vec<Value> {
    values.iter().map(|value| ValueRef::to_owned(*value)).collect()
}
