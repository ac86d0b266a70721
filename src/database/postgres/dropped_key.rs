//! A foreign key that is dropped and added again within a transaction.

/// A key, as SQL.
pub struct Key {
    pub table: String,
    pub name: String,
    pub definition: String,
    /// The table that it leads to.
    pub parent: String,
}
