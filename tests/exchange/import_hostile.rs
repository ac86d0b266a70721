//! Documents that are damaged, wrong or malicious: an error that says where, and a database that is as it was.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::support::random::{Random, seed_or};
use crate::support::*;
use expmig::{Domain, Error, ImportOptions, ImportResult, Manager, Status};
use serde_json::{Value as Json, json};

/// The document that docs/export-format.md shows, without the digest.
fn example() -> String {
    let page = std::fs::read_to_string(crate_path("docs/export-format.md")).expect("the page");
    let block = page.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    let (before, after) = block.split_once("\"value\": \"").expect("a digest");
    let (_, after) = after.split_once('"').expect("its end");
    format!("{before}\"value\": null{after}")
}

fn parsed() -> Json {
    serde_json::from_str(&example()).expect("the example is JSON")
}

/// A database in which nothing may change.
struct Target {
    _folder: Folder,
    path: PathBuf,
    manager: Manager,
    before: Vec<u8>,
}

impl Target {
    fn new() -> Target {
        let folder = Folder::new();
        let path = folder.small("target.db", "");
        let (manager, before) = (open(&path), bytes(&path));
        Target { _folder: folder, path, manager, before }
    }

    fn import(&self, document: &[u8]) -> expmig::Result<ImportResult> {
        self.manager.import_from_string(document, ImportOptions::default())
    }

    /// The error of a document that is refused.
    #[track_caller]
    fn refuses(&self, document: impl AsRef<[u8]>, status: Status) -> Error {
        let error = failed(self.import(document.as_ref()), status);
        assert_eq!(error.domain(), Domain::ImportExport, "{}", error.to_json());
        assert!(error.message().len() < 2000, "{} bytes", error.message().len());
        for place in ["json_path", "offset"] {
            assert!(!details(&error, place).is_empty(), "no {place}: {}", error.to_json());
        }
        assert!(bytes(&self.path) == self.before, "the database was written to");
        error
    }

    /// And it says where: the path, and the offset at which the text stands.
    #[track_caller]
    fn refuses_at(&self, document: &str, status: Status, path: &str, here: &str) -> Error {
        let error = self.refuses(document, status);
        assert_detail(&error, "json_path", path);
        let offset: usize = details(&error, "offset")[0].parse().unwrap();
        assert!(document[offset..].starts_with(here), "{} is at {:.40}", error.message(), &document[offset..]);
        error
    }
}

/// The example with a part of it replaced.
fn with(from: &str, to: &str) -> String {
    let text = example();
    assert!(text.contains(from), "no {from}");
    text.replacen(from, to, 1)
}

#[test]
fn the_example_of_the_page_is_imported() {
    let target = Target::new();
    let result = target.import(example().as_bytes()).unwrap();
    assert_eq!((result.experiment_id, result.items_processed), (3, 12));
    let query = "SELECT total_val || per_label_val FROM METRIC WHERE type = 'loss' AND id > 38";
    assert_eq!(text(&target.path, query), r#"0.25{"cat": 0.5, "dog": 0.0}"#);
}

// ---- Not a document

#[test]
fn a_document_that_is_cut_off_anywhere_is_refused() {
    let target = Target::new();
    let text = example();
    let text = text.trim_end();
    for end in 0..text.len() {
        if text.is_char_boundary(end) {
            let error = target.refuses(&text[..end], Status::Corrupt);
            assert!(!details(&error, "json_path").is_empty(), "{}", error.to_json());
        }
    }
    let folder = Folder::new();
    let long = open(&folder.digits("source.db")).export_to_string(1, Default::default()).unwrap();
    for part in 1..200 {
        let error = target.refuses(&long[..long.len() * part / 200], Status::Corrupt);
        assert_detail(&error, "offset", &(long.len() * part / 200).to_string());
    }
}

#[test]
fn what_is_not_json_is_refused_at_its_byte() {
    let target = Target::new();
    for (from, to, here) in [
        ("\"trials\": [", "'trials': [", "'trials'"),
        ("\"trials\": [", "\"trials\" [", "[{"),
        ("\"name\": \"SGD\"", "\"name\": SGD", "SGD"),
        ("\"name\": \"SGD\"", "\"name\": NaN", "NaN"),
        ("\"name\": \"SGD\"", "\"name\": nul", "nul"),
        ("\"name\": \"SGD\"", "\"name\": \"S\tGD\"", "\tGD"),
        ("\"name\": \"SGD\"", "\"name\": \"S\\xGD\"", "xGD"),
        ("\"name\": \"SGD\"", "\"name\": \"\\u12g4\"", "g4"),
        ("\"total_val\": 0.25", "\"total_val\": .25", ".25"),
        ("\"total_val\": 0.25", "\"total_val\": 00.25", "00.25"),
        ("\"total_val\": 0.25", "\"total_val\": 0.", ","),
        ("\"total_val\": 0.25", "\"total_val\": 0.25.5", ".5"),
        ("\"total_val\": 0.25", "\"total_val\": 0x10", "x10"),
        ("\"total_val\": 0.25", "\"total_val\": +1", "+1"),
        ("\"total_val\": 0.25,", "\"total_val\": 0.25", "\"per_label_val\""),
        ("\"total_val\": 0.25,", "\"total_val\": 0.25,,", ","),
        ("\"id\": 7, \"type\"", "\"id\": 7,, \"type\"", ", \"type\""),
        ("\"artifacts\": [],\n \"metadata\"", "\"artifacts\": [,],\n \"metadata\"", ",]"),
        ("{\"cat\": 0.5, \"dog\": 0.0}", "{\"cat\": 0.5, \"dog\": 0.0,}", "}}]"),
        ("{\"cat\": 0.5, \"dog\": 0.0}", "{\"cat\": Infinity}", "Infinity"),
        ("{\"format\"", "\u{feff}{\"format\"", "\u{feff}"),
        ("{\"format\"", "[{\"format\"", "["),
    ] {
        let document = with(from, to);
        let status = if here == "[" { Status::Validation } else { Status::Corrupt };
        let error = target.refuses(&document, status);
        let offset: usize = details(&error, "offset")[0].parse().unwrap();
        assert!(document[offset..].starts_with(here), "{to}: {} is at {:.30}", error.message(), &document[offset..]);
    }
    target.refuses("", Status::Corrupt);
    target.refuses(" \n\t", Status::Corrupt);
    target.refuses(example() + "x", Status::Corrupt);
    target.refuses(example() + &example(), Status::Corrupt);
    target.refuses("5", Status::Validation);
    target.refuses("null", Status::Validation);
    target.refuses("{}", Status::Validation);
    target.refuses(b"SQLite format 3\0", Status::Corrupt);
}

#[test]
fn bytes_that_are_not_utf_8_are_refused_wherever_they_stand() {
    let target = Target::new();
    let text = example();
    for (at, _) in text.match_indices('"').step_by(3) {
        let mut document = text.clone().into_bytes();
        document.insert(at + 1, 0xff);
        target.refuses(&document, Status::Corrupt);
    }
    for bad in [&b"\xc0\x80"[..], b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xe2\x82"] {
        let mut document = text.clone().into_bytes();
        let at = text.find("SGD").unwrap();
        document.splice(at..at, bad.iter().copied());
        let error = target.refuses(&document, Status::Corrupt);
        assert_detail(&error, "offset", &at.to_string());
        assert_detail(&error, "json_path", "$.trials[0].name");
    }
    target.refuses_at(&with("SGD", "\\ud800"), Status::Validation, "$.trials[0].name", "\\ud800");
    target.refuses_at(&with("SGD", "\\udc00\\ud800"), Status::Validation, "$.trials[0].name", "\\udc00");
}

// ---- Against the format

#[test]
fn keys_that_are_unknown_missing_or_there_twice_are_refused() {
    let target = Target::new();
    for (from, to, path, here) in [
        ("{\"format\"", "{\"formats\": 1, \"format\"", "$.formats", "\"formats\""),
        ("{\"name\": \"expmig.export\"", "{\"nom\": 1, \"name\": \"expmig.export\"", "$.format.nom", "\"nom\""),
        ("\"title\"", "\"name\"", "$.experiment.name", "\"name\""),
        ("\"title\"", "\"desc\"", "$.experiment.desc", "\"desc\""),
        ("\"status\"", "\"state of it\"", "$.trials[0].trial_runs[0][\"state of it\"]", "\"state of it\""),
        (
            "\"idx\": 0, \"time\"",
            "\"idx\": 0, \"trial_run_id\": 1, \"time\"",
            "$.trials[0].trial_runs[0].epochs[0].trial_run_id",
            "\"trial_run_id\"",
        ),
        ("\"loc\"", "\"locs\"", "$.trials[0].trial_runs[0].artifacts[0].locs", "\"locs\""),
        ("\"generation\"", "\"generatio\"", "$.metadata.generatio", "\"generatio\""),
        ("\"loc\": ", "\"loc\": \"x\", \"l\\u006fc\": ", "$.trials[0].trial_runs[0].artifacts[0].loc", "\"l\\u006fc\""),
        ("\"trials\": [", "\"trials\": [], \"trials\": [", "$.trials", "\"trials\": [{"),
        (
            "\"idx\": 0, \"time\"",
            "\"idx\": 0, \"idx\": 0, \"time\"",
            "$.trials[0].trial_runs[0].epochs[0].idx",
            "\"idx\": 0, \"time\"",
        ),
        ("\"algorithm\"", "\"value\": null, \"algorithm\"", "$.metadata.digest.value", "\"value\": null}"),
    ] {
        target.refuses_at(&with(from, to), Status::Validation, path, here);
    }
    target.refuses(with("\"EXPERIMENT\": 1", "\"EXPERIMENT\": 1, \"EXPERIMENT\": 1"), Status::Validation);
    target.refuses(with("\"EXPERIMENT\": 1", "\"EXPERIMENTS\": 1"), Status::Validation);
    for (from, path) in [
        ("\"id\": 7, ", "$.trials[0].trial_runs[0].epochs[0].metrics[0]"),
        ("\"id\": 3, ", "$.trials[0].trial_runs[0].artifacts[0]"),
    ] {
        let error = target.refuses(with(from, ""), Status::Validation);
        assert_detail(&error, "json_path", path);
        assert!(error.message().contains("\"id\" is missing"), "{}", error.message());
    }
    target.refuses(with("{\"id\": 1, \"name\"", "{\"name\""), Status::Validation);
    target.refuses(
        with("{\"idx\": 0, \"time\": \"2023-12-01T10:05:30\"", "{\"time\": \"2023-12-01T10:05:30\""),
        Status::Validation,
    );
    target.refuses(with("\"idx\": 0", "\"idx\": null"), Status::Validation);
    target.refuses(with("\"experiment\": {\"id\": 1, ", "\"experiment\": {"), Status::Validation);
    let mut without = parsed();
    without.as_object_mut().unwrap().remove("experiment");
    target.refuses(without.to_string(), Status::Validation);
    for key in ["format", "metadata", "artifacts", "trials"] {
        let mut without = parsed();
        without.as_object_mut().unwrap().remove(key);
        if key == "trials" {
            without.as_object_mut().unwrap().remove("metadata");
        }
        open(&Folder::new().small("other.db", ""))
            .import_from_string(without.to_string().as_bytes(), ImportOptions::default())
            .unwrap();
    }
}

#[test]
fn columns_that_the_schema_refuses_to_be_null_are_refused_when_they_are_missing() {
    let target = Target::new();
    let error = target.refuses(with("\"name\": \"SGD\", ", ""), Status::Constraint);
    assert_detail(&error, "column", "name");
    assert_detail(&error, "json_path", "$.trials[0]");
    target.refuses(with("\"type\": \"loss\"", "\"type\": null"), Status::Constraint);
}

#[test]
fn a_value_of_another_kind_is_refused_at_its_path() {
    let target = Target::new();
    for (from, to, path) in [
        ("\"id\": 7", "\"id\": \"7\"", "$.trials[0].trial_runs[0].epochs[0].metrics[0].id"),
        ("\"id\": 7", "\"id\": 7.0", "$.trials[0].trial_runs[0].epochs[0].metrics[0].id"),
        ("\"id\": 7", "\"id\": null", "$.trials[0].trial_runs[0].epochs[0].metrics[0].id"),
        ("\"total_val\": 0.25", "\"total_val\": true", "$.trials[0].trial_runs[0].epochs[0].metrics[0].total_val"),
        ("\"total_val\": 0.25", "\"total_val\": \"nan\"", "$.trials[0].trial_runs[0].epochs[0].metrics[0].total_val"),
        ("\"total_val\": 0.25", "\"total_val\": [0.25]", "$.trials[0].trial_runs[0].epochs[0].metrics[0].total_val"),
        ("\"total_val\": 0.25", "\"total_val\": {}", "$.trials[0].trial_runs[0].epochs[0].metrics[0].total_val"),
        (
            "\"total_val\": 0.25",
            "\"total_val\": {\"$text\": 5}",
            "$.trials[0].trial_runs[0].epochs[0].metrics[0].total_val.$text",
        ),
        ("\"name\": \"SGD\"", "\"name\": false", "$.trials[0].name"),
        ("\"name\": \"SGD\"", "\"name\": []", "$.trials[0].name"),
        ("\"name\": \"SGD\"", "\"name\": {\"$blob\": \"A\"}", "$.trials[0].name.$blob"),
        ("\"name\": \"SGD\"", "\"name\": {\"$blob\": \"AA==\", \"$text\": \"x\"}", "$.trials[0].name.$text"),
        ("\"name\": \"SGD\"", "\"name\": {\"$integer\": 1.0}", "$.trials[0].name.$integer"),
        ("\"name\": \"SGD\"", "\"name\": {\"$real\": \"1\"}", "$.trials[0].name.$real"),
        ("\"name\": \"SGD\"", "\"name\": {\"$other\": 1}", "$.trials[0].name[\"$other\"]"),
        (
            "{\"cat\": 0.5, \"dog\": 0.0}",
            "{\"$text\": \"x\", \"dog\": 0.0}",
            "$.trials[0].trial_runs[0].epochs[0].metrics[0].per_label_val.dog",
        ),
        (
            "{\"cat\": 0.5, \"dog\": 0.0}",
            "{\"$cat\": 0.5}",
            "$.trials[0].trial_runs[0].epochs[0].metrics[0].per_label_val[\"$cat\"]",
        ),
        // Wherever the key stands that makes it a wrapped value: it has to be one.
        (
            "{\"cat\": 0.5, \"dog\": 0.0}",
            "{\"cat\": 0.5, \"\\u0024text\": \"x\"}",
            "$.trials[0].trial_runs[0].epochs[0].metrics[0].per_label_val.cat",
        ),
        ("\"trials\": [", "\"trials\": 5, \"x\": [", "$.trials"),
        ("\"epochs\": [", "\"epochs\": {}, \"x\": [", "$.trials[0].trial_runs[0].epochs"),
        ("\"epochs\": [", "\"epochs\": null, \"x\": [", "$.trials[0].trial_runs[0].epochs"),
        ("\"epochs\": [", "\"epochs\": [5,", "$.trials[0].trial_runs[0].epochs[0]"),
        ("\"results\": {", "\"results\": [], \"x\": {", "$.trials[0].trial_runs[0].results"),
        ("\"complete\": true", "\"complete\": 1", "$.metadata.complete"),
        ("\"generation\": 2", "\"generation\": 3", "$.metadata.generation"),
        ("\"METRIC\": 2", "\"METRIC\": -2", "$.metadata.counts.METRIC"),
        ("\"METRIC\": 2", "\"METRIC\": \"2\"", "$.metadata.counts.METRIC"),
        ("\"value\": null", "\"value\": \"abc\"", "$.metadata.digest.value"),
        ("\"extra_columns\": []", "\"extra_columns\": [{\"table\": \"METRIC\"}]", "$.format.extra_columns[0]"),
        (
            "\"extra_columns\": []",
            "\"extra_columns\": [{\"table\": \"NONE\", \"column\": \"x\"}]",
            "$.format.extra_columns[0].table",
        ),
        (
            "\"extra_columns\": []",
            "\"extra_columns\": [{\"table\": \"METRIC\", \"column\": \"TYPE\"}]",
            "$.format.extra_columns[0]",
        ),
    ] {
        let error = target.refuses(with(from, to), Status::Validation);
        assert_detail(&error, "json_path", path);
    }
}

#[test]
fn any_value_in_place_of_any_other_is_taken_or_refused_with_its_place() {
    fn paths(json: &Json, at: String, found: &mut Vec<String>) {
        found.push(at.clone());
        match json {
            Json::Object(object) => object.iter().for_each(|(key, value)| paths(value, format!("{at}/{key}"), found)),
            Json::Array(list) => {
                list.iter().enumerate().for_each(|(n, value)| paths(value, format!("{at}/{n}"), found))
            }
            _ => {}
        }
    }
    let target = Target::new();
    let mut all = Vec::new();
    paths(&parsed(), String::new(), &mut all);
    let mut refused = 0;
    for path in &all {
        for other in [
            Json::Null,
            json!(true),
            json!(-7),
            json!(0.5),
            json!("text"),
            json!([]),
            json!({}),
            json!([{}]),
            json!({"x": []}),
        ] {
            let mut document = parsed();
            *document.pointer_mut(path).unwrap() = other.clone();
            let Err(error) = target.import(document.to_string().as_bytes()) else { continue };
            refused += 1;
            let known = match error.status() {
                Status::Validation if error.domain() == Domain::Validation => "kind",
                Status::Validation | Status::Unsupported | Status::Constraint | Status::Lossy => "json_path",
                Status::Mismatch => "problem",
                other => panic!("{path}: {other:?}: {}", error.to_json()),
            };
            assert!(!details(&error, known).is_empty(), "{path} {other}: {}", error.to_json());
        }
    }
    assert!(refused > all.len() * 6, "{refused} of {} documents", all.len() * 9);
    let report = target.manager.validate(Default::default()).unwrap();
    assert!(report.passed(), "{}", report.to_json());
}

#[test]
fn numbers_beyond_their_range_are_refused() {
    let target = Target::new();
    for (from, to) in [
        ("\"id\": 7", "\"id\": 9223372036854775808"),
        ("\"id\": 7", "\"id\": -9223372036854775809"),
        ("\"total_val\": 0.25", "\"total_val\": 1e400"),
        ("\"total_val\": 0.25", "\"total_val\": -1e309"),
        ("\"total_val\": 0.25", "\"total_val\": 123456789012345678901"),
        ("\"name\": \"SGD\"", "\"name\": 1E999"),
        ("\"METRIC\": 2", "\"METRIC\": 99999999999999999999"),
    ] {
        target.refuses(with(from, to), Status::Validation);
    }
    target
        .refuses(with("\"total_val\": 0.25", &format!("\"total_val\": 1{}", "0".repeat(100_000))), Status::Validation);
    target.refuses(with("\"dog\": 0.0", "\"dog\": 1e400"), Status::Corrupt);
    // An integer that no real number is, where the column makes a real number of it.
    target.refuses(with("\"total_val\": 0.25", "\"total_val\": 9007199254740993"), Status::Lossy);
    target.import(with("\"total_val\": 0.25", "\"total_val\": 9007199254740992").as_bytes()).unwrap();
}

#[test]
fn ids_and_indices_that_repeat_are_refused_unless_they_are_the_same_row() {
    let target = Target::new();
    let run = "\"trial_runs\": [";
    let other = "{\"id\": 1, \"status\": \"x\", \"start_time\": \"2023-12-01T10:00:00\", \"update_time\": \"2023-12-01T10:00:00\"}, ";
    target.refuses(with(run, &format!("{run}{other}")), Status::Validation);
    let trial = "{\"id\": 1, \"name\": \"x\", \"start_time\": \"2023-12-01T10:00:00\", \"update_time\": \"2023-12-01T10:00:00\"}, ";
    target.refuses(with("\"trials\": [", &format!("\"trials\": [{trial}")), Status::Validation);
    let epoch = "{\"idx\": 0, \"time\": \"2023-12-01T10:00:00\"}, ";
    let error = target.refuses(with("\"epochs\": [", &format!("\"epochs\": [{epoch}")), Status::Validation);
    assert_detail(&error, "json_path", "$.trials[0].trial_runs[0].epochs[1].idx");
    target.refuses(with("\"batches\": [", &format!("\"batches\": [{epoch}")), Status::Validation);
    target.refuses(
        with("\"batches\": [", &format!("\"batches\": [{}", epoch.replace("\"idx\": 0", "\"idx\": 0.0"))),
        Status::Validation,
    );

    let artifact = "{\"id\": 3, \"type\": \"model\", \"loc\": \"models/sgd.pt\"}";
    let twice = with(&format!("[{artifact}]"), &format!("[{artifact}, {artifact}]"));
    target.refuses(&twice, Status::Validation);
    // In another list, it is the same row if it has the same content.
    let elsewhere = |loc: &str| {
        with(
            "\"artifacts\": [],\n \"metadata\"",
            &format!("\"artifacts\": [{}],\n \"metadata\"", artifact.replace("sgd.pt", loc)),
        )
        .replace("\"EXPERIMENT_ARTIFACT\": 0", "\"EXPERIMENT_ARTIFACT\": 1")
    };
    let error = target.refuses(elsewhere("other.pt"), Status::Validation);
    assert_detail(&error, "json_path", "$.artifacts[0]");
    assert!(error.message().contains("the id 3 occurs before with other content"), "{}", error.message());
    let metric = "{\"id\": 8, \"type\": \"accuracy\", \"total_val\": 0.99, \"per_label_val\": null}";
    for same in [metric.to_owned(), metric.replace("0.99", "0.990").replace(", \"per_label_val\": null", "")] {
        let folder = Folder::new();
        let path = folder.small("other.db", "");
        let document =
            with("\"metrics\": [], \"artifacts\": []}]}]", &format!("\"metrics\": [{same}], \"artifacts\": []}}]}}]"))
                .replace("\"BATCH_METRIC\": 0", "\"BATCH_METRIC\": 1");
        open(&path).import_from_string(document.as_bytes(), ImportOptions::default()).unwrap();
        assert_eq!(integer(&path, "SELECT count(*) FROM METRIC WHERE type = 'accuracy' AND id > 38"), 1);
    }
    let result = target.import(elsewhere("sgd.pt").as_bytes()).unwrap();
    assert_eq!(result.tables.iter().find(|(table, _)| *table == "ARTIFACT"), Some(&("ARTIFACT", 1)));
}

#[test]
fn rows_that_claim_to_hang_on_others_than_they_stand_below_are_refused() {
    let target = Target::new();
    target.refuses_at(
        &with("\"experiment_id\": 1", "\"experiment_id\": 2"),
        Status::Validation,
        "$.trials[0].experiment_id",
        ",",
    );
    target.refuses(with("\"trial_id\": 1", "\"trial_id\": 9"), Status::Validation);
    // Also where the row they stand below comes later in the document.
    let mut document = parsed();
    let object = document.as_object_mut().unwrap();
    let experiment = object.shift_remove("experiment").unwrap();
    object.insert("experiment".to_owned(), experiment);
    document["trials"][0]["experiment_id"] = json!(5);
    let error = target.refuses(document.to_string(), Status::Validation);
    assert_detail(&error, "json_path", "$.experiment.id");
    for preserve_ids in [false, true] {
        let options = ImportOptions { preserve_ids, ..ImportOptions::default() };
        failed(target.manager.import_from_string(document.to_string().as_bytes(), options), Status::Validation);
    }
}

#[test]
fn other_formats_and_versions_are_named() {
    let target = Target::new();
    for (from, to, path) in [
        ("\"version\": 1", "\"version\": 2", "$.format.version"),
        ("expmig.export", "somebody.else", "$.format.name"),
        ("\"format_version\": 1", "\"format_version\": 99", "$.metadata.format_version"),
        ("\"format\": \"json\"", "\"format\": \"arrow\"", "$.metadata.format"),
        ("expmig.digest/1", "md5", "$.metadata.digest.algorithm"),
    ] {
        let error = target.refuses(with(from, to), Status::Unsupported);
        assert_detail(&error, "json_path", path);
    }
    for older in [
        r#"{"experiment": {"id": 1, "title": "x"}, "trials": [{"trial": {"id": 1}, "runs": [{"run": {"id": 1}}]}], "metrics": []}"#,
        r#"{"experiment": {"id": 1, "title": "x"}, "trials": [{"id": 1, "name": "x", "runs": [{"run": {"id": 1}}]}]}"#,
        r#"{"experiment": {"id": 1, "title": "x"}, "metrics": [{"id": 1}], "trials": []}"#,
    ] {
        let error = target.refuses(older, Status::Unsupported);
        assert!(error.message().contains("older command-line tool"), "{}", error.message());
    }
}

// ---- Sizes

#[test]
fn bombs_of_depth_are_refused_at_once() {
    let target = Target::new();
    for open in ["[", "{\"a\":", "[{\"a\":["] {
        let bomb = open.repeat(1_000_000);
        let status = target.import(with("{\"cat\": 0.5, \"dog\": 0.0}", &bomb).as_bytes()).unwrap_err().status();
        assert_eq!(status, Status::Limit);
        target.refuses(&bomb, Status::Validation);
        target.refuses(with("\"name\": \"SGD\"", &format!("\"name\": {bomb}")), Status::Validation);
        target.refuses(with("\"generation\": 2", &format!("\"generation\": {bomb}")), Status::Validation);
    }
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    target.refuses(with("{\"cat\": 0.5, \"dog\": 0.0}", &nested(33)), Status::Corrupt);
    // What is kept until its epoch is known is bounded too.
    target.refuses(
        with("{\"idx\": 0, \"time\": \"2023-12-01T10:06:00\",", &format!("{{\"metrics\": {}, ", "[".repeat(1000))),
        Status::Limit,
    );
}

#[test]
fn a_million_unknown_keys_are_refused_at_the_first() {
    let target = Target::new();
    let keys: String = (0..1_000_000).map(|n| format!("\"key {n}\": {n}, ")).collect();
    for from in ["{\"format\"", "{\"id\": 7", "{\"idx\": 0", "{\"export_timestamp\""] {
        let document = with(from, &format!("{{{keys}{}", from.trim_start_matches('{')));
        let error = target.refuses_at(&document, Status::Validation, &path_of(from), "\"key 0\"");
        assert!(error.message().len() < 500);
    }
    // Extra columns are keys of any name: the first that the target lacks ends it.
    let document = with("{\"id\": 7", &format!("{{\"extra_columns\": {{{}}}, \"id\": 7", keys.trim_end_matches(", ")));
    target.refuses(document, Status::Lossy);
}

#[test]
fn what_a_document_lists_of_extra_columns_is_bounded_and_so_is_what_errors_say_of_them() {
    let target = Target::new();
    let column = |n: u32, name: &str| format!("{{\"table\": \"METRIC\", \"column\": \"{name}{n}\", \"type\": \"\"}}");
    let columns: Vec<String> = (0..1_000_000).map(|n| column(n, "c")).collect();
    let error = target
        .refuses(with("\"extra_columns\": []", &format!("\"extra_columns\": [{}]", columns.join(", "))), Status::Limit);
    assert!(details(&error, "json_path")[0].starts_with("$.format.extra_columns["), "{}", error.to_json());
    // Twice the same.
    let twice = format!("\"extra_columns\": [{}, {}]", column(1, "c"), column(1, "C"));
    target.refuses(with("\"extra_columns\": []", &twice), Status::Validation);

    let long = "n".repeat(1 << 20);
    for (from, to) in [
        ("{\"id\": 7", format!("{{\"extra_columns\": {{\"{long}\": 1}}, \"id\": 7")),
        (
            "\"extra_columns\": []",
            format!("\"extra_columns\": [{{\"table\": \"METRIC\", \"column\": \"id\", \"type\": \"{long}\"}}]"),
        ),
        ("\"extra_columns\": []", format!("\"extra_columns\": [{{\"table\": \"{long}\", \"column\": \"x\"}}]")),
        ("\"name\": \"expmig.export\"", format!("\"name\": \"{long}\"")),
        ("\"idx\": 0", format!("\"idx\": \"{long}\"")),
    ] {
        let error = target.import(with(from, &to).as_bytes()).unwrap_err();
        let said = error.to_json().to_string();
        assert!(said.len() < 4000, "{} bytes: {:.300}", said.len(), said);
    }
}

fn path_of(from: &str) -> String {
    let place = match from {
        "{\"format\"" => "$",
        "{\"id\": 7" => "$.trials[0].trial_runs[0].epochs[0].metrics[0]",
        "{\"idx\": 0" => "$.trials[0].trial_runs[0].epochs[0]",
        _ => "$.metadata",
    };
    format!("{place}[\"key 0\"]")
}

#[test]
fn values_are_as_large_as_is_allowed_and_no_larger() {
    let target = Target::new();
    let limited = |document: &[u8], max_value_bytes| {
        target.manager.import_from_string(document, ImportOptions { max_value_bytes, ..ImportOptions::default() })
    };
    let large = "x".repeat(1 << 20);
    let labels = format!("{{\"{large}\": 1}}");
    for (from, to, path) in [
        ("SGD", &large, "$.trials[0].name"),
        ("{\"cat\": 0.5, \"dog\": 0.0}", &labels, "$.trials[0].trial_runs[0].epochs[0].metrics[0].per_label_val"),
        ("\"title\": \"MNIST\"", &format!("\"title\": {{\"$text\": \"{large}\"}}"), "$.experiment.title.$text"),
        (
            "\"total_val\": 0.25",
            &format!("\"total_val\": {}", "1".repeat(1 << 20)),
            "$.trials[0].trial_runs[0].epochs[0].metrics[0].total_val",
        ),
        ("\"description\"", &format!("\"{large}\""), "$.experiment"),
    ] {
        let document = with(from, to);
        let error = failed(limited(document.as_bytes(), 1 << 19), Status::Limit);
        assert!(details(&error, "json_path")[0].starts_with(path), "{}", error.to_json());
        assert_detail(&error, "max_value_bytes", "524288");
        assert!(bytes(&target.path) == target.before);
    }
    limited(with("SGD", &large).as_bytes(), 1 << 20).unwrap();
    failed(limited(with("SGD", &large).as_bytes(), (1 << 20) - 1), Status::Limit);
    limited(with("{\"cat\": 0.5, \"dog\": 0.0}", &labels).as_bytes(), labels.len()).unwrap();

    // Endless: nobody waits for the end of it.
    struct Endless(&'static [u8], u64);
    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.1 += buffer.len() as u64;
            assert!(self.1 < 1 << 30, "a gibibyte was read");
            let count = self.0.len().min(buffer.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            buffer[count..].fill(b'1');
            Ok(buffer.len())
        }
    }
    for start in ["{\"experiment\": {\"title\": \"", "{\"experiment\": {\"id\": ", "{\"", "1"] {
        let error =
            target.manager.import_experiment(&mut Endless(start.as_bytes(), 0), ImportOptions::default()).unwrap_err();
        assert!(matches!(error.status(), Status::Limit | Status::Validation), "{start}: {}", error.to_json());
    }
}

#[test]
fn what_stands_before_its_index_is_kept_up_to_a_bound() {
    let target = Target::new();
    let metrics = |bytes: usize| {
        let label = "y".repeat(bytes);
        format!(
            "{{\"metrics\": [{{\"id\": 7, \"type\": \"{label}\", \"total_val\": 1}}], \"idx\": 0, \"time\": \"2023-12-01T10:06:00\", \"artifacts\""
        )
    };
    let epoch = "{\"idx\": 0, \"time\": \"2023-12-01T10:06:00\",\n       \"metrics\": [{\"id\": 7, \"type\": \"loss\", \"total_val\": 0.25, \"per_label_val\": {\"cat\": 0.5, \"dog\": 0.0}}],\n       \"artifacts\"";
    let error = target.refuses(with(epoch, &metrics(9 << 20)), Status::Limit);
    assert_detail(&error, "json_path", "$.trials[0].trial_runs[0].epochs[0].metrics");
    assert_detail(&error, "key", "idx");
    assert!(error.hint_text().unwrap().contains("idx first"), "{:?}", error.hint_text());
    // An error in a kept part is at its own place.
    let document = with(epoch, &metrics(10).replace("\"total_val\": 1", "\"total_val\": true"));
    target.refuses_at(
        &document,
        Status::Validation,
        "$.trials[0].trial_runs[0].epochs[0].metrics[0].total_val",
        "true",
    );
    target.import(with(epoch, &metrics(7 << 20)).as_bytes()).unwrap();
}

// ---- Chance

fn mutate(document: &mut Vec<u8>, chance: &mut Random) {
    const PARTS: [&[u8]; 16] = [
        b"null",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"\"",
        b"-1",
        b"1e999",
        b"{\"$text\": \"\"}",
        b"\\u0000",
        b"\xff",
        b"true",
        b"9223372036854775807",
        b" ",
    ];
    // An earlier change may have taken all of it.
    if document.is_empty() {
        return;
    }
    let at = chance.below(document.len());
    let end = (at + 1 + chance.below(12)).min(document.len());
    match chance.below(5) {
        0 => document[at] ^= 1 << chance.below(8),
        1 => drop(document.drain(at..end)),
        2 => drop(document.splice(at..at, PARTS[chance.below(PARTS.len())].iter().copied())),
        3 => {
            let copied = document[at..end].to_vec();
            let to = chance.below(document.len());
            drop(document.splice(to..to, copied));
        }
        _ => document.truncate(at.max(1)),
    }
}

#[test]
fn documents_that_were_changed_by_chance_are_imported_whole_or_not_at_all() {
    let target = Target::new();
    let rows_of = |path: &Path| {
        integer(
            path,
            "SELECT (SELECT count(*) FROM EXPERIMENT) * 1000000 + (SELECT count(*) FROM METRIC) + (SELECT count(*) FROM EPOCH)",
        )
    };
    let mut chance = Random::new(seed_or(1));
    let (mut taken, mut refused) = (0, 0);
    let mut rows = rows_of(&target.path);
    for _ in 0..3000 {
        let mut document = example().into_bytes();
        for _ in 0..=chance.below(3) {
            mutate(&mut document, &mut chance);
        }
        let result = target.manager.import_from_string(&document, ImportOptions::default());
        let now = rows_of(&target.path);
        match result {
            Ok(_) => {
                taken += 1;
                assert!(now >= rows + 1_000_000, "{}", String::from_utf8_lossy(&document));
            }
            Err(error) => {
                refused += 1;
                assert_eq!(now, rows, "{}", error.to_json());
                assert!(error.status() != Status::Internal && error.status() != Status::Panic, "{}", error.to_json());
            }
        }
        rows = now;
    }
    assert!(taken > 30 && refused > 2000, "{taken} taken, {refused} refused");
    let report = target.manager.validate(Default::default()).unwrap();
    assert!(report.passed(), "{}", report.to_json());
}
