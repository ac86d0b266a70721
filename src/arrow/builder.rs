//! Collects rows into batches of columns.

use super::column::Column;
use super::field::{Field, Kind};
use super::labels::Labels;
use crate::error::{Domain, Error, Result, Status};
use crate::values::ValueRef;

/// What ends a batch sooner.
const MOST_BYTES: usize = 32 << 20;
/// How often the size of a batch is looked at, in rows.
const LOOK: usize = 1024;

/// What a row is called in errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// By its number.
    Row,
    /// By what is in these columns, of a metric in this table.
    Metric { table: &'static str, keys: Vec<(usize, &'static str)> },
}

/// Some rows, as columns.
#[derive(Debug)]
pub struct Batch {
    pub rows: usize,
    pub columns: Vec<Column>,
}

/// A batch that is being made.
pub struct Builder {
    fields: Vec<Field>,
    /// For each cell of a row: whether a second column has the text of what does not fit.
    misfits: Vec<bool>,
    subject: Subject,
    columns: Vec<Column>,
    rows: usize,
    /// Whether the last row was a large one.
    is_large: bool,
    /// Rows of all batches.
    taken: u64,
    labels: Labels,
}

impl Builder {
    /// The cells of a row are those of `columns`: a name, a type, and whether what does not fit has a column of its own.
    pub fn new(columns: Vec<(Field, bool)>, subject: Subject) -> Builder {
        let (mut fields, mut misfits) = (Vec::new(), Vec::new());
        for (field, misfit) in columns {
            let second = misfit.then(|| Field::new(format!("{}_misfit", field.name), Kind::Text));
            fields.push(field);
            fields.extend(second);
            misfits.push(misfit);
        }
        let columns = fields.iter().map(Column::new).collect();
        Builder { fields, misfits, subject, columns, rows: 0, is_large: false, taken: 0, labels: Labels::default() }
    }

    /// The columns of a batch.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Whether there are enough rows for a batch, which has at most so many.
    pub fn is_full(&self, most: usize) -> bool {
        let looks = self.is_large || self.rows.is_multiple_of(LOOK);
        self.rows >= most || looks && self.columns.iter().map(Column::bytes).sum::<usize>() >= MOST_BYTES
    }

    /// Adds a row, of which `cell` has the values.
    pub fn push<'v>(&mut self, cell: impl Fn(usize) -> ValueRef<'v>) -> Result<()> {
        let mut places = self.columns.iter_mut();
        let mut bytes = 0;
        for (at, misfit) in self.misfits.iter().enumerate() {
            let Some(column) = places.next() else { break };
            let value = cell(at);
            if let ValueRef::Text(text) | ValueRef::Blob(text) = value {
                bytes += text.len();
            }
            let fits = column.push(value, &mut self.labels);
            let second = if *misfit { places.next() } else { None };
            match (fits, second) {
                (Ok(()), None) => {}
                (Ok(()), Some(second)) => second.push_null(),
                (Err(_), Some(second)) => {
                    column.push_null();
                    let text = shown(value);
                    second.push(ValueRef::Text(text.as_bytes()), &mut self.labels).map_err(|reason| {
                        let name = name_of(&self.fields, &self.misfits, at);
                        Error::new(Status::Limit, Domain::Database, format!("a value of {name}: {reason}"))
                    })?;
                }
                (Err(reason), None) => return Err(self.misfit(at, cell, &reason)),
            }
        }
        self.is_large = bytes > MOST_BYTES / LOOK;
        self.rows += 1;
        self.taken += 1;
        Ok(())
    }

    /// The rows since the last batch, as one; `None` if there are none.
    pub fn take(&mut self) -> Option<Batch> {
        let rows = std::mem::take(&mut self.rows);
        if rows == 0 {
            return None;
        }
        self.columns.iter_mut().for_each(Column::end);
        // The next rows take about as much, as a rule.
        let columns = self.fields.iter().zip(&self.columns);
        let empty = columns.map(|(field, column)| Column::with_room_of(field, column)).collect();
        Some(Batch { rows, columns: std::mem::replace(&mut self.columns, empty) })
    }

    /// The error of a value that does not fit.
    fn misfit<'v>(&self, at: usize, cell: impl Fn(usize) -> ValueRef<'v>, reason: &str) -> Error {
        let (name, value) = (name_of(&self.fields, &self.misfits, at), cell(at).describe());
        let kind = self.fields.iter().find(|field| field.name == name).map_or("", |field| field.kind.name());
        let row = match &self.subject {
            Subject::Row => format!("row {}", self.taken),
            Subject::Metric { keys, .. } => {
                let key = |(at, name): &(usize, &str)| format!("{name}={}", cell(*at).describe());
                keys.iter().map(key).collect::<Vec<_>>().join(", ")
            }
        };
        let error = Error::new(
            Status::Lossy,
            Domain::Database,
            format!("{name} of {row} does not fit {kind}: {reason} ({value})"),
        );
        let error = match &self.subject {
            Subject::Row => error.hint("convert the column in the SQL, with CAST for instance"),
            Subject::Metric { table, .. } => error
                .detail("table", *table)
                .hint("set misfit to column, which gives NULL and the text in a second column; or repair the value"),
        };
        error.detail("row", row).detail("column", name).detail("value", value)
    }
}

/// The name of the column of a row's cell.
fn name_of(fields: &[Field], misfits: &[bool], at: usize) -> String {
    let before = at + misfits.iter().take(at).filter(|misfit| **misfit).count();
    fields.get(before).map(|field| field.name.clone()).unwrap_or_default()
}

/// A value that does not fit, as text: all of it, where it is text.
fn shown(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Blob(bytes) => bytes.iter().fold("0x".to_owned(), |text, byte| text + &format!("{byte:02x}")),
        other => other.describe(),
    }
}
