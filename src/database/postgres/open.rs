//! From the address in a URL to an open schema.

use std::sync::Arc;

use super::address::PostgresAddress;
use super::session::Endpoint;
use crate::database::options::OpenOptions;
use crate::database::server::endpoint::password;
use crate::database::server::store::ServerStore;
use crate::database::store::{Address, Store};
use crate::error::Result;
use crate::progress::Job;

/// Reads what stands behind `postgresql:`.
pub fn address(rest: &str) -> Result<Box<dyn Address>> {
    Ok(Box::new(PostgresAddress::parse(&format!("postgresql:{rest}"))?))
}

impl Address for PostgresAddress {
    fn open(self: Box<Self>, options: &OpenOptions, job: &Arc<Job>) -> Result<Box<dyn Store + Send>> {
        let password = password(options, self.password.as_ref())?;
        let address = PostgresAddress { password: None, ..*self };
        let endpoint = Endpoint { address, password, busy_timeout: options.busy_timeout };
        Ok(Box::new(ServerStore::open(endpoint, options, job)?))
    }
}
