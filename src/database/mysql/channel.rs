//! The driver's connection, shared by statements that overlap.
//!
//! The server sends a result set row by row, and the connection can do nothing else until the last row was read. So before another statement
//! runs, the rest of the result set is stored.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use mysql::prelude::{BinQuery, Queryable, WithParams};
use mysql::{Error as Cause, Params, Pool, PooledConn, Value};

use super::cell::Columns;
use super::failure::{Failure, is_lock_wait, translate};
use super::load_thread::{Load, Loading, Refusal};
use super::read_timeout::{Patience, Used};
use super::result_set::{Live, MOST_BYTES, Reading};
use super::session::{Endpoint, Server, Session};
use super::socket::Socket;
use crate::database::server::result_sets::ResultSets;
use crate::database::watched::Watched;
use crate::error::{Domain, Error, Result, Status};
use crate::process::Process;
use crate::spill::CellBuffer;
use crate::spill::Spool;

/// Who stops reading gets so many more rows before the server is asked to stop sending.
const ROWS_TO_SKIP: usize = 1000;
/// Rows that are put aside between two looks at the job.
const ROWS_PER_LOOK: usize = 256;

/// What is left of a result set, and why there is no more.
struct Aside {
    spool: Spool,
    failure: Option<Error>,
}

struct State {
    socket: Socket,
    pool: Pool,
    /// The connection, unless a result set has it, a load or the pool.
    idle: Option<PooledConn>,
    /// Rows that are being loaded, and those that come after them.
    loading: Option<Loading>,
    loads: VecDeque<Load>,
    id: u32,
    server: Server,
    live: Option<Live>,
    aside: HashMap<u64, Aside>,
    next: u64,
    /// The connection is lost: nothing works on it any more.
    lost: bool,
    patience: Patience,
    /// Dropped last: dropping the others says goodbye to the server.
    used: Option<Used>,
}

impl Drop for State {
    fn drop(&mut self) {
        self.used = Some(self.patience.begin());
    }
}

/// A connection.
pub struct Channel {
    process: Process,
    endpoint: Endpoint,
    state: RefCell<State>,
    pub watched: Watched,
}

impl State {
    fn new(session: Session) -> State {
        State {
            socket: Socket::of(&session.connection, &session.patience),
            pool: session.pool,
            idle: Some(session.connection),
            loading: None,
            loads: VecDeque::new(),
            id: session.id,
            server: session.server,
            live: None,
            aside: HashMap::new(),
            next: 0,
            lost: false,
            patience: session.patience,
            used: None,
        }
    }
}

impl Channel {
    pub fn new(endpoint: Endpoint, session: Session) -> Channel {
        Channel {
            process: Process::current(),
            endpoint,
            state: RefCell::new(State::new(session)),
            watched: Watched::default(),
        }
    }

    /// The server at the other end.
    pub fn server(&self) -> Server {
        self.state.borrow().server.clone()
    }

    /// For messages.
    pub fn place(&self) -> String {
        self.endpoint.place()
    }

    /// The name of the schema.
    pub fn schema(&self) -> &str {
        &self.endpoint.address.schema
    }

    /// An error of the driver as ours.
    pub fn wrap(&self, error: Cause) -> Error {
        translate(error, &self.place())
    }

    /// Whether the connection was lost.
    pub fn is_lost(&self) -> bool {
        self.state.borrow().lost
    }

    /// Closes the descriptor alone, in a child after a fork.
    pub fn let_go(&self) {
        if let Ok(state) = self.state.try_borrow() {
            state.socket.close();
        }
    }

    /// Another connection in the place of this one. What ran here is gone.
    pub fn renew(&self) -> Result<()> {
        let session = self.endpoint.connect(true, self.watched.job().as_ref())?;
        *self.state.borrow_mut() = State::new(session);
        Ok(())
    }

    /// Another connection to the same schema, for [`super::reserve_ids`]: nothing that it writes stays.
    pub fn beside(&self) -> Result<(PooledConn, Patience)> {
        self.endpoint.connect_beside(self.watched.job().as_ref())
    }

    /// The connection, free for a statement: what was read is put aside, and what was gathered is loaded.
    fn free(&self, state: &mut State) -> std::result::Result<PooledConn, Failure> {
        let mut connection = self.back(state)?;
        while let Some(load) = state.loads.pop_front() {
            if let Err(refusal) = load.run(&mut connection, &state.patience) {
                state.idle = Some(connection);
                return Err(self.not_loaded(state, load, refusal));
            }
        }
        Ok(connection)
    }

    /// The connection, from wherever it is.
    fn back(&self, state: &mut State) -> std::result::Result<PooledConn, Failure> {
        self.process.check(Domain::Database)?;
        if state.lost {
            return Err(self.lost().into());
        }
        self.put_aside(state)?;
        if let Some(idle) = state.idle.take() {
            return Ok(idle);
        }
        if let Some(loading) = state.loading.take() {
            let Some((connection, load, loaded)) = loading.wait() else {
                state.lost = true;
                return Err(self.lost().into());
            };
            let Err(refusal) = loaded else { return Ok(connection) };
            state.idle = Some(connection);
            return Err(self.not_loaded(state, load, refusal));
        }
        let back =
            state.patience.quietly(|| state.pool.try_get_conn(Duration::ZERO)).map_err(|error| self.wrap(error))?;
        if back.connection_id() != state.id {
            state.lost = true;
            let _used = state.patience.begin();
            drop(back);
            return Err(self.lost().into());
        }
        Ok(back)
    }

    /// A load that met a lock is the next to be tried again, by whoever wants the connection.
    fn not_loaded(&self, state: &mut State, load: Load, refusal: Refusal) -> Failure {
        let error = match refusal {
            Refusal::Server(error) => error,
            Refusal::Ours(error) => return error.into(),
        };
        if is_lock_wait(&error) {
            state.loads.push_front(load);
            return self.failed(state, error);
        }
        self.note(state, &error);
        self.wrap(error).detail("table", load.table).into()
    }

    fn lost(&self) -> Error {
        Error::new(Status::Connection, Domain::Database, "the connection was lost; nothing was changed")
            .detail("database", self.place())
            .hint("try again when the server can be reached")
    }

    fn note(&self, state: &mut State, error: &Cause) {
        state.lost |= !matches!(error, Cause::MySqlError(_));
        // The server says so, and hangs up.
        state.lost |= matches!(error, Cause::MySqlError(error) if matches!(error.code, 1053 | 1152 | 1927 | 4031));
    }

    /// Reads what is left of the result set on the connection.
    fn put_aside(&self, state: &mut State) -> Result<()> {
        let Some(mut live) = state.live.take() else { return Ok(()) };
        let mut aside = Aside { spool: Spool::default(), failure: None };
        let mut cells = CellBuffer::default();
        let job = self.watched.job();
        for at in 0_usize.. {
            cells.clear(MOST_BYTES);
            match live.next() {
                None => break,
                Some(Ok(row)) => {
                    live.columns.push(row, &mut cells)?;
                    aside.spool.push(&cells)?;
                }
                Some(Err(error)) => {
                    self.note(state, &error);
                    aside.failure = Some(self.wrap(error));
                    break;
                }
            }
            if at % ROWS_PER_LOOK == 0
                && let Some(job) = &job
            {
                job.check()?;
            }
        }
        state.aside.insert(live.id, aside);
        Ok(())
    }

    /// Runs a statement without parameters and without rows.
    pub fn command(&self, sql: &str) -> std::result::Result<(), Failure> {
        let state = &mut *self.state.borrow_mut();
        let mut connection = self.free(state)?;
        let done = state.patience.quietly(|| connection.query_drop(sql));
        state.idle = Some(connection);
        done.map_err(|error| self.failed(state, error))
    }

    /// Runs a statement that changes something; how many rows it did.
    pub fn execute(&self, sql: &str, params: Vec<Value>) -> std::result::Result<u64, Failure> {
        let state = &mut *self.state.borrow_mut();
        let mut connection = self.free(state)?;
        let params = positional(params);
        let done = state.patience.quietly(|| connection.exec_iter(sql, params).map(|result| result.affected_rows()));
        state.idle = Some(connection);
        done.map_err(|error| self.failed(state, error))
    }

    /// Adds rows to what is loaded next, before any other statement runs; whether it is time to [`Channel::start`] loading.
    pub fn gather(&self, sql: &Arc<str>, table: &'static str, text: &mut Vec<u8>, rows: usize) -> bool {
        let loads = &mut self.state.borrow_mut().loads;
        match loads.back_mut().filter(|load| load.takes(sql, text)) {
            Some(load) => load.add(text, rows),
            None => loads.push_back(Load::new(sql, table, text, rows)),
        }
        loads.back().is_some_and(Load::is_full)
    }

    /// Begins to load what was gathered, when what was begun before is done. Does not wait for its end.
    pub fn start(&self) -> std::result::Result<(), Failure> {
        let state = &mut *self.state.borrow_mut();
        let Some(last) = state.loads.pop_back() else { return Ok(()) };
        match self.free(state) {
            Ok(connection) => {
                state.loading = Some(Loading::begin(connection, last, &state.patience));
                Ok(())
            }
            Err(failure) => {
                state.loads.push_back(last);
                Err(failure)
            }
        }
    }

    /// Loads what was gathered, and waits for what is being loaded.
    pub fn settle(&self) -> std::result::Result<(), Failure> {
        let state = &mut *self.state.borrow_mut();
        if state.loading.is_none() && state.loads.is_empty() {
            return Ok(());
        }
        let connection = self.free(state)?;
        state.idle = Some(connection);
        Ok(())
    }

    /// Forgets what was gathered, and what becomes of what is being loaded: everything is about to be undone.
    pub fn abandon(&self) {
        let state = &mut *self.state.borrow_mut();
        state.loads.clear();
        if let Some(loading) = state.loading.take() {
            match loading.wait() {
                Some((connection, _, loaded)) => {
                    if let Err(Refusal::Server(error)) = loaded {
                        self.note(state, &error);
                    }
                    state.idle = Some(connection);
                }
                None => state.lost = true,
            }
        }
    }

    fn failed(&self, state: &mut State, error: Cause) -> Failure {
        self.note(state, &error);
        Failure::Server(error)
    }

    /// Prepares a statement, which stays prepared; how many parameters it has.
    pub fn look_at(&self, sql: &str) -> std::result::Result<(usize, Vec<String>), Failure> {
        let state = &mut *self.state.borrow_mut();
        let mut connection = self.free(state)?;
        let prepared = state.patience.quietly(|| {
            connection.prep(sql).map(|statement| {
                let names = Columns::of(&statement.columns()).names().map(str::to_owned).collect();
                (usize::from(statement.num_params()), names)
            })
        });
        state.idle = Some(connection);
        prepared.map_err(|error| self.failed(state, error))
    }

    /// Begins to read a result set.
    pub fn open(&self, sql: &str, params: Vec<Value>) -> std::result::Result<Reading, Failure> {
        let state = &mut *self.state.borrow_mut();
        let connection = self.free(state)?;
        let rows = state.patience.quietly(|| sql.with(positional(params)).run(connection));
        let rows = rows.map_err(|error| self.failed(state, error))?;
        let columns = Arc::new(Columns::of(rows.columns().as_ref()));
        let id = state.next;
        state.next += 1;
        state.live = Some(Live {
            id,
            rows,
            columns: Arc::clone(&columns),
            encrypted: self.endpoint.address.may_encrypt(),
            ahead: VecDeque::new(),
            patience: state.patience.clone(),
            used: None,
        });
        Ok(Reading { id, columns })
    }
}

impl ResultSets for Channel {
    type Reading = Reading;

    fn next(&self, reading: &Reading, cells: &mut CellBuffer) -> Result<bool> {
        cells.clear(MOST_BYTES);
        let state = &mut *self.state.borrow_mut();
        if let Some(live) = state.live.as_mut().filter(|live| live.id == reading.id) {
            return match live.next() {
                Some(Ok(row)) => reading.columns.push(row, cells).map(|()| true),
                Some(Err(error)) => {
                    self.note(state, &error);
                    Err(self.wrap(error))
                }
                None => {
                    state.live = None;
                    Ok(false)
                }
            };
        }
        let Some(aside) = state.aside.get_mut(&reading.id) else { return Ok(false) };
        if aside.spool.pop(cells)? {
            return Ok(true);
        }
        aside.failure.take().map_or(Ok(false), Err)
    }

    fn close(&self, reading: &Reading) {
        let Ok(mut borrowed) = self.state.try_borrow_mut() else { return };
        let state = &mut *borrowed;
        state.aside.remove(&reading.id);
        let Some(mut live) = state.live.take_if(|live| live.id == reading.id) else { return };
        // Dropping it would read the rest, too, and keep to itself that the connection was lost.
        let skipped = live.skip(ROWS_TO_SKIP).and_then(|ended| match ended || state.lost {
            true => Ok(true),
            false => {
                self.endpoint.interrupt(state.id);
                live.skip(usize::MAX)
            }
        });
        if let Err(error) = skipped {
            self.note(state, &error);
        }
    }
}

fn positional(params: Vec<Value>) -> Params {
    if params.is_empty() { Params::Empty } else { Params::Positional(params) }
}
