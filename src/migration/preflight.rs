//! The pre-flight: finds, before the first write, every value and row that the target cannot hold unchanged.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::endpoints::Endpoints;
use crate::database::{
    CONVERTED, ColumnLayout, Connection, KEPT, Layout, Loss, NO_COLUMN, Next, Row, TableLayout, utf16_holds,
};
use crate::digest::{Conversion, ExperimentDigest, digest};
use crate::error::{Error, NAMED, Result};
use crate::hierarchy::{
    CutLinks, LeftOutRows, Look, Owner, RewritingVisitor, RowsOnce, Selection, Shape, Visitor, mark, walk,
};
use crate::progress::Job;
use crate::schema::{Entity, Place, quote};
use crate::validation::Quality;
use crate::values::{Value, ValueRef};

/// What happens to a column on the way.
#[derive(Clone, Debug)]
enum Change {
    /// The target's table lacks it.
    Missing,
    /// The target's type converts some values.
    Converted(ColumnLayout),
    /// What is read does not tell all of the values with these marks. Others stay as they are if the target's column is the `same`, or
    /// keeps them.
    Untold { there: ColumnLayout, marks: HashSet<u64>, same: bool },
    /// The target refuses NULL.
    Refused,
    /// There the column has ids of other rows, and here it does not say so.
    Foreign,
}

/// Everything that would be lost or changed: an exact count, and the first hundred.
#[derive(Clone, Debug, Default)]
pub struct Preflight {
    pub count: u64,
    pub first: Vec<Loss>,
    /// Of these, values that the target refuses altogether.
    pub refused: u64,
    /// Of these, links that lead out of the experiment.
    pub leaving: u64,
    /// The rows that are left out because links of theirs lead out of the experiment, and how many that are with all that hangs on them.
    pub without: Option<Arc<LeftOutRows>>,
    pub left_out: Vec<(&'static str, u64)>,
    /// Links that become NULL and are no ids: these are NULL where they lead nowhere.
    pub cut: Option<Arc<CutLinks>>,
    /// Columns to add to the target's tables, as the source has them.
    pub added_columns: Vec<(&'static str, ColumnLayout)>,
}

impl Preflight {
    /// Counts a loss, and keeps it if it is among the first.
    pub fn note(&mut self, loss: Loss) {
        self.add(loss);
    }

    fn add(&mut self, loss: Loss) {
        self.count += 1;
        if self.first.len() < KEPT {
            self.first.push(loss);
        }
    }

    /// Adds the first of them to an error, as details.
    pub fn name_in(&self, error: Error) -> Error {
        self.first.iter().take(NAMED).fold(error, |mut error, loss| {
            error = error.detail("table", loss.table);
            for (key, value) in
                [("row", &loss.row), ("column", &loss.column), ("value", &loss.value), ("stored_as", &loss.stored_as)]
            {
                if let Some(value) = value {
                    error = error.detail(key, value);
                }
            }
            error.detail("problem", loss.reason)
        })
    }

    /// The list as JSON.
    pub fn to_json(&self) -> serde_json::Value {
        let left_out: Json = self.left_out.iter().map(|(table, rows)| ((*table).to_owned(), json!(rows))).collect();
        json!({"count": self.count, "values": self.first, "rows_left_out": left_out})
    }
}

/// The source's layout without what the target has no place for, and how the rest changes.
pub struct TargetLayout {
    pub layout: Layout,
    /// By table and column.
    changes: HashMap<&'static str, HashMap<String, Change>>,
    /// Columns that only the target has and that refuse NULL.
    insisting: Vec<(&'static str, String)>,
    /// The target stores text as UTF-16.
    utf16: bool,
    /// The experiment's own row is not copied.
    pub appended: bool,
    /// Columns are left out because the target fills them itself.
    pub trimmed: bool,
}

impl TargetLayout {
    /// Compares the layouts. With `add_columns`, extra columns that the target lacks are added there instead of dropped. With
    /// `appended`, the experiment's own row is not copied, so nothing of it can be lost.
    pub fn new(
        source: &Layout,
        target: &Layout,
        (add_columns, appended): (bool, bool),
        fit: &mut Preflight,
    ) -> TargetLayout {
        let mut layout = source.clone();
        let mut changes: HashMap<&'static str, HashMap<String, Change>> = HashMap::new();
        let mut insisting = Vec::new();
        let mut trimmed = false;
        layout.tables.retain_mut(|table| {
            let Some(other) = target.table(table.schema.name) else {
                return false;
            };
            if table.schema.place == Place::Aside {
                return false;
            }
            if appended && is_own_row(table) {
                return true;
            }
            let name = table.schema.name;
            let only_there = other.extra_columns().filter(|column| table.position(&column.name).is_none());
            insisting.extend(only_there.filter(|column| column.not_null).map(|column| (name, column.name.clone())));
            table.columns.retain(|column| {
                let Some(there) = other.columns.iter().find(|c| c.name.eq_ignore_ascii_case(&column.name)) else {
                    if target.filled(table.schema, &column.name).is_some() {
                        trimmed = true;
                        return false;
                    }
                    if add_columns && !other.generates(&column.name) {
                        // A column that is added keeps all that any column of the database can hold.
                        let added = ColumnLayout::elsewhere(&column.name, "");
                        if other.is_of_a_file() && !added.takes_all_of(column) {
                            changes.entry(name).or_default().insert(column.name.clone(), Change::Converted(added));
                        }
                        fit.added_columns.push((name, column.clone()));
                        return true;
                    }
                    changes.entry(name).or_default().insert(column.name.clone(), Change::Missing);
                    return false;
                };
                if there.refers.is_some() && there.refers != column.refers {
                    changes.entry(name).or_default().insert(column.name.clone(), Change::Foreign);
                    return false;
                }
                // The copy has other ids than the source.
                if column.refers.is_none() && !there.takes_all_of(column) {
                    let change = Change::Converted(there.clone());
                    changes.entry(name).or_default().insert(column.name.clone(), change);
                } else if there.not_null && !column.not_null {
                    changes.entry(name).or_default().insert(column.name.clone(), Change::Refused);
                }
                true
            });
            true
        });
        TargetLayout { layout, changes, insisting, utf16: target.utf16, appended, trimmed }
    }

    /// Looks in the tables that are copied for values that are not all in what is read of them.
    pub fn find_untold(&mut self, source: &dyn Connection, target: &Layout, selection: &Selection) -> Result<()> {
        let copied = |table: &TableLayout| {
            let rows = selection.counts.iter().any(|counts| counts.table.name == table.schema.name && counts.rows > 0);
            rows && !(self.appended && is_own_row(table))
        };
        for table in self.layout.tables.iter().filter(|table| copied(table)) {
            let Some(other) = target.table(table.schema.name) else { continue };
            let changes = self.changes.entry(table.schema.name).or_default();
            for column in &table.columns {
                let there = other.columns.iter().find(|there| there.name.eq_ignore_ascii_case(&column.name));
                // A column that is added keeps whatever comes.
                let added = ColumnLayout::elsewhere(&column.name, "");
                let there = there.unwrap_or(&added);
                let same = there.storage == column.storage;
                if !same && column.is_read_whole() {
                    continue;
                }
                let mut marks = HashSet::new();
                source.each_not_taken_back(table, column, &mut |value| {
                    marks.insert(mark(value));
                    Ok(Next::Row)
                })?;
                if !marks.is_empty() {
                    changes.insert(column.name.clone(), Change::Untold { there: there.clone(), marks, same });
                }
            }
        }
        self.changes.retain(|_, changes| !changes.is_empty());
        Ok(())
    }

    /// What a value becomes in the target; `None` if it stays as it is, or is refused.
    pub fn stored(
        &self,
        target: &dyn Connection,
        table: &TableLayout,
        column: &ColumnLayout,
        value: ValueRef<'_>,
    ) -> Result<Option<Value>> {
        if self.changes.is_empty() {
            return Ok(None);
        }
        match self.changes.get(table.schema.name).and_then(|changes| changes.get(&column.name)) {
            Some(Change::Converted(there)) if !there.certainly_keeps(value) => target.stored_as(there, value),
            Some(Change::Untold { there, marks, same })
                if marks.contains(&mark(value)) || !(*same || there.certainly_keeps(value)) =>
            {
                target.stored_as(there, value)
            }
            _ => Ok(None),
        }
    }

    /// Whether certainly nothing of the source is lost, without reading all of it.
    pub fn loses_nothing(&self, source: &dyn Connection, fit: &Preflight) -> Result<bool> {
        if self.utf16 || fit.count > 0 || !self.insisting.is_empty() {
            return Ok(false);
        }
        for table in &self.layout.tables {
            let Some(changes) = self.changes.get(table.schema.name) else { continue };
            for (name, change) in changes {
                let column = table.columns.iter().find(|column| column.name == *name);
                let (Change::Converted(there), Some(column)) = (change, column) else { return Ok(false) };
                if !there.takes_all_but_odd_reals_of(column) || (there.not_null && !column.not_null) {
                    return Ok(false);
                }
                let odd = source.is_odd_real(&quote(&column.name));
                let sql = format!("SELECT 1 FROM {} WHERE {odd} LIMIT 1", quote(&table.name));
                if source.query_integer(&sql, &[])?.is_some() {
                    return Ok(false);
                }
            }
        }
        // Changes of tables that are not copied.
        Ok(self.changes.keys().all(|name| self.layout.table(name).is_some()))
    }

    /// Finds every row and value of the selection that the target has no place for or would change.
    ///
    /// Where that takes reading everything, and nothing is rewritten on the way, `quality` sees the rows too, and what is returned is
    /// the digest of the source.
    pub fn find_losses(
        &self,
        ends: &Endpoints<'_>,
        selection: &mut Selection,
        (job, quality): (&Job, Option<&mut Quality>),
        fit: &mut Preflight,
    ) -> Result<Option<ExperimentDigest>> {
        for counts in &selection.counts {
            if self.layout.table(counts.table.name).is_none() && counts.rows > 0 {
                fit.count += counts.rows - 1;
                fit.add(Loss {
                    table: counts.table.name,
                    row: None,
                    column: None,
                    reason: "the target has no such table",
                    value: Some(format!("{} rows", counts.rows)),
                    stored_as: None,
                });
            }
        }
        for (table, column) in &self.insisting {
            if selection.counts.iter().any(|counts| counts.table.name == *table && counts.rows > 0) {
                fit.refused += 1;
                fit.add(Loss {
                    table,
                    row: None,
                    column: Some(column.clone()),
                    reason: "the target refuses NULL, and the source has no such column",
                    value: None,
                    stored_as: None,
                });
            }
        }
        if self.layout.has_links() || ends.target_layout.extra_keys().next().is_some() {
            job.begin("looking for links that lead out of the experiment")?;
            self.find_leaving(ends, selection, job, fit)?;
        }
        if self.changes.is_empty() && !self.utf16 {
            return Ok(None);
        }
        job.begin("looking for values that do not fit")?;
        let mut finder = RowsOnce::new(LossFinder { effective: self, target: ends.target, fit }, selection);
        // What the transformation makes of a metric has to fit.
        ends.rewriting(|rewrite| match (rewrite, quality) {
            (Some(rewrite), _) => {
                let visitor = &mut finder;
                walk(ends.source, &ends.source_layout, selection, job, &mut RewritingVisitor { rewrite, visitor })?;
                Ok(None)
            }
            (None, Some(quality)) => {
                let mut both = TwoVisitors(&mut finder, quality);
                digest(ends.source, &ends.source_layout, selection, None, job, Some(&mut both)).map(Some)
            }
            (None, None) => {
                walk(ends.source, &ends.source_layout, selection, job, &mut finder)?;
                Ok(None)
            }
        })
    }
}

/// Two that see the same rows.
struct TwoVisitors<'b, 'f>(&'b mut RowsOnce<LossFinder<'f>>, &'b mut Quality);

impl Visitor for TwoVisitors<'_, '_> {
    fn node(&mut self, owner: Owner, shape: &Shape<'_>, row: &dyn Row) -> Result<()> {
        self.0.node(owner, shape, row)?;
        self.1.node(owner, shape, row)
    }

    fn below(&mut self, owner: Owner, shape: &Shape<'_>, row: &dyn Row) -> Result<()> {
        self.0.below(owner, shape, row)?;
        self.1.below(owner, shape, row)
    }

    fn link(
        &mut self,
        owner: Owner,
        shape: &Shape<'_>,
        row: &dyn Row,
        leaf: Option<u64>,
        leaf_shape: (Entity, &Shape<'_>),
    ) -> Result<()> {
        self.0.link(owner, shape, row, leaf, leaf_shape)?;
        self.1.link(owner, shape, row, leaf, leaf_shape)
    }
}

struct LossFinder<'a> {
    effective: &'a TargetLayout,
    target: &'a dyn Connection,
    fit: &'a mut Preflight,
}

impl Look for LossFinder<'_> {
    fn look(&mut self, shape: &Shape<'_>, row: &dyn Row) -> Result<()> {
        let table = shape.table.schema.name;
        let not_copied = self.effective.appended && is_own_row(shape.table);
        if not_copied || self.effective.layout.table(table).is_none() {
            return Ok(());
        }
        let changes = self.effective.changes.get(table);
        if changes.is_none() && !self.effective.utf16 {
            return Ok(());
        }
        for (at, column) in shape.columns.iter().enumerate() {
            let change = changes.and_then(|changes| changes.get(&column.name));
            if change.is_none() && !self.effective.utf16 {
                continue;
            }
            let value = row.value(shape.first + at)?;
            let mut loss = |reason, stored_as| -> Result<()> {
                self.fit.add(Loss {
                    table,
                    row: Some(shape.row_key(row)?),
                    column: Some(column.name.clone()),
                    reason,
                    value: Some(value.describe()),
                    stored_as,
                });
                Ok(())
            };
            let Some(change) = change else {
                if !utf16_holds(value) {
                    loss("the target stores text as UTF-16, which cannot hold it", None)?;
                    self.fit.refused += 1;
                }
                continue;
            };
            match change {
                Change::Missing if value != ValueRef::Null => loss(NO_COLUMN, None)?,
                Change::Foreign if value != ValueRef::Null => {
                    loss("the target's column has ids of other rows, and the source does not declare it so", None)?;
                }
                Change::Refused if value == ValueRef::Null => {
                    loss("the target refuses NULL", None)?;
                    self.fit.refused += 1;
                }
                Change::Converted(there) | Change::Untold { there, .. } => {
                    if value == ValueRef::Null && there.not_null {
                        loss("the target refuses NULL", None)?;
                        self.fit.refused += 1;
                        continue;
                    }
                    let (untold, kept) = match change {
                        Change::Untold { marks, same, .. } => (marks.contains(&mark(value)), *same),
                        _ => (false, false),
                    };
                    if !untold && (kept || there.certainly_keeps(value)) {
                        continue;
                    }
                    let kind = column.schema.map(|known| known.kind);
                    match Conversion::asked(self.target, there, value, kind)? {
                        Conversion::Refused => {
                            loss("the target's column type refuses it", None)?;
                            self.fit.refused += 1;
                        }
                        Conversion::Changed(stored) => loss(CONVERTED, Some(stored.borrow().describe()))?,
                        Conversion::Same if untold => {
                            loss("its text, which is all that is read, does not tell it from others", None)?;
                        }
                        Conversion::Same => {}
                    }
                }
                Change::Missing | Change::Refused | Change::Foreign => {}
            }
        }
        Ok(())
    }
}

/// Whether this is the table of experiments themselves.
pub fn is_own_row(table: &TableLayout) -> bool {
    table.schema.place == Place::Node(Entity::ROOT)
}
