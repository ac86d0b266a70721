//! The interface of an engine behind a [`Database`](super::Database).

use std::any::Any;
use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::capabilities::Capabilities;
use super::connection::{Connection, Copied, Reading};
use super::identity::Identity;
use super::options::OpenOptions;
use super::read::EachRow;
use super::state::State;
use super::transaction::Watches;
use super::widening::Widening;
use crate::error::{Domain, Error, Result};
use crate::progress::Job;
use crate::values::Value;

/// Where a database is, as its engine reads it from a URL.
pub trait Address: Any + Debug {
    /// Whether whoever wrote the URL wants it to be read only.
    fn is_read_only(&self) -> bool {
        false
    }

    /// Opens it; creates what is missing when the options say so.
    fn open(self: Box<Self>, options: &OpenOptions, job: &Arc<Job>) -> Result<Box<dyn Store + Send>>;
}

/// An open database: its connections, which are opened when they are needed, and what is known of the whole of it.
pub trait Store {
    /// What the engine can do.
    fn capabilities(&self) -> &'static Capabilities;

    /// Whether this handle created the tables, or found them without any experiment when it was asked to.
    fn was_created(&self) -> bool;

    // Where it is.

    /// For a person: the file, or the URL without the password.
    fn place(&self) -> String;

    /// The name of the file or of the schema, without the way to it.
    fn name(&self) -> String;

    /// Members of an object for documents: where it is, and what serves it.
    fn describe(&self) -> Result<Map<String, Json>>;

    /// What tells it from others; `None` where that cannot be known, and so for no two of them.
    fn identity(&self) -> Option<Identity>;

    /// The file, if it is one.
    fn path(&self) -> Option<&Path> {
        None
    }

    /// Whether the path names a file of the database, or one that the engine puts beside it, be it there or not.
    fn has_file(&self, _: &Path) -> bool {
        false
    }

    /// Where the server and the schema are. Two servers can say the same.
    fn server_identity(&self) -> Option<String> {
        None
    }

    /// What the server calls itself, which no other does, and the schema.
    fn server_name(&self) -> Option<String> {
        None
    }

    // Whether it is what it was.

    /// Fails, right after opening, if part of it is missing.
    fn check_whole(&self) -> Result<()> {
        Ok(())
    }

    /// Fails if what was opened is not what is there any more.
    fn check_same(&self) -> Result<()> {
        Ok(())
    }

    // Reading.

    /// The connection for reading, which cannot write.
    fn reader(&self) -> Result<&dyn Connection>;

    /// One consistent state, to be read for as long as that takes: a transaction of the connection for reading, where nobody waits for that.
    fn state(&self, _: Reading, job: &Arc<Job>) -> Result<State<'_>> {
        let reader = self.reader()?;
        let _watches = Watches::new(job, [reader, reader]);
        State::in_transaction(reader)
    }

    /// How long jobs read it, and what that means for those who write: `way`, and what that takes.
    fn describe_reading(&self) -> Result<Json>;

    /// Where the engine [locks for readers](Capabilities::locks_for_readers): has one state read in place; `false` if that took longer than
    /// writers may be kept waiting, and was given up.
    fn read_in_place(&self, _: &mut dyn FnMut(&dyn Connection) -> Result<()>) -> Result<bool> {
        Ok(false)
    }

    /// Where the engine locks for readers: whether others can read while a transaction writes, its commit included.
    fn lets_readers_in(&self) -> Result<bool> {
        Ok(true)
    }

    /// Runs one SELECT with bound parameters, and hands over row after row. Whatever the SQL, it can only read: anything else is MISUSE.
    fn query(&self, sql: &str, params: &[Value], each: EachRow<'_>) -> Result<()> {
        self.reader()?.prepare_read(sql)?.run(params, each)
    }

    // Writing.

    /// The connection for writing. Opening it may have to wait for a lock, which ticks the job.
    fn writer(&self, job: &Arc<Job>) -> Result<&dyn Connection>;

    /// Where databases are [whole files](Capabilities::whole_files): see [`Database::replace_content`](super::Database::replace_content).
    fn replace_content(
        &self,
        _from: &Path,
        _keep: Option<&mut dyn FnMut() -> Result<()>>,
        _: &Arc<Job>,
        _copied: Copied<'_>,
    ) -> Result<()> {
        Err(Error::internal(Domain::Snapshot, "a server's content is replaced row by row, not by a file"))
    }

    /// What would make the tables hold everything that expmig can; done, if that is asked for.
    fn widen(&self, apply: bool, job: &Arc<Job>) -> Result<Widening>;
}
