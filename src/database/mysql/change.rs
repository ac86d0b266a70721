//! Statements that change something, prepared once and run often.

use super::connection::MysqlConnection;
use super::placeholders::arrange;
use crate::database::connection::Change;
use crate::error::Result;
use crate::values::ValueRef;

/// Such a statement.
pub struct MysqlChange<'c> {
    pub connection: &'c MysqlConnection,
    pub sql: String,
    pub order: Vec<usize>,
}

impl Change for MysqlChange<'_> {
    fn run(&mut self, params: &[ValueRef<'_>]) -> Result<u64> {
        self.connection.change(&self.sql, arrange(&self.order, params)?)
    }
}
