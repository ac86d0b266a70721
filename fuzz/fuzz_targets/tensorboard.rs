//! Whatever stands in an event file of TensorBoard: an account whose sums agree, or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| expmig::fuzzing::reads("tensorboard", "events.out.tfevents.1.host", bytes));
