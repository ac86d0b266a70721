//! The columns outside a table that hold ids of its rows. They can mention an id that no row has (a dangling key). If a new row got that id, the
//! rows that mention it would become part of the new row, so new ids are chosen above every mentioned id.

use super::connection::{Connection, Whereabouts};
use super::layout::Layout;
use super::rows::Next;
use crate::error::{Result, Status};
use crate::schema::{Place, Role, quote};
use crate::values::{Value, ValueRef};

/// A column that has ids of another table's rows.
pub struct Mention {
    /// Whose ids, as the schema names it.
    pub of: &'static str,
    /// Where, for SQL.
    pub table: String,
    pub column: String,
    /// The column's name in the schema, where rows hang on what it names, and so are many for each.
    owner: Option<&'static str>,
}

/// All of them: those of the schema, and what others have declared to be foreign keys.
pub fn mentions(connection: &dyn Connection, layout: &Layout) -> Result<Vec<Mention>> {
    let mut found = Vec::new();
    for table in &layout.tables {
        for column in table.schema.columns {
            let Role::Parent(entity) = column.role else { continue };
            let Some(of) = layout.family.entity_table(entity) else { continue };
            let owner = matches!(of.place, Place::Node(_)).then_some(column.name);
            found.push(Mention { of: of.name, table: quote(&table.name), column: table.quoted(column.name), owner });
        }
    }
    for reference in connection.references(layout)?.found {
        for (column, to) in reference.columns.iter().zip(&reference.to_columns) {
            if reference.to.has_own_id() && to.eq_ignore_ascii_case("id") {
                let (table, column) = (reference.name.clone(), quote(column));
                found.push(Mention { of: reference.to.name, table, column, owner: None });
            }
        }
    }
    found.sort_by(|a, b| a.table.cmp(&b.table));
    Ok(found)
}

fn is_ours(layout: &Layout, quoted: &str) -> bool {
    layout.tables.iter().any(|table| quote(&table.name) == quoted)
}

/// The highest id that a table's rows have; 0 if that is no number.
fn highest_of(connection: &dyn Connection, layout: &Layout, of: &str) -> Result<i64> {
    let Some(table) = layout.table(of) else { return Ok(0) };
    let sql = format!("SELECT max({}) FROM {}", table.quoted("id"), quote(&table.name));
    Ok(connection.query_integer(&sql, &[])?.unwrap_or(0))
}

/// Whether it is known, without a look at every row, that no more than an id is mentioned.
fn nothing_above(connection: &dyn Connection, layout: &Layout, mention: &Mention, id: i64) -> Result<bool> {
    let table = layout.tables.iter().find(|table| quote(&table.name) == mention.table);
    let (Some(table), Some(owner), Some(above)) = (table, mention.owner, id.checked_add(1)) else { return Ok(false) };
    // No key is declared for text, where 30 would come before 5.
    Ok(connection.whereabouts(table, owner, (above, None))? == Whereabouts::Nowhere)
}

/// Reads what one table mentions above the ids that are `there`: mostly nothing, which an engine finds sooner than a maximum. Whether
/// all of it is numbers.
fn read_above(
    connection: &dyn Connection,
    of_table: &[&Mention],
    there: &[i64],
    highest: &mut Vec<(&'static str, i64)>,
) -> Result<bool> {
    let Some(first) = of_table.first() else { return Ok(true) };
    let columns: Vec<&str> = of_table.iter().map(|mention| mention.column.as_str()).collect();
    let above: Vec<String> = (1..).zip(&columns).map(|(at, column)| format!("{column} > ?{at}")).collect();
    let sql = format!("SELECT {} FROM {} WHERE {}", columns.join(", "), first.table, above.join(" OR "));
    let params: Vec<Value> = there.iter().map(|id| Value::Integer(*id)).collect();
    let mut found: Vec<i64> = there.to_vec();
    let mut odd = false;
    connection.query(&sql, &params, &mut |row| {
        for (at, found) in found.iter_mut().enumerate() {
            match row.value(at)? {
                ValueRef::Null => {}
                value => match value.as_integer() {
                    Some(id) => *found = id.max(*found),
                    None => odd = true,
                },
            }
        }
        Ok(if odd { Next::Stop } else { Next::Row })
    })?;
    highest.extend(of_table.iter().zip(found).map(|(mention, id)| (mention.of, id)));
    Ok(!odd)
}

/// Reads all that one table mentions, as the numbers that it stands for.
fn read_all(connection: &dyn Connection, of_table: &[Mention], highest: &mut Vec<(&'static str, i64)>) -> Result<()> {
    let Some(first) = of_table.first() else { return Ok(()) };
    let columns: Vec<String> =
        of_table.iter().map(|mention| format!("max({})", connection.as_integer(&mention.column))).collect();
    let sql = format!("SELECT {} FROM {}", columns.join(", "), first.table);
    connection.query(&sql, &[], &mut |row| {
        for (at, mention) in of_table.iter().enumerate() {
            highest.extend(row.value(at)?.as_integer().map(|id| (mention.of, id)));
        }
        Ok(Next::Stop)
    })
}

/// The highest ids that are mentioned, by table.
pub struct Mentioned(Vec<(&'static str, i64)>);

impl Mentioned {
    /// Reads those of the `wanted` tables, all that one table mentions at once.
    pub fn read(connection: &dyn Connection, layout: &Layout, wanted: impl Fn(&str) -> bool) -> Result<Mentioned> {
        let mut mentions = mentions(connection, layout)?;
        mentions.retain(|mention| wanted(mention.of));
        let mut highest = Vec::new();
        for of_table in mentions.chunk_by(|a, b| a.table == b.table) {
            let there = of_table.iter().map(|mention| highest_of(connection, layout, mention.of));
            let there = there.collect::<Result<Vec<i64>>>()?;
            highest.extend(of_table.iter().zip(&there).map(|(mention, id)| (mention.of, *id)));
            let (mut unknown, mut above) = (Vec::new(), Vec::new());
            for (mention, id) in of_table.iter().zip(there) {
                if !nothing_above(connection, layout, mention, id)? {
                    unknown.push(mention);
                    above.push(id);
                }
            }
            let whole = match read_above(connection, &unknown, &above, &mut highest) {
                // What somebody else's table has is not to be known then. Its key keeps it from mentioning a row that does not exist.
                Err(error)
                    if error.status() == Status::Auth && of_table.iter().any(|of| !is_ours(layout, &of.table)) =>
                {
                    true
                }
                read => read?,
            };
            if !whole {
                read_all(connection, of_table, &mut highest)?;
            }
        }
        Ok(Mentioned(highest))
    }

    /// The highest id of a table's rows that is mentioned, or that one of them has; 0 if none is.
    pub fn of(&self, table: &str) -> i64 {
        self.0.iter().filter(|(of, _)| *of == table).map(|(_, id)| *id).max().unwrap_or(0).max(0)
    }
}

#[cfg(test)]
mod tests {
    use super::Mentioned;
    use crate::database::{Database, OpenOptions};

    /// The highest run that is mentioned, where the fifth is the last, and one row is of this one in a column of this type.
    fn highest(kind: &str, orphan: &str) -> i64 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let options = OpenOptions { create: true, ..OpenOptions::default() };
        drop(Database::open(path.to_str().unwrap(), options).unwrap());
        let file = rusqlite::Connection::open(&path).unwrap();
        file.execute_batch(&format!(
            "PRAGMA foreign_keys = OFF; DROP TABLE EPOCH;
             CREATE TABLE EPOCH (idx INT, trial_run_id {kind}, time TEXT, PRIMARY KEY (idx, trial_run_id));
             INSERT INTO TRIAL_RUN VALUES (5, 1, 's', 't', 't');
             WITH RECURSIVE n(i) AS (SELECT 5 UNION ALL SELECT i - 1 FROM n WHERE i > -3000)
             INSERT INTO EPOCH SELECT e.value, i, 't' FROM n, json_each('[1, 2]') AS e;
             INSERT INTO EPOCH VALUES (1, {orphan}, 't')"
        ))
        .unwrap();
        drop(file);
        let database = Database::open(path.to_str().unwrap(), OpenOptions::default()).unwrap();
        let layout = database.layout().unwrap();
        Mentioned::read(database.reader().unwrap(), &layout, |_| true).unwrap().of("TRIAL_RUN")
    }

    #[test]
    fn a_run_that_only_one_row_of_many_mentions_is_found_whatever_the_type_of_the_column() {
        for kind in ["INT", "NUMERIC", "", "BLOB"] {
            assert_eq!(highest(kind, "30"), 30, "{kind}");
            assert_eq!(highest(kind, "'30'"), 30, "{kind}");
        }
        assert_eq!(highest("INT", "NULL"), 5);
    }
}
