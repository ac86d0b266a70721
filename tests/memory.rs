//! The memory of a migration does not grow with the experiment.

mod common;

use std::path::Path;

use common::child::{self, Job};
use common::database::{Journal, count, open, small};
use expmig::MigrateOptions;
use serde_json::{Value, json};

const MIB: u64 = 1 << 20;

/// The most memory that this process ever had resident.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}

/// The body of the child process; as a test of its own it does nothing.
#[test]
fn child_process() {
    let Some((_, input)) = child::role() else { return };
    let job: Job = serde_json::from_value(input).unwrap();
    let (source, target) = job.open().unwrap();
    let opened = peak();
    let result = source.migrate_experiment(job.experiment, target.as_ref(), MigrateOptions::default()).unwrap();
    let metrics = result.tables.iter().find(|counts| counts.table == "METRIC").unwrap().copied;
    child::say(&json!({"opened": opened, "peak": peak(), "metrics": metrics}));
}

/// Experiment 1 gets 200,000 metrics, in 100 runs of 100 epochs.
fn large(path: &Path) {
    small(path, Journal::Rollback);
    open(path)
        .execute_batch(
            "PRAGMA synchronous = OFF; BEGIN;
             CREATE TEMP TABLE n AS WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 199999) SELECT i FROM n;
             INSERT INTO TRIAL_RUN SELECT 1000 + i, 1, 'completed', '2024-01-01T00:00:00', '2024-01-01T00:00:00'
               FROM n WHERE i < 100;
             INSERT INTO EPOCH SELECT i % 100, 1000 + i / 100, '2024-01-01T00:00:00' FROM n WHERE i < 10000;
             INSERT INTO METRIC (id, type, total_val, per_label_val)
               SELECT 100000 + i, 'loss', i / 7.0, CASE WHEN i % 6 = 0 THEN '{\"a\": ' || i || ', \"b\": 0.5}' END FROM n;
             INSERT INTO EPOCH_METRIC SELECT i / 20 % 100, 1000 + i / 2000, 100000 + i FROM n;
             COMMIT",
        )
        .unwrap();
}

fn migrate_large(two_files: bool) {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source.db");
    large(&source);
    let metrics = count(&source, "METRIC");
    let job = Job {
        source,
        experiment: 1,
        target: two_files.then(|| folder.path().join("target.db")),
        skip: false,
        busy_timeout: std::time::Duration::from_secs(5),
    };
    let output = child::command("memory", &serde_json::to_value(&job).unwrap()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said: Value = String::from_utf8(output.stdout).unwrap().lines().find_map(child::heard).unwrap();
    assert!(said["metrics"].as_u64().unwrap() >= 200_000 && metrics >= 200_000, "{said}");
    let grown = said["peak"].as_u64().unwrap() - said["opened"].as_u64().unwrap();
    println!("{} MiB above the opened library", grown / MIB);
    assert!(grown < 64 * MIB, "{said}");
}

#[test]
fn migrating_200_000_metrics_within_a_file_takes_less_than_64_mib() {
    migrate_large(false);
}

#[test]
fn migrating_200_000_metrics_into_another_file_takes_less_than_64_mib() {
    migrate_large(true);
}
