//! The links that a database declares in addition to those of the schema: extra columns with ids of rows of the schema.

use super::foreign_key::ForeignKey;
use super::layout::{Layout, TableLayout};
use crate::error::{Domain, Error, Result, Status};

impl Layout {
    /// Whether extra columns have ids of ours.
    pub fn has_links(&self) -> bool {
        self.tables.iter().any(TableLayout::has_links)
    }

    /// Fails if an extra column has ids of two kinds: whose new id it would have to get nobody can say.
    pub fn check_links(&self) -> Result<()> {
        for table in &self.tables {
            if let Some(torn) = table.columns.iter().find(|column| column.torn) {
                let name = table.schema.name;
                let message = format!("{name}.{} refers to rows of two tables by one id", torn.name);
                return Err(Error::new(Status::Unsupported, Domain::Database, message)
                    .detail("table", name)
                    .detail("column", &torn.name)
                    .hint("drop one of the foreign keys of the column"));
            }
        }
        Ok(())
    }

    /// The declared foreign keys of tables of ours that are not the schema's: they have an extra column.
    pub fn extra_keys(&self) -> impl Iterator<Item = (&TableLayout, &ForeignKey)> {
        self.foreign_keys.iter().filter_map(|key| {
            let table = self.table(key.table.known(self.family)?.name)?;
            let is_extra = |(name, _): &(String, String)| table.schema.column(name).is_none();
            key.columns.iter().any(is_extra).then_some((table, key))
        })
    }

    /// Takes extra columns for links that are some in `other`, where nothing is declared here. Which they are: table and column.
    pub fn take_links_of(&mut self, other: &Layout) -> Vec<(&'static str, String)> {
        let mut taken = Vec::new();
        for table in &mut self.tables {
            let Some(there) = other.table(table.schema.name) else { continue };
            for column in table.columns.iter_mut().filter(|column| column.schema.is_none() && column.refers.is_none()) {
                let equal_experiment = there.columns.iter().find(|other| other.name.eq_ignore_ascii_case(&column.name));
                if let Some(entity) = equal_experiment.and_then(|equal_experiment| equal_experiment.refers) {
                    column.refers = Some(entity);
                    taken.push((table.schema.name, column.name.clone()));
                }
            }
        }
        taken
    }
}

impl TableLayout {
    /// Whether extra columns have ids of ours.
    pub fn has_links(&self) -> bool {
        self.columns.iter().any(|column| column.refers.is_some())
    }
}
