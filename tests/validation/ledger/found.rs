//! What a validation finds, as the tests compare it.

use std::collections::BTreeMap;
use std::path::Path;

use expmig::validation::{Report, validate};
use expmig::{Database, OpenOptions, ValidateOptions};

/// What identifies an issue.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    pub kind: String,
    pub table: String,
    pub row: String,
    pub column: Option<String>,
}

impl Found {
    pub fn new(kind: &str, table: &str, row: impl Into<String>, column: Option<&str>) -> Found {
        Found { kind: kind.to_owned(), table: table.to_owned(), row: row.into(), column: column.map(str::to_owned) }
    }
}

/// The issues of a report that must be listed in full; checks on the way what holds of every issue and every report.
#[track_caller]
pub fn found(report: &Report) -> Vec<Found> {
    assert_eq!(report.issues().len() as u64, report.total(), "the list is not complete");
    let mut counted: BTreeMap<(String, String), u64> = BTreeMap::new();
    let issues: Vec<Found> = report
        .issues()
        .iter()
        .map(|issue| {
            *counted.entry((issue.kind.name().to_owned(), issue.table.to_string())).or_default() += 1;
            assert_eq!(issue.severity, issue.kind.severity(), "{issue:?}");
            assert_eq!(issue.check, None, "{issue:?}");
            assert!(!issue.message.is_empty() && !issue.message.contains('\n'), "{issue:?}");
            assert!(issue.message.contains(&*issue.table) && issue.message.contains(&issue.row), "{issue:?}");
            assert!(issue.value.as_ref().is_none_or(|value| value.chars().count() <= 120), "{issue:?}");
            assert!(issue.message.chars().count() < 1000, "{issue:?}");
            Found::new(issue.kind.name(), &issue.table, issue.row.clone(), issue.column.as_deref())
        })
        .collect();
    for count in report.counts() {
        let key = (count.kind.name().to_owned(), count.table.clone());
        assert_eq!(counted.remove(&key), Some(count.count), "the count of {key:?}");
    }
    assert!(counted.is_empty(), "not counted: {counted:?}");
    issues
}

/// Validates a file, whole or one experiment of it; lists everything.
#[track_caller]
pub fn validate_file(path: &Path, experiment: Option<i64>) -> Report {
    validate_with(path, ValidateOptions { experiment, ..ValidateOptions::default() })
        .unwrap_or_else(|error| panic!("{}: {}", path.display(), error.to_json()))
}

/// Validates a file with a limit that is never reached, unless the options say otherwise.
pub fn validate_with(path: &Path, mut options: ValidateOptions) -> expmig::Result<Report> {
    if options.issue_limit == ValidateOptions::default().issue_limit {
        options.issue_limit = 1 << 24;
    }
    let database = Database::open(path.to_str().expect("a path in UTF-8"), OpenOptions::default())?;
    validate(&database, options, &mut |_, _, _, _| Ok(()))
}

/// Fails, saying what is missing and what is too much, unless both have the same issues, each as often.
#[track_caller]
pub fn assert_equal(mut found: Vec<Found>, mut expected: Vec<Found>, what: &str) {
    found.sort();
    expected.sort();
    if found == expected {
        return;
    }
    let less = |all: &[Found], taken: &[Found]| -> String {
        let mut taken = taken.to_vec();
        let mut rest = String::new();
        for one in all {
            match taken.iter().position(|other| other == one) {
                Some(at) => drop(taken.swap_remove(at)),
                None => rest.push_str(&format!("\n  {one:?}")),
            }
        }
        rest
    };
    panic!("{what}\nnot found:{}\nfound, but not expected:{}", less(&expected, &found), less(&found, &expected));
}
