//! The two ends of a migration, and everything that is known before the first write.

use std::cell::RefCell;
use std::sync::Arc;

use super::duplicates::Duplicates;
use super::fit::{Effective, Fit};
use super::options::{MigrateOptions, Strategy};
use crate::database::{ColumnLayout, Connection, Database, Layout, TableLayout, Unsteady};
use crate::digest::{ExperimentDigest, OnDuplicate, Stored, digest, digest_as};
use crate::error::{Domain, Error, Result, Status};
use crate::hierarchy::{Behind, Counts, Rewrite, Scope, Selection, computed_only_here, experiment_exists};
use crate::progress::Job;
use crate::schema::Entity;
use crate::transformation::{Plan, Rewriter};
use crate::validation::{Issue, Quality, Report, RunChecks, Severity, ValidateOptions, validate_state};
use crate::values::{Value, ValueRef};

/// How many issues of the source are listed; all are counted.
const LISTED: usize = 100;

/// Source and target. In one database both are the same connection.
pub struct Sides<'a> {
    pub source: &'a dyn Connection,
    pub target: &'a dyn Connection,
    pub same: bool,
    pub source_layout: Layout,
    pub target_layout: Layout,
    pub experiment: i64,
    /// Columns of the target that have ids of other rows as in the source, and do not say so: table and column.
    pub undeclared: Vec<(&'static str, String)>,
    /// Extra columns that the target lacks are added there.
    pub add_columns: bool,
    /// Tables of the source that others can change while they are read, and their engines.
    pub unsteady: Vec<Unsteady>,
    /// Transforms the metrics on their way.
    pub rewriter: Option<RefCell<Rewriter<'a>>>,
}

impl<'a> Sides<'a> {
    /// Reads the layouts; fails on experiments that do not exist and on a migration into itself.
    pub fn new(
        (source_database, source): (&Database, &'a dyn Connection),
        (target_database, target): (&Database, &'a dyn Connection),
        experiment: i64,
        options: &MigrateOptions,
        (transformation, preview): (Option<Plan>, bool),
    ) -> Result<Sides<'a>> {
        let same = source_database.is_same_as(target_database);
        let read = |database: &Database, connection: &dyn Connection| -> Result<Layout> {
            database.checked(connection.layout()?)
        };
        let source_layout = read(source_database, source)?;
        let mut target_layout = read(target_database, target)?;
        source_layout.check_links()?;
        target_layout.check_links()?;
        let undeclared = target_layout.take_links_of(&source_layout);
        leave_to_fill(&mut target_layout, &source_layout);
        experiment_exists(source, &source_layout, experiment)?;
        check_target(target, &target_layout, options)?;
        if same && options.target_experiment == Some(experiment) {
            return Err(Error::argument(
                Domain::Migration,
                "target_experiment_id",
                format!("experiment {experiment} cannot be migrated into itself"),
            )
            .detail("experiment_id", experiment)
            .hint("leave target_experiment_id out to create a new experiment"));
        }
        let add_columns = options.add_columns || target_database.was_created();
        let rewriter = match transformation {
            Some(plan) => Some(RefCell::new(Rewriter::new(source, &source_layout, plan, preview)?)),
            None => None,
        };
        let unsteady = source.unsteady_tables(&source_layout)?;
        Ok(Sides {
            source,
            target,
            same,
            source_layout,
            target_layout,
            experiment,
            undeclared,
            add_columns,
            unsteady,
            rewriter,
        })
    }

    /// What is to be known of the source, whatever the experiment has.
    pub fn warnings(&self) -> impl Iterator<Item = String> + '_ {
        self.unsteady.iter().map(|table| table.warning("the copy"))
    }

    /// Fails if the source cannot be read as one state.
    pub fn refuse_unsteady(&self) -> Result<()> {
        if self.unsteady.is_empty() {
            return Ok(());
        }
        let message =
            "tables of the source can change while they are read, so no one state can be copied; nothing was changed";
        let error =
            Error::new(Status::Validation, Domain::Validation, message).detail("experiment_id", self.experiment);
        Err(Unsteady::name_all(&self.unsteady, error, "use the BALANCED strategy, which warns, while nobody writes"))
    }

    /// The target was looked at before its writers were locked out. Whether it still is as it was; if not, the source has to be judged
    /// anew, by what it is now.
    pub fn look_again(&mut self, database: &Database, options: &MigrateOptions) -> Result<bool> {
        let mut layout = database.checked(self.target.layout()?)?;
        layout.check_links()?;
        self.undeclared = layout.take_links_of(&self.source_layout);
        leave_to_fill(&mut layout, &self.source_layout);
        check_target(self.target, &layout, options)?;
        let unchanged = layout == self.target_layout;
        self.target_layout = layout;
        Ok(unchanged)
    }

    /// The target's layout has changed.
    pub fn read_target_again(&mut self) -> Result<()> {
        self.target_layout = self.target.layout()?;
        self.target_layout.take_links_of(&self.source_layout);
        leave_to_fill(&mut self.target_layout, &self.source_layout);
        Ok(())
    }

    /// Reads with the metrics as they will be in the copy.
    pub fn rewriting<T>(&self, read: impl FnOnce(Option<&mut dyn Rewrite>) -> Result<T>) -> Result<T> {
        match &self.rewriter {
            Some(rewriter) => {
                let mut rewriter = rewriter.borrow_mut();
                rewriter.start();
                read(Some(&mut *rewriter))
            }
            None => read(None),
        }
    }

    /// Fails if metrics could not be transformed, and that fails all.
    pub fn refuse_failed(&self) -> Result<()> {
        match self.rewriter.as_ref().and_then(|rewriter| rewriter.borrow().refused()) {
            Some(error) => Err(error.detail("experiment_id", self.experiment)),
            None => Ok(()),
        }
    }
}

/// What the source has no column for, and what numbers the target's own rows, is the target's business: its defaults apply, and the
/// proof is over what was asked for.
fn leave_to_fill(target: &mut Layout, source: &Layout) {
    target.leave_to_fill(|table, column| {
        source.table(table.name).is_some_and(|there| there.position(&column.name).is_some())
    });
}

/// Fails if trials shall be added to an experiment that does not exist.
fn check_target(target: &dyn Connection, layout: &Layout, options: &MigrateOptions) -> Result<()> {
    let Some(wanted) = options.target_experiment else { return Ok(()) };
    experiment_exists(target, layout, wanted).map_err(|error| error.detail("parameter", "target_experiment_id"))
}

/// What the validator says of the source.
pub struct Validated {
    pub whole: Report,
    pub experiment: Report,
}

impl Validated {
    fn read(sides: &Sides<'_>, checks: RunChecks<'_>, job: &Arc<Job>) -> Result<Validated> {
        let mut validate = |experiment: Option<i64>| {
            let options = ValidateOptions { experiment, issue_limit: LISTED, ..ValidateOptions::default() };
            validate_state(sides.source, &sides.source_layout, &options, checks, (job, false))
        };
        let whole = validate(None)?;
        Ok(Validated { whole, experiment: validate(Some(sides.experiment))? })
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
    pub effective: Effective,
    pub fit: Fit,
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
    pub duplicates: Duplicates,
    /// What hangs on the experiment and is not copied.
    pub behind: Vec<Behind>,
    /// Columns that are computed in the source and plain in the target: table, column, and how many rows are copied.
    pub computed: Vec<(&'static str, String, u64)>,
}

impl Prepared {
    /// Reads the source, and the target's schema. Writes nothing.
    ///
    /// With `defer`, what can be found out while the rows are copied is left for then.
    pub fn new(
        sides: &Sides<'_>,
        options: &MigrateOptions,
        (checks, defer): (RunChecks<'_>, bool),
        job: &Arc<Job>,
    ) -> Result<Prepared> {
        job.begin("counting the source")?;
        let mut fit = Fit::default();
        let ways = (sides.add_columns, options.target_experiment.is_some());
        let mut effective = Effective::new(&sides.source_layout, &sides.target_layout, ways, &mut fit);
        let mut selection =
            Selection::read(sides.source, &sides.source_layout, sides.experiment, Scope::default(), job)?;
        effective.find_untold(sides.source, &sides.target_layout, &selection)?;
        let behind = Behind::find(sides.source, &sides.source_layout, &mut selection, job)?;
        let computed = computed_only_here(&sides.source_layout, &sides.target_layout, &selection);
        let mut quality = (options.strategy != Strategy::Aggressive).then(|| Quality::new(&selection));
        let as_it_is = options.target_experiment.is_none()
            && options.title_prefix.is_none()
            && sides.rewriter.is_none()
            && !effective.trimmed
            && selection.problems.count == 0;
        let tables = |counts: &Counts| counts.rows == 0 || effective.layout.table(counts.table.name).is_some();
        let deferred = defer
            && as_it_is
            && options.strategy == Strategy::Balanced
            && !sides.source_layout.has_links()
            && selection.counts.iter().all(tables)
            && effective.loses_nothing(sides.source, &fit)?;
        let deferred = if deferred { quality.take() } else { None };
        let exact = match deferred {
            Some(_) => None,
            None => effective.find_losses(sides, &mut selection, (job, quality.as_mut()), &mut fit)?,
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
            duplicates: Duplicates::default(),
            behind,
            computed,
        };
        if let Some(mut quality) = quality {
            prepared.digest_source(sides, options, job, (exact, Some(&mut quality)))?;
            prepared.quality = Some(quality.report(sides.experiment));
        }
        if options.strategy == Strategy::Conservative {
            prepared.validated = Some(Validated::read(sides, checks, job)?);
        }
        Ok(prepared)
    }

    /// Looks for the same experiment in the target.
    pub fn find_duplicates(&mut self, sides: &Sides<'_>, options: &MigrateOptions, job: &Arc<Job>) -> Result<()> {
        job.begin("looking for the same experiment in the target")?;
        self.duplicates = Duplicates::find(sides, options, self, job)?;
        Ok(())
    }

    /// Computes both digests of the source; they are the same unless something changes on the way. Not the exact one if it is given.
    pub fn digest_source(
        &mut self,
        sides: &Sides<'_>,
        options: &MigrateOptions,
        job: &Arc<Job>,
        (exact, quality): (Option<ExperimentDigest>, Option<&mut Quality>),
    ) -> Result<()> {
        job.begin("digesting the source")?;
        let also = quality.map(|quality| quality as &mut dyn crate::hierarchy::Visitor);
        let exact = match exact {
            Some(exact) => exact,
            None => digest(sides.source, &sides.source_layout, &mut self.selection, None, job, also)?,
        };
        let as_it_is = self.fit.count == 0
            && options.title_prefix.is_none()
            && sides.rewriter.is_none()
            && !self.effective.trimmed;
        self.expected = Some(if as_it_is && self.selection.problems.count == 0 {
            exact
        } else {
            let mut selection = self.copied_selection(sides, job)?;
            let stored = self.stored(sides, options);
            let stored: Stored<'_> = &stored;
            sides.rewriting(|rewrite| {
                let layout = &self.effective.layout;
                digest_as(sides.source, layout, &mut selection, (stored, rewrite), job, false).map(|(digest, _)| digest)
            })?
        });
        self.source_digest = Some(exact);
        Ok(())
    }

    /// The rows that will really be copied: those that can stand and that the target has tables for.
    pub fn copied_selection(&self, sides: &Sides<'_>, job: &Job) -> Result<Selection> {
        let scope = Scope { sound_only: true, without: self.fit.without.clone(), ..Scope::default() };
        Selection::read(sides.source, &self.effective.layout, sides.experiment, scope, job)
    }

    /// What values become in the target.
    pub fn stored<'s>(
        &'s self,
        sides: &'s Sides<'_>,
        options: &'s MigrateOptions,
    ) -> impl Fn(&TableLayout, &ColumnLayout, ValueRef<'_>) -> Result<Option<Value>> + 's {
        move |table, column, value| {
            if let Some(prefixed) = prefixed_title(options, table, column, value) {
                return Ok(Some(prefixed));
            }
            self.effective.stored(sides.target, table, column, value)
        }
    }
}

/// The title of the copy, if there is a prefix and this is the title.
pub fn prefixed_title(
    options: &MigrateOptions,
    table: &TableLayout,
    column: &ColumnLayout,
    value: ValueRef<'_>,
) -> Option<Value> {
    let prefix = options.title_prefix.as_ref()?;
    let is_title = table.schema.place == crate::schema::Place::Node(Entity::Experiment)
        && column.schema.is_some_and(|known| known.name == "title");
    match value {
        ValueRef::Text(title) if is_title => Some(Value::Text([prefix.as_bytes(), title].concat())),
        _ => None,
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
