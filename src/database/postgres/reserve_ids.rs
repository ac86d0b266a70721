//! Ids that the server gives to nobody else: others write while a job does. What numbers rows (a sequence) counts apart from transactions:
//! what it gave stays given.

use super::connection::PostgresConnection;
use super::settings::literal;
use crate::database::connection::Reads;
use crate::database::layout::TableLayout;
use crate::database::rows::Next;
use crate::database::server::connection::first;
use crate::error::{Domain, Error, Result, Status};
use crate::schema::quote;
use crate::values::{Value, ValueRef};

/// So many ids are taken one by one, and have to be in a row.
const ONE_BY_ONE: u64 = 1000;
/// So often that is tried, before others are left behind.
const TRIES: usize = 3;
/// So many ids are left to others when a sequence is moved on: they may be given some between the two halves of the statement that does it.
const MARGIN: i64 = 10_000;
/// They cannot be given all of them in this time, in seconds: giving one takes more than a tenth of a microsecond, as a page is locked for it.
const TOO_LONG: f64 = 0.001;
/// So often that is tried: a busy server may be stopped in between.
const JUMPS: usize = 50;

/// The sequence that belongs to a column, or that its default takes numbers from.
const SEQUENCE: &str = "SELECT coalesce(pg_catalog.pg_get_serial_sequence(?1::text, ?2::text), \
    (SELECT pg_catalog.format('%I.%I', n.nspname, s.relname) FROM pg_catalog.pg_attribute AS a \
        JOIN pg_catalog.pg_attrdef AS f ON f.adrelid = a.attrelid AND f.adnum = a.attnum \
        JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND d.objid = f.oid \
            AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass \
        JOIN pg_catalog.pg_class AS s ON s.oid = d.refobjid AND s.relkind = 'S' \
        JOIN pg_catalog.pg_namespace AS n ON n.oid = s.relnamespace \
        WHERE a.attrelid = ?1::text::pg_catalog.regclass AND a.attname = ?2 LIMIT 1))";

/// What numbers the rows of a table.
struct Sequence {
    /// As SQL.
    name: String,
    last: i64,
    most: i64,
    step: i64,
    /// How many of its numbers a session is given at once.
    cache: i64,
    /// The account may move it.
    movable: bool,
}

impl PostgresConnection {
    fn sequence_of(&self, table: &str, column: &str) -> Result<Option<Sequence>> {
        let name = format!("{}.{}", quote(self.schema()), quote(table));
        let found = first(self, SEQUENCE, &[name, column.to_owned()].map(|name| Value::Text(name.into_bytes())))?;
        let Value::Text(name) = found else { return Ok(None) };
        let name = String::from_utf8_lossy(&name).into_owned();
        let sql = format!(
            "SELECT CASE WHEN s.is_called THEN s.last_value ELSE s.last_value - q.seqincrement END, q.seqmax, q.seqincrement, \
             q.seqcache, pg_catalog.has_sequence_privilege(q.seqrelid, 'UPDATE') \
             FROM {name} AS s JOIN pg_catalog.pg_sequence AS q ON q.seqrelid = s.tableoid"
        );
        let mut sequence = None;
        self.query(&sql, &[], &mut |row| {
            let number = |at: usize| Ok::<_, Error>(row.value(at)?.as_integer().unwrap_or_default());
            sequence = Some(Sequence {
                name: name.clone(),
                last: number(0)?,
                most: number(1)?,
                step: number(2)?,
                cache: number(3)?,
                movable: number(4)? == 1,
            });
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
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        // Others are left as many as they may be given meanwhile, each of them some at once.
        let margin = MARGIN.saturating_mul(sequence.step).saturating_mul(sequence.cache.max(1));
        let room = sequence.most.saturating_sub(sequence.last.max(above)).saturating_sub(margin);
        // Numbers that rows have already, which the sequence did not give them.
        let mut behind = above.saturating_sub(sequence.last).max(0);
        if room <= count && behind > 0 {
            // Here is no room to leave others behind: it only ever moves on.
            let name = &sequence.name;
            let sql = format!(
                "SELECT CASE WHEN s.last_value < ?1 THEN pg_catalog.setval({}, ?1) END FROM {name} AS s",
                literal(name)
            );
            self.query_integer(&sql, &[Value::Integer(above)])?;
            behind = 0;
        }
        let needed = count.saturating_add(behind);
        let one_by_one = sequence.step == 1 && (needed.unsigned_abs() <= ONE_BY_ONE || room <= count);
        let tries = if room > count { TRIES } else { JUMPS };
        for _ in 0..if one_by_one { tries } else { 0 } {
            let taken = self.in_a_row(sequence, needed)?.and_then(|first| first.checked_add(behind));
            if let Some(first) = taken.filter(|first| *first > above) {
                return Ok(first);
            }
        }
        for _ in 0..if room > count { JUMPS } else { 0 } {
            if let Some(first) = self.jump(sequence, count, above, margin)? {
                return Ok(first);
            }
        }
        Err(Error::new(
            Status::Busy,
            Domain::Database,
            "others take ids so fast, or the server is so slow, that none are free in a row; nothing was changed",
        )
        .detail("table", &table.name)
        .hint("try again when less is going on"))
    }

    /// So many ids one by one; the first of them, if nobody was given one in between.
    fn in_a_row(&self, sequence: &Sequence, count: i64) -> Result<Option<i64>> {
        let sql = format!(
            "SELECT min(n), max(n) FROM (SELECT pg_catalog.nextval({}) AS n FROM pg_catalog.generate_series(1, ?1)) AS t",
            literal(&sequence.name)
        );
        let mut taken = None;
        self.query(&sql, &[Value::Integer(count)], &mut |row| {
            taken = row.value(0)?.as_integer().zip(row.value(1)?.as_integer());
            Ok(Next::Stop)
        })?;
        Ok(taken.filter(|(first, last)| last - first == count - 1).map(|(first, _)| first))
    }

    /// Moves the sequence far beyond what others can have been given meanwhile; the first of the ids just before the place where it goes on.
    /// `None` if the server was so slow that others may have come there.
    fn jump(&self, sequence: &Sequence, count: i64, above: i64, margin: i64) -> Result<Option<i64>> {
        let name = literal(&sequence.name);
        // What is inside comes first.
        let sql = format!(
            "SELECT pg_catalog.setval({name}, greatest(n, ?1) + ?2), extract(epoch FROM pg_catalog.clock_timestamp() - began)::float8 \
             FROM (SELECT pg_catalog.clock_timestamp() AS began, pg_catalog.nextval({name}) AS n OFFSET 0) AS t"
        );
        let mut moved = None;
        let ahead = margin.saturating_add(count);
        self.query(&sql, &[Value::Integer(above), Value::Integer(ahead)], &mut |row| {
            let took = if let ValueRef::Real(took) = row.value(1)? { took } else { f64::INFINITY };
            moved = row.value(0)?.as_integer().filter(|_| (0.0..TOO_LONG).contains(&took));
            Ok(Next::Stop)
        })?;
        Ok(moved.map(|end| end - count + 1))
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
            let sql = format!("SELECT pg_catalog.setval({}, ?1)", literal(&sequence.name));
            self.query_integer(&sql, &[Value::Integer(highest)])?;
        }
        Ok(())
    }
}
