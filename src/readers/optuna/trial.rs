//! A trial: a run, with parameters, values and attributes.

use std::collections::BTreeMap;

use super::distribution::shown;
use super::study::{Attributes, system_name, user_name};
use super::times::{Moment, Times};
use crate::error::Result;
use crate::readers::account::note;
use crate::readers::identity::run_id_of;
use crate::readers::loose_json::plain;
use crate::readers::new_rows::{NewRun, RunStatus};
use crate::readers::sink::Sink;
use crate::values::Value;

/// How far a trial is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    #[default]
    Running,
    Complete,
    Pruned,
    Fail,
    Waiting,
}

impl State {
    /// As tables name it.
    pub fn named(name: &str) -> Option<State> {
        Some(match name {
            "RUNNING" => State::Running,
            "COMPLETE" => State::Complete,
            "PRUNED" => State::Pruned,
            "FAIL" => State::Fail,
            "WAITING" => State::Waiting,
            _ => return None,
        })
    }

    /// As a journal counts it.
    pub fn numbered(number: i64) -> Option<State> {
        [State::Running, State::Complete, State::Pruned, State::Fail, State::Waiting]
            .get(usize::try_from(number).ok()?)
            .copied()
    }

    fn name(self) -> &'static str {
        match self {
            State::Running => "RUNNING",
            State::Complete => "COMPLETE",
            State::Pruned => "PRUNED",
            State::Fail => "FAIL",
            State::Waiting => "WAITING",
        }
    }

    pub fn has_ended(self) -> bool {
        matches!(self, State::Complete | State::Pruned | State::Fail)
    }
}

/// A stored parameter.
#[derive(Clone, Debug)]
pub struct Param {
    /// The number that stands there.
    pub value: f64,
    /// JSON text.
    pub distribution: String,
}

/// A trial, as its storage has it.
#[derive(Clone, Debug, Default)]
pub struct Trial {
    pub number: i64,
    pub state: State,
    pub start: Option<String>,
    pub complete: Option<String>,
    pub params: BTreeMap<String, Param>,
    /// By objective.
    pub values: BTreeMap<i64, f64>,
    /// By step.
    pub intermediate: BTreeMap<i64, f64>,
    pub user: Attributes,
    pub system: Attributes,
    pub heartbeat: Option<String>,
    /// Values that nothing can be made of, by what they are.
    pub malformed: u64,
}

/// When a trial began and ended.
struct Span {
    start: Option<Moment>,
    complete: Option<Moment>,
}

impl Trial {
    /// Whether it has begun.
    pub fn has_begun(&self) -> bool {
        self.state != State::Waiting
    }

    /// Accounts for one that has not: it is a plan, and becomes a run when it begins.
    pub fn waits(&self, study: &str, sink: &mut Sink<'_>) -> Result<()> {
        sink.begin_source(&format!("{study}/{}", self.number));
        sink.source.unfinished = true;
        sink.source.values.read += 1;
        sink.source.values.refuse("waiting_trial");
        sink.end_source()
    }

    /// Stores it as a run of an experiment.
    pub fn write(&self, (study, experiment): (&str, i64), times: &mut Times, sink: &mut Sink<'_>) -> Result<()> {
        sink.begin_source(&format!("{study}/{}", self.number));
        for _ in 0..self.malformed {
            sink.source.values.read += 1;
            sink.source.values.refuse("malformed_value");
        }
        let mut moment = |text: &Option<String>| text.as_deref().and_then(|text| times.moment(text));
        let span = Span { start: moment(&self.start), complete: moment(&self.complete) };
        let began = span.start.map_or_else(String::new, |start| start.naive.to_string());
        let id = run_id_of(&["optuna", study, &self.number.to_string(), &began]);
        let name = format!("trial {}", self.number);
        let start = span.start.or(span.complete).map_or(0, |moment| moment.utc);
        sink.begin_run(&NewRun::begun(&id, experiment, &name, start))?;
        self.describe(&name, &span, times, sink)?;
        self.store_params(sink)?;
        self.store_points((start, span.complete.map_or(start, |end| end.utc)), sink)?;
        for (name, value) in &self.user {
            tag(&user_name(name), &plain(value), sink)?;
        }
        for (name, value) in &self.system {
            tag(&system_name(name), value, sink)?;
        }
        sink.end_run()?;
        sink.end_source()
    }

    /// Its own tags, and how it ended.
    fn describe(&self, name: &str, span: &Span, times: &Times, sink: &mut Sink<'_>) -> Result<()> {
        sink.own_tag("mlflow.runName", name)?;
        sink.own_tag("expmig.source", "optuna")?;
        tag("optuna.number", &self.number.to_string(), sink)?;
        tag("optuna.state", self.state.name(), sink)?;
        // The store's times have no microseconds.
        for (key, text) in [
            ("optuna.datetime_start", &self.start),
            ("optuna.datetime_complete", &self.complete),
            ("optuna.heartbeat", &self.heartbeat),
        ] {
            if let Some(text) = text {
                tag(key, text, sink)?;
            }
        }
        if [span.start, span.complete].iter().flatten().any(|moment| !moment.is_certain) {
            note(&mut sink.source.adjusted, "assumed_zone", 1);
            sink.own_tag("expmig.assumed_zone", &times.assumed_zone())?;
        }
        if self.state.has_ended() {
            let status = if self.state == State::Fail { RunStatus::Failed } else { RunStatus::Finished };
            sink.set_run("status", Value::Text(status.name().as_bytes().to_vec()))?;
            let end = span.complete.or(span.start);
            return sink.set_run("end_time", end.map_or(Value::Null, |moment| Value::Integer(moment.utc)));
        }
        sink.source.unfinished = true;
        let start = span.start.map(|moment| moment.utc);
        sink.end_unknown((start, start), RunStatus::Killed)
    }

    fn store_params(&self, sink: &mut Sink<'_>) -> Result<()> {
        for (name, Param { value, distribution }) in &self.params {
            sink.source.values.read += 1;
            match shown(*value, distribution) {
                Some(shown) => {
                    let key = sink.key(name)?;
                    sink.param(&key, &shown)?;
                }
                None => sink.source.values.refuse("malformed_param"),
            }
            tag(&format!("optuna.distribution/{name}"), distribution, sink)?;
        }
        Ok(())
    }

    fn store_points(&self, (start, end): (i64, i64), sink: &mut Sink<'_>) -> Result<()> {
        for (step, value) in &self.intermediate {
            sink.source.points.read += 1;
            sink.point("intermediate", *step, start, *value)?;
        }
        note(&mut sink.source.adjusted, "time_of_trial", self.intermediate.len() as u64);
        for (objective, value) in &self.values {
            sink.source.points.read += 1;
            sink.point(&format!("objective_{objective}"), 0, end, *value)?;
        }
        Ok(())
    }
}

/// Stores a tag that the source has.
fn tag(name: &str, value: &str, sink: &mut Sink<'_>) -> Result<()> {
    sink.source.values.read += 1;
    let key = sink.key(name)?;
    sink.tag(&key, value)
}
