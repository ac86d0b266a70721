//! Rows that were put aside, as columns, so many at a time.

use super::column::Column;
use super::field::{Field, Kind};
use super::labels::Labels;
use crate::error::{Domain, Error, Result, Status};
use crate::spill::{CellBuffer, Spool};
use crate::values::ValueRef;

/// The most rows that a batch has; what is left of the rows ends one sooner, and so does this much of values.
pub const MOST_ROWS: usize = 131_072;
const MOST_BYTES: usize = 32 << 20;
/// How often the size of a batch is looked at, in rows.
const LOOK: usize = 1024;
/// What is kept of the memory that one huge row took.
const KEPT: usize = 1 << 16;

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

/// How far the rows were taken.
#[derive(Debug)]
enum Progress {
    Reading,
    Ended,
    /// With this message.
    Failed(String),
}

/// A result, as columns. It is taken once, and needs nothing of the database any more.
pub struct Batches {
    fields: Vec<Field>,
    /// For each column of the rows: whether a second one has the text of what does not fit.
    misfits: Vec<bool>,
    subject: Subject,
    rows: Spool,
    /// Rows that were taken.
    taken: u64,
    progress: Progress,
    labels: Labels,
}

impl std::fmt::Debug for Batches {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Batches").field("fields", &self.fields).field("taken", &self.taken).finish_non_exhaustive()
    }
}

impl Batches {
    /// Of these rows, whose cells are those of `columns`: a name, a type, and whether what does not fit has a column of its own.
    pub(super) fn new(columns: Vec<(Field, bool)>, subject: Subject, rows: Spool) -> Batches {
        let (mut fields, mut misfits) = (Vec::new(), Vec::new());
        for (field, misfit) in columns {
            let second = misfit.then(|| Field::new(format!("{}_misfit", field.name), Kind::Text));
            fields.push(field);
            fields.extend(second);
            misfits.push(misfit);
        }
        let (progress, labels) = (Progress::Reading, Labels::default());
        Batches { fields, misfits, subject, rows, taken: 0, progress, labels }
    }

    /// The columns.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The next rows; `None` once, at the end. After that, and after a failure, an error.
    pub fn next_batch(&mut self) -> Result<Option<Batch>> {
        match &self.progress {
            Progress::Reading => {}
            Progress::Ended => {
                return Err(Error::new(Status::Misuse, Domain::Database, "the stream was read to its end already")
                    .hint("a stream is read once: ask for a new one, or keep what the first reading gave"));
            }
            Progress::Failed(message) => {
                let message = format!("the stream failed before: {message}");
                return Err(Error::new(Status::Misuse, Domain::Database, message).hint("ask for a new stream"));
            }
        }
        let read = self.read();
        match &read {
            Ok(Some(_)) => {}
            Ok(None) => self.progress = Progress::Ended,
            Err(error) => self.progress = Progress::Failed(error.message().to_owned()),
        }
        if !matches!(self.progress, Progress::Reading) {
            // What they take is not kept until the stream is.
            self.rows = Spool::default();
        }
        read
    }

    fn read(&mut self) -> Result<Option<Batch>> {
        let mut columns: Vec<Column> = self.fields.iter().map(Column::new).collect();
        let mut cells = CellBuffer::default();
        let mut rows = 0;
        while rows < MOST_ROWS {
            let is_full = || columns.iter().map(Column::bytes).sum::<usize>() >= MOST_BYTES;
            if (rows % LOOK == 0 || cells.byte_len() > MOST_BYTES / LOOK) && is_full() {
                break;
            }
            cells.clear(KEPT);
            if !self.rows.pop(&mut cells)? {
                break;
            }
            let mut places = columns.iter_mut();
            for (at, misfit) in self.misfits.iter().enumerate() {
                let Some(column) = places.next() else { break };
                let value = cells.get(at);
                let fits = column.push(value, &mut self.labels);
                let second = if *misfit { places.next() } else { None };
                match (fits, second) {
                    (Ok(()), None) => {}
                    (Ok(()), Some(second)) => second.push_null(),
                    (Err(_), Some(second)) => {
                        column.push_null();
                        let text = shown(value);
                        second.push(ValueRef::Text(text.as_bytes()), &mut self.labels).map_err(|reason| {
                            let name = second_name(&self.fields, &self.misfits, at);
                            Error::new(Status::Limit, Domain::Database, format!("a value of {name}: {reason}"))
                        })?;
                    }
                    (Err(reason), None) => return Err(self.misfit(at, &cells, &reason)),
                }
            }
            rows += 1;
            self.taken += 1;
        }
        Ok((rows > 0).then_some(Batch { rows, columns }))
    }

    /// The error of a value that does not fit.
    fn misfit(&self, at: usize, cells: &CellBuffer, reason: &str) -> Error {
        let (name, value) = (second_name(&self.fields, &self.misfits, at), cells.get(at).describe());
        let kind = self.fields.iter().find(|field| field.name == name).map_or("", |field| field.kind.name());
        let row = match &self.subject {
            Subject::Row => format!("row {}", self.taken),
            Subject::Metric { keys, .. } => {
                let key = |(at, name): &(usize, &str)| format!("{name}={}", cells.get(*at).describe());
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

/// The name of the column of the rows at this place.
fn second_name(fields: &[Field], misfits: &[bool], at: usize) -> String {
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
