//! Widens the tables of a schema: which column types are too narrow, and the statements that change them. The server changes a table as a whole
//! and keeps keys, indexes and defaults by itself, all in one transaction, which is committed only if every row is what it was.

use std::collections::HashMap;

use super::column_type::ColumnType;
use super::connection::PostgresConnection;
use super::ddl::TYPES;
use crate::database::connection::{Catalog, Reads, Writes};
use crate::database::layout::{Layout, TableLayout};
use crate::database::rows::Next;
use crate::database::server::lock::begin_alone;
use crate::database::widening::{Change, Left, Widening};
use crate::error::{Domain, Error, Result, Status};
use crate::schema::{Column, Kind, quote};
use crate::values::Value;

/// What was committed when a statement begins: once a table is locked, all of its rows are seen.
const BEGIN: &str = "START TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE";

/// What keeps a column from being changed, the collation that it has of its own, and the sequence that gives it numbers of fewer bits. In older
/// servers a column that is computed depends itself on others, in newer ones its default does.
const FACTS: &str = "SELECT c.relname, a.attname, t.typtype = 'd', a.attinhcount > 0, \
    EXISTS (SELECT 1 FROM pg_catalog.pg_partitioned_table AS p WHERE p.partrelid = a.attrelid \
        AND (a.attnum = ANY (p.partattrs::smallint[]) OR 0 = ANY (p.partattrs::smallint[]))), \
    (SELECT pg_catalog.string_agg(DISTINCT pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid), ', ') \
        FROM pg_catalog.pg_depend AS d LEFT JOIN pg_catalog.pg_attrdef AS f \
            ON d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND f.oid = d.objid \
        WHERE d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum \
        AND (d.classid IN ('pg_catalog.pg_rewrite'::pg_catalog.regclass, 'pg_catalog.pg_trigger'::pg_catalog.regclass, \
            'pg_catalog.pg_policy'::pg_catalog.regclass, 'pg_catalog.pg_proc'::pg_catalog.regclass, \
            'pg_catalog.pg_publication_rel'::pg_catalog.regclass) \
            OR f.adrelid <> a.attrelid OR f.adnum <> a.attnum \
            OR d.classid = d.refclassid AND d.objid = a.attrelid AND d.objsubid > 0)), \
    CASE WHEN a.attcollation <> t.typcollation THEN (SELECT pg_catalog.format(' COLLATE %I.%I', ln.nspname, l.collname) \
        FROM pg_catalog.pg_collation AS l JOIN pg_catalog.pg_namespace AS ln ON ln.oid = l.collnamespace \
        WHERE l.oid = a.attcollation) END, \
    (SELECT pg_catalog.format('%I.%I', sn.nspname, s.relname) FROM pg_catalog.pg_depend AS d \
        JOIN pg_catalog.pg_sequence AS q ON q.seqrelid = d.objid JOIN pg_catalog.pg_class AS s ON s.oid = d.objid \
        JOIN pg_catalog.pg_namespace AS sn ON sn.oid = s.relnamespace \
        WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refclassid = d.classid \
        AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum AND q.seqtypid <> 20 \
        AND (d.deptype = 'a' OR d.deptype = 'i' AND t.oid = 20) LIMIT 1) \
    FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid \
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid \
    WHERE n.nspname = ?1 AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped";

/// What the server has beside the type of a column.
#[derive(Default)]
struct Facts {
    /// Why the server does not change it.
    kept: Option<String>,
    collation: String,
    /// What gives it numbers of fewer than 64 bits, as SQL.
    sequence: Option<String>,
}

/// What is to become of a column.
enum Wanted {
    /// It is wide enough.
    Nothing,
    Type(String),
    /// It is not, and stays, for this reason.
    Left(&'static str),
}

/// A table whose columns are changed.
struct Narrow {
    /// As SQL.
    name: String,
    clauses: Vec<String>,
    sequences: Vec<String>,
    /// All its columns, as SQL: what they have now in the form of later, and what they have later.
    before: Vec<String>,
    after: Vec<String>,
}

struct Plan {
    widening: Widening,
    tables: Vec<Narrow>,
}

/// What has to be done, for every table that is there.
pub fn plan(connection: &PostgresConnection) -> Result<Widening> {
    Ok(Plan::read(connection)?.widening)
}

/// Plans, and runs the statements: all of them, or none.
pub fn apply(connection: &PostgresConnection) -> Result<Widening> {
    begin_alone(connection, || connection.begin(BEGIN))?;
    let done = change(connection);
    match done.and_then(|widening| connection.commit().map(|()| widening)) {
        Ok(widening) => Ok(widening),
        Err(error) => {
            connection.rollback();
            Err(error)
        }
    }
}

fn change(connection: &PostgresConnection) -> Result<Widening> {
    let first = Plan::read(connection)?;
    for table in &first.tables {
        connection.command(&format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", table.name))?;
    }
    // Somebody may have been faster.
    let plan = Plan::read(connection)?;
    for table in &plan.tables {
        let before = content(connection, &table.name, &table.before)?;
        for statement in table.statements() {
            connection.command(&statement).map_err(|error| cannot_change(&table.name, error))?;
        }
        connection.channel.forget_statements();
        if content(connection, &table.name, &table.after)? != before {
            let message = format!("the rows of {} are not what they were before: nothing was changed", table.name);
            return Err(Error::new(Status::Mismatch, Domain::Database, message)
                .detail("table", &table.name)
                .detail("database", connection.place())
                .hint(
                    "a rule, an extension or the server changes values with their type; change the columns by hand",
                ));
        }
    }
    Ok(plan.widening)
}

/// A server that does not understand a check or an index with the new type says so as if the statement were wrong.
fn cannot_change(table: &str, error: Error) -> Error {
    if error.status() != Status::Internal {
        return error.detail("table", table);
    }
    let message = format!("the server cannot change the columns of {table}; nothing was changed");
    Error::new(Status::Unsupported, Domain::Database, message)
        .detail("table", table)
        .hint("a check, an index or a default of the table does not go with the new type: drop it, widen, and add it again")
        .caused_by(error)
}

/// How many rows there are, and the sum of a hash of each.
fn content(connection: &PostgresConnection, table: &str, columns: &[String]) -> Result<(Value, Value)> {
    let sql = format!(
        "SELECT count(*), sum(pg_catalog.hashtextextended(ROW({})::text, 0))::text FROM {table}",
        columns.join(", ")
    );
    let mut found = (Value::Null, Value::Null);
    connection.query(&sql, &[], &mut |row| {
        found = (row.value(0)?.to_owned(), row.value(1)?.to_owned());
        Ok(Next::Stop)
    })?;
    Ok(found)
}

impl Narrow {
    fn statements(&self) -> Vec<String> {
        let columns =
            (!self.clauses.is_empty()).then(|| format!("ALTER TABLE {} {}", self.name, self.clauses.join(", ")));
        let sequences = self.sequences.iter().map(|sequence| format!("ALTER SEQUENCE {sequence} AS BIGINT"));
        columns.into_iter().chain(sequences).collect()
    }
}

impl Plan {
    fn read(connection: &PostgresConnection) -> Result<Plan> {
        let Layout { tables, .. } = connection.layout()?;
        let facts = facts(connection)?;
        let mut plan = Plan { widening: Widening::default(), tables: Vec::new() };
        for table in &tables {
            let narrow = narrow(connection.schema(), table, &facts, &mut plan.widening);
            if !narrow.statements().is_empty() {
                plan.tables.push(narrow);
            }
        }
        let statements: Vec<String> = plan.tables.iter().flat_map(Narrow::statements).collect();
        if !statements.is_empty() {
            let whole = std::iter::once("BEGIN".to_owned()).chain(statements).chain(["COMMIT".to_owned()]);
            plan.widening.statements = whole.collect();
        }
        Ok(plan)
    }
}

fn narrow(
    schema: &str,
    table: &TableLayout,
    facts: &HashMap<(String, String), Facts>,
    widening: &mut Widening,
) -> Narrow {
    let name = format!("{}.{}", quote(schema), quote(&table.name));
    let mut narrow = Narrow { name, clauses: Vec::new(), sequences: Vec::new(), before: Vec::new(), after: Vec::new() };
    for column in &table.columns {
        let quoted = quote(&column.name);
        narrow.after.push(quoted.clone());
        narrow.before.push(quoted.clone());
        let (Some(known), Some(kind)) = (column.schema, column.own_type::<ColumnType>()) else { continue };
        let nothing = Facts::default();
        let facts = facts.get(&(table.name.clone(), column.name.clone())).unwrap_or(&nothing);
        let (table, from) = (table.schema.name, column.declared.clone());
        let change = |from: &str, to: &str| Change {
            table,
            column: column.name.clone(),
            from: from.to_owned(),
            to: to.to_owned(),
        };
        let left = |reason: &str| Left {
            table,
            column: column.name.clone(),
            declared: from.clone(),
            reason: reason.to_owned(),
        };
        match (wanted(known, kind), &facts.kept) {
            (Wanted::Nothing, _) => {}
            (Wanted::Left(reason), _) => widening.left.push(left(reason)),
            (Wanted::Type(_), Some(reason)) => {
                widening.left.push(left(reason));
                continue;
            }
            (Wanted::Type(to), None) => {
                let as_later = as_later(kind, &quoted);
                let using = as_later.as_ref().map_or_else(String::new, |value| format!(" USING {value}"));
                narrow.clauses.push(format!("ALTER COLUMN {quoted} TYPE {to}{}{using}", facts.collation));
                if let Some(value) = as_later {
                    narrow.before.pop();
                    narrow.before.push(value);
                }
                widening.changes.push(change(&from, &to));
            }
        }
        if let Some(sequence) = &facts.sequence {
            narrow.sequences.push(sequence.clone());
            widening
                .changes
                .push(change(&format!("{sequence}, of fewer than 64 bits"), &format!("{sequence} AS BIGINT")));
        }
    }
    narrow.before.extend(table.generated.iter().map(|name| quote(name)));
    narrow.after.extend(table.generated.iter().map(|name| quote(name)));
    narrow
}

/// What a value is in the wider type, as every client reads it, blanks and all; `None` where the server makes no difference.
fn as_later(kind: &ColumnType, column: &str) -> Option<String> {
    match kind {
        ColumnType::Float => Some(format!("{column}::double precision")),
        ColumnType::Json | ColumnType::Formed(_) => Some(format!("{column}::text")),
        // A cast would cut the blanks off.
        ColumnType::Text { padded: true, .. } => Some(format!("pg_catalog.textin(pg_catalog.bpcharout({column}))")),
        _ => None,
    }
}

/// The type that a column should have.
fn wanted(schema: &Column, kind: &ColumnType) -> Wanted {
    let ours = TYPES.of(schema);
    match (schema.kind, kind) {
        (Kind::Integer, ColumnType::Integer(8))
        | (Kind::Real, ColumnType::Double)
        | (Kind::Bytes | Kind::Cell, ColumnType::Bytes | ColumnType::Cell) => Wanted::Nothing,
        (Kind::Integer, ColumnType::Integer(_)) | (Kind::Real, ColumnType::Float) => Wanted::Type(ours),
        (Kind::Time, ColumnType::DateTime { fraction, .. }) if *fraction >= 6 => Wanted::Nothing,
        (Kind::Time, ColumnType::DateTime { zoned: true, .. }) => Wanted::Type(format!("{ours} WITH TIME ZONE")),
        (Kind::Time, ColumnType::DateTime { .. }) => Wanted::Type(ours),
        (Kind::Text | Kind::Json, ColumnType::Text { most: None, padded: false }) => Wanted::Nothing,
        (Kind::Text | Kind::Json, ColumnType::Text { most, padded }) => match (*most, limit(&ours), *padded) {
            (Some(most), Some(least), false) if most >= least => Wanted::Nothing,
            // Never shorter than it is.
            (Some(most), Some(least), _) => Wanted::Type(format!("VARCHAR({})", most.max(least))),
            _ => Wanted::Type(ours),
        },
        (Kind::Json, ColumnType::Json) => Wanted::Type(ours),
        (Kind::Json, ColumnType::Formed(name)) if name == "jsonb" => Wanted::Type(ours),
        (_, ColumnType::Numeric(_)) => Wanted::Left("it has decimal digits, which another type may not hold"),
        (_, ColumnType::Choice(_)) => Wanted::Left("it holds the members of an enumeration alone"),
        _ => Wanted::Left("what its type holds is not known"),
    }
}

/// How many characters a type of ours has; `None` for any number.
fn limit(declared: &str) -> Option<u64> {
    declared.strip_prefix("VARCHAR(").and_then(|rest| rest.strip_suffix(')'))?.parse().ok()
}

fn facts(connection: &PostgresConnection) -> Result<HashMap<(String, String), Facts>> {
    let schema = [Value::Text(connection.schema().as_bytes().to_vec())];
    let mut found = HashMap::new();
    connection.query(FACTS, &schema, &mut |row| {
        let text = |at: usize| Ok::<_, Error>(row.value(at)?.readable());
        let is = |at: usize| Ok::<_, Error>(row.value(at)?.as_integer() == Some(1));
        let reasons = [
            is(2)?.then(|| "its type is a domain, which has rules of its own".to_owned()),
            is(3)?.then(|| "it is inherited from another table, where it has to be changed".to_owned()),
            is(4)?.then(|| "rows are put into partitions by it".to_owned()),
            text(5)?.map(|what| format!("{what} depends on it: drop that, widen, and create it again")),
        ];
        let facts = Facts {
            kept: reasons.into_iter().flatten().next(),
            collation: text(6)?.unwrap_or_default(),
            sequence: text(7)?,
        };
        found.insert((text(0)?.unwrap_or_default(), text(1)?.unwrap_or_default()), facts);
        Ok(Next::Row)
    })?;
    Ok(found)
}
