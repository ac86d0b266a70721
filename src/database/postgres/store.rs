//! How a schema of a PostgreSQL server is opened, created, described and told from others.

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::capabilities::CAPABILITIES;
use super::connection::PostgresConnection;
use super::ddl;
use super::session::Endpoint;
use super::widen;
use crate::database::capabilities::Capabilities;
use crate::database::connection::Catalog;
use crate::database::creating::has_no_experiment;
use crate::database::options::OpenOptions;
use crate::database::server::endpoint::{Connections, ServerEndpoint, ServerIdentity, of_the_server};
use crate::database::transaction::Transaction;
use crate::database::widening::Widening;
use crate::error::{Error, Result, Status};
use crate::progress::Job;
use crate::schema::quote;

/// Schemas whose names begin like this are the server's own.
const SYSTEM: &str = "pg_";
const INFORMATION: &str = "information_schema";

impl ServerEndpoint for Endpoint {
    type Connection = PostgresConnection;

    const CAPABILITIES: &'static Capabilities = &CAPABILITIES;

    fn place(&self) -> String {
        self.place()
    }

    fn schema(&self) -> &str {
        &self.address.schema
    }

    fn open(&self, _: &OpenOptions, job: Option<&Arc<Job>>) -> Result<PostgresConnection> {
        PostgresConnection::open(self, job.cloned())
    }

    fn check(connection: &PostgresConnection) -> Result<()> {
        connection.check_schema()
    }

    /// Wholly or not at all.
    fn create(connections: &Connections<Endpoint>, job: &Arc<Job>) -> Result<bool> {
        let Connections { endpoint, options, .. } = connections;
        let schema = endpoint.schema();
        if schema.starts_with(SYSTEM) || schema == INFORMATION {
            return Err(of_the_server(endpoint));
        }
        let named = |error: Error| error.detail("database", endpoint.place());
        let reader = connections.reader(Some(job))?;
        let is_there = match reader.check_schema() {
            Err(error) if error.status() == Status::NotFound => false,
            checked => checked.map(|()| true)?,
        };
        if is_there {
            let layout = reader.layout()?;
            let has_experiments = layout.root().is_ok() && !has_no_experiment(reader, &layout)?;
            if has_experiments || layout.to_create(options.create_beside).map_err(named)?.is_empty() {
                return Ok(!has_experiments && has_no_experiment(reader, &layout)?);
            }
        }
        let writer = connections.connect(Some(job))?;
        let writing = Transaction::write(&writer)?;
        if !is_there {
            writer.command(&format!("CREATE SCHEMA IF NOT EXISTS {}", quote(schema)))?;
        }
        // Somebody may have been faster.
        let missing = writer.layout()?.to_create(options.create_beside).map_err(named)?;
        missing.iter().try_for_each(|table| writer.command(&ddl::create_statement(table)))?;
        let empty = has_no_experiment(&writer, &writer.layout()?)?;
        writing.commit()?;
        writer.has_made(missing.iter().map(|table| table.name).collect());
        connections.keep_writer(writer);
        Ok(empty)
    }

    fn identity(&self, connection: &PostgresConnection) -> ServerIdentity {
        let server = connection.server();
        let within = |server: &str| format!("{server}/{}/{}", self.address.database, self.address.schema);
        ServerIdentity { address: within(&server.identity), name: server.unique_name.as_deref().map(within) }
    }

    fn describe(connection: &PostgresConnection) -> Result<Map<String, Json>> {
        let server = connection.server();
        let mut about = json!({"kind": "PostgreSQL", "version": server.version});
        // What others commit is on the disk a moment later, or when the system likes; the second is true of our commits, too.
        let early = [("synchronous_commit", server.commits_early), ("fsync", server.never_waits)];
        for (setting, _) in early.iter().filter(|(_, is_off)| *is_off) {
            if let Some(about) = about.as_object_mut() {
                about.insert((*setting).to_owned(), json!("off"));
            }
        }
        Ok(Map::from_iter([("server".to_owned(), about)]))
    }

    fn plan_widening(connection: &PostgresConnection) -> Result<Widening> {
        widen::plan(connection)
    }

    fn widen(connection: &PostgresConnection, reader: &PostgresConnection) -> Result<Widening> {
        let widened = widen::apply(connection);
        // What it has prepared is of the types of before.
        reader.channel.forget_statements();
        widened
    }
}
