//! Checks that a rules document is JSON without duplicate keys, before anything else reads it.

use super::path;
use crate::error::{Error, Result};
use crate::values::ValueRef;
use crate::values::json::{JsonError, Keys, Lexer, MAX_DEPTH};

/// Where the reader stands.
enum Step {
    Member(Vec<u8>),
    Element(usize),
}

/// Why a document is refused.
enum Fault {
    Syntax(JsonError),
    Twice(Vec<u8>),
}

impl From<JsonError> for Fault {
    fn from(error: JsonError) -> Fault {
        Fault::Syntax(error)
    }
}

/// Fails with the path, and the offset of what is not JSON.
pub fn check(text: &str) -> Result<()> {
    let mut reader = Reader { lexer: Lexer::new(text), steps: Vec::new() };
    reader.document().map_err(|fault| reader.error(fault))
}

struct Reader<'a> {
    lexer: Lexer<'a>,
    steps: Vec<Step>,
}

impl Reader<'_> {
    fn error(&self, fault: Fault) -> Error {
        let path = self.steps.iter().fold(path::ROOT.to_owned(), |path, step| match step {
            Step::Member(key) => path::member(&path, key),
            Step::Element(index) => path::element(&path, *index),
        });
        match fault {
            Fault::Syntax(error) => path::error(&path, format_args!("is not JSON: {error}"))
                .detail("offset", error.offset)
                .hint("the rules are strict JSON: no comments, no comma at the end, no NaN, names in double quotes"),
            Fault::Twice(key) => path::error(
                &path::member(&path, &key),
                format_args!("stands more than once: the key {}", ValueRef::Text(&key).describe()),
            )
            .hint("keep one of them"),
        }
    }

    fn document(&mut self) -> std::result::Result<(), Fault> {
        self.lexer.skip_space();
        self.value()?;
        Ok(self.lexer.end()?)
    }

    fn value(&mut self) -> std::result::Result<(), Fault> {
        match self.lexer.peek() {
            Some(b'[' | b'{') if self.steps.len() >= MAX_DEPTH => Ok(self.lexer.fail("nested too deep")?),
            Some(b'[') => self.array(),
            Some(b'{') => self.object(),
            _ => {
                self.lexer.skip_value(self.steps.len())?;
                Ok(())
            }
        }
    }

    fn array(&mut self) -> std::result::Result<(), Fault> {
        self.lexer.take(b'[');
        self.lexer.skip_space();
        if self.lexer.take(b']') {
            return Ok(());
        }
        for index in 0.. {
            self.lexer.skip_space();
            self.steps.push(Step::Element(index));
            self.value()?;
            self.steps.pop();
            if self.lexer.ended(b']')? {
                break;
            }
        }
        Ok(())
    }

    fn object(&mut self) -> std::result::Result<(), Fault> {
        let mut keys = Keys::default();
        self.lexer.take(b'{');
        self.lexer.skip_space();
        if self.lexer.take(b'}') {
            return Ok(());
        }
        loop {
            keys.read(&mut self.lexer)?;
            self.steps.push(Step::Member(keys.last().to_vec()));
            self.value()?;
            self.steps.pop();
            if self.lexer.ended(b'}')? {
                break;
            }
        }
        match keys.duplicate() {
            Some(key) => Err(Fault::Twice(key.to_vec())),
            None => Ok(()),
        }
    }
}
