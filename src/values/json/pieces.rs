//! The canonical form of a huge JSON document in pieces, and what the form says about the document.

use super::Result;
use super::canonical::{canonical_member, canonicalize, lexer_of, object_head, sorted_members};

/// The canonical form of a huge document, of which there is never more than a piece in memory if it is an object.
pub struct InPieces<'a> {
    text: &'a [u8],
    /// Where the members of an object stand, in the order of the form.
    members: Vec<usize>,
    is_object: bool,
    /// How many bytes the form has.
    pub length: u64,
    /// As [`is_object_of_numbers`] says it.
    pub is_object_of_numbers: bool,
}

impl<'a> InPieces<'a> {
    /// Reads the document once, all of it.
    pub fn read(text: &'a [u8]) -> Result<InPieces<'a>> {
        let mut lexer = lexer_of(text)?;
        let is_object = lexer.take(b'{');
        let mut pieces = InPieces { text, members: Vec::new(), is_object, length: 0, is_object_of_numbers: is_object };
        if is_object {
            let (members, end) = sorted_members(&mut lexer, 1)?;
            lexer.go_to(end);
            lexer.end()?;
            pieces.members = members;
        }
        let (mut length, mut numbers) = (0, is_object);
        // The number of members, the first piece, is that of an object without any.
        pieces.each(&mut |piece, is_first| {
            length += piece.len() as u64;
            numbers &= is_first || are_numbers(piece);
        })?;
        (pieces.length, pieces.is_object_of_numbers) = (length, numbers && !pieces.has_twins()?);
        Ok(pieces)
    }

    /// Hands over the form.
    pub fn hand_over(&self, take: &mut dyn FnMut(&[u8])) {
        // It was read before, so that this cannot fail.
        let read = self.each(&mut |piece, _| take(piece));
        debug_assert!(read.is_ok());
    }

    /// Hands over the form, of an object its beginning and then each member; whether it is the beginning.
    fn each(&self, take: &mut dyn FnMut(&[u8], bool)) -> Result<()> {
        let mut out = Vec::new();
        if !self.is_object {
            canonicalize(self.text, &mut out)?;
            take(&out, true);
            return Ok(());
        }
        let mut lexer = lexer_of(self.text)?;
        object_head(self.members.len(), &mut out);
        take(&out, true);
        for member in &self.members {
            out.clear();
            canonical_member(&mut lexer, *member, &mut out, 1)?;
            take(&out, false);
        }
        Ok(())
    }

    /// Whether two members have one key.
    fn has_twins(&self) -> Result<bool> {
        let mut lexer = lexer_of(self.text)?;
        let (mut before, mut key) = (Vec::new(), Vec::new());
        for (at, member) in self.members.iter().enumerate() {
            key.clear();
            lexer.go_to(*member);
            lexer.key(&mut key)?;
            if at > 0 && before == key {
                return Ok(true);
            }
            std::mem::swap(&mut before, &mut key);
        }
        Ok(false)
    }
}

/// Whether the canonical form of a document is that of an object whose values are numbers, without a key twice. An object with
/// reserved keys, which begin with `_`, is none: who cares has to look closer.
pub fn is_object_of_numbers(canonical: &[u8]) -> bool {
    match canonical.split_first_chunk::<9>() {
        Some(([b'o', ..], members)) => are_numbers(members),
        _ => false,
    }
}

/// The same of the canonical form of some of its members.
fn are_numbers(members: &[u8]) -> bool {
    fn part<'a>(form: &mut &'a [u8]) -> Option<&'a [u8]> {
        let (length, rest) = form.split_first_chunk::<8>()?;
        let (part, rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
        *form = rest;
        Some(part)
    }
    let all = |mut form: &[u8]| -> Option<bool> {
        let mut before = None;
        while !form.is_empty() {
            let key = part(&mut form)?;
            let (tag, rest) = form.split_first()?;
            if !matches!(tag, b'i' | b'r') || key.first() == Some(&b'_') || before == Some(key) {
                return Some(false);
            }
            form = rest;
            part(&mut form)?;
            before = Some(key);
        }
        Some(true)
    };
    all(members).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::is_object_of_numbers;
    use crate::values::json::{JsonError, canonicalize};

    fn form(text: &str) -> Result<Vec<u8>, JsonError> {
        let mut out = Vec::new();
        canonicalize(text.as_bytes(), &mut out).map(|()| out)
    }

    #[test]
    fn objects_of_numbers_are_told_by_their_canonical_form() {
        for text in ["{}", r#"{"a": 1, "b": -2.5e3}"#, r#"{"": 0}"#] {
            assert!(is_object_of_numbers(&form(text).unwrap()), "{text}");
        }
        for text in ["1", "[]", "null", r#"{"a": null}"#, r#"{"a": 1, "a": 2}"#, r#"{"b": {"a": 1}}"#, r#"{"_a": 1}"#] {
            assert!(!is_object_of_numbers(&form(text).unwrap()), "{text}");
        }
        assert!(!is_object_of_numbers(b"") && !is_object_of_numbers(b"o"));
    }
}
