//! Validating: every kind of defect, and nothing else, is found once; nothing is written.

mod agreement;
mod behaviour;
mod defects;
mod ledger;
mod metric_json;
mod progress;
mod registered_checks;
#[path = "../support/mod.rs"]
mod support;
