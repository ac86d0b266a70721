//! Migrating: what arrives, what is refused, and what is left when a process dies or others write meanwhile. What is measured, killed or forked is
//! a child process (support/child.rs), so that the tests share one.

mod concurrency;
mod crash_safety;
mod digests;
mod memory;
mod odd_data;
mod plan_and_compare;
mod prior_art;
mod progress;
mod properties;
mod real_data;
mod rules;
mod snapshot;
#[path = "../support/mod.rs"]
mod support;
