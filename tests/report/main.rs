//! The page: what its data says, that a text stays text, what it leaves out and says so, and that a file is whole or not there. What a browser
//! makes of it is tested in tests/browser.

mod bounds;
mod content;
mod files;
#[path = "../support/mod.rs"]
mod support;

use std::path::Path;

use expmig::{Manager, ReportOptions, ReportResult};
use serde_json::Value as Json;

/// The page of these experiments, and what became of it.
fn page_of(experiments: &[(&Manager, i64)]) -> (String, ReportResult) {
    let mut page = Vec::new();
    let done = Manager::report(experiments, &mut page, ReportOptions::default());
    let done = done.unwrap_or_else(|error| panic!("{}", error.to_json()));
    assert_eq!(done.bytes, page.len() as u64);
    (String::from_utf8(page).unwrap(), done)
}

/// The data of a page: what a browser would take for it.
fn data(page: &str) -> Json {
    let (_, rest) = page.split_once("<script type=\"application/json\" id=\"data\">").unwrap();
    let (text, _) = rest.split_once("</script").unwrap();
    serde_json::from_str(text).unwrap()
}

fn data_of(path: &Path, experiment: i64) -> Json {
    let manager = support::open_read_only(path);
    data(&page_of(&[(&manager, experiment)]).0)
}

/// The curves of a list of them that are of a run and a level, by the id of the run.
fn curves<'d>(data: &'d Json, list: &str, run: i64, level: &str) -> Vec<(&'d str, &'d Json)> {
    let nodes = &data["experiments"][0]["nodes"];
    let runs = nodes[nodes.as_array().unwrap().len() - 1]["rows"].as_array().unwrap();
    let all = data[list].as_array().unwrap().iter();
    let wanted = all.filter(|one| runs[one["r"].as_u64().unwrap() as usize][0] == run && one["l"] == level);
    wanted.map(|one| (data["metrics"][one["m"].as_u64().unwrap() as usize].as_str().unwrap(), one)).collect()
}

/// The one curve of a run, a type and a level.
fn curve<'d>(data: &'d Json, run: i64, metric: &str, level: &str) -> &'d Json {
    let found = curves(data, "curves", run, level).into_iter().filter(|(name, _)| *name == metric);
    let found: Vec<_> = found.collect();
    assert_eq!(found.len(), 1, "{metric} of {level} of run {run}");
    found[0].1
}
