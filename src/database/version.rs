//! What a database says of its own version, and whether that is one that is known.

use super::connection::Connection;
use super::layout::Layout;
use super::rows::Next;
use crate::error::{Domain, Error, Result, Status};
use crate::schema::{Family, quote};

/// What it says; nothing where the family has no marker, or nothing stands in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Version {
    pub found: Option<String>,
}

impl Version {
    /// Reads it.
    pub fn read(connection: &dyn Connection, layout: &Layout) -> Result<Version> {
        let mut version = Version::default();
        let Some(marker) = &layout.family.marker else { return Ok(version) };
        let Some(table) = layout.table(marker.table) else { return Ok(version) };
        let sql = format!("SELECT {} FROM {}", table.quoted(marker.column), quote(&table.name));
        connection.query(&sql, &[], &mut |row| {
            version.found = row.value(0)?.readable();
            Ok(Next::Stop)
        })?;
        Ok(version)
    }

    /// Whether it is one that is known; always where the family has no marker.
    pub fn is_known(&self, family: &Family) -> bool {
        let Some(marker) = &family.marker else { return true };
        self.found.as_deref().is_some_and(|found| marker.known.contains(&found))
    }

    /// What is to be said of one that is not.
    pub fn warning(&self, family: &Family) -> Option<String> {
        let marker = family.marker.as_ref().filter(|_| !self.is_known(family))?;
        let found = self.found.as_deref().unwrap_or("nothing");
        Some(format!(
            "{} says {found}, which is not known here; the database can be read, and is not written",
            marker.table
        ))
    }

    /// Fails if it is none that is known: what may be written then is not known either.
    pub fn refuse_unknown(&self, family: &Family, domain: Domain) -> Result<()> {
        let Some(warning) = self.warning(family) else { return Ok(()) };
        let tracker = family.tracker;
        Err(Error::new(Status::Unsupported, domain, warning)
            .detail("family", family.name)
            .detail("version", self.found.as_deref().unwrap_or("none"))
            .hint(format!("use a version of expmig that knows this version of {tracker}")))
    }
}
