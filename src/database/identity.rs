//! The identity of a database, whatever its name.

/// Two handles with the same one are of the same database.
#[derive(Debug, PartialEq, Eq)]
pub struct Identity {
    engine: &'static str,
    parts: Vec<Option<String>>,
}

impl Identity {
    /// What an engine knows a database of its own by.
    pub fn new(engine: &'static str, parts: impl Into<Vec<Option<String>>>) -> Identity {
        Identity { engine, parts: parts.into() }
    }
}
