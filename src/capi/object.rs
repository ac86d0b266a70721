//! Opaque results: what reads them, what lets go of them, and the texts that they lend.

use std::ffi::{CString, c_char};
use std::sync::OnceLock;

use super::panics::shielded;
use super::text::{c_string, owned_c_string};

/// Reads something of an object; `fallback` for NULL.
///
/// # Safety
/// `object` is NULL or live.
pub unsafe fn read_of<O, T>(object: *const O, fallback: T, read: impl FnOnce(&O) -> T) -> T {
    // SAFETY: as the caller promises.
    match unsafe { object.as_ref() } {
        Some(object) => shielded(fallback, || read(object)),
        None => fallback,
    }
}

/// Drops an object that was given to the caller; NULL is fine.
///
/// # Safety
/// `object` is NULL, or came from [`owned`] and is passed once.
pub unsafe fn release<O>(object: *mut O) {
    if !object.is_null() {
        // SAFETY: as the caller promises.
        shielded((), || drop(unsafe { Box::from_raw(object) }));
    }
}

/// An object for the caller, who frees it.
pub fn owned<O>(object: O) -> *mut O {
    Box::into_raw(Box::new(object))
}

/// One text of a list; NULL if there is no such.
pub fn text_at(texts: &[CString], index: usize) -> *const c_char {
    texts.get(index).map_or(std::ptr::null(), |text| text.as_ptr())
}

/// A text; NULL for none.
pub fn lent(text: Option<&CString>) -> *const c_char {
    text.map_or(std::ptr::null(), |text| text.as_ptr())
}

/// Texts for C.
pub fn all_texts(texts: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<CString> {
    texts.into_iter().map(|text| c_string(text.as_ref())).collect()
}

/// A text for C, if there is one.
pub fn some_text(text: &Option<String>) -> Option<CString> {
    text.as_deref().map(c_string)
}

/// What a JSON getter of no object answers.
pub const NO_JSON: *const c_char = c"null".as_ptr();

/// The JSON of an object, made when it is first asked for.
#[derive(Default)]
pub struct Document(OnceLock<CString>);

impl Document {
    /// The text, which lives as long as this.
    pub fn text(&self, make: impl FnOnce() -> String) -> *const c_char {
        self.0.get_or_init(|| owned_c_string(make())).as_ptr()
    }
}
