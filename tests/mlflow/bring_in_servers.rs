//! Runs brought into stores on servers: the same rows as in a store that is a file, again and again, and nothing where it fails.

use std::path::{Path, PathBuf};

use crate::migrate::empty;
use crate::mlruns::{bring, copy_folder, leaving_out, mlruns};
use crate::places::{Engine, Place, cells};
use crate::support::{Folder, crate_path, integer, text};
use expmig::{BringInOptions, BringInResult, Status, ValidateOptions};

/// Folders that trackers wrote.
fn sources(folder: &Folder) -> Vec<PathBuf> {
    let mut sources = vec![mlruns(folder, "3.5.1"), mlruns(folder, "1.30.1")];
    for what in ["tensorboard/log", "wandb"] {
        let to = folder.path(what.split('/').next().unwrap());
        copy_folder(&crate_path(&format!("tests/data/readers/{what}")), &to);
        sources.push(to);
    }
    sources
}

pub fn is_sound(place: &Place) {
    let report = place.open().validate(ValidateOptions::default()).unwrap();
    assert!(report.passed(), "{:?}", report.issues());
}

/// Both have the same experiments, cell by cell.
fn same_rows(file: &Path, (done, there): (&BringInResult, &BringInResult), place: &Place, what: &str) {
    assert_eq!(done.experiments.len(), there.experiments.len(), "{what}");
    assert!(!done.experiments.is_empty(), "{what}");
    for (here, there) in done.experiments.iter().zip(&there.experiments) {
        assert_eq!(here.name, there.name);
        let wanted = cells(&Place::File(file.to_owned()), file, here.experiment_id);
        let found = cells(place, file, there.experiment_id);
        for (table, rows) in &wanted {
            // Places for artifacts have the number of the experiment in them.
            let numbered = |rows: &Vec<Vec<String>>, id: i64| -> Vec<Vec<String>> {
                let plain =
                    |cell: &String| cell.replace(&format!("/{id}/"), "/N/").replace(&format!("/{id}\""), "/N\"");
                rows.iter().map(|row| row.iter().map(plain).collect()).collect()
            };
            // A server's columns are shorter than a file.
            let short = |row: &&Vec<String>| row.iter().all(|cell| cell.len() < 8000);
            let rows: Vec<Vec<String>> = rows.iter().filter(short).cloned().collect();
            assert_eq!(
                numbered(&found[table], there.experiment_id),
                numbered(&rows, here.experiment_id),
                "{what}: {table}"
            );
        }
    }
}

#[test]
fn what_arrives_in_a_file_arrives_on_every_server_row_by_row() {
    let folder = Folder::new();
    for source in sources(&folder) {
        let files = Folder::new();
        let file = empty(&files);
        let done = bring(&source, &file, leaving_out()).unwrap();
        for engine in Engine::servers() {
            let what = format!("{} on {engine:?}", source.display());
            let place = engine.empty(&files);
            let before = place.dump();
            let planned = place.open().bring_in_plan(&source, BringInOptions::default()).unwrap();
            assert_eq!(place.dump(), before, "{what}: a plan writes nothing");
            let there =
                place.open().bring_in(&source, leaving_out()).unwrap_or_else(|error| panic!("{what}: {error:?}"));
            assert_eq!((planned.account.total(), &planned.tables), (there.account.total(), &there.tables), "{what}");
            let (here, total) = (done.account.total(), there.account.total());
            let too_long = total.values.refused.get("does_not_fit").copied().unwrap_or(0);
            assert_eq!(too_long, u64::from(source.display().to_string().contains("mlruns")), "{what}");
            assert_eq!((total.points, total.values.stored + too_long), (here.points, here.values.stored), "{what}");
            same_rows(&file, (&done, &there), &place, &what);
            is_sound(&place);
            let before = place.dump();
            let again = place.open().bring_in(&source, leaving_out()).unwrap();
            assert_eq!((again.rows_new(), again.rows_changed()), (0, 0), "{what}");
            assert_eq!(place.dump(), before, "{what}");
            assert!(again.experiments.iter().all(|brought| brought.was_there), "{what}");
        }
    }
}

#[test]
fn a_run_that_goes_on_is_followed_on_every_server() {
    for engine in Engine::servers() {
        let folder = Folder::new();
        let (source, file, place) = (mlruns(&folder, "3.5.1"), empty(&folder), engine.empty(&folder));
        bring(&source, &file, leaving_out()).unwrap();
        place.open().bring_in(&source, leaving_out()).unwrap();
        let running = text(&file, "SELECT run_uuid FROM runs WHERE status = 'RUNNING'");
        let of_run = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().path().join(&running);
        let run = std::fs::read_dir(&source).unwrap().map(of_run).find(|path| path.is_dir()).unwrap();
        let losses = std::fs::read_to_string(run.join("metrics/loss")).unwrap();
        std::fs::write(run.join("metrics/loss"), format!("{losses}1700000000008 0.0625 8\n1700000000009 nan 9\n"))
            .unwrap();
        std::fs::write(run.join("tags/stage"), "late").unwrap();
        let meta = std::fs::read_to_string(run.join("meta.yaml")).unwrap();
        let ended = meta.replace("status: 1", "status: 3").replace("end_time: null", "end_time: 1700000200000");
        std::fs::write(run.join("meta.yaml"), ended).unwrap();
        let done = bring(&source, &file, leaving_out()).unwrap();
        let there = place.open().bring_in(&source, leaving_out()).unwrap();
        assert!(done.rows_new() > 0 && done.rows_changed() > 0);
        assert_eq!((there.rows_new(), there.rows_changed()), (done.rows_new(), done.rows_changed()), "{engine:?}");
        same_rows(&file, (&done, &there), &place, &format!("{engine:?}"));
        is_sound(&place);
        // What has ended in the target is nobody's to change.
        place.execute(&format!("UPDATE runs SET name = 'mine' WHERE run_uuid = '{running}'"));
        let before = place.dump();
        let kept = place.open().bring_in(&source, leaving_out()).unwrap();
        assert_eq!((kept.rows_new(), kept.rows_changed()), (0, 0));
        assert_eq!(place.dump(), before);
        assert!(kept.warnings.iter().any(|warning| warning.contains("1 rows of runs are something else")));
    }
}

#[test]
fn what_a_server_would_not_take_is_named_before_anything_is_written() {
    for engine in Engine::servers() {
        let folder = Folder::new();
        let (source, file, place) = (mlruns(&folder, "3.5.1"), empty(&folder), engine.empty(&folder));
        bring(&source, &file, leaving_out()).unwrap();
        let running = text(&file, "SELECT run_uuid FROM runs WHERE status = 'RUNNING'");
        let of_run = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().path().join(&running);
        let run = std::fs::read_dir(&source).unwrap().map(of_run).find(|path| path.is_dir()).unwrap();
        let before = place.dump();
        let refused = |words: &[&str]| {
            let error = place.open().bring_in(&source, leaving_out()).unwrap_err();
            assert_eq!(error.status(), Status::Constraint, "{engine:?}: {error:?}");
            for word in words {
                assert!(error.to_json().to_string().contains(word), "{engine:?}: {word} in {}", error.to_json());
            }
            assert_eq!(place.dump(), before, "{engine:?}");
            let planned = place.open().bring_in_plan(&source, leaving_out()).unwrap();
            assert_eq!(planned.lossy.count, 1, "{engine:?}");
        };
        let meta = std::fs::read_to_string(run.join("meta.yaml")).unwrap();
        let uri = meta.lines().find(|line| line.starts_with("artifact_uri: ")).unwrap();
        std::fs::write(run.join("meta.yaml"), meta.replace(uri, &format!("artifact_uri: /{}", "x".repeat(200))))
            .unwrap();
        refused(&["\"runs\"", "artifact_uri", running.as_str()]);
        std::fs::write(run.join("meta.yaml"), &meta).unwrap();
        if engine != Engine::Postgres {
            std::fs::write(run.join("metrics/Folds"), "1700000000000 1 0\n").unwrap();
            std::fs::write(run.join("metrics/folds"), "1700000000000 1 0\n").unwrap();
            refused(&["latest_metrics", "same key", "olds"]);
            std::fs::remove_file(run.join("metrics/folds")).unwrap();
        }
        place.open().bring_in(&source, leaving_out()).unwrap();
        // A name that only differs in letter case from one that is there.
        if engine != Engine::Postgres {
            std::fs::rename(run.join("metrics/Folds"), run.join("metrics/FOLDS")).unwrap();
            let before = place.dump();
            let error = place.open().bring_in(&source, leaving_out()).unwrap_err();
            assert_eq!(error.status(), Status::Constraint, "{engine:?}: {error:?}");
            for word in ["same key", "FOLDS", "Folds"] {
                assert!(error.to_json().to_string().contains(word), "{engine:?}: {word} in {}", error.to_json());
            }
            assert_eq!(place.dump(), before, "{engine:?}");
        }
    }
}

#[test]
fn experiments_whose_names_are_one_to_the_server_get_names_of_their_own() {
    for engine in Engine::servers() {
        let folder = Folder::new();
        let place = engine.empty(&folder);
        let source = mlruns(&folder, "3.5.1");
        for entry in std::fs::read_dir(source.join(".trash")).unwrap() {
            let meta = entry.unwrap().path().join("meta.yaml");
            let Ok(text) = std::fs::read_to_string(&meta) else { continue };
            let name = text.lines().find_map(|line| line.strip_prefix("name: ")).unwrap().to_owned();
            if name == "abandoned" {
                std::fs::write(&meta, text.replace("name: abandoned", "name: VISION")).unwrap();
            }
        }
        let done = place.open().bring_in(&source, leaving_out()).unwrap();
        let mut names: Vec<String> = done.experiments.iter().map(|one| one.name.to_lowercase()).collect();
        let count = names.len();
        assert!(names.iter().any(|name| name == "vision"), "{names:?}");
        names.sort();
        names.dedup();
        assert_eq!(names.len() < count, engine == Engine::Postgres, "{engine:?}: {names:?}");
        assert_eq!(place.open().bring_in(&source, leaving_out()).unwrap().rows_new(), 0);
    }
}

#[test]
fn a_long_source_arrives_on_every_server() {
    for engine in Engine::servers() {
        let folder = Folder::new();
        let (source, place) = (mlruns(&folder, "3.5.1"), engine.empty(&folder));
        let file = empty(&folder);
        bring(&source, &file, leaving_out()).unwrap();
        let running = text(&file, "SELECT run_uuid FROM runs WHERE status = 'RUNNING'");
        let of_run = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().path().join(&running);
        let run = std::fs::read_dir(&source).unwrap().map(of_run).find(|path| path.is_dir()).unwrap();
        let lines: String =
            (0..20_000).map(|step| format!("{} {}e-3 {step}\n", 1_700_000_000_000_i64 + step, step)).collect();
        std::fs::write(run.join("metrics/long"), lines).unwrap();
        let (done, there) =
            (bring(&source, &file, leaving_out()).unwrap(), place.open().bring_in(&source, leaving_out()).unwrap());
        assert_eq!(done.account.total().points.stored, there.account.total().points.stored);
        assert_eq!(integer(&file, "SELECT count(*) FROM metrics WHERE key = 'long'"), 20_000);
        same_rows(&file, (&done, &there), &place, &format!("{engine:?}"));
    }
}

#[test]
fn what_the_target_is_too_short_for_is_an_error_or_kept_beside() {
    for engine in Engine::servers() {
        let folder = Folder::new();
        let (source, place) = (mlruns(&folder, "3.5.1"), engine.empty(&folder));
        let before = place.dump();
        let error = place.open().bring_in(&source, BringInOptions::default()).unwrap_err();
        assert_eq!(error.status(), Status::Lossy, "{engine:?}");
        assert!(error.details().iter().any(|detail| detail.key == "does_not_fit" && detail.value == "1"), "{error:?}");
        assert_eq!(place.dump(), before, "{engine:?}");
        let beside = folder.path("beside.jsonl");
        let done = place
            .open()
            .bring_in(&source, BringInOptions { sidecar: Some(beside.clone()), ..BringInOptions::default() });
        assert_eq!(done.unwrap().account.total().values.sidecar["does_not_fit"], 1);
        let text = std::fs::read_to_string(beside).unwrap();
        let line = text.lines().find(|line| line.contains("does_not_fit")).unwrap();
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(line["value"]["value"].as_str().unwrap().len() > 8000);
        assert!(line["value"]["tag"].is_string() && line["run_id"].is_string());
    }
}
