//! The ids of snapshots.

use std::fmt;

use chrono::{DateTime, Utc};

use crate::error::{Domain, Error, Result};

/// The longest id.
const MOST_CHARACTERS: usize = 64;
/// What may stand before an id that somebody asks for.
const PREFIX: &str = "snapshot_";

/// An id: letters, digits, `_` and `-`. Never a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id(String);

impl fmt::Display for Id {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl Id {
    /// The id that the text is, if it can be one.
    pub fn new(text: &str) -> Option<Id> {
        let fits = (1..=MOST_CHARACTERS).contains(&text.len());
        let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
        (fits && plain).then(|| Id(text.to_owned()))
    }

    /// Reads what a caller asks for: an id, and the one without its prefix if it has one.
    pub fn asked(text: &str) -> Result<(Id, Option<Id>)> {
        let without = text.strip_prefix(PREFIX).and_then(Id::new);
        match (Id::new(text), without) {
            (Some(id), without) => Ok((id, without)),
            (None, Some(without)) => Ok((without, None)),
            (None, None) => {
                let message = "a snapshot's id is 1 to 64 letters, digits, _ or -";
                Err(Error::argument(Domain::Snapshot, "snapshot_id", message)
                    .hint("pass an id that creating or listing snapshots gave"))
            }
        }
    }

    /// The id of the `nth` snapshot of a second, from 1.
    pub fn at(time: DateTime<Utc>, nth: u32) -> Id {
        let second = time.format("%Y%m%d_%H%M%S");
        Id(if nth == 1 { second.to_string() } else { format!("{second}_{nth}") })
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::Id;
    use crate::error::Status;

    #[test]
    fn ids_are_names_and_never_paths() {
        for text in ["20231201_143022", "20231201_143022_2", "a-b", &"x".repeat(64)] {
            assert_eq!(Id::asked(text).unwrap().0.as_str(), text);
        }
        for text in ["", ".", "..", "a/b", "../a", "a\\b", "a.db", "a b", "a\0", "é", &"x".repeat(65), "snapshot_../x"]
        {
            assert_eq!(Id::asked(text).unwrap_err().status(), Status::InvalidArgument, "{text:?}");
        }
    }

    #[test]
    fn the_prefix_is_accepted_where_an_id_is_asked_for() {
        let (id, without) = Id::asked("snapshot_20231201_143022").unwrap();
        assert_eq!(id.as_str(), "snapshot_20231201_143022");
        assert_eq!(without.unwrap().as_str(), "20231201_143022");
        let (long, none) = Id::asked(&format!("snapshot_{}", "x".repeat(64))).unwrap();
        assert_eq!((long.as_str().len(), none), (64, None));
    }

    #[test]
    fn ids_of_one_second_are_numbered_from_two() {
        let time = chrono::DateTime::from_timestamp(1_701_441_022, 999_999_999).unwrap();
        assert_eq!(Id::at(time, 1).as_str(), "20231201_143022");
        assert_eq!(Id::at(time, 2).as_str(), "20231201_143022_2");
    }
}
