//! Extra columns that are foreign keys to what is no id alone: unique columns, epochs and batches, tables of others.

use expmig::{ExportOptions, ImportOptions, JobOptions, Manager, MigrateOptions, MigrationResult, Status, Strategy};
use serde_json::Value as Json;

use super::support::{Folder, STRATEGIES, details};
use super::{Engine, Place, digest, migrated};

fn ok<T>(result: expmig::Result<T>) -> T {
    result.unwrap_or_else(|error| panic!("{}", error.to_json()))
}

/// Metrics name trials by a code that is unique.
fn with_codes(engine: Engine, folder: &Folder, name: &str) -> Place {
    let place = engine.small(folder, name);
    place.execute(engine.link_to_code);
    place.execute(&format!(
        "UPDATE TRIAL SET code = {};\nUPDATE METRIC SET of_code = 'code 12' WHERE id IN (31, 34)",
        engine.trial_codes
    ));
    place
}

/// Nothing yet, in a schema that was changed.
fn empty(engine: Engine, folder: &Folder, name: &str, changes: &str) -> Place {
    let place = engine.place(folder, name);
    drop(place.create());
    place.execute(changes);
    place
}

fn lossy(strategy: Strategy) -> MigrateOptions {
    MigrateOptions { strategy, allow_lossy: true, ..MigrateOptions::default() }
}

/// The ways in which losses are allowed.
fn losing() -> [MigrateOptions; 2] {
    [MigrateOptions { strategy: Strategy::Aggressive, ..MigrateOptions::default() }, lossy(Strategy::Balanced)]
}

/// The losses of a result: table, column, value, what became of it.
fn lost(report: &Json) -> Vec<[String; 4]> {
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let of = |loss: &Json| [&loss["table"], &loss["column"], &loss["value"], &loss["stored_as"]].map(text);
    let mut found: Vec<_> = report["lossy"]["values"].as_array().unwrap().iter().map(of).collect();
    assert_eq!(report["lossy"]["count"], found.len(), "{report}");
    found.sort();
    found
}

/// Migrates, with what the plan announces and, but for AGGRESSIVE, with a proof.
fn cut(
    source: &Manager,
    target: &Manager,
    options: &dyn Fn() -> MigrateOptions,
) -> (MigrationResult, Vec<[String; 4]>) {
    let plan = ok(source.plan_migration(1, Some(target), options()));
    let done = ok(source.migrate_experiment(1, Some(target), options()));
    let (said, planned) = (done.to_json(), plan);
    assert_eq!(lost(&said), lost(&planned), "{planned}");
    if done.strategy != Strategy::Aggressive {
        assert_eq!(done.target_digest, done.expected_digest);
        assert_eq!(done.target_digest, Some(digest(target, done.new_experiment_id)));
    }
    (done, lost(&said))
}

pub fn links_to_what_is_unique_and_no_id_are_kept_or_named(engine: Engine) {
    let folder = Folder::new();
    let place = with_codes(engine, &folder, "a");
    let manager = place.open();
    let was = digest(&manager, 1);
    // Two rows cannot have one code: named, and nothing is changed.
    let before = place.dump();
    for strategy in STRATEGIES {
        let options = MigrateOptions { strategy, ..MigrateOptions::default() };
        let error = manager.migrate_experiment(1, None, options).unwrap_err();
        assert!(matches!(error.status(), Status::Constraint | Status::Validation), "{}", error.to_json());
        assert!(error.hint_text().is_some(), "{}", error.to_json());
        assert!(error.to_json().to_string().contains("TRIAL"), "{}", error.to_json());
        assert_eq!(place.dump(), before);
    }
    let other = empty(engine, &folder, "other", engine.link_to_code);
    let target = other.open();
    let new = migrated(&manager, Some(&target), 1, MigrateOptions::default());
    assert_eq!(digest(&target, new), was);
    let leads = "SELECT count(*) FROM METRIC m JOIN TRIAL t ON t.code = m.of_code WHERE t.code = 'code 12'";
    assert_eq!(other.cell(leads), "Integer(2)");
    // One that leads out of the experiment is as good where its row is.
    place.execute("UPDATE METRIC SET of_code = 'code 13' WHERE id = 31");
    let both = empty(engine, &folder, "both", engine.link_to_code);
    let target = both.open();
    migrated(&manager, Some(&target), 2, MigrateOptions::default());
    let was = digest(&manager, 1);
    let new = migrated(&manager, Some(&target), 1, MigrateOptions::default());
    assert_eq!(digest(&target, new), was);
    assert_eq!(both.cell("SELECT count(*) FROM METRIC m JOIN TRIAL t ON t.code = m.of_code"), "Integer(2)");
}

pub fn links_to_what_is_unique_and_lead_out_are_cut_where_that_is_allowed(engine: Engine) {
    let folder = Folder::new();
    let place = with_codes(engine, &folder, "a");
    place.execute("UPDATE METRIC SET of_code = 'code 13' WHERE id = 31");
    let manager = place.open();
    let document = ok(manager.export_to_string(1, ExportOptions::default()));
    let strict = empty(engine, &folder, "strict", engine.link_to_code);
    let (target, before) = (strict.open(), strict.dump());
    for strategy in [Strategy::Conservative, Strategy::Balanced] {
        let options = MigrateOptions { strategy, ..MigrateOptions::default() };
        let error = manager.migrate_experiment(1, Some(&target), options).unwrap_err();
        assert_eq!(error.status(), Status::Lossy, "{}", error.to_json());
        for (key, wanted) in [("table", "METRIC"), ("column", "of_code"), ("row", "id=31"), ("stored_as", "NULL")] {
            assert_eq!(details(&error, key), [wanted], "{}", error.to_json());
        }
        assert_eq!(strict.dump(), before);
    }
    let error = target.import_from_string(document.as_bytes(), ImportOptions::default()).unwrap_err();
    assert_eq!((error.status(), details(&error, "column")), (Status::Lossy, vec!["of_code"]), "{}", error.to_json());
    assert!(error.hint_text().unwrap().contains("EXPMIG_IMPORT_ALLOW_LOSSY"), "{}", error.to_json());
    assert_eq!(strict.dump(), before);

    let wanted = [["METRIC", "of_code", "\"code 13\"", "NULL"].map(str::to_owned)];
    let leads = "SELECT count(*) FROM METRIC WHERE of_code = 'code 12'";
    let cut_there = "SELECT count(*) FROM METRIC WHERE of_code IS NULL";
    let mut digests = Vec::new();
    for (nth, _) in losing().iter().enumerate() {
        let there = empty(engine, &folder, &format!("losing{nth}"), engine.link_to_code);
        let target = there.open();
        let (done, found) = cut(&manager, &target, &|| losing().into_iter().nth(nth).unwrap());
        assert_eq!(found, wanted);
        assert_eq!((there.cell(leads), there.cell(cut_there)), ("Integer(1)".to_owned(), "Integer(6)".to_owned()));
        let compared = ok(manager.compare_experiments(1, Some(&target), done.new_experiment_id, JobOptions::default()));
        assert_eq!(compared["equal"], false, "{compared}");
        digests.push(digest(&target, done.new_experiment_id));
    }
    let there = empty(engine, &folder, "imported", engine.link_to_code);
    let target = there.open();
    let options = ImportOptions { allow_lossy: true, ..ImportOptions::default() };
    let done = ok(target.import_from_string(document.as_bytes(), options));
    assert_eq!(lost(&done.to_json()), wanted);
    assert_eq!((there.cell(leads), there.cell(cut_there)), ("Integer(1)".to_owned(), "Integer(6)".to_owned()));
    digests.push(digest(&target, done.experiment_id));
    assert!(digests.iter().all(|found| *found == digests[0]));
}

/// An epoch that has to name a trial of another experiment is left out, and with it goes what only it has; a link to it is cut.
pub fn links_to_epochs_that_are_left_out_are_cut(engine: Engine) {
    let folder = Folder::new();
    let declared = |place: Place| {
        place.execute(engine.links_of_several_columns);
        place.execute(&(engine.firm_link)("EPOCH", "seen_by", "TRIAL", 11));
        place
    };
    let place = declared(engine.small(&folder, "a"));
    place.execute(
        "UPDATE EPOCH SET seen_by = 13 WHERE trial_run_id = 21 AND idx = 0;
UPDATE METRIC SET at_epoch = 0, at_run = 21, batch = 0, batch_epoch = 1, batch_run = 21 WHERE id = 31;
UPDATE METRIC SET batch = 1, batch_epoch = 0, batch_run = 21, at_epoch = 0, at_run = 22 WHERE id = 33",
    );
    let manager = place.open();
    let before = place.dump();
    let error = manager.migrate_experiment(1, None, MigrateOptions::default()).unwrap_err();
    let mut columns = details(&error, "column");
    columns.sort_unstable();
    assert_eq!(
        (error.status(), columns),
        (Status::Lossy, vec!["at_epoch", "at_run", "batch", "batch_epoch", "batch_run", "seen_by"]),
        "{}",
        error.to_json()
    );
    assert_eq!(place.dump(), before);
    let wanted = [
        ["EPOCH", "seen_by", "13", "no row: "],
        ["METRIC", "at_epoch", "0", "NULL"],
        ["METRIC", "at_run", "21", "NULL"],
        ["METRIC", "batch", "1", "NULL"],
        ["METRIC", "batch_epoch", "0", "NULL"],
        ["METRIC", "batch_run", "21", "NULL"],
    ];
    let other = declared(engine.small(&folder, "other"));
    let in_other = other.open();
    for target in [&manager, &in_other] {
        for (nth, _) in losing().iter().enumerate() {
            let options = || losing().into_iter().nth(nth).unwrap();
            let plan = ok(manager.plan_migration(1, Some(target), options()));
            let (done, found) = cut(&manager, target, &options);
            for (found, wanted) in found.iter().zip(&wanted) {
                let same = found.iter().zip(wanted).all(|(found, wanted)| found.starts_with(wanted));
                assert!(same, "{found:?}, not {wanted:?}");
            }
            assert_eq!(found.len(), wanted.len());
            assert_eq!(plan["lossy"]["rows_left_out"]["EPOCH"], 1, "{plan}");
            let new = done.new_experiment_id;
            let there = if std::ptr::eq(target, &in_other) { &other } else { &place };
            let of = format!(
                "JOIN TRIAL_RUN r ON r.id = e.trial_run_id JOIN TRIAL t ON t.id = r.trial_id WHERE t.experiment_id = {new}"
            );
            for (query, rows) in [
                (format!("SELECT count(*) FROM EPOCH e {of}"), 2),
                (
                    format!(
                        "SELECT count(*) FROM METRIC m JOIN BATCH e ON e.idx = m.batch AND e.epoch_idx = m.batch_epoch AND e.trial_run_id = m.batch_run {of} AND m.at_epoch IS NULL AND m.at_run IS NULL"
                    ),
                    1,
                ),
                (
                    format!(
                        "SELECT count(*) FROM METRIC m JOIN EPOCH e ON e.idx = m.at_epoch AND e.trial_run_id = m.at_run {of} AND m.batch IS NULL AND m.batch_run IS NULL"
                    ),
                    1,
                ),
            ] {
                assert_eq!(there.cell(&query), format!("Integer({rows})"), "{query}");
            }
        }
    }
}

/// A trial that has to name one by its code, which is not copied, goes with all that it has; and who has to name that one goes, too.
pub fn rows_that_have_to_name_what_is_unique_are_left_out(engine: Engine) {
    let folder = Folder::new();
    // The source may, the target insists.
    let place = with_codes(engine, &folder, "a");
    place.execute("UPDATE METRIC SET of_code = 'code 11' WHERE of_code IS NULL;\nUPDATE METRIC SET of_code = 'code 13' WHERE id = 33");
    let manager = place.open();
    let document = ok(manager.export_to_string(1, ExportOptions::default()));
    let insisting = |name: &str| {
        let there = empty(engine, &folder, name, engine.link_to_code);
        there.execute(engine.firm_code);
        there
    };
    let strict = insisting("strict");
    let (target, before) = (strict.open(), strict.dump());
    let error = manager.migrate_experiment(1, Some(&target), MigrateOptions::default()).unwrap_err();
    assert_eq!((error.status(), details(&error, "row")), (Status::Lossy, vec!["id=33"]), "{}", error.to_json());
    assert_eq!(strict.dump(), before);
    let all = [31, 32, 33, 34, 35, 37, 38].len();
    for (nth, _) in losing().iter().enumerate() {
        let there = insisting(&format!("losing{nth}"));
        let target = there.open();
        let (done, found) = cut(&manager, &target, &|| losing().into_iter().nth(nth).unwrap());
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0][3].starts_with("no row: "), "{found:?}");
        assert!(done.warnings.iter().any(|warning| warning.contains("were left out (")), "{:?}", done.warnings);
        assert_eq!(there.cell("SELECT count(*) FROM METRIC"), format!("Integer({})", all - 1));
        assert_eq!(there.cell("SELECT count(*) FROM EPOCH_METRIC"), "Integer(2)");
    }
    let there = insisting("imported");
    let options = ImportOptions { allow_lossy: true, ..ImportOptions::default() };
    let done = ok(there.open().import_from_string(document.as_bytes(), options));
    assert_eq!(lost(&done.to_json()).len(), 1, "{}", done.to_json());
    assert_eq!(there.cell("SELECT count(*) FROM METRIC"), format!("Integer({})", all - 1));
    assert_eq!(there.cell("SELECT count(*) FROM EPOCH_METRIC"), "Integer(2)");
}

pub fn links_to_tables_of_others_are_kept_where_these_have_the_row(engine: Engine) {
    let folder = Folder::new();
    let users = |place: Place, numbers: &[i64]| {
        place.execute("CREATE TABLE PEOPLE (nr INTEGER PRIMARY KEY)");
        numbers.iter().for_each(|nr| place.execute(&format!("INSERT INTO PEOPLE VALUES ({nr})")));
        place.execute(match place.file() {
            Some(_) => "ALTER TABLE TRIAL ADD COLUMN who INTEGER REFERENCES PEOPLE(nr)",
            None => "ALTER TABLE TRIAL ADD COLUMN who INTEGER, ADD FOREIGN KEY (who) REFERENCES PEOPLE(nr)",
        });
        place
    };
    let place = users(engine.small(&folder, "a"), &[1, 2]);
    place.execute("UPDATE TRIAL SET who = 1 WHERE id = 11;\nUPDATE TRIAL SET who = 2 WHERE id = 12");
    let manager = place.open();
    // Within one database, and where both are known, nothing is lost.
    let was = digest(&manager, 1);
    let new = migrated(&manager, None, 1, MigrateOptions::default());
    assert_eq!(digest(&manager, new), was);
    let same = users(engine.small(&folder, "same"), &[1, 2]);
    assert_eq!(digest(&same.open(), migrated(&manager, Some(&same.open()), 1, MigrateOptions::default())), was);
    // Else it is said.
    let other = users(engine.small(&folder, "other"), &[1]);
    let target = other.open();
    let error = manager.migrate_experiment(1, Some(&target), MigrateOptions::default()).unwrap_err();
    assert_eq!(
        (error.status(), details(&error, "row"), details(&error, "value")),
        (Status::Lossy, vec!["id=12"], vec!["2"]),
        "{}",
        error.to_json()
    );
    let (_, found) = cut(&manager, &target, &|| lossy(Strategy::Balanced));
    assert_eq!(found, [["TRIAL", "who", "2", "NULL"].map(str::to_owned)]);
    assert_eq!(other.cell("SELECT count(*) FROM TRIAL WHERE who = 1"), "Integer(1)");
    let document = ok(manager.export_to_string(1, ExportOptions::default()));
    let options = ImportOptions { allow_lossy: true, ..ImportOptions::default() };
    let done = ok(target.import_from_string(document.as_bytes(), options)).to_json();
    assert_eq!(lost(&done), [["TRIAL", "who", "2", "NULL"].map(str::to_owned)]);
}
