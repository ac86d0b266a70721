//! Addresses of any kind are opened or refused; opening makes no file.
#![no_main]

mod common;

use std::sync::Arc;

use common::{Place, accept};
use expmig::{Database, Domain, Error, OpenOptions, Password, Status};
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
        // Asked for when the address was understood and before anybody is called: no server is ever dialled.
        let password = Password::Ask(Arc::new(|| Err(Error::new(Status::Auth, Domain::Database, "no password"))));
        let options = OpenOptions { read_only: true, password: Some(password), ..OpenOptions::default() };
        if let Err(error) = Database::open(&url, options) {
            accept(&error);
        }
        let files = std::fs::read_dir(folder).expect("its folder").count();
        assert_eq!(files, 1, "{url:?}");
    });
});
