//! Transforming metrics, and undoing it.

use std::borrow::Borrow;

use super::{JobOptions, LogLevel, Manager};
use crate::database::{Database, Transaction, Watches};
use crate::error::{Domain, Result};
use crate::transformation::{
    self, MetricSelection, Plan, TransformEntry, TransformFn, TransformOptions, TransformationResult, UndoOptions,
    UndoResult,
};

impl<D: Borrow<Database>> Manager<D> {
    /// Changes metrics by the rules of a document (docs/transformations.md), in one transaction.
    pub fn transform_metrics(
        &self,
        selection: &MetricSelection,
        rules: &str,
        options: TransformOptions,
    ) -> Result<TransformationResult> {
        self.transform(selection, Plan::parse(rules, &self.settings.transformations), options)
    }

    /// Like [`Manager::transform_metrics`], with one rule for the metrics of every type, and the default settings. `params` is a JSON
    /// object; `None` for an empty one.
    pub fn transform_metrics_by(
        &self,
        selection: &MetricSelection,
        transformation: &str,
        params: Option<&str>,
        options: TransformOptions,
    ) -> Result<TransformationResult> {
        self.transform(selection, Plan::single(transformation, params, &self.settings.transformations), options)
    }

    fn transform(
        &self,
        selection: &MetricSelection,
        plan: Result<Plan>,
        options: TransformOptions,
    ) -> Result<TransformationResult> {
        self.log(LogLevel::Info, &|| "transforming metrics".to_owned());
        let result = plan.and_then(|plan| transformation::transform(self.database(), selection, plan, options));
        if let Ok(done) = &result {
            for warning in &done.warnings {
                self.log(LogLevel::Warning, &|| warning.clone());
            }
            self.log(LogLevel::Info, &|| {
                let (updated, failed, matched) = (done.updated, done.failed.count, done.matched);
                format!("of {matched} metrics {updated} were changed, {failed} failed")
            });
        }
        self.logged("transform metrics", result)
    }

    /// Restores the old values of the metrics of a transformation.
    pub fn undo_transform(&self, transform: i64, options: UndoOptions) -> Result<UndoResult> {
        self.log(LogLevel::Info, &|| format!("undoing transformation {transform}"));
        self.logged("undo transformation", transformation::undo(self.database(), transform, options))
    }

    /// The transformations that can be undone, the newest first.
    pub fn list_transforms(&self) -> Result<Vec<TransformEntry>> {
        let job = JobOptions::default().job(Domain::Transformation);
        let list = self.database().read_briefly(&job, |connection| {
            transformation::list(connection, &self.database().checked(connection.layout()?)?)
        });
        self.logged("list transformations", list)
    }

    /// Keeps the undo logs of the newest `keep` transformations, and removes the others. Returns how many transformations can no longer be
    /// undone.
    pub fn forget_transforms(&self, keep: i64, options: JobOptions) -> Result<u64> {
        let forget = || {
            let job = options.job(Domain::Transformation);
            job.begin("opening")?;
            let connection = self.database().writer(&job)?;
            let _watches = Watches::new(&job, [connection, connection]);
            let transaction = Transaction::write(connection)?;
            let forgotten = transformation::forget(connection, &connection.layout()?, keep)?;
            job.begin_commit()?;
            transaction.commit()?;
            job.finish();
            Ok(forgotten)
        };
        self.logged("forget transformations", forget())
    }

    /// Registers a transformation. From now on, rules can name it.
    pub fn register_transformation(&self, name: &str, transform: TransformFn) -> Result<()> {
        self.logged("register transformation", self.settings.transformations.register(name, transform))
    }

    /// Removes a transformation that [`Manager::register_transformation`] registered.
    pub fn unregister_transformation(&self, name: &str) -> Result<()> {
        self.logged("unregister transformation", self.settings.transformations.unregister(name))
    }
}
