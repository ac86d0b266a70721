//! What the data of a page says is what the database says.

use expmig::{JobOptions, Severity, ValidateOptions};
use serde_json::{Value as Json, json};

use super::support::{self, Folder};
use super::{curve, curves, data, data_of, page_of};

#[test]
fn every_value_of_the_real_data_is_in_its_curve() {
    let folder = Folder::new();
    let path = folder.digits("digits.db");
    let (page, _) = page_of(&[(&support::open_read_only(&path), 2)]);
    let data = data(&page);
    let experiment = &data["experiments"][0];
    assert_eq!((&experiment["title"], &experiment["id"]), (&json!("Wine cultivar classification"), &json!(2)));
    assert_eq!(experiment["database"], "digits.db");
    assert_eq!(experiment["notes"], json!([]));
    let connection = support::sql(&path);
    let mut checked = 0;
    for (level, table, run, at) in [
        ("epoch", "EPOCH_METRIC", "epoch_trial_run_id", "epoch_idx"),
        ("batch", "BATCH_METRIC", "trial_run_id", "epoch_idx * 6 + batch_idx"),
        ("result", "RESULTS_METRIC", "results_id", "0"),
    ] {
        let sql = format!(
            "SELECT r.id, m.type, {at}, m.total_val FROM {table} l JOIN METRIC m ON m.id = l.metric_id
             JOIN TRIAL_RUN r ON r.id = l.{run} JOIN TRIAL t ON t.id = r.trial_id WHERE t.experiment_id = 2"
        );
        let mut statement = connection.prepare(&sql).unwrap();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let (run, metric, at, value): (i64, String, i64, f64) =
                (row.get(0).unwrap(), row.get(1).unwrap(), row.get(2).unwrap(), row.get(3).unwrap());
            let found = curve(&data, run, &metric, level);
            let place = found["x"].as_array().unwrap().iter().position(|x| *x == at).unwrap();
            // The parser of this test is not exact in the last digit; the page is.
            assert!((found["y"][place].as_f64().unwrap() - value).abs() < 1e-15, "{level} {run} {metric} {at}");
            assert!(page.contains(&json!(value).to_string()), "{value}");
            checked += 1;
        }
    }
    let all: u64 = data["curves"].as_array().unwrap().iter().map(|one| one["n"].as_u64().unwrap()).sum();
    assert_eq!(checked, all);
    assert!(all > 1700, "{all}");
}

#[test]
fn the_tree_the_files_and_the_labels_are_those_of_the_database() {
    let folder = Folder::new();
    let path =
        folder.small("small.db", "ALTER TABLE TRIAL_RUN ADD COLUMN seed INT; UPDATE TRIAL_RUN SET seed = id * 2;");
    let data = data_of(&path, 1);
    let experiment = &data["experiments"][0];
    let [root, trials, runs] = [0, 1, 2].map(|at| &experiment["nodes"][at]);
    assert_eq!(root["columns"], json!(["title", "desc", "start_time", "update_time"]));
    assert_eq!(root["rows"], json!([[1, null, "Digits", "a test", "2023-12-01T10:00:00", "2023-12-01T11:00:00.5"]]));
    assert_eq!(trials["rows"][1], json!([12, 0, "second", "2023-12-01T10:30:00", "2023-12-01T11:00:00"]));
    assert_eq!(runs["columns"], json!(["status", "start_time", "update_time", "seed"]));
    assert_eq!(runs["rows"][1], json!([22, 0, "failed", "2023-12-01T10:10:00", "2023-12-01T10:20:00.000001", "44"]));
    assert_eq!(runs["rows"][2][1], 1);
    assert_eq!(experiment["rows"]["BATCH_METRIC"], 3);
    let files = &experiment["artifacts"];
    assert_eq!(files["count"], 9);
    let files = files["first"].as_array().unwrap();
    for wanted in [
        json!(["experiment", 0, "", "config", "e.yaml"]),
        json!(["trial", 1, "", "params", "t.json"]),
        json!(["run", 0, "epoch_idx=1", "plot", "epoch.png"]),
        json!(["run", 0, "batch_idx=1, epoch_idx=0", "gradient", "batch.npy"]),
    ] {
        assert!(files.contains(&wanted), "{wanted} is not in {files:?}");
    }
    let labels = curves(&data, "label_curves", 21, "result");
    let values: Vec<Json> = labels
        .iter()
        .map(|(metric, one)| json!([metric, data["labels"][one["k"].as_u64().unwrap() as usize], one["y"]]))
        .collect();
    assert_eq!(values, [json!(["accuracy", "a", [0.25]]), json!(["accuracy", "b", [0.75]])]);
    let batches = curve(&data, 21, "batch_loss", "batch");
    assert_eq!((&batches["b"], &batches["x"], &batches["y"]), (&json!(2), &json!([0, 1, 2]), &json!([3.5, 3.25, 3.5])));
}

#[test]
fn what_is_no_finite_number_is_a_gap_that_is_counted() {
    let folder = Folder::new();
    let path = folder.empty("odd.db", "
        INSERT INTO EXPERIMENT VALUES (1, 'odd', NULL, '2024-01-01T00:00:00', '2024-01-01T00:00:00');
        INSERT INTO TRIAL VALUES (1, 't', 1, '2024-01-01T00:00:00', '2024-01-01T00:00:00');
        INSERT INTO TRIAL_RUN VALUES (1, 1, 'completed', '2024-01-01T00:00:00', '2024-01-01T00:00:00');
        CREATE TABLE v (i, v); INSERT INTO v VALUES (0, 1.5), (1, 9e999), (2, -9e999), (3, 'nan'), (4, x'00'), (5, 2), (6, -1e-300);
        INSERT INTO EPOCH SELECT i, 1, '2024-01-01T00:00:00' FROM v; INSERT INTO METRIC SELECT i + 1, 'loss', v, '{\"a\": 1' || CASE i WHEN 0 THEN '}' ELSE '' END FROM v;
        INSERT INTO EPOCH_METRIC SELECT i, 1, i + 1 FROM v; DROP TABLE v;
        INSERT INTO METRIC VALUES (100, 'loss', 7.0, NULL); INSERT INTO EPOCH_METRIC VALUES ('x', 1, 100); INSERT INTO EPOCH_METRIC VALUES (6, 1, 999);");
    let data = data_of(&path, 1);
    let loss = curve(&data, 1, "loss", "epoch");
    assert_eq!(loss["y"], json!([1.5, null, null, null, null, 2.0, -1e-300]));
    assert_eq!((&loss["n"], &loss["odd"], &loss["last"]), (&json!(7), &json!([0, 1, 1, 2]), &json!(-1e-300)));
    let notes: Vec<&str> =
        data["experiments"][0]["notes"].as_array().unwrap().iter().map(|note| note.as_str().unwrap()).collect();
    assert_eq!(
        notes,
        [
            "1 values have no epoch or batch that is an integer, and are in no curve.",
            "1 links lead to no metric or artifact.",
            "6 metrics have values of labels that could not be read.",
        ]
    );
}

#[test]
fn a_text_that_is_html_stays_text() {
    let folder = Folder::new();
    let evil = "</script><script>alert(1)</script><!-- <title>";
    let path = folder.small("evil.db", &format!(
        "UPDATE EXPERIMENT SET title = '{evil}' WHERE id = 1; UPDATE TRIAL SET name = '{evil}'; UPDATE METRIC SET type = '{evil}', per_label_val = '{{\"{evil}\": 1}}';
         UPDATE ARTIFACT SET loc = '{evil}'; UPDATE TRIAL_RUN SET status = '{evil}', start_time = '{evil}';"));
    let manager = support::open_read_only(&path);
    let (page, _) = page_of(&[(&manager, 1)]);
    let (harmless, _) = page_of(&[(&support::open_read_only(&folder.small("good.db", "")), 1)]);
    for part in ["<script", "</script", "<title", "<!--", "<style"] {
        assert_eq!(page.matches(part).count(), harmless.matches(part).count(), "{part}");
    }
    let data = data(&page);
    assert_eq!((&data["title"], &data["metrics"][0], &data["labels"][0]), (&json!(evil), &json!(evil), &json!(evil)));
    assert!(page.contains("<title>&lt;/script&gt;&lt;script&gt;alert(1)"));
    let issues = data["experiments"][0]["findings"]["issues"].as_array().unwrap();
    assert!(
        issues
            .iter()
            .any(|issue| issue["kind"] == "timestamp_invalid" && issue["value"].as_str().unwrap().contains(evil)),
        "{issues:?}"
    );
}

#[test]
fn what_validation_found_leads_to_the_run_that_it_is_about() {
    let folder = Folder::new();
    let path = folder.small("bad.db", "UPDATE METRIC SET per_label_val = '{bad' WHERE id = 33; INSERT INTO EPOCH_METRIC VALUES (0, 22, 999); UPDATE TRIAL SET start_time = 'x' WHERE id = 12;");
    let manager = support::open_read_only(&path);
    let findings = &data(&page_of(&[(&manager, 1)]).0)["experiments"][0]["findings"];
    let report = manager.validate(ValidateOptions { experiment: Some(1), ..ValidateOptions::default() }).unwrap();
    assert_eq!(findings["passed"], false);
    for (name, severity) in [("errors", Severity::Error), ("warnings", Severity::Warning), ("infos", Severity::Info)] {
        assert_eq!(findings[name], report.count(severity), "{name}");
    }
    let target = |kind: &str| {
        let issue = findings["issues"].as_array().unwrap().iter().find(|issue| issue["kind"] == kind);
        issue.map(|issue| json!([issue["target"], issue["place"]]))
    };
    assert_eq!(target("json_malformed"), Some(json!([["run", 21], ["epoch", 1]])));
    assert_eq!(target("dangling_reference"), Some(json!([["run", 22], null])));
    assert_eq!(target("timestamp_invalid"), Some(json!([["trial", 12], null])));
}

#[test]
fn of_two_experiments_the_page_says_what_a_comparison_says() {
    let folder = Folder::new();
    let (a, b) = (folder.digits("a.db"), folder.digits("b.db"));
    support::execute(
        &b,
        "UPDATE METRIC SET total_val = total_val + 1 WHERE id = (SELECT max(metric_id) FROM EPOCH_METRIC WHERE epoch_trial_run_id = 7)",
    );
    let (first, second) = (support::open_read_only(&a), support::open_read_only(&b));
    let wanted = first.compare_experiments(1, Some(&second), 1, JobOptions::default()).unwrap();
    let (page, done) = page_of(&[(&first, 1), (&second, 1)]);
    assert_eq!(data(&page)["comparison"], wanted);
    assert_eq!((done.equal, &wanted["equal"]), (Some(false), &json!(false)));
    let (page, done) = page_of(&[(&first, 2), (&second, 2)]);
    assert_eq!((done.equal, &data(&page)["comparison"]["first_difference"]), (Some(true), &Json::Null));
    // Of one, or of three, there is nothing to compare.
    let (page, done) = page_of(&[(&first, 1), (&first, 2), (&second, 3)]);
    let data = data(&page);
    assert_eq!(
        (done.equal, &data["comparison"], data["experiments"].as_array().unwrap().len()),
        (None, &Json::Null, 3)
    );
    let places: Vec<(&str, i64)> =
        done.experiments.iter().map(|one| (one.database.as_str(), one.experiment_id)).collect();
    assert_eq!(places, [("a.db", 1), ("a.db", 2), ("b.db", 3)]);
    assert!(done.to_json()["experiments"][2]["passed"].as_bool().unwrap());
}
