//! The report: exact counts, and as many issues as the limit allows, with some of every kind.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::issue::{Issue, IssueKind, Section, Severity};
use super::options::Scope;

/// Issues of one kind in one table, of one check.
#[derive(Clone, Debug, Default)]
struct Group {
    count: u64,
    kept: Vec<Issue>,
}

/// A group's place in the report: section and kind first, then the table, then the registered check, if it is of one.
type GroupKey = (Section, IssueKind, Severity, String, Option<String>);

/// Collects issues. Counts are exact; how many are kept is bounded, and every group keeps some as long as there is room.
#[derive(Debug)]
pub struct Collector {
    groups: BTreeMap<GroupKey, Group>,
    limit: usize,
    /// No group keeps more than this.
    share: usize,
    kept: usize,
}

impl Collector {
    /// Keeps at most `limit` issues.
    pub fn new(limit: usize) -> Collector {
        Collector { groups: BTreeMap::new(), limit, share: limit, kept: 0 }
    }

    /// Counts an issue; its text is only made while there is room for it.
    pub fn add(&mut self, kind: IssueKind, severity: Severity, table: &str, make: impl FnOnce() -> Issue) {
        self.add_to((kind.section(), kind, severity, table.to_owned(), None), make);
    }

    /// As [`Collector::add`], for what a registered check found.
    pub fn add_found(&mut self, check: &str, severity: Severity, table: &str, make: impl FnOnce() -> Issue) {
        let kind = IssueKind::RegisteredCheck;
        self.add_to((kind.section(), kind, severity, table.to_owned(), Some(check.to_owned())), make);
    }

    fn add_to(&mut self, key: GroupKey, make: impl FnOnce() -> Issue) {
        let group = self.groups.entry(key).or_default();
        group.count += 1;
        // A new group takes one place from the largest.
        if group.kept.len() >= self.share.max(1) || self.limit == 0 {
            return;
        }
        group.kept.push(make());
        self.kept += 1;
        self.shrink();
    }

    /// Makes the shares smaller until the limit holds.
    fn shrink(&mut self) {
        while self.kept > self.limit && self.share > 1 {
            self.share = self.groups.values().map(|group| group.kept.len()).max().unwrap_or(1).saturating_sub(1).max(1);
            let share = self.share;
            self.groups.values_mut().for_each(|group| group.kept.truncate(share));
            self.kept = self.groups.values().map(|group| group.kept.len()).sum();
        }
        // More groups than places: the worst stay.
        for severity in [Severity::Info, Severity::Warning, Severity::Error] {
            for ((_, _, of, ..), group) in self.groups.iter_mut().rev() {
                if self.kept <= self.limit {
                    return;
                }
                if *of == severity {
                    self.kept -= group.kept.len();
                    group.kept.clear();
                }
            }
        }
    }

    /// Ends collecting.
    pub fn report(self, scope: Scope, experiment: Option<i64>) -> Report {
        let mut counts = Vec::with_capacity(self.groups.len());
        let mut issues = Vec::with_capacity(self.kept);
        for ((_, kind, severity, table, check), group) in self.groups {
            counts.push(Count { kind, severity, table, check, count: group.count });
            issues.extend(group.kept);
        }
        let timestamp = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
        Report { timestamp, scope, experiment, warnings: Vec::new(), limit: self.limit, counts, issues }
    }
}

/// How many issues of a kind a table has.
#[derive(Clone, Debug)]
pub struct Count {
    pub kind: IssueKind,
    pub severity: Severity,
    pub table: String,
    /// The registered check that found them.
    pub check: Option<String>,
    pub count: u64,
}

/// The result of a validation. Immutable.
#[derive(Clone, Debug)]
pub struct Report {
    /// When it was made: RFC 3339, UTC.
    pub timestamp: String,
    /// What was looked at.
    pub scope: Scope,
    /// The one experiment that was looked at; `None` for the whole database.
    pub experiment: Option<i64>,
    /// Warnings about the report itself, which are not issues of the data.
    pub warnings: Vec<String>,
    limit: usize,
    counts: Vec<Count>,
    issues: Vec<Issue>,
}

impl Report {
    /// Whether there is no error.
    pub fn passed(&self) -> bool {
        self.count(Severity::Error) == 0
    }

    /// How many issues of a severity there are, listed or not.
    pub fn count(&self, severity: Severity) -> u64 {
        self.sum(|count| count.severity == severity)
    }

    /// How many there are of each kind in each table.
    pub fn counts(&self) -> &[Count] {
        &self.counts
    }

    /// The issues that are listed: all, or as many as the limit allows, some of every kind in every table.
    pub fn issues(&self) -> &[Issue] {
        &self.issues
    }

    /// How many issues there are, listed or not.
    pub fn total(&self) -> u64 {
        self.sum(|_| true)
    }

    fn sum(&self, wanted: impl Fn(&Count) -> bool) -> u64 {
        self.counts.iter().filter(|count| wanted(count)).map(|count| count.count).sum()
    }

    /// The errors and warnings of a section that are listed.
    fn listed(&self, section: Section) -> impl Iterator<Item = &Issue> {
        self.issues.iter().filter(move |issue| issue.kind.section() == section && issue.severity != Severity::Info)
    }

    /// The errors and warnings of a section, listed or not.
    fn section_total(&self, section: Section) -> u64 {
        self.sum(|count| count.kind.section() == section && count.severity != Severity::Info)
    }

    /// The messages of the hierarchy's errors and warnings: the second half of the specification's `(bool, list)`.
    pub fn hierarchy_messages(&self) -> Vec<String> {
        self.listed(Section::Hierarchy).map(|issue| issue.message.clone()).collect()
    }

    /// The whole report, schema `expmig.validation/1`.
    pub fn to_json(&self) -> Json {
        let mut violations: Map<String, Json> = Map::new();
        for issue in self.listed(Section::ForeignKeys) {
            let of_table = violations.entry(issue.table.to_string()).or_insert_with(|| json!([]));
            if let Json::Array(list) = of_table {
                list.push(json!(issue.message));
            }
        }
        let metrics: Json = self.listed(Section::MetricJson).map(|issue| json!(issue)).collect();
        let registered: Json = self.listed(Section::RegisteredChecks).map(|issue| json!(issue)).collect();
        let counts: Json = self
            .counts
            .iter()
            .map(|count| {
                json!({
                    "kind": count.kind, "severity": count.severity, "table": count.table, "check": count.check,
                    "count": count.count,
                })
            })
            .collect();
        json!({
            "schema": "expmig.validation/1",
            "timestamp": self.timestamp,
            "scope": self.scope.sections().map(Section::name).collect::<Vec<_>>(),
            "experiment_id": self.experiment,
            "foreign_key_violations": violations,
            "json_metric_issues": metrics,
            "hierarchy_issues": self.hierarchy_messages(),
            "registered_check_issues": registered,
            "issues": self.issues,
            "counts": counts,
            "warnings": self.warnings,
            "summary": {
                "overall_status": if self.passed() { "PASS" } else { "FAIL" },
                "total_foreign_key_violations": self.section_total(Section::ForeignKeys),
                "total_json_issues": self.section_total(Section::MetricJson),
                "total_hierarchy_issues": self.section_total(Section::Hierarchy),
                "total_registered_check_issues": self.section_total(Section::RegisteredChecks),
                "total_errors": self.count(Severity::Error),
                "total_warnings": self.count(Severity::Warning),
                "total_infos": self.count(Severity::Info),
                "total_issues": self.total(),
                "listed_issues": self.issues.len(),
                "issue_limit": self.limit,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Collector, Issue, IssueKind, Scope, Severity};

    fn collect(limit: usize, groups: &[(IssueKind, &'static str, u64)]) -> super::Report {
        let mut collector = Collector::new(limit);
        for (kind, table, count) in groups {
            for at in 0..*count {
                let issue = || Issue {
                    kind: *kind,
                    severity: kind.severity(),
                    table: (*table).into(),
                    row: format!("id={at}"),
                    column: None,
                    message: String::new(),
                    value: None,
                    check: None,
                };
                collector.add(*kind, kind.severity(), table, issue);
            }
        }
        collector.report(Scope::default(), None)
    }

    #[test]
    fn a_limit_keeps_some_of_every_kind_in_every_table_and_counts_all() {
        let groups = [
            (IssueKind::DanglingReference, "TRIAL", 1000),
            (IssueKind::JsonMalformed, "METRIC", 1),
            (IssueKind::EpochGap, "TRIAL_RUN", 4000),
            (IssueKind::DanglingReference, "EPOCH", 3),
        ];
        for limit in [4, 5, 10, 100, 5000] {
            let report = collect(limit, &groups);
            assert_eq!(report.total(), 5004);
            assert!(report.issues().len() <= limit, "{limit}");
            assert!(report.issues().len() + 2 >= limit.min(5004), "{limit}: {} kept", report.issues().len());
            for (kind, table, _) in groups {
                let found = report.issues().iter().any(|issue| issue.kind == kind && issue.table == table);
                assert!(found, "limit {limit}: {kind:?} in {table} is not listed");
            }
            assert_eq!(
                report.issues().iter().filter(|issue| issue.table == "TRIAL").map(|i| &i.row).next().unwrap(),
                "id=0"
            );
        }
        assert_eq!(collect(10_000, &groups).issues().len(), 5004);
    }

    #[test]
    fn with_fewer_places_than_kinds_the_worst_stay() {
        let groups = [
            (IssueKind::EpochGap, "TRIAL_RUN", 5),
            (IssueKind::UnlinkedMetric, "METRIC", 5),
            (IssueKind::JsonMalformed, "METRIC", 5),
        ];
        let report = collect(1, &groups);
        assert_eq!(report.issues().len(), 1);
        assert_eq!(report.issues()[0].kind, IssueKind::JsonMalformed);
        assert_eq!(
            (report.count(Severity::Error), report.count(Severity::Warning), report.count(Severity::Info)),
            (5, 5, 5)
        );
        let none = collect(0, &groups);
        assert_eq!((none.issues().len(), none.total(), none.passed()), (0, 15, false));
    }
}
