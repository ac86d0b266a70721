//! Recognising what Python prints for a dict, a list or a number: what people store when they forget `json.dumps`.

use crate::schema::json::MAX_DEPTH;

/// Names of numbers, and of other values.
const NUMBERS: &[&[u8]] = &[b"nan", b"inf", b"NaN", b"Infinity"];
const NAMES: &[&[u8]] = &[b"None", b"True", b"False"];

/// Whether the text is one Python literal: dicts, lists, tuples, strings, numbers, `None`, `True`, `False`, `nan`, `inf`.
pub fn is_python_literal(text: &str) -> bool {
    let mut reader = Reader { text: text.as_bytes(), at: 0 };
    reader.value(0).is_some() && reader.at_end()
}

/// Each method is `None` where the text is something else.
struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        self.skip_space();
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn at_end(&mut self) -> bool {
        self.skip_space();
        self.at == self.text.len()
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        self.skip_space();
        match self.peek()? {
            b'{' => self.items(b'}', depth, |reader, depth| {
                reader.value(depth)?;
                if reader.take(b':') { reader.value(depth) } else { None }
            }),
            b'[' => self.items(b']', depth, Self::value),
            b'(' => self.items(b')', depth, Self::value),
            quote @ (b'\'' | b'"') => self.string(quote),
            b'u' | b'U' if matches!(self.text.get(self.at + 1), Some(b'\'' | b'"')) => {
                self.at += 1;
                let quote = self.peek()?;
                self.string(quote)
            }
            byte if byte.is_ascii_alphabetic() => self.word(&[NUMBERS, NAMES]),
            _ => self.number(),
        }
    }

    fn items(&mut self, close: u8, depth: usize, item: impl Fn(&mut Self, usize) -> Option<()>) -> Option<()> {
        self.at += 1;
        loop {
            if self.take(close) {
                return Some(());
            }
            item(self, depth + 1)?;
            if !self.take(b',') {
                return self.take(close).then_some(());
            }
        }
    }

    fn string(&mut self, quote: u8) -> Option<()> {
        self.at += 1;
        loop {
            match self.peek()? {
                byte if byte == quote => {
                    self.at += 1;
                    return Some(());
                }
                b'\\' => self.escape()?,
                // Python never prints these as they are.
                0..0x20 => return None,
                _ => self.at += 1,
            }
        }
    }

    fn escape(&mut self) -> Option<()> {
        let digits = match self.text.get(self.at + 1)? {
            b'x' => 2,
            b'u' => 4,
            b'U' => 8,
            // A line that goes on, and a character by its name: Python does not print them.
            0..0x20 | b'N' => return None,
            _ => 0,
        };
        self.at += 2;
        let code = self.text.get(self.at..self.at + digits)?;
        self.at += digits;
        code.iter().all(u8::is_ascii_hexdigit).then_some(())
    }

    fn word(&mut self, allowed: &[&[&[u8]]]) -> Option<()> {
        let rest = self.text.get(self.at..)?;
        let length = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
        let word = rest.get(..length)?;
        self.at += length;
        allowed.iter().any(|words| words.contains(&word)).then_some(())
    }

    fn number(&mut self) -> Option<()> {
        if matches!(self.peek(), Some(b'+' | b'-')) {
            self.at += 1;
            if self.peek()?.is_ascii_alphabetic() {
                return self.word(&[NUMBERS]);
            }
        }
        let start = self.at;
        let whole = self.digits();
        // Python reads this only with a fraction, and prints it never.
        if whole > 1 && self.text.get(start) == Some(&b'0') {
            return None;
        }
        let fraction = if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()
        } else {
            0
        };
        if whole + fraction == 0 {
            return None;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if self.digits() == 0 {
                return None;
            }
        }
        Some(())
    }

    /// Digits, with single underscores between them.
    fn digits(&mut self) -> usize {
        let mut count = 0;
        loop {
            match (self.peek(), self.text.get(self.at + 1)) {
                (Some(b'0'..=b'9'), _) => count += 1,
                (Some(b'_'), Some(b'0'..=b'9')) if count > 0 => {}
                _ => return count,
            }
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_python_literal;

    #[test]
    fn what_python_prints_is_recognised_and_nothing_else() {
        for text in [
            "{'a': 0.5}",
            "{'a': None, 'b': True}",
            "{\"a\": nan}",
            "{'a': -inf, 'b': inf}",
            "{\"a\": 1,}",
            "('a', 1)",
            "{1: 2.}",
            "[.5, +1, 1_000]",
            "None",
            "{'it\\'s': 1}",
            "{u'a': 1}",
            " { } ",
            "{'a': (1, 2,), 'b': []}",
        ] {
            assert!(is_python_literal(text), "{text}");
        }
        for text in [
            "",
            "{'a': 0.5",
            "{'a' 0.5}",
            "{a: 1}",
            "{'a': np.float64(0.5)}",
            "{'a': 1}}",
            "'a",
            "{,}",
            "[1 2]",
            "1e",
            ".",
            "{'a': undefined}",
            "_1",
            "1__0",
            "{'a\n': 1}",
        ] {
            assert!(!is_python_literal(text), "{text}");
        }
        assert!(!is_python_literal(&"[".repeat(1_000_000)));
    }
}
