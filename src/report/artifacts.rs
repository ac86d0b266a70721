//! The files that an experiment names: the first of them, and how many there are.

use super::limits::TEXT;
use crate::database::Row;
use crate::error::Result;
use crate::hierarchy::{Owner, Shape};

/// A file that is named.
#[derive(Debug)]
pub struct Artifact {
    pub owner: Owner,
    /// `epoch_idx=3, batch_idx=0`, or nothing for one of the owner itself.
    pub place: String,
    pub kind: Option<String>,
    pub location: Option<String>,
}

/// The first artifacts, and how many there are.
#[derive(Debug, Default)]
pub struct Artifacts {
    pub first: Vec<Artifact>,
    pub count: u64,
}

impl Artifacts {
    /// Takes a link and what it links.
    pub fn add(
        &mut self,
        owner: Owner,
        (link, leaf): (&Shape<'_>, &Shape<'_>),
        row: &dyn Row,
        most: usize,
    ) -> Result<()> {
        self.count += 1;
        if self.first.len() >= most {
            return Ok(());
        }
        let cell = |name: &str| match leaf.position(name) {
            Some(at) => Ok(row.value(at)?.readable_up_to(TEXT)),
            None => Ok(None),
        };
        let (kind, location) = (cell("type")?, cell("loc")?);
        self.first.push(Artifact { owner, place: link.index_key(row)?, kind, location });
        Ok(())
    }
}
