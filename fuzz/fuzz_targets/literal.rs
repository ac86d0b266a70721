//! Text of any kind is converted from a Python literal to JSON, or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| expmig::fuzzing::python_literal(text));
