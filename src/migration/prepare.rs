//! Collects everything that must be known about source and target before the first write.

use std::sync::Arc;

use super::endpoints::{Endpoints, prefixed_title};
use super::options::{MigrateOptions, Strategy};
use super::preflight::{Preflight, TargetLayout};
use crate::database::{ColumnLayout, TableLayout};
use crate::digest::{ExperimentDigest, Stored, digest, digest_as};
use crate::error::Result;
use crate::hierarchy::{Counts, OutsideReference, Scope, Selection, computed_only_here};
use crate::progress::Job;
use crate::validation::{Issue, Quality, Report, RunChecks, Severity, ValidateOptions, validate_state};
use crate::values::{Value, ValueRef};

/// How many issues of the source are listed; all are counted.
const LISTED: usize = 100;

/// What the validator says of the source.
pub struct Validated {
    pub whole: Report,
    pub experiment: Report,
}

impl Validated {
    fn read(ends: &Endpoints<'_>, checks: RunChecks<'_>, job: &Arc<Job>) -> Result<Validated> {
        let mut validate = |experiment: Option<i64>| {
            let options = ValidateOptions { experiment, issue_limit: LISTED, ..ValidateOptions::default() };
            validate_state(ends.source, &ends.source_layout, &options, checks, (job, false))
        };
        let whole = validate(None)?;
        Ok(Validated { whole, experiment: validate(Some(ends.experiment))? })
    }

    /// The issues that stop a migration: errors anywhere, and warnings about the experiment.
    pub fn stopping(&self) -> impl Iterator<Item = &Issue> {
        let errors = self.whole.issues().iter().filter(|issue| issue.severity == Severity::Error);
        errors.chain(self.experiment.issues().iter().filter(|issue| issue.severity == Severity::Warning))
    }

    /// How many those are.
    pub fn stopping_count(&self) -> (u64, u64) {
        (self.whole.count(Severity::Error), self.experiment.count(Severity::Warning))
    }
}

/// Everything that is known before the first write.
pub struct Prepared {
    pub selection: Selection,
    pub effective: TargetLayout,
    pub fit: Preflight,
    /// What is wrong with the values of the experiment; `None` where the strategy does not look, or has not yet.
    pub quality: Option<Report>,
    /// Nothing that is wrong with the values could stop the copying, which reads them all: they are judged, and the source is
    /// digested, when they are copied.
    pub deferred: Option<Quality>,
    /// What is wrong with the whole source, and with the experiment: only for CONSERVATIVE.
    pub validated: Option<Validated>,
    /// The exact digest of the source; `None` where nothing needs it.
    pub source_digest: Option<ExperimentDigest>,
    /// What the copy has to be; `None` where nothing needs it.
    pub expected: Option<ExperimentDigest>,
    /// What hangs on the experiment and is not copied.
    pub behind: Vec<OutsideReference>,
    /// Columns that are computed in the source and plain in the target: table, column, and how many rows are copied.
    pub computed: Vec<(&'static str, String, u64)>,
}

impl Prepared {
    /// Reads the source, and the target's schema. Writes nothing.
    ///
    /// With `defer`, what can be found out while the rows are copied is left for then.
    pub fn new(
        ends: &Endpoints<'_>,
        options: &MigrateOptions,
        (checks, defer): (RunChecks<'_>, bool),
        job: &Arc<Job>,
    ) -> Result<Prepared> {
        job.begin("counting the source")?;
        let mut fit = Preflight::default();
        let ways = (ends.add_columns, options.target_experiment.is_some());
        let mut effective = TargetLayout::new(&ends.source_layout, &ends.target_layout, ways, &mut fit);
        let mut selection = Selection::read(ends.source, &ends.source_layout, ends.experiment, Scope::default(), job)?;
        effective.find_untold(ends.source, &ends.target_layout, &selection)?;
        let behind = OutsideReference::find(ends.source, &ends.source_layout, &mut selection, job)?;
        let computed = computed_only_here(&ends.source_layout, &ends.target_layout, &selection);
        let mut quality = (options.strategy != Strategy::Aggressive).then(|| Quality::new(&selection));
        let as_it_is = options.target_experiment.is_none()
            && options.title_prefix.is_none()
            && ends.rewriter.is_none()
            && !effective.trimmed
            && selection.problems.count == 0;
        let tables = |counts: &Counts| counts.rows == 0 || effective.layout.table(counts.table.name).is_some();
        let deferred = defer
            && as_it_is
            && options.strategy == Strategy::Balanced
            && !ends.source_layout.has_links()
            && ends.target_layout.extra_keys().next().is_none()
            && selection.counts.iter().all(tables)
            && effective.loses_nothing(ends.source, &fit)?;
        let deferred = if deferred { quality.take() } else { None };
        let exact = match deferred {
            Some(_) => None,
            None => effective.find_losses(ends, &mut selection, (job, quality.as_mut()), &mut fit)?,
        };

        let mut prepared = Prepared {
            selection,
            effective,
            fit,
            quality: None,
            deferred,
            validated: None,
            source_digest: None,
            expected: None,
            behind,
            computed,
        };
        if let Some(mut quality) = quality {
            prepared.digest_source(ends, options, job, (exact, Some(&mut quality)))?;
            prepared.quality = Some(quality.report(ends.experiment));
        }
        if options.strategy == Strategy::Conservative {
            prepared.validated = Some(Validated::read(ends, checks, job)?);
        }
        Ok(prepared)
    }

    /// Computes both digests of the source; they are the same unless something changes on the way. Not the exact one if it is given.
    pub fn digest_source(
        &mut self,
        ends: &Endpoints<'_>,
        options: &MigrateOptions,
        job: &Arc<Job>,
        (exact, quality): (Option<ExperimentDigest>, Option<&mut Quality>),
    ) -> Result<()> {
        job.begin("digesting the source")?;
        let also = quality.map(|quality| quality as &mut dyn crate::hierarchy::Visitor);
        let exact = match exact {
            Some(exact) => exact,
            None => digest(ends.source, &ends.source_layout, &mut self.selection, None, job, also)?,
        };
        let as_it_is =
            self.fit.count == 0 && options.title_prefix.is_none() && ends.rewriter.is_none() && !self.effective.trimmed;
        self.expected = Some(if as_it_is && self.selection.problems.count == 0 {
            exact
        } else {
            let mut selection = self.copied_selection(ends, job)?;
            let stored = self.stored(ends, options);
            let stored: Stored<'_> = &stored;
            ends.rewriting(|rewrite| {
                let layout = &self.effective.layout;
                digest_as(ends.source, layout, &mut selection, (stored, rewrite), job, false).map(|(digest, _)| digest)
            })?
        });
        self.source_digest = Some(exact);
        Ok(())
    }

    /// The rows that will really be copied: those that can stand and that the target has tables for.
    pub fn copied_selection(&self, ends: &Endpoints<'_>, job: &Job) -> Result<Selection> {
        let (without, cut) = (self.fit.without.clone(), self.fit.cut.clone());
        let scope = Scope { sound_only: true, without, cut, ..Scope::default() };
        Selection::read(ends.source, &self.effective.layout, ends.experiment, scope, job)
    }

    /// The same, where they are not all rows of the experiment.
    pub fn trimmed_selection(&self, ends: &Endpoints<'_>, job: &Job) -> Result<Option<Selection>> {
        let whole = self.selection.problems.count == 0 && self.fit.count == 0;
        if whole { Ok(None) } else { self.copied_selection(ends, job).map(Some) }
    }

    /// What values become in the target.
    pub fn stored<'s>(
        &'s self,
        ends: &'s Endpoints<'_>,
        options: &'s MigrateOptions,
    ) -> impl Fn(&TableLayout, &ColumnLayout, ValueRef<'_>) -> Result<Option<Value>> + 's {
        move |table, column, value| {
            if let Some(prefixed) = prefixed_title(options, table, column, value) {
                return Ok(Some(prefixed));
            }
            self.effective.stored(ends.target, table, column, value)
        }
    }
}
