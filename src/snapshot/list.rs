//! Lists snapshots.

use std::cmp::Reverse;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value as Json;
use serde_json::value::RawValue;

use super::files::look;
use super::folder::Folder;
use super::id::Id;
use super::manifest::{Snapshot, Statistics};
use super::verify::{find, open};
use crate::database::Glob;
use crate::error::{Domain, Error, Result};

/// A snapshot that cannot be used as it is.
#[derive(Clone, Debug)]
pub struct Broken {
    pub id: String,
    pub error: Arc<Error>,
}

/// The snapshots of a folder.
#[derive(Clone, Debug, Default)]
pub struct SnapshotList {
    /// The newest first.
    pub snapshots: Vec<Snapshot>,
    /// Snapshots that cannot be used, by id, whatever `since` and `pattern` are.
    pub broken: Vec<Broken>,
}

/// The snapshots that were made at `since` (microseconds since 1970, UTC) or later, and of which the id or the description matches
/// the glob `pattern`. Reads manifests and sizes, no databases.
pub fn list(folder: &Folder, since: Option<i64>, pattern: Option<&str>) -> Result<SnapshotList> {
    let glob = pattern.map(|pattern| Glob::new(pattern, Domain::Snapshot)).transpose()?;
    let mut found = SnapshotList::default();
    for id in folder.names()?.ids {
        match open(folder, &id) {
            Ok(opened) => found.snapshots.push(opened.snapshot),
            Err(_) if is_passing(folder, &id) => {}
            Err(error) => found.broken.push(Broken { id: id.to_string(), error: Arc::new(error) }),
        }
    }
    let mut kept = Vec::with_capacity(found.snapshots.len());
    for snapshot in found.snapshots {
        let late_enough = since.is_none_or(|since| snapshot.created_us().is_some_and(|created| created >= since));
        let wanted = match &glob {
            Some(glob) => glob.matches(&snapshot.id)? || glob.matches(&snapshot.description)?,
            None => true,
        };
        if late_enough && wanted {
            kept.push(snapshot);
        }
    }
    kept.sort_by_cached_key(|snapshot| Reverse((snapshot.created_us(), snapshot.id.clone())));
    found.snapshots = kept;
    Ok(found)
}

/// Whether a part of a snapshot is on its way to be whole or to be gone.
fn is_passing(folder: &Folder, id: &Id) -> bool {
    let there = |path: PathBuf| matches!(look(&path), Ok(Some(_)));
    there(folder.lock(id)) || !(there(folder.manifest(id)) || there(folder.database(id)))
}

/// One snapshot, by what a caller asks for.
pub fn details(folder: &Folder, asked: &str) -> Result<Snapshot> {
    Ok(find(folder, asked)?.snapshot)
}

impl SnapshotList {
    /// Schema `expmig.snapshots/1`.
    pub fn to_json(&self) -> Result<String> {
        let broken = self.broken.iter().map(|broken| BrokenEntry { id: &broken.id, error: broken.error.to_json() });
        text(&Document {
            schema: "expmig.snapshots/1",
            snapshots: self.snapshots.iter().map(|snapshot| entry(snapshot, None)).collect(),
            broken: broken.collect(),
        })
    }
}

impl Snapshot {
    /// Schema `expmig.snapshot/1`.
    pub fn to_json(&self) -> Result<String> {
        text(&entry(self, Some("expmig.snapshot/1")))
    }
}

/// Not by way of a JSON value, which would spell the numbers of the caller's metadata anew.
fn text(document: &impl Serialize) -> Result<String> {
    serde_json::to_string(document).map_err(|error| Error::internal(Domain::Snapshot, format!("no JSON: {error}")))
}

fn entry<'a>(snapshot: &'a Snapshot, schema: Option<&'static str>) -> Entry<'a> {
    Entry {
        schema,
        id: &snapshot.id,
        snapshot_id: &snapshot.id,
        created_at: &snapshot.created_at,
        description: &snapshot.description,
        metadata: &snapshot.metadata,
        statistics: &snapshot.statistics,
        database: DatabaseEntry { engine: &snapshot.database.engine, file_name: &snapshot.database.file_name },
        size: snapshot.size,
        blake3: &snapshot.blake3,
        expmig_version: &snapshot.expmig_version,
    }
}

/// A snapshot in a document.
#[derive(Serialize)]
struct Entry<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<&'static str>,
    id: &'a str,
    snapshot_id: &'a str,
    created_at: &'a str,
    description: &'a str,
    metadata: &'a RawValue,
    statistics: &'a Statistics,
    database: DatabaseEntry<'a>,
    size: u64,
    blake3: &'a str,
    expmig_version: &'a str,
}

#[derive(Serialize)]
struct DatabaseEntry<'a> {
    engine: &'a str,
    file_name: &'a str,
}

#[derive(Serialize)]
struct BrokenEntry<'a> {
    id: &'a str,
    error: Json,
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    snapshots: Vec<Entry<'a>>,
    broken: Vec<BrokenEntry<'a>>,
}
