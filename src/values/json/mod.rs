//! Strict JSON text (RFC 8259), read with byte offsets, and its canonical form for the digest (docs/digest.md).
//!
//! A general JSON library loses what matters here: the spelling of numbers, duplicate keys, the offset of each token.

mod canonical;
mod keys;
mod lexer;
mod pieces;

use std::fmt;

pub use canonical::canonicalize;
pub(crate) use keys::Keys;
pub(crate) use lexer::{Lexer, MAX_EXPONENT};
pub use pieces::{InPieces, is_object_of_numbers};

/// How deep arrays and objects may nest.
pub const MAX_DEPTH: usize = 128;

/// Why text is not JSON, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// Offset of the first byte that is wrong.
    pub offset: usize,
    /// What is wrong there.
    pub reason: &'static str,
}

impl fmt::Display for JsonError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} at byte {}", self.reason, self.offset)
    }
}

pub(crate) type Result<T> = std::result::Result<T, JsonError>;

/// What a JSON value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Null,
    Boolean,
    Number,
    String,
    Array,
    Object,
}

impl Shape {
    /// For messages, with its article.
    pub fn describe(self) -> &'static str {
        match self {
            Shape::Null => "null",
            Shape::Boolean => "a boolean",
            Shape::Number => "a number",
            Shape::String => "a string",
            Shape::Array => "an array",
            Shape::Object => "an object",
        }
    }
}
