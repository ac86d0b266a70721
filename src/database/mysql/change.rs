//! Statements that change something, prepared once and run often.

use super::connection::MysqlConnection;
use super::placeholders::{arrange, arrange_owned};
use crate::database::connection::Change;
use crate::error::Result;
use crate::values::{Value, ValueRef};

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

    fn run_owned(&mut self, params: Vec<Value>) -> Result<u64> {
        if params.iter().any(|value| value.borrow().is_huge()) {
            return self.connection.change_at_once(&self.sql, arrange_owned(&self.order, params)?);
        }
        let params: Vec<ValueRef<'_>> = params.iter().map(Value::borrow).collect();
        self.run(&params)
    }
}
