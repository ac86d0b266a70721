//! Addresses of any kind are opened or refused; opening makes no file.
#![no_main]

mod common;

use common::{Place, accept};
use expmig::{Database, OpenOptions};
use libfuzzer_sys::fuzz_target;

thread_local! {
    static PLACE: Place = Place::new();
}

fuzz_target!(|url: &str| {
    PLACE.with(|place| {
        // Nothing outside of the folder is any business of this.
        if url.contains("..") {
            return;
        }
        let folder = place.folder.path().to_str().expect("UTF-8");
        let url = match url.strip_prefix("sqlite:") {
            Some(path) => format!("sqlite:{folder}/{path}"),
            None if url.starts_with("mysql:") || url.starts_with("mariadb:") => url.to_owned(),
            None => format!("{folder}/{url}"),
        };
        let options = OpenOptions { read_only: true, ..OpenOptions::default() };
        if let Err(error) = Database::open(&url, options) {
            accept(&error);
        }
        let files = std::fs::read_dir(folder).expect("its folder").count();
        assert_eq!(files, 1, "{url:?}");
    });
});
