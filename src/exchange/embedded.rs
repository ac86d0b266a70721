//! Which JSON text of a JSON column can stand in the document as it is (docs/export-format.md, "JSON in `per_label_val`").

use crate::values::json::{JsonError, Keys, Lexer};

/// How deep arrays and objects in such text may nest. Together with the document's own depth every reader can take it.
pub const MAX_EMBEDDED_DEPTH: usize = 32;

/// Numbers with fewer characters and no exponent are certainly within the range of binary64.
const SURELY_FINITE: usize = 300;

/// Whether the text can stand in the document byte for byte, so that every JSON reader can read it and gives back what it means.
pub fn embeds(text: &str) -> bool {
    embedded(text).is_some()
}

/// What is known of text that [`embeds`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Embedded {
    /// It is an object whose values are numbers.
    pub of_numbers: bool,
}

/// As [`embeds`]: what is known of the text if so.
pub fn embedded(text: &str) -> Option<Embedded> {
    // White space around a value is the document's, not the value's.
    let starts = matches!(text.bytes().next(), Some(b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f'));
    let ends = text.bytes().next_back().is_some_and(|byte| byte > b' ');
    let of_numbers = text.starts_with('{');
    let walk = Walk { text, lexer: Lexer::new(text), keys: Keys::default(), decoded: Vec::new(), of_numbers };
    (starts && ends).then(|| walk.whole()).flatten()
}

/// Whether an object with this key at its top would be taken for a wrapped value, so that it has to be wrapped itself.
pub fn looks_wrapped(key: &[u8]) -> bool {
    key.first() == Some(&b'$')
}

type Result<T> = std::result::Result<T, JsonError>;

struct Walk<'a> {
    text: &'a str,
    lexer: Lexer<'a>,
    /// The keys of the objects that are open.
    keys: Keys,
    /// A string that is no key.
    decoded: Vec<u8>,
    /// The whole value is an object, and the values that it has had are numbers.
    of_numbers: bool,
}

impl Walk<'_> {
    fn whole(mut self) -> Option<Embedded> {
        let fits = self.value(0) == Ok(true) && self.lexer.offset() == self.text.len();
        fits.then_some(Embedded { of_numbers: self.of_numbers })
    }

    /// Passes over a value; false if it is JSON, but not fit.
    fn value(&mut self, depth: usize) -> Result<bool> {
        match self.lexer.peek() {
            Some(b'n') => self.lexer.literal(b"null").map(|()| true),
            Some(b't') => self.lexer.literal(b"true").map(|()| true),
            Some(b'f') => self.lexer.literal(b"false").map(|()| true),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'"') => self.string(),
            Some(b'[' | b'{') if depth >= MAX_EMBEDDED_DEPTH => Ok(false),
            Some(b'[') => self.array(depth + 1),
            Some(b'{') => self.object(depth + 1),
            _ => self.lexer.fail("not a JSON value"),
        }
    }

    fn number(&mut self) -> Result<bool> {
        let start = self.lexer.offset();
        self.lexer.skip_number()?;
        let token = self.text.get(start..self.lexer.offset()).unwrap_or_default();
        if token.len() < SURELY_FINITE && !token.contains(['e', 'E']) {
            return Ok(true);
        }
        Ok(token.parse::<f64>().is_ok_and(f64::is_finite))
    }

    /// Whether a string has no lone surrogate.
    fn string(&mut self) -> Result<bool> {
        self.lexer.take(b'"');
        self.decoded.clear();
        self.lexer.string(&mut self.decoded)?;
        Ok(std::str::from_utf8(&self.decoded).is_ok())
    }

    fn array(&mut self, depth: usize) -> Result<bool> {
        self.lexer.take(b'[');
        self.lexer.skip_space();
        if self.lexer.take(b']') {
            return Ok(true);
        }
        loop {
            self.lexer.skip_space();
            if !self.value(depth)? {
                return Ok(false);
            }
            if self.lexer.ended(b']')? {
                return Ok(true);
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<bool> {
        self.lexer.take(b'{');
        self.lexer.skip_space();
        if self.lexer.take(b'}') {
            return Ok(true);
        }
        let first = self.keys.len();
        loop {
            self.keys.read(&mut self.lexer)?;
            // Only the whole value can be an object so far outside.
            self.of_numbers &= depth > 1 || matches!(self.lexer.peek(), Some(b'-' | b'0'..=b'9'));
            let key = self.keys.last();
            if std::str::from_utf8(key).is_err() || (depth == 1 && looks_wrapped(key)) || !self.value(depth)? {
                return Ok(false);
            }
            if self.lexer.ended(b'}')? {
                break;
            }
        }
        let unique = self.keys.duplicate_from(first).is_none();
        self.keys.truncate(first);
        Ok(unique)
    }
}

#[cfg(test)]
mod tests {
    use super::{Embedded, MAX_EMBEDDED_DEPTH, embedded, embeds};

    #[test]
    fn json_that_every_reader_reads_alike_is_embedded() {
        for text in [
            "{}",
            "[]",
            "[null]",
            "true",
            "false",
            "-1.5e3",
            "\"a\\u0000 \\ud83d\\ude00\"",
            r#"{"a": 1, "b": {"a": 2, "$text": 3}, "b$": 4}"#,
            r#"[{"$text": "x"}]"#,
            "[\n 1 ,\t2 ]",
            "123456789012345678901234567890",
            "1e-999",
        ] {
            assert!(embeds(text), "{text}");
        }
        let keys: Vec<String> = (0..100).map(|n| format!("\"k{n}\": {n}")).collect();
        assert!(embeds(&format!("{{{}}}", keys.join(","))));
    }

    #[test]
    fn objects_of_numbers_are_told() {
        for text in ["{}", r#"{"a": 1, "b": -2.5e3}"#, r#"{"": 0, "_a": 1}"#] {
            assert_eq!(embedded(text), Some(Embedded { of_numbers: true }), "{text}");
        }
        for text in [
            "1",
            "[]",
            "[{\"a\": 1}]",
            r#"{"a": null}"#,
            r#"{"b": {"a": 1}}"#,
            r#"{"a": 1, "b": [2], "c": 3}"#,
            r#"{"_a": ""}"#,
        ] {
            assert_eq!(embedded(text), Some(Embedded { of_numbers: false }), "{text}");
        }
        assert_eq!(embedded(r#"{"a": 1, "a": 2}"#), None);
    }

    #[test]
    fn everything_else_is_not() {
        for text in [
            "",
            " ",
            "null",
            " {}",
            "{} ",
            "{}\n",
            "NaN",
            "{'a': 1}",
            "{\"a\": 1,}",
            "[1 2]",
            "{\"a\" 1}",
            "{1: 2}",
            "01",
            "1e999",
            "[-1e999]",
            r#"{"a": 1, "a": 1}"#,
            r#"{"a": 1, "\u0061": 1}"#,
            r#"[{"b": {"a": 1, "c": 2, "a": 1}}]"#,
            r#"{"$text": "x"}"#,
            r#"{"a": 1, "b": {}, "$b": 4}"#,
            r#"{"\u0024": 1}"#,
            r#""\ud800""#,
            r#"{"\ud800": 1}"#,
            "1 2",
            "\u{feff}1",
            "tru",
        ] {
            assert!(!embeds(text), "{text}");
        }
        assert!(!embeds(&"9".repeat(400)));
        let keys: Vec<String> = (0..100).map(|n| format!("\"k{}\": {n}", n % 99)).collect();
        assert!(!embeds(&format!("{{{}}}", keys.join(","))));
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(embeds(&nested(MAX_EMBEDDED_DEPTH)));
        assert!(!embeds(&nested(MAX_EMBEDDED_DEPTH + 1)));
        assert!(!embeds(&"[".repeat(1_000_000)));
    }
}
