//! The whole-process job that `benches/run.py` times. Not part of the library.
//!
//! ```text
//! bench_job migrate DB EXPERIMENT [--target FILE] [--strategy conservative|balanced|aggressive]
//! bench_job digest DB EXPERIMENT
//! bench_job import DB DOCUMENT [--no-validation]
//! bench_job idle DB
//! ```

use std::path::Path;
use std::process::ExitCode;

use expmig::{Database, ImportOptions, JobOptions, Manager, MigrateOptions, OpenOptions, Strategy};

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
    let usage =
        "usage: bench_job migrate|digest|import|idle DB [EXPERIMENT|DOCUMENT] [--target FILE] [--strategy NAME]";
    let [command, path, ..] = arguments else { return Err(usage.into()) };
    let create = command == "import";
    let manager = Manager::from(Database::open(path, OpenOptions { create, ..OpenOptions::default() })?);
    let experiment = || -> Result<i64, Failure> { Ok(arguments.get(2).ok_or(usage)?.parse()?) };
    match command.as_str() {
        "idle" => Ok(()),
        "digest" => {
            let digest = manager.experiment_digest(experiment()?, JobOptions::default())?;
            println!("{}", expmig::digest::hex(&digest));
            Ok(())
        }
        "import" => {
            let validate_before_import = !arguments.iter().any(|argument| argument == "--no-validation");
            let options = ImportOptions { validate_before_import, ..ImportOptions::default() };
            let document = arguments.get(2).ok_or(usage)?;
            let result = manager.import_experiment_from_file(Path::new(document), options)?;
            println!("{}", result.to_json());
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
