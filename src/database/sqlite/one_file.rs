//! Makes sure that a handle always uses the same file.
//!
//! A path can come to name another file: one that was renamed over it, a new file, or the target of a changed symbolic link. A descriptor that is
//! open stays with the old file, but the next open would use the new one. So a handle remembers which file it opened first, and refuses to read or
//! write once the path names another file. Changes in place are allowed, unless the handle reads a copy.

use std::fs::Metadata;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::still::Still;
use crate::database::file_id::{FileId, id_of};
use crate::error::{Domain, Error, Result, Status};

/// The file that a path named when it was opened.
#[derive(Clone, Debug)]
pub struct OneFile {
    path: PathBuf,
    id: FileId,
    /// As it was when it was copied, if the copy is read in its place.
    copied: Option<Still>,
}

impl OneFile {
    /// The file that was found at a path.
    pub fn new(path: &Path, found: &Metadata) -> OneFile {
        OneFile { path: path.to_owned(), id: id_of(found), copied: None }
    }

    /// The file that was opened by a path, as the guard saw it.
    pub fn opened(path: &Path, id: Option<FileId>) -> Result<OneFile> {
        match id {
            Some(id) => Ok(OneFile { path: path.to_owned(), id, copied: None }),
            None => Err(replaced(path)),
        }
    }

    /// The file, of which a copy is read that was made when it was like this.
    pub fn copied(&self, still: Still) -> OneFile {
        OneFile { copied: Some(still), ..self.clone() }
    }

    /// Whether a copy is read in its place.
    pub fn is_copied(&self) -> bool {
        self.copied.is_some()
    }

    /// Which file it is.
    pub fn id(&self) -> FileId {
        self.id
    }

    /// Fails if the path names another file now, or none, or one that is no longer as its copy. Opens nothing.
    pub fn check(&self) -> Result<()> {
        match std::fs::metadata(&self.path) {
            Ok(now) if id_of(&now) == self.id => {}
            Ok(_) => return Err(replaced(&self.path)),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Err(refusal("the database's file was moved or deleted since it was opened", &self.path));
            }
            Err(error) => {
                return Err(Error::from_io(Domain::Database, "the path cannot be looked at", &self.path, &error));
            }
        }
        match &self.copied {
            Some(copied) if *copied != Still::look(&self.path)? => {
                Err(refusal("the database was changed since it was opened, and was read from a copy", &self.path))
            }
            _ => Ok(()),
        }
    }

    /// Whether both are one file, by whatever paths.
    pub fn is(&self, other: &OneFile) -> bool {
        self.id == other.id
    }
}

/// The path names another file than the one that is open.
pub fn replaced(path: &Path) -> Error {
    refusal("the file was replaced since it was opened: its path names another file now", path)
}

fn refusal(message: &str, path: &Path) -> Error {
    Error::new(Status::Mismatch, Domain::Database, message)
        .at(path)
        .hint("open it again; this call has changed nothing")
}
