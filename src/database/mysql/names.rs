//! Names in statements that are handed to people.

/// A name as every session reads it, whatever its mode.
pub fn backticked(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}
