//! Panics end here, before they reach C.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::{Domain, Error, Result, Status};

/// For functions that can fail: a panic is an error.
pub fn caught<T>(domain: Domain, body: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|payload| Err(panicked(payload, domain)))
}

/// For functions that cannot fail: a panic gives `fallback`.
pub fn shielded<T>(fallback: T, body: impl FnOnce() -> T) -> T {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(value) => value,
        Err(payload) => {
            // Dropping an odd payload could panic again.
            std::mem::forget(payload);
            fallback
        }
    }
}

fn panicked(payload: Box<dyn Any + Send>, domain: Domain) -> Error {
    let text = match payload.downcast::<&'static str>().map(|text| (*text).to_owned()) {
        Ok(text) => text,
        Err(payload) => match payload.downcast::<String>() {
            Ok(text) => *text,
            Err(payload) => {
                // As in `shielded`.
                std::mem::forget(payload);
                "no message".to_owned()
            }
        },
    };
    Error::new(Status::Panic, domain, format!("a bug in expmig was caught: {}", text.replace(['\n', '\r'], " ")))
        .hint("nothing was committed; free the handle, and please report the message")
}
