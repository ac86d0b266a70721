//! Whether the values of a document are what their columns are for. What is wrong is named by where it stands.

use super::reader::Reader;
use crate::error::{Domain, Error, NAMED, Result, Status};
use crate::schema::{Column, Table, ValueRef};
use crate::validation::{Collector, Issue, Report, Scope, Severity, Values};

/// How many issues are listed; all are counted.
const LISTED: usize = 100;

/// Collects what is wrong.
pub struct Judge {
    values: Values,
    collector: Collector,
}

impl Judge {
    pub fn new() -> Judge {
        Judge { values: Values::default(), collector: Collector::new(LISTED) }
    }

    /// Looks at one value.
    pub fn look(&mut self, table: &Table, column: &Column, value: ValueRef<'_>, reader: &Reader<'_>) {
        let Judge { values, collector } = self;
        values.check(column, value, |kind, what| {
            let severity = kind.severity();
            collector.add(kind, severity, table.name, || Issue {
                kind,
                severity,
                table: table.name.to_owned().into(),
                row: reader.path().to_string(),
                column: Some(column.name.into()),
                message: format!("{}: {what}", reader.path()),
                value: Some(value.describe()),
                check: None,
            });
        });
    }

    /// What was found.
    pub fn report(self) -> Report {
        self.collector.report(Scope { metric_json: true, hierarchy: true, ..Scope::NONE }, None)
    }
}

/// Fails if a report has errors.
pub fn refuse_errors(report: &Report) -> Result<()> {
    let count = report.count(Severity::Error);
    if count == 0 {
        return Ok(());
    }
    let message = format!("{count} values of the document are not what their columns are for; nothing was changed");
    let mut error = Error::new(Status::Validation, Domain::Validation, message).detail("count", count).hint(
        "correct them, or import without validation (EXPMIG_IMPORT_SKIP_VALIDATION), which takes them as they are",
    );
    for issue in report.issues().iter().filter(|issue| issue.severity == Severity::Error).take(NAMED) {
        error = error.detail("table", &issue.table).detail("json_path", &issue.row);
        if let Some(column) = &issue.column {
            error = error.detail("column", column);
        }
        error = error.detail("kind", issue.kind.name()).detail("problem", &issue.message);
    }
    Err(error)
}

/// The warnings of a report, one line each.
pub fn warnings(report: &Report, wanted: impl Fn(&Issue) -> bool, count: u64, into: &mut Vec<String>) {
    let listed = report.issues().iter().filter(|issue| issue.severity == Severity::Warning && wanted(issue));
    let before = into.len();
    into.extend(listed.map(|issue| issue.message.clone()));
    let unnamed = count.saturating_sub((into.len() - before) as u64);
    if unnamed > 0 {
        into.push(format!("{unnamed} more warnings; a validation of the experiment lists them"));
    }
}
