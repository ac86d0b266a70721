//! The definition of a family of schemas, as data: the tracker that writes such databases, how they are recognised, their entities and tables.

use super::call::Call;
use super::entity::{Entity, EntityData, Key, Level, UNKNOWN};
use super::meaning::{Meaning, Rule};
use super::table::{Column, Kind, Place, Reference, Role, Table};

/// The names that stand in documents, where they are not those of the schema.
#[derive(Debug)]
pub struct Document {
    /// The name and version of the format in which the tables stand one after the other; `None` for objects within objects, as below.
    pub flat: Option<&'static str>,
    /// The key under which the objects of a table stand; those of a link have that of what it links.
    pub tables: &'static [(&'static str, &'static str)],
    /// Columns whose key is not their name.
    pub columns: &'static [(&'static str, &'static str)],
    /// The tables whose objects stand in those of another table, in the order in which they are written. What belongs to the root
    /// stands beside its object, in the document itself.
    pub children: &'static [(&'static str, &'static [&'static str])],
}

/// What says how far a schema has come.
#[derive(Debug)]
pub struct Marker {
    pub table: &'static str,
    pub column: &'static str,
    /// What it has said so far, oldest first. What says something else may be read, if the tables are there, and is not written.
    pub known: &'static [&'static str],
}

/// Which columns of the root say what every family's lists have, and what tells one of its rows from others.
#[derive(Debug)]
pub struct Listing {
    pub title: &'static str,
    pub description: Option<&'static str>,
    pub start: &'static str,
    pub update: &'static str,
    /// The id first.
    pub identity: &'static [&'static str],
}

/// A column whose values say that all is there: what is still being written says something else meanwhile.
#[derive(Debug)]
pub struct Finished {
    pub table: &'static str,
    pub column: &'static str,
    /// In lower case.
    pub values: &'static [&'static str],
}

/// Parts of a database in which names are unique, each for itself.
#[derive(Debug)]
pub struct Division {
    /// The column of the root that names the part.
    pub column: &'static str,
    /// The table that has all parts, where there are some, and its key.
    pub table: &'static str,
    pub key: &'static str,
}

/// A family of schemas.
#[derive(Debug)]
pub struct Family {
    pub name: &'static str,
    /// Who writes such databases, for messages.
    pub tracker: &'static str,
    /// The tables that every database of the family has, and none of another.
    pub marks: &'static [&'static str],
    /// How many generations its schema has had.
    pub generations: u8,
    /// Parents before children; the root first.
    pub entities: &'static [EntityData],
    /// Parents before children.
    pub tables: &'static [Table],
    pub rules: &'static [Rule],
    pub document: Document,
    pub marker: Option<Marker>,
    /// The command that makes the tables, where only the tracker may.
    pub maker: Option<&'static str>,
    /// The page that says what works on such databases.
    pub page: &'static str,
    pub listing: Listing,
    /// The parts that such databases can be divided into.
    pub division: Option<Division>,
    /// The definition of the digest and its version, where keys are texts.
    pub digest: Option<&'static str>,
    /// The table whose rows are metrics, where they hang on runs and are not linked.
    pub metrics: Option<&'static str>,
    pub finished: Option<Finished>,
    /// What cannot be done with such databases.
    pub lacks: &'static [Call],
}

impl PartialEq for Family {
    fn eq(&self, other: &Family) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for Family {}

impl Family {
    /// The table with this name, in any letter case.
    pub fn table(&self, name: &str) -> Option<&'static Table> {
        self.tables.iter().find(|table| table.name.eq_ignore_ascii_case(name))
    }

    /// The place of the table with just this name; that of none if there is no such table.
    pub fn place_of(&self, name: &str) -> usize {
        self.tables.iter().position(|table| table.name == name).unwrap_or(self.tables.len())
    }

    /// What is known of an entity.
    pub fn of(&self, entity: Entity) -> &'static EntityData {
        self.entities.get(entity.index()).unwrap_or(&UNKNOWN)
    }

    /// All entities, parents before children.
    pub fn all(&self) -> impl DoubleEndedIterator<Item = Entity> + use<> {
        (0..self.entities.len()).map(|at| Entity::at(at as u8))
    }

    /// The rules of a column.
    pub fn rules_of(&self, table: &str, column: &str) -> impl Iterator<Item = Meaning> {
        self.rules.iter().filter(move |rule| rule.table == table && rule.column == column).map(|rule| rule.meaning)
    }

    /// Whether databases of earlier versions lack a column.
    pub fn is_later(&self, table: &Table, column: &Column) -> bool {
        self.rules_of(table.name, column.name).any(|meaning| meaning == Meaning::Later)
    }

    /// Whether the tracker chose the keys below the root: texts, which a job keeps.
    pub fn has_text_keys(&self) -> bool {
        self.entities.iter().any(|entity| matches!(entity.key, Key::Text(_)))
    }

    /// What a job moves one of.
    pub const fn root(&self) -> Entity {
        Entity::ROOT
    }

    /// The entities of the hierarchy, parents before children.
    pub fn nodes(&'static self) -> impl DoubleEndedIterator<Item = Entity> + use<> {
        self.all().filter(move |entity| self.of(*entity).level != Level::Linked)
    }

    /// Those below the root, each with its parent.
    pub fn below_root(&'static self) -> impl DoubleEndedIterator<Item = (Entity, Entity)> + use<> {
        self.all().filter_map(move |entity| Some((entity, self.parent(entity)?)))
    }

    /// Those that only links reach.
    pub fn leaves(&'static self) -> impl DoubleEndedIterator<Item = Entity> + use<> {
        self.all().filter(move |entity| self.of(*entity).level == Level::Linked)
    }

    /// Whether only links reach an entity's rows.
    pub fn is_leaf(&self, entity: Entity) -> bool {
        self.of(entity).level == Level::Linked
    }

    /// What the rows of a table hang on, if they are an entity's.
    pub fn parent_of(&self, table: &Table) -> Option<Entity> {
        self.parent(table.entity()?)
    }

    /// What an entity's rows hang on.
    pub fn parent(&self, entity: Entity) -> Option<Entity> {
        match self.of(entity).level {
            Level::Below(parent) => Some(parent),
            Level::Root | Level::Linked | Level::Between => None,
        }
    }

    /// An entity of the hierarchy, what its rows hang on, and so on up to the root.
    pub fn upwards(&self, entity: Entity) -> impl Iterator<Item = Entity> {
        std::iter::successors(Some(entity), |entity| self.parent(*entity))
    }

    /// Whether rows of other entities hang on an entity's.
    pub fn has_below(&self, entity: Entity) -> bool {
        self.all().any(|other| self.parent(other) == Some(entity))
    }

    /// The table whose rows an entity's are.
    pub fn entity_table(&self, entity: Entity) -> Option<&'static Table> {
        self.tables.iter().find(|table| table.entity() == Some(entity))
    }

    /// Its name, for messages and documents.
    pub fn table_name(&self, entity: Entity) -> &'static str {
        self.entity_table(entity).map_or("", |table| table.name)
    }

    /// The table of rows below an entity's row that a reference leads to, if it does.
    pub fn outer(&self, reference: &Reference) -> Option<&'static Table> {
        self.table(reference.table).filter(|parent| matches!(parent.place, Place::Below(_)))
    }

    /// Whether a column is the index of a row below an entity's row on which this table's rows hang.
    pub fn is_outer_index(&self, table: &Table, column: &Column) -> bool {
        let leads = |reference: &Reference| reference.columns.contains(&column.name) && self.outer(reference).is_some();
        column.role == Role::Index && table.references.iter().any(leads)
    }

    /// The indices of a table's rows that are not those of rows on which they hang.
    pub fn own_indices(&self, table: &Table) -> impl Iterator<Item = &'static Column> {
        table.indices().filter(|column| !self.is_outer_index(table, column))
    }

    /// The first of them.
    pub fn own_index(&self, table: &Table) -> Option<&'static Column> {
        self.own_indices(table).next()
    }

    /// The indices that a row needs to be sound.
    pub fn needed_indices(&self, table: &Table) -> impl Iterator<Item = &'static Column> {
        self.own_indices(table).filter(|column| column.kind == Kind::Integer)
    }

    /// The indices that lead from an entity's row to one that hangs on it, outermost first: those of the rows between, then its own.
    pub fn index_path(&self, table: &Table) -> Vec<&'static Column> {
        let mut path = Vec::new();
        for reference in table.references {
            let Some(parent) = self.outer(reference) else { continue };
            for outer in self.index_path(parent) {
                let at = reference.parent_columns.iter().position(|name| *name == outer.name);
                path.extend(at.and_then(|at| reference.columns.get(at)).and_then(|name| table.column(name)));
            }
        }
        path.extend(self.own_index(table));
        path
    }
}

#[cfg(test)]
mod tests {
    use super::{Document, Family, Listing, Meaning, Rule};
    use crate::schema::table::text;
    use crate::schema::{
        ByEntity, Column, Entity, EntityData, Key, Keys, Kind, Level, Place, Reference, Role, Table, families,
        table_of_any,
    };

    const fn entity(noun: &'static str, level: Level, key: Key, keys: Keys) -> EntityData {
        EntityData { noun, nouns: noun, level, key, keys, checking: "", leads_out: "" }
    }

    const fn key(name: &'static str, role: Role) -> Column {
        Column { name, role, kind: Kind::Text, sqlite: "VARCHAR(32)" }
    }

    const fn table(
        name: &'static str,
        place: Place,
        columns: &'static [Column],
        references: &'static [Reference],
    ) -> Table {
        Table { name, place, columns, primary_key: &[], references, generation: 1, optional: false }
    }

    const SPACE: Entity = Entity::ROOT;
    const JOB: Entity = Entity::at(1);
    const TRACE: Entity = Entity::at(2);
    const SPAN: Entity = Entity::at(3);
    const FILE: Entity = Entity::at(4);

    /// As another tracker's could be: keys of text, several kinds of rows below the root and below each other, rows that hang on others
    /// than runs, a table that says again what another says.
    static OTHER: Family = Family {
        name: "other",
        tracker: "Other",
        marks: &["spaces"],
        generations: 1,
        entities: &[
            entity("space", Level::Root, Key::Integer, Keys::Remapped),
            entity("job", Level::Below(SPACE), Key::Text(32), Keys::KeptUnlessTaken),
            entity("trace", Level::Below(SPACE), Key::Text(50), Keys::Kept),
            entity("span", Level::Below(TRACE), Key::Text(50), Keys::Kept),
            entity("file", Level::Linked, Key::Text(36), Keys::Kept),
        ],
        tables: &[
            table("spaces", Place::Node(SPACE), &[key("space_id", Role::Id)], &[]),
            table("labels", Place::Below(SPACE), &[key("space_id", Role::Parent(SPACE)), text("value", "TEXT")], &[]),
            table("jobs", Place::Node(JOB), &[key("job_id", Role::Id), key("space_id", Role::Parent(SPACE))], &[]),
            table(
                "points",
                Place::Below(JOB),
                &[key("step", Role::Index), key("job_id", Role::Parent(JOB)), text("value", "TEXT")],
                &[],
            ),
            table(
                "parts",
                Place::Below(JOB),
                &[key("part", Role::Index), key("of_step", Role::Index), key("job_id", Role::Parent(JOB))],
                &[Reference { columns: &["of_step", "job_id"], table: "points", parent_columns: &["step", "job_id"] }],
            ),
            table("last_points", Place::Derived(JOB), &[key("job_id", Role::Parent(JOB))], &[]),
            table("traces", Place::Node(TRACE), &[key("id", Role::Id), key("space_id", Role::Parent(SPACE))], &[]),
            table("spans", Place::Node(SPAN), &[key("id", Role::Id), key("trace_id", Role::Parent(TRACE))], &[]),
            table("files", Place::Leaf(FILE), &[key("file_id", Role::Id)], &[]),
            table(
                "inputs",
                Place::Link { owner: JOB, leaf: FILE },
                &[key("job_id", Role::Parent(JOB)), key("file_id", Role::Parent(FILE))],
                &[],
            ),
        ],
        rules: &[Rule { table: "points", column: "value", meaning: Meaning::NanIn("is_nan") }],
        document: Document { flat: None, tables: &[], columns: &[], children: &[] },
        marker: None,
        maker: None,
        page: "",
        listing: Listing { title: "space_id", description: None, start: "space_id", update: "space_id", identity: &[] },
        division: None,
        digest: Some("other"),
        metrics: Some("points"),
        finished: None,
        lacks: &[],
    };

    #[test]
    fn a_family_says_what_hangs_on_what() {
        let names = |entities: Vec<Entity>| entities.iter().map(|entity| OTHER.of(*entity).noun).collect::<Vec<_>>();
        assert_eq!(names(OTHER.nodes().collect()), ["space", "job", "trace", "span"]);
        assert_eq!(names(OTHER.leaves().collect()), ["file"]);
        assert_eq!(names(OTHER.upwards(SPAN).collect()), ["span", "trace", "space"]);
        assert_eq!(OTHER.below_root().collect::<Vec<_>>(), [(JOB, SPACE), (TRACE, SPACE), (SPAN, TRACE)]);
        assert!(OTHER.has_below(TRACE) && !OTHER.has_below(JOB) && !OTHER.has_below(FILE) && OTHER.is_leaf(FILE));
        let owner = |name: &str| OTHER.table(name).unwrap().owner();
        assert_eq!([owner("LABELS"), owner("last_points"), owner("inputs")], [Some(SPACE), Some(JOB), Some(JOB)]);
        assert_eq!((owner("files"), OTHER.table_name(FILE)), (None, "files"));
        let path = OTHER.index_path(OTHER.table("parts").unwrap());
        assert_eq!(path.iter().map(|column| column.name).collect::<Vec<_>>(), ["of_step", "part"]);
        let mut counts: ByEntity<u64> = ByEntity::new(&OTHER);
        *counts.get_mut(SPAN) += 2;
        assert_eq!((*counts.get(SPAN), *counts.get(JOB), counts.iter().count()), (2, 0, 5));
    }

    #[test]
    fn no_two_families_have_a_table_of_one_name() {
        for family in families() {
            for table in family.tables {
                assert!(std::ptr::eq(table_of_any(table.name).unwrap(), table), "{}", table.name);
            }
        }
    }

    #[test]
    fn every_family_is_whole() {
        for family in families().chain([&OTHER]) {
            assert!(family.marks.iter().all(|mark| family.table(mark).is_some()), "{}", family.name);
            for entity in family.all() {
                let table = family.entity_table(entity).unwrap();
                assert!(table.has_own_id(), "{}", table.name);
                let parent = family.parent(entity);
                assert!(parent.is_none_or(|parent| parent < entity && table.parent_column(parent).is_some()));
                let alone =
                    entity == Entity::ROOT || family.is_leaf(entity) || family.of(entity).level == Level::Between;
                assert_eq!(parent.is_none(), alone, "{}", table.name);
            }
            for rule in family.rules {
                assert!(
                    family.table(rule.table).unwrap().column(rule.column).is_some(),
                    "{}.{}",
                    rule.table,
                    rule.column
                );
            }
            for (at, table) in family.tables.iter().enumerate() {
                assert!(table.generation <= family.generations);
                assert!(table.primary_key.iter().all(|name| table.column(name).is_some()), "{}", table.name);
                if let Place::Below(owner) | Place::Link { owner, .. } | Place::Derived(owner) = table.place {
                    assert!(table.parent_column(owner).is_some(), "{}", table.name);
                }
                for reference in table.references {
                    let parent = family.table(reference.table).unwrap();
                    assert!(family.place_of(parent.name) < at, "{} comes before {}", table.name, parent.name);
                    assert!(reference.columns.iter().all(|name| table.column(name).is_some()), "{}", table.name);
                    assert!(reference.parent_columns.iter().all(|name| parent.column(name).is_some()));
                }
            }
        }
    }
}
