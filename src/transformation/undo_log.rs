//! The undo log: keeps the old values of a transformation in tables of expmig, in the same transaction.

use crate::database::{Connection, Inserter, Layout, TableLayout, Write};
use crate::digest::{encode_apart, encode_value};
use crate::error::{Domain, Error, Result, Status};
use crate::schema::{Table, UNDO, UNDO_LINK, UNDO_TRANSFORM};
use crate::values::{Value, ValueRef};

/// How many parts of a link's key beside the metric there is room for.
pub const LINK_KEYS: usize = 3;

/// Tells whether two cells are still as they were written.
pub type Fingerprint = [u8; 16];

/// Of the cells as they are, byte for byte.
pub fn fingerprint(cells: [ValueRef<'_>; 2]) -> Fingerprint {
    let mut bytes = Vec::new();
    let hash = if cells.iter().any(ValueRef::is_huge) {
        // Without a copy of them.
        let mut hasher = blake3::Hasher::new();
        for cell in cells {
            bytes.clear();
            let apart = encode_apart(cell, &mut bytes);
            hasher.update(&bytes).update(apart);
        }
        hasher.finalize()
    } else {
        cells.into_iter().for_each(|cell| encode_value(cell, None, &mut bytes));
        blake3::hash(&bytes)
    };
    let mut short = Fingerprint::default();
    short.copy_from_slice(hash.as_bytes().first_chunk::<16>().unwrap_or(&[0; 16]));
    short
}

/// A table of ours that is there.
pub fn own<'l>(layout: &'l Layout, schema: &'static Table) -> Result<&'l TableLayout> {
    let missing = || {
        let message = format!("the table {} of the undo log is gone", schema.name);
        somebody_changed(Error::new(Status::Schema, Domain::Transformation, message), schema.name)
    };
    layout.own_table(schema)?.ok_or_else(missing)
}

/// The undo log is not as it was written.
pub fn somebody_changed(error: Error, table: &str) -> Error {
    error.detail("table", table).hint("somebody changed the tables of the undo log; nothing was changed")
}

/// A metric that was changed, with what it was.
pub struct Touched<'v> {
    /// The row that was changed; of a copy its new id.
    pub metric: i64,
    /// Of a copy: the row that it was copied from.
    pub original: Option<i64>,
    /// Which cells were changed, as bits, and what they were; the others are NULL here.
    pub changed: u8,
    pub old: [ValueRef<'v>; 2],
    pub written: &'v Fingerprint,
}

/// A link that was moved from one row to its copy.
pub struct MovedLink<'v> {
    pub original: i64,
    pub copy: i64,
    /// The rest of its key, in the order of its table's columns.
    pub keys: &'v [Value],
}

/// Writes what undoes one transformation.
pub struct UndoLog<'c> {
    connection: &'c dyn Connection,
    transforms: TableLayout,
    id: i64,
    first_row: i64,
    rows: i64,
    links: i64,
    row_writer: Box<dyn Inserter + 'c>,
    link_writer: Box<dyn Inserter + 'c>,
}

fn writer<'c>(connection: &'c dyn Connection, table: &TableLayout) -> Result<Box<dyn Inserter + 'c>> {
    let columns: Vec<&str> = table.schema.columns.iter().map(|column| column.name).collect();
    connection.inserter(table, &columns)
}

impl<'c> UndoLog<'c> {
    /// Makes an entry in the tables, which are there. The caller's transaction commits or undoes all of it.
    pub fn begin(connection: &'c dyn Connection, rules: &str) -> Result<UndoLog<'c>> {
        let layout = connection.layout()?;
        let table = |schema| own(&layout, schema);
        let transforms = table(&UNDO_TRANSFORM)?.clone();
        let (id, _) = connection.allocate_ids(&transforms, 1, 0)?;
        let (first_row, _) = connection.allocate_ids(table(&UNDO)?, 1, 0)?;
        let (first_link, _) = connection.allocate_ids(table(&UNDO_LINK)?, 1, 0)?;
        let now = chrono::Utc::now().naive_utc().format("%Y-%m-%dT%H:%M:%S%.6f").to_string();
        let entry = [
            ValueRef::Integer(id),
            ValueRef::Text(now.as_bytes()),
            ValueRef::Text(rules.as_bytes()),
            ValueRef::Integer(first_row),
            ValueRef::Integer(0),
            ValueRef::Integer(0),
        ];
        writer(connection, &transforms)?.insert(&entry)?;
        Ok(UndoLog {
            connection,
            transforms,
            id,
            first_row,
            rows: 0,
            links: first_link,
            row_writer: writer(connection, table(&UNDO)?)?,
            link_writer: writer(connection, table(&UNDO_LINK)?)?,
        })
    }

    /// The transformation's id.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// Keeps what these metrics were.
    pub fn add(&mut self, touched: &[Touched<'_>]) -> Result<()> {
        let mut values = Vec::with_capacity(touched.len() * UNDO.columns.len());
        for one in touched {
            let [total, labels] = one.old;
            values.extend([
                ValueRef::Integer(self.first_row + self.rows),
                ValueRef::Integer(self.id),
                ValueRef::Integer(one.metric),
                one.original.map_or(ValueRef::Null, ValueRef::Integer),
                ValueRef::Integer(i64::from(one.changed)),
                total,
                labels,
                ValueRef::Blob(one.written),
            ]);
            self.rows += 1;
        }
        self.row_writer.insert(&values)
    }

    /// Keeps which links of a table were moved.
    pub fn add_links<'v>(&mut self, table: &str, moved: impl Iterator<Item = MovedLink<'v>>) -> Result<()> {
        let mut values = Vec::new();
        for (rows, link) in (1..).zip(moved) {
            if link.keys.len() > LINK_KEYS {
                let message = format!("{table} has more key columns than the undo log");
                return Err(Error::internal(Domain::Transformation, message));
            }
            values.extend([
                ValueRef::Integer(self.links),
                ValueRef::Integer(self.id),
                ValueRef::Integer(link.copy),
                ValueRef::Integer(link.original),
                ValueRef::Text(table.as_bytes()),
            ]);
            values.extend(link.keys.iter().map(Value::borrow));
            values.resize(UNDO_LINK.columns.len() * rows, ValueRef::Null);
            self.links += 1;
        }
        if values.is_empty() { Ok(()) } else { self.link_writer.insert(&values) }
    }

    /// Notes how many metrics there were.
    pub fn finish(self, copied: u64) -> Result<()> {
        let table = &self.transforms;
        let sql = format!(
            "{} SET {} = ?1, {} = ?2 WHERE {} = ?3",
            self.connection.opening(Write::Update, table)?,
            table.quoted("row_count"),
            table.quoted("copied"),
            table.quoted("id")
        );
        let copied = i64::try_from(copied).unwrap_or(i64::MAX);
        let params = [Value::Integer(self.rows), Value::Integer(copied), Value::Integer(self.id)];
        self.connection.execute(&sql, &params).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::{ValueRef, encode_value, fingerprint};

    #[test]
    fn the_fingerprint_of_huge_cells_is_that_of_their_whole_form() {
        let huge = vec![b'x'; (1 << 20) + 1];
        for cells in [[ValueRef::Text(&huge), ValueRef::Null], [ValueRef::Real(1.5), ValueRef::Blob(&huge)]] {
            let mut whole = Vec::new();
            cells.into_iter().for_each(|cell| encode_value(cell, None, &mut whole));
            assert_eq!(fingerprint(cells), blake3::hash(&whole).as_bytes()[..16]);
        }
    }
}
