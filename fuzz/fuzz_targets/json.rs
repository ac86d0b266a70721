//! Text of any kind is JSON here where it is for serde_json, but for what the lexer says to refuse.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| expmig::fuzzing::json(text));
