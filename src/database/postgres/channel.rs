//! One connection, shared by statements that overlap.
//!
//! A statement's rows are fetched some at a time: within a transaction the server keeps the rest in a portal. A statement that comes while
//! rows are on their way has them put aside first (in memory, then on disk), so that every statement of a job runs in its one transaction.
//! Rows that are loaded (`COPY`) occupy the connection in the same way: whatever comes next ends that.

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use postgres_protocol::message::backend::Message;
use postgres_protocol::message::frontend;

use super::cell::Known;
use super::channel_state::State;
use super::failure::{Failure, Said, of_connection};
use super::result_set::Step;
use super::session::{Endpoint, Server, Session};
use crate::database::descriptors;
use crate::database::file_id::FileId;
use crate::database::watched::Watched;
use crate::error::{Domain, Error, Result, Status};
use crate::process::Process;
use crate::spill::CellBuffer;

/// How long a server that was asked to stop may take for it.
pub(super) const GRACE: Duration = Duration::from_secs(30);
/// How long it may take to end what is undone before it is asked to stop.
const AT_ONCE: Duration = Duration::from_millis(100);

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

    pub(super) fn write(&self, state: &mut State, write: impl FnOnce(&mut BytesMut) -> io::Result<()>) -> Result<()> {
        let before = state.wire.output().len();
        write(state.wire.output()).map_err(|error| {
            state.wire.output().truncate(before);
            Error::new(Status::Limit, Domain::Database, format!("a statement cannot be sent ({error})"))
                .detail("database", self.place())
                .hint("a statement may have 1 GiB, and no NUL in its text; nothing was changed")
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
