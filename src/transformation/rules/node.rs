//! A value of a rules document that knows its path, so that every error names it.

use super::path;
use crate::error::{Domain, Error, Result, Status};
use crate::transformation::near_miss::did_you_mean;
use crate::values::decimal::Decimal;
use crate::values::json::{Keys, Lexer, Shape};

/// A value of a document that [`Node::root`] found to be sound: JSON without a key twice.
#[derive(Clone, Debug)]
pub(crate) struct Node<'a> {
    /// Its text, without white space around it.
    raw: &'a str,
    path: String,
}

/// A member of an object.
pub(crate) struct Member<'a> {
    pub key: String,
    pub raw: &'a str,
}

/// The members of an object that may have just these keys.
pub(crate) struct Fields<'a> {
    path: String,
    found: Vec<Member<'a>>,
}

impl<'a> Node<'a> {
    /// Reads a document and finds all that makes it no sound JSON.
    pub fn root(text: &'a [u8]) -> Result<Node<'a>> {
        let not_utf8 = |at: usize| {
            let message = format!("the rules are not UTF-8: byte {at} is wrong");
            Error::new(Status::InvalidArgument, Domain::Transformation, message)
                .detail("offset", at)
                .hint("encode the document in UTF-8")
        };
        let text = std::str::from_utf8(text).map_err(|error| not_utf8(error.valid_up_to()))?;
        super::strict_json::check(text)?;
        Ok(Node { raw: text.trim_matches(|character| " \t\n\r".contains(character)), path: path::ROOT.to_owned() })
    }

    /// What stands for a member that this object does not have: an empty object.
    pub fn absent(&self, key: &str) -> Node<'static> {
        Node { raw: "{}", path: path::member(&self.path, key.as_bytes()) }
    }

    pub fn raw(&self) -> &'a str {
        self.raw
    }

    /// What it is, by its first byte.
    pub fn shape(&self) -> Shape {
        match self.raw.as_bytes().first() {
            Some(b'{') => Shape::Object,
            Some(b'[') => Shape::Array,
            Some(b'"') => Shape::String,
            Some(b't' | b'f') => Shape::Boolean,
            Some(b'n') => Shape::Null,
            _ => Shape::Number,
        }
    }

    /// An error about this value.
    pub fn error(&self, message: impl std::fmt::Display) -> Error {
        path::error(&self.path, message)
    }

    fn expect(&self, shape: Shape) -> Result<()> {
        if self.shape() == shape {
            return Ok(());
        }
        Err(self.error(format_args!("is {}, not {}", self.shape().describe(), shape.describe())))
    }

    /// The value under a key of this object.
    pub fn child(&self, member: &Member<'a>) -> Node<'a> {
        Node { raw: member.raw, path: path::member(&self.path, member.key.as_bytes()) }
    }

    /// The members of an object, in their order.
    pub fn members(&self) -> Result<Vec<Member<'a>>> {
        self.expect(Shape::Object)?;
        let mut lexer = Lexer::new(self.raw);
        let mut members = Vec::new();
        let mut keys = Keys::default();
        lexer.take(b'{');
        lexer.skip_space();
        if lexer.take(b'}') {
            return Ok(members);
        }
        loop {
            keys.clear();
            keys.read(&mut lexer).map_err(unsound)?;
            let key = match std::str::from_utf8(keys.last()) {
                Ok(key) => key.to_owned(),
                Err(_) => return Err(self.error("has a key with half a surrogate pair")),
            };
            members.push(Member { key, raw: value(&mut lexer, self.raw)? });
            if lexer.ended(b'}').map_err(unsound)? {
                return Ok(members);
            }
        }
    }

    /// The elements of an array.
    pub fn elements(&self) -> Result<Vec<Node<'a>>> {
        self.expect(Shape::Array)?;
        let mut lexer = Lexer::new(self.raw);
        let mut elements = Vec::new();
        lexer.take(b'[');
        lexer.skip_space();
        if lexer.take(b']') {
            return Ok(elements);
        }
        loop {
            lexer.skip_space();
            let raw = value(&mut lexer, self.raw)?;
            elements.push(Node { raw, path: path::element(&self.path, elements.len()) });
            if lexer.ended(b']').map_err(unsound)? {
                return Ok(elements);
            }
        }
    }

    /// The members of an object that may have no other keys than these.
    pub fn fields(&self, known: &[&str]) -> Result<Fields<'a>> {
        let found = self.members()?;
        if let Some(member) = found.iter().find(|member| !known.contains(&member.key.as_str())) {
            let list = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            let hint = format!("{}possible here: {list}", did_you_mean(&member.key, known.iter().copied()));
            return Err(self.child(member).error("is not a key that is known here").hint(hint));
        }
        Ok(Fields { path: self.path.clone(), found })
    }

    pub fn string(&self) -> Result<String> {
        self.expect(Shape::String)?;
        let mut lexer = Lexer::new(self.raw);
        let mut bytes = Vec::new();
        lexer.take(b'"');
        lexer.string(&mut bytes).map_err(unsound)?;
        String::from_utf8(bytes).map_err(|_| self.error("has half a surrogate pair"))
    }

    pub fn boolean(&self) -> Result<bool> {
        self.expect(Shape::Boolean)?;
        Ok(self.raw == "true")
    }

    /// A number, exactly.
    pub fn decimal(&self) -> Result<Decimal> {
        self.expect(Shape::Number)?;
        Decimal::parse(self.raw).ok_or_else(|| self.error("has more digits than can be computed with"))
    }

    /// A whole number.
    pub fn integer(&self, least: i64, most: i64) -> Result<i64> {
        self.expect(Shape::Number)?;
        match self.raw.parse() {
            Ok(value) if (least..=most).contains(&value) => Ok(value),
            _ => Err(self.error(format_args!("is not a whole number from {least} to {most}"))),
        }
    }

    /// One of a few words.
    pub fn word<T: Copy>(&self, words: &[(&str, T)]) -> Result<T> {
        let given = self.string()?;
        if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == given) {
            return Ok(*meaning);
        }
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let hint = format!("{}possible here: {}", did_you_mean(&given, known.iter().copied()), known.join(", "));
        Err(self.error("has a value that is not known").hint(hint))
    }
}

impl<'a> Fields<'a> {
    pub fn get(&self, key: &str) -> Option<Node<'a>> {
        let member = self.found.iter().find(|member| member.key == key)?;
        Some(Node { raw: member.raw, path: path::member(&self.path, key.as_bytes()) })
    }

    pub fn required(&self, key: &str) -> Result<Node<'a>> {
        let missing = || {
            let message = "is missing";
            path::error(&path::member(&self.path, key.as_bytes()), message).hint(format!("add the key {key:?}"))
        };
        self.get(key).ok_or_else(missing)
    }
}

/// Passes over a value and answers its text.
fn value<'a>(lexer: &mut Lexer<'_>, text: &'a str) -> Result<&'a str> {
    let start = lexer.offset();
    lexer.skip_value(0).map_err(unsound)?;
    Ok(text.get(start..lexer.offset()).unwrap_or_default())
}

/// The document was found to be sound before.
fn unsound(error: crate::values::json::JsonError) -> Error {
    Error::internal(Domain::Transformation, format!("the rules were sound JSON and no longer are: {error}"))
}
