//! Writes a document to a file, which gets its name only when it is complete.

use std::path::Path;

use super::sink::Sink;
use crate::database::Database;
use crate::error::{Domain, Error, Result};
use crate::files::{NewFile, exists};

/// A file that appears when the document is complete.
pub struct FileSink {
    /// `None` when it has its name.
    file: Option<NewFile>,
    replace: bool,
}

impl FileSink {
    /// Begins the file for `path`, with the permissions `mode`. With `replace` another file of that name
    /// is replaced. The names of the files of `databases` are refused.
    pub fn create(path: &Path, mode: u32, replace: bool, databases: &[&Database]) -> Result<FileSink> {
        let domain = Domain::ImportExport;
        let argument =
            |name, message: &str, hint: &str| Err(Error::argument(domain, name, message).at(path).hint(hint));
        if mode & !0o777 != 0 {
            return argument(
                "file_mode",
                "the permissions are not within 0777",
                "0600 is for the owner alone, 0644 for all to read",
            );
        }
        if databases.iter().any(|database| database.has_file(path)) {
            return argument("path", "this is a file of the database itself", "give the document a name of its own");
        }
        if let Ok(there) = std::fs::symlink_metadata(path) {
            if !replace {
                return Err(exists(domain, path));
            }
            if !there.is_file() {
                return argument("path", "only a plain file can be replaced", "give the document another name");
            }
        }
        Ok(FileSink { file: Some(NewFile::create(domain, path, mode)?), replace })
    }
}

impl Sink for FileSink {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.file {
            Some(file) => file.write(bytes),
            None => Err(Error::internal(Domain::ImportExport, "a document after its end")),
        }
    }

    fn finish(&mut self) -> Result<()> {
        match self.file.take() {
            Some(file) => file.publish(self.replace),
            None => Ok(()),
        }
    }
}
