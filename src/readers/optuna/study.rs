//! A study: an experiment, with its attributes as tags.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::readers::keys::Names;
use crate::readers::loose_json::plain;
use crate::readers::new_rows::NewExperiment;
use crate::readers::sink::Sink;
use crate::values::ValueRef;

/// Names of attributes that would mean something else to those who read the store.
const RESERVED: [&str; 3] = ["mlflow.", "optuna.", "expmig."];

/// What an attribute of a user's is called in the store.
pub fn user_name(name: &str) -> String {
    if RESERVED.iter().any(|prefix| name.starts_with(prefix)) { format!("optuna.user/{name}") } else { name.to_owned() }
}

/// What one of Optuna's own is called.
pub fn system_name(name: &str) -> String {
    format!("optuna.system/{name}")
}

/// Attributes by name; the values as JSON text as it stands in the source.
pub type Attributes = BTreeMap<String, String>;

/// A study.
#[derive(Debug, Default)]
pub struct Study {
    pub name: String,
    /// Of each objective.
    pub directions: Vec<String>,
    pub user: Attributes,
    pub system: Attributes,
    /// What created the storage, where that is known.
    pub library: Option<String>,
}

impl Study {
    /// Begins its experiment, in which its trials will be runs; returns the experiment's id.
    pub fn begin(&self, sink: &mut Sink<'_>) -> Result<i64> {
        sink.experiment(&NewExperiment {
            name: &self.name,
            artifact_location: None,
            deleted: false,
            creation_time: None,
            last_update_time: None,
        })
    }

    /// Stores what is known of the study itself.
    pub fn write(&self, experiment: i64, sink: &mut Sink<'_>) -> Result<()> {
        sink.begin_source(&self.name);
        let mut names = Names::default();
        let mut tag = |sink: &mut Sink<'_>, name: &str, value: &str| -> Result<()> {
            let row = |sink: &mut Sink<'_>, key: &str, value: &str| {
                sink.source.values.read += 1;
                let columns = [
                    ("key", ValueRef::Text(key.as_bytes())),
                    ("value", ValueRef::Text(value.as_bytes())),
                    ("experiment_id", ValueRef::Integer(experiment)),
                ];
                sink.row("experiment_tags", &columns)
            };
            let (key, rule) = names.of(name);
            if rule.is_some() {
                row(sink, &format!("expmig.key.{key}"), name)?;
            }
            row(sink, &key, value)
        };
        tag(sink, "optuna.directions", &self.directions.join(","))?;
        if let Some(library) = &self.library {
            tag(sink, "optuna.library_version", library)?;
        }
        for (name, value) in &self.user {
            tag(sink, &user_name(name), &plain(value))?;
        }
        for (name, value) in &self.system {
            tag(sink, &system_name(name), value)?;
        }
        sink.end_source()
    }

    /// Accounts for a study of which no trial has begun: there is nothing to run again for.
    pub fn is_empty(&self, sink: &mut Sink<'_>) -> Result<()> {
        sink.begin_source(&self.name);
        sink.source.values.read += 1;
        sink.source.values.refuse("study_without_trials");
        sink.end_source()
    }
}
