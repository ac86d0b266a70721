//! The file for what the target has no place for: JSON lines, which appears when the import is done.

use std::path::Path;

use serde_json::{Value as Json, json};

use crate::error::{Domain, Result};
use crate::files::NewFile;

/// Such a file, while it is written.
pub struct Sidecar {
    file: NewFile,
}

impl Sidecar {
    /// Fails if there is a file of this name. Only the owner can read it, because experiments can be confidential.
    pub fn create(path: &Path) -> Result<Sidecar> {
        if path.symlink_metadata().is_ok() {
            return Err(crate::files::exists(Domain::ImportExport, path));
        }
        Ok(Sidecar { file: NewFile::create(Domain::ImportExport, path, 0o600)? })
    }

    /// Writes one line.
    pub fn add(&mut self, (source, run): (&str, Option<&str>), kind: &str, value: &Json) -> Result<()> {
        let line = json!({"schema": "expmig.sidecar/1", "source": source, "run_id": run, "kind": kind, "value": value});
        let mut text = line.to_string();
        text.push('\n');
        self.file.write(text.as_bytes())
    }

    /// Gives the file its name.
    pub fn publish(self) -> Result<()> {
        self.file.publish(false)
    }
}
