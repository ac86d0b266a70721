//! A schema of a server behind a handle.

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::endpoint::{Connections, ServerEndpoint};
use crate::database::capabilities::Capabilities;
use crate::database::connection::{Connection, Reads};
use crate::database::identity::Identity;
use crate::database::options::OpenOptions;
use crate::database::store::Store;
use crate::database::widening::Widening;
use crate::error::Result;
use crate::progress::Job;

/// A schema of a server.
pub struct ServerStore<E: ServerEndpoint> {
    connections: Connections<E>,
    created: bool,
}

impl<E: ServerEndpoint> ServerStore<E> {
    /// Connects; creates the schema and its tables when the options say so.
    pub fn open(endpoint: E, options: &OpenOptions, job: &Arc<Job>) -> Result<ServerStore<E>> {
        let connections = Connections::new(endpoint, options);
        let created = options.creates() && E::create(&connections, job)?;
        let reader = connections.reader(Some(job))?;
        E::check(reader)?;
        reader.watch(None);
        Ok(ServerStore { connections, created })
    }

    fn reader(&self) -> Result<&E::Connection> {
        self.connections.reader(None)
    }
}

impl<E: ServerEndpoint> Store for ServerStore<E> {
    fn capabilities(&self) -> &'static Capabilities {
        E::CAPABILITIES
    }

    fn was_created(&self) -> bool {
        self.created
    }

    fn place(&self) -> String {
        self.connections.endpoint.place()
    }

    fn name(&self) -> String {
        self.connections.endpoint.schema().to_owned()
    }

    fn describe(&self) -> Result<Map<String, Json>> {
        let mut described = Map::from_iter([("url".to_owned(), json!(self.place()))]);
        described.extend(E::describe(self.reader()?)?);
        Ok(described)
    }

    fn identity(&self) -> Option<Identity> {
        Some(Identity::new(E::CAPABILITIES.engine, [Some(self.server_identity()?), self.server_name()]))
    }

    fn server_identity(&self) -> Option<String> {
        Some(self.connections.endpoint.identity(self.reader().ok()?).address)
    }

    fn server_name(&self) -> Option<String> {
        self.connections.endpoint.identity(self.reader().ok()?).name
    }

    fn reader(&self) -> Result<&dyn Connection> {
        Ok(self.reader()?)
    }

    fn describe_reading(&self) -> Result<Json> {
        Ok(json!({"way": "consistent_snapshot"}))
    }

    fn writer(&self, job: &Arc<Job>) -> Result<&dyn Connection> {
        Ok(self.connections.writer(job)?)
    }

    fn widen(&self, apply: bool, job: &Arc<Job>) -> Result<Widening> {
        let reader = self.reader()?;
        if !apply {
            return E::plan_widening(reader);
        }
        E::widen(&self.connections.connect(Some(job))?, reader)
    }
}
