//! What the code above the engines may ask about an engine, instead of its name.

/// What an engine can do. docs/servers.md has these for every engine.
#[derive(Debug)]
pub struct Capabilities {
    /// The name in documents.
    pub engine: &'static str,
    /// A database is one file, of which whole copies are made and put in its place.
    pub whole_files: bool,
    /// Others can change rows while a transaction writes.
    pub other_writers: bool,
    /// Reading can keep those who write waiting, and writing those who read.
    pub locks_for_readers: bool,
    /// DDL commits: within a transaction no column can be added.
    pub ddl_commits: bool,
    /// Every foreign key has an index, so links come cheaply in the order of what they link.
    pub indexes_foreign_keys: bool,
    /// What a user can do where columns are too narrow for what other engines hold, beside changing them by hand; `None` if there are no such columns.
    pub how_to_widen: Option<&'static str>,
}
