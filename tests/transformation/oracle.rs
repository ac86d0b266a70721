//! Random metrics, transformed here and in Python: exact decimals, correctly rounded totals, and literals as Python reads them.

use crate::support;
use crate::support::{crate_path, python};
use expmig::transformation::{Metric, Outcome, Rules};
use expmig::values::{Value, json};
use serde_json::Value as Json;

/// The canonical form of JSON without the tags that tell integers from other numbers; a zero has no sign.
fn by_value(token: &str) -> Vec<u8> {
    let mut form = Vec::new();
    json::canonicalize(token.as_bytes(), &mut form).unwrap_or_else(|error| panic!("{token}: {error}"));
    assert!(matches!(form.first(), Some(b'i' | b'r')), "{token} is a number");
    form.drain(..9);
    if form == b"-0e0" { b"0e0".to_vec() } else { form }
}

fn canonical(text: &str) -> Vec<u8> {
    let mut form = Vec::new();
    json::canonicalize(text.as_bytes(), &mut form).unwrap_or_else(|error| panic!("{text}: {error}"));
    form
}

/// The spellings of the labels, in their order.
fn tokens(labels: &Value) -> Vec<String> {
    let Value::Text(text) = labels else { panic!("{labels:?}") };
    let labels: serde_json::Map<String, Json> = {
        let members: std::collections::BTreeMap<String, Box<serde_json::value::RawValue>> =
            serde_json::from_slice(text).expect("an object");
        members.into_iter().map(|(key, raw)| (key, Json::from(raw.get()))).collect()
    };
    labels.values().map(|token| token.as_str().expect("a token").to_owned()).collect()
}

#[test]
fn python_computes_and_reads_the_same() {
    let mut command = python();
    let seed = support::random::seed_or(20_260_301).to_string();
    command.arg(crate_path("tests/python/transform_oracle.py")).args([&seed, "1500"]);
    let output = command.output().expect("python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut compared = [0; 4];
    for line in String::from_utf8(output.stdout).expect("UTF-8").lines() {
        let case: Json = serde_json::from_str(line).expect(line);
        let text = |at: usize| case[at].as_str().expect(line);
        let rules = Rules::single(text(0), Some(text(1)), &|_| false).expect(line);
        let before = Metric {
            id: 1,
            kind: b"m".to_vec(),
            total_val: Value::Real(text(2).parse().expect(line)),
            per_label_val: Value::Text(text(3).as_bytes().to_vec()),
        };
        let outcome = rules.rules[0].transform().expect("it is built in").apply(&before);
        let (total, labels) = match outcome {
            Outcome::Changed { total_val, per_label_val } => {
                (total_val.unwrap_or(before.total_val), per_label_val.unwrap_or(before.per_label_val))
            }
            Outcome::Unchanged => (before.total_val, before.per_label_val),
            Outcome::Failed(reason) => {
                assert!(case[4].is_null() && reason.contains("larger than any"), "{line}: {reason}");
                continue;
            }
            other => panic!("{line}: {other:?}"),
        };
        let which = match text(0) {
            "repair_json" => {
                let Value::Text(repaired) = &labels else { panic!("{line}") };
                let repaired = std::str::from_utf8(repaired).expect("UTF-8");
                assert_eq!(canonical(repaired), canonical(text(5)), "{line}: {repaired}");
                0
            }
            name => {
                let Value::Real(total) = total else { panic!("{line}") };
                assert_eq!(Ok(total), text(4).parse(), "{line}");
                if let Some(expected) = case[5].as_array() {
                    let found: Vec<_> = tokens(&labels).iter().map(|token| by_value(token)).collect();
                    let expected: Vec<_> = expected.iter().map(|token| by_value(token.as_str().expect(line))).collect();
                    assert_eq!(found, expected, "{line}: {labels:?}");
                }
                ["", "scale", "round", "aggregate"].iter().position(|other| *other == name).expect(line)
            }
        };
        compared[which] += 1;
    }
    assert!(compared.iter().all(|count| *count > 1000), "{compared:?}");
}
