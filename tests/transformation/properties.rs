//! What holds for every metric, tried on random ones: bytes that are not meant stay, what is defined to be idempotent is, and nothing
//! that is stored makes a transformation panic or write what is no JSON.

use std::collections::BTreeSet;

use crate::support::random::cases;
use expmig::transformation::{BUILT_IN_NAMES, Metric, Outcome, Rules, Transform};
use expmig::values::{Value, json};
use proptest::prelude::*;

/// A document in pieces: white space, keys and values as they are spelled.
#[derive(Clone, Debug)]
struct Pieces {
    members: Vec<Member>,
    end: String,
}

#[derive(Clone, Debug)]
struct Member {
    /// Before the key, before the colon, before the value, and behind it.
    space: [String; 4],
    key: String,
    value: String,
}

impl Pieces {
    /// The document, with other spellings for some of the keys and values.
    fn text(&self, new: impl Fn(&Member) -> (Option<String>, Option<String>)) -> String {
        let mut text = String::from("{");
        for (at, member) in self.members.iter().enumerate() {
            let [before, colon, value_space, behind] = &member.space;
            let (key, value) = new(member);
            let (key, value) = (key.unwrap_or(member.key.clone()), value.unwrap_or(member.value.clone()));
            let comma = if at > 0 { "," } else { "" };
            text.extend([comma, before, &key, colon, ":", value_space, &value, behind]);
        }
        text + &self.end + "}"
    }

    fn same(&self) -> String {
        self.text(|_| (None, None))
    }
}

impl Member {
    fn name(&self) -> String {
        serde_json::from_str(&self.key).expect("a key")
    }

    fn is_label(&self) -> bool {
        !self.name().starts_with('_')
    }
}

fn space() -> impl Strategy<Value = String> {
    prop_oneof![4 => Just(String::new()), 3 => Just(" ".to_owned()), 1 => "[ \t\r\n]{1,4}"]
}

fn number() -> BoxedStrategy<String> {
    prop_oneof![
        "-?(0|[1-9][0-9]{0,4})",
        "-?(0|[1-9][0-9]{0,3})\\.[0-9]{1,20}",
        "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,3})?[eE][+-]?[0-9]{1,3}",
        "[1-9][0-9]{15,40}",
        prop::sample::select(vec!["9007199254740993", "0.12345678901234567", "1.0", "1e-3", "0.10", "-0.0"])
            .prop_map(str::to_owned),
    ]
    .boxed()
}

/// Any JSON, spelled in one of many ways.
fn any_json() -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        number(),
        prop::sample::select(vec!["null", "true", "\"\"", "\"\\ud800\\/\"", "\"ä\\n\"", "{ }", "[\n]"])
            .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            (space(), prop::collection::vec(inner.clone(), 1..3))
                .prop_map(|(space, items)| format!("[{space}{}]", items.join(","))),
            (space(), inner).prop_map(|(space, value)| format!("{{\"a\"{space}:{space}{value}}}")),
        ]
    })
    .boxed()
}

/// Names that meet each other, and the rules, often.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => prop::sample::select(vec!["a", "b", "c", "class_0", "class_1", "acc_class_0", "x_class_class_1", "macro", ""]).prop_map(str::to_owned),
        1 => "[a-z_\"\\\\ä😀]{0,4}",
    ]
}

/// A name as JSON, plainly or with escapes.
fn spelled(name: &str, escaped: bool) -> String {
    if !escaped {
        return serde_json::to_string(name).expect("a string");
    }
    let code = |unit: u16| format!("\\u{unit:04X}");
    format!("\"{}\"", name.encode_utf16().map(code).collect::<String>())
}

fn pieces(value: BoxedStrategy<String>) -> impl Strategy<Value = Pieces> {
    let spaces = || [space(), space(), space(), space()];
    let label = (spaces(), name(), prop::bool::weighted(0.1), value).prop_map(|(space, name, escaped, value)| Member {
        space,
        key: spelled(&name, escaped),
        value,
    });
    let note = (spaces(), "_[a-c]{0,3}|_class_0|_metadata", any_json()).prop_map(|(space, name, value)| Member {
        space,
        key: spelled(&name, false),
        value,
    });
    let members = prop::collection::vec(prop_oneof![5 => label, 1 => note], 0..12);
    (members, space()).prop_map(|(mut members, end)| {
        let mut names = BTreeSet::new();
        members.retain(|member| names.insert(member.name()));
        Pieces { members, end }
    })
}

fn labels(text: impl Into<Vec<u8>>) -> Metric {
    Metric { id: 1, kind: b"m".to_vec(), total_val: Value::Real(0.25), per_label_val: Value::Text(text.into()) }
}

fn transform(name: &str, params: &serde_json::Value) -> Box<dyn Transform> {
    let rules = Rules::single(name, Some(&params.to_string()), &|_| false).expect("the rules are right");
    rules.rules[0].transform().expect("it is built in")
}

/// The labels after a transformation that may leave them as they are; `None` if it failed.
fn after(outcome: &Outcome, before: &str) -> Option<String> {
    match outcome {
        Outcome::Unchanged | Outcome::Skipped(_) => Some(before.to_owned()),
        Outcome::Changed { per_label_val: Some(Value::Text(text)), .. } => {
            Some(String::from_utf8(text.clone()).expect("UTF-8"))
        }
        Outcome::Changed { per_label_val, .. } => per_label_val.is_none().then(|| before.to_owned()),
        Outcome::Failed(_) => None,
    }
}

fn all_different<T: Ord>(items: impl IntoIterator<Item = T>) -> bool {
    let mut seen = BTreeSet::new();
    items.into_iter().all(|item| seen.insert(item))
}

/// Each transformation, with parameters that do much.
fn every_transform() -> Vec<Box<dyn Transform>> {
    let params = serde_json::json!({
        "legacy_to_per_label": {"default_classes": ["cat", "x_class_class_1"]},
        "normalize_json_keys": {"key_mapping": {"a": "b", "b": "a", "macro": "macro \"avg\""}},
        "add_metadata": {"metadata": {"a": [1, {"b": null}], "_": "x"}},
        "scale": {"factor": 1.5, "offset": -1},
        "round": {"digits": 1},
        "aggregate": {"function": "mean"},
        "repair_json": {"non_finite": "remove"},
    });
    BUILT_IN_NAMES.iter().map(|name| transform(name, &params[name])).collect()
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn renaming_replaces_the_keys_alone_or_fails_for_a_collision(
        document in pieces(any_json()),
        mapping in prop::collection::btree_map("a|b|c|class_[01]|macro", name(), 1..5),
    ) {
        let mapping: std::collections::BTreeMap<_, _> =
            mapping.into_iter().filter(|(_, to)| !to.starts_with('_')).collect();
        prop_assume!(!mapping.is_empty());
        let text = document.same();
        let mut transform = transform("normalize_json_keys", &serde_json::json!({"key_mapping": mapping}));
        let outcome = transform.apply(&labels(text.clone()));
        let new_name = |member: &Member| mapping.get(&member.name()).cloned().unwrap_or(member.name());
        if !all_different(document.members.iter().map(new_name)) {
            prop_assert!(matches!(&outcome, Outcome::Failed(reason) if reason.contains("more than once")), "{outcome:?}");
            return Ok(());
        }
        let renamed = |member: &Member| mapping.get(&member.name()).filter(|to| **to != member.name()).map(|to| spelled(to, false));
        let expected = document.text(|member| (renamed(member), None));
        prop_assert_eq!(after(&outcome, &text), Some(expected.clone()));
        prop_assert_eq!(outcome == Outcome::Unchanged, expected == text);
        // Idempotent where no new name is an old one.
        if mapping.values().all(|to| !mapping.contains_key(to) || mapping[to] == *to) {
            prop_assert_eq!(transform.apply(&labels(expected)), Outcome::Unchanged);
        }
    }

    #[test]
    fn a_permutation_of_the_keys_and_its_inverse_give_back_the_bytes(
        document in pieces(any_json()),
        names in Just(vec!["a", "b", "c", "class_0", "class_1", "macro"]).prop_shuffle(),
    ) {
        let document = Pieces {
            members: document.members.into_iter().map(|member| Member { key: spelled(&member.name(), false), ..member }).collect(),
            ..document
        };
        let sorted = ["a", "b", "c", "class_0", "class_1", "macro"];
        let mapping = |from: &[&str], to: &[&str]| -> serde_json::Value {
            from.iter().zip(to).map(|(from, to)| ((*from).to_owned(), serde_json::Value::from(*to))).collect::<serde_json::Map<_, _>>().into()
        };
        let text = document.same();
        let there = transform("normalize_json_keys", &serde_json::json!({"key_mapping": mapping(&sorted, &names)})).apply(&labels(text.clone()));
        let there = after(&there, &text).expect("no collision");
        let back = transform("normalize_json_keys", &serde_json::json!({"key_mapping": mapping(&names, &sorted)})).apply(&labels(there.clone()));
        prop_assert_eq!(after(&back, &there), Some(text));
    }

    #[test]
    fn keys_are_cut_and_nothing_else(document in pieces(any_json()), split in prop::sample::select(vec!["class_", "a", "class_0", "😀"])) {
        let text = document.same();
        let mut transform = transform("legacy_to_per_label", &serde_json::json!({"split_by": split}));
        let outcome = transform.apply(&labels(text.clone()));
        let cut = |member: &Member| {
            let name = member.name();
            let at = name.rfind(split).filter(|_| member.is_label()).unwrap_or(0);
            name[at..].to_owned()
        };
        let has_labels = document.members.iter().any(Member::is_label);
        prop_assert_eq!(matches!(outcome, Outcome::Skipped(_)), !has_labels);
        if !all_different(document.members.iter().map(cut)) {
            prop_assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
            return Ok(());
        }
        let expected = document.text(|member| (Some(cut(member)).filter(|cut| *cut != member.name()).map(|cut| spelled(&cut, false)), None));
        prop_assert_eq!(after(&outcome, &text), Some(expected.clone()));
        if has_labels {
            prop_assert_eq!(transform.apply(&labels(expected)), Outcome::Unchanged);
        }
    }

    #[test]
    fn labels_are_made_once(
        old in prop_oneof![
            Just(Value::Null),
            Just(Value::Text(b" ".to_vec())),
            number().prop_map(|number| Value::Text(number.into_bytes())),
            prop::collection::vec(number(), 0..14).prop_map(|items| Value::Text(format!("[{}]", items.join(" ,")).into_bytes())),
            pieces(number()).prop_map(|pieces| Value::Text(pieces.same().into_bytes())),
        ],
        split in prop_oneof![name(), "[0-9]{0,2}[a-z]?[0-9]{0,2}"].prop_filter("it is a possible one", |split| {
            !split.starts_with('_') && !split.bytes().all(|byte| byte.is_ascii_digit())
        }),
        classes in prop::collection::btree_set(name().prop_filter("a label", |name| !name.starts_with('_')), 1..4),
    ) {
        let mut transform = transform("legacy_to_per_label", &serde_json::json!({"split_by": split, "default_classes": classes}));
        let mut metric = Metric { per_label_val: old, ..labels("") };
        if let Outcome::Changed { total_val, per_label_val } = transform.apply(&metric) {
            prop_assert_eq!(total_val, None);
            metric.per_label_val = per_label_val.expect("labels");
            prop_assert_eq!(transform.apply(&metric), Outcome::Unchanged, "{:?}", metric);
        }
    }

    #[test]
    fn the_numbers_of_labels_are_changed_and_nothing_else(document in pieces(number()), digits in -3i64..25) {
        let text = document.same();
        for (name, params) in [
            ("scale", serde_json::json!({"factor": 1000, "target": "labels"})),
            ("round", serde_json::json!({"digits": digits, "target": "labels"})),
        ] {
            let outcome = transform(name, &params).apply(&labels(text.clone()));
            let found = after(&outcome, &text).expect("numbers");
            // Each label by itself gives its new spelling; the whole has just these.
            let alone = |member: &Member| {
                let text = format!("{{\"k\":{}}}", member.value);
                let outcome = transform(name, &params).apply(&labels(text.clone()));
                let found = after(&outcome, &text).expect("a number");
                found[5..found.len() - 1].to_owned()
            };
            let expected = document.text(|member| (None, member.is_label().then(|| alone(member))));
            prop_assert_eq!(&found, &expected);
            prop_assert_eq!(outcome == Outcome::Unchanged, found == text);
            if name == "round" {
                prop_assert_eq!(transform(name, &params).apply(&labels(found)), Outcome::Unchanged);
            }
        }
    }

    #[test]
    fn scaling_there_and_back_keeps_the_values(document in pieces(number())) {
        let text = document.same();
        let there = transform("scale", &serde_json::json!({"factor": 1000, "target": "labels"})).apply(&labels(text.clone()));
        let there = after(&there, &text).expect("numbers");
        let back = transform("scale", &serde_json::json!({"factor": 0.001, "target": "labels"})).apply(&labels(there.clone()));
        let back = after(&back, &there).expect("numbers");
        let values = |text: &str| -> Vec<Vec<u8>> {
            let members: std::collections::BTreeMap<String, Box<serde_json::value::RawValue>> = serde_json::from_str(text).expect(text);
            let value = |raw: Box<serde_json::value::RawValue>| {
                let mut form = Vec::new();
                json::canonicalize(raw.get().as_bytes(), &mut form).expect("a value");
                let is_number = matches!(form.first(), Some(b'i' | b'r'));
                form.split_off(if is_number { 9 } else { 0 })
            };
            members.into_values().map(value).collect()
        };
        prop_assert_eq!(values(&back), values(&text));
    }

    #[test]
    fn notes_are_merged_once_and_the_labels_stay(document in pieces(any_json()), value in any_json()) {
        let params: String = format!("{{\"metadata\": {{\"a\": {value}, \"new\": 1.0}}}}");
        let rules = Rules::single("add_metadata", Some(&params), &|_| false).unwrap();
        let mut transform = rules.rules[0].transform().unwrap();
        let text = document.same();
        match transform.apply(&labels(text.clone())) {
            Outcome::Changed { total_val: None, per_label_val: Some(Value::Text(found)) } => {
                let found = String::from_utf8(found).unwrap();
                let notes: std::collections::BTreeMap<String, Box<serde_json::value::RawValue>> = serde_json::from_str(&found).unwrap();
                let new = notes["_metadata"].get();
                let expected = match document.members.iter().find(|member| member.name() == "_metadata") {
                    Some(_) => document.text(|member| (None, (member.name() == "_metadata").then(|| new.to_owned()))),
                    None => {
                        // Behind the last member, and spaced as it is.
                        let mut with = document.clone();
                        let (space, colon, value_space) = match with.members.as_mut_slice() {
                            [] => (std::mem::take(&mut with.end), String::new(), " ".to_owned()),
                            [.., last] => {
                                with.end = std::mem::take(&mut last.space[3]) + &with.end;
                                let [space, colon, value_space, _] = last.space.clone();
                                let compact = document.members.len() == 1 && space.is_empty() && value_space.ends_with(' ');
                                (if compact { " ".to_owned() } else { space }, colon, value_space)
                            }
                        };
                        let space = [space, colon, value_space, String::new()];
                        with.members.push(Member { space, key: "\"_metadata\"".to_owned(), value: new.to_owned() });
                        with.same()
                    }
                };
                prop_assert_eq!(&found, &expected);
                prop_assert_eq!(transform.apply(&labels(found)), Outcome::Unchanged);
            }
            Outcome::Failed(reason) => prop_assert!(reason.contains("_metadata"), "{reason}"),
            other => prop_assert!(other == Outcome::Unchanged, "{other:?}"),
        }
    }

    #[test]
    fn whatever_is_stored_gives_an_answer_and_only_json(
        total in prop_oneof![
            Just(Value::Null), any::<i64>().prop_map(Value::Integer), any::<f64>().prop_map(Value::Real),
            Just(Value::Text(b"0.5".to_vec())), Just(Value::Real(f64::INFINITY)),
        ],
        text in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..20),
            "[{}\\[\\](),:'\"\\\\ a_1.e+-nNull]{0,20}".prop_map(String::into_bytes),
            any_json().prop_map(String::into_bytes),
            pieces(any_json()).prop_map(|pieces| pieces.same().into_bytes()),
            pieces(number()).prop_map(|pieces| pieces.same().replace('"', "'").into_bytes()),
        ],
    ) {
        for cell in [Value::Text(text.clone()), Value::Blob(text.clone()), Value::Integer(7), Value::Real(f64::NAN)] {
            let metric = Metric { total_val: total.clone(), per_label_val: cell, ..labels("") };
            for mut transform in every_transform() {
                match transform.apply(&metric) {
                    Outcome::Changed { total_val, per_label_val } => {
                        prop_assert!(total_val.is_some() || per_label_val.is_some());
                        prop_assert!(total_val.as_ref() != Some(&metric.total_val) && per_label_val.as_ref() != Some(&metric.per_label_val));
                        if let Some(Value::Real(total)) = total_val {
                            prop_assert!(total.is_finite());
                        }
                        if let Some(new) = per_label_val {
                            let Value::Text(text) = new else { panic!("{new:?}") };
                            prop_assert!(json::canonicalize(&text, &mut Vec::new()).is_ok(), "{}", String::from_utf8_lossy(&text));
                        }
                    }
                    Outcome::Skipped(reason) | Outcome::Failed(reason) => {
                        prop_assert!(!reason.is_empty() && !reason.contains('\n') && reason.len() < 400, "{reason}");
                    }
                    Outcome::Unchanged => {}
                }
            }
        }
    }
}

#[test]
fn huge_documents_are_transformed_whole() {
    const COUNT: usize = 200_000;
    let members = |prefix: &str, value: &str| -> String {
        (0..COUNT).map(|at| format!("\"{prefix}class_{at}\" :{value}")).collect::<Vec<_>>().join(",")
    };
    let note = format!(",\"_note\": {}{}", "[".repeat(127), "]".repeat(127));
    let text = |prefix: &str, value: &str| format!("{{{}{note}}}", members(prefix, value));
    let outcome = transform("legacy_to_per_label", &serde_json::json!({})).apply(&labels(text("acc_", "1e-3")));
    assert!(after(&outcome, "") == Some(text("", "1e-3")));
    let outcome =
        transform("scale", &serde_json::json!({"factor": 3, "target": "labels"})).apply(&labels(text("", "0.1")));
    assert!(after(&outcome, "") == Some(text("", "0.3")));
    let outcome = transform("aggregate", &serde_json::json!({"function": "sum"})).apply(&labels(text("", "0.1")));
    assert_eq!(outcome, Outcome::Changed { total_val: Some(Value::Real(20_000.0)), per_label_val: None });
    let deeper = text("", "1").replace("[[", "[[[").replace("]]", "]]]");
    assert!(matches!(transform("round", &serde_json::json!({"digits": 1})).apply(&labels(deeper)), Outcome::Failed(_)));
}

#[test]
fn collisions_are_found_among_few_and_among_many_keys() {
    for count in [2, 9, 40, 5000] {
        let members: Vec<String> = (0..count).map(|at| format!("\"k{at}\": {at}")).collect();
        let text = format!("{{{}}}", members.join(", "));
        let last = format!("k{}", count - 1);
        let mut collides = transform("normalize_json_keys", &serde_json::json!({"key_mapping": {"k0": last.clone()}}));
        let reason = format!("per_label_val would have the key \"{last}\" more than once");
        assert_eq!(collides.apply(&labels(text.clone())), Outcome::Failed(reason));
        let mut swap = transform(
            "normalize_json_keys",
            &serde_json::json!({"key_mapping": {"k0": last.clone(), last.clone(): "k0"}}),
        );
        assert!(matches!(swap.apply(&labels(text)), Outcome::Changed { .. }), "a swap of {count}");
    }
}
