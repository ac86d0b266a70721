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
