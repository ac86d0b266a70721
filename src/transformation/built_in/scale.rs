//! `scale`: multiplies numbers, and adds an offset.

use super::numbers::{Target, compute};
use crate::error::Result;
use crate::transformation::document::Document;
use crate::transformation::metric::{Metric, Outcome, Transform};
use crate::transformation::rules::Node;
use crate::values::decimal::Decimal;

#[derive(Clone, Debug)]
pub struct Scale {
    factor: Decimal,
    offset: Decimal,
    target: Target,
    document: Document,
}

impl Scale {
    pub(super) fn read(params: &Node<'_>) -> Result<Scale> {
        let fields = params.fields(&["factor", "offset", Target::KEY])?;
        let (factor, offset) = (fields.get("factor"), fields.get("offset"));
        if factor.is_none() && offset.is_none() {
            fields.required("factor")?;
        }
        Ok(Scale {
            factor: factor.map_or(Ok(Decimal::integer(1)), |node| node.decimal())?,
            offset: offset.map_or(Ok(Decimal::integer(0)), |node| node.decimal())?,
            target: Target::read(fields.get(Target::KEY))?,
            document: Document::of_labels(),
        })
    }
}

impl Transform for Scale {
    fn apply(&mut self, metric: &Metric) -> Outcome {
        let new = |old: &Decimal| old.times(&self.factor)?.plus(&self.offset);
        compute(metric, self.target, &mut self.document, new).unwrap_or_else(Outcome::Failed)
    }
}
