//! Names and values, as configurations, rows and summaries have them.

use serde_json::Value as Json;

use crate::readers::wire::{Fields, Malformed};

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A number, and whether it is an integer that 64 bits of a real number do not hold.
    Number(f64, bool),
    /// A text.
    Text(String),
    /// Anything else, as JSON text.
    Json(String),
}

/// One name and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// The parts of the name, from outside in.
    pub path: Vec<String>,
    /// The value as it stands in the file.
    pub raw: String,
    pub content: Content,
}

impl Item {
    /// The name, its parts joined.
    pub fn name(&self) -> String {
        self.path.join("/")
    }
}

/// The content of JSON as W&B writes it: with NaN and infinities.
pub fn content(raw: &str) -> Content {
    let number = |value: f64| Content::Number(value, false);
    match raw {
        "NaN" => number(f64::NAN),
        "Infinity" => number(f64::INFINITY),
        "-Infinity" => number(f64::NEG_INFINITY),
        "true" => number(1.0),
        "false" => number(0.0),
        _ => {
            if raw.starts_with(|first: char| first == '-' || first.is_ascii_digit())
                && let Ok(value) = raw.parse::<f64>()
            {
                let exact = raw.parse::<i128>().is_ok_and(|integer| value as i128 != integer);
                return Content::Number(value, exact);
            }
            match serde_json::from_str::<Json>(raw) {
                Ok(Json::String(text)) => Content::Text(text),
                _ => Content::Json(raw.to_owned()),
            }
        }
    }
}

impl Item {
    /// Reads one. Of the typed values that the schema has, none was seen in a file so far.
    pub fn parse(bytes: &[u8]) -> Result<Item, Malformed> {
        let (mut key, mut path, mut raw) = (None, Vec::new(), None);
        for field in Fields::of(bytes) {
            let (number, wire) = field?;
            match number {
                1 => key = Some(wire.text().ok_or(Malformed)?.to_owned()),
                2 => path.push(wire.text().ok_or(Malformed)?.to_owned()),
                3 => raw = Some("null".to_owned()),
                4 => raw = Some((wire.int().ok_or(Malformed)? != 0).to_string()),
                5 => raw = Some(wire.zigzag().ok_or(Malformed)?.to_string()),
                6 => raw = Some(double(wire.double().ok_or(Malformed)?)),
                7 => raw = Some(Json::String(wire.text().ok_or(Malformed)?.to_owned()).to_string()),
                8 | 16 => raw = Some(wire.text().ok_or(Malformed)?.to_owned()),
                _ => {}
            }
        }
        if path.is_empty() {
            path.extend(key);
        }
        let raw = raw.unwrap_or_default();
        Ok(Item { path, content: content(&raw), raw })
    }
}

fn double(value: f64) -> String {
    match value {
        value if value.is_nan() => "NaN".to_owned(),
        value if value.is_infinite() => if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned(),
        value => format!("{value:?}"),
    }
}

/// The names and values of a configuration: what is nested in one becomes names of its own.
pub fn flattened(item: &Item) -> Vec<(String, String)> {
    let mut found = Vec::new();
    match serde_json::from_str::<Json>(&item.raw) {
        Ok(Json::Object(inner)) if !inner.is_empty() => {
            inner.iter().for_each(|(name, value)| flatten(&format!("{}/{name}", item.name()), value, &mut found));
        }
        Ok(Json::String(text)) => found.push((item.name(), text)),
        _ => found.push((item.name(), item.raw.clone())),
    }
    found
}

fn flatten(name: &str, value: &Json, found: &mut Vec<(String, String)>) {
    match value {
        Json::Object(inner) if !inner.is_empty() => {
            inner.iter().for_each(|(below, value)| flatten(&format!("{name}/{below}"), value, found));
        }
        Json::String(text) => found.push((name.to_owned(), text.clone())),
        other => found.push((name.to_owned(), other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::{Content, content, flattened};

    #[test]
    fn values_are_what_they_say() {
        assert_eq!(content("1"), Content::Number(1.0, false));
        assert_eq!(content("-0"), Content::Number(-0.0, false));
        assert_eq!(content("1e+21"), Content::Number(1e21, false));
        assert_eq!(content("1152921504606846977"), Content::Number(2f64.powi(60), true));
        assert!(matches!(content("NaN"), Content::Number(value, _) if value.is_nan()));
        assert_eq!(content("\"NaN\""), Content::Text("NaN".to_owned()));
        assert_eq!(content("[1, NaN]"), Content::Json("[1, NaN]".to_owned()));
        assert_eq!(content("null"), Content::Json("null".to_owned()));
        assert_eq!(content(""), Content::Json(String::new()));
        let item = super::Item {
            path: vec!["opt".into()],
            raw: r#"{"a":{"b":1},"c":"x","d":[1]}"#.into(),
            content: Content::Json(String::new()),
        };
        let pairs = [("opt/a/b", "1"), ("opt/c", "x"), ("opt/d", "[1]")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(flattened(&item), pairs);
    }
}
