//! A database of another tracker, whose tables are of no family: it is only read, by SQL of the caller's.

use std::sync::Arc;

use super::connection::Reading;
use super::options::OpenOptions;
use super::state::State;
use super::store::Store;
use super::url;
use crate::error::Result;
use crate::files::occupy_low_descriptors;
use crate::progress::Job;

/// Such a database, opened for reading.
pub struct Foreign {
    store: Box<dyn Store + Send>,
}

impl Foreign {
    /// Opens what a path or a URL names. Nothing is created, and nothing can be written through it.
    pub fn open(url: &str, job: &Arc<Job>) -> Result<Foreign> {
        occupy_low_descriptors();
        let options = OpenOptions { read_only: true, ..OpenOptions::default() };
        let store = url::parse(url)?.open(&options, job)?;
        store.check_whole()?;
        Ok(Foreign { store })
    }

    /// For a person: the file, or the URL without the password.
    pub fn place(&self) -> String {
        self.store.place()
    }

    /// One consistent state, to be read for as long as something else takes: its writers are not kept waiting.
    pub fn state(&self, job: &Arc<Job>) -> Result<State<'_>> {
        self.store.state(Reading::Beside, job)
    }
}
