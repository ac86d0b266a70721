//! A column of a database, and how it converts values.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

use super::affinity::{ANY, Affinity};
use crate::schema::{Column, Entity, Role};
use crate::values::ValueRef;

/// The type of a column by the rules of an engine of its own. Whoever reads a layout makes one for each column.
pub trait EngineType: Any + Debug + Send + Sync {
    /// Whether a value is certainly stored as it is.
    fn certainly_keeps(&self, value: ValueRef<'_>) -> bool;

    /// Whether a value that was read from such a column goes back as it is, as far as can be told without the engine.
    fn takes_back(&self, value: ValueRef<'_>) -> bool;

    /// Whether what is read of a value tells all of it.
    fn is_read_whole(&self) -> bool;

    /// Whether SQLite keeps everything that such a column can hold in a column with this affinity.
    fn is_kept_by(&self, affinity: Affinity) -> bool;

    /// Whether SQLite keeps everything but -0.0, and NaN where there is any, in a column for real numbers.
    fn is_real(&self) -> bool;

    /// Whether keys compare here as the integers that they are.
    fn holds_integers(&self) -> bool;

    /// Whether values of the type can be written at all.
    fn can_be_written(&self) -> bool;

    /// Whether the other is the same type of the same engine.
    fn is_same_as(&self, other: &dyn EngineType) -> bool;
}

/// What decides what becomes of a value in a column.
#[derive(Clone, Debug)]
pub enum Storage {
    /// The affinity converts.
    Affinity(Affinity),
    /// A column of a SQLite table that is STRICT: it converts as the affinity says, and refuses what is of another type then. One of
    /// type ANY keeps everything, as `Affinity(Affinity::Blob)`.
    Strict(Affinity),
    /// The engine's own rules.
    Own(Arc<dyn EngineType>),
}

impl PartialEq for Storage {
    fn eq(&self, other: &Storage) -> bool {
        match (self, other) {
            (Storage::Affinity(here), Storage::Affinity(there)) | (Storage::Strict(here), Storage::Strict(there)) => {
                here == there
            }
            (Storage::Own(here), Storage::Own(there)) => here.is_same_as(there.as_ref()),
            _ => false,
        }
    }
}

impl Eq for Storage {}

/// A column that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnLayout {
    /// The name, in the database's own letter case.
    pub name: String,
    /// What the schema knows of it; `None` for an extra column.
    pub schema: Option<&'static Column>,
    /// The declared type.
    pub declared: String,
    /// What the type does to values.
    pub storage: Storage,
    /// Whether NULL is refused.
    pub not_null: bool,
    /// Of an extra column that is a foreign key to a table of ours: whose ids it has.
    pub refers: Option<Entity>,
    /// It has ids of several.
    pub torn: bool,
    /// Whether the database itself numbers the rows of the table in this column.
    pub counter: bool,
    /// Whether a row that is written without it gets a value, which may be NULL where that is not refused.
    pub has_default: bool,
    /// Whether the engine writes the time into it whenever another column of the row changes.
    pub is_stamped: bool,
}

impl ColumnLayout {
    /// A column that the schema knows as `schema`, if at all, with nothing particular about it.
    pub fn new(name: String, schema: Option<&'static Column>, declared: String, storage: Storage) -> ColumnLayout {
        ColumnLayout {
            name,
            schema,
            declared,
            storage,
            not_null: false,
            refers: None,
            torn: false,
            counter: false,
            has_default: false,
            is_stamped: false,
        }
    }

    /// The type by the rules of an engine, for that engine.
    pub fn own_type<T: EngineType>(&self) -> Option<&T> {
        let Storage::Own(kind) = &self.storage else { return None };
        let kind: &dyn Any = kind.as_ref();
        kind.downcast_ref()
    }

    /// A column of some database, of which only the declared type is known.
    ///
    /// SQLite's types are what their affinity makes of them, but a server writes its own in small letters, and what they hold can be
    /// something that the affinity of the same words would rewrite: `decimal(20,2)`, `enum('007')`.
    pub fn elsewhere(name: &str, declared: &str) -> ColumnLayout {
        let affinity = Affinity::of(declared);
        let is_server = declared.bytes().any(|byte| byte.is_ascii_lowercase());
        let integers = affinity == Affinity::Integer && !declared.contains(['\'', ' ']);
        let known = !is_server || integers || matches!(affinity, Affinity::Text | Affinity::Blob);
        let storage = Storage::Affinity(if known { affinity } else { Affinity::Blob });
        ColumnLayout::new(name.to_owned(), None, declared.to_owned(), storage)
    }

    /// Whether a value is certainly stored as it is. If not, [`Catalog::stored_as`](super::Catalog::stored_as) knows.
    #[inline]
    pub fn certainly_keeps(&self, value: ValueRef<'_>) -> bool {
        match &self.storage {
            Storage::Affinity(affinity) => affinity.certainly_keeps(value),
            Storage::Strict(affinity) => affinity.is_kind_of(value) && affinity.certainly_keeps(value),
            Storage::Own(kind) => kind.certainly_keeps(value),
        }
    }

    /// Whether what is read of a value tells all of it.
    pub fn is_read_whole(&self) -> bool {
        !matches!(&self.storage, Storage::Own(kind) if !kind.is_read_whole())
    }

    /// Whether the column would take a value that was read from it back as it is, as far as can be told without the engine.
    pub fn takes_back(&self, value: ValueRef<'_>) -> bool {
        !matches!(&self.storage, Storage::Own(kind) if !kind.takes_back(value))
    }

    /// How SQLite converts values; `None` for a column that refuses some, or of another engine.
    pub fn affinity(&self) -> Option<Affinity> {
        match &self.storage {
            Storage::Affinity(affinity) => Some(*affinity),
            _ => None,
        }
    }

    /// Whether whatever the other column holds is certainly stored here as it is.
    pub fn takes_all_of(&self, other: &ColumnLayout) -> bool {
        match (&self.storage, &other.storage) {
            (Storage::Affinity(affinity), Storage::Own(kind)) => kind.is_kept_by(*affinity),
            (Storage::Affinity(Affinity::Blob), _) => true,
            // What is of one type only, and converted by this affinity already.
            (Storage::Affinity(affinity), Storage::Strict(strict)) => affinity == strict || *strict == Affinity::Blob,
            // What is in a column like it has come into one.
            (here, there) => here == there && self.holds(),
        }
    }

    /// Whether of all that the other column holds nothing but -0.0 and NaN could change here.
    pub fn takes_all_but_odd_reals_of(&self, other: &ColumnLayout) -> bool {
        let numbers = matches!(
            self.storage,
            Storage::Affinity(Affinity::Real | Affinity::Blob) | Storage::Strict(Affinity::Real)
        );
        numbers && matches!(&other.storage, Storage::Own(kind) if kind.is_real())
    }

    /// Whether values of the type can be written at all.
    fn holds(&self) -> bool {
        !matches!(&self.storage, Storage::Own(kind) if !kind.can_be_written())
    }

    /// The type that a column of a SQLite table has to be declared with to keep everything that this one holds: its own, if that does,
    /// else that of text, else none.
    pub fn declared_in_sqlite(&self, strict: bool) -> &str {
        if strict {
            return ANY;
        }
        // Elsewhere it is a word of no meaning, which makes numbers of text.
        let own = if self.declared.eq_ignore_ascii_case(ANY) { "" } else { self.declared.as_str() };
        let keeps = |declared: &&str| {
            let storage = Storage::Affinity(Affinity::of(declared));
            ColumnLayout { storage, ..ColumnLayout::elsewhere("", "") }.takes_all_of(self)
        };
        [own, "TEXT"].into_iter().find(keeps).unwrap_or_default()
    }

    /// Whether keys compare here as the integers that they are.
    pub fn holds_integers(&self) -> bool {
        match &self.storage {
            Storage::Affinity(affinity) | Storage::Strict(affinity) => {
                matches!(affinity, Affinity::Integer | Affinity::Numeric)
            }
            Storage::Own(kind) => kind.holds_integers(),
        }
    }

    /// Whether the type cannot be that of a key in this role. With text as keys, every row would seem to be unsound.
    pub(super) fn refuses_role(&self, role: Role) -> bool {
        match (&self.storage, role) {
            (Storage::Affinity(affinity) | Storage::Strict(affinity), Role::Id) => {
                matches!(affinity, Affinity::Text | Affinity::Real)
            }
            (Storage::Affinity(affinity) | Storage::Strict(affinity), Role::Parent(_)) => *affinity == Affinity::Text,
            (Storage::Affinity(_) | Storage::Strict(_), Role::Index) => false,
            (Storage::Own(_), Role::Id | Role::Parent(_) | Role::Index) => !self.holds_integers(),
            (_, Role::Content) => false,
        }
    }
}
