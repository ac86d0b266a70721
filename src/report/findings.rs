//! What a validation found, for the page: each issue with the run, trial or experiment to which it leads.

use std::collections::HashMap;

use serde_json::{Value as Json, json};

use super::gather::{Experiment, MetricPlace};
use crate::schema::{Entity, Family, Place};
use crate::validation::{Issue, Report, Severity};

/// The value of one column in the text of a row's key.
fn key_part(row: &str, column: &str) -> Option<i64> {
    let mut parts = row.split(", ").filter_map(|part| part.split_once('='));
    parts.find(|(name, _)| name.eq_ignore_ascii_case(column)).and_then(|(_, value)| value.parse().ok())
}

/// What of the hierarchy the row of an issue is, or belongs to.
fn owner(family: &Family, issue: &Issue) -> Option<(Entity, i64)> {
    let table = family.table(&issue.table)?;
    let column = match table.place {
        Place::Node(_) => table.id_column(),
        Place::Below(owner) | Place::Link { owner, .. } | Place::Derived(owner) => table.parent_column(owner),
        Place::Leaf(_) | Place::Aside => None,
    };
    Some((table.owner()?, key_part(&issue.row, column?.name)?))
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
pub fn to_json(family: &Family, (run, of): (Entity, Entity), report: &Report, experiment: &Experiment) -> Json {
    let run_id = |place: &MetricPlace| {
        let runs = experiment.nodes.iter().find(|nodes| nodes.entity == run)?;
        runs.first.get(place.run).map(|node| node.id)
    };
    let issues: Vec<Json> = report
        .issues()
        .iter()
        .map(|issue| {
            let place = metric(family, of, issue).and_then(|id| experiment.places.get(&id).copied().flatten());
            let target = match &place {
                Some(place) => run_id(place).map(|id| (run, id)),
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
