//! What the values of columns mean where their type does not say it.

use super::entity::Entity;

/// What the values of a column mean where their type does not say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// A time as milliseconds since 1970. ([`super::Kind::Time`] is a text, or a server's DATETIME.)
    Milliseconds,
    /// A number that is NaN where this column of the row says so.
    NanIn(&'static str),
    /// An infinite number stands as the greatest that is finite.
    InfinityAsGreatest,
    /// The key of a row of this entity.
    Names(Entity),
    /// The same in rows in which another column is this text.
    NamesWhere(&'static str, &'static str, Entity),
    /// The key of a row of the entity for which the text in another column stands.
    NamesBy(&'static str, &'static [(&'static str, Entity)]),
    /// A text with the key of what the row hangs on somewhere in it.
    MentionsOwner,
    /// Where files are.
    Location,
    /// The same in rows in which another column is this text.
    LocationWhere(&'static str, &'static str),
    /// Databases of earlier versions lack the column.
    Later,
    /// What it is where they lack it, if that is not NULL.
    AbsentIs(i64),
    /// No part of what an experiment is: left out of the digest.
    Aside,
    /// The same of rows in which another column is one of these texts.
    AsideWhere(&'static str, &'static [&'static str]),
}

/// A column whose meaning needs a rule.
#[derive(Debug)]
pub struct Rule {
    pub table: &'static str,
    pub column: &'static str,
    pub meaning: Meaning,
}
