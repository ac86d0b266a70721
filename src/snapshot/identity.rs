//! Of which database a snapshot is. Nothing is written into a database for that, and no path is kept: both may be moved.
//!
//! A database is the same if it is the same file, by inode and time of birth, or if it has the same name and at least one of its
//! experiments is still there as it was.

use std::os::unix::fs::MetadataExt;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use crate::database::{Connection, Database, Layout, Next, Row, Transaction};
use crate::digest::{encode_value, hex};
use crate::error::Result;
use crate::schema::{Entity, Value, quote};

/// How many experiments are taken from either end.
const FROM_EACH_END: usize = 16;
/// What tells an experiment from others.
const COLUMNS: [&str; 3] = ["id", "title", "start_time"];

/// What is kept of a database, to know it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// `sqlite` or `mysql`.
    pub engine: String,
    /// The name of the file, without the path; or of the schema.
    pub file_name: String,
    /// A hash of what tells the file from others, if the file system can say; or the server and the schema.
    pub file: Option<String>,
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
pub enum Known {
    /// It is the same file.
    File,
    /// It was moved or copied.
    Content,
    /// It is another one.
    No,
}

impl Known {
    /// The name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Known::File => "same_file",
            Known::Content => "same_content",
            Known::No => "another",
        }
    }
}

/// Hashes one thing; `what` keeps hashes of different things apart.
fn hash(what: &str, bytes: &[u8]) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(what.as_bytes()).update(&[0]).update(bytes);
    hex(hasher.finalize().as_bytes())
}

/// Inodes are used again, but not at the same time.
fn of_file(database: &Database) -> Option<String> {
    let Some(path) = database.path() else {
        return database.server_identity().map(|identity| hash("expmig.schema", identity.as_bytes()));
    };
    let meta = std::fs::metadata(path).ok()?;
    let born = meta.created().ok()?.duration_since(UNIX_EPOCH).ok()?;
    let mut bytes = meta.ino().to_le_bytes().to_vec();
    bytes.extend_from_slice(&born.as_nanos().to_le_bytes());
    Some(hash("expmig.file", &bytes))
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
        Ok(Identity {
            engine: database.engine().name().to_owned(),
            file_name: database.name(),
            file: of_file(database),
            experiments,
        })
    }

    /// Why this cannot be an identity that was read from a manifest.
    pub fn check(&self) -> std::result::Result<(), String> {
        if self.experiments.len() > 2 * FROM_EACH_END {
            return Err(format!("the database has more than {} experiments", 2 * FROM_EACH_END));
        }
        Ok(())
    }

    /// Whether this is the identity of `database`.
    pub fn is_of(&self, database: &Database) -> Result<Known> {
        if self.engine != database.engine().name() {
            return Ok(Known::No);
        }
        if self.file.is_some() && self.file == of_file(database) {
            return Ok(Known::File);
        }
        if self.file_name != database.name() {
            return Ok(Known::No);
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
        Ok(if known { Known::Content } else { Known::No })
    }
}

fn quote_id(layout: &Layout) -> Result<String> {
    Ok(layout.entity(Entity::Experiment)?.quoted("id"))
}

/// Reads the fingerprints of the experiments that `which` selects.
fn read(
    connection: &dyn Connection,
    layout: &Layout,
    which: &str,
    params: &[Value],
    each: &mut dyn FnMut(Fingerprint),
) -> Result<()> {
    let table = layout.entity(Entity::Experiment)?;
    let columns: Vec<String> = COLUMNS.iter().map(|column| table.quoted(column)).collect();
    let sql = format!("SELECT {} FROM {} {which}", columns.join(", "), quote(&table.name));
    connection.query(&sql, params, &mut |row: &dyn Row| {
        if let Some(id) = row.value(0)?.as_integer() {
            let mut bytes = Vec::new();
            for index in 0..COLUMNS.len() {
                // As it stands, whatever the column is for.
                encode_value(row.value(index)?, None, &mut bytes);
            }
            each(Fingerprint { id, fingerprint: hash("expmig.experiment", &bytes) });
        }
        Ok(Next::Row)
    })
}
