//! How large a transaction a job would be, where a cluster limits what it takes as one.

use serde_json::{Value as Json, json};

use super::layout::TableLayout;
use crate::error::{Domain, Error, Result, Status};

/// Close to a limit an estimate says nothing.
const PERCENT_SURE: u64 = 80;

/// Rows that a job would insert.
#[derive(Clone, Copy, Debug)]
pub struct Planned<'l> {
    pub table: &'l TableLayout,
    pub rows: u64,
    /// Those of the cells of one row, about.
    pub bytes: u64,
}

/// A limit that a cluster sets to one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SizeLimit {
    /// The server's setting.
    pub setting: &'static str,
    /// `rows` or `bytes`.
    pub unit: &'static str,
    pub most: u64,
    /// What the job has at the least, and about.
    pub least: u64,
    pub about: u64,
    /// What to do where it is too much.
    pub ways_out: String,
}

/// The limits of a transaction, and what a job would have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionSize {
    pub limits: Vec<SizeLimit>,
}

impl TransactionSize {
    /// Whether the job fits; `None` if that is not sure.
    pub fn fits(&self) -> Option<bool> {
        if self.limits.iter().any(|limit| limit.least > limit.most) {
            return Some(false);
        }
        let surely = |limit: &SizeLimit| limit.about <= limit.most / 100 * PERCENT_SURE;
        self.limits.iter().all(surely).then_some(true)
    }

    /// Fails if the job surely does not fit.
    pub fn check(&self, domain: Domain) -> Result<()> {
        let Some(limit) = self.limits.iter().find(|limit| limit.least > limit.most) else { return Ok(()) };
        let SizeLimit { setting, unit, most, least, .. } = limit;
        let message = format!(
            "the cluster takes {most} {unit} in one transaction, and this one would have {least} at the least; nothing was written"
        );
        Err(Error::new(Status::Limit, domain, message)
            .detail("setting", *setting)
            .detail("limit", *most)
            .detail("needed", *least)
            .detail("unit", *unit)
            .hint(&limit.ways_out))
    }

    /// For documents.
    pub fn to_json(&self) -> Json {
        let limits = self.limits.iter().map(|limit| {
            let SizeLimit { setting, unit, most, least, about, .. } = limit;
            json!({"setting": setting, "unit": unit, "most": most, "least": least, "estimate": about})
        });
        json!({"fits": self.fits(), "limits": limits.collect::<Vec<_>>()})
    }
}

#[cfg(test)]
mod tests {
    use super::{SizeLimit, TransactionSize};
    use crate::error::{Domain, Status};

    fn size(most: u64, least: u64, about: u64) -> TransactionSize {
        let ways_out = "raise it".to_owned();
        TransactionSize { limits: vec![SizeLimit { setting: "most", unit: "bytes", most, least, about, ways_out }] }
    }

    #[test]
    fn only_what_surely_does_not_fit_is_refused() {
        assert_eq!(size(1000, 400, 800).fits(), Some(true));
        assert_eq!(size(1000, 400, 801).fits(), None);
        assert_eq!(size(1000, 1000, 3000).fits(), None);
        assert_eq!(size(1000, 1001, 3000).fits(), Some(false));
        assert!(size(1000, 1000, 3000).check(Domain::Migration).is_ok());
        let error = size(1000, 1001, 3000).check(Domain::Migration).unwrap_err();
        assert_eq!(error.status(), Status::Limit);
        assert!(error.message().contains("1001") && error.hint_text() == Some("raise it"), "{}", error.to_json());
    }
}
