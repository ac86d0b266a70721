//! What only PostgreSQL does. Most on one private server with a schema for each test; what changes or kills a server starts one of its own
//! (support/postgres.rs).
#![cfg(feature = "postgres")]

mod beside;
mod cancelling;
mod chain;
mod entering;
mod faults;
mod hidden;
mod new_tables;
mod newer;

mod pairs;
mod settings;
mod standing;
mod tls;
mod types;
mod widening;

use expmig::{Database, Error, Manager, ManagerOptions, OpenOptions, Password, Secret};

use crate::support::postgres::Postgres;

fn open(url: &str, password: Option<&str>, create: bool) -> expmig::Result<Manager> {
    let password = password.map(|password| Password::Is(Secret::new(password)));
    let database = Database::open(url, OpenOptions { create, password, ..OpenOptions::default() })?;
    Ok(Manager::new(database, ManagerOptions::default()))
}

/// The tables in a schema of their own.
fn created(server: &Postgres) -> (String, Manager) {
    let schema = server.schema();
    let manager = done(open(&server.url(&schema), None, true));
    (schema, manager)
}

fn done<T>(result: Result<T, Error>) -> T {
    result.unwrap_or_else(|error| panic!("{}", error.to_json()))
}
