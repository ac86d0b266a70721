//! One connection, shared by statements that overlap.
//!
//! A statement's rows are fetched some at a time: within a transaction the server keeps the rest in a portal. A statement that comes while
//! rows are on their way has them put aside first (in memory, then on disk), so that every statement of a job runs in its one transaction.
//! Rows that are loaded (`COPY`) occupy the connection in the same way: whatever comes next ends that.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{BufMut, BytesMut};
use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend::Message;
use postgres_protocol::message::frontend::{self, BindError};
use postgres_protocol::{IsNull, Oid};

use super::cell::{Columns, Known, types};
use super::failure::{Failure, Said, of_connection};
use super::result_set::{Cursor, Step};
use super::session::{Endpoint, Key, Server, Session};
use super::wire::Wire;
use crate::database::descriptors;
use crate::database::file_id::FileId;
use crate::database::watched::Watched;
use crate::error::{Domain, Error, Result, Status};
use crate::process::Process;
use crate::spill::CellBuffer;
use crate::values::{Value, ValueRef};

/// Statements that the server keeps prepared.
const STATEMENTS: usize = 64;
/// How long a server that was asked to stop may take for it.
pub(super) const GRACE: Duration = Duration::from_secs(30);
/// How long it may take to end what is undone before it is asked to stop.
const AT_ONCE: Duration = Duration::from_millis(100);

/// A statement that the server knows.
#[derive(Clone)]
pub(super) struct Prepared {
    pub(super) name: String,
    pub(super) parameters: Vec<Oid>,
    pub(super) columns: Arc<Columns>,
}

/// Rows that are being loaded.
pub(super) struct Load {
    pub(super) sql: Arc<str>,
    /// For messages.
    pub(super) table: &'static str,
    pub(super) rows: u64,
}

pub(super) struct State {
    pub(super) wire: Wire,
    pub(super) key: Key,
    pub(super) server: Server,
    /// By the text and the types of the parameters.
    pub(super) statements: HashMap<(String, Vec<Oid>), Prepared>,
    pub(super) cursors: HashMap<u64, Cursor>,
    /// The one whose rows are on their way.
    pub(super) live: Option<u64>,
    pub(super) load: Option<Load>,
    pub(super) next: u64,
    /// What the server may forget, statements (S) and portals (P): it is told before the next statement, as nothing else may come between rows
    /// that are loaded.
    pub(super) forgotten: Vec<(u8, String)>,
    /// In a transaction: portals stay.
    pub(super) open: bool,
    /// The connection is lost: nothing works on it any more.
    pub(super) lost: bool,
}

impl Drop for State {
    fn drop(&mut self) {
        if !self.lost {
            frontend::terminate(self.wire.output());
            // Who does not take the farewell finds out.
            let _said = self.wire.flush(&mut || Err(ErrorKind::TimedOut.into()));
        }
    }
}

impl State {
    fn new(session: Session) -> State {
        State {
            wire: session.wire,
            key: session.key,
            server: session.server,
            statements: HashMap::new(),
            cursors: HashMap::new(),
            live: None,
            load: None,
            next: 0,
            forgotten: Vec::new(),
            open: false,
            lost: false,
        }
    }
}

/// A connection.
pub struct Channel {
    process: Process,
    pub(super) endpoint: Endpoint,
    /// The descriptor, and what it stands for: what a child after a fork lets go of.
    socket: Option<(i32, FileId)>,
    pub(super) state: RefCell<State>,
    pub watched: Watched,
    /// Where the columns of known tables are.
    pub known: RefCell<Known>,
}

/// What is waited for.
pub(super) enum Waited {
    /// An answer.
    Answer,
    /// The end of a commit: whoever is asked to stop by now is too late.
    Commit,
    /// The end of what is undone anyway: the server is asked to stop if it does not come at once.
    End,
}

impl Channel {
    pub fn new(endpoint: Endpoint, session: Session) -> Channel {
        let number = session.wire.number();
        Channel {
            process: Process::current(),
            endpoint,
            socket: descriptors::file_of(number).map(|id| (number, id)),
            state: RefCell::new(State::new(session)),
            watched: Watched::default(),
            known: RefCell::default(),
        }
    }

    /// The server at the other end.
    pub fn server(&self) -> Server {
        self.state.borrow().server.clone()
    }

    /// How to get there.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// For messages.
    pub fn place(&self) -> String {
        self.endpoint.place()
    }

    /// The name of the schema.
    pub fn schema(&self) -> &str {
        &self.endpoint.address.schema
    }

    /// Whether the connection was lost.
    pub fn is_lost(&self) -> bool {
        self.state.borrow().lost
    }

    /// Closes the descriptor alone, in a child after a fork.
    pub fn let_go(&self) {
        if let Some((number, id)) = self.socket {
            descriptors::close(number, id);
        }
    }

    /// Another connection in the place of this one. What ran here is gone.
    pub fn renew(&self) -> Result<()> {
        let session = self.endpoint.connect(self.watched.job().as_ref())?;
        *self.borrow()? = State::new(session);
        Ok(())
    }

    /// The state; it is in use while a callback runs that a wait has called.
    pub(super) fn borrow(&self) -> Result<std::cell::RefMut<'_, State>> {
        self.state.try_borrow_mut().map_err(|_| {
            Error::new(Status::Misuse, Domain::Database, "a callback uses the connection that waits for it")
                .hint("use another handle in callbacks")
        })
    }

    pub(super) fn ready(&self) -> Result<std::cell::RefMut<'_, State>> {
        self.process.check(Domain::Database)?;
        let state = self.borrow()?;
        if state.lost {
            return Err(Error::new(
                Status::Connection,
                Domain::Database,
                "the connection was lost; nothing was changed",
            )
            .detail("database", self.place())
            .hint("try again when the server can be reached"));
        }
        Ok(state)
    }

    /// Sends what is to be sent, and waits for the next message; asks the job meanwhile, and has the server stop if that says so.
    pub(super) fn message(&self, state: &mut State, waited: &Waited) -> Result<Message> {
        let key = state.key;
        let mut asked: Option<(Instant, Option<Error>)> = None;
        let begun = Instant::now();
        let mut look = || {
            match &asked {
                Some((since, _)) if since.elapsed() > GRACE => return Err(ErrorKind::TimedOut.into()),
                Some(_) => return Ok(()),
                None => {}
            }
            if matches!(waited, Waited::End) && begun.elapsed() > AT_ONCE {
                self.endpoint.interrupt(key);
                asked = Some((Instant::now(), None));
            }
            if matches!(waited, Waited::Answer) {
                let stop = self.watched.job().and_then(|job| job.check().err());
                if stop.is_some() || self.watched.is_late() {
                    self.endpoint.interrupt(key);
                    asked = Some((Instant::now(), stop));
                }
            }
            Ok(())
        };
        let come = state.wire.flush(&mut look).and_then(|()| state.wire.message(&mut look));
        let stop = asked.and_then(|(_, stop)| stop);
        match come {
            Ok(message) => match stop {
                Some(error) => {
                    // The answer to the statement, be it stopped or not, is read to its end: the connection stays in step.
                    self.drain(state, message)?;
                    Err(error)
                }
                None => Ok(message),
            },
            Err(error) => {
                state.lost = true;
                Err(stop.unwrap_or_else(|| of_connection(&error, &self.place())))
            }
        }
    }

    /// Reads on until the server waits for statements.
    fn drain(&self, state: &mut State, first: Message) -> Result<()> {
        let mut message = first;
        let until = Instant::now() + GRACE;
        let mut look = || if Instant::now() > until { Err(ErrorKind::TimedOut.into()) } else { Ok(()) };
        while !matches!(message, Message::ReadyForQuery(_)) {
            message = state.wire.message(&mut look).map_err(|error| {
                state.lost = true;
                of_connection(&error, &self.place())
            })?;
        }
        state.live = None;
        Ok(())
    }

    pub(super) fn broken(&self, state: &mut State, error: &io::Error) -> Error {
        state.lost = true;
        of_connection(error, &self.place())
    }

    /// What the server says of a failure. It hangs up after some.
    pub(super) fn said(
        &self,
        state: &mut State,
        body: &postgres_protocol::message::backend::ErrorResponseBody,
    ) -> Result<Said> {
        let said = Said::read(body).map_err(|error| self.broken(state, &error))?;
        state.lost |= said.fatal;
        Ok(said)
    }

    /// Reads answers until the server waits for statements; `each` gets all but those that tell nothing. The failure, if there was one.
    pub(super) fn answers(
        &self,
        state: &mut State,
        waited: &Waited,
        each: &mut dyn FnMut(Message) -> io::Result<()>,
    ) -> std::result::Result<(), Failure> {
        let mut failure = None;
        loop {
            match self.message(state, waited) {
                Ok(Message::ReadyForQuery(_)) => break,
                Ok(Message::ErrorResponse(body)) => {
                    let said = self.said(state, &body)?;
                    let fatal = said.fatal;
                    failure.get_or_insert(said);
                    if fatal {
                        break;
                    }
                }
                Ok(message) => each(message).map_err(|error| self.broken(state, &error))?,
                Err(error) => return Err(error.into()),
            }
        }
        failure.map_or(Ok(()), |said| Err(Failure::Server(Box::new(said))))
    }

    /// Frees the connection for a statement: rows on their way are put aside, and loading ends.
    pub(super) fn free(&self, state: &mut State) -> std::result::Result<(), Failure> {
        self.end_load(state)?;
        if let Some(id) = state.live {
            let mut cells = CellBuffer::default();
            while let Step::Row = self.step(state, id, &mut cells)? {
                if let Some(cursor) = state.cursors.get_mut(&id) {
                    cursor.aside.push(&cells)?;
                }
            }
        }
        let forgotten = std::mem::take(&mut state.forgotten);
        self.write(state, |out| forgotten.iter().try_for_each(|(kind, name)| frontend::close(*kind, name, out)))?;
        Ok(())
    }

    /// Prepares a statement for parameters of these types.
    pub(super) fn prepare(
        &self,
        state: &mut State,
        sql: &str,
        given: Vec<Oid>,
    ) -> std::result::Result<Prepared, Failure> {
        let key = (sql.to_owned(), given);
        if let Some(found) = state.statements.get(&key) {
            return Ok(found.clone());
        }
        if state.statements.len() >= STATEMENTS {
            self.forget(state);
        }
        state.next += 1;
        let name = format!("s{}", state.next);
        self.write(state, |out| {
            frontend::parse(&name, sql, key.1.iter().copied(), out)?;
            frontend::describe(b'S', &name, out)?;
            frontend::sync(out);
            Ok(())
        })?;
        let (mut parameters, mut columns) = (Vec::new(), Columns::default());
        self.answers(state, &Waited::Answer, &mut |message| {
            match message {
                Message::ParameterDescription(body) => parameters = body.parameters().collect()?,
                Message::RowDescription(body) => {
                    let mut fields = body.fields();
                    while let Some(field) = fields.next()? {
                        let from = (field.table_oid(), field.column_id());
                        columns.push(field.name(), field.type_oid(), from, &self.known.borrow());
                    }
                }
                _ => {}
            }
            Ok(())
        })?;
        let prepared = Prepared { name, parameters, columns: Arc::new(columns) };
        state.statements.insert(key, prepared.clone());
        Ok(prepared)
    }

    /// Has the server forget what it has prepared.
    fn forget(&self, state: &mut State) {
        state.forgotten.extend(state.statements.drain().map(|(_, prepared)| (b'S', prepared.name)));
    }

    /// Prepared statements are of tables as they were.
    pub fn forget_statements(&self) {
        if let Ok(mut state) = self.borrow() {
            self.forget(&mut state);
        }
    }

    pub(super) fn write(&self, state: &mut State, write: impl FnOnce(&mut BytesMut) -> io::Result<()>) -> Result<()> {
        let before = state.wire.output().len();
        write(state.wire.output()).map_err(|error| {
            state.wire.output().truncate(before);
            Error::new(Status::Limit, Domain::Database, format!("a statement cannot be sent ({error})"))
                .detail("database", self.place())
                .hint("a statement may have 1 GiB, and no NUL in its text; nothing was changed")
        })
    }

    pub(super) fn bind(&self, state: &mut State, portal: &str, to: &Prepared, params: &[Value]) -> Result<()> {
        if params.len() != to.parameters.len() {
            return Err(Error::internal(Domain::Database, "a statement has other parameters than values"));
        }
        let formats: Vec<i16> = params.iter().map(|value| i16::from(matches!(value, Value::Blob(_)))).collect();
        self.write(state, |out| {
            let bound = frontend::bind(
                portal,
                &to.name,
                formats,
                params.iter().map(Value::borrow),
                |value, out| Ok(encode(value, out)),
                to.columns.formats(),
                out,
            );
            bound.map_err(|error| match error {
                BindError::Conversion(error) => io::Error::other(error),
                BindError::Serialization(error) => error,
            })
        })
    }

    /// Runs statements without parameters and without rows; what the last one says of itself.
    pub fn command(&self, sql: &str) -> std::result::Result<String, Failure> {
        let state = &mut *self.ready()?;
        self.free(state)?;
        self.write(state, |out| frontend::query(sql, out))?;
        self.tag(state, &Waited::Answer)
    }

    /// The end of a commit, which nobody can stop.
    pub fn commit(&self) -> std::result::Result<String, Failure> {
        let state = &mut *self.ready()?;
        self.free(state)?;
        self.write(state, |out| frontend::query("COMMIT", out))?;
        self.tag(state, &Waited::Commit)
    }

    pub(super) fn tag(&self, state: &mut State, waited: &Waited) -> std::result::Result<String, Failure> {
        let mut tag = String::new();
        self.answers(state, waited, &mut |message| {
            if let Message::CommandComplete(body) = message {
                body.tag()?.clone_into(&mut tag);
            }
            Ok(())
        })?;
        Ok(tag)
    }

    /// Begins or ends a transaction: portals go with it.
    pub fn is_in_transaction(&self, open: bool) {
        if let Ok(mut state) = self.borrow() {
            state.open = open;
        }
    }

    /// Runs a statement that changes something; how many rows it did.
    pub fn execute(&self, sql: &str, params: &[Value]) -> std::result::Result<u64, Failure> {
        let state = &mut *self.ready()?;
        self.free(state)?;
        let prepared = self.prepare(state, sql, params.iter().map(given_type).collect())?;
        self.bind(state, "", &prepared, params)?;
        self.write(state, |out| {
            frontend::execute("", 0, out)?;
            frontend::sync(out);
            Ok(())
        })?;
        let tag = self.tag(state, &Waited::Answer)?;
        Ok(tag.rsplit(' ').next().and_then(|count| count.parse().ok()).unwrap_or(0))
    }

    /// Has the server look at a statement without running it; how many parameters it has, and the names of its columns.
    pub fn look_at(&self, sql: &str, params: Vec<Oid>) -> std::result::Result<(usize, Vec<String>), Failure> {
        let state = &mut *self.ready()?;
        self.free(state)?;
        let prepared = self.prepare(state, sql, params)?;
        Ok((prepared.parameters.len(), prepared.columns.names()))
    }

    /// Undoes a transaction. A connection that does not do that is of no use any more; the transaction ends with it.
    pub fn undo(&self) {
        let undone = self.command("ROLLBACK");
        if undone.is_err()
            && let Ok(mut state) = self.borrow()
        {
            state.lost = true;
        }
    }

    /// Forgets what is being loaded and read: everything is about to be undone.
    pub fn abandon(&self) {
        let Ok(mut borrowed) = self.borrow() else { return };
        let state = &mut *borrowed;
        if state.lost {
            return;
        }
        if let Some(id) = state.live {
            self.skip(state, id);
        }
        if state.load.take().is_some() {
            // What was not sent yet is not sent any more.
            let _written = self.write(state, |out| frontend::copy_fail("undone", out));
            let _refused_as_asked = self.answers(state, &Waited::End, &mut |_| Ok(()));
        }
        state.cursors.clear();
    }
}

/// The type that a value is said to have. A text is of whatever type is wanted where it stands.
pub fn given_type(value: &Value) -> Oid {
    match value {
        Value::Integer(_) => types::INT8,
        Value::Real(_) => types::FLOAT8,
        Value::Blob(_) => types::BYTEA,
        Value::Null | Value::Text(_) => 0,
    }
}

fn encode(value: ValueRef<'_>, out: &mut BytesMut) -> IsNull {
    match value {
        ValueRef::Null => return IsNull::Yes,
        ValueRef::Integer(number) => out.put_slice(number.to_string().as_bytes()),
        ValueRef::Real(number) => out.put_slice(real_text(number).as_bytes()),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => out.put_slice(bytes),
    }
    IsNull::No
}

/// The shortest digits that read back as the number, as the server reads them.
pub fn real_text(number: f64) -> String {
    if number.is_nan() {
        "NaN".to_owned()
    } else if number.is_infinite() {
        if number > 0.0 { "Infinity".to_owned() } else { "-Infinity".to_owned() }
    } else {
        format!("{number:?}")
    }
}
