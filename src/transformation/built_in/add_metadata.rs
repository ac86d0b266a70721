//! `add_metadata`: adds notes about a metric, under the reserved key `_metadata` of its labels.

use super::cells;
use crate::error::Result;
use crate::transformation::document::{Document, Rewriting};
use crate::transformation::metric::{Metric, Outcome, Transform};
use crate::transformation::rules::Node;
use crate::values::json::{Shape, canonicalize};

const KEY: &str = "_metadata";

#[derive(Clone, Debug)]
pub struct AddMetadata {
    /// Keys, and values as JSON.
    metadata: Vec<(String, String)>,
    document: Document,
    /// That under the reserved key.
    notes: Document,
}

impl AddMetadata {
    pub(super) fn read(params: &Node<'_>) -> Result<AddMetadata> {
        let node = params.fields(&["metadata"])?.required("metadata")?;
        let members = node.members()?;
        if members.is_empty() {
            return Err(node.error("is empty").hint("give at least one key and its value"));
        }
        let metadata = members.into_iter().map(|member| (member.key, member.raw.to_owned())).collect();
        Ok(AddMetadata { metadata, document: Document::default(), notes: Document::default() })
    }

    fn outcome(&mut self, metric: &Metric) -> std::result::Result<Outcome, String> {
        let text = match cells::open_object(&metric.per_label_val, &mut self.document)? {
            Some(text) => text,
            None => {
                self.document.read("{}").map_err(|error| error.to_string())?;
                "{}".into()
            }
        };
        let place = only(&self.document, &text, KEY)?;
        let mut rewriting = Rewriting::new(&text);
        match place {
            Some(value) => {
                if let Some(notes) = self.merged(text.get(value.clone()).unwrap_or_default())? {
                    rewriting.replace(value, &notes);
                }
            }
            None => {
                if let Some(notes) = self.merged("{}")? {
                    rewriting.append(&self.document, [(KEY, &notes)]);
                }
            }
        }
        Ok(rewriting.finish().map_or(Outcome::Unchanged, cells::labels_changed))
    }

    /// The notes with those of the rule; `None` if all of them are there.
    fn merged(&mut self, text: &str) -> std::result::Result<Option<String>, String> {
        self.notes.read(text).map_err(|error| format!("{KEY} is not JSON: {error}"))?;
        if self.notes.shape != Shape::Object {
            return Err(format!("the key {KEY:?} of per_label_val is {}, not an object", self.notes.shape.describe()));
        }
        // Replaced from the left to the right, and what is new behind all of it.
        let mut replaced = Vec::new();
        let mut added = Vec::new();
        for (key, value) in &self.metadata {
            match only(&self.notes, text, key)? {
                Some(old) if equal(text.get(old.clone()).unwrap_or_default(), value) => {}
                Some(old) => replaced.push((old, value)),
                None => added.push((key, value)),
            }
        }
        replaced.sort_unstable_by_key(|(old, _)| old.start);
        let mut rewriting = Rewriting::new(text);
        for (old, value) in replaced {
            rewriting.replace(old, value);
        }
        rewriting.append(&self.notes, added);
        match rewriting.finish().map(String::from_utf8) {
            None => Ok(None),
            Some(Ok(notes)) => Ok(Some(notes)),
            Some(Err(error)) => Err(format!("{KEY} is not UTF-8: {error}")),
        }
    }
}

impl Transform for AddMetadata {
    fn apply(&mut self, metric: &Metric) -> Outcome {
        self.outcome(metric).unwrap_or_else(Outcome::Failed)
    }
}

/// Where the value of a key stands. Fails if the key stands twice: neither is the right one.
fn only(document: &Document, text: &str, key: &str) -> std::result::Result<Option<std::ops::Range<usize>>, String> {
    let mut found = document.items.iter().filter(|item| *item.key(text) == *key.as_bytes());
    match (found.next(), found.next()) {
        (_, Some(_)) => Err(cells::is_twice(key.as_bytes())),
        (item, None) => Ok(item.map(|item| item.value.clone())),
    }
}

/// Whether two JSON values are the same but for white space, the order of keys and the spelling of numbers.
fn equal(a: &str, b: &str) -> bool {
    let (mut left, mut right) = (Vec::new(), Vec::new());
    a == b
        || (canonicalize(a.as_bytes(), &mut left).is_ok()
            && canonicalize(b.as_bytes(), &mut right).is_ok()
            && left == right)
}
