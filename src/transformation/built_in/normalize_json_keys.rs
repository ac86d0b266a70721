//! `normalize_json_keys`: renames labels.

use super::cells;
use crate::error::Result;
use crate::transformation::document::{Document, Rewriting, is_reserved, quoted};
use crate::transformation::metric::{Metric, Outcome, Transform};
use crate::transformation::rules::Node;
use crate::values::json::{Keys, Shape};

#[derive(Clone, Debug)]
pub struct NormalizeJsonKeys {
    mapping: Mapping,
    document: Document,
    /// The items that are renamed, with the place of their rename in the mapping.
    renamed: Vec<(usize, usize)>,
}

/// Names and what they become.
#[derive(Clone, Debug)]
struct Mapping {
    /// Sorted by `from`.
    renames: Vec<Rename>,
    /// Bit n is set if a name of n bytes, modulo 64, is there: most keys need no search.
    lengths: u64,
}

#[derive(Clone, Debug)]
struct Rename {
    from: Box<[u8]>,
    to: Box<[u8]>,
    /// In its quotes.
    json: Box<str>,
}

impl Mapping {
    fn find(&self, key: &[u8]) -> Option<(usize, &Rename)> {
        if self.lengths & length_bit(key) == 0 {
            return None;
        }
        let at = self.renames.binary_search_by(|rename| (*rename.from).cmp(key)).ok()?;
        self.renames.get(at).map(|rename| (at, rename))
    }
}

fn length_bit(key: &[u8]) -> u64 {
    1 << (key.len() % 64)
}

impl NormalizeJsonKeys {
    pub(super) fn read(params: &Node<'_>) -> Result<NormalizeJsonKeys> {
        let node = params.fields(&["key_mapping"])?.required("key_mapping")?;
        let members = node.members()?;
        if members.is_empty() {
            return Err(node.error("is empty").hint("give the old and the new name of at least one key"));
        }
        let mut mapping = Mapping { renames: Vec::with_capacity(members.len()), lengths: 0 };
        for member in &members {
            let child = node.child(member);
            let to = cells::label(&child)?;
            if is_reserved(member.key.as_bytes()) {
                return Err(cells::reserved(&child));
            }
            mapping.lengths |= length_bit(member.key.as_bytes());
            mapping.renames.push(Rename {
                from: member.key.as_bytes().into(),
                json: quoted(&to).into(),
                to: to.into_bytes().into(),
            });
        }
        mapping.renames.sort_unstable_by(|a, b| a.from.cmp(&b.from));
        Ok(NormalizeJsonKeys { mapping, document: Document::default(), renamed: Vec::new() })
    }

    fn outcome(&mut self, metric: &Metric) -> std::result::Result<Outcome, String> {
        let Some(text) = cells::open(&metric.per_label_val, &mut self.document)? else {
            return Ok(Outcome::Skipped(cells::NO_LABELS.to_owned()));
        };
        if self.document.shape != Shape::Object {
            return Ok(Outcome::Skipped(cells::not_object(self.document.shape)));
        }
        self.renamed.clear();
        let mut rewriting = Rewriting::new(&text);
        for (index, item) in self.document.items.iter().enumerate() {
            let key = item.key(&text);
            if let Some((at, rename)) = self.mapping.find(&key)
                && *rename.to != *key
            {
                self.renamed.push((index, at));
                rewriting.replace(item.quoted_key(), &rename.json);
            }
        }
        let Some(changed) = rewriting.finish() else { return Ok(Outcome::Unchanged) };
        self.distinct(&text)?;
        Ok(cells::labels_changed(changed))
    }

    /// Fails if a renamed key is that of another member.
    fn distinct(&self, text: &str) -> std::result::Result<(), String> {
        /// Up to this many pairs are compared one by one.
        const FEW: usize = 128;
        let items = &self.document.items;
        let mut renames = self.renamed.iter().copied().peekable();
        let mut becomes = |index: usize| {
            let at = renames.next_if(|(renamed, _)| *renamed == index).map(|(_, at)| at);
            at.and_then(|at| self.mapping.renames.get(at))
        };
        if self.renamed.len() * items.len() > FEW {
            let mut keys = Keys::default();
            for (index, item) in items.iter().enumerate() {
                match becomes(index) {
                    Some(rename) => keys.push(&rename.to),
                    None => keys.push(&item.key(text)),
                }
            }
            return cells::distinct(&keys);
        }
        for (index, item) in items.iter().enumerate() {
            let key = item.key(text);
            let key = becomes(index).map_or(&*key, |rename| &rename.to);
            for (other, at) in &self.renamed {
                if *other != index && self.mapping.renames.get(*at).is_some_and(|rename| *rename.to == *key) {
                    return Err(cells::twice(key));
                }
            }
        }
        Ok(())
    }
}

impl Transform for NormalizeJsonKeys {
    fn apply(&mut self, metric: &Metric) -> Outcome {
        self.outcome(metric).unwrap_or_else(Outcome::Failed)
    }
}
