//! JSON that every server takes.

use crate::values::json;

/// The nesting that the strictest server takes.
const DEPTH: usize = 31;

/// Whether this is JSON that every server takes.
pub fn plain_json(text: &[u8]) -> bool {
    let deep = text.iter().filter(|byte| matches!(byte, b'[' | b'{')).count() > DEPTH;
    !deep && json::canonicalize(text, &mut Vec::new()).is_ok()
}
