//! From the address in a URL to an open schema.

use std::sync::Arc;

use super::address::MysqlAddress;
use super::store::MysqlServer;
use crate::database::options::OpenOptions;
use crate::database::store::{Address, Store};
use crate::error::Result;
use crate::progress::Job;

/// Reads what stands behind `mysql:`.
pub fn address(rest: &str) -> Result<Box<dyn Address>> {
    Ok(Box::new(MysqlAddress::parse(&format!("mysql:{rest}"))?))
}

impl Address for MysqlAddress {
    fn open(self: Box<Self>, options: &OpenOptions, job: &Arc<Job>) -> Result<Box<dyn Store + Send>> {
        Ok(Box::new(MysqlServer::open(*self, options, job)?))
    }
}
