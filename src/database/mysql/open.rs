//! From the address in a URL to an open schema.

use std::sync::Arc;

use super::address::MysqlAddress;
use super::session::Endpoint;
use crate::database::options::OpenOptions;
use crate::database::server::endpoint::password;
use crate::database::server::store::ServerStore;
use crate::database::store::{Address, Store};
use crate::error::Result;
use crate::progress::Job;

/// Reads what stands behind `mysql:`.
pub fn address(rest: &str) -> Result<Box<dyn Address>> {
    Ok(Box::new(MysqlAddress::parse(&format!("mysql:{rest}"))?))
}

impl Address for MysqlAddress {
    fn open(self: Box<Self>, options: &OpenOptions, job: &Arc<Job>) -> Result<Box<dyn Store + Send>> {
        let password = password(options, self.password.as_ref())?;
        let address = MysqlAddress { password: None, ..*self };
        Ok(Box::new(ServerStore::open(Endpoint { address, password }, options, job)?))
    }
}
