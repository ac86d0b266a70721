//! Quotes names in statements that users run.

/// A name as every session reads it, whatever its mode.
pub fn backticked(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}
