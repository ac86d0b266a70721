//! The memory of a migration, a transformation or an import does not grow with the experiment, and that of a validation not with what is wrong.

use std::path::Path;

use crate::support::child::{self, Job};
use crate::support::database::{Journal, count, open, small};
#[cfg(feature = "postgres")]
use crate::support::postgres::Postgres;
use crate::support::server;
use expmig::{
    Database, ExportOptions, FileOptions, ImportOptions, JobOptions, Manager, ManagerOptions, MetricSelection,
    MigrateOptions, OpenOptions, RestoreOptions, SnapshotOptions, TransformOptions, UndoOptions, ValidateOptions,
};
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
    let Some((role, input)) = child::role() else { return };
    if role == "validate" {
        return validate(&input);
    }
    if role == "transform" {
        return transform(&input);
    }
    if role == "import" {
        return import(&input);
    }
    if role == "compare" {
        return compare(&input);
    }
    if role == "list" {
        return list(&input);
    }
    if role == "one value" {
        return one_value(&input);
    }
    let job: Job = serde_json::from_value(input).unwrap();
    let (source, target) = job.open().unwrap();
    let opened = peak();
    let result = source.migrate_experiment(job.experiment, target.as_ref(), MigrateOptions::default()).unwrap();
    let metrics = result.tables.iter().find(|counts| counts.table == "METRIC").unwrap().copied;
    let migrated = peak();
    let text = result.to_json_text();
    child::say(&json!({
        "opened": opened, "peak": migrated, "metrics": metrics, "with_json": peak(), "json": text.len(),
        "runs": result.id_map.runs.len(),
    }));
}

/// Validates a file and says what it took and what was found.
fn validate(input: &Value) {
    let database = Database::open(input["path"].as_str().unwrap(), OpenOptions::default()).unwrap();
    let opened = peak();
    let options = ValidateOptions { experiment: input["experiment"].as_i64(), ..ValidateOptions::default() };
    let report = expmig::validation::validate(&database, options, &mut |_, _, _, _| Ok(())).unwrap();
    let counts: Value = report.counts().iter().map(|count| json!([count.kind, count.table, count.count])).collect();
    let listed = report.issues().len();
    child::say(
        &json!({"opened": opened, "peak": peak(), "counts": counts, "listed": listed, "passed": report.passed()}),
    );
}

/// Transforms the metrics of experiment 1 in a file, in one chunk if that were possible, undoes it, and says what it took.
fn transform(input: &Value) {
    let manager = Manager::from(Database::open(input["path"].as_str().unwrap(), OpenOptions::default()).unwrap());
    let opened = peak();
    let selection = MetricSelection { experiments: Some(vec![1]), metrics: None };
    let options = TransformOptions { batch_size: usize::MAX, ..TransformOptions::default() };
    let result = manager.transform_metrics_by(&selection, "scale", Some(r#"{"factor": 3}"#), options).unwrap();
    let undone = manager.undo_transform(result.transform_id.unwrap(), UndoOptions::default()).unwrap();
    child::say(&json!({
        "opened": opened, "peak": peak(), "updated": result.updated, "copied": result.copied, "restored": undone.restored,
    }));
}

/// Compares two experiments of a file and says what it took and what differs.
fn compare(input: &Value) {
    let manager = Manager::from(Database::open(input["path"].as_str().unwrap(), OpenOptions::default()).unwrap());
    let opened = peak();
    let report = manager.compare_experiments(1, None, 2, JobOptions::default()).unwrap();
    child::say(&json!({"opened": opened, "peak": peak(), "difference": report["first_difference"]}));
}

/// Lists the experiments of a file.
fn list(input: &Value) {
    let manager = Manager::from(Database::open(input["path"].as_str().unwrap(), OpenOptions::default()).unwrap());
    let opened = peak();
    let text = manager.list_experiments_json().unwrap();
    child::say(&json!({"opened": opened, "peak": peak(), "json": text.len()}));
}

/// Does something with an experiment that has one huge value.
fn one_value(input: &Value) {
    let open = |name: &str, create| {
        let options = OpenOptions { create, ..OpenOptions::default() };
        let database = Database::open(input[name].as_str().unwrap(), options).unwrap();
        let snapshot_dir = Some(Path::new(input["snapshots"].as_str().unwrap()).to_owned());
        Manager::new(database, ManagerOptions { snapshot_dir, ..ManagerOptions::default() })
    };
    let document = Path::new(input["document"].as_str().unwrap());
    let call = input["call"].as_str().unwrap();
    let source = open("path", false);
    let target = matches!(call, "migrate" | "import").then(|| open("target", true));
    let opened = peak();
    match (call, &target) {
        ("digest", _) => drop(source.experiment_digest(1, JobOptions::default()).unwrap()),
        ("export", _) => {
            let file = FileOptions { replace: true, ..FileOptions::default() };
            source.export_to_file(1, document, file, ExportOptions::default()).unwrap();
        }
        ("import", Some(target)) => drop(target.import_from_file(document, ImportOptions::default()).unwrap()),
        ("migrate", target) => {
            drop(source.migrate_experiment(1, target.as_ref(), MigrateOptions::default()).unwrap());
        }
        ("migrate within", _) => drop(source.migrate_experiment(1, None, MigrateOptions::default()).unwrap()),
        ("compare", _) => {
            let other = input["other"].as_i64().unwrap_or(4);
            drop(source.compare_experiments(1, None, other, JobOptions::default()).unwrap());
        }
        ("validate", _) => drop(source.validate(ValidateOptions::default()).unwrap()),
        ("snapshot", _) => drop(source.create_snapshot("", SnapshotOptions::default()).unwrap()),
        ("restore", _) => {
            let listed = source.list_snapshots(None, None).unwrap();
            drop(source.restore_snapshot(&listed.snapshots[0].id, RestoreOptions::default()).unwrap());
        }
        ("transform", _) => {
            let selection = MetricSelection { experiments: Some(vec![1]), metrics: None };
            let factor = Some(r#"{"factor": 3}"#);
            let result = source.transform_metrics_by(&selection, "scale", factor, TransformOptions::default()).unwrap();
            assert_eq!((result.updated, result.copied), (1, 0));
        }
        ("undo", _) => assert_eq!(source.undo_transform(1, UndoOptions::default()).unwrap().restored, 1),
        _ => panic!("{call}"),
    }
    child::say(&json!({"opened": opened, "peak": peak()}));
}

/// A document of one run, made while it is read: so many epochs of twenty metrics each, which are linked to a batch of the epoch
/// before too. The ids jump.
struct Generated {
    epochs: u64,
    next: u64,
    ready: Vec<u8>,
    given: usize,
    bytes: u64,
}

impl Generated {
    fn new(epochs: u64) -> Generated {
        let head = r#"{"experiment": {"id": 1, "title": "large", "start_time": "2024-01-01T00:00:00", "update_time": "2024-01-01T00:00:00"},
            "trials": [{"id": 1, "name": "t", "start_time": "2024-01-01T00:00:00", "update_time": "2024-01-01T00:00:00", "trial_runs": [
            {"id": 1, "status": "completed", "start_time": "2024-01-01T00:00:00", "update_time": "2024-01-01T00:00:00", "epochs": ["#;
        Generated { epochs, next: 0, ready: head.into(), given: 0, bytes: 0 }
    }

    fn metrics(epoch: u64) -> String {
        let one = |n: u64| {
            let id = (epoch * 20 + n).wrapping_mul(0x9e37_79b9_7f4a_7c15).cast_signed();
            let label = if n.is_multiple_of(6) { r#"{"cat": 0.25, "dog": 0.75}"# } else { "null" };
            format!(r#"{{"id": {id}, "type": "train_loss", "total_val": {epoch}.{n:02}, "per_label_val": {label}}}"#)
        };
        (0..20).map(one).collect::<Vec<_>>().join(", ")
    }

    fn more(&mut self) {
        self.ready.clear();
        self.given = 0;
        let epoch = self.next;
        self.next += 1;
        if epoch == self.epochs {
            self.ready.extend_from_slice(b"]}]}]}");
        } else if epoch < self.epochs {
            let comma = if epoch > 0 { ", " } else { "" };
            let shared = if epoch > 0 { Self::metrics(epoch - 1) } else { String::new() };
            let time = r#""time": "2024-01-01T00:00:00""#;
            let text = format!(
                r#"{comma}{{"idx": {epoch}, {time}, "batches": [{{"idx": 0, {time}, "metrics": [{shared}]}}], "metrics": [{}]}}"#,
                Self::metrics(epoch)
            );
            self.ready.extend_from_slice(text.as_bytes());
        }
    }
}

impl std::io::Read for Generated {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.given == self.ready.len() {
            self.more();
        }
        let rest = &self.ready[self.given..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.given += count;
        self.bytes += count as u64;
        Ok(count)
    }
}

/// Imports a generated document and says what it took.
fn import(input: &Value) {
    let manager = Manager::from(Database::open(input["path"].as_str().unwrap(), OpenOptions::default()).unwrap());
    let opened = peak();
    let mut document = Generated::new(input["epochs"].as_u64().unwrap());
    let result = manager.import_experiment(&mut document, ImportOptions::default()).unwrap();
    let rows = |name| result.tables.iter().find(|(table, _)| *table == name).unwrap().1;
    let (metrics, links) = (rows("METRIC"), rows("BATCH_METRIC"));
    child::say(&json!({"opened": opened, "peak": peak(), "metrics": metrics, "links": links, "bytes": document.bytes}));
}

/// Imports a document of one run with so many epochs in a child process, which must stay small; how many bytes it had.
fn import_large(epochs: u64) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("target.db");
    small(&path, Journal::Rollback);
    let output = child::command("import", &json!({"path": path, "epochs": epochs})).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said: Value = String::from_utf8(output.stdout).unwrap().lines().find_map(child::heard).unwrap();
    assert_eq!(said["metrics"], epochs * 20, "{said}");
    assert_eq!(said["links"], (epochs - 1) * 20, "{said}");
    let grown = said["peak"].as_u64().unwrap() - said["opened"].as_u64().unwrap();
    let bytes = said["bytes"].as_u64().unwrap();
    println!("{} MiB above the opened library, {} MiB read", grown / MIB, bytes / MIB);
    assert!(grown < 64 * MIB, "{said}");
    bytes
}

#[test]
fn importing_a_document_of_64_mib_takes_less_than_64_mib() {
    assert!(import_large(16_500) > 64 * MIB);
}

#[test]
#[ignore = "takes minutes, and 3 GB of disk: make large"]
fn importing_a_document_of_2_gib_takes_less_than_64_mib() {
    assert!(import_large(550_000) > 2048 * MIB);
}

#[test]
fn transforming_200_000_shared_metrics_and_undoing_it_takes_less_than_64_mib() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("source.db");
    large(&path);
    // Every other metric belongs to experiment 2 too.
    let share =
        "INSERT OR IGNORE INTO RESULTS_METRIC SELECT (SELECT max(id) FROM TRIAL_RUN WHERE id < 1000), id FROM METRIC
                 WHERE id >= 100000 AND id % 2 = 0";
    open(&path).execute_batch(share).unwrap();
    let output = child::command("transform", &json!({"path": path})).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said: Value = String::from_utf8(output.stdout).unwrap().lines().find_map(child::heard).unwrap();
    assert!(said["updated"].as_u64().unwrap() >= 200_000, "{said}");
    assert!(said["copied"].as_u64().unwrap() >= 100_000, "{said}");
    assert_eq!(said["restored"], said["updated"]);
    let grown = said["peak"].as_u64().unwrap() - said["opened"].as_u64().unwrap();
    println!("{} MiB above the opened library", grown / MIB);
    assert!(grown < 64 * MIB, "{said}");
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

/// What a child process says that does this, and how many bytes it grew.
fn watched(role: &str, input: &Value) -> (Value, u64) {
    let output = child::command(role, input).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said: Value = String::from_utf8(output.stdout).unwrap().lines().find_map(child::heard).unwrap();
    let grown = said["peak"].as_u64().unwrap() - said["opened"].as_u64().unwrap();
    println!("{role}: {} MiB above the opened library", grown / MIB);
    (said, grown)
}

/// Experiments 1 and 2 get so many trials, each with a run, equal but for one thing in every one of them.
fn many_trials(path: &Path, count: u64, change: &str) {
    small(path, Journal::Rollback);
    let time = "'2024-01-01T00:00:00', '2024-01-01T00:00:00'";
    open(path)
        .execute_batch(&format!(
            "PRAGMA synchronous = OFF; BEGIN;
             DELETE FROM EXPERIMENT; DELETE FROM TRIAL; DELETE FROM TRIAL_RUN; DELETE FROM EXPERIMENT_ARTIFACT;
             INSERT INTO EXPERIMENT VALUES (1, 'many', NULL, {time}), (2, 'many', NULL, {time});
             CREATE TEMP TABLE n AS WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {count} * 2) SELECT i FROM n;
             INSERT INTO TRIAL SELECT 1000 + i, 't' || (i % {count}), 1 + i / {count}, {time} FROM n;
             INSERT INTO TRIAL_RUN SELECT 1000 + i, 1000 + i, 'completed', {time} FROM n;
             {change};
             COMMIT"
        ))
        .unwrap();
}

/// Migrates so many trials with a run each, and reads the result as JSON.
fn migrate_trials(count: u64, most: u64) {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("many.db");
    many_trials(
        &source,
        count,
        "DELETE FROM TRIAL_RUN WHERE trial_id IN (SELECT id FROM TRIAL WHERE experiment_id = 2)",
    );
    open(&source).execute_batch("DELETE FROM TRIAL WHERE experiment_id = 2").unwrap();
    for target in [None, Some(folder.path().join("target.db"))] {
        let busy_timeout = std::time::Duration::from_secs(5);
        let job = Job { source: source.clone(), experiment: 1, target, skip: false, busy_timeout };
        let (said, grown) = watched("memory", &serde_json::to_value(&job).unwrap());
        let number = |key: &str| said[key].as_u64().unwrap();
        assert_eq!(number("runs"), count, "{said}");
        assert!(grown < most, "{said}");
        let with_json = number("with_json") - number("opened");
        println!("with the JSON of {} MiB: {} MiB", number("json") / MIB, with_json / MIB);
        assert!(with_json < grown + 3 * number("json"), "{said}");
    }
}

#[test]
fn migrating_100_000_trials_and_runs_takes_less_than_64_mib() {
    migrate_trials(100_000, 64 * MIB);
}

#[test]
#[ignore = "takes a minute: make large"]
fn migrating_400_000_trials_and_runs_takes_less_than_76_mib() {
    migrate_trials(400_000, 76 * MIB);
}

#[test]
fn a_list_of_100_000_experiments_takes_three_times_its_size_and_32_mib() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("many.db");
    let time = "'2024-01-01T00:00:00', '2024-01-01T00:00:00'";
    let experiments = format!(
        "INSERT INTO EXPERIMENT SELECT 1000 + i, 'experiment ' || i, 'what it is about', {time} FROM n;
         UPDATE TRIAL SET experiment_id = id; UPDATE TRIAL_RUN SET trial_id = id"
    );
    many_trials(&path, 50_000, &experiments);
    let (said, grown) = watched("list", &json!({"path": path}));
    let size = said["json"].as_u64().unwrap();
    assert!(size > 10_000_000, "{said}");
    assert!(grown < 32 * MIB + 3 * size, "{said}");
}

/// One experiment with one metric, changed.
fn with_one_value(path: &Path, count: u64, change: &str) {
    let metric = "INSERT INTO METRIC (id, type, total_val) VALUES (5000000, 'loss', 1); INSERT INTO EPOCH VALUES (0, 1000, '2024-01-01T00:00:00');
                  INSERT INTO EPOCH_METRIC VALUES (0, 1000, 5000000)";
    many_trials(path, count, &format!("{metric}; {change}"));
    open(path).execute_batch("DELETE FROM TRIAL_RUN WHERE id > 1000; DELETE FROM TRIAL WHERE id > 1000").unwrap();
}

/// Labels of so many bytes, as SQL, where the table `n` has that many numbers of 46 bytes each.
fn labels(count: u64) -> String {
    format!(
        "'{{' || (SELECT group_concat('\"label_of_a_class_' || i || '\": ' || (i / 7.0), ', ') FROM n WHERE i < {count}) || '}}'"
    )
}

/// Does everything that copies a value with one of so many bytes, in a column of each kind.
fn huge_values(kinds: &[&str], bytes: u64) {
    let count = bytes / 46;
    let label = labels(count);
    let mut too_large: Vec<String> = Vec::new();
    for (kind, change) in [
        ("labels", format!("UPDATE METRIC SET per_label_val = {label} WHERE id = 5000000")),
        ("text", format!("UPDATE EXPERIMENT SET \"desc\" = hex(zeroblob({bytes} / 2)) WHERE id = 1")),
        ("blob", format!("UPDATE METRIC SET unit = zeroblob({bytes}) WHERE id = 5000000")),
    ] {
        if !kinds.contains(&kind) {
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("huge.db");
        with_one_value(&path, count, &change);
        let document = folder.path().join("huge.json");
        let calls = [
            "digest",
            "export",
            "migrate",
            "import",
            "migrate within",
            "validate",
            "transform",
            "compare",
            "undo",
            "snapshot",
            "restore",
        ];
        for call in calls {
            let (target, snapshots) = (folder.path().join(format!("{call}.db")), folder.path().join("snapshots"));
            print!("{kind}, {call}, ");
            let input =
                json!({"path": path, "document": document, "target": target, "call": call, "snapshots": snapshots});
            let (said, grown) = watched("one value", &input);
            if grown >= 32 * MIB + 3 * bytes {
                too_large.push(format!("{kind}, {call}: {said}"));
            }
        }
    }
    assert!(too_large.is_empty(), "{too_large:#?}");
}

#[test]
fn labels_of_8_mib_take_three_times_their_size_and_32_mib() {
    huge_values(&["labels"], 8 * MIB);
}

#[test]
#[ignore = "takes minutes: make large"]
fn a_value_of_48_mib_takes_three_times_its_size_and_32_mib() {
    huge_values(&["labels", "text", "blob"], 48 * MIB);
}

/// As [`huge_values`], to, from, on and within a server, in three times the size and so many MiB. `new_schema` answers the URL of a schema
/// that is not there yet.
fn huge_value_on_a_server(beside: u64, new_schema: &dyn Fn() -> String) {
    let bytes = 48 * MIB;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("huge.db");
    let count = bytes / 46;
    with_one_value(&path, count, &format!("UPDATE METRIC SET per_label_val = {} WHERE id = 5000000", labels(count)));
    // A server adds no columns by the way.
    open(&path).execute_batch("ALTER TABLE METRIC DROP COLUMN unit").unwrap();
    let url = new_schema();
    let mut too_large: Vec<String> = Vec::new();
    for call in ["migrate", "digest", "export", "migrate within", "import", "compare", "validate", "transform", "undo"]
    {
        let document = folder.path().join("huge.json");
        let target = if call == "migrate" { url.clone() } else { new_schema() };
        let source = if call == "migrate" { path.to_str().unwrap() } else { &url };
        let input = json!({"path": source, "document": document, "target": target, "call": call, "snapshots": folder.path(), "other": 2});
        print!("{call}, ");
        let (said, grown) = watched("one value", &input);
        if grown >= beside * MIB + 3 * bytes {
            too_large.push(format!("{call}: {} MiB, {said}", grown / MIB));
        }
    }
    assert!(too_large.is_empty(), "{too_large:#?}");
}

#[test]
#[ignore = "takes minutes: make large"]
fn a_value_of_48_mib_on_a_server_takes_three_times_its_size_and_32_mib() {
    let options =
        ["--max-allowed-packet=512M", "--loose-innodb-log-file-size=1G", "--loose-innodb-redo-log-capacity=2G"];
    server::each_own(&options, |server| huge_value_on_a_server(32, &|| server.url(&server.unused_name())));
}

#[cfg(feature = "postgres")]
#[test]
#[ignore = "takes minutes: make large"]
fn a_value_of_48_mib_on_postgresql_takes_three_times_its_size_and_32_mib() {
    let server = Postgres::shared();
    huge_value_on_a_server(32, &|| server.url(&server.unused_name()));
}

#[test]
fn comparing_100_000_trials_that_all_differ_takes_less_than_64_mib() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("many.db");
    many_trials(&path, 100_000, "UPDATE TRIAL SET name = name || 'x' WHERE experiment_id = 2");
    let (said, grown) = watched("compare", &json!({"path": path}));
    assert_eq!(said["difference"]["difference"], json!({"column": "name", "a": "\"t0\"", "b": "\"t0x\""}), "{said}");
    assert!(grown < 64 * MIB, "{said}");
}

#[test]
fn comparing_runs_of_200_000_metrics_that_all_differ_takes_less_than_64_mib() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("many.db");
    let change = "INSERT INTO METRIC (id, type, total_val) SELECT 5000000 + i, 'loss', i / 3.0 + (i < 200000) FROM n;
                  INSERT INTO EPOCH SELECT 0, 1000 + i, '2024-01-01T00:00:00' FROM n WHERE i < 2;
                  INSERT INTO EPOCH_METRIC SELECT 0, 1000 + i / 200000, 5000000 + i FROM n;
                  DELETE FROM TRIAL_RUN WHERE id > 1001; DELETE FROM TRIAL WHERE id > 1001;
                  UPDATE TRIAL SET name = 't', experiment_id = id - 999";
    many_trials(&path, 200_000, change);
    let (said, grown) = watched("compare", &json!({"path": path}));
    assert_eq!(said["difference"]["node"], "EPOCH_METRIC", "{said}");
    assert!(grown < 64 * MIB, "{said}");
}

/// More than a million bad rows: 400,000 metrics, as many links of other metrics to epochs that do not exist, 100,000 links of nothing
/// to nothing, 100,000 orphaned runs, each with an epoch at no time.
fn million(path: &Path) {
    small(path, Journal::Rollback);
    open(path)
        .execute_batch(
            "PRAGMA synchronous = OFF; BEGIN;
             CREATE TEMP TABLE n AS WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 399999) SELECT i FROM n;
             INSERT INTO METRIC (id, type, total_val, per_label_val) SELECT 1000000 + i, 'loss', 'high', '{\"a\": nil}' FROM n;
             INSERT INTO EPOCH_METRIC SELECT 0, 1, 1000000 + i FROM n;
             INSERT INTO METRIC (id, type, total_val) SELECT 2000000 + i, 'loss', 1 FROM n;
             INSERT INTO EPOCH_METRIC SELECT i, 1000001, 2000000 + i FROM n;
             INSERT INTO EPOCH_ARTIFACT SELECT 5000000 + i, 1, 3000000 + i FROM n WHERE i < 100000;
             INSERT INTO TRIAL_RUN SELECT 4000000 + i, 77777, 'completed', '2024-01-01T00:00:00', '2024-01-01T00:00:00'
               FROM n WHERE i < 100000;
             INSERT INTO EPOCH SELECT 0, 4000000 + i, 'never' FROM n WHERE i < 100000;
             COMMIT",
        )
        .unwrap();
}

#[test]
fn a_million_bad_rows_are_counted_exactly_in_less_than_64_mib() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("million.db");
    million(&path);
    let whole = json!([
        ["dangling_reference", "EPOCH_ARTIFACT", 200_000],
        ["dangling_reference", "EPOCH_METRIC", 400_000],
        ["dangling_reference", "TRIAL_RUN", 100_000],
        ["json_malformed", "METRIC", 400_000],
        ["total_val_not_number", "METRIC", 400_000],
        ["orphan", "TRIAL_RUN", 100_000],
        ["timestamp_invalid", "EPOCH", 100_000],
    ]);
    // Of experiment 1: what hangs on its run 1.
    let one = json!([
        ["dangling_reference", "EPOCH_ARTIFACT", 200_000],
        ["json_malformed", "METRIC", 400_000],
        ["total_val_not_number", "METRIC", 400_000],
    ]);
    for (experiment, counts) in [(None, whole), (Some(1), one)] {
        let said = validate_small(&path, experiment);
        assert_eq!(said["counts"], counts);
        assert_eq!(said["passed"], false);
        let listed = said["listed"].as_u64().unwrap();
        assert!((900..=1000).contains(&listed), "{said}");
    }
}

/// Validates in a child process, which must stay small; what it said.
fn validate_small(path: &Path, experiment: Option<i64>) -> Value {
    let input = json!({"path": path, "experiment": experiment});
    let output = child::command("validate", &input).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said: Value = String::from_utf8(output.stdout).unwrap().lines().find_map(child::heard).unwrap();
    let grown = said["peak"].as_u64().unwrap() - said["opened"].as_u64().unwrap();
    println!("{} MiB above the opened library", grown / MIB);
    assert!(grown < 64 * MIB, "{said}");
    said
}

#[test]
fn shared_rows_with_scattered_ids_are_counted_exactly_in_less_than_64_mib() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shared.db");
    small(&path, Journal::Rollback);
    // Multiplying by an odd number gives every row another id, all over the 64 bits.
    let id = "(i * 2305843009 << 20) + i";
    open(&path)
        .execute_batch(&format!(
            "PRAGMA synchronous = OFF; BEGIN;
             CREATE TEMP TABLE n AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) SELECT i FROM n;
             CREATE TEMP TABLE x AS SELECT {id} AS id FROM n ORDER BY 1;
             INSERT INTO ARTIFACT SELECT id, 'log', 'x' FROM x;
             INSERT INTO EXPERIMENT_ARTIFACT SELECT 1, id FROM x UNION ALL SELECT 2, id FROM x;
             COMMIT"
        ))
        .unwrap();
    let counts = json!([["shared_row", "ARTIFACT", 300_000]]);
    for experiment in [None, Some(2)] {
        let said = validate_small(&path, experiment);
        assert_eq!((&said["counts"], &said["passed"]), (&counts, &json!(true)));
    }
}
