//! The definition of a table, as data.

use super::entity::Entity;

/// What a column's values are, for checking and for the canonical form of the digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 64-bit integers.
    Integer,
    /// IEEE-754 binary64 numbers.
    Real,
    /// Text without a meaning of its own.
    Text,
    /// A naive ISO 8601 timestamp.
    Time,
    /// JSON text.
    Json,
    /// Bytes without a meaning of their own.
    Bytes,
    /// A cell of another column: whatever that can hold, and it must come back as it was.
    Cell,
}

/// What a column is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The row's own key.
    Id,
    /// The key of another entity's row.
    Parent(Entity),
    /// Part of the row's natural key below an entity's row. Content, and copied as it is.
    Index,
    /// Everything else: copied as it is.
    Content,
}

/// One column.
#[derive(Debug, PartialEq, Eq)]
pub struct Column {
    pub name: &'static str,
    pub role: Role,
    pub kind: Kind,
    /// The declaration in SQLite, without the name.
    pub sqlite: &'static str,
}

impl Column {
    /// Whether the value describes the row itself (not an id, not a foreign key).
    pub const fn is_content(&self) -> bool {
        matches!(self.role, Role::Index | Role::Content)
    }

    /// Whether the value is part of the row's place in the hierarchy: an id of its own or of another row, or an index.
    pub const fn is_key(&self) -> bool {
        !matches!(self.role, Role::Content)
    }

    /// Whether the schema refuses NULL.
    pub fn is_required(&self) -> bool {
        self.sqlite.contains("NOT NULL")
    }
}

/// A foreign key.
#[derive(Debug, PartialEq, Eq)]
pub struct Reference {
    pub columns: &'static [&'static str],
    pub table: &'static str,
    pub parent_columns: &'static [&'static str],
}

/// Where a table stands in the hierarchy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Not part of any experiment.
    Aside,
    /// Says again what other tables say, of rows that hang on this entity: recomputed where it is written, checked, and no part of the digest.
    Derived(Entity),
    /// The rows are this entity's, in the hierarchy: each hangs on one of its parent's, those of the root on nothing.
    Node(Entity),
    /// Rows without a key of their own alone, which hang on a row of this entity.
    Below(Entity),
    /// The rows are this entity's, and reached through links only.
    Leaf(Entity),
    /// A junction table: it links rows of `leaf` to rows of `owner`, or to what hangs on these.
    Link { owner: Entity, leaf: Entity },
}

/// One table.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    pub name: &'static str,
    pub place: Place,
    pub columns: &'static [Column],
    pub primary_key: &'static [&'static str],
    pub references: &'static [Reference],
    /// The generation of the family's schema that brought the table.
    pub generation: u8,
    /// Whether databases of the table's generation may lack it.
    pub optional: bool,
}

impl Table {
    /// The column with this name, in any letter case.
    pub fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name))
    }

    /// The columns that number rows below the rows of an entity, in their order.
    pub fn indices(&self) -> impl Iterator<Item = &'static Column> + Clone + use<> {
        self.columns.iter().filter(|column| column.role == Role::Index)
    }

    /// The column that has the id of this entity.
    pub fn parent_column(&self, entity: Entity) -> Option<&'static Column> {
        self.columns.iter().find(|column| column.role == Role::Parent(entity))
    }

    /// Whether the schema itself has a foreign key of these columns to this table.
    pub fn declares(&self, columns: &[String], to: &Table) -> bool {
        let same = |known: &&'static str, column: &String| known.eq_ignore_ascii_case(column);
        self.references.iter().any(|reference| {
            reference.table == to.name
                && reference.columns.len() == columns.len()
                && columns.iter().all(|column| reference.columns.iter().any(|known| same(known, column)))
        })
    }

    /// The column with the row's own key.
    pub fn id_column(&self) -> Option<&'static Column> {
        self.columns.iter().find(|column| column.role == Role::Id)
    }

    /// The name of that column, where it alone tells rows apart.
    pub fn key_id(&self) -> Option<&'static str> {
        let id = self.id_column()?.name;
        (self.primary_key == [id]).then_some(id)
    }

    /// Whether rows carry a key of their own.
    pub fn has_own_id(&self) -> bool {
        self.id_column().is_some()
    }

    /// What its rows hang on; of the hierarchy's own rows they themselves. `None` for what only links reach, and what is aside.
    pub const fn owner(&self) -> Option<Entity> {
        match self.place {
            Place::Node(owner) | Place::Below(owner) | Place::Derived(owner) | Place::Link { owner, .. } => Some(owner),
            Place::Aside | Place::Leaf(_) => None,
        }
    }

    /// The entity whose rows the table's are.
    pub const fn entity(&self) -> Option<Entity> {
        match self.place {
            Place::Node(entity) | Place::Leaf(entity) => Some(entity),
            _ => None,
        }
    }
}

/// A key that the database chooses.
pub(super) const fn id() -> Column {
    Column { name: "id", role: Role::Id, kind: Kind::Integer, sqlite: "INTEGER PRIMARY KEY AUTOINCREMENT" }
}

/// A text that is content.
pub(super) const fn text(name: &'static str, sqlite: &'static str) -> Column {
    Column { name, role: Role::Content, kind: Kind::Text, sqlite }
}

/// A time that must be there.
pub(super) const fn time(name: &'static str) -> Column {
    Column { name, role: Role::Content, kind: Kind::Time, sqlite: "TEXT NOT NULL" }
}
