//! The per-label values of a metric: a JSON object of numbers as names and doubles.

use crate::values::ValueRef;
use crate::values::json::{Keys, Lexer};

/// Why a value does not fit.
pub type Reason = String;

/// The labels of one metric; its memory is kept from metric to metric.
#[derive(Debug, Default)]
pub struct Labels {
    keys: Keys,
    values: Vec<f64>,
}

impl Labels {
    /// Reads an object; says why if it is none, or if a label is no number or stands twice.
    pub fn read(&mut self, value: ValueRef<'_>) -> Result<(), Reason> {
        self.keys.clear();
        self.keys.shrink();
        self.values.clear();
        let ValueRef::Text(text) = value else { return Err("it is no text with a JSON object".to_owned()) };
        let text = std::str::from_utf8(text).map_err(|error| format!("it is not UTF-8: {error}"))?;
        self.object(text)?;
        match self.keys.duplicate() {
            Some(twice) => Err(format!("the label {:?} stands twice", String::from_utf8_lossy(twice))),
            None => Ok(()),
        }
    }

    fn object(&mut self, text: &str) -> Result<(), Reason> {
        let wrong = |error: crate::values::json::JsonError| format!("it is no JSON object of numbers: {error}");
        let mut lexer = Lexer::new(text);
        lexer.skip_space();
        if !lexer.take(b'{') {
            return Err("it is no JSON object".to_owned());
        }
        lexer.skip_space();
        if !lexer.take(b'}') {
            loop {
                self.keys.read(&mut lexer).map_err(wrong)?;
                lexer.skip_space();
                let from = lexer.offset();
                let number = lexer.skip_number().map_err(wrong);
                let spelt = text.get(from..lexer.offset()).unwrap_or_default();
                let value = number
                    .ok()
                    .and_then(|()| double(spelt))
                    .ok_or_else(|| format!("the label {:?} is no double", String::from_utf8_lossy(self.keys.last())))?;
                self.values.push(value);
                lexer.skip_space();
                if lexer.take(b'}') {
                    break;
                }
                if !lexer.take(b',') {
                    return Err("it is no JSON object: ',' or '}' is missing".to_owned());
                }
            }
        }
        lexer.skip_space();
        if lexer.offset() < text.len() { Err("something stands behind the JSON object".to_owned()) } else { Ok(()) }
    }

    /// How many labels there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Each with its value, in the order of the text.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], f64)> {
        self.values.iter().enumerate().map(|(at, value)| (self.keys.get(at), *value))
    }
}

/// The double that is exactly this integer.
pub(super) fn exact(value: i64) -> Option<f64> {
    const TWO_63: f64 = 9_223_372_036_854_775_808.0;
    let real = value as f64;
    (real < TWO_63 && real as i64 == value).then_some(real)
}

/// The double that a number of JSON stands for: of a fraction the nearest, of an integer that one alone.
fn double(spelt: &str) -> Option<f64> {
    let finite = || spelt.parse::<f64>().ok().filter(|value| value.is_finite());
    if spelt.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E')) {
        return finite();
    }
    match spelt.parse::<i64>() {
        Ok(integer) if spelt != "-0" => exact(integer),
        // An integer beyond 64 bits is a double only if it is spelt as one.
        _ => finite().filter(|value| format!("{value:.0}") == spelt),
    }
}

#[cfg(test)]
mod tests {
    use super::Labels;
    use crate::values::ValueRef;

    fn read(text: &str) -> Result<Vec<(String, f64)>, String> {
        let mut labels = Labels::default();
        labels.read(ValueRef::Text(text.as_bytes()))?;
        Ok(labels.iter().map(|(key, value)| (String::from_utf8(key.to_vec()).unwrap(), value)).collect())
    }

    #[test]
    fn an_object_of_numbers_is_read_in_its_order() {
        assert_eq!(
            read(r#" { "b" : 1, "a\u0062" : -0.5e1 , "" : -0 } "#).unwrap(),
            [("b".to_owned(), 1.0), ("ab".to_owned(), -5.0), (String::new(), -0.0)]
        );
        assert_eq!(read("{}").unwrap(), []);
        assert_eq!(read(r#"{"a": 18446744073709551616}"#).unwrap(), [("a".to_owned(), 18_446_744_073_709_551_616.0)]);
        assert!(read(r#"{"a": -0}"#).unwrap()[0].1.is_sign_negative());
    }

    #[test]
    fn everything_else_says_why() {
        for (text, reason) in [
            ("", "no JSON object"),
            ("[1]", "no JSON object"),
            ("{\"a\": 1} x", "behind"),
            ("{\"a\": \"1\"}", "\"a\" is no double"),
            ("{\"a\": NaN}", "\"a\" is no double"),
            ("{\"a\": null}", "\"a\" is no double"),
            ("{\"a\": 1e999}", "\"a\" is no double"),
            ("{\"a\": 9007199254740993}", "\"a\" is no double"),
            ("{\"a\": 18446744073709551617}", "\"a\" is no double"),
            ("{\"a\": 1, \"a\": 1}", "stands twice"),
            ("{\"a\": 1,}", "no JSON"),
            ("{\"a\" 1}", "no JSON"),
            ("{\"a\": 1", "missing"),
            ("{'a': 1}", "no JSON"),
        ] {
            let found = read(text).unwrap_err();
            assert!(found.contains(reason), "{text}: {found}");
        }
    }
}
