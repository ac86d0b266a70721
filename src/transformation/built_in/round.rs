//! `round`: rounds numbers to fewer digits.

use super::numbers::{Target, compute};
use crate::error::Result;
use crate::transformation::document::Document;
use crate::transformation::metric::{Metric, Outcome, Transform};
use crate::transformation::rules::Node;

/// As many as a binary64 can have before or behind its point.
const MOST_DIGITS: i64 = 308;

#[derive(Clone, Debug)]
pub struct Round {
    digits: i64,
    target: Target,
    document: Document,
}

impl Round {
    pub(super) fn read(params: &Node<'_>) -> Result<Round> {
        let fields = params.fields(&["digits", Target::KEY])?;
        Ok(Round {
            digits: fields.required("digits")?.integer(-MOST_DIGITS, MOST_DIGITS)?,
            target: Target::read(fields.get(Target::KEY))?,
            document: Document::of_labels(),
        })
    }
}

impl Transform for Round {
    fn apply(&mut self, metric: &Metric) -> Outcome {
        let digits = self.digits;
        compute(metric, self.target, &mut self.document, |old| old.rounded(digits)).unwrap_or_else(Outcome::Failed)
    }
}
