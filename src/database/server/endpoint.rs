//! What the shared code needs of an engine to open a schema of a server, and the connections to it.

use std::cell::OnceCell;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::connection::ServerConnection;
use crate::database::capabilities::Capabilities;
use crate::database::connection::Reads;
use crate::database::options::OpenOptions;
use crate::database::secret::Secret;
use crate::database::widening::Widening;
use crate::error::{Domain, Error, Result, Status};
use crate::process::Process;
use crate::progress::Job;

/// What tells a schema from others.
pub struct ServerIdentity {
    /// Where the server and the schema are. Two servers can say the same.
    pub address: String,
    /// What the server calls itself, which no other does, and the schema; if it has such a name.
    pub name: Option<String>,
}

/// How to get to a schema of a server.
pub trait ServerEndpoint: Sized {
    /// A connection to it.
    type Connection: ServerConnection;

    /// What the engine can do.
    const CAPABILITIES: &'static Capabilities;

    /// The URL without the password.
    fn place(&self) -> String;

    /// The name of the schema.
    fn schema(&self) -> &str;

    /// Connects.
    fn open(&self, options: &OpenOptions, job: Option<&Arc<Job>>) -> Result<Self::Connection>;

    /// Fails if the schema is not there, or may not be used, where the server lets an account log in nevertheless.
    fn check(_: &Self::Connection) -> Result<()> {
        Ok(())
    }

    /// Creates the schema and the tables that are missing; whether there are only tables without any experiment then.
    fn create(connections: &Connections<Self>, job: &Arc<Job>) -> Result<bool>;

    /// What tells the schema from others.
    fn identity(&self, connection: &Self::Connection) -> ServerIdentity;

    /// Members of an object for documents: what serves the schema.
    fn describe(connection: &Self::Connection) -> Result<Map<String, Json>>;

    /// What would make the tables hold everything that expmig can.
    fn plan_widening(connection: &Self::Connection) -> Result<Widening>;

    /// Does it. `reader` is another open connection, which knows the types as they were.
    fn widen(connection: &Self::Connection, reader: &Self::Connection) -> Result<Widening>;
}

/// The connections to a schema, which are opened when they are needed.
pub struct Connections<E: ServerEndpoint> {
    process: Process,
    pub endpoint: E,
    pub options: OpenOptions,
    reader: OnceCell<E::Connection>,
    writer: OnceCell<E::Connection>,
}

impl<E: ServerEndpoint> Connections<E> {
    /// None yet.
    pub fn new(endpoint: E, options: &OpenOptions) -> Connections<E> {
        Connections {
            process: Process::current(),
            endpoint,
            options: options.clone(),
            reader: OnceCell::new(),
            writer: OnceCell::new(),
        }
    }

    /// Another connection.
    pub fn connect(&self, job: Option<&Arc<Job>>) -> Result<E::Connection> {
        self.endpoint.open(&self.options, job)
    }

    /// The connection for reading.
    pub fn reader(&self, job: Option<&Arc<Job>>) -> Result<&E::Connection> {
        self.process.check(Domain::Database)?;
        if let Some(open) = self.reader.get() {
            return Ok(open);
        }
        let connection = self.connect(job)?;
        Ok(self.reader.get_or_init(|| connection))
    }

    /// The connection for writing.
    pub fn writer(&self, job: &Arc<Job>) -> Result<&E::Connection> {
        self.process.check(Domain::Database)?;
        if let Some(open) = self.writer.get() {
            return Ok(open);
        }
        Ok(self.keep_writer(self.connect(Some(job))?))
    }

    /// Keeps a connection that has written as the one for writing.
    pub fn keep_writer(&self, writer: E::Connection) -> &E::Connection {
        writer.watch(None);
        self.writer.get_or_init(|| writer)
    }
}

impl<E: ServerEndpoint> Drop for Connections<E> {
    fn drop(&mut self) {
        if !self.process.is_current() {
            [self.reader.take(), self.writer.take()].into_iter().flatten().for_each(ServerConnection::leave);
        }
    }
}

/// The password to log in with: that of the options, or else that of the URL.
pub fn password(options: &OpenOptions, of_url: Option<&Secret>) -> Result<Option<Secret>> {
    match &options.password {
        Some(password) => password.get().map(Some),
        None => Ok(of_url.cloned()),
    }
}

/// The refusal to create tables in a schema that the server has for itself.
pub fn of_the_server(endpoint: &impl ServerEndpoint) -> Error {
    let schema = endpoint.schema();
    Error::new(Status::Schema, Domain::Database, format!("{schema} is a schema of the server's own"))
        .detail("schema", schema)
        .hint("give the name of another schema")
        .detail("database", endpoint.place())
}
