//! Numbered parameters (`?1`), which PostgreSQL writes as `$1`.

/// A statement as the server reads it.
#[derive(Clone, Debug)]
pub struct Numbered {
    pub sql: String,
    /// For each value the name of the parameter, with its colon, if it has one.
    pub names: Vec<Option<String>>,
}

/// The number of parameters that a statement takes.
const MOST_VALUES: usize = 65_535;

/// Takes `?`, `?NUMBER`, `$NUMBER` and `:NAME` for parameters. A `?` without a number, and a new name, take the next value after the last. What
/// is in quotes or in a comment stays, and so does `::`.
pub fn numbered(sql: &str) -> Numbered {
    let bytes = sql.as_bytes();
    let mut found = Numbered { sql: String::with_capacity(sql.len() + 8), names: Vec::new() };
    let (mut at, mut copied) = (0, 0);
    while let Some(byte) = bytes.get(at) {
        let skipped = skip(bytes, at);
        if skipped > 0 {
            at += skipped;
            continue;
        }
        let next = bytes.get(at + 1);
        match byte {
            b':' if next == Some(&b':') => at += 2,
            b'?' | b':' | b'$' => {
                let part = |letter: &&u8| match byte {
                    b':' => letter.is_ascii_alphanumeric() || **letter == b'_',
                    _ => letter.is_ascii_digit(),
                };
                let length = bytes.iter().skip(at + 1).take_while(part).count();
                let named = sql.get(at + 1..at + 1 + length).unwrap_or_default();
                let begins_name = named.bytes().next().is_some_and(|first| !first.is_ascii_digit());
                if *byte == b'$' && length == 0 || *byte == b':' && !begins_name {
                    at += 1;
                    continue;
                }
                let position = match (byte, named.parse::<usize>()) {
                    (b':', _) => position_of(&found.names, named),
                    (_, Ok(number)) => number.saturating_sub(1),
                    _ => found.names.len(),
                };
                // A number that no statement has room for is left to fail later.
                if position < MOST_VALUES && position >= found.names.len() {
                    found.names.resize(position + 1, None);
                }
                if let (b':', Some(name)) = (byte, found.names.get_mut(position)) {
                    *name = Some(format!(":{named}"));
                }
                found.sql.push_str(sql.get(copied..at).unwrap_or_default());
                found.sql.push('$');
                found.sql.push_str(&(position + 1).to_string());
                at += 1 + length;
                copied = at;
            }
            // A $ in a name is none of a parameter.
            _ if is_word(*byte) => {
                at += bytes.iter().skip(at).take_while(|byte| is_word(**byte) || **byte == b'$').count();
            }
            _ => at += 1,
        }
    }
    found.sql.push_str(sql.get(copied..).unwrap_or_default());
    found
}

fn position_of(names: &[Option<String>], named: &str) -> usize {
    let is_it = |name: &Option<String>| name.as_ref().is_some_and(|name| name.get(1..) == Some(named));
    names.iter().position(is_it).unwrap_or(names.len())
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// The words of a statement outside of quotes and comments, in upper case, each with whether a parenthesis opens after it.
pub fn words(sql: &str) -> Vec<(String, bool)> {
    let bytes = sql.as_bytes();
    let mut words: Vec<(String, bool)> = Vec::new();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let skipped = skip(bytes, at);
        let length = bytes.iter().skip(at).take_while(|byte| is_word(**byte)).count();
        if skipped > 0 {
            at += skipped;
        } else if *byte == b'(' {
            if let Some((_, opens)) = words.last_mut() {
                *opens = true;
            }
            at += 1;
        } else if length > 0 {
            words.push((sql.get(at..at + length).unwrap_or_default().to_ascii_uppercase(), false));
            at += length;
        } else {
            at += 1;
        }
    }
    words
}

/// How long the quoted text or the comment is that begins here; 0 if none does.
fn skip(bytes: &[u8], at: usize) -> usize {
    let next = bytes.get(at + 1);
    match bytes.get(at) {
        // A backslash means something in E'…' alone.
        Some(b'E' | b'e')
            if next == Some(&b'\'') && !(at > 0 && bytes.get(at - 1).is_some_and(|byte| is_word(*byte))) =>
        {
            1 + escaped(bytes, at + 1)
        }
        Some(quote @ (b'\'' | b'"')) => bytes.iter().skip(at + 1).take_while(|byte| *byte != quote).count() + 2,
        Some(b'-') if next == Some(&b'-') => bytes.iter().skip(at).take_while(|byte| **byte != b'\n').count(),
        Some(b'/') if next == Some(&b'*') => comment(bytes, at),
        Some(b'$') => dollars(bytes, at),
        _ => 0,
    }
}

/// A text in which a backslash takes the next byte for itself.
fn escaped(bytes: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while let Some(byte) = bytes.get(end) {
        match byte {
            b'\\' => end += 2,
            b'\'' => break,
            _ => end += 1,
        }
    }
    end + 1 - at
}

/// Comments lie in each other.
fn comment(bytes: &[u8], at: usize) -> usize {
    let (mut depth, mut end) = (0_usize, at);
    while let Some(byte) = bytes.get(end) {
        match (byte, bytes.get(end + 1)) {
            (b'/', Some(b'*')) => {
                depth += 1;
                end += 2;
            }
            (b'*', Some(b'/')) => {
                depth -= 1;
                end += 2;
                if depth == 0 {
                    break;
                }
            }
            _ => end += 1,
        }
    }
    end - at
}

/// `$tag$ … $tag$`.
fn dollars(bytes: &[u8], at: usize) -> usize {
    let name = bytes.iter().skip(at + 1).take_while(|byte| is_word(**byte)).count();
    let begins_well = bytes.get(at + 1).is_none_or(|first| !first.is_ascii_digit());
    if bytes.get(at + 1 + name) != Some(&b'$') || !begins_well {
        return 0;
    }
    let tag = bytes.get(at..at + name + 2).unwrap_or_default();
    let inside = bytes.get(at + tag.len()..).unwrap_or_default();
    let end = memchr::memmem::find(inside, tag).map_or(inside.len(), |end| end + tag.len());
    tag.len() + end
}

#[cfg(test)]
mod tests {
    use super::{numbered, words};

    #[test]
    fn parameters_are_numbered_and_quotes_and_comments_stay() {
        let sql =
            "UPDATE \"t?1\" SET a = ?2, b = '?1''?' /* ?3 /* ? */ ? */ WHERE a < ?2 AND id = $1 -- ?9\n AND x = ?";
        let wanted =
            "UPDATE \"t?1\" SET a = $2, b = '?1''?' /* ?3 /* ? */ ? */ WHERE a < $2 AND id = $1 -- ?9\n AND x = $3";
        assert_eq!(numbered(sql).sql, wanted);
        let named = numbered("SELECT :a, :b::int, :a, ':c', E'\\':d', $x$ :e $x$, a$1 FROM t WHERE y = :b");
        assert_eq!(named.sql, "SELECT $1, $2::int, $1, ':c', E'\\':d', $x$ :e $x$, a$1 FROM t WHERE y = $2");
        assert_eq!(named.names, vec![Some(":a".to_owned()), Some(":b".to_owned())]);
        assert_eq!(numbered("SELECT '{1,2}'::int[][1:2]").sql, "SELECT '{1,2}'::int[][1:2]");
        for open in ["'", "SELECT \"a", "/* ?", "-- ?", "$a$ ?", "E'\\", "$"] {
            assert_eq!(numbered(open).sql, open);
        }
    }

    #[test]
    fn words_stand_outside_of_quotes_and_comments() {
        let found = words("SELECT f (x), \"INTO\" -- INTO\n/* INTO */ FROM t, $$INTO$$");
        let found: Vec<(&str, bool)> = found.iter().map(|(word, opens)| (word.as_str(), *opens)).collect();
        assert_eq!(found, [("SELECT", false), ("F", true), ("X", false), ("FROM", false), ("T", false)]);
    }
}
