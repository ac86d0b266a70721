//! `aggregate`: computes the total from the labels.

use super::{cells, numbers};
use crate::error::Result;
use crate::transformation::document::Document;
use crate::transformation::metric::{Metric, Outcome, Transform};
use crate::transformation::rules::Node;
use crate::values::Value;
use crate::values::decimal::Decimal;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Function {
    Mean,
    Sum,
    Min,
    Max,
}

#[derive(Clone, Debug)]
pub struct Aggregate {
    function: Function,
    document: Document,
}

impl Aggregate {
    pub(super) fn read(params: &Node<'_>) -> Result<Aggregate> {
        let functions =
            [("mean", Function::Mean), ("sum", Function::Sum), ("min", Function::Min), ("max", Function::Max)];
        let function = params.fields(&["function"])?.required("function")?.word(&functions)?;
        Ok(Aggregate { function, document: Document::of_labels() })
    }

    fn outcome(&mut self, metric: &Metric) -> std::result::Result<Outcome, String> {
        let nothing = || Ok(Outcome::Skipped(cells::NO_LABELS.to_owned()));
        let Some(text) = cells::open_object(&metric.per_label_val, &mut self.document)? else { return nothing() };
        cells::no_duplicate(&self.document, &text)?;
        let mut so_far: Option<Decimal> = None;
        let mut count = 0;
        for item in self.document.labels(&text) {
            let number = numbers::label(&item, &text)?;
            count += 1;
            so_far = Some(match so_far {
                None => number,
                Some(before) => self.with(before, number).ok_or_else(|| {
                    format!("the sum up to the label {} has too many digits", cells::shown(&item.key(&text)))
                })?,
            });
        }
        let Some(number) = so_far else { return nothing() };
        let total = match self.function {
            Function::Mean => Value::Real(numbers::finite(number.divided(count).nearest())?),
            _ => numbers::total(&number, &metric.total_val)?,
        };
        if equal(&total, &metric.total_val) {
            return Ok(Outcome::Unchanged);
        }
        Ok(Outcome::Changed { total_val: Some(total), per_label_val: None })
    }

    fn with(&self, before: Decimal, number: Decimal) -> Option<Decimal> {
        match self.function {
            Function::Mean | Function::Sum => before.plus(&number),
            Function::Min => Some(before.min(number)),
            Function::Max => Some(before.max(number)),
        }
    }
}

impl Transform for Aggregate {
    fn apply(&mut self, metric: &Metric) -> Outcome {
        self.outcome(metric).unwrap_or_else(Outcome::Failed)
    }
}

/// Whether the total is this number already, whichever way it is stored.
fn equal(new: &Value, old: &Value) -> bool {
    match (cells::decimal(new), cells::decimal(old)) {
        (Some(new), Some(old)) => new == old,
        _ => false,
    }
}
