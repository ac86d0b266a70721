//! Finds keys that differ and are one to the target: among those that are new, and between them and what the target has.

use std::collections::{BTreeSet, HashMap};

use super::placing::Placed;
use crate::database::{Connection, Layout, Next, THERE};
use crate::error::Result;
use crate::hierarchy::{NamedRows, of_experiments};
use crate::migration::{Ends, Folding, Preflight, find_folded, folds_any, note_folded, telling};
use crate::progress::Job;
use crate::schema::quote;

/// Notes those among the rows that were read, before what the target has is taken out.
pub fn among_new(
    (staging, staged): (&dyn Connection, &Layout),
    (target, layout): (&dyn Connection, &Layout),
    experiments: &[Placed],
    fit: &mut Preflight,
    job: &Job,
) -> Result<()> {
    if !folds_any(target, layout)? {
        return Ok(());
    }
    let ends = Ends { source: staging, from: staged, target, to: layout, held: true };
    let ids: BTreeSet<i64> = experiments.iter().map(|placed| placed.id).collect();
    for id in ids {
        find_folded(&ends, &NamedRows::read(staging, staged, id, job)?, job, fit)?;
    }
    Ok(())
}

/// Notes keys of new rows that are in the way of others which the target has, when what it has was read and taken out.
pub fn with_those_there(
    (staging, staged): (&dyn Connection, &Layout),
    (target, layout): (&dyn Connection, &Layout),
    fit: &mut Preflight,
    job: &Job,
) -> Result<()> {
    for here in of_experiments(staged) {
        let (Some(column), Some(there), Some(owner)) =
            (telling(here), layout.table(here.schema.name), here.schema.owner())
        else {
            continue;
        };
        let Some(mut folding) = Folding::of(target, there, column.name)? else { continue };
        let (owner, key) = (here.parent(owner)?, here.quoted(column.name));
        let mut keys: HashMap<String, Vec<String>> = HashMap::new();
        let sql = format!(
            "SELECT {owner}, {key} FROM {} WHERE {owner} IN (SELECT {owner} FROM {})",
            quote(&format!("{THERE}{}", here.schema.name)),
            quote(&here.name)
        );
        staging.query(&sql, &[], &mut |row| {
            job.pulse()?;
            if let (Some(owner), Some(key)) = (row.value(0)?.readable(), row.value(1)?.readable()) {
                keys.entry(owner).or_default().push(key);
            }
            Ok(Next::Row)
        })?;
        if keys.is_empty() {
            continue;
        }
        staging.query(&format!("SELECT {owner}, {key} FROM {}", quote(&here.name)), &[], &mut |row| {
            job.pulse()?;
            let (Some(of), Some(key)) = (row.value(0)?.readable(), row.value(1)?.readable()) else {
                return Ok(Next::Row);
            };
            if let Some(there) = keys.get(&of)
                && let Some(other) = folding.other_than(&key, there)?
            {
                note_folded((here.schema.name, column.name), Some(of.as_bytes()), (&key, other), fit);
            }
            Ok(Next::Row)
        })?;
    }
    Ok(())
}
