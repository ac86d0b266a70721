//! The range of rowids that contains the rows of a selection, for tables without an index on their owner. Finding it needs a scan of the whole
//! table, so it is remembered and not done twice.

use super::order::row_order;
use crate::database::{Connection, Layout, TableLayout};
use crate::error::Result;
use crate::schema::{Place, quote};

/// No job writes so many rows. Where the last rowid is nearer to the end than that, new ones can come to be anywhere.
const ROOM: i64 = 1 << 48;

/// The range of each table of which one is known.
#[derive(Clone, Debug, Default)]
pub struct RowidRanges(Vec<(&'static str, RowidRange)>);

/// The least and the greatest rowid; the least is greater where there is no row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowidRange {
    least: i64,
    greatest: i64,
}

impl RowidRange {
    /// Of no row.
    pub const EMPTY: RowidRange = RowidRange { least: i64::MAX, greatest: i64::MIN };

    /// From one rowid to another.
    pub fn between(least: i64, greatest: i64) -> RowidRange {
        RowidRange { least, greatest }
    }

    /// Takes a row in.
    pub fn take_in(&mut self, rowid: i64) {
        self.least = self.least.min(rowid);
        self.greatest = self.greatest.max(rowid);
    }
}

impl RowidRanges {
    /// From now on this is known of the table.
    pub fn know(&mut self, table: &'static str, rowid_range: RowidRange) {
        self.0.retain(|(known, _)| *known != table);
        self.0.push((table, rowid_range));
    }

    /// A further condition on the rows of the table, which is `t`; empty if nothing is known.
    pub fn condition(&self, table: &TableLayout) -> String {
        let known = self.0.iter().find(|(known, _)| *known == table.schema.name);
        match (known, table.rowid) {
            (Some((_, RowidRange { least, greatest })), Some(rowid)) => {
                format!(" AND t.{rowid} BETWEEN {least} AND {greatest}")
            }
            _ => String::new(),
        }
    }

    /// Where rows will be that are written from now on: a new row gets a rowid above all others, as long as there is one
    /// (<https://www.sqlite.org/autoinc.html>). In a table with a column that is the rowid and that a job writes they can be anywhere.
    pub fn of_new_rows(connection: &dyn Connection, layout: &Layout) -> Result<RowidRanges> {
        let mut rowid_ranges = RowidRanges::default();
        for table in &layout.tables {
            let (Place::Below(_) | Place::Link { .. }, Some(rowid)) = (table.schema.place, table.rowid) else {
                continue;
            };
            if row_order(table).is_empty() || table.columns.iter().any(|column| column.counter) {
                continue;
            }
            let sql = format!("SELECT max({rowid}) FROM {}", quote(&table.name));
            if let Some(last) = connection.query_integer(&sql, &[])?.filter(|last| *last < i64::MAX - ROOM) {
                rowid_ranges.know(table.schema.name, RowidRange { least: last + 1, greatest: i64::MAX });
            }
        }
        Ok(rowid_ranges)
    }
}

#[cfg(test)]
mod tests {
    use super::RowidRange;

    #[test]
    fn a_rowid_range_reaches_from_the_least_to_the_greatest_row() {
        let mut rowid_range = RowidRange::EMPTY;
        assert!(rowid_range.least > rowid_range.greatest);
        for rowid in [5, -3, 9, 0] {
            rowid_range.take_in(rowid);
        }
        assert_eq!(rowid_range, RowidRange { least: -3, greatest: 9 });
    }
}
