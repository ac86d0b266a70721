//! A per-label document that keeps every byte that is not to be changed. It knows where the members of an object, or the elements of an array, stand
//! in the text, and replaces only the bytes of those that change.

use std::borrow::Cow;
use std::ops::Range;

use crate::values::json::{Lexer, Result, Shape};

/// What the text of a document is made of; keeps its buffers from text to text.
#[derive(Clone, Debug)]
pub struct Document {
    pub shape: Shape,
    /// Of the whole value, without white space around it.
    pub span: Range<usize>,
    /// Of an object or an array.
    pub items: Vec<Item>,
    /// The items of huge texts are not kept.
    passes: bool,
    passed: bool,
}

/// A member of an object, or an element of an array, whose key is empty and stands where the value begins.
#[derive(Clone, Debug)]
pub struct Item {
    /// The text of the key, between its quotes.
    key: Range<usize>,
    escaped: bool,
    pub value: Range<usize>,
    pub shape: Shape,
}

impl Default for Document {
    fn default() -> Document {
        Document { shape: Shape::Null, span: 0..0, items: Vec::new(), passes: false, passed: false }
    }
}

/// A text of so many bytes is huge.
const HUGE: usize = 1 << 20;

/// Reads a member of an object.
fn member(lexer: &mut Lexer<'_>) -> Result<Item> {
    let (from, to, escaped) = lexer.raw_key()?;
    let start = lexer.offset();
    let shape = lexer.skip_value(1)?;
    Ok(Item { key: from..to, escaped, value: start..lexer.offset(), shape })
}

impl Document {
    /// One of which only the labels are asked for: those of a huge text are read anew then, rather than kept.
    pub fn of_labels() -> Document {
        Document { passes: true, ..Document::default() }
    }

    /// Reads a text: all of it is found to be JSON, or nothing is to be used.
    pub fn read(&mut self, text: &str) -> Result<()> {
        self.items.clear();
        self.passed = self.passes && text.len() >= HUGE;
        let mut lexer = Lexer::new(text);
        lexer.skip_space();
        let start = lexer.offset();
        self.shape = match lexer.peek() {
            Some(b'{') => {
                self.members(&mut lexer)?;
                Shape::Object
            }
            Some(b'[') => {
                self.elements(&mut lexer)?;
                Shape::Array
            }
            _ => lexer.skip_value(0)?,
        };
        self.span = start..lexer.offset();
        lexer.end()
    }

    fn members(&mut self, lexer: &mut Lexer<'_>) -> Result<()> {
        lexer.take(b'{');
        lexer.skip_space();
        if lexer.take(b'}') {
            return Ok(());
        }
        loop {
            let item = member(lexer)?;
            if !self.passed {
                self.items.push(item);
            }
            if lexer.ended(b'}')? {
                return Ok(());
            }
        }
    }

    fn elements(&mut self, lexer: &mut Lexer<'_>) -> Result<()> {
        lexer.take(b'[');
        lexer.skip_space();
        if lexer.take(b']') {
            return Ok(());
        }
        loop {
            lexer.skip_space();
            let start = lexer.offset();
            let shape = lexer.skip_value(1)?;
            if !self.passed {
                self.items.push(Item { key: start..start, escaped: false, value: start..lexer.offset(), shape });
            }
            if lexer.ended(b']')? {
                return Ok(());
            }
        }
    }

    /// The members of an object that are labels: their keys do not begin with `_`.
    pub fn labels<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Cow<'a, Item>> {
        let kept = self.items.iter().map(Cow::Borrowed);
        let is_passed = self.passed && self.shape == Shape::Object;
        let again = is_passed.then(|| Again::new(text)).into_iter().flatten().map(Cow::Owned);
        kept.chain(again).filter(move |item| !item.is_reserved(text))
    }
}

/// The members of an object that was read before.
struct Again<'a>(Lexer<'a>);

impl Again<'_> {
    fn new(text: &str) -> Again<'_> {
        let mut lexer = Lexer::new(text);
        lexer.skip_space();
        lexer.take(b'{');
        Again(lexer)
    }
}

impl Iterator for Again<'_> {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        self.0.skip_space();
        if self.0.peek() == Some(b'}') {
            return None;
        }
        let item = member(&mut self.0).ok()?;
        self.0.skip_space();
        self.0.take(b',');
        Some(item)
    }
}

impl Item {
    /// The key, decoded.
    #[inline]
    pub fn key<'a>(&self, text: &'a str) -> Cow<'a, [u8]> {
        let raw = text.as_bytes().get(self.key.clone()).unwrap_or_default();
        if self.escaped { Cow::Owned(self.decoded(text)) } else { Cow::Borrowed(raw) }
    }

    fn decoded(&self, text: &str) -> Vec<u8> {
        let mut decoded = Vec::with_capacity(self.key.len());
        // The closing quote is needed to know the end; it was read before, so that this cannot fail.
        let quoted = text.get(self.key.start..=self.key.end).unwrap_or_default();
        let read = Lexer::new(quoted).string(&mut decoded);
        debug_assert!(read.is_ok(), "{quoted}");
        decoded
    }

    /// The key with its quotes.
    pub fn quoted_key(&self) -> Range<usize> {
        self.key.start.saturating_sub(1)..self.key.end + 1
    }

    /// The text of the value.
    pub fn value<'a>(&self, text: &'a str) -> &'a str {
        text.get(self.value.clone()).unwrap_or_default()
    }

    pub fn is_reserved(&self, text: &str) -> bool {
        is_reserved(&self.key(text))
    }
}

/// Whether a key is none of a label: those that begin with `_` are reserved.
pub fn is_reserved(key: &[u8]) -> bool {
    key.first() == Some(&b'_')
}

/// A key or another string as JSON, in its quotes. Characters beyond ASCII stay as they are.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A text in which some ranges are replaced, from the left to the right.
pub struct Rewriting<'a> {
    text: &'a str,
    out: Vec<u8>,
    copied: usize,
}

impl<'a> Rewriting<'a> {
    pub fn new(text: &'a str) -> Rewriting<'a> {
        Rewriting { text, out: Vec::new(), copied: 0 }
    }

    fn copy_to(&mut self, end: usize) {
        if self.out.capacity() == 0 {
            self.out.reserve(self.text.len() + self.text.len() / 4 + 16);
        }
        self.out.extend_from_slice(self.text.as_bytes().get(self.copied..end).unwrap_or_default());
    }

    /// Replaces a range that stands behind those replaced before.
    pub fn replace(&mut self, range: Range<usize>, with: &str) {
        self.copy_to(range.start);
        self.out.extend_from_slice(with.as_bytes());
        self.copied = range.end;
    }

    /// Adds members to an object, behind all others, with white space as before and in the last one. `document` is this text's.
    pub fn append(
        &mut self,
        document: &Document,
        members: impl IntoIterator<Item = (impl AsRef<str>, impl AsRef<str>)>,
    ) {
        let part = |range: Range<usize>| self.text.get(range).unwrap_or_default();
        let (mut at, mut gap, mut colon) = (document.span.end - 1, " ", ": ");
        if let Some(last) = document.items.last() {
            let before = match document.items.len().checked_sub(2).and_then(|at| document.items.get(at)) {
                Some(item) => item.value.end,
                None => document.span.start,
            };
            at = last.value.end;
            colon = part(last.quoted_key().end..last.value.start);
            gap = part(before..last.quoted_key().start).split_once([',', '{']).map_or("", |(_, gap)| gap);
            if document.items.len() == 1 && gap.is_empty() && colon.ends_with(' ') {
                gap = " ";
            }
        }
        let mut first = document.items.is_empty();
        let mut added = String::new();
        for (key, value) in members {
            if !first {
                added.push(',');
                added.push_str(gap);
            }
            first = false;
            added.extend([&quoted(key.as_ref()), colon, value.as_ref()]);
        }
        if !added.is_empty() {
            self.replace(at..at, &added);
        }
    }

    /// The new text; `None` if nothing was replaced.
    pub fn finish(mut self) -> Option<Vec<u8>> {
        if self.out.capacity() == 0 {
            return None;
        }
        self.copy_to(self.text.len());
        Some(self.out)
    }
}

#[cfg(test)]
mod tests {
    use super::{Document, Rewriting, quoted};
    use crate::values::json::Shape;

    fn read(text: &str) -> Document {
        let mut document = Document::default();
        document.read(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        document
    }

    #[test]
    fn members_are_found_with_their_bytes() {
        let text = r#" { "a" : 1.0 ,"\u005fb\"":[ {"c":2} ],"":null} "#;
        let document = read(text);
        assert_eq!((document.shape, &text[document.span.clone()]), (Shape::Object, text.trim()));
        let found: Vec<_> = document.items.iter().map(|item| (item.key(text).into_owned(), item.value(text))).collect();
        let expected = [(b"a".to_vec(), "1.0"), (b"_b\"".to_vec(), "[ {\"c\":2} ]"), (b"".to_vec(), "null")];
        assert_eq!(found, expected);
        let labels: Vec<_> = document.labels(text).map(|item| &text[item.quoted_key()]).collect();
        assert_eq!(labels, ["\"a\"", "\"\""], "a reserved key is reserved however it is spelled");
        let elements = read("[ 1 , [2]]");
        assert_eq!((elements.shape, elements.items.len(), elements.items[1].shape), (Shape::Array, 2, Shape::Array));
        assert_eq!(read(" -1.5e3 ").shape, Shape::Number);
    }

    #[test]
    fn buffers_do_not_remember_the_text_before() {
        let mut document = read(r#"{"a": 1, "b": 2}"#);
        document.read("{}").unwrap();
        assert!(document.items.is_empty());
        assert!(document.read("[1").is_err());
        document.read("7").unwrap();
        assert!((document.items.len(), document.shape) == (0, Shape::Number));
    }

    #[test]
    fn the_labels_of_a_huge_text_are_the_same_though_they_are_not_kept() {
        let members =
            |count| (0..count).map(|at| format!("\"_{at}\" : 1 ,\"k{at}\\n\":[{at}, {{}}] ")).collect::<Vec<_>>();
        for (count, kept) in [(0, true), (3, true), (50_000, false)] {
            let text = format!(" {{ {}}} ", members(count).join(","));
            let mut passing = Document::of_labels();
            passing.read(&text).unwrap();
            assert_eq!(passing.items.len(), if kept { 2 * count } else { 0 });
            let keeping = read(&text);
            let labels = |document: &Document| -> Vec<_> {
                document
                    .labels(&text)
                    .map(|item| (item.key(&text).into_owned(), item.value.clone(), item.shape))
                    .collect()
            };
            assert!(labels(&passing) == labels(&keeping));
            assert_eq!(labels(&keeping).len(), count);
        }
        let array = format!("[{}1]", "1, ".repeat(500_000));
        let mut passing = Document::of_labels();
        passing.read(&array).unwrap();
        assert_eq!((passing.shape, passing.labels(&array).count()), (Shape::Array, 0));
    }

    #[test]
    fn new_members_are_spaced_as_the_last_one() {
        for (text, expected) in [
            ("{}", "{\"k\": 1, \"l\": 2}"),
            ("{ }", "{ \"k\": 1, \"l\": 2}"),
            (r#"{"a": 1}"#, r#"{"a": 1, "k": 1, "l": 2}"#),
            (r#"{"a":1}"#, r#"{"a":1,"k":1,"l":2}"#),
            (r#"{ "a" : 1 }"#, r#"{ "a" : 1, "k" : 1, "l" : 2 }"#),
            (r#"{"a":1,  "b": 2}"#, r#"{"a":1,  "b": 2,  "k": 1,  "l": 2}"#),
            ("{\n  \"a\": 1\n}", "{\n  \"a\": 1,\n  \"k\": 1,\n  \"l\": 2\n}"),
            ("{\n\t\"a\":1 ,\n\t\"b\":2\n}", "{\n\t\"a\":1 ,\n\t\"b\":2,\n\t\"k\":1,\n\t\"l\":2\n}"),
        ] {
            let mut rewriting = Rewriting::new(text);
            rewriting.append(&read(text), [("k", "1"), ("l", "2")]);
            assert_eq!(rewriting.finish().as_deref(), Some(expected.as_bytes()), "{text}");
        }
    }

    #[test]
    fn a_text_without_replacements_is_none() {
        assert_eq!(Rewriting::new("{}").finish(), None);
        let mut rewriting = Rewriting::new("abc");
        rewriting.replace(0..0, "");
        assert_eq!(rewriting.finish().as_deref(), Some(&b"abc"[..]));
        assert_eq!(quoted("a\"\n\u{1}ä😀"), "\"a\\\"\\n\\u0001ä😀\"");
    }
}
