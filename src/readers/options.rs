//! The options of an import.

use std::path::PathBuf;

use crate::progress::{CancelToken, ProgressSink};

/// What to do if the target has an experiment of that name, which is another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NameTaken {
    /// Put " (2)" and so on behind the name.
    #[default]
    Suffix,
    /// Put the runs into the experiment that is there.
    Append,
}

/// What to do if the target has a run of that id, which is another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IdTaken {
    /// Fail; nothing is written.
    #[default]
    Error,
    /// Leave the run of the source out, and count it.
    Skip,
}

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
    pub name_taken: NameTaken,
    pub id_taken: IdTaken,
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
    /// The folder for the scratch database; `None` for the system's.
    pub temp_dir: Option<PathBuf>,
    pub progress: Option<ProgressSink>,
    pub cancel: Option<CancelToken>,
}

impl std::fmt::Debug for BringInOptions {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("BringInOptions").field("kind", &self.kind).finish_non_exhaustive()
    }
}
