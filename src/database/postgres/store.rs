//! A schema as a handle holds it: connections that are opened when they are needed.

use std::cell::OnceCell;
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::address::PostgresAddress;
use super::capabilities::CAPABILITIES;
use super::connection::PostgresConnection;
use super::ddl;
use super::session::Endpoint;
use super::widen;
use crate::database::capabilities::Capabilities;
use crate::database::connection::{Catalog, Connection, Reads};
use crate::database::creating::has_no_experiment;
use crate::database::identity::Identity;
use crate::database::options::OpenOptions;
use crate::database::store::Store;
use crate::database::transaction::Transaction;
use crate::database::widening::Widening;
use crate::error::{Domain, Error, Result, Status};
use crate::process::Process;
use crate::progress::Job;
use crate::schema::quote;

/// Schemas whose names begin like this are the server's own.
const SYSTEM: &str = "pg_";
const INFORMATION: &str = "information_schema";

/// A schema of a server.
pub struct PostgresServer {
    process: Process,
    endpoint: Endpoint,
    options: OpenOptions,
    created: bool,
    reader: OnceCell<PostgresConnection>,
    writer: OnceCell<PostgresConnection>,
}

impl PostgresServer {
    /// Connects; creates the schema and its tables when the options say so.
    pub fn open(address: PostgresAddress, options: &OpenOptions, job: &Arc<Job>) -> Result<PostgresServer> {
        let password = match &options.password {
            Some(password) => Some(password.get()?),
            None => address.password.clone(),
        };
        let address = PostgresAddress { password: None, ..address };
        let mut server = PostgresServer {
            process: Process::current(),
            endpoint: Endpoint { address, password, busy_timeout: options.busy_timeout },
            options: options.clone(),
            created: false,
            reader: OnceCell::new(),
            writer: OnceCell::new(),
        };
        if server.options.creates() {
            server.created = server.create(job)?;
        }
        let reader = server.open_reader(Some(job))?;
        reader.check_schema()?;
        reader.watch(None);
        Ok(server)
    }

    /// Creates what is missing, wholly or not at all; whether there are only tables without any experiment then.
    fn create(&self, job: &Arc<Job>) -> Result<bool> {
        let schema = self.schema();
        if schema.starts_with(SYSTEM) || schema == INFORMATION {
            return Err(Error::new(
                Status::Schema,
                Domain::Database,
                format!("{schema} is a schema of the server's own"),
            )
            .detail("schema", schema)
            .detail("database", self.place())
            .hint("give the name of another schema"));
        }
        let named = |error: Error| error.detail("database", self.endpoint.place());
        let reader = self.open_reader(Some(job))?;
        let is_there = match reader.check_schema() {
            Err(error) if error.status() == Status::NotFound => false,
            checked => checked.map(|()| true)?,
        };
        if is_there {
            let layout = reader.layout()?;
            let has_experiments = layout.root().is_ok() && !has_no_experiment(reader, &layout)?;
            if has_experiments || layout.to_create(self.options.create_beside).map_err(named)?.is_empty() {
                return Ok(!has_experiments && has_no_experiment(reader, &layout)?);
            }
        }
        let writer = self.connect(Some(job))?;
        let writing = Transaction::write(&writer)?;
        if !is_there {
            writer.command(&format!("CREATE SCHEMA IF NOT EXISTS {}", quote(schema)))?;
        }
        // Somebody may have been faster.
        for table in writer.layout()?.to_create(self.options.create_beside).map_err(named)? {
            writer.command(&ddl::create_statement(table))?;
        }
        let empty = has_no_experiment(&writer, &writer.layout()?)?;
        writing.commit()?;
        writer.watch(None);
        self.writer.get_or_init(|| writer);
        Ok(empty)
    }

    fn connect(&self, job: Option<&Arc<Job>>) -> Result<PostgresConnection> {
        PostgresConnection::open(&self.endpoint, job.cloned())
    }

    fn open_reader(&self, job: Option<&Arc<Job>>) -> Result<&PostgresConnection> {
        self.process.check(Domain::Database)?;
        if let Some(open) = self.reader.get() {
            return Ok(open);
        }
        let connection = self.connect(job)?;
        Ok(self.reader.get_or_init(|| connection))
    }

    /// The name of the schema.
    fn schema(&self) -> &str {
        &self.endpoint.address.schema
    }

    fn within(&self, server: &str) -> String {
        format!("{server}/{}/{}", self.endpoint.address.database, self.schema())
    }
}

impl Store for PostgresServer {
    fn capabilities(&self) -> &'static Capabilities {
        &CAPABILITIES
    }

    fn was_created(&self) -> bool {
        self.created
    }

    fn place(&self) -> String {
        self.endpoint.place()
    }

    fn name(&self) -> String {
        self.schema().to_owned()
    }

    fn describe(&self) -> Result<Map<String, Json>> {
        let server = self.open_reader(None)?.server();
        let mut about = json!({"kind": "PostgreSQL", "version": server.version});
        if server.commits_early
            && let Some(about) = about.as_object_mut()
        {
            // What is committed is on the disk a moment later.
            about.insert("synchronous_commit".to_owned(), json!("off"));
        }
        Ok(Map::from_iter([("url".to_owned(), json!(self.place())), ("server".to_owned(), about)]))
    }

    fn identity(&self) -> Option<Identity> {
        Some(Identity::new(CAPABILITIES.engine, [Some(self.server_identity()?), self.server_name()]))
    }

    fn server_identity(&self) -> Option<String> {
        let server = self.open_reader(None).ok()?.server();
        Some(self.within(&server.identity))
    }

    fn server_name(&self) -> Option<String> {
        let server = self.open_reader(None).ok()?.server();
        Some(self.within(&server.unique_name?))
    }

    fn reader(&self) -> Result<&dyn Connection> {
        Ok(self.open_reader(None)?)
    }

    fn describe_reading(&self) -> Result<Json> {
        Ok(json!({"way": "consistent_snapshot"}))
    }

    fn writer(&self, job: &Arc<Job>) -> Result<&dyn Connection> {
        self.process.check(Domain::Database)?;
        if let Some(open) = self.writer.get() {
            return Ok(open);
        }
        let connection = self.connect(Some(job))?;
        connection.watch(None);
        Ok(self.writer.get_or_init(|| connection))
    }

    fn widen(&self, apply: bool, job: &Arc<Job>) -> Result<Widening> {
        let reader = self.open_reader(None)?;
        if !apply {
            return widen::plan(reader);
        }
        let widened = widen::apply(&self.connect(Some(job))?);
        // What it has prepared is of the types of before.
        reader.channel.forget_statements();
        widened
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        if !self.process.is_current() {
            [self.reader.take(), self.writer.take()].into_iter().flatten().for_each(PostgresConnection::leave);
        }
    }
}
