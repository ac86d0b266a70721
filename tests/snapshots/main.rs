//! Snapshots: made, restored, damaged, disturbed and shared.

mod calls;
mod crash;
mod hostile;
mod prior_art;
mod sharing;
#[path = "../support/mod.rs"]
mod support;
