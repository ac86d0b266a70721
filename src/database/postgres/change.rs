//! Statements that change something, prepared once and run often.

use super::connection::PostgresConnection;
use crate::database::connection::Change;
use crate::error::Result;
use crate::values::{Value, ValueRef};

/// Such a statement, with numbered parameters.
pub struct PostgresChange<'c> {
    pub connection: &'c PostgresConnection,
    pub sql: String,
}

impl Change for PostgresChange<'_> {
    fn run(&mut self, params: &[ValueRef<'_>]) -> Result<u64> {
        let params: Vec<Value> = params.iter().map(|value| (*value).to_owned()).collect();
        self.run_owned(params)
    }

    fn run_owned(&mut self, params: Vec<Value>) -> Result<u64> {
        self.connection.change(&self.sql, &params)
    }
}
