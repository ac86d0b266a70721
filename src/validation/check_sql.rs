//! Checks that are a SELECT: each row of the result is an issue, which columns with certain names describe.

use super::check_context::{CheckContext, Finding};
use super::issue::Severity;
use crate::database::{Connection, Next, QueryRow, ReadStatement};
use crate::error::{Domain, Error, Result};
use crate::progress::Flow;
use crate::values::{Value, ValueRef};

/// The one parameter that a check can have: the experiment that is validated, or NULL for the whole database.
const PARAMETERS: [&str; 3] = [":experiment_id", "@experiment_id", "$experiment_id"];

/// Prepares the SQL of a check; fails if it is not right.
pub fn prepare<'c>(connection: &'c dyn Connection, sql: &str) -> Result<Box<dyn ReadStatement + 'c>> {
    let statement = connection.prepare_read(sql)?;
    let unknown = statement.parameters().into_iter().find(|name| match name {
        Some(name) => !PARAMETERS.contains(&name.as_str()),
        None => true,
    });
    match unknown {
        None => Ok(statement),
        Some(name) => {
            let name = name.unwrap_or_else(|| "?".to_owned());
            Err(Error::argument(Domain::Validation, "sql", format!("a check has no value for the parameter {name}"))
                .hint("the one parameter that a check can have is :experiment_id"))
        }
    }
}

/// Reports every row as an issue.
pub fn run(context: &CheckContext<'_>, sql: &str, connection: &dyn Connection) -> Result<Flow> {
    let mut statement = prepare(connection, sql)?;
    let experiment = context.experiment().map_or(Value::Null, Value::Integer);
    let params = vec![experiment; statement.parameters().len()];
    let mut columns = None;
    statement.run(&params, &mut |row| {
        let columns: &Columns = columns.get_or_insert_with(|| Columns::new(row.columns));
        let severity = columns.severity(row)?;
        let table = Columns::text(row, columns.table).unwrap_or_default();
        context.add(severity, &table, || columns.finding(row))?;
        Ok(Next::Row)
    })?;
    Ok(Flow::Continue)
}

/// What the columns of a check tell, by position.
#[derive(Default)]
struct Columns {
    table: Option<usize>,
    row: Option<usize>,
    column: Option<usize>,
    message: Option<usize>,
    value: Option<usize>,
    severity: Option<usize>,
    /// All others.
    rest: Vec<usize>,
}

impl Columns {
    fn new(names: &[String]) -> Columns {
        let mut columns = Columns::default();
        for (at, name) in names.iter().enumerate() {
            let place = match name.to_ascii_lowercase().as_str() {
                "table" | "table_name" => &mut columns.table,
                "row" | "row_key" | "key" => &mut columns.row,
                "column" | "column_name" => &mut columns.column,
                "message" => &mut columns.message,
                "value" => &mut columns.value,
                "severity" => &mut columns.severity,
                _ => {
                    columns.rest.push(at);
                    continue;
                }
            };
            match place {
                None => *place = Some(at),
                Some(_) => columns.rest.push(at),
            }
        }
        columns
    }

    fn cell<'r>(row: &QueryRow<'r>, at: Option<usize>) -> Option<ValueRef<'r>> {
        at.and_then(|at| row.values.get(at)).copied()
    }

    fn text(row: &QueryRow<'_>, at: Option<usize>) -> Option<String> {
        Columns::cell(row, at).and_then(ValueRef::readable)
    }

    fn severity(&self, row: &QueryRow<'_>) -> Result<Severity> {
        let cell = Columns::cell(row, self.severity).unwrap_or(ValueRef::Null);
        let found = match cell {
            ValueRef::Null => Some(Severity::Error),
            ValueRef::Text(name) => Severity::ALL.into_iter().find(|s| s.name().as_bytes().eq_ignore_ascii_case(name)),
            other => other.as_integer().and_then(|code| i32::try_from(code).ok()).and_then(Severity::from_code),
        };
        found.ok_or_else(|| {
            let message = format!("{} is not a severity", cell.describe());
            Error::argument(Domain::Validation, "severity", message)
                .hint("let the SELECT answer 'error', 'warning' or 'info' there")
        })
    }

    fn finding(&self, row: &QueryRow<'_>) -> Finding {
        Finding {
            row: Columns::text(row, self.row).unwrap_or_else(|| self.described(row)),
            column: Columns::text(row, self.column),
            message: Columns::text(row, self.message),
            value: Columns::cell(row, self.value).map(ValueRef::describe),
            ..Finding::default()
        }
    }

    /// Which row it is, told by the columns that tell nothing else; by all of them, if there are no others.
    fn described(&self, row: &QueryRow<'_>) -> String {
        let all: Vec<usize> = (0..row.columns.len()).collect();
        let told = if self.rest.is_empty() { &all } else { &self.rest };
        let cells = told.iter().filter_map(|at| Some((row.columns.get(*at)?, row.values.get(*at)?)));
        cells.map(|(name, value)| format!("{name}={}", value.describe())).collect::<Vec<_>>().join(", ")
    }
}
