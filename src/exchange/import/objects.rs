//! What a reader knows about each kind of object in a document: its keys, the objects below it, and the row that its row belongs to.

use std::sync::LazyLock;

use crate::error::{Domain, Error, Result};
use crate::exchange::names::{
    EXTRA_COLUMNS, LINK_EXTRA_COLUMNS, children, column_key, columns, is_single, parent, table_key,
};
use crate::schema::{Column, Entity, Family, Place, Role, Table, families, family_of};

/// What a key of an object stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Member {
    /// A column of its table, by position in the schema.
    Column(usize),
    ExtraColumns,
    LinkExtraColumns,
    /// The rows of a table below, by its place among the schema's.
    Children(usize),
}

/// The objects of one table. Those of a junction table are the ones of what it links, in a list of what it hangs them on.
#[derive(Debug)]
pub struct Object {
    pub table: &'static Table,
    /// The place of the table among the schema's.
    pub at: usize,
    /// Every key.
    pub keys: Vec<&'static str>,
    members: Vec<Member>,
    /// The columns, by position, that say what row this one hangs on, in the order of that row's key.
    pub owner_columns: Vec<usize>,
    /// The position of the column that tells this row from the others of its list: its id, or its index below a run.
    pub own_key: Option<usize>,
    /// What has an id of its own.
    pub entity: Option<Entity>,
    /// Of a junction table: what it links, its place among the schema's tables, and the column that has its id.
    pub leaf: Option<(Entity, usize, usize)>,
    /// There is one object, not a list of them.
    pub single: bool,
}

impl Object {
    fn new((at, table): (usize, &'static Table)) -> Object {
        let family = family_of(table);
        let (mut keys, mut members) = (Vec::new(), Vec::new());
        for column in columns(table) {
            keys.push(column_key(table, column));
            members.extend(table.columns.iter().position(|other| other == column).map(Member::Column));
        }
        keys.push(EXTRA_COLUMNS);
        members.push(Member::ExtraColumns);
        let entity = table.entity();
        match table.place {
            Place::Leaf(_) => {
                keys.push(LINK_EXTRA_COLUMNS);
                members.push(Member::LinkExtraColumns);
            }
            // What is below the experiment stands beside its object.
            Place::Node(entity) if entity == family.root() => {}
            _ => {
                let below = below(table);
                keys.extend(below.iter().map(|(key, _)| *key));
                members.extend(below.iter().map(|(_, at)| Member::Children(*at)));
            }
        }
        let reference = table
            .references
            .iter()
            .find(|reference| parent(table).is_some_and(|parent| parent.name == reference.table));
        let leaf = match table.place {
            Place::Link { leaf, .. } => {
                let is_leaf = |other: &Table| other.place == Place::Leaf(leaf);
                let column = table.columns.iter().position(|column| column.role == Role::Parent(leaf));
                family.tables.iter().position(is_leaf).zip(column).map(|(at, column)| (leaf, at, column))
            }
            _ => None,
        };
        let owner_columns = reference.map_or_else(Vec::new, |reference| positions(table, reference.columns));
        let own = |(at, column): (usize, &Column)| match column.role {
            Role::Id => true,
            Role::Index => !owner_columns.contains(&at),
            _ => false,
        };
        let own_key = table.columns.iter().enumerate().position(own);
        Object { table, at, keys, members, owner_columns, own_key, entity, leaf, single: is_single(table) }
    }

    /// The objects of the table at this place of a family's.
    pub fn at(family: &Family, at: usize) -> Result<&'static Object> {
        static OBJECTS: LazyLock<Vec<(&Family, Vec<Object>)>> = LazyLock::new(|| {
            families().map(|family| (family, family.tables.iter().enumerate().map(Object::new).collect())).collect()
        });
        let objects = OBJECTS.iter().find(|(of, _)| *of == family).map(|(_, objects)| objects);
        objects
            .and_then(|objects| objects.get(at))
            .ok_or_else(|| Error::internal(Domain::ImportExport, format!("there is no table {at}")))
    }

    /// The objects of what a document is about.
    pub fn root(family: &Family) -> Result<&'static Object> {
        Object::of(family, family.root())
    }

    /// The objects of an entity.
    pub fn of(family: &Family, entity: Entity) -> Result<&'static Object> {
        Object::at(family, family.place_of(family.table_name(entity)))
    }

    /// What the key at this place of `keys` stands for.
    pub fn member(&self, at: usize) -> Result<Member> {
        let found = self.members.get(at).copied();
        found.ok_or_else(|| Error::internal(Domain::ImportExport, format!("{} has no key {at}", self.table.name)))
    }

    /// The column at this position in the schema.
    pub fn column(&self, at: usize) -> Result<&'static Column> {
        let found = self.table.columns.get(at);
        found.ok_or_else(|| Error::internal(Domain::ImportExport, format!("{} has no column {at}", self.table.name)))
    }
}

/// The key and the place of each table whose objects stand below those of this one.
pub fn below(table: &Table) -> Vec<(&'static str, usize)> {
    let family = family_of(table);
    let found = |name: &&str| {
        let (at, table) = family.tables.iter().enumerate().find(|(_, table)| table.name == *name)?;
        Some((table_key(table), at))
    };
    children(table).iter().filter_map(found).collect()
}

fn positions(table: &Table, names: &[&str]) -> Vec<usize> {
    names.iter().filter_map(|name| table.columns.iter().position(|column| column.name == *name)).collect()
}

#[cfg(test)]
mod tests {
    use super::Object;
    use crate::schema::EXPERIMENT_MANAGER;

    fn object(name: &str) -> &'static Object {
        Object::at(&EXPERIMENT_MANAGER, EXPERIMENT_MANAGER.place_of(name)).unwrap()
    }

    #[test]
    fn the_keys_are_those_of_the_format() {
        let keys = |name| object(name).keys.join(" ");
        assert_eq!(keys("EXPERIMENT"), "id title description start_time update_time extra_columns");
        assert_eq!(keys("TRIAL"), "id name experiment_id start_time update_time extra_columns artifacts trial_runs");
        assert_eq!(
            keys("TRIAL_RUN"),
            "id trial_id status start_time update_time extra_columns epochs results artifacts"
        );
        assert_eq!(keys("RESULTS"), "time extra_columns metrics artifacts");
        assert_eq!(keys("EPOCH"), "idx time extra_columns metrics artifacts batches");
        assert_eq!(keys("BATCH"), "idx time extra_columns metrics artifacts");
        assert_eq!(keys("METRIC"), "id type total_val per_label_val extra_columns link_extra_columns");
        assert_eq!(keys("ARTIFACT"), "id type loc extra_columns link_extra_columns");
    }

    #[test]
    fn rows_hang_on_others_by_the_columns_of_the_schema() {
        let names = |name: &str| {
            let object = object(name);
            let leaf = object.leaf.map(|(_, at, column)| {
                format!(" {}={}", EXPERIMENT_MANAGER.tables[at].name, object.column(column).unwrap().name)
            });
            let owner: Vec<_> = object.owner_columns.iter().map(|at| object.column(*at).unwrap().name).collect();
            format!("{}{}", owner.join(" "), leaf.unwrap_or_default())
        };
        assert_eq!(names("EXPERIMENT"), "");
        assert_eq!(names("TRIAL_RUN"), "trial_id");
        assert_eq!(names("RESULTS"), "trial_run_id");
        assert_eq!(names("BATCH"), "epoch_idx trial_run_id");
        assert_eq!(names("BATCH_METRIC"), "batch_idx epoch_idx trial_run_id METRIC=metric_id");
        assert_eq!(names("TRIAL_RUN_ARTIFACT"), "trial_run_id ARTIFACT=artifact_id");
        assert_eq!(names("RESULTS_ARTIFACT"), "results_id ARTIFACT=artifact_id");
        assert!(object("RESULTS").single && !object("EPOCH").single);
        assert_eq!(object("BATCH").own_key, Some(0));
        assert_eq!(object("RESULTS").own_key, None);
        assert_eq!(object("METRIC").own_key, Some(0));
    }

    #[test]
    fn the_key_of_a_row_is_its_own_key_and_that_of_what_it_hangs_on() {
        for name in ["RESULTS", "EPOCH", "BATCH"] {
            let object = object(name);
            let own = object.own_key.into_iter().chain(object.owner_columns.iter().copied());
            let key: Vec<&str> = own.map(|at| object.column(at).unwrap().name).collect();
            assert_eq!(key, object.table.primary_key, "{name}");
            for below in EXPERIMENT_MANAGER
                .tables
                .iter()
                .flat_map(|table| table.references)
                .filter(|reference| reference.table == name)
            {
                assert_eq!(key, below.parent_columns, "{name}");
            }
        }
    }
}
