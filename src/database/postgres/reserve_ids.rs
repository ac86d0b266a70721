//! Ids that the server gives to nobody else: others write while a job does. What numbers rows (a sequence) counts apart from transactions:
//! what it gave stays given.

use super::connection::PostgresConnection;
use crate::database::connection::Reads;
use crate::database::layout::TableLayout;
use crate::database::rows::Next;
use crate::error::{Domain, Error, Result, Status};
use crate::schema::quote;
use crate::values::Value;

/// So many ids are taken one by one, and have to be in a row.
const ONE_BY_ONE: u64 = 100_000;
/// So often that is tried.
const TRIES: usize = 5;

/// What numbers the rows of a table.
struct Sequence {
    /// As SQL.
    name: String,
    last: i64,
    most: i64,
    step: i64,
    /// The account may move it.
    movable: bool,
}

impl PostgresConnection {
    fn sequence_of(&self, table: &str, column: &str) -> Result<Option<Sequence>> {
        let name = format!("{}.{}", quote(self.schema()), quote(table));
        let found = self.first(
            "SELECT pg_catalog.pg_get_serial_sequence(?1, ?2)",
            &[name, column.to_owned()].map(|name| Value::Text(name.into_bytes())),
        )?;
        let Value::Text(name) = found else { return Ok(None) };
        let name = String::from_utf8_lossy(&name).into_owned();
        let sql = format!(
            "SELECT CASE WHEN s.is_called THEN s.last_value ELSE s.last_value - q.seqincrement END, q.seqmax, q.seqincrement, \
             pg_catalog.has_sequence_privilege(q.seqrelid, 'UPDATE') \
             FROM {name} AS s JOIN pg_catalog.pg_sequence AS q ON q.seqrelid = s.tableoid"
        );
        let mut sequence = None;
        self.query(&sql, &[], &mut |row| {
            let number = |at: usize| Ok::<_, Error>(row.value(at)?.as_integer().unwrap_or_default());
            let movable = number(3)? == 1;
            sequence =
                Some(Sequence { name: name.clone(), last: number(0)?, most: number(1)?, step: number(2)?, movable });
            Ok(Next::Stop)
        })?;
        Ok(sequence)
    }

    /// The highest id that the table has.
    fn highest(&self, table: &str, column: &str) -> Result<i64> {
        Ok(self.query_integer(&format!("SELECT max({}) FROM {}", quote(column), quote(table)), &[])?.unwrap_or(0))
    }

    /// The first of `count` ids in a row above `above` that nobody else gets.
    pub(super) fn reserve(&self, table: &TableLayout, count: u64, above: i64) -> Result<i64> {
        let Some(id) = table.id_layout() else {
            return Err(Error::internal(Domain::Database, format!("{} has no ids", table.schema.name)));
        };
        let most = id
            .own_type::<super::column_type::ColumnType>()
            .and_then(|kind| kind.range())
            .map_or(i64::MAX, |(_, most)| most);
        let above = self.highest(&table.name, &id.name)?.max(above).max(0);
        let sequence = self.sequence_of(&table.name, &id.name)?.filter(|sequence| sequence.step > 0);
        let used = sequence.as_ref().map_or(above, |sequence| sequence.last.max(above));
        let most = sequence.as_ref().map_or(most, |sequence| sequence.most.min(most));
        if count > most.abs_diff(used.min(most)) {
            return Err(Error::new(
                Status::Limit,
                Domain::Database,
                format!("{} has no {count} free ids above the highest that was used", table.schema.name),
            )
            .detail("table", table.schema.name)
            .hint("change the column id, and what numbers it, to BIGINT, or migrate into another database"));
        }
        let Some(sequence) = sequence.filter(|_| count > 0) else { return Ok(used.saturating_add(1)) };
        if !sequence.movable {
            return Err(Error::new(
                Status::Auth,
                Domain::Database,
                "the account may not move what numbers the rows of a table",
            )
            .detail("table", &table.name)
            .detail("right", "UPDATE")
            .detail("statement", format!("GRANT ALL ON SEQUENCE {} TO CURRENT_USER", sequence.name))
            .hint("grant ALL on the sequence: others must not be given ids of the rows that are written"));
        }
        self.take(&sequence, count, above, table)
    }

    fn take(&self, sequence: &Sequence, count: u64, above: i64, table: &TableLayout) -> Result<i64> {
        let name = &sequence.name;
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        for _ in 0..TRIES {
            // It only ever moves on.
            self.query_integer(
                &format!(
                    "SELECT CASE WHEN s.last_value < ?1 THEN pg_catalog.setval('{}', ?1) END FROM {name} AS s",
                    name.replace('\'', "''")
                ),
                &[Value::Integer(above.max(1))],
            )?;
            let quoted = name.replace('\'', "''");
            if count.unsigned_abs() <= ONE_BY_ONE && sequence.step == 1 {
                let sql = format!(
                    "SELECT min(n), max(n) FROM (SELECT pg_catalog.nextval('{quoted}') AS n FROM pg_catalog.generate_series(1, ?1)) AS t"
                );
                let mut taken = None;
                self.query(&sql, &[Value::Integer(count)], &mut |row| {
                    taken = row.value(0)?.as_integer().zip(row.value(1)?.as_integer());
                    Ok(Next::Stop)
                })?;
                if let Some((first, last)) = taken
                    && last - first == count - 1
                    && first > above
                {
                    return Ok(first);
                }
                continue;
            }
            // One id, and all that follow unless somebody was given one in between: then it is tried again.
            let first = self.query_integer(&format!("SELECT pg_catalog.nextval('{quoted}')"), &[])?.unwrap_or_default();
            let end = first.saturating_add(count - 1);
            let sql = format!(
                "SELECT CASE WHEN s.last_value = ?1 THEN pg_catalog.setval('{quoted}', ?2) END FROM {name} AS s"
            );
            let moved = self.query_integer(&sql, &[Value::Integer(first), Value::Integer(end)])?;
            if moved.is_some() && first > above {
                return Ok(first);
            }
        }
        Err(Error::new(
            Status::Busy,
            Domain::Database,
            "others take ids so fast that none are free in a row; nothing was changed",
        )
        .detail("table", &table.name)
        .hint("try again when less is going on"))
    }

    /// What numbers the rows of tables goes on behind those that were written with ids of their own.
    pub(super) fn move_sequences(&self) -> Result<()> {
        let mut tables = self.numbered.take();
        tables.sort();
        tables.dedup();
        for (table, column) in tables {
            let Some(sequence) = self.sequence_of(&table, &column)? else { continue };
            let highest = self.highest(&table, &column)?;
            if sequence.step < 1 || highest <= sequence.last {
                continue;
            }
            if !sequence.movable {
                return Err(Error::new(
                    Status::Auth,
                    Domain::Database,
                    "the account may not move what numbers the rows of a table",
                )
                .detail("table", &table)
                .detail("right", "UPDATE")
                .hint("grant ALL on the sequence: the next rows of others would be given ids that are there"));
            }
            let sql = format!("SELECT pg_catalog.setval('{}', ?1)", sequence.name.replace('\'', "''"));
            self.query_integer(&sql, &[Value::Integer(highest)])?;
        }
        Ok(())
    }
}
