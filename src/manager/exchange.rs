//! Exporting and importing experiments as documents.

use std::borrow::Borrow;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;

use super::{LogLevel, Manager};
use crate::database::{Database, Losses};
use crate::error::{Domain, Error, Result};
use crate::exchange::{
    self, CallbackSink, ExportOptions, ExportResult, FileSink, ImportOptions, ImportResult, Sink, WriteSink,
};
use crate::migration::{self, ManagerServices, MigrateOptions};
use crate::progress::{Flow, Job};

/// Options of a new file.
#[derive(Clone, Copy, Debug)]
pub struct FileOptions {
    /// Replace a file of that name.
    pub replace: bool,
    /// The permissions of the file, at most 0o777. By default only the owner can read and write it, because experiments can be
    /// confidential.
    pub mode: u32,
}

impl Default for FileOptions {
    fn default() -> FileOptions {
        FileOptions { replace: false, mode: 0o600 }
    }
}

impl<D: Borrow<Database>> Manager<D> {
    fn export_into(&self, experiment: i64, sink: &mut dyn Sink, options: ExportOptions) -> Result<ExportResult> {
        self.log(LogLevel::Info, &|| format!("exporting experiment {experiment}"));
        let exported = exchange::export(self.database(), experiment, options, sink);
        if let Ok(done) = &exported
            && !done.left_out.is_empty()
        {
            let rows: u64 = done.left_out.iter().map(|(_, rows)| rows).sum();
            self.log(LogLevel::Warning, &|| format!("{rows} rows were left out"));
        }
        for table in exported.iter().flat_map(|done| &done.unsteady) {
            self.log(LogLevel::Warning, &|| table.warning("the document"));
        }
        self.logged("export experiment", exported)
    }

    /// Writes an experiment and everything below it as a document (docs/export-format.md). After a failure, the text that was written is
    /// not a complete document.
    pub fn export_experiment(
        &self,
        experiment: i64,
        out: &mut dyn Write,
        options: ExportOptions,
    ) -> Result<ExportResult> {
        self.export_into(experiment, &mut WriteSink(out), options)
    }

    /// Like [`Manager::export_experiment`], but hands the document over in pieces. The callback can stop the export at every piece.
    pub fn export_pieces(
        &self,
        experiment: i64,
        take: &mut dyn FnMut(&[u8]) -> Flow,
        options: ExportOptions,
    ) -> Result<ExportResult> {
        self.export_into(experiment, &mut CallbackSink(take), options)
    }

    /// Like [`Manager::export_experiment`], but into a file, which appears only when it is complete.
    pub fn export_to_file(
        &self,
        experiment: i64,
        path: &Path,
        file: FileOptions,
        options: ExportOptions,
    ) -> Result<ExportResult> {
        let mut sink = FileSink::create(path, file.mode, file.replace, &[self.database()])?;
        self.export_into(experiment, &mut sink, options)
    }

    /// Like [`Manager::export_experiment`], but returns the document as text.
    pub fn export_to_string(&self, experiment: i64, options: ExportOptions) -> Result<String> {
        let mut bytes: Vec<u8> = Vec::new();
        self.export_into(experiment, &mut bytes, options)?;
        String::from_utf8(bytes).map_err(|_| Error::internal(Domain::ImportExport, "the document is not UTF-8"))
    }

    /// Imports a document whose rows are put together in a scratch database, from which they are copied as any experiment is.
    fn import_staged(&self, document: &mut dyn Read, mut options: ImportOptions) -> Result<ImportResult> {
        let job = Job::new(Domain::ImportExport, options.progress.take(), options.cancel.take());
        let staged = exchange::stage(self.database(), document, &options, &job)?;
        let copying = MigrateOptions {
            target_experiment: options.target_experiment,
            on_duplicate: options.on_duplicate,
            text_keys: options.text_keys.clone(),
            ..MigrateOptions::default()
        };
        let mut none = |_: &Arc<Job>| Err(Error::internal(Domain::ImportExport, "an import takes no snapshot"));
        let helpers = ManagerServices {
            checks: &mut self.run_checks(),
            transformations: &self.settings.transformations,
            snapshot: &mut none,
        };
        let ends = (staged.database()?, Some(self.database()));
        let copied = migration::migrate_in(ends, staged.experiment, &copying, helpers, &job)
            .map_err(|error| error.in_domain(Domain::ImportExport))?;
        let mut warnings = staged.warnings;
        warnings.extend(copied.warnings);
        let digest = copied.target_digest.or(copied.source_digest).or(staged.document_digest).unwrap_or_default();
        Ok(ImportResult {
            document_experiment_id: staged.experiment,
            experiment_id: copied.new_experiment_id,
            skipped: copied.skipped,
            preserved_ids: false,
            items_processed: copied.items_processed,
            tables: copied.tables.iter().map(|table| (table.table, table.copied)).collect(),
            unlinked_metrics: 0,
            id_map: None,
            locations: copied.locations.as_ref().map(|locations| locations.to_json()),
            keys: copied.id_map.keys,
            source_database: staged.source_database,
            document_digest: staged.document_digest,
            digest,
            digest_algorithm: copied.digest_algorithm,
            added_columns: Vec::new(),
            lossy: Losses::default(),
            warnings,
            duration: job.elapsed(),
        })
    }

    /// Imports the experiment of a document (docs/export-format.md), in one transaction.
    pub fn import_experiment(&self, document: &mut dyn Read, options: ImportOptions) -> Result<ImportResult> {
        self.log(LogLevel::Info, &|| "importing an experiment".to_owned());
        let result = match self.database().family().document.flat {
            Some(_) => self.import_staged(document, options),
            None => exchange::import(self.database(), document, options),
        };
        if let Ok(done) = &result {
            for warning in &done.warnings {
                self.log(LogLevel::Warning, &|| warning.clone());
            }
            self.log(LogLevel::Info, &|| {
                format!(
                    "experiment {} of the document is experiment {}",
                    done.document_experiment_id, done.experiment_id
                )
            });
        }
        self.logged("import experiment", result)
    }

    /// Like [`Manager::import_experiment`], but from a file.
    pub fn import_from_file(&self, path: &Path, options: ImportOptions) -> Result<ImportResult> {
        let mut file = self.logged("open a document", exchange::read_file(path, self.database()))?;
        self.import_experiment(&mut file, options).map_err(|error| error.detail("document", path.display()))
    }

    /// Like [`Manager::import_experiment`], but from text.
    pub fn import_from_string(&self, mut document: &[u8], options: ImportOptions) -> Result<ImportResult> {
        self.import_experiment(&mut document, options)
    }
}
