//! Statements with parameters on a [`Channel`]: prepared once, and bound to values.

use std::io;
use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend::Message;
use postgres_protocol::message::frontend::{self, BindError};
use postgres_protocol::{IsNull, Oid};

use super::cell::{Columns, types};
use super::channel::{Channel, Waited};
use super::channel_state::{Prepared, State};
use super::failure::Failure;
use crate::error::{Domain, Error, Result};
use crate::values::{Value, ValueRef};

/// Statements that the server keeps prepared.
const STATEMENTS: usize = 64;
impl Channel {
    /// Prepares a statement for parameters of these types.
    pub(super) fn prepare(
        &self,
        state: &mut State,
        sql: &str,
        given: Vec<Oid>,
    ) -> std::result::Result<Prepared, Failure> {
        let key = (sql.to_owned(), given);
        if let Some(found) = state.statements.get(&key) {
            return Ok(found.clone());
        }
        if state.statements.len() >= STATEMENTS {
            self.forget(state);
        }
        state.next += 1;
        let name = format!("s{}", state.next);
        self.write(state, |out| {
            frontend::parse(&name, sql, key.1.iter().copied(), out)?;
            frontend::describe(b'S', &name, out)?;
            frontend::sync(out);
            Ok(())
        })?;
        let (mut parameters, mut columns) = (Vec::new(), Columns::default());
        self.answers(state, &Waited::Answer, &mut |message| {
            match message {
                Message::ParameterDescription(body) => parameters = body.parameters().collect()?,
                Message::RowDescription(body) => {
                    let mut fields = body.fields();
                    while let Some(field) = fields.next()? {
                        let from = (field.table_oid(), field.column_id());
                        columns.push(field.name(), field.type_oid(), from, &self.known.borrow());
                    }
                }
                _ => {}
            }
            Ok(())
        })?;
        let prepared = Prepared { name, parameters, columns: Arc::new(columns) };
        state.statements.insert(key, prepared.clone());
        Ok(prepared)
    }

    /// Has the server forget what it has prepared.
    fn forget(&self, state: &mut State) {
        state.forgotten.extend(state.statements.drain().map(|(_, prepared)| (b'S', prepared.name)));
    }

    /// Prepared statements are of tables as they were.
    pub fn forget_statements(&self) {
        if let Ok(mut state) = self.borrow() {
            self.forget(&mut state);
        }
    }

    pub(super) fn bind(&self, state: &mut State, portal: &str, to: &Prepared, params: &[Value]) -> Result<()> {
        if params.len() != to.parameters.len() {
            return Err(Error::internal(Domain::Database, "a statement has other parameters than values"));
        }
        let formats: Vec<i16> = params.iter().map(|value| i16::from(matches!(value, Value::Blob(_)))).collect();
        self.write(state, |out| {
            let bound = frontend::bind(
                portal,
                &to.name,
                formats,
                params.iter().map(Value::borrow),
                |value, out| Ok(encode(value, out)),
                to.columns.formats(),
                out,
            );
            bound.map_err(|error| match error {
                BindError::Conversion(error) => io::Error::other(error),
                BindError::Serialization(error) => error,
            })
        })
    }

    /// Runs a statement that changes something; how many rows it did.
    pub fn execute(&self, sql: &str, params: &[Value]) -> std::result::Result<u64, Failure> {
        let state = &mut *self.ready()?;
        self.free(state)?;
        let prepared = self.prepare(state, sql, params.iter().map(given_type).collect())?;
        self.bind(state, "", &prepared, params)?;
        self.write(state, |out| {
            frontend::execute("", 0, out)?;
            frontend::sync(out);
            Ok(())
        })?;
        let tag = self.tag(state, &Waited::Answer)?;
        Ok(tag.rsplit(' ').next().and_then(|count| count.parse().ok()).unwrap_or(0))
    }

    /// Has the server look at a statement without running it; how many parameters it has, and the names of its columns.
    pub fn look_at(&self, sql: &str, params: Vec<Oid>) -> std::result::Result<(usize, Vec<String>), Failure> {
        let state = &mut *self.ready()?;
        self.free(state)?;
        let prepared = self.prepare(state, sql, params)?;
        Ok((prepared.parameters.len(), prepared.columns.names()))
    }
}

/// The type that a value is said to have. A text is of whatever type is wanted where it stands.
pub fn given_type(value: &Value) -> Oid {
    match value {
        Value::Integer(_) => types::INT8,
        Value::Real(_) => types::FLOAT8,
        Value::Blob(_) => types::BYTEA,
        Value::Null | Value::Text(_) => 0,
    }
}

fn encode(value: ValueRef<'_>, out: &mut BytesMut) -> IsNull {
    match value {
        ValueRef::Null => return IsNull::Yes,
        ValueRef::Integer(number) => out.put_slice(number.to_string().as_bytes()),
        ValueRef::Real(number) => out.put_slice(real_text(number).as_bytes()),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => out.put_slice(bytes),
    }
    IsNull::No
}

/// The shortest digits that read back as the number, as the server reads them.
pub fn real_text(number: f64) -> String {
    if number.is_nan() {
        "NaN".to_owned()
    } else if number.is_infinite() {
        if number > 0.0 { "Infinity".to_owned() } else { "-Infinity".to_owned() }
    } else {
        format!("{number:?}")
    }
}
