//! Registered checks: rules of the user, which run within a validation, on the state that it reads.

use std::cell::RefCell;
use std::sync::Arc;

use super::check_context::CheckContext;
use super::check_sql;
use super::report::Collector;
use crate::database::{Connection, Database};
use crate::error::{Domain, Result};
use crate::progress::{Flow, Job};
use crate::registry::Registry;

/// A check that is a function: it reads the data through its context, and reports issues. Any result except [`Flow::Continue`] ends the
/// validation.
pub type CheckFn = Box<dyn Fn(&CheckContext<'_>) -> Result<Flow> + Send + Sync>;

/// A registered check.
pub enum Check {
    /// A SELECT whose rows are the issues (docs/registered-checks.md).
    Sql(String),
    /// A function.
    Callback(CheckFn),
}

impl Check {
    /// A SELECT whose rows are the issues.
    pub fn sql(sql: impl Into<String>) -> Check {
        Check::Sql(sql.into())
    }

    /// A function.
    pub fn callback(check: impl Fn(&CheckContext<'_>) -> Result<Flow> + Send + Sync + 'static) -> Check {
        Check::Callback(Box::new(check))
    }
}

/// The checks of a manager, in the order in which they were registered.
pub struct Checks(Registry<Check>);

impl Default for Checks {
    fn default() -> Checks {
        Checks(Registry::new("check", Domain::Validation))
    }
}

impl Checks {
    /// Adds a check. SQL is prepared, to see whether it is right and only reads.
    pub fn register(&self, database: &Database, name: &str, check: Check) -> Result<()> {
        self.0.check_name(name)?;
        if let Check::Sql(sql) = &check {
            check_sql::prepare(database.reader()?, sql).map_err(|error| error.detail("check", name))?;
        }
        self.0.register(name, check)
    }

    /// Removes a check.
    pub fn unregister(&self, name: &str) -> Result<()> {
        self.0.unregister(name)
    }

    /// Runs all of them. They are free to change the list meanwhile.
    pub fn run(
        &self,
        connection: &dyn Connection,
        experiment: Option<i64>,
        job: &Arc<Job>,
        collector: &mut Collector,
    ) -> Result<()> {
        let checks = self.0.all();
        if checks.is_empty() {
            return Ok(());
        }
        // Nobody knows how long they take.
        connection.let_go()?;
        let layout = connection.layout()?;
        let known = layout.tables.iter().map(|table| table.schema.name.to_owned());
        let tables: Vec<String> = known.chain(layout.extra_tables.iter().cloned()).collect();
        let collector = RefCell::new(collector);
        for registered in &checks {
            job.begin("running registered checks")?;
            let context = CheckContext {
                check: &registered.name,
                experiment,
                connection,
                job,
                tables: &tables,
                collector: &collector,
            };
            let answer = match &registered.value {
                Check::Sql(sql) => check_sql::run(&context, sql, connection),
                Check::Callback(check) => check(&context),
            };
            // Whatever a check made of being interrupted, that is why it ended.
            if let Some(stopped) = job.stop_error() {
                return Err(stopped);
            }
            let failed = match answer {
                Ok(flow) => flow.stop(Domain::Validation, "check"),
                Err(error) => Some(error),
            };
            if let Some(error) = failed {
                return Err(error.detail("check", &registered.name));
            }
        }
        Ok(())
    }
}
