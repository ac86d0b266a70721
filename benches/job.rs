//! The whole-process job that `benches/run.py` times. Not part of the library.
//!
//! ```text
//! bench_job migrate DB EXPERIMENT [--target FILE] [--strategy conservative|balanced|aggressive]
//! bench_job digest DB EXPERIMENT
//! bench_job validate DB
//! bench_job export DB EXPERIMENT FILE
//! bench_job transform DB RULES_FILE
//! bench_job undo DB TRANSFORM_ID
//! bench_job snapshot DB FOLDER
//! bench_job verify DB FOLDER ID
//! bench_job restore DB FOLDER ID
//! bench_job import DB DOCUMENT
//! bench_job compare DB EXPERIMENT EXPERIMENT
//! bench_job idle DB
//! ```

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use expmig::{
    Database, ExportOptions, FileOptions, ImportOptions, JobOptions, Manager, ManagerOptions, MetricSelection,
    MigrateOptions, OpenOptions, RestoreOptions, SnapshotOptions, Strategy, TransformOptions, UndoOptions,
    ValidateOptions,
};

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            match error.downcast::<expmig::Error>() {
                Ok(error) => eprintln!("{}", error.to_json()),
                Err(error) => eprintln!("{error}"),
            }
            ExitCode::FAILURE
        }
    }
}

fn option<'a>(arguments: &'a [String], name: &str) -> Option<&'a str> {
    let at = arguments.iter().position(|argument| argument == name)?;
    arguments.get(at + 1).map(String::as_str)
}

fn run(arguments: &[String]) -> Result<(), Failure> {
    let usage = "usage: bench_job migrate|digest|validate|idle DB [EXPERIMENT] [--target FILE] [--strategy NAME]
       bench_job snapshot|verify|restore DB FOLDER [ID]
       bench_job export DB EXPERIMENT FILE
       bench_job transform DB RULES_FILE
       bench_job undo DB TRANSFORM_ID
       bench_job compare DB EXPERIMENT EXPERIMENT
       bench_job import DB DOCUMENT";
    let [command, path, ..] = arguments else { return Err(usage.into()) };
    let database = Database::open(path, OpenOptions { create: command == "import", ..OpenOptions::default() })?;
    let snapshot_dir = arguments.get(2).map(PathBuf::from);
    let manager = Manager::new(database, ManagerOptions { snapshot_dir, ..ManagerOptions::default() });
    let experiment = || -> Result<i64, Failure> { Ok(arguments.get(2).ok_or(usage)?.parse()?) };
    let snapshot = || arguments.get(3).ok_or(usage);
    match command.as_str() {
        "idle" => Ok(()),
        "digest" => {
            let digest = manager.experiment_digest(experiment()?, JobOptions::default())?;
            println!("{}", expmig::digest::hex(&digest));
            Ok(())
        }
        "compare" => {
            let other = arguments.get(3).ok_or(usage)?.parse()?;
            println!("{}", manager.compare_experiments(experiment()?, None, other, JobOptions::default())?);
            Ok(())
        }
        "validate" => {
            let report = manager.validate(ValidateOptions::default())?;
            let counts = &report.to_json()["counts"];
            println!("{}", serde_json::json!({"passed": report.passed(), "issues": report.total(), "counts": counts}));
            Ok(())
        }
        "export" => {
            let file = FileOptions { replace: true, ..FileOptions::default() };
            let path = arguments.get(3).ok_or(usage)?;
            let result = manager.export_to_file(experiment()?, path.as_ref(), file, ExportOptions::default())?;
            println!("{}", result.bytes);
            Ok(())
        }
        "transform" => {
            let rules = std::fs::read_to_string(arguments.get(2).ok_or(usage)?)?;
            let all = MetricSelection::default();
            let result = manager.transform_metrics(&all, &rules, TransformOptions::default())?;
            println!("{}", result.to_json());
            Ok(())
        }
        "undo" => {
            println!("{}", manager.undo_transform(experiment()?, UndoOptions::default())?.to_json());
            Ok(())
        }
        "snapshot" => {
            println!("{}", manager.create_snapshot("", SnapshotOptions::default())?);
            Ok(())
        }
        "verify" => Ok(manager.verify_snapshot(snapshot()?, JobOptions::default())?),
        "restore" => {
            let options = RestoreOptions { no_safety_snapshot: true, force: true, ..RestoreOptions::default() };
            println!("{}", manager.restore_snapshot(snapshot()?, options)?.snapshot_id);
            Ok(())
        }
        "import" => {
            let document = arguments.get(2).ok_or(usage)?;
            let result = manager.import_from_file(Path::new(document), ImportOptions::default())?;
            println!(
                "{{\"items_processed\": {}, \"digest\": \"{}\"}}",
                result.items_processed,
                expmig::digest::hex(&result.digest)
            );
            Ok(())
        }
        "migrate" => {
            let strategy = match option(arguments, "--strategy") {
                Some("conservative") => Strategy::Conservative,
                Some("balanced") | None => Strategy::Balanced,
                Some("aggressive") => Strategy::Aggressive,
                Some(_) => return Err(usage.into()),
            };
            let target = match option(arguments, "--target") {
                Some(path) => {
                    let options = OpenOptions { create: true, ..OpenOptions::default() };
                    Some(Manager::from(Database::open(path, options)?))
                }
                None => None,
            };
            let options = MigrateOptions { strategy, ..MigrateOptions::default() };
            let result = manager.migrate_experiment(experiment()?, target.as_ref(), options)?;
            println!(
                "{{\"new_experiment_id\": {}, \"items_processed\": {}, \"duration_ns\": {}}}",
                result.new_experiment_id,
                result.items_processed,
                result.duration.as_nanos()
            );
            Ok(())
        }
        _ => Err(usage.into()),
    }
}
