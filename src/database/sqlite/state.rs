//! One consistent state of a SQLite file. It is read in place as long as that blocks nobody, and from a private copy after that.

use std::cell::{Cell, OnceCell, RefCell};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::connection::SqliteConnection;
use super::copy_pace::WAYS_OUT;
use super::private_copy::{Empty, Making, Spare, is_needed, size_of};
use crate::database::capabilities::Capabilities;
use crate::database::column::ColumnLayout;
use crate::database::connection::{
    Catalog, Change, Copied, Depth, Dialect, Inserter, Reading, Reads, RowCounts, Whereabouts, Write, Writes,
};
use crate::database::layout::{Layout, TableLayout};
use crate::database::read::ReadStatement;
use crate::database::reference::References;
use crate::database::rows::{Next, Query, Row, WithCursors};
use crate::database::transaction::Transaction;
use crate::database::unsteady::Unsteady;
use crate::error::{Domain, Error, Result, Status};
use crate::progress::Job;
use crate::schema::Table;
use crate::values::{Value, ValueRef};

/// Up to this size a pass over the whole file, or a copy of it, takes some tenths of a second on a slow machine. So it is copied only if a
/// job does not get by with what it can read until then.
const SMALL: u64 = 128 << 20;
/// Up to this size the copy is made on a second processor while the job begins to read: a few tenths of a second, in which writers wait.
/// Larger ones are copied first, and writers have their turn meanwhile.
const MOST_ASIDE: u64 = 256 << 20;
/// The shares of the limit, in percent, after which a copy is begun that was not needed before, after which no further statement is read in
/// place, and after which writers are let in, whether the copy is ready or not.
const FIRST_COPY: u32 = 25;
const LAST_STATEMENT: u32 = 40;
const LAST_MOMENT: u32 = 90;

/// What it takes to copy the file.
pub struct Copying<'c> {
    /// Where the copy goes.
    pub folder: PathBuf,
    /// A connection for reading, if there is one to spare, and what opens one.
    pub spare: &'c Spare,
    pub connect: Box<dyn Fn() -> Result<SqliteConnection> + 'c>,
}

impl<'c> Copying<'c> {
    fn start(&self, place: &SqliteConnection) -> Result<Making<'c>> {
        Making::start(Empty::create(place, &self.folder)?, self.spare, &*self.connect)
    }
}

/// One state of the database.
pub struct SqliteState<'c> {
    place: &'c SqliteConnection,
    /// The copy was not begun yet.
    later: RefCell<Option<Copying<'c>>>,
    /// Dropped before the transactions that it looks at.
    making: RefCell<Option<Making<'c>>>,
    /// `None` when the copy has it.
    in_place: Cell<Option<Transaction<'c>>>,
    copy: OnceCell<SqliteConnection>,
    since: Instant,
    /// Statements that are being read in place.
    open: Cell<usize>,
    job: RefCell<Option<Arc<Job>>>,
}

/// A statement that is being read in place.
struct Open<'s>(&'s Cell<usize>);

impl<'s> Open<'s> {
    fn new(open: &'s Cell<usize>) -> Open<'s> {
        open.set(open.get() + 1);
        Open(open)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

impl<'c> SqliteState<'c> {
    /// The state as it is now. Nobody may be kept waiting while a callback of the job runs, so a job that somebody watches has its copy from
    /// the beginning.
    pub fn open(
        place: &'c SqliteConnection,
        copying: Copying<'c>,
        reading: Reading,
        job: &Arc<Job>,
    ) -> Result<SqliteState<'c>> {
        place.watch(Some(Arc::clone(job)));
        let state = SqliteState::begin(place, copying, reading, job);
        place.watch(None);
        state
    }

    fn begin(
        place: &'c SqliteConnection,
        copying: Copying<'c>,
        reading: Reading,
        job: &Arc<Job>,
    ) -> Result<SqliteState<'c>> {
        let mut held = Some(Transaction::read(place)?);
        let state = SqliteState {
            place,
            later: RefCell::default(),
            making: RefCell::default(),
            in_place: Cell::default(),
            copy: OnceCell::new(),
            since: Instant::now(),
            open: Cell::new(0),
            job: RefCell::new(Some(Arc::clone(job))),
        };
        if is_needed(place)? {
            let bytes = size_of(place)?;
            if job.is_watched() || bytes > MOST_ASIDE {
                let empty = Empty::create(place, &copying.folder)?;
                held = None;
                let (copy, _) = empty.fill(place, &mut || job.check())?;
                state.keep(copy)?;
            } else if bytes > SMALL || reading == Reading::Beside {
                state.making.replace(Some(copying.start(place)?));
            } else {
                state.later.replace(Some(copying));
            }
        }
        state.in_place.set(held);
        Ok(state)
    }

    /// Begins to copy, if that is still to do.
    fn begin_copy(&self) -> Result<()> {
        let Some(copying) = self.later.borrow_mut().take() else { return Ok(()) };
        let making = copying.start(self.place)?;
        self.making.replace(Some(making));
        Ok(())
    }

    fn keep(&self, copy: SqliteConnection) -> Result<()> {
        copy.watch(self.job.borrow().clone());
        // Only so that what asks for a transaction finds one.
        copy.begin_read()?;
        let kept = self.copy.set(copy);
        kept.map_err(|_| Error::internal(Domain::Database, "a state with two copies"))
    }

    /// Whether others have been kept waiting for longer than this share of the limit.
    fn is_later_than(&self, percent: u32) -> bool {
        let limit = self.place.waits.read_limit.unwrap_or(Duration::MAX);
        self.since.elapsed() > limit / 100 * percent
    }

    /// From now on nobody waits for us.
    fn settle(&self) -> Result<()> {
        self.begin_copy()?;
        let Some(making) = self.making.borrow_mut().take() else { return Ok(()) };
        let job = self.job.borrow().clone();
        loop {
            let too_late = self.is_later_than(LAST_MOMENT) && making.has_begun();
            if too_late || making.is_done() {
                break;
            }
            job.as_deref().map_or(Ok(()), Job::check)?;
            std::thread::sleep(Duration::from_millis(1));
        }
        let let_in = !making.is_done();
        if let_in {
            self.in_place.take();
        }
        let (copy, restarts) = making.finish(job.as_deref())?;
        if let_in && restarts > 0 {
            return Err(self.place.waits.name_in(
                Error::new(
                    Status::Busy,
                    Domain::Database,
                    "another connection committed before the private copy of the database was ready",
                )
                .detail("max_read_lock_ms", self.place.waits.read_limit.unwrap_or_default().as_millis())
                .hint(WAYS_OUT),
            ));
        }
        self.keep(copy)?;
        self.in_place.take();
        self.place.shrink();
        Ok(())
    }

    /// The connection for a statement that begins now.
    fn at(&self) -> Result<&SqliteConnection> {
        if let Some(copy) = self.copy.get() {
            return Ok(copy);
        }
        if self.later.borrow().is_some() && self.is_later_than(FIRST_COPY) {
            self.begin_copy()?;
        }
        let is_due = |making: &Making<'_>| making.is_done() || self.is_later_than(LAST_STATEMENT);
        if self.open.get() == 0 && self.making.borrow().as_ref().is_some_and(is_due) {
            self.settle()?;
        }
        Ok(self.copy.get().unwrap_or(self.place))
    }
}

/// Methods that the connection has which reads the state now.
macro_rules! hand_on {
    ($($name:ident($($argument:ident: $of:ty),*) -> $out:ty;)*) => {
        $(fn $name(&self, $($argument: $of),*) -> Result<$out> {
            self.at()?.$name($($argument),*)
        })*
    };
}

impl Reads for SqliteState<'_> {
    fn watch(&self, job: Option<Arc<Job>>) {
        self.place.watch(job.clone());
        if let Some(copy) = self.copy.get() {
            copy.watch(job.clone());
        }
        self.job.replace(job);
    }

    fn let_go(&self) -> Result<()> {
        if self.open.get() > 0 && (self.making.borrow().is_some() || self.later.borrow().is_some()) {
            return Err(Error::internal(Domain::Database, "statements are being read in place"));
        }
        self.settle()
    }

    fn release_memory(&self) {
        self.copy.get().unwrap_or(self.place).shrink();
    }

    fn begin_read(&self) -> Result<()> {
        Err(Error::internal(Domain::Database, "a state has one transaction"))
    }

    fn rollback(&self) {}

    fn query(&self, sql: &str, params: &[Value], each: &mut dyn FnMut(&dyn Row) -> Result<Next>) -> Result<()> {
        let connection = self.at()?;
        let _open = Open::new(&self.open);
        connection.query(sql, params, each)
    }

    fn whereabouts(&self, table: &TableLayout, column: &str, bounds: (i64, Option<i64>)) -> Result<Whereabouts> {
        let connection = self.at()?;
        let _open = Open::new(&self.open);
        connection.whereabouts(table, column, bounds)
    }

    fn read_together(&self, queries: &[Query], body: WithCursors<'_>) -> Result<()> {
        // That takes as long as `body` likes.
        if self.open.get() == 0 {
            self.settle()?;
        }
        let connection = self.at()?;
        let _open = Open::new(&self.open);
        connection.read_together(queries, body)
    }

    fn prepare_read<'c>(&'c self, sql: &str) -> Result<Box<dyn ReadStatement + 'c>> {
        self.let_go()?;
        self.at()?.prepare_read(sql)
    }

    fn free_bytes(&self) -> Option<u64> {
        self.place.free_bytes()
    }

    hand_on! {
        copy_into(into: &Path, copied: Copied<'_>) -> ();
        check_integrity(depth: Depth) -> RowCounts;
    }
}

impl Writes for SqliteState<'_> {
    fn begin_write(&self) -> Result<()> {
        self.begin_read()
    }

    fn commit(&self) -> Result<()> {
        self.begin_read()
    }

    fn query_locked(&self, sql: &str, params: &[Value], each: &mut dyn FnMut(&dyn Row) -> Result<Next>) -> Result<()> {
        self.query(sql, params, each)
    }

    fn query_held(&self, sql: &str, params: &[Value], each: &mut dyn FnMut(&dyn Row) -> Result<Next>) -> Result<()> {
        self.query(sql, params, each)
    }

    hand_on! {
        suspend_foreign_keys() -> bool;
        execute(sql: &str, params: &[Value]) -> u64;
        prepare_change(sql: &str) -> Box<dyn Change + '_>;
        opening(write: Write, table: &TableLayout) -> String;
        inserter(table: &TableLayout, columns: &[&str]) -> Box<dyn Inserter + '_>;
        delete_all(table: &TableLayout) -> ();
        allocate_ids(table: &TableLayout, count: u64, above: i64) -> (i64, bool);
        check_undoes(table: &TableLayout) -> ();
    }
}

impl Catalog for SqliteState<'_> {
    fn stored_as(&self, column: &ColumnLayout, value: ValueRef<'_>) -> Result<Option<Value>> {
        self.place.stored_as(column, value)
    }

    hand_on! {
        layout() -> Layout;
        references(layout: &Layout) -> References;
        has_triggers(table: &TableLayout) -> bool;
        can_be_meddled_with() -> bool;
        unsteady_tables(layout: &Layout) -> Vec<Unsteady>;
        make_tables(tables: &[&'static Table]) -> bool;
        add_column(table: &TableLayout, column: &ColumnLayout) -> ();
    }
}

impl Dialect for SqliteState<'_> {
    fn capabilities(&self) -> &'static Capabilities {
        self.place.capabilities()
    }

    fn same(&self, left: &str, right: &str) -> String {
        self.place.same(left, right)
    }

    fn exactly(&self, expression: &str) -> String {
        self.place.exactly(expression)
    }

    fn identical(&self, left: &str, right: &str) -> String {
        self.place.identical(left, right)
    }

    fn byte_length(&self, expression: &str) -> String {
        self.place.byte_length(expression)
    }
}
