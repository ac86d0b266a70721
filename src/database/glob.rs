//! Glob patterns, as SQLite matches them: `*`, `?`, `[abc]`, `[a-z]`, `[^a]`; letter case matters.

use crate::error::{Domain, Error, Result};

/// The longest pattern that SQLite takes.
const MOST: usize = 50_000;

/// A pattern.
pub struct Glob {
    pattern: String,
    domain: Domain,
    /// In memory: no file is touched.
    matcher: rusqlite::Connection,
}

impl Glob {
    /// A pattern of the caller's parameter `pattern`.
    pub fn new(pattern: &str, domain: Domain) -> Result<Glob> {
        if pattern.len() > MOST {
            return Err(Error::argument(domain, "pattern", format!("the pattern has more than {MOST} bytes")));
        }
        let matcher = rusqlite::Connection::open_in_memory().map_err(|error| failed(domain, &error))?;
        Ok(Glob { pattern: pattern.to_owned(), domain, matcher })
    }

    /// Whether the whole text matches.
    pub fn matches(&self, text: &str) -> Result<bool> {
        let ask = || -> rusqlite::Result<bool> {
            let mut statement = self.matcher.prepare_cached("SELECT ?1 GLOB ?2")?;
            statement.query_row([text, &self.pattern], |row| row.get(0))
        };
        ask().map_err(|error| failed(self.domain, &error))
    }
}

fn failed(domain: Domain, error: &rusqlite::Error) -> Error {
    Error::internal(domain, format!("SQLite: {error}"))
}

#[cfg(test)]
mod tests {
    use super::Glob;
    use crate::error::Domain;

    #[test]
    fn patterns_match_whole_texts_and_know_letter_case() {
        let matches = |pattern, text| Glob::new(pattern, Domain::Snapshot).unwrap().matches(text).unwrap();
        assert!(matches("20231201_*", "20231201_143022"));
        assert!(matches("*before*", "the day before\nthe move"));
        assert!(matches("a?[b-d][^x]", "aéby"));
        assert!(!matches("before", "before it"));
        assert!(!matches("BEFORE*", "before it"));
        assert!(matches("", ""));
        assert!(!matches("", "x"));
    }
}
