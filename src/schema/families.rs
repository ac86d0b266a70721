//! The list of all families.

use super::experiment_manager::EXPERIMENT_MANAGER;
use super::family::Family;
use super::mlflow::MLFLOW;
use super::table::Table;

/// A database that has the marks of none is taken for one of the first, and lacks what that needs.
static FAMILIES: [&Family; 2] = [&EXPERIMENT_MANAGER, &MLFLOW];

/// The family of a database with tables of these names, in any letter case.
pub fn recognise<'n>(names: impl Iterator<Item = &'n str> + Clone) -> &'static Family {
    let there = |mark: &&str| names.clone().any(|name| name.eq_ignore_ascii_case(mark));
    let mut families = FAMILIES.into_iter();
    families.find(|family| family.marks.iter().all(there)).unwrap_or(default_family())
}

/// All of them.
pub fn families() -> impl Iterator<Item = &'static Family> {
    FAMILIES.into_iter()
}

/// The family of the tables that are made in an empty database.
pub fn default_family() -> &'static Family {
    let [first, ..] = FAMILIES;
    first
}

/// The family of a table; the first for one of expmig's own.
pub fn family_of(table: &Table) -> &'static Family {
    let mut families = FAMILIES.into_iter();
    let has = |family: &&Family| family.tables.iter().any(|other| std::ptr::eq(other, table));
    families.find(has).unwrap_or(default_family())
}

/// The table with this name, in any letter case, whatever the family.
pub fn table_of_any(name: &str) -> Option<&'static Table> {
    FAMILIES.into_iter().find_map(|family| family.table(name))
}
