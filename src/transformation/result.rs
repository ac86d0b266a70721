//! The result of a transformation, or of its dry run.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::metric::Metric;
use crate::error::{Domain, Error, Status};
use crate::values::{Value, ValueRef, one_line};

/// How many failed metrics, and how many skipped ones, are listed; all are counted.
const LISTED: usize = 100;
/// How many an error names one by one.
const NAMED: usize = 20;
/// How much of a reason is kept, in characters.
const LONGEST_REASON: usize = 1000;
/// How many examples a preview has, and how many characters of a text each shows.
const SAMPLES: usize = 20;
const SHOWN: usize = 2000;

/// A metric that was not changed, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    pub metric_id: i64,
    /// METRIC.type, readable.
    pub metric_type: String,
    /// The transformation that skipped or failed the metric.
    pub transformation: String,
    pub reason: String,
}

/// A type, for a person.
fn readable(kind: ValueRef<'_>) -> String {
    match kind {
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        other => other.describe(),
    }
}

impl Noted {
    /// A metric of this type. Of the reason, which registered transformations give too, one line is kept.
    pub(super) fn new(metric_id: i64, kind: ValueRef<'_>, transformation: &str, reason: &str) -> Noted {
        Noted {
            metric_id,
            metric_type: readable(kind),
            transformation: transformation.to_owned(),
            reason: one_line(reason, LONGEST_REASON),
        }
    }

    fn to_json(&self) -> Json {
        json!({
            "metric_id": self.metric_id,
            "metric_type": self.metric_type,
            "transformation": self.transformation,
            "reason": self.reason,
        })
    }
}

/// Some of them, and how many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NotedList {
    pub count: u64,
    pub first: Vec<Noted>,
}

impl NotedList {
    /// Counts one, and lists it while there is room.
    pub fn add(&mut self, make: impl FnOnce() -> Noted) {
        self.count += 1;
        if self.first.len() < LISTED {
            self.first.push(make());
        }
    }

    fn to_json(&self) -> Json {
        json!({"count": self.count, "metrics": self.first.iter().map(Noted::to_json).collect::<Vec<_>>()})
    }
}

/// The values of a metric before and after.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub metric_id: i64,
    pub metric_type: String,
    /// total_val and per_label_val.
    pub before: [Value; 2],
    pub after: [Value; 2],
}

impl Sample {
    pub(super) fn new(kind: ValueRef<'_>, before: [ValueRef<'_>; 2], after: &Metric) -> Sample {
        Sample {
            metric_id: after.id,
            metric_type: readable(kind),
            before: before.map(ValueRef::to_owned),
            after: [after.total_val.clone(), after.per_label_val.clone()],
        }
    }
}

/// What one rule did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleCount {
    pub metric_type: Option<String>,
    pub transformation: String,
    /// Metrics of its type.
    pub matched: u64,
    /// Metrics that it changed.
    pub changed: u64,
}

/// The result of a transformation or of its dry run.
#[derive(Clone, Debug, Default)]
pub struct TransformationResult {
    /// The id with which to undo it; `None` if nothing was changed, or no undo log was wanted.
    pub transform_id: Option<i64>,
    pub dry_run: bool,
    /// Metrics of the selection.
    pub examined: u64,
    /// Of these, the metrics that some rule matches.
    pub matched: u64,
    /// Of these, the metrics that were changed.
    pub updated: u64,
    pub unchanged: u64,
    pub skipped: NotedList,
    pub failed: NotedList,
    /// Changed metrics that were copied first, because others are linked to them too.
    pub copied: u64,
    pub rules: Vec<RuleCount>,
    /// Examples, for a dry run.
    pub samples: Vec<Sample>,
    pub warnings: Vec<String>,
    /// For a dry run: how the database would be locked, as in a plan.
    pub locks: Option<Json>,
    pub duration: Duration,
}

/// A cell, for documents.
fn shown(value: &Value) -> Json {
    match value.borrow() {
        ValueRef::Null => Json::Null,
        ValueRef::Integer(value) => json!(value),
        ValueRef::Real(value) if value.is_finite() => json!(value),
        ValueRef::Text(text) => {
            let text = String::from_utf8_lossy(text);
            let mut clipped: String = text.chars().take(SHOWN).collect();
            if clipped.len() < text.len() {
                clipped.push('…');
            }
            json!(clipped)
        }
        other => json!(other.describe()),
    }
}

impl TransformationResult {
    /// 0 to 100: the share of the matched metrics that did not fail; 100 if none matched.
    pub fn success_rate(&self) -> f64 {
        if self.matched == 0 {
            return 100.0;
        }
        (self.matched.saturating_sub(self.failed.count) as f64 / self.matched as f64) * 100.0
    }

    /// Whether there is room for another example.
    pub(super) fn wants_sample(&self) -> bool {
        self.dry_run && self.samples.len() < SAMPLES
    }

    /// The error of a transformation that failed because of these metrics.
    pub(super) fn refused(&self) -> Error {
        let count = self.failed.count;
        let message = match self.failed.first.first() {
            Some(only) if count == 1 => {
                format!("metric {} cannot be transformed: {}; nothing was changed", only.metric_id, only.reason)
            }
            _ => format!("{count} metrics cannot be transformed; nothing was changed"),
        };
        let error = Error::new(Status::Validation, Domain::Transformation, message).detail("count", count).hint(
            "correct these metrics or the rules, or set rollback_on_error to false, which changes the others and lists these",
        );
        self.failed.first.iter().take(NAMED).fold(error, |error, failed| {
            error
                .detail("table", "METRIC")
                .detail("row", format!("id={}", failed.metric_id))
                .detail("transformation", &failed.transformation)
                .detail("problem", &failed.reason)
        })
    }

    /// The whole result, schema `expmig.transformation/1`.
    pub fn to_json(&self) -> Json {
        let pair = |[total, labels]: &[Value; 2]| json!({"total_val": shown(total), "per_label_val": shown(labels)});
        let samples: Vec<Json> = self
            .samples
            .iter()
            .map(|sample| {
                json!({
                    "metric_id": sample.metric_id,
                    "metric_type": sample.metric_type,
                    "before": pair(&sample.before),
                    "after": pair(&sample.after),
                })
            })
            .collect();
        let rules: Vec<Json> = self
            .rules
            .iter()
            .map(|rule| {
                json!({
                    "metric_type": rule.metric_type,
                    "transformation": rule.transformation,
                    "matched": rule.matched,
                    "changed": rule.changed,
                })
            })
            .collect();
        json!({
            "schema": "expmig.transformation/1",
            "transform_id": self.transform_id,
            "dry_run": self.dry_run,
            "metrics_examined": self.examined,
            "metrics_matched": self.matched,
            "metrics_updated": self.updated,
            "metrics_unchanged": self.unchanged,
            "metrics_skipped": self.skipped.count,
            "metrics_failed": self.failed.count,
            "metrics_copied": self.copied,
            "success_rate": self.success_rate(),
            "rules": rules,
            "skipped": self.skipped.to_json(),
            "failed": self.failed.to_json(),
            "samples": samples,
            "warnings": self.warnings,
            "locks": self.locks,
            "duration_ns": u64::try_from(self.duration.as_nanos()).unwrap_or(u64::MAX),
        })
    }
}
