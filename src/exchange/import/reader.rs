//! A pull parser for documents of any size. The caller says what must come next; if something else comes, the error says where.
//!
//! The grammar of strings and numbers is in [`crate::values::json`]; this file handles objects and lists.

mod number;

use super::input::{Input, Stop, StringToken};
use super::path::Path;
use crate::error::{Domain, Error, Result, Status};
use crate::progress::Job;
use crate::values::json::{JsonError, Lexer, MAX_DEPTH};

pub use number::Number;

/// What the next value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Object,
    List,
    String,
    Number,
    Null,
    Boolean,
}

impl Kind {
    /// For messages.
    pub fn describe(self) -> &'static str {
        match self {
            Kind::Object => "an object",
            Kind::List => "a list",
            Kind::String => "a string",
            Kind::Number => "a number",
            Kind::Null => "null",
            Kind::Boolean => "true or false",
        }
    }
}

/// An object that is being read.
#[derive(Debug)]
pub struct Members {
    seen: u64,
    first: bool,
    /// The key that comes next if they come in their order.
    next: usize,
}

impl Members {
    /// Whether the key at this place was there before.
    #[inline]
    fn had(&self, at: usize) -> bool {
        self.seen >> (at % 64) & 1 == 1
    }

    /// The key at this place was there.
    #[inline]
    fn passed(&mut self, at: usize) {
        self.seen |= 1 << (at % 64);
        self.next = at + 1;
        self.first = false;
    }
}

/// A list that is being read.
#[derive(Debug)]
pub struct Items(u64);

/// Reads a document.
pub struct Reader<'r> {
    input: Input<'r>,
    job: &'r Job,
    path: Path,
    /// A single value has at most so many bytes.
    most: usize,
    scratch: Vec<u8>,
}

/// What stood before a part was entered: see [`Reader::enter`].
pub struct Outside<'r>(Input<'r>);

impl<'r> Reader<'r> {
    /// At the beginning of a document whose single values have at most `most` bytes each.
    pub fn new(reader: &'r mut dyn std::io::Read, most: usize, job: &'r Job) -> Reader<'r> {
        Reader { input: Input::new(reader, job), job, path: Path::default(), most, scratch: Vec::new() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The offset of the next byte.
    pub fn offset(&self) -> u64 {
        self.input.offset()
    }

    /// An error about what was just read, or comes next.
    pub fn error(&self, status: Status, what: impl AsRef<str>) -> Error {
        self.error_at(self.offset(), status, what)
    }

    /// An error about what stands at this offset.
    pub fn error_at(&self, offset: u64, status: Status, what: impl AsRef<str>) -> Error {
        let path = &self.path;
        let message = format!("the document cannot be imported: {} ({path}, byte {offset})", what.as_ref());
        Error::new(status, Domain::ImportExport, message)
            .detail("json_path", path)
            .detail("offset", offset)
            .hint("docs/export-format.md says what a document looks like; nothing was changed")
    }

    /// The document breaks a rule of the format.
    pub fn invalid<T>(&self, what: impl AsRef<str>) -> Result<T> {
        Err(self.error(Status::Validation, what))
    }

    /// It is no JSON at all.
    fn malformed<T>(&self, offset: u64, what: &str) -> Result<T> {
        Err(self.error_at(offset, Status::Corrupt, format!("it is not JSON: {what}")))
    }

    fn stopped<T>(&self, stop: Stop) -> Result<T> {
        match stop {
            Stop::Failed(error) => Err(error),
            Stop::Ended => self.ended(),
            Stop::TooLong => Err(self
                .error(Status::Limit, format!("a value has more than {} bytes", self.most))
                .detail("max_value_bytes", self.most)
                .hint("raise max_value_bytes; memory for some four times as much is needed")),
            Stop::TooDeep => Err(self.error(Status::Limit, "arrays and objects are nested too deep")),
        }
    }

    /// The document is cut off.
    fn ended<T>(&self) -> Result<T> {
        let error = self.error(Status::Corrupt, "it ends too early");
        Err(error.hint("the document was cut off: export it or copy it again; nothing was changed"))
    }

    /// An error of the grammar within a token that begins at this offset.
    fn in_token<T>(&self, start: u64, error: JsonError) -> Result<T> {
        self.malformed(start + error.offset as u64, error.reason)
    }

    /// What comes next.
    pub fn kind(&mut self) -> Result<Kind> {
        match self.input.peek_token()? {
            Some(b'{') => Ok(Kind::Object),
            Some(b'[') => Ok(Kind::List),
            Some(b'"') => Ok(Kind::String),
            Some(b'-' | b'0'..=b'9') => Ok(Kind::Number),
            Some(b'n') => Ok(Kind::Null),
            Some(b't' | b'f') => Ok(Kind::Boolean),
            Some(0xef) => {
                self.malformed(self.offset(), "a value is missing (a byte order mark must not stand before it)")
            }
            Some(_) => self.malformed(self.offset(), "a value is missing"),
            None => self.ended(),
        }
    }

    /// Fails unless a value of this kind comes next.
    fn expect(&mut self, wanted: Kind) -> Result<()> {
        let found = self.kind()?;
        if found == wanted {
            return Ok(());
        }
        self.invalid(format!("{} is expected here, not {}", wanted.describe(), found.describe()))
    }

    /// Begins an object.
    pub fn begin_object(&mut self) -> Result<Members> {
        self.expect(Kind::Object)?;
        self.input.pass();
        self.path.enter();
        Ok(Members { seen: 0, first: true, next: 0 })
    }

    /// Passes over what stands before the next key, and over its quote; false at the end of the object.
    fn before_key(&mut self, members: &mut Members) -> Result<bool> {
        let mut next = self.input.peek_token()?;
        let first = std::mem::take(&mut members.first);
        if next == Some(b'}') {
            self.input.pass();
            self.path.leave();
            return Ok(false);
        }
        if !first && next == Some(b',') {
            self.input.pass();
            next = self.input.peek_token()?;
        } else if !first && next.is_some() {
            return self.malformed(self.offset(), "',' or '}' is missing");
        }
        match next {
            Some(b'"') => {
                self.input.pass();
                Ok(true)
            }
            Some(_) => self.malformed(self.offset(), "a key in double quotes is missing"),
            None => self.ended(),
        }
    }

    /// Passes over the colon and the white space around it.
    fn after_key(&mut self) -> Result<()> {
        match self.input.peek_token()? {
            Some(b':') => {
                self.input.pass();
                Ok(())
            }
            Some(_) => self.malformed(self.offset(), "':' is missing"),
            None => self.ended(),
        }
    }

    /// The next key of an object that has no others than these: its place among them; `None` at the end of the object.
    #[inline]
    pub fn next_member(&mut self, members: &mut Members, names: &[&'static str]) -> Result<Option<usize>> {
        // They mostly come in their order, and written as short as can be.
        let at = members.next;
        if let Some(name) = names.get(at)
            && !members.had(at)
            && self.input.take_member(members.first, name)
        {
            self.path.at_name(name);
            members.passed(at);
            return Ok(Some(at));
        }
        if !self.before_key(members)? {
            return Ok(None);
        }
        let start = self.offset() - 1;
        // Not all of them are there.
        let later = names.iter().enumerate().skip(members.next);
        let known =
            later.chain(names.iter().enumerate().take(members.next)).find(|(_, name)| self.input.take_key(name));
        let (at, name) = match known {
            Some((at, name)) => (at, *name),
            None => self.spelled(start, names)?,
        };
        self.path.at_name(name);
        if members.had(at) {
            return Err(self.error_at(start, Status::Validation, format!("the key {name:?} occurs twice")));
        }
        members.passed(at);
        self.after_key()?;
        Ok(Some(at))
    }

    /// A key that is spelled with escapes, that is unknown, or that was not read whole yet.
    #[cold]
    fn spelled(&mut self, start: u64, names: &[&'static str]) -> Result<(usize, &'static str)> {
        let mut key = Vec::new();
        let token = self.string_token()?;
        self.decode(&token, &mut key)?;
        let key = String::from_utf8_lossy(&key);
        let found = names.iter().enumerate().find(|(_, name)| **name == key);
        if let Some((at, name)) = found {
            return Ok((at, *name));
        }
        self.path.at_key(&key);
        Err(unknown_key(self, start, &key, names))
    }

    /// The next key of an object with keys of any name, decoded; `None` at the end of the object. Duplicates are the caller's business.
    pub fn next_key(&mut self, members: &mut Members) -> Result<Option<String>> {
        if !self.before_key(members)? {
            return Ok(None);
        }
        let mut key = Vec::new();
        let token = self.string_token()?;
        self.decode(&token, &mut key)?;
        // It was checked.
        let key = String::from_utf8(key).unwrap_or_default();
        self.path.at_key(&key);
        self.after_key()?;
        Ok(Some(key))
    }

    /// Begins a list.
    pub fn begin_list(&mut self) -> Result<Items> {
        self.expect(Kind::List)?;
        self.input.pass();
        self.path.enter();
        Ok(Items(0))
    }

    /// Goes to the next value of a list; false at the end of the list.
    pub fn next_item(&mut self, items: &mut Items) -> Result<bool> {
        let next = self.input.peek_token()?;
        let first = items.0 == 0;
        match next {
            Some(b']') => {
                self.input.pass();
                self.path.leave();
                return Ok(false);
            }
            Some(b',') if !first => {
                self.input.pass();
                if self.input.peek_token()? == Some(b']') {
                    return self.malformed(self.offset(), "a value is missing");
                }
            }
            Some(_) if !first => return self.malformed(self.offset(), "',' or ']' is missing"),
            Some(_) => {}
            None => return self.ended(),
        }
        self.path.at_index(items.0);
        items.0 += 1;
        Ok(true)
    }

    /// Takes a null if it comes next.
    pub fn take_null(&mut self) -> Result<bool> {
        if self.kind()? != Kind::Null {
            return Ok(false);
        }
        self.literal(&[("null", ())]).map(|()| true)
    }

    /// True or false.
    pub fn boolean(&mut self) -> Result<bool> {
        self.expect(Kind::Boolean)?;
        self.literal(&[("true", true), ("false", false)])
    }

    fn literal<T: Copy>(&mut self, words: &[(&str, T)]) -> Result<T> {
        let start = self.offset();
        let range = self.input.word(self.most).or_else(|stop| self.stopped(stop))?;
        let word = self.input.bytes(range);
        match words.iter().find(|(known, _)| known.as_bytes() == word) {
            Some((_, value)) => Ok(*value),
            None if self.input.peek()?.is_none() => self.ended(),
            None => self.malformed(start, "not a JSON value"),
        }
    }

    /// The token of a string whose opening quote was passed over.
    fn string_token(&mut self) -> Result<StringToken> {
        self.input.string(self.most).or_else(|stop| self.stopped(stop))
    }

    /// A string; appends its text, which is UTF-8.
    pub fn string(&mut self, out: &mut Vec<u8>) -> Result<()> {
        self.expect(Kind::String)?;
        self.string_here(out)
    }

    /// As [`Reader::string`], where [`Reader::kind`] has found one.
    pub fn string_here(&mut self, out: &mut Vec<u8>) -> Result<()> {
        self.input.pass();
        let token = self.string_token()?;
        self.decode(&token, out)?;
        self.input.let_go();
        Ok(())
    }

    /// Lets go of a value that was handed over raw.
    pub fn let_go(&mut self) {
        self.input.let_go();
    }

    /// A string of a few bytes.
    pub fn short_string(&mut self) -> Result<String> {
        let mut bytes = std::mem::take(&mut self.scratch);
        bytes.clear();
        self.string(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        self.scratch = bytes;
        Ok(text)
    }

    /// Appends the text of a string.
    fn decode(&self, token: &StringToken, out: &mut Vec<u8>) -> Result<()> {
        let start = self.input.offset_of(token.bytes.start);
        let raw = self.input.bytes(token.bytes.clone());
        let text = match std::str::from_utf8(raw) {
            Ok(text) => text,
            Err(error) => return self.malformed(start + error.valid_up_to() as u64, "a string is not UTF-8"),
        };
        if token.plain {
            out.extend_from_slice(raw);
            return Ok(());
        }
        // With its closing quote, where the lexer ends.
        let quoted = self.input.bytes(token.bytes.start..token.bytes.end + 1);
        let before = out.len();
        if let Err(error) = Lexer::new(std::str::from_utf8(quoted).unwrap_or(text)).string(out) {
            return self.in_token(start, error);
        }
        if out.get(before..).is_none_or(|decoded| std::str::from_utf8(decoded).is_err()) {
            let error = self.error_at(start, Status::Validation, "a string has an escape of a lone surrogate");
            return Err(error.hint("text that is not UTF-8 is written as {\"$bytes\": base64}"));
        }
        Ok(())
    }

    /// The bytes of the next value, whatever it is. Only its end was looked for. With the offset of the first.
    pub fn raw(&mut self) -> Result<(u64, &[u8])> {
        // Fails if nothing comes.
        self.kind()?;
        let range = self.input.value(self.most, MAX_DEPTH).or_else(|stop| self.stopped(stop))?;
        Ok((self.input.offset_of(range.start), self.input.bytes(range)))
    }

    /// As [`Reader::raw`], for a part of a document of at most `most` bytes; `None` if it has more.
    pub fn raw_part(&mut self, most: usize) -> Result<Option<(u64, &[u8])>> {
        self.kind()?;
        match self.input.value(most, MAX_DEPTH) {
            Ok(range) => Ok(Some((self.input.offset_of(range.start), self.input.bytes(range)))),
            Err(Stop::TooLong) => Ok(None),
            Err(stop) => self.stopped(stop),
        }
    }

    /// Back into an object that was read to its end, for parts of it that were kept; until [`Reader::exit`].
    pub fn reenter(&mut self) {
        self.path.enter();
    }

    /// Out of it again.
    pub fn exit(&mut self) {
        self.path.leave();
    }

    /// To a part of it that was kept.
    pub fn at_member(&mut self, name: &'static str) {
        self.path.at_name(name);
    }

    /// Reads a value that was kept, until [`Reader::leave`].
    pub fn enter(&mut self, bytes: Vec<u8>, offset: u64) -> Outside<'r> {
        Outside(std::mem::replace(&mut self.input, Input::part(bytes, offset, self.job)))
    }

    /// Goes back to where it was before [`Reader::enter`]. The value has to end where what was kept ends.
    pub fn leave(&mut self, outside: Outside<'r>) -> Result<()> {
        if self.input.peek_token()?.is_some() {
            return self.malformed(self.offset(), "',' is missing");
        }
        self.input = outside.0;
        Ok(())
    }

    /// Fails unless the document ends here.
    pub fn end(&mut self) -> Result<()> {
        match self.input.peek_token()? {
            None => Ok(()),
            Some(_) => self.malformed(self.offset(), "the document ends before this"),
        }
    }
}

/// The error for a key that the format does not know.
fn unknown_key(reader: &Reader<'_>, start: u64, key: &str, names: &[&'static str]) -> Error {
    let shown = crate::values::ValueRef::Text(key.as_bytes()).describe();
    if reader.is_of_the_older_tool(key) {
        return reader.of_the_older_tool(start, key);
    }
    let what = format!("the key {shown} is unknown; here can stand {}", names.join(", "));
    reader.error_at(start, Status::Validation, what).detail("key", shown)
}
