//! Whether the parents of the rows below the hierarchy exist, as one bit for each possible key. Asking the database for the parent of
//! every row would take longer than reading the row.

use super::run_keys::RunKeys;
use crate::database::{Layout, Row};
use crate::error::Result;
use crate::schema::{ByEntity, Column, Place, Table};
use crate::values::ValueRef;

/// Where a row's index and outer index are among its keys; `None` for 0.
type Positions = [Option<usize>; 2];

/// What one table's rows need to stand.
pub struct Needs {
    /// Where the rows they hang on are found: a place in [`Presence`].
    parents: Vec<(usize, Positions)>,
    /// A table they hang on is missing.
    never: bool,
    /// Indices that must not be NULL.
    not_null: Vec<usize>,
    /// Where this table's own keys go.
    own: Option<(usize, Positions)>,
}

/// The keys of all tables of such rows that were read so far.
#[derive(Default)]
pub struct Presence {
    tables: Vec<(&'static str, RunKeys)>,
    /// Keys compare as integers do.
    usable: bool,
    /// How many rows of each entity there are to hang on.
    owners: ByEntity<usize>,
}

impl Presence {
    pub fn new(layout: &Layout, owners: ByEntity<usize>) -> Presence {
        Presence { tables: Vec::new(), usable: layout.keeps_keys(), owners }
    }

    /// Prepares for the rows of a table, read as `keys`; `None` if the database has to be asked whether they can stand.
    pub fn needs(&mut self, layout: &Layout, schema: &'static Table, keys: &[&'static Column]) -> Option<Needs> {
        let at = |name: &str| keys.iter().position(|column| column.name == name);
        let mut needs = Needs { parents: Vec::new(), never: false, not_null: Vec::new(), own: None };
        let mut outer = 1;
        let own = indices(schema);
        for reference in schema.references {
            let Some(parent) = layout.family.outer(reference) else { continue };
            if layout.table(parent.name).is_none() {
                needs.never = true;
                continue;
            }
            let found = self.tables.iter().position(|(table, _)| *table == parent.name)?;
            let (_, known) = self.tables.get(found).filter(|(_, keys)| keys.is_complete())?;
            // The column of this table that has the parent's index.
            let child = |name: &str| {
                let position = reference.parent_columns.iter().position(|column| *column == name)?;
                reference.columns.get(position).copied()
            };
            let mut positions = [None, None];
            for (position, name) in positions.iter_mut().zip(indices(parent)) {
                *position = Some(at(child(name)?)?);
            }
            if let (Some(first), Some(mine)) = (indices(parent).next(), own.clone().nth(1))
                && child(first) == Some(mine)
            {
                outer = known.span();
            }
            needs.parents.push((found, positions));
        }
        for column in layout.family.needed_indices(schema) {
            needs.not_null.push(at(column.name)?);
        }
        if let Place::Below(owner) = schema.place {
            let owners = *self.owners.get(owner);
            let mut positions = [None, None];
            for (position, name) in positions.iter_mut().zip(own.clone()) {
                *position = Some(at(name)?);
            }
            needs.own = Some((self.tables.len(), positions));
            let complete = self.usable && own.count() <= positions.len();
            let mut keys = RunKeys::new(owners, outer);
            if !complete {
                keys.give_up();
            }
            self.tables.push((schema.name, keys));
        }
        self.usable.then_some(needs)
    }

    /// Whether a row of a run can stand; `None` if only the database knows. Remembers those that can.
    pub fn stands(&mut self, needs: &Needs, row: &dyn Row, run: usize) -> Result<Option<bool>> {
        if needs.never {
            return Ok(Some(false));
        }
        for at in &needs.not_null {
            if row.value(*at)? == ValueRef::Null {
                return Ok(Some(false));
            }
        }
        for (parent, positions) in &needs.parents {
            match (key(positions, row)?, self.tables.get(*parent)) {
                (Key::Null, _) => return Ok(Some(false)),
                (Key::Integers(key), Some((_, keys))) => {
                    if !keys.contains(key, run) {
                        return Ok(Some(false));
                    }
                }
                _ => return Ok(None),
            }
        }
        if let Some((own, positions)) = &needs.own
            && let Some((_, keys)) = self.tables.get_mut(*own)
        {
            match key(positions, row)? {
                Key::Integers(key) => keys.insert(key, run),
                _ => keys.give_up(),
            }
        }
        Ok(Some(true))
    }

    /// The rows of this table have to be looked up in the database, if others hang on them.
    pub fn give_up(&mut self, table: &Table) {
        self.tables.iter_mut().filter(|(name, _)| *name == table.name).for_each(|(_, keys)| keys.give_up());
    }
}

/// The names of a table's indices.
fn indices(schema: &'static Table) -> impl Iterator<Item = &'static str> + Clone {
    schema.indices().map(|column| column.name)
}

enum Key {
    Integers((i64, i64)),
    Null,
    Other,
}

fn key([index, outer]: &Positions, row: &dyn Row) -> Result<Key> {
    let mut integers = [0, 0];
    for (integer, at) in integers.iter_mut().zip([index, outer]) {
        let Some(at) = at else { continue };
        match row.value(*at)? {
            ValueRef::Integer(value) => *integer = value,
            ValueRef::Null => return Ok(Key::Null),
            _ => return Ok(Key::Other),
        }
    }
    let [index, outer] = integers;
    Ok(Key::Integers((index, outer)))
}

#[cfg(test)]
mod tests {
    use crate::database::{Affinity, Database, Layout, OpenOptions, Storage};
    use crate::error::Domain;
    use crate::hierarchy::{Scope, Selection};
    use crate::progress::Job;
    use crate::values::Value;

    fn select(database: &Database, layout: &Layout) -> Selection {
        let job = Job::unwatched(Domain::Database);
        Selection::read(database.reader().unwrap(), layout, 1, Scope::default(), &job).unwrap()
    }

    /// Selects with and without the bits; both must find the same. Returns the number of rows that cannot stand.
    fn both_ways(epochs: &[Value], batches: &[(Value, Value)]) -> u64 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let options = OpenOptions { create: true, ..OpenOptions::default() };
        let database = Database::open(path.to_str().unwrap(), options).unwrap();
        let writer = database.writer(&crate::progress::Job::unwatched(crate::error::Domain::Database)).unwrap();
        let run = |sql: &str, params: &[Value]| writer.execute(sql, params).unwrap();
        run("INSERT INTO EXPERIMENT VALUES (1, 't', NULL, 'a', 'b')", &[]);
        run("INSERT INTO TRIAL VALUES (-4, 't', 1, 'a', 'b')", &[]);
        for id in [-9, 3, i64::MAX] {
            run("INSERT INTO TRIAL_RUN VALUES (?1, -4, 's', 'a', 'b')", &[Value::Integer(id)]);
            run("INSERT INTO RESULTS_METRIC VALUES (?1, 1), (?1, 2)", &[Value::Integer(id)]);
        }
        run("INSERT INTO METRIC (id, type, total_val) VALUES (1, 'loss', 0.5)", &[]);
        run("INSERT INTO RESULTS VALUES (3, 'a'), (NULL, 'b')", &[]);
        for epoch in epochs {
            run("INSERT INTO EPOCH VALUES (?1, 3, 't')", std::slice::from_ref(epoch));
            run("INSERT INTO EPOCH_METRIC VALUES (?1, 3, 1), (?1, -9, 1)", std::slice::from_ref(epoch));
        }
        for (index, epoch) in batches {
            let key = [index.clone(), epoch.clone()];
            run("INSERT INTO BATCH VALUES (?1, ?2, 3, 't'), (?1, ?2, -9, 't')", &key);
            run("INSERT OR IGNORE INTO BATCH_METRIC VALUES (?1, ?2, 3, 1), (?2, ?1, 3, 1), (?1, ?2, -9, 1)", &key);
        }
        let layout = database.layout().unwrap();
        let mut untyped = layout.clone();
        // Columns without a type keep the bits from being used; SQLite's own idea of the types stays.
        let columns = untyped.tables.iter_mut().flat_map(|table| &mut table.columns);
        columns.for_each(|column| column.storage = Storage::Affinity(Affinity::Blob));
        let (bits, looked_up) = (select(&database, &layout), select(&database, &untyped));
        let counts = |selection: &Selection| -> Vec<(&str, u64, u64)> {
            selection.counts.iter().map(|c| (c.table.name, c.rows, c.unsound)).collect()
        };
        let rows = |selection: &Selection| -> Vec<String> {
            selection.problems.first.iter().map(|problem| problem.message.clone()).collect()
        };
        assert_eq!(counts(&bits), counts(&looked_up));
        assert_eq!(rows(&bits), rows(&looked_up));
        assert_eq!(bits.problems.count, looked_up.problems.count);
        bits.problems.count
    }

    #[test]
    fn bits_and_the_database_agree_whatever_the_keys_are() {
        let int = Value::Integer;
        let results = 5; // of six links, the one of run 3 to metric 1 can stand
        assert_eq!(both_ways(&[], &[]), results);
        // One link of each epoch, and one row and one link of each batch, belong to the run that has no epochs.
        assert_eq!(both_ways(&[int(0), int(1), int(2)], &[(int(1), int(1)), (int(2), int(2))]), results + 3 + 2 * 2);
        let text = || Value::Text(b"x".to_vec());
        for odd in [int(-1), int(i64::MAX), int(1 << 40), Value::Null, text(), Value::Real(1.5)] {
            both_ways(
                &[int(0), odd.clone()],
                &[(int(0), odd.clone()), (odd.clone(), int(0)), (odd.clone(), odd.clone())],
            );
            both_ways(&[int(0)], &[(int(0), odd.clone()), (odd, int(0))]);
        }
    }
}
