//! `legacy_to_per_label`: makes labels for metrics that have none, or renames labels of an older form.

use super::cells;
use crate::error::Result;
use crate::transformation::document::{Document, Rewriting, quoted};
use crate::transformation::metric::{Metric, Outcome, Transform};
use crate::transformation::rules::Node;
use crate::values::json::{Keys, Shape};

const SPLIT_BY: &str = "class_";

#[derive(Clone, Debug)]
pub struct LegacyToPerLabel {
    split_by: String,
    default_classes: Vec<String>,
    document: Document,
    keys: Keys,
}

impl LegacyToPerLabel {
    pub(super) fn read(params: &Node<'_>) -> Result<LegacyToPerLabel> {
        let fields = params.fields(&["split_by", "default_classes"])?;
        let split_by = fields.get("split_by").map_or(Ok(SPLIT_BY.to_owned()), |node| split_by(&node))?;
        let default_classes = fields.get("default_classes").map_or(Ok(Vec::new()), |node| classes(&node))?;
        Ok(LegacyToPerLabel { split_by, default_classes, document: Document::default(), keys: Keys::default() })
    }

    fn outcome(&mut self, metric: &Metric) -> std::result::Result<Outcome, String> {
        let text = cells::open(&metric.per_label_val, &mut self.document)?;
        match (text, self.document.shape) {
            (None, _) => self.share_total("{}", metric),
            (Some(text), Shape::Object) if self.document.labels(&text).next().is_none() => {
                self.share_total(&text, metric)
            }
            (Some(text), Shape::Object) => self.cut_keys(&text),
            (Some(text), Shape::Array) => self.name_elements(&text),
            (Some(text), Shape::Number) => self.broadcast("{}", text.trim_ascii()),
            (Some(_), other) => Err(cells::not_object(other)),
        }
    }

    /// Each default class gets the total.
    fn share_total(&mut self, text: &str, metric: &Metric) -> std::result::Result<Outcome, String> {
        if self.default_classes.is_empty() {
            return Ok(Outcome::Skipped(format!("{}, and default_classes are not given", cells::NO_LABELS)));
        }
        let total = cells::number(&metric.total_val).ok_or_else(|| cells::not_number(&metric.total_val))?;
        self.broadcast(text, &total)
    }

    /// Each default class gets this number, in an object without labels.
    fn broadcast(&mut self, text: &str, number: &str) -> std::result::Result<Outcome, String> {
        if self.default_classes.is_empty() {
            return Ok(Outcome::Skipped(format!(
                "per_label_val is the number {number} alone, and default_classes are not given"
            )));
        }
        self.document.read(text).map_err(|error| format!("per_label_val is not JSON: {error}"))?;
        let mut rewriting = Rewriting::new(text);
        rewriting.append(&self.document, self.default_classes.iter().map(|class| (class, number)));
        Ok(rewriting.finish().map_or(Outcome::Unchanged, cells::labels_changed))
    }

    /// Each element gets a class.
    fn name_elements(&mut self, text: &str) -> std::result::Result<Outcome, String> {
        let items = &self.document.items;
        if self.default_classes.len() > items.len() {
            return Err(format!(
                "per_label_val has fewer elements ({}) than there are default_classes ({})",
                items.len(),
                self.default_classes.len()
            ));
        }
        if items.is_empty() {
            return Ok(Outcome::Skipped(
                "per_label_val is an empty array, and default_classes are not given".to_owned(),
            ));
        }
        self.keys.clear();
        let mut rewriting = Rewriting::new(text);
        let span = self.document.span.clone();
        rewriting.replace(span.start..span.start + 1, "{");
        for (index, item) in items.iter().enumerate() {
            if item.shape != Shape::Number {
                return Err(format!("element {index} of per_label_val is {}, not a number", item.shape.describe()));
            }
            let named = self.default_classes.get(index).cloned();
            let name = named.unwrap_or_else(|| format!("{}{index}", self.split_by));
            self.keys.push(name.as_bytes());
            rewriting.replace(item.value.start..item.value.start, &format!("{}: ", quoted(&name)));
        }
        rewriting.replace(span.end - 1..span.end, "}");
        cells::distinct(&self.keys)?;
        Ok(rewriting.finish().map_or(Outcome::Unchanged, cells::labels_changed))
    }

    /// Each key that contains `split_by` is cut to the part from its last one on.
    fn cut_keys(&mut self, text: &str) -> std::result::Result<Outcome, String> {
        self.keys.clear();
        let mut rewriting = Rewriting::new(text);
        let mut changed = false;
        for item in &self.document.items {
            let key = item.key(text);
            let cut = if item.is_reserved(text) { 0 } else { self.cut(&key) };
            let kept = key.get(cut..).unwrap_or_default();
            self.keys.push(kept);
            if cut > 0 {
                changed = true;
                let name = std::str::from_utf8(kept).map_err(|_| {
                    format!("the label {} has half a surrogate pair and cannot be cut", cells::shown(&key))
                })?;
                rewriting.replace(item.quoted_key(), &quoted(name));
            }
        }
        if !changed {
            return Ok(Outcome::Unchanged);
        }
        cells::distinct(&self.keys)?;
        Ok(rewriting.finish().map_or(Outcome::Unchanged, cells::labels_changed))
    }

    /// How many bytes of a key to cut off. What is called as a default class is a label already.
    fn cut(&self, key: &[u8]) -> usize {
        let (length, split) = (self.split_by.len(), self.split_by.as_bytes());
        let last = (1..=key.len().saturating_sub(length)).rev().find(|at| key.get(*at..*at + length) == Some(split));
        match last {
            Some(at) if !self.default_classes.iter().any(|class| class.as_bytes() == key) => at,
            _ => 0,
        }
    }
}

impl Transform for LegacyToPerLabel {
    fn apply(&mut self, metric: &Metric) -> Outcome {
        self.outcome(metric).unwrap_or_else(Outcome::Failed)
    }
}

fn split_by(node: &Node<'_>) -> Result<String> {
    let split_by = cells::label(node)?;
    if split_by.bytes().all(|byte| byte.is_ascii_digit()) {
        let what = if split_by.is_empty() { "is empty" } else { "has digits only, which cannot be told from an index" };
        return Err(node.error(what).hint(format!("give what the labels begin with, such as {SPLIT_BY:?}")));
    }
    Ok(split_by)
}

fn classes(node: &Node<'_>) -> Result<Vec<String>> {
    let elements = node.elements()?;
    if elements.is_empty() {
        return Err(node.error("is empty").hint("name the classes, or leave the key out"));
    }
    let mut keys = Keys::default();
    let mut classes = Vec::with_capacity(elements.len());
    for element in &elements {
        let class = cells::label(element)?;
        keys.push(class.as_bytes());
        classes.push(class);
    }
    match keys.duplicate() {
        Some(key) => Err(node.error(format_args!("names a class more than once: {}", cells::shown(key)))),
        None => Ok(classes),
    }
}
