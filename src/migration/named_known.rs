//! Collects what must be known of an experiment whose keys are texts before its copy is written, and refuses what cannot be copied.

use std::sync::Arc;

use super::named_copy::find_losses;
use super::named_ends::{Ends, looking};
use super::named_ids::NewKeys;
use super::named_keys::find_folded;
use super::named_map::Changes;
use super::named_target::{check_versions, nameless_row, root_cell};
use super::options::{MigrateOptions, Strategy};
use super::preflight::Preflight;
use crate::database::{Connection, Layout, Unsteady};
use crate::digest::Hash;
use crate::error::{Domain, Error, NAMED, Result, Status};
use crate::hierarchy::{NamedRows, OnConflict, OnName, experiment_exists};
use crate::progress::Job;
use crate::validation::{RunChecks, Severity, ValidateOptions, derived_problems, validate_state};
use crate::values::Value;

/// What is known before the first write.
pub struct Known {
    pub rows: NamedRows,
    pub fit: Preflight,
    pub warnings: Vec<String>,
    /// The source's own name, and the digest of its row without it.
    pub name: Value,
    pub workspace: Value,
    pub nameless: Hash,
}

/// Fails for what cannot be asked of such a family.
pub fn check_options(options: &MigrateOptions, tracker: &str) -> Result<()> {
    let refuse = |what: &str, hint: &str| {
        let message = format!("{what} is not available for a database of {tracker}");
        Err(Error::new(Status::Unsupported, Domain::Migration, message).hint(hint))
    };
    if options.transformation_rules.is_some() {
        return refuse("transforming metrics", "leave the rules out");
    }
    if options.allow_lossy {
        return refuse("a copy with losses", "leave allow_lossy out: what does not fit is listed");
    }
    let appends = options.target_experiment.is_some() || options.text_keys.on_name == OnName::Append;
    if options.text_keys.on_conflict == OnConflict::Skip && !appends {
        return Err(Error::argument(
            Domain::Migration,
            "on_conflict",
            "on_conflict = skip leaves rows where they are, so it needs an experiment to append to",
        )
        .hint("give on_name = append, or on_duplicate = skip for whole experiments"));
    }
    Ok(())
}

impl Known {
    /// Reads the source, and judges it. Writes nothing.
    pub fn read(
        ends: &Ends<'_>,
        experiment: i64,
        options: &MigrateOptions,
        checks: RunChecks<'_>,
        job: &Arc<Job>,
    ) -> Result<Known> {
        looking(ends.target, ends.held, || check_versions((ends.source, ends.from), (ends.target, ends.to)))?;
        experiment_exists(ends.source, ends.from, experiment)?;
        job.begin("counting the source")?;
        let rows = NamedRows::read(ends.source, ends.from, experiment, job)?;
        let unsteady = ends.source.unsteady_tables(ends.from)?;
        let mut warnings: Vec<String> = unsteady.iter().map(|table| table.warning("the copy")).collect();
        warnings.extend(rows.astray.iter().map(|astray| astray.message()));
        warnings.extend(rows.left_behind(ends.source, ends.from)?.iter().map(|astray| astray.message_behind()));
        let derived = derived_problems(ends.source, ends.from, experiment, job)?;
        if options.strategy == Strategy::Conservative {
            refuse_doubts(&warnings, experiment, &unsteady)?;
            let validate = ValidateOptions { experiment: Some(experiment), ..ValidateOptions::default() };
            let report = validate_state(ends.source, ends.from, &validate, checks, (job, false))?;
            let doubts = report.count(Severity::Error) + report.count(Severity::Warning);
            if doubts > 0 {
                let message = format!("experiment {experiment} has {doubts} errors and warnings; nothing was changed");
                let error = Error::new(Status::Validation, Domain::Validation, message)
                    .detail("experiment_id", experiment)
                    .detail("count", doubts)
                    .hint("validate and repair the source, or use the BALANCED strategy");
                let worst = report.issues().iter().filter(|issue| issue.severity != Severity::Info);
                return Err(worst.take(NAMED).fold(error, |error, issue| error.detail("problem", &issue.message)));
            }
        }
        if let Some(problem) = derived {
            return Err(Error::new(Status::Validation, Domain::Validation, format!("{problem}; nothing was changed"))
                .detail("experiment_id", experiment)
                .hint("validate the source and repair what it says of the table: what is copied would be shown as wrong as it is here"));
        }
        job.begin("looking for values that do not fit")?;
        let none = NewKeys::kept(rows.family);
        let changes = Changes { rows: &rows, keys: &none, artifacts: options.text_keys.artifacts.as_ref() };
        let mut fit = find_losses(ends, &changes, job)?;
        looking(ends.target, ends.held, || find_folded(ends, &rows, job, &mut fit))?;
        let title = ends.from.family.listing.title;
        let name = root_cell(ends.source, ends.from, experiment, title)?;
        let workspace = match &options.text_keys.workspace {
            Some(workspace) => Value::Text(workspace.clone().into_bytes()),
            None => match &ends.from.family.division {
                Some(division) => root_cell(ends.source, ends.from, experiment, division.column)?,
                None => Value::Null,
            },
        };
        let nameless = nameless_row(ends.source, ends.from, experiment)?.unwrap_or_default();
        Ok(Known { rows, fit, warnings, name, workspace, nameless })
    }

    /// The name that the copy is to have, if the target does not have it.
    pub fn wanted_name(&self, options: &MigrateOptions) -> Value {
        match (&self.name, &options.title_prefix) {
            (Value::Text(name), Some(prefix)) => Value::Text([prefix.as_bytes(), name].concat()),
            (name, _) => name.clone(),
        }
    }
}

/// CONSERVATIVE: nothing of the experiment stays behind, and nothing can change while it is read.
fn refuse_doubts(warnings: &[String], experiment: i64, unsteady: &[Unsteady]) -> Result<()> {
    if warnings.is_empty() && unsteady.is_empty() {
        return Ok(());
    }
    let message = format!("not all of experiment {experiment} can be copied with certainty; nothing was changed");
    let error = Error::new(Status::Validation, Domain::Validation, message)
        .detail("experiment_id", experiment)
        .hint("use the BALANCED strategy, which says so in a warning");
    Err(warnings.iter().take(NAMED).fold(error, |error, warning| error.detail("problem", warning)))
}

pub fn judge_fit(fit: &Preflight, experiment: i64) -> Result<()> {
    if fit.count == 0 {
        return Ok(());
    }
    let status = if fit.refused > 0 { Status::Constraint } else { Status::Lossy };
    let message = format!("{} values of experiment {experiment} do not fit the target; nothing was changed", fit.count);
    let error = Error::new(status, Domain::Migration, message)
        .detail("experiment_id", experiment)
        .detail("count", fit.count)
        .hint("change the values in the source, or copy into a store that holds them");
    Err(fit.name_in(error))
}

/// Fails where writing into one of the tables sets something off: rows could be changed beside those that are written. MLflow has a trigger of its
/// own, on a table of no experiment's.
pub fn refuse_triggers(target: &dyn Connection, layout: &Layout) -> Result<()> {
    for table in &layout.tables {
        if target.has_triggers(table)? {
            let message = format!("{} of the target has triggers; nothing was changed", table.name);
            return Err(Error::new(Status::Unsupported, Domain::Migration, message)
                .detail("table", &table.name)
                .hint("MLflow makes none there: remove them"));
        }
    }
    Ok(())
}
