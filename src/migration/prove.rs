//! Reads the copy back and compares its digest, or its row counts, with what was expected.

use std::sync::Arc;

use super::copy::NewIds;
use super::endpoints::Endpoints;
use super::options::{MigrateOptions, Strategy};
use crate::database::Unsteady;
use crate::digest::{ExperimentDigest, Hash, digest, hex};
use crate::error::{Domain, Error, Result, Status};
use crate::hierarchy::{Counts, RowidRanges, Selection, find_dangling};
use crate::progress::Job;
use crate::schema::{Entity, Place, Table};

/// The digest that speaks of the copy: appended trials have no row of an experiment of their own.
pub fn of_copy(digest: &ExperimentDigest, options: &MigrateOptions) -> Hash {
    match options.target_experiment {
        Some(_) => digest.body,
        None => digest.experiment,
    }
}

/// Reads the copy back: its digest, or with AGGRESSIVE its row counts, must be what was expected. `new_rows` is where they are.
pub fn prove(
    ends: &Endpoints<'_>,
    selection: &Selection,
    copied: &[(&'static str, u64)],
    (expected, ids, new_rows): (&Option<ExperimentDigest>, &NewIds, RowidRanges),
    options: &MigrateOptions,
    job: &Arc<Job>,
) -> Result<Option<Hash>> {
    job.begin("verifying the copy")?;
    let appended = options.target_experiment.is_some();
    let blocks = ids.blocks(selection, appended);
    let mut copy = Selection::of_copy(ends.target, &ends.target_layout, ids.experiment, &blocks, job)?;
    if !(ends.source_layout.keeps_keys() && ends.target_layout.keeps_keys()) {
        // Ranges of ids would count rows that nobody finds by their ids, or below nothing.
        let scope = copy.scope.clone();
        copy = Selection::read(ends.target, &ends.target_layout, ids.experiment, scope, job)?;
    }
    copy.rowid_ranges = new_rows;
    if options.strategy == Strategy::Aggressive {
        check_counts(ends, &copy, copied, |table| !(appended && table.place == Place::Node(Entity::ROOT)))?;
        return Ok(None);
    }
    let Some(expected) = expected else {
        return Err(Error::internal(Domain::Migration, "the source was not digested"));
    };
    // The digest reads metrics and artifacts through links, where one that is gone looks like one that is empty.
    check_counts(ends, &copy, copied, |table| matches!(table.place, Place::Leaf(_)))?;
    let found = digest(ends.target, &ends.target_layout, &mut copy, None, job, None)?;
    let (wanted, got) = (of_copy(expected, options), of_copy(&found, options));
    if wanted != got {
        check_counts(ends, &copy, copied, |table| !(appended && table.place == Place::Node(Entity::ROOT)))?;
        return Err(mismatch(ends, "the digest of the copy is not the expected one; nothing was changed")
            .detail("expected_digest", hex(&wanted))
            .detail("target_digest", hex(&got)));
    }
    Ok(Some(got))
}

/// Looks for rows of the copy that name nothing by a foreign key of an extra column that has no ids, which the database did not look for
/// on the way. Fails if there are any, or else answers what is to be said of them.
pub fn look_for_dangling(
    ends: &Endpoints<'_>,
    selection: &Selection,
    (ids, appended): (&NewIds, bool),
    refuses: bool,
    job: &Job,
) -> Result<Vec<String>> {
    let blocks = ids.blocks(selection, appended);
    let mut copy = Selection::of_copy(ends.target, &ends.target_layout, ids.experiment, &blocks, job)?;
    let found = find_dangling(ends.target, &ends.target_layout, &mut copy, job)?;
    let hint = "first copy the rows that they refer to into the target, or set the columns to NULL";
    match found.first().filter(|_| refuses) {
        Some(first) => {
            Err(first.error(Status::Constraint, Domain::Migration, hint).detail("experiment_id", ends.experiment))
        }
        None => Ok(found.iter().map(|dangling| dangling.message()).collect()),
    }
}

fn mismatch(ends: &Endpoints<'_>, message: &str) -> Error {
    let error = Error::new(Status::Mismatch, Domain::Migration, message).detail("experiment_id", ends.experiment);
    match ends.unsteady.is_empty() {
        true => error.hint("something else writes into the target's tables, a trigger for instance"),
        false => error.caused_by(Unsteady::changed(Domain::Migration)).hint(
            "tables of the source that have no transactions changed while they were read, or a trigger of the target changes what is \
             written",
        ),
    }
}

/// Fails unless as many rows were copied as were counted before. Where they are digested on the way nothing else would tell.
pub fn all_copied(ends: &Endpoints<'_>, counted: &[Counts], copied: &[(&'static str, u64)]) -> Result<()> {
    for counts in counted {
        let rows = copied.iter().find(|(table, _)| *table == counts.table.name).map_or(0, |(_, rows)| *rows);
        if rows != counts.rows {
            let problem = format!("{} rows were counted in {}, but {rows} were read", counts.rows, counts.table.name);
            return Err(mismatch(
                ends,
                "the number of copied rows is not the number that was counted before; nothing was changed",
            )
            .detail("table", counts.table.name)
            .detail("problem", problem));
        }
    }
    Ok(())
}

/// Fails unless the target's tables have as many rows of the copy as were written. Looks at the tables that are `wanted`.
fn check_counts(
    ends: &Endpoints<'_>,
    copy: &Selection,
    copied: &[(&'static str, u64)],
    wanted: impl Fn(&Table) -> bool,
) -> Result<()> {
    let wrong = copy.miscounted(ends.target, &ends.target_layout, copied, wanted)?;
    if wrong.is_empty() {
        return Ok(());
    }
    let error = mismatch(ends, "the rows that were read back are not those that were written; nothing was changed");
    Err(wrong.into_iter().fold(error, |error, (table, rows, found)| {
        let problem = format!("{rows} rows were written into {table}, but {found} were read back");
        error.detail("table", table).detail("problem", problem)
    }))
}
