//! A foreign key that is dropped and added again within a transaction.

/// A key, as SQL.
pub struct Key {
    pub table: String,
    pub name: String,
    pub definition: String,
    /// The table that it leads to.
    pub parent: String,
}

impl Key {
    pub fn drop_statement(&self) -> String {
        format!("ALTER TABLE {} DROP CONSTRAINT {}", self.table, self.name)
    }

    pub fn add_statement(&self) -> String {
        format!("ALTER TABLE {} ADD CONSTRAINT {} {}", self.table, self.name, self.definition)
    }
}
