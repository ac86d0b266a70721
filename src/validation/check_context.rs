//! The context of a running check: it reads the validated state, and reports issues.

use std::cell::RefCell;
use std::sync::Arc;

use super::issue::{Issue, IssueKind, Severity};
use super::report::Collector;
use crate::database::{Connection, EachRow};
use crate::error::{Domain, Error, Result};
use crate::progress::Job;
use crate::values::{Value, one_line};

/// How much of a text that a check reports is kept, in characters. Bounds what a report can take.
const LONGEST_TEXT: usize = 1000;
/// The same for a value: some 80 characters, and what describing it adds.
const LONGEST_VALUE: usize = 100;

/// An issue that a check reports. Missing fields are left out, or made from the others.
#[derive(Clone, Debug)]
pub struct Finding {
    pub severity: Severity,
    /// The table; empty for none.
    pub table: String,
    /// The row's key, or what else tells which row it is.
    pub row: String,
    pub column: Option<String>,
    /// What is wrong. If it is missing, the message is made from the name of the check, the table and the row.
    pub message: Option<String>,
    /// The offending value.
    pub value: Option<String>,
}

impl Default for Finding {
    fn default() -> Finding {
        Finding {
            severity: Severity::Error,
            table: String::new(),
            row: String::new(),
            column: None,
            message: None,
            value: None,
        }
    }
}

/// What a running check uses: the state that is being validated, and the report to which it adds issues.
pub struct CheckContext<'v> {
    pub(super) check: &'v str,
    pub(super) experiment: Option<i64>,
    pub(super) connection: &'v dyn Connection,
    pub(super) job: &'v Arc<Job>,
    pub(super) tables: &'v [String],
    pub(super) collector: &'v RefCell<&'v mut Collector>,
}

impl CheckContext<'_> {
    /// The name of the check.
    pub fn name(&self) -> &str {
        self.check
    }

    /// The one experiment that is validated; `None` for the whole database.
    pub fn experiment(&self) -> Option<i64> {
        self.experiment
    }

    /// Runs one SELECT on the state that is being validated. It can only read, as [`crate::Database::query`].
    pub fn query(&self, sql: &str, params: &[Value], each: EachRow<'_>) -> Result<()> {
        self.connection.prepare_read(sql)?.run(params, each)
    }

    /// Adds an issue to the report.
    pub fn report(&self, finding: Finding) -> Result<()> {
        let table = finding.table.clone();
        self.add(finding.severity, &table, || finding)
    }

    /// As [`CheckContext::report`]; what was found is only put into words while there is room for it.
    pub(super) fn add(&self, severity: Severity, table: &str, make: impl FnOnce() -> Finding) -> Result<()> {
        self.job.pulse()?;
        let Ok(mut collector) = self.collector.try_borrow_mut() else {
            return Err(Error::internal(Domain::Validation, "a check reported while it was reporting"));
        };
        // Counts are kept per table; names that are no table share one, so that their number is bounded.
        let known = self.tables.iter().find(|known| known.eq_ignore_ascii_case(table)).map(String::as_str);
        collector.add_found(self.check, severity, known.unwrap_or(""), || {
            let found = make();
            let row = one_line(&found.row, LONGEST_TEXT);
            let table = one_line(known.unwrap_or(table), LONGEST_TEXT);
            let message = match (found.message, table.as_str(), row.as_str()) {
                (Some(message), _, _) => one_line(&message, LONGEST_TEXT),
                (None, "", "") => self.check.to_owned(),
                (None, "", row) => format!("{}: {row}", self.check),
                (None, table, row) => format!("{}: {table} ({row})", self.check),
            };
            Issue {
                kind: IssueKind::RegisteredCheck,
                severity,
                table: table.into(),
                row,
                column: found.column.map(|column| one_line(&column, LONGEST_TEXT).into()),
                message,
                value: found.value.map(|value| one_line(&value, LONGEST_VALUE)),
                check: Some(self.check.to_owned()),
            }
        });
        Ok(())
    }
}
