//! The warnings of a migration, in the order in which its result and its plan list them.

use super::duplicates::Duplicates;
use super::endpoints::Endpoints;
use super::options::MigrateOptions;
use super::preflight::Preflight;
use super::prepare::Prepared;
use crate::database::Filled;
use crate::hierarchy::{Counts, OutsideReference, left_out_message};
use crate::transformation::TransformationResult;
use crate::validation::Report;

/// What the warnings about a copy that was written are made of.
pub struct Written<'a> {
    pub duplicates: &'a Duplicates,
    pub quality: Option<&'a Report>,
    pub fit: &'a Preflight,
    /// Rows of the source, by table.
    pub source_counts: &'a [Counts],
    /// Rows that were left out because they are unsound.
    pub unsound: u64,
    /// What [`left_behind`] returned before anything was written.
    pub left_behind: Vec<String>,
    /// Links of the copy that lead nowhere.
    pub dangling: Vec<String>,
    pub transformation: Option<&'a TransformationResult>,
}

impl Written<'_> {
    /// All of them.
    pub fn warnings(self, ends: &Endpoints<'_>, options: &MigrateOptions) -> Vec<String> {
        let mut warnings = known_before(self.duplicates, (self.quality, self.fit), options, self.unsound);
        warnings.extend(ends.warnings());
        warnings.extend(self.left_behind);
        let written = |filled: &&Filled| {
            self.source_counts.iter().any(|counts| counts.table.name == filled.table.name && counts.rows > 0)
        };
        warnings.extend(ends.target_layout.filled.iter().filter(written).map(Filled::warning));
        warnings.extend(self.dangling);
        warnings.extend(self.transformation.iter().flat_map(|done| done.warnings.iter().cloned()));
        warnings
    }
}

/// Warnings about equal experiments, odd values, and rows and values that are left out or changed.
pub fn known_before(
    duplicates: &Duplicates,
    (quality, fit): (Option<&Report>, &Preflight),
    options: &MigrateOptions,
    left_out: u64,
) -> Vec<String> {
    let mut warnings = Vec::new();
    for duplicate in &duplicates.found {
        warnings.push(match (duplicate.proven, options.target_experiment) {
            (true, None) => {
                format!("the target had the same experiment already, as experiment {}", duplicate.experiment)
            }
            (true, Some(_)) => format!("experiment {} had all of the same content already", duplicate.experiment),
            (false, _) => format!(
                "experiment {} of the target has the same title, description and times; its contents were not compared",
                duplicate.experiment
            ),
        });
    }
    if duplicates.others > 0 {
        let others = duplicates.others;
        warnings.push(format!("{others} more experiments of the target have the same title, description and times"));
    }
    warnings.extend(quality.iter().flat_map(|quality| quality_warnings(quality)));
    if left_out > 0 {
        warnings.push(format!("{left_out} rows are unsound and were left out"));
    }
    warnings.extend(losses(fit));
    warnings.extend(left_out_message(&fit.left_out));
    for (table, column) in &fit.added_columns {
        warnings.push(format!("the column {table}.{} was added to the target", column.name));
    }
    warnings
}

/// Warnings about what stays behind, and about keys that the target does not declare.
pub fn left_behind(ends: &Endpoints<'_>, prepared: &Prepared) -> Vec<String> {
    let mut warnings: Vec<String> = prepared.behind.iter().map(OutsideReference::message).collect();
    warnings.extend(prepared.computed.iter().map(|(table, column, rows)| computed(table, column, *rows)));
    for (table, column) in &ends.undeclared {
        warnings.push(format!("the target does not declare {table}.{column} as a foreign key, as the source does"));
    }
    warnings
}

/// Warnings about the values.
fn quality_warnings(quality: &Report) -> Vec<String> {
    let mut warnings: Vec<String> = quality.issues().iter().map(|issue| issue.message.clone()).collect();
    let unnamed = quality.total().saturating_sub(quality.issues().len() as u64);
    if unnamed > 0 {
        warnings.push(format!("{unnamed} more issues; a validation of the experiment lists them"));
    }
    warnings
}

/// A warning that says how much was lost.
pub fn losses(fit: &Preflight) -> Option<String> {
    let count = fit.count;
    (count > 0).then(|| format!("{count} rows or values were left out or changed, because the target cannot hold them"))
}

/// Says that the target does not compute a column that the source does.
pub fn computed(table: &str, column: &str, rows: u64) -> String {
    format!("{table}.{column} is computed in the source and not in the target, where it has no value in {rows} rows")
}
