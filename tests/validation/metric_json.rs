//! What per-label values may be: a long table of texts, each with the kinds of issues that it is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::ledger::texts::{Case, blob, cases, text};
use crate::ledger::{Random, seeds, validate_file};
use crate::support::*;

/// A database with a metric for each cell, ids from 1 on, all linked to one epoch.
fn database(folder: &Folder, cells: impl IntoIterator<Item = String>) -> PathBuf {
    let path = folder.database(
        "metrics.db",
        2,
        "INSERT INTO EXPERIMENT VALUES (1, 'E', NULL, '2024-01-01T00:00:00', '2024-01-02T00:00:00');
         INSERT INTO TRIAL VALUES (1, 'T', 1, '2024-01-01T00:00:00', '2024-01-02T00:00:00');
         INSERT INTO TRIAL_RUN VALUES (1, 1, 'completed', '2024-01-01T00:00:00', '2024-01-02T00:00:00');
         INSERT INTO EPOCH VALUES (0, 1, '2024-01-01T10:00:00');",
    );
    let connection = sql(&path);
    connection.execute_batch("BEGIN").expect("a transaction");
    for (id, cell) in (1..).zip(cells) {
        let row = format!(
            "INSERT INTO METRIC VALUES ({id}, 'accuracy', 0.5, {cell}); INSERT INTO EPOCH_METRIC VALUES (0, 1, {id})"
        );
        connection.execute_batch(&row).unwrap_or_else(|error| panic!("{error}: {cell:.100}"));
    }
    connection.execute_batch("COMMIT").expect("a commit");
    path
}

/// What a database's validation says of each metric: kinds and messages, by id.
fn judged(folder: &Folder, cells: impl IntoIterator<Item = String>) -> BTreeMap<i64, Vec<(&'static str, String)>> {
    let report = validate_file(&database(folder, cells), None);
    let mut judged: BTreeMap<i64, Vec<(&'static str, String)>> = BTreeMap::new();
    for issue in report.issues() {
        assert_eq!((&*issue.table, issue.column.as_deref()), ("METRIC", Some("per_label_val")), "{issue:?}");
        assert!(issue.message.chars().count() < 1000 && !issue.message.contains('\n'), "{issue:?}");
        let id = issue.row.strip_prefix("id=").and_then(|id| id.parse().ok()).expect("an id");
        judged.entry(id).or_default().push((issue.kind.name(), issue.message.clone()));
    }
    judged.values_mut().for_each(|issues| issues.sort());
    judged
}

/// The number after "at byte" in a message.
fn offset(message: &str) -> Option<usize> {
    let (_, rest) = message.rsplit_once("at byte ")?;
    rest.split(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
}

fn check(cases: &[Case]) {
    let folder = Folder::new();
    let judged = judged(&folder, cases.iter().map(|case| case.cell.clone()));
    let mut wrong = String::new();
    for (id, case) in (1..).zip(cases) {
        let found = judged.get(&id).cloned().unwrap_or_default();
        let kinds: Vec<&str> = found.iter().map(|(kind, _)| *kind).collect();
        let offset = found.iter().find(|(kind, _)| *kind == "json_malformed").and_then(|(_, message)| offset(message));
        if kinds != case.kinds || offset != case.offset {
            let shown = text_of(&folder.path("metrics.db"), id);
            wrong.push_str(&format!("\n{shown}: {:?} {:?} expected, found {found:?}", case.kinds, case.offset));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn text_of(path: &std::path::Path, id: i64) -> String {
    let found = rows(path, &format!("SELECT per_label_val FROM METRIC WHERE id = {id}"));
    found[0][0].chars().take(120).collect()
}

fn case(sample: impl AsRef<[u8]>, kinds: &[&'static str], offset: Option<usize>) -> Case {
    Case { cell: text(sample), kinds: kinds.to_vec(), offset }
}

#[test]
fn every_kind_of_text_is_judged_by_the_rules() {
    check(&cases());
}

/// What the second implementation, on Python's own parsers, says of each metric: kinds by id.
fn judged_by_python(path: &Path) -> BTreeMap<i64, Vec<String>> {
    let output = python().arg("-W").arg("ignore").arg(crate_path("tests/python/metric_json.py")).arg(path).output();
    let output = output.expect("the script");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).expect("text");
    said.lines()
        .map(|line| line.split_once(' ').expect("id and kinds"))
        .map(|(id, kinds)| (id.parse().expect("an id"), kinds.split(' ').map(str::to_owned).collect()))
        .collect()
}

#[test]
fn a_second_implementation_agrees_on_every_kind_of_text() {
    let folder = Folder::new();
    let cases = cases();
    let path = database(&folder, cases.iter().map(|case| case.cell.clone()));
    let mut said = judged_by_python(&path);
    for (id, case) in (1..).zip(&cases) {
        assert_eq!(said.remove(&id).unwrap_or_default(), case.kinds, "{}", text_of(&path, id));
    }
}

/// One to three changes of a text: bytes that matter to the parsers are put in, taken out or doubled.
fn changed(random: &mut Random, sample: &[u8]) -> Vec<u8> {
    const BYTES: &[u8] = b"{}[](),:'\"\\ \t\n0123456789.-+eEaNnTtuUxfI_/\x00\x1f\xff\xc3";
    let mut text = sample.to_vec();
    for _ in 0..random.between(1, 3) {
        let at = random.below(text.len() + 1);
        match random.below(4) {
            0 if at < text.len() => drop(text.remove(at)),
            1 if at < text.len() => text[at] = *random.pick(BYTES),
            2 if at < text.len() => {
                let rest = text[at..].to_vec();
                text.extend(rest);
            }
            _ => text.insert(at, *random.pick(BYTES)),
        }
    }
    text
}

#[test]
fn a_second_implementation_agrees_on_texts_that_were_changed_at_random() {
    let samples: Vec<Vec<u8>> = {
        let connection = rusqlite::Connection::open_in_memory().expect("a database");
        let bytes =
            |case: &Case| connection.query_row(&format!("SELECT CAST({} AS BLOB)", case.cell), [], |row| row.get(0));
        cases().iter().skip(1).map(|case| bytes(case).expect("the bytes")).collect()
    };
    for seed in seeds(2) {
        let mut random = Random::new(seed);
        let texts: Vec<Vec<u8>> = (0..3000)
            .map(|_| {
                let at = random.below(samples.len());
                changed(&mut random, &samples[at])
            })
            .collect();
        let folder = Folder::new();
        let ours = judged(&folder, texts.iter().map(text));
        let mut theirs = judged_by_python(&folder.path("metrics.db"));
        let mut wrong = String::new();
        for (id, sample) in (1..).zip(&texts) {
            let found: Vec<&str> = ours.get(&id).into_iter().flatten().map(|(kind, _)| *kind).collect();
            let expected = theirs.remove(&id).unwrap_or_default();
            if found != expected {
                wrong.push_str(&format!("\n{}: {expected:?} expected, found {found:?}", sample.escape_ascii()));
            }
        }
        assert!(wrong.is_empty(), "seed {seed}:{wrong}");
    }
}

#[test]
fn numbers_are_judged_by_the_grammar_of_json_not_by_their_size() {
    let long = "9".repeat(100_000);
    let mut all = Vec::new();
    for number in
        ["0", "-0", "-0.0", "1e400", "-1E+400", "1e-400", "0.1e1", "9007199254740993", "18446744073709551616", &long]
    {
        all.push(case(format!("{{\"a\": {number}}}"), &[], None));
    }
    for number in [format!("0.{long}"), format!("{long}e{}", "9".repeat(30)), format!("1e-{}", "9".repeat(30))] {
        all.push(case(format!("{{\"a\": {number}}}"), &[], None));
    }
    check(&all);
}

#[test]
fn spellings_that_json_does_not_have_are_no_numbers() {
    // Each is wrong as JSON; some are what Python reads.
    let mut all = Vec::new();
    for number in [
        "01", "-01", "00", "1e", "1e+", ".", "-", "--1", "+-1", "0x1G", "1.2.3", "1,5", "½", "١", "1 000", "1'000",
        "1e5.5",
    ] {
        all.push(format!("{{\"a\": {number}}}"));
    }
    for number in [
        "-NaN",
        "+Infinity",
        "INFINITY",
        "infinity",
        "Inf",
        "NAN",
        "Nan",
        "-Inf",
        "1.#QNAN",
        "NaNs",
        "Infinityx",
        "NULL",
        "undefined",
    ] {
        all.push(format!("{{\"a\": {number}}}"));
    }
    let folder = Folder::new();
    let judged = judged(&folder, all.iter().map(text));
    for (id, sample) in (1..).zip(&all) {
        let kinds: Vec<&str> = judged.get(&id).into_iter().flatten().map(|(kind, _)| *kind).collect();
        assert!(matches!(kinds[..], ["json_malformed" | "json_python_literal"]), "{sample}: {kinds:?}");
    }
}

#[test]
fn nothing_is_too_deep_or_too_long_to_be_judged() {
    let nested = |open: &str, close: &str, depth: usize| format!("{}{}", open.repeat(depth), close.repeat(depth));
    let mut all = vec![
        // As deep as a value may be.
        case(format!("{{\"a\": {}}}", nested("[", "]", 100)), &["json_non_numeric"], None),
        case(format!("{{\"_a\": {}}}", nested("[", "]", 100)), &[], None),
        case(format!("{{\"a\": {}1{}}}", "{\"b\": ".repeat(100), "}".repeat(100)), &["json_non_numeric"], None),
        case(nested("[", "]", 100), &["json_not_object"], None),
    ];
    let key = "k".repeat(1 << 20);
    all.push(case(format!("{{\"{key}\": 1, \"{key}2\": 2}}"), &[], None));
    all.push(case(format!("{{\"{key}\": 1, \"{key}\": 2}}"), &["json_duplicate_key"], None));
    all.push(case(format!("{{\"{key}\": null}}"), &["json_non_numeric"], None));
    all.push(case(format!("{{\"{key}"), &["json_malformed"], Some((1 << 20) + 2)));
    all.push(case(format!("{{\"a\": \"{key}\"}}"), &["json_non_numeric"], None));
    all.push(case(format!("{{'{key}': 1}}"), &["json_python_literal"], None));
    all.push(case(" ".repeat(1 << 20), &["json_empty"], None));
    all.push(case(format!("{}{{}}", " ".repeat(1 << 20)), &[], None));
    all.push(case(format!("{{\"a\": 1{}x}}", " ".repeat(1 << 20)), &["json_malformed"], Some((1 << 20) + 7)));
    let many: Vec<String> = (0..50_000).map(|number| format!("\"class_{number}\": {number}")).collect();
    all.push(case(format!("{{{}}}", many.join(", ")), &[], None));
    all.push(case(format!("{{{}, \"class_777\": 1}}", many.join(", ")), &["json_duplicate_key"], None));
    all.push(case(format!("{{{}, \"z\": null}}", many.join(", ")), &["json_non_numeric"], None));
    let escapes = "\\u0061".repeat(100_000);
    all.push(case(format!("{{\"{escapes}\": 1}}"), &[], None));
    all.push(case(format!("{{\"{escapes}\": 1, \"{}\": 2}}", "a".repeat(100_000)), &["json_duplicate_key"], None));
    check(&all);
}

#[test]
fn a_bomb_of_brackets_is_one_issue_and_no_crash() {
    let deep = 100_000;
    let bombs = [
        "[".repeat(deep),
        "{\"a\":".repeat(deep),
        "[{\"a\":".repeat(deep),
        format!("{{\"a\": {}}}", "[".repeat(deep)),
        format!("{{\"a\": {}{}}}", "[".repeat(deep), "]".repeat(deep)),
        format!("{{\"_a\": {}{}}}", "{\"b\":".repeat(deep), "}".repeat(deep)),
        format!("{}{}", "[".repeat(deep), "]".repeat(deep)),
        "(".repeat(deep),
        format!("{{'a': {}{}}}", "(".repeat(deep), ")".repeat(deep)),
        "{'a':".repeat(deep),
    ];
    let folder = Folder::new();
    let judged = judged(&folder, bombs.iter().map(text));
    for (id, bomb) in (1..).zip(&bombs) {
        let found = &judged[&id];
        assert!(found.len() == 1 && found[0].0.starts_with("json_"), "{bomb:.20}: {found:?}");
    }
}

#[test]
fn messages_name_the_first_key_and_say_how_many_more_there_are() {
    let folder = Folder::new();
    let samples = [
        (r#"{"ok": 1, "bad one": "x", "worse": null}"#, "json_non_numeric", "bad one"),
        (r#"{"ok": 1, "lost": NaN, "b": -Infinity}"#, "json_non_finite", "lost"),
        (r#"{"ok": 1, "twice": 1, "twice": 2}"#, "json_duplicate_key", "twice"),
        (r#"{"a\u0062c": "x"}"#, "json_non_numeric", "abc"),
        ("{'a': 1}", "json_python_literal", "repair_json"),
    ];
    let judged = judged(&folder, samples.iter().map(|(sample, ..)| text(sample)));
    for (id, (sample, kind, named)) in (1..).zip(samples) {
        let [(found, message)] = &judged[&id][..] else { panic!("{sample}: {:?}", judged[&id]) };
        assert!(*found == kind && message.contains(named), "{sample}: {message}");
    }
}

#[test]
fn numbers_and_blobs_in_the_column_are_no_text() {
    let folder = Folder::new();
    let path = database(&folder, [blob("{\"a\": 1}"), "NULL".to_owned()]);
    // A column that was declared JSON makes numbers of text that looks like one.
    execute(
        &path,
        "CREATE TABLE COPY (id INTEGER PRIMARY KEY, type TEXT, total_val FLOAT, per_label_val JSON);
         INSERT INTO COPY SELECT * FROM METRIC; INSERT INTO COPY VALUES (3, 'a', 1, '5'), (4, 'a', 1, '5.5'), (5, 'a', 1, '{}');
         DROP TABLE METRIC; ALTER TABLE COPY RENAME TO METRIC;
         INSERT INTO EPOCH_METRIC VALUES (0, 1, 3), (0, 1, 4), (0, 1, 5);",
    );
    let report = validate_file(&path, None);
    let found: Vec<(&str, &str)> =
        report.issues().iter().map(|issue| (issue.kind.name(), issue.row.as_str())).collect();
    assert_eq!(found, [("json_not_text", "id=1"), ("json_not_text", "id=3"), ("json_not_text", "id=4")]);
}
