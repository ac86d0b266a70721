//! The meaning of cells, whatever engine stores them: values, times, JSON text and its canonical form, Python literals, exact decimals.
//!
//! All rooms above use this one. It depends only on the error type.

#[cfg(any(test, fuzzing))]
pub(crate) mod any_text;
pub(crate) mod decimal;
pub mod json;
pub(crate) mod python_literal;
mod timestamp;
mod value;

pub use timestamp::{format_timestamp, parse_timestamp};
pub use value::{HUGE, Value, ValueRef, one_line};
