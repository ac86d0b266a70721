//! The options of an export.

use std::fmt;

use crate::error::{Domain, Error, Result, Status};
use crate::exchange::names::FORMAT_JSON;
use crate::progress::{CancelToken, ProgressSink};

/// The most spaces of one level.
const MOST_INDENT: u32 = 16;

/// What a caller can ask of an export.
pub struct ExportOptions {
    /// Metrics, and the epochs, batches and results on which they hang.
    pub include_metrics: bool,
    /// Artifacts. Without metrics they bring the epochs, batches and results on which they hang.
    pub include_artifacts: bool,
    /// Spaces per level; 0 for one line.
    pub indent: u32,
    /// How the document is written: "json", which is all there is; `None` for that.
    pub format: Option<String>,
    /// Leave out unsound rows, and say so in the document, instead of failing.
    pub skip_unsound: bool,
    pub progress: Option<ProgressSink>,
    pub cancel: Option<CancelToken>,
}

impl Default for ExportOptions {
    fn default() -> ExportOptions {
        ExportOptions {
            include_metrics: true,
            include_artifacts: true,
            indent: 0,
            format: None,
            skip_unsound: false,
            progress: None,
            cancel: None,
        }
    }
}

impl fmt::Debug for ExportOptions {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ExportOptions")
            .field("include_metrics", &self.include_metrics)
            .field("include_artifacts", &self.include_artifacts)
            .field("indent", &self.indent)
            .field("skip_unsound", &self.skip_unsound)
            .finish_non_exhaustive()
    }
}

impl ExportOptions {
    /// Fails on what cannot be.
    pub(super) fn check(&self) -> Result<()> {
        let domain = Domain::ImportExport;
        if let Some(other) = self.format.as_deref().filter(|format| *format != FORMAT_JSON) {
            return Err(Error::new(Status::Unsupported, domain, format!("there is no format {other:?}"))
                .detail("parameter", "format")
                .detail("format", other)
                .hint(format!("the format that exists is {FORMAT_JSON:?}")));
        }
        if self.indent > MOST_INDENT {
            let message = format!("{} is more than {MOST_INDENT} spaces", self.indent);
            return Err(Error::argument(domain, "indent", message).hint("0 writes everything in one line"));
        }
        Ok(())
    }
}
