//! A migration with a known beginning and a known end, to be disturbed in between.

use std::path::{Path, PathBuf};
use std::time::Duration;

use expmig::MigrateOptions;
use tempfile::TempDir;

use super::check::Checker;
use super::child::Job;
use super::database::{Dump, Journal, assert_same, dump, journal_files, open};

/// Where the copy goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Into the source's own file.
    SameFile,
    /// Into another file, which has experiments of its own.
    TwoFiles,
    /// Into a file that the call creates.
    Created,
}

/// What a database may look like after a disturbance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Before,
    After,
}

pub struct Scenario {
    pub layout: Layout,
    masters: TempDir,
    checker: Checker,
    source: Dump,
    before: Dump,
    after: Dump,
    copy: i64,
}

/// One folder with the files of a scenario.
pub struct Place(TempDir);

impl Place {
    pub fn folder(&self) -> &Path {
        self.0.path()
    }

    pub fn source(&self) -> PathBuf {
        self.0.path().join("source.db")
    }

    fn other(&self) -> PathBuf {
        self.0.path().join("target.db")
    }
}

impl Scenario {
    /// Builds the files, migrates once without any disturbance and has the result checked.
    pub fn new(layout: Layout, journal: Journal, build: fn(&Path, Journal)) -> Scenario {
        let masters = tempfile::tempdir().unwrap();
        build(&masters.path().join("source.db"), journal);
        if layout == Layout::TwoFiles {
            let target = masters.path().join("target.db");
            super::database::small(&target, journal);
            open(&target).execute_batch("UPDATE EXPERIMENT SET title = 'Another ' || title").unwrap();
        }
        let mut scenario = Scenario {
            layout,
            masters,
            checker: Checker::start(),
            source: Dump::new(),
            before: Dump::new(),
            after: Dump::new(),
            copy: 0,
        };
        let place = scenario.place();
        let target = scenario.target(&place);
        scenario.source = dump(&place.source());
        scenario.before = dump(&target);
        scenario.copy = scenario.job(&place).run(MigrateOptions::default()).unwrap().new_experiment_id;
        scenario.after = dump(&target);
        scenario.check_copy(&place);
        scenario
    }

    /// Fresh files.
    pub fn place(&self) -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        for name in ["source.db", "target.db"] {
            let master = self.masters.path().join(name);
            if master.exists() {
                std::fs::copy(master, place.0.path().join(name)).unwrap();
            }
        }
        place
    }

    pub fn target(&self, place: &Place) -> PathBuf {
        if self.layout == Layout::SameFile { place.source() } else { place.other() }
    }

    pub fn job(&self, place: &Place) -> Job {
        Job {
            source: place.source(),
            experiment: 1,
            target: (self.layout != Layout::SameFile).then(|| place.other()),
            skip: true,
            busy_timeout: Duration::from_secs(30),
        }
    }

    fn check_copy(&self, place: &Place) {
        let (source, target) = (place.source(), self.target(place));
        let before = self.masters.path().join("target.db");
        let before = (self.layout == Layout::TwoFiles).then_some(before.as_path());
        self.checker.assert_copy((&source, 1), (&target, self.copy), (&self.masters.path().join("source.db"), before));
    }

    /// What the target is now: as before the migration or as after it. Anything else fails.
    pub fn state(&self, place: &Place, what: &str) -> State {
        let target = self.target(place);
        let found = dump(&target);
        if self.layout != Layout::SameFile {
            assert_same(&dump(&place.source()), &self.source, &format!("{what}: the source"));
        }
        if found == self.after {
            return State::After;
        }
        // A file that was to be created may be there with empty tables, or with none.
        let no_rows = found.keys().all(|table| table == "sqlite_schema");
        if !(self.layout == Layout::Created && no_rows) {
            assert_same(&found, &self.before, what);
        }
        State::Before
    }

    /// After a disturbance: the target is as before or complete; the same job again leaves exactly one copy, and once more
    /// adds nothing. The end is compared with the undisturbed end, which `check_copy.py` has accepted.
    pub fn recover(&self, place: &Place, what: &str) -> State {
        let state = self.state(place, what);
        for (round, skips) in [state == State::After, true].into_iter().enumerate() {
            let again = self.job(place).run(MigrateOptions::default());
            let again = again.unwrap_or_else(|error| panic!("{what}: run {round} after it: {}", error.to_json()));
            assert_eq!((again.skipped, again.new_experiment_id), (skips, self.copy), "{what}: run {round} after it");
        }
        let target = self.target(place);
        assert_same(&dump(&target), &self.after, &format!("{what}: two runs later"));
        // Reading alone leaves a journal alone that was cut off before it had anything to undo.
        assert_eq!(journal_files(&target), Vec::<PathBuf>::new(), "{what}: left behind two runs later");
        state
    }
}
