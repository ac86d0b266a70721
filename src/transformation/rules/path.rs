//! JSON paths, for messages: `$.metric_transformations[2].rules.key_mapping["a b"]`.

use crate::error::{Domain, Error, Status};
use crate::values::ValueRef;

pub const ROOT: &str = "$";

/// The path of a member.
pub fn member(path: &str, key: &[u8]) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    match std::str::from_utf8(key) {
        Ok(name) if !name.is_empty() && name.len() <= 64 && key.iter().all(plain) => format!("{path}.{name}"),
        _ => format!("{path}[{}]", ValueRef::Text(key).describe()),
    }
}

/// The path of an element.
pub fn element(path: &str, index: usize) -> String {
    format!("{path}[{index}]")
}

/// An error about what stands at a path; `what` continues "path ...".
pub fn error(path: &str, what: impl std::fmt::Display) -> Error {
    Error::new(Status::InvalidArgument, Domain::Transformation, format!("{path} {what}"))
        .detail("path", path)
        .hint("docs/transformations.md says what rules look like")
}
