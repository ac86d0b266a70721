//! Converts numbered parameters (`?1`), which MySQL does not have, to its own.

use super::cell::{wire, wire_owned};
use crate::error::{Domain, Error, Result};
use crate::values::{Value, ValueRef};

/// A statement with plain `?` for every parameter.
pub struct Plain {
    pub sql: String,
    /// For each `?` the position of its value.
    pub order: Vec<usize>,
    /// For each value the name of the parameter, with its colon, if it has one.
    pub names: Vec<Option<String>>,
}

/// The statement with plain `?` for every parameter, and for each of them the position of its value.
pub fn plain(sql: &str) -> (String, Vec<usize>) {
    let plain = rewrite(sql);
    (plain.sql, plain.order)
}

/// Takes `?`, `?NUMBER` and `:NAME` for parameters. A `?` without a number, and a new name, take the next value after the last. What is
/// in quotes or in a comment stays.
pub fn rewrite(sql: &str) -> Plain {
    let bytes = sql.as_bytes();
    let mut plain = Plain { sql: String::with_capacity(sql.len()), order: Vec::new(), names: Vec::new() };
    let (mut at, mut copied) = (0, 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\'' | b'"' | b'`' => at += quoted(bytes, at, *byte),
            b'-' if bytes.get(at + 1) == Some(&b'-') => at += line(bytes, at),
            b'/' if bytes.get(at + 1) == Some(&b'*') => at += comment(bytes, at),
            b'?' | b':' => {
                let part = |byte: &&u8| match bytes.get(at) {
                    Some(b'?') => byte.is_ascii_digit(),
                    _ => byte.is_ascii_alphanumeric() || **byte == b'_',
                };
                let length = bytes.iter().skip(at + 1).take_while(part).count();
                let named = sql.get(at + 1..at + 1 + length).unwrap_or_default();
                if *byte == b':' && named.is_empty() {
                    at += 1;
                    continue;
                }
                plain.sql.push_str(sql.get(copied..at).unwrap_or_default());
                plain.sql.push('?');
                let position = match (byte, named.parse::<usize>()) {
                    (b':', _) => position_of(&plain.names, named),
                    (_, Ok(number)) => number.saturating_sub(1),
                    _ => plain.names.len(),
                };
                // A number that no statement has room for is left to fail later.
                if position < MOST_VALUES && position >= plain.names.len() {
                    plain.names.resize(position + 1, None);
                }
                if let (b':', Some(name)) = (byte, plain.names.get_mut(position)) {
                    *name = Some(format!(":{named}"));
                }
                plain.order.push(position);
                at += 1 + length;
                copied = at;
            }
            _ => at += 1,
        }
    }
    plain.sql.push_str(sql.get(copied..).unwrap_or_default());
    plain
}

/// The number of parameters that a statement takes.
const MOST_VALUES: usize = 65_535;

/// The values of a statement whose parameters were rewritten.
pub fn arrange(order: &[usize], params: &[ValueRef<'_>]) -> Result<Vec<mysql::Value>> {
    let missing = || Error::internal(Domain::Database, "a statement has more parameters than values");
    order.iter().map(|at| params.get(*at).map(|value| wire(*value)).ok_or_else(missing)).collect()
}

/// As [`arrange`], of values that are not needed any more: one that stands once in the statement is not copied.
pub fn arrange_owned(order: &[usize], mut params: Vec<Value>) -> Result<Vec<mysql::Value>> {
    let missing = || Error::internal(Domain::Database, "a statement has more parameters than values");
    let place = |(at, position): (usize, &usize)| {
        let value = params.get_mut(*position).ok_or_else(missing)?;
        let again = order.iter().skip(at + 1).any(|later| later == position);
        Ok(if again { wire(value.borrow()) } else { wire_owned(std::mem::replace(value, Value::Null)) })
    };
    order.iter().enumerate().map(place).collect()
}

fn position_of(names: &[Option<String>], named: &str) -> usize {
    let is_it = |name: &Option<String>| name.as_ref().is_some_and(|name| name.get(1..) == Some(named));
    names.iter().position(is_it).unwrap_or(names.len())
}

/// The words of a statement outside of quotes and comments, in upper case, each with whether a parenthesis opens after it; `None` if it
/// has a comment that the server would run.
pub fn words(sql: &str) -> Option<Vec<(String, bool)>> {
    let bytes = sql.as_bytes();
    let mut words: Vec<(String, bool)> = Vec::new();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let length = bytes
            .iter()
            .skip(at)
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$'))
            .count();
        match byte {
            b'\'' | b'"' | b'`' => at += quoted(bytes, at, *byte),
            b'#' => at += line(bytes, at),
            b'-' if bytes.get(at + 1) == Some(&b'-') => at += line(bytes, at),
            b'/' if bytes.get(at + 1) == Some(&b'*') => {
                let inside = bytes.get(at + 2..).unwrap_or_default();
                if inside.starts_with(b"!") || inside.starts_with(b"M!") {
                    return None;
                }
                at += comment(bytes, at);
            }
            b'(' => {
                if let Some((_, opens)) = words.last_mut() {
                    *opens = true;
                }
                at += 1;
            }
            _ if length > 0 => {
                words.push((sql.get(at..at + length).unwrap_or_default().to_ascii_uppercase(), false));
                at += length;
            }
            _ => {
                at += 1;
            }
        }
    }
    Some(words)
}

/// How long a quoted text is, both quotes included. A doubled quote reads as two texts, one after the other.
fn quoted(bytes: &[u8], at: usize, quote: u8) -> usize {
    let inside = bytes.iter().skip(at + 1).take_while(|byte| **byte != quote).count();
    inside + 2
}

fn line(bytes: &[u8], at: usize) -> usize {
    bytes.iter().skip(at).take_while(|byte| **byte != b'\n').count()
}

fn comment(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at + 2..).unwrap_or_default();
    rest.windows(2).position(|pair| pair == b"*/").map_or(rest.len() + 2, |end| end + 4)
}

#[cfg(test)]
mod tests {
    use super::{plain, rewrite, words};

    #[test]
    fn numbered_parameters_become_plain_ones() {
        let sql = "UPDATE \"t?1\" SET a = ?2, b = '?1''?' /* ?3 */ WHERE a < ?2 AND id = ?1 -- ?9\n AND x = ?";
        let (plain_sql, order) = plain(sql);
        let wanted = "UPDATE \"t?1\" SET a = ?, b = '?1''?' /* ?3 */ WHERE a < ? AND id = ? -- ?9\n AND x = ?";
        assert_eq!((plain_sql.as_str(), order.as_slice()), (wanted, [1, 1, 0, 2].as_slice()));
        assert_eq!(plain("SELECT ?, ?12é"), ("SELECT ?, ?é".to_owned(), vec![0, 11]));
        let named = rewrite("SELECT :a, :b, :a, ':c', x := 1 WHERE y = :b");
        assert_eq!(named.sql, "SELECT ?, ?, ?, ':c', x := 1 WHERE y = ?");
        assert_eq!((named.order, named.names), (vec![0, 1, 0, 1], vec![Some(":a".to_owned()), Some(":b".to_owned())]));
        let found = words("SELECT f (x), \"INTO\" -- INTO\n/* INTO */ FROM t # INTO").unwrap();
        let found: Vec<(&str, bool)> = found.iter().map(|(word, opens)| (word.as_str(), *opens)).collect();
        assert_eq!(found, [("SELECT", false), ("F", true), ("X", false), ("FROM", false), ("T", false)]);
        assert!(words("SELECT 1 /*! INTO OUTFILE 'x' */").is_none());
        for open in ["'", "SELECT \"a", "/* ?", "-- ?", "?"] {
            assert_eq!(plain(open).0, open);
        }
    }
}
