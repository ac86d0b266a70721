//! Keys of rows: the ids that they have in the document, and the new ones that they get.

use smallvec::smallvec;

use super::ids::{new_ids, next_id};
use super::{Frame, Key, Walk};
use crate::error::Result;
use crate::exchange::import::objects::Object;
use crate::exchange::import::reader::Number;
use crate::exchange::import::row::Row;
use crate::exchange::import::seen_keys::SeenKeys;
use crate::hierarchy::id_in;
use crate::schema::Entity;
use crate::values::{Value, ValueRef};

impl Walk<'_, '_, '_> {
    /// The id or index that tells a row from the others.
    pub(super) fn own_key(
        &mut self,
        (object, column): (&'static Object, usize),
        row: &mut Row,
        frame: &mut Frame,
        owner: Option<&Frame>,
        once: &mut SeenKeys,
    ) -> Result<()> {
        if let Some(entity) = object.entity {
            let id = self.id()?;
            frame.document_id = Some(id);
            if frame.claimed.is_some_and(|claimed| claimed != id) {
                return self.reader.invalid(format!("the id is {id}, but rows below say that it is another"));
            }
            let new = entity == Entity::ROOT || self.seen.get_mut(entity).insert(id)?;
            if !new {
                return self.reader.invalid(format!("the id {id} occurs twice"));
            }
            let preserved = self.is_preserved(entity, id)?;
            if preserved || frame.key.is_none() {
                frame.key = Some(smallvec![Value::Integer(self.id_of_row(entity, id, preserved)?)]);
            }
            return Ok(());
        }
        self.column(object, column, row)?;
        let value = row.get(column);
        if value == ValueRef::Null {
            return self.reader.invalid("it must not be null");
        }
        if let Some(index) = value.as_integer()
            && !once.insert(index)?
        {
            return self.reader.invalid(format!("the index {index} occurs twice"));
        }
        let mut key: Key = smallvec![value.to_owned()];
        key.extend(owner.and_then(|owner| owner.key.as_deref()).unwrap_or_default().iter().cloned());
        frame.key = Some(key);
        Ok(())
    }

    /// Whether rows keep their ids; looks if this one is free.
    pub(super) fn is_preserved(&mut self, entity: Entity, id: i64) -> Result<bool> {
        let Some(taken) = &mut self.taken else { return Ok(false) };
        let is_taken = taken.check((self.target.connection, &self.target.layout), entity, id, self.job)?;
        if is_taken && !self.apart {
            if entity == Entity::ROOT && self.compares && self.target.is_untouched() {
                // It may be the same one: only its content says so, whatever the document says of itself.
                self.ids = new_ids(self.target)?;
                self.apart = true;
            } else {
                self.target.block();
            }
        }
        Ok(!self.apart)
    }

    /// What a row says it hangs on has to be what it stands below.
    pub(super) fn claim(&mut self, owner: &mut Frame, id: i64) -> Result<()> {
        match owner.document_id.or(owner.claimed) {
            Some(known) if known != id => {
                let what = format!("the row stands below {known}, but says that it belongs to {id}");
                self.reader.invalid(what)
            }
            _ => {
                owner.claimed = Some(id);
                Ok(())
            }
        }
    }

    pub(super) fn id(&mut self) -> Result<i64> {
        match self.reader.number()? {
            Number::Integer(id) => Ok(id),
            Number::Real(_) => self.reader.invalid("an id is an integer"),
        }
    }

    /// The new id of a trial or a run that comes.
    pub(super) fn id_of_row(&mut self, entity: Entity, id: i64, preserved: bool) -> Result<i64> {
        let Walk { ties, ids, target, .. } = self;
        let target = &**target;
        let mut next = || if preserved { Ok(id) } else { next_id(ids, entity, target) };
        if target.has_links() && entity != Entity::ROOT { ties.appear(entity, id, next) } else { next() }
    }

    /// The new id of a row that is named.
    pub(super) fn id_of_named(&mut self, (entity, id): (Entity, i64), column: &str) -> Result<i64> {
        let preserved = self.preserves();
        let Walk { ties, ids, reader, target, leaves, .. } = self;
        if let Some(new) = leaves.get_mut(entity).new_id(id)? {
            return Ok(new);
        }
        ties.mention((entity, id), column, reader, || if preserved { Ok(id) } else { next_id(ids, entity, target) })
    }

    /// Gives the extra columns that name other rows the new ids of these.
    pub(super) fn tie(&mut self, object: &Object, row: &mut Row) -> Result<()> {
        for nth in 0..self.target.links(object.at).len() {
            let Some((at, entity)) = self.target.links(object.at).get(nth).copied() else { break };
            let value = row.get(at);
            if value == ValueRef::Null {
                if entity != Entity::ROOT && self.target.may_lose() && self.target.refuses_null(object.at, at) {
                    // Until all was read, and it can be left out with all that hangs on it.
                    let nobody = if self.preserves() { 0 } else { self.next_id(entity)? };
                    row.put(at, ValueRef::Integer(nobody));
                }
                continue;
            }
            let column = format!("{}.{}", object.table.name, self.target.column_name(object.at, at));
            let Some(id) = id_in(value) else {
                let what = format!("{column} has ids, and {} is none", value.describe());
                return self.reader.invalid(what);
            };
            let new = match entity {
                Entity::ROOT => {
                    self.ties.mention_experiment(id, &column, &self.reader)?;
                    let own = self.ids.iter().find(|ids| ids.entity() == entity);
                    own.and_then(|ids| ids.blocks.first()).map_or(id, |(first, _)| *first)
                }
                _ => self.id_of_named((entity, id), &column)?,
            };
            row.put(at, ValueRef::Integer(new));
        }
        Ok(())
    }

    /// Says what a row hangs on.
    pub(super) fn hang(&mut self, object: &Object, row: &mut Row, key: &[Value]) -> Result<()> {
        for (at, value) in object.owner_columns.iter().zip(key) {
            self.target.check_key(object, *at, value, &self.reader)?;
            row.put(*at, value.borrow());
        }
        Ok(())
    }
}
