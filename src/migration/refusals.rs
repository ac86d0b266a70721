//! What stops a migration before its first write: findings that its strategy refuses, losses, and an experiment that the target has already.

use super::duplicates::Duplicates;
use super::endpoints::Endpoints;
use super::options::{MigrateOptions, Strategy};
use super::outcome::skipped;
use super::prepare::{Prepared, Validated};
use super::result::MigrationResult;
use super::warnings::computed;
use crate::digest::OnDuplicate;
use crate::error::{Domain, Error, NAMED, Result, Status};
use crate::progress::Job;

/// The error of a target that has the experiment already.
pub fn already_there(experiment: i64, existing: i64) -> Error {
    let message = format!("the target has experiment {experiment} already, as experiment {existing}");
    Error::new(Status::AlreadyExists, Domain::Migration, message)
        .detail("experiment_id", experiment)
        .detail("duplicate_experiment_id", existing)
        .hint("on_duplicate = skip returns its id instead")
}

/// Fails for what the strategy refuses. Returns a result if the target has the experiment already and it shall be skipped.
pub fn refuse_or_skip(
    ends: &Endpoints<'_>,
    (prepared, duplicates): (&Prepared, &Duplicates),
    options: &MigrateOptions,
    job: &Job,
) -> Result<Option<MigrationResult>> {
    let experiment = ends.experiment;
    let problems = &prepared.selection.problems;
    if problems.count > 0 && options.strategy != Strategy::Aggressive {
        let error = Error::new(
            Status::Validation,
            Domain::Validation,
            format!("{} rows of experiment {experiment} are unsound; nothing was changed", problems.count),
        )
        .detail("experiment_id", experiment)
        .hint("repair the rows that the details name, or use the AGGRESSIVE strategy, which leaves them out and lists them");
        return Err(problems.name_in(error));
    }
    if options.strategy == Strategy::Conservative {
        ends.refuse_unsteady()?;
    }
    if let Some(validated) = &prepared.validated {
        refuse_issues(validated, experiment)?;
        refuse_left_behind(prepared, experiment)?;
    }
    ends.refuse_failed()?;
    // First: what does not fit is not there either, whatever an earlier lossy copy has.
    refuse_losses(ends, prepared, options)?;
    if let Some(duplicate) = duplicates.found.first() {
        match options.on_duplicate {
            OnDuplicate::Copy => {}
            OnDuplicate::Error => return Err(already_there(experiment, duplicate.experiment)),
            OnDuplicate::Skip => return Ok(Some(skipped(prepared, options, job, experiment, duplicate.experiment))),
        }
    }
    Ok(None)
}

/// CONSERVATIVE: fails for any error in the source, and for any warning about the experiment.
fn refuse_issues(validated: &Validated, experiment: i64) -> Result<()> {
    let (errors, warnings) = validated.stopping_count();
    if errors + warnings == 0 {
        return Ok(());
    }
    let message =
        format!("the source has {errors} errors, and experiment {experiment} {warnings} warnings; nothing was changed");
    let mut error = Error::new(Status::Validation, Domain::Validation, message)
        .detail("experiment_id", experiment)
        .detail("count", errors + warnings)
        .hint("validate and repair the source, or use the BALANCED strategy, which looks at the experiment only and warns");
    for issue in validated.stopping().take(NAMED) {
        error = error.detail("table", &issue.table).detail("row", &issue.row);
        if let Some(column) = &issue.column {
            error = error.detail("column", column);
        }
        error = error.detail("kind", issue.kind.name()).detail("problem", &issue.message);
    }
    Err(error)
}

/// CONSERVATIVE: fails if something of the experiment would stay behind.
fn refuse_left_behind(prepared: &Prepared, experiment: i64) -> Result<()> {
    let counted: Vec<_> = prepared.behind.iter().filter(|behind| behind.rows.is_some()).collect();
    if counted.is_empty() && prepared.computed.is_empty() {
        return Ok(());
    }
    let message = format!("something of experiment {experiment} would not be copied; nothing was changed");
    let error = Error::new(Status::Validation, Domain::Validation, message)
        .detail("experiment_id", experiment)
        .detail("count", counted.len() + prepared.computed.len())
        .hint("use the BALANCED strategy, which warns instead, and copy the rest by other means");
    let error = counted
        .iter()
        .take(NAMED)
        .fold(error, |error, behind| error.detail("table", &behind.table).detail("problem", behind.message()));
    Err(prepared.computed.iter().take(NAMED).fold(error, |error, (table, column, rows)| {
        error.detail("table", table).detail("column", column).detail("problem", computed(table, column, *rows))
    }))
}

/// Fails for what the target refuses, and for losses unless they are allowed.
fn refuse_losses(ends: &Endpoints<'_>, prepared: &Prepared, options: &MigrateOptions) -> Result<()> {
    let (fit, experiment) = (&prepared.fit, ends.experiment);
    let (status, message, hint) = if fit.refused > 0 {
        let message =
            format!("the target refuses {} values of experiment {experiment}; nothing was changed", fit.refused);
        (Status::Constraint, message, "change what the target refuses, or copy into a new database".to_owned())
    } else if fit.count > 0 && !options.lossy_allowed() {
        let message = format!(
            "{} rows or values of experiment {experiment} do not fit the target; nothing was changed",
            fit.count
        );
        if fit.leaving == fit.count {
            let message = format!(
                "{} links of experiment {experiment} lead to rows that are not copied; nothing was changed",
                fit.count
            );
            let hint = "set them to NULL, or have that done in the copy with EXPMIG_MIGRATE_ALLOW_LOSSY, where rows are left out that \
                        cannot be NULL there";
            (Status::Lossy, message, hint.to_owned())
        } else {
            let widen = ends.target.capabilities().how_to_widen.unwrap_or("change the target's schema");
            let hint = format!(
                "{widen} (EXPMIG_MIGRATE_ADD_COLUMNS adds missing columns), or allow the loss with EXPMIG_MIGRATE_ALLOW_LOSSY"
            );
            (Status::Lossy, message, hint)
        }
    } else {
        return Ok(());
    };
    let error = Error::new(status, Domain::Migration, message)
        .detail("experiment_id", experiment)
        .detail("count", fit.count)
        .hint(hint);
    Err(fit.name_in(error))
}
