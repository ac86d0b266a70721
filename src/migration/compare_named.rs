//! Where two experiments of a family whose keys are texts first differ.

use std::collections::HashMap;

use super::comparison::{ANOTHER_VALUE, Compared, Comparison, Difference, ONLY_IN_A, ONLY_IN_B, RowKey, Shown};
use crate::database::{Connection, Layout, Row};
use crate::digest::{Hash, NamedDigest, NamedTable, digest_named, encode_value};
use crate::error::{Domain, Result};
use crate::hierarchy::{Named, NamedRows, experiment_exists};
use crate::progress::Job;
use crate::schema::{Call, Entity, quote};
use crate::values::{Value, ValueRef};

/// One side of a comparison.
struct Side<'a> {
    connection: &'a dyn Connection,
    layout: &'a Layout,
    rows: NamedRows,
    digest: NamedDigest,
}

fn rows(connection: &dyn Connection, layout: &Layout, experiment: i64, job: &Job) -> Result<NamedRows> {
    layout.require(Call::Compare, Domain::Migration)?;
    experiment_exists(connection, layout, experiment)?;
    job.begin("counting")?;
    NamedRows::read(connection, layout, experiment, job)
}

/// Compares two experiments.
pub fn compare_named(
    (a, layout_a, of_a): (&dyn Connection, &Layout, i64),
    (b, layout_b, of_b): (&dyn Connection, &Layout, i64),
    warnings: &[String],
    job: &Job,
) -> Result<Comparison> {
    let (rows_a, rows_b) = (rows(a, layout_a, of_a, job)?, rows(b, layout_b, of_b, job)?);
    job.set_total(job.counts().2 + rows_a.total() + rows_b.total());
    job.begin("digesting")?;
    let digests = (digest_named(a, layout_a, &rows_a, (job, true))?, digest_named(b, layout_b, &rows_b, (job, true))?);
    let warnings: Vec<String> = warnings
        .iter()
        .cloned()
        .chain(rows_a.astray.iter().chain(&rows_b.astray).map(|astray| astray.message()))
        .collect();
    let a = Side { connection: a, layout: layout_a, rows: rows_a, digest: digests.0 };
    let b = Side { connection: b, layout: layout_b, rows: rows_b, digest: digests.1 };
    let equal = a.digest.experiment == b.digest.experiment;
    let first_difference = if equal { None } else { Some(find_difference(&a, &b)?) };
    Ok(Comparison { equal, a: a.compared(of_a), b: b.compared(of_b), first_difference, warnings })
}

fn find_difference(a: &Side<'_>, b: &Side<'_>) -> Result<Difference> {
    let family = a.layout.family;
    if a.digest.row != b.digest.row {
        let cells = differing(
            &a.cells(Named { entity: Entity::ROOT, at: 0 })?,
            &b.cells(Named { entity: Entity::ROOT, at: 0 })?,
        );
        return Ok(Difference { shown: cells, ..Difference::of(family.table_name(Entity::ROOT), ANOTHER_VALUE) });
    }
    for entity in family.all().filter(|entity| *entity != Entity::ROOT) {
        let name = family.table_name(entity);
        let (only_a, only_b) = unmatched(a.digest.nodes.get(entity), b.digest.nodes.get(entity));
        let Some((of_a, of_b)) = pair((a, &only_a), (b, &only_b), entity) else { continue };
        let ids = Some([a.id(entity, of_a), b.id(entity, of_b)].map(|id| id.map(RowKey::Text)));
        let (Some(of_a), Some(of_b)) = (of_a, of_b) else {
            let how = if of_a.is_none() { ONLY_IN_B } else { ONLY_IN_A };
            return Ok(Difference { ids, ..Difference::of(name, how) });
        };
        let row = |side: &Side<'_>, at: usize| side.digest.rows.get(entity).get(at).copied();
        if row(a, of_a) != row(b, of_b) {
            let cells = differing(&a.cells(Named { entity, at: of_a })?, &b.cells(Named { entity, at: of_b })?);
            return Ok(Difference { ids, shown: cells, ..Difference::of(name, ANOTHER_VALUE) });
        }
        return Ok(Difference { ids, ..Difference::of(name, "other rows hang on it, or it is tied to others") });
    }
    Ok(Difference::of(family.table_name(Entity::ROOT), "other rows hang on it"))
}

/// The positions on either side whose digests have no partner on the other.
fn unmatched(a: &[Hash], b: &[Hash]) -> (Vec<usize>, Vec<usize>) {
    let mut left: HashMap<Hash, usize> = HashMap::new();
    b.iter().for_each(|hash| *left.entry(*hash).or_default() += 1);
    let mut take = |hash: &Hash| match left.get_mut(hash) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        _ => false,
    };
    let only_a = a.iter().enumerate().filter(|(_, hash)| !take(hash)).map(|(at, _)| at).collect();
    let only_b = b.iter().enumerate().filter(|(_, hash)| take(hash)).map(|(at, _)| at).collect();
    (only_a, only_b)
}

/// Of the unmatched rows one of each side: with the same key, where there is such a pair.
fn pair(
    (a, only_a): (&Side<'_>, &[usize]),
    (b, only_b): (&Side<'_>, &[usize]),
    entity: Entity,
) -> Option<(Option<usize>, Option<usize>)> {
    let keyed = only_a.iter().find_map(|at| {
        let other = b.rows.ids(entity).position(a.rows.ids(entity).get(*at)?)?;
        only_b.contains(&other).then_some((Some(*at), Some(other)))
    });
    let firsts = (only_a.first().copied(), only_b.first().copied());
    keyed.or((firsts != (None, None)).then_some(firsts))
}

/// The cells of a row, by the names of their columns.
type Cells = Vec<(String, Value)>;

fn encoded(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_value(value.borrow(), None, &mut bytes);
    bytes
}

/// The first cell that differs.
fn differing(a: &Cells, b: &Cells) -> Option<Shown> {
    let value =
        |cells: &Cells, name: &str| cells.iter().find(|(column, _)| column == name).map(|(_, value)| value.clone());
    for (name, of_a) in a {
        let of_b = value(b, name).unwrap_or(Value::Null);
        if encoded(of_a) != encoded(&of_b) {
            let values = [of_a, &of_b].map(|value| Some(value.borrow().describe()));
            return Some(Shown { column: Some(name.clone()), values });
        }
    }
    None
}

impl Side<'_> {
    fn compared(&self, experiment_id: i64) -> Compared {
        let tables = self.rows.counts.iter().map(|c| (c.table.name, c.rows)).collect();
        Compared { experiment_id, digest: self.digest.experiment, tables }
    }

    fn id(&self, entity: Entity, at: Option<usize>) -> Option<String> {
        Some(String::from_utf8_lossy(self.rows.ids(entity).get(at?)?).into_owned())
    }

    /// The cells of a row that are part of the digest and no links.
    fn cells(&self, named: Named) -> Result<Cells> {
        let table = self.layout.entity(named.entity)?;
        let plan = NamedTable::new(self.layout.family, table);
        let columns = plan.plain();
        let names: Vec<String> = columns.iter().map(|name| table.quoted(name)).collect();
        let key = match named.entity {
            Entity::ROOT => Value::Integer(self.rows.experiment),
            entity => Value::Text(self.rows.ids(entity).get(named.at).unwrap_or_default().to_vec()),
        };
        let sql = format!("SELECT {} FROM {} WHERE {} = ?1", names.join(", "), quote(&table.name), table.id());
        let mut cells = Cells::new();
        self.connection.query(&sql, &[key], &mut |row: &dyn Row| {
            for (at, name) in columns.iter().enumerate() {
                let value: ValueRef<'_> = row.value(at)?;
                cells.push(((*name).to_owned(), value.to_owned()));
            }
            Ok(crate::database::Next::Stop)
        })?;
        Ok(cells)
    }
}
