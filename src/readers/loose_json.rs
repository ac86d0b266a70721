//! JSON as Python writes it, with `NaN` and infinities, taken apart into the texts of its parts: what is not asked for is not converted.

use serde_json::Value as Json;

/// Arrays and objects are not nested deeper.
const DEEPEST: usize = 128;

/// Reads a text from its beginning.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    fn of(text: &'a str) -> Scanner<'a> {
        Scanner { text, at: 0 }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Whether this byte comes next, which is passed.
    fn take(&mut self, byte: u8) -> bool {
        self.skip_space();
        let is_it = self.peek() == Some(byte);
        self.at += usize::from(is_it);
        is_it
    }

    /// A text in quotes, with them.
    fn quoted(&mut self) -> Option<&'a str> {
        let from = self.at;
        if !self.take(b'"') {
            return None;
        }
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        self.text.get(from..self.at)
    }

    /// One value as it stands there.
    fn value(&mut self, depth: usize) -> Option<&'a str> {
        self.skip_space();
        let from = self.at;
        match self.peek()? {
            b'"' => {
                self.quoted()?;
            }
            open @ (b'{' | b'[') => {
                if depth == DEEPEST {
                    return None;
                }
                self.at += 1;
                let close = if open == b'{' { b'}' } else { b']' };
                let mut first = true;
                while !self.take(close) {
                    if !first && !self.take(b',') {
                        return None;
                    }
                    first = false;
                    self.skip_space();
                    if open == b'{' {
                        self.quoted()?;
                        if !self.take(b':') {
                            return None;
                        }
                    }
                    self.value(depth + 1)?;
                }
            }
            _ => {
                let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
                let rest = self.text.as_bytes().get(from..)?;
                self.at += rest.iter().take_while(|byte| is_part(byte)).count();
                let word = self.text.get(from..self.at)?;
                if !matches!(word, "null" | "true" | "false") && number(word).is_none() {
                    return None;
                }
            }
        }
        self.text.get(from..self.at)
    }

    fn is_at_end(&mut self) -> bool {
        self.skip_space();
        self.peek().is_none()
    }
}

/// The members of an object: the keys, and the values as they stand there. `None` if the text is something else.
pub fn members(text: &str) -> Option<Vec<(String, &str)>> {
    let mut scanner = Scanner::of(text);
    let mut found = Vec::new();
    if !scanner.take(b'{') {
        return None;
    }
    while !scanner.take(b'}') {
        if !found.is_empty() && !scanner.take(b',') {
            return None;
        }
        scanner.skip_space();
        let key = string(scanner.quoted()?)?;
        if !scanner.take(b':') {
            return None;
        }
        found.push((key, scanner.value(0)?));
    }
    scanner.is_at_end().then_some(found)
}

/// The elements of an array, as they stand there.
pub fn elements(text: &str) -> Option<Vec<&str>> {
    let mut scanner = Scanner::of(text);
    let mut found = Vec::new();
    if !scanner.take(b'[') {
        return None;
    }
    while !scanner.take(b']') {
        if !found.is_empty() && !scanner.take(b',') {
            return None;
        }
        found.push(scanner.value(0)?);
    }
    scanner.is_at_end().then_some(found)
}

/// The value of one of the members, as it stands there.
pub fn member<'a>(members: &[(String, &'a str)], name: &str) -> Option<&'a str> {
    // Of two of one name Python takes the last.
    members.iter().rev().find(|(key, _)| key == name).map(|(_, value)| *value)
}

/// A text without its quotes.
pub fn string(text: &str) -> Option<String> {
    match serde_json::from_str(text) {
        Ok(Json::String(text)) => Some(text),
        _ => None,
    }
}

/// A number, with those that JSON does not have.
pub fn number(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ if text.starts_with(|first: char| first == '-' || first.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    }
}

/// A text without its quotes, and anything else as it stands there.
pub fn plain(text: &str) -> String {
    string(text).unwrap_or_else(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{elements, member, members, number, plain, string};

    #[test]
    fn what_python_writes_is_taken_apart_and_stays_as_it_is() {
        let text = "{\"a\": NaN, \"b\\u00e4\": {\"c\": [1, \"]}\\\"\", -Infinity]}, \"d\" : \"NaN\",\"a\":1e-05}";
        let found = members(text).unwrap();
        assert_eq!(found.len(), 4);
        assert_eq!(found[1], ("bä".to_owned(), "{\"c\": [1, \"]}\\\"\", -Infinity]}"));
        assert_eq!(
            (member(&found, "a"), member(&found, "d"), member(&found, "x")),
            (Some("1e-05"), Some("\"NaN\""), None)
        );
        assert_eq!(elements("[ 1 ,[2, NaN], \"x\"]"), Some(vec!["1", "[2, NaN]", "\"x\""]));
        assert_eq!((members("{}"), elements(" [] ")), (Some(vec![]), Some(vec![])));
        assert!(number("NaN").unwrap().is_nan() && number("-Infinity") == Some(f64::NEG_INFINITY));
        assert_eq!((number("1e-05"), number("inf"), number("null"), number("\"1\"")), (Some(1e-5), None, None, None));
        assert_eq!(
            (string("\"a\\nb\""), plain("\"x\""), plain("[1]")),
            (Some("a\nb".to_owned()), "x".to_owned(), "[1]".to_owned())
        );
    }

    #[test]
    fn what_breaks_off_or_is_none_is_nothing() {
        for text in [
            "",
            "{",
            "{\"a\"",
            "{\"a\": ",
            "{\"a\": 1",
            "{\"a\": 1,",
            "{\"a\" 1}",
            "{a: 1}",
            "{\"a\": x}",
            "{} x",
            "[1]",
            "{\"a\": \"\\",
        ] {
            assert_eq!(members(text), None, "{text}");
        }
        for text in ["[", "[1", "[1 2]", "[1]]", "[nan]", "{}", "[tru]"] {
            assert_eq!(elements(text), None, "{text}");
        }
        let deep = format!("[{}1{}]", "[".repeat(200), "]".repeat(200));
        assert_eq!(elements(&deep), None);
    }
}
