//! A metric, and the result of transforming it.

use crate::values::Value;

/// The cells of METRIC that transformations change, and the bits by which the undo log tells them.
pub const CELLS: [(&str, u8); 2] = [("total_val", 1), ("per_label_val", 2)];

/// A metric that is being transformed: the cells as they are stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    pub id: i64,
    /// METRIC.type, as bytes: text may be anything.
    pub kind: Vec<u8>,
    pub total_val: Value,
    pub per_label_val: Value,
}

/// The result of a transformation for one metric.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The metric is already as it should be.
    Unchanged,
    /// The cells that change; `None` leaves a cell as it is, byte for byte.
    Changed { total_val: Option<Value>, per_label_val: Option<Value> },
    /// The transformation does not apply to this metric, for this reason.
    Skipped(String),
    /// The metric cannot be transformed, for this reason.
    Failed(String),
}

/// A transformation with its parameters, ready to be applied.
pub trait Transform {
    /// What becomes of a metric.
    fn apply(&mut self, metric: &Metric) -> Outcome;
}
