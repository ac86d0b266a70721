//! The rules for a metric's per-label values: a JSON object whose values are numbers. Keys that begin with `_` are reserved, and
//! exempt.

use super::issue::IssueKind;
use super::python_literal::is_python_literal;
use crate::schema::json::{self, JsonError, Lexer, MAX_DEPTH};

/// The first key with a fault, what its value is, and how many keys have that fault.
#[derive(Debug, Default, PartialEq, Eq)]
struct Fault {
    first: Option<String>,
    count: u64,
}

impl Fault {
    fn add(&mut self, make: impl FnOnce() -> String) {
        self.count += 1;
        if self.first.is_none() {
            self.first = Some(make());
        }
    }

    fn describe(self) -> Option<String> {
        let first = self.first?;
        Some(match self.count {
            1 => first,
            2 => format!("{first}; and one more key like it"),
            more => format!("{first}; and {} more keys like it", more - 1),
        })
    }
}

/// Checks texts one after another; keeps its buffers.
#[derive(Debug, Default)]
pub struct MetricJson {
    /// The keys of the object, decoded, one after another, and where each ends.
    keys: Vec<u8>,
    ends: Vec<usize>,
    scratch: Vec<u8>,
}

/// What an object's values are.
#[derive(Default)]
struct Object {
    non_numeric: Fault,
    non_finite: Fault,
}

impl MetricJson {
    /// Says what is wrong with a text: for each kind, one line that continues "per_label_val ...".
    pub fn check(&mut self, bytes: &[u8], mut found: impl FnMut(IssueKind, String)) {
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                return found(IssueKind::JsonNotUtf8, format!("is not UTF-8: byte {} is wrong", error.valid_up_to()));
            }
        };
        if text.trim_ascii().is_empty() {
            let what = if text.is_empty() { "is an empty text" } else { "is a text of blanks" };
            return found(IssueKind::JsonEmpty, format!("{what}; NULL stands for no values"));
        }
        match self.read(text) {
            Ok(Some(object)) => {
                if let Some(what) = object.non_numeric.describe() {
                    found(IssueKind::JsonNonNumeric, format!("has a value that is no number: {what}"));
                }
                if let Some(what) = object.non_finite.describe() {
                    found(IssueKind::JsonNonFinite, format!("has a literal that JSON does not have: {what}"));
                }
                if let Some(key) = self.duplicate() {
                    found(IssueKind::JsonDuplicateKey, format!("has a key more than once: {key}"));
                }
            }
            Ok(None) => found(IssueKind::JsonNotObject, "is JSON, but no object of labels and numbers".to_owned()),
            Err(_) if is_python_literal(text) => {
                found(
                    IssueKind::JsonPythonLiteral,
                    "is a Python literal, not JSON; repair_json can convert it".to_owned(),
                );
            }
            Err(JsonError { offset, reason }) => {
                found(IssueKind::JsonMalformed, format!("is not JSON: {reason} at byte {offset}"));
            }
        }
    }

    /// Reads a document; `None` for one that is no object.
    fn read(&mut self, text: &str) -> json::Result<Option<Object>> {
        self.keys.clear();
        self.ends.clear();
        let mut lexer = Lexer::new(text);
        lexer.skip_space();
        let object = if lexer.take(b'{') {
            Some(self.object(&mut lexer)?)
        } else {
            self.value(&mut lexer, 0)?;
            None
        };
        lexer.skip_space();
        if lexer.offset() < text.len() {
            return lexer.fail("the document ends before this");
        }
        Ok(object)
    }

    fn object(&mut self, lexer: &mut Lexer<'_>) -> json::Result<Object> {
        let mut object = Object::default();
        lexer.skip_space();
        if lexer.take(b'}') {
            return Ok(object);
        }
        loop {
            let start = self.keys.len();
            read_key(lexer, &mut self.keys)?;
            self.ends.push(self.keys.len());
            let what = self.value(lexer, 1)?;
            let key = self.keys.get(start..).unwrap_or_default();
            // JSON has no such literal, whatever the key is.
            if let Value::NonFinite(literal) = what {
                object.non_finite.add(|| format!("{} is {literal}", shown(key)));
            }
            if let Value::Other(_, Some(literal)) = what {
                object.non_finite.add(|| format!("{} has {literal} in it", shown(key)));
            }
            if let Value::Other(what, _) = what
                && key.first() != Some(&b'_')
            {
                object.non_numeric.add(|| format!("{} is {what}", shown(key)));
            }
            if ended(lexer, b'}', "',' or '}' is missing")? {
                return Ok(object);
            }
        }
    }

    /// Passes over a value and says what it is.
    fn value(&mut self, lexer: &mut Lexer<'_>, depth: usize) -> json::Result<Value> {
        match lexer.peek() {
            Some(b'0'..=b'9') => lexer.skip_number().map(|()| Value::Number),
            Some(b'-') => match lexer.literal(b"-Infinity") {
                Ok(()) => Ok(Value::NonFinite("-Infinity")),
                Err(_) => lexer.skip_number().map(|()| Value::Number),
            },
            Some(b'N') => lexer.literal(b"NaN").map(|()| Value::NonFinite("NaN")),
            Some(b'I') => lexer.literal(b"Infinity").map(|()| Value::NonFinite("Infinity")),
            Some(b'n') => lexer.literal(b"null").map(|()| Value::Other("null", None)),
            Some(b't') => lexer.literal(b"true").map(|()| Value::Other("a boolean", None)),
            Some(b'f') => lexer.literal(b"false").map(|()| Value::Other("a boolean", None)),
            Some(b'"') => {
                lexer.take(b'"');
                self.scratch.clear();
                lexer.string(&mut self.scratch).map(|()| Value::Other("a string", None))
            }
            Some(b'[' | b'{') if depth >= MAX_DEPTH => lexer.fail("nested too deep"),
            Some(b'[') => self.nested(lexer, b']', depth + 1, "an array"),
            Some(b'{') => self.nested(lexer, b'}', depth + 1, "an object"),
            Some(_) => lexer.fail("not a JSON value"),
            None => lexer.fail("the document ends too early"),
        }
    }

    /// Passes over an array or an object inside.
    fn nested(&mut self, lexer: &mut Lexer<'_>, close: u8, depth: usize, what: &'static str) -> json::Result<Value> {
        lexer.take(if close == b']' { b'[' } else { b'{' });
        lexer.skip_space();
        if lexer.take(close) {
            return Ok(Value::Other(what, None));
        }
        let mut literal = None;
        loop {
            if close == b'}' {
                self.scratch.clear();
                read_key(lexer, &mut self.scratch)?;
            } else {
                lexer.skip_space();
            }
            if let Value::NonFinite(inside) | Value::Other(_, Some(inside)) = self.value(lexer, depth)? {
                literal = Some(inside);
            }
            let missing = if close == b'}' { "',' or '}' is missing" } else { "',' or ']' is missing" };
            if ended(lexer, close, missing)? {
                return Ok(Value::Other(what, literal));
            }
        }
    }

    /// A key that occurs more than once.
    fn duplicate(&mut self) -> Option<String> {
        /// Up to this many keys are compared one by one.
        const FEW: usize = 8;
        let mut starts = Vec::new();
        let key = |at: usize| -> &[u8] {
            let from = at.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
            self.ends.get(at).and_then(|end| self.keys.get(from..*end)).unwrap_or_default()
        };
        let count = self.ends.len();
        if count <= FEW {
            let twice = (1..count).find(|at| (0..*at).any(|before| key(before) == key(*at)));
            return twice.map(|at| shown(key(at)));
        }
        starts.extend(0..count);
        starts.sort_unstable_by(|a, b| key(*a).cmp(key(*b)));
        starts.windows(2).find_map(|pair| match pair {
            [a, b] if key(*a) == key(*b) => Some(shown(key(*a))),
            _ => None,
        })
    }
}

#[derive(Clone, Copy)]
enum Value {
    Number,
    NonFinite(&'static str),
    /// What it is instead, and a literal that JSON does not have, if there is one in it.
    Other(&'static str, Option<&'static str>),
}

/// A key and its colon; appends the decoded key.
fn read_key(lexer: &mut Lexer<'_>, out: &mut Vec<u8>) -> json::Result<()> {
    lexer.skip_space();
    if !lexer.take(b'"') {
        return lexer.fail("a key in double quotes is missing");
    }
    lexer.string(out)?;
    lexer.skip_space();
    if !lexer.take(b':') {
        return lexer.fail("':' is missing");
    }
    lexer.skip_space();
    Ok(())
}

/// Whether the array or object ends here, or goes on after a comma.
fn ended(lexer: &mut Lexer<'_>, close: u8, missing: &'static str) -> json::Result<bool> {
    lexer.skip_space();
    if lexer.take(close) {
        return Ok(true);
    }
    if lexer.take(b',') { Ok(false) } else { lexer.fail(missing) }
}

/// A key, for a message.
fn shown(key: &[u8]) -> String {
    crate::schema::ValueRef::Text(key).describe()
}
