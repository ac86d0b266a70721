//! Reads the bytes of a document piece by piece, and knows the offset of each.

use std::io::{ErrorKind, Read};
use std::ops::Range;

use crate::error::{Domain, Error, Result, Status};
use crate::progress::Job;

/// How much is asked for at once.
const PIECE: usize = 1 << 17;

/// Why there is no token.
#[derive(Debug)]
pub enum Stop {
    /// Reading failed.
    Failed(Error),
    /// The document ends within it.
    Ended,
    /// It has more bytes than a value may have.
    TooLong,
    /// Arrays and objects are nested too deep in it.
    TooDeep,
}

impl From<Error> for Stop {
    fn from(error: Error) -> Stop {
        Stop::Failed(error)
    }
}

/// A string's bytes in the buffer, up to its closing quote.
#[derive(Clone, Debug)]
pub struct StringToken {
    pub bytes: Range<usize>,
    /// It has neither escapes nor control characters.
    pub plain: bool,
}

/// A document that is being read, or a part of one that was kept.
pub struct Input<'r> {
    /// `None` if there is nothing more to read.
    reader: Option<&'r mut dyn Read>,
    job: &'r Job,
    buffer: Vec<u8>,
    /// The next byte, and the end of what was read, in the buffer.
    at: usize,
    end: usize,
    /// The offset in the document of the buffer's first byte.
    base: u64,
}

impl<'r> Input<'r> {
    /// A document, from its beginning.
    pub fn new(reader: &'r mut dyn Read, job: &'r Job) -> Input<'r> {
        Input { reader: Some(reader), job, buffer: Vec::new(), at: 0, end: 0, base: 0 }
    }

    /// A part of a document that begins at this offset.
    pub fn part(bytes: Vec<u8>, base: u64, job: &'r Job) -> Input<'r> {
        Input { reader: None, job, at: 0, end: bytes.len(), buffer: bytes, base }
    }

    /// The offset in the document of a place in the buffer.
    pub fn offset_of(&self, place: usize) -> u64 {
        self.base + place as u64
    }

    /// The offset of the next byte.
    pub fn offset(&self) -> u64 {
        self.offset_of(self.at)
    }

    /// Bytes of the buffer. They stay where they are until the next call that looks at the document.
    pub fn bytes(&self, range: Range<usize>) -> &[u8] {
        self.buffer.get(range).unwrap_or_default()
    }

    /// What was read from this place of the buffer on.
    #[inline]
    fn read_from(&self, place: usize) -> &[u8] {
        self.buffer.get(place..self.end).unwrap_or_default()
    }

    /// Reads more. The bytes from `keep` on stay, and move to the front of the buffer. Whether there was more.
    fn more(&mut self, keep: usize) -> Result<bool> {
        let keep = keep.min(self.end);
        self.buffer.copy_within(keep..self.end, 0);
        self.base += keep as u64;
        self.at = self.at.saturating_sub(keep);
        self.end -= keep;
        self.shrink();
        let Some(reader) = &mut self.reader else { return Ok(false) };
        if self.buffer.len() < self.end + PIECE {
            // In small steps: what is added is written, and so takes memory.
            self.buffer.reserve_exact((self.end / 4).max(2 * PIECE));
            self.buffer.resize(self.end + (self.end / 4).max(2 * PIECE), 0);
        }
        loop {
            self.job.check()?;
            let free = self.buffer.get_mut(self.end..).unwrap_or_default();
            match reader.read(free) {
                Ok(0) => {
                    self.reader = None;
                    return Ok(false);
                }
                Ok(count) => {
                    self.end = self.buffer.len().min(self.end + count);
                    return Ok(true);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(unreadable(error, self.offset_of(self.end))),
            }
        }
    }

    /// One huge value must not keep its memory.
    fn shrink(&mut self) {
        if self.end < PIECE && self.buffer.len() > 4 * PIECE {
            self.buffer.truncate(2 * PIECE);
            self.buffer.shrink_to_fit();
        }
    }

    /// Lets go of what was passed over, if that was huge.
    #[inline]
    pub fn let_go(&mut self) {
        if self.at > 4 * PIECE && self.reader.is_some() {
            self.buffer.copy_within(self.at..self.end, 0);
            self.base += self.at as u64;
            self.end -= self.at;
            self.at = 0;
            self.shrink();
        }
    }

    /// The next byte; `None` at the end.
    #[inline]
    pub fn peek(&mut self) -> Result<Option<u8>> {
        if self.at >= self.end && !self.more(self.at)? {
            return Ok(None);
        }
        Ok(self.buffer.get(self.at).copied())
    }

    /// Passes over the byte that [`Input::peek`] showed.
    #[inline]
    pub fn pass(&mut self) {
        self.at += 1;
    }

    /// Passes over a key that comes next, with its closing quote, if it is this one and written without escapes.
    #[inline]
    pub fn take_key(&mut self, key: &str) -> bool {
        let rest = self.read_from(self.at);
        let found = rest.get(key.len()) == Some(&b'"') && rest.starts_with(key.as_bytes());
        if found {
            self.at += key.len() + 1;
        }
        found
    }

    /// Passes over a member up to its value, with the comma before it unless it is the first, if it has this key and is written
    /// without white space and escapes.
    #[inline]
    pub fn take_member(&mut self, first: bool, key: &str) -> bool {
        let (rest, comma) = match (self.read_from(self.at), first) {
            (rest, true) => (rest, 0),
            ([b',', rest @ ..], false) => (rest, 1),
            _ => return false,
        };
        let length = key.len() + 3;
        let found = match rest.get(..length) {
            Some([b'"', name @ .., b'"', b':']) => name == key.as_bytes(),
            _ => false,
        };
        if found {
            self.at += comma + length;
        }
        found
    }

    /// Passes over white space; answers what comes next.
    #[inline]
    pub fn peek_token(&mut self) -> Result<Option<u8>> {
        match self.read_from(self.at).first() {
            Some(byte) if *byte > b' ' => Ok(Some(*byte)),
            _ => self.peek_far(),
        }
    }

    fn peek_far(&mut self) -> Result<Option<u8>> {
        loop {
            let found = self.read_from(self.at).iter().position(|byte| !matches!(byte, b' ' | b'\n' | b'\r' | b'\t'));
            match found {
                Some(count) => {
                    self.at += count;
                    return Ok(self.buffer.get(self.at).copied());
                }
                None => {
                    self.at = self.end;
                    if !self.more(self.end)? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// More of a token that began at `start`, of which the bytes before `seen` were looked at. Both move; `start` becomes 0.
    fn more_of(&mut self, start: &mut usize, seen: &mut usize, most: usize) -> std::result::Result<(), Stop> {
        let length = *seen - *start;
        if length > most {
            return Err(Stop::TooLong);
        }
        let more = self.more(*start)?;
        *start = 0;
        *seen = length;
        if !more {
            self.at = self.end;
            return Err(Stop::Ended);
        }
        Ok(())
    }

    /// The string whose opening quote was passed over, of at most `most` bytes; passes over its closing quote.
    pub fn string(&mut self, most: usize) -> std::result::Result<StringToken, Stop> {
        let (mut start, mut seen, mut plain) = (self.at, self.at, true);
        loop {
            let rest = self.read_from(seen);
            let found = memchr::memchr2(b'"', b'\\', rest);
            let passed = rest.get(..found.unwrap_or(rest.len())).unwrap_or_default();
            // Every byte is looked at, so that the compiler can look at many at once.
            plain &= !passed.iter().fold(false, |control, byte| control | (*byte < 0x20));
            let Some(count) = found else {
                // The second byte of an escape, which was passed over, may not be there yet.
                seen = seen.max(self.end);
                self.more_of(&mut start, &mut seen, most)?;
                continue;
            };
            let closes = rest.get(count) == Some(&b'"');
            seen += count;
            if closes {
                if seen - start > most {
                    return Err(Stop::TooLong);
                }
                self.at = seen + 1;
                return Ok(StringToken { bytes: start..seen, plain });
            }
            plain = false;
            seen += 2;
        }
    }

    /// The bytes up to the first that cannot be part of a number or a literal.
    pub fn word(&mut self, most: usize) -> std::result::Result<Range<usize>, Stop> {
        let (mut start, mut seen) = (self.at, self.at);
        loop {
            let part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'.' | b'-' | b'+');
            if let Some(count) = self.read_from(seen).iter().position(|byte| !part(byte)) {
                seen += count;
                break;
            }
            seen = self.end;
            match self.more_of(&mut start, &mut seen, most) {
                Err(Stop::Ended) => break,
                more => more?,
            }
        }
        self.at = seen;
        Ok(start..seen)
    }

    /// The bytes of the next value, which begins here: only its end is looked for.
    pub fn value(&mut self, most: usize, most_depth: usize) -> std::result::Result<Range<usize>, Stop> {
        match self.peek()? {
            Some(b'{' | b'[' | b'"') => {}
            _ => return self.word(most),
        }
        let (mut start, mut seen) = (self.at, self.at);
        let (mut depth, mut quoted) = (0usize, false);
        loop {
            let rest = self.read_from(seen);
            let wanted = |byte: &u8| match quoted {
                true => matches!(byte, b'"' | b'\\'),
                false => matches!(byte, b'"' | b'{' | b'[' | b'}' | b']'),
            };
            let Some(count) = rest.iter().position(wanted) else {
                seen = seen.max(self.end);
                self.more_of(&mut start, &mut seen, most)?;
                continue;
            };
            let byte = rest.get(count).copied();
            seen += count + 1;
            match byte {
                Some(b'\\') => seen += 1,
                Some(b'"') => quoted = !quoted,
                Some(b'{' | b'[') => depth += 1,
                _ => depth = depth.saturating_sub(1),
            }
            if depth > most_depth {
                self.at = seen - 1;
                return Err(Stop::TooDeep);
            }
            if depth == 0 && !quoted {
                if seen - start > most {
                    return Err(Stop::TooLong);
                }
                self.at = seen;
                return Ok(start..seen);
            }
        }
    }
}

/// The error of a reader. One of the caller's own that came as an error of ours stays what it is.
fn unreadable(error: std::io::Error, offset: u64) -> Error {
    match error.downcast::<Error>() {
        Ok(own) => own,
        Err(error) => Error::new(
            Status::Io,
            Domain::ImportExport,
            format!("reading the document failed: {error}; nothing was changed"),
        )
        .detail("offset", offset)
        .hint("check what the document is read from, and try again"),
    }
}
