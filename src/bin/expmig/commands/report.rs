//! The command `report`.

use std::io::Write;
use std::path::Path;

use expmig::{Domain, Error, FileOptions, Manager, ReportOptions, ReportResult, Status};

use super::documents::Watching;
use crate::arguments::Report;
use crate::choices::Place;
use crate::failure::{Failure, Outcome};
use crate::output::{after_change, count, written};
use crate::session::{Session, Use};

pub fn report(session: &Session, arguments: &Report) -> Outcome<()> {
    let mut databases: Vec<(String, Manager)> = Vec::new();
    // The place of the database among these, and the experiment.
    let mut chosen: Vec<(usize, i64)> = Vec::new();
    for text in &arguments.of {
        let place = text.parse::<Place>().ok();
        let database = place.as_ref().map_or(text, |place| &place.database);
        let at = match databases.iter().position(|(known, _)| known == database) {
            Some(at) => at,
            None => {
                databases.push((database.clone(), session.open(database, Use::Read)?));
                databases.len() - 1
            }
        };
        match place {
            Some(place) => chosen.push((at, place.experiment)),
            None if arguments.experiment.is_empty() => {
                let Some((_, manager)) = databases.get(at) else { continue };
                chosen.extend(manager.list_experiments()?.into_iter().map(|one| (at, one.id)));
            }
            None => chosen.extend(arguments.experiment.iter().map(|id| (at, *id))),
        }
    }
    if chosen.is_empty() {
        let error = Error::new(Status::NotFound, Domain::ImportExport, "there are no experiments to make a page of");
        return Err(error.hint("`expmig list` says what a database has").into());
    }
    let experiments: Vec<(&Manager, i64)> =
        chosen.iter().filter_map(|(at, id)| Some((&databases.get(*at)?.1, *id))).collect();
    let options = ReportOptions {
        title: arguments.title.clone(),
        issue_limit: arguments.limit,
        progress: session.progress(),
        cancel: Some(session.cancel()),
    };
    if arguments.output == Path::new("-") {
        let mut out = Watching { out: std::io::stdout().lock(), closed: false };
        let done = Manager::report(&experiments, &mut out, options);
        if out.closed {
            return Err(Failure::Closed);
        }
        done?;
        return written(out.flush());
    }
    let file = FileOptions { replace: arguments.force, ..FileOptions::default() };
    let done = Manager::report_to_file(&experiments, &arguments.output, file, options)?;
    if session.common.json {
        return after_change(session.document(&done.to_json()));
    }
    after_change(session.line(summary(&arguments.output, &done)))
}

fn summary(path: &Path, done: &ReportResult) -> String {
    let sum = |of: fn(&expmig::ReportedExperiment) -> u64| done.experiments.iter().map(of).sum::<u64>();
    let (runs, values) = (count(sum(|one| one.runs), "run"), count(sum(|one| one.values), "value"));
    let compared = match done.equal {
        Some(true) => "; they are equal",
        Some(false) => "; they differ",
        None => "",
    };
    let experiments = count(done.experiments.len() as u64, "experiment");
    format!("{}: {experiments}, {runs}, {values}{compared}; open it in a browser", path.display())
}
