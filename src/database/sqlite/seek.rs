//! Finds the rows with a given value in one column by an index in which other columns come first: one lookup for each distinct value of those
//! columns, as long as that takes less time than reading the whole table.

use rusqlite::{ErrorCode, Statement, StatementStatus};

use super::cell::from_sqlite;
use super::connection::SqliteConnection;
use crate::database::connection::Whereabouts;
use crate::database::layout::TableLayout;
use crate::error::Result;
use crate::schema::quote;
use crate::values::Value;

type Sqlite<T> = rusqlite::Result<T>;

/// What running a statement costs, in steps of SQLite's virtual machine: beginning and ending it takes as long as so many.
const PER_LOOK: u64 = 100;
/// A row takes about four steps when a table is read from end to end. Looking is given up after a quarter of that.
const STEPS_PER_ROW: u64 = 1;
/// Fewer rows are read sooner than anything is found out about them.
const FEWEST: u64 = 4096;
/// No row of a table takes less, its entry in an index included.
const LEAST_BYTES: u64 = 16;

/// What is known already.
struct Found {
    least: i64,
    greatest: i64,
    steps: u64,
    most: u64,
}

impl Found {
    /// Runs a statement and hands its one row over; whether there is enough left to go on.
    fn look(&mut self, statement: &mut Statement<'_>, params: &[Value], each: Each<'_>) -> Sqlite<bool> {
        SqliteConnection::bind(statement, params)?;
        {
            let mut rows = statement.raw_query();
            if let Some(row) = rows.next()? {
                each(self, row)?;
            }
        }
        let steps = u64::try_from(statement.reset_status(StatementStatus::VmStep)).unwrap_or(0);
        self.steps += steps + PER_LOOK;
        Ok(self.steps <= self.most)
    }
}

type Each<'e> = &'e mut dyn FnMut(&mut Found, &rusqlite::Row<'_>) -> Sqlite<()>;

/// What finds the next of the values that a column of the index has, below given ones of the columns before it.
struct Level<'c> {
    first: Statement<'c>,
    after_null: Statement<'c>,
    next: Statement<'c>,
}

/// As [`crate::database::Reads::whereabouts`].
pub fn whereabouts(
    connection: &SqliteConnection,
    table: &TableLayout,
    column: &str,
    bounds: (i64, Option<i64>),
) -> Result<Whereabouts> {
    look(connection, table, column, bounds).map_err(|error| connection.wrap(error))
}

fn look(
    connection: &SqliteConnection,
    table: &TableLayout,
    column: &str,
    (low, high): (i64, Option<i64>),
) -> Sqlite<Whereabouts> {
    let Some(rowid) = table.rowid else { return Ok(Whereabouts::Unknown) };
    let inner = &connection.inner;
    let rows = rows_at_most(inner, table, rowid)?;
    if rows < FEWEST {
        return Ok(Whereabouts::Unknown);
    }
    let most = rows.saturating_mul(STEPS_PER_ROW);
    for (index, before) in indexes_with(inner, table, column)? {
        // An index that cannot be used fails here (https://www.sqlite.org/lang_indexedby.html): its collation is another one than the column's,
        // or one that only the application has.
        let (mut levels, mut last) = match prepare(inner, table, rowid, column, high, (&index, &before)) {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::Unknown) => continue,
            prepared => prepared?,
        };
        let mut params = vec![Value::Integer(low)];
        params.extend(high.map(Value::Integer));
        let mut found = Found { least: i64::MAX, greatest: i64::MIN, steps: 0, most };
        if !descend(&mut levels, &mut last, &mut Vec::new(), &params, &mut found)? {
            break;
        }
        return Ok(match found.least <= found.greatest {
            true => Whereabouts::Between(found.least, found.greatest),
            false => Whereabouts::Nowhere,
        });
    }
    Ok(Whereabouts::Unknown)
}

/// What looks through an index: the levels of the columns that come before in it, and what finds the rows below the last of them.
fn prepare<'c>(
    inner: &'c rusqlite::Connection,
    table: &TableLayout,
    rowid: &str,
    column: &str,
    high: Option<i64>,
    (index, before): (&str, &[String]),
) -> Sqlite<(Vec<Level<'c>>, Statement<'c>)> {
    let from = format!("{} INDEXED BY {}", quote(&table.name), quote(index));
    let above = |depth: usize| -> String {
        (1..).zip(before.iter().take(depth)).map(|(at, column)| format!("{} IS ?{at} AND ", quote(column))).collect()
    };
    let mut levels = Vec::new();
    for (depth, column) in before.iter().enumerate() {
        let (column, above) = (quote(column), above(depth));
        let select = |condition: &str| {
            let sql = format!("SELECT {column} FROM {from} WHERE {above}{condition} ORDER BY {column} LIMIT 1");
            inner.prepare(&sql)
        };
        levels.push(Level {
            first: select("1")?,
            after_null: select(&format!("{column} IS NOT NULL"))?,
            next: select(&format!("{column} > ?{}", depth + 1))?,
        });
    }
    let (column, at) = (quote(column), before.len() + 1);
    let within = match high {
        Some(_) => format!("{column} BETWEEN ?{at} AND ?{}", at + 1),
        None => format!("{column} >= ?{at}"),
    };
    let sql = format!("SELECT min({rowid}), max({rowid}) FROM {from} WHERE {}{within}", above(before.len()));
    Ok((levels, inner.prepare(&sql)?))
}

/// Looks below each of the values that the next column has where the columns before it have these; whether all was looked at.
fn descend(
    levels: &mut [Level<'_>],
    last: &mut Statement<'_>,
    path: &mut Vec<Value>,
    params: &[Value],
    found: &mut Found,
) -> Sqlite<bool> {
    let Some((level, below)) = levels.split_first_mut() else {
        let params: Vec<Value> = path.iter().chain(params).cloned().collect();
        return found.look(last, &params, &mut |found, row| {
            if let (Some(least), Some(greatest)) = (row.get::<_, Option<i64>>(0)?, row.get::<_, Option<i64>>(1)?) {
                found.least = found.least.min(least);
                found.greatest = found.greatest.max(greatest);
            }
            Ok(())
        });
    };
    let mut value = None;
    let next = |found: &mut Found, statement: &mut Statement<'_>, params: &[Value], value: &mut Option<Value>| {
        found.look(statement, params, &mut |_, row| {
            *value = Some(from_sqlite(row.get_ref(0)?).to_owned());
            Ok(())
        })
    };
    if !next(found, &mut level.first, path, &mut value)? {
        return Ok(false);
    }
    while let Some(here) = value.take() {
        let statement = if here == Value::Null { &mut level.after_null } else { &mut level.next };
        let is_null = here == Value::Null;
        path.push(here);
        if !descend(below, last, path, params, found)? {
            return Ok(false);
        }
        let after = path.get(..path.len() - usize::from(is_null)).unwrap_or_default();
        if !next(found, statement, after, &mut value)? {
            return Ok(false);
        }
        path.pop();
    }
    Ok(true)
}

/// No fewer than the rows of a table.
fn rows_at_most(inner: &rusqlite::Connection, table: &TableLayout, rowid: &str) -> Sqlite<u64> {
    let name = quote(&table.name);
    let sql = format!("SELECT (SELECT min({rowid}) FROM {name}), (SELECT max({rowid}) FROM {name})");
    let span = inner.query_row(&sql, [], |row| Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, Option<i64>>(1)?)))?;
    let (Some(least), Some(greatest)) = span else { return Ok(0) };
    let bytes = |pragma: &str| inner.query_row(pragma, [], |row| row.get::<_, u32>(0)).map(u64::from);
    let bytes = bytes("PRAGMA main.page_count")?.saturating_mul(bytes("PRAGMA main.page_size")?);
    Ok(greatest.abs_diff(least).saturating_add(1).min(bytes / LEAST_BYTES))
}

/// The indexes over all rows of a table that have this column, and the columns that come before it there: first those with the fewest.
fn indexes_with(inner: &rusqlite::Connection, table: &TableLayout, column: &str) -> Sqlite<Vec<(String, Vec<String>)>> {
    let mut indexes = inner.prepare_cached("SELECT name FROM pragma_index_list(?1, 'main') WHERE partial = 0")?;
    let names = indexes.query_map([&table.name], |row| row.get::<_, String>(0))?.collect::<Sqlite<Vec<String>>>()?;
    let mut parts =
        inner.prepare_cached("SELECT cid, name FROM pragma_index_xinfo(?1, 'main') WHERE key ORDER BY seqno")?;
    let mut found = Vec::new();
    for name in names {
        let mut before = Vec::new();
        let mut rows = parts.query([&name])?;
        while let Some(row) = rows.next()? {
            // An expression has no name.
            if row.get::<_, i64>(0)? < 0 {
                break;
            }
            let part: String = row.get(1)?;
            if part.eq_ignore_ascii_case(column) {
                found.push((name, before));
                break;
            }
            before.push(part);
        }
    }
    found.sort_by_key(|(_, before)| before.len());
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::connection::{Access, SqliteConnection};
    use crate::database::connection::{Catalog, Reads, Whereabouts};
    use crate::random::{Random, seed};

    const EPOCHS: &str =
        "CREATE TABLE EPOCH (idx, trial_run_id INT, time TEXT COLLATE NOCASE, PRIMARY KEY (idx, trial_run_id))";

    fn open(path: &Path) -> SqliteConnection {
        SqliteConnection::open(path, Access::Read, std::time::Duration::ZERO, false, None).unwrap()
    }

    /// What is found of runs.
    fn find(path: &Path, low: i64, high: Option<i64>) -> Whereabouts {
        let connection = open(path);
        let layout = connection.layout().unwrap();
        connection.whereabouts(layout.table("EPOCH").unwrap(), "trial_run_id", (low, high)).unwrap()
    }

    /// That, and what a look at every row finds.
    fn both(path: &Path, low: i64, high: Option<i64>) -> (Whereabouts, Whereabouts) {
        let (connection, found) = (open(path), find(path, low, high));
        let sql = "SELECT min(rowid), max(rowid) FROM EPOCH NOT INDEXED WHERE trial_run_id >= ?1 AND (?2 IS NULL OR trial_run_id <= ?2)";
        let every = connection.inner.query_row(sql, (low, high), |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        let every = match every {
            (Some(least), Some(greatest)) => Whereabouts::Between(least, greatest),
            _ => Whereabouts::Nowhere,
        };
        (found, every)
    }

    #[test]
    fn what_an_index_says_is_what_every_row_says_whatever_stands_before() {
        let seed = seed();
        let mut random = Random::new(seed);
        let folder = tempfile::tempdir().unwrap();
        for (at, key) in
            ["idx, trial_run_id", "idx DESC, trial_run_id DESC", "trial_run_id, idx", "time, idx, trial_run_id"]
                .iter()
                .enumerate()
        {
            let path = folder.path().join(format!("{at}.db"));
            let file = rusqlite::Connection::open(&path).unwrap();
            let table = EPOCHS.replace("PRIMARY KEY (idx, trial_run_id)", &format!("PRIMARY KEY ({key})"));
            file.execute_batch(&format!("BEGIN; {table}")).unwrap();
            let mut insert = file.prepare("INSERT OR IGNORE INTO EPOCH VALUES (?1, ?2, ?3)").unwrap();
            for row in 0..20_000_i64 {
                let run = row / 20 + random.below(3) as i64 - 300;
                let time = ["x", "X", "", "y\u{e9}"][random.below(4)];
                match random.below(12) {
                    0 => insert.execute((None::<i64>, run, time)).unwrap(),
                    1 => insert.execute((1.5, run, time)).unwrap(),
                    2 => insert.execute((f64::NEG_INFINITY, run, time)).unwrap(),
                    3 => insert.execute(("2", run, time)).unwrap(),
                    4 => insert.execute((b"2".as_slice(), run, time)).unwrap(),
                    5 => insert.execute((i64::MIN, run, time)).unwrap(),
                    more => insert.execute((more as i64, run, time)).unwrap(),
                };
            }
            drop(insert);
            file.execute_batch(
                "DELETE FROM EPOCH WHERE rowid % 7 = 3; UPDATE EPOCH SET rowid = -rowid WHERE trial_run_id = 50;
                INSERT INTO EPOCH VALUES (3, 'run', ''), (4, NULL, ''); COMMIT",
            )
            .unwrap();
            for (low, high) in [(40, 60), (-1000, -900), (0, 0), (699, 800), (650, 2000), (49, 49)] {
                let (found, every) = both(&path, low, Some(high));
                assert_eq!(found, every, "{key}: {low} to {high}, seed {seed}");
            }
            let (found, every) = both(&path, 701, None);
            assert_eq!(found, every, "{key}: text is above all numbers");
            assert_ne!(every, Whereabouts::Nowhere);
        }
    }

    #[test]
    fn an_index_that_cannot_be_used_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let run = |sql: &str| rusqlite::Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        let keyless = EPOCHS.replace(", PRIMARY KEY (idx, trial_run_id)", "");
        run(&format!(
            "{keyless}; CREATE INDEX a ON EPOCH (idx COLLATE RTRIM, trial_run_id); CREATE INDEX b ON EPOCH (idx COLLATE NOCASE, trial_run_id);
            WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 9999) INSERT INTO EPOCH SELECT i % 10, i / 10, '' FROM n"
        ));
        // As in a file of an application that has a collation of its own.
        run("PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'RTRIM', 'APPLICATION')");
        assert_eq!(find(&path, 3, Some(4)), Whereabouts::Unknown);
        run("DROP INDEX b; CREATE INDEX c ON EPOCH (time, idx, trial_run_id)");
        assert_eq!(find(&path, 3, Some(4)), Whereabouts::Between(31, 50));
    }

    #[test]
    fn what_would_take_longer_than_a_look_at_every_row_is_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let fill = |table: &str, idx: &str| {
            let file = rusqlite::Connection::open(&path).unwrap();
            file.execute_batch(&format!("DROP TABLE IF EXISTS EPOCH; {table};
                WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 9999) INSERT INTO EPOCH SELECT {idx}, i / 10, '' FROM n")).unwrap();
        };
        fill(EPOCHS, "i % 10");
        assert_eq!(find(&path, 3, Some(4)), Whereabouts::Between(31, 50));
        assert_eq!(find(&path, 1000, None), Whereabouts::Nowhere);
        // Nearly all rows, and each under an index of its own.
        assert_eq!(find(&path, 3, Some(990)), Whereabouts::Unknown);
        fill(EPOCHS, "i");
        assert_eq!(find(&path, 3, Some(4)), Whereabouts::Unknown);
        // Nothing to look in.
        fill(&format!("{EPOCHS} WITHOUT ROWID"), "i % 10");
        assert_eq!(find(&path, 3, Some(4)), Whereabouts::Unknown);
        let keyless = EPOCHS.replace(", PRIMARY KEY (idx, trial_run_id)", "");
        for index in ["(idx, trial_run_id) WHERE idx > 0", "(idx, abs(trial_run_id))", "(idx + 0, trial_run_id)"] {
            fill(&format!("{keyless}; CREATE INDEX i ON EPOCH {index}"), "i % 10");
            assert_eq!(find(&path, 3, Some(4)), Whereabouts::Unknown, "{index}");
        }
    }
}
