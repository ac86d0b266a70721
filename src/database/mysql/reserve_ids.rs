//! Reserves ids, so that the server gives them to no other connection while a job writes.
//!
//! InnoDB's counters are not part of transactions: a value that an insert was given is not given again after a rollback. So rows of default values
//! are inserted over another connection and rolled back at once, which leaves no row and no lock. One statement gets all its ids at once.
//! The session's own increment spaces them so far apart that a few hundred rows reserve millions of ids.

use std::time::{Duration, Instant};

use mysql::prelude::Queryable;
use mysql::{Error as Cause, PooledConn};

use super::connection::MysqlConnection;
use super::failure::{is_deadlock, is_lock_wait};
use super::second_connection::close;
use super::tables::most;
use crate::database::layout::TableLayout;
use crate::database::server::lock::pause;
use crate::error::Result;
use crate::schema::{own_table, quote};

/// Up to so many ids take a row each, which leaves no gap.
const ROWS: u64 = 500;
/// The largest step that a session can count in.
const LARGEST_STEP: u64 = 65_535;
/// So often the counter is moved past ids that are in use above it, or a deadlock is tried again.
pub const TRIES: usize = 5;

/// Rows and the step between their ids: the ids from the first to the last are `count` or more.
fn spread(count: u64) -> (u64, u64) {
    if count <= ROWS {
        return (count, 1);
    }
    let gaps = (ROWS - 1).max((count - 1).div_ceil(LARGEST_STEP));
    (gaps + 1, (count - 1).div_ceil(gaps))
}

impl MysqlConnection {
    /// The first of `count` ids in a row that are above `above` and that the server gives to nobody else. `None` if it does not choose
    /// the ids of this table, or the account, a rule of the table or the end of the numbers is in the way.
    pub(super) fn reserve(&self, table: &TableLayout, count: u64, above: i64) -> Result<Option<i64>> {
        let id = table.id_layout();
        // Tables of our own are written by one at a time. What a trigger does may not be undone by a rollback.
        let numbered = id.is_some_and(|id| id.counter) && own_table(table.schema.name).is_none();
        if count == 0 || !numbered || self.has_triggers_on_insert(table)? {
            return Ok(None);
        }
        if self.shares_writing() {
            return self.reserve_on_every_node(table, count, above);
        }
        let (rows, step) = spread(count);
        let Ok(length) = usize::try_from(rows) else { return Ok(None) };
        let name = quote(&table.name);
        let block = format!("INSERT INTO {name} () VALUES {}", vec!["()"; length].join(", "));
        let last = most(table);
        for _ in 0..TRIES {
            let Some((inserted, first)) = self.count_on(&block, step)? else { return Ok(None) };
            let Some(first) = i64::try_from(first).ok().filter(|first| *first > 0 && inserted == rows) else {
                return Ok(None);
            };
            if first > above {
                let fits = first.checked_add_unsigned(count - 1).is_some_and(|end| end <= last);
                return Ok(fits.then_some(first));
            }
            let Some(next) = above.checked_add(1).filter(|next| *next < last) else { return Ok(None) };
            let explicit = format!("INSERT INTO {name} ({}) VALUES ({next})", table.id());
            if self.count_on(&explicit, 1)?.is_none() {
                return Ok(None);
            }
        }
        Ok(None)
    }

    /// Inserts rows on the other connection, and undoes that: how many rows it were, and the first id that was given. `None` if the
    /// server refuses.
    fn count_on(&self, sql: &str, step: u64) -> Result<Option<(u64, u64)>> {
        let counted = self.on_the_other(|connection| {
            connection.query_drop(format!("SET SESSION auto_increment_increment = {step}"))?;
            connection.query_iter(sql).map(|done| (done.affected_rows(), done.last_insert_id()))
        })?;
        Ok(counted.map(|(rows, first)| (rows, first.unwrap_or(0))))
    }

    /// Does something on the other connection, and undoes what it has not committed. `None` if the server refuses.
    pub(super) fn on_the_other<T>(
        &self,
        mut act: impl FnMut(&mut PooledConn) -> mysql::Result<T>,
    ) -> Result<Option<T>> {
        let mut beside = self.beside.0.borrow_mut();
        let since = Instant::now();
        let mut deadlocks = 0;
        loop {
            let (connection, patience) = match &mut *beside {
                Some(open) => open,
                // Whoever cannot connect once more does without.
                None => match self.channel.beside() {
                    Ok(connection) => beside.insert(connection),
                    Err(_) => return Ok(None),
                },
            };
            let done = patience.quietly(|| act(connection));
            let undone = patience.quietly(|| connection.query_drop("ROLLBACK"));
            if undone.is_err() {
                // The transaction ends with its connection.
                close(beside.take());
            }
            match done {
                Ok(done) => return Ok(Some(done)),
                Err(error) if is_lock_wait(&error) => {
                    pause(self, since, Duration::ZERO, || self.channel.wrap(error))?;
                }
                Err(error) if is_deadlock(&error) && deadlocks < TRIES => deadlocks += 1,
                Err(Cause::MySqlError(_)) => return Ok(None),
                Err(_) => {
                    close(beside.take());
                    return Ok(None);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LARGEST_STEP, spread};

    #[test]
    fn rows_and_steps_cover_what_is_wanted_and_little_more() {
        for count in [1, 2, 499, 500, 501, 1000, 50_000, 1 << 25, 1 << 26, 1 << 33] {
            let (rows, step) = spread(count);
            let covered = (rows - 1) * step + 1;
            assert!(covered >= count && step <= LARGEST_STEP, "{count}: {rows} rows, step {step}");
            assert!(covered - count < rows.max(2), "{count}: {covered}");
        }
    }
}
