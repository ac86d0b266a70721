//! The links of extra columns whose foreign key is more or other than one id: to a unique column, to an epoch or a batch, to a table of others.
//!
//! Their values stay as they are in a copy, but for the ids among them. So such a link leads somewhere if what it refers to is copied, too, or
//! if it has no ids and the target has such a row.

use super::extra_links::{Linking, is_by_id, scan_linking};
use super::keys::soundness;
use super::row_query::RowQuery;
use super::selection::Selection;
use crate::database::{ColumnLayout, Connection, ForeignKey, Layout, Row, TableLayout};
use crate::error::Result;
use crate::progress::Job;
use crate::schema::{Place, Role, quote};
use crate::values::{Value, ValueRef};

/// What is said of a link that is cut.
pub const LEADS_NOWHERE: &str = "it is a foreign key to a row that the target will not have";

/// A foreign key that the target declares, as the rows that are copied have it.
pub struct ValueKey<'l> {
    pub table: &'l TableLayout,
    /// The table that it refers to, if rows of it are copied.
    parent: Option<&'l TableLayout>,
    /// In the spelling of the copied table, and of the parent if there is one.
    key: ForeignKey,
    /// As the target spells it.
    pub declared: &'l ForeignKey,
    /// The extra columns that have to be NULL for the link to be none; if the target refuses that in all of them, they are `required`.
    pub columns: Vec<&'l ColumnLayout>,
    pub required: bool,
    /// Ids are part of it.
    has_ids: bool,
}

/// Whether the database to which the rows go has what these values refer to. The second says whether that is a row of what is copied which
/// is left out.
pub type Elsewhere<'e> = &'e mut dyn FnMut(&ValueKey<'_>, &[ValueRef<'_>], bool) -> Result<bool>;

/// Receives links of a selection that lead nowhere, and what is kept of the selection.
pub type EachValueLink<'e> = &'e mut dyn FnMut(&mut Selection, Option<&mut Selection>, &Linking<'_>) -> Result<()>;

impl<'l> ValueKey<'l> {
    /// Those of tables that are copied from a database with this `layout`.
    pub fn all(layout: &'l Layout, target: &'l Layout) -> Vec<ValueKey<'l>> {
        target.extra_keys().filter_map(|(there, key)| ValueKey::new(layout, there, key)).collect()
    }

    fn new(layout: &'l Layout, there: &TableLayout, declared: &'l ForeignKey) -> Option<ValueKey<'l>> {
        if is_by_id(there, declared) {
            return None;
        }
        let table = layout.table(there.schema.name)?;
        let here = |table: &'l TableLayout, name: &str| table.columns.get(table.position(name)?);
        // A column that is not copied is NULL there, and so the link is none.
        let own: Vec<&ColumnLayout> =
            declared.columns.iter().map(|(name, _)| here(table, name)).collect::<Option<_>>()?;
        let parent = declared.parent.known(layout.family).and_then(|parent| layout.table(parent.name));
        let above: Option<Vec<&ColumnLayout>> =
            parent.and_then(|parent| declared.columns.iter().map(|(_, name)| here(parent, name)).collect());
        let mut key = declared.clone();
        for (at, (name, to)) in key.columns.iter_mut().enumerate() {
            *name = own.get(at)?.name.clone();
            if let Some(column) = above.as_ref().and_then(|above| above.get(at)) {
                *to = column.name.clone();
            }
        }
        let nullable = |column: &&ColumnLayout| {
            let is_it = |other: &&ColumnLayout| other.name.eq_ignore_ascii_case(&column.name);
            there.columns.iter().find(is_it).is_some_and(|there| !there.not_null)
        };
        let extra: Vec<&ColumnLayout> = own.iter().copied().filter(|column| column.schema.is_none()).collect();
        let loose: Vec<&ColumnLayout> = extra.iter().copied().filter(nullable).collect();
        let is_id = |column: &&ColumnLayout| {
            column.refers.is_some()
                || column.schema.is_some_and(|known| matches!(known.role, Role::Id | Role::Parent(_)))
        };
        Some(ValueKey {
            table,
            parent: above.and(parent),
            key,
            declared,
            required: loose.is_empty(),
            columns: if loose.is_empty() { extra } else { loose },
            has_ids: own.iter().any(is_id),
        })
    }

    /// Hands over the rows of the selection whose link leads nowhere.
    pub fn scan(
        &self,
        (connection, layout): (&dyn Connection, &Layout),
        selection: &mut Selection,
        mut kept: Option<&mut Selection>,
        elsewhere: Elsewhere<'_>,
        job: &Job,
        each: EachValueLink<'_>,
    ) -> Result<()> {
        let Some(mut query) = RowQuery::alone(layout, self.table)? else { return Ok(()) };
        let first = query.select.len();
        let own = self.key.columns.iter().map(|(name, _)| format!("t.{}", quote(name)));
        query.select.extend(own);
        let parent = self.parent.map(|parent| Parent::new(parent, first + self.key.columns.len()));
        if let Some(parent) = &parent {
            query.select.extend(parent.columns.iter().map(|name| format!("p.{}", quote(name))));
            let mut on = self.key.joins("t", "p");
            if let Some(sound) = soundness(layout, parent.table, "p", &|table| selection.has_unsound(table)) {
                on = format!("{on} AND {sound}");
            }
            query.from = format!("{} LEFT JOIN {} AS p ON {on}", query.from, quote(&parent.table.name));
        }
        query.conditions = format!(" AND {}", self.key.names_something("t"));
        scan_linking(connection, query, selection, job, &mut |selection, linking| {
            let mut in_copy = false;
            if let Some(parent) = &parent {
                in_copy = parent.is_in(linking.row, selection)?;
                let stays = match kept.as_deref_mut() {
                    Some(kept) => in_copy && parent.is_in(linking.row, kept)?,
                    None => in_copy,
                };
                if stays {
                    return Ok(());
                }
            }
            let values = (0..self.key.columns.len()).map(|at| linking.row.value(first + at));
            let values: Vec<ValueRef<'_>> = values.collect::<Result<_>>()?;
            for (column, value) in self.own_columns().zip(&values) {
                if let Some(entity) = column.refers
                    && kept.as_deref_mut().unwrap_or(&mut *selection).target(entity, *value)?.is_none()
                {
                    // The id is a link of its own, and cut.
                    return Ok(());
                }
            }
            if !self.has_ids && elsewhere(self, &values, in_copy)? {
                return Ok(());
            }
            each(selection, kept.as_deref_mut(), linking)
        })
    }

    /// The values of the columns that are cut, but for those that are NULL already.
    pub fn cut<'r>(&self, linking: &'r Linking<'_>) -> Result<Vec<(&'l ColumnLayout, ValueRef<'r>)>> {
        let mut cut = Vec::new();
        for column in &self.columns {
            let at = linking.shape.columns.iter().position(|other| other.name == column.name);
            if let Some(at) = at {
                cut.push((*column, linking.row.value(linking.shape.first + at)?));
            }
        }
        Ok(cut)
    }

    /// Whether a database has such a row, which is asked with these values.
    pub fn is_there(&self, connection: &dyn Connection, values: &[Value]) -> Result<bool> {
        let parts = self.declared.columns.iter().enumerate();
        let conditions: Vec<String> = parts.map(|(at, (_, to))| format!("{} = ?{}", quote(to), at + 1)).collect();
        let (parent, condition) = (self.declared.parent.quoted(), conditions.join(" AND "));
        let sql = format!("SELECT 1 FROM {parent} WHERE {condition} LIMIT 1");
        Ok(connection.query_integer(&sql, values)?.is_some())
    }

    /// For a person.
    pub fn name(&self) -> String {
        format!("{} ({})", self.table.schema.name, self.key.names())
    }

    /// The columns of the key, in its order.
    pub fn own_columns(&self) -> impl Iterator<Item = &'l ColumnLayout> + '_ {
        self.key.columns.iter().filter_map(|(name, _)| self.table.columns.get(self.table.position(name)?))
    }
}

/// The cells of a query that say which row a key refers to.
struct Parent<'l> {
    table: &'l TableLayout,
    columns: Vec<String>,
    first: usize,
}

impl<'l> Parent<'l> {
    fn new(table: &'l TableLayout, first: usize) -> Parent<'l> {
        let is_key = |column: &&ColumnLayout| column.schema.is_some_and(|known| known.role != Role::Content);
        let columns = table.columns.iter().filter(is_key).map(|column| column.name.clone()).collect();
        Parent { table, columns, first }
    }

    fn at(&self, name: &str) -> Option<usize> {
        Some(self.first + self.columns.iter().position(|column| column.eq_ignore_ascii_case(name))?)
    }

    fn id(&self, row: &dyn Row, name: Option<&str>) -> Result<Option<i64>> {
        match name.and_then(|name| self.at(name)) {
            Some(at) => Ok(row.value(at)?.as_integer()),
            None => Ok(None),
        }
    }

    /// Whether the row is one of a selection.
    fn is_in(&self, row: &dyn Row, selection: &mut Selection) -> Result<bool> {
        let schema = self.table.schema;
        let own = self.id(row, schema.id_column().map(|column| column.name))?;
        let parent = |entity| self.id(row, schema.parent_column(entity).map(|column| column.name));
        let (owner, leaf) = match schema.place {
            Place::Aside | Place::Derived(_) => return Ok(false),
            Place::Node(entity) => return Ok(own.is_some_and(|id| selection.ids(entity).position(id).is_some())),
            Place::Leaf(entity) => return own.map_or(Ok(false), |id| Ok(selection.leaves(entity).rank(id)?.is_some())),
            Place::Below(owner) => (owner, None),
            Place::Link { owner, leaf } => (owner, parent(leaf)?.map(|id| (leaf, id))),
        };
        if selection.owner(owner, parent(owner)?, leaf).is_none() {
            return Ok(false);
        }
        if let Some((entity, id)) = leaf
            && selection.leaves(entity).rank(id)?.is_none()
        {
            return Ok(false);
        }
        match selection.barring(schema, &|name| self.at(name)) {
            Some(barring) => Ok(!barring.bars(row)?),
            None => Ok(true),
        }
    }
}
