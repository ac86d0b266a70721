//! Registered transformations.

use std::ffi::{c_char, c_void};
use std::sync::Arc;

use super::args::{opened, optional_text, text};
use super::error::expmig_error;
use super::guard::guard;
use super::manager::{Destroy, expmig_destroy_fn, expmig_manager};
use super::progress::{UserData, flow};
use super::query::{expmig_value, to_c};
use super::status::expmig_status;
use super::text::c_string;
use crate::error::{Domain, Error, Result};
use crate::transformation::{Metric, Outcome};
use crate::values::{Value, ValueRef};

/// A metric that is being transformed. Valid only during the callback; copy what you want to keep.
#[repr(C)]
pub struct expmig_metric {
    /// Size of this struct in bytes; fields are only added at its end.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// The row's id.
    pub id: i64,
    /// METRIC.type, UTF-8.
    pub metric_type: *const c_char,
    /// METRIC.total_val: normally a real, but a database can contain any other value.
    pub total_val: expmig_value,
    /// METRIC.per_label_val: normally text or NULL, but a database can contain any other value. The bytes of text are followed by a NUL,
    /// which `length` does not count.
    pub per_label_val: expmig_value,
    /// The parameters of the rule, a JSON object as it was written; "{}" if there are none.
    pub params_json: *const c_char,
}

/// Receives what a transformation does with a metric. Valid only during the callback, on the thread of the callback.
pub struct expmig_transform_context {
    total: Option<Value>,
    labels: Option<Value>,
    /// Skipped or failed, and why.
    ended: Option<Outcome>,
}

impl expmig_transform_context {
    fn outcome(self) -> Outcome {
        match (self.ended, &self.total, &self.labels) {
            (Some(ended), _, _) => ended,
            (None, None, None) => Outcome::Unchanged,
            (None, _, _) => Outcome::Changed { total_val: self.total, per_label_val: self.labels },
        }
    }
}

/// A transformation: reads a metric and says what to do with it, with expmig_transform_set_total, expmig_transform_set_per_label,
/// expmig_transform_skip or expmig_transform_fail; without any of these calls the metric stays as it is. Called on the thread that
/// transforms, for one metric after the other. Returns EXPMIG_CALLBACK_CONTINUE. EXPMIG_CALLBACK_CANCEL, or another value for a failure,
/// ends the whole transformation with EXPMIG_CANCELLED or EXPMIG_CALLBACK, and nothing is changed. It must not unwind or longjmp, and
/// must not use the handles of the running call.
pub type expmig_transform_fn = Option<
    unsafe extern "C" fn(
        context: *mut expmig_transform_context,
        metric: *const expmig_metric,
        user_data: *mut c_void,
    ) -> i32,
>;

/// Calls a callback for a metric.
///
/// # Safety
/// `transform_fn` is of that type and may be called with the user data.
unsafe fn call(
    transform_fn: unsafe extern "C" fn(*mut expmig_transform_context, *const expmig_metric, *mut c_void) -> i32,
    user_data: *mut c_void,
    metric: &Metric,
    params: &str,
) -> Result<Outcome> {
    let kind = c_string(&String::from_utf8_lossy(&metric.kind));
    let params = c_string(params);
    // Many callers read text up to its NUL, which the cell does not have.
    let terminated = match &metric.per_label_val {
        Value::Text(text) => Some([text.as_slice(), b"\0"].concat()),
        _ => None,
    };
    let labels = match &terminated {
        Some(text) => text.split_last().map_or(ValueRef::Null, |(_, text)| ValueRef::Text(text)),
        None => metric.per_label_val.borrow(),
    };
    let seen = expmig_metric {
        struct_size: size_of::<expmig_metric>() as u32,
        reserved: 0,
        id: metric.id,
        metric_type: kind.as_ptr(),
        total_val: to_c(&metric.total_val.borrow()),
        per_label_val: to_c(&labels),
        params_json: params.as_ptr(),
    };
    let mut context = expmig_transform_context { total: None, labels: None, ended: None };
    // SAFETY: as the caller promises; the structs live for the call.
    let answer = unsafe { transform_fn(&raw mut context, &raw const seen, user_data) };
    match flow(answer).stop(Domain::Transformation, "transformation") {
        Some(stopped) => Err(stopped.detail("metric_id", metric.id)),
        None => Ok(context.outcome()),
    }
}

/// Registers a transformation. From now on the rules of this manager can name it.
///
/// `name`: 1 to 128 bytes of UTF-8 without control characters, unique among the transformations of the manager and the built-in ones.
/// `transform_fn`: the transformation.
/// `user_data`: passed to `transform_fn`.
/// `destroy`: called with `user_data` when the manager no longer needs it: after expmig_transformation_unregister or expmig_manager_free,
/// or if this call fails; NULL for none.
///
/// Returns EXPMIG_ALREADY_EXISTS, EXPMIG_MISUSE, EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_transformation_register(
    manager: *const expmig_manager,
    name: *const c_char,
    transform_fn: expmig_transform_fn,
    user_data: *mut c_void,
    destroy: expmig_destroy_fn,
    error: *mut *mut expmig_error,
) -> expmig_status {
    let domain = Domain::Transformation;
    // SAFETY: the caller passes what the header says; so in every function below.
    unsafe {
        guard(error, domain, || {
            // From here on the user data is destroyed whatever happens.
            let destroy = Destroy(destroy, UserData(user_data));
            let shared = Arc::clone(&opened(manager, "manager", domain)?.0);
            let name = text(name, "name", domain)?;
            let Some(transform_fn) = transform_fn else {
                return Err(Error::argument(domain, "transform_fn", "transform_fn is NULL"));
            };
            let transform = move |metric: &Metric, params: &str| {
                // SAFETY: the caller gave a function of this type, and the user data for it.
                call(transform_fn, destroy.1.get(), metric, params)
            };
            let entered = shared.database.enter(domain)?;
            shared.manager(&entered).register_transformation(name, Box::new(transform))
        })
    }
}

/// Unregisters a transformation.
///
/// Returns EXPMIG_NOT_FOUND (the hint names the transformations that there are), EXPMIG_MISUSE, EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_transformation_unregister(
    manager: *const expmig_manager,
    name: *const c_char,
    error: *mut *mut expmig_error,
) -> expmig_status {
    let domain = Domain::Transformation;
    unsafe {
        guard(error, domain, || {
            let shared = Arc::clone(&opened(manager, "manager", domain)?.0);
            let name = text(name, "name", domain)?;
            let entered = shared.database.enter(domain)?;
            shared.manager(&entered).unregister_transformation(name)
        })
    }
}

/// The context of the callback that is running.
///
/// # Safety
/// `context` is NULL or that of the callback that is running.
unsafe fn running<'c>(context: *mut expmig_transform_context) -> Result<&'c mut expmig_transform_context> {
    // SAFETY: as the caller promises; nobody else has it meanwhile.
    let context = unsafe { context.as_mut() };
    context.ok_or_else(|| Error::argument(Domain::Transformation, "context", "context is NULL"))
}

/// Sets the total of the metric. If it equals the old one, the metric counts as unchanged.
///
/// `total_val`: any number but NaN, which the database cannot hold.
///
/// Returns EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_transform_set_total(
    context: *mut expmig_transform_context,
    total_val: f64,
    error: *mut *mut expmig_error,
) -> expmig_status {
    unsafe {
        guard(error, Domain::Transformation, || {
            let context = running(context)?;
            if total_val.is_nan() {
                return Err(Error::argument(Domain::Transformation, "total_val", "total_val is not a number")
                    .hint("use expmig_transform_fail if there is no total"));
            }
            context.total = Some(Value::Real(total_val));
            Ok(())
        })
    }
}

/// Sets the per-label values of the metric. With validate_after_transform the library checks afterwards whether they are valid.
///
/// `per_label_json`: a JSON object of labels and numbers, UTF-8; NULL for none. Copied, and stored as it is.
///
/// Returns EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_transform_set_per_label(
    context: *mut expmig_transform_context,
    per_label_json: *const c_char,
    error: *mut *mut expmig_error,
) -> expmig_status {
    unsafe {
        guard(error, Domain::Transformation, || {
            let context = running(context)?;
            let labels = optional_text(per_label_json, "per_label_json", Domain::Transformation)?;
            context.labels = Some(labels.map_or(Value::Null, |text| Value::Text(text.into())));
            Ok(())
        })
    }
}

/// Leaves the metric unchanged and counts it as skipped, whatever was set before.
///
/// `reason`: one line, UTF-8. Copied.
///
/// Returns EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_transform_skip(
    context: *mut expmig_transform_context,
    reason: *const c_char,
    error: *mut *mut expmig_error,
) -> expmig_status {
    unsafe {
        guard(error, Domain::Transformation, || {
            let context = running(context)?;
            context.ended = Some(Outcome::Skipped(text(reason, "reason", Domain::Transformation)?.to_owned()));
            Ok(())
        })
    }
}

/// Marks the metric as failed; with rollback_on_error the whole transformation fails.
///
/// `message`: why, one line, UTF-8. Copied.
///
/// Returns EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_transform_fail(
    context: *mut expmig_transform_context,
    message: *const c_char,
    error: *mut *mut expmig_error,
) -> expmig_status {
    unsafe {
        guard(error, Domain::Transformation, || {
            let context = running(context)?;
            context.ended = Some(Outcome::Failed(text(message, "message", Domain::Transformation)?.to_owned()));
            Ok(())
        })
    }
}
