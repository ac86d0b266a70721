//! Tokens of strict JSON, with their byte offsets.

use super::{JsonError, MAX_DEPTH, Result, Shape};

/// The largest exponent that the canonical form accepts.
pub(crate) const MAX_EXPONENT: i64 = 1_000_000_000;

/// Reads tokens from text that is known to be UTF-8.
pub(crate) struct Lexer<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Lexer<'a> {
    /// At the beginning of a text.
    pub fn new(text: &'a str) -> Lexer<'a> {
        Lexer { text: text.as_bytes(), at: 0 }
    }

    /// Whether the whole text has more bytes than this.
    pub(super) fn is_huge(&self, most: usize) -> bool {
        self.text.len() > most
    }

    /// Goes to an offset.
    pub(super) fn go_to(&mut self, offset: usize) {
        self.at = offset;
    }

    /// The offset of the next byte.
    pub fn offset(&self) -> usize {
        self.at
    }

    pub fn fail<T>(&self, reason: &'static str) -> Result<T> {
        Err(JsonError { offset: self.at, reason })
    }

    #[inline]
    pub fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    #[inline]
    pub fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Takes this byte if it comes next.
    #[inline]
    pub fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    pub fn literal(&mut self, word: &'static [u8]) -> Result<()> {
        if self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            self.at += word.len();
            return Ok(());
        }
        self.fail("not a JSON value")
    }

    /// Takes the bytes up to the first for which `ends` holds.
    #[inline]
    pub fn take_until(&mut self, ends: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let count = rest.iter().position(|byte| ends(*byte)).unwrap_or(rest.len());
        self.at += count;
        rest.get(..count).unwrap_or_default()
    }

    #[inline]
    fn digits(&mut self) -> Result<&'a [u8]> {
        let digits = self.take_until(|byte| !byte.is_ascii_digit());
        if digits.is_empty() {
            return self.fail("a digit is missing");
        }
        Ok(digits)
    }

    /// A number, taken apart.
    #[inline]
    fn number(&mut self) -> Result<Number<'a>> {
        let negative = self.take(b'-');
        let start = self.at;
        let whole = self.digits()?;
        if whole.len() > 1 && whole.first() == Some(&b'0') {
            self.at = start;
            return self.fail("a number must not begin with 0");
        }
        let fraction = if self.take(b'.') { Some(self.digits()?) } else { None };
        let mut exponent = None;
        let mut exponent_at = self.at;
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            let minus = self.take(b'-');
            if !minus {
                self.take(b'+');
            }
            exponent_at = self.at;
            let mut value = 0i64;
            for byte in self.digits()? {
                value = value.saturating_mul(10).saturating_add(i64::from(byte - b'0'));
            }
            exponent = Some(if minus { -value } else { value });
        }
        Ok(Number { negative, whole, fraction, exponent, exponent_at })
    }

    /// A number whose exponent the canonical form accepts.
    pub fn exact_number(&mut self) -> Result<Number<'a>> {
        let number = self.number()?;
        if number.exponent.is_some_and(|exponent| exponent.abs() > MAX_EXPONENT) {
            self.at = number.exponent_at;
            return self.fail("the exponent is out of range");
        }
        Ok(number)
    }

    fn hex4(&mut self) -> Result<u32> {
        let mut value = 0;
        for _ in 0..4 {
            let Some(digit) = self.peek().and_then(|byte| char::from(byte).to_digit(16)) else {
                return self.fail("\\u needs four hexadecimal digits");
            };
            value = value * 16 + digit;
            self.at += 1;
        }
        Ok(value)
    }

    /// Passes over a number, of any size.
    #[inline]
    pub fn skip_number(&mut self) -> Result<()> {
        self.number().map(|_| ())
    }

    /// A string, after its opening quote; appends the decoded bytes.
    pub fn string(&mut self, out: &mut Vec<u8>) -> Result<()> {
        loop {
            out.extend_from_slice(self.take_until(|byte| byte < 0x20 || byte == b'"' || byte == b'\\'));
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => {
                    self.at += 1;
                    self.escape(out)?;
                }
                Some(_) => return self.fail("a control character must be escaped"),
                None => return self.fail("the string is not closed"),
            }
        }
    }

    /// Passes over a string, after its opening quote; says whether it has escapes.
    #[inline]
    fn skip_string(&mut self) -> Result<bool> {
        self.take_until(|byte| byte < 0x20 || byte == b'"' || byte == b'\\');
        if self.take(b'"') {
            return Ok(false);
        }
        self.string(&mut Vec::new()).map(|()| true)
    }

    /// A key and its colon, up to the value; appends the decoded key.
    pub fn key(&mut self, out: &mut Vec<u8>) -> Result<()> {
        self.open_key()?;
        self.string(out)?;
        self.colon()
    }

    /// A key and its colon, up to the value: where it stands between its quotes, and whether it has escapes.
    #[inline]
    pub fn raw_key(&mut self) -> Result<(usize, usize, bool)> {
        self.open_key()?;
        let start = self.at;
        let escaped = self.skip_string()?;
        let end = self.at - 1;
        self.colon()?;
        Ok((start, end, escaped))
    }

    #[inline]
    pub(super) fn open_key(&mut self) -> Result<()> {
        self.skip_space();
        if self.take(b'"') { Ok(()) } else { self.fail("a key in double quotes is missing") }
    }

    #[inline]
    pub(super) fn colon(&mut self) -> Result<()> {
        self.skip_space();
        if !self.take(b':') {
            return self.fail("':' is missing");
        }
        self.skip_space();
        Ok(())
    }

    /// After an item: whether the array or object ends here, or goes on after a comma.
    #[inline]
    pub fn ended(&mut self, close: u8) -> Result<bool> {
        self.skip_space();
        if self.take(close) {
            return Ok(true);
        }
        if self.take(b',') {
            return Ok(false);
        }
        self.fail(if close == b'}' { "',' or '}' is missing" } else { "',' or ']' is missing" })
    }

    /// After the document: nothing but white space.
    pub fn end(&mut self) -> Result<()> {
        self.skip_space();
        if self.at < self.text.len() { self.fail("the document ends before this") } else { Ok(()) }
    }

    /// Passes over a value that stands inside so many arrays and objects, and says what it is.
    pub fn skip_value(&mut self, depth: usize) -> Result<Shape> {
        match self.peek() {
            Some(b'-' | b'0'..=b'9') => self.skip_number().map(|()| Shape::Number),
            Some(b'"') => {
                self.at += 1;
                self.skip_string().map(|_| Shape::String)
            }
            Some(b'n') => self.literal(b"null").map(|()| Shape::Null),
            Some(b't') => self.literal(b"true").map(|()| Shape::Boolean),
            Some(b'f') => self.literal(b"false").map(|()| Shape::Boolean),
            Some(b'[' | b'{') if depth >= MAX_DEPTH => self.fail("nested too deep"),
            Some(b'[') => self.skip_items(b']', depth + 1).map(|()| Shape::Array),
            Some(b'{') => self.skip_items(b'}', depth + 1).map(|()| Shape::Object),
            Some(_) => self.fail("not a JSON value"),
            None => self.fail("the document ends too early"),
        }
    }

    fn skip_items(&mut self, close: u8, depth: usize) -> Result<()> {
        self.at += 1;
        self.skip_space();
        if self.take(close) {
            return Ok(());
        }
        loop {
            if close == b'}' {
                self.raw_key()?;
            } else {
                self.skip_space();
            }
            self.skip_value(depth)?;
            if self.ended(close)? {
                return Ok(());
            }
        }
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Result<()> {
        let byte = match self.peek() {
            Some(byte @ (b'"' | b'\\' | b'/')) => byte,
            Some(b'b') => 0x08,
            Some(b'f') => 0x0c,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'u') => {
                self.at += 1;
                let mut code = self.hex4()?;
                if (0xd800..0xdc00).contains(&code) && self.text.get(self.at..).is_some_and(|r| r.starts_with(b"\\u")) {
                    let back = self.at;
                    self.at += 2;
                    let low = self.hex4()?;
                    if (0xdc00..0xe000).contains(&low) {
                        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
                    } else {
                        self.at = back;
                    }
                }
                push_code_point(code, out);
                return Ok(());
            }
            _ => return self.fail("unknown escape"),
        };
        out.push(byte);
        self.at += 1;
        Ok(())
    }
}

/// UTF-8 of a code point; a lone surrogate gets the three bytes that the same rule gives it.
fn push_code_point(code: u32, out: &mut Vec<u8>) {
    match char::from_u32(code) {
        Some(character) => {
            let mut buffer = [0; 4];
            out.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
        }
        None => {
            let [_, _, high, low] = code.to_be_bytes();
            out.push(0xe0 | (high >> 4));
            out.push(0x80 | ((high & 0x0f) << 2) | (low >> 6));
            out.push(0x80 | (low & 0x3f));
        }
    }
}

/// A number as it is spelled.
pub(crate) struct Number<'a> {
    pub negative: bool,
    pub whole: &'a [u8],
    pub fraction: Option<&'a [u8]>,
    pub exponent: Option<i64>,
    /// The offset of the exponent's digits.
    exponent_at: usize,
}
