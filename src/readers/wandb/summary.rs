//! The summary of a run: what it was in the end, after everything that was set and removed.

use std::collections::BTreeMap;

use super::item::{Content, Item};
use crate::readers::wire::{Fields, Malformed};

/// The names and values so far.
#[derive(Default)]
pub struct Summary {
    items: BTreeMap<Vec<String>, Item>,
}

/// How many items a record had, and how many of them others replaced or removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub read: u64,
    pub replaced: u64,
}

impl Summary {
    /// Takes a record.
    pub fn update(&mut self, bytes: &[u8]) -> Result<Seen, Malformed> {
        let mut seen = Seen::default();
        for field in Fields::of(bytes) {
            let (number, wire) = field?;
            let (Some(content), 1 | 2) = (wire.bytes(), number) else { continue };
            let item = Item::parse(content)?;
            seen.read += 1;
            // A value that was set as a whole replaces what was below it.
            let before = self.items.len();
            self.items.retain(|path, _| !(path.starts_with(&item.path) && path.len() > item.path.len()));
            seen.replaced += (before - self.items.len()) as u64;
            match number {
                1 => seen.replaced += u64::from(self.items.insert(item.path.clone(), item).is_some()),
                // The removal is a record that leaves nothing, and what it removes is one.
                _ => seen.replaced += 1 + u64::from(self.items.remove(&item.path).is_some()),
            }
        }
        Ok(seen)
    }

    /// What is left.
    pub fn into_items(self) -> impl Iterator<Item = Item> {
        self.items.into_values()
    }
}

/// Whether an item is of the row's clock or W&B's own.
pub fn is_internal(item: &Item) -> bool {
    item.path.first().is_some_and(|first| matches!(first.as_str(), "_step" | "_runtime" | "_timestamp" | "_wandb"))
}

/// What a tag says of a value.
pub fn shown(item: &Item) -> String {
    match &item.content {
        Content::Text(text) => text.clone(),
        Content::Number(..) | Content::Json(_) => item.raw.clone(),
    }
}
