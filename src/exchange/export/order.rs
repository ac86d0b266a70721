//! The order of the document: trials by id, their runs by id, rows below a run by their indices, links by the row that they link.

use smallvec::SmallVec;

use crate::database::{Layout, Query};
use crate::error::Result;
use crate::hierarchy::{RowQuery, Selection, row_order, soundness};
use crate::schema::{ByEntity, Entity, Place, Role, quote};
use crate::values::{Value, ValueRef};

/// The index of a row below a run, as SQLite orders and compares values.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Index {
    Null,
    /// The integer below a number, and what orders numbers between two integers.
    Number(i64, i64),
    Text(Vec<u8>),
    Blob(Vec<u8>),
}

impl Index {
    pub fn of(value: ValueRef<'_>) -> Index {
        match value {
            ValueRef::Null => Index::Null,
            ValueRef::Integer(value) => Index::Number(value, 0),
            ValueRef::Real(real) => Index::of_real(real),
            ValueRef::Text(text) => Index::Text(text.to_vec()),
            ValueRef::Blob(blob) => Index::Blob(blob.to_vec()),
        }
    }

    fn of_real(real: f64) -> Index {
        // The bits of positive numbers are in the order of the numbers.
        let bits = |real: f64| i64::try_from(real.to_bits()).unwrap_or(i64::MAX);
        match ValueRef::Real(real.floor()).as_integer() {
            Some(below) => Index::Number(below, bits(real - real.floor())),
            None if real > 0.0 => Index::Number(i64::MAX, bits(real)),
            None => Index::Number(i64::MIN, -bits(-real)),
        }
    }
}

/// The indices that lead from a run to a row.
pub type Indices = SmallVec<[Index; 2]>;

/// Where the rows of the hierarchy stand in the document.
pub struct NodeOrder {
    /// The place of each row of an entity; `None` if it is that in the selection.
    places: ByEntity<Option<Vec<usize>>>,
}

impl NodeOrder {
    pub fn new(selection: &Selection) -> NodeOrder {
        let mut order = NodeOrder { places: ByEntity::new(selection.family) };
        for (entity, above) in selection.family.below_root() {
            let parents = selection.parents(entity);
            let under = |row: &usize| parents.get(*row).map(|parent| order.place(above, *parent as usize));
            let mut rows: Vec<usize> = (0..parents.len()).collect();
            if rows.is_sorted_by_key(under) {
                continue;
            }
            // Stable: by id within what they hang on.
            rows.sort_by_key(under);
            let mut places = vec![0; rows.len()];
            for (place, row) in rows.into_iter().enumerate() {
                places.iter_mut().skip(row).take(1).for_each(|found| *found = place);
            }
            *order.places.get_mut(entity) = Some(places);
        }
        order
    }

    /// The place of the row of an entity at this position of the selection.
    pub fn place(&self, entity: Entity, position: usize) -> usize {
        match self.places.get(entity) {
            Some(places) => places.get(position).copied().unwrap_or(usize::MAX),
            None => position,
        }
    }

    /// The query for the rows of one table in the order of the document; `None` if there can be none.
    pub fn query(&self, layout: &Layout, query: &RowQuery<'_>, selection: &Selection) -> Result<Option<Query>> {
        let Some((low, high)) = selection.owner_bounds(query.owner) else { return Ok(None) };
        let table = query.table;
        let mut sql = format!("{}{}", query.sql(), selection.rowid_ranges.condition(table));
        if selection.has_unsound(table.schema)
            && let Some(sound) = soundness(layout, table, "t", &|parent| selection.has_unsound(parent))
        {
            sql = format!("{sql} AND {sound}");
        }
        let written = selection.counts.iter().any(|counts| counts.table.name == table.schema.name && counts.in_order);
        let by_parent = self.places.get(query.owner).is_some();
        let as_written = written && !by_parent;
        if as_written {
            sql.push_str(&row_order(table));
        } else {
            let mut order = Vec::new();
            if by_parent {
                order.extend(parents_of(layout, query.owner, &query.owner_column)?);
            }
            order.push(format!("t.{}", query.owner_column));
            order.extend(
                layout.family.index_path(table.schema).iter().map(|index| format!("t.{}", table.quoted(index.name))),
            );
            if let Place::Link { leaf, .. } = table.schema.place {
                let linked = table.schema.columns.iter().find(|column| column.role == Role::Parent(leaf));
                order.extend(linked.map(|column| format!("t.{}", table.quoted(column.name))));
            }
            sql = format!("{sql} ORDER BY {}", order.join(", "));
        }
        // Where rows are not read in the order in which they were written, an index has the order.
        let sorts = !as_written && (by_parent || !row_order(table).is_empty());
        Ok(Some(Query { sql, params: vec![Value::Integer(low), Value::Integer(high)], sorts }))
    }
}

/// Expressions for what the row of an entity hangs on that a row belongs to, and so on upwards, the uppermost first.
fn parents_of(layout: &Layout, entity: Entity, owner: &str) -> Result<Vec<String>> {
    let (mut found, mut table, mut key) = (Vec::new(), layout.entity(entity)?, format!("t.{owner}"));
    for above in layout.family.upwards(entity).skip(1).take_while(|above| *above != Entity::ROOT) {
        let (parent, name, id) = (table.parent(above)?, quote(&table.name), table.id());
        key = format!("(SELECT r.{parent} FROM {name} AS r WHERE r.{id} = {key})");
        found.insert(0, key.clone());
        table = layout.entity(above)?;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::Index;
    use crate::values::ValueRef::{Blob, Integer, Null, Real, Text};

    #[test]
    fn indices_are_ordered_and_equal_as_in_sqlite() {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        let values = [
            Null,
            Real(f64::NEG_INFINITY),
            Real(-1e300),
            Real(-9.3e18),
            Integer(i64::MIN),
            Integer(-2),
            Real(-1.5),
            Real(-1.0),
            Real(-0.0),
            Integer(0),
            Real(5e-324),
            Real(0.5),
            Integer(1),
            Real(1.0),
            Real(1.25),
            Integer((1 << 53) + 1),
            Integer(i64::MAX),
            Real(9.3e18),
            Real(f64::INFINITY),
            Text(b""),
            Text(b"1"),
            Text(b"a"),
            Blob(b""),
            Blob(b"\xff"),
        ];
        for a in values {
            for b in values {
                let sql = "SELECT CASE WHEN ?1 IS ?2 THEN 0 WHEN ?1 IS NULL OR ?1 < ?2 THEN -1 ELSE 1 END";
                let expected: i64 = connection.query_row(sql, [to_sql(a), to_sql(b)], |row| row.get(0)).unwrap();
                assert_eq!(Index::of(a).cmp(&Index::of(b)) as i64, expected, "{a:?} {b:?}");
            }
        }
    }

    fn to_sql(value: crate::values::ValueRef<'_>) -> rusqlite::types::Value {
        match value {
            Null => rusqlite::types::Value::Null,
            Integer(value) => value.into(),
            Real(value) => value.into(),
            Text(text) => String::from_utf8(text.to_vec()).unwrap().into(),
            Blob(blob) => blob.to_vec().into(),
        }
    }
}
