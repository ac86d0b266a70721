//! Which keys the rows of an experiment have in the target: their own, or others where those are taken, or where the copy stands beside its source.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::hierarchy::{Named, NamedRows};
use crate::schema::{ByEntity, Entity, Family};

/// The hexadecimal digits that make a key of a tracker's one of its own.
const DIGITS: usize = 32;

/// Makes keys that nobody has: 128 random bits in the form of the old one.
pub struct KeyMaker {
    seed: [u8; 32],
    made: u64,
}

impl KeyMaker {
    pub fn new() -> KeyMaker {
        // The system's random numbers, by which the standard library hashes, and what tells two processes apart in any case.
        let mut bytes = Vec::new();
        for part in 0..4_u64 {
            bytes.extend_from_slice(&RandomState::new().hash_one(part).to_le_bytes());
        }
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        bytes.extend_from_slice(&time.as_nanos().to_le_bytes());
        bytes.extend_from_slice(&std::process::id().to_le_bytes());
        KeyMaker { seed: *blake3::hash(&bytes).as_bytes(), made: 0 }
    }

    /// A new key: what stands before the digits, and the hyphens among them, stay where they are.
    pub fn make(&mut self, old: &[u8]) -> Vec<u8> {
        self.made += 1;
        let hash = blake3::keyed_hash(&self.seed, &self.made.to_le_bytes());
        let digits: Vec<u8> = hash.to_hex().bytes().take(DIGITS).collect();
        // The last 32 digits, from the back, with hyphens in between.
        let mut from = old.len();
        let mut found = 0;
        for (at, byte) in old.iter().enumerate().rev() {
            match byte {
                b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F' => found += 1,
                b'-' => {}
                _ => break,
            }
            from = at;
            if found == DIGITS {
                break;
            }
        }
        if found < DIGITS {
            return digits;
        }
        let mut fresh = digits.into_iter();
        let (before, replaced) = old.split_at(from);
        let replaced = replaced.iter().map(|byte| if *byte == b'-' { b'-' } else { fresh.next().unwrap_or(b'0') });
        before.iter().copied().chain(replaced).collect()
    }
}

/// What becomes of the keys.
pub struct NewKeys {
    /// By entity and position, for those that are others in the target.
    changed: ByEntity<HashMap<usize, Vec<u8>>>,
    /// Rows that the target has: they are not written.
    there: ByEntity<HashSet<usize>>,
    any: bool,
}

impl NewKeys {
    /// All stay what they are.
    pub fn kept(family: &Family) -> NewKeys {
        NewKeys { changed: ByEntity::new(family), there: ByEntity::new(family), any: false }
    }

    /// Gives a row another key.
    pub fn change(&mut self, named: Named, key: Vec<u8>) {
        self.any = true;
        self.changed.get_mut(named.entity).insert(named.at, key);
    }

    /// A row has its own key in the target after all.
    pub fn keep(&mut self, named: Named) {
        self.changed.get_mut(named.entity).remove(&named.at);
    }

    /// The target has the row.
    pub fn leave(&mut self, named: Named) {
        self.there.get_mut(named.entity).insert(named.at);
    }

    /// The key of a row in the target, if it is another one.
    #[inline]
    pub fn of(&self, named: Named) -> Option<&[u8]> {
        if !self.any {
            return None;
        }
        self.changed.get(named.entity).get(&named.at).map(Vec::as_slice)
    }

    /// Whether the target has the row, so that nothing of it is written.
    #[inline]
    pub fn is_there(&self, named: Named) -> bool {
        let there = self.there.get(named.entity);
        !there.is_empty() && there.contains(&named.at)
    }

    /// Whether keys of an entity are others.
    pub fn changes(&self, entity: Entity) -> bool {
        !self.changed.get(entity).is_empty()
    }

    /// Whether any are.
    pub fn any(&self) -> bool {
        self.any
    }

    /// How many rows of an entity the target has.
    pub fn count_there(&self, entity: Entity) -> usize {
        self.there.get(entity).len()
    }

    /// The keys that are others, old and new, by table and in the order of the old ones.
    pub fn list(&self, rows: &NamedRows) -> Vec<(&'static str, Vec<(String, String)>)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut list = Vec::new();
        for (entity, changed) in self.changed.iter().filter(|(_, changed)| !changed.is_empty()) {
            let mut positions: Vec<&usize> = changed.keys().collect();
            positions.sort_unstable();
            let pair = |at: &usize| Some((text(rows.ids(entity).get(*at)?), text(changed.get(at)?)));
            list.push((rows.family.table_name(entity), positions.into_iter().filter_map(pair).collect()));
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use super::KeyMaker;

    #[test]
    fn new_keys_have_the_form_of_the_old_ones() {
        let mut maker = KeyMaker::new();
        let digits = "058b7e85ecc649efaba058cd0b7b2dfc";
        for (old, before) in [
            (digits.to_owned(), ""),
            (format!("m-{digits}"), "m-"),
            (format!("a-{digits}"), "a-"),
            (format!("tr-{digits}"), "tr-"),
        ] {
            let (one, two) = (maker.make(old.as_bytes()), maker.make(old.as_bytes()));
            let text = String::from_utf8(one.clone()).unwrap();
            assert!(text.len() == old.len() && text.starts_with(before) && one != two && text != old, "{old} {text}");
            assert!(text[before.len()..].bytes().all(|byte| byte.is_ascii_hexdigit()), "{text}");
        }
        let uuid = String::from_utf8(maker.make(b"0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f")).unwrap();
        assert_eq!(uuid.match_indices('-').map(|(at, _)| at).collect::<Vec<_>>(), [8, 13, 18, 23]);
        assert_eq!((uuid.len(), maker.make(b"my run").len()), (36, 32));
        assert_ne!(KeyMaker::new().make(b""), KeyMaker::new().make(b""));
    }
}
