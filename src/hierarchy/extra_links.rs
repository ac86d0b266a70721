//! The links of extra columns among the rows of an experiment.

use super::cut_links::without_cut;
use super::row_query::RowQuery;
use super::selection::Selection;
use super::shape::{Owner, Shape};
use super::unsound_rows::{UnsoundKind, UnsoundRow, UnsoundRows};
use super::walk::scan_owned;
use crate::database::{ColumnLayout, Connection, ForeignKey, Layout, Next, Row, TableLayout, between};
use crate::error::{Domain, Error, Result, Status};
use crate::progress::Job;
use crate::schema::{Entity, Place, family_of, quote};
use crate::values::{Value, ValueRef};

/// Where a link leads: whose row, and its position or rank among those of the selection.
pub type Target = (Entity, u64);

/// The id in a column that may be declared for text: a foreign key compares as the column of the id does.
pub fn id_in(value: ValueRef<'_>) -> Option<i64> {
    match value {
        ValueRef::Text(text) => std::str::from_utf8(text).ok()?.trim_ascii().parse().ok(),
        other => other.as_integer(),
    }
}

impl Selection {
    /// Where a link leads; `None` out of the experiment, or to no row.
    #[inline]
    pub fn target(&mut self, entity: Entity, value: ValueRef<'_>) -> Result<Option<Target>> {
        let Some(id) = id_in(value) else { return Ok(None) };
        let rank = match self.family.is_leaf(entity) {
            true => self.leaves(entity).rank(id)?,
            false => self.ids(entity).position(id).map(|at| at as u64),
        };
        Ok(rank.map(|rank| (entity, rank)))
    }
}

/// A row that has links.
pub struct Linking<'r> {
    pub shape: &'r Shape<'r>,
    pub row: &'r dyn Row,
    /// What it hangs on; of a linked row the experiment.
    pub owner: Owner,
    /// Of the row of a junction table what it links, and of a linked row itself: `None` if there is none.
    pub leaf: Option<(Entity, u64)>,
}

impl<'r> Linking<'r> {
    /// Each link: its column, whose ids that has, and the id.
    pub fn links(&self) -> Result<Vec<(&'r ColumnLayout, Entity, ValueRef<'_>)>> {
        let mut found = Vec::new();
        for (at, column) in self.shape.columns.iter().enumerate() {
            let Some(entity) = column.refers else { continue };
            let value = self.row.value(self.shape.first + at)?;
            if value != ValueRef::Null {
                found.push((*column, entity, value));
            }
        }
        Ok(found)
    }
}

/// Receives rows that have links.
pub type EachLinking<'e> = &'e mut dyn FnMut(&mut Selection, &Linking<'_>) -> Result<()>;

/// Hands over the rows of the selection that have links, table after table.
pub fn scan_links(
    connection: &dyn Connection,
    layout: &Layout,
    selection: &mut Selection,
    job: &Job,
    each: EachLinking<'_>,
) -> Result<()> {
    for table in layout.tables.iter().filter(|table| table.has_links()) {
        if let Some(mut query) = RowQuery::alone(layout, table)? {
            query.conditions = format!(" AND {}", have_links(table));
            scan_linking(connection, query, selection, job, each)?;
        }
    }
    Ok(())
}

/// The condition for rows that have a link.
fn have_links(table: &TableLayout) -> String {
    let links = table.columns.iter().filter(|column| column.refers.is_some());
    let parts: Vec<String> = links.map(|column| format!("t.{} IS NOT NULL", quote(&column.name))).collect();
    format!("({})", parts.join(" OR "))
}

fn scan_leaf(
    connection: &dyn Connection,
    mut query: RowQuery<'_>,
    entity: Entity,
    selection: &mut Selection,
    job: &Job,
    each: EachLinking<'_>,
) -> Result<()> {
    let Some(bounds) = selection.leaves(entity).bounds() else { return Ok(()) };
    let cutting = selection.cutting(&query.shape, 0);
    query.conditions.push_str(&format!(" ORDER BY t.{}", query.owner_column));
    connection.query(&query.sql(), &between(bounds), &mut |row| {
        job.pulse()?;
        let rank = match row.value(0)?.as_integer() {
            Some(id) => selection.leaves(entity).rank(id)?,
            None => None,
        };
        if let Some(rank) = rank {
            without_cut(cutting.as_ref(), row, &mut |row| {
                let leaf = Some((entity, rank));
                each(selection, &Linking { shape: &query.shape, row, owner: Owner::ROOT, leaf })
            })?;
        }
        Ok(Next::Row)
    })
}

/// Hands over the rows that a query reads, of the selection.
pub(super) fn scan_linking(
    connection: &dyn Connection,
    query: RowQuery<'_>,
    selection: &mut Selection,
    job: &Job,
    each: EachLinking<'_>,
) -> Result<()> {
    if let Place::Leaf(entity) = query.table.schema.place {
        return scan_leaf(connection, query, entity, selection, job, each);
    }
    let leaf = query.leaf.as_ref().map(|(entity, _)| *entity);
    let cutting = selection.cutting(&query.shape, 0);
    scan_owned(connection, &query, (leaf, ""), selection, job, |selection, owner, rank, row| {
        let leaf = leaf.and_then(|entity| Some((entity, rank?)));
        without_cut(cutting.as_ref(), row, &mut |row| {
            each(selection, &Linking { shape: &query.shape, row, owner, leaf })
        })
    })
}

/// The links that lead out of the experiment, or to no row.
#[derive(Debug, Default)]
pub struct Leaving {
    pub problems: UnsoundRows,
    /// How many each column has: its table and its name.
    pub columns: Vec<(&'static str, String, u64)>,
}

impl Leaving {
    /// Looks at every link whose kind of row is `wanted`.
    pub fn find(
        connection: &dyn Connection,
        layout: &Layout,
        selection: &mut Selection,
        job: &Job,
        wanted: impl Fn(Entity) -> bool,
    ) -> Result<Leaving> {
        let mut leaving = Leaving::default();
        scan_links(connection, layout, selection, job, &mut |selection, linking| {
            for (column, entity, value) in linking.links()? {
                if wanted(entity) && selection.target(entity, value)?.is_none() {
                    leaving.add(linking, column, entity, value)?;
                }
            }
            Ok(())
        })?;
        Ok(leaving)
    }

    fn add(&mut self, linking: &Linking<'_>, column: &ColumnLayout, entity: Entity, value: ValueRef<'_>) -> Result<()> {
        let table = linking.shape.table.schema.name;
        match self.columns.iter_mut().find(|(of, name, _)| *of == table && *name == column.name) {
            Some((.., count)) => *count += 1,
            None => self.columns.push((table, column.name.clone(), 1)),
        }
        let (row, leads_out) =
            (linking.shape.row_key(linking.row)?, family_of(linking.shape.table.schema).of(entity).leads_out);
        self.problems.add(|| UnsoundRow {
            kind: UnsoundKind::DanglingReference,
            table,
            message: format!("{table} ({row}): {} is {}, {}", column.name, value.describe(), leads_out),
            row,
        });
        Ok(())
    }
}

/// A foreign key with an extra column, and how many rows name nothing by it.
pub struct Dangling<'k> {
    pub table: &'k TableLayout,
    pub key: &'k ForeignKey,
    pub count: u64,
    /// The key of the first such row, and what it names: `parent_id=7`.
    pub first: (String, String),
}

impl Dangling<'_> {
    /// For a person.
    pub fn message(&self) -> String {
        let (table, (row, named)) = (self.table.schema.name, &self.first);
        let (count, parent, columns) = (self.count, &self.key.parent, self.key.names());
        format!(
            "{count} rows of {table} refer by {columns} to rows of {parent} that do not exist, the first ({row}) to {named}"
        )
    }

    /// The error of rows that were to be written, with what helps.
    pub fn error(&self, status: Status, domain: Domain, hint: &str) -> Error {
        let (table, (row, named)) = (self.table.schema.name, &self.first);
        let message = format!(
            "{} rows of {table} refer to rows of {} that do not exist; nothing was changed",
            self.count, self.key.parent
        );
        Error::new(status, domain, message)
            .detail("table", table)
            .detail("row", row)
            .detail("column", self.key.names())
            .detail("problem", format!("{} ({named}) does not exist", self.key.parent))
            .hint(hint)
    }
}

/// Whether a key is one column that has ids of ours.
pub(super) fn is_by_id(table: &TableLayout, key: &ForeignKey) -> bool {
    let [(name, _)] = key.columns.as_slice() else { return false };
    table.columns.iter().any(|column| column.refers.is_some() && column.name.eq_ignore_ascii_case(name))
}

/// Finds rows of the selection, which was written in this transaction, that name nothing by a declared foreign key that is not the
/// schema's. What they name stays until the transaction ends.
pub fn find_dangling<'k>(
    connection: &dyn Connection,
    layout: &'k Layout,
    selection: &mut Selection,
    job: &Job,
) -> Result<Vec<Dangling<'k>>> {
    let mut found = Vec::new();
    for (table, key) in layout.extra_keys() {
        if is_by_id(table, key) {
            // Whoever wrote the row knew the new id.
            continue;
        }
        let Some((column, bounds)) = selection.bounds_of(table) else { continue };
        let sql = dangling_rows(table, key, &column);
        let sql = format!("{sql} AND t.{column} BETWEEN ?1 AND ?2");
        let mut count = 0;
        let mut first = None;
        connection.query_held(&sql, &bounds, &mut |row| {
            job.pulse()?;
            if selection.has_row_of(table, row.value(0)?)? {
                count += 1;
                if first.is_none() {
                    first = Some(describe(table, key, row)?);
                }
            }
            Ok(Next::Row)
        })?;
        found.extend(first.map(|first| Dangling { table, key, count, first }));
    }
    Ok(found)
}

/// The query for rows that name nothing by a key: a column, those of the primary key, and those of the key.
pub fn dangling_rows(table: &TableLayout, key: &ForeignKey, column: &str) -> String {
    let primary = table.schema.primary_key.iter().map(|name| format!("t.{}", table.quoted(name)));
    let own = key.columns.iter().map(|(name, _)| format!("t.{}", quote(name)));
    let columns: Vec<String> = std::iter::once(format!("t.{column}")).chain(primary).chain(own).collect();
    let none =
        key.columns.first().map_or_else(|| "1 = 1".to_owned(), |(_, above)| format!("p.{} IS NULL", quote(above)));
    format!(
        "SELECT {} FROM {} AS t LEFT JOIN {} AS p ON {} WHERE {} AND {none}",
        columns.join(", "),
        quote(&table.name),
        key.parent.quoted(),
        key.joins("t", "p"),
        key.names_something("t")
    )
}

/// The key of a row of [`dangling_rows`], and what it names.
pub fn describe(table: &TableLayout, key: &ForeignKey, row: &dyn Row) -> Result<(String, String)> {
    let named = |names: &mut dyn Iterator<Item = &str>, from: usize| -> Result<String> {
        let parts = names.enumerate().map(|(at, name)| Ok(format!("{name}={}", row.value(from + at)?.describe())));
        Ok(parts.collect::<Result<Vec<String>>>()?.join(", "))
    };
    let primary = table.schema.primary_key;
    let own = named(&mut primary.iter().copied(), 1)?;
    Ok((own, named(&mut key.columns.iter().map(|(_, above)| above.as_str()), 1 + primary.len())?))
}

impl Selection {
    /// The column by which the rows of a table are found, and the smallest and the greatest id there.
    pub fn bounds_of(&self, table: &TableLayout) -> Option<(String, [Value; 2])> {
        let schema = table.schema;
        let (column, bounds) = match schema.place {
            Place::Aside | Place::Derived(_) => return None,
            Place::Node(entity) => (table.id(), self.owner_bounds(entity)),
            Place::Leaf(entity) => (table.id(), self.leaf(entity).bounds()),
            Place::Below(owner) | Place::Link { owner, .. } => {
                (table.quoted(schema.parent_column(owner)?.name), self.owner_bounds(owner))
            }
        };
        Some((column, between(bounds?)))
    }

    /// Whether a row with this in that column is one of the selection.
    pub fn has_row_of(&mut self, table: &TableLayout, value: ValueRef<'_>) -> Result<bool> {
        let Some(id) = value.as_integer() else { return Ok(false) };
        Ok(match (table.schema.place, table.schema.owner()) {
            (Place::Leaf(entity), _) => self.leaves(entity).rank(id)?.is_some(),
            (Place::Aside | Place::Derived(_), _) | (_, None) => false,
            (_, Some(owner)) => self.ids(owner).position(id).is_some(),
        })
    }
}
