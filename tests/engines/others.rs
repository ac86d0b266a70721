//! What is somebody else's: tables that refer to ours, triggers, and what a schema does beside what it is told.

use expmig::{JobOptions, RestoreOptions, SnapshotOptions, Status};

use super::support::{Folder, details};
use super::{Engine, Place, digest};

/// The options of a restore without a safety snapshot.
fn alone() -> RestoreOptions {
    RestoreOptions { no_safety_snapshot: true, ..RestoreOptions::default() }
}

fn snapshot(place: &Place) -> String {
    place.open().create_snapshot("", SnapshotOptions::default()).unwrap_or_else(|error| panic!("{}", error.to_json()))
}

/// Tables of others, which refer to experiments in every way that a server knows.
const NOTES: &str = "CREATE TABLE NOTE_CASCADE (id INT PRIMARY KEY, e BIGINT, FOREIGN KEY (e) REFERENCES EXPERIMENT(id) ON DELETE CASCADE ON UPDATE CASCADE);
    CREATE TABLE NOTE_NULL (id INT PRIMARY KEY, e BIGINT, FOREIGN KEY (e) REFERENCES EXPERIMENT(id) ON DELETE SET NULL);
    CREATE TABLE NOTE_RESTRICT (id INT PRIMARY KEY, e BIGINT, FOREIGN KEY (e) REFERENCES EXPERIMENT(id));
    INSERT INTO NOTE_CASCADE VALUES (1, 1), (2, 2);
    INSERT INTO NOTE_NULL VALUES (1, 1), (2, NULL);
    INSERT INTO NOTE_RESTRICT VALUES (7, 2)";

pub fn a_restore_leaves_the_tables_of_others_as_they_are(engine: Engine) {
    // A snapshot of a file has them, too.
    let Engine::Server(kind) = engine else { return };
    let folder = Folder::new();
    let place = engine.small(&folder, "a");
    place.execute(NOTES);
    // From another schema, too.
    let elsewhere = kind.shared().unwrap().schema();
    place.execute(&format!(
        "CREATE TABLE {elsewhere}.NOTE (id INT PRIMARY KEY, e BIGINT, FOREIGN KEY (e) REFERENCES {}.EXPERIMENT(id) ON DELETE CASCADE);
         INSERT INTO {elsewhere}.NOTE VALUES (1, 1)",
        place.schema()
    ));
    let before = place.dump();
    let id = snapshot(&place);
    place.execute("UPDATE EXPERIMENT SET title = 'changed';\nDELETE FROM RESULTS_METRIC");
    let done = place.open().restore_snapshot(&id, alone()).unwrap_or_else(|error| panic!("{}", error.to_json()));
    assert_eq!(place.dump(), before);
    assert_eq!(place.cell(&format!("SELECT count(*) FROM {elsewhere}.NOTE")), "Integer(1)");
    assert!(done.warnings.is_empty(), "{:?}", done.warnings);

    // A row that the snapshot does not have, and that somebody refers to.
    place.execute("INSERT INTO EXPERIMENT VALUES (9, 'later', NULL, '2023-12-03T10:00:00', '2023-12-03T10:00:00')");
    for (table, named) in [
        ("NOTE_CASCADE", "NOTE_CASCADE".to_owned()),
        ("NOTE_NULL", "NOTE_NULL".to_owned()),
        ("NOTE_RESTRICT", "NOTE_RESTRICT".to_owned()),
        (&format!("{elsewhere}.NOTE"), format!("{elsewhere}.NOTE")),
    ] {
        place.execute(&format!("INSERT INTO {table} VALUES (90, 9)"));
        let before = place.dump();
        let error = place.open().restore_snapshot(&id, alone()).unwrap_err();
        assert_eq!(error.status(), Status::Constraint, "{}", error.to_json());
        assert_eq!(details(&error, "table"), [named.as_str()], "{}", error.to_json());
        assert_eq!(details(&error, "row"), ["id=90"], "{}", error.to_json());
        assert_eq!(details(&error, "refers_to"), ["EXPERIMENT (id=9)"], "{}", error.to_json());
        assert_eq!(place.dump(), before);
        place.execute(&format!("DELETE FROM {table} WHERE id = 90"));
    }
    // What led nowhere before may go on to.
    place.execute("SET foreign_key_checks = 0;\nINSERT INTO NOTE_CASCADE VALUES (91, 77)");
    let manager = place.open();
    manager.restore_snapshot(&id, alone()).unwrap_or_else(|error| panic!("{}", error.to_json()));
    assert_eq!(place.cell("SELECT count(*) FROM NOTE_CASCADE WHERE e = 77"), "Integer(1)");
    // The handle's next call has its foreign keys again.
    digest(&manager, 1);
    let error = manager.restore_snapshot("nothing", alone()).unwrap_err();
    assert_eq!(error.status(), Status::NotFound);
}

pub fn a_restore_is_read_back_whatever_triggers_do(engine: Engine) {
    let Engine::Server(_) = engine else { return };
    let folder = Folder::new();
    let place = engine.small(&folder, "a");
    place.execute("CREATE TABLE SEEN (id BIGINT, x INT)");
    let id = snapshot(&place);
    for trigger in [
        "BEFORE INSERT ON METRIC FOR EACH ROW SET NEW.total_val = NEW.total_val + 1",
        "AFTER INSERT ON BATCH_METRIC FOR EACH ROW DELETE FROM RESULTS_METRIC WHERE results_id >= 0",
        "AFTER INSERT ON BATCH_METRIC FOR EACH ROW INSERT INTO ARTIFACT (type, loc) VALUES ('x', 'y')",
        "AFTER INSERT ON RESULTS FOR EACH ROW UPDATE EXPERIMENT SET update_time = '2024-01-01T00:00:00' WHERE id = 1",
    ] {
        place.execute(&format!("CREATE TRIGGER meddles {trigger}"));
        let before = place.dump();
        let error = place.open().restore_snapshot(&id, alone()).map(|done| done.to_json()).unwrap_err();
        assert_eq!(error.status(), Status::Mismatch, "{trigger}: {}", error.to_json());
        assert_eq!(place.dump(), before, "{trigger}");
        place.execute("DROP TRIGGER meddles");
    }
    // One that leaves our tables alone is somebody's own affair.
    place.execute("CREATE TRIGGER looks AFTER INSERT ON TRIAL FOR EACH ROW INSERT INTO SEEN VALUES (NEW.id, 1)");
    place.open().restore_snapshot(&id, alone()).unwrap_or_else(|error| panic!("{}", error.to_json()));
    place.open().verify_snapshot(&id, JobOptions::default()).unwrap();
}

pub fn a_restore_without_the_right_to_see_who_refers_says_so(engine: Engine) {
    let Engine::Server(kind) = engine else { return };
    let folder = Folder::new();
    let place = engine.small(&folder, "a");
    let server = kind.shared().unwrap();
    let elsewhere = server.schema();
    let (ours, user) = (place.schema(), format!("u{}", place.schema()));
    place.execute(&format!(
        "CREATE USER {user} IDENTIFIED BY 'p';\nGRANT ALL ON {ours}.* TO {user};
         CREATE TABLE {elsewhere}.NOTE (id INT PRIMARY KEY, e BIGINT, FOREIGN KEY (e) REFERENCES {ours}.EXPERIMENT(id) ON DELETE CASCADE);
         INSERT INTO {elsewhere}.NOTE VALUES (1, 1)"
    ));
    let limited = Place { engine, url: server.url_as(&user, "p", ours), snapshots: place.snapshots.clone() };
    let id = snapshot(&limited);
    let done = limited.open().restore_snapshot(&id, alone()).unwrap_or_else(|error| panic!("{}", error.to_json()));
    assert!(done.warnings.iter().any(|warning| warning.contains("PROCESS")), "{:?}", done.warnings);
    assert_eq!(place.cell(&format!("SELECT count(*) FROM {elsewhere}.NOTE")), "Integer(1)");
    // Who may ask is told that there is a table that it may not read.
    place.execute(&format!("GRANT PROCESS ON *.* TO {user}"));
    let error = limited.open().restore_snapshot(&id, alone()).map(|done| done.to_json()).unwrap_err();
    assert_eq!(error.status(), Status::Auth, "{}", error.to_json());
    assert_eq!(details(&error, "table"), [format!("{elsewhere}.NOTE")]);
    place.execute(&format!("GRANT SELECT ON {elsewhere}.NOTE TO {user}"));
    let done = limited.open().restore_snapshot(&id, alone()).unwrap_or_else(|error| panic!("{}", error.to_json()));
    assert!(done.warnings.is_empty(), "{:?}", done.warnings);
}
