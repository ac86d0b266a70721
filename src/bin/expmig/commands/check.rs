//! The commands `validate` and `compare`.

use expmig::validation::Scope;
use expmig::{Severity, ValidateOptions};
use serde_json::Value as Json;

use super::look::warnings;
use crate::arguments::Validate;
use crate::choices::{Place, SectionName};
use crate::failure::{FOUND, Outcome};
use crate::output::count;
use crate::session::{Session, Use};

pub fn validate(session: &Session, arguments: &Validate) -> Outcome<i32> {
    let manager = session.open(&arguments.on.database, Use::Read)?;
    let mut scope = if arguments.section.is_empty() { Scope::default() } else { Scope::NONE };
    for section in &arguments.section {
        match section {
            SectionName::ForeignKeys => scope.foreign_keys = true,
            SectionName::MetricJson => scope.metric_json = true,
            SectionName::Hierarchy => scope.hierarchy = true,
        }
    }
    let report = manager.validate(ValidateOptions {
        scope,
        experiment: arguments.experiment,
        issue_limit: arguments.limit,
        progress: session.progress(),
        cancel: Some(session.cancel()),
    })?;
    let status = if report.passed() { 0 } else { FOUND };
    if session.common.json {
        session.document(&report.to_json())?;
        return Ok(status);
    }
    for issue in report.issues() {
        let column = issue.column.as_ref().map_or_else(String::new, |column| format!(" {column}"));
        let value = issue.value.as_ref().map_or_else(String::new, |value| format!(" [{value}]"));
        session.line(format_args!(
            "{}: {} ({}){column}: {}{value}",
            issue.severity.name(),
            issue.table,
            issue.row,
            issue.message
        ))?;
    }
    let listed = report.issues().len() as u64;
    if listed < report.total() {
        session.line(format_args!("... and {} more (--limit)", report.total() - listed))?;
    }
    let [errors, warned, notes] = [Severity::Error, Severity::Warning, Severity::Info].map(|s| report.count(s));
    let verdict = if report.passed() { "sound" } else { "NOT sound" };
    session.line(format_args!(
        "{}: {verdict}: {}, {}, {}",
        arguments.on.database,
        count(errors, "error"),
        count(warned, "warning"),
        count(notes, "note")
    ))?;
    Ok(status)
}

pub fn compare(session: &Session, a: &Place, b: &Place) -> Outcome<i32> {
    let first = session.open(&a.database, Use::Read)?;
    let second = if a.database == b.database { None } else { Some(session.open(&b.database, Use::Read)?) };
    let found = first.compare_experiments(a.experiment, second.as_ref(), b.experiment, session.job())?;
    let equal = found.get("equal").and_then(Json::as_bool).unwrap_or(false);
    let status = if equal { 0 } else { FOUND };
    if session.common.json {
        session.document(&found)?;
        return Ok(status);
    }
    for warning in warnings(&found).filter(|_| !session.common.quiet) {
        session.advise(warning);
    }
    let digest = |side: &str| found.pointer(&format!("/{side}/digest")).and_then(Json::as_str).unwrap_or("").to_owned();
    session.line(format_args!("{}  {}#{}", digest("a"), a.database, a.experiment))?;
    session.line(format_args!("{}  {}#{}", digest("b"), b.database, b.experiment))?;
    if equal {
        session.line("equal")?;
        return Ok(status);
    }
    session.line("different")?;
    if let Some(difference) = found.get("first_difference").filter(|difference| !difference.is_null()) {
        session.line("first difference:")?;
        session.document(difference)?;
    }
    Ok(status)
}
