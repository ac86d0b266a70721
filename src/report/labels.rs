//! Reads the per-label values of a metric.

use serde::de::{Deserializer, MapAccess, Visitor};

use super::limits::LABELS_TEXT;
use crate::values::ValueRef;

/// Hands over each label and its number; whether the text could be read. NULL has none. What validation objects to is no error here: the
/// page lists it.
pub fn each_label(value: ValueRef<'_>, each: &mut dyn FnMut(&str, Option<f64>)) -> bool {
    let bytes = match value {
        ValueRef::Null => return true,
        ValueRef::Text(bytes) if bytes.len() <= LABELS_TEXT => bytes,
        _ => return false,
    };
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    reader.deserialize_map(Labels(each)).is_ok() && reader.end().is_ok()
}

struct Labels<'f>(&'f mut dyn FnMut(&str, Option<f64>));

impl<'de> Visitor<'de> for Labels<'_> {
    type Value = ();

    fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("an object of numbers")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some((label, value)) = members.next_entry::<std::borrow::Cow<'de, str>, serde_json::Value>()? {
            // Those with a line before them are about the values.
            if !label.starts_with('_') {
                (self.0)(&label, value.as_f64());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::each_label;
    use crate::values::ValueRef::{self, Blob, Integer, Null, Text};

    fn labels(value: ValueRef<'_>) -> (bool, Vec<(String, Option<f64>)>) {
        let mut found = Vec::new();
        let read = each_label(value, &mut |label, number| found.push((label.to_owned(), number)));
        (read, found)
    }

    #[test]
    fn numbers_are_read_and_reserved_keys_are_not() {
        let text = br#"{"a\u0041": 1, "_unit": "x", "b": 0.5, "c": null}"#;
        let wanted = vec![("aA".to_owned(), Some(1.0)), ("b".to_owned(), Some(0.5)), ("c".to_owned(), None)];
        assert_eq!(labels(Text(text)), (true, wanted));
        assert_eq!(labels(Null), (true, vec![]));
    }

    #[test]
    fn what_is_no_object_is_not_read() {
        for value in
            [Text(b""), Text(b"[1]"), Text(b"{'a': 1}"), Text(b"{\"a\": NaN}"), Text(b"{} x"), Blob(b"{}"), Integer(1)]
        {
            assert!(!labels(value).0, "{value:?}");
        }
        let long = format!("{{\"{}\": 1}}", "a".repeat(70_000));
        assert!(!labels(Text(long.as_bytes())).0);
    }
}
