//! The snapshot folder: which files belong to an id, and listing its content.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::files::{io, look};
use super::id::Id;
use crate::error::{Domain, Error, Result, Status};

/// Where snapshots are, in the working directory, if nobody says otherwise.
pub const DEFAULT_FOLDER: &str = "snapshots";

/// The folder, by absolute path. It need not exist: then it has no snapshots.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

/// What the names in a folder say.
#[derive(Debug, Default)]
pub struct Names {
    /// Ids of which there is a database or a manifest.
    pub ids: BTreeSet<Id>,
    /// Ids that somebody is making or deleting, or was when it was cut off.
    pub unfinished: BTreeSet<Id>,
}

impl Folder {
    /// The folder at this path, `None` for the default one. Relative paths are those of this moment's working directory.
    pub fn at(path: Option<&Path>) -> Result<Folder> {
        let path = path.unwrap_or(Path::new(DEFAULT_FOLDER));
        if path.as_os_str().is_empty() {
            return Err(Error::argument(Domain::Snapshot, "snapshot_dir", "the path of the snapshot folder is empty"));
        }
        std::path::absolute(path).map(Folder).map_err(|error| io("the working directory cannot be read", path, &error))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The database of a snapshot.
    pub fn database(&self, id: &Id) -> PathBuf {
        self.0.join(format!("{id}.db"))
    }

    /// The manifest of a snapshot.
    pub fn manifest(&self, id: &Id) -> PathBuf {
        self.0.join(format!("{id}.json"))
    }

    /// What stands for the right to make or delete a snapshot.
    pub fn lock(&self, id: &Id) -> PathBuf {
        self.0.join(format!(".{id}.lock"))
    }

    /// The database before it counts.
    pub fn new_database(&self, id: &Id) -> PathBuf {
        self.0.join(format!(".{id}.db"))
    }

    /// The manifest before it counts.
    pub fn new_manifest(&self, id: &Id) -> PathBuf {
        self.0.join(format!(".{id}.json"))
    }

    /// What is there. Names that cannot be ours are passed over.
    pub fn names(&self) -> Result<Names> {
        let mut names = Names::default();
        let entries = match std::fs::read_dir(&self.0) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(names),
            Err(error) => return Err(io("the folder for snapshots cannot be read", &self.0, &error)),
        };
        for entry in entries {
            let entry = entry.map_err(|error| io("the folder for snapshots cannot be read", &self.0, &error))?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            let (hidden, shown) = (name.strip_prefix('.'), name);
            let Some((stem, extension)) = hidden.unwrap_or(shown).split_once('.') else { continue };
            let Some(id) = Id::new(stem) else { continue };
            match (hidden.is_some(), extension) {
                (false, "db" | "json") => names.ids.insert(id),
                (true, "db" | "json" | "lock") => names.unfinished.insert(id),
                _ => continue,
            };
        }
        Ok(names)
    }

    /// The snapshot that a caller asks for. There may be only a part of it.
    pub fn find(&self, asked: &str) -> Result<Id> {
        let (id, without_prefix) = Id::asked(asked)?;
        for candidate in [Some(&id), without_prefix.as_ref()].into_iter().flatten() {
            if look(&self.manifest(candidate))?.is_some() || look(&self.database(candidate))?.is_some() {
                return Ok(candidate.clone());
            }
        }
        Err(Error::new(Status::NotFound, Domain::Snapshot, format!("there is no snapshot {id}"))
            .detail("snapshot_id", &id)
            .at(&self.0)
            .hint("list the snapshots; a relative folder is that of the working directory when the manager was made"))
    }
}
