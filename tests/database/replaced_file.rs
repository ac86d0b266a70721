//! A handle is of one file: once its path names another one, or none, nothing is read or written through it any more.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::support::*;
use expmig::progress::ProgressSink;
use expmig::{
    Database, ExportOptions, FileOptions, Flow, ImportOptions, JobOptions, Manager, ManagerOptions, MetricSelection,
    MigrateOptions, Next, OpenOptions, RestoreOptions, SnapshotOptions, Status, Strategy, TransformOptions,
    UndoOptions, ValidateOptions,
};

const OTHER: &str = "UPDATE EXPERIMENT SET title = 'of the other file'; DELETE FROM BATCH_METRIC;";
const TITLES: &str = "SELECT group_concat(title) FROM EXPERIMENT";
const SCALE: &str = r#"{"factor": 2, "target": "total"}"#;
const JOURNALS: [&str; 2] = ["delete", "wal"];

/// `current/tracker.db`, by way of two symbolic links, and other files that can take its place.
struct Place {
    folder: Folder,
}

impl Place {
    fn new(journal: &str) -> Place {
        let place = Place { folder: Folder::new() };
        for (version, changes) in [("v1", ""), ("v2", OTHER)] {
            fs::create_dir(place.at(version)).unwrap();
            let mode = format!("COMMIT; PRAGMA journal_mode = {journal}; BEGIN;");
            place.folder.small(&format!("{version}/real.db"), &format!("{changes}{mode}"));
            symlink("real.db", place.at(&format!("{version}/tracker.db"))).unwrap();
        }
        symlink("v1", place.at("current")).unwrap();
        place.folder.small("spare.db", OTHER);
        place.folder.small("elsewhere.db", "UPDATE EXPERIMENT SET title = 'elsewhere';");
        place
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path(name)
    }

    fn path(&self) -> PathBuf {
        self.at("current/tracker.db")
    }

    fn manager(&self, options: OpenOptions) -> Manager {
        let database = Database::open(url(&self.path()), options).unwrap();
        let options = ManagerOptions { snapshot_dir: Some(self.at("snapshots")), ..ManagerOptions::default() };
        Manager::new(database, options)
    }

    fn elsewhere(&self) -> Manager {
        open(&self.at("elsewhere.db"))
    }

    /// The bytes of all files, but of what readers of a write-ahead log share.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let (mut folders, mut found) = (vec![self.at("")], BTreeMap::new());
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let kind = fs::symlink_metadata(&path).unwrap().file_type();
                if kind.is_dir() {
                    folders.push(path);
                } else if kind.is_file() && !url(&path).ends_with("-shm") {
                    found.insert(path.clone(), bytes(&path));
                } else {
                    found.insert(path, Vec::new());
                }
            }
        }
        found
    }

    fn relink(&self, link: &str, to: &str) {
        symlink(to, self.at("new-link")).unwrap();
        fs::rename(self.at("new-link"), self.at(link)).unwrap();
    }
}

/// How a path comes to name another file, or none.
type Way = (&'static str, fn(&Place));

const WAYS: [Way; 7] = [
    ("renamed over", |place| fs::rename(place.at("spare.db"), place.at("v1/real.db")).unwrap()),
    ("renamed over the link", |place| fs::rename(place.at("spare.db"), place.at("v1/tracker.db")).unwrap()),
    ("link switched", |place| place.relink("v1/tracker.db", "../spare.db")),
    ("link to the folder switched", |place| place.relink("current", "v2")),
    ("deleted", |place| fs::remove_file(place.at("v1/real.db")).unwrap()),
    ("folder moved away", |place| fs::rename(place.at("v1"), place.at("v0")).unwrap()),
    ("made anew", |place| {
        fs::remove_file(place.at("v1/real.db")).unwrap();
        place.folder.small("v1/real.db", OTHER);
    }),
];

type Call = (&'static str, fn(&Manager, &Place) -> expmig::Result<()>);

fn into(strategy: Strategy) -> MigrateOptions {
    with(strategy)
}

/// Everything that looks at the database.
const CALLS: &[Call] = &[
    ("list", |manager, _| manager.list_experiments().map(drop)),
    ("info", |manager, _| manager.database_info().map(drop)),
    ("query", |manager, _| manager.query("SELECT * FROM METRIC", &[], &mut |_| Ok(Next::Row))),
    ("query without a table", |manager, _| manager.query("SELECT 1", &[], &mut |_| Ok(Next::Row))),
    ("validate", |manager, _| manager.validate(ValidateOptions::default()).map(drop)),
    ("validate a hierarchy", |manager, _| manager.validate_hierarchy(1).map(drop)),
    ("digest", |manager, _| manager.experiment_digest(1, JobOptions::default()).map(drop)),
    ("compare within", |manager, _| manager.compare_experiments(1, None, 2, JobOptions::default()).map(drop)),
    ("compare as the first", |manager, place| {
        manager.compare_experiments(1, Some(&place.elsewhere()), 1, JobOptions::default()).map(drop)
    }),
    ("compare as the second", |manager, place| {
        place.elsewhere().compare_experiments(1, Some(manager), 1, JobOptions::default()).map(drop)
    }),
    ("plan within", |manager, _| manager.plan_migration(1, None, into(Strategy::Balanced)).map(drop)),
    ("plan as the source", |manager, place| {
        manager.plan_migration(1, Some(&place.elsewhere()), into(Strategy::Balanced)).map(drop)
    }),
    ("plan as the target", |manager, place| {
        place.elsewhere().plan_migration(1, Some(manager), into(Strategy::Balanced)).map(drop)
    }),
    ("migrate within", |manager, _| manager.migrate_experiment(1, None, into(Strategy::Balanced)).map(drop)),
    ("migrate as the source", |manager, place| {
        manager.migrate_experiment(1, Some(&place.elsewhere()), into(Strategy::Aggressive)).map(drop)
    }),
    ("migrate as the target", |manager, place| {
        place.elsewhere().migrate_experiment(1, Some(manager), into(Strategy::Balanced)).map(drop)
    }),
    ("migrate with a snapshot", |manager, place| {
        place.elsewhere().migrate_experiment(1, Some(manager), into(Strategy::Conservative)).map(drop)
    }),
    ("export", |manager, _| manager.export_to_string(1, ExportOptions::default()).map(drop)),
    ("export to a file", |manager, place| {
        let (path, file) = (place.at("document.json"), FileOptions::default());
        manager.export_to_file(1, &path, file, ExportOptions::default()).map(drop)
    }),
    ("import", |manager, place| {
        let document = place.elsewhere().export_to_string(1, ExportOptions::default())?;
        manager.import_from_string(document.as_bytes(), ImportOptions::default()).map(drop)
    }),
    ("transform", |manager, _| {
        let (all, options) = (MetricSelection::default(), TransformOptions::default());
        manager.transform_metrics_by(&all, "scale", Some(SCALE), options).map(drop)
    }),
    ("transform without writing", |manager, _| {
        let (all, options) =
            (MetricSelection::default(), TransformOptions { dry_run: true, ..TransformOptions::default() });
        manager.transform_metrics_by(&all, "scale", Some(SCALE), options).map(drop)
    }),
    ("undo", |manager, _| manager.undo_transform(1, UndoOptions::default()).map(drop)),
    ("list transformations", |manager, _| manager.list_transforms().map(drop)),
    ("forget transformations", |manager, _| manager.forget_transforms(0, JobOptions::default()).map(drop)),
    ("widen", |manager, _| manager.widen_schema(true, JobOptions::default()).map(drop)),
    ("snapshot", |manager, _| manager.create_snapshot("", SnapshotOptions::default()).map(drop)),
    ("clean up", |manager, _| manager.cleanup_snapshots(0).map(drop)),
    ("restore", |manager, place| restore(manager, place, RestoreOptions::default())),
    ("restore by force", |manager, place| {
        restore(manager, place, RestoreOptions { force: true, no_safety_snapshot: true, ..RestoreOptions::default() })
    }),
];

fn first_title(manager: &Manager) -> String {
    manager.list_experiments().unwrap().remove(0).title.unwrap()
}

fn restore(manager: &Manager, place: &Place, options: RestoreOptions) -> expmig::Result<()> {
    let folder = fs::read_dir(place.at("snapshots")).unwrap();
    let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let id = names.filter_map(|name| name.strip_suffix(".db").map(str::to_owned)).next().unwrap();
    manager.restore_snapshot(&id, options).map(drop)
}

#[track_caller]
fn refused(result: expmig::Result<()>, place: &Place, what: &str) {
    let error = result.expect_err(what);
    assert_eq!(error.status(), Status::Mismatch, "{what}: {}", error.to_json());
    assert!(!error.retryable(), "{what}");
    let found = std::iter::successors(Some(&error), |error| error.cause())
        .find(|error| error.hint_text().is_some_and(|hint| hint.starts_with("open it again")));
    let Some(found) = found else { panic!("{what}: {}", error.to_json()) };
    assert!(found.message().starts_with("the file was replaced") || found.message().contains("moved or deleted"));
    assert_eq!(details(found, "path"), [url(&place.path())], "{what}");
}

#[test]
fn once_its_path_names_another_file_every_call_of_a_handle_is_refused_and_nothing_is_written() {
    for journal in JOURNALS {
        for (way, replace) in WAYS {
            for used in [false, true] {
                for create in [false, true] {
                    let place = Place::new(journal);
                    let options = OpenOptions { create, ..OpenOptions::default() };
                    let manager = place.manager(options.clone());
                    manager.create_snapshot("", SnapshotOptions::default()).unwrap();
                    if used {
                        // Both connections are open.
                        manager.migrate_experiment(1, None, into(Strategy::Balanced)).unwrap();
                    }
                    replace(&place);
                    let before = place.files();
                    for (call, run) in CALLS {
                        let what = format!("{call}, {way}, {journal}, used: {used}, create: {create}");
                        refused(run(&manager, &place), &place, &what);
                        assert!(place.files() == before, "{what}: something was written");
                    }
                    drop(manager);
                    if place.path().exists() {
                        // Whoever replaces a file has to take away the log of the old one: SQLite would read it into the new one.
                        for suffix in ["-wal", "-shm"] {
                            let _missing = fs::remove_file(place.at(&format!("v1/real.db{suffix}")));
                        }
                        let again = place.manager(options);
                        assert_eq!(first_title(&again), "of the other file", "{way}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_handle_that_may_only_read_and_one_that_created_its_file_are_of_one_file_too() {
    let place = Place::new("delete");
    let reading = place.manager(OpenOptions { read_only: true, ..OpenOptions::default() });
    let created = create(&place.at("created.db"));
    fs::rename(place.at("spare.db"), place.at("v1/real.db")).unwrap();
    refused(reading.list_experiments().map(drop), &place, "read-only");
    fs::rename(place.at("v2/real.db"), place.at("created.db")).unwrap();
    let before = bytes(&place.at("created.db"));
    failed(created.list_experiments(), Status::Mismatch);
    failed(place.elsewhere().migrate_experiment(1, Some(&created), into(Strategy::Balanced)), Status::Mismatch);
    drop(created);
    assert!(bytes(&place.at("created.db")) == before);
}

#[test]
fn two_handles_of_one_path_are_of_one_database_only_if_they_are_of_one_file() {
    let place = Place::new("delete");
    let old = place.manager(OpenOptions::default());
    place.relink("current", "v2");
    let new = place.manager(OpenOptions::default());
    let before = place.files();
    refused(new.migrate_experiment(1, Some(&old), into(Strategy::Balanced)).map(drop), &place, "old as the target");
    refused(old.migrate_experiment(1, Some(&new), into(Strategy::Balanced)).map(drop), &place, "old as the source");
    refused(old.compare_experiments(1, Some(&new), 1, JobOptions::default()).map(drop), &place, "compare");
    refused(new.compare_experiments(1, Some(&old), 1, JobOptions::default()).map(drop), &place, "compare");
    assert!(place.files() == before);
    // By another path it is the same file still.
    place.relink("current", "v1");
    let direct = open(&place.at("v1/real.db"));
    assert!(old.database().is_same_as(direct.database()) && !old.database().is_same_as(new.database()));
    direct.migrate_experiment(1, Some(&old), into(Strategy::Balanced)).unwrap();
    place.relink("current", "v2");
    refused(direct.migrate_experiment(1, Some(&old), into(Strategy::Balanced)).map(drop), &place, "as the target");
    refused(old.migrate_experiment(1, Some(&direct), into(Strategy::Balanced)).map(drop), &place, "as the source");
    refused(direct.plan_migration(1, Some(&old), into(Strategy::Balanced)).map(drop), &place, "plan");
    refused(direct.compare_experiments(1, Some(&old), 1, JobOptions::default()).map(drop), &place, "compare");
}

#[test]
fn when_the_file_is_back_the_handle_goes_on() {
    let place = Place::new("delete");
    let manager = place.manager(OpenOptions::default());
    place.relink("current", "v2");
    refused(manager.list_experiments().map(drop), &place, "switched");
    place.relink("current", "v1");
    assert_eq!(first_title(&manager), "Digits");
    manager.migrate_experiment(1, None, into(Strategy::Balanced)).unwrap();
}

#[test]
fn changes_in_place_are_no_replacement() {
    for journal in JOURNALS {
        let place = Place::new(journal);
        let manager = place.manager(OpenOptions::default());
        let path = place.path();
        let id = manager.create_snapshot("", SnapshotOptions::default()).unwrap();
        manager.migrate_experiment(1, None, into(Strategy::Balanced)).unwrap();
        execute(&path, "VACUUM");
        assert_eq!(manager.list_experiments().unwrap().len(), 3);
        execute(&path, "UPDATE EXPERIMENT SET title = 'by somebody else'");
        assert_eq!(first_title(&manager), "by somebody else");
        manager.restore_snapshot(&id, RestoreOptions::default()).unwrap();
        assert_eq!(first_title(&manager), "Digits");
        place.manager(OpenOptions::default()).restore_snapshot(&id, RestoreOptions::default()).unwrap();
        manager.migrate_experiment(1, None, into(Strategy::Balanced)).unwrap();
        // Another name for the same file.
        fs::hard_link(place.at("v1/real.db"), place.at("v1/hard.db")).unwrap();
        place.relink("v1/tracker.db", "hard.db");
        assert_eq!(manager.list_experiments().unwrap().len(), 3);
    }
}

/// A sink that replaces the file once the job writes, or says `operation`; whether it did.
fn in_the_middle(operation: Option<&'static str>, act: impl Fn() + Send + 'static) -> (ProgressSink, Arc<AtomicBool>) {
    let acted = Arc::new(AtomicBool::new(false));
    let done = Arc::clone(&acted);
    let sink: ProgressSink = Box::new(move |progress| {
        if !done.load(Ordering::Relaxed) {
            // Longer than the least time between two calls, so that the next phase has one too.
            std::thread::sleep(Duration::from_millis(105));
            let here = match operation {
                Some(operation) => progress.operation == operation,
                // The total is known once the job begins to write.
                None => progress.total_items > 0,
            };
            if here && !progress.finished {
                act();
                done.store(true, Ordering::Relaxed);
            }
        }
        Flow::Continue
    });
    (sink, acted)
}

type Writing = (&'static str, Option<&'static str>, fn(&Manager, &Place, ProgressSink) -> expmig::Result<()>);

/// Everything that writes, and where in it the file is replaced.
const WRITING: &[Writing] = &[
    ("migrate within", None, |manager, _, sink| {
        let options = MigrateOptions { progress: Some(sink), ..into(Strategy::Balanced) };
        manager.migrate_experiment(1, None, options).map(drop)
    }),
    ("migrate as the target", Some("verifying the copy"), |manager, place, sink| {
        let options = MigrateOptions { progress: Some(sink), ..into(Strategy::Balanced) };
        place.elsewhere().migrate_experiment(1, Some(manager), options).map(drop)
    }),
    ("migrate as the source", None, |manager, place, sink| {
        let options = MigrateOptions { progress: Some(sink), ..into(Strategy::Balanced) };
        manager.migrate_experiment(1, Some(&place.elsewhere()), options).map(drop)
    }),
    ("import", Some("verifying the import"), |manager, place, sink| {
        let document = place.elsewhere().export_to_string(1, ExportOptions::default())?;
        let options = ImportOptions { progress: Some(sink), ..ImportOptions::default() };
        manager.import_from_string(document.as_bytes(), options).map(drop)
    }),
    ("transform", None, |manager, _, sink| {
        let options = TransformOptions { progress: Some(sink), ..TransformOptions::default() };
        manager.transform_metrics_by(&MetricSelection::default(), "scale", Some(SCALE), options).map(drop)
    }),
    ("undo", None, |manager, _, sink| {
        let options = UndoOptions { progress: Some(sink), ..UndoOptions::default() };
        manager.undo_transform(1, options).map(drop)
    }),
    ("snapshot", Some("checking the copy"), |manager, _, sink| {
        let job = JobOptions { progress: Some(sink), ..JobOptions::default() };
        manager.create_snapshot("", SnapshotOptions { job, ..SnapshotOptions::default() }).map(drop)
    }),
    ("restore", Some("checking the snapshot"), |manager, place, sink| {
        let job = JobOptions { progress: Some(sink), ..JobOptions::default() };
        restore(manager, place, RestoreOptions { job, ..RestoreOptions::default() })
    }),
    ("restore, writing", Some("restoring"), |manager, place, sink| {
        let job = JobOptions { progress: Some(sink), ..JobOptions::default() };
        restore(manager, place, RestoreOptions { no_safety_snapshot: true, job, ..RestoreOptions::default() })
    }),
];

#[test]
fn a_file_that_is_replaced_in_the_middle_of_a_call_gets_nothing_and_neither_does_the_old_one() {
    for journal in JOURNALS {
        for (nth, (way, replace)) in WAYS.into_iter().enumerate() {
            // Every call with one way, and every way with one call.
            let some = if nth == 0 { WRITING } else { WRITING.get(..1).unwrap() };
            for (call, operation, run) in some {
                let what = format!("{call}, {way}, {journal}");
                let place = Arc::new(Place::new(journal));
                // The old file stays reachable.
                fs::hard_link(place.at("v1/real.db"), place.at("kept.db")).unwrap();
                let manager = place.manager(OpenOptions::default());
                manager.create_snapshot("", SnapshotOptions::default()).unwrap();
                let all = MetricSelection::default();
                manager.transform_metrics_by(&all, "scale", Some(SCALE), TransformOptions::default()).unwrap();
                let old = dump(&place.path());
                let others = |place: &Place| {
                    let mut others = place.files();
                    // Of the old file, which may be in the middle of a rollback, its content counts.
                    others
                        .retain(|path, _| !["kept.db", "v0", "v1", "current"].iter().any(|part| path.ends_with(part)));
                    others.retain(|path, _| !url(path).contains("/v0/") && !url(path).contains("/v1/"));
                    others
                };
                let after = Arc::new(std::sync::Mutex::new(None));
                let (acting, seen) = (Arc::clone(&place), Arc::clone(&after));
                let (sink, acted) = in_the_middle(*operation, move || {
                    replace(&acting);
                    let new = acting.path().exists().then(|| bytes(&acting.path()));
                    *seen.lock().unwrap() = Some((new, others(&acting)));
                });
                let result = run(&manager, &place, sink);
                assert!(acted.load(Ordering::Relaxed), "{what}: nothing happened in the middle");
                refused(result, &place, &what);
                let (new, files) = after.lock().unwrap().take().unwrap();
                drop(manager);
                assert_eq!(place.path().exists().then(|| bytes(&place.path())), new, "{what}: the new file");
                let hidden = |path: &Path| path.file_name().unwrap().to_str().unwrap().starts_with('.');
                let kept: BTreeMap<_, _> = files.into_iter().filter(|(path, _)| !hidden(path)).collect();
                assert!(others(&place) == kept, "{what}: other files");
                if journal == "delete" {
                    assert_eq!(dump(&place.at("kept.db")), old, "{what}: the old file");
                }
                assert_eq!(text(&place.at("elsewhere.db"), TITLES), "elsewhere,elsewhere", "{what}");
            }
        }
    }
}
