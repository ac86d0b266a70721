//! Reads metrics that are rows of the runs themselves, as MLflow's are.

use super::builder::Subject;
use super::field::{Field, Kind};
use super::source::{Levels, MetricsOptions, Source, Statement, only};
use crate::database::Layout;
use crate::error::{Domain, Error, Result, Status};
use crate::schema::{Column, Entity, Kind as Stored, Meaning, Place, Role, quote};

/// Where they are read from: the experiment, the run, what tells a run's metrics apart, and the value.
pub(super) fn metrics_below<'a>(layout: &'a Layout, name: &str, options: &MetricsOptions) -> Result<Source<'a>> {
    let family = layout.family;
    let missing = |what: &str| Error::internal(Domain::Database, format!("{name} has no {what}"));
    if options.levels != Levels::ALL {
        let message = format!("metrics of {} have no levels", family.tracker);
        return Err(Error::new(Status::Unsupported, Domain::Database, message).hint("ask for all levels"));
    }
    let table = layout.table(name).ok_or_else(|| missing("table"))?;
    let Place::Below(owner) = table.schema.place else { return Err(missing("owner")) };
    let (owners, root) = (layout.entity(owner)?, layout.entity(Entity::ROOT)?);
    let (own, root_id) = (table.schema.parent_column(owner), root.schema.id_column());
    let (Some(own), Some(root_id)) = (own, root_id) else { return Err(missing("key")) };
    let with_role = |role: Role, kind: Option<Stored>| {
        let fits = move |column: &&Column| column.role == role && kind.is_none_or(|kind| column.kind == kind);
        table.schema.columns.iter().filter(fits)
    };
    let type_of = |column: &Column| {
        let is_time = family.rules_of(name, column.name).any(|meaning| meaning == Meaning::Milliseconds);
        match column.kind {
            Stored::Integer if is_time => Kind::Milliseconds,
            Stored::Integer => Kind::Integer,
            Stored::Real => Kind::Real,
            _ => Kind::Text,
        }
    };
    let mut columns =
        vec![(Field::new(root_id.name, Kind::Integer), false), (Field::new(own.name, type_of(own)), true)];
    let experiment = format!("o.{}", owners.parent(Entity::ROOT)?);
    let mut cells = vec![experiment.clone(), format!("m.{}", table.quoted(own.name))];
    let mut keys = vec![(1, own.name)];
    let (mut kind, mut nan) = (None, None);
    for column in with_role(Role::Index, None) {
        if column.kind == Stored::Text {
            kind.get_or_insert(columns.len());
        }
        keys.push((columns.len(), column.name));
        columns.push((Field::new(column.name, type_of(column)), true));
        cells.push(format!("m.{}", table.quoted(column.name)));
    }
    for column in with_role(Role::Content, Some(Stored::Real)) {
        let says = family.rules_of(name, column.name).find_map(|meaning| match meaning {
            Meaning::NanIn(other) => Some(other),
            _ => None,
        });
        nan = nan.or(says.map(|other| (columns.len(), other)));
        columns.push((Field::new(column.name, Kind::Real), true));
        cells.push(format!("m.{}", table.quoted(column.name)));
    }
    // Last, as one integer on every engine.
    let nan = nan.map(|(value, other)| {
        cells.push(format!("CASE WHEN m.{} THEN 1 ELSE 0 END", table.quoted(other)));
        (value, columns.len())
    });
    let sql = format!(
        "SELECT {} FROM {} AS m LEFT JOIN {} AS o ON o.{} = m.{}{}",
        cells.join(", "),
        quote(&table.name),
        quote(&owners.name),
        owners.id(),
        table.quoted(own.name),
        only(&experiment, options)
    );
    Ok(Source {
        statements: vec![Statement { table, sql, reads: 0..cells.len(), owners: None }],
        runs: None,
        columns,
        kind: kind.ok_or_else(|| missing("type"))?,
        nan,
        subject: Subject::Metric { table: table.schema.name, keys },
    })
}
