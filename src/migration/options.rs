//! The options of a migration.

use std::sync::Arc;

use crate::digest::OnDuplicate;
use crate::error::{Domain, Error, Result};
use crate::hierarchy::TextKeyOptions;
use crate::progress::{CancelToken, Job, ProgressSink};
use crate::transformation::{Plan, Transformations};
use crate::validation::RunChecks;

/// How much is checked. With each strategy, a migration copies the whole experiment or changes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// Any error in the source, or warning about the experiment, stops the migration; digests must be equal afterwards.
    Conservative,
    /// Unsound rows stop the migration, odd values are warnings; digests must be equal afterwards.
    #[default]
    Balanced,
    /// Only what the insert needs is checked. What cannot be copied is left out, counted and listed; row counts must be equal afterwards.
    Aggressive,
}

impl Strategy {
    /// The name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Strategy::Conservative => "conservative",
            Strategy::Balanced => "balanced",
            Strategy::Aggressive => "aggressive",
        }
    }
}

/// Options of a migration.
pub struct MigrateOptions {
    pub strategy: Strategy,
    /// Append the trials to this experiment of the target instead of creating one.
    pub target_experiment: Option<i64>,
    pub on_duplicate: OnDuplicate,
    /// Allow values to be changed, and rows and columns to be left out, where the target cannot hold them. They are counted and listed.
    /// CONSERVATIVE never allows it, AGGRESSIVE always.
    pub allow_lossy: bool,
    /// Add the extra columns that the target's tables do not have.
    pub add_columns: bool,
    /// Rows per chunk read and written, more than 0. A chunk is never committed by itself, and does not change the result.
    pub batch_size: usize,
    /// Take a snapshot of the target before the first write. CONSERVATIVE always does.
    pub create_snapshot: bool,
    /// Write in several transactions, none of which is larger than a cluster takes; only on servers (docs/clusters.md). Until the last of
    /// them the copy says in its title that it is being copied. What stops on the way is resumed, or abandoned.
    pub staged: bool,
    /// The most rows of one such transaction, more than 0; `None` for what a cluster surely takes, 100,000 at the most.
    pub stage_rows: Option<u64>,
    /// Text to put before the title of the copy.
    pub title_prefix: Option<String>,
    /// A rules document (docs/transformations.md) for the metrics of the copy. The source stays as it is.
    pub transformation_rules: Option<String>,
    pub text_keys: TextKeyOptions,
    pub progress: Option<ProgressSink>,
    pub cancel: Option<CancelToken>,
}

impl Default for MigrateOptions {
    fn default() -> MigrateOptions {
        MigrateOptions {
            strategy: Strategy::default(),
            target_experiment: None,
            on_duplicate: OnDuplicate::default(),
            allow_lossy: false,
            add_columns: false,
            batch_size: 1000,
            create_snapshot: false,
            staged: false,
            stage_rows: None,
            title_prefix: None,
            transformation_rules: None,
            text_keys: TextKeyOptions::default(),
            progress: None,
            cancel: None,
        }
    }
}

/// What a migration needs of other capabilities; the manager has them.
pub struct ManagerServices<'h> {
    /// Runs the registered checks of the source.
    pub checks: RunChecks<'h>,
    /// The registered transformations of the source.
    pub transformations: &'h Transformations,
    /// Takes a snapshot of the target, which is in a write transaction that has written nothing; returns its id.
    pub snapshot: &'h mut dyn FnMut(&Arc<Job>) -> Result<String>,
}

impl std::fmt::Debug for MigrateOptions {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("MigrateOptions")
            .field("strategy", &self.strategy)
            .field("target_experiment", &self.target_experiment)
            .field("on_duplicate", &self.on_duplicate)
            .finish_non_exhaustive()
    }
}

impl MigrateOptions {
    /// Fails on what can be refused without looking at a database.
    pub fn check(&self) -> Result<()> {
        if self.batch_size == 0 {
            return Err(Error::argument(Domain::Migration, "batch_size", "batch_size must be at least 1")
                .hint("leave batch_size out; it is the number of rows per chunk and never changes the result"));
        }
        if self.stage_rows == Some(0) || (self.stage_rows.is_some() && !self.staged) {
            return Err(Error::argument(
                Domain::Migration,
                "stage_rows",
                "stage_rows is the most rows of one transaction of a migration in stages, at least 1",
            )
            .hint("leave stage_rows out, or give staged too"));
        }
        if self.title_prefix.is_some() && self.target_experiment.is_some() {
            return Err(Error::argument(
                Domain::Migration,
                "title_prefix",
                "a title prefix has no use when trials are appended to an existing experiment",
            )
            .hint("give either title_prefix or target_experiment_id"));
        }
        Ok(())
    }

    /// What the rules for the metrics come to, if there are any.
    pub fn transformation(&self, registered: &Transformations) -> Result<Option<Plan>> {
        self.transformation_rules.as_ref().map(|rules| Plan::parse(rules, registered)).transpose()
    }

    /// Whether a snapshot of the target is taken.
    pub fn takes_snapshot(&self) -> bool {
        self.create_snapshot || self.strategy == Strategy::Conservative
    }

    /// Whether values and rows that do not fit may be changed or left out.
    pub fn lossy_allowed(&self) -> bool {
        match self.strategy {
            Strategy::Conservative => false,
            Strategy::Balanced => self.allow_lossy,
            Strategy::Aggressive => true,
        }
    }
}

impl MigrateOptions {
    /// Whether the duplicates have to be known by their contents.
    pub fn needs_duplicates(&self) -> bool {
        self.on_duplicate != OnDuplicate::Copy || self.strategy != Strategy::Aggressive
    }

    /// Whether a duplicate is only a reason to warn.
    pub fn only_warns_of_duplicates(&self) -> bool {
        self.on_duplicate == OnDuplicate::Copy
    }
}
