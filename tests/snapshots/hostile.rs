//! Snapshots that were damaged, altered, forged or led astray; folders that cannot be used.

use crate::support;
use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::support::child;
use crate::support::database::{Journal, assert_same, open, small};
use crate::support::snapshot::*;
use expmig::{Database, Domain, Manager, ManagerOptions, OpenOptions, RestoreOptions, SnapshotOptions, Status};
use serde_json::{Value, json};

/// The body of every child process; as a test of its own it does nothing.
#[test]
fn child_process() {
    if let Some((_, input)) = child::role() {
        run_child(&input);
    }
}

/// One good snapshot, one to be damaged, and a database that has changed since.
struct Victim {
    place: Place,
    manager: Manager,
    good: String,
    id: String,
    database: Vec<u8>,
}

impl Victim {
    fn new() -> Victim {
        let place = Place::new(small, Journal::Rollback);
        let manager = place.manager();
        let (good, id) = (create(&manager, "good"), create(&manager, "victim"));
        change(&place.database());
        let database = fs::read(place.database()).unwrap();
        Victim { place, manager, good, id, database }
    }

    /// Verifying and restoring fail with this status, listing shows the other, and the database is untouched.
    fn is_refused(&self, status: Status, what: &str) {
        for error in [verify(&self.manager, &self.id).unwrap_err(), restore(&self.manager, &self.id).unwrap_err()] {
            assert_eq!((error.status(), error.domain()), (status, Domain::Snapshot), "{what}: {}", error.to_json());
            assert_eq!(detail(&error, "snapshot_id"), self.id, "{what}");
            assert!(detail(&error, "path").contains(&self.id) && error.hint_text().is_some(), "{what}");
        }
        let forced = RestoreOptions { force: true, no_safety_snapshot: true, ..RestoreOptions::default() };
        assert!(self.manager.restore_snapshot(&self.id, forced).is_err(), "{what}: force is for another database only");
        assert!(fs::read(self.place.database()).unwrap() == self.database, "{what}: the database was touched");
        assert!(ids(&self.manager).contains(&self.good), "{what}: the other snapshot is hidden");
    }

    /// As above, and the list says that it is broken.
    fn is_broken(&self, status: Status, what: &str) {
        self.is_refused(status, what);
        assert_eq!(self.manager.snapshot_details(&self.id).unwrap_err().status(), status, "{what}");
        assert_eq!(ids(&self.manager), std::slice::from_ref(&self.good), "{what}");
        assert_eq!(broken(&self.manager), [(self.id.clone(), status.name())], "{what}");
    }

    /// The manifest with one thing changed.
    fn write_manifest(&self, change: impl FnOnce(&mut Value)) {
        let path = self.place.manifest(&self.id);
        let mut manifest = serde_json::from_slice(&fs::read(self.place.manifest(&self.good)).unwrap()).unwrap();
        // That of the good one, made out to be this one's: the files are equal.
        if let Value::Object(fields) = &mut manifest {
            fields.insert("id".to_owned(), json!(self.id));
        }
        change(&mut manifest);
        fs::write(path, manifest.to_string()).unwrap();
    }

    /// Replaces the file, and makes the manifest agree.
    fn forge(&self, content: &[u8]) {
        fs::write(self.place.file(&self.id), content).unwrap();
        self.write_manifest(|manifest| {
            manifest["size"] = json!(content.len());
            manifest["blake3"] = json!(blake3::hash(content).to_hex().as_str());
        });
    }
}

#[test]
fn a_flip_of_any_byte_is_found_before_the_database_is_touched() {
    let victim = Victim::new();
    let path = victim.place.file(&victim.id);
    let whole = fs::read(&path).unwrap();
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    let first = (0..100).chain(whole.len() - 20..whole.len());
    let spread = (1..=380).map(|n| n * (whole.len() / 381));
    let mut positions = 0;
    for at in first.chain(spread) {
        let bit = 1u8 << (at % 8);
        file.write_all_at(&[whole[at] ^ bit], at as u64).unwrap();
        victim.is_refused(Status::Corrupt, &format!("bit {bit} of byte {at}"));
        file.write_all_at(&[whole[at]], at as u64).unwrap();
        positions += 1;
    }
    assert_eq!(positions, 500);
    verify(&victim.manager, &victim.id).unwrap();
}

#[test]
fn every_truncation_and_every_addition_is_found() {
    let victim = Victim::new();
    let path = victim.place.file(&victim.id);
    let whole = fs::read(&path).unwrap();
    let length = whole.len();
    for size in [0, 1, 15, 16, 99, 100, 511, 512, 4095, 4096, 4097, length / 2, length - 4096, length - 1] {
        fs::write(&path, &whole[..size]).unwrap();
        victim.is_broken(Status::Corrupt, &format!("{size} bytes"));
    }
    for more in [1, 4096] {
        let mut longer = whole.clone();
        longer.resize(length + more, 0);
        fs::write(&path, longer).unwrap();
        victim.is_broken(Status::Corrupt, &format!("{more} more bytes"));
    }
    fs::write(&path, &whole).unwrap();
    verify(&victim.manager, &victim.id).unwrap();
}

#[test]
fn a_missing_file_breaks_one_snapshot_and_hides_none() {
    let victim = Victim::new();
    let (file, manifest) = (victim.place.file(&victim.id), victim.place.manifest(&victim.id));
    let kept = fs::read(&manifest).unwrap();
    fs::remove_file(&manifest).unwrap();
    victim.is_broken(Status::Corrupt, "no manifest");
    fs::write(&manifest, kept).unwrap();
    fs::remove_file(&file).unwrap();
    victim.is_broken(Status::Corrupt, "no file");
    victim.manager.delete_snapshot(&victim.id).unwrap();
    assert_eq!(victim.place.names(), files_of(&[&victim.good]));
}

#[test]
fn a_manifest_that_is_cut_off_anywhere_is_refused() {
    let victim = Victim::new();
    let path = victim.place.manifest(&victim.id);
    let text = fs::read_to_string(&path).unwrap();
    let end = text.trim_end().len();
    for size in (0..end).step_by(7) {
        fs::write(&path, &text[..size]).unwrap();
        victim.is_broken(Status::Corrupt, &format!("{size} bytes of the manifest"));
    }
}

#[test]
fn a_manifest_of_a_newer_format_is_unsupported() {
    let victim = Victim::new();
    for newer in ["expmig.snapshot-manifest/2", "expmig.snapshot-manifest/18446744073709551615"] {
        victim.write_manifest(|manifest| manifest["schema"] = json!(newer));
        victim.is_broken(Status::Unsupported, newer);
    }
    // Whatever else a newer format has.
    fs::write(victim.place.manifest(&victim.id), r#"{"schema": "expmig.snapshot-manifest/3", "id": 7}"#).unwrap();
    victim.is_broken(Status::Unsupported, "another shape");
}

#[test]
fn a_manifest_that_lies_is_refused() {
    let victim = Victim::new();
    victim.write_manifest(|_| {});
    verify(&victim.manager, &victim.id).unwrap();
    let lies: [(&str, Value); 31] = [
        ("id", json!(victim.good)),
        ("id", json!("")),
        ("id", json!("../experiments")),
        ("id", json!(null)),
        ("size", json!(0)),
        ("size", json!(-1)),
        ("size", json!(1.5)),
        ("size", json!(u64::MAX)),
        ("size", json!("1")),
        ("blake3", json!("00")),
        ("blake3", json!("g".repeat(64))),
        ("blake3", json!(null)),
        ("schema", json!("expmig.snapshot-manifest/")),
        ("schema", json!("expmig.snapshot-manifest/0")),
        ("schema", json!("expmig.snapshot-manifest/-1")),
        ("schema", json!("another/1")),
        ("schema", json!(1)),
        ("created_at", json!("")),
        ("created_at", json!("2023-12-01T10:00:00")),
        ("created_at", json!("2023-02-30T10:00:00.000000Z")),
        ("created_at", json!(7)),
        ("description", json!("x".repeat(64 * 1024 + 1))),
        ("description", json!(null)),
        ("metadata", json!([])),
        ("metadata", json!(null)),
        ("metadata", json!("{}")),
        ("statistics", json!({})),
        ("statistics", json!({"tables": {"METRIC": -1}, "rows": 0})),
        ("database", json!(null)),
        (
            "database",
            json!({"engine": "sqlite", "file_name": "experiments.db", "file": null, "experiments": [{"id": "1"}]}),
        ),
        (
            "database",
            json!({"engine": "sqlite", "file_name": "experiments.db", "file": null,
                   "experiments": vec![json!({"id": 1, "fingerprint": ""}); 33]}),
        ),
    ];
    for (field, lie) in lies {
        let what = format!("{field} = {lie}").chars().take(100).collect::<String>();
        victim.write_manifest(|manifest| manifest[field] = lie);
        victim.is_broken(Status::Corrupt, &what);
    }
    for field in ["schema", "id", "created_at", "description", "metadata", "statistics", "database", "size", "blake3"] {
        victim.write_manifest(|manifest| {
            manifest.as_object_mut().unwrap().remove(field).unwrap();
        });
        victim.is_broken(Status::Corrupt, &format!("no {field}"));
    }
    // Only reading the file shows these.
    for (field, lie) in [("blake3", json!("0".repeat(64))), ("statistics", json!({"tables": {"METRIC": 1}, "rows": 1}))]
    {
        victim.write_manifest(|manifest| manifest[field] = lie);
        victim.is_refused(Status::Corrupt, field);
    }
    // Fields that this version does not know are nobody's concern.
    victim.write_manifest(|manifest| manifest["later"] = json!({"a": [1]}));
    verify(&victim.manager, &victim.id).unwrap();
}

#[test]
fn text_that_is_no_manifest_is_refused_whatever_it_is() {
    let victim = Victim::new();
    let path = victim.place.manifest(&victim.id);
    let good = fs::read_to_string(&path).unwrap();
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep = good.replacen("\"metadata\": {}", &format!("\"metadata\": {{\"a\": {nested}}}"), 1);
    assert_ne!(deep, good);
    let twice = good.replacen('{', &format!("{{ \"id\": \"{}\",", victim.id), 1);
    let large = good.replacen('{', &format!("{{{}", " ".repeat(4 * 1024 * 1024)), 1);
    let texts: [&[u8]; 9] = [
        b"null",
        b"[]",
        b"\xff\xfe",
        b"{\"schema\": \"\xff\"}",
        nested.as_bytes(),
        deep.as_bytes(),
        twice.as_bytes(),
        large.as_bytes(),
        &[0; 4096],
    ];
    for (number, text) in texts.iter().enumerate() {
        fs::write(&path, text).unwrap();
        victim.is_broken(Status::Corrupt, &format!("text {number}"));
    }
}

#[test]
fn a_forged_snapshot_whose_checksum_is_right_is_checked_all_the_same() {
    let victim = Victim::new();
    let whole = fs::read(victim.place.file(&victim.id)).unwrap();
    victim.forge(b"this is no database at all");
    victim.is_refused(Status::Corrupt, "no database");
    victim.forge(&[]);
    assert!(restore(&victim.manager, &victim.id).is_err() && verify(&victim.manager, &victim.id).is_err());
    for page in 1..whole.len() / 4096 {
        let mut damaged = whole.clone();
        damaged[page * 4096] ^= 0x0f;
        damaged[page * 4096 + 3] ^= 0xff;
        victim.forge(&damaged);
        victim.is_refused(Status::Corrupt, &format!("page {}", page + 1));
    }
    victim.forge(&whole);
    verify(&victim.manager, &victim.id).unwrap();
}

#[test]
fn an_index_that_disagrees_with_its_table_is_found_by_verifying() {
    let victim = Victim::new();
    let copy = victim.place.path("copy.db");
    fs::copy(victim.place.file(&victim.id), &copy).unwrap();
    let connection = open(&copy);
    connection
        .execute_batch(
            "CREATE INDEX by_type ON METRIC (type); PRAGMA writable_schema = ON;
             UPDATE sqlite_schema SET sql = 'CREATE INDEX by_type ON METRIC (total_val)' WHERE name = 'by_type'",
        )
        .unwrap();
    drop(connection);
    victim.forge(&fs::read(&copy).unwrap());
    let error = verify(&victim.manager, &victim.id).unwrap_err();
    assert_eq!(error.status(), Status::Corrupt);
    assert!(detail(error.cause().unwrap(), "problem").contains("by_type"), "{}", error.to_json());
}

#[test]
fn links_are_refused_and_a_linked_folder_is_fine() {
    let victim = Victim::new();
    for path in [victim.place.file(&victim.id), victim.place.manifest(&victim.id)] {
        let elsewhere = victim.place.path("elsewhere");
        fs::rename(&path, &elsewhere).unwrap();
        symlink(&elsewhere, &path).unwrap();
        victim.is_broken(Status::Corrupt, "a link to the right content");
        fs::remove_file(&path).unwrap();
        symlink(victim.place.path("nothing"), &path).unwrap();
        victim.is_broken(Status::Corrupt, "a link to nothing");
        fs::remove_file(&path).unwrap();
        symlink(&path, &path).unwrap();
        victim.is_broken(Status::Corrupt, "a link to itself");
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        victim.is_broken(Status::Corrupt, "a folder");
        fs::remove_dir(&path).unwrap();
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        victim.is_broken(Status::Corrupt, "a pipe");
        fs::remove_file(&path).unwrap();
        fs::rename(&elsewhere, &path).unwrap();
    }
    verify(&victim.manager, &victim.id).unwrap();
    // Deleting a link deletes the link.
    let (elsewhere, path) = (victim.place.path("elsewhere"), victim.place.file(&victim.id));
    fs::rename(&path, &elsewhere).unwrap();
    symlink(&elsewhere, &path).unwrap();
    victim.manager.delete_snapshot(&victim.id).unwrap();
    assert!(elsewhere.exists() && fs::symlink_metadata(&path).is_err());

    let link = victim.place.path("link");
    symlink(victim.place.folder(), &link).unwrap();
    let manager = manager(&victim.place.database(), &link, OpenOptions::default());
    let id = create(&manager, "through a link");
    restore(&manager, &id).unwrap();
    assert!(victim.place.file(&id).exists());
}

#[test]
fn a_journal_or_a_log_beside_a_snapshot_has_no_effect() {
    let victim = Victim::new();
    let other = victim.place.path("other.db");
    small(&other, Journal::Wal);
    let connection = open(&other);
    connection.execute_batch("PRAGMA wal_autocheckpoint = 0; DELETE FROM METRIC; DELETE FROM TRIAL").unwrap();
    let beside = |suffix: &str| format!("{}{suffix}", victim.place.file(&victim.id).display());
    fs::copy(format!("{}-wal", other.display()), beside("-wal")).unwrap();
    fs::write(beside("-journal"), [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7, 0, 0, 0, 1]).unwrap();
    verify(&victim.manager, &victim.id).unwrap();
    let before = victim.place.dump();
    restore(&victim.manager, &victim.id).unwrap();
    restore(&victim.manager, &victim.good).unwrap();
    let good = support::database::dump(&victim.place.file(&victim.good));
    assert_same(&victim.place.dump(), &restored(&good, &before), "restored");
}

#[test]
fn a_damaged_database_gives_no_snapshot_and_can_be_restored() {
    let place = Place::new(small, Journal::Rollback);
    let before = place.dump();
    let manager = place.manager();
    let id = create(&manager, "");
    let file = fs::OpenOptions::new().write(true).open(place.database()).unwrap();
    let root: i64 = open(&place.database())
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'METRIC'", [], |row| row.get(0))
        .unwrap();
    file.write_all_at(&[0xff; 64], (root as u64 - 1) * 4096).unwrap();
    drop((file, manager));
    let (names, manager) = (place.names(), place.manager());
    let error = manager.create_snapshot("", SnapshotOptions::default()).unwrap_err();
    assert_eq!(error.status(), Status::Corrupt, "{}", error.to_json());
    let error = restore(&manager, &id).unwrap_err();
    assert_eq!(error.status(), Status::Corrupt);
    assert_eq!(error.cause().unwrap().status(), Status::Corrupt);
    assert!(error.hint_text().unwrap().contains("NO_SAFETY_SNAPSHOT"));
    assert_eq!(place.names(), names);
    restore_alone(&manager, &id).unwrap();
    assert_same(&place.dump(), &before, "restored");
}

#[test]
fn values_that_break_a_rule_of_their_column_are_no_damage() {
    let place = Place::new(small, Journal::Rollback);
    open(&place.database())
        .execute_batch(
            "CREATE TABLE odd (a, b, c, d); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
             INSERT INTO odd SELECT NULL, 'x', '7', 8.5 FROM n; PRAGMA writable_schema = ON;
             UPDATE sqlite_schema SET sql = 'CREATE TABLE odd (a NOT NULL, b CHECK (b <> ''x''), c NUMERIC, d TEXT)' WHERE name = 'odd'",
        )
        .unwrap();
    let manager = place.manager();
    let id = create(&manager, "");
    verify(&manager, &id).unwrap();
    restore(&manager, &id).unwrap();
    assert_eq!(support::database::count(&place.database(), "odd"), 200);
}

#[test]
fn a_folder_that_is_none_is_an_error_that_names_it() {
    let place = Place::new(small, Journal::Rollback);
    fs::write(place.folder(), "a file").unwrap();
    let manager = place.manager();
    for error in [
        manager.create_snapshot("", SnapshotOptions::default()).unwrap_err(),
        manager.list_snapshots(None, None).unwrap_err(),
        manager.cleanup_snapshots(0).unwrap_err(),
        manager.snapshot_details("x").unwrap_err(),
    ] {
        assert_eq!((error.status(), error.domain()), (Status::Io, Domain::Snapshot), "{}", error.to_json());
        assert!(detail(&error, "path").starts_with(place.folder().to_str().unwrap()));
    }
    let database = Database::open(place.database().to_str().unwrap(), OpenOptions::default()).unwrap();
    let empty = ManagerOptions { snapshot_dir: Some("".into()), ..ManagerOptions::default() };
    let error = Manager::new(database, empty).list_snapshots(None, None).unwrap_err();
    assert_eq!((error.status(), detail(&error, "parameter")), (Status::InvalidArgument, "snapshot_dir"));
}

/// Runs a call in a process of a user who is not root and owns nothing here; its error, or its id.
fn as_somebody(place: &Place, act: &str, id: &str) -> Result<String, Value> {
    const NOBODY: u32 = 65_534;
    let command = command(place, act, id);
    // The test program itself may stand where that user cannot look.
    let program = place.path("program");
    if !program.exists() {
        fs::copy(command.get_program(), &program).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut somebody = Command::new(program);
    somebody.args(command.get_args());
    somebody.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if rustix::process::geteuid().is_root() {
        somebody.uid(NOBODY).gid(NOBODY);
    }
    let output = somebody.current_dir("/").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let said = text.lines().find_map(child::heard);
    let said = said.unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)));
    match said.get("error") {
        Some(error) => Err(error.clone()),
        None => Ok(said["id"].as_str().unwrap().to_owned()),
    }
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn permissions_of_others_are_errors_that_name_the_path_and_leave_nothing() {
    let place = Place::new(small, Journal::Rollback);
    let id = create(&place.manager(), "");
    let before = place.dump();
    mode(place.0.path(), 0o755);
    mode(&place.folder(), 0o555);
    mode(&place.database(), 0o444);
    let names = place.names();
    let refused = |act: &str, path: &Path| {
        let error = as_somebody(&place, act, &id).unwrap_err();
        assert_eq!(error["status"], "IO", "{act}: {error}");
        assert!(error["hint"].as_str().unwrap().contains("permission"), "{act}: {error}");
        assert!(error["details"].to_string().contains(path.to_str().unwrap()), "{act}: {error}");
        assert_eq!(place.names(), names, "{act}");
        assert_same(&place.dump(), &before, act);
    };
    // Nobody else may even read a snapshot.
    let only_ours = rustix::process::geteuid().is_root();
    if only_ours {
        refused("restore", &place.manifest(&id));
    }
    refused("create", &place.folder());
    refused("delete", &place.folder());
    for path in [place.manifest(&id), place.file(&id)] {
        mode(&path, 0o000);
        refused("restore", &path);
        mode(&path, 0o444);
    }
    // A database that can only be read cannot be restored, but be saved.
    mode(&place.folder(), 0o777);
    refused("restore", &place.database());
    let made = as_somebody(&place, "create", "").unwrap();
    assert!(place.names().contains(&format!("{made}.json")));
    // The folder that shall be created.
    let moved = place.path("away");
    fs::rename(place.folder(), moved).unwrap();
    mode(place.0.path(), 0o555);
    let error = as_somebody(&place, "create", "").unwrap_err();
    assert_eq!(error["status"], "IO", "{error}");
    assert!(!place.folder().exists());
    mode(place.0.path(), 0o755);
}
