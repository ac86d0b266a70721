//! Checks declared foreign keys from extra columns to tables of the schema, in the same way as those of the schema.

use super::issue::{Issue, IssueKind};
use super::report::Collector;
use super::table_scan::Pass;
use crate::database::Next;
use crate::database::{ForeignKey, TableLayout};
use crate::error::Result;
use crate::hierarchy::{Scope, Selection, dangling_rows, describe_dangling};
use crate::schema::Role;

/// Reports the rows that name nothing by such a key.
pub fn read_extra_keys(pass: Pass<'_>, collector: &mut Collector) -> Result<()> {
    let keys: Vec<(&TableLayout, &ForeignKey)> =
        pass.layout.extra_keys().filter(|(_, key)| is_whole(pass, key)).collect();
    if keys.is_empty() {
        return Ok(());
    }
    pass.job.begin("validating the links of extra columns")?;
    let mut selection = match pass.experiment {
        Some(experiment) => {
            Some(Selection::read(pass.connection, pass.layout, experiment, Scope::default(), pass.job)?)
        }
        None => None,
    };
    for (table, key) in keys {
        read_key(pass, (table, key), selection.as_mut(), collector)?;
    }
    Ok(())
}

/// Whether what a key names can be looked for.
fn is_whole(pass: Pass<'_>, key: &ForeignKey) -> bool {
    let parent = key.parent.known(pass.layout.family).and_then(|known| pass.layout.table(known.name));
    parent.is_some_and(|parent| key.columns.iter().all(|(_, above)| parent.position(above).is_some()))
}

fn read_key(
    pass: Pass<'_>,
    (table, key): (&TableLayout, &ForeignKey),
    mut selection: Option<&mut Selection>,
    collector: &mut Collector,
) -> Result<()> {
    let (column, bounds) = match selection.as_deref_mut() {
        Some(selection) => match selection.bounds_of(table) {
            Some((column, bounds)) => (column, bounds.to_vec()),
            None => return Ok(()),
        },
        None => {
            let any = table.schema.columns.iter().find(|column| !matches!(column.role, Role::Content));
            (table.quoted(any.map_or("id", |column| column.name)), Vec::new())
        }
    };
    let mut sql = dangling_rows(table, key, &column);
    if !bounds.is_empty() {
        sql.push_str(&format!(" AND t.{column} BETWEEN ?1 AND ?2"));
    }
    pass.connection.query(&sql, &bounds, &mut |row| {
        pass.job.pulse()?;
        if let Some(selection) = selection.as_deref_mut()
            && !selection.has_row_of(table, row.value(0)?)?
        {
            return Ok(Next::Row);
        }
        let (at, named) = describe_dangling(table, key, row)?;
        let value = match key.columns.as_slice() {
            [_] => Some(row.value(1 + table.schema.primary_key.len())?.describe()),
            _ => None,
        };
        let (kind, name, names) = (IssueKind::DanglingReference, table.schema.name, key.names());
        collector.add(kind, kind.severity(), name, || Issue {
            kind,
            severity: kind.severity(),
            table: name.into(),
            message: format!("{name} ({at}): {names} names {} ({named}), which does not exist", key.parent),
            row: at,
            column: Some(names.into()),
            value,
            check: None,
        });
        Ok(Next::Row)
    })
}
