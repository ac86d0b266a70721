//! Lists of metrics and artifacts: writes the new ones, and all links to them.

use super::ids::next_id;
use super::{Frame, Walk};
use crate::error::{Domain, Error, Result};
use crate::exchange::import::leaves::Appearance;
use crate::exchange::import::objects::{Member, Object};
use crate::exchange::import::row::Row;
use crate::exchange::import::seen_keys::SeenKeys;
use crate::schema::Entity;
use crate::values::ValueRef;

impl Walk<'_, '_, '_> {
    /// Reads a list of metrics or artifacts, and writes those that are new and all links.
    pub(super) fn links(&mut self, link: &'static Object, owner: &Frame) -> Result<()> {
        let (Some((entity, leaf_at, leaf_column)), Some(key)) = (link.leaf, &owner.key) else {
            return Err(Error::internal(Domain::ImportExport, format!("{} has no key", owner.object.table.name)));
        };
        let leaf = Object::at(self.family, leaf_at)?;
        let mut once = SeenKeys::default();
        let (mut row, mut link_row) = (self.take_row(leaf_at), self.take_row(link.at));
        let mut items = self.reader.begin_list()?;
        while self.reader.next_item(&mut items)? {
            self.target.require(link, &self.reader)?;
            row.clear();
            link_row.clear();
            let id = self.leaf((leaf, link), (&mut row, &mut link_row))?;
            if !once.insert(id)? {
                return self.reader.invalid(format!("the id {id} occurs twice in the list"));
            }
            let new = self.store_leaf(leaf, entity, id, &mut row)?;
            self.hang(link, &mut link_row, key)?;
            link_row.put(leaf_column, ValueRef::Integer(new));
            self.tie(link, &mut link_row)?;
            self.target.write(link, &link_row, &self.reader)?;
        }
        self.put_row(leaf_at, row);
        self.put_row(link.at, link_row);
        Ok(())
    }

    /// Reads a metric or an artifact; answers its id in the document.
    fn leaf(&mut self, (leaf, link): (&'static Object, &Object), (row, link_row): (&mut Row, &mut Row)) -> Result<i64> {
        if self.is_older() {
            return self.older_leaf(leaf, row);
        }
        let mut id = None;
        let mut members = self.reader.begin_object()?;
        while let Some(at) = self.reader.next_member(&mut members, &leaf.keys)? {
            match leaf.member(at)? {
                Member::Column(column) if Some(column) == leaf.own_key => id = Some(self.id()?),
                Member::Column(column) => self.column(leaf, column, row)?,
                Member::ExtraColumns => self.extra_columns(leaf, row)?,
                Member::LinkExtraColumns => self.extra_columns(link, link_row)?,
                Member::Children(_) => {}
            }
        }
        match id {
            Some(id) => Ok(id),
            None => self.reader.invalid("the key \"id\" is missing"),
        }
    }

    /// Writes a metric or an artifact unless it was written before; answers its new id.
    pub(super) fn store_leaf(&mut self, leaf: &'static Object, entity: Entity, id: i64, row: &mut Row) -> Result<i64> {
        let Some(column) = leaf.own_key else { return Ok(id) };
        let leaves = self.leaves.get_mut(entity);
        let preserve = self.taken.is_some() && !self.apart;
        let (ids, ties, target) = (&mut self.ids, &mut self.ties, &*self.target);
        let named = target.has_links();
        let (appearance, new) = leaves.look(id, column, row, || {
            let mut next = || if preserve { Ok(id) } else { next_id(ids, entity, target) };
            if named { ties.appear(entity, id, next) } else { next() }
        })?;
        match appearance {
            Appearance::Again => {}
            Appearance::Another => {
                let what = format!("the id {id} occurs before with other content: it is another {}", leaf.table.name);
                return self.reader.invalid(what);
            }
            Appearance::First => {
                self.is_preserved(entity, id)?;
                row.put(column, ValueRef::Integer(new));
                self.tie(leaf, row)?;
                self.target.write(leaf, row, &self.reader)?;
            }
        }
        Ok(new)
    }
}
