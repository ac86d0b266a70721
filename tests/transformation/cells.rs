//! What a column can hold beside numbers and text in JSON, and what transformations say about it.

use expmig::transformation::{BUILT_IN_NAMES, Metric, Outcome, Rules};
use expmig::values::Value;

fn apply(name: &str, params: &str, total_val: Value, per_label_val: Value) -> Outcome {
    let rules = Rules::single(name, Some(params), &|_| false).expect(params);
    let mut transform = rules.rules[0].transform().expect("it is built in");
    transform.apply(&Metric { id: 1, kind: b"m".to_vec(), total_val, per_label_val })
}

fn text(text: &str) -> Value {
    Value::Text(text.as_bytes().to_vec())
}

fn params(name: &str) -> &'static str {
    match name {
        "legacy_to_per_label" => r#"{"default_classes": ["a"]}"#,
        "normalize_json_keys" => r#"{"key_mapping": {"a": "b"}}"#,
        "add_metadata" => r#"{"metadata": {"a": 1}}"#,
        "scale" => r#"{"factor": 2}"#,
        "round" => r#"{"digits": 0}"#,
        "aggregate" => r#"{"function": "sum"}"#,
        _ => "{}",
    }
}

#[test]
fn labels_that_are_no_text_or_no_utf8_fail_everywhere() {
    for name in BUILT_IN_NAMES {
        for (labels, reason) in [
            (Value::Blob(vec![1, 2]), "per_label_val is not JSON text: a blob of 2 bytes"),
            (Value::Text(vec![b'{', 0xff]), "per_label_val is not UTF-8: byte 1 is wrong"),
            (Value::Real(f64::INFINITY), "per_label_val is not JSON text: inf"),
        ] {
            let outcome = apply(name, params(name), Value::Real(0.5), labels);
            assert_eq!(outcome, Outcome::Failed(reason.to_owned()), "{name}");
        }
    }
}

#[test]
fn labels_are_not_looked_at_where_only_the_total_is_meant() {
    for params in [r#"{"factor": 2, "target": "total"}"#, r#"{"offset": 0.5, "target": "total"}"#] {
        let outcome = apply("scale", params, Value::Real(0.5), Value::Blob(vec![1]));
        assert_eq!(outcome, Outcome::Changed { total_val: Some(Value::Real(1.0)), per_label_val: None });
    }
    let outcome = apply("scale", r#"{"factor": 2, "target": "labels"}"#, text("no number"), text("{\"a\":1}"));
    assert_eq!(outcome, Outcome::Changed { total_val: None, per_label_val: Some(text("{\"a\":2}")) });
}

#[test]
fn numbers_that_the_engine_made_of_labels_are_numbers() {
    let legacy = params("legacy_to_per_label");
    for (number, expected) in [(Value::Integer(3), "{\"a\": 3}"), (Value::Real(1e16), "{\"a\": 1e16}")] {
        let outcome = apply("legacy_to_per_label", legacy, Value::Real(0.5), number);
        assert_eq!(outcome, Outcome::Changed { total_val: None, per_label_val: Some(text(expected)) });
    }
}

#[test]
fn totals_are_written_so_that_they_read_back_the_same() {
    for total in [0.1, 1e-7, 5e-324, f64::MAX, -0.0, 123456789.12345678, 1e21] {
        let outcome = apply("legacy_to_per_label", params("legacy_to_per_label"), Value::Real(total), Value::Null);
        let Outcome::Changed { per_label_val: Some(Value::Text(labels)), .. } = outcome else { panic!("{outcome:?}") };
        let labels = String::from_utf8(labels).expect("UTF-8");
        let number = labels.strip_prefix("{\"a\": ").and_then(|rest| rest.strip_suffix('}')).expect("one label");
        assert_eq!(number.parse().map(f64::to_bits), Ok(total.to_bits()), "{labels}");
    }
    for total in [Value::Null, Value::Real(f64::NAN), Value::Real(f64::INFINITY), text("0.5"), Value::Blob(vec![])] {
        let outcome = apply("legacy_to_per_label", params("legacy_to_per_label"), total.clone(), Value::Null);
        assert!(
            matches!(&outcome, Outcome::Failed(reason) if reason.starts_with("total_val is not a finite number: "))
        );
        let outcome = apply("round", r#"{"digits": 1}"#, total, Value::Null);
        assert!(
            matches!(&outcome, Outcome::Failed(reason) if reason.starts_with("total_val is not a finite number: "))
        );
    }
}

#[test]
fn totals_that_are_integers_stay_integers_where_they_can() {
    let scale = |params: &str, total: i64| match apply("scale", params, Value::Integer(total), Value::Null) {
        Outcome::Changed { total_val: Some(total), per_label_val: None } => total,
        other => panic!("{other:?}"),
    };
    assert_eq!(scale(r#"{"factor": 3}"#, 9_007_199_254_740_993), Value::Integer(27_021_597_764_222_979));
    assert_eq!(scale(r#"{"factor": 2}"#, i64::MAX), Value::Real(18_446_744_073_709_551_614.0));
    assert_eq!(scale(r#"{"factor": 0.5}"#, 3), Value::Real(1.5));
    let sum =
        apply("aggregate", r#"{"function": "sum"}"#, Value::Integer(0), text(r#"{"a": 9007199254740993, "b": 1}"#));
    let total_val = Some(Value::Integer(9_007_199_254_740_994));
    assert_eq!(sum, Outcome::Changed { total_val, per_label_val: None });
    let same = apply("aggregate", r#"{"function": "max"}"#, Value::Integer(2), text(r#"{"a": 2.0}"#));
    assert_eq!(same, Outcome::Unchanged);
}

#[test]
fn what_is_too_large_fails_and_names_the_label() {
    for (name, params, labels, reason) in [
        ("scale", r#"{"factor": 1e300, "target": "total"}"#, "{}", "total_val would be larger than any binary64"),
        (
            "aggregate",
            r#"{"function": "sum"}"#,
            r#"{"a": 1e308, "b": 1e308}"#,
            "total_val would be larger than any binary64",
        ),
        (
            "aggregate",
            r#"{"function": "sum"}"#,
            r#"{"a": 1e9999, "b": 1}"#,
            "the sum up to the label \"b\" has too many digits",
        ),
        (
            "scale",
            r#"{"offset": 1, "target": "labels"}"#,
            r#"{"a": 1e-99999}"#,
            "the label \"a\" has too many digits to be computed with exactly",
        ),
        (
            "scale",
            r#"{"factor": 1e999999999, "target": "labels"}"#,
            r#"{"a": 1e9}"#,
            "the label \"a\" has too many digits to be computed with exactly",
        ),
    ] {
        let outcome = apply(name, params, Value::Real(1e300), text(labels));
        assert_eq!(outcome, Outcome::Failed(reason.to_owned()), "{name} {labels}");
    }
}

#[test]
fn null_in_json_and_blanks_are_no_labels() {
    for labels in [Value::Null, text(""), text(" \n"), text(" null ")] {
        let nothing = Outcome::Skipped("per_label_val has no labels".to_owned());
        for name in ["normalize_json_keys", "aggregate"] {
            assert_eq!(apply(name, params(name), Value::Real(0.5), labels.clone()), nothing, "{name} {labels:?}");
        }
        let outcome = apply("scale", r#"{"factor": 2, "target": "labels"}"#, Value::Real(0.5), labels.clone());
        assert_eq!(outcome, nothing, "{labels:?}");
        for (name, expected) in
            [("legacy_to_per_label", r#"{"a": 0.5}"#), ("add_metadata", r#"{"_metadata": {"a": 1}}"#)]
        {
            let outcome = apply(name, params(name), Value::Real(0.5), labels.clone());
            let per_label_val = Some(text(expected));
            assert_eq!(outcome, Outcome::Changed { total_val: None, per_label_val }, "{name} {labels:?}");
        }
        assert_eq!(apply("repair_json", "{}", Value::Real(0.5), labels), Outcome::Unchanged);
    }
}
