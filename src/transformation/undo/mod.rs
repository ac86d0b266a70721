//! Undoes a transformation: restores the old values of its metrics, byte for byte, unless they were changed since.
//!
//! `later_transformations` and `links` find metrics that must not be restored, `log_entry` decides for each metric, `restore` writes the
//! old values, `links` moves links back.

mod later_transformations;
mod links;
mod log_entry;
mod restore;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::options::UndoOptions;
use super::undo_list::{TransformEntry, find, remove};
use crate::database::{Connection, Database, Layout, Transaction, Watches};
use crate::digest::{TableTotals, grown_by};
use crate::error::{Domain, Error, Result, Status};
use crate::hierarchy::ForeignReferrers;
use crate::progress::Job;
use crate::schema::experiment_manager::METRIC;
use crate::schema::{Place, Table};
use later_transformations::Later;

/// How many metrics that cannot be restored are listed; an error names fewer.
const LISTED: usize = 100;
const NAMED: usize = 20;

/// A metric that cannot be restored, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedSince {
    pub metric_id: i64,
    pub problem: &'static str,
}

/// What an undo did.
#[derive(Clone, Debug, Default)]
pub struct UndoResult {
    pub transform_id: i64,
    /// Metrics that have again what they had.
    pub restored: u64,
    /// Of these, the ones that had been copied: their links lead to the original again.
    pub copies: u64,
    /// Copies that stay, because something else is linked to them now.
    pub copies_kept: u64,
    /// Metrics that were left as they are: how many, and some of them.
    pub skipped: u64,
    pub skipped_first: Vec<ChangedSince>,
    pub duration: Duration,
}

impl UndoResult {
    /// The whole result, schema `expmig.undo/1`.
    pub fn to_json(&self) -> Json {
        let skipped: Vec<Json> =
            self.skipped_first.iter().map(|one| json!({"metric_id": one.metric_id, "problem": one.problem})).collect();
        json!({
            "schema": "expmig.undo/1",
            "transform_id": self.transform_id,
            "metrics_restored": self.restored,
            "copies_undone": self.copies,
            "copies_kept": self.copies_kept,
            "metrics_skipped": self.skipped,
            "skipped": skipped,
            "duration_ns": u64::try_from(self.duration.as_nanos()).unwrap_or(u64::MAX),
        })
    }
}

/// Undoes a transformation in one transaction.
pub fn undo(database: &Database, transform: i64, mut options: UndoOptions) -> Result<UndoResult> {
    let job = Job::new(Domain::Transformation, options.progress.take(), options.cancel.take());
    job.begin("opening")?;
    let connection = database.writer(&job)?;
    let _watches = Watches::new(&job, [connection, connection]);
    let transaction = Transaction::write(connection)?;
    let layout = database.checked(connection.layout()?)?;
    let entry = find(connection, &layout, transform)?;
    let census = TableTotals::take(connection, &layout, None, &job)?;
    let mut undoing = Undoing { connection, census: &census, layout: &layout, entry: &entry, job: &job };
    let mut result = undoing.run(options.skip_changed)?;
    let metrics = layout.entity(METRIC)?.schema.name;
    let removed = [(metrics, result.copies - result.copies_kept)];
    census.check(Domain::Transformation, &job, |table| -grown_by(&removed, table))?;
    job.begin_commit()?;
    transaction.commit()?;
    job.finish();
    result.duration = job.elapsed();
    Ok(result)
}

struct Undoing<'a> {
    connection: &'a dyn Connection,
    census: &'a TableTotals<'a>,
    layout: &'a Layout,
    entry: &'a TransformEntry,
    job: &'a Arc<Job>,
}

impl Undoing<'_> {
    fn run(&mut self, skip_changed: bool) -> Result<UndoResult> {
        self.job.set_total(self.entry.metrics);
        self.job.begin("looking for later changes")?;
        let mut later = Later::find(self.connection, self.layout, self.entry, self.job)?;
        let mut torn = self.torn_links()?;
        // Of the rows that are removed or moved, if there were copies.
        let wanted = |table: &Table| match table.place {
            Place::Leaf(entity) | Place::Link { leaf: entity, .. } => entity == METRIC,
            _ => false,
        };
        let copied = self.entry.copied > 0;
        let strangers = ForeignReferrers::look(self.connection, self.layout, |found| copied && wanted(found.to))?;
        self.job.begin("restoring metrics")?;
        let mut result = UndoResult { transform_id: self.entry.id, ..UndoResult::default() };
        let mut copies = self.restore(&mut later, &mut torn, skip_changed, &mut result)?;
        if result.skipped > 0 && !skip_changed {
            return Err(self.refused(&result, &later));
        }
        if !copies.is_empty() {
            self.job.begin("moving links back")?;
            self.connection.suspend_foreign_keys()?;
            self.move_links_back(&mut copies)?;
            result.copies_kept = self.remove_copies(&mut copies, &strangers)?;
            strangers.check(Domain::Transformation)?;
        }
        remove(self.connection, self.layout, self.entry)?;
        Ok(result)
    }

    fn refused(&self, result: &UndoResult, later: &Later) -> Error {
        let (id, total) = (self.entry.id, self.entry.metrics);
        let message = format!(
            "{} of the {total} metrics that transformation {id} changed are not as it left them; nothing was changed",
            result.skipped
        );
        let newest: Vec<String> = later.transforms.iter().rev().map(i64::to_string).collect();
        let hint = match newest.is_empty() {
            true => "undo with skip_changed leaves these metrics as they are and restores the others".to_owned(),
            false => format!(
                "first undo the later transformations of these metrics, the newest first: {}",
                newest.join(", ")
            ),
        };
        let mut error = Error::new(Status::Mismatch, Domain::Transformation, message)
            .detail("transform_id", id)
            .detail("count", result.skipped)
            .hint(hint);
        for newer in newest {
            error = error.detail("newer_transform_id", newer);
        }
        result.skipped_first.iter().take(NAMED).fold(error, |error, one| {
            let row = format!("id={}", one.metric_id);
            error.detail("table", "METRIC").detail("row", row).detail("problem", one.problem)
        })
    }
}
