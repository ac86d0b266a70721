//! Loading rows on a [`Channel`]: a `COPY` goes on until another statement needs the connection.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Instant;

use bytes::{BufMut, BytesMut};
use postgres_protocol::message::backend::Message;
use postgres_protocol::message::frontend;

use super::channel::{Channel, GRACE, Waited};
use super::channel_state::{Load, State};
use super::failure::{Failure, Said, of_connection};
use crate::error::{Domain, Error, Result, Status};

/// Rows that are loaded are sent when they have so many bytes.
const LOADED_AT_ONCE: usize = 1 << 17;

impl Channel {
    /// Adds rows, in the form that `COPY` reads, to what the statement loads, which begins with `header`. What is wrong with them may be said by
    /// the next statement.
    pub fn load(
        &self,
        sql: &Arc<str>,
        table: &'static str,
        header: &[u8],
        data: &[u8],
        rows: usize,
    ) -> std::result::Result<(), Failure> {
        let state = &mut *self.ready()?;
        if !state.load.as_ref().is_some_and(|load| Arc::ptr_eq(&load.sql, sql)) {
            self.free(state)?;
            self.write(state, |out| frontend::query(sql, out))?;
            self.begin_copy(state)?;
            state.load = Some(Load { sql: Arc::clone(sql), table, rows: 0 });
            if !header.is_empty() {
                copy_data(header, state.wire.output())?;
            }
        }
        if let Some(load) = &mut state.load {
            load.rows += rows as u64;
        }
        copy_data(data, state.wire.output())?;
        if state.wire.output().len() < LOADED_AT_ONCE {
            return Ok(());
        }
        self.send(state).map_err(Failure::Ours)
    }

    /// Waits until the server takes rows.
    fn begin_copy(&self, state: &mut State) -> std::result::Result<(), Failure> {
        loop {
            match self.message(state, &Waited::Answer)? {
                Message::CopyInResponse(_) => return Ok(()),
                Message::ErrorResponse(body) => {
                    let said = self.said(state, &body)?;
                    if !said.fatal {
                        self.answers(state, &Waited::Answer, &mut |_| Ok(()))?;
                    }
                    return Err(Failure::Server(Box::new(said)));
                }
                Message::ReadyForQuery(_) => {
                    return Err(Error::internal(Domain::Database, "COPY was not begun").into());
                }
                // Of what was told before.
                _ => {}
            }
        }
    }

    /// Sends what is to be sent, and asks the job meanwhile. A server that is asked to stop takes the rest, and does nothing with it.
    fn send(&self, state: &mut State) -> Result<()> {
        let key = state.key;
        let mut stop: Option<(Instant, Error)> = None;
        let mut look = || {
            match &stop {
                Some((since, _)) if since.elapsed() > GRACE => return Err(ErrorKind::TimedOut.into()),
                Some(_) => {}
                None => {
                    if let Some(error) = self.watched.job().and_then(|job| job.check().err()) {
                        self.endpoint.interrupt(key);
                        stop = Some((Instant::now(), error));
                    }
                }
            }
            Ok(())
        };
        let sent = state.wire.flush(&mut look);
        match (sent, stop) {
            (Ok(()), None) => Ok(()),
            (Ok(()), Some((_, error))) => Err(error),
            (Err(error), stop) => {
                // Half a message was sent.
                state.lost = true;
                Err(stop.map_or_else(|| of_connection(&error, &self.place()), |(_, error)| error))
            }
        }
    }

    pub(super) fn end_load(&self, state: &mut State) -> std::result::Result<(), Failure> {
        let Some(load) = state.load.take() else { return Ok(()) };
        self.write(state, |out| {
            frontend::copy_done(out);
            Ok(())
        })?;
        let named = |failure| match failure {
            Failure::Server(said) if said.table.is_none() => {
                Failure::Server(Box::new(Said { table: Some(load.table.to_owned()), ..*said }))
            }
            other => other,
        };
        let tag = self.tag(state, &Waited::Answer).map_err(named)?;
        let come = tag.rsplit(' ').next().and_then(|count| count.parse::<u64>().ok()).unwrap_or(0);
        if come == load.rows {
            return Ok(());
        }
        let message = format!("of {} rows the server took {come}; nothing was changed", load.rows);
        let error = Error::new(Status::Constraint, Domain::Database, message)
            .detail("table", load.table)
            .hint("a trigger or a rule of the table leaves rows out; remove it");
        Err(error.into())
    }

    /// Waits until all rows are loaded.
    pub fn settle(&self) -> std::result::Result<(), Failure> {
        let state = &mut *self.ready()?;
        self.end_load(state)
    }
}

fn copy_data(data: &[u8], out: &mut BytesMut) -> Result<()> {
    let length = i32::try_from(data.len() + 4)
        .map_err(|_| Error::new(Status::Limit, Domain::Database, "a row is larger than the server takes"))?;
    out.put_u8(b'd');
    out.put_i32(length);
    out.put_slice(data);
    Ok(())
}
