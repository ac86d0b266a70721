//! Links in columns that refuse NULL: a row whose link leads out of the experiment stops a migration, or is left out with what hangs on it.

use expmig::{
    ExportOptions, ImportOptions, JobOptions, Manager, MigrateOptions, MigrationResult, OnDuplicate, Status, Strategy,
};
use serde_json::{Value as Json, json};

use super::support::{Folder, details};
use super::{Engine, Place, digest};

/// Columns of tables of ours that refuse NULL, what they refer to, and what they have at first.
const INSISTING: [(&str, &str, &str, i64); 4] = [
    ("TRIAL", "parent_id", "TRIAL", 11),
    ("METRIC", "run_id", "TRIAL_RUN", 21),
    ("EPOCH", "seen_in", "TRIAL_RUN", 21),
    ("EPOCH_METRIC", "seen_in", "TRIAL_RUN", 22),
];

/// Links of experiment 1 that lead out of it: of a trial, of an epoch with batches, and of a metric; and links to what these take along.
const LEAVING: &str = "UPDATE TRIAL SET parent_id = 13 WHERE id = 12;\nUPDATE EPOCH SET seen_in = 24 WHERE idx = 0 AND trial_run_id = 21;\n\
    UPDATE METRIC SET run_id = 24 WHERE id = 35;\nUPDATE EXPERIMENT SET best_trial_id = 12 WHERE id = 1;\n\
    UPDATE TRIAL_RUN SET best_metric = 32 WHERE id = 21;\nUPDATE TRIAL_RUN SET best_metric = 33 WHERE id = 22";

impl Place {
    /// Adds a column that refuses NULL and is a foreign key.
    fn insist(&self, (table, column, parent, value): (&str, &str, &str, i64)) {
        self.execute(&(self.engine.firm_link)(table, column, parent, value));
    }

    fn insisting(self) -> Place {
        INSISTING.iter().for_each(|column| self.insist(*column));
        self.may_name("EXPERIMENT", "best_trial_id", "TRIAL");
        self.may_name("TRIAL_RUN", "best_metric", "METRIC");
        self
    }

    fn number(&self, query: &str) -> i64 {
        let cell = self.cell(query);
        let digits: String = cell.chars().filter(|letter| letter.is_ascii_digit() || *letter == '-').collect();
        digits.parse().unwrap_or_else(|_| panic!("{query}: {cell}"))
    }
}

fn ok<T>(result: expmig::Result<T>) -> T {
    result.unwrap_or_else(|error| panic!("{}", error.to_json()))
}

fn aggressive() -> MigrateOptions {
    MigrateOptions { strategy: Strategy::Aggressive, ..MigrateOptions::default() }
}

fn lossy() -> MigrateOptions {
    MigrateOptions { allow_lossy: true, ..MigrateOptions::default() }
}

/// What is left out of a copy of experiment 1.
fn left_out() -> Json {
    json!({
        "TRIAL": 1, "TRIAL_RUN": 1, "EPOCH": 1, "BATCH": 2, "METRIC": 3, "ARTIFACT": 1, "TRIAL_ARTIFACT": 1,
        "RESULTS_METRIC": 1, "EPOCH_METRIC": 1, "BATCH_METRIC": 2, "BATCH_ARTIFACT": 1,
    })
}

fn has_the_rest(place: &Place, new: i64) {
    let trial = format!("SELECT id FROM TRIAL WHERE experiment_id = {new}");
    let runs = format!("SELECT id FROM TRIAL_RUN WHERE trial_id IN ({trial})");
    assert_eq!(place.number(&format!("SELECT count(*) FROM TRIAL WHERE experiment_id = {new}")), 1);
    assert_eq!(place.number(&format!("SELECT count(*) FROM TRIAL WHERE experiment_id = {new} AND parent_id = id")), 1);
    assert_eq!(place.number(&format!("SELECT count(*) FROM EXPERIMENT WHERE id = {new} AND best_trial_id IS NULL")), 1);
    for (table, owner, rows) in [
        ("TRIAL_RUN", "id", 2),
        ("RESULTS", "trial_run_id", 2),
        ("EPOCH", "trial_run_id", 2),
        ("BATCH", "trial_run_id", 1),
        ("RESULTS_METRIC", "results_id", 1),
        ("EPOCH_METRIC", "epoch_trial_run_id", 2),
        ("BATCH_METRIC", "trial_run_id", 1),
        ("BATCH_ARTIFACT", "trial_run_id", 0),
    ] {
        let query = format!("SELECT count(*) FROM {table} WHERE {owner} IN ({runs})");
        assert_eq!(place.number(&query), rows, "{table}");
    }
    // 31, 33, 34 and 37, whose links lead to a run of the copy.
    let metrics = format!("SELECT count(*) FROM METRIC WHERE run_id IN ({runs})");
    assert_eq!(place.number(&metrics), 4);
    let best = format!(
        "SELECT count(*) FROM TRIAL_RUN r JOIN METRIC m ON m.id = r.best_metric WHERE r.id IN ({runs}) AND m.total_val = 0.75 AND m.run_id IN ({runs})"
    );
    assert_eq!(place.number(&best), 1);
    assert_eq!(
        place.number(&format!("SELECT count(*) FROM TRIAL_RUN WHERE id IN ({runs}) AND best_metric IS NULL")),
        1
    );
}

fn says_it(result: &MigrationResult) {
    let json = result.to_json();
    assert_eq!(json["lossy"]["count"], 5, "{json}");
    assert_eq!(json["lossy"]["rows_left_out"], left_out());
    let listed = json["lossy"]["values"].as_array().unwrap();
    let rows: Vec<_> = listed.iter().map(|loss| (loss["table"].as_str(), loss["column"].as_str())).collect();
    for wanted in [("TRIAL", "parent_id"), ("EPOCH", "seen_in"), ("METRIC", "run_id"), ("EXPERIMENT", "best_trial_id")]
    {
        assert!(rows.contains(&(Some(wanted.0), Some(wanted.1))), "{rows:?}");
    }
    assert!(
        result.warnings.iter().any(|warning| warning.starts_with("15 rows were left out")),
        "{:?}",
        result.warnings
    );
    let failed: u64 = result.tables.iter().map(|table| table.failed).sum();
    assert_eq!((failed, result.items_failed), (15, 15), "{json}");
}

pub fn a_row_that_has_to_name_what_is_not_copied_stops_or_is_left_out(engine: Engine) {
    let folder = Folder::new();
    let place = engine.small(&folder, "a").insisting();
    let manager = place.open();
    // Nothing leads out yet, but of what is not asked for.
    let new = ok(manager.migrate_experiment(1, None, MigrateOptions::default())).new_experiment_id;
    assert_eq!(digest(&manager, new), digest(&manager, 1));
    place.execute(LEAVING);
    let before = place.dump();
    for strategy in [Strategy::Conservative, Strategy::Balanced] {
        let options = MigrateOptions { strategy, ..MigrateOptions::default() };
        let error = manager.migrate_experiment(1, None, options).unwrap_err();
        assert_eq!(error.status(), Status::Lossy, "{}", error.to_json());
        assert!(details(&error, "table").contains(&"TRIAL"), "{}", error.to_json());
        assert!(details(&error, "row").contains(&"id=12"), "{}", error.to_json());
        assert!(details(&error, "column").contains(&"parent_id"), "{}", error.to_json());
        assert_eq!(place.dump(), before, "{strategy:?}");
    }
    let plan = ok(manager.plan_migration(1, None, aggressive()));
    assert_eq!((&plan["lossy"]["count"], &plan["lossy"]["rows_left_out"]), (&json!(5), &left_out()), "{plan}");
    let warned = plan["warnings"].as_array().unwrap();
    assert!(warned.iter().any(|warning| warning.as_str().unwrap().starts_with("15 rows were left out")), "{warned:?}");
    let other = engine.place(&folder, "other");
    drop(other.create());
    let other = other.insisting();
    let target = other.open();
    let mut digests = Vec::new();
    for (options, into) in
        [(aggressive as fn() -> MigrateOptions, false), (lossy, false), (aggressive, true), (lossy, true)]
    {
        let result = ok(manager.migrate_experiment(1, into.then_some(&target), options()));
        says_it(&result);
        let (there, copies) = if into { (&other, &target) } else { (&place, &manager) };
        has_the_rest(there, result.new_experiment_id);
        digests.push(digest(copies, result.new_experiment_id));
        if let Some(proven) = result.target_digest {
            assert_eq!(proven, digests[0]);
        }
    }
    assert!(digests.iter().all(|found| *found == digests[0]));
    let again = MigrateOptions { on_duplicate: OnDuplicate::Skip, ..lossy() };
    assert!(ok(manager.migrate_experiment(1, Some(&target), again)).skipped);
    exports_the_rest(&manager, &target, digests[0]);
    // Appended, the experiment's own row stays as it is.
    let appended = MigrateOptions { target_experiment: Some(2), ..lossy() };
    let result = ok(manager.migrate_experiment(1, None, appended));
    assert_eq!(result.to_json()["lossy"]["count"], 4, "{}", result.to_json());
    assert_eq!(place.number("SELECT count(*) FROM TRIAL WHERE experiment_id = 2 AND parent_id = id"), 1);
}

fn exports_the_rest(manager: &Manager, target: &Manager, wanted: [u8; 32]) {
    let error = manager.export_to_string(1, ExportOptions::default()).unwrap_err();
    assert_eq!(error.status(), Status::Validation, "{}", error.to_json());
    let skipping = ExportOptions { skip_unsound: true, ..ExportOptions::default() };
    let document = ok(manager.export_to_string(1, skipping));
    let json: Json = serde_json::from_str(&document).unwrap();
    let mut said = left_out();
    said["EXPERIMENT.best_trial_id"] = json!(1);
    said["TRIAL_RUN.best_metric"] = json!(1);
    assert_eq!(json["metadata"]["left_out"], said);
    let result = ok(target.import_from_string(document.as_bytes(), ImportOptions::default()));
    assert_eq!(digest(target, result.experiment_id), wanted);
}

pub fn rows_that_name_each_other_go_together(engine: Engine) {
    let folder = Folder::new();
    let place = engine.small(&folder, "a");
    place.insist(("TRIAL", "parent_id", "TRIAL", 11));
    place.insist(("TRIAL", "best_run", "TRIAL_RUN", 21));
    // A long chain against the order of ids, whose end leads out; a circle that leads nowhere else; a trial whose run goes with another.
    let mut trials = Vec::new();
    for id in 1000..2500 {
        trials.push(format!("({id}, 'chain', 1, '2023-12-01T10:00:01', '2023-12-01T10:30:00', {}, 21)", id + 1));
    }
    trials.push("(2500, 'chain', 1, '2023-12-01T10:00:01', '2023-12-01T10:30:00', 13, 21)".to_owned());
    trials.push("(3001, 'circle', 1, '2023-12-01T10:00:01', '2023-12-01T10:30:00', 3002, 21)".to_owned());
    trials.push("(3002, 'circle', 1, '2023-12-01T10:00:01', '2023-12-01T10:30:00', 3001, 21)".to_owned());
    let off = engine.unchecked;
    place.execute(&format!(
        "{off};\nINSERT INTO TRIAL (id, name, experiment_id, start_time, update_time, parent_id, best_run) VALUES {};\n\
         INSERT INTO TRIAL_RUN VALUES (900, 1000, 'x', '2023-12-01T10:00:02', '2023-12-01T10:10:00');\n\
         UPDATE TRIAL SET best_run = 900 WHERE id = 12",
        trials.join(", ")
    ));
    let manager = place.open();
    let result = ok(manager.migrate_experiment(1, None, lossy()));
    let new = result.new_experiment_id;
    let json = result.to_json();
    assert_eq!(json["lossy"]["rows_left_out"], json!({"TRIAL": 1502, "TRIAL_RUN": 2, "TRIAL_ARTIFACT": 1}), "{json}");
    assert_eq!(place.number(&format!("SELECT count(*) FROM TRIAL WHERE experiment_id = {new}")), 3);
    let circle = format!(
        "SELECT count(*) FROM TRIAL a JOIN TRIAL b ON b.id = a.parent_id AND b.parent_id = a.id WHERE a.experiment_id = {new} AND a.name = 'circle' AND a.id <> b.id AND b.experiment_id = {new}"
    );
    assert_eq!(place.number(&circle), 2);
    let compared = ok(manager.compare_experiments(new, None, new, JobOptions::default()));
    assert_eq!(compared["equal"], true);
}

pub fn an_experiment_that_has_to_name_another_is_not_copied(engine: Engine) {
    let folder = Folder::new();
    let place = engine.small(&folder, "a");
    place.insist(("EXPERIMENT", "best_trial_id", "TRIAL", 13));
    let before = place.dump();
    let manager = place.open();
    for strategy in super::support::STRATEGIES {
        let options = MigrateOptions { strategy, ..MigrateOptions::default() };
        let error = manager.migrate_experiment(1, None, options).unwrap_err();
        assert_eq!((details(&error, "table"), details(&error, "column")), (vec!["EXPERIMENT"], vec!["best_trial_id"]));
        assert_eq!(details(&error, "row"), ["id=1"], "{}", error.to_json());
        assert_eq!(place.dump(), before, "{strategy:?}");
    }
}

/// The objects of a list in a document, everywhere below.
fn each_object(json: &mut Json, key: &str, change: &mut dyn FnMut(&mut Json)) {
    if let Some(members) = json.as_object_mut() {
        for (name, value) in members {
            if name == key {
                value.as_array_mut().into_iter().flatten().for_each(&mut *change);
            }
            each_object(value, key, change);
        }
    } else if let Some(items) = json.as_array_mut() {
        items.iter_mut().for_each(|item| each_object(item, key, change));
    }
}

pub fn links_of_a_document_to_rows_that_it_has_not_are_cut_if_that_is_allowed(engine: Engine) {
    let folder = Folder::new();
    let place = engine.small(&folder, "a").insisting();
    place.execute(
        "UPDATE EXPERIMENT SET best_trial_id = 12 WHERE id = 1;\nUPDATE TRIAL_RUN SET best_metric = 32 WHERE id = 21;\n\
         UPDATE TRIAL_RUN SET best_metric = 33 WHERE id = 22",
    );
    let manager = place.open();
    let mut document: Json = serde_json::from_str(&ok(manager.export_to_string(1, ExportOptions::default()))).unwrap();
    for null in [false, true] {
        each_object(&mut document, "trials", &mut |trial| {
            if trial["id"] == 12 {
                trial["extra_columns"]["parent_id"] = if null { Json::Null } else { json!(77) };
            }
        });
        each_object(&mut document, "metrics", &mut |metric| {
            if metric["id"] == 35 {
                metric["extra_columns"]["run_id"] = json!(24);
            }
        });
        each_object(&mut document, "trial_runs", &mut |run| {
            if run["id"] == 21 {
                run["epochs"][0]["extra_columns"]["seen_in"] = json!(999);
            }
        });
        let text = document.to_string();
        let other = engine.place(&folder, &format!("other{null}"));
        drop(other.create());
        let (other, preserved) = (other.insisting(), engine.place(&folder, &format!("preserved{null}")));
        drop(preserved.create());
        let preserved = preserved.insisting();
        // Rows with the numbers that the links have are somebody else's.
        let before = place.dump();
        let error = manager.import_from_string(text.as_bytes(), ImportOptions::default()).unwrap_err();
        assert!(matches!(error.status(), Status::Validation | Status::Constraint), "{}", error.to_json());
        assert_eq!(place.dump(), before);
        let mut digests = Vec::new();
        for (there, preserve_ids) in [(&place, false), (&other, false), (&preserved, true)] {
            let options = ImportOptions { allow_lossy: true, preserve_ids, ..ImportOptions::default() };
            let target = there.open();
            let done = ok(target.import_from_string(text.as_bytes(), options));
            has_the_rest(there, done.experiment_id);
            let said = done.to_json();
            assert_eq!(said["lossy"]["count"], 5, "{said}");
            assert!(
                done.warnings.iter().any(|warning| warning.starts_with("15 rows were left out")),
                "{:?}",
                done.warnings
            );
            digests.push(digest(&target, done.experiment_id));
        }
        assert!(digests.iter().all(|found| *found == digests[0]));
        // What was there before is as it was.
        assert_eq!(digest(&manager, 2), digest(&engine.small(&folder, &format!("small{null}")).insisting().open(), 2));
    }
    // With ids that are taken nothing is written, and nothing of somebody else's is cut.
    place.execute("UPDATE TRIAL SET parent_id = 13 WHERE id = 12");
    let before = place.dump();
    let options = ImportOptions { allow_lossy: true, preserve_ids: true, ..ImportOptions::default() };
    let error = manager.import_from_string(document.to_string().as_bytes(), options).unwrap_err();
    assert_eq!(error.status(), Status::AlreadyExists, "{}", error.to_json());
    assert_eq!(place.dump(), before);
}
