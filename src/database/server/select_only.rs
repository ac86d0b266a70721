//! SQL from callers, refused by its words where a transaction that only reads would let it pass.

use crate::database::refused_sql::{invalid, misuse};
use crate::error::Result;

/// A word of a statement, in upper case, and whether a parenthesis follows.
pub type Word = (String, bool);

/// The words of a server's SQL, in upper case.
pub struct Words {
    /// What a statement that reads begins with.
    pub reading: &'static [&'static str],
    /// Words that stand in no such statement, unless a parenthesis follows: some are also functions that only compute.
    pub writing: &'static [&'static str],
    /// Functions that do more than compute a value, and that no transaction undoes.
    pub functions: &'static [&'static str],
    /// The beginnings of the names of more such functions.
    pub beginnings: &'static [&'static str],
}

impl Words {
    /// The word by which a statement would do something beside reading; `None` if there is none.
    pub fn refused(&self, words: &[Word]) -> Result<Option<String>> {
        let Some((first, _)) = words.first() else {
            return Err(invalid("the SQL has no statement").hint("pass one SELECT"));
        };
        if !self.reading.contains(&first.as_str()) {
            return Ok(Some(first.clone()));
        }
        let refused = |(word, opens): &&Word| match opens {
            true => {
                self.functions.contains(&word.as_str()) || self.beginnings.iter().any(|begin| word.starts_with(begin))
            }
            false => self.writing.contains(&word.as_str()),
        };
        Ok(words.iter().find(refused).map(|(word, _)| word.clone()))
    }
}

/// Fails if a statement would do anything beside reading, as `refusal` finds.
pub fn check(sql: &str, refusal: impl FnOnce() -> Result<Option<String>>) -> Result<()> {
    if sql.contains('\0') {
        return Err(invalid("the SQL has a NUL in it").hint("pass values as parameters"));
    }
    refusal()?.map_or(Ok(()), |refused| Err(misuse(&refused, sql)))
}
