//! Where a copy of an experiment of a family whose keys are texts goes in the target: into an experiment of its own or one that is there, under which
//! name, with which keys.

use std::collections::HashMap;

use super::named_cells::target_cells;
use super::named_conflicts::{Appended, decide};
use super::named_copy::there_already;
use super::named_ends::{Destination, Ends};
use super::named_ids::NewKeys;
use super::named_known::Known;
use super::named_target::{Where, check_workspace, free_name, named, root_cell, same_content, with_values};
use super::options::MigrateOptions;
use crate::digest::{Hash, NamedDigest, OnDuplicate, digest_named};
use crate::error::{Domain, Error, Result, Status};
use crate::hierarchy::{NamedRows, OnConflict, OnName, experiment_exists};
use crate::progress::Job;
use crate::schema::{Entity, Meaning};
use crate::values::Value;

/// What the target has of the experiment.
pub struct There {
    pub duplicate: Option<i64>,
    pub name: Value,
    /// The experiment that is appended to.
    pub into: Option<i64>,
}

/// Looks at the target. The digest of the source is the one that is given, or was needed.
pub fn look(
    ends: &Ends<'_>,
    known: &Known,
    (digest, same): (&mut Option<NamedDigest>, bool),
    (experiment, options): (i64, &MigrateOptions),
    job: &Job,
) -> Result<There> {
    job.begin("looking at the target")?;
    check_workspace(ends.target, ends.to, &known.workspace)?;
    let name = known.wanted_name(options);
    let holder = named(ends.target, ends.to, (&name, &known.workspace))?;
    let into = match (options.target_experiment, holder, options.text_keys.on_name) {
        (Some(into), ..) => {
            experiment_exists(ends.target, ends.to, into)
                .map_err(|error| error.detail("parameter", "target_experiment_id"))?;
            Some(into)
        }
        (None, holder, OnName::Append) => holder,
        (None, Some(holder), OnName::Error) => {
            let name = name.borrow().describe();
            let message = format!("the target has an experiment {name} already; nothing was changed");
            return Err(Error::new(Status::AlreadyExists, Domain::Migration, message)
                .detail("experiment_id", experiment)
                .detail("duplicate_experiment_id", holder)
                .hint("give title_prefix, or on_name = suffix or append"));
        }
        _ => None,
    };
    if same && into == Some(experiment) {
        let message = format!("experiment {experiment} cannot be migrated into itself");
        return Err(Error::argument(Domain::Migration, "on_name", message)
            .detail("experiment_id", experiment)
            .hint("leave it out to create a new experiment"));
    }
    if into.is_some() {
        return Ok(There { duplicate: None, name, into });
    }
    let mut body = || match digest {
        Some(digest) => Ok(digest.body),
        None => Ok(digest.insert(digest_named(ends.source, ends.from, &known.rows, (job, false))?).body),
    };
    let content = (&known.rows, &known.nameless, &mut body as &mut dyn FnMut() -> Result<Hash>);
    let duplicate = match (same || options.text_keys.on_conflict == OnConflict::New, options.on_duplicate) {
        (true, OnDuplicate::Copy) => None,
        (true, _) => same_content(ends.target, ends.to, content, Where::AllBut(same.then_some(experiment)), job)?,
        (false, _) => same_content(ends.target, ends.to, content, Where::Named(&known.name), job)?,
    };
    Ok(There { duplicate, name: free_name(ends.target, ends.to, (&name, &known.workspace))?, into })
}

/// What the rows become a part of, and which keys they have there.
pub struct Decided {
    pub to: Destination,
    pub keys: NewKeys,
    pub appended: Option<Appended>,
}

pub fn decided(
    ends: &Ends<'_>,
    known: &Known,
    there: &There,
    (same, options): (bool, &MigrateOptions),
    job: &Job,
) -> Result<Decided> {
    // The id of a new one is taken when it is known that it will be written.
    let mut to = Destination { id: there.into.unwrap_or(i64::MAX), own_row: None, there: HashMap::new() };
    let mut appended = None;
    match there.into {
        Some(into) => {
            job.begin("reading what is appended to")?;
            let rows = NamedRows::uncounted(ends.target, ends.to, into, job)?;
            let cells = target_cells(ends, &rows, job)?;
            to.there = there_already(ends, &rows, job)?;
            appended = Some(Appended { rows, cells });
        }
        None => {
            let mut own = vec![(ends.from.family.listing.title, there.name.clone())];
            if let Some(division) = &ends.from.family.division
                && options.text_keys.workspace.is_some()
            {
                own.push((division.column, known.workspace.clone()));
            }
            to.own_row = Some(own);
        }
    }
    let keys = decide(
        ends,
        &known.rows,
        (&to, appended.as_ref()),
        (same, options.text_keys.on_conflict, there.duplicate),
        job,
    )?;
    Ok(Decided { to, keys, appended })
}

/// The digest of the copy's own row.
pub fn own_row(ends: &Ends<'_>, experiment: i64, name: &Value, options: &MigrateOptions) -> Result<Hash> {
    let mut values = vec![(ends.from.family.listing.title, name.clone())];
    if let Some((from, to)) = &options.text_keys.artifacts {
        for rule in ends.from.family.rules.iter().filter(|rule| rule.meaning == Meaning::Location) {
            if rule.table != ends.from.family.table_name(Entity::ROOT) {
                continue;
            }
            if let Value::Text(text) = root_cell(ends.source, ends.from, experiment, rule.column)?
                && let Some(rest) = text.strip_prefix(from.as_bytes())
            {
                values.push((rule.column, Value::Text([to.as_bytes(), rest].concat())));
            }
        }
    }
    Ok(with_values(ends.source, ends.from, experiment, &values)?.unwrap_or_default())
}
