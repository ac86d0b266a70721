//! Whether a value is what its column is for.

use super::issue::IssueKind;
use super::metric_json::MetricJson;
use crate::schema::{Column, Kind, Role};
use crate::values::{ValueRef, parse_timestamp};

/// Checks values one after another; keeps its buffers.
#[derive(Debug, Default)]
pub struct Values {
    json: MetricJson,
}

impl Values {
    /// Hands over each kind of issue that a value has, with a text that continues the column's name. Ids are
    /// not looked at.
    pub fn check(&mut self, column: &Column, value: ValueRef<'_>, mut found: impl FnMut(IssueKind, String)) {
        match (column.kind, value) {
            (Kind::Integer, ValueRef::Null) => {}
            (Kind::Integer, _) if column.role == Role::Index => {
                if value.as_integer().is_none() {
                    found(IssueKind::IndexNotInteger, format!("is not an integer: {}", value.describe()));
                }
            }
            (Kind::Integer, _) => {}
            (Kind::Text, ValueRef::Text(text)) => {
                if let Err(error) = std::str::from_utf8(text) {
                    found(IssueKind::TextNotUtf8, format!("is not UTF-8: byte {} is wrong", error.valid_up_to()));
                }
            }
            (Kind::Text, ValueRef::Blob(_)) => found(IssueKind::TextNotText, "is a blob, not text".to_owned()),
            (Kind::Text, ValueRef::Null) if column.is_required() => {
                found(IssueKind::NullValue, "is NULL, which the schema does not allow".to_owned());
            }
            (Kind::Text, _) => {}
            (Kind::Time, _) => {
                if timestamp(value).is_none() {
                    found(IssueKind::TimestampInvalid, format!("is not a timestamp: {}", value.describe()));
                }
            }
            (Kind::Real, ValueRef::Integer(_)) => {}
            (Kind::Real, ValueRef::Real(number)) if number.is_finite() => {}
            (Kind::Real, ValueRef::Null) => found(IssueKind::TotalNull, "is NULL, not a number".to_owned()),
            (Kind::Real, ValueRef::Real(number)) => {
                found(IssueKind::TotalNotFinite, format!("is not a finite number: {number}"));
            }
            (Kind::Real, _) => found(IssueKind::TotalNotNumber, format!("is not a number: {}", value.describe())),
            (Kind::Json, ValueRef::Null) => {}
            (Kind::Json, ValueRef::Text(text)) => self.json.check(text, found),
            (Kind::Bytes | Kind::Cell, _) => {}
            (Kind::Json, _) => found(IssueKind::JsonNotText, format!("is not JSON text: {}", value.describe())),
        }
    }
}

/// The time that a cell holds, in microseconds; `None` if it holds none.
pub fn timestamp(value: ValueRef<'_>) -> Option<i64> {
    match value {
        ValueRef::Text(text) => parse_timestamp(text),
        _ => None,
    }
}
