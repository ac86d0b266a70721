//! Writes a copy in several transactions, each of which leaves the job where it can be resumed.
//!
//! Until the whole copy is there its title says that it is being copied, and no run of it says that it is finished.

use std::cell::RefCell;

use super::staged_row::StagedJob;
use crate::database::{ColumnLayout, Connection, Layout, Planned, Stages, TableLayout, Transaction};
use crate::error::{Domain, Error, Result, Status};
use crate::progress::Job;
use crate::schema::{Entity, Finished, Place};
use crate::values::{Value, ValueRef};

/// What a run says that is not all there yet, instead of that it is finished.
const UNFINISHED: &str = "copying";
/// A transaction has no more than this, whatever the server takes: others wait for it, and a cut line loses it.
const MOST_ROWS: u64 = 100_000;
const MOST_BYTES: u64 = 32 << 20;
/// Of what a cluster takes at the most: an estimate says no more.
const PERCENT: u64 = 40;
/// What one statement removes.
const MOST_REMOVED: u64 = 20_000;
/// What a row costs beside its cells where nothing is known of it.
const ROW_BYTES: u64 = 64;

/// How much is written in one transaction.
#[derive(Clone, Debug)]
struct StageSize {
    rows: u64,
    bytes: u64,
    /// What a row of a table costs beside its cells.
    of_row: Vec<(&'static str, u64)>,
}

impl StageSize {
    fn of(target: &dyn Connection, layout: &Layout, wanted: Option<u64>) -> Result<StageSize> {
        let mut size = StageSize { rows: wanted.unwrap_or(MOST_ROWS).max(1), bytes: MOST_BYTES, of_row: Vec::new() };
        for table in &layout.tables {
            let Some(limits) = target.transaction_size(&[Planned { table, rows: 1, bytes: 0 }])? else { break };
            for limit in &limits.limits {
                let share = (limit.most / 100 * PERCENT).max(1);
                if limit.unit == "rows" {
                    size.rows = size.rows.min(share);
                } else {
                    size.bytes = size.bytes.min(share);
                    size.of_row.push((table.schema.name, limit.about));
                }
            }
        }
        Ok(size)
    }

    fn divided(self, parts: u64) -> StageSize {
        let share = |whole: u64| (whole / parts.max(1)).max(1);
        StageSize { rows: share(self.rows), bytes: share(self.bytes), ..self }
    }

    fn row(&self, table: &str) -> u64 {
        self.of_row.iter().find(|(name, _)| *name == table).map_or(ROW_BYTES, |(_, bytes)| *bytes)
    }
}

/// Whether this column says that something is finished, and by which values.
fn finished(layout: &Layout) -> Option<&'static Finished> {
    layout.family.finished.as_ref()
}

/// A copy that is written in several transactions.
pub struct Stage<'a> {
    target: &'a dyn Connection,
    layout: &'a Layout,
    size: StageSize,
    /// The title of the copy until it is published.
    title: String,
    watch: (&'a Job, &'static str),
    state: RefCell<State<'a>>,
}

/// What changes while it is written.
struct State<'a> {
    job: StagedJob,
    writing: Option<Transaction<'a>>,
    rows: u64,
    bytes: u64,
}

impl<'a> Stage<'a> {
    /// Of a job whose row is there; `watch` is told of each transaction, by this name. Each has one of so many `parts` of what surely fits. No
    /// transaction is running.
    pub fn new(
        target: &'a dyn Connection,
        layout: &'a Layout,
        job: StagedJob,
        watch: (&'a Job, &'static str),
        parts: u64,
    ) -> Result<Stage<'a>> {
        let title = placeholder(target, layout, &job)?;
        if let Some(finished) = finished(layout)
            && let Some(column) = layout.table(finished.table).and_then(|table| column_of(table, finished.column))
        {
            refuse_unlike(target, finished.table, column, UNFINISHED)?;
        }
        let size = StageSize::of(target, layout, job.document.options.stage_rows)?.divided(parts);
        let stage = Stage {
            target,
            layout,
            size,
            title,
            watch,
            state: RefCell::new(State { job, writing: None, rows: 0, bytes: 0 }),
        };
        stage.next()?;
        Ok(stage)
    }

    /// Ends the transaction, if there is one, and begins the next.
    pub fn next(&self) -> Result<()> {
        let (watch, operation) = self.watch;
        watch.begin(operation)?;
        let state = &mut *self.state.borrow_mut();
        if let Some(writing) = state.writing.take() {
            state.job.record(self.target, self.layout)?;
            writing.commit()?;
        }
        let writing = Transaction::write(self.target)?;
        state.job.claim(self.target, self.layout)?;
        (state.writing, state.rows, state.bytes) = (Some(writing), 0, 0);
        Ok(())
    }

    /// How many rows of a table are there already.
    pub fn there(&self, table: &str) -> u64 {
        self.state.borrow().job.there(table)
    }

    /// What stands in a column until the copy is published, if not what the source has.
    pub fn meanwhile(&self, table: &TableLayout, column: &ColumnLayout, value: ValueRef<'_>) -> Option<Value> {
        let known = column.schema?.name;
        if table.schema.place == Place::Node(Entity::ROOT) {
            let is_title = known == self.layout.family.listing.title;
            return is_title.then(|| Value::Text(self.title.clone().into_bytes()));
        }
        let finished = finished(self.layout)?;
        let hides = finished.table == table.schema.name && finished.column == known && is_finished(finished, value);
        hides.then(|| Value::Text(UNFINISHED.as_bytes().to_vec()))
    }

    /// Whether rows of a table say something else until the copy is published.
    pub fn hides(&self, table: &TableLayout) -> bool {
        finished(self.layout).is_some_and(|finished| finished.table == table.schema.name)
    }

    /// Notes that a row of a table was changed.
    pub fn changed(&self, table: &str, bytes: usize) -> Result<()> {
        self.count(self.size.row(table).saturating_mul(2), bytes as u64, 1)
    }

    /// Notes that rows of a table were removed.
    pub fn removed(&self, table: &str, rows: u64) -> Result<()> {
        self.count(self.size.row(table).saturating_mul(rows), 0, rows)
    }

    /// How many rows of a table one statement may remove.
    pub fn rows_at_once(&self, table: &str) -> u64 {
        (self.size.bytes / self.size.row(table).max(1) / 2).clamp(1, self.size.rows.min(MOST_REMOVED))
    }

    fn count(&self, overhead: u64, bytes: u64, rows: u64) -> Result<()> {
        let is_full = {
            let state = &mut *self.state.borrow_mut();
            state.rows += rows;
            state.bytes = state.bytes.saturating_add(bytes).saturating_add(overhead);
            state.rows >= self.size.rows || state.bytes >= self.size.bytes
        };
        if is_full { self.next() } else { Ok(()) }
    }

    /// The job, for the last transaction, which is running. The caller commits it.
    pub fn into_last(self) -> (StagedJob, Option<Transaction<'a>>) {
        let state = self.state.into_inner();
        (state.job, state.writing)
    }
}

impl Stages for Stage<'_> {
    fn written(&self, table: &'static str, all: u64, rows: u64, bytes: u64) -> Result<()> {
        self.state.borrow_mut().job.set_there(table, all);
        self.count(self.size.row(table).saturating_mul(rows), bytes, rows)
    }
}

fn column_of<'l>(table: &'l TableLayout, name: &str) -> Option<&'l ColumnLayout> {
    table.columns.iter().find(|column| column.schema.is_some_and(|known| known.name == name))
}

/// Whether a value says that something is finished.
pub fn is_finished(finished: &Finished, value: ValueRef<'_>) -> bool {
    let ValueRef::Text(text) = value else { return false };
    let text = String::from_utf8_lossy(text).to_lowercase();
    finished.values.contains(&text.trim())
}

/// Whether a column keeps a text as it is.
fn keeps(target: &dyn Connection, column: &ColumnLayout, text: &str) -> Result<bool> {
    let value = ValueRef::Text(text.as_bytes());
    Ok(target.stored_as(column, value)?.is_some_and(|stored| stored.borrow() == value))
}

fn refuse_unlike(target: &dyn Connection, table: &str, column: &ColumnLayout, text: &str) -> Result<()> {
    if keeps(target, column, text)? {
        return Ok(());
    }
    let message = format!("{table}.{} cannot hold {text:?}, which it says while a copy is not whole", column.name);
    Err(Error::new(Status::Schema, Domain::Migration, message)
        .detail("table", table)
        .detail("column", &column.name)
        .hint("widen the column, or copy without stages"))
}

/// What a copy that is not whole is called.
fn placeholder(target: &dyn Connection, layout: &Layout, job: &StagedJob) -> Result<String> {
    let table = layout.root()?;
    let short = format!("[being copied by job {}]", job.id);
    let Some(column) = column_of(table, layout.family.listing.title) else { return Ok(short) };
    let long = format!("{short} {}", job.document.title);
    if keeps(target, column, &long)? {
        return Ok(long);
    }
    refuse_unlike(target, &table.name, column, &short)?;
    Ok(short)
}

/// The text that a run says that is not all there yet.
pub fn unfinished() -> ValueRef<'static> {
    ValueRef::Text(UNFINISHED.as_bytes())
}
