//! The members of an `ENUM` or a `SET`, as its declaration lists them.

/// The members in a type such as `enum('a','b')`; `None` if it lists none.
pub fn members(column_type: &str) -> Option<Vec<Vec<u8>>> {
    let mut rest = column_type.split_once('(')?.1.as_bytes();
    let mut found = Vec::new();
    loop {
        let (member, after) = quoted(rest)?;
        found.push(member);
        match after.split_first()? {
            (b',', next) => rest = next,
            (b')', _) => return Some(found),
            _ => return None,
        }
    }
}

/// The text in quotes at the beginning, and what follows. The server doubles quotes, and writes some characters with a backslash, whatever
/// the session's mode is.
fn quoted(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut rest = text.strip_prefix(b"'")?;
    let mut member = Vec::new();
    loop {
        let (byte, after) = rest.split_first()?;
        rest = after;
        match (byte, after.first()) {
            (b'\'', Some(b'\'')) => member.push(b'\''),
            (b'\'', _) => return Some((member, after)),
            (b'\\', Some(escaped)) => member.push(match escaped {
                b'0' => 0,
                b'n' => b'\n',
                b'r' => b'\r',
                b'Z' => 0x1a,
                other => *other,
            }),
            _ => {
                member.push(*byte);
                continue;
            }
        }
        rest = rest.get(1..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::members;

    #[test]
    fn members_are_read_as_they_were_declared() {
        let found = members(r"enum('007','a''b','c\\d','x,y','é','','n\nl')").unwrap();
        let wanted = ["007", "a'b", "c\\d", "x,y", "é", "", "n\nl"];
        assert_eq!(found, wanted.map(|member| member.as_bytes().to_vec()));
        assert_eq!(members("set('a')"), Some(vec![b"a".to_vec()]));
        for other in ["enum", "enum(", "enum('a", "enum('a'", "enum('a'x)", r"enum('\"] {
            assert_eq!(members(other), None, "{other}");
        }
    }
}
