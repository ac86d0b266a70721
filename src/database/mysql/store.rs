//! A schema as a handle holds it: connections that are opened when they are needed.

use std::cell::OnceCell;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::address::Address;
use super::connection::MysqlConnection;
use super::failure::UNKNOWN_SCHEMA;
use super::session::Door;
use super::widen;
use crate::database::connection::Connection;
use crate::database::handle::{OpenOptions, has_no_experiment};
use crate::database::widening::Widening;
use crate::error::{Domain, Error, Result, Status};
use crate::process::Process;
use crate::progress::Job;
use crate::schema::{Entity, MYSQL_CHARSET, create_statement_mysql, quote};

/// Those that a server has for itself.
const SYSTEM_SCHEMAS: [&str; 4] = ["mysql", "sys", "information_schema", "performance_schema"];

/// The refusal to create tables in one of them.
fn of_the_server(schema: &str) -> Error {
    Error::new(Status::Schema, Domain::Database, format!("{schema} is a schema of the server's own"))
        .detail("schema", schema)
        .hint("give the name of another schema")
}

/// A schema of a server.
pub struct MysqlServer {
    process: Process,
    door: Door,
    options: OpenOptions,
    created: bool,
    reader: OnceCell<MysqlConnection>,
    writer: OnceCell<MysqlConnection>,
}

impl MysqlServer {
    /// Connects; creates the schema and its tables when the options say so.
    pub fn open(address: Address, options: &OpenOptions, job: &Arc<Job>) -> Result<MysqlServer> {
        let password = match &options.password {
            Some(password) => Some(password.get()?),
            None => address.password.clone(),
        };
        let address = Address { password: None, ..address };
        let mut server = MysqlServer {
            process: Process::current(),
            door: Door { address, password },
            options: options.clone(),
            created: false,
            reader: OnceCell::new(),
            writer: OnceCell::new(),
        };
        if server.options.creates() {
            server.created = server.create(job)?;
        }
        server.open_reader(Some(job))?.watch(None);
        Ok(server)
    }

    /// Creates what is missing; whether there are only tables without any experiment then.
    fn create(&self, job: &Arc<Job>) -> Result<bool> {
        if SYSTEM_SCHEMAS.iter().any(|schema| schema.eq_ignore_ascii_case(self.name())) {
            return Err(of_the_server(self.name()).detail("database", self.place()));
        }
        let named = |error: Error| error.detail("database", self.place());
        if let Err(error) = self.open_reader(Some(job)) {
            if error.status() != Status::NotFound || error.vendor_code() != Some(i32::from(UNKNOWN_SCHEMA)) {
                return Err(error);
            }
            let name = quote(&self.door.address.schema);
            MysqlConnection::create_schema(
                &self.door,
                &format!("CREATE SCHEMA IF NOT EXISTS {name} {MYSQL_CHARSET}"),
                job,
            )?;
        }
        let reader = self.open_reader(Some(job))?;
        let layout = reader.layout()?;
        if layout.entity(Entity::Experiment).is_ok() && !has_no_experiment(reader, &layout)? {
            return Ok(false);
        }
        let missing = layout.to_create(self.options.create_beside).map_err(named)?;
        if missing.is_empty() {
            return has_no_experiment(reader, &layout);
        }
        let writer = self.connect(Some(job))?;
        for table in missing {
            writer.define(&create_statement_mysql(table))?;
        }
        let layout = writer.layout()?;
        let empty = has_no_experiment(&writer, &layout)?;
        writer.watch(None);
        self.writer.get_or_init(|| writer);
        Ok(empty)
    }

    fn connect(&self, job: Option<&Arc<Job>>) -> Result<MysqlConnection> {
        MysqlConnection::open(&self.door, self.options.busy_timeout, job.cloned())
    }

    fn open_reader(&self, job: Option<&Arc<Job>>) -> Result<&MysqlConnection> {
        self.process.check(Domain::Database)?;
        if let Some(open) = self.reader.get() {
            return Ok(open);
        }
        let connection = self.connect(job)?;
        Ok(self.reader.get_or_init(|| connection))
    }

    /// The connection for reading.
    pub fn reader(&self) -> Result<&dyn Connection> {
        Ok(self.open_reader(None)?)
    }

    /// What would make the tables hold everything; done, if that is asked for.
    pub fn widen(&self, apply: bool, job: &Arc<Job>) -> Result<Widening> {
        self.process.check(Domain::Database)?;
        if !apply {
            return widen::plan(self.open_reader(None)?);
        }
        widen::apply(&self.connect(Some(job))?)
    }

    /// The connection for writing.
    pub fn writer(&self, job: &Arc<Job>) -> Result<&dyn Connection> {
        self.process.check(Domain::Database)?;
        if let Some(open) = self.writer.get() {
            return Ok(open);
        }
        let connection = self.connect(Some(job))?;
        connection.watch(None);
        Ok(self.writer.get_or_init(|| connection))
    }

    /// Whether this handle created the tables, or found them without any experiment when it was asked to.
    pub fn was_created(&self) -> bool {
        self.created
    }

    /// For messages: without the password.
    pub fn place(&self) -> String {
        self.door.place()
    }

    /// The name of the schema.
    pub fn name(&self) -> &str {
        &self.door.address.schema
    }

    /// The server's kind and version.
    pub fn info(&self) -> Result<Json> {
        let server = self.open_reader(None)?.server();
        Ok(json!({"kind": server.kind.name(), "version": server.version}))
    }

    /// Whether both are the same schema of the same server, by whatever way.
    pub fn is_same_as(&self, other: &MysqlServer) -> bool {
        self.identity().is_some_and(|here| other.identity() == Some(here)) && self.unique_name() == other.unique_name()
    }

    /// What the server calls itself, which no other does, and the schema.
    pub fn unique_name(&self) -> Option<String> {
        let server = self.open_reader(None).ok()?.server();
        Some(format!("{}/{}", server.unique_name?, self.name()))
    }

    /// Where the server and the schema are.
    pub fn identity(&self) -> Option<String> {
        let server = self.open_reader(None).ok()?.server();
        Some(format!("{}/{}", server.identity, self.name()))
    }
}

impl Drop for MysqlServer {
    fn drop(&mut self) {
        if !self.process.is_current() {
            [self.reader.take(), self.writer.take()].into_iter().flatten().for_each(MysqlConnection::leave);
        }
    }
}
