//! From the address in a URL to an open file.

use std::sync::Arc;

use super::address::SqliteAddress;
use super::store::SqliteFile;
use crate::database::options::OpenOptions;
use crate::database::store::{Address, Store};
use crate::error::Result;
use crate::progress::Job;

/// Reads a path.
pub fn of_path(path: &str) -> Result<Box<dyn Address>> {
    Ok(Box::new(SqliteAddress::of_path(path)?))
}

/// Reads what stands behind `sqlite:`.
pub fn of_sqlite(rest: &str) -> Result<Box<dyn Address>> {
    Ok(Box::new(SqliteAddress::of_sqlite(rest)?))
}

/// Reads what stands behind `file:`.
pub fn of_file(rest: &str) -> Result<Box<dyn Address>> {
    Ok(Box::new(SqliteAddress::of_file(rest)?))
}

impl Address for SqliteAddress {
    fn is_read_only(&self) -> bool {
        self.read_only
    }

    fn open(self: Box<Self>, options: &OpenOptions, _: &Arc<Job>) -> Result<Box<dyn Store + Send>> {
        Ok(Box::new(SqliteFile::open(self.path, options)?))
    }
}
