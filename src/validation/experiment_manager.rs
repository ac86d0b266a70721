//! Checks and messages that only the family of Experiment Manager has.

use super::issue::{Issue, IssueKind};
use super::report::Collector;
use super::table_scan::Pass;
use crate::database::Next;
use crate::error::Result;
use crate::schema::experiment_manager::{EXPERIMENT, METRIC, TRIAL};
use crate::schema::{Entity, quote};
use crate::values::Value;

/// What the rows with an index of their own are called in an issue.
pub const NUMBERED: &str = "epochs";

/// The kind of an issue: nothing is linked to the row.
pub fn unlinked(leaf: Entity) -> IssueKind {
    match leaf {
        METRIC => IssueKind::UnlinkedMetric,
        _ => IssueKind::UnlinkedArtifact,
    }
}

/// Whether an entity's rows have values that are read as JSON.
pub fn has_json(entity: Entity) -> bool {
    entity == METRIC
}

/// Reports each trial whose name an earlier one of the same experiment has.
pub fn read_names(pass: Pass<'_>, collector: &mut Collector) -> Result<()> {
    let table = pass.layout.entity(TRIAL)?;
    let Some(name) = table.schema.column("name") else { return Ok(()) };
    let Some(owner) = table.schema.parent_column(EXPERIMENT) else { return Ok(()) };
    let (id, quoted_name, quoted_owner) = (table.id(), table.quoted(name.name), table.quoted(owner.name));
    let only = if pass.experiment.is_some() { format!(" AND {quoted_owner} = ?1") } else { String::new() };
    let sql = format!(
        "SELECT id, name, first FROM (
           SELECT {id} AS id, {quoted_name} AS name, min({id}) OVER (PARTITION BY {quoted_owner}, {}) AS first
           FROM {} WHERE {quoted_owner} IS NOT NULL AND {quoted_name} IS NOT NULL{only}
         ) AS named WHERE id <> first ORDER BY id",
        pass.connection.exactly(&quoted_name),
        quote(&table.name)
    );
    let params: Vec<Value> = pass.experiment.map(Value::Integer).into_iter().collect();
    let kind = IssueKind::DuplicateTrialName;
    pass.connection.query(&sql, &params, &mut |row| {
        pass.job.pulse()?;
        let (key, value) = (format!("id={}", row.value(0)?.describe()), row.value(1)?.describe());
        let first = row.value(2)?.describe();
        collector.add(kind, kind.severity(), table.schema.name, || Issue {
            kind,
            severity: kind.severity(),
            table: table.schema.name.into(),
            message: format!("{} ({key}): {} {value} is also that of trial {}", table.schema.name, name.name, first),
            row: key,
            column: Some(name.name.into()),
            value: Some(value),
            check: None,
        });
        Ok(Next::Row)
    })
}
