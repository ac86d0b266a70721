//! Bringing runs in from the files of other trackers.

use std::borrow::Borrow;
use std::path::Path;

use super::{LogLevel, Manager};
use crate::database::Database;
use crate::error::Result;
use crate::readers::{self, BringInOptions, BringInResult};

impl<D: Borrow<Database>> Manager<D> {
    /// Brings the runs of a file or folder that another tracker wrote into this database (docs/bring-in.md), in one transaction. What is there already
    /// is left as it is, so that the call can be repeated.
    pub fn bring_in(&self, path: &Path, options: BringInOptions) -> Result<BringInResult> {
        // In the URL of a server there can be a password.
        let shown = if Database::is_on_a_server(&path.to_string_lossy()) { Path::new("a server") } else { path };
        self.log(LogLevel::Info, &|| format!("bringing runs in from {}", shown.display()));
        let brought = readers::bring_in(self.database(), path, options);
        for warning in brought.iter().flat_map(|done| &done.warnings) {
            self.log(LogLevel::Warning, &|| warning.clone());
        }
        self.logged("bring runs in", brought)
    }

    /// Says what [`Manager::bring_in`] would do. Writes nothing.
    pub fn bring_in_plan(&self, path: &Path, options: BringInOptions) -> Result<BringInResult> {
        self.logged("plan to bring runs in", readers::bring_in_plan(self.database(), path, options))
    }
}
