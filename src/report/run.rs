//! Makes a page: reads one consistent state of each database, then writes.

use std::sync::Arc;

use serde_json::Value as Json;

use super::document::{self, Read, notes};
use super::findings;
use super::gather::{Shared, gather};
use super::limits::EXPERIMENTS;
use super::named::{TableRows, count, gather_named};
use super::options::{ReportOptions, ReportResult, ReportedExperiment, Subject};
use super::page::{InScript, head, tail};
use super::points::{Drawn, Linked};
use crate::database::{Connection, Reading, State, Watches};
use crate::error::{Domain, Error, Result, Status};
use crate::exchange::{Output, Sink};
use crate::hierarchy::{Scope, Selection, experiment_exists};
use crate::migration::{compare_named, compare_states};
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
    let (head, tail) = (head(&title), tail()?);
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
            let sides = [(connection(0)?, a.experiment), (connection(1)?, b.experiment)];
            let found = compare(sides, &all, job);
            // Rows with keys that are no integers are no reason for no page: the validation lists them.
            match found {
                Err(error) if error.status() == Status::Validation => {
                    Some(serde_json::json!({"equal": null, "refused": error.message()}))
                }
                other => Some(other?),
            }
        }
        _ => None,
    };
    Ok((all, shared, comparison))
}

/// What is known of the rows of an experiment before they are read.
enum Rows {
    Selected(Box<Selection>, Linked),
    Counted(Vec<TableRows>),
}

impl Rows {
    fn total(&self) -> u64 {
        match self {
            Rows::Selected(selection, _) => selection.counts.iter().map(|counts| counts.rows + counts.unsound).sum(),
            Rows::Counted(counts) => counts.iter().filter(|(_, _, read)| *read).map(|(_, rows, _)| rows).sum(),
        }
    }
}

/// The comparison of two experiments that were read, as a document.
fn compare(
    [(a, experiment_a), (b, experiment_b)]: [(&dyn Connection, i64); 2],
    read: &[Read],
    job: &Arc<Job>,
) -> Result<Json> {
    let _watches = Watches::new(job, [a, b]);
    let [first, second] = read else { return Err(Error::internal(DOMAIN, "two experiments were to be compared")) };
    let (family, other) = (first.family, second.family);
    if family != other {
        let message = format!("one is of {}, the other of {}", family.tracker, other.tracker);
        return Ok(serde_json::json!({"equal": null, "refused": message}));
    }
    let found = if family.has_text_keys() {
        let layouts = (a.layout()?, b.layout()?);
        compare_named((a, &layouts.0, experiment_a), (b, &layouts.1, experiment_b), &[], job)?
    } else {
        compare_states((a, experiment_a), (b, experiment_b), job)?
    };
    Ok(found.to_json())
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
    layout.require(Call::Report, DOMAIN)?;
    let drawn = Drawn::of(family)?;
    experiment_exists(connection, &layout, subject.experiment).map_err(|error| error.in_domain(DOMAIN))?;
    job.begin("counting")?;
    let mut rows = match drawn.linked {
        Some(linked) => {
            let selection = Selection::read(connection, &layout, subject.experiment, Scope::default(), job)?;
            Rows::Selected(Box::new(selection), linked)
        }
        None => Rows::Counted(count(connection, &layout, subject.experiment, job)?),
    };
    job.set_total(job.counts().2 + rows.total());
    let validate = ValidateOptions {
        experiment: Some(subject.experiment),
        issue_limit: options.issue_limit / of,
        ..ValidateOptions::default()
    };
    let found = validate_state(connection, &layout, &validate, &mut *subject.checks, (job, false))?;
    job.begin("reading")?;
    let place = (u32::try_from(at).unwrap_or(u32::MAX), of);
    let experiment = match &mut rows {
        Rows::Selected(selection, linked) => {
            let metrics = findings::metrics(family, linked.metric, &found);
            gather((connection, &layout), selection, (drawn.run, *linked), place, metrics, shared, job)?
        }
        Rows::Counted(counts) => {
            gather_named((connection, &layout), subject.experiment, (drawn.run, counts), place, shared, job)?
        }
    };
    let mut notes = notes(family, drawn, &experiment);
    notes.extend(connection.unsteady_tables(&layout)?.iter().map(|table| table.warning("the page")));
    Ok(Read {
        family,
        drawn,
        database: subject.database.name(),
        engine: subject.database.capabilities().engine,
        id: subject.experiment,
        findings: findings::to_json(family, drawn, &found, &experiment),
        passed: found.passed(),
        notes,
        experiment,
    })
}
