//! The rules for per-label values: a JSON object whose values are numbers. Keys that begin with `_` are reserved, and not checked.

use super::issue::IssueKind;
use crate::values::json::{self, Keys, Lexer, MAX_DEPTH, Shape};
use crate::values::python_literal::is_python_literal;

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

/// What is wrong with per-label values that stand in no database yet, the text of a METRIC.per_label_val: one line for each kind, that begins with
/// the column's name. Nothing if they are fine.
pub fn validate_metric_json(text: &[u8]) -> Vec<(IssueKind, String)> {
    let mut issues = Vec::new();
    MetricJson::default().check(text, |kind, what| issues.push((kind, format!("per_label_val {what}"))));
    issues
}

/// Checks texts one after another; keeps its buffers.
#[derive(Debug, Default)]
pub struct MetricJson {
    /// Those of the object.
    keys: Keys,
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
    pub fn check(&mut self, bytes: &[u8], found: impl FnMut(IssueKind, String)) {
        self.look(bytes, found);
        self.keys.shrink();
    }

    fn look(&mut self, bytes: &[u8], mut found: impl FnMut(IssueKind, String)) {
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
                if let Some(key) = self.keys.duplicate() {
                    found(IssueKind::JsonDuplicateKey, format!("has a key more than once: {}", shown(key)));
                }
            }
            Ok(None) => found(IssueKind::JsonNotObject, "is JSON, but no object of labels and numbers".to_owned()),
            Err(_) if is_python_literal(text) => {
                found(
                    IssueKind::JsonPythonLiteral,
                    "is a Python literal, not JSON; repair_json can convert it".to_owned(),
                );
            }
            Err(error) => found(IssueKind::JsonMalformed, format!("is not JSON: {error}")),
        }
    }

    /// Reads a document; `None` for one that is no object.
    fn read(&mut self, text: &str) -> json::Result<Option<Object>> {
        self.keys.clear();
        let mut lexer = Lexer::new(text);
        lexer.skip_space();
        let object = if lexer.take(b'{') {
            Some(self.object(&mut lexer)?)
        } else {
            self.value(&mut lexer, 0)?;
            None
        };
        lexer.end()?;
        Ok(object)
    }

    fn object(&mut self, lexer: &mut Lexer<'_>) -> json::Result<Object> {
        let mut object = Object::default();
        lexer.skip_space();
        if lexer.take(b'}') {
            return Ok(object);
        }
        loop {
            self.keys.read(lexer)?;
            let what = self.value(lexer, 1)?;
            let key = self.keys.last();
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
                object.non_numeric.add(|| format!("{} is {}", shown(key), what.describe()));
            }
            if lexer.ended(b'}')? {
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
            Some(b'n') => lexer.literal(b"null").map(|()| Value::Other(Shape::Null, None)),
            Some(b't') => lexer.literal(b"true").map(|()| Value::Other(Shape::Boolean, None)),
            Some(b'f') => lexer.literal(b"false").map(|()| Value::Other(Shape::Boolean, None)),
            Some(b'"') => {
                lexer.take(b'"');
                self.scratch.clear();
                lexer.string(&mut self.scratch).map(|()| Value::Other(Shape::String, None))
            }
            Some(b'[' | b'{') if depth >= MAX_DEPTH => lexer.fail("nested too deep"),
            Some(b'[') => self.nested(lexer, b']', depth + 1, Shape::Array),
            Some(b'{') => self.nested(lexer, b'}', depth + 1, Shape::Object),
            Some(_) => lexer.fail("not a JSON value"),
            None => lexer.fail("the document ends too early"),
        }
    }

    /// Passes over an array or an object inside.
    fn nested(&mut self, lexer: &mut Lexer<'_>, close: u8, depth: usize, what: Shape) -> json::Result<Value> {
        lexer.take(if close == b']' { b'[' } else { b'{' });
        lexer.skip_space();
        if lexer.take(close) {
            return Ok(Value::Other(what, None));
        }
        let mut literal = None;
        loop {
            if close == b'}' {
                self.scratch.clear();
                lexer.key(&mut self.scratch)?;
            } else {
                lexer.skip_space();
            }
            if let Value::NonFinite(inside) | Value::Other(_, Some(inside)) = self.value(lexer, depth)? {
                literal = Some(inside);
            }
            if lexer.ended(close)? {
                return Ok(Value::Other(what, literal));
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Value {
    Number,
    NonFinite(&'static str),
    /// What it is instead, and a literal that JSON does not have, if there is one in it.
    Other(Shape, Option<&'static str>),
}

/// A key, for a message.
fn shown(key: &[u8]) -> String {
    crate::values::ValueRef::Text(key).describe()
}
