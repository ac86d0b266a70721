//! Params and tags: texts that an experiment or its runs have under keys of their own.

use std::collections::HashMap;

use serde_json::{Value as Json, json};

use super::curves::Names;
use super::limits::{ALL_TEXT, NAMES, TEXT, TEXTS};
use crate::database::TableLayout;
use crate::schema::{Column, Entity, Family, Kind, Place, Role};
use crate::values::ValueRef;

/// The columns of a table of texts: the key, and the text.
pub fn columns(table: &TableLayout) -> Option<(&'static Column, &'static Column)> {
    let Place::Below(_) = table.schema.place else { return None };
    let mut others = table.schema.columns.iter().filter(|column| !matches!(column.role, Role::Parent(_)));
    match (others.next(), others.next(), others.next()) {
        (Some(key), Some(text), None) if key.role == Role::Index && text.role == Role::Content => {
            (key.kind == Kind::Text && text.kind == Kind::Text).then_some((key, text))
        }
        _ => None,
    }
}

/// What is left of the bounds of a page.
#[derive(Debug)]
pub struct Room {
    rows: usize,
    characters: usize,
}

impl Room {
    /// The share of one among so many experiments.
    pub fn new(of: usize) -> Room {
        Room { rows: TEXTS / of.max(1), characters: ALL_TEXT / of.max(1) }
    }
}

/// The texts of a table that are listed, and how many there are.
#[derive(Debug)]
pub struct Texts {
    pub table: &'static str,
    pub owner: Entity,
    keys: Names,
    /// The position of what has it, the place of its key, and the text.
    pub rows: Vec<(usize, u32, Option<String>)>,
    pub count: u64,
}

impl Texts {
    pub fn new(table: &'static str, owner: Entity) -> Texts {
        Texts { table, owner, keys: Names::default(), rows: Vec::new(), count: 0 }
    }

    /// Takes a row of what stands at a position; `None` is not listed, and then neither is the row.
    pub fn add(&mut self, owner: Option<usize>, key: ValueRef<'_>, text: ValueRef<'_>, room: &mut Room) {
        self.count += 1;
        let Some(owner) = owner.filter(|_| room.rows > 0) else { return };
        let text = text.readable_up_to(TEXT);
        let length = text.as_ref().map_or(0, String::len);
        let key = key.readable_up_to(TEXT).unwrap_or_else(|| "NULL".to_owned());
        let Some(rest) = room.characters.checked_sub(length) else { return };
        let Some(key) = self.keys.place(&key, NAMES) else { return };
        *room = Room { rows: room.rows - 1, characters: rest };
        self.rows.push((owner, key, text));
    }

    /// As a part of the page's data.
    pub fn to_json(&self, family: &Family) -> Json {
        json!({
            "table": self.table, "noun": family.of(self.owner).noun, "keys": self.keys.list(), "rows": self.rows, "count": self.count,
        })
    }
}

/// For each run the one that it hangs on, as far as these lead from one to the other without a circle, and how many do not.
pub fn nested(parents: &HashMap<usize, usize>, runs: usize, deepest: usize) -> (Vec<Option<u32>>, usize) {
    let mut circular = 0;
    let parent = |run: usize| {
        let mut at = run;
        for _ in 0..deepest {
            match parents.get(&at) {
                Some(above) => at = *above,
                None => return parents.get(&run).and_then(|above| u32::try_from(*above).ok()),
            }
        }
        circular += 1;
        None
    };
    let found = (0..runs).map(parent).collect();
    (found, circular)
}

#[cfg(test)]
mod tests {
    use super::{Room, Texts, nested};
    use crate::schema::Entity;
    use crate::values::ValueRef;

    #[test]
    fn runs_in_a_circle_or_too_deep_stand_by_themselves() {
        let parents = [(1, 0), (2, 1), (3, 4), (4, 3), (5, 5), (6, 3)].into();
        assert_eq!(nested(&parents, 8, 10), (vec![None, Some(0), Some(1), None, None, None, None, None], 4));
        assert_eq!(nested(&parents, 3, 2), (vec![None, Some(0), None], 1));
    }

    #[test]
    fn texts_beyond_the_bounds_are_counted() {
        let mut texts = Texts::new("params", Entity::at(1));
        let mut room = Room { rows: 2, characters: 5 };
        for text in ["abc", "def", "gh", "i"] {
            texts.add(Some(0), ValueRef::Text(b"key"), ValueRef::Text(text.as_bytes()), &mut room);
        }
        texts.add(None, ValueRef::Text(b"key"), ValueRef::Null, &mut Room::new(1));
        let found: Vec<_> = texts.rows.iter().map(|(_, _, text)| text.as_deref().unwrap()).collect();
        assert_eq!((texts.count, found), (5, vec!["abc", "gh"]));
    }
}
