//! The query that lists the experiments of MLflow's stores.

use crate::database::Layout;
use crate::error::Result;
use crate::schema::mlflow::{DATASET, MODEL, RUN, TRACE};
use crate::schema::{Entity, quote};

/// The query for its experiments, as `experiments` wants it. A run that hangs on no other counts as a trial.
pub fn list(layout: &Layout) -> Result<(String, Vec<&'static str>)> {
    let (experiments, runs) = (layout.root()?, layout.entity(RUN)?);
    let column = |name: &str| match experiments.position(name) {
        Some(_) => format!("e.{}", experiments.quoted(name)),
        None => "NULL".to_owned(),
    };
    let nested = match layout.table("tags") {
        Some(tags) => {
            let [run, key] = ["run_uuid", "key"].map(|name| tags.quoted(name));
            let (tags, id) = (quote(&tags.name), runs.id());
            format!("EXISTS (SELECT 1 FROM {tags} AS t WHERE t.{run} = r.{id} AND t.{key} = 'mlflow.parentRunId')")
        }
        None => "0".to_owned(),
    };
    let owner = |entity: Entity| layout.entity(entity).and_then(|table| table.parent(Entity::ROOT));
    let (run_table, run_owner) = (quote(&runs.name), owner(RUN)?);
    let mut joins = format!(
        " LEFT JOIN (SELECT r.{run_owner} AS experiment, count(*) AS n, sum(CASE WHEN {nested} THEN 0 ELSE 1 END) AS top
           FROM {run_table} AS r GROUP BY r.{run_owner}) AS c ON c.experiment = e.{}",
        experiments.id()
    );
    let (mut numbers, mut kinds) = (Vec::new(), Vec::new());
    for (entity, kind) in [(MODEL, "logged_models"), (DATASET, "datasets"), (TRACE, "traces")] {
        kinds.push(kind);
        // Older stores lack the table.
        let Ok(table) = layout.entity(entity) else {
            numbers.push("0".to_owned());
            continue;
        };
        let (name, owner, id) = (quote(&table.name), owner(entity)?, experiments.id());
        joins.push_str(&format!(
            " LEFT JOIN (SELECT {owner} AS experiment, count(*) AS n FROM {name} GROUP BY {owner}) AS {kind}
              ON {kind}.experiment = e.{id}"
        ));
        numbers.push(format!("{kind}.n"));
    }
    let sql = format!(
        "SELECT {}, {}, NULL, {}, {}, c.top, c.n, {}, {} FROM {} AS e{joins} ORDER BY 1",
        column("experiment_id"),
        column("name"),
        column("creation_time"),
        column("last_update_time"),
        column("lifecycle_stage"),
        numbers.join(", "),
        quote(&experiments.name),
    );
    Ok((sql, kinds))
}
