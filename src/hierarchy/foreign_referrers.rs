//! Rows of other tables that refer to rows of the schema. A job does not change them, and must not leave one dangling that was not dangling
//! before.

use std::collections::HashSet;

use crate::database::{Connection, Layout, Next, Reference, Row};
use crate::error::{Domain, Error, NAMED, Result, Status};
use crate::values::ValueRef;

/// What a row refers to, as bytes.
type Key = Vec<u8>;

/// The foreign keys of others, and where they lead nowhere already.
pub struct ForeignReferrers<'c> {
    connection: &'c dyn Connection,
    references: Vec<(Reference, HashSet<Key>)>,
    /// Whether there may be others, which the account is not told of.
    pub perhaps_more: bool,
}

/// A row of somebody else's whose reference leads nowhere.
struct Dangling {
    key: Key,
    refers_to: String,
    row: String,
}

impl Dangling {
    fn read(reference: &Reference, row: &dyn Row) -> Result<Dangling> {
        let mut key = Key::new();
        let mut named = Vec::new();
        for (at, column) in reference.to_columns.iter().enumerate() {
            let value = row.value(at)?;
            append(value, &mut key);
            named.push(format!("{column}={}", value.describe()));
        }
        let first = reference.columns.len();
        let of_key = |(at, column): (usize, &String)| Ok(format!("{column}={}", row.value(first + at)?.describe()));
        let own: Vec<String> = reference.key.iter().enumerate().map(of_key).collect::<Result<_>>()?;
        let own = if own.is_empty() { "a row without a key".to_owned() } else { own.join(", ") };
        Ok(Dangling { key, refers_to: format!("{} ({})", reference.to.name, named.join(", ")), row: own })
    }
}

/// Tells values apart; not more.
pub fn append(value: ValueRef<'_>, key: &mut Vec<u8>) {
    let (tag, bytes): (u8, &[u8]) = match &value {
        ValueRef::Null => (0, &[]),
        ValueRef::Integer(number) => (1, &number.to_le_bytes()),
        ValueRef::Real(number) => (2, &number.to_le_bytes()),
        ValueRef::Text(bytes) => (3, bytes),
        ValueRef::Blob(bytes) => (4, bytes),
    };
    key.push(tag);
    key.extend_from_slice(&bytes.len().to_le_bytes());
    key.extend_from_slice(bytes);
}

impl<'c> ForeignReferrers<'c> {
    /// Looks at the foreign keys that are `wanted`, before anything is written.
    pub fn look(
        connection: &'c dyn Connection,
        layout: &Layout,
        wanted: impl Fn(&Reference) -> bool,
    ) -> Result<ForeignReferrers<'c>> {
        let references = connection.references(layout)?;
        refuse_hidden(&references.hidden)?;
        refuse_unnamed(&references.unnamed)?;
        let mut found = Vec::new();
        for reference in references.found.into_iter().filter(wanted) {
            let mut keys = HashSet::new();
            connection.query(&reference.dangling(), &[], &mut |row| {
                keys.insert(Dangling::read(&reference, row)?.key);
                Ok(Next::Row)
            })?;
            found.push((reference, keys));
        }
        Ok(ForeignReferrers { connection, references: found, perhaps_more: references.perhaps_more })
    }

    /// Hands over the ids of the rows of this table of ours that are referred to, as they are now.
    pub fn referred_ids(&self, table: &str, id: &str, each: &mut dyn FnMut(i64) -> Result<()>) -> Result<()> {
        for (reference, _) in self.references.iter().filter(|(reference, _)| reference.to.name == table) {
            self.connection.query_held(&reference.referred(id), &[], &mut |row| {
                row.value(0)?.as_integer().map_or(Ok(()), &mut *each)?;
                Ok(Next::Row)
            })?;
        }
        Ok(())
    }

    /// Fails if one leads nowhere that did not before. Until the transaction ends nobody else makes one.
    pub fn check(&self, domain: Domain) -> Result<()> {
        for (reference, before) in &self.references {
            let mut gone = Vec::new();
            self.connection.query_held(&reference.dangling(), &[], &mut |row| {
                let found = Dangling::read(reference, row)?;
                if !before.contains(&found.key) {
                    gone.push(found);
                }
                Ok(if gone.len() < NAMED { Next::Row } else { Next::Stop })
            })?;
            if !gone.is_empty() {
                return Err(refused(reference, &gone, domain));
            }
        }
        Ok(())
    }
}

/// Rows of tables that cannot be seen could be left without what they refer to.
fn refuse_hidden(hidden: &[String]) -> Result<()> {
    if hidden.is_empty() {
        return Ok(());
    }
    let message = "tables that the account may not read refer to the schema; nothing was changed";
    let error = Error::new(Status::Auth, Domain::Database, message)
        .detail("right", "SELECT")
        .hint("grant SELECT on these tables, so that the call can check that none of their rows becomes dangling");
    Err(hidden.iter().fold(error, |error, name| error.detail("table", name)))
}

/// So could those of tables that cannot be asked for.
fn refuse_unnamed(unnamed: &[String]) -> Result<()> {
    if unnamed.is_empty() {
        return Ok(());
    }
    let message =
        "tables that no statement can name refer to the schema: their names, or those of their columns, are not UTF-8";
    let error = Error::new(Status::Unsupported, Domain::Database, message)
        .hint("rename them, so that the call can check that none of their rows becomes dangling; nothing was changed");
    Err(unnamed.iter().fold(error, |error, name| error.detail("table", name)))
}

fn refused(reference: &Reference, gone: &[Dangling], domain: Domain) -> Error {
    let (table, to) = (&reference.table, reference.to.name);
    let message = format!("rows of {table} refer to rows of {to} that would no longer exist; nothing was changed");
    let error = Error::new(Status::Constraint, domain, message)
        .detail("table", table)
        .detail("column", reference.columns.join(", "))
        .hint(format!("this call does not change {table}: first change, delete or save these rows of it"));
    gone.iter().fold(error, |error, one| error.detail("row", &one.row).detail("refers_to", &one.refers_to))
}
