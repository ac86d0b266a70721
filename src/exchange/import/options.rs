//! The options of an import.

use crate::digest::OnDuplicate;
use crate::error::{Domain, Error, Result, Status};
use crate::hierarchy::TextKeyOptions;
use crate::progress::{CancelToken, ProgressSink};

/// What a caller can ask of an import.
pub struct ImportOptions {
    /// Give every row the id that it has in the document. Fails if one is taken.
    pub preserve_ids: bool,
    /// Refuse values that are not what their columns are for: timestamps, numbers, per-label values. The structure of the document
    /// is checked in any case.
    pub validate_before_import: bool,
    pub on_duplicate: OnDuplicate,
    /// Add the extra columns that the target's tables lack. In a database that this handle created they always are.
    pub add_columns: bool,
    /// Let values be changed, or left out with the columns that they are of, where the target cannot hold them. They are counted and
    /// listed. So are links to rows that the document does not have: they become NULL, or their rows are left out with all that hangs on
    /// them where the target refuses NULL.
    pub allow_lossy: bool,
    /// Import what a document of the older command-line tool has. Such a document does not say what its metrics belong to, so they are
    /// linked to nothing. By default it is refused.
    pub allow_unlinked: bool,
    /// For a store whose tracker chooses the keys.
    pub text_keys: TextKeyOptions,
    /// The same: append to this experiment instead of making one.
    pub target_experiment: Option<i64>,
    /// The maximum number of bytes of a single value, as it is written in the document. More than 0.
    pub max_value_bytes: usize,
    pub progress: Option<ProgressSink>,
    pub cancel: Option<CancelToken>,
}

impl Default for ImportOptions {
    fn default() -> ImportOptions {
        ImportOptions {
            preserve_ids: false,
            validate_before_import: true,
            on_duplicate: OnDuplicate::default(),
            add_columns: false,
            allow_lossy: false,
            allow_unlinked: false,
            text_keys: TextKeyOptions::default(),
            target_experiment: None,
            max_value_bytes: 64 << 20,
            progress: None,
            cancel: None,
        }
    }
}

impl std::fmt::Debug for ImportOptions {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("ImportOptions")
            .field("preserve_ids", &self.preserve_ids)
            .field("validate_before_import", &self.validate_before_import)
            .field("on_duplicate", &self.on_duplicate)
            .finish_non_exhaustive()
    }
}

impl ImportOptions {
    /// Fails on what can be refused without looking at a document.
    pub fn check(&self) -> Result<()> {
        if self.max_value_bytes == 0 {
            return Err(Error::argument(Domain::ImportExport, "max_value_bytes", "max_value_bytes must be at least 1")
                .hint("leave it at its default of 64 MiB"));
        }
        Ok(())
    }

    /// Fails where an experiment to append to was given for a database of a family that cannot do that.
    pub fn refuse_target(&self, tracker: &str) -> Result<()> {
        if self.target_experiment.is_none() {
            return Ok(());
        }
        let message = format!("a document cannot be appended to an experiment of {tracker}");
        Err(Error::new(Status::Unsupported, Domain::ImportExport, message)
            .detail("parameter", "target_experiment_id")
            .hint("import it, and migrate the experiment into the other one"))
    }
}
