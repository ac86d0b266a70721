//! How a schema of a MySQL or MariaDB server is opened, created, described and told from others.

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::capabilities::CAPABILITIES;
use super::connection::MysqlConnection;
use super::ddl::{CHARSET, create_statement};
use super::failure::UNKNOWN_SCHEMA;
use super::session::Endpoint;
use super::widen;
use crate::database::capabilities::Capabilities;
use crate::database::connection::Catalog;
use crate::database::creating::has_no_experiment;
use crate::database::options::OpenOptions;
use crate::database::server::endpoint::{Connections, ServerEndpoint, ServerIdentity, of_the_server};
use crate::database::widening::Widening;
use crate::error::{Error, Result, Status};
use crate::progress::Job;
use crate::schema::quote;

/// Those that a server has for itself.
const SYSTEM_SCHEMAS: [&str; 4] = ["mysql", "sys", "information_schema", "performance_schema"];

impl ServerEndpoint for Endpoint {
    type Connection = MysqlConnection;

    const CAPABILITIES: &'static Capabilities = &CAPABILITIES;

    fn place(&self) -> String {
        self.place()
    }

    fn schema(&self) -> &str {
        &self.address.schema
    }

    fn open(&self, options: &OpenOptions, job: Option<&Arc<Job>>) -> Result<MysqlConnection> {
        MysqlConnection::open(self, options.busy_timeout, job.cloned())
    }

    fn create(connections: &Connections<Endpoint>, job: &Arc<Job>) -> Result<bool> {
        let Connections { endpoint, options, .. } = connections;
        if SYSTEM_SCHEMAS.iter().any(|schema| schema.eq_ignore_ascii_case(endpoint.schema())) {
            return Err(of_the_server(endpoint));
        }
        let named = |error: Error| error.detail("database", endpoint.place());
        if let Err(error) = connections.reader(Some(job)) {
            if error.status() != Status::NotFound || error.vendor_code() != Some(i32::from(UNKNOWN_SCHEMA)) {
                return Err(error);
            }
            let name = quote(endpoint.schema());
            MysqlConnection::create_schema(endpoint, &format!("CREATE SCHEMA IF NOT EXISTS {name} {CHARSET}"), job)?;
        }
        let reader = connections.reader(Some(job))?;
        let layout = reader.layout()?;
        if layout.root().is_ok() && !has_no_experiment(reader, &layout)? {
            return Ok(false);
        }
        let missing = layout.to_create(options.create_beside).map_err(named)?;
        if missing.is_empty() {
            return has_no_experiment(reader, &layout);
        }
        let writer = connections.connect(Some(job))?;
        for table in missing {
            writer.define(&create_statement(table))?;
        }
        let layout = writer.layout()?;
        let empty = has_no_experiment(&writer, &layout)?;
        connections.keep_writer(writer);
        Ok(empty)
    }

    fn identity(&self, connection: &MysqlConnection) -> ServerIdentity {
        let server = connection.server();
        let within = |server: &str| format!("{server}/{}", self.schema());
        ServerIdentity { address: within(&server.identity), name: server.unique_name.as_deref().map(within) }
    }

    fn describe(connection: &MysqlConnection) -> Result<Map<String, Json>> {
        let server = connection.server();
        let about = json!({"kind": server.kind.name(), "version": server.version});
        let mut described = Map::from_iter([("server".to_owned(), about)]);
        if let Some(cluster) = connection.cluster()? {
            described.insert("cluster".to_owned(), cluster.to_json());
        }
        Ok(described)
    }

    fn plan_widening(connection: &MysqlConnection) -> Result<Widening> {
        widen::plan(connection)
    }

    fn widen(connection: &MysqlConnection, _: &MysqlConnection) -> Result<Widening> {
        widen::apply(connection)
    }
}
