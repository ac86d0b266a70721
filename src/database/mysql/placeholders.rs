//! Numbered parameters (`?1`), which MySQL does not have.

/// The statement with plain `?` for every parameter, and for each of them the position of its value. A `?` without a number takes
/// the next value after the last. What is in quotes or in a comment stays.
pub fn plain(sql: &str) -> (String, Vec<usize>) {
    let bytes = sql.as_bytes();
    let mut out = String::with_capacity(sql.len());
    let mut order = Vec::new();
    let (mut at, mut copied, mut next) = (0, 0, 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\'' | b'"' | b'`' => at += quoted(bytes, at, *byte),
            b'-' if bytes.get(at + 1) == Some(&b'-') => at += line(bytes, at),
            b'/' if bytes.get(at + 1) == Some(&b'*') => at += comment(bytes, at),
            b'?' => {
                out.push_str(sql.get(copied..=at).unwrap_or_default());
                at += 1;
                let digits = bytes.iter().skip(at).take_while(|byte| byte.is_ascii_digit()).count();
                let number = sql.get(at..at + digits).and_then(|digits| digits.parse::<usize>().ok());
                let position = number.map_or(next, |number| number.saturating_sub(1));
                order.push(position);
                next = next.max(position + 1);
                at += digits;
                copied = at;
            }
            _ => at += 1,
        }
    }
    out.push_str(sql.get(copied..).unwrap_or_default());
    (out, order)
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
    use super::plain;

    #[test]
    fn numbered_parameters_become_plain_ones() {
        let sql = "UPDATE \"t?1\" SET a = ?2, b = '?1''?' /* ?3 */ WHERE a < ?2 AND id = ?1 -- ?9\n AND x = ?";
        let (plain_sql, order) = plain(sql);
        let wanted = "UPDATE \"t?1\" SET a = ?, b = '?1''?' /* ?3 */ WHERE a < ? AND id = ? -- ?9\n AND x = ?";
        assert_eq!((plain_sql.as_str(), order.as_slice()), (wanted, [1, 1, 0, 2].as_slice()));
        assert_eq!(plain("SELECT ?, ?12é"), ("SELECT ?, ?é".to_owned(), vec![0, 11]));
        for open in ["'", "SELECT \"a", "/* ?", "-- ?", "?"] {
            assert_eq!(plain(open).0, open);
        }
    }
}
