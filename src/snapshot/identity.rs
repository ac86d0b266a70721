//! The identity of the database that a snapshot was made of. It is not written into the database, and contains no readable path, so both can be moved.
//!
//! A database is certainly the same if it is the same file (by inode and time of birth, and by device or path), or the same schema of the same server.
//! It resembles the other if it has the same name, and at least one of its experiments is unchanged. A copy resembles its original, and an
//! original its copies.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use crate::database::{Connection, Database, Layout, Next, Row, Transaction};
use crate::digest::{encode_value, hex};
use crate::error::Result;
use crate::schema::quote;
use crate::values::Value;

/// How many experiments are taken from either end.
const FROM_EACH_END: usize = 16;

/// What is kept of a database, to know it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// `sqlite` or `mysql`.
    pub engine: String,
    /// The name of the file, without the path; or of the schema.
    pub file_name: String,
    /// A hash of the file's inode and time of birth, if the file system can say; or of where the server and the schema are.
    pub file: Option<String>,
    /// Hashes of the file's device and inode, and of its path. Manifests of earlier versions have none of these three.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// A hash of what the server calls itself, and no other server does, and of the schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// Some of its experiments.
    pub experiments: Vec<Fingerprint>,
}

/// What tells an experiment from others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    pub id: i64,
    pub fingerprint: String,
}

/// How a database was known again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// It is the very file, or the very schema of a server.
    File,
    /// It was moved in a way that leaves no trace, or it is a copy, or what a copy was made of.
    Content,
    /// It is another one.
    No,
}

impl Ownership {
    /// The name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Ownership::File => "same_file",
            Ownership::Content => "same_content",
            Ownership::No => "another",
        }
    }
}

/// Hashes one thing; `what` keeps hashes of different things apart.
fn hash(what: &str, bytes: &[u8]) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(what.as_bytes()).update(&[0]).update(bytes);
    hex(hasher.finalize().as_bytes())
}

/// What tells a database from others.
#[derive(Default)]
struct Marks {
    file: Option<String>,
    device: Option<String>,
    path: Option<String>,
    server: Option<String>,
}

impl Marks {
    fn of(database: &Database) -> Marks {
        let Some(path) = database.path() else {
            let [place, name] = [database.server_identity(), database.server_name()];
            return Marks {
                file: place.map(|place| hash("expmig.schema", place.as_bytes())),
                server: name.map(|name| hash("expmig.server", name.as_bytes())),
                ..Marks::default()
            };
        };
        let Ok(meta) = std::fs::metadata(path) else { return Marks::default() };
        let inode = meta.ino().to_le_bytes();
        // Inodes are used again, but not at the same time.
        let born = meta.created().ok().and_then(|born| born.duration_since(UNIX_EPOCH).ok());
        let real = std::fs::canonicalize(path).ok();
        Marks {
            file: born.map(|born| hash("expmig.file", &[&inode[..], &born.as_nanos().to_le_bytes()].concat())),
            device: Some(hash("expmig.device", &[meta.dev().to_le_bytes(), inode].concat())),
            path: real.map(|real| hash("expmig.path", real.as_os_str().as_bytes())),
            server: None,
        }
    }
}

fn same(one: &Option<String>, other: &Option<String>) -> bool {
    one.is_some() && one == other
}

impl Identity {
    /// The identity of `database`, whose content is read from a copy.
    pub fn of(database: &Database, copy: &dyn Connection, layout: &Layout) -> Result<Identity> {
        let mut experiments: Vec<Fingerprint> = Vec::new();
        for order in ["ASC", "DESC"] {
            read(copy, layout, &format!("ORDER BY 1 {order} LIMIT {FROM_EACH_END}"), &[], &mut |found| {
                if !experiments.contains(&found) {
                    experiments.push(found);
                }
            })?;
        }
        experiments.sort_by_key(|found| found.id);
        let Marks { file, device, path, server } = Marks::of(database);
        let (engine, file_name) = (database.capabilities().engine.to_owned(), database.name());
        Ok(Identity { engine, file_name, file, device, path, server, experiments })
    }

    /// Whether these marks alone are certain. A file system that was cloned has the inodes and times of birth of the other one, and
    /// after a start of the machine its devices can have other numbers.
    fn is_certain(&self, now: &Marks) -> bool {
        if now.server.is_some() || self.server.is_some() {
            return same(&self.server, &now.server);
        }
        // A server that does not say who it is.
        if now.device.is_none() {
            return false;
        }
        let earlier = self.device.is_none() && self.path.is_none();
        same(&self.file, &now.file) && (earlier || same(&self.device, &now.device) || same(&self.path, &now.path))
    }

    /// Why this cannot be an identity that was read from a manifest.
    pub fn check(&self) -> std::result::Result<(), String> {
        if self.experiments.len() > 2 * FROM_EACH_END {
            return Err(format!("the database has more than {} experiments", 2 * FROM_EACH_END));
        }
        Ok(())
    }

    /// Whether this is the identity of `database`.
    pub fn is_of(&self, database: &Database) -> Result<Ownership> {
        if self.engine != database.capabilities().engine {
            return Ok(Ownership::No);
        }
        let now = Marks::of(database);
        if self.is_certain(&now) {
            return Ok(Ownership::File);
        }
        if same(&self.file, &now.file) {
            return Ok(Ownership::Content);
        }
        if self.file_name != database.name() {
            return Ok(Ownership::No);
        }
        let reader = database.reader()?;
        let _state = Transaction::read(reader)?;
        let layout = database.layout()?;
        let mut known = false;
        for experiment in &self.experiments {
            let id = quote_id(&layout)?;
            read(reader, &layout, &format!("WHERE {id} = ?1"), &[Value::Integer(experiment.id)], &mut |found| {
                known |= found == *experiment;
            })?;
        }
        // Where no file has a time of birth, an inode in its place is one that may have been used again.
        let unborn = self.file.is_none() && now.file.is_none();
        Ok(match known {
            true if unborn && same(&self.device, &now.device) && same(&self.path, &now.path) => Ownership::File,
            true => Ownership::Content,
            false => Ownership::No,
        })
    }
}

fn quote_id(layout: &Layout) -> Result<String> {
    Ok(layout.root()?.id())
}

/// Reads the fingerprints of the experiments that `which` selects.
fn read(
    connection: &dyn Connection,
    layout: &Layout,
    which: &str,
    params: &[Value],
    each: &mut dyn FnMut(Fingerprint),
) -> Result<()> {
    let table = layout.root()?;
    // What tells an experiment from others.
    let wanted = layout.family.listing.identity;
    // A version that lacks a column has nothing in it.
    let column = |name: &&str| table.position(name).map_or("NULL".to_owned(), |_| table.quoted(name));
    let columns: Vec<String> = wanted.iter().map(column).collect();
    let sql = format!("SELECT {} FROM {} {which}", columns.join(", "), quote(&table.name));
    connection.query(&sql, params, &mut |row: &dyn Row| {
        if let Some(id) = row.value(0)?.as_integer() {
            let mut bytes = Vec::new();
            for index in 0..wanted.len() {
                // As it stands, whatever the column is for.
                encode_value(row.value(index)?, None, &mut bytes);
            }
            each(Fingerprint { id, fingerprint: hash("expmig.experiment", &bytes) });
        }
        Ok(Next::Row)
    })
}
