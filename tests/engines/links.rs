//! Extra columns that are foreign keys to the tables of an experiment: their links lead to rows of the copy, or nowhere.

use expmig::{
    ExportOptions, ImportOptions, JobOptions, Manager, MetricSelection, MigrateOptions, OnDuplicate, Severity, Status,
    Strategy, TransformOptions, ValidateOptions,
};

use super::support::{Folder, STRATEGIES, details, python_digests};
use super::{Engine, FILE, Place, digest, migrated};

/// Columns of tables of ours, and what they refer to.
const LINKS: [(&str, &str, &str); 8] = [
    ("EXPERIMENT", "best_trial_id", "TRIAL"),
    ("EXPERIMENT", "forked_from", "EXPERIMENT"),
    ("TRIAL", "parent_id", "TRIAL"),
    ("TRIAL", "part_of", "EXPERIMENT"),
    ("TRIAL_RUN", "best_metric", "METRIC"),
    ("METRIC", "run_id", "TRIAL_RUN"),
    ("METRIC", "better_than", "METRIC"),
    ("EPOCH_METRIC", "seen_in", "TRIAL_RUN"),
];

/// Links that lead forwards, backwards, around and to themselves, within experiment 1.
const INSIDE: &str = "UPDATE EXPERIMENT SET best_trial_id = 12, forked_from = 1 WHERE id = 1;\n\
    UPDATE TRIAL SET parent_id = 12, part_of = 1 WHERE id = 11;\nUPDATE TRIAL SET parent_id = 11 WHERE id = 12;\n\
    UPDATE TRIAL_RUN SET best_metric = 33 WHERE id = 21;\nUPDATE METRIC SET run_id = 22 WHERE id IN (34, 35);\n\
    UPDATE METRIC SET run_id = 21, better_than = 33 WHERE id = 32;\nUPDATE METRIC SET better_than = 31 WHERE id = 31;\n\
    UPDATE EPOCH_METRIC SET seen_in = 23 WHERE metric_id = 33";

impl Place {
    /// Adds a column that is a foreign key.
    pub fn may_name(&self, table: &str, column: &str, parent: &str) {
        self.execute(&(self.engine.link)(table, column, parent));
    }

    fn with_links(self) -> Place {
        LINKS.iter().for_each(|(table, column, parent)| self.may_name(table, column, parent));
        self
    }

    /// Where the links of an experiment lead, by what the rows are called.
    fn told(&self, experiment: i64) -> Vec<String> {
        let trial = format!("TRIAL t WHERE t.experiment_id = {experiment} AND t.name =");
        let run = format!(
            "TRIAL_RUN r JOIN TRIAL t ON t.id = r.trial_id WHERE t.experiment_id = {experiment} AND r.status ="
        );
        let metric = |value: &str| {
            format!(
                "METRIC m JOIN EPOCH_METRIC l ON l.metric_id = m.id JOIN TRIAL_RUN r ON r.id = l.epoch_trial_run_id
                JOIN TRIAL t ON t.id = r.trial_id WHERE t.experiment_id = {experiment} AND m.total_val = {value}"
            )
        };
        let result = |value: &str| {
            format!(
                "METRIC m JOIN RESULTS_METRIC l ON l.metric_id = m.id JOIN TRIAL_RUN r ON r.id = l.results_id
                JOIN TRIAL t ON t.id = r.trial_id WHERE t.experiment_id = {experiment} AND m.total_val = {value}"
            )
        };
        let here = |row: &str, id: &str| {
            format!("(SELECT CASE WHEN EXISTS (SELECT 1 FROM {row} AND {id}) THEN 'here' ELSE 'elsewhere' END)")
        };
        let queries = [
            format!(
                "(SELECT {} FROM EXPERIMENT e WHERE e.id = {experiment})",
                here(&format!("{trial} 'second'"), "t.id = e.best_trial_id")
            ),
            format!(
                "(SELECT CASE WHEN forked_from = {experiment} THEN 'here' ELSE 'elsewhere' END FROM EXPERIMENT WHERE id = {experiment})"
            ),
            format!(
                "(SELECT {} FROM TRIAL c WHERE c.experiment_id = {experiment} AND c.name = 'first')",
                here(&format!("{trial} 'second'"), "t.id = c.parent_id")
            ),
            format!(
                "(SELECT {} FROM TRIAL c WHERE c.experiment_id = {experiment} AND c.name = 'second')",
                here(&format!("{trial} 'first'"), "t.id = c.parent_id")
            ),
            format!(
                "(SELECT CASE WHEN part_of = {experiment} THEN 'here' ELSE 'elsewhere' END FROM TRIAL WHERE experiment_id = {experiment} AND name = 'first')"
            ),
            here(&metric("0.75"), &format!("m.id = (SELECT r.best_metric FROM {run} 'completed')")),
            here(&metric("2.5"), &format!("m.run_id = (SELECT r.id FROM {run} 'failed')")),
            here(&result("0.125"), &format!("m.run_id = (SELECT r.id FROM {run} 'failed')")),
            here(&metric("1.5"), &format!("m.run_id = (SELECT r.id FROM {run} 'completed')")),
            here(
                &metric("0.75"),
                "m.id = (SELECT n.better_than FROM METRIC n JOIN EPOCH_METRIC k ON k.metric_id = n.id WHERE n.total_val = 1.5 AND k.epoch_trial_run_id = r.id)",
            ),
            here(&result("0.5"), "m.better_than = m.id"),
            here(&metric("0.75"), &format!("l.seen_in = (SELECT r.id FROM {run} 'started')")),
        ];
        queries.iter().map(|query| self.cell(&format!("SELECT {query}"))).collect()
    }

    fn all_lead_to_its_own_rows(&self, experiment: i64) {
        let told = self.told(experiment);
        assert!(told.iter().all(|cell| cell.contains("here") && !cell.contains("elsewhere")), "{told:?}");
    }
}

fn ok<T>(result: expmig::Result<T>) -> T {
    result.unwrap_or_else(|error| panic!("{}", error.to_json()))
}

fn by(strategy: Strategy) -> MigrateOptions {
    MigrateOptions { strategy, ..MigrateOptions::default() }
}

fn imported(target: &Manager, document: &str, options: ImportOptions) -> i64 {
    ok(target.import_from_string(document.as_bytes(), options)).experiment_id
}

pub fn links_of_a_copy_lead_to_its_own_rows(engine: Engine) {
    let folder = Folder::new();
    let place = engine.small(&folder, "a").with_links();
    place.execute(INSIDE);
    place.all_lead_to_its_own_rows(1);
    let manager = place.open();
    let was = digest(&manager, 1);
    for strategy in STRATEGIES {
        let result = ok(manager.migrate_experiment(1, None, by(strategy)));
        let new = result.new_experiment_id;
        place.all_lead_to_its_own_rows(new);
        assert_eq!(digest(&manager, new), was, "{strategy:?}");
        assert_eq!(manager.compare_experiments(1, None, new, JobOptions::default()).unwrap()["equal"], true);
        assert!(result.warnings.iter().all(|warning| warning.contains("the same")), "{:?}", result.warnings);
    }
    // Again, and found by its content.
    let skip = MigrateOptions { on_duplicate: OnDuplicate::Skip, ..MigrateOptions::default() };
    assert!(ok(manager.migrate_experiment(1, None, skip)).skipped);
    // To another database of the same schema, and into one that has no such columns yet.
    let other = engine.place(&folder, "other");
    drop(other.create());
    let (other, file) = (other.with_links(), FILE.place(&folder, "file"));
    for target in [&other, &file] {
        let target_manager = if target.url == file.url { target.create() } else { target.open() };
        let new = migrated(&manager, Some(&target_manager), 1, MigrateOptions::default());
        target.all_lead_to_its_own_rows(new);
        assert_eq!(digest(&target_manager, new), was);
        // And appended to an experiment that is there.
        let options = MigrateOptions { target_experiment: Some(new), ..MigrateOptions::default() };
        ok(manager.migrate_experiment(1, Some(&target_manager), options));
        let foreign = "SELECT count(*) FROM TRIAL c JOIN TRIAL p ON p.id = c.parent_id WHERE p.experiment_id <> c.experiment_id OR p.id = c.id";
        assert!(target.cell(foreign).contains('0'), "{}", target.cell(foreign));
        assert!(target.cell("SELECT count(*) FROM TRIAL WHERE parent_id IS NOT NULL").contains('4'));
    }
}

pub fn the_digest_knows_where_links_lead(engine: Engine) {
    let folder = Folder::new();
    let place = engine.small(&folder, "a");
    let plain = digest(&place.open(), 1);
    let place = place.with_links();
    assert_eq!(digest(&place.open(), 1), plain, "columns without links are as good as none");
    let mut seen = vec![plain];
    for links in [
        "UPDATE TRIAL SET parent_id = 12 WHERE id = 11",
        "UPDATE TRIAL SET parent_id = 11 WHERE id = 11",
        "UPDATE TRIAL SET parent_id = 13 WHERE id = 11",
        "UPDATE TRIAL SET parent_id = 12 WHERE id = 12",
        "UPDATE METRIC SET run_id = 21 WHERE id = 32",
        "UPDATE METRIC SET run_id = 22 WHERE id = 32",
        "UPDATE EPOCH_METRIC SET seen_in = 22 WHERE metric_id = 33",
        "UPDATE EPOCH_METRIC SET seen_in = 22 WHERE metric_id = 32",
        "UPDATE EXPERIMENT SET best_trial_id = 11 WHERE id = 1",
        "UPDATE EXPERIMENT SET best_trial_id = 12 WHERE id = 1",
    ] {
        place.execute(links);
        let found = digest(&place.open(), 1);
        assert!(!seen.contains(&found), "{links}");
        seen.push(found);
        if let Some(file) = place.file() {
            let other = python_digests(file);
            assert_eq!(other[&1], expmig::digest::hex(&found), "{links}");
        }
    }
    let compared = ok(place.open().compare_experiments(1, None, 2, JobOptions::default()));
    assert_eq!(compared["equal"], false);
}

pub fn a_link_that_leads_out_stops_or_is_cut(engine: Engine) {
    let folder = Folder::new();
    let place = engine.small(&folder, "a").with_links();
    place.execute(INSIDE);
    place.execute("UPDATE TRIAL SET parent_id = 13 WHERE id = 12");
    let manager = place.open();
    let before = place.dump();
    for strategy in [Strategy::Conservative, Strategy::Balanced] {
        let error = manager.migrate_experiment(1, None, by(strategy)).unwrap_err();
        assert_eq!(error.status(), Status::Lossy, "{}", error.to_json());
        assert_eq!((details(&error, "table"), details(&error, "row")), (vec!["TRIAL"], vec!["id=12"]));
        assert_eq!(details(&error, "column"), ["parent_id"]);
        assert!(error.to_string().contains("links"), "{error}");
        assert_eq!(place.dump(), before, "{strategy:?}");
    }
    let plan = ok(manager.plan_migration(1, None, MigrateOptions::default()));
    assert_eq!(plan["lossy"]["count"], 1, "{plan}");
    let allowed = MigrateOptions { allow_lossy: true, ..MigrateOptions::default() };
    for options in [allowed, by(Strategy::Aggressive)] {
        let result = ok(manager.migrate_experiment(1, None, options));
        assert_eq!(result.to_json()["lossy"]["count"], 1);
        assert!(result.warnings.iter().any(|warning| warning.contains("1 rows or values")), "{:?}", result.warnings);
        let new = result.new_experiment_id;
        let cut =
            format!("SELECT count(*) FROM TRIAL WHERE experiment_id = {new} AND parent_id IS NULL AND name = 'second'");
        assert!(place.cell(&cut).contains('1'));
        let kept = format!("SELECT count(*) FROM TRIAL WHERE experiment_id = {new} AND parent_id IS NOT NULL");
        assert!(place.cell(&kept).contains('1'));
    }
    // A document cannot say where it leads.
    let error = manager.export_to_string(1, ExportOptions::default()).unwrap_err();
    assert_eq!(error.status(), Status::Validation, "{}", error.to_json());
    assert_eq!(details(&error, "row"), ["id=12"]);
    let skipping = ExportOptions { skip_unsound: true, ..ExportOptions::default() };
    let document: serde_json::Value = serde_json::from_str(&ok(manager.export_to_string(1, skipping))).unwrap();
    assert_eq!(document["metadata"]["left_out"], serde_json::json!({"TRIAL.parent_id": 1}));
    assert_eq!(
        (&document["metadata"]["complete"], &document["metadata"]["digest"]["value"]),
        (&false.into(), &serde_json::Value::Null)
    );
}

/// JSON with its keys in alphabetical order.
fn sorted(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Object(members) => {
            let mut members: Vec<String> =
                members.iter().map(|(key, value)| format!("{}:{}", serde_json::json!(key), sorted(value))).collect();
            members.sort();
            format!("{{{}}}", members.join(","))
        }
        serde_json::Value::Array(items) => format!("[{}]", items.iter().map(sorted).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}

pub fn a_document_carries_links(engine: Engine) {
    let folder = Folder::new();
    let place = engine.small(&folder, "a").with_links();
    place.execute(INSIDE);
    let was = digest(&place.open(), 1);
    let document = ok(place.open().export_to_string(1, ExportOptions::default()));
    let json: serde_json::Value = serde_json::from_str(&document).unwrap();
    assert_eq!(json["metadata"]["digest"]["algorithm"], "expmig.digest/2");
    let column = serde_json::json!({"table": "TRIAL", "column": "parent_id", "references": "TRIAL"});
    let columns = json["format"]["extra_columns"].as_array().unwrap();
    assert!(
        columns.iter().any(|found| ["table", "column", "references"].iter().all(|key| found[key] == column[key])),
        "{columns:?}"
    );
    // Into itself: new ids everywhere.
    let new = imported(&place.open(), &document, ImportOptions::default());
    place.all_lead_to_its_own_rows(new);
    assert_eq!(digest(&place.open(), new), was);
    let file = FILE.place(&folder, "file");
    let manager = file.create();
    // The keys in another order: ids come after what stands below, and what says which columns are links after some rows.
    let sorted = sorted(&json);
    assert!(sorted.find("\"format\"") > sorted.find("\"experiment\""));
    let error = manager.import_from_string(sorted.as_bytes(), ImportOptions::default()).unwrap_err();
    assert!(error.to_string().contains("has to stand first"), "{}", error.to_json());
    for (document, preserve_ids) in [(&document, true), (&sorted, false)] {
        let new = imported(&manager, document, ImportOptions { preserve_ids, ..ImportOptions::default() });
        file.all_lead_to_its_own_rows(new);
        assert_eq!(digest(&manager, new), was);
    }
    assert!(file.cell("SELECT parent_id FROM TRIAL WHERE id = 11").contains("12"));
    // A link to a row that is not there.
    let torn = document.replace("\"parent_id\":12", "\"parent_id\":77");
    assert_ne!(torn, document);
    let error = manager.import_from_string(torn.as_bytes(), ImportOptions::default()).unwrap_err();
    assert_eq!(error.status(), Status::Validation, "{}", error.to_json());
    assert!(error.to_string().contains("TRIAL 77"), "{error}");
}

pub fn links_to_nothing_are_dangling_references(engine: Engine) {
    let folder = Folder::new();
    let place = engine.small(&folder, "a").with_links();
    place.execute(&format!("{};\nUPDATE TRIAL SET parent_id = 99 WHERE id = 12", engine.unchecked));
    for experiment in [None, Some(1)] {
        let report = ok(place.open().validate(ValidateOptions { experiment, ..ValidateOptions::default() }));
        let found: Vec<_> = report.issues().iter().filter(|issue| issue.severity == Severity::Error).collect();
        assert_eq!(found.len(), 1, "{}", report.to_json());
        assert_eq!(
            (found[0].kind.name(), found[0].row.as_str(), found[0].column.as_deref()),
            ("dangling_reference", "id=12", Some("parent_id"))
        );
    }
    let other = ok(place.open().validate(ValidateOptions { experiment: Some(2), ..ValidateOptions::default() }));
    assert_eq!(other.count(Severity::Error), 0);
}

pub fn imports_more_links_than_wait_in_memory(engine: Engine) {
    let folder = Folder::new();
    let file = FILE.small(&folder, "file");
    file.execute(
        "INSERT INTO TRIAL_RUN VALUES (100, 12, 'x', '2023-12-01T10:00:02', '2023-12-01T10:10:00');
        INSERT INTO EPOCH WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000)
            SELECT i, 100, '2023-12-01T10:00:02' FROM n;
        INSERT INTO METRIC WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000)
            SELECT 1000 + i, 'loss', i, NULL FROM n;
        INSERT INTO EPOCH_METRIC SELECT idx, trial_run_id, 1000 + idx FROM EPOCH WHERE trial_run_id = 100",
    );
    let document = ok(file.open().export_to_string(1, ExportOptions::default()));
    let manager = engine.place(&folder, "there").create();
    let new = imported(&manager, &document, ImportOptions::default());
    assert_eq!(digest(&manager, new), digest(&file.open(), 1));
}

pub fn what_hangs_on_the_experiment_and_stays_is_said(engine: Engine) {
    let folder = Folder::new();
    let place = engine.small(&folder, "a");
    // By two keys at once, by a key of two columns, and by none that leads into the experiment.
    place.execute(
        "CREATE TABLE NOTES (id INT PRIMARY KEY, trial BIGINT, run BIGINT, FOREIGN KEY (trial) REFERENCES TRIAL(id), FOREIGN KEY (run) REFERENCES TRIAL_RUN(id));\n\
         CREATE TABLE MARKS (n INT PRIMARY KEY, ep BIGINT, run BIGINT, FOREIGN KEY (ep, run) REFERENCES EPOCH(idx, trial_run_id));\n\
         CREATE TABLE ASIDE (n INT PRIMARY KEY, trial BIGINT, FOREIGN KEY (trial) REFERENCES TRIAL(id));\n\
         INSERT INTO NOTES VALUES (1, 11, 21), (2, 12, NULL), (3, 13, 22), (4, 13, 24), (5, NULL, NULL);\n\
         INSERT INTO MARKS VALUES (1, 1, 21), (2, 0, 21), (3, 0, 24), (4, 0, NULL);\n\
         INSERT INTO ASIDE VALUES (1, 13)",
    );
    let manager = place.open();
    let said = |warnings: &[String]| {
        assert!(warnings.iter().any(|warning| warning.starts_with("3 rows of NOTES refer")), "{warnings:?}");
        assert!(warnings.iter().any(|warning| warning.starts_with("2 rows of MARKS refer")), "{warnings:?}");
        assert!(warnings.iter().all(|warning| !warning.contains("ASIDE")), "{warnings:?}");
    };
    let error = manager.migrate_experiment(1, None, by(Strategy::Conservative)).unwrap_err();
    assert_eq!((error.status(), details(&error, "table")), (Status::Validation, vec!["MARKS", "NOTES"]));
    let plan = ok(manager.plan_migration(1, None, MigrateOptions::default()));
    said(&plan["warnings"].as_array().unwrap().iter().map(|w| w.as_str().unwrap().to_owned()).collect::<Vec<_>>());
    for strategy in [Strategy::Balanced, Strategy::Aggressive] {
        said(&ok(manager.migrate_experiment(1, None, by(strategy))).warnings);
    }
    let document = ok(manager.export_to_string(1, ExportOptions::default()));
    let json: serde_json::Value = serde_json::from_str(&document).unwrap();
    assert_eq!(json["metadata"]["left_out"], serde_json::json!({"NOTES": 3, "MARKS": 2}));
    assert_eq!(json["metadata"]["complete"], true);
    let done =
        ok(FILE.place(&folder, "there").create().import_from_string(document.as_bytes(), ImportOptions::default()));
    assert!(done.warnings.iter().any(|warning| warning.contains("NOTES")), "{:?}", done.warnings);
}

pub fn what_is_computed_only_in_the_source_is_said(engine: Engine) {
    let folder = Folder::new();
    let (place, other) = (engine.small(&folder, "a"), engine.place(&folder, "other"));
    place.execute("ALTER TABLE METRIC ADD COLUMN twice DOUBLE GENERATED ALWAYS AS (total_val * 2) VIRTUAL");
    drop(other.create());
    other.execute("ALTER TABLE METRIC ADD COLUMN twice DOUBLE");
    let (source, target) = (place.open(), other.open());
    let result = ok(source.migrate_experiment(1, Some(&target), MigrateOptions::default()));
    assert!(
        result.warnings.iter().any(|warning| warning.starts_with("METRIC.twice is computed")),
        "{:?}",
        result.warnings
    );
    let error = source.migrate_experiment(1, Some(&target), by(Strategy::Conservative)).unwrap_err();
    assert_eq!((error.status(), details(&error, "column")), (Status::Validation, vec!["twice"]));
    let document = ok(source.export_to_string(1, ExportOptions::default()));
    let json: serde_json::Value = serde_json::from_str(&document).unwrap();
    let metadata = &json["metadata"];
    assert_eq!(metadata["left_out"], serde_json::json!({"METRIC.twice": metadata["counts"]["METRIC"]}), "{metadata}");
    assert_eq!(metadata["complete"], true);
    let done = ok(other.open().import_from_string(document.as_bytes(), ImportOptions::default()));
    let said = |warnings: &[String], what: &str| warnings.iter().any(|warning| warning.contains(what));
    assert!(
        said(&done.warnings, "computed where the document was made, and are not in it: METRIC.twice"),
        "{:?}",
        done.warnings
    );
    assert!(!said(&done.warnings, "does not have everything"), "{:?}", done.warnings);
    // A document without metrics has nothing of the column either.
    let options = ExportOptions { include_metrics: false, ..ExportOptions::default() };
    let document = ok(source.export_to_string(1, options));
    let json: serde_json::Value = serde_json::from_str(&document).unwrap();
    assert_eq!(json["metadata"]["left_out"], serde_json::json!({}));
}

pub fn a_link_to_a_shared_metric_stops_a_transformation(engine: Engine) {
    let folder = Folder::new();
    let place = engine.small(&folder, "a").with_links();
    place.execute(
        "INSERT INTO EPOCH_METRIC VALUES (1, 21, 36, NULL);\nUPDATE TRIAL_RUN SET best_metric = 36 WHERE id = 21",
    );
    let before = place.dump();
    let selection = MetricSelection { experiments: Some(vec![1]), metrics: None };
    let double = r#"{"factor": 2, "target": "total"}"#;
    let manager = place.open();
    let error =
        manager.transform_metrics_by(&selection, "scale", Some(double), TransformOptions::default()).unwrap_err();
    assert_eq!((error.status(), details(&error, "row")), (Status::Unsupported, vec!["id=21"]), "{}", error.to_json());
    let rows = |dump: Vec<(String, Vec<Vec<String>>)>| -> Vec<_> {
        dump.into_iter().filter(|(table, _)| !table.starts_with("EXPMIG_") && !table.starts_with("sqlite_")).collect()
    };
    assert_eq!(rows(place.dump()), rows(before));
    ok(manager.transform_metrics_by(&MetricSelection::default(), "scale", Some(double), TransformOptions::default()));
}

pub fn a_comparison_names_the_link_that_differs(engine: Engine) {
    let folder = Folder::new();
    let place = engine.small(&folder, "a").with_links();
    place.execute(INSIDE);
    let manager = place.open();
    let new = ok(manager.migrate_experiment(1, None, MigrateOptions::default())).new_experiment_id;
    let id = |query: &str| -> i64 {
        let cell = place.cell(query);
        cell.chars()
            .filter(char::is_ascii_digit)
            .collect::<String>()
            .parse()
            .unwrap_or_else(|_| panic!("{query}: {cell}"))
    };
    let trial = |name: &str| id(&format!("SELECT id FROM TRIAL WHERE experiment_id = {new} AND name = '{name}'"));
    let run = |status: &str| {
        let of = "SELECT r.id FROM TRIAL_RUN r JOIN TRIAL t ON t.id = r.trial_id";
        id(&format!("{of} WHERE t.experiment_id = {new} AND r.status = '{status}'"))
    };
    let (first, completed, failed) = (trial("first"), run("completed"), run("failed"));
    let seen = format!("epoch_trial_run_id = {completed} AND epoch_idx");
    let metric = id(&format!("SELECT metric_id FROM EPOCH_METRIC WHERE {seen} = 0"));
    let by_id = |id: i64| format!("id = {id}");
    for (table, column, value, which, row, a, b) in [
        ("TRIAL", "parent_id", Some(first), by_id(first), "id=11", "second", "first"),
        ("TRIAL", "part_of", None, by_id(first), "id=11", "EXPERIMENT 1", "NULL"),
        ("EXPERIMENT", "best_trial_id", Some(first), by_id(new), "id=1", "second", "first"),
        (
            "TRIAL_RUN",
            "best_metric",
            Some(36),
            by_id(completed),
            "id=21",
            "0.75",
            "36, which is no metric of the experiment",
        ),
        ("METRIC", "better_than", None, by_id(metric), "id=32", "METRIC 33", "NULL"),
        ("METRIC", "run_id", Some(failed), by_id(metric), "id=32", "completed", "failed"),
        ("EPOCH_METRIC", "seen_in", Some(failed), format!("{seen} = 1"), "metric_id=33", "started", "failed"),
    ] {
        let before = id(&format!("SELECT {column} FROM {table} WHERE {which}"));
        let value = value.map_or_else(|| "NULL".to_owned(), |value| value.to_string());
        place.execute(&format!("UPDATE {table} SET {column} = {value} WHERE {which}"));
        let report = ok(manager.compare_experiments(1, None, new, JobOptions::default()));
        let found = &report["first_difference"];
        assert_eq!((&found["node"], &found["how"]), (&table.into(), &"another link".into()), "{column}: {report}");
        assert_eq!(found["difference"]["column"], column, "{found}");
        assert!(found["rows"]["a"].as_str().unwrap().contains(row), "{found}");
        let says = |side: &str, wanted: &str| found["difference"][side].as_str().unwrap().contains(wanted);
        assert!(says("a", a) && says("b", b), "{column}: {found}");
        place.execute(&format!("UPDATE {table} SET {column} = {before} WHERE {which}"));
        assert_eq!(ok(manager.compare_experiments(1, None, new, JobOptions::default()))["equal"], true, "{column}");
    }
    // Of rows that differ otherwise, too, that is said, and not that their ids do.
    place.execute(&format!("UPDATE TRIAL SET update_time = '2024-01-01T00:00:00' WHERE id = {first}"));
    let report = ok(manager.compare_experiments(1, None, new, JobOptions::default()));
    assert_eq!(report["first_difference"]["difference"]["column"], "update_time", "{report}");
}

/// Links of several columns, and links to what is unique and no id.
pub fn links_of_several_columns_lead_to_rows_of_the_copy(engine: Engine) {
    let folder = Folder::new();
    let place = engine.small(&folder, "a");
    place.execute(engine.links_of_several_columns);
    place.execute(
        "UPDATE METRIC SET of_trial = 12, of_run = 23, at_epoch = 0, at_run = 22 WHERE id = 31;
         UPDATE METRIC SET of_trial = 11, of_run = 21, batch = 1, batch_epoch = 0, batch_run = 21 WHERE id = 33;
         UPDATE METRIC SET of_run = 22, at_epoch = 1 WHERE id = 34",
    );
    let manager = place.open();
    let was = digest(&manager, 1);
    let leads = |there: &Place, experiment: i64| {
        let of = format!("JOIN TRIAL t ON t.id = r.trial_id WHERE t.experiment_id = {experiment}");
        for (query, rows) in [
            (
                format!(
                    "SELECT count(*) FROM METRIC m JOIN TRIAL_RUN r ON r.id = m.of_run AND r.trial_id = m.of_trial {of}"
                ),
                2,
            ),
            (
                format!(
                    "SELECT count(*) FROM METRIC m JOIN EPOCH e ON e.idx = m.at_epoch AND e.trial_run_id = m.at_run JOIN TRIAL_RUN r ON r.id = e.trial_run_id {of}"
                ),
                1,
            ),
            (
                format!(
                    "SELECT count(*) FROM METRIC m JOIN BATCH b ON b.idx = m.batch AND b.epoch_idx = m.batch_epoch AND b.trial_run_id = m.batch_run JOIN TRIAL_RUN r ON r.id = b.trial_run_id {of}"
                ),
                1,
            ),
            (
                format!(
                    "SELECT count(*) FROM METRIC m JOIN TRIAL_RUN r ON r.id = m.of_run {of} AND m.of_trial IS NULL AND m.at_epoch = 1"
                ),
                1,
            ),
        ] {
            assert!(there.cell(&query).contains(&rows.to_string()), "{query}: {}", there.cell(&query));
        }
    };
    leads(&place, 1);
    for strategy in STRATEGIES {
        let new = ok(manager.migrate_experiment(1, None, by(strategy))).new_experiment_id;
        leads(&place, new);
        assert_eq!(digest(&manager, new), was, "{strategy:?}");
    }
    let file = FILE.place(&folder, "file");
    let target = file.create();
    let new = migrated(&manager, Some(&target), 1, MigrateOptions::default());
    leads(&file, new);
    assert_eq!(digest(&target, new), was);
    let document = ok(manager.export_to_string(1, ExportOptions::default()));
    leads(&place, imported(&manager, &document, ImportOptions::default()));
    let preserved = FILE.place(&folder, "preserved");
    leads(
        &preserved,
        imported(&preserved.create(), &document, ImportOptions { preserve_ids: true, ..ImportOptions::default() }),
    );
    // One that leads out names its columns.
    place.execute(
        "UPDATE METRIC SET of_trial = 13, of_run = 24 WHERE id = 33;
UPDATE METRIC SET at_epoch = 0, at_run = 24 WHERE id = 32",
    );
    let before = place.dump();
    for strategy in [Strategy::Conservative, Strategy::Balanced] {
        let error = manager.migrate_experiment(1, None, by(strategy)).unwrap_err();
        assert_eq!(
            (error.status(), details(&error, "table")),
            (Status::Lossy, vec!["METRIC"; 3]),
            "{}",
            error.to_json()
        );
        let mut columns = details(&error, "column");
        columns.sort_unstable();
        assert_eq!(columns, ["at_run", "of_run", "of_trial"]);
        assert_eq!(place.dump(), before);
    }
    let new = ok(manager.migrate_experiment(1, None, by(Strategy::Aggressive))).new_experiment_id;
    let outside = "SELECT count(*) FROM METRIC WHERE of_run = 24 OR at_run = 24 OR of_trial = 13";
    assert!(place.cell(outside).contains('2'), "{}", place.cell(outside));
    let compared = ok(manager.compare_experiments(1, None, new, JobOptions::default()));
    assert_eq!(compared["first_difference"]["how"], "another link", "{compared}");
    assert_eq!(compared["first_difference"]["node"], "METRIC");
}

pub fn links_of_an_older_schema_are_carried(engine: Engine) {
    let folder = Folder::new();
    let place = engine.small(&folder, "a");
    place.execute("DROP TABLE BATCH_METRIC;\nDROP TABLE BATCH_ARTIFACT;\nDROP TABLE BATCH");
    let place = place.with_links();
    place.execute(INSIDE);
    let manager = place.open();
    let was = digest(&manager, 1);
    let new = migrated(&manager, None, 1, MigrateOptions::default());
    place.all_lead_to_its_own_rows(new);
    let file = FILE.place(&folder, "file");
    let target = file.create();
    let new = migrated(&manager, Some(&target), 1, MigrateOptions::default());
    file.all_lead_to_its_own_rows(new);
    assert_eq!(digest(&target, new), was);
    // And back, where there are no batches.
    let back = migrated(&target, Some(&manager), new, MigrateOptions::default());
    place.all_lead_to_its_own_rows(back);
    let document = ok(manager.export_to_string(1, ExportOptions::default()));
    let new = imported(&manager, &document, ImportOptions::default());
    place.all_lead_to_its_own_rows(new);
    assert_eq!(digest(&manager, new), was);
}

pub fn links_of_shared_metrics_lead_out_of_one_experiment_only(engine: Engine) {
    let folder = Folder::new();
    let place = engine.small(&folder, "a").with_links();
    // Metric 36 belongs to both experiments; the run that it names to the second.
    place.execute("INSERT INTO EPOCH_METRIC VALUES (1, 21, 36, NULL);\nUPDATE METRIC SET run_id = 24, better_than = 36 WHERE id = 36");
    let manager = place.open();
    let second = migrated(&manager, None, 2, MigrateOptions::default());
    assert_eq!(digest(&manager, second), digest(&manager, 2));
    let error = manager.migrate_experiment(1, None, MigrateOptions::default()).unwrap_err();
    assert_eq!((error.status(), details(&error, "row")), (Status::Lossy, vec!["id=36"]), "{}", error.to_json());
    let first = migrated(&manager, None, 1, by(Strategy::Aggressive));
    let cut = format!(
        "SELECT count(*) FROM METRIC m JOIN EPOCH_METRIC l ON l.metric_id = m.id JOIN TRIAL_RUN r ON r.id = l.epoch_trial_run_id JOIN TRIAL t ON t.id = r.trial_id
         WHERE t.experiment_id = {first} AND m.run_id IS NULL AND m.better_than = m.id"
    );
    assert!(place.cell(&cut).contains('1'), "{}", place.cell(&cut));
    // A transformation of one experiment gives it a row of its own, and undoing it takes that back.
    let rows = |dump: Vec<(String, Vec<Vec<String>>)>| -> Vec<_> {
        dump.into_iter().filter(|(table, _)| !table.starts_with("EXPMIG_") && !table.starts_with("sqlite_")).collect()
    };
    let before = rows(place.dump());
    let selection = MetricSelection { experiments: Some(vec![2]), metrics: None };
    let double = r#"{"factor": 2, "target": "total"}"#;
    let result = manager.transform_metrics_by(&selection, "scale", Some(double), TransformOptions::default());
    match result {
        // The link of the metric to itself would have to follow.
        Err(error) => assert_eq!((error.status(), details(&error, "row")), (Status::Unsupported, vec!["id=36"])),
        Ok(_) => panic!("a link to a metric that is copied was left behind"),
    }
    assert_eq!(rows(place.dump()), before);
    place.execute("UPDATE METRIC SET better_than = NULL WHERE id = 36");
    let before = rows(place.dump());
    let done = ok(manager.transform_metrics_by(&selection, "scale", Some(double), TransformOptions::default()));
    assert!(place.cell("SELECT count(*) FROM METRIC WHERE run_id = 24 AND total_val = 18").contains('1'));
    assert!(place.cell("SELECT count(*) FROM METRIC WHERE run_id = 24 AND total_val = 9").contains('1'));
    ok(manager.undo_transform(done.transform_id.unwrap(), expmig::UndoOptions::default()));
    assert_eq!(rows(place.dump()), before);
}
