//! What a validation found, for the page: each issue with the run, trial or experiment to which it leads.

use std::collections::HashMap;

use serde_json::{Value as Json, json};

use super::gather::{Experiment, MetricPlace};
use super::points::Drawn;
use crate::schema::{Entity, Family, Place};
use crate::validation::{Issue, Report, Severity};

/// The value of one column in the text of a row's key, if that is an integer.
fn key_part(row: &str, column: &str) -> Option<i64> {
    let mut parts = row.split(", ").filter_map(|part| part.split_once('='));
    parts.find(|(name, _)| name.eq_ignore_ascii_case(column)).and_then(|(_, value)| value.parse().ok())
}

/// The same, if that is a text: within another text no quotation mark stands without a backslash.
fn text_part<'r>(row: &'r str, column: &str) -> Option<&'r str> {
    let begin = format!("{column}=\"");
    let at = if row.starts_with(&begin) { 0 } else { row.find(&format!(", {begin}"))? + 2 };
    let (text, _) = row.get(at + begin.len()..)?.split_once('"')?;
    // No key that a tracker made has what is escaped.
    Some(text).filter(|text| !text.contains('\\'))
}

/// What of the hierarchy the row of an issue is, or belongs to.
fn owner(family: &Family, issue: &Issue) -> Option<(Entity, Json)> {
    let table = family.table(&issue.table)?;
    let column = match table.place {
        Place::Node(_) => table.id_column(),
        Place::Below(owner) | Place::Link { owner, .. } | Place::Derived(owner) => table.parent_column(owner),
        Place::Leaf(_) | Place::Aside => None,
    };
    let name = column?.name;
    let id = key_part(&issue.row, name).map(Json::from).or_else(|| Some(text_part(&issue.row, name)?.into()))?;
    Some((table.owner()?, id))
}

/// The metric that an issue is about.
fn metric(family: &Family, of: Entity, issue: &Issue) -> Option<i64> {
    let table = family.table(&issue.table).filter(|table| table.place == Place::Leaf(of))?;
    key_part(&issue.row, table.id_column()?.name)
}

/// The metrics that issues are about, whose places are not known yet.
pub fn metrics(family: &Family, of: Entity, report: &Report) -> HashMap<i64, Option<MetricPlace>> {
    report.issues().iter().filter_map(|issue| Some((metric(family, of, issue)?, None))).collect()
}

/// The validation as a part of the page's data. `target` is the entity and the id of what an issue belongs to.
pub fn to_json(family: &Family, drawn: Drawn, report: &Report, experiment: &Experiment) -> Json {
    let run_id = |place: &MetricPlace| {
        let runs = experiment.nodes.iter().find(|nodes| nodes.entity == drawn.run)?;
        runs.first.get(place.run).map(|node| node.id.clone())
    };
    let place_of = |issue: &Issue| {
        let id = metric(family, drawn.linked?.metric, issue)?;
        experiment.places.get(&id).copied().flatten()
    };
    let issues: Vec<Json> = report
        .issues()
        .iter()
        .map(|issue| {
            let place = place_of(issue);
            let target = match &place {
                Some(place) => run_id(place).map(|id| (drawn.run, id)),
                None => owner(family, issue),
            };
            json!({
                "severity": issue.severity, "kind": issue.kind, "table": issue.table, "row": issue.row, "column": issue.column,
                "message": issue.message, "value": issue.value, "check": issue.check,
                "target": target.map(|(entity, id)| json!([family.of(entity).noun, id])),
                "place": place.map(|place| json!([place.level.name(), place.index])),
            })
        })
        .collect();
    let [errors, warnings, infos] = Severity::ALL.map(|severity| report.count(severity));
    json!({
        "passed": report.passed(), "errors": errors, "warnings": warnings, "infos": infos, "total": report.total(),
        "notes": report.warnings, "issues": issues,
    })
}
