//! What is wrong with rules is found, and said where; nothing that is thrown at them makes them panic.

use crate::support::random::cases;
use expmig::transformation::{BUILT_IN_NAMES, MAX_RULES_SIZE, Outcome, RuleKind, Rules, Settings};
use expmig::{Domain, Error, Status};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

/// Every key that a document can have, all right.
const WHOLE: &str = r#" {"metric_transformations": [
  {"metric_type": "accuracy", "transformation": "legacy_to_per_label",
   "rules": {"split_by": "class_", "default_classes": ["class_0", "class_1"]}},
  {"metric_type": "f1", "transformation": "normalize_json_keys", "rules": {"key_mapping": {"macro": "macro_avg", "a b": "ä"}}},
  {"metric_type": "loss", "transformation": "add_metadata", "params": {"metadata": {"by": ["mean", null, {"n": 1e3}]}}},
  {"metric_type": "loss", "transformation": "scale", "rules": {"factor": 1.5e-3, "offset": -0.10, "target": "labels"}},
  {"metric_type": "loss", "transformation": "round", "rules": {"digits": 3, "target": "total"}},
  {"metric_type": "loss", "transformation": "aggregate", "rules": {"function": "mean"}},
  {"metric_type": "loss", "transformation": "repair_json", "rules": {"non_finite": "remove"}},
  {"metric_type": "", "transformation": "repair_json"}
 ], "global_settings": {"backup_original": false, "validate_after_transform": true, "rollback_on_error": false}} "#;

fn parse(text: &str) -> Result<Rules, Error> {
    Rules::parse(text, &|name| name == "my_own")
}

fn detail<'a>(error: &'a Error, key: &str) -> Option<&'a str> {
    error.details().iter().find(|detail| detail.key == key).map(|detail| detail.value.as_str())
}

/// That a document is refused as every wrong one is: where, and with what to do.
fn refused(text: &str) -> (String, Error) {
    let error = parse(text).expect_err(text);
    assert_eq!((error.status(), error.domain()), (Status::InvalidArgument, Domain::Transformation), "{error}");
    assert!(error.hint_text().is_some_and(|hint| !hint.is_empty()), "{error}");
    assert!(!error.message().contains('\n') && error.message().len() < 600, "{error}");
    let path = detail(&error, "path").expect("a path").to_owned();
    assert!(path.starts_with('$'), "{path}");
    (path, error)
}

/// One transformation with these parameters.
fn one(name: &str, params: &str) -> String {
    format!(r#"[{{"metric_type": "m", "transformation": "{name}", "rules": {params}}}]"#)
}

#[test]
fn a_whole_document_is_read() {
    let rules = parse(WHOLE).unwrap();
    let expected = Settings { backup_original: false, validate_after_transform: true, rollback_on_error: false };
    assert_eq!(rules.settings, expected);
    let names: Vec<_> = rules.rules.iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(names, [BUILT_IN_NAMES, &["repair_json"]].concat());
    assert_eq!(rules.rules[1].metric_type.as_deref(), Some(&b"f1"[..]));
    assert_eq!(rules.rules[1].params, r#"{"key_mapping": {"macro": "macro_avg", "a b": "ä"}}"#, "as it was written");
    assert_eq!(rules.rules[7].params, "{}", "none are an empty object");
    assert!(rules.rules.iter().all(|rule| rule.transform().is_some()));
}

#[test]
fn settings_are_on_unless_the_document_says_otherwise() {
    let list = one("repair_json", "{}");
    for text in [
        list.clone(),
        format!(r#"{{"metric_transformations": {list}}}"#),
        format!(r#"{{"metric_transformations": {list}, "global_settings": {{}}}}"#),
    ] {
        let rules = parse(&text).unwrap();
        assert_eq!(rules.rules.len(), 1);
        let Settings { backup_original, validate_after_transform, rollback_on_error } = rules.settings;
        assert!(backup_original && validate_after_transform && rollback_on_error, "{text}");
    }
}

#[test]
fn one_transformation_is_for_every_type() {
    let rules = Rules::single("my_own", Some(r#" {"a": 1.0} "#), &|name| name == "my_own").unwrap();
    let [rule] = rules.rules.as_slice() else { panic!("{rules:?}") };
    assert_eq!((rule.metric_type.as_ref(), rule.params.as_str()), (None, r#"{"a": 1.0}"#));
    assert!(matches!(rule.kind, RuleKind::Registered) && rule.transform().is_none());
    assert!(Rules::single("repair_json", None, &|_| false).is_ok());
    for (name, params, path, parameter) in [
        ("rund", "{}", None, Some("transformation_type")),
        ("round", r#"{"digits": 1.5}"#, Some("$.digits"), None),
        ("round", "[]", Some("$"), None),
        ("round", r#"{"digits": }"#, Some("$.digits"), None),
    ] {
        let error = Rules::single(name, Some(params), &|_| false).unwrap_err();
        assert_eq!(error.status(), Status::InvalidArgument);
        assert_eq!((detail(&error, "path"), detail(&error, "parameter")), (path, parameter), "{error}");
    }
}

#[test]
fn a_built_in_name_is_never_a_registered_one() {
    let rules = Rules::parse(WHOLE, &|_| true).unwrap();
    assert!(rules.rules.iter().all(|rule| matches!(rule.kind, RuleKind::BuiltIn(_))));
}

#[test]
fn names_that_are_unknown_come_with_the_known_ones() {
    let (path, error) = refused(&one("normalise_json_keys", "{}"));
    assert_eq!(path, "$[0].transformation");
    let hint = error.hint_text().unwrap();
    assert!(hint.starts_with("did you mean \"normalize_json_keys\"?"), "{hint}");
    assert!(BUILT_IN_NAMES.iter().all(|name| hint.contains(name)), "{hint}");
    let (path, error) = refused(&one("round", r#"{"digit": 2}"#));
    assert_eq!(path, "$[0].rules.digit");
    assert!(error.hint_text().unwrap().starts_with("did you mean \"digits\"?"), "{error}");
    let (_, error) = refused(r#"{"metric_transformations": [], "global_setings": {}}"#);
    assert!(error.hint_text().unwrap().starts_with("did you mean \"global_settings\"?"), "{error}");
    let (_, error) = refused(&one(&"x".repeat(100_000), "{}"));
    assert!(error.message().len() < 300, "a long name is cut");
}

#[test]
fn what_is_wrong_is_named_by_its_path() {
    for (text, path) in [
        ("1".to_owned(), "$"),
        ("{}".to_owned(), "$.metric_transformations"),
        (r#"{"metric_transformations": {}}"#.to_owned(), "$.metric_transformations"),
        ("[]".to_owned(), "$"),
        (r#"{"metric_transformations": []}"#.to_owned(), "$.metric_transformations"),
        (r#"{"metric_transformations": [], "a.b": 1}"#.to_owned(), "$[\"a.b\"]"),
        ("[1]".to_owned(), "$[0]"),
        (r#"[{"transformation": "round"}]"#.to_owned(), "$[0].metric_type"),
        (r#"[{"metric_type": "a"}]"#.to_owned(), "$[0].transformation"),
        (r#"[{"metric_type": null, "transformation": "round"}]"#.to_owned(), "$[0].metric_type"),
        (r#"[{"metric_type": "\ud800", "transformation": "repair_json"}]"#.to_owned(), "$[0].metric_type"),
        (
            r#"[{"metric_type": "a", "transformation": "repair_json", "rules": {}, "params": {}}]"#.to_owned(),
            "$[0].params",
        ),
        (r#"[{"metric_type": "a", "transformation": "my_own", "rules": [1]}]"#.to_owned(), "$[0].rules"),
        (one("repair_json", "null"), "$[0].rules"),
        (one("repair_json", r#"{"non_finite": "null"}"#), "$[0].rules.non_finite"),
        (one("legacy_to_per_label", r#"{"default_classes": []}"#), "$[0].rules.default_classes"),
        (one("legacy_to_per_label", r#"{"default_classes": ["a", 1]}"#), "$[0].rules.default_classes[1]"),
        (one("legacy_to_per_label", r#"{"default_classes": ["a", "a"]}"#), "$[0].rules.default_classes"),
        (one("legacy_to_per_label", r#"{"default_classes": ["_a"]}"#), "$[0].rules.default_classes[0]"),
        (one("legacy_to_per_label", r#"{"split_by": ""}"#), "$[0].rules.split_by"),
        (one("legacy_to_per_label", r#"{"split_by": "11"}"#), "$[0].rules.split_by"),
        (one("legacy_to_per_label", r#"{"split_by": "_fold"}"#), "$[0].rules.split_by"),
        (one("normalize_json_keys", "{}"), "$[0].rules.key_mapping"),
        (one("normalize_json_keys", r#"{"key_mapping": {}}"#), "$[0].rules.key_mapping"),
        (one("normalize_json_keys", r#"{"key_mapping": {"a": "b", "macro": null}}"#), "$[0].rules.key_mapping.macro"),
        (one("normalize_json_keys", r#"{"key_mapping": {"a": "_b"}}"#), "$[0].rules.key_mapping.a"),
        (one("normalize_json_keys", r#"{"key_mapping": {"_metadata": "b"}}"#), "$[0].rules.key_mapping._metadata"),
        (one("normalize_json_keys", r#"{"key_mapping": {"a": "\udc00"}}"#), "$[0].rules.key_mapping.a"),
        (one("normalize_json_keys", r#"{"key_mapping": {"a": "b", "\u0061": "c"}}"#), "$[0].rules.key_mapping.a"),
        (one("add_metadata", r#"{"metadata": {}}"#), "$[0].rules.metadata"),
        (one("add_metadata", r#"{"metadata": "mean"}"#), "$[0].rules.metadata"),
        (one("add_metadata", r#"{"metadata": {"a": [{"b": 1, "b": 2}]}}"#), "$[0].rules.metadata.a[0].b"),
        (one("scale", "{}"), "$[0].rules.factor"),
        (one("scale", r#"{"target": "total"}"#), "$[0].rules.factor"),
        (one("scale", r#"{"factor": "2"}"#), "$[0].rules.factor"),
        (one("scale", &format!("{{\"offset\": 1{}}}", "0".repeat(2000))), "$[0].rules.offset"),
        (one("scale", r#"{"factor": 2, "target": "totals"}"#), "$[0].rules.target"),
        (one("round", r#"{"digits": 2.0}"#), "$[0].rules.digits"),
        (one("round", r#"{"digits": 309}"#), "$[0].rules.digits"),
        (one("round", r#"{"digits": 99999999999999999999}"#), "$[0].rules.digits"),
        (one("aggregate", r#"{"function": "median"}"#), "$[0].rules.function"),
        (one("aggregate", r#"{"function": ["mean"]}"#), "$[0].rules.function"),
    ] {
        let (found, error) = refused(&text);
        assert_eq!(found, path, "{text}: {error}");
    }
}

#[test]
fn what_is_no_json_is_named_by_its_byte_too() {
    for (text, offset, path) in [
        ("", 0, "$"),
        ("[", 1, "$[0]"),
        ("[]]", 2, "$"),
        ("\u{feff}[]", 0, "$"),
        ("[{'metric_type': 1}]", 2, "$[0]"),
        (r#"[{"metric_type": NaN}]"#, 17, "$[0].metric_type"),
        (r#"[{"metric_type": 1,}]"#, 19, "$[0]"),
        (r#"{"global_settings": {"a": [1, 2, Infinity]}}"#, 33, "$.global_settings.a[2]"),
    ] {
        let (found, error) = refused(text);
        assert_eq!((detail(&error, "offset"), found.as_str()), (Some(offset.to_string().as_str()), path), "{error}");
    }
    let error = Rules::parse(b"[\"\xff\"]", &|_| false).unwrap_err();
    assert_eq!((error.status(), detail(&error, "offset")), (Status::InvalidArgument, Some("2")), "{error}");
}

#[test]
fn documents_that_are_too_deep_or_too_large_are_refused() {
    for open in ["[", "{\"a\":", "[{\"a\":"] {
        let (path, error) = refused(&open.repeat(200_000));
        assert!(path.len() < 2000 && detail(&error, "offset").is_some(), "{error}");
    }
    let deep = format!("{}1{}", "[".repeat(127), "]".repeat(127));
    assert!(parse(&one("my_own", &format!("{{\"a\": {deep}}}"))).is_err(), "parameters count from the root");
    for size in [MAX_RULES_SIZE + 1, 50 << 20] {
        let error = parse(&" ".repeat(size)).unwrap_err();
        assert_eq!((error.status(), error.domain()), (Status::Limit, Domain::Transformation));
        assert_eq!(detail(&error, "path"), Some("$"));
        assert!(error.hint_text().is_some());
    }
}

#[test]
fn the_largest_documents_are_read() {
    let renames: Vec<String> = (0..70_000).map(|at| format!("\"key_{at}\":\"new_{at}\"")).collect();
    let text = one("normalize_json_keys", &format!("{{\"key_mapping\": {{{}}}}}", renames.join(",")));
    assert!(text.len() > MAX_RULES_SIZE * 3 / 4 && text.len() <= MAX_RULES_SIZE);
    let rules = parse(&text).unwrap();
    let mut transform = rules.rules[0].transform().unwrap();
    let labels: Vec<String> = (0..70_000).map(|at| format!("\"key_{at}\":{at}")).collect();
    let metric = expmig::transformation::Metric {
        id: 1,
        kind: b"m".to_vec(),
        total_val: expmig::values::Value::Null,
        per_label_val: expmig::values::Value::Text(format!("{{{}}}", labels.join(",")).into_bytes()),
    };
    let expected = format!("{{{}}}", labels.join(",").replace("key_", "new_"));
    let per_label_val = Some(expmig::values::Value::Text(expected.into_bytes()));
    assert!(transform.apply(&metric) == Outcome::Changed { total_val: None, per_label_val });
}

#[test]
fn each_truncation_is_refused_at_its_byte() {
    let text = WHOLE.trim();
    for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
        let (_, error) = refused(&text[..end]);
        let offset: usize = detail(&error, "offset").expect("no JSON").parse().unwrap();
        assert!(offset <= end, "{end}: {error}");
    }
}

/// The paths of all values of a document.
fn pointers(value: &Json, path: &str, found: &mut Vec<String>) {
    found.push(path.to_owned());
    match value {
        Json::Array(items) => {
            items.iter().enumerate().for_each(|(at, item)| pointers(item, &format!("{path}/{at}"), found))
        }
        Json::Object(members) => {
            members.iter().for_each(|(key, item)| pointers(item, &format!("{path}/{key}"), found));
        }
        _ => {}
    }
}

/// The path of the library for such a pointer.
fn path_of(pointer: &str) -> String {
    let step = |part: &str| match part.parse::<usize>() {
        Ok(index) => format!("[{index}]"),
        Err(_) if part.contains(' ') => format!("[{part:?}]"),
        Err(_) => format!(".{part}"),
    };
    format!("${}", pointer.split('/').skip(1).map(step).collect::<String>())
}

#[test]
fn a_wrong_type_anywhere_is_refused_at_its_path() {
    let whole: Json = serde_json::from_str(WHOLE).unwrap();
    let mut all = Vec::new();
    pointers(&whole, "", &mut all);
    // Below the metadata everything is right.
    let mut tried = 0;
    let is_free = |pointer: &str| pointer.contains("/params/metadata/");
    for pointer in all.iter().filter(|pointer| !is_free(pointer)) {
        for wrong in [json!(null), json!(true), json!(7.5), json!("\u{1}?"), json!([[]]), json!({"?": 1})] {
            let mut document = whole.clone();
            let place = document.pointer_mut(pointer).unwrap();
            let same = std::mem::discriminant(place) == std::mem::discriminant(&wrong);
            let free = place.is_string() && (pointer.ends_with("/metric_type") || pointer.contains("/rules/"))
                || pointer.ends_with("/metadata")
                || pointer.contains("global_settings/")
                || place.is_number();
            if same && free {
                continue;
            }
            *place = wrong;
            let (found, error) = refused(&document.to_string());
            let path = path_of(pointer);
            tried += 1;
            assert!(found.starts_with(&path), "{path}: {error}");
        }
    }
    assert!(tried > 200, "{tried}");
}

#[test]
fn an_unknown_key_anywhere_is_refused_at_its_path() {
    let whole: Json = serde_json::from_str(WHOLE).unwrap();
    let mut all = Vec::new();
    pointers(&whole, "", &mut all);
    let mut tried = 0;
    for pointer in &all {
        let mut document = whole.clone();
        let place = document.pointer_mut(pointer).unwrap();
        if let Some(members) = place.as_object_mut()
            && !pointer.contains("/metadata")
            && !pointer.ends_with("/key_mapping")
        {
            members.insert("Factor ".to_owned(), json!(1));
            let (found, _) = refused(&document.to_string());
            assert_eq!(found, format!("{}[\"Factor \"]", path_of(pointer)));
            tried += 1;
        }
    }
    assert_eq!(tried, 17);
}

#[derive(Clone, Debug)]
enum Mutation {
    Replace(prop::sample::Index, u8),
    Insert(prop::sample::Index, Vec<u8>),
    Remove(prop::sample::Index, usize),
    Copy(prop::sample::Index, prop::sample::Index, usize),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let at = any::<prop::sample::Index>;
    let syntax = prop::sample::select(b"{}[]\",:0123456789eE+-.\\ utfn_a".to_vec());
    let words =
        prop::sample::select(vec!["null", "NaN", "true", "\"rules\"", "{}", "[]", "\\ud800", "1e999999999", "\\u0000"]);
    prop_oneof![
        (at(), prop_oneof![syntax, any::<u8>()]).prop_map(|(at, byte)| Mutation::Replace(at, byte)),
        (at(), words).prop_map(|(at, word)| Mutation::Insert(at, word.as_bytes().to_vec())),
        (at(), 1usize..20).prop_map(|(at, count)| Mutation::Remove(at, count)),
        (at(), at(), 1usize..60).prop_map(|(from, to, count)| Mutation::Copy(from, to, count)),
    ]
}

fn mutate(text: &mut Vec<u8>, mutation: Mutation) {
    if text.is_empty() {
        return;
    }
    let length = text.len();
    match mutation {
        Mutation::Replace(at, byte) => text[at.index(length)] = byte,
        Mutation::Insert(at, bytes) => {
            let at = at.index(length);
            text.splice(at..at, bytes);
        }
        Mutation::Remove(at, count) => {
            let at = at.index(length);
            text.drain(at..length.min(at + count));
        }
        Mutation::Copy(from, to, count) => {
            let from = from.index(length);
            let part = text[from..length.min(from + count)].to_vec();
            let to = to.index(length);
            text.splice(to..to, part);
        }
    }
}

proptest! {
    #![proptest_config(cases(4000))]

    #[test]
    fn mutated_documents_are_read_or_refused_with_a_place(mutations in prop::collection::vec(mutation(), 1..4)) {
        let mut text = WHOLE.as_bytes().to_vec();
        mutations.into_iter().for_each(|mutation| mutate(&mut text, mutation));
        match Rules::parse(&text, &|name| name.len() == 6) {
            Ok(rules) => {
                for rule in &rules.rules {
                    // Half a surrogate pair is JSON, and kept as it is written; serde_json does not read it.
                    prop_assert_eq!(rule.params.as_bytes().first(), Some(&b'{'));
                    prop_assert!(expmig::values::json::canonicalize(rule.params.as_bytes(), &mut Vec::new()).is_ok());
                    prop_assert_eq!(rule.transform().is_none(), matches!(rule.kind, RuleKind::Registered));
                }
            }
            Err(error) => {
                prop_assert_eq!((error.status(), error.domain()), (Status::InvalidArgument, Domain::Transformation));
                prop_assert!(detail(&error, "path").is_some() || detail(&error, "offset").is_some(), "{}", error);
                prop_assert!(error.hint_text().is_some() && !error.message().contains('\n'));
                let is_json = expmig::values::json::canonicalize(&text, &mut Vec::new()).is_ok();
                prop_assert!(!is_json || detail(&error, "offset").is_none(), "{}", error);
            }
        }
    }
}
