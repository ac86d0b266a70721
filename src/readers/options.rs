//! The options of an import.

use std::path::PathBuf;

use super::zone::offset;
use crate::error::{Domain, Error, Result};
use crate::hierarchy::{OnConflict, OnName};
use crate::progress::{CancelToken, ProgressSink};

/// Which points of a TensorBoard log are brought in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// All of them.
    #[default]
    All,
    /// Those that TensorBoard's own server would show: after a restart, not the earlier ones that were written again.
    Server,
}

/// Options of bringing runs in.
#[derive(Default)]
pub struct BringInOptions {
    /// The name of the reader; `None` to find out from the files.
    pub kind: Option<String>,
    /// The name of the experiment, where the source has none of its own or another one is wanted.
    pub experiment: Option<String>,
    /// What becomes of a run whose id another run of the target has: an error, or it is left out and counted. A new id is refused: ids are kept.
    pub on_conflict: OnConflict,
    /// What becomes of the name of an experiment that another one of the target has.
    pub on_name: OnName,
    /// The user of runs that do not say one.
    pub user: Option<String>,
    /// Bring along the names of hosts, users, programs and paths, and console lines.
    pub with_machine: bool,
    /// A new file for what the target has no place for, as JSON lines.
    pub sidecar: Option<PathBuf>,
    /// Leave out what the target has no place for, where no file for it is given. Without this, it is an error.
    pub leave_out: bool,
    pub view: View,
    /// Take runs of which the source does not say that they have ended for ended, and not for running.
    pub ended: bool,
    /// Where the writer's clock was, of times that do not say it: `+09:00`, `-0330` or `UTC`. `None` for what the format means, or UTC.
    pub zone: Option<String>,
    /// The folder for the scratch database; `None` for the system's.
    pub temp_dir: Option<PathBuf>,
    pub progress: Option<ProgressSink>,
    pub cancel: Option<CancelToken>,
}

impl BringInOptions {
    /// Minutes east of Greenwich, if a zone is given.
    pub(super) fn offset(&self) -> Option<i64> {
        offset(self.zone.as_deref()?)
    }

    /// Fails if they ask for what is not done.
    pub fn check(&self) -> Result<()> {
        if let Some(zone) = self.zone.as_deref().filter(|zone| offset(zone).is_none()) {
            let message = format!("{zone:?} is no zone");
            return Err(Error::argument(Domain::ImportExport, "zone", message)
                .hint("give the hours and minutes east of Greenwich, as in +09:00 or -03:30, or UTC"));
        }
        if self.on_conflict != OnConflict::New {
            return Ok(());
        }
        let message =
            "runs that are brought in keep their ids, so that what names them stays right: none gets a new one";
        Err(Error::argument(Domain::ImportExport, "on_conflict", message)
            .hint("on_conflict = skip leaves out the runs whose ids the target has"))
    }
}

impl std::fmt::Debug for BringInOptions {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("BringInOptions").field("kind", &self.kind).finish_non_exhaustive()
    }
}
