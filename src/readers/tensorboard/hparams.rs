//! Hyperparameters: what the plugin of this name keeps in the description of a value.

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

/// A number as Python writes it.
fn python_float(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let shown = format!("{value:?}");
    match shown.split_once('e') {
        None => shown,
        // 1e-5 there is 1e-05 here.
        Some((digits, exponent)) => {
            let digits = digits.strip_suffix(".0").unwrap_or(digits);
            let (sign, size) = exponent.strip_prefix('-').map_or(('+', exponent), |size| ('-', size));
            format!("{digits}e{sign}{size:0>2}")
        }
    }
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

#[cfg(test)]
mod tests {
    use super::python_float;

    #[test]
    fn numbers_are_written_as_python_writes_them() {
        for (value, text) in [
            (0.1, "0.1"),
            (1.0, "1.0"),
            (1e-5, "1e-05"),
            (1e22, "1e+22"),
            (0.0001, "0.0001"),
            (f64::NAN, "nan"),
            (1.5e-7, "1.5e-07"),
        ] {
            assert_eq!(python_float(value), text);
        }
    }
}
