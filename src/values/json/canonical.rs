//! The canonical form of JSON text, for the digest (docs/digest.md).

use super::lexer::{Lexer, Number};
use super::{JsonError, MAX_DEPTH, Result};

/// Appends the canonical form of a JSON document to `out`. On an error `out` holds a part of it: truncate it.
pub fn canonicalize(text: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let mut lexer = lexer_of(text)?;
    canonical_value(&mut lexer, out, 0)?;
    lexer.end()
}

pub(super) fn lexer_of(text: &[u8]) -> Result<Lexer<'_>> {
    let reason = "the text is not UTF-8";
    let text = std::str::from_utf8(text).map_err(|error| JsonError { offset: error.valid_up_to(), reason })?;
    let mut lexer = Lexer::new(text);
    lexer.skip_space();
    Ok(lexer)
}

impl Number<'_> {
    /// The exact decimal value: sign, significant digits, `e`, exponent of the last digit.
    fn canonical(&self, out: &mut Vec<u8>) {
        out.push(if self.fraction.is_some() || self.exponent.is_some() { b'r' } else { b'i' });
        let length_at = out.len();
        out.extend_from_slice(&[0; 8]);
        let start = out.len();
        if self.negative {
            out.push(b'-');
        }
        let (whole, fraction) = (trim_leading(self.whole), self.fraction.unwrap_or_default());
        let kept = trim_trailing(fraction);
        let exponent = if kept.is_empty() {
            let digits = trim_trailing(whole);
            out.extend_from_slice(digits);
            whole.len() - digits.len()
        } else {
            let digits = if whole.is_empty() { trim_leading(kept) } else { kept };
            out.extend_from_slice(whole);
            out.extend_from_slice(digits);
            0
        } as i64
            - kept.len() as i64;
        if whole.is_empty() && kept.is_empty() {
            out.extend_from_slice(b"0e0");
        } else {
            out.push(b'e');
            push_integer(exponent + self.exponent.unwrap_or(0), out);
        }
        patch_length(out, length_at, start);
    }
}

fn trim_leading(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    digits.get(zeros..).unwrap_or_default()
}

fn trim_trailing(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().rev().take_while(|digit| **digit == b'0').count();
    digits.get(..digits.len() - zeros).unwrap_or_default()
}

/// Appends a number in decimal.
fn push_integer(value: i64, out: &mut Vec<u8>) {
    if value < 0 {
        out.push(b'-');
    }
    let mut rest = value.unsigned_abs();
    let start = out.len();
    loop {
        out.push(b'0' + (rest % 10) as u8);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.get_mut(start..).unwrap_or_default().reverse();
}

/// Writes the number of bytes since `start` into the eight bytes kept at `length_at`.
fn patch_length(out: &mut [u8], length_at: usize, start: usize) {
    let length = (out.len() - start) as u64;
    if let Some(place) = out.get_mut(length_at..length_at + 8) {
        place.copy_from_slice(&length.to_le_bytes());
    }
}

fn canonical_bytes(lexer: &mut Lexer<'_>, out: &mut Vec<u8>) -> Result<()> {
    let length_at = out.len();
    out.extend_from_slice(&[0; 8]);
    let start = out.len();
    lexer.string(out)?;
    patch_length(out, length_at, start);
    Ok(())
}

fn canonical_value(lexer: &mut Lexer<'_>, out: &mut Vec<u8>, depth: usize) -> Result<()> {
    match lexer.peek() {
        Some(b'n') => lexer.literal(b"null").map(|()| out.push(b'n')),
        Some(b't') => lexer.literal(b"true").map(|()| out.push(b't')),
        Some(b'f') => lexer.literal(b"false").map(|()| out.push(b'f')),
        Some(b'-' | b'0'..=b'9') => lexer.exact_number().map(|number| number.canonical(out)),
        Some(b'"') => {
            lexer.take(b'"');
            out.push(b's');
            canonical_bytes(lexer, out)
        }
        Some(b'[' | b'{') if depth >= MAX_DEPTH => lexer.fail("nested too deep"),
        Some(b'[') => {
            lexer.take(b'[');
            canonical_array(lexer, out, depth + 1)
        }
        Some(b'{') => {
            lexer.take(b'{');
            // Deeper ones would be read once more for each level.
            match depth == 0 && lexer.is_huge(HUGE) {
                true => canonical_huge_object(lexer, out, depth + 1),
                false => canonical_object(lexer, out, depth + 1),
            }
        }
        Some(_) => lexer.fail("not a JSON value"),
        None => lexer.fail("the document ends too early"),
    }
}

fn canonical_array(lexer: &mut Lexer<'_>, out: &mut Vec<u8>, depth: usize) -> Result<()> {
    out.push(b'a');
    let count_at = out.len();
    out.extend_from_slice(&[0; 8]);
    let mut count = 0u64;
    lexer.skip_space();
    if !lexer.take(b']') {
        loop {
            lexer.skip_space();
            canonical_value(lexer, out, depth)?;
            count += 1;
            if lexer.ended(b']')? {
                break;
            }
        }
    }
    patch_count(out, count_at, count);
    Ok(())
}

fn patch_count(out: &mut [u8], at: usize, count: u64) {
    if let Some(place) = out.get_mut(at..at + 8) {
        place.copy_from_slice(&count.to_le_bytes());
    }
}

/// An object in a text of more bytes than this is read twice rather than copied, if its members are not in order.
const HUGE: usize = 1 << 20;

/// Where the members of an object stand, in the order of their keys, those of the same key in that of the text; and where the object
/// ends. The lexer is behind the brace.
pub(super) fn sorted_members(lexer: &mut Lexer<'_>, depth: usize) -> Result<(Vec<usize>, usize)> {
    let mut members = Vec::new();
    lexer.skip_space();
    if lexer.take(b'}') {
        return Ok((members, lexer.offset()));
    }
    let (mut before, mut key) = (Vec::new(), Vec::new());
    let mut sorted = true;
    loop {
        members.push(lexer.offset());
        key.clear();
        lexer.key(&mut key)?;
        sorted &= members.len() == 1 || before <= key;
        std::mem::swap(&mut before, &mut key);
        lexer.skip_value(depth)?;
        if lexer.ended(b'}')? {
            break;
        }
    }
    let end = lexer.offset();
    if !sorted {
        let (mut left, mut right) = (before, key);
        let mut key_at = |at: usize, key: &mut Vec<u8>| {
            key.clear();
            lexer.go_to(at);
            // It was read before.
            let _known = lexer.key(key);
        };
        members.sort_by(|a, b| {
            key_at(*a, &mut left);
            key_at(*b, &mut right);
            left.cmp(&right)
        });
    }
    Ok((members, end))
}

/// As [`canonical_object`], of a huge object of which there shall be no second copy.
fn canonical_huge_object(lexer: &mut Lexer<'_>, out: &mut Vec<u8>, depth: usize) -> Result<()> {
    let (members, end) = sorted_members(lexer, depth)?;
    // Growing step by step would leave holes where it was before.
    out.reserve(2 * end);
    object_head(members.len(), out);
    for member in members {
        canonical_member(lexer, member, out, depth)?;
    }
    lexer.go_to(end);
    Ok(())
}

/// What comes before the members of an object that has so many.
pub(super) fn object_head(members: usize, out: &mut Vec<u8>) {
    out.push(b'o');
    out.extend_from_slice(&(members as u64).to_le_bytes());
}

/// The member of an object that stands there.
pub(super) fn canonical_member(lexer: &mut Lexer<'_>, at: usize, out: &mut Vec<u8>, depth: usize) -> Result<()> {
    lexer.go_to(at);
    lexer.open_key()?;
    canonical_bytes(lexer, out)?;
    lexer.colon()?;
    canonical_value(lexer, out, depth)
}

/// Where a member stands in the output, and where its key ends.
struct Member {
    start: usize,
    key_end: usize,
    end: usize,
}

fn canonical_object(lexer: &mut Lexer<'_>, out: &mut Vec<u8>, depth: usize) -> Result<()> {
    out.push(b'o');
    let count_at = out.len();
    out.extend_from_slice(&[0; 8]);
    let body = out.len();
    let mut members: Vec<Member> = Vec::new();
    lexer.skip_space();
    if !lexer.take(b'}') {
        loop {
            lexer.open_key()?;
            let start = out.len();
            canonical_bytes(lexer, out)?;
            let key_end = out.len();
            lexer.colon()?;
            canonical_value(lexer, out, depth)?;
            members.push(Member { start, key_end, end: out.len() });
            if lexer.ended(b'}')? {
                break;
            }
        }
    }
    patch_count(out, count_at, members.len() as u64);
    sort_members(out, body, &mut members);
    Ok(())
}

/// Brings the members into the order of their keys; those of the same key keep theirs.
fn sort_members(out: &mut Vec<u8>, body: usize, members: &mut [Member]) {
    const LENGTH: usize = 8;
    let key = |bytes: &[u8], member: &Member| -> Vec<u8> {
        bytes.get(member.start + LENGTH..member.key_end).unwrap_or_default().to_vec()
    };
    let sorted = members.windows(2).all(|pair| match pair {
        [a, b] => out.get(a.start + LENGTH..a.key_end) <= out.get(b.start + LENGTH..b.key_end),
        _ => true,
    });
    if sorted {
        return;
    }
    members.sort_by_cached_key(|member| key(out, member));
    let mut ordered = Vec::with_capacity(out.len() - body);
    for member in members.iter() {
        ordered.extend_from_slice(out.get(member.start..member.end).unwrap_or_default());
    }
    out.truncate(body);
    out.extend_from_slice(&ordered);
}

#[cfg(test)]
mod tests {
    use super::canonicalize;
    use crate::values::json::{JsonError, MAX_DEPTH};

    fn form(text: &str) -> Result<Vec<u8>, JsonError> {
        let mut out = Vec::new();
        canonicalize(text.as_bytes(), &mut out).map(|()| out)
    }

    #[test]
    fn numbers_are_equal_by_exact_decimal_value() {
        for (a, b) in [
            ("0.10", "1e-1"),
            ("1.0", "10E-1"),
            ("1200.0", "12e+2"),
            ("10.50", "105e-1"),
            ("0.050", "5E-2"),
            ("0.0", "0e5"),
            ("100", "100"),
        ] {
            assert_eq!(form(a), form(b), "{a} {b}");
        }
        for (a, b) in
            [("1", "1.0"), ("0.1", "0.1000000000000000055"), ("9007199254740993", "9007199254740992"), ("0.0", "-0.0")]
        {
            assert_ne!(form(a), form(b), "{a} {b}");
        }
    }

    #[test]
    fn objects_are_sorted_and_duplicates_kept_in_order() {
        assert_eq!(form(r#"{"b":1,"a":2}"#), form(r#" { "a" : 2 , "b" : 1 } "#));
        assert_ne!(form(r#"{"a":1,"a":2}"#), form(r#"{"a":2,"a":1}"#));
        assert_ne!(form(r#"{"a":1,"a":1}"#), form(r#"{"a":1}"#));
        assert_eq!(form(r#"{"bb":1,"a":2}"#), form(r#"{"a":2,"bb":1}"#), "sorted by key bytes, not by length");
    }

    #[test]
    fn huge_objects_have_the_same_form() {
        for (key, sorted) in [("k", true), ("\\u00e4\\n", false)] {
            let member = |at: usize| {
                format!(
                    " \"{key}{}\" : [{at}, {{\"b\": null, \"a\": \"x\"}}, 1.50e3]",
                    if sorted { at + 100_000 } else { at % 777 }
                )
            };
            let members: Vec<String> = (0..40_000).map(member).collect();
            let text = format!("{{{}}} ", members.join(" ,"));
            assert!(text.len() > super::HUGE);
            let mut small = Vec::new();
            let mut lexer = super::Lexer::new(&text);
            lexer.take(b'{');
            super::canonical_object(&mut lexer, &mut small, 1).unwrap();
            assert!(form(&text) == Ok(small), "{key}");
            let cut = &text[..text.len() - 9];
            assert_eq!(form(cut).unwrap_err().reason, "the document ends too early");
            assert!(form(&text.replacen("1.50e3", "1.50e3000000000", 1)).is_err());
        }
    }

    #[test]
    fn escapes_are_decoded() {
        assert_eq!(form(r#""\u0041\n\/""#), form("\"A\\u000a/\""));
        assert_eq!(form(r#""\ud83d\ude00""#), form("\"😀\""));
        assert_eq!(form(r#""\ud800""#).unwrap()[9..], [0xed, 0xa0, 0x80]);
    }

    #[test]
    fn what_is_not_json_is_refused_with_its_offset() {
        for (text, offset) in [
            ("", 0),
            ("NaN", 0),
            ("{'a':1}", 1),
            ("[1,]", 3),
            ("{\"a\":1,}", 7),
            ("01", 0),
            ("1.", 2),
            ("1e", 2),
            ("\"a\u{1}\"", 2),
            ("\"a", 2),
            ("\u{feff}1", 0),
            ("1 2", 2),
            ("1e1000000001", 2),
            ("\"\\x\"", 2),
        ] {
            assert_eq!(form(text).unwrap_err().offset, offset, "{text}");
        }
        let mut out = Vec::new();
        assert_eq!(canonicalize(b"\"\xff\"", &mut out).unwrap_err().offset, 1);
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(form(&nested(MAX_DEPTH)).is_ok());
        assert!(form(&nested(MAX_DEPTH + 1)).is_err());
        assert!(form(&"[".repeat(1_000_000)).is_err());
    }
}
