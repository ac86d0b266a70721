//! The definition of an entity, as data.

/// One of the things that have a key of their own: a handle, which is the place among its family's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entity(u8);

impl Entity {
    /// What a job moves one of, with all that is below, whatever the family.
    pub const ROOT: Entity = Entity(0);

    /// The entity at this place of `Family::entities`.
    pub const fn at(place: u8) -> Entity {
        Entity(place)
    }

    /// Its place there.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Where the rows of an entity stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// On top: what a job moves is one of these, with everything below.
    Root,
    /// Each hangs on a row of this entity.
    Below(Entity),
    /// Reached through links only.
    Linked,
    /// Each ties two rows of others, which rules of the family name: it is of an experiment if both are.
    Between,
}

/// Who chooses an entity's keys, and what they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// Integers, which the database chooses.
    Integer,
    /// Texts, which the tracker chose, of so many bytes at most.
    Text(usize),
}

/// What becomes of an entity's keys in another database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// New ones take their place, wherever they stand.
    Remapped,
    /// They stay what they are; one that is taken is an error.
    Kept,
    /// They stay what they are unless they are taken.
    KeptUnlessTaken,
}

/// What is known of an entity.
#[derive(Debug)]
pub struct EntityData {
    /// One of them in a message, and several: also the key of a list of them in a document.
    pub noun: &'static str,
    pub nouns: &'static str,
    pub level: Level,
    pub key: Key,
    pub keys: Keys,
    /// What a job does that validates them.
    pub checking: &'static str,
    /// What is said of a link to one that is none of the experiment's.
    pub leads_out: &'static str,
}

/// Stands for an entity of another family.
pub(super) static UNKNOWN: EntityData = EntityData {
    noun: "",
    nouns: "",
    level: Level::Linked,
    key: Key::Integer,
    keys: Keys::Remapped,
    checking: "validating",
    leads_out: "which is none of the experiment's",
};
