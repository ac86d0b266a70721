//! Manifests of any kind beside a snapshot's file: each is listed as a snapshot or as a broken one, and never restored unseen.
#![no_main]

mod common;

use common::{Place, accept};
use expmig::{Database, JobOptions, Manager, ManagerOptions, OpenOptions};
use libfuzzer_sys::fuzz_target;

const ID: &str = "20240101_000000";

thread_local! {
    static PLACE: (Place, Manager) = {
        let place = Place::new();
        let snapshots = place.folder.path().join("snapshots");
        std::fs::create_dir(&snapshots).expect("a folder");
        std::fs::write(snapshots.join(format!("{ID}.db")), "not a database").expect("a file");
        let path = place.folder.path().join("a.db");
        let database = Database::open(path.to_str().expect("UTF-8"), OpenOptions::default()).expect("a database");
        let options = ManagerOptions { snapshot_dir: Some(snapshots), ..ManagerOptions::default() };
        (place, Manager::new(database, options))
    };
}

fuzz_target!(|manifest: &[u8]| {
    PLACE.with(|(place, manager)| {
        std::fs::write(place.folder.path().join(format!("snapshots/{ID}.json")), manifest).expect("a file");
        let list = manager.list_snapshots(None, None).expect("a list");
        assert_eq!(list.snapshots.len() + list.broken.len(), 1);
        list.broken.iter().for_each(|broken| accept(&broken.error));
        match manager.snapshot_details(ID) {
            Ok(snapshot) => assert_eq!((snapshot.id.as_str(), list.snapshots.len()), (ID, 1)),
            Err(error) => accept(&error),
        }
        let error = manager.verify_snapshot(ID, JobOptions::default()).expect_err("its file is no database");
        accept(&error);
    });
});
