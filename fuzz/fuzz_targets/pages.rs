//! A database file is damaged in many places: a walk through its pages never finds sound what SQLite finds damaged.
#![no_main]

use libfuzzer_sys::fuzz_target;

thread_local! {
    static PLACE: (tempfile::TempDir, Vec<u8>) = {
        let folder = tempfile::tempdir().expect("a folder");
        let whole = expmig::fuzzing::whole(&folder.path().join("whole.db"));
        (folder, whole)
    };
}

fuzz_target!(|damage: &[u8]| {
    PLACE.with(|(folder, whole)| {
        expmig::fuzzing::pages(&folder.path().join("damaged.db"), whole, damage);
    });
});
