//! Removes from the scratch database what the target has already, so that only what is new is written.
//!
//! The rows of the experiments that are there are read into tables beside those of the scratch database, and compared there.

use std::collections::HashSet;

use super::placing::{Placed, owned};
use crate::database::{CHANGED, Chunk, ColumnLayout, Connection, Layout, Next, Row, THERE, TableLayout};
use crate::digest::NamedTable;
use crate::error::{Domain, Error, Result, Status};
use crate::hierarchy::{NamedRows, of_experiments};
use crate::progress::Job;
use crate::schema::mlflow::RUN;
use crate::schema::{Place, quote};
use crate::values::{Value, ValueRef};

/// What became of the rows of one table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The target has them as they are.
    pub equal: u64,
    /// They replace what the target has.
    pub changed: u64,
    /// The target has something else in their place, which stays.
    pub kept: u64,
}

/// Where a row of the target may be replaced, as SQL about the new row `n` and the row that is there, `t`; `None` for nowhere.
///
/// A run that has ended in the target is nobody's to change: there it can have been renamed and tagged. One that has not is what an earlier import
/// saw of a run that went on.
fn may_change(table: &str) -> Option<&'static str> {
    const OPEN: &str = "n.run_uuid IN (SELECT run_uuid FROM there_runs WHERE status IN ('RUNNING', 'SCHEDULED'))";
    match table {
        "runs" => Some("t.status IN ('RUNNING', 'SCHEDULED')"),
        "tags" => Some(OPEN),
        "latest_metrics" => Some("(n.step, n.timestamp, n.value) > (t.step, t.timestamp, t.value)"),
        "logged_models" => Some("t.status = 1"),
        _ => None,
    }
}

fn there(table: &TableLayout, prefix: &str) -> TableLayout {
    TableLayout { name: format!("{prefix}{}", table.schema.name), ..table.clone() }
}

/// Reads the rows of the target that can be in the way of those that were read.
pub fn load(
    (staging, staged): (&dyn Connection, &Layout),
    (target, layout): (&dyn Connection, &Layout),
    experiments: &[Placed],
    job: &Job,
) -> Result<()> {
    let mut ids: HashSet<Vec<u8>> = HashSet::new();
    staging.query("SELECT run_uuid FROM runs", &[], &mut |row| {
        if let ValueRef::Text(id) = row.value(0)? {
            ids.insert(id.to_vec());
        }
        Ok(Next::Row)
    })?;
    let mut done = HashSet::new();
    for placed in experiments.iter().filter(|placed| placed.is_there) {
        if !done.insert(placed.id) {
            continue;
        }
        let rows = NamedRows::read(target, layout, placed.id, job)?;
        for here in of_experiments(staged) {
            let Some(table) = layout.table(here.schema.name) else { continue };
            if here.schema.place == Place::Node(crate::schema::Entity::ROOT) {
                continue;
            }
            let beside = there(here, THERE);
            let names: Vec<&str> = here.columns.iter().map(|column| column.name.as_str()).collect();
            let positions: Vec<Option<usize>> = names.iter().map(|name| table.position(name)).collect();
            let mut chunk = Chunk::new(staging.inserter(&beside, &names)?, names.len(), usize::MAX, job);
            let columns = NamedTable::new(layout.family, table).columns();
            rows.scan(target, (layout, table), (&columns, ""), job, &mut |named, row| {
                if named.entity == RUN && !rows.ids(RUN).get(named.at).is_some_and(|id| ids.contains(id)) {
                    return Ok(());
                }
                let mut values = Vec::with_capacity(positions.len());
                for at in &positions {
                    values.push(match at {
                        Some(at) => row.value(1 + at)?,
                        None => ValueRef::Null,
                    });
                }
                chunk.push(&values)?;
                chunk.flush_if_full()
            })?;
            chunk.finish()?;
        }
    }
    Ok(())
}

/// Takes out what the target has, and puts what is to replace something into a table of its own.
pub fn compare(staging: &dyn Connection, layout: &Layout) -> Result<Vec<(&'static str, Found)>> {
    if layout.table("datasets").is_some() && layout.table("inputs").is_some() {
        // A dataset that the target has is the same by its name and digest, whatever its key.
        let same = "t.experiment_id = n.experiment_id AND t.name = n.name AND t.digest = n.digest";
        staging.execute(
            &format!(
                "UPDATE inputs SET source_id = (SELECT t.dataset_uuid FROM datasets AS n JOIN there_datasets AS t ON {same}
                   WHERE n.dataset_uuid = source_id)
                 WHERE source_type = 'DATASET' AND source_id IN
                   (SELECT n.dataset_uuid FROM datasets AS n JOIN there_datasets AS t ON {same})"
            ),
            &[],
        )?;
    }
    let mut found = Vec::new();
    // Runs come last: whether one has ended decides about what hangs on it.
    let (runs, others): (Vec<&TableLayout>, Vec<&TableLayout>) =
        of_experiments(layout).partition(|table| table.schema.name == "runs");
    for table in others.into_iter().chain(runs) {
        if table.schema.place != Place::Node(crate::schema::Entity::ROOT) {
            found.push((table.schema.name, compare_table(staging, table)?));
        }
    }
    if layout.table("input_tags").is_some() {
        // Of a link that the target has under another key, the tags stay as they are there.
        let sql = "DELETE FROM input_tags WHERE input_uuid NOT IN
                     (SELECT input_uuid FROM inputs UNION ALL SELECT input_uuid FROM there_inputs)";
        let kept = staging.execute(sql, &[])?;
        if let Some((_, tags)) = found.iter_mut().find(|(name, _)| *name == "input_tags") {
            tags.kept += kept;
        }
    }
    Ok(found)
}

fn compare_table(staging: &dyn Connection, table: &TableLayout) -> Result<Found> {
    let (name, schema) = (quote(&table.name), table.schema);
    let beside = quote(&format!("{THERE}{}", schema.name));
    let changed = quote(&format!("{CHANGED}{}", schema.name));
    let same = |columns: &mut dyn Iterator<Item = &str>, sign: &str| {
        let parts: Vec<String> = columns.map(|column| format!("t.{0} {sign} n.{0}", quote(column))).collect();
        parts.join(" AND ")
    };
    let key = same(&mut schema.primary_key.iter().copied(), "=");
    let all = same(&mut table.columns.iter().map(|column| column.name.as_str()), "IS");
    let rows = |condition: &str| {
        format!("rowid IN (SELECT n.rowid FROM {name} AS n JOIN {beside} AS t ON {key} WHERE {condition})")
    };
    let mut found =
        Found { equal: staging.execute(&format!("DELETE FROM {name} WHERE {}", rows(&all)), &[])?, ..Found::default() };
    if let Some(may) = may_change(schema.name) {
        let rows = rows(may);
        staging.execute(&format!("INSERT INTO {changed} SELECT * FROM {name} WHERE {rows}"), &[])?;
        found.changed = staging.execute(&format!("DELETE FROM {name} WHERE {rows}"), &[])?;
    }
    found.kept = staging.execute(&format!("DELETE FROM {name} WHERE {}", rows("1 = 1")), &[])?;
    Ok(found)
}

/// Sees a row of a table as it was, and as it is.
pub type Replaced<'e> = &'e mut dyn FnMut(&TableLayout, &[Value], &[Value]) -> Result<()>;

/// Replaces rows of the target by those that are to.
pub fn replace(
    (staging, staged): (&dyn Connection, &Layout),
    (target, layout): (&dyn Connection, &Layout),
    each: Replaced<'_>,
) -> Result<()> {
    for here in of_experiments(staged).filter(|table| may_change(table.schema.name).is_some()) {
        let Some(table) = layout.table(here.schema.name) else { continue };
        let names: Vec<&str> = here.columns.iter().map(|column| column.name.as_str()).collect();
        let is_key = |name: &str| here.schema.primary_key.contains(&name);
        let (keys, rest): (Vec<usize>, Vec<usize>) =
            (0..names.len()).partition(|at| names.get(*at).is_some_and(|name| is_key(name)));
        let place = |at: &usize, number: usize| {
            format!("{} = ?{}", table.quoted(names.get(*at).copied().unwrap_or_default()), number + 1)
        };
        let sets: Vec<String> = rest.iter().enumerate().map(|(number, at)| place(at, number)).collect();
        let finds: Vec<String> = keys.iter().enumerate().map(|(number, at)| place(at, rest.len() + number)).collect();
        let opening = target.opening(crate::database::Write::Update, table)?;
        let sql = format!("{opening} SET {} WHERE {}", sets.join(", "), finds.join(" AND "));
        let looks: Vec<String> = keys.iter().enumerate().map(|(number, at)| place(at, number)).collect();
        let quoted: Vec<String> = names.iter().map(|name| table.quoted(name)).collect();
        let look = format!("SELECT {} FROM {} WHERE {}", quoted.join(", "), quote(&table.name), looks.join(" AND "));
        let all: Vec<String> = names.iter().map(|name| quote(name)).collect();
        let of = quote(&format!("{CHANGED}{}", here.schema.name));
        let mut rows: Vec<Vec<Value>> = Vec::new();
        staging.query(&format!("SELECT {} FROM {of}", all.join(", ")), &[], &mut |row| {
            let values: Result<Vec<ValueRef<'_>>> = (0..names.len()).map(|at| row.value(at)).collect();
            rows.push(owned(&values?));
            Ok(Next::Row)
        })?;
        let columns: Vec<Option<&ColumnLayout>> =
            names.iter().map(|name| table.columns.get(table.position(name)?)).collect();
        for row in rows {
            // As the engine takes a parameter for a column of this type.
            let sent = |at: &usize| {
                let (value, column) = (row.get(*at)?, columns.get(*at).copied().flatten());
                let sent = column.and_then(|column| target.as_sent(column, value.borrow()));
                Some(sent.unwrap_or_else(|| value.clone()))
            };
            let pick = |places: &[usize]| places.iter().filter_map(sent).collect::<Vec<Value>>();
            let key = pick(&keys);
            let before = target.first_row(&look, &key, names.len())?.unwrap_or_default();
            // What was compared is of the moment at which the job began.
            if target.first_row_locked(&look, &key, names.len())?.unwrap_or_default() != before {
                let message =
                    format!("a row of {} was changed by somebody else meanwhile; nothing was changed", table.name);
                return Err(Error::new(Status::Busy, Domain::ImportExport, message)
                    .detail("table", &table.name)
                    .hint("repeat the call"));
            }
            target.execute(&sql, &[pick(&rest), key].concat())?;
            each(here, &before, &row)?;
        }
    }
    Ok(())
}
