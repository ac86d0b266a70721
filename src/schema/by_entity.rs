//! A value for each entity of a family.

use super::entity::Entity;
use super::family::Family;

/// Something of each entity of a family.
#[derive(Clone, Debug)]
pub struct ByEntity<T> {
    items: Vec<T>,
    /// Of an entity of another family: what nobody gets to see.
    none: T,
}

impl<T: Default> ByEntity<T> {
    /// The same of all.
    pub fn new(family: &Family) -> ByEntity<T> {
        ByEntity { items: family.all().map(|_| T::default()).collect(), none: T::default() }
    }
}

impl<T: Default> ByEntity<T> {
    /// What each has.
    pub fn of(family: &Family, each: impl FnMut(Entity) -> T) -> ByEntity<T> {
        ByEntity { items: family.all().map(each).collect(), none: T::default() }
    }
}

impl<T: Default> Default for ByEntity<T> {
    fn default() -> ByEntity<T> {
        ByEntity { items: Vec::new(), none: T::default() }
    }
}

impl<T> ByEntity<T> {
    /// What one has.
    #[inline]
    pub fn get(&self, entity: Entity) -> &T {
        self.items.get(entity.index()).unwrap_or(&self.none)
    }

    /// What one has, to change it.
    #[inline]
    pub fn get_mut(&mut self, entity: Entity) -> &mut T {
        self.items.get_mut(entity.index()).unwrap_or(&mut self.none)
    }

    /// What each has.
    pub fn iter(&self) -> impl Iterator<Item = (Entity, &T)> {
        self.items.iter().enumerate().map(|(at, item)| (Entity::at(at as u8), item))
    }

    /// What each has, to change it.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Entity, &mut T)> {
        self.items.iter_mut().enumerate().map(|(at, item)| (Entity::at(at as u8), item))
    }
}
