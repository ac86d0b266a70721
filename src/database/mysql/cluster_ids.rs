//! Reserves ids where several servers number the rows of one table, each for itself, in a step and from an offset of its own.
//!
//! A row with the last id that is wanted is inserted and deleted again in one transaction, which every server applies as a whole: nobody ever sees
//! the row, and every server's counter is past the ids from then on.

use mysql::prelude::Queryable;

use super::connection::MysqlConnection;
use super::reserve_ids::TRIES;
use super::tables::most;
use super::triggers;
use crate::database::layout::TableLayout;
use crate::error::Result;
use crate::schema::quote;

/// So far above the highest id the first of several is: those between are left to transactions of others that have theirs already and are not
/// committed yet. A node that lags behind by more than a few dozen transactions has the others wait (`gcs.fc_limit`).
const MARGIN: u64 = 1000;

impl MysqlConnection {
    /// The first of `count` ids in a row that are above `above` and that no server gives to anybody else from now on. `None` if the account, a
    /// rule of the table or the end of the numbers is in the way.
    pub(super) fn reserve_on_every_node(&self, table: &TableLayout, count: u64, above: i64) -> Result<Option<i64>> {
        // What a trigger does is not undone by deleting the row.
        if triggers::any(self, Some(&table.name))? {
            return Ok(None);
        }
        let (name, id) = (quote(&table.name), table.quoted("id"));
        let mut above = above.max(self.high_water(table)?);
        for _ in 0..TRIES {
            let highest = self.on_the_other(|connection| {
                connection.query_first::<Option<i64>, _>(format!("SELECT MAX({id}) FROM {name}"))
            })?;
            let Some(highest) = highest else { return Ok(None) };
            let margin = if count == 1 { 1 } else { MARGIN };
            let first = above.max(highest.flatten().unwrap_or(0)).checked_add_unsigned(margin);
            let last = first.and_then(|first| first.checked_add_unsigned(count.saturating_sub(1)));
            let Some((first, last)) = first.zip(last).filter(|(_, last)| *last < most(table)) else { return Ok(None) };
            let moved = self.on_the_other(|connection| {
                connection.query_drop(format!("INSERT INTO {name} ({id}) VALUES ({last})"))?;
                connection.query_drop(format!("DELETE FROM {name} WHERE {id} = {last}"))?;
                connection.query_drop("COMMIT")
            })?;
            // What others inserted before has come here by the time of the next read.
            let taken = self.on_the_other(|connection| {
                connection.query_first::<i64, _>(format!(
                    "SELECT EXISTS (SELECT 1 FROM {name} WHERE {id} BETWEEN {first} AND {last})"
                ))
            })?;
            match (moved, taken.flatten()) {
                (Some(()), Some(0)) => return Ok(Some(first)),
                (Some(()), Some(_)) => above = last,
                _ => return Ok(None),
            }
        }
        Ok(None)
    }
}
