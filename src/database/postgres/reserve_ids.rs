//! Reserves ids, so that the server gives them to no other connection while a job writes. The sequence that numbers the rows does not take part in
//! transactions: a number that it gave is never given again.
//!
//! A sequence is only ever moved on. Taking its numbers (`nextval`) cannot move it back, whatever others do. Setting it (`setval`) could, if others
//! took numbers in between: that is done only while nobody can, or where nobody sees it yet. Whoever takes a number holds a lock on the sequence
//! until the transaction ends, and ours lasts as long as the job: numbers are taken on a connection beside it.

use super::connection::PostgresConnection;
use super::settings::literal;
use crate::database::connection::Reads;
use crate::database::layout::TableLayout;
use crate::database::rows::{Next, Row};
use crate::database::server::connection::first;
use crate::error::{Domain, Error, Result, Status};
use crate::schema::quote;
use crate::values::Value;

/// So many numbers are taken one by one first: of more, holding the sequence is done sooner.
const ONE_BY_ONE: i64 = 100_000;
/// So many at most, where the sequence cannot be held. The server takes a second or two for them.
const MOST_ONE_BY_ONE: i64 = 10_000_000;
/// So often that is tried: they have to be in a row.
const TRIES: usize = 5;
/// So often it is tried to hold a sequence, and so long each time, in milliseconds: whoever wants a number meanwhile waits as long.
const HOLDS: usize = 10;
const HOLD_MS: u32 = 100;

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
    /// It is there for others too: this transaction has not made it.
    shared: bool,
    last: i64,
    most: i64,
    step: i64,
    /// The account may take numbers.
    usable: bool,
    /// The account may hold it.
    owned: bool,
}

impl Sequence {
    /// How many numbers it gives until it is beyond this one, and further by `count`.
    fn numbers_to(&self, above: i64, count: i64) -> (i64, i64) {
        let in_steps = |distance: i64| distance / self.step + i64::from(distance % self.step > 0);
        (in_steps(above.saturating_sub(self.last).max(0)), in_steps(count))
    }

    fn not_usable(&self, table: &str) -> Error {
        let message = "the account may not take numbers from what numbers the rows of a table";
        Error::new(Status::Auth, Domain::Database, message)
            .detail("table", table)
            .detail("right", "USAGE")
            .detail("statement", format!("GRANT ALL ON SEQUENCE {} TO CURRENT_USER", self.name))
            .hint("grant ALL on the sequence: others must not be given ids of the rows that are written")
    }
}

impl PostgresConnection {
    fn sequence_of(&self, table: &str, column: &str) -> Result<Option<Sequence>> {
        let name = format!("{}.{}", quote(self.schema()), quote(table));
        let found = first(self, SEQUENCE, &[name, column.to_owned()].map(|name| Value::Text(name.into_bytes())))?;
        let Value::Text(name) = found else { return Ok(None) };
        let name = String::from_utf8_lossy(&name).into_owned();
        // As far as whoever may take numbers may know. One that has given none yet may begin later than it says here.
        let sql = format!(
            "SELECT coalesce(pg_catalog.pg_sequence_last_value(q.seqrelid), q.seqstart - q.seqincrement), q.seqmax, q.seqincrement, \
             pg_catalog.has_sequence_privilege(q.seqrelid, 'USAGE, UPDATE'), pg_catalog.pg_has_role(c.relowner, 'USAGE') \
             FROM pg_catalog.pg_sequence AS q JOIN pg_catalog.pg_class AS c ON c.oid = q.seqrelid \
             WHERE q.seqrelid = {}::pg_catalog.regclass",
            literal(&name)
        );
        let shared = self.others_see(&name)?;
        let mut sequence = None;
        let mut read = |row: &dyn Row| {
            let number = |at: usize| Ok::<_, Error>(row.value(at)?.as_integer().unwrap_or_default());
            sequence = Some(Sequence {
                name: name.clone(),
                shared,
                last: number(0)?,
                most: number(1)?,
                step: number(2)?,
                usable: number(3)? == 1,
                owned: number(4)? == 1,
            });
            Ok(Next::Stop)
        };
        // Asking is as much of a hold as taking a number.
        match shared {
            true => self.beside(|beside| beside.query(&sql, &[], &mut read))?,
            false => self.query(&sql, &[], &mut read)?,
        }
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
        if !sequence.usable {
            return Err(sequence.not_usable(&table.name));
        }
        self.take(&sequence, i64::try_from(count).unwrap_or(i64::MAX), above, table)
    }

    fn take(&self, sequence: &Sequence, count: i64, above: i64, table: &TableLayout) -> Result<i64> {
        if !sequence.shared {
            let first = sequence.last.max(above).saturating_add(1);
            self.set(&sequence.name, first.saturating_add(count - 1))?;
            return Ok(first);
        }
        let (behind, needed) = sequence.numbers_to(above, count);
        let numbers = behind.saturating_add(needed);
        let one_by_one = |tries: usize, most: i64| {
            for _ in 0..if numbers <= most { tries } else { 0 } {
                let first = self.in_a_row(sequence, numbers)?;
                // What lies between two numbers of a sequence that goes on in steps nobody is given.
                let first = first.and_then(|first| first.checked_add(behind.checked_mul(sequence.step)?));
                if let Some(first) = first.filter(|first| *first > above) {
                    return Ok(Some(first));
                }
            }
            Ok::<_, Error>(None)
        };
        if let Some(first) = one_by_one(TRIES, ONE_BY_ONE)? {
            return Ok(first);
        }
        for _ in 0..if sequence.owned { HOLDS } else { 0 } {
            if let Some(first) = self.move_on(sequence, above, count)? {
                return Ok(first);
            }
        }
        if let Some(first) = one_by_one(TRIES, MOST_ONE_BY_ONE)? {
            return Ok(first);
        }
        let message = "others take ids so fast that none are free in a row; nothing was changed";
        let hint = match sequence.owned {
            true => "try again when less is going on",
            false => {
                "try again when less is going on, or use the owner of the sequence, who can have others wait for a moment"
            }
        };
        let error = Error::new(Status::Busy, Domain::Database, message).detail("table", &table.name);
        Err(error.detail("sequence", &sequence.name).hint(hint))
    }

    /// Whether the sequence is there for others too.
    fn others_see(&self, sequence: &str) -> Result<bool> {
        let sql = format!("SELECT pg_catalog.to_regclass({}) IS NOT NULL", literal(sequence));
        self.beside(|beside| Ok(beside.query_integer(&sql, &[])? == Some(1)))
    }

    fn set(&self, sequence: &str, last: i64) -> Result<()> {
        self.query_integer(&format!("SELECT pg_catalog.setval({}, ?1)", literal(sequence)), &[Value::Integer(last)])?;
        Ok(())
    }

    /// Takes so many numbers; the first of them, if nobody was given one in between.
    fn in_a_row(&self, sequence: &Sequence, count: i64) -> Result<Option<i64>> {
        let sql = format!(
            "SELECT min(n), max(n) FROM (SELECT pg_catalog.nextval({}) AS n FROM pg_catalog.generate_series(1, ?1)) AS t",
            literal(&sequence.name)
        );
        let mut taken = None;
        self.beside(|beside| {
            beside.query(&sql, &[Value::Integer(count)], &mut |row| {
                taken = row.value(0)?.as_integer().zip(row.value(1)?.as_integer());
                Ok(Next::Stop)
            })
        })?;
        let wanted = (count - 1).checked_mul(sequence.step);
        Ok(taken.filter(|(first, last)| last.checked_sub(*first) == wanted).map(|(first, _)| first))
    }

    /// Moves the sequence beyond `above`, and by `count` numbers more, while nobody can take one; the first of these. `None` if somebody keeps
    /// hold of it. Changing a sequence, to what it is already, is what has all others wait.
    fn move_on(&self, sequence: &Sequence, above: i64, count: i64) -> Result<Option<i64>> {
        let name = &sequence.name;
        let hold = format!(
            "START TRANSACTION; SET LOCAL lock_timeout = {HOLD_MS}; ALTER SEQUENCE {name} INCREMENT BY {}",
            sequence.step
        );
        let last = format!(
            "SELECT CASE WHEN s.is_called THEN s.last_value ELSE s.last_value - {} END FROM {name} AS s",
            sequence.step
        );
        self.beside(|beside| {
            if let Err(error) = beside.command(&hold) {
                if beside.channel.is_lost() {
                    return Err(error);
                }
                beside.command("ROLLBACK")?;
                let job = self.channel.watched.job();
                return job.map_or(Ok(()), |job| job.check()).map(|()| None);
            }
            let moved = beside.query_integer(&last, &[]).and_then(|last| {
                let base = last.unwrap_or(sequence.last).max(above);
                beside.set(name, base.saturating_add(count))?;
                Ok(base.saturating_add(1))
            });
            match moved {
                Ok(first) => beside.command("COMMIT").map(|()| Some(first)),
                Err(error) => {
                    if !beside.channel.is_lost() {
                        beside.command("ROLLBACK")?;
                    }
                    Err(error)
                }
            }
        })
    }

    /// What numbers the rows of tables goes on behind those that were written with ids of their own.
    pub(super) fn move_sequences(&self) -> Result<()> {
        let mut tables = self.numbered.take();
        tables.sort();
        tables.dedup();
        for (table, column) in tables {
            let Some(sequence) = self.sequence_of(&table, &column)? else { continue };
            let highest = self.highest(&table, &column)?.min(sequence.most);
            if sequence.step < 1 || highest <= sequence.last {
                continue;
            }
            if !sequence.usable {
                return Err(sequence.not_usable(&table));
            }
            if !sequence.shared {
                self.set(&sequence.name, highest)?;
                continue;
            }
            let (numbers, _) = sequence.numbers_to(highest, 0);
            // The last may be beyond what it counts to.
            let numbers = numbers.min((sequence.most - sequence.last) / sequence.step);
            if numbers <= MOST_ONE_BY_ONE {
                self.in_a_row(&sequence, numbers)?;
                continue;
            }
            let held = |_: usize| self.move_on(&sequence, highest, 0).transpose();
            let tries = if sequence.owned { HOLDS } else { 0 };
            (0..tries).find_map(held).transpose()?.ok_or_else(|| {
                let message =
                    "what numbers the rows of a table cannot be moved beyond the ids of the rows that are written";
                Error::new(Status::Busy, Domain::Database, message)
                    .detail("table", &table)
                    .detail("sequence", &sequence.name)
                    .hint("use the owner of the sequence, while nobody holds it in a transaction; nothing was changed")
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Sequence;

    #[test]
    fn a_sequence_goes_on_in_steps() {
        let sequence = |last, step| Sequence {
            name: "s".to_owned(),
            shared: true,
            last,
            most: i64::MAX,
            step,
            usable: true,
            owned: true,
        };
        assert_eq!(sequence(10, 1).numbers_to(10, 5), (0, 5));
        assert_eq!(sequence(10, 1).numbers_to(17, 5), (7, 5));
        assert_eq!(sequence(10, 10).numbers_to(11, 11), (1, 2));
        assert_eq!(sequence(0, 10).numbers_to(i64::MAX, 1).1, 1);
    }
}
