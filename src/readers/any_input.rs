//! What must hold for any input: a reader accounts for all of it, or says what is wrong. Tests and the targets in fuzz/ use this.

use std::path::{Path, PathBuf};

use super::account::Account;
use super::fits::Fits;
use super::formats::find;
use super::options::BringInOptions;
use super::sink::{POINTS, Sink};
use crate::database::{Database, OpenOptions, Scratch, Transaction};
use crate::error::{Domain, Result};
use crate::progress::Job;

/// What reads again and again, into tables that stay empty.
pub struct Trial {
    scratch: Scratch,
    folder: PathBuf,
}

/// A store that MLflow wrote.
const STORE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/mlflow/3.17.2.db");

impl Trial {
    /// `folder` is for what is read.
    pub fn new(folder: &Path) -> Result<Trial> {
        let store = Database::open(STORE, OpenOptions { read_only: true, ..OpenOptions::default() })?;
        let scratch = Scratch::create(&store.layout()?, None, &[POINTS], None)?;
        Ok(Trial { scratch, folder: folder.to_owned() })
    }

    /// Reads these bytes as the file of this name; the account's sums agree, or it is an error.
    pub fn read(&self, kind: &str, name: &str, bytes: &[u8]) -> Result<Account> {
        let path = self.folder.join(name);
        let written = std::fs::write(&path, bytes);
        written.map_err(|error| {
            crate::error::Error::from_io(Domain::ImportExport, "the input cannot be written", &path, &error)
        })?;
        self.read_path(kind, &path)
    }

    /// Reads what is at a path.
    pub fn read_path(&self, kind: &str, path: &Path) -> Result<Account> {
        let job = Job::unwatched(Domain::ImportExport);
        let staging = self.scratch.database()?.writer(&job)?;
        let layout = self.scratch.database()?.layout()?;
        // Rolled back, whatever comes of it.
        let _writing = Transaction::write(staging)?;
        let reader = find(path, Some(kind))?;
        let options = BringInOptions { leave_out: true, ..BringInOptions::default() };
        let account = Account::new(reader.never_written, reader.clock);
        let mut sink = Sink::new((staging, &layout), (&options, None), (Fits::new(staging, &layout), account), &job)?;
        (reader.read)(path, &mut sink, &job)?;
        let (account, ..) = sink.finish()?;
        let count = "SELECT (SELECT count(*) FROM metrics) + (SELECT count(*) FROM logged_model_metrics)";
        let points = staging.query_integer(count, &[])?.and_then(|count| u64::try_from(count).ok());
        if points != Some(account.total().points.stored) {
            return Err(crate::error::Error::internal(
                Domain::ImportExport,
                format!("{points:?} points are there: {account:?}"),
            ));
        }
        Ok(account)
    }
}

/// What a reader makes of these bytes; for the targets in fuzz/.
#[cfg(fuzzing)]
pub fn reads(kind: &str, name: &str, bytes: &[u8]) {
    use crate::error::Status;
    thread_local! {
        static TRIAL: Option<Trial> = {
            let folder = std::env::temp_dir().join(format!("expmig-fuzz-{}", std::process::id()));
            std::fs::create_dir_all(&folder).ok().and_then(|()| Trial::new(&folder).ok())
        };
    }
    let read = TRIAL.with(|trial| trial.as_ref().map(|trial| trial.read(kind, name, bytes)));
    match read {
        None => panic!("there is no store to read into"),
        Some(Err(error)) => assert_ne!(error.status(), Status::Internal, "{error}"),
        Some(Ok(_)) => {}
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::Trial;
    use crate::error::Status;
    use crate::random::{Random, seed};

    fn data(path: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/readers").join(path)
    }

    /// Reads what is no sound input: an account whose sums agree, or an error that says where.
    fn tolerates(trial: &Trial, kind: &str, name: &str, bytes: &[u8], what: &str) {
        match trial.read(kind, name, bytes) {
            Ok(_) => {}
            Err(error) => {
                let known = matches!(
                    error.status(),
                    // A file of tables can also lack one, or be of another version.
                    Status::Corrupt | Status::NotFound | Status::Limit | Status::Schema | Status::Unsupported
                );
                assert!(known, "{kind}, {what}: {}", error.to_json());
            }
        }
    }

    /// How much is tried: some of it always, all of it by `make large`.
    #[derive(Clone, Copy)]
    struct Effort {
        places: usize,
        mixed: usize,
    }

    const SOME: Effort = Effort { places: 40, mixed: 40 };
    const ALL: Effort = Effort { places: 2000, mixed: 1000 };

    /// Cuts, flips and mixes the bytes of a file.
    fn survives(kind: &str, name: &str, sample: &[u8], effort: Effort) {
        let folder = tempfile::tempdir().unwrap();
        let trial = Trial::new(folder.path()).unwrap();
        let whole = trial.read(kind, name, sample).unwrap().total();
        assert!(whole.points.stored > 0);
        let step = sample.len().div_ceil(effort.places);
        for at in (0..sample.len()).step_by(step) {
            tolerates(&trial, kind, name, &sample[..at], &format!("cut at {at}"));
            let mut bytes = sample.to_vec();
            bytes[at] ^= 1 << (at % 8);
            tolerates(&trial, kind, name, &bytes, &format!("flipped at {at}"));
        }
        let mut random = Random::new(seed());
        for _ in 0..effort.mixed {
            let mut bytes = sample.to_vec();
            for _ in 0..1 + random.below(4) {
                let at = random.below(bytes.len().max(1));
                match random.below(4) {
                    0 => bytes.truncate(at),
                    1 if at < bytes.len() => bytes[at] = random.below(256) as u8,
                    2 if at < bytes.len() => drop(bytes.remove(at)),
                    _ => {
                        let from = random.below(bytes.len().max(1));
                        let piece: Vec<u8> = bytes.iter().skip(from).take(random.below(40)).copied().collect();
                        bytes.splice(at..at, piece);
                    }
                }
            }
            tolerates(&trial, kind, name, &bytes, "mixed");
        }
    }

    fn first_file(folder: &Path) -> PathBuf {
        let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| path.is_file());
        files.sort();
        files.remove(0)
    }

    fn tensorboard(effort: Effort) {
        for folder in ["tensors", "plain"] {
            let bytes = std::fs::read(first_file(&data("tensorboard/log").join(folder))).unwrap();
            survives("tensorboard", "events.out.tfevents.1.host", &bytes, effort);
        }
    }

    fn wandb(effort: Effort) {
        for entry in std::fs::read_dir(data("wandb")).unwrap() {
            let bytes = std::fs::read(first_file(&entry.unwrap().path())).unwrap();
            survives("wandb", "run-1.wandb", &bytes, effort);
        }
    }

    fn optuna(effort: Effort) {
        for version in ["4.9.0", "5.0.0"] {
            for end in ["log", "db"] {
                let bytes = std::fs::read(data(&format!("optuna/{version}.{end}"))).unwrap();
                survives("optuna", &format!("study.{end}"), &bytes, effort);
            }
        }
    }

    fn neptune(effort: Effort) {
        let bytes = std::fs::read(data("neptune/team_vision_first_0/run_operations.sqlite3")).unwrap();
        survives("neptune", "run_operations.sqlite3", &bytes, effort);
    }

    #[test]
    fn a_run_of_neptune_is_accounted_for_whatever_is_in_it() {
        neptune(SOME);
    }

    #[test]
    fn a_storage_of_optuna_is_accounted_for_whatever_is_in_it() {
        optuna(SOME);
    }

    #[test]
    fn a_file_of_tensorboard_is_accounted_for_whatever_is_in_it() {
        tensorboard(SOME);
    }

    #[test]
    fn a_run_of_wandb_is_accounted_for_whatever_is_in_it() {
        wandb(SOME);
    }

    #[test]
    fn a_run_of_mlflows_file_store_is_accounted_for_whatever_is_in_it() {
        mlruns(SOME);
    }

    #[test]
    #[ignore = "thousands of inputs"]
    fn thousands_of_files_are_accounted_for_whatever_is_in_them() {
        tensorboard(ALL);
        neptune(ALL);
        optuna(ALL);
        wandb(ALL);
        mlruns(ALL);
    }

    fn mlruns(effort: Effort) {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("1/0123456789abcdef0123456789abcdef");
        std::fs::create_dir_all(run.join("metrics")).unwrap();
        let meta = "artifact_location: a\nexperiment_id: '1'\nlifecycle_stage: active\nname: e\n";
        std::fs::write(folder.path().join("1/meta.yaml"), meta).unwrap();
        let meta = "end_time: 2\nrun_id: 0123456789abcdef0123456789abcdef\nrun_name: 'it''s'\nsource_type: 4\nstart_time: 1\nstatus: 3\ntags: []\nuser_id: \"a\\u2603\"\n";
        let points = "1700000000000 0.5 1\n1700000000001 nan 2\n1700000000001 -inf 2\n1700000000001 0.25 2 train abc\n";
        let trial = Trial::new(folder.path()).unwrap();
        let (meta_path, points_path) = (run.join("meta.yaml"), run.join("metrics/loss"));
        let mut random = Random::new(seed());
        for _ in 0..effort.mixed {
            for (path, sound) in [(&meta_path, meta), (&points_path, points)] {
                let mut bytes = sound.as_bytes().to_vec();
                for _ in 0..random.below(3) {
                    let at = random.below(bytes.len().max(1));
                    match random.below(3) {
                        0 => bytes.truncate(at),
                        1 if at < bytes.len() => bytes[at] = random.below(256) as u8,
                        _ => bytes.insert(at, random.below(256) as u8),
                    }
                }
                std::fs::write(path, bytes).unwrap();
            }
            if let Err(error) = trial.read_path("mlflow-files", folder.path()) {
                assert_eq!(error.status(), Status::Corrupt, "{}", error.to_json());
                assert!(error.details().iter().any(|detail| detail.key == "path"));
            }
        }
    }
}
