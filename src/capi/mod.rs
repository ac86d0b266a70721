//! The C ABI: every `extern "C"` function, one file per section of the header, and the conversions they share. The only unsafe
//! code of the crate. Only C calls this room.
//!
//! A function here sets its outputs to zero, converts its arguments, makes one call of the engine, and stores its outputs. All of
//! it runs inside `guard::guard`, which turns errors into statuses and catches panics. docs/c-conventions.md explains the rules to
//! embedders.
#![allow(unsafe_code)]
#![allow(non_camel_case_types)]
// The comments become the header's, where the whole contract stands; C knows no other kind of function.
#![allow(clippy::missing_safety_doc)]

#[cfg(panic = "abort")]
compile_error!("expmig's C ABI catches panics, so it needs panic = \"unwind\"");

mod args;
pub mod arrow;
mod arrow_layout;
mod arrow_stream;
pub mod bring_in;
pub mod bring_in_result;
pub mod cancel;
pub mod check;
pub mod comparison;
pub mod database;
pub mod error;
pub mod experiment;
pub mod experiments;
pub mod export;
mod gate;
mod guard;
mod host;
pub mod import;
pub mod import_result;
pub mod jobs;
pub mod library;
pub mod manager;
pub mod migration;
mod object;
mod options;
mod panics;
#[cfg(feature = "servers")]
mod pipe;
pub mod plan;
pub mod progress;
pub mod query;
pub mod report;
pub mod report_html;
pub mod snapshot;
pub mod snapshots;
pub mod status;
mod text;
pub mod transformation;
pub mod transformation_result;
pub mod transformer;
pub mod undo;
pub mod undo_result;
pub mod validation;
