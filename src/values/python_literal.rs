//! Recognises Python literals, which people store when they forget `json.dumps`: what Python prints for a dict, a list or a number. Also JSON with a
//! comma before the end, or with `NaN`. Converts them to JSON.

use super::json::{Lexer, MAX_DEPTH};

/// What becomes of `nan` and `inf`, which JSON does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NonFinite {
    /// The text cannot be converted.
    Refuse,
    /// The key whose value it is is left out. In a list, whose other elements would move up, it is refused.
    Remove,
}

/// Why a text cannot be converted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It is nothing that Python prints.
    Unknown,
    /// It has this number under this key, the innermost one. Only where the number is the key's value, it can be removed.
    NonFinite { literal: String, key: Option<Vec<u8>>, removable: bool },
}

type Result<T> = std::result::Result<T, Trouble>;

/// Whether the text is one Python literal: dicts, lists, tuples, strings, numbers, `None`, `True`, `False`, `nan`, `inf`; JSON's
/// `null`, `true` and `false` are as good. What is recognised can be converted, but for its numbers that are not finite.
pub(crate) fn is_python_literal(text: &str) -> bool {
    !matches!(to_json(text, NonFinite::Refuse), Err(Trouble::Unknown))
}

/// Converts a Python literal to JSON. White space, numbers and strings that are JSON already stay as they are, and so does the
/// order of the keys; keys that are no strings become what `json.dumps` makes of them.
pub(crate) fn to_json(text: &str, non_finite: NonFinite) -> Result<String> {
    let out = String::with_capacity(text.len());
    let mut reader = Reader { text, at: 0, out, non_finite, key: None, trouble: None };
    reader.copy_space();
    if let Kind::NonFinite(literal) = reader.value(0)? {
        reader.refuse(literal, false);
    }
    reader.copy_space();
    match reader.trouble {
        _ if reader.at < text.len() => Err(Trouble::Unknown),
        Some(trouble) => Err(trouble),
        None => Ok(reader.out),
    }
}

/// What was read.
#[derive(Clone, Copy)]
enum Kind<'a> {
    String,
    /// A word or a number.
    Scalar,
    NonFinite(&'a str),
    Container,
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    out: String,
    non_finite: NonFinite,
    /// The innermost key whose value is being read, decoded.
    key: Option<Vec<u8>>,
    /// The first one. The text is read to its end before it is told: it may be nothing that Python prints at all.
    trouble: Option<Trouble>,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The text that was read since then.
    fn part(&self, from: usize) -> &'a str {
        self.text.get(from..self.at).unwrap_or_default()
    }

    fn space(&mut self) -> &'a str {
        let from = self.at;
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
        self.part(from)
    }

    fn copy_space(&mut self) {
        let space = self.space();
        self.out.push_str(space);
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn refuse(&mut self, literal: &str, removable: bool) {
        let key = self.key.clone();
        self.trouble.get_or_insert_with(|| Trouble::NonFinite { literal: literal.to_owned(), key, removable });
    }

    /// A value that stands inside so many containers; white space before it was read. Nothing is written for a number that is not
    /// finite.
    fn value(&mut self, depth: usize) -> Result<Kind<'a>> {
        match self.peek().ok_or(Trouble::Unknown)? {
            b'{' | b'[' | b'(' if depth >= MAX_DEPTH => Err(Trouble::Unknown),
            b'{' => self.dict(depth + 1),
            b'[' => self.list(b']', depth + 1),
            b'(' => self.list(b')', depth + 1),
            quote @ (b'\'' | b'"') => self.string(quote),
            b'u' | b'U' if matches!(self.text.as_bytes().get(self.at + 1), Some(b'\'' | b'"')) => {
                self.at += 1;
                self.value(depth)
            }
            byte if byte.is_ascii_alphabetic() => self.word(),
            _ => self.number(),
        }
    }

    /// A list or a tuple. One value in parentheses without a comma is that value.
    fn list(&mut self, close: u8, depth: usize) -> Result<Kind<'a>> {
        let start = self.out.len();
        self.at += 1;
        self.out.push('[');
        for count in 0.. {
            let lead = self.space();
            if self.take(close) {
                self.out.push_str(lead);
                break;
            }
            if count > 0 {
                self.out.push(',');
            }
            self.out.push_str(lead);
            let kind = self.value(depth)?;
            self.copy_space();
            let comma = self.take(b',');
            if !comma && !self.take(close) {
                return Err(Trouble::Unknown);
            }
            if !comma && close == b')' && count == 0 {
                self.out.remove(start);
                return Ok(kind);
            }
            if let Kind::NonFinite(literal) = kind {
                self.refuse(literal, false);
            }
            if !comma {
                break;
            }
        }
        self.out.push(']');
        Ok(Kind::Container)
    }

    fn dict(&mut self, depth: usize) -> Result<Kind<'a>> {
        self.at += 1;
        self.out.push('{');
        let (mut empty, mut first_lead) = (true, None);
        loop {
            let mut lead = self.space();
            if self.take(b'}') {
                self.out.push_str(lead);
                break;
            }
            let start = self.out.len();
            if empty {
                lead = first_lead.get_or_insert(lead);
            } else {
                self.out.push(',');
            }
            self.out.push_str(lead);
            let outer = self.key.take();
            self.key = Some(self.dict_key(depth)?);
            let kind = self.value(depth)?;
            let tail = self.space();
            match kind {
                Kind::NonFinite(_) if self.non_finite == NonFinite::Remove => self.out.truncate(start),
                Kind::NonFinite(literal) => self.refuse(literal, true),
                _ => empty = false,
            }
            self.key = outer;
            let comma = self.take(b',');
            if !comma || self.out.len() > start {
                self.out.push_str(tail);
            }
            if !comma {
                if self.take(b'}') {
                    break;
                }
                return Err(Trouble::Unknown);
            }
        }
        self.out.push('}');
        Ok(Kind::Container)
    }

    /// A key and its colon, with white space up to the value; answers the key, decoded.
    fn dict_key(&mut self, depth: usize) -> Result<Vec<u8>> {
        let start = self.out.len();
        let kind = self.value(depth)?;
        // Without what stood inside parentheses around it.
        let written = self.out.split_off(start);
        let written = written.trim_ascii();
        match kind {
            Kind::String => self.out.push_str(written),
            Kind::Scalar => self.out.extend(["\"", written, "\""]),
            Kind::NonFinite(literal) => {
                let sign = if literal.starts_with('-') { "-" } else { "" };
                let word = if literal.to_ascii_lowercase().ends_with("nan") { "NaN" } else { "Infinity" };
                self.out.extend(["\"", sign, word, "\""]);
            }
            Kind::Container => return Err(Trouble::Unknown),
        }
        let mut key = Vec::new();
        let quoted = self.out.get(start + 1..).unwrap_or_default();
        Lexer::new(quoted).string(&mut key).map_err(|_| Trouble::Unknown)?;
        self.copy_space();
        if !self.take(b':') {
            return Err(Trouble::Unknown);
        }
        self.out.push(':');
        self.copy_space();
        Ok(key)
    }

    fn word(&mut self) -> Result<Kind<'a>> {
        let from = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            self.at += 1;
        }
        let word = self.part(from);
        self.out.push_str(match word {
            "None" | "null" => "null",
            "True" | "true" => "true",
            "False" | "false" => "false",
            _ if is_non_finite(word) => return Ok(Kind::NonFinite(word)),
            _ => return Err(Trouble::Unknown),
        });
        Ok(Kind::Scalar)
    }

    fn number(&mut self) -> Result<Kind<'a>> {
        let (from, start) = (self.at, self.out.len());
        if self.take(b'-') {
            self.out.push('-');
        } else {
            self.take(b'+');
        }
        if self.peek().is_some_and(|byte| byte.is_ascii_alphabetic()) {
            self.out.truncate(start);
            return match (self.word()?, self.part(from)) {
                (Kind::NonFinite(_), literal) => Ok(Kind::NonFinite(literal)),
                _ => Err(Trouble::Unknown),
            };
        }
        let whole = self.digits();
        let point = self.take(b'.');
        let fraction = if point { self.digits() } else { String::new() };
        let exponent = matches!(self.peek(), Some(b'e' | b'E'));
        if whole.is_empty() && fraction.is_empty() {
            return Err(Trouble::Unknown);
        }
        // Python reads this only with a fraction, and prints it never.
        if whole.len() > 1 && whole.starts_with('0') {
            return Err(Trouble::Unknown);
        }
        self.out.push_str(if whole.is_empty() { "0" } else { &whole });
        if point {
            self.out.extend([".", if fraction.is_empty() { "0" } else { &fraction }]);
        }
        if exponent {
            let from = self.at;
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            let mark = self.part(from);
            let digits = self.digits();
            self.out.extend([mark, &digits]);
        }
        let mut check = Lexer::new(self.out.get(start..).unwrap_or_default());
        check.skip_number().and_then(|()| check.end()).map_err(|_| Trouble::Unknown)?;
        Ok(Kind::Scalar)
    }

    /// Digits, without the single underscores that may stand between them.
    fn digits(&mut self) -> String {
        let mut digits = String::new();
        loop {
            match (self.peek(), self.text.as_bytes().get(self.at + 1)) {
                (Some(digit @ b'0'..=b'9'), _) => digits.push(char::from(digit)),
                (Some(b'_'), Some(b'0'..=b'9')) if !digits.is_empty() => {}
                _ => return digits,
            }
            self.at += 1;
        }
    }

    fn string(&mut self, quote: u8) -> Result<Kind<'a>> {
        let from = self.at;
        self.at += 1;
        if quote == b'"' {
            // JSON's reading of it goes first: of what both read, Python would take only "\/" differently, and never prints it.
            let mut lexer = Lexer::new(self.text.get(self.at..).unwrap_or_default());
            if lexer.string(&mut Vec::new()).is_ok() {
                self.at += lexer.offset();
                self.out.push_str(self.part(from));
                return Ok(Kind::String);
            }
        }
        self.out.push('"');
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let character = rest.chars().next().ok_or(Trouble::Unknown)?;
            self.at += character.len_utf8();
            match character {
                // Python never prints these as they are.
                '\0'..='\x1f' => return Err(Trouble::Unknown),
                '\\' => self.escape()?,
                _ if character == char::from(quote) => break,
                _ => self.push_code(u32::from(character)),
            }
        }
        self.out.push('"');
        Ok(Kind::String)
    }

    /// An escape, after its backslash.
    fn escape(&mut self) -> Result<()> {
        let byte = self.peek().ok_or(Trouble::Unknown)?;
        self.at += 1;
        let code = match byte {
            // A line that goes on, and a character by its name: Python does not print them.
            0..0x20 | b'N' => return Err(Trouble::Unknown),
            b'\\' | b'\'' | b'"' => u32::from(byte),
            b'a' => 0x07,
            b'b' => 0x08,
            b't' => 0x09,
            b'n' => 0x0a,
            b'v' => 0x0b,
            b'f' => 0x0c,
            b'r' => 0x0d,
            b'0'..=b'7' => {
                self.at -= 1;
                self.code(1, 3, 8)?
            }
            b'x' => self.code(2, 2, 16)?,
            b'u' => self.code(4, 4, 16)?,
            b'U' => self.code(8, 8, 16)?,
            _ => {
                // Python keeps the backslash of an escape that it does not know.
                self.at -= 1;
                u32::from(b'\\')
            }
        };
        self.push_code(code);
        Ok(())
    }

    /// The digits of a code point.
    fn code(&mut self, least: usize, most: usize, radix: u32) -> Result<u32> {
        let (mut code, mut count) = (0u32, 0);
        while count < most
            && let Some(digit) = self.peek().and_then(|byte| char::from(byte).to_digit(radix))
        {
            code = code.saturating_mul(radix).saturating_add(digit);
            self.at += 1;
            count += 1;
        }
        if count < least || code > u32::from(char::MAX) { Err(Trouble::Unknown) } else { Ok(code) }
    }

    /// Writes a code point into a string of JSON.
    fn push_code(&mut self, code: u32) {
        match char::from_u32(code) {
            Some(character @ ('"' | '\\')) => self.out.extend(['\\', character]),
            Some('\n') => self.out.push_str("\\n"),
            Some('\r') => self.out.push_str("\\r"),
            Some('\t') => self.out.push_str("\\t"),
            Some(character) if code >= 0x20 => self.out.push(character),
            _ => self.out.push_str(&format!("\\u{code:04x}")),
        }
    }
}

fn is_non_finite(word: &str) -> bool {
    matches!(word, "nan" | "inf" | "NaN" | "Infinity")
}

#[cfg(test)]
mod tests;
