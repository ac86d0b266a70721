//! Makes a page: reads one consistent state of each database, then writes.

use std::sync::Arc;

use serde_json::Value as Json;

use super::document::{self, Read, notes};
use super::findings;
use super::gather::{Shared, gather};
use super::limits::EXPERIMENTS;
use super::options::{ReportOptions, ReportResult, ReportedExperiment, Subject};
use super::page::{InScript, head, tail};
use super::points::Drawn;
use crate::database::{Connection, Reading, State, Watches};
use crate::error::{Domain, Error, Result, Status};
use crate::exchange::{Output, Sink};
use crate::hierarchy::{Scope, Selection, experiment_exists};
use crate::migration::compare_states;
use crate::progress::Job;
use crate::schema::Call;
use crate::validation::{ValidateOptions, validate_state};

const DOMAIN: Domain = Domain::ImportExport;

/// Writes the page of these experiments.
pub(crate) fn report(
    mut subjects: Vec<Subject<'_>>,
    mut options: ReportOptions,
    sink: &mut dyn Sink,
) -> Result<ReportResult> {
    options.check()?;
    match subjects.len() {
        0 => return Err(Error::argument(DOMAIN, "experiments", "a page is of one experiment at least")),
        count if count > EXPERIMENTS => {
            let message = format!("a page can have {EXPERIMENTS} experiments, not {count}");
            return Err(Error::new(Status::Limit, DOMAIN, message).hint("choose some of them, or make several pages"));
        }
        _ => {}
    }
    let job = Job::new(DOMAIN, options.progress.take(), options.cancel.take());
    let (read, shared, comparison) = read(&mut subjects, &options, &job)?;
    job.begin("writing")?;
    let titles: Vec<String> = read.iter().map(Read::title).collect();
    let title = options
        .title
        .unwrap_or_else(|| if titles.len() > 3 { format!("{} experiments", titles.len()) } else { titles.join(", ") });
    let (head, tail) = (head(&title), tail());
    sink.write(head.as_bytes())?;
    let mut in_script = InScript::new(sink);
    let mut output = Output::new(&mut in_script, 0);
    document::write(&title, &read, &shared, comparison.as_ref(), &mut output)?;
    output.end()?;
    let data = in_script.written;
    sink.write(tail.as_bytes())?;
    job.begin("finishing")?;
    sink.finish()?;
    job.finish();
    let bytes = (head.len() + tail.len()) as u64 + data;
    let experiments = read.into_iter().map(reported).collect();
    let equal = comparison.and_then(|found| found.get("equal").and_then(Json::as_bool));
    Ok(ReportResult { bytes, experiments, equal })
}

fn reported(read: Read) -> ReportedExperiment {
    let runs = read.runs().map_or((0, 0), |runs| (runs.count as u64, runs.first.len() as u64));
    ReportedExperiment {
        runs: runs.0,
        listed_runs: runs.1,
        values: read.experiment.drawn,
        database: read.database,
        experiment_id: read.id,
        notes: read.notes,
        passed: read.passed,
    }
}

/// Everything that the page will have.
fn read(
    subjects: &mut [Subject<'_>],
    options: &ReportOptions,
    job: &Arc<Job>,
) -> Result<(Vec<Read>, Shared, Option<Json>)> {
    job.begin("opening")?;
    // One state of each database, and for each experiment its place among these.
    let mut states: Vec<(usize, State<'_>)> = Vec::new();
    let mut places = Vec::new();
    for (at, subject) in subjects.iter().enumerate() {
        let database = subject.database;
        let known = states.iter().position(|(first, _)| {
            subjects
                .get(*first)
                .is_some_and(|other| std::ptr::eq(other.database, database) || other.database.is_same_as(database))
        });
        let place = match known {
            Some(place) => place,
            None => {
                states.push((at, database.state(Reading::Passes, job)?));
                states.len() - 1
            }
        };
        places.push(place);
    }
    let connection = |at: usize| -> Result<&dyn Connection> {
        let state = places.get(at).and_then(|place| states.get(*place));
        state
            .map(|(_, state)| state.connection())
            .ok_or_else(|| Error::internal(DOMAIN, "an experiment without a state"))
    };
    let count = subjects.len();
    let mut shared = Shared::default();
    let mut all = Vec::with_capacity(count);
    for at in 0..count {
        let connection = connection(at)?;
        let _watches = Watches::new(job, [connection, connection]);
        let Some(subject) = subjects.get_mut(at) else { continue };
        all.push(read_one(subject, connection, (at, count), options, &mut shared, job)?);
    }
    let comparison = match subjects {
        [a, b] => {
            let (first, second) = (connection(0)?, connection(1)?);
            let _watches = Watches::new(job, [first, second]);
            let found = compare_states((first, a.experiment), (second, b.experiment), job);
            // Rows with keys that are no integers are no reason for no page: the validation lists them.
            match found {
                Err(error) if error.status() == Status::Validation => {
                    Some(serde_json::json!({"equal": null, "refused": error.message()}))
                }
                other => Some(other?.to_json()),
            }
        }
        _ => None,
    };
    Ok((all, shared, comparison))
}

fn read_one(
    subject: &mut Subject<'_>,
    connection: &dyn Connection,
    (at, of): (usize, usize),
    options: &ReportOptions,
    shared: &mut Shared,
    job: &Arc<Job>,
) -> Result<Read> {
    let layout = subject.database.checked(connection.layout()?)?;
    let family = layout.family;
    let drawn = Drawn::of(family)?;
    layout.require(Call::Report, DOMAIN)?;
    experiment_exists(connection, &layout, subject.experiment).map_err(|error| error.in_domain(DOMAIN))?;
    job.begin("counting")?;
    let mut selection = Selection::read(connection, &layout, subject.experiment, Scope::default(), job)?;
    let rows: u64 = selection.counts.iter().map(|counts| counts.rows + counts.unsound).sum();
    job.set_total(job.counts().2 + rows);
    let validate = ValidateOptions {
        experiment: Some(subject.experiment),
        issue_limit: options.issue_limit / of,
        ..ValidateOptions::default()
    };
    let found = validate_state(connection, &layout, &validate, &mut *subject.checks, (job, false))?;
    job.begin("reading")?;
    let metrics = findings::metrics(family, drawn.metric, &found);
    let place = u32::try_from(at).unwrap_or(u32::MAX);
    let experiment = gather((connection, &layout), &mut selection, (place, of), metrics, shared, job)?;
    let mut notes = notes(family, &experiment);
    notes.extend(connection.unsteady_tables(&layout)?.iter().map(|table| table.warning("the page")));
    Ok(Read {
        family,
        drawn,
        database: subject.database.name(),
        engine: subject.database.capabilities().engine,
        id: subject.experiment,
        findings: findings::to_json(family, (drawn.run, drawn.metric), &found, &experiment),
        passed: found.passed(),
        notes,
        experiment,
    })
}
