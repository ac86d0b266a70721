//! How much is read of a file whose tables have no index by what their rows hang on: each of them from end to end a few times, however
//! often its rows are needed.

use crate::support;
use crate::support::{Folder, open};
use expmig::{ExportOptions, ImportOptions, JobOptions, MigrateOptions, Strategy};

/// The links of another experiment's run, more of them than any cache holds: most of the file.
const OTHERS: &str = "INSERT INTO TRIAL VALUES (99, 'large', 2, '2023', '2023');
    INSERT INTO TRIAL_RUN VALUES (99, 99, 'done', '2023', '2023');
    ALTER TABLE EPOCH_METRIC RENAME TO old; CREATE TABLE EPOCH_METRIC (epoch_idx INT, epoch_trial_run_id INT, metric_id INT, padding TEXT);
    INSERT INTO EPOCH_METRIC SELECT *, NULL FROM old; DROP TABLE old;
    WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
    INSERT INTO EPOCH_METRIC SELECT i, 99, 36, hex(zeroblob(200)) FROM n;";

/// What this thread has read so far, in bytes, from files of whatever kind.
fn bytes_read() -> u64 {
    let io = std::fs::read_to_string("/proc/thread-self/io").expect("what the thread did");
    let line = io.lines().find_map(|line| line.strip_prefix("rchar: ")).expect("what it read");
    line.parse().expect("a number")
}

#[test]
fn a_table_without_an_index_by_run_is_read_as_seldom_as_can_be() {
    let folder = Folder::new();
    let path = folder.small("large.db", OTHERS);
    let size = support::integer(&path, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size");
    let manager = open(&path);
    let within = |times: f64, what: &str, act: &dyn Fn() -> expmig::Result<()>| {
        let before = bytes_read();
        act().unwrap_or_else(|error| panic!("{what}: {}", error.to_json()));
        let read = (bytes_read() - before) as f64 / size as f64;
        assert!(read < times + 0.5, "{what}: the file was read {read} times");
    };
    let migrate = |strategy| {
        manager.migrate_experiment(1, None, MigrateOptions { strategy, ..MigrateOptions::default() }).map(drop)
    };
    // Once for the rows themselves, and once for the highest id that any row mentions.
    within(2.0, "AGGRESSIVE", &|| migrate(Strategy::Aggressive));
    // And once for the copy that is there already: one is enough.
    within(3.0, "BALANCED", &|| migrate(Strategy::Balanced));
    within(3.0, "BALANCED, with two copies there", &|| migrate(Strategy::Balanced));
    within(1.0, "the digest", &|| manager.experiment_digest(1, JobOptions::default()).map(drop));
    let document = manager.export_to_string(1, ExportOptions::default()).expect("a document");
    within(2.0, "an import", &|| manager.import_from_string(document.as_bytes(), ImportOptions::default()).map(drop));
}

/// Many runs of another trial's, each with ten of ten epochs and with links, in tables with their keys.
const OTHER_RUNS: &str = "INSERT INTO TRIAL VALUES (99, 'large', 2, '2023', '2023');
    WITH RECURSIVE n(i) AS (SELECT 99 UNION ALL SELECT i + 1 FROM n WHERE i < 5098)
    INSERT INTO TRIAL_RUN SELECT i, 99, 'done', '2023', '2023' FROM n;
    INSERT INTO EPOCH SELECT e.value, r.id, hex(zeroblob(200)) FROM TRIAL_RUN AS r, json_each('[0,1,2,3,4,5,6,7,8,9]') AS e WHERE r.id >= 99;
    ALTER TABLE EPOCH_METRIC ADD COLUMN padding;
    INSERT INTO EPOCH_METRIC SELECT idx, trial_run_id, 36, time FROM EPOCH WHERE trial_run_id >= 99;";

#[test]
fn a_small_part_of_a_large_file_is_found_by_the_keys_of_its_tables() {
    let folder = Folder::new();
    let path = folder.small("large.db", OTHER_RUNS);
    let size = support::integer(&path, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size");
    let manager = open(&path);
    let read = |act: &dyn Fn() -> expmig::Result<()>| {
        let before = bytes_read();
        act().unwrap_or_else(|error| panic!("{}", error.to_json()));
        (bytes_read() - before) as f64 / size as f64
    };
    let within = |share: f64, what: &str, act: &dyn Fn() -> expmig::Result<()>| {
        let read = read(act);
        assert!(read < share, "{what}: {read} of the file was read");
    };
    let migrate = |strategy| {
        manager.migrate_experiment(1, None, MigrateOptions { strategy, ..MigrateOptions::default() }).map(drop)
    };
    within(0.05, "the digest", &|| manager.experiment_digest(1, JobOptions::default()).map(drop));
    // Only what metrics the links name is looked at in each row of an index.
    for _ in 0..3 {
        within(0.1, "AGGRESSIVE", &|| migrate(Strategy::Aggressive));
        within(0.12, "BALANCED", &|| migrate(Strategy::Balanced));
    }
    let digest = |experiment| manager.experiment_digest(experiment, JobOptions::default()).expect("a digest");
    assert_eq!(digest(1), digest(3));
}

/// Experiments with the row of experiment 1, as many trials and as many runs, of other names.
const LOOK_ALIKES: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
    INSERT INTO EXPERIMENT SELECT 1000 + i, title, desc, start_time, update_time FROM n, EXPERIMENT WHERE id = 1;
    INSERT INTO TRIAL SELECT e.id * 100 + t.id, t.name || e.id || hex(zeroblob(400)), e.id, t.start_time, t.update_time FROM EXPERIMENT AS e, TRIAL AS t
    WHERE e.id > 1000 AND t.experiment_id = 1;
    INSERT INTO TRIAL_RUN SELECT t.id * 100 + r.id, t.id, r.status, r.start_time, r.update_time FROM TRIAL AS t, TRIAL_RUN AS r
    WHERE t.id > 100000 AND r.trial_id = t.id % 100;";

#[test]
fn ten_thousand_that_look_alike_are_told_apart_in_a_few_readings() {
    let folder = Folder::new();
    let path = folder.small("alike.db", LOOK_ALIKES);
    let size = support::integer(&path, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size");
    let manager = open(&path);
    for expected in [0, 1] {
        let before = bytes_read();
        let result = manager.migrate_experiment(1, None, MigrateOptions::default());
        let result = result.unwrap_or_else(|error| panic!("{}", error.to_json()));
        let read = (bytes_read() - before) as f64 / size as f64;
        assert_eq!(result.warnings.len(), expected, "{:?}", result.warnings);
        assert!(read < 8.0, "the file was read {read} times");
    }
}
