//! One validation: reads a consistent state, and runs every requested section.

use std::sync::Arc;

use super::below_run::read_below;
use super::experiment_manager::{has_json, read_names};
use super::extra_foreign_keys::read_extra_keys;
use super::issue::{Issue, IssueKind};
use super::links::read_links;
use super::mlflow::read_store;
use super::nodes::read_nodes;
use super::options::ValidateOptions;
use super::report::{Collector, Report};
use super::seen_rows::SeenRows;
use super::shared_rows::read_shared;
use super::table_scan::Pass;
use super::value_checks::Values;
use crate::database::{Connection, Database, Layout, Reading, Watches};
use crate::error::{Domain, Error, Result};
use crate::hierarchy::{Scope, Selection, experiment_exists, has_loose_keys};
use crate::progress::Job;
use crate::schema::{Call, EXPERIMENT_MANAGER, Family, MLFLOW, Place, quote};

/// Runs the registered checks on the state that is being validated, of one experiment or of all.
pub type RunChecks<'c> = &'c mut dyn FnMut(&dyn Connection, Option<i64>, &Arc<Job>, &mut Collector) -> Result<()>;

/// What reads the tables of a family, and looks for what is wrong.
type ReadFamily = fn(Pass<'_>, &mut Collector) -> Result<()>;

static READERS: [(&Family, ReadFamily); 2] = [(&EXPERIMENT_MANAGER, read_tables), (&MLFLOW, read_store)];

/// Validates a database, or one experiment of it. Reads only.
pub fn validate(database: &Database, mut options: ValidateOptions, checks: RunChecks<'_>) -> Result<Report> {
    let job = Job::new(Domain::Validation, options.progress.take(), options.cancel.take());
    let report = read(database, &options, checks, &job)?;
    // By now it is known exactly.
    job.set_total(job.counts().0);
    job.finish();
    Ok(report)
}

fn read(database: &Database, options: &ValidateOptions, checks: RunChecks<'_>, job: &Arc<Job>) -> Result<Report> {
    job.begin("opening")?;
    let state = database.state(Reading::Passes, job)?;
    let connection = state.connection();
    let _watches = Watches::new(job, [connection, connection]);
    let layout = database.checked(connection.layout()?)?;
    if let Some(experiment) = options.experiment {
        experiment_exists(connection, &layout, experiment).map_err(|error| error.in_domain(Domain::Validation))?;
    }
    let unsteady = connection.unsteady_tables(&layout)?;
    let mut report = validate_state(connection, &layout, options, checks, (job, true))?;
    report.warnings.extend(unsteady.iter().map(|table| table.warning("the report")));
    Ok(report)
}

/// Validates what an open transaction sees, as a part of another job or as the whole of one: then the rows are its items. That the
/// experiment exists is the caller's business.
pub fn validate_state(
    connection: &dyn Connection,
    layout: &Layout,
    options: &ValidateOptions,
    checks: RunChecks<'_>,
    (job, counts): (&Arc<Job>, bool),
) -> Result<Report> {
    layout.require(Call::Validate, Domain::Validation)?;
    let mut collector = Collector::new(options.issue_limit);
    let pass = Pass { connection, layout, job, scope: options.scope, experiment: options.experiment, counts };
    match READERS.iter().find(|(family, _)| *family == layout.family) {
        Some((_, read)) => read(pass, &mut collector)?,
        None => return Err(Error::internal(Domain::Validation, "no checks of the family")),
    }
    if options.scope.registered_checks {
        job.begin("running registered checks")?;
        checks(connection, options.experiment, job, &mut collector)?;
    }
    Ok(collector.report(options.scope, options.experiment))
}

/// Reads every table that the scope needs, once, parents before children.
fn read_tables(pass: Pass<'_>, collector: &mut Collector) -> Result<()> {
    let scope = pass.scope;
    let rows = scope.foreign_keys || scope.hierarchy;
    if !rows && !scope.metric_json {
        return Ok(());
    }
    let mut known = SeenRows::new(pass.layout.family);
    let mut values = Values::default();
    count(pass)?;
    // Which metrics an experiment has, only its links say.
    if rows || pass.experiment.is_some() {
        pass.job.begin("validating the hierarchy")?;
        for table in &pass.layout.tables {
            match table.schema.place {
                Place::Node(entity) => read_nodes(pass, table, entity, &mut known, &mut values, collector)?,
                Place::Below(owner) => read_below(pass, (table, owner), &mut known, &mut values, collector)?,
                Place::Aside | Place::Derived(_) | Place::Leaf(_) | Place::Link { .. } => {}
            }
        }
    }
    if scope.foreign_keys {
        read_extra_keys(pass, collector)?;
    }
    if scope.hierarchy {
        read_names(pass, collector)?;
        read_odd_keys(pass, collector)?;
    }
    for leaf in pass.layout.family.leaves() {
        if !rows && !has_json(leaf) {
            continue;
        }
        pass.job.begin(pass.layout.family.of(leaf).checking)?;
        let mut linked = read_links(pass, &known, leaf, &mut values, collector)?;
        if scope.hierarchy {
            read_shared(pass, &known, leaf, &mut linked, collector)?;
        }
    }
    Ok(())
}

/// Reports the rows of one experiment that no number between two others finds, because their keys are texts.
fn read_odd_keys(pass: Pass<'_>, collector: &mut Collector) -> Result<()> {
    let Some(experiment) = pass.experiment.filter(|_| has_loose_keys(pass.layout)) else { return Ok(()) };
    let selection = Selection::read(pass.connection, pass.layout, experiment, Scope::default(), pass.job)?;
    let kind = IssueKind::KeyNotInteger;
    let hidden = selection.hidden();
    // All are counted; of many only the first are known, and the last of these stands for the rest.
    let known = hidden.first.iter().chain(std::iter::repeat_with(|| hidden.first.last()).map_while(|last| last));
    for (problem, _) in known.zip(0..hidden.count) {
        collector.add(kind, kind.severity(), problem.table, || {
            let (row, message) = (problem.row.clone(), problem.message.clone());
            let (severity, table) = (kind.severity(), problem.table.into());
            Issue { kind, severity, table, row, column: None, message, value: None, check: None }
        });
    }
    Ok(())
}

/// Counts the rows that will be read, if somebody watches.
fn count(pass: Pass<'_>) -> Result<()> {
    if !pass.counts || !pass.job.is_watched() {
        return Ok(());
    }
    pass.job.begin("counting")?;
    let rows = pass.scope.foreign_keys || pass.scope.hierarchy;
    let total = match pass.experiment {
        Some(experiment) => {
            let selection = Selection::read(pass.connection, pass.layout, experiment, Scope::default(), pass.job)?;
            let wanted = |table: &crate::schema::Table| match table.place {
                Place::Leaf(leaf) | Place::Link { leaf, .. } => rows || has_json(leaf),
                _ => true,
            };
            let counts = selection.counts.iter().filter(|counts| wanted(counts.table));
            counts.map(|counts| counts.rows + counts.unsound).sum()
        }
        None => {
            let mut total = 0;
            for table in &pass.layout.tables {
                let read = match table.schema.place {
                    Place::Aside | Place::Derived(_) => false,
                    Place::Leaf(leaf) => rows || has_json(leaf),
                    _ => rows,
                };
                if read {
                    let sql = format!("SELECT count(*) FROM {}", quote(&table.name));
                    total += pass.connection.query_integer(&sql, &[])?.and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
                }
            }
            total
        }
    };
    pass.job.set_total(total);
    Ok(())
}
