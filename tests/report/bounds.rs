//! However much there is, a page stays small, is made in constant memory, and says what it leaves out.

use std::path::Path;

use expmig::{Database, Manager, OpenOptions, ReportOptions};
use serde_json::{Value as Json, json};

use super::support::{self, Folder, child};
use super::{curve, data, page_of};

const MIB: u64 = 1 << 20;

/// One experiment with so many runs of so many epochs, each with a loss. In the middle of each run stand its lowest and its highest.
fn long_runs(path: &Path, runs: u64, epochs: u64) {
    let time = "'2024-01-01T00:00:00'";
    let script = format!(
        "{}
         INSERT INTO EXPERIMENT VALUES (1, 'long', NULL, {time}, {time}); INSERT INTO TRIAL VALUES (1, 't', 1, {time}, {time});
         CREATE TEMP TABLE e AS WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {epochs}) SELECT i FROM n;
         CREATE TEMP TABLE r AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i + 1 <= {runs}) SELECT i FROM n;
         INSERT INTO TRIAL_RUN SELECT i, 1, 'completed', {time}, {time} FROM r;
         INSERT INTO EPOCH SELECT e.i, r.i, {time} FROM r, e;
         INSERT INTO METRIC SELECT (r.i - 1) * {epochs} + e.i + 1, 'loss', CASE e.i WHEN {epochs} / 2 THEN -1000.0 - r.i WHEN {epochs} / 2 + 1 THEN 1000.0 + r.i
           ELSE 1.0 / (1 + e.i) + ((e.i * 7919 + r.i * 104729) % 1000) / 3001.0 END, NULL FROM r, e;
         INSERT INTO EPOCH_METRIC SELECT e.i, r.i, (r.i - 1) * {epochs} + e.i + 1 FROM r, e;",
        support::schema(2)
    );
    let connection = support::sql(path);
    connection
        .execute_batch(&format!("PRAGMA journal_mode = off; PRAGMA synchronous = off; BEGIN; {script}; COMMIT"))
        .unwrap();
}

fn check_long(page: &str, runs: u64, epochs: u64) {
    assert!((page.len() as u64) < 5 * MIB, "{} bytes", page.len());
    let data = data(page);
    for run in 1..=runs {
        let loss = curve(&data, run as i64, "loss", "epoch");
        assert_eq!(loss["n"], epochs);
        let (x, y) = (loss["x"].as_array().unwrap(), loss["y"].as_array().unwrap());
        for (at, value) in [(epochs / 2, -1000.0 - run as f64), (epochs / 2 + 1, 1000.0 + run as f64)] {
            let place = x.iter().position(|x| x.as_u64() == Some(at)).unwrap();
            assert_eq!(y[place].as_f64(), Some(value));
        }
        assert_eq!((&x[0], &x[x.len() - 1]), (&json!(0), &json!(epochs - 1)));
        assert!(x.len() as u64 == epochs || x.len() > 1000, "{} points", x.len());
    }
}

#[test]
fn a_page_of_80_000_values_is_small_and_has_every_extreme() {
    let folder = Folder::new();
    let path = folder.path("long.db");
    long_runs(&path, 8, 10_000);
    let (page, done) = page_of(&[(&support::open_read_only(&path), 1)]);
    check_long(&page, 8, 10_000);
    assert_eq!((done.experiments[0].values, done.experiments[0].runs), (80_000, 8));
}

#[test]
fn a_page_of_more_runs_than_it_holds_lists_the_first_and_counts_the_rest() {
    let folder = Folder::new();
    let path = folder.path("many.db");
    long_runs(&path, 2500, 4);
    let manager = support::open_read_only(&path);
    let (page, done) = page_of(&[(&manager, 1)]);
    let one = &done.experiments[0];
    assert_eq!((one.runs, one.listed_runs, one.values), (2500, 2000, 8000));
    let notes = &one.notes;
    assert!(notes[0].starts_with("Of 2500 runs the first 2000 are listed."), "{notes:?}");
    assert_eq!(notes[1], "2000 values are of runs that are not listed.");
    assert_eq!(data(&page)["experiments"][0]["notes"], json!(notes));
    assert!((page.len() as u64) < 5 * MIB);
    // Of two experiments each has its share.
    let (_, done) = page_of(&[(&manager, 1), (&manager, 1)]);
    assert_eq!(done.experiments.iter().map(|one| one.listed_runs).collect::<Vec<_>>(), [1000, 1000]);
}

#[test]
fn a_page_of_ever_more_types_and_labels_stays_small_and_its_counts_add_up() {
    let folder = Folder::new();
    let path = folder.path("wide.db");
    long_runs(&path, 30, 100);
    let labels = (0..40).map(|at| format!("\"class_{at}\": 0.{at}1234567890123")).collect::<Vec<_>>().join(", ");
    support::execute(
        &path,
        &format!(
            "UPDATE METRIC SET type = 'm' || (id % 1500), total_val = 1 / 3.0 + id, per_label_val = '{{{labels}}}'"
        ),
    );
    let (page, done) = page_of(&[(&support::open_read_only(&path), 1)]);
    assert!((page.len() as u64) < 5 * MIB, "{} bytes", page.len());
    let data = data(&page);
    let drawn: u64 = data["curves"].as_array().unwrap().iter().map(|one| one["n"].as_u64().unwrap()).sum();
    let unnamed: u64 = done.experiments[0]
        .notes
        .iter()
        .filter_map(|note| {
            note.strip_suffix(" values are of types beyond the first thousand, and are in no curve.")?
                .parse::<u64>()
                .ok()
        })
        .sum();
    assert_eq!(drawn + data["left_out"]["values"].as_u64().unwrap() + unnamed, 30 * 100);
    let of_labels: u64 = data["label_curves"].as_array().unwrap().iter().map(|one| one["n"].as_u64().unwrap()).sum();
    assert_eq!(of_labels + data["left_out"]["label_values"].as_u64().unwrap(), (30 * 100 - unnamed) * 40);
}

/// The body of the child process; as a test of its own it does nothing.
#[test]
fn child_process() {
    let Some((_, input)) = child::role() else { return };
    let peak = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
    };
    let manager = Manager::from(Database::open(input["path"].as_str().unwrap(), OpenOptions::default()).unwrap());
    let opened = peak();
    let done = Manager::report(&[(&manager, 1)], &mut std::io::sink(), ReportOptions::default()).unwrap();
    child::say(&json!({"opened": opened, "peak": peak(), "bytes": done.bytes, "values": done.experiments[0].values}));
}

fn grown(path: &Path, values: u64) -> u64 {
    let output = child::command("page", &json!({"path": path})).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let said: Json = String::from_utf8(output.stdout).unwrap().lines().find_map(child::heard).unwrap();
    assert_eq!(said["values"], values);
    println!("{said}");
    said["peak"].as_u64().unwrap() - said["opened"].as_u64().unwrap()
}

#[test]
fn a_page_of_any_number_of_values_takes_less_than_64_mib() {
    let folder = Folder::new();
    let path = folder.path("long.db");
    long_runs(&path, 4, 25_000);
    let grown = grown(&path, 100_000);
    assert!(grown < 64 * MIB, "{} MiB", grown / MIB);
}

#[test]
#[ignore = "takes a minute and a gigabyte: make large"]
fn a_page_of_10_000_000_values_takes_less_than_64_mib_and_5_mib_of_space() {
    let folder = Folder::new();
    let path = folder.path("long.db");
    long_runs(&path, 10, 1_000_000);
    let grown = grown(&path, 10_000_000);
    assert!(grown < 64 * MIB, "{} MiB", grown / MIB);
    check_long(&page_of(&[(&support::open_read_only(&path), 1)]).0, 10, 1_000_000);
}
