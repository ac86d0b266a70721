//! docs/transformations.md says what is so: its rules documents are read, and each line of its tables is tried.

use expmig::transformation::{BUILT_IN_NAMES, Metric, Outcome, Rules};
use expmig::values::Value;

const PAGE: &str = include_str!("../../docs/transformations.md");

/// The cells of a line of a table.
fn cells(line: &str) -> Vec<&str> {
    line.trim_matches('|').split(" | ").map(str::trim).collect()
}

/// What stands in backticks.
fn codes(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// The lines of the tables with this header, each with the heading it stands under.
fn table(header: &str) -> Vec<(&'static str, Vec<&'static str>)> {
    let (mut heading, mut inside, mut lines) = ("", false, Vec::new());
    for line in PAGE.lines() {
        if let Some(name) = line.strip_prefix("## ") {
            heading = name;
        }
        if inside && line.starts_with('|') && !line.starts_with("|---") {
            lines.push((heading, cells(line)));
        }
        inside = line == header || inside && line.starts_with('|');
    }
    lines
}

fn value(code: &str) -> Value {
    if code == "NULL" {
        return Value::Null;
    }
    code.parse().map_or_else(|_| Value::Text(code.as_bytes().to_vec()), Value::Real)
}

/// A total and labels, which are text even if they are a number.
fn metric(cell: &str) -> (Value, Value) {
    let codes = codes(cell);
    assert_eq!(codes.len(), 2, "{cell}");
    let labels = match codes[1] {
        "NULL" => Value::Null,
        text => Value::Text(text.as_bytes().to_vec()),
    };
    (value(codes[0]), labels)
}

#[test]
fn each_example_does_what_its_line_says() {
    let lines = table("| parameters | before | after |");
    let mut tried = Vec::new();
    for (name, line) in &lines {
        let [params, before, after] = line.as_slice() else { panic!("{line:?}") };
        let rules = Rules::single(name, Some(codes(params)[0]), &|_| false).expect(params);
        let mut transform = rules.rules[0].transform().expect(name);
        let (total_val, per_label_val) = metric(before);
        let mut metric_of =
            Metric { id: 1, kind: b"m".to_vec(), total_val: total_val.clone(), per_label_val: per_label_val.clone() };
        let outcome = transform.apply(&metric_of);
        let expected = match (after.strip_prefix("skipped: "), after.strip_prefix("failed: ")) {
            (Some(reason), _) => Outcome::Skipped(reason.to_owned()),
            (_, Some(reason)) => Outcome::Failed(reason.to_owned()),
            _ if *after == "unchanged" => Outcome::Unchanged,
            _ => {
                let (total, labels) = metric(after);
                Outcome::Changed {
                    total_val: Some(total).filter(|total| *total != total_val),
                    per_label_val: Some(labels).filter(|labels| *labels != per_label_val),
                }
            }
        };
        assert_eq!(outcome, expected, "{name} {line:?}");
        if let Outcome::Changed { total_val, per_label_val } = outcome {
            // What was changed is not changed again, but by the two that the page excepts.
            metric_of.total_val = total_val.unwrap_or(metric_of.total_val);
            metric_of.per_label_val = per_label_val.unwrap_or(metric_of.per_label_val);
            let swaps = *name == "normalize_json_keys" && params.contains("\"dog\": \"cat\"");
            if *name != "scale" && !swaps {
                assert_eq!(transform.apply(&metric_of), Outcome::Unchanged, "again: {name} {line:?}");
            }
        }
        tried.push(*name);
    }
    tried.dedup();
    assert_eq!(tried, BUILT_IN_NAMES, "each transformation has examples");
}

#[test]
fn each_rules_document_is_read() {
    let documents: Vec<&str> =
        PAGE.split("```json\n").skip(1).map(|rest| rest.split("```").next().expect("an end")).collect();
    assert_eq!(documents.len(), 2);
    let rules = Rules::parse(documents[0], &|_| false).expect("the specification's document");
    let names: Vec<&str> = rules.rules.iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(names, ["legacy_to_per_label", "normalize_json_keys", "add_metadata"]);
    assert_eq!(rules.settings, Default::default());
    assert_eq!(Rules::parse(documents[1], &|_| false).expect("a bare list").rules.len(), 1);
}

#[test]
fn each_refused_document_is_refused_at_its_path() {
    let lines = table("| rules | path |");
    assert_eq!(lines.len(), 9);
    for (_, line) in lines {
        let error = Rules::parse(codes(line[0])[0], &|_| false).expect_err(line[0]);
        let path = error.details().iter().find(|detail| detail.key == "path").expect("a path");
        assert_eq!(path.value, codes(line[1])[0], "{error}");
    }
}
