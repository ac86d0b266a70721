//! Clients that are not expmig: how the tests make databases of an engine and look into them.

use std::path::Path;

use mysql::prelude::Queryable;

use super::support::postgres::Postgres;
use super::support::server::{Kind, Server, dump, rows};
use super::support::{self, Folder, SMALL, SMALL_BATCHES};
use super::{Engine, Place};

/// Tables by their names, with their rows as text.
pub type Tables = Vec<(String, Vec<Vec<String>>)>;

/// What keeps a database there.
pub type Keeper = Option<Box<dyn std::any::Any>>;

pub trait Client: Sync {
    /// Whether this engine's tests run here.
    fn is_there(&self) -> bool;

    /// The URL of a place where nothing is.
    fn nowhere(&self, folder: &Folder, name: &str) -> String;

    fn execute(&self, url: &str, script: &str);

    fn dump(&self, url: &str) -> Tables;

    fn rows(&self, url: &str, query: &str) -> Vec<Vec<String>>;

    /// A database of the same name and with the same rows, where nothing tells that it is another one but that it is.
    fn twin(&self, engine: Engine, folder: &Folder, place: &Place) -> (Place, Keeper);

    /// An empty schema of the same server, where there are such.
    fn neighbour(&self) -> Option<String>;

    /// The URL as another account, where there are any.
    fn as_account(&self, url: &str, user: &str, password: &str) -> Option<String>;
}

/// SQLite.
pub struct Files;

impl Client for Files {
    fn is_there(&self) -> bool {
        true
    }

    fn nowhere(&self, folder: &Folder, name: &str) -> String {
        folder.path(&format!("{name}.db")).display().to_string()
    }

    fn execute(&self, url: &str, script: &str) {
        support::execute(Path::new(url), script);
    }

    fn dump(&self, url: &str) -> Tables {
        support::dump(Path::new(url)).into_iter().collect()
    }

    fn rows(&self, url: &str, query: &str) -> Vec<Vec<String>> {
        support::rows(Path::new(url), query)
    }

    fn twin(&self, engine: Engine, folder: &Folder, place: &Place) -> (Place, Keeper) {
        std::fs::create_dir(folder.path("copy")).unwrap();
        let copy = folder.copy_of(Path::new(&place.url), "copy/a.db");
        (Place { engine, url: copy.display().to_string(), snapshots: place.snapshots.clone() }, None)
    }

    fn neighbour(&self) -> Option<String> {
        None
    }

    fn as_account(&self, _: &str, _: &str, _: &str) -> Option<String> {
        None
    }
}

/// MariaDB and MySQL: one server of each, a schema for each place.
pub struct Servers(pub Kind);

impl Servers {
    fn server(&self) -> &'static Server {
        self.0.shared().expect("the server is there")
    }
}

/// PostgreSQL: one server, a schema for each place.
pub struct PostgresServers;

impl Client for PostgresServers {
    fn is_there(&self) -> bool {
        cfg!(feature = "postgres")
    }

    fn nowhere(&self, _: &Folder, _: &str) -> String {
        let server = Postgres::shared();
        server.url(&server.schema())
    }

    fn execute(&self, url: &str, script: &str) {
        Postgres::shared().execute(schema(url), script);
    }

    fn dump(&self, url: &str) -> Tables {
        Postgres::shared().dump(schema(url))
    }

    fn rows(&self, url: &str, query: &str) -> Vec<Vec<String>> {
        Postgres::shared().rows(schema(url), query)
    }

    fn twin(&self, engine: Engine, _: &Folder, place: &Place) -> (Place, Keeper) {
        let server = Postgres::start(&[]);
        let twin = Place { engine, url: server.url(place.schema()), snapshots: place.snapshots.clone() };
        drop(twin.create());
        server.execute(place.schema(), &[SMALL, SMALL_BATCHES].concat());
        (twin, Some(Box::new(server)))
    }

    fn neighbour(&self) -> Option<String> {
        Some(Postgres::shared().schema())
    }

    fn as_account(&self, url: &str, user: &str, password: &str) -> Option<String> {
        Some(Postgres::shared().url_as(user, password, schema(url)))
    }
}

/// The name of the schema.
pub fn schema(url: &str) -> &str {
    if let Some((_, rest)) = url.split_once("?schema=") {
        return rest.split('&').next().expect("a schema");
    }
    let end = url.find('?').expect("a URL with parameters");
    url[..end].rsplit('/').next().expect("a schema")
}

fn run(client: &mut mysql::Conn, script: &str) {
    for statement in script.split(";\n").map(str::trim).filter(|statement| !statement.is_empty()) {
        client.query_drop(statement).unwrap_or_else(|error| panic!("{error}: {statement}"));
    }
}

impl Client for Servers {
    fn is_there(&self) -> bool {
        self.0.shared().is_some()
    }

    fn nowhere(&self, _: &Folder, _: &str) -> String {
        let server = self.server();
        server.url(&server.schema())
    }

    fn execute(&self, url: &str, script: &str) {
        run(&mut self.server().connect(schema(url)), script);
    }

    fn dump(&self, url: &str) -> Tables {
        dump(&mut self.server().connect(schema(url)))
    }

    fn rows(&self, url: &str, query: &str) -> Vec<Vec<String>> {
        rows(&mut self.server().connect(schema(url)), query)
    }

    fn twin(&self, engine: Engine, _: &Folder, place: &Place) -> (Place, Keeper) {
        let server = Server::start(self.0, &[]).expect("another server");
        server.connect_as("root", "", None).query_drop(format!("CREATE SCHEMA {}", place.schema())).unwrap();
        let twin = Place { engine, url: server.url(place.schema()), snapshots: place.snapshots.clone() };
        drop(twin.create());
        run(&mut server.connect(place.schema()), &[SMALL, SMALL_BATCHES].concat());
        (twin, Some(Box::new(server)))
    }

    fn neighbour(&self) -> Option<String> {
        Some(self.server().schema())
    }

    fn as_account(&self, url: &str, user: &str, password: &str) -> Option<String> {
        Some(self.server().url_as(user, password, schema(url)))
    }
}
