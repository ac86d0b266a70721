//! Reading the rows of result sets on a [`Channel`].

use std::io::ErrorKind;
use std::sync::Arc;

use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend::{DataRowBody, Message};
use postgres_protocol::message::frontend;

use super::cell::Columns;
use super::channel::{Channel, Waited};
use super::channel_state::State;
use super::failure::{Failure, of_connection};
use super::result_set::{Cursor, MOST_BYTES, Reading, Step};
use super::statements::given_type;
use crate::database::server::result_sets::ResultSets;
use crate::error::{Domain, Error, Result};
use crate::spill::CellBuffer;
use crate::values::Value;

/// Who stops reading gets so many more rows before the server is asked to stop sending, where it was asked for all.
const ROWS_TO_SKIP: u64 = 1000;

impl Channel {
    /// The next row that is on its way.
    pub(super) fn step(&self, state: &mut State, id: u64, cells: &mut CellBuffer) -> Result<Step> {
        cells.clear(MOST_BYTES);
        loop {
            match self.message(state, &Waited::Answer)? {
                Message::DataRow(row) => {
                    let Some(cursor) = state.cursors.get_mut(&id) else { continue };
                    cursor.count(row.buffer().len());
                    read_row(&row, &cursor.columns, cells)?;
                    return Ok(Step::Row);
                }
                Message::PortalSuspended => {
                    if let Some(cursor) = state.cursors.get_mut(&id) {
                        cursor.suspended = true;
                    }
                }
                Message::ErrorResponse(body) => {
                    let said = self.said(state, &body)?;
                    let fatal = said.fatal;
                    let error = Failure::Server(Box::new(said)).into_error(&self.place());
                    if let Some(cursor) = state.cursors.get_mut(&id) {
                        cursor.failure = Some(error);
                    }
                    if fatal {
                        state.live = None;
                        return Ok(Step::End);
                    }
                }
                Message::ReadyForQuery(_) => {
                    state.live = None;
                    return Ok(Step::End);
                }
                _ => {}
            }
        }
    }

    /// Begins to read a result set.
    pub fn open(&self, sql: &str, params: &[Value]) -> std::result::Result<Reading, Failure> {
        let state = &mut *self.ready()?;
        self.free(state)?;
        let prepared = self.prepare(state, sql, params.iter().map(given_type).collect())?;
        state.next += 1;
        let id = state.next;
        // Without a transaction no portal outlives its statement.
        let portal = if state.open { format!("p{id}") } else { String::new() };
        let mut cursor = Cursor::new(portal, Arc::clone(&prepared.columns), !state.open);
        self.bind(state, &cursor.portal, &prepared, params)?;
        let fetch = cursor.next_fetch();
        self.write(state, |out| {
            frontend::execute(&cursor.portal, fetch, out)?;
            frontend::sync(out);
            Ok(())
        })?;
        state.cursors.insert(id, cursor);
        state.live = Some(id);
        Ok(Reading { id, columns: prepared.columns })
    }

    /// Reads what is on its way and nobody wants. A failure is nobody's any more either, but that of the connection shows.
    pub(super) fn skip(&self, state: &mut State, id: u64) {
        let whole = state.cursors.get(&id).is_some_and(Cursor::is_whole);
        let (mut rows, mut asked) = (0_u64, false);
        let mut cells = CellBuffer::default();
        while let Ok(Step::Row) = self.step(state, id, &mut cells) {
            rows += 1;
            if whole && rows > ROWS_TO_SKIP && !std::mem::replace(&mut asked, true) {
                self.endpoint.interrupt(state.key);
            }
        }
    }
}

impl ResultSets for Channel {
    type Reading = Reading;

    fn next(&self, reading: &Reading, cells: &mut CellBuffer) -> Result<bool> {
        let state = &mut *self.borrow()?;
        loop {
            if state.live == Some(reading.id) {
                match self.step(state, reading.id, cells)? {
                    Step::Row => return Ok(true),
                    Step::End => continue,
                }
            }
            cells.clear(MOST_BYTES);
            let Some(cursor) = state.cursors.get_mut(&reading.id) else { return Ok(false) };
            if cursor.aside.pop(cells)? {
                return Ok(true);
            }
            if let Some(error) = cursor.failure.take() {
                return Err(error);
            }
            if !std::mem::take(&mut cursor.suspended) {
                return Ok(false);
            }
            if state.lost {
                return Err(of_connection(&ErrorKind::UnexpectedEof.into(), &self.place()));
            }
            self.free(state).map_err(|failure| failure.into_error(&self.place()))?;
            let Some(cursor) = state.cursors.get_mut(&reading.id) else { return Ok(false) };
            let (portal, fetch) = (cursor.portal.clone(), cursor.next_fetch());
            self.write(state, |out| {
                frontend::execute(&portal, fetch, out)?;
                frontend::sync(out);
                Ok(())
            })?;
            state.live = Some(reading.id);
        }
    }

    fn close(&self, reading: &Reading) {
        let Ok(mut borrowed) = self.state.try_borrow_mut() else { return };
        let state = &mut *borrowed;
        if state.live == Some(reading.id) {
            self.skip(state, reading.id);
        }
        if let Some(cursor) = state.cursors.remove(&reading.id)
            && state.open
            && !state.lost
        {
            state.forgotten.push((b'P', cursor.portal));
        }
    }
}

fn read_row(row: &DataRowBody, columns: &Columns, cells: &mut CellBuffer) -> Result<()> {
    let broken = |_| Error::internal(Domain::Database, "a row that cannot be read");
    let mut ranges = row.ranges();
    let mut at = 0;
    while let Some(range) = ranges.next().map_err(broken)? {
        columns.read(at, range.and_then(|range| row.buffer().get(range)), cells)?;
        at += 1;
    }
    Ok(())
}
