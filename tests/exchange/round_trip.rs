//! Export, import, export: the same document but for ids and when it was made, whatever the data and the options.

use std::path::{Path, PathBuf};

use crate::support::*;
use expmig::{ExportOptions, ImportOptions, OnDuplicate};
use serde_json::Value as Json;

/// All ways of including things.
const INCLUDED: [(bool, bool); 4] = [(true, true), (true, false), (false, true), (false, false)];

/// Where a document goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    New,
    WithOthers,
    Generation1,
}

/// A document without what may differ: when and from what file it was made, ids unless they are preserved, what is empty in one
/// generation and missing in the other, and the order of lists, which that of the ids is.
fn essence(json: &Json, with_ids: bool) -> Json {
    const IDS: [&str; 3] = ["id", "experiment_id", "trial_id"];
    match json {
        Json::Array(items) => {
            let mut items: Vec<Json> = items.iter().map(|item| essence(item, with_ids)).collect();
            items.sort_by_key(Json::to_string);
            items.into()
        }
        Json::Object(members) => {
            let kept = members.iter().filter(|(key, value)| {
                let is_empty = value.as_array().is_some_and(Vec::is_empty)
                    || (value.as_u64() == Some(0) && key.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'));
                let is_other = ["export_timestamp", "source_database", "generation"].contains(&key.as_str());
                !(is_other || is_empty || (!with_ids && IDS.contains(&key.as_str())))
            });
            kept.map(|(key, value)| {
                // JSON of somebody's stays what it is.
                let value = if key == "per_label_val" { value.clone() } else { essence(value, with_ids) };
                (key.clone(), value)
            })
            .collect()
        }
        other => other.clone(),
    }
}

fn document(path: &Path, experiment: i64, (include_metrics, include_artifacts): (bool, bool), indent: u32) -> String {
    let options = ExportOptions { include_metrics, include_artifacts, indent, ..ExportOptions::default() };
    let text = open_read_only(path).export_to_string(experiment, options);
    text.unwrap_or_else(|error| panic!("{}", error.to_json()))
}

struct Case<'c> {
    source: &'c Path,
    experiment: i64,
    /// Whether its values are what their columns are for.
    valid: bool,
}

impl Case<'_> {
    /// There and back.
    fn returns(&self, folder: &Folder, target: Target, included: (bool, bool), indent: u32, options: ImportOptions) {
        let what = format!("{:?} {} {target:?} {included:?} {indent} {options:?}", self.source, self.experiment);
        let first = document(self.source, self.experiment, included, indent);
        let path: PathBuf = folder.path("there.db");
        let manager = match target {
            Target::New => create(&path),
            Target::WithOthers => {
                // Ids that nobody else has, so that others can be preserved.
                folder.empty("there.db", "INSERT INTO EXPERIMENT VALUES (70001, 'other', NULL, '2023-12-01T10:00:00', '2023-12-01T10:00:00');
                    INSERT INTO METRIC VALUES (70001, 'other', 1, NULL); INSERT INTO ARTIFACT VALUES (70001, 'other', 'x');");
                open(&path)
            }
            Target::Generation1 => {
                folder.database("there.db", 1, "");
                open(&path)
            }
        };
        let preserves = options.preserve_ids;
        let result = manager.import_from_string(first.as_bytes(), options);
        let result = result.unwrap_or_else(|error| panic!("{what}: {}", error.to_json()));
        let complete = included == (true, true);
        assert_eq!(result.document_digest, complete.then_some(result.digest), "{what}");
        assert_eq!(result.warnings.iter().any(|line| line.contains("does not have everything")), !complete, "{what}");
        if complete {
            assert_eq!(digest(&path, result.experiment_id), digest(self.source, self.experiment), "{what}");
        }
        assert!(!preserves || result.experiment_id == self.experiment, "{what}");
        let second = document(&path, result.experiment_id, included, indent);
        let parse = |text: &str| serde_json::from_str::<Json>(text).unwrap_or_else(|error| panic!("{what}: {error}"));
        let (first, second) = (essence(&parse(&first), preserves), essence(&parse(&second), preserves));
        assert!(first == second, "{what}:\n{first}\n{second}");
        drop(manager);
        std::fs::remove_file(&path).expect("the target");
    }

    /// With these ways of including things and all options of an import.
    fn returns_with_all_options(&self, folder: &Folder, targets: &[Target], indents: &[u32]) {
        for target in targets {
            for (included, indent) in
                INCLUDED.iter().flat_map(|included| indents.iter().map(move |indent| (included, indent)))
            {
                for choice in 0..16 {
                    let has = |bit: u32| choice >> bit & 1 == 1;
                    if has(0) && !self.valid {
                        continue;
                    }
                    let options = ImportOptions {
                        validate_before_import: has(0),
                        preserve_ids: has(1),
                        add_columns: has(2) || !self.valid,
                        allow_unlinked: has(3),
                        on_duplicate: [OnDuplicate::Copy, OnDuplicate::Skip, OnDuplicate::Error][choice % 3],
                        ..ImportOptions::default()
                    };
                    self.returns(folder, *target, *included, *indent, options);
                }
            }
        }
    }
}

#[test]
fn a_small_experiment_of_generation_2_returns_with_all_options() {
    let folder = Folder::new();
    let source = folder.small("source.db", "");
    for experiment in [1, 2] {
        let case = Case { source: &source, experiment, valid: true };
        case.returns_with_all_options(&folder, &[Target::New, Target::WithOthers], &[0, 2]);
    }
}

#[test]
fn a_small_experiment_of_generation_1_returns_with_all_options() {
    let folder = Folder::new();
    let source = folder.database("source.db", 1, SMALL);
    let case = Case { source: &source, experiment: 1, valid: true };
    case.returns_with_all_options(&folder, &[Target::New, Target::WithOthers, Target::Generation1], &[0]);
}

#[test]
fn odd_values_and_extra_columns_return_with_all_options() {
    let folder = Folder::new();
    let source = folder.small(
        "source.db",
        r#"ALTER TABLE METRIC ADD COLUMN "Unit ""é" TEXT; ALTER TABLE EPOCH_METRIC ADD COLUMN weight REAL; ALTER TABLE RESULTS ADD COLUMN r;
           UPDATE METRIC SET "Unit ""é" = 'm' || char(0) WHERE id = 32; UPDATE EPOCH_METRIC SET weight = 0.1 + 0.2; UPDATE RESULTS SET r = x'00ff';
           UPDATE EXPERIMENT SET title = x'00ff', desc = CAST(x'61ff00' AS TEXT), start_time = 'soon' WHERE id = 1;
           UPDATE METRIC SET total_val = 9e999, per_label_val = '{"a": 1, "a": 2}' WHERE id = 31;
           UPDATE METRIC SET total_val = 'text', per_label_val = '' WHERE id = 33;
           UPDATE METRIC SET total_val = 5e-324, per_label_val = '{"a": 1, "$text": "x"}' WHERE id = 34;
           UPDATE METRIC SET per_label_val = '{ "b" : 1.50 ,"a":[true,null,"\ud83d\ude00"]}' WHERE id = 35;
           INSERT INTO EXPERIMENT_ARTIFACT VALUES (1, 54); INSERT INTO RESULTS_METRIC VALUES (21, 32);"#,
    );
    let case = Case { source: &source, experiment: 1, valid: false };
    case.returns_with_all_options(&folder, &[Target::New, Target::WithOthers], &[0, 16]);
}

#[test]
fn real_experiments_return_whatever_is_included() {
    let folder = Folder::new();
    let mut cases: Vec<(PathBuf, i64)> = Vec::new();
    let digits = folder.digits("digits.db");
    cases.extend([1, 2, 3].map(|experiment| (digits.clone(), experiment)));
    if let Some(original) = original_database() {
        let original = folder.copy_of(&original, "original.db");
        let experiments = open_read_only(&original).list_experiments().expect("a list");
        cases.extend(experiments.iter().map(|experiment| (original.clone(), experiment.id)));
    }
    for (source, experiment) in &cases {
        let case = Case { source, experiment: *experiment, valid: false };
        for included in INCLUDED {
            for preserve_ids in [false, true] {
                let options = ImportOptions { preserve_ids, validate_before_import: false, ..ImportOptions::default() };
                case.returns(&folder, Target::New, included, 0, options);
            }
        }
    }
}
