//! Whatever stands in a file of an offline run of W&B: an account whose sums agree, or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| expmig::fuzzing::reads("wandb", "run-1.wandb", bytes));
