//! Optuna's journal: a file of JSON lines, each of which is an operation. Studies and trials are numbered in the order in which they come; what comes too
//! late for a trial is ignored by Optuna, and so it is here. A trial is stored when it has ended, so that only those are kept that have not.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use super::study::Study;
use super::times::Times;
use super::trial::{Param, State, Trial};
use crate::error::{Domain, Error, Result, Status};
use crate::progress::Job;
use crate::readers::loose_json::{elements, member, members, number, string};
use crate::readers::sink::Sink;

/// A line is not longer.
const LONGEST: usize = 1 << 28;
const DIRECTIONS: [&str; 3] = ["NOT_SET", "MINIMIZE", "MAXIMIZE"];

/// The lines of a file, up to where it ended when it was opened.
struct Lines {
    file: BufReader<std::io::Take<File>>,
    line: Vec<u8>,
    /// Of the lines before.
    bytes: u64,
    number: u64,
}

/// What comes next.
enum Line {
    Whole,
    /// Its end is not there: it is being written, or was.
    Torn,
    End,
}

fn cannot(path: &Path, error: &std::io::Error) -> Error {
    Error::from_io(Domain::ImportExport, "the file cannot be read", path, error)
}

impl Lines {
    fn open(path: &Path) -> Result<Lines> {
        let file = File::open(path).map_err(|error| cannot(path, &error))?;
        let size = file.metadata().map_err(|error| cannot(path, &error))?.len();
        Ok(Lines { file: BufReader::with_capacity(1 << 16, file.take(size)), line: Vec::new(), bytes: 0, number: 0 })
    }

    fn next(&mut self, path: &Path) -> Result<Line> {
        self.line.clear();
        let most = LONGEST as u64 + 1;
        let read = self.file.by_ref().take(most).read_until(b'\n', &mut self.line);
        let read = read.map_err(|error| cannot(path, &error))?;
        self.number += 1;
        if read > LONGEST {
            let message = format!("line {} is longer than {LONGEST} bytes", self.number);
            return Err(Error::new(Status::Limit, Domain::ImportExport, message).at(path));
        }
        self.bytes += read as u64;
        match self.line.last() {
            None => Ok(Line::End),
            Some(b'\n') => Ok(Line::Whole),
            Some(_) => Ok(Line::Torn),
        }
    }
}

/// An operation: its members.
struct Operation<'a>(Vec<(String, &'a str)>);

impl<'a> Operation<'a> {
    /// `None` for what is none.
    fn read(line: &'a [u8]) -> Option<(i64, Operation<'a>)> {
        let members = members(std::str::from_utf8(line).ok()?.trim_end())?;
        let operation = Operation(members);
        Some((operation.integer("op_code")?, operation))
    }

    fn raw(&self, name: &str) -> Option<&'a str> {
        member(&self.0, name).filter(|raw| *raw != "null")
    }

    fn integer(&self, name: &str) -> Option<i64> {
        self.raw(name)?.parse().ok()
    }

    fn text(&self, name: &str) -> Option<String> {
        string(self.raw(name)?)
    }

    /// The members of a member.
    fn inner(&self, name: &str) -> Vec<(String, &'a str)> {
        self.raw(name).and_then(members).unwrap_or_default()
    }
}

/// Studies that are deleted further down: nothing of them is left.
fn deleted(path: &Path, job: &Job) -> Result<HashSet<i64>> {
    let mut lines = Lines::open(path)?;
    let mut found = HashSet::new();
    while let Line::Whole = lines.next(path)? {
        job.pulse()?;
        if let Some((1, operation)) = Operation::read(&lines.line) {
            found.extend(operation.integer("study_id"));
        }
    }
    Ok(found)
}

/// A study while the journal is read.
struct OpenStudy {
    study: Study,
    /// That of its experiment, once a trial was stored.
    experiment: Option<i64>,
    trials: i64,
    /// Optuna has forgotten it by now.
    is_deleted: bool,
    /// It is, further down.
    is_left_out: bool,
}

/// What is kept of the journal.
struct Replay<'s, 'a> {
    sink: &'s mut Sink<'a>,
    times: Times,
    studies: Vec<OpenStudy>,
    deleted: HashSet<i64>,
    /// Those that have not ended, by number, with that of their study.
    open: BTreeMap<i64, (usize, Trial)>,
    trials: i64,
    /// What nothing can be made of, and what Optuna ignores.
    malformed: u64,
    ignored: u64,
    left_out: u64,
}

/// Reads a journal.
pub fn read(path: &Path, sink: &mut Sink<'_>, job: &Arc<Job>) -> Result<()> {
    let deleted = deleted(path, job)?;
    let times = Times::new(sink.options().offset(), false);
    let (studies, open) = (Vec::new(), BTreeMap::new());
    let mut replay = Replay { sink, times, studies, deleted, open, trials: 0, malformed: 0, ignored: 0, left_out: 0 };
    let mut lines = Lines::open(path)?;
    let mut torn = None;
    loop {
        job.pulse()?;
        let before = lines.bytes;
        match lines.next(path)? {
            Line::End => break,
            Line::Torn => {
                torn = Some(format!("ends in line {}, after {before} bytes", lines.number));
                break;
            }
            Line::Whole => match Operation::read(&lines.line) {
                Some((code, operation)) => {
                    if replay.apply(code, &operation)?.is_none() {
                        replay.malformed += 1;
                    }
                }
                None => replay.malformed += 1,
            },
        }
    }
    replay.finish()?;
    let (malformed, ignored, left_out, clock) =
        (replay.malformed, replay.ignored, replay.left_out, replay.times.clock());
    sink.account.clock = clock;
    sink.begin_source(&path.file_name().unwrap_or_default().to_string_lossy());
    sink.source.bytes = lines.bytes;
    sink.source.torn = torn;
    sink.source.values.read += ignored + left_out;
    sink.source.values.fold("ignored_by_optuna", ignored);
    sink.source.values.fold("deleted_study", left_out);
    for _ in 0..malformed {
        sink.source.values.read += 1;
        sink.source.values.refuse("malformed_line");
    }
    sink.end_source()
}

/// Done, or `None` for an operation that lacks something.
type Applied = Result<Option<()>>;

/// What an operation has to have.
macro_rules! needed {
    ($found:expr) => {
        match $found {
            Some(found) => found,
            None => return Ok(None),
        }
    };
}

impl Replay<'_, '_> {
    fn apply(&mut self, code: i64, operation: &Operation<'_>) -> Applied {
        match code {
            0 => return self.create_study(operation),
            1..=4 => {
                let at = needed!(operation.integer("study_id").and_then(|id| usize::try_from(id).ok()));
                let Some(open) = self.studies.get_mut(at).filter(|open| !open.is_deleted) else {
                    self.ignored += 1;
                    return Ok(Some(()));
                };
                let attributes = |into: &mut super::study::Attributes, name: &str| {
                    into.extend(operation.inner(name).into_iter().map(|(key, raw)| (key, raw.to_owned())));
                };
                match code {
                    1 => open.is_deleted = true,
                    2 => attributes(&mut open.study.user, "user_attr"),
                    3 => attributes(&mut open.study.system, "system_attr"),
                    _ => return self.create_trial(at, operation),
                }
            }
            5..=9 => {
                let id = needed!(operation.integer("trial_id"));
                if !self.open.contains_key(&id) {
                    // It has ended, or never began.
                    self.ignored += 1;
                    return Ok(Some(()));
                }
                return self.change(code, id, operation);
            }
            _ => return Ok(None),
        }
        Ok(Some(()))
    }

    fn create_study(&mut self, operation: &Operation<'_>) -> Applied {
        let name = needed!(operation.text("study_name"));
        if self.studies.iter().any(|open| !open.is_deleted && open.study.name == name) {
            self.ignored += 1;
            return Ok(Some(()));
        }
        let directions = needed!(operation.raw("directions").and_then(elements));
        let named = |raw: &&str| raw.parse::<usize>().ok().and_then(|at| DIRECTIONS.get(at).copied());
        let directions = directions.iter().map(|raw| named(raw).unwrap_or_default().to_owned()).collect();
        let is_left_out = self.deleted.contains(&(self.studies.len() as i64));
        let study = Study { name, directions, ..Study::default() };
        self.studies.push(OpenStudy { study, experiment: None, trials: 0, is_deleted: false, is_left_out });
        Ok(Some(()))
    }

    fn create_trial(&mut self, at: usize, operation: &Operation<'_>) -> Applied {
        let state = match operation.integer("state") {
            None => State::Running,
            Some(number) => needed!(State::numbered(number)),
        };
        let Some(open) = self.studies.get_mut(at) else { return Ok(None) };
        let (id, place) = (self.trials, open.trials);
        self.trials += 1;
        open.trials += 1;
        let mut trial = Trial {
            number: place,
            state,
            start: operation.text("datetime_start"),
            complete: operation.text("datetime_complete"),
            ..Trial::default()
        };
        let distributions = operation.inner("distributions");
        for (name, raw) in operation.inner("params") {
            match (number(raw), member(&distributions, &name).and_then(string)) {
                (Some(value), Some(distribution)) => {
                    trial.params.insert(name, Param { value, distribution });
                }
                _ => trial.malformed += 1,
            }
        }
        for (step, raw) in operation.inner("intermediate_values") {
            match (step.parse(), number(raw)) {
                (Ok(step), Some(value)) => {
                    trial.intermediate.insert(step, value);
                }
                _ => trial.malformed += 1,
            }
        }
        set_values(&mut trial, operation);
        trial.user = operation.inner("user_attrs").into_iter().map(|(key, raw)| (key, raw.to_owned())).collect();
        trial.system = operation.inner("system_attrs").into_iter().map(|(key, raw)| (key, raw.to_owned())).collect();
        match state.has_ended() {
            true => self.store(at, &trial)?,
            false => {
                self.open.insert(id, (at, trial));
            }
        }
        Ok(Some(()))
    }

    fn change(&mut self, code: i64, id: i64, operation: &Operation<'_>) -> Applied {
        let Some((at, trial)) = self.open.get_mut(&id) else { return Ok(None) };
        match code {
            5 => {
                let name = needed!(operation.text("param_name"));
                let value = needed!(operation.raw("param_value_internal").and_then(number));
                let distribution = needed!(operation.text("distribution"));
                trial.params.insert(name, Param { value, distribution });
            }
            6 => {
                let state = needed!(operation.integer("state").and_then(State::numbered));
                if state == State::Running && trial.state == State::Running {
                    // Somebody else has begun it.
                    self.ignored += 1;
                    return Ok(Some(()));
                }
                if state == State::Running {
                    trial.start = operation.text("datetime_start");
                }
                if state.has_ended() {
                    trial.complete = operation.text("datetime_complete");
                }
                trial.state = state;
                set_values(trial, operation);
                if state.has_ended() {
                    let at = *at;
                    let Some((_, trial)) = self.open.remove(&id) else { return Ok(None) };
                    self.store(at, &trial)?;
                }
            }
            7 => {
                let step = needed!(operation.integer("step"));
                let value = needed!(operation.raw("intermediate_value").and_then(number));
                if trial.intermediate.insert(step, value).is_some() {
                    self.ignored += 1;
                }
            }
            8 => trial.user.extend(operation.inner("user_attr").into_iter().map(|(key, raw)| (key, raw.to_owned()))),
            _ => {
                trial.system.extend(operation.inner("system_attr").into_iter().map(|(key, raw)| (key, raw.to_owned())));
            }
        }
        Ok(Some(()))
    }

    /// Stores a trial of a study.
    fn store(&mut self, at: usize, trial: &Trial) -> Result<()> {
        let Some(open) = self.studies.get_mut(at) else { return Ok(()) };
        if open.is_left_out {
            self.left_out += 1;
            return Ok(());
        }
        if !trial.has_begun() {
            return trial.waits(&open.study.name, self.sink);
        }
        let experiment = match open.experiment {
            Some(experiment) => experiment,
            None => *open.experiment.insert(open.study.begin(self.sink)?),
        };
        trial.write((&open.study.name, experiment), &mut self.times, self.sink)
    }

    /// Stores what has not ended, and the studies.
    fn finish(&mut self) -> Result<()> {
        for (at, trial) in std::mem::take(&mut self.open).into_values() {
            self.store(at, &trial)?;
        }
        for open in self.studies.iter().filter(|open| !open.is_left_out) {
            match open.experiment {
                Some(experiment) => open.study.write(experiment, self.sink)?,
                None => open.study.is_empty(self.sink)?,
            }
        }
        Ok(())
    }
}

/// What an operation says of the objectives.
fn set_values(trial: &mut Trial, operation: &Operation<'_>) {
    let raw: Vec<&str> = match (operation.raw("values"), operation.raw("value")) {
        (Some(values), _) => elements(values).unwrap_or_default(),
        (None, Some(value)) => vec![value],
        (None, None) => return,
    };
    for (objective, raw) in (0..).zip(raw) {
        match number(raw) {
            Some(value) => {
                trial.values.insert(objective, value);
            }
            None => trial.malformed += 1,
        }
    }
}
