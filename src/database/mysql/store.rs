//! A schema of a server behind a handle: its connections, which are opened when they are needed.

use std::cell::OnceCell;
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::address::MysqlAddress;
use super::capabilities::CAPABILITIES;
use super::connection::MysqlConnection;
use super::ddl::{CHARSET, create_statement};
use super::failure::UNKNOWN_SCHEMA;
use super::session::Endpoint;
use super::widen;
use crate::database::capabilities::Capabilities;
use crate::database::connection::{Catalog, Connection, Reads};
use crate::database::creating::has_no_experiment;
use crate::database::identity::Identity;
use crate::database::options::OpenOptions;
use crate::database::store::Store;
use crate::database::widening::Widening;
use crate::error::{Domain, Error, Result, Status};
use crate::process::Process;
use crate::progress::Job;
use crate::schema::quote;

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
    endpoint: Endpoint,
    options: OpenOptions,
    created: bool,
    reader: OnceCell<MysqlConnection>,
    writer: OnceCell<MysqlConnection>,
}

impl MysqlServer {
    /// Connects; creates the schema and its tables when the options say so.
    pub fn open(address: MysqlAddress, options: &OpenOptions, job: &Arc<Job>) -> Result<MysqlServer> {
        let password = match &options.password {
            Some(password) => Some(password.get()?),
            None => address.password.clone(),
        };
        let address = MysqlAddress { password: None, ..address };
        let mut server = MysqlServer {
            process: Process::current(),
            endpoint: Endpoint { address, password },
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
        if SYSTEM_SCHEMAS.iter().any(|schema| schema.eq_ignore_ascii_case(self.schema())) {
            return Err(of_the_server(self.schema()).detail("database", self.endpoint.place()));
        }
        let named = |error: Error| error.detail("database", self.endpoint.place());
        if let Err(error) = self.open_reader(Some(job)) {
            if error.status() != Status::NotFound || error.vendor_code() != Some(i32::from(UNKNOWN_SCHEMA)) {
                return Err(error);
            }
            let name = quote(&self.endpoint.address.schema);
            MysqlConnection::create_schema(
                &self.endpoint,
                &format!("CREATE SCHEMA IF NOT EXISTS {name} {CHARSET}"),
                job,
            )?;
        }
        let reader = self.open_reader(Some(job))?;
        let layout = reader.layout()?;
        if layout.root().is_ok() && !has_no_experiment(reader, &layout)? {
            return Ok(false);
        }
        let missing = layout.to_create(self.options.create_beside).map_err(named)?;
        if missing.is_empty() {
            return has_no_experiment(reader, &layout);
        }
        let writer = self.connect(Some(job))?;
        for table in missing {
            writer.define(&create_statement(table))?;
        }
        let layout = writer.layout()?;
        let empty = has_no_experiment(&writer, &layout)?;
        writer.watch(None);
        self.writer.get_or_init(|| writer);
        Ok(empty)
    }

    fn connect(&self, job: Option<&Arc<Job>>) -> Result<MysqlConnection> {
        MysqlConnection::open(&self.endpoint, self.options.busy_timeout, job.cloned())
    }

    fn open_reader(&self, job: Option<&Arc<Job>>) -> Result<&MysqlConnection> {
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
}

impl Store for MysqlServer {
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
        let reader = self.open_reader(None)?;
        let server = reader.server();
        let mut described = Map::from_iter([
            ("url".to_owned(), json!(self.place())),
            ("server".to_owned(), json!({"kind": server.kind.name(), "version": server.version})),
        ]);
        if let Some(cluster) = reader.cluster()? {
            described.insert("cluster".to_owned(), cluster.to_json());
        }
        Ok(described)
    }

    fn identity(&self) -> Option<Identity> {
        Some(Identity::new(CAPABILITIES.engine, [Some(self.server_identity()?), self.server_name()]))
    }

    fn server_identity(&self) -> Option<String> {
        let server = self.open_reader(None).ok()?.server();
        Some(format!("{}/{}", server.identity, self.schema()))
    }

    fn server_name(&self) -> Option<String> {
        let server = self.open_reader(None).ok()?.server();
        Some(format!("{}/{}", server.unique_name?, self.schema()))
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
        self.process.check(Domain::Database)?;
        if !apply {
            return widen::plan(self.open_reader(None)?);
        }
        widen::apply(&self.connect(Some(job))?)
    }
}

impl Drop for MysqlServer {
    fn drop(&mut self) {
        if !self.process.is_current() {
            [self.reader.take(), self.writer.take()].into_iter().flatten().for_each(MysqlConnection::leave);
        }
    }
}
