//! Reads back what was imported, and compares it with the counts and the digest of the document.

use super::metadata::Metadata;
use super::target::Target;
use super::walk::Walked;
use crate::digest::{ExperimentDigest, Hash, digest, hex};
use crate::error::{Domain, Error, NAMED, Result, Status};
use crate::hierarchy::{Block, Blocks, Scope, Selection, Visitor, find_dangling};
use crate::progress::Job;
use crate::schema::experiment_manager::METRIC;
use crate::schema::{ByEntity, Entity, Place};
use crate::validation::{Quality, Report};
use crate::values::one_line;

impl Walked {
    /// Fails unless there are as many rows of each table as the document says.
    pub fn check_counts(&self) -> Result<()> {
        let read = |name: &str| self.rows.iter().find(|(table, _)| *table == name).map_or(0, |(_, rows)| *rows);
        check_counts(self.metadata.counts.as_deref(), read)
    }

    /// First new ids and how many follow each, in the order of their appearance; nothing of the kind if ids were preserved.
    pub fn blocks(&self, entity: Entity) -> Vec<Block> {
        let ids = self.ids.iter().flatten().find(|ids| ids.entity() == entity);
        ids.map_or_else(Vec::new, |ids| ids.blocks.clone())
    }
}

/// Fails unless there are as many rows of each table as the document says.
pub fn check_counts(counts: Option<&[(&'static str, u64)]>, read: impl Fn(&str) -> u64) -> Result<()> {
    let Some(counts) = counts else { return Ok(()) };
    let wrong: Vec<_> = counts.iter().filter(|(table, rows)| read(table) != *rows).collect();
    if wrong.is_empty() {
        return Ok(());
    }
    let error = Error::new(
        Status::Mismatch,
        Domain::ImportExport,
        "the document has other rows than its metadata says; nothing was changed",
    )
    .hint("it was changed after it was exported; export it again, or take counts and digest out of its metadata");
    Err(wrong.into_iter().fold(error, |error, (table, rows)| {
        let problem = format!("{rows} rows of {table} are announced, and {} are there", read(table));
        error
            .detail("json_path", format!("$.metadata.counts.{table}"))
            .detail("table", table)
            .detail("problem", problem)
    }))
}

/// Reads back what was written. Its digest, which has to be the document's, and with `validate` what is wrong with its times.
pub fn prove(
    (target, checks): (&Target<'_>, bool),
    walked: &Walked,
    validate: bool,
    job: &Job,
) -> Result<(ExperimentDigest, Option<Report>)> {
    let (connection, layout) = (target.connection, &target.layout);
    let mut copy = if walked.ids.is_some() && walked.left_out.is_empty() && layout.keeps_keys() {
        let blocks = Blocks { leaves: ByEntity::of(layout.family, |entity| walked.blocks(entity)), appended: None };
        Selection::of_copy(connection, layout, walked.experiment, &blocks, job)?
    } else {
        Selection::read(connection, layout, walked.experiment, Scope::default(), job)?
    };
    if (checks || !target.may_lose())
        && let Some(dangling) = find_dangling(connection, layout, &mut copy, job)?.first()
    {
        let hint = "first bring the rows that they refer to into the database, or import with EXPMIG_IMPORT_ALLOW_LOSSY, which sets the \
                    columns to NULL, or leaves out rows that cannot be NULL there";
        return Err(dangling.error(Status::Lossy, Domain::ImportExport, hint));
    }
    // Ids that were preserved, or that were free below others, can be mentioned by rows of somebody else's.
    if walked.ids.as_ref().is_some_and(|ids| ids.iter().all(|ids| !ids.reused)) {
        copy.rowid_ranges = target.new_rows.clone();
    }
    let mut quality = validate.then(|| Quality::new(&copy));
    let also = quality.as_mut().map(|quality| quality as &mut dyn Visitor);
    let found = digest(connection, layout, &mut copy, None, job, also)?;
    // The document's digest is over what was lost on the way, too.
    let expected = walked.metadata.digest.filter(|_| !target.is_unproven());
    // With a digest to compare, only rows that links reach and that are gone would not be noticed.
    let certain = expected == Some(found.experiment);
    let wrong = copy.miscounted(connection, layout, &walked.rows, |table| match table.place {
        // Metrics that are linked to nothing were counted before.
        Place::Leaf(METRIC) => walked.metrics_before.is_none(),
        place => !certain || matches!(place, Place::Leaf(_)),
    })?;
    if !wrong.is_empty() {
        let error = Error::new(
            Status::Mismatch,
            Domain::ImportExport,
            "the rows that were read back are not those that were written; nothing was changed",
        )
        .hint("something else writes into the target's tables, a trigger for instance");
        return Err(wrong.into_iter().fold(error, |error, (table, rows, found)| {
            let problem = format!("{rows} rows were written into {table}, but {found} were read back");
            error.detail("table", table).detail("problem", problem)
        }));
    }
    match expected {
        Some(expected) if expected != found.experiment => Err(other_digest(&expected, &found.experiment)),
        _ => Ok((found, quality.map(|quality| quality.report(walked.experiment)))),
    }
}

/// The error of an experiment that is not the one of which the document has the digest.
pub fn other_digest(expected: &Hash, found: &Hash) -> Error {
    Error::new(
        Status::Mismatch,
        Domain::ImportExport,
        "the imported experiment is not the one that was exported; nothing was changed",
    )
    .detail("json_path", "$.metadata.digest.value")
    .detail("expected_digest", hex(expected))
    .detail("digest", hex(found))
    .hint(
        "the document was changed after it was exported (take the digest out of its metadata if that is meant), or something \
         else writes into the target's tables, a trigger for instance",
    )
}

/// What the document leaves open.
pub fn doubts(metadata: &Metadata, into: &mut Vec<String>) {
    if metadata.complete == Some(false) || metadata.left_out > 0 {
        let left_out = match metadata.left_out {
            0 => String::new(),
            rows => format!(" ({rows} rows were left out)"),
        };
        into.push(format!("the document does not have everything of the experiment that was exported{left_out}"));
    }
    let listed =
        |names: &[String]| names.iter().take(NAMED).map(|name| one_line(name, 80)).collect::<Vec<_>>().join(", ");
    if metadata.complete == Some(true) && !metadata.columns.is_empty() {
        let columns = listed(&metadata.columns);
        into.push(format!("columns were computed where the document was made, and are not in it: {columns}"));
    }
    if !metadata.behind.is_empty() {
        let tables = listed(&metadata.behind);
        into.push(format!("rows of other tables referred to the experiment and are not in the document: {tables}"));
    }
    if metadata.complete != Some(false) && metadata.left_out == 0 && metadata.digest.is_none() {
        into.push("the document has no digest, so it could not be checked that it is what was exported".to_owned());
    }
}
