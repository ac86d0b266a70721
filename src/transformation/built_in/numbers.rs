//! Code that `scale` and `round` share: changes the total and the numbers of the labels.

use std::borrow::Cow;

use super::cells;
use crate::error::Result;
use crate::transformation::document::{Document, Item, Rewriting};
use crate::transformation::metric::{Metric, Outcome};
use crate::transformation::rules::Node;
use crate::values::Value;
use crate::values::decimal::Decimal;
use crate::values::json::Shape;

/// Which numbers of a metric are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    Total,
    Labels,
    Both,
}

impl Target {
    /// The key of the parameter.
    pub const KEY: &str = "target";

    /// Reads the parameter; both if it is not given.
    pub fn read(node: Option<Node<'_>>) -> Result<Target> {
        let words = [("total", Target::Total), ("labels", Target::Labels), ("both", Target::Both)];
        node.map_or(Ok(Target::Both), |node| node.word(&words))
    }
}

/// Why a number cannot be computed.
const TOO_LONG: &str = "has too many digits to be computed with exactly";

/// Computes each number that is meant anew. A number that keeps its value keeps its bytes.
pub fn compute(
    metric: &Metric,
    target: Target,
    document: &mut Document,
    new: impl Fn(&Decimal) -> Option<Decimal>,
) -> std::result::Result<Outcome, String> {
    let mut total_val = None;
    if target != Target::Labels {
        let old = cells::decimal(&metric.total_val).ok_or_else(|| cells::not_number(&metric.total_val))?;
        let number = new(&old).ok_or_else(|| format!("total_val {TOO_LONG}"))?;
        if number != old {
            total_val = Some(total(&number, &metric.total_val)?).filter(|value| *value != metric.total_val);
        }
    }
    let mut per_label_val = None;
    if target != Target::Total {
        match cells::open_object(&metric.per_label_val, document)? {
            Some(text) => per_label_val = labels(&text, document, new)?,
            None if target == Target::Labels => return Ok(Outcome::Skipped(cells::NO_LABELS.to_owned())),
            None => {}
        }
    }
    if total_val.is_none() && per_label_val.is_none() {
        return Ok(Outcome::Unchanged);
    }
    Ok(Outcome::Changed { total_val, per_label_val: per_label_val.map(Value::Text) })
}

/// A number as the total: an integer only where there was one and it fits, else the nearest binary64.
pub fn total(number: &Decimal, old: &Value) -> std::result::Result<Value, String> {
    if let (Value::Integer(_), Some(integer)) = (old, number.as_integer()) {
        return Ok(Value::Integer(integer));
    }
    finite(number.nearest()).map(Value::Real)
}

/// Fails if a number is beyond what a total can be.
pub fn finite(number: f64) -> std::result::Result<f64, String> {
    if number.is_finite() { Ok(number) } else { Err("total_val would be larger than any binary64".to_owned()) }
}

fn labels(
    text: &str,
    document: &Document,
    new: impl Fn(&Decimal) -> Option<Decimal>,
) -> std::result::Result<Option<Vec<u8>>, String> {
    let mut rewriting = Rewriting::new(text);
    let mut spelled = String::new();
    for item in document.labels(text) {
        let old = label(&item, text)?;
        let number = new(&old).ok_or_else(|| too_long(&item, text))?;
        if number != old {
            spelled.clear();
            number.spell(&mut spelled);
            rewriting.replace(item.value.clone(), &spelled);
        }
    }
    Ok(rewriting.finish())
}

/// The number of a label.
pub fn label(item: &Item, text: &str) -> std::result::Result<Decimal, String> {
    if item.shape != Shape::Number {
        return Err(format!("the label {} is {}, not a number", name(item, text), item.shape.describe()));
    }
    Decimal::parse(item.value(text)).ok_or_else(|| too_long(item, text))
}

fn too_long(item: &Item, text: &str) -> String {
    format!("the label {} {TOO_LONG}", name(item, text))
}

fn name(item: &Item, text: &str) -> Cow<'static, str> {
    cells::shown(&item.key(text)).into()
}
