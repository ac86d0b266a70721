//! Tables without transactions. Others can change them while they are read, so the rows that were read may not be one consistent state.

use crate::error::{Domain, Error, Status};

/// Such a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsteady {
    pub table: String,
    /// What keeps its rows.
    pub engine: String,
    /// The statement that gives it transactions.
    pub mend: String,
}

impl Unsteady {
    /// What is to be known of what was made of it, which `made` names.
    pub fn warning(&self, made: &str) -> String {
        let Unsteady { table, engine, .. } = self;
        format!(
            "{table} is of the engine {engine}, so it could change while it was read, and {made} may not be of one consistent state"
        )
    }

    /// The error of rows that do not belong together: they were not there at one moment.
    pub fn changed(domain: Domain) -> Error {
        let message = "the source changed while it was read: it has tables without transactions";
        Error::new(Status::Busy, domain, message)
            .hint("try again while nobody writes, or give these tables an engine with transactions")
    }

    /// Names the tables in an error, with the statements to run, or else what `or` says.
    pub fn name_all(tables: &[Unsteady], error: Error, or: &str) -> Error {
        let statements: Vec<&str> = tables.iter().map(|table| table.mend.as_str()).collect();
        let error = error.hint(format!("run this, or {or}: {}", statements.join("; ")));
        tables.iter().fold(error, |error, table| {
            let error = error.detail("table", &table.table).detail("engine", &table.engine);
            error.detail("statement", &table.mend)
        })
    }
}
