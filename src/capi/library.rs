//! Functions about the library itself: its version, its build, and the names of statuses.

use std::ffi::{CString, c_char};

use serde_json::json;
use std::sync::LazyLock;

use super::panics::shielded;
use super::status::{expmig_domain, expmig_status};
use super::text::c_string;
use crate::error::{Domain, Status};

/// The version of the C ABI that this header describes. Grows when functions or fields are added.
pub const EXPMIG_ABI_VERSION: u32 = 1;

struct Names {
    version: CString,
    build_info: CString,
    unknown: CString,
    ok: CString,
    statuses: Vec<CString>,
    domains: Vec<CString>,
}

static NAMES: LazyLock<Names> = LazyLock::new(|| Names {
    version: c_string(env!("CARGO_PKG_VERSION")),
    build_info: c_string(
        &json!({
            "schema": "expmig.build/1",
            "version": env!("CARGO_PKG_VERSION"),
            "abi_version": EXPMIG_ABI_VERSION,
            "sqlite": {
                "version": crate::database::sqlite_version(),
                "linked": if cfg!(feature = "system-sqlite") { "system" } else { "bundled" },
            },
            "debug": cfg!(debug_assertions),
        })
        .to_string(),
    ),
    unknown: c_string("UNKNOWN"),
    ok: c_string("OK"),
    statuses: Status::ALL.iter().map(|status| c_string(status.name())).collect(),
    domains: Domain::ALL.iter().map(|domain| c_string(domain.name())).collect(),
});

/// The name at the position of a code that counts from 1.
fn named(names: &'static [CString], code: i32) -> *const c_char {
    let at = usize::try_from(code).ok().and_then(|code| code.checked_sub(1));
    at.and_then(|at| names.get(at)).unwrap_or(&NAMES.unknown).as_ptr()
}

/// The version of the library, "0.1.0". Static. Since 0.1.0.
#[unsafe(no_mangle)]
pub extern "C" fn expmig_version() -> *const c_char {
    shielded(c"".as_ptr(), || NAMES.version.as_ptr())
}

/// The version of the C ABI of the library that is running; EXPMIG_ABI_VERSION is that of the header. A program runs with every library
/// whose number is not less than its own. Since 0.1.0.
#[unsafe(no_mangle)]
pub extern "C" fn expmig_abi_version() -> u32 {
    EXPMIG_ABI_VERSION
}

/// How the library was built, as a JSON object, schema "expmig.build/1": version, ABI, SQLite's version and whether it is the
/// library's own copy ("bundled") or the system's. Static. Since 0.1.0.
#[unsafe(no_mangle)]
pub extern "C" fn expmig_build_info() -> *const c_char {
    shielded(c"{}".as_ptr(), || NAMES.build_info.as_ptr())
}

/// The stable name of a status: "OK", "BUSY", ...; "UNKNOWN" for a number that this version does not know. Static. Since 0.1.0.
#[unsafe(no_mangle)]
pub extern "C" fn expmig_status_name(status: expmig_status) -> *const c_char {
    shielded(c"UNKNOWN".as_ptr(), || if status == 0 { NAMES.ok.as_ptr() } else { named(&NAMES.statuses, status) })
}

/// The stable name of a domain: "DATABASE", ...; "UNKNOWN" for a number that this version does not know. Static. Since 0.1.0.
#[unsafe(no_mangle)]
pub extern "C" fn expmig_domain_name(domain: expmig_domain) -> *const c_char {
    shielded(c"UNKNOWN".as_ptr(), || named(&NAMES.domains, domain))
}

/// Frees a string that a function of this library gave to the caller. NULL is fine. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_string_free(string: *mut c_char) {
    if !string.is_null() {
        // SAFETY: it came from CString::into_raw in `text::give`, and the caller passes it once.
        shielded((), || drop(unsafe { CString::from_raw(string) }));
    }
}

#[cfg(test)]
mod tests {
    use crate::error::{Domain, Status};

    #[test]
    fn codes_count_from_one_without_gaps_so_that_names_can_be_looked_up() {
        assert!(Status::ALL.iter().map(|status| status.code()).eq(1..=Status::ALL.len() as i32));
        assert!(Domain::ALL.iter().map(|domain| domain.code()).eq(1..=Domain::ALL.len() as i32));
    }
}
