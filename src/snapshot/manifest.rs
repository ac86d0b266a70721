//! The manifest: what a snapshot says about itself. docs/snapshot-manifest.schema.json is its schema.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::files::{corrupt, read_at_most};
use super::folder::Folder;
use super::id::Id;
use super::identity::Identity;
use crate::error::{Domain, Error, Result, Status};
use crate::values::{json, parse_timestamp};

/// The format that this version writes and reads.
const FORMAT: &str = "expmig.snapshot-manifest/";
const VERSION: u64 = 1;
/// The largest description and the largest metadata, in bytes; the largest manifest holds both, whatever has to be escaped.
pub const MOST_DESCRIPTION: usize = 64 * 1024;
pub const MOST_METADATA: usize = 1024 * 1024;
const MOST_MANIFEST: u64 = 4 * 1024 * 1024;

/// A snapshot, as its manifest describes it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    schema: String,
    pub id: String,
    /// ISO 8601 with microseconds, UTC.
    pub created_at: String,
    pub description: String,
    /// A JSON object of the caller's, as text.
    pub metadata: Box<RawValue>,
    pub statistics: Statistics,
    /// The identity of the database that it was made of.
    pub database: Identity,
    /// The size of the snapshot's file in bytes.
    pub size: u64,
    /// The BLAKE3 of the snapshot's file, in hexadecimal.
    pub blake3: String,
    /// The version of the library that made it.
    pub expmig_version: String,
}

/// How many rows a snapshot has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statistics {
    /// Rows per table that the schema knows, junctions included.
    pub tables: BTreeMap<String, u64>,
    /// Rows of all these tables.
    pub rows: u64,
}

/// The part that every version has.
#[derive(Deserialize)]
struct Format {
    schema: String,
}

/// A description and metadata that fit a manifest; no metadata are `{}`.
pub fn check_request(description: &str, metadata: Option<&str>) -> Result<Box<RawValue>> {
    let argument = |name, message: String| Err(Error::argument(Domain::Snapshot, name, message));
    if description.len() > MOST_DESCRIPTION {
        return argument("description", format!("the description has more than {MOST_DESCRIPTION} bytes"));
    }
    let metadata = metadata.unwrap_or("{}");
    if metadata.len() > MOST_METADATA {
        return argument("metadata_json", format!("the metadata has more than {MOST_METADATA} bytes"));
    }
    match checked_metadata(metadata) {
        Ok(raw) => Ok(raw),
        Err(reason) => argument("metadata_json", format!("the metadata is not a JSON object: {reason}")),
    }
}

fn checked_metadata(text: &str) -> std::result::Result<Box<RawValue>, String> {
    if !text.trim_start().starts_with('{') {
        return Err("it does not begin with {".to_owned());
    }
    if let Err(error) = json::canonicalize(text.as_bytes(), &mut Vec::new()) {
        return Err(format!("byte {}: {}", error.offset, error.reason));
    }
    serde_json::from_str(text).map_err(|error| error.to_string())
}

impl Snapshot {
    /// What a new snapshot says about itself.
    pub(super) fn new(
        id: &Id,
        created_at: DateTime<Utc>,
        (description, metadata): (&str, Box<RawValue>),
        (database, statistics): (Identity, Statistics),
        (size, blake3): (u64, String),
    ) -> Snapshot {
        Snapshot {
            schema: format!("{FORMAT}{VERSION}"),
            id: id.to_string(),
            created_at: created_at.to_rfc3339_opts(SecondsFormat::Micros, true),
            description: description.to_owned(),
            metadata,
            statistics,
            database,
            size,
            blake3,
            expmig_version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// The manifest's text.
    pub(super) fn to_text(&self) -> Result<Vec<u8>> {
        let mut text = serde_json::to_vec_pretty(self)
            .map_err(|error| Error::internal(Domain::Snapshot, format!("the manifest cannot be written: {error}")))?;
        text.push(b'\n');
        Ok(text)
    }

    /// Reads a manifest, and believes nothing that can be checked here.
    pub(super) fn read(folder: &Folder, id: &Id) -> Result<Snapshot> {
        let path = folder.manifest(id);
        let text = read_at_most(&path, MOST_MANIFEST)?;
        let broken = |reason: String| corrupt(format!("the manifest is damaged: {reason}"), &path);
        let format: Format = serde_json::from_slice(&text).map_err(|error| broken(error.to_string()))?;
        match format.schema.strip_prefix(FORMAT).and_then(|version| version.parse::<u64>().ok()) {
            Some(VERSION) => {}
            Some(newer) if newer > VERSION => {
                let message = format!("the manifest has format {newer}; this version reads {VERSION}");
                return Err(Error::new(Status::Unsupported, Domain::Snapshot, message)
                    .at(path)
                    .hint("use a newer version of the library"));
            }
            _ => return Err(broken(format!("{:?} is not its format", format.schema))),
        }
        let snapshot: Snapshot = serde_json::from_slice(&text).map_err(|error| broken(error.to_string()))?;
        if snapshot.id != id.as_str() {
            return Err(broken(format!("it is of {:?}", snapshot.id)));
        }
        if snapshot.created_us().is_none() {
            return Err(broken(format!("{:?} is not a time", snapshot.created_at)));
        }
        let is_hash = |text: &str| text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if !is_hash(&snapshot.blake3) {
            return Err(broken("blake3 is not a hash".to_owned()));
        }
        if snapshot.description.len() > MOST_DESCRIPTION {
            return Err(broken("the description is too long".to_owned()));
        }
        checked_metadata(snapshot.metadata.get()).map_err(|reason| broken(format!("metadata: {reason}")))?;
        snapshot.database.check().map_err(broken)?;
        Ok(snapshot)
    }

    /// When it was made: microseconds since 1970, UTC.
    pub fn created_us(&self) -> Option<i64> {
        parse_timestamp(self.created_at.strip_suffix('Z')?.as_bytes())
    }
}
