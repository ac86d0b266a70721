//! Addresses of any kind are opened or refused; opening makes no file.
#![no_main]

mod common;

use common::{Place, accept};
use expmig::{Database, OpenOptions};
use libfuzzer_sys::fuzz_target;

thread_local! {
    static PLACE: Place = {
        let place = Place::new();
        std::env::set_current_dir(place.folder.path()).expect("its folder");
        place
    };
}

fuzz_target!(|url: &str| {
    // Nothing outside of the folder is any business of this.
    if url.starts_with('/') || url.starts_with("sqlite:/") || url.contains("..") {
        return;
    }
    PLACE.with(|place| {
        let options = OpenOptions { read_only: true, ..OpenOptions::default() };
        if let Err(error) = Database::open(url, options) {
            accept(&error);
        }
        let files = std::fs::read_dir(place.folder.path()).expect("its folder").count();
        assert_eq!(files, 1, "{url:?}");
    });
});
