//! Moves links from shared metrics to the copies of these metrics.

use super::selection::{MetricLinks, Owners};
use super::undo_log::{MovedLink, UndoLog};
use crate::database::{Change, ColumnLayout, Connection, Layout, Next, Write, between};
use crate::digest::TableTotals;
use crate::error::{Domain, Error, Result, Status};
use crate::hierarchy::{IdSet, Scope, Selection, id_in, scan_links};
use crate::progress::Job;
use crate::schema::experiment_manager::METRIC;
use crate::schema::{Column, Entity, Role};
use crate::values::{Value, ValueRef};

/// How many links are read before they are moved.
const AT_ONCE: usize = 4096;

/// The columns of a link's key beside the metric, in the order of the table.
pub fn link_keys(links: &MetricLinks<'_>) -> Vec<&'static Column> {
    let keys = links.table.schema.columns.iter();
    keys.filter(|column| column.role != Role::Content && *column != links.metric_column).collect()
}

/// `UPDATE EPOCH_METRIC SET metric_id = ?1 WHERE metric_id = ?2 AND epoch_idx IS ?3 AND ...`
pub fn move_statement(connection: &dyn Connection, links: &MetricLinks<'_>) -> Result<String> {
    let metric = links.table.quoted(links.metric_column.name);
    let keys: String = link_keys(links)
        .iter()
        .enumerate()
        .map(|(at, key)| format!(" AND {}", connection.same(&links.table.quoted(key.name), &format!("?{}", at + 3))))
        .collect();
    Ok(format!("{} WHERE {metric} = ?2{keys}", moving(connection, links)?))
}

/// `UPDATE EPOCH_METRIC SET metric_id = ?1`
fn moving(connection: &dyn Connection, links: &MetricLinks<'_>) -> Result<String> {
    let (column, update) = (links.metric_column.name, connection.opening(Write::Update, links.table)?);
    Ok(format!("{update} SET {} = ?1{}", links.table.quoted(column), links.table.unstamped(&[column])))
}

/// A link that leads to a row that was copied.
struct Found {
    /// Where it is, if rows have a place.
    row: Option<i64>,
    original: i64,
    copy: i64,
    keys: Vec<Value>,
}

/// Moves the links of the selection from the rows in `copied` to the copies, whose ids follow each other from `first` on.
pub fn move_links(
    (connection, census): (&dyn Connection, &TableTotals<'_>),
    layout: &Layout,
    (owners, copied, first): (&Owners, &mut IdSet, i64),
    mut log: Option<&mut UndoLog<'_>>,
    job: &Job,
) -> Result<()> {
    for links in MetricLinks::all(layout)? {
        let selected = owners.of(links.owner);
        let Some(bounds) = selected.bounds() else { continue };
        let keys = link_keys(&links);
        let metric = links.table.quoted(links.metric_column.name);
        let owner = links.table.quoted(links.owner_column.name);
        let row = links.table.rowid.unwrap_or("NULL");
        let columns: String = keys.iter().map(|key| format!(", {}", links.table.quoted(key.name))).collect();
        let sql = links.table.select_between(&format!("{row}, {owner}, {metric}{columns}"), &owner);
        let move_one = match links.table.rowid {
            Some(rowid) => format!("{} WHERE {rowid} = ?2", moving(connection, &links)?),
            None => move_statement(connection, &links)?,
        };
        let mut mover = Mover {
            statement: connection.prepare_change(&move_one)?,
            table: links.table.schema.name,
            census,
            which: link_condition(connection, &links),
        };
        let mut found: Vec<Found> = Vec::new();
        connection.query(&sql, &between(bounds), &mut |row| {
            job.pulse()?;
            let owned = row.value(1)?.as_integer().is_some_and(|owner| selected.position(owner).is_some());
            let Some(original) = row.value(2)?.as_integer().filter(|_| owned) else { return Ok(Next::Row) };
            let Some(rank) = copied.rank(original)? else { return Ok(Next::Row) };
            let keys = (0..keys.len()).map(|at| Ok(row.value(at + 3)?.to_owned())).collect::<Result<Vec<_>>>()?;
            let copy = first.wrapping_add_unsigned(rank);
            found.push(Found { row: row.value(0)?.as_integer(), original, copy, keys });
            if found.len() >= AT_ONCE {
                mover.run(&mut found, log.as_deref_mut())?;
            }
            Ok(Next::Row)
        })?;
        mover.run(&mut found, log.as_deref_mut())?;
    }
    Ok(())
}

/// Fails if a row of the selected experiments refers in an extra column to a metric that is copied because others have it, too: the
/// link would lead out of the experiment.
pub fn refuse_tied(
    connection: &dyn Connection,
    layout: &Layout,
    (owners, copied): (&Owners, &mut IdSet),
    job: &Job,
) -> Result<()> {
    let names_metrics = |column: &ColumnLayout| column.refers == Some(METRIC);
    if !layout.tables.iter().any(|table| table.columns.iter().any(names_metrics)) {
        return Ok(());
    }
    for experiment in owners.of(Entity::ROOT).iter() {
        let mut selection = Selection::read(connection, layout, experiment, Scope::default(), job)?;
        scan_links(connection, layout, &mut selection, job, &mut |_, linking| {
            for (column, entity, value) in linking.links()? {
                let Some(id) = id_in(value).filter(|_| entity == METRIC) else { continue };
                if copied.rank(id)?.is_none() {
                    continue;
                }
                let (table, row) = (linking.shape.table.schema.name, linking.shape.row_key(linking.row)?);
                let message = format!(
                    "metric {id} belongs to other experiments, too, and {table} ({row}) names it in {}; nothing was changed",
                    column.name
                );
                return Err(Error::new(Status::Unsupported, Domain::Transformation, message)
                    .detail("table", table)
                    .detail("row", row)
                    .detail("column", &column.name)
                    .detail("metric_id", id)
                    .hint("transform all experiments that have the metric, or set the column to NULL"));
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// Which row a link is: by its metric, the first parameter, and the other columns of its key.
pub fn link_condition(connection: &dyn Connection, links: &MetricLinks<'_>) -> String {
    let keys: String = link_keys(links)
        .iter()
        .enumerate()
        .map(|(at, key)| format!(" AND {}", connection.same(&links.table.quoted(key.name), &format!("?{}", at + 2))))
        .collect();
    format!("{} = ?1{keys}", links.table.quoted(links.metric_column.name))
}

struct Mover<'c> {
    statement: Box<dyn Change + 'c>,
    table: &'static str,
    census: &'c TableTotals<'c>,
    which: String,
}

impl Mover<'_> {
    fn run(&mut self, found: &mut Vec<Found>, log: Option<&mut UndoLog<'_>>) -> Result<()> {
        for link in found.iter() {
            let mut params = vec![ValueRef::Integer(link.copy), ValueRef::Integer(link.row.unwrap_or(link.original))];
            if link.row.is_none() {
                params.extend(link.keys.iter().map(Value::borrow));
            }
            let key = |metric: i64| -> Vec<Value> {
                std::iter::once(Value::Integer(metric)).chain(link.keys.iter().cloned()).collect()
            };
            let (before, after) = (key(link.original), key(link.copy));
            let which = ((self.which.as_str(), before.as_slice()), (self.which.as_str(), after.as_slice()));
            let statement = &mut self.statement;
            if self.census.around(self.table, which, || statement.run(&params))? != 1 {
                let message = format!("a link in {} could not be moved; nothing was changed", self.table);
                return Err(Error::new(Status::Mismatch, Domain::Transformation, message)
                    .detail("table", self.table)
                    .detail("metric_id", link.original)
                    .hint("a trigger of the table refuses the change; remove it first"));
            }
        }
        if let Some(log) = log {
            let moved =
                found.iter().map(|link| MovedLink { original: link.original, copy: link.copy, keys: &link.keys });
            log.add_links(self.table, moved)?;
        }
        found.clear();
        Ok(())
    }
}
