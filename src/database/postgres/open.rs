//! From the address in a URL to an open schema.

use std::sync::Arc;

use super::address::PostgresAddress;
use super::store::PostgresServer;
use crate::database::options::OpenOptions;
use crate::database::store::{Address, Store};
use crate::error::Result;
use crate::progress::Job;

/// Reads what stands behind `postgresql:`.
pub fn address(rest: &str) -> Result<Box<dyn Address>> {
    Ok(Box::new(PostgresAddress::parse(&format!("postgresql:{rest}"))?))
}

impl Address for PostgresAddress {
    fn open(self: Box<Self>, options: &OpenOptions, job: &Arc<Job>) -> Result<Box<dyn Store + Send>> {
        Ok(Box::new(PostgresServer::open(*self, options, job)?))
    }
}
