//! Cancel tokens.

use super::panics::shielded;
use crate::progress::CancelToken;

/// Asks running calls to stop. One token can be given to any number of calls. Free it with expmig_cancel_free; calls that
/// still use it keep what they need.
pub struct expmig_cancel(pub(crate) CancelToken);

/// Makes a token, which is not triggered. NULL only if memory has run out. Since 0.1.0.
#[unsafe(no_mangle)]
pub extern "C" fn expmig_cancel_new() -> *mut expmig_cancel {
    shielded(std::ptr::null_mut(), || Box::into_raw(Box::new(expmig_cancel(CancelToken::new()))))
}

/// Asks every call that has the token to stop: the call rolls back and returns EXPMIG_CANCELLED. A call that has begun to commit completes.
/// A token that was triggered cannot be used again. May be called from any thread and from a signal handler, as long as the token is not
/// freed meanwhile. NULL is fine. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_cancel_trigger(cancel: *const expmig_cancel) {
    // SAFETY: the caller passes NULL or a live token.
    if let Some(cancel) = unsafe { cancel.as_ref() } {
        cancel.0.trigger();
    }
}

/// Frees a token, also while calls use it. NULL is fine. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_cancel_free(cancel: *mut expmig_cancel) {
    if !cancel.is_null() {
        // SAFETY: it came from Box::into_raw, and the caller passes it once.
        shielded((), || drop(unsafe { Box::from_raw(cancel) }));
    }
}
