//! Text for C: strings that callers own, and strings that objects lend.

use std::ffi::{CString, c_char};

/// Text as a C string. C ends a string at a NUL, so one inside is written as `\0`, two characters.
pub fn c_string(text: &str) -> CString {
    owned_c_string(text.to_owned())
}

/// As [`c_string`], of what may be too large to be copied.
pub fn owned_c_string(text: String) -> CString {
    match CString::new(text) {
        Ok(string) => string,
        // Without NULs it cannot fail again.
        Err(error) => {
            let text = String::from_utf8_lossy(&error.into_vec()).replace('\0', "\\0");
            CString::new(text).unwrap_or_default()
        }
    }
}

/// An owned string for the caller, who frees it with expmig_string_free.
pub fn give(text: &str) -> *mut c_char {
    c_string(text).into_raw()
}

/// As [`give`], of what may be too large to be copied.
pub fn give_owned(text: String) -> *mut c_char {
    owned_c_string(text).into_raw()
}

#[cfg(test)]
mod tests {
    use super::c_string;

    #[test]
    fn a_nul_inside_is_shown_and_does_not_end_the_string() {
        assert_eq!(c_string("a\0b").to_bytes(), b"a\\0b");
        assert_eq!(c_string("").to_bytes(), b"");
    }
}
