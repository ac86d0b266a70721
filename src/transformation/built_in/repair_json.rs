//! `repair_json`: makes JSON of texts that are nearly JSON.

use super::cells;
use crate::error::Result;
use crate::transformation::document::Document;
use crate::transformation::metric::{Metric, Outcome, Transform};
use crate::transformation::rules::Node;
use crate::values::python_literal::{NonFinite, Trouble, to_json};

#[derive(Clone, Debug)]
pub struct RepairJson {
    non_finite: NonFinite,
    document: Document,
}

impl RepairJson {
    pub(super) fn read(params: &Node<'_>) -> Result<RepairJson> {
        let words = [("fail", NonFinite::Refuse), ("remove", NonFinite::Remove)];
        let non_finite = params.fields(&["non_finite"])?.get("non_finite");
        Ok(RepairJson {
            non_finite: non_finite.map_or(Ok(NonFinite::Refuse), |node| node.word(&words))?,
            document: Document::default(),
        })
    }

    fn outcome(&mut self, metric: &Metric) -> std::result::Result<Outcome, String> {
        let Some(text) = cells::text(&metric.per_label_val)? else { return Ok(Outcome::Unchanged) };
        let Err(error) = self.document.read(&text) else { return Ok(Outcome::Unchanged) };
        match to_json(&text, self.non_finite) {
            Ok(json) => Ok(cells::labels_changed(json)),
            Err(Trouble::Unknown) => Err(format!("per_label_val is neither JSON nor a Python literal: {error}")),
            Err(Trouble::NonFinite { literal, key, removable }) => Err(match key.as_deref().map(cells::shown) {
                Some(key) if removable => {
                    format!("the key {key} is {literal}; \"non_finite\": \"remove\" would leave it out")
                }
                Some(key) => format!("the list under the key {key} has {literal}, which JSON does not have"),
                None => format!("per_label_val has {literal}, which JSON does not have"),
            }),
        }
    }
}

impl Transform for RepairJson {
    fn apply(&mut self, metric: &Metric) -> Outcome {
        self.outcome(metric).unwrap_or_else(Outcome::Failed)
    }
}
