//! Another Rust library in the same program, with a runtime and panics of its own.

/// 1 if a panic was caught.
#[unsafe(no_mangle)]
pub extern "C" fn other_catches_a_panic() -> i32 {
    std::panic::set_hook(Box::new(|_| {}));
    i32::from(std::panic::catch_unwind(|| panic!("of the other library")).is_err())
}
