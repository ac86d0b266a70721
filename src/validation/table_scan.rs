//! Reads one table, and names its rows in issues.

use std::borrow::Cow;

use super::issue::{Issue, IssueKind};
use super::options::Scope;
use super::report::Collector;
use crate::database::{Connection, Layout, Next, Row, TableLayout, between};
use crate::error::{Domain, Error, Result};
use crate::progress::Job;
use crate::schema::{Column, Role, quote};
use crate::values::ValueRef;

/// The cells of the columns that a scan reads, in their order. Each is asked of the database once.
pub type Cells<'r> = [ValueRef<'r>];

/// More than any table of the schema has columns.
const MOST_COLUMNS: usize = 8;

/// A cell by its place.
pub fn cell<'r>(cells: &Cells<'r>, at: usize) -> ValueRef<'r> {
    cells.get(at).copied().unwrap_or(ValueRef::Null)
}

/// Reads the first `count` cells of a row.
pub fn with_cells<T>(row: &dyn Row, count: usize, act: impl FnOnce(&Cells<'_>) -> Result<T>) -> Result<T> {
    let mut cells = [ValueRef::Null; MOST_COLUMNS];
    match cells.get_mut(..count) {
        Some(cells) => {
            row.values(cells)?;
            act(cells)
        }
        None => Err(Error::internal(Domain::Validation, format!("a table has {count} columns"))),
    }
}

/// What every part of a validation works with.
#[derive(Clone, Copy)]
pub struct Pass<'a> {
    pub connection: &'a dyn Connection,
    pub layout: &'a Layout,
    pub job: &'a Job,
    pub scope: Scope,
    /// Only the rows of this experiment.
    pub experiment: Option<i64>,
    /// Whether the rows are the job's items.
    pub counts: bool,
}

impl Pass<'_> {
    /// A row of what is validated was read.
    pub fn advance(&self) -> Result<()> {
        if self.counts { self.job.advance() } else { self.job.pulse() }
    }
}

/// The columns of one table that are read.
pub struct TableScan<'l> {
    pub table: &'l TableLayout,
    pub columns: Vec<&'static Column>,
    /// Where the primary key is among them.
    key: Vec<usize>,
    /// Where the row's own id is among them, if it has one.
    pub own_id: Option<usize>,
}

impl<'l> TableScan<'l> {
    /// Reads the primary key and the columns that are wanted.
    pub fn new(table: &'l TableLayout, wanted: impl Fn(&Column) -> bool) -> TableScan<'l> {
        let schema = table.schema;
        let columns: Vec<&'static Column> = schema
            .columns
            .iter()
            .filter(|column| schema.primary_key.contains(&column.name) || wanted(column))
            .collect();
        let at = |name: &&str| columns.iter().position(|column| column.name == *name);
        let key = schema.primary_key.iter().filter_map(at).collect();
        let own_id = columns.iter().position(|column| column.role == Role::Id);
        TableScan { table, columns, key, own_id }
    }

    /// Where a column is in the rows that are read.
    pub fn at(&self, wanted: impl Fn(&Column) -> bool) -> Option<usize> {
        self.columns.iter().position(|column| wanted(column))
    }

    /// Where a column is, and which: those that are wanted.
    pub fn with(&self, wanted: impl Fn(&Column) -> bool) -> Vec<(usize, &'static Column)> {
        self.columns.iter().enumerate().filter(|(_, column)| wanted(column)).map(|(at, column)| (at, *column)).collect()
    }

    /// The select list from this column on, each name after a comma.
    pub fn select_from(&self, first: usize) -> String {
        self.columns.iter().skip(first).map(|column| format!(", {}", self.table.quoted(column.name))).collect()
    }

    /// Hands over row after row; with `bounds`, those where a column lies between two numbers.
    pub fn read(
        &self,
        pass: Pass<'_>,
        bounds: Option<(&Column, (i64, i64))>,
        order: &str,
        mut each: impl FnMut(&Cells<'_>) -> Result<()>,
    ) -> Result<()> {
        let names: Vec<String> =
            self.columns.iter().map(|column| format!("t.{}", self.table.quoted(column.name))).collect();
        let names = names.join(", ");
        let (rows, params) = match bounds {
            Some((column, bounds)) => {
                (self.table.select_between(&names, &self.table.quoted(column.name)), between(bounds).to_vec())
            }
            None => (format!("SELECT {names} FROM {} AS t", quote(&self.table.name)), Vec::new()),
        };
        let sql = format!("{rows}{order}");
        pass.connection.query(&sql, &params, &mut |row| {
            with_cells(row, self.columns.len(), &mut each)?;
            Ok(Next::Row)
        })
    }

    /// A row's key: `epoch_idx=3, trial_run_id=7`.
    pub fn key(&self, cells: &Cells<'_>) -> String {
        self.describe(cells, &self.key)
    }

    /// Some columns of a row, by their places: `a=1, b=2`.
    fn describe(&self, cells: &Cells<'_>, places: &[usize]) -> String {
        let part = |at: &usize| {
            let column = self.columns.get(*at)?;
            Some(format!("{}={}", column.name, cell(cells, *at).describe()))
        };
        places.iter().filter_map(part).collect::<Vec<String>>().join(", ")
    }

    /// Adds an issue of a row. `what` continues the column's name, or the row's if there is no column.
    pub fn report(
        &self,
        collector: &mut Collector,
        cells: &Cells<'_>,
        kind: IssueKind,
        (column, value): (Option<Cow<'static, str>>, Option<ValueRef<'_>>),
        what: impl FnOnce() -> String,
    ) {
        let table = self.table.schema.name;
        collector.add(kind, kind.severity(), table, || {
            let row = self.key(cells);
            let what = what();
            let message = match &column {
                Some(column) => format!("{table} ({row}): {column} {what}"),
                None => format!("{table} ({row}): {what}"),
            };
            let value = value.map(ValueRef::describe);
            Issue { kind, severity: kind.severity(), table: table.into(), row, column, message, value, check: None }
        });
    }
}
