//! The facade that Rust users and the C API hold: one database, with all operations on it.

mod bring_in;
mod columns;
mod exchange;
mod jobs;
mod report;
mod snapshots;
mod transformations;

use std::borrow::Borrow;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use crate::database::{Connection, Database, EachRow, Layout, Reading, Version, Watches};
use crate::digest::{self, Hash};
use crate::error::{Domain, Error, Result, Status};
use crate::hierarchy::{
    CountRows, ExperimentList, ExperimentSummary, ExperimentsDocument, NamedRows, Scope, Selection, UnsoundRows,
    experiment_exists, list_experiments,
};
use crate::migration::{self, Comparison, ManagerServices, MigrateOptions, MigrationPlan, MigrationResult};
use crate::progress::{CancelToken, Job, ProgressSink};
use crate::schema::Call;
use crate::snapshot::{self, Counting, Folder};
use crate::transformation::Transformations;
use crate::validation::{self, Check, Checks, Collector, Report, Scope as Sections, Severity, ValidateOptions};
use crate::values::Value;

pub use exchange::FileOptions;
pub use snapshots::{RestoreOptions, SnapshotOptions};

/// How important a log record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub enum LogLevel {
    Error = 1,
    Warning = 2,
    Info = 3,
    Debug = 4,
}

impl LogLevel {
    /// The level with this number.
    pub fn from_code(code: i32) -> Option<LogLevel> {
        [LogLevel::Error, LogLevel::Warning, LogLevel::Info, LogLevel::Debug]
            .into_iter()
            .find(|level| *level as i32 == code)
    }
}

/// Receives log records: level and one line.
pub type LogSink = Box<dyn Fn(LogLevel, &str) + Send + Sync>;

/// Options of a manager.
#[derive(Default)]
pub struct ManagerOptions {
    /// Receives records of `log_level` and more important ones.
    pub log: Option<LogSink>,
    pub log_level: Option<LogLevel>,
    /// The folder for snapshots; `None` for `snapshots`. A relative path starts at the working directory at the time when the manager is
    /// made. The folder is created by the first snapshot.
    pub snapshot_dir: Option<PathBuf>,
}

/// Progress and cancelling of a call without further options.
#[derive(Default)]
pub struct JobOptions {
    pub progress: Option<ProgressSink>,
    pub cancel: Option<CancelToken>,
}

impl JobOptions {
    fn job(self, domain: Domain) -> Arc<Job> {
        Job::new(domain, self.progress, self.cancel)
    }
}

/// The options, registered checks and registered transformations of a manager. Several managers can share them.
#[derive(Default)]
pub struct Settings {
    options: ManagerOptions,
    checks: Checks,
    transformations: Transformations,
    /// `None` if the working directory could not be read.
    folder: Option<Folder>,
}

impl Settings {
    /// Settings with these options. A relative snapshot folder starts at the present working directory.
    pub fn new(options: ManagerOptions) -> Settings {
        let folder = Folder::at(options.snapshot_dir.as_deref()).ok();
        Settings { options, folder, ..Settings::default() }
    }

    /// The registered checks.
    pub fn checks(&self) -> &Checks {
        &self.checks
    }
}

/// One database, owned or borrowed, with all operations on it.
pub struct Manager<D: Borrow<Database> = Database> {
    database: D,
    settings: Arc<Settings>,
}

impl<D: Borrow<Database>> fmt::Debug for Manager<D> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Manager").field("database", self.database()).finish_non_exhaustive()
    }
}

impl<D: Borrow<Database>> Manager<D> {
    /// Makes a manager of this database.
    pub fn new(database: D, options: ManagerOptions) -> Manager<D> {
        Manager::sharing(database, Arc::new(Settings::new(options)))
    }

    /// Makes a manager of this database that shares its options, registered checks and transformations with other managers.
    pub fn sharing(database: D, settings: Arc<Settings>) -> Manager<D> {
        Manager { database, settings }
    }

    /// The database.
    pub fn database(&self) -> &Database {
        self.database.borrow()
    }

    /// What other managers can share with this one.
    pub fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }

    fn log(&self, level: LogLevel, message: &dyn Fn() -> String) {
        if let Some(sink) = &self.settings.options.log
            && level <= self.settings.options.log_level.unwrap_or(LogLevel::Info)
        {
            sink(level, &message());
        }
    }

    /// Logs how a call ended.
    fn logged<T>(&self, what: &str, result: Result<T>) -> Result<T> {
        match &result {
            Ok(_) => self.log(LogLevel::Debug, &|| format!("{what}: done")),
            Err(error) => {
                self.log(LogLevel::Error, &|| format!("{what}: {} ({})", error.message(), error.status().name()))
            }
        }
        result
    }

    /// Reads one consistent state.
    fn reading<T>(&self, job: &Arc<Job>, read: impl FnOnce(&dyn Connection) -> Result<T>) -> Result<T> {
        job.begin("opening")?;
        let state = self.database().state(Reading::Passes, job)?;
        let connection = state.connection();
        let _watches = Watches::new(job, [connection, connection]);
        let value = read(connection)?;
        job.finish();
        Ok(value)
    }

    /// Every experiment, by id. Experiments whose id is not an integer are left out: [`Manager::experiments`] lists them, and the log names
    /// them.
    pub fn list_experiments(&self) -> Result<Vec<ExperimentSummary>> {
        Ok(self.experiments()?.experiments)
    }

    /// Every experiment, and the experiments that cannot be listed.
    pub fn experiments(&self) -> Result<ExperimentList> {
        self.read_experiments(Vec::new, |list, experiment| {
            list.push(experiment);
            Ok(())
        })
        .map(|(experiments, unlisted)| ExperimentList { experiments, unlisted })
    }

    /// Like [`Manager::experiments`], but returns the text of a JSON object, schema `expmig.experiments/1`, which is written while the
    /// rows are read.
    pub fn list_experiments_json(&self) -> Result<String> {
        let read = self.read_experiments(ExperimentsDocument::default, |text, experiment| text.add(&experiment));
        read.map(|(text, unlisted)| text.finish(&unlisted))
    }

    /// Hands every experiment over to what `begin` makes, which is given back.
    fn read_experiments<T>(
        &self,
        begin: impl Fn() -> T,
        add: impl Fn(&mut T, ExperimentSummary) -> Result<()>,
    ) -> Result<(T, UnsoundRows)> {
        let job = Job::unwatched(Domain::Database);
        let list = self.database().read_briefly(&job, |connection| {
            let mut made = begin();
            let layout = self.database().checked(connection.layout()?)?;
            let unlisted = list_experiments(connection, &layout, &mut |experiment| add(&mut made, experiment))?;
            self.warn_of(&unlisted);
            Ok((made, unlisted))
        });
        self.logged("list experiments", list)
    }

    /// Logs which experiments are not in a list.
    fn warn_of(&self, unlisted: &UnsoundRows) {
        if unlisted.count > 0 {
            let first = || unlisted.first.first().map_or("", |problem| problem.message.as_str());
            let count = unlisted.count;
            self.log(LogLevel::Warning, &|| format!("{count} experiments cannot be listed, the first: {}", first()));
        }
    }

    /// Describes the database: engine, path, generation, extra columns and tables. Schema `expmig.database/1`.
    pub fn database_info(&self) -> Result<Json> {
        let job = Job::unwatched(Domain::Database);
        let (layout, version) = self.database().read_briefly(&job, |connection| {
            let layout = self.database().checked(connection.layout()?)?;
            let version = Version::read(connection, &layout)?;
            Ok((layout, version))
        })?;
        let mut extra_columns = Vec::new();
        for table in &layout.tables {
            for column in table.extra_columns() {
                extra_columns.push(json!({
                    "table": table.schema.name, "column": column.name, "type": column.declared,
                }));
            }
        }
        let mut info = serde_json::Map::from_iter([("schema".to_owned(), json!("expmig.database/1"))]);
        info.extend(self.database().describe()?);
        if let Json::Object(rest) = json!({
            "family": layout.family.name,
            "generation": layout.generation(),
            "version": version.found,
            "warnings": version.warning(layout.family).into_iter().collect::<Vec<_>>(),
            "tables": layout.tables.iter().map(|table| table.schema.name).collect::<Vec<_>>(),
            "extra_columns": extra_columns,
            "extra_tables": layout.extra_tables,
        }) {
            info.extend(rest);
        }
        Ok(Json::Object(info))
    }

    /// Lists the columns of a server's tables that are too narrow to hold every value (docs/fidelity.md), and the statements that widen
    /// them. With `apply`, runs these statements. Schema `expmig.widening/1`.
    pub fn widen_schema(&self, apply: bool, options: JobOptions) -> Result<Json> {
        let job = options.job(Domain::Database);
        let widened = job.begin("widening").and_then(|()| self.database().widen(apply, &job));
        if widened.is_ok() {
            job.finish();
        }
        self.logged("widen the schema", widened.map(|done| done.to_json(apply)))
    }

    /// The content digest of an experiment (docs/digest.md).
    pub fn experiment_digest(&self, experiment: i64, options: JobOptions) -> Result<Hash> {
        let job = options.job(Domain::Migration);
        let digest = self.reading(&job, |connection| {
            let layout = self.database().checked(connection.layout()?)?;
            layout.require(Call::Digest, Domain::Migration)?;
            experiment_exists(connection, &layout, experiment)?;
            for table in connection.unsteady_tables(&layout)? {
                self.log(LogLevel::Warning, &|| table.warning("the digest"));
            }
            if layout.family.has_text_keys() {
                return self.named_digest(connection, &layout, experiment, &job);
            }
            job.begin("counting")?;
            let mut selection = Selection::read(connection, &layout, experiment, Scope::default(), &job)?;
            selection.refuse_odd_keys(Domain::Migration)?;
            job.set_total(selection.counts.iter().map(|counts| counts.rows + counts.unsound).sum());
            job.begin("digesting")?;
            let mut counter = CountRows(&job);
            let digest = digest::digest(connection, &layout, &mut selection, None, &job, Some(&mut counter))?;
            // Read together with the links to them.
            (0..selection.linked()).try_for_each(|_| job.advance())?;
            Ok(digest.experiment)
        });
        self.logged("experiment digest", digest)
    }

    /// The same of a family whose keys are texts.
    fn named_digest(&self, connection: &dyn Connection, layout: &Layout, experiment: i64, job: &Job) -> Result<Hash> {
        job.begin("counting")?;
        let rows = NamedRows::read(connection, layout, experiment, job)?;
        for astray in &rows.astray {
            self.log(LogLevel::Warning, &|| astray.message());
        }
        job.set_total(rows.total());
        job.begin("digesting")?;
        Ok(digest::digest_named(connection, layout, &rows, (job, true))?.experiment)
    }

    /// Runs one SELECT with bound parameters, and hands over row after row. SQL that does more than read is MISUSE.
    pub fn query(&self, sql: &str, params: &[Value], each: EachRow<'_>) -> Result<()> {
        self.logged("query", self.database().query(sql, params, each))
    }

    /// Checks the data of the whole database, or of one experiment. Reads only.
    pub fn validate(&self, options: ValidateOptions) -> Result<Report> {
        self.log(LogLevel::Info, &|| match options.experiment {
            Some(experiment) => format!("validating experiment {experiment}"),
            None => "validating the database".to_owned(),
        });
        let report = validation::validate(self.database(), options, &mut self.run_checks());
        if let Ok(report) = &report {
            let level = if report.passed() { LogLevel::Info } else { LogLevel::Warning };
            self.log(level, &|| {
                let [errors, warnings, infos] = Severity::ALL.map(|severity| report.count(severity));
                format!("validation found {errors} errors, {warnings} warnings, {infos} infos")
            });
        }
        self.logged("validate", report)
    }

    /// What a validation calls to run the registered checks.
    fn run_checks(&self) -> impl FnMut(&dyn Connection, Option<i64>, &Arc<Job>, &mut Collector) -> Result<()> {
        |connection, experiment, job, collector| self.settings.checks.run(connection, experiment, job, collector)
    }

    /// Registers a check. From now on, every [`Manager::validate`] with registered checks in its scope runs it, and so does every
    /// CONSERVATIVE migration from this manager.
    pub fn register_check(&self, name: &str, check: Check) -> Result<()> {
        self.logged("register check", self.settings.checks.register(self.database(), name, check))
    }

    /// Removes a check that [`Manager::register_check`] registered.
    pub fn unregister_check(&self, name: &str) -> Result<()> {
        self.logged("unregister check", self.settings.checks.unregister(name))
    }

    /// Whether the hierarchy of an experiment has no error, and its errors and warnings, one line each. If the experiment does not exist,
    /// the call succeeds, and the only line says so.
    pub fn validate_hierarchy(&self, experiment: i64) -> Result<(bool, Vec<String>)> {
        let scope = Sections { hierarchy: true, ..Sections::NONE };
        let options = ValidateOptions { scope, experiment: Some(experiment), ..ValidateOptions::default() };
        let report = match self.validate(options) {
            Err(error) if is_unknown_experiment(&error) => return Ok((false, vec![error.message().to_owned()])),
            report => report?,
        };
        let mut messages = report.hierarchy_messages();
        let all = report.count(Severity::Error) + report.count(Severity::Warning);
        let more = all.saturating_sub(messages.len() as u64);
        if more > 0 {
            messages.push(format!("{more} more; a validation with a higher issue limit lists them"));
        }
        Ok((report.passed(), messages))
    }

    /// Copies an experiment into `target`, or within this database.
    pub fn migrate_experiment(
        &self,
        experiment: i64,
        target: Option<&Manager<D>>,
        options: MigrateOptions,
    ) -> Result<MigrationResult> {
        self.log(LogLevel::Info, &|| format!("migrating experiment {experiment}"));
        let description = format!("before migrating experiment {experiment}");
        let copy = if options.staged { migration::migrate_staged } else { migration::migrate };
        let result = self.with_services(target, &description, |target, services| {
            copy(self.database(), target, experiment, options, services)
        });
        self.logged("migrate experiment", self.noted(result))
    }

    /// Hands over what a migration needs of a manager, and the target's database.
    fn with_services(
        &self,
        target: Option<&Manager<D>>,
        description: &str,
        migrate: impl FnOnce(Option<&Database>, ManagerServices<'_>) -> Result<MigrationResult>,
    ) -> Result<MigrationResult> {
        let receiver = target.unwrap_or(self);
        let mut snapshot = |job: &Arc<Job>| {
            let request = snapshot::Request::new(description, None)?;
            let folder = receiver.folder()?;
            Ok(snapshot::create(receiver.database(), &folder, &request, job, Counting::Nothing)?.id)
        };
        let helpers = ManagerServices {
            checks: &mut self.run_checks(),
            transformations: &self.settings.transformations,
            snapshot: &mut snapshot,
        };
        migrate(target.map(Manager::database), helpers)
    }

    /// Logs what a migration did.
    fn noted(&self, result: Result<MigrationResult>) -> Result<MigrationResult> {
        let done = result?;
        for warning in &done.warnings {
            self.log(LogLevel::Warning, &|| warning.clone());
        }
        self.log(LogLevel::Info, &|| {
            format!("experiment {} is experiment {} of the target", done.source_experiment_id, done.new_experiment_id)
        });
        Ok(done)
    }

    /// What [`Manager::migrate_experiment`] would do; writes nothing.
    pub fn plan(&self, experiment: i64, target: Option<&Manager<D>>, options: MigrateOptions) -> Result<MigrationPlan> {
        let target = target.map(Manager::database);
        let plan = migration::plan(
            self.database(),
            target,
            experiment,
            options,
            (&mut self.run_checks(), &self.settings.transformations),
        );
        self.logged("plan migration", plan)
    }

    /// As [`Manager::plan`], as a JSON object, schema `expmig.plan/1`.
    pub fn plan_migration(
        &self,
        experiment: i64,
        target: Option<&Manager<D>>,
        options: MigrateOptions,
    ) -> Result<Json> {
        Ok(self.plan(experiment, target, options)?.to_json())
    }

    /// Whether two experiments have the same content, and if not, where they first differ.
    pub fn compare(
        &self,
        experiment: i64,
        other: Option<&Manager<D>>,
        other_experiment: i64,
        options: JobOptions,
    ) -> Result<Comparison> {
        let job = options.job(Domain::Migration);
        let other = other.map_or(self.database(), Manager::database);
        let report = migration::compare((self.database(), experiment), (other, other_experiment), &job);
        self.logged("compare experiments", report)
    }

    /// As [`Manager::compare`], as a JSON object, schema `expmig.comparison/1`.
    pub fn compare_experiments(
        &self,
        experiment: i64,
        other: Option<&Manager<D>>,
        other_experiment: i64,
        options: JobOptions,
    ) -> Result<Json> {
        Ok(self.compare(experiment, other, other_experiment, options)?.to_json())
    }
}

/// Whether the error says that the requested experiment does not exist.
fn is_unknown_experiment(error: &Error) -> bool {
    error.status() == Status::NotFound && error.details().iter().any(|detail| detail.key == "experiment_id")
}

impl<D: Borrow<Database>> From<D> for Manager<D> {
    fn from(database: D) -> Manager<D> {
        Manager::new(database, ManagerOptions::default())
    }
}
