//! Makes a snapshot: copies, reads back, checks and counts, and writes the manifest last.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek};
use std::path::Path;
use std::sync::Arc;

use chrono::Utc;
use serde_json::value::RawValue;

use super::files::{create_folder, create_new, io, open_folder, remove, rename_new, write_new};
use super::folder::Folder;
use super::id::Id;
use super::identity::Identity;
use super::manifest::{Snapshot, Statistics, check_request};
use super::pages::{Counting, Pages};
use super::reservation::{Reservation, sweep};
use super::rows;
use crate::database::{Connection, Database, Depth, Layout, RowCounts, Watches, open_copy};
use crate::digest::hex;
use crate::error::{Domain, Error, Result, Status};
use crate::progress::Job;
use crate::schema::quote;

/// How much is read at once.
const BUFFER: usize = 256 * 1024;
/// Items are counted in pages of this size when a file is read.
const PAGE: u64 = 4096;
/// How many snapshots there can be in one second.
const MOST_IN_A_SECOND: u32 = 10_000;

/// What a caller says about a new snapshot.
#[derive(Clone, Debug)]
pub struct Request {
    description: String,
    metadata: Box<RawValue>,
}

impl Request {
    /// `metadata` is the text of a JSON object; `None` for an empty one.
    pub fn new(description: &str, metadata: Option<&str>) -> Result<Request> {
        let metadata = check_request(description, metadata)?;
        Ok(Request { description: description.to_owned(), metadata })
    }
}

/// Makes a snapshot of `database`. Reads through its connection for reading, so the caller may hold a transaction on the one for
/// writing, as long as it has written nothing.
pub fn create(
    database: &Database,
    folder: &Folder,
    request: &Request,
    job: &Arc<Job>,
    counting: Counting,
) -> Result<Snapshot> {
    job.begin("preparing the snapshot")?;
    create_folder(folder.path())?;
    sweep(folder)?;
    let reader = database.reader()?;
    let _watches = Watches::new(job, [reader, reader]);
    let reservation = reserve(folder)?;
    let copy = folder.new_database(reservation.id());
    let file = create_new(&copy).map_err(|error| io("the snapshot cannot be created", &copy, &error))?;
    let mut pages = Pages::new(job, counting, 2);
    job.begin("copying the database")?;
    let mut copied = |done, total| pages.at(done, total);
    match database.capabilities().whole_files {
        true => reader.copy_into(&copy, &mut copied)?,
        false => rows::copy_out(reader, &copy, &mut copied)?,
    }
    pages.next("reading the copy back")?;
    let (size, blake3) = checksum(&file, &copy, &mut pages)?;
    job.begin("checking the copy")?;
    let (identity, statistics) =
        examine(&copy, Depth::Structure, job, Some(database)).map_err(|error| damaged(error, database))?;
    let identity = identity.ok_or_else(|| Error::internal(Domain::Snapshot, "a snapshot without an identity"))?;
    job.begin("writing the snapshot to the device")?;
    file.sync_all().map_err(|error| io("the snapshot cannot be flushed", &copy, &error))?;
    job.check()?;
    database.refuse_replaced()?;
    let about = (request.description.as_str(), request.metadata.clone());
    let snapshot = Snapshot::new(reservation.id(), Utc::now(), about, (identity, statistics), (size, blake3));
    publish(folder, reservation.id(), &snapshot)?;
    pages.finish();
    Ok(snapshot)
}

/// The copy is as the database is.
fn damaged(cause: Error, database: &Database) -> Error {
    if cause.status() != Status::Corrupt {
        return cause;
    }
    let error = Error::new(Status::Corrupt, Domain::Snapshot, "the database is damaged, so no snapshot was made of it");
    database
        .name_in(error)
        .hint("run PRAGMA integrity_check in the sqlite3 shell; restore a snapshot from before the damage")
        .caused_by(cause)
}

/// An id of this second that nobody has.
fn reserve(folder: &Folder) -> Result<Reservation<'_>> {
    let now = Utc::now();
    for nth in 1..=MOST_IN_A_SECOND {
        if let Some(reservation) = Reservation::take_new(folder, &Id::at(now, nth))? {
            return Ok(reservation);
        }
    }
    Err(Error::new(Status::Limit, Domain::Snapshot, format!("there are {MOST_IN_A_SECOND} snapshots of this second"))
        .at(folder.path())
        .hint("try again in a second"))
}

/// The size and the BLAKE3 of a file, from its beginning.
pub fn checksum(mut file: &File, path: &Path, pages: &mut Pages<'_>) -> Result<(u64, String)> {
    let failed = |error| io("the snapshot cannot be read", path, &error);
    let total = file.metadata().map_err(failed)?.len().div_ceil(PAGE);
    file.rewind().map_err(failed)?;
    let (mut hasher, mut size) = (blake3::Hasher::new(), 0);
    let mut buffer = vec![0; BUFFER];
    loop {
        let read = match file.read(&mut buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            read => read.map_err(failed)?,
        };
        if read == 0 {
            return Ok((size, hex(hasher.finalize().as_bytes())));
        }
        hasher.update(buffer.get(..read).unwrap_or_default());
        size += read as u64;
        pages.at(size.div_ceil(PAGE), total)?;
    }
}

/// Checks the file, and reads what the manifest says of its content. The identity is that of `database`, if there is one.
pub fn examine(
    copy: &Path,
    depth: Depth,
    job: &Arc<Job>,
    database: Option<&Database>,
) -> Result<(Option<Identity>, Statistics)> {
    let connection = open_copy(copy)?;
    connection.watch(Some(Arc::clone(job)));
    let counted = connection.check_integrity(depth)?;
    let layout = connection.layout()?;
    let statistics = count(connection.as_ref(), &layout, &counted)?;
    let identity = database.map(|database| Identity::of(database, connection.as_ref(), &layout)).transpose()?;
    Ok((identity, statistics))
}

fn count(connection: &dyn Connection, layout: &Layout, counted: &RowCounts) -> Result<Statistics> {
    let mut statistics = Statistics::default();
    for table in &layout.tables {
        let rows = match counted.get(&table.name) {
            Some(rows) => *rows,
            None => {
                let sql = format!("SELECT count(*) FROM {}", quote(&table.name));
                connection.query_integer(&sql, &[])?.and_then(|rows| u64::try_from(rows).ok()).unwrap_or(0)
            }
        };
        statistics.rows += rows;
        statistics.tables.insert(table.schema.name.to_owned(), rows);
    }
    Ok(statistics)
}

/// Gives the files their names, the manifest last.
fn publish(folder: &Folder, id: &Id, snapshot: &Snapshot) -> Result<()> {
    let names = open_folder(folder.path())?;
    rename_new(&folder.new_database(id), &folder.database(id))?;
    names.sync()?;
    let manifest = folder.new_manifest(id);
    write_new(&manifest, &snapshot.to_text()?)?;
    rename_new(&manifest, &folder.manifest(id))?;
    let Err(error) = names.sync() else { return Ok(()) };
    // It may not last, so it must not count. The reservation deletes the rest.
    match remove(&folder.manifest(id)) {
        Ok(()) => Err(error),
        Err(_) => names.settle("the snapshot is made").map_err(|error| error.detail("snapshot_id", id)),
    }
}
