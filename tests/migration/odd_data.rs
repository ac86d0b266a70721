//! Migration of data that nobody planned: ids of any size, foreign columns and tables, values of the wrong type, rows that hang
//! on nothing, targets that cannot hold what the source has. Everything arrives exactly, or nothing is written and the error says
//! what stands in the way.

use std::path::Path;

use crate::support::*;
use expmig::{MigrateOptions, MigrationResult, OnDuplicate, Status, Strategy};

fn into_new(folder: &Folder, source: &Path, experiment: i64, strategy: Strategy) -> MigrationResult {
    let target = folder.path("new.db");
    let _gone = std::fs::remove_file(&target);
    let result = open(source).migrate_experiment(experiment, Some(&create(&target)), with(strategy));
    let result = result.unwrap_or_else(|error| panic!("{}", error.to_json()));
    Check::new((source, experiment), (&target, result.new_experiment_id)).ok();
    result
}

/// Copies into a new file and within a copy of the same file; all checkers agree that the copies are exact.
fn copies_exactly(folder: &Folder, source: &Path, experiment: i64) {
    let expected = python_digests(source)[&experiment].clone();
    assert_eq!(digest(source, experiment), expected, "the two implementations of the digest");
    let result = into_new(folder, source, experiment, Strategy::Balanced);
    assert_eq!(digest(&folder.path("new.db"), result.new_experiment_id), expected);
    let within = folder.copy_of(source, "within.db");
    let result = open(&within).migrate_experiment(experiment, None, with(Strategy::Aggressive));
    let result = result.unwrap_or_else(|error| panic!("{}", error.to_json()));
    assert_eq!(digest(&within, result.new_experiment_id), expected);
    Check::new((&within, experiment), (&within, result.new_experiment_id)).pristine(source).ok();
}

// ---- Ids

#[test]
fn sparse_negative_zero_and_64_bit_ids_are_copied_and_do_not_matter_to_the_digest() {
    let folder = Folder::new();
    let source = folder.small("source.db", "");
    let expected = digest(&source, 1);
    for (table, ids) in [
        ("EXPERIMENT", &[(1, -7), (2, i64::MIN)][..]),
        ("TRIAL", &[(11, i64::MAX), (12, 0)][..]),
        ("TRIAL_RUN", &[(21, i64::MIN), (22, 0), (23, 4_000_000_000)][..]),
        ("METRIC", &[(31, -1), (32, 0), (33, i64::MAX), (34, i64::MIN), (37, 1 << 62)][..]),
        ("ARTIFACT", &[(51, 0), (52, i64::MAX), (54, -4_611_686_018_427_387_904)][..]),
    ] {
        for (old, new) in ids {
            renumber(&source, table, *old, *new);
        }
    }
    assert_eq!(digest(&source, -7), expected);
    copies_exactly(&folder, &source, -7);
}

#[test]
fn an_experiment_with_id_0_is_an_experiment() {
    let folder = Folder::new();
    let source = folder.small("source.db", "");
    renumber(&source, "EXPERIMENT", 1, 0);
    copies_exactly(&folder, &source, 0);
}

#[test]
fn where_the_highest_id_is_taken_free_ids_below_it_are_used_with_a_warning() {
    let folder = Folder::new();
    let source = folder.small("source.db", "");
    for table in ["EXPERIMENT", "TRIAL", "TRIAL_RUN", "METRIC", "ARTIFACT"] {
        let id = match table {
            "EXPERIMENT" => 2,
            "TRIAL" => 13,
            "TRIAL_RUN" => 24,
            "METRIC" => 36,
            _ => 56,
        };
        let target = folder.small(&format!("{table}.db"), "");
        renumber(&target, table, id, i64::MAX);
        let before = folder.copy_of(&target, "before.db");
        let result = migrate_files(&source, 1, &target, MigrateOptions::default()).expect("a copy");
        assert!(result.warnings.iter().any(|line| line.contains("highest id")), "{table}: {:?}", result.warnings);
        Check::new((&source, 1), (&target, result.new_experiment_id)).target_before(&before).ok();
        // Once more within the file: source and copy stand between each other.
        let again = open(&target).migrate_experiment(1, None, MigrateOptions::default()).expect("a copy");
        Check::new((&target, 1), (&target, again.new_experiment_id)).ok();
    }
}

#[test]
fn a_spent_autoincrement_counter_does_not_stop_a_copy() {
    let folder = Folder::new();
    let source = folder.small("source.db", "");
    let last = i64::MAX;
    let spent = format!("INSERT INTO METRIC VALUES ({last}, 'x', 0, NULL); DELETE FROM METRIC WHERE id = {last};");
    let few = "INSERT INTO METRIC VALUES (1, 'x', 0, NULL), (3, 'y', 0, NULL);";
    for (name, script) in [("empty", spent.clone()), ("few", format!("{spent}{few}"))] {
        let target = folder.empty(&format!("{name}.db"), &script);
        let before = folder.copy_of(&target, "before.db");
        let result = migrate_files(&source, 1, &target, MigrateOptions::default()).expect("a copy");
        assert!(result.warnings.iter().any(|line| line.contains("highest id")), "{:?}", result.warnings);
        Check::new((&source, 1), (&target, result.new_experiment_id)).target_before(&before).ok();
    }
}

#[test]
fn ids_of_deleted_rows_are_not_used_again() {
    let folder = Folder::new();
    let source = folder.small("source.db", "");
    let gone = "INSERT INTO TRIAL VALUES (500, 'x', 2, '', ''); DELETE FROM TRIAL WHERE id = 500;
                INSERT INTO TRIAL_RUN VALUES (600, 13, 'x', '', ''); DELETE FROM TRIAL_RUN WHERE id = 600;";
    // Left behind by the deleted run; a copy must not adopt them.
    let orphans = "INSERT INTO EPOCH VALUES (0, 600, 'x'); INSERT INTO TRIAL_ARTIFACT VALUES (500, 56);";
    let target = folder.small("target.db", &format!("{gone}{orphans}"));
    let result = migrate_files(&source, 1, &target, MigrateOptions::default()).expect("a copy");
    assert_eq!((result.id_map.trials[0].1, result.id_map.runs[0].1), (501, 601));
    Check::new((&source, 1), (&target, result.new_experiment_id)).ok();
}

#[test]
fn orphans_in_the_target_become_no_part_of_the_copy() {
    let folder = Folder::new();
    let source = folder.small("source.db", "");
    // Nobody has run 25 yet.
    let target = folder.small("target.db", "INSERT INTO EPOCH_METRIC VALUES (5, 25, 36);");
    for strategy in STRATEGIES {
        let copy = migrate_files(&source, 1, &target, with(strategy)).expect("a copy").new_experiment_id;
        assert_eq!(digest(&target, copy), digest(&source, 1));
        assert_eq!(integer(&target, "SELECT count(*) FROM EPOCH_METRIC WHERE epoch_trial_run_id = 25"), 1);
        assert_eq!(integer(&target, "SELECT count(*) FROM TRIAL_RUN WHERE id = 25"), 0);
    }
}

// ---- Sharing

#[test]
fn an_artifact_linked_at_every_level_and_from_another_experiment_becomes_one_row_of_its_own() {
    let folder = Folder::new();
    let links = "INSERT INTO EXPERIMENT_ARTIFACT VALUES (1, 54); INSERT INTO TRIAL_ARTIFACT VALUES (11, 54), (12, 54), (13, 54);
                 INSERT INTO TRIAL_RUN_ARTIFACT VALUES (21, 54), (23, 54); INSERT INTO EPOCH_ARTIFACT VALUES (0, 21, 54);
                 INSERT INTO BATCH_ARTIFACT VALUES (0, 0, 21, 54), (0, 1, 21, 54);";
    let source = folder.small("source.db", links);
    copies_exactly(&folder, &source, 1);
    assert_eq!(integer(&folder.path("new.db"), "SELECT count(*) FROM ARTIFACT WHERE loc = 'shared.bin'"), 1);
    assert_eq!(integer(&folder.path("within.db"), "SELECT count(*) FROM ARTIFACT WHERE loc = 'shared.bin'"), 2);
}

#[test]
fn rows_of_equal_content_stay_as_many_as_they_were() {
    let folder = Folder::new();
    let twins = "INSERT INTO METRIC VALUES (40, 'loss', 1.5, NULL), (41, 'loss', 1.5, NULL);
                 INSERT INTO EPOCH_METRIC VALUES (0, 21, 40), (0, 21, 41);";
    let source = folder.small("source.db", twins);
    copies_exactly(&folder, &source, 1);
    assert_eq!(integer(&folder.path("new.db"), "SELECT count(*) FROM METRIC WHERE total_val = 1.5"), 3);
}

// ---- Extra columns and tables

const EXTRA: &str = r#"
    ALTER TABLE METRIC ADD COLUMN metadata JSON;
    ALTER TABLE EPOCH_METRIC ADD COLUMN "note ""of"" 'mine'" TEXT;
    ALTER TABLE TRIAL ADD COLUMN "select" INTEGER;
    ALTER TABLE EXPERIMENT ADD COLUMN owner VARCHAR(20);
    UPDATE METRIC SET metadata = '{"unit": "%"}' WHERE id IN (31, 37);
    UPDATE EPOCH_METRIC SET "note ""of"" 'mine'" = 'noted' WHERE metric_id = 33;
    UPDATE TRIAL SET "select" = 5 WHERE id = 12;
    UPDATE EXPERIMENT SET owner = 'me' WHERE id = 1;
"#;

#[test]
fn extra_columns_are_carried_into_a_new_database_with_their_types() {
    let folder = Folder::new();
    let source = folder.small("source.db", EXTRA);
    copies_exactly(&folder, &source, 1);
    let column = "SELECT type FROM pragma_table_info('METRIC') WHERE name = 'metadata'";
    assert_eq!(text(&folder.path("new.db"), column), "JSON");
    let info = open(&source).database_info().expect("the info");
    let extra = at(&info, "/extra_columns").as_array().expect("a list");
    let named: Vec<_> = extra.iter().map(|column| column["column"].as_str().expect("a name")).collect();
    assert_eq!(named, ["owner", "select", "metadata", "note \"of\" 'mine'"]);
}

#[test]
fn extra_columns_that_an_existing_target_lacks_are_lossy_by_table_row_and_column() {
    let folder = Folder::new();
    let (source, target) = (folder.small("source.db", EXTRA), folder.empty("target.db", ""));
    for strategy in [Strategy::Conservative, Strategy::Balanced] {
        let refused = leaves_alone(&target, || migrate_files(&source, 1, &target, with(strategy)));
        let error = failed(refused, Status::Lossy);
        for (table, row, column, value) in [
            ("EXPERIMENT", "id=1", "owner", "\"me\""),
            ("TRIAL", "id=12", "select", "5"),
            ("METRIC", "id=31", "metadata", r#""{\"unit\": \"%\"}""#),
            ("METRIC", "id=37", "metadata", r#""{\"unit\": \"%\"}""#),
            ("EPOCH_METRIC", "epoch_idx=1, epoch_trial_run_id=21, metric_id=33", "note \"of\" 'mine'", "\"noted\""),
        ] {
            for (key, value) in [("table", table), ("row", row), ("column", column), ("value", value)] {
                assert_detail(&error, key, value);
            }
        }
        assert_detail(&error, "count", "5");
    }
}

#[test]
fn add_columns_adds_the_extra_columns_to_an_existing_target() {
    let folder = Folder::new();
    let (source, target) = (folder.small("source.db", EXTRA), folder.small("target.db", ""));
    let rows_before = integer(&target, "SELECT count(*) FROM METRIC");
    for strategy in STRATEGIES {
        let options = MigrateOptions { add_columns: true, ..with(strategy) };
        let result = migrate_files(&source, 1, &target, options).expect("a copy");
        Check::new((&source, 1), (&target, result.new_experiment_id)).ok();
        assert_eq!(result.items_failed, 0);
    }
    assert_eq!(integer(&target, "SELECT count(*) FROM METRIC WHERE metadata IS NULL"), rows_before + 3 * 5);
}

#[test]
fn allow_lossy_drops_extra_columns_counts_and_lists_them_and_proves_the_rest() {
    let folder = Folder::new();
    let plain = folder.small("plain.db", "");
    let source = folder.small("source.db", EXTRA);
    for (strategy, allow_lossy) in [(Strategy::Balanced, true), (Strategy::Aggressive, false)] {
        let target = folder.empty(&format!("{}.db", strategy.name()), "");
        let options = MigrateOptions { allow_lossy, ..with(strategy) };
        let result = migrate_files(&source, 1, &target, options).expect("a copy");
        Check::new((&plain, 1), (&target, result.new_experiment_id)).ok();
        let json = result.to_json();
        assert_eq!(at(&json, "/lossy/count"), 5);
        assert_eq!(at(&json, "/lossy/values").as_array().map(Vec::len), Some(5));
        assert!(result.warnings.iter().any(|line| line.starts_with("5 rows or values")), "{:?}", result.warnings);
        if strategy == Strategy::Balanced {
            assert_ne!(result.source_digest, result.target_digest);
            assert_eq!(result.expected_digest, result.target_digest);
            assert_eq!(at(&json, "/digest/as_stored"), digest(&plain, 1).as_str());
        }
    }
}

#[test]
fn conservative_refuses_losses_even_where_they_are_allowed() {
    let folder = Folder::new();
    let (source, target) = (folder.small("source.db", EXTRA), folder.empty("target.db", ""));
    let options = MigrateOptions { allow_lossy: true, ..with(Strategy::Conservative) };
    let refused = leaves_alone(&target, || migrate_files(&source, 1, &target, options));
    failed(refused, Status::Lossy);
}

#[test]
fn a_lossy_copy_is_not_the_same_experiment_unless_losses_are_allowed() {
    let folder = Folder::new();
    let (source, target) = (folder.small("source.db", EXTRA), folder.empty("target.db", ""));
    let options =
        |allow_lossy| MigrateOptions { allow_lossy, on_duplicate: OnDuplicate::Skip, ..MigrateOptions::default() };
    migrate_files(&source, 1, &target, options(true)).expect("a lossy copy");
    let again = migrate_files(&source, 1, &target, options(true)).expect("a skip");
    assert!(again.skipped);
    assert!(again.warnings.iter().any(|line| line.starts_with("5 rows or values")), "{:?}", again.warnings);
    // Skipping here would say that the target has what it has not.
    failed(migrate_files(&source, 1, &target, options(false)), Status::Lossy);
}

#[test]
fn extra_columns_without_values_are_no_loss() {
    let folder = Folder::new();
    let empty_columns = "ALTER TABLE METRIC ADD COLUMN metadata TEXT; ALTER TABLE BATCH ADD COLUMN b BLOB;
                         UPDATE METRIC SET metadata = 'of another experiment' WHERE id = 36;";
    let (source, target) = (folder.small("source.db", empty_columns), folder.empty("target.db", ""));
    for strategy in STRATEGIES {
        let result = migrate_files(&source, 1, &target, with(strategy)).expect("a copy");
        assert_eq!(at(&result.to_json(), "/lossy/count"), 0);
        Check::new((&source, 1), (&target, result.new_experiment_id)).ok();
    }
}

#[test]
fn extra_columns_of_tables_that_are_not_copied_are_nobodys_loss_and_added_nowhere() {
    let folder = Folder::new();
    let change = "ALTER TABLE SCHEMA_VERSION ADD COLUMN applied_by TEXT;
                  INSERT INTO SCHEMA_VERSION VALUES (1, '1', 'x', NULL, '2023-01-01', NULL, 'me');";
    let (source, target) = (folder.small("source.db", change), folder.empty("target.db", ""));
    let options = MigrateOptions { add_columns: true, ..MigrateOptions::default() };
    let result = migrate_files(&source, 1, &target, options).expect("a copy");
    assert_eq!(integer(&target, "SELECT count(*) FROM pragma_table_info('SCHEMA_VERSION')"), 6);
    assert_eq!(integer(&target, "SELECT count(*) FROM SCHEMA_VERSION"), 0);
    assert!(!result.warnings.iter().any(|line| line.contains("SCHEMA_VERSION")), "{:?}", result.warnings);
}

#[test]
fn extra_columns_of_the_target_get_no_value_of_their_own() {
    let folder = Folder::new();
    let source = folder.small("source.db", "");
    let target = folder.small("target.db", "ALTER TABLE METRIC ADD COLUMN unit TEXT DEFAULT '%';");
    for strategy in STRATEGIES {
        let result = migrate_files(&source, 1, &target, with(strategy)).expect("a copy");
        Check::new((&source, 1), (&target, result.new_experiment_id)).ok();
    }
}

#[test]
fn an_extra_column_of_the_target_that_insists_on_a_value_stops_the_copy() {
    let folder = Folder::new();
    let source = folder.small("source.db", "");
    let strict = schema(2).replace("per_label_val TEXT", "per_label_val TEXT, unit TEXT NOT NULL");
    let target = folder.script("target.db", &strict);
    for strategy in STRATEGIES {
        let refused = leaves_alone(&target, || migrate_files(&source, 1, &target, with(strategy)));
        let error = failed(refused, Status::Constraint);
        assert_detail(&error, "table", "METRIC");
        assert_detail(&error, "column", "unit");
    }
    let one_row = folder.small("one.db", "INSERT INTO EXPERIMENT VALUES (3, '', NULL, '', '');");
    migrate_files(&one_row, 3, &target, MigrateOptions::default()).expect("no metric, no obstacle");
}

#[test]
fn what_the_target_cannot_hold_of_the_experiments_own_row_does_not_matter_to_appended_trials() {
    let folder = Folder::new();
    let change = "ALTER TABLE EXPERIMENT ADD COLUMN owner TEXT; UPDATE EXPERIMENT SET owner = 'me', \"desc\" = NULL;";
    let source = folder.small("source.db", change);
    let strict = schema(2).replace("\"desc\" TEXT", "\"desc\" TEXT NOT NULL, weight INTEGER NOT NULL DEFAULT 1");
    let row = "INSERT INTO EXPERIMENT VALUES (1, 'theirs', '', 1, '2023', '2023');";
    let target = folder.script("target.db", &format!("{strict}{row}"));
    let into = |add_columns| MigrateOptions { target_experiment: Some(1), add_columns, ..MigrateOptions::default() };
    for add_columns in [false, true] {
        let before = folder.copy_of(&target, "before.db");
        let result = migrate_files(&source, 1, &target, into(add_columns)).expect("appended");
        assert_eq!(at(&result.to_json(), "/lossy/count"), 0);
        execute(&target, "UPDATE EXPERIMENT SET update_time = '2023'");
        let trials = if add_columns { 2 } else { 0 };
        Check::new((&source, 1), (&target, 1)).target_before(&before).into_existing(trials).ok();
    }
    failed(migrate_files(&source, 1, &target, MigrateOptions::default()), Status::Constraint);
}

#[test]
fn odd_names_of_extra_columns_are_carried() {
    let folder = Folder::new();
    let names = ["a\"b", "a'b", "[c]", "`d`", "e;--", "sp ace", "ünïcode", "t", "l", "order", "%s", "?1", ":x"];
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let mut script = String::new();
    for (at, name) in names.iter().enumerate() {
        for table in ["METRIC", "EPOCH", "RESULTS_METRIC"] {
            script.push_str(&format!("ALTER TABLE {table} ADD COLUMN {} TEXT;", quoted(name)));
            script.push_str(&format!("UPDATE {table} SET {} = 'value {at}';", quoted(name)));
        }
    }
    let source = folder.small("source.db", &script);
    copies_exactly(&folder, &source, 1);
}

#[test]
fn a_declared_type_that_is_sql_is_not_run_in_the_target() {
    let folder = Folder::new();
    let hostile = r#"ALTER TABLE METRIC ADD COLUMN extra "TEXT DEFAULT 'planted'"; ALTER TABLE TRIAL ADD COLUMN other "NOT NULL";
                     UPDATE METRIC SET extra = 'mine' WHERE id = 31; UPDATE TRIAL SET other = 1 WHERE id = 12;"#;
    let source = folder.small("source.db", hostile);
    copies_exactly(&folder, &source, 1);
    assert_eq!(integer(&folder.path("new.db"), "SELECT count(*) FROM METRIC WHERE extra = 'planted'"), 0);
}

#[test]
fn extra_tables_are_left_alone_and_reported() {
    let folder = Folder::new();
    let tables = r#"CREATE TABLE notes (id INTEGER PRIMARY KEY, text); INSERT INTO notes VALUES (1, 'mine');
                    CREATE TABLE "odd ""name" (x); CREATE VIEW v AS SELECT 1; CREATE INDEX i ON METRIC(type);"#;
    let (source, target) = (folder.small("source.db", tables), folder.empty("target.db", ""));
    let (from, to) = (open(&source), open(&target));
    let plan = from.plan_migration(1, Some(&to), MigrateOptions::default()).expect("a plan");
    let listed = serde_json::json!(["notes", "odd \"name"]);
    assert_eq!(at(&plan, "/extra_tables"), &listed);
    assert_eq!(at(&from.database_info().expect("the info"), "/extra_tables"), &listed);
    let result = from.migrate_experiment(1, Some(&to), MigrateOptions::default()).expect("a copy");
    Check::new((&source, 1), (&target, result.new_experiment_id)).ok();
    assert_eq!(integer(&target, "SELECT count(*) FROM sqlite_master WHERE name IN ('notes', 'v', 'i')"), 0);
}

// ---- Generations

#[test]
fn generation_1_goes_into_generation_2_whole() {
    let folder = Folder::new();
    let source = folder.database("source.db", 1, SMALL);
    copies_exactly(&folder, &source, 1);
    let target = folder.small("target.db", "");
    let result = migrate_files(&source, 1, &target, MigrateOptions::default()).expect("a copy");
    Check::new((&source, 1), (&target, result.new_experiment_id)).ok();
    let generation = |path: &Path| at(&open(path).database_info().expect("the info"), "/generation").as_u64();
    assert_eq!((generation(&source), generation(&target)), (Some(1), Some(2)));
}

#[test]
fn generation_2_into_generation_1_is_lossy_by_table() {
    let folder = Folder::new();
    let (source, target) = (folder.small("source.db", ""), folder.database("target.db", 1, SMALL));
    for strategy in [Strategy::Conservative, Strategy::Balanced] {
        for add_columns in [false, true] {
            let options = MigrateOptions { add_columns, ..with(strategy) };
            let refused = leaves_alone(&target, || migrate_files(&source, 1, &target, options));
            let error = failed(refused, Status::Lossy);
            assert_eq!(details(&error, "table"), ["BATCH", "BATCH_METRIC", "BATCH_ARTIFACT"]);
            assert_eq!(details(&error, "value"), ["3 rows", "3 rows", "1 rows"]);
            assert_detail(&error, "count", "7");
        }
    }
}

#[test]
fn allowed_generation_2_into_generation_1_leaves_out_the_batches_and_lists_them() {
    let folder = Folder::new();
    let source = folder.small("source.db", "");
    let plain = folder.database("plain.db", 1, SMALL);
    for (strategy, allow_lossy) in [(Strategy::Balanced, true), (Strategy::Aggressive, false)] {
        let target = folder.database(&format!("{}.db", strategy.name()), 1, SMALL);
        let options = MigrateOptions { allow_lossy, ..with(strategy) };
        let result = migrate_files(&source, 1, &target, options).expect("a copy");
        Check::new((&source, 1), (&target, result.new_experiment_id)).generation1_target().target_before(&plain).ok();
        assert_eq!(python_digests(&target)[&result.new_experiment_id], digest(&plain, 1));
        let json = result.to_json();
        let lossy: Vec<_> =
            at(&json, "/lossy/values").as_array().expect("a list").iter().map(|loss| loss["table"].clone()).collect();
        assert_eq!(lossy, ["BATCH", "BATCH_METRIC", "BATCH_ARTIFACT"]);
        // Of METRIC and ARTIFACT, what only batches link.
        let failed: Vec<_> =
            result.tables.iter().filter(|table| table.failed > 0).map(|table| (table.table, table.failed)).collect();
        assert_eq!(failed, [("BATCH", 3), ("BATCH_METRIC", 3), ("BATCH_ARTIFACT", 1), ("METRIC", 2), ("ARTIFACT", 1)]);
        assert_eq!(result.items_failed, 10);
        assert_eq!(result.items_processed, result.items_total);
        assert_eq!(result.items_total, SMALL_ROWS);
        assert!(result.success_rate() < 100.0);
    }
}

#[test]
fn a_generation_2_experiment_without_batches_goes_into_generation_1() {
    let folder = Folder::new();
    let source = folder.database("source.db", 2, SMALL);
    let target = folder.database("target.db", 1, "");
    for strategy in STRATEGIES {
        let result = migrate_files(&source, 1, &target, with(strategy)).expect("a copy");
        Check::new((&source, 1), (&target, result.new_experiment_id)).ok();
        assert_eq!((result.items_failed, at(&result.to_json(), "/lossy/count")), (0, &serde_json::json!(0)));
    }
}

// ---- Values

#[test]
fn values_of_any_type_and_size_arrive_as_they_are() {
    let folder = Folder::new();
    let changes = [
        "UPDATE METRIC SET total_val = 'n/a' WHERE id = 31",
        "UPDATE METRIC SET total_val = x'00ff' WHERE id = 31",
        "UPDATE METRIC SET total_val = 9e999 WHERE id = 31; UPDATE METRIC SET total_val = -9e999 WHERE id = 32",
        "UPDATE METRIC SET total_val = 5e-324 WHERE id = 31; UPDATE METRIC SET total_val = 1.7976931348623157e308 WHERE id = 32",
        "UPDATE METRIC SET total_val = 9007199254740993 WHERE id = 31; UPDATE METRIC SET total_val = 0.1 + 0.2 WHERE id = 32",
        "UPDATE METRIC SET type = x'6c6f7373' WHERE id = 31; UPDATE METRIC SET type = '' WHERE id = 32",
        "UPDATE METRIC SET per_label_val = x'7b7d' WHERE id = 31; UPDATE METRIC SET per_label_val = 12 WHERE id = 32",
        "UPDATE METRIC SET per_label_val = CAST(x'7bff7d' AS TEXT) WHERE id = 31",
        "UPDATE METRIC SET per_label_val = '{''a'': nan}' WHERE id = 31; UPDATE METRIC SET per_label_val = '' WHERE id = 32",
        "UPDATE METRIC SET per_label_val = ' { \"b\" : 1.0 , \"a\":[1e2,null], \"b\":true } ' WHERE id = 31",
        "UPDATE EXPERIMENT SET title = CAST(x'ff00fe' AS TEXT), \"desc\" = x'00' WHERE id = 1",
        "UPDATE EXPERIMENT SET title = 'a' || char(0) || 'b', \"desc\" = NULL WHERE id = 1",
        "UPDATE EXPERIMENT SET start_time = '2023-12-01 10:00:00', update_time = '2023-12-01T10:00:00.1' WHERE id = 1",
        "UPDATE EXPERIMENT SET start_time = 1701424800, update_time = x'32' WHERE id = 1",
        "UPDATE TRIAL SET name = char(0xFEFF, 0x1F600, 0xE9, 0x65, 0x301), start_time = 'yesterday', update_time = ''",
        "UPDATE TRIAL_RUN SET status = 5, start_time = '2023-02-29T00:00:00', update_time = '2023-12-01T10:00:00Z'",
        "UPDATE RESULTS SET time = x'ff' WHERE trial_run_id = 21",
        "UPDATE EPOCH SET idx = -3 WHERE idx = 1; UPDATE EPOCH_METRIC SET epoch_idx = -3 WHERE epoch_idx = 1;
         UPDATE EPOCH_ARTIFACT SET epoch_idx = -3 WHERE epoch_idx = 1; UPDATE BATCH SET epoch_idx = -3 WHERE epoch_idx = 1;
         UPDATE BATCH_METRIC SET epoch_idx = -3 WHERE epoch_idx = 1",
        "UPDATE EPOCH SET idx = 'last' WHERE idx = 1; UPDATE EPOCH_METRIC SET epoch_idx = 'last' WHERE epoch_idx = 1;
         UPDATE EPOCH_ARTIFACT SET epoch_idx = 'last' WHERE epoch_idx = 1; UPDATE BATCH SET epoch_idx = 'last' WHERE epoch_idx = 1;
         UPDATE BATCH_METRIC SET epoch_idx = 'last' WHERE epoch_idx = 1",
        "UPDATE EPOCH SET idx = 1.5 WHERE idx = 1; UPDATE EPOCH_METRIC SET epoch_idx = 1.5 WHERE epoch_idx = 1;
         UPDATE EPOCH_ARTIFACT SET epoch_idx = 1.5 WHERE epoch_idx = 1; UPDATE BATCH SET epoch_idx = 1.5 WHERE epoch_idx = 1;
         UPDATE BATCH_METRIC SET epoch_idx = 1.5 WHERE epoch_idx = 1",
        "UPDATE ARTIFACT SET loc = hex(zeroblob(2000000)) WHERE id = 51; UPDATE ARTIFACT SET loc = zeroblob(3000000) WHERE id = 53",
        "UPDATE ARTIFACT SET type = (SELECT group_concat(loc) FROM ARTIFACT), loc = '' WHERE id = 54",
    ];
    for (at, change) in changes.iter().enumerate() {
        println!("{change}");
        let source = folder.small(&format!("source-{at}.db"), change);
        copies_exactly(&folder, &source, 1);
    }
}

#[test]
fn minus_zero_is_not_zero_where_the_column_can_hold_it() {
    let folder = Folder::new();
    // SQLite itself turns -0.0 into 0.0 in a FLOAT column, so that only a column without a type has it.
    let untyped = schema(2).replace("total_val FLOAT NOT NULL", "total_val");
    let [plus, minus] =
        ["plus.db", "minus.db"].map(|name| folder.script(name, &format!("{untyped}{SMALL}{SMALL_BATCHES}")));
    for (path, value) in [(&plus, 0.0), (&minus, -0.0)] {
        sql(path).execute("UPDATE METRIC SET total_val = ?1 WHERE id = 31", [value]).expect("a change");
    }
    assert_eq!(rows(&minus, "SELECT total_val FROM METRIC WHERE id = 31"), [["real 8000000000000000"]]);
    assert_ne!(digest(&plus, 1), digest(&minus, 1));
    assert_eq!(digest(&minus, 1), python_digests(&minus)[&1]);
    let before = folder.copy_of(&minus, "before.db");
    let result = open(&minus).migrate_experiment(1, None, MigrateOptions::default()).expect("a copy");
    Check::new((&minus, 1), (&minus, result.new_experiment_id)).pristine(&before).ok();
    let target = folder.empty("target.db", "");
    let refused = leaves_alone(&target, || migrate_files(&minus, 1, &target, MigrateOptions::default()));
    let error = failed(refused, Status::Lossy);
    assert_eq!((details(&error, "value"), details(&error, "stored_as")), (vec!["-0.0"], vec!["0.0"]));
    migrate_files(&plus, 1, &target, MigrateOptions::default()).expect("0.0 is no loss");
}

#[test]
fn results_without_a_run_are_part_of_nothing() {
    let folder = Folder::new();
    let source =
        folder.small("source.db", "INSERT INTO RESULTS VALUES (NULL, '2023-12-01T10:00:00'), (NULL, 'again');");
    let plain = folder.small("plain.db", "");
    assert_eq!(digest(&source, 1), digest(&plain, 1));
    copies_exactly(&folder, &source, 1);
    for strategy in [Strategy::Balanced, Strategy::Aggressive] {
        let result = into_new(&folder, &source, 1, strategy);
        assert_eq!((result.items_total, result.items_failed), (SMALL_ROWS, 0));
    }
    // They are errors of the source all the same.
    let error = failed(open(&source).migrate_experiment(1, None, with(Strategy::Conservative)), Status::Validation);
    assert_eq!(details(&error, "kind"), ["null_key", "null_key", "timestamp_invalid"]);
}

#[test]
fn rows_below_what_does_not_exist_belong_to_no_experiment() {
    let folder = Folder::new();
    let strays = "INSERT INTO TRIAL VALUES (90, 'stray', 77, '', ''); INSERT INTO TRIAL_RUN VALUES (91, 78, 'stray', '', '');
                  INSERT INTO RESULTS VALUES (79, ''); INSERT INTO EPOCH VALUES (0, 79, ''); INSERT INTO BATCH VALUES (0, 0, 79, '');
                  INSERT INTO EPOCH_METRIC VALUES (0, 79, 31); INSERT INTO EXPERIMENT_ARTIFACT VALUES (77, 51), (NULL, 51);";
    let source = folder.small("source.db", strays);
    assert_eq!(digest(&source, 1), digest(&folder.small("plain.db", ""), 1));
    copies_exactly(&folder, &source, 1);
}

#[test]
fn an_experiment_of_one_row_is_copied() {
    let folder = Folder::new();
    let source = folder.small("source.db", "INSERT INTO EXPERIMENT VALUES (3, '', NULL, '2023-01-01T00:00:00', '');");
    copies_exactly(&folder, &source, 3);
    let result = into_new(&folder, &source, 3, Strategy::Balanced);
    assert_eq!((result.items_total, result.items_processed), (1, 1));
    let into = MigrateOptions { target_experiment: Some(1), ..MigrateOptions::default() };
    let nothing = open(&source).migrate_experiment(3, None, into).expect("nothing to append");
    assert_eq!((nothing.items_total, nothing.success_rate()), (0, 100.0));
}

#[test]
fn a_run_of_a_hundred_thousand_epochs_is_copied() {
    let folder = Folder::new();
    let epochs = "WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 100009)
                  INSERT INTO EPOCH SELECT i, 22, '2023-12-01T10:20:00' FROM n;";
    let source = folder.small("source.db", epochs);
    let target = folder.path("target.db");
    let result =
        open(&source).migrate_experiment(1, Some(&create(&target)), MigrateOptions::default()).expect("a copy");
    assert_eq!(result.items_total, SMALL_ROWS + 100_000);
    assert_eq!(python_digests(&target)[&result.new_experiment_id], python_digests(&source)[&1]);
    assert_eq!(integer(&target, "SELECT count(DISTINCT idx) FROM EPOCH WHERE idx >= 10"), 100_000);
}

// ---- Databases of another make

#[test]
fn tables_without_rowid_are_source_and_target_like_any_other() {
    let folder = Folder::new();
    let plain = folder.small("plain.db", "");
    let without = schema(2).replace("PRIMARY KEY AUTOINCREMENT", "PRIMARY KEY").replace("\n);", "\n) WITHOUT ROWID;");
    assert!(without.matches("WITHOUT ROWID").count() == 18, "{without}");
    let source = folder.script("source.db", &format!("{without}{SMALL}{SMALL_BATCHES}"));
    copies_exactly(&folder, &source, 1);
    let result = migrate_files(&plain, 1, &source, MigrateOptions::default()).expect("a copy");
    Check::new((&plain, 1), (&source, result.new_experiment_id)).ok();
}

#[test]
fn tables_and_columns_in_other_letter_case_are_found() {
    let folder = Folder::new();
    let plain = folder.small("plain.db", "");
    let lower = schema(2).to_lowercase().replace("total_val", "Total_Val").replace("trial_run_id", "TRIAL_run_ID");
    let source = folder.script("source.db", &format!("{lower}{SMALL}{SMALL_BATCHES}"));
    assert_eq!(digest(&source, 1), digest(&plain, 1));
    for (from, to) in [(&source, &plain), (&plain, &source)] {
        let result = migrate_files(from, 1, to, MigrateOptions::default()).expect("a copy");
        Check::new((from, 1), (to, result.new_experiment_id)).ok();
    }
    let result = open(&source).migrate_experiment(1, None, MigrateOptions::default()).expect("a copy");
    Check::new((&source, 1), (&source, result.new_experiment_id)).ok();
}

#[test]
fn a_utf_16_database_is_source_and_target_like_any_other() {
    let folder = Folder::new();
    let change = "UPDATE EXPERIMENT SET title = 'é€😀' || char(0) || 'z' WHERE id = 1; UPDATE METRIC SET per_label_val = '{\"ß\": 1}';";
    let plain = folder.small("plain.db", change);
    for encoding in ["UTF-16le", "UTF-16be"] {
        let source = folder.path(&format!("{encoding}.db"));
        let script = format!("PRAGMA encoding = '{encoding}'; {}{SMALL}{SMALL_BATCHES}{change}", schema(2));
        execute(&source, &script);
        assert_eq!(text(&source, "PRAGMA encoding"), encoding);
        assert_eq!(digest(&source, 1), digest(&plain, 1));
        copies_exactly(&folder, &source, 1);
        let result = migrate_files(&plain, 1, &source, MigrateOptions::default()).expect("a copy");
        Check::new((&plain, 1), (&source, result.new_experiment_id)).ok();
    }
}

#[test]
fn text_that_a_utf_16_target_cannot_hold_is_not_changed_silently() {
    let folder = Folder::new();
    let source = folder.small("source.db", "UPDATE EXPERIMENT SET title = CAST(x'ff41' AS TEXT) WHERE id = 1;");
    let target = folder.path("target.db");
    execute(&target, &format!("PRAGMA encoding = 'UTF-16le'; {}", schema(2)));
    for strategy in STRATEGIES {
        let refused = leaves_alone(&target, || migrate_files(&source, 1, &target, with(strategy)));
        // CONSERVATIVE objects to such text wherever it goes.
        let conservative = strategy == Strategy::Conservative;
        let error = failed(refused, if conservative { Status::Validation } else { Status::Constraint });
        assert_detail(&error, "table", "EXPERIMENT");
        assert_detail(&error, "row", "id=1");
        assert_detail(&error, "column", "title");
    }
}

#[test]
fn keys_stored_as_real_numbers_are_keys() {
    let folder = Folder::new();
    let plain = folder.small("plain.db", "");
    let real = schema(2).replace("trial_id INT", "trial_id REAL").replace("metric_id INT", "metric_id DOUBLE");
    let source = folder.script("source.db", &format!("{real}{SMALL}{SMALL_BATCHES}"));
    assert_eq!(rows(&source, "SELECT DISTINCT typeof(trial_id) FROM TRIAL_RUN"), [["text \"real\""]]);
    assert_eq!(python_digests(&source)[&1], digest(&plain, 1));
    assert_eq!(digest(&source, 1), digest(&plain, 1));
    for (from, to) in [(&source, &plain), (&plain, &source)] {
        let result = migrate_files(from, 1, to, MigrateOptions::default()).expect("a copy");
        assert_eq!(python_digests(to)[&result.new_experiment_id], python_digests(from)[&1]);
    }
}

#[test]
fn keys_declared_as_text_are_refused_by_column() {
    let folder = Folder::new();
    for (table, column, from, to) in [
        ("TRIAL", "experiment_id", "experiment_id INT NOT NULL", "experiment_id TEXT NOT NULL"),
        ("TRIAL_RUN", "trial_id", "trial_id INT NOT NULL", "trial_id VARCHAR(9) NOT NULL"),
        (
            "METRIC",
            "id",
            "CREATE TABLE METRIC (\n  id INTEGER PRIMARY KEY AUTOINCREMENT",
            "CREATE TABLE METRIC (\n  id TEXT PRIMARY KEY",
        ),
    ] {
        let changed = schema(2).replacen(from, to, 1);
        assert_ne!(changed, schema(2));
        let path = folder.script(&format!("{table}.db"), &changed);
        let error = failed(expmig::Database::open(url(&path), expmig::OpenOptions::default()), Status::Schema);
        assert_detail(&error, "table", table);
        assert_detail(&error, "column", column);
    }
}

// ---- Targets that cannot hold the values

#[test]
fn values_that_the_targets_column_type_would_change_are_lossy_with_both_values() {
    let folder = Folder::new();
    let text_totals = schema(2).replace("total_val FLOAT NOT NULL", "total_val TEXT NOT NULL");
    let words = "UPDATE METRIC SET total_val = 'n/a' WHERE id <> 31;";
    let source = folder.script("source.db", &format!("{text_totals}{SMALL}{SMALL_BATCHES}{words}"));
    let target = folder.empty("target.db", "");
    let refused = leaves_alone(&target, || migrate_files(&source, 1, &target, MigrateOptions::default()));
    let error = failed(refused, Status::Lossy);
    assert_eq!(details(&error, "row"), ["id=31"], "only the one that changes");
    assert_detail(&error, "table", "METRIC");
    assert_detail(&error, "column", "total_val");
    assert_detail(&error, "value", "\"0.5\"");
    assert_detail(&error, "stored_as", "0.5");
    let allowed = MigrateOptions { allow_lossy: true, ..MigrateOptions::default() };
    let result = migrate_files(&source, 1, &target, allowed).expect("a copy");
    assert_eq!(result.target_digest.map(|hash| expmig::digest::hex(&hash)), Some(python_digests(&target)[&1].clone()));
    assert_eq!(
        rows(&target, "SELECT total_val FROM METRIC WHERE typeof(total_val) = 'real'"),
        [["real 3fe0000000000000"]]
    );
    let result = migrate_files(&source, 1, &target, with(Strategy::Aggressive)).expect("a copy");
    assert_eq!(at(&result.to_json(), "/lossy/values/0/stored_as"), "0.5");

    execute(&source, "UPDATE METRIC SET total_val = 'n/a'");
    let result = migrate_files(&source, 1, &target, MigrateOptions::default()).expect("nothing changes any more");
    Check::new((&source, 1), (&target, result.new_experiment_id)).ok();
}

#[test]
fn numbers_that_keep_their_value_in_another_type_are_no_loss() {
    let folder = Folder::new();
    let source = folder.small("source.db", "");
    let target = folder.script("target.db", &schema(2).replace("total_val FLOAT", "total_val INTEGER"));
    let result = migrate_files(&source, 1, &target, with(Strategy::Conservative)).expect("a copy");
    assert_eq!(python_digests(&target)[&result.new_experiment_id], digest(&source, 1));
}

#[test]
fn null_where_the_target_refuses_it_is_a_constraint_error_before_any_write() {
    let folder = Folder::new();
    let source = folder.small("source.db", "");
    let target = folder.script("target.db", &schema(2).replace("per_label_val TEXT", "per_label_val TEXT NOT NULL"));
    for strategy in STRATEGIES {
        for allow_lossy in [false, true] {
            let options = MigrateOptions { allow_lossy, ..with(strategy) };
            let refused = leaves_alone(&target, || migrate_files(&source, 1, &target, options));
            let error = failed(refused, Status::Constraint);
            assert_eq!(details(&error, "row"), ["id=32", "id=33", "id=34", "id=37", "id=38"]);
            assert_detail(&error, "table", "METRIC");
            assert_detail(&error, "column", "per_label_val");
        }
    }
}

#[test]
fn a_check_or_unique_constraint_of_the_target_rolls_back_and_names_the_table() {
    let folder = Folder::new();
    let source = folder.small("source.db", "");
    let check = schema(2).replace("per_label_val TEXT", "per_label_val TEXT, CHECK (total_val < 3.3)");
    let unique = format!("{} CREATE UNIQUE INDEX one_loc ON ARTIFACT(loc); {SMALL}", schema(2));
    let strict = schema(2).replace("total_val FLOAT", "total_val REAL").replacen(
        "per_label_val TEXT\n)",
        "per_label_val TEXT\n) ",
        1,
    );
    assert!(strict.contains("REAL"));
    for (name, script, table) in [("check", check, "METRIC"), ("unique", unique, "ARTIFACT")] {
        let target = folder.script(&format!("{name}.db"), &script);
        for strategy in STRATEGIES {
            let refused = leaves_alone(&target, || migrate_files(&source, 1, &target, with(strategy)));
            assert_detail(&failed(refused, Status::Constraint), "table", table);
        }
    }
}

#[test]
fn a_trigger_that_changes_values_is_a_mismatch_and_rolled_back() {
    let folder = Folder::new();
    let source = folder.small("source.db", "");
    let trigger = "CREATE TRIGGER tamper AFTER INSERT ON METRIC BEGIN
                     UPDATE METRIC SET total_val = total_val + 1 WHERE id = NEW.id; END;";
    let target = folder.small("target.db", trigger);
    for strategy in [Strategy::Conservative, Strategy::Balanced] {
        let refused = leaves_alone(&target, || migrate_files(&source, 1, &target, with(strategy)));
        let error = failed(refused, Status::Mismatch);
        assert_detail(&error, "expected_digest", &digest(&source, 1));
    }
}

#[test]
fn a_trigger_that_swallows_or_adds_rows_is_a_mismatch_in_every_strategy() {
    let folder = Folder::new();
    let source = folder.small("source.db", "");
    for (name, trigger, table) in [
        (
            "swallow",
            "CREATE TRIGGER t BEFORE INSERT ON EPOCH WHEN NEW.idx = 1 BEGIN SELECT RAISE(IGNORE); END;",
            "EPOCH",
        ),
        (
            "add",
            "CREATE TRIGGER t AFTER INSERT ON RESULTS_METRIC BEGIN
               INSERT OR IGNORE INTO RESULTS_ARTIFACT VALUES (NEW.results_id, 56); END;",
            "RESULTS_ARTIFACT",
        ),
    ] {
        let target = folder.small(&format!("{name}.db"), trigger);
        for strategy in STRATEGIES {
            let refused = leaves_alone(&target, || migrate_files(&source, 1, &target, with(strategy)));
            assert_detail(&failed(refused, Status::Mismatch), "table", table);
        }
    }
}

// ---- Unsound rows

/// One bad row each: the table, what makes it, and how it is named.
const BAD_ROWS: [(&str, &str, &str); 27] = [
    ("EXPERIMENT_ARTIFACT", "(1, 999)", "experiment_id=1, artifact_id=999"),
    ("EXPERIMENT_ARTIFACT", "(1, NULL)", "experiment_id=1, artifact_id=NULL"),
    ("TRIAL_ARTIFACT", "(11, 999)", "trial_id=11, artifact_id=999"),
    ("TRIAL_ARTIFACT", "(12, NULL)", "trial_id=12, artifact_id=NULL"),
    ("TRIAL_RUN_ARTIFACT", "(21, 999)", "trial_run_id=21, artifact_id=999"),
    ("TRIAL_RUN_ARTIFACT", "(21, 'x')", "trial_run_id=21, artifact_id=\"x\""),
    ("RESULTS_METRIC", "(23, 31)", "results_id=23, metric_id=31"),
    ("RESULTS_METRIC", "(21, 999)", "results_id=21, metric_id=999"),
    ("RESULTS_METRIC", "(21, NULL)", "results_id=21, metric_id=NULL"),
    ("RESULTS_ARTIFACT", "(23, 54)", "results_id=23, artifact_id=54"),
    ("RESULTS_ARTIFACT", "(22, 999)", "results_id=22, artifact_id=999"),
    ("EPOCH", "(NULL, 21, 'x')", "idx=NULL, trial_run_id=21"),
    ("EPOCH_METRIC", "(42, 21, 31)", "epoch_idx=42, epoch_trial_run_id=21, metric_id=31"),
    ("EPOCH_METRIC", "(1, 22, 31)", "epoch_idx=1, epoch_trial_run_id=22, metric_id=31"),
    ("EPOCH_METRIC", "(0, 21, 999)", "epoch_idx=0, epoch_trial_run_id=21, metric_id=999"),
    ("EPOCH_METRIC", "(NULL, 21, 31)", "epoch_idx=NULL, epoch_trial_run_id=21, metric_id=31"),
    ("EPOCH_ARTIFACT", "(42, 21, 51)", "epoch_idx=42, epoch_trial_run_id=21, artifact_id=51"),
    ("EPOCH_ARTIFACT", "(0, 21, 999)", "epoch_idx=0, epoch_trial_run_id=21, artifact_id=999"),
    ("BATCH", "(0, 42, 21, 'x')", "idx=0, epoch_idx=42, trial_run_id=21"),
    ("BATCH", "(NULL, 0, 21, 'x')", "idx=NULL, epoch_idx=0, trial_run_id=21"),
    ("BATCH", "(0, NULL, 21, 'x')", "idx=0, epoch_idx=NULL, trial_run_id=21"),
    ("BATCH_METRIC", "(42, 0, 21, 37)", "batch_idx=42, epoch_idx=0, trial_run_id=21, metric_id=37"),
    ("BATCH_METRIC", "(0, 42, 21, 37)", "batch_idx=0, epoch_idx=42, trial_run_id=21, metric_id=37"),
    ("BATCH_METRIC", "(0, 0, 21, 999)", "batch_idx=0, epoch_idx=0, trial_run_id=21, metric_id=999"),
    ("BATCH_METRIC", "(0, 0, 21, NULL)", "batch_idx=0, epoch_idx=0, trial_run_id=21, metric_id=NULL"),
    ("BATCH_ARTIFACT", "(42, 0, 21, 58)", "batch_idx=42, epoch_idx=0, trial_run_id=21, artifact_id=58"),
    ("BATCH_ARTIFACT", "(0, 0, 21, 999)", "batch_idx=0, epoch_idx=0, trial_run_id=21, artifact_id=999"),
];

#[test]
fn rows_that_hang_on_nothing_stop_balanced_and_conservative_with_table_and_row() {
    let folder = Folder::new();
    let target = folder.empty("target.db", "");
    for (at, (table, values, row)) in BAD_ROWS.iter().enumerate() {
        let source = folder.small(&format!("{at}.db"), &format!("INSERT INTO {table} VALUES {values};"));
        assert_eq!(digest(&source, 1), python_digests(&source)[&1], "{table} {values}");
        for strategy in [Strategy::Conservative, Strategy::Balanced] {
            let refused = leaves_alone(&target, || migrate_files(&source, 1, &target, with(strategy)));
            let error = failed(refused, Status::Validation);
            assert_eq!((details(&error, "table"), details(&error, "row")), (vec![*table], vec![*row]), "{values}");
            let kinds = details(&error, "kind");
            assert!(matches!(kinds[..], ["dangling_reference" | "null_key"]), "{table} {values}: {kinds:?}");
            assert_detail(&error, "count", "1");
            assert_detail(&error, "experiment_id", "1");
            let within = leaves_alone(&source, || migrate_files(&source, 1, &source, with(strategy)));
            failed(within, Status::Validation);
        }
    }
}

#[test]
fn aggressive_leaves_out_just_the_row_that_hangs_on_nothing_and_lists_it() {
    let folder = Folder::new();
    let sound = folder.small("sound.db", "");
    let expected = python_digests(&sound)[&1].clone();
    for (at_row, (table, values, row)) in BAD_ROWS.iter().enumerate() {
        let source = folder.small(&format!("{at_row}.db"), &format!("INSERT INTO {table} VALUES {values};"));
        let target = folder.path(&format!("target-{at_row}.db"));
        let result = open(&source).migrate_experiment(1, Some(&create(&target)), with(Strategy::Aggressive));
        let result = result.unwrap_or_else(|error| panic!("{table} {values}: {}", error.to_json()));
        assert_eq!(digest(&target, 1), expected, "{table} {values}");
        assert_eq!((result.items_failed, result.items_total), (1, SMALL_ROWS + 1), "{table} {values}");
        assert_eq!(result.items_processed, result.items_total);
        assert!(result.success_rate() < 100.0);
        let json = result.to_json();
        assert_eq!(at(&json, "/left_out/count"), 1);
        let listed = (at(&json, "/left_out/rows/0/table"), at(&json, "/left_out/rows/0/row"));
        assert_eq!(listed, (&(*table).into(), &(*row).into()));
        for count in &result.tables {
            assert_eq!(count.failed, u64::from(count.table == *table), "{}", count.table);
            assert_eq!(count.source, count.copied + count.failed, "{}", count.table);
        }
        assert!(result.warnings.iter().any(|line| line.starts_with("1 rows are unsound")), "{:?}", result.warnings);
    }
}

#[test]
fn aggressive_leaves_out_what_hangs_on_left_out_rows_too() {
    let folder = Folder::new();
    let source = folder.small("source.db", "DELETE FROM EPOCH WHERE idx = 1 AND trial_run_id = 21;");
    // The same experiment without everything that hangs on the missing epoch.
    let cut = "DELETE FROM EPOCH WHERE idx = 1; DELETE FROM EPOCH_METRIC WHERE epoch_idx = 1; DELETE FROM EPOCH_ARTIFACT WHERE epoch_idx = 1;
               DELETE FROM BATCH WHERE epoch_idx = 1; DELETE FROM BATCH_METRIC WHERE epoch_idx = 1;";
    let sound = folder.small("sound.db", cut);
    let target = folder.path("target.db");
    let aggressive = || with(Strategy::Aggressive);
    let result = open(&source).migrate_experiment(1, Some(&create(&target)), aggressive()).expect("a copy");
    Check::new((&sound, 1), (&target, 1)).ok();
    let failed: Vec<_> =
        result.tables.iter().filter(|table| table.failed > 0).map(|table| (table.table, table.failed)).collect();
    let expected =
        [("BATCH", 1), ("EPOCH_METRIC", 1), ("EPOCH_ARTIFACT", 1), ("BATCH_METRIC", 1), ("METRIC", 1), ("ARTIFACT", 1)];
    assert_eq!(failed, expected);
    assert_eq!((result.items_failed, result.items_processed), (6, result.items_total));
    // The same within one database, and into an existing experiment.
    let before = folder.copy_of(&source, "before.db");
    let within = open(&source).migrate_experiment(1, None, aggressive()).expect("a copy");
    assert_eq!(digest(&source, within.new_experiment_id), digest(&sound, 1));
    assert_eq!(digest(&source, 1), digest(&before, 1));
    let into = MigrateOptions { target_experiment: Some(2), ..aggressive() };
    let appended = open(&source).migrate_experiment(1, None, into).expect("appended");
    assert_eq!(appended.items_failed, 6);
}

#[test]
fn a_plan_of_aggressive_counts_the_items_that_the_migration_counts() {
    let folder = Folder::new();
    let source = folder.small("source.db", "DELETE FROM EPOCH WHERE idx = 1 AND trial_run_id = 21;");
    let target = folder.empty("target.db", "");
    let (from, to) = (open(&source), open(&target));
    let plan = from.plan_migration(1, Some(&to), with(Strategy::Aggressive)).expect("a plan");
    let result = from.migrate_experiment(1, Some(&to), with(Strategy::Aggressive)).expect("a copy");
    assert_eq!(at(&plan, "/items_total"), result.items_total);
    assert_eq!(at(&plan, "/unsound/count"), 4);
}

// ---- Odd values

/// What makes a value odd, and where.
const ODD: [(&str, &str, &str, &str); 7] = [
    ("UPDATE EXPERIMENT SET start_time = 'yesterday' WHERE id = 1", "EXPERIMENT", "id=1", "start_time"),
    ("UPDATE TRIAL SET update_time = '' WHERE id = 12", "TRIAL", "id=12", "update_time"),
    ("UPDATE EPOCH SET time = '2023-02-30T00:00:00' WHERE idx = 1", "EPOCH", "idx=1, trial_run_id=21", "time"),
    ("UPDATE METRIC SET per_label_val = '{''a'': 1}' WHERE id = 31", "METRIC", "id=31", "per_label_val"),
    ("UPDATE METRIC SET per_label_val = '{\"a\": NaN}' WHERE id = 31", "METRIC", "id=31", "per_label_val"),
    ("UPDATE METRIC SET total_val = 9e999 WHERE id = 38", "METRIC", "id=38", "total_val"),
    ("UPDATE METRIC SET total_val = 'n/a' WHERE id = 32", "METRIC", "id=32", "total_val"),
];

#[test]
fn odd_values_are_warnings_with_balanced_and_refused_by_conservative() {
    let folder = Folder::new();
    let refused_by = folder.empty("refused.db", "");
    for (at_row, (change, table, row, column)) in ODD.iter().enumerate() {
        let source = folder.small(&format!("{at_row}.db"), change);
        let result = into_new(&folder, &source, 1, Strategy::Balanced);
        let named = |line: &&String| [table, row, column].iter().all(|part| line.contains(**part));
        assert_eq!(result.warnings.iter().filter(named).count(), 1, "{change}: {:?}", result.warnings);
        assert_eq!((result.items_failed, result.success_rate()), (0, 100.0));
        let refused =
            leaves_alone(&refused_by, || migrate_files(&source, 1, &refused_by, with(Strategy::Conservative)));
        let error = failed(refused, Status::Validation);
        assert_eq!(details(&error, "table"), [*table]);
        assert_eq!(details(&error, "row"), [*row]);
        assert_eq!(details(&error, "column"), [*column]);
        // Odd values of a stranger are not this experiment's: only CONSERVATIVE looks at the whole source.
        let stranger = open(&source).migrate_experiment(2, None, with(Strategy::Conservative));
        assert_eq!(details(&failed(stranger, Status::Validation), "row"), [*row]);
        let other = open(&source).migrate_experiment(2, None, with(Strategy::Balanced)).expect("a copy");
        assert_eq!((other.items_failed, other.warnings.as_slice()), (0, [].as_slice()));
    }
}
