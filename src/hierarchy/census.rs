//! How many rows our tables have before and after: what triggers do beside what is written shows there.

use crate::database::{Connection, Layout};
use crate::error::{Domain, Error, Result, Status};
use crate::schema::quote;

/// The rows of each table before the first write; of none, where nothing can change their number but what is written.
pub struct Census<'c> {
    connection: &'c dyn Connection,
    /// The table, by its name in the schema and in SQL.
    tables: Vec<(&'static str, String, i64)>,
}

impl<'c> Census<'c> {
    /// Counts, inside of the transaction that is going to write. What others write meanwhile is no part of what it sees.
    pub fn take(connection: &'c dyn Connection, layout: &Layout) -> Result<Census<'c>> {
        let mut tables = Vec::new();
        if connection.can_be_meddled_with()? {
            for table in &layout.tables {
                let name = quote(&table.name);
                let rows = count(connection, &name)?;
                tables.push((table.schema.name, name, rows));
            }
        }
        Ok(Census { connection, tables })
    }

    /// Fails unless every table has as many rows more as it `grew` by what was written.
    pub fn check(&self, domain: Domain, grew: impl Fn(&str) -> i64) -> Result<()> {
        let mut wrong = Vec::new();
        for (table, name, before) in &self.tables {
            let (wanted, found) = (before + grew(table), count(self.connection, name)?);
            if wanted != found {
                wrong.push((table, wanted, found));
            }
        }
        if wrong.is_empty() {
            return Ok(());
        }
        let message = "rows came or went that were not written or removed here; nothing was changed";
        let error = Error::new(Status::Mismatch, domain, message).hint(
            "a trigger of the schema does that, or one of its tables gives way to new rows (ON CONFLICT); remove it",
        );
        Err(wrong.into_iter().fold(error, |error, (table, wanted, found)| {
            error
                .detail("table", table)
                .detail("problem", format!("{table} should have {wanted} rows, and has {found}"))
        }))
    }
}

fn count(connection: &dyn Connection, name: &str) -> Result<i64> {
    Ok(connection.query_integer(&format!("SELECT count(*) FROM {name}"), &[])?.unwrap_or(0))
}

/// By how many rows each table grew, of those of which that is known; the others did not.
pub fn grown_by(written: &[(&'static str, u64)], table: &str) -> i64 {
    let rows = written.iter().filter(|(name, _)| *name == table).map(|(_, rows)| *rows).sum::<u64>();
    i64::try_from(rows).unwrap_or(i64::MAX)
}
