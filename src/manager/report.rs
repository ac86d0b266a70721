//! Experiments as one HTML page.

use std::borrow::Borrow;
use std::io::Write;
use std::path::Path;

use super::{FileOptions, LogLevel, Manager};
use crate::database::Database;
use crate::error::Result;
use crate::exchange::{CallbackSink, FileSink, Sink, WriteSink};
use crate::progress::Flow;
use crate::report::{self, ReportOptions, ReportResult, Subject};

impl<D: Borrow<Database>> Manager<D> {
    fn report_into(
        experiments: &[(&Manager<D>, i64)],
        sink: &mut dyn Sink,
        options: ReportOptions,
    ) -> Result<ReportResult> {
        let mut checks: Vec<_> = experiments.iter().map(|(manager, _)| manager.run_checks()).collect();
        let subjects = experiments.iter().zip(&mut checks).map(|((manager, experiment), checks)| Subject {
            database: manager.database(),
            experiment: *experiment,
            checks,
        });
        let made = report::report(subjects.collect(), options, sink);
        let Some((first, _)) = experiments.first() else { return made };
        if let Ok(done) = &made {
            for ((manager, _), one) in experiments.iter().zip(&done.experiments) {
                for note in &one.notes {
                    manager.log(LogLevel::Warning, &|| format!("experiment {}: {note}", one.experiment_id));
                }
            }
        }
        first.logged("report", made)
    }

    /// Writes a page of these experiments, each of its manager's database (docs/report.md): one HTML file that needs nothing else. Of two
    /// experiments it also says where they first differ. Reads only. After a failure, what was written is no page.
    pub fn report(
        experiments: &[(&Manager<D>, i64)],
        out: &mut dyn Write,
        options: ReportOptions,
    ) -> Result<ReportResult> {
        Manager::report_into(experiments, &mut WriteSink(out), options)
    }

    /// As [`Manager::report`], piece by piece, each of which may be the last.
    pub fn report_pieces(
        experiments: &[(&Manager<D>, i64)],
        take: &mut dyn FnMut(&[u8]) -> Flow,
        options: ReportOptions,
    ) -> Result<ReportResult> {
        Manager::report_into(experiments, &mut CallbackSink(take), options)
    }

    /// As [`Manager::report`], into a file, which appears when it is complete.
    pub fn report_to_file(
        experiments: &[(&Manager<D>, i64)],
        path: &Path,
        file: FileOptions,
        options: ReportOptions,
    ) -> Result<ReportResult> {
        let databases: Vec<&Database> = experiments.iter().map(|(manager, _)| manager.database()).collect();
        let mut sink = FileSink::create(path, file.mode, file.replace, &databases)?;
        Manager::report_into(experiments, &mut sink, options)
    }
}
