//! Checks the values of a document: whether each is of the kind that its column is for. An issue names the place in the document.

use super::reader::Reader;
use crate::error::{Domain, Error, NAMED, Result, Status};
use crate::schema::{Column, Table};
use crate::validation::{Collector, Issue, Report, Scope, Severity, Values};
use crate::values::ValueRef;

/// How many issues are listed; all are counted.
const LISTED: usize = 100;

/// Collects what is wrong.
pub struct ValueChecker {
    values: Values,
    collector: Collector,
    offsets: Offsets,
}

/// The offset behind each value that is listed, by its path.
#[derive(Default)]
pub struct Offsets(Vec<(String, u64)>);

impl Offsets {
    fn of(&self, path: &str) -> Option<u64> {
        self.0.iter().find(|(known, _)| known == path).map(|(_, offset)| *offset)
    }
}

impl ValueChecker {
    pub fn new() -> ValueChecker {
        ValueChecker { values: Values::default(), collector: Collector::new(LISTED), offsets: Offsets::default() }
    }

    /// Looks at one value.
    pub fn look(&mut self, table: &Table, column: &Column, value: ValueRef<'_>, reader: &Reader<'_>) {
        let ValueChecker { values, collector, offsets } = self;
        values.check(column, value, |kind, what| {
            let severity = kind.severity();
            collector.add(kind, severity, table.name, || {
                let path = reader.path().to_string();
                offsets.0.push((path.clone(), reader.offset()));
                Issue {
                    kind,
                    severity,
                    table: table.name.to_owned().into(),
                    message: format!("{path}: {what}"),
                    row: path,
                    column: Some(column.name.into()),
                    value: Some(value.describe()),
                    check: None,
                }
            });
        });
    }

    /// What was found, and where what is listed ends.
    pub fn report(self) -> (Report, Offsets) {
        (self.collector.report(Scope { metric_json: true, hierarchy: true, ..Scope::NONE }, None), self.offsets)
    }
}

/// Fails if a report has errors.
pub fn refuse_errors(report: &Report, offsets: &Offsets) -> Result<()> {
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
        if let Some(offset) = offsets.of(&issue.row) {
            error = error.detail("offset", offset);
        }
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
