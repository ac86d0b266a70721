//! Reads the cells of a metric, and the messages about cells that cannot be transformed.

use std::borrow::Cow;

use crate::transformation::document::{Document, is_reserved};
use crate::transformation::metric::Outcome;
use crate::transformation::rules::Node;
use crate::values::decimal::Decimal;
use crate::values::json::{Keys, Shape};
use crate::values::python_literal::{NonFinite, to_json};
use crate::values::{Value, ValueRef};

/// Why there is nothing to be done.
pub const NO_LABELS: &str = "per_label_val has no labels";

/// The text of per_label_val; `None` if there is none: NULL, or blanks. Fails with what it is instead.
pub fn text(cell: &Value) -> Result<Option<Cow<'_, str>>, String> {
    match cell {
        Value::Null => Ok(None),
        Value::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) if text.trim_ascii().is_empty() => Ok(None),
            Ok(text) => Ok(Some(Cow::Borrowed(text))),
            Err(error) => Err(format!("per_label_val is not UTF-8: byte {} is wrong", error.valid_up_to())),
        },
        // A column that is declared as JSON makes numbers of texts like "0.5".
        Value::Integer(_) | Value::Real(_) => match number(cell) {
            Some(number) => Ok(Some(Cow::Owned(number))),
            None => Err(format!("per_label_val is not JSON text: {}", cell.borrow().describe())),
        },
        Value::Blob(_) => Err(format!("per_label_val is not JSON text: {}", cell.borrow().describe())),
    }
}

/// Reads per_label_val into a document and answers its text; `None` if there is none, or it is JSON's null.
pub fn open<'a>(cell: &'a Value, document: &mut Document) -> Result<Option<Cow<'a, str>>, String> {
    let Some(text) = text(cell)? else { return Ok(None) };
    match document.read(&text) {
        Ok(()) => Ok((document.shape != Shape::Null).then_some(text)),
        Err(error) if to_json(&text, NonFinite::Remove).is_ok() => {
            Err(format!("per_label_val is not JSON: {error}; repair_json can convert it"))
        }
        Err(error) => Err(format!("per_label_val is not JSON: {error}")),
    }
}

/// The same for a transformation that needs an object.
pub fn open_object<'a>(cell: &'a Value, document: &mut Document) -> Result<Option<Cow<'a, str>>, String> {
    match (open(cell, document)?, document.shape) {
        (None, _) => Ok(None),
        (text, Shape::Object) => Ok(text),
        (_, other) => Err(not_object(other)),
    }
}

/// What is said about a document that is no object.
pub fn not_object(shape: Shape) -> String {
    match shape {
        Shape::Array | Shape::Number => {
            format!("per_label_val is {}, not an object; legacy_to_per_label makes labels of it", shape.describe())
        }
        other => format!("per_label_val is {}, not an object", other.describe()),
    }
}

/// A number as JSON, the shortest text that reads back as it; `None` for what is no number, or not finite.
pub fn number(cell: &Value) -> Option<String> {
    match cell {
        Value::Integer(value) => Some(value.to_string()),
        Value::Real(value) if value.is_finite() => Some(format!("{value:?}")),
        _ => None,
    }
}

/// A number as a decimal.
pub fn decimal(cell: &Value) -> Option<Decimal> {
    match cell {
        Value::Integer(value) => Some(Decimal::integer(*value)),
        Value::Real(value) => Decimal::shortest(*value),
        _ => None,
    }
}

/// What is said about a total that is no number.
pub fn not_number(cell: &Value) -> String {
    format!("total_val is not a finite number: {}", cell.borrow().describe())
}

/// The outcome with new labels.
pub fn labels_changed(text: impl Into<Vec<u8>>) -> Outcome {
    Outcome::Changed { total_val: None, per_label_val: Some(Value::Text(text.into())) }
}

/// A key, for a message.
pub fn shown(key: &[u8]) -> String {
    ValueRef::Text(key).describe()
}

/// A parameter that names a label.
pub fn label(node: &Node<'_>) -> crate::Result<String> {
    let name = node.string()?;
    if is_reserved(name.as_bytes()) {
        return Err(reserved(node));
    }
    Ok(name)
}

/// What is said about a name that no label may have.
pub fn reserved(node: &Node<'_>) -> crate::Error {
    node.error("begins with \"_\": such keys are reserved, and never labels").hint("choose another name for the label")
}

/// Fails if a key stands twice.
pub fn distinct(keys: &Keys) -> Result<(), String> {
    keys.duplicate().map_or(Ok(()), |key| Err(twice(key)))
}

/// Fails if a label stands twice.
pub fn no_duplicate(document: &Document, text: &str) -> Result<(), String> {
    let mut keys = Keys::default();
    document.labels(text).for_each(|item| keys.push(&item.key(text)));
    keys.duplicate().map_or(Ok(()), |key| Err(is_twice(key)))
}

/// What is said about a key that a document has twice.
pub fn is_twice(key: &[u8]) -> String {
    format!("per_label_val has the key {} more than once", shown(key))
}

/// What is said about a key that two labels would have.
pub fn twice(key: &[u8]) -> String {
    format!("per_label_val would have the key {} more than once", shown(key))
}
