//! What links hang on, read once where it is little: to find it in memory takes a fraction of what a join takes for each link.

use std::cell::Cell;
use std::collections::HashMap;

use crate::database::{Connection, Next};
use crate::error::Result;
use crate::values::{Value, ValueRef};

/// Rows that are kept at most. With more of them a join finds them.
const MOST_ROWS: usize = 1 << 15;
/// Of all their texts.
const MOST_BYTES: usize = 2 << 20;
/// More columns than a key of an owner has.
const MOST_KEYS: usize = 4;

/// A key, filled up with zeros: all keys of a table have as many columns.
type Key = [i64; MOST_KEYS];

/// Which rows are kept, of which columns.
pub struct Wanted<'w> {
    /// What is read, as SQL: the columns of the key, those that are wanted, and where they are.
    pub keys: &'w [String],
    pub values: &'w [String],
    pub from: &'w str,
}

/// Some columns of all rows of a table, by their keys.
pub struct Owners {
    places: HashMap<Key, usize>,
    /// Those of each row, one after another.
    values: Vec<Value>,
    /// Where the cells of the key, and those that are filled, are in a link's row.
    keys: Vec<usize>,
    fills: Vec<usize>,
    /// The last key and where it was found: the links of one owner come together.
    last: Cell<(Key, Option<usize>)>,
}

/// The key that cells are; `None` if one of them is no integer, as none of the keys that are kept.
fn key<'v>(cells: impl Iterator<Item = ValueRef<'v>>) -> Option<Key> {
    let mut key = Key::default();
    let mut places = key.iter_mut();
    for cell in cells {
        *places.next()? = cell.as_integer()?;
    }
    Some(key)
}

impl Owners {
    /// Reads them. The links' cells at `keys` are a row's key, and those at `fills` are to be filled. `None` if there are too many, or if a join would
    /// find other rows: two of one key, or by a key that is no integer.
    pub fn read(
        connection: &dyn Connection,
        wanted: &Wanted<'_>,
        keys: Vec<usize>,
        fills: Vec<usize>,
    ) -> Result<Option<Owners>> {
        let columns: Vec<&str> = wanted.keys.iter().chain(wanted.values).map(String::as_str).collect();
        let sql = format!("SELECT {} FROM {} LIMIT {}", columns.join(", "), wanted.from, MOST_ROWS + 1);
        let mut owners =
            Owners { places: HashMap::new(), values: Vec::new(), keys, fills, last: Cell::new((Key::default(), None)) };
        let (mut is_whole, mut bytes) = (true, 0);
        connection.query(&sql, &[], &mut |row| {
            let cells = (0..columns.len()).map(|at| row.value(at)).collect::<Result<Vec<_>>>()?;
            let (own, values) = cells.split_at_checked(wanted.keys.len()).unwrap_or_default();
            // No link leads to a row without a key.
            if own.contains(&ValueRef::Null) {
                return Ok(Next::Row);
            }
            let place = owners.places.len();
            for value in values {
                if let ValueRef::Text(text) | ValueRef::Blob(text) = value {
                    bytes += text.len();
                }
            }
            is_whole = place < MOST_ROWS
                && bytes <= MOST_BYTES
                && key(own.iter().copied()).is_some_and(|key| owners.places.insert(key, place).is_none());
            if is_whole {
                owners.values.extend(values.iter().map(|value| ValueRef::to_owned(*value)));
            }
            Ok(if is_whole { Next::Row } else { Next::Stop })
        })?;
        Ok(is_whole.then_some(owners))
    }

    /// Fills the cells of a link's row; of a link that leads to nothing they stay as they are.
    pub fn fill<'o>(&'o self, cells: &mut [ValueRef<'o>]) {
        let key = key(self.keys.iter().map(|at| cells.get(*at).copied().unwrap_or(ValueRef::Null)));
        let Some(key) = key else { return };
        let (last, mut place) = self.last.get();
        if key != last || place.is_none() {
            place = self.places.get(&key).copied();
            self.last.set((key, place));
        }
        let Some(place) = place else { return };
        let values = self.values.iter().skip(place * self.fills.len());
        for (at, value) in self.fills.iter().zip(values) {
            if let Some(cell) = cells.get_mut(*at) {
                *cell = value.borrow();
            }
        }
    }
}
