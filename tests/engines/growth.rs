//! Experiments that are there already: found by their whole content, and quickly among many that look alike.

use expmig::{
    ExportOptions, ImportOptions, JobOptions, Manager, MigrateOptions, MigrationResult, OnDuplicate, Status, Strategy,
};

use super::support::{Folder, failed};
use super::{Engine, digest};

fn skipping() -> MigrateOptions {
    MigrateOptions { on_duplicate: OnDuplicate::Skip, ..MigrateOptions::default() }
}

fn done(result: expmig::Result<MigrationResult>) -> MigrationResult {
    result.unwrap_or_else(|error| panic!("{}", error.to_json()))
}

pub fn an_append_is_skipped_only_if_all_of_it_is_there(engine: Engine) {
    let folder = Folder::new();
    for (name, strategy) in [("a", Strategy::Balanced), ("b", Strategy::Aggressive)] {
        let place = engine.small(&folder, name);
        let manager = place.open();
        let append = |on_duplicate| {
            let options =
                MigrateOptions { target_experiment: Some(2), on_duplicate, strategy, ..MigrateOptions::default() };
            done(manager.migrate_experiment(1, None, options))
        };
        let first = append(OnDuplicate::Skip);
        assert!(!first.skipped);
        let again = append(OnDuplicate::Skip);
        assert!(again.skipped && (strategy == Strategy::Aggressive || again.expected_digest == first.expected_digest));
        // An artifact that two trials of the source share becomes two: another content.
        let trial = first.id_map.trials[1].1;
        place.execute("INSERT INTO ARTIFACT SELECT 9000, type, loc FROM ARTIFACT WHERE id = 52");
        place.execute(&format!("UPDATE TRIAL_ARTIFACT SET artifact_id = 9000 WHERE trial_id = {trial}"));
        assert!(!append(OnDuplicate::Skip).skipped);
        assert!(append(OnDuplicate::Skip).skipped);
        // The artifact of the experiment itself, alone, is gone, with all its copies: the trials are all there.
        let own_links = "SELECT count(*) FROM EXPERIMENT_ARTIFACT WHERE experiment_id = 2";
        let before = place.cell(own_links);
        place.execute("DELETE FROM EXPERIMENT_ARTIFACT WHERE experiment_id = 2 AND artifact_id > 58");
        assert_eq!((before.as_str(), place.cell(own_links).as_str()), ("Integer(4)", "Integer(2)"));
        assert!(!append(OnDuplicate::Error).skipped);
        assert_eq!(place.cell(own_links), "Integer(3)");
        assert!(append(OnDuplicate::Skip).skipped);
    }
}

pub fn what_a_document_claims_is_not_trusted(engine: Engine) {
    let folder = Folder::new();
    let place = engine.small(&folder, "a");
    let manager = place.open();
    let text = manager.export_to_string(1, ExportOptions::default()).unwrap();
    let options = |on_duplicate| ImportOptions { preserve_ids: true, on_duplicate, ..ImportOptions::default() };
    let import = |text: &str, on_duplicate| manager.import_from_string(text.as_bytes(), options(on_duplicate));
    let before = place.dump();
    let found = import(&text, OnDuplicate::Skip).unwrap_or_else(|error| panic!("{}", error.to_json()));
    assert_eq!((found.skipped, found.experiment_id, found.digest), (true, 1, digest(&manager, 1)));
    failed(import(&text, OnDuplicate::Error), Status::AlreadyExists);
    failed(import(&text, OnDuplicate::Copy), Status::AlreadyExists);
    let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
    json["experiment"]["title"] = "Digits, edited".into();
    for on_duplicate in [OnDuplicate::Skip, OnDuplicate::Error] {
        failed(import(&json.to_string(), on_duplicate), Status::Mismatch);
    }
    // Without a digest to claim, it is another experiment whose ids are taken; or the same.
    json["metadata"].as_object_mut().unwrap().remove("digest");
    let error = failed(import(&json.to_string(), OnDuplicate::Skip), Status::AlreadyExists);
    assert!(error.message().contains("19 ids of the document are taken"), "{}", error.to_json());
    json["experiment"]["title"] = "Digits".into();
    assert!(import(&json.to_string(), OnDuplicate::Skip).unwrap().skipped);
    assert!(place.dump() == before);
}

pub fn one_twin_of_many_is_named(engine: Engine) {
    let folder = Folder::new();
    let place = engine.small(&folder, "a");
    let manager = place.open();
    let copy = |options| done(manager.migrate_experiment(1, None, options));
    assert!(copy(MigrateOptions::default()).warnings.is_empty());
    for strategy in [Strategy::Balanced, Strategy::Conservative, Strategy::Balanced] {
        let warnings = copy(MigrateOptions { strategy, ..MigrateOptions::default() }).warnings;
        assert_eq!(warnings, ["the target had the same experiment already, as experiment 3"], "{strategy:?}");
    }
    let plan = manager.plan_migration(1, None, MigrateOptions::default()).unwrap();
    assert_eq!(plan["duplicates"], serde_json::json!([{"experiment_id": 3, "proven": true}]));
    // Where contents are not compared, the list ends somewhere.
    let alike: Vec<String> = (100..130)
        .map(|id| format!("({id}, 'Digits', 'a test', '2023-12-01T10:00:00', '2023-12-01T11:00:00.5')"))
        .collect();
    place.execute(&format!("INSERT INTO EXPERIMENT VALUES {}", alike.join(", ")));
    let warnings = copy(MigrateOptions { strategy: Strategy::Aggressive, ..MigrateOptions::default() }).warnings;
    assert_eq!(warnings.len(), 21, "{warnings:?}");
    assert_eq!(warnings[20], "14 more experiments of the target have the same title, description and times");
}

/// Changes that make a copy of experiment 1 another experiment with the same title, description and times. `{e}`, `{t}`, `{r}` stand for
/// the copy, its first trial and its first run, `{m}` and `{a}` for its first metric and its first artifact.
const CHANGES: [&str; 9] = [
    "INSERT INTO EXPERIMENT VALUES ({e} + 8000, 'other', NULL, '2023-12-01T10:00:00', '2023-12-01T11:00:00');\n\
     UPDATE TRIAL SET experiment_id = {e} + 8000 WHERE experiment_id = {e}",
    "INSERT INTO TRIAL VALUES ({t} + 5000, 'x', {e}, '2023-12-01T10:00:01', '2023-12-01T10:30:00')",
    "INSERT INTO TRIAL_RUN VALUES ({r} + 5000, {t}, 'started', '2023-12-01T10:00:02', '2023-12-01T10:10:00')",
    "DELETE FROM EXPERIMENT_ARTIFACT WHERE experiment_id = {e}",
    "UPDATE ARTIFACT SET loc = 'x' WHERE id = {a}",
    "UPDATE TRIAL SET name = 'x' WHERE id = {t}",
    "UPDATE TRIAL_RUN SET status = 'x' WHERE id = {r}",
    "UPDATE METRIC SET total_val = 7 WHERE id = {m}",
    "INSERT INTO ARTIFACT SELECT {a} + 5000, type, loc FROM ARTIFACT WHERE id = {a} + 3;\n\
     UPDATE RESULTS_ARTIFACT SET artifact_id = {a} + 5000 WHERE results_id = {r}",
];

pub fn look_alikes_are_told_apart(engine: Engine) {
    let folder = Folder::new();
    let (a, b) = (engine.small(&folder, "a"), engine.place(&folder, "b"));
    let (source, target) = (a.open(), b.create());
    let copy = |options| done(source.migrate_experiment(1, Some(&target), options));
    let mut first = None;
    for round in 0..3 {
        for change in CHANGES {
            let made = copy(MigrateOptions::default());
            assert!(made.warnings.is_empty(), "round {round}, {change}: {:?}", made.warnings);
            let id = |name: &str, id: i64, text: String| text.replace(name, &id.to_string());
            let text = id("{e}", made.new_experiment_id, change.to_owned());
            let text = id("{t}", made.id_map.trials[0].1, text);
            let text = id("{r}", made.id_map.runs[0].1, text);
            let text = id("{m}", made.id_map.metrics.unwrap().0, text);
            b.execute(&id("{a}", made.id_map.artifacts.unwrap().0, text));
            first.get_or_insert(made.new_experiment_id);
            assert_ne!(Some(digest(&target, made.new_experiment_id)), Some(digest(&source, 1)), "{change}");
        }
    }
    let twin = copy(skipping());
    assert!(!twin.skipped);
    let found = copy(skipping());
    assert_eq!((found.skipped, found.new_experiment_id), (true, twin.new_experiment_id));
    // An import looks in the same way.
    let text = source.export_to_string(1, ExportOptions::default()).unwrap();
    let options = ImportOptions { on_duplicate: OnDuplicate::Skip, ..ImportOptions::default() };
    let imported = target.import_from_string(text.as_bytes(), options).unwrap();
    assert_eq!((imported.skipped, imported.experiment_id), (true, twin.new_experiment_id));
    // So does one whose experiments have nothing below.
    let (of_a, of_b) = (nothing_below(&source), nothing_below(&target));
    b.execute("UPDATE EXPERIMENT SET title = 'y' WHERE title = 'x'");
    a.execute("UPDATE EXPERIMENT SET title = 'y' WHERE title = 'x'");
    let found = done(source.migrate_experiment(of_a, Some(&target), skipping()));
    assert_eq!((found.skipped, found.new_experiment_id), (true, of_b));
}

/// A new experiment without trials.
fn nothing_below(manager: &Manager) -> i64 {
    let document = r#"{"experiment": {"id": 1, "title": "x", "start_time": "2024-01-01T00:00:00", "update_time": "2024-01-01T00:00:00"}}"#;
    manager.import_from_string(document.as_bytes(), ImportOptions::default()).unwrap().experiment_id
}

pub fn a_comparison_names_what_differs(engine: Engine) {
    let folder = Folder::new();
    let place = engine.small(&folder, "a");
    let manager = place.open();
    let made = done(manager.migrate_experiment(1, None, MigrateOptions::default()));
    let compare = || manager.compare_experiments(1, None, made.new_experiment_id, JobOptions::default()).unwrap();
    assert_eq!(compare()["equal"], true);
    let metric = made.id_map.metrics.unwrap().0;
    place.execute(&format!("UPDATE METRIC SET total_val = 7 WHERE id = {metric} + 2"));
    let report = compare();
    assert_eq!(report["first_difference"]["node"], "EPOCH_METRIC", "{report}");
    assert_eq!(report["first_difference"]["difference"]["column"], "total_val", "{report}");
    place.execute(&format!("DELETE FROM EXPERIMENT_ARTIFACT WHERE experiment_id = {}", made.new_experiment_id));
    place.execute(&format!("UPDATE METRIC SET total_val = 0.75 WHERE id = {metric} + 2"));
    let report = compare();
    assert_eq!(report["first_difference"]["node"], "EXPERIMENT_ARTIFACT", "{report}");
    assert_eq!(report["first_difference"]["how"], "only in a", "{report}");
}
