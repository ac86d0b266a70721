//! Results as columns.

use std::borrow::Borrow;

use super::{JobOptions, Manager};
use crate::arrow::{self, Batches, MetricsOptions};
use crate::database::Database;
use crate::error::{Domain, Result};
use crate::values::Value;

impl<D: Borrow<Database>> Manager<D> {
    /// As [`Manager::query`], as columns: the whole result, which needs nothing of the database any more.
    pub fn query_columns(&self, sql: &str, params: &[Value]) -> Result<Batches> {
        self.logged("query", arrow::query(self.database(), sql, params))
    }

    /// The metrics of experiments as columns, one row for each link to one (docs/arrow.md): one state of the database.
    pub fn metrics(&self, options: &MetricsOptions, job: JobOptions) -> Result<Batches> {
        let job = job.job(Domain::Database);
        let read = self.reading(&job, |connection| {
            let layout = self.database().checked(connection.layout()?)?;
            arrow::metrics(connection, &layout, options, &job)
        });
        self.logged("read metrics", read)
    }
}
