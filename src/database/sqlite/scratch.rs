//! A database of our own for as long as a job lasts, with the tables of another, into which rows are put together before they go there.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::database::handle::Database;
use crate::database::layout::Layout;
use crate::database::options::OpenOptions;
use crate::error::{Domain, Error, Result};
use crate::files::hidden_name;
use crate::process::Process;
use crate::schema::{Table, quote};
use crate::spill::temporary;

/// What stands before the name of a table that is to hold what the other database has.
pub const THERE: &str = "there_";
/// The same of a table with the rows that are to replace some of these.
pub const CHANGED: &str = "changed_";

/// Such a database. Its file is in a folder that only this user can enter, and both are deleted when this is dropped.
pub struct Scratch {
    /// Closed before its file is deleted.
    database: Option<Database>,
    folder: PathBuf,
    process: Process,
}

/// The statement that makes a table like one of another database, with the columns that that one has.
fn create(like: &Layout, schema: &Table, prefix: &str, with_key: bool) -> Option<String> {
    let table = like.table(schema.name)?;
    let known = schema.columns.iter().filter(|column| table.position(column.name).is_some());
    let mut parts: Vec<String> = known.map(|column| format!("{} {}", quote(column.name), column.sqlite)).collect();
    if with_key && !schema.primary_key.is_empty() {
        let key: Vec<String> = schema.primary_key.iter().map(|name| quote(name)).collect();
        parts.push(format!("PRIMARY KEY ({})", key.join(", ")));
    }
    Some(format!("CREATE TABLE {} ({});\n", quote(&format!("{prefix}{}", schema.name)), parts.join(", ")))
}

impl Scratch {
    /// A database with the tables of `like`, empty but for the version. The tables in `unkeyed` take equal rows, too. Beside each stand two with
    /// the same columns: [`THERE`] and [`CHANGED`].
    pub fn create(like: &Layout, version: Option<&str>, unkeyed: &[&str], temp_dir: Option<&Path>) -> Result<Scratch> {
        let folder = hidden_name(&temporary::folder(temp_dir).join("staging"));
        let cannot = |error: &std::io::Error| {
            Error::from_io(Domain::Database, "no folder for what is brought in can be made", &folder, error)
                .hint("make room there, or set TMPDIR to a folder with more room")
        };
        std::fs::DirBuilder::new().mode(0o700).create(&folder).map_err(|error| cannot(&error))?;
        let mut scratch = Scratch { database: None, folder: folder.clone(), process: Process::current() };
        let path = folder.join("staging.db");
        let mut script = String::from("PRAGMA page_size = 8192;\n");
        for schema in like.family.tables {
            let keyed = !unkeyed.contains(&schema.name);
            script.extend(create(like, schema, "", keyed));
            script.extend(create(like, schema, THERE, true));
            script.extend(create(like, schema, CHANGED, true));
        }
        let made = rusqlite::Connection::open(&path).and_then(|connection| {
            connection.execute_batch(&script)?;
            if let (Some(marker), Some(version)) = (&like.family.marker, version) {
                let sql = format!("INSERT INTO {} ({}) VALUES (?1)", quote(marker.table), quote(marker.column));
                connection.execute(&sql, [version])?;
            }
            Ok(())
        });
        made.map_err(temporary::failed)?;
        let options = OpenOptions { max_read_lock: None, ..OpenOptions::default() };
        scratch.database = Some(Database::open(&path.to_string_lossy(), options)?);
        Ok(scratch)
    }

    /// The database.
    pub fn database(&self) -> Result<&Database> {
        self.database.as_ref().ok_or_else(|| Error::internal(Domain::Database, "the scratch database is closed"))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.database = None;
        // In a child after a fork it is the parent's, which goes on with it.
        if self.process.is_current() {
            // What cannot be deleted is in a folder for temporary files, and in nobody's way.
            let _stays = std::fs::remove_dir_all(&self.folder);
        }
    }
}
