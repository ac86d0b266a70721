//! Hyperparameters: what the plugin of this name keeps in the description of a value.

use crate::readers::python_float::python_float;
use crate::readers::wire::{Fields, Malformed, Wire};

/// What a hyperparameter has, as Python would write it.
fn shown(bytes: &[u8]) -> Result<String, Malformed> {
    let mut shown = String::new();
    for field in Fields::of(bytes) {
        // null, number, text, truth, and lists and objects, which no writer writes.
        shown = match field? {
            (1, _) => "None".to_owned(),
            (2, Wire::Fixed64(bits)) => python_float(f64::from_bits(bits)),
            (3, text) => String::from_utf8_lossy(text.bytes().ok_or(Malformed)?).into_owned(),
            (4, Wire::Varint(value)) => if value == 0 { "False" } else { "True" }.to_owned(),
            _ => shown,
        };
    }
    Ok(shown)
}

/// The hyperparameters of the beginning of a session: names and values; `None` if the content is something else of the plugin's.
pub fn session(content: &[u8]) -> Result<Option<Vec<(String, String)>>, Malformed> {
    let mut found = None;
    for field in Fields::of(content) {
        let (3, session) = field? else { continue };
        let mut params = Vec::new();
        for field in Fields::of(session.bytes().ok_or(Malformed)?) {
            let (1, entry) = field? else { continue };
            let (mut name, mut value) = (String::new(), String::new());
            for field in Fields::of(entry.bytes().ok_or(Malformed)?) {
                match field? {
                    (1, text) => name = String::from_utf8_lossy(text.bytes().ok_or(Malformed)?).into_owned(),
                    (2, bytes) => value = shown(bytes.bytes().ok_or(Malformed)?)?,
                    _ => {}
                }
            }
            params.push((name, value));
        }
        // In a file they have no order.
        params.sort();
        found = Some(params);
    }
    Ok(found)
}
