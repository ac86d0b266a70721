//! Transforming metrics and undoing it: rules, cells, the page about them, random ones against Python, and kills.

mod calls;
mod cells;
mod crash;
mod docs;
mod oracle;
mod properties;
mod rules;
mod speed;
#[path = "../support/mod.rs"]
mod support;
mod undo;
