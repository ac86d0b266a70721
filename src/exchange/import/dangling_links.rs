//! Links of a document that refer to a row which the document does not have. If losses are allowed, they become NULL. If the target refuses NULL,
//! their rows are removed again, with everything that belongs to them. Which links these are is known only at the end of the document.

use super::target::Target;
use super::walk::Walked;
use crate::database::{ColumnLayout, Connection, Layout, Loss, Next, TableLayout, Write};
use crate::error::{Domain, Error, Result, Status};
use crate::hierarchy::{
    EachLinking, Fate, FurtherRows, LEADS_NOWHERE, LEFT_OUT, LeftOutRows, RowQuery, Scope, Selection, ValueKey,
    scan_links,
};
use crate::progress::Job;
use crate::schema::{Entity, Place, quote};
use crate::values::{Value, ValueRef};

/// A row, by the columns of its key.
type Key = Vec<(&'static str, Value)>;

/// Cuts the links that lead out of what was imported. Nothing else of the target is looked at.
pub fn cut_links(target: &mut Target<'_>, walked: &mut Walked, job: &Job) -> Result<()> {
    let (connection, layout, experiment) = (target.connection, target.layout.clone(), walked.experiment);
    let keys = ValueKey::all(&layout, &layout);
    if !target.has_links() && keys.is_empty() {
        return Ok(());
    }
    let mut copy = Selection::read(connection, &layout, experiment, Scope::default(), job)?;
    let insists = |_: &TableLayout, column: &ColumnLayout| column.not_null;
    let from = (connection, &layout);
    // A row of the copy that is removed again is no row to which a link may lead.
    let mut elsewhere = |key: &ValueKey<'_>, values: &[ValueRef<'_>], in_copy: bool| {
        let values: Vec<Value> = values.iter().map(|value| (*value).to_owned()).collect();
        Ok(!in_copy && key.is_there(connection, &values)?)
    };
    let mut further = |copy: &mut Selection, each: EachLinking<'_>| {
        for key in keys.iter().filter(|key| key.required) {
            key.scan(from, copy, None, &mut elsewhere, job, &mut |copy, _, linking| each(copy, linking))?;
        }
        Ok(())
    };
    let further = keys.iter().any(|key| key.required).then_some(&mut further as FurtherRows<'_>);
    let without = LeftOutRows::find(from, &mut copy, &insists, further, job)?;
    let mut kept = match &without {
        Some(without) => {
            let scope = Scope { without: Some(without.clone()), ..Scope::default() };
            Some(Selection::read(connection, &layout, experiment, scope, job)?)
        }
        None => None,
    };
    let mut nulls: Vec<(&'static str, String, Key)> = Vec::new();
    scan_links(connection, &layout, &mut copy, job, &mut |copy, linking| {
        let table = linking.shape.table;
        let fate = match (&without, &mut kept) {
            (Some(without), Some(kept)) => without.fate(linking, (copy, kept))?,
            _ => Fate::Stays,
        };
        for (column, entity, value) in linking.links()? {
            let leads = match (fate, &mut kept) {
                (Fate::GoesWithAnother, _) => true,
                (_, Some(kept)) => kept.target(entity, value)?.is_some(),
                (_, None) => copy.target(entity, value)?.is_some(),
            };
            if leads {
                continue;
            }
            let row = linking.shape.row_key(linking.row)?;
            if fate == Fate::Stays {
                if column.not_null {
                    return Err(refused(table, column, &row));
                }
                nulls.push((table.schema.name, column.name.clone(), linking.key()?));
            }
            target.losses.add(|| Loss {
                table: table.schema.name,
                row: Some(row),
                column: Some(column.name.clone()),
                reason: layout.family.of(entity).leads_out,
                value: Some(value.describe()),
                stored_as: Some(if column.not_null { LEFT_OUT } else { "NULL" }.to_owned()),
            });
        }
        Ok(())
    })?;
    for key in &keys {
        key.scan(from, &mut copy, kept.as_mut(), &mut elsewhere, job, &mut |copy, kept, linking| {
            let fate = match (&without, kept) {
                (Some(without), Some(kept)) => without.fate(linking, (copy, kept))?,
                _ => Fate::Stays,
            };
            if fate == Fate::GoesWithAnother {
                return Ok(());
            }
            let (table, row) = (key.table.schema.name, linking.shape.row_key(linking.row)?);
            for (column, value) in key.cut(linking)? {
                if fate == Fate::Stays {
                    if key.required {
                        return Err(refused(key.table, column, &row));
                    }
                    nulls.push((table, column.name.clone(), linking.key()?));
                }
                target.losses.add(|| Loss {
                    table,
                    row: Some(row.clone()),
                    column: Some(column.name.clone()),
                    reason: LEADS_NOWHERE,
                    value: Some(value.describe()),
                    stored_as: Some(if key.required { LEFT_OUT } else { "NULL" }.to_owned()),
                });
            }
            Ok(())
        })?;
    }
    for (table, column, key) in nulls {
        let Some(table) = layout.table(table) else { continue };
        let (update, name) = (connection.opening(Write::Update, table)?, quote(&column));
        let (condition, params) = which(table, key);
        let sql = format!("{update} SET {name} = NULL{} WHERE {condition}", table.unstamped(&[&column]));
        connection.execute(&sql, &params)?;
    }
    if let Some(kept) = &mut kept {
        walked.left_out = copy.left_out(kept);
        remove((connection, &layout), (&mut copy, kept), job)?;
        for (table, rows) in &mut walked.rows {
            let gone = walked.left_out.iter().find(|(name, _)| name == table).map_or(0, |(_, gone)| *gone);
            *rows = rows.saturating_sub(gone);
        }
    }
    Ok(())
}

/// Removes the rows of the copy that are not among those that are kept.
fn remove(
    (connection, layout): (&dyn Connection, &Layout),
    (copy, kept): (&mut Selection, &mut Selection),
    job: &Job,
) -> Result<()> {
    for table in &layout.tables {
        let mut gone: Vec<Key> = Vec::new();
        let own = table.schema.id_column().map_or("", |column| column.name);
        let by_id = |id: i64| vec![(own, Value::Integer(id))];
        match table.schema.place {
            Place::Aside | Place::Derived(_) | Place::Node(Entity::ROOT) => {}
            Place::Node(entity) => {
                let stays = kept.ids(entity);
                gone.extend(copy.ids(entity).iter().filter(|id| stays.position(*id).is_none()).map(by_id));
            }
            Place::Leaf(entity) => {
                let stays = kept.leaves(entity);
                copy.leaves(entity).for_each(&mut |id| {
                    if stays.rank(id)?.is_none() {
                        gone.push(by_id(id));
                    }
                    Ok(())
                })?;
            }
            Place::Below(_) | Place::Link { .. } => {
                let query = RowQuery::apart(layout, table)?;
                let Some((low, high)) = copy.owner_bounds(query.owner) else { continue };
                let barring = query.barring(kept);
                connection.query(&query.sql(), &[Value::Integer(low), Value::Integer(high)], &mut |row| {
                    job.pulse()?;
                    let owner = row.value(0)?.as_integer();
                    let leaf = match &query.leaf {
                        Some((entity, _)) => row.value(1)?.as_integer().map(|id| (*entity, id)),
                        None => None,
                    };
                    if copy.owner(query.owner, owner, leaf).is_none() {
                        return Ok(Next::Row);
                    }
                    let mut stays = kept.owner(query.owner, owner, leaf).is_some();
                    if let Some(barring) = &barring {
                        stays &= !barring.bars(row)?;
                    }
                    if !stays {
                        gone.push(query.shape.key(row)?);
                    }
                    Ok(Next::Row)
                })?;
            }
        }
        for key in gone {
            job.pulse()?;
            let (condition, params) = which(table, key);
            connection.execute(&format!("DELETE FROM {} WHERE {condition}", quote(&table.name)), &params)?;
        }
    }
    Ok(())
}

/// The condition for a row, and its parameters.
fn which(table: &TableLayout, key: Key) -> (String, Vec<Value>) {
    let condition =
        |(at, (column, _)): (usize, &(&'static str, Value))| format!("{} = ?{}", table.quoted(column), at + 1);
    let conditions: Vec<String> = key.iter().enumerate().map(condition).collect();
    (conditions.join(" AND "), key.into_iter().map(|(_, value)| value).collect())
}

/// The experiment itself cannot be left out.
fn refused(table: &TableLayout, column: &ColumnLayout, row: &str) -> Error {
    let (table, column) = (table.schema.name, &column.name);
    let message = format!("{table}.{column} must not be NULL, and names a row that the document does not have");
    Error::new(Status::Constraint, Domain::ImportExport, message)
        .detail("table", table)
        .detail("column", column)
        .detail("row", row)
        .hint("let the target's column take NULL, or import into another database; nothing was changed")
}
