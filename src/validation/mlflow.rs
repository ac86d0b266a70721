//! What is checked of a tracking store of MLflow's. MLflow keeps few of its own rules by foreign keys, and none of those over latest_metrics,
//! tags that name runs, and what ties runs, models, datasets and traces.
//!
//! Each check is one query: its rows are the issues. docs/validation.md explains each kind, and says what MLflow makes of it.

use super::issue::{Issue, IssueKind};
use super::report::Collector;
use super::table_scan::Pass;
use crate::database::{Connection, Layout, Next, Storage, TableLayout};
use crate::error::Result;
use crate::hierarchy::NamedRows;
use crate::progress::Job;
use crate::schema::{Entity, MLFLOW, Meaning, Place, Role, quote};
use crate::values::Value;

/// One check of one table, called `t`.
struct Check<'l> {
    kind: IssueKind,
    table: &'l TableLayout,
    /// The column that is wrong, whose value is shown.
    column: &'static str,
    /// Which rows are wrong.
    condition: String,
    /// What is wrong with them.
    what: String,
}

/// Numbers of milliseconds below this are of the first three years after 1970; as seconds they reach far beyond our time.
const SECONDS_BELOW: i64 = 100_000_000_000;
/// The greatest id of the type `int`.
const GREATEST_INT: i64 = 2_147_483_647;
/// How MLflow stores an infinite number.
const GREATEST: &str = "1.7976931348623157e308";
const STATUSES: &str = "'SCHEDULED', 'RUNNING', 'FINISHED', 'FAILED', 'KILLED'";

/// Runs every check that the scope asks for.
pub fn read_store(pass: Pass<'_>, collector: &mut Collector) -> Result<()> {
    let mut checks = Vec::new();
    if pass.scope.foreign_keys {
        dangling(pass.layout, &mut checks)?;
        named(pass.layout, &mut checks)?;
    }
    if pass.scope.hierarchy {
        latest(pass.layout, &mut checks);
        runs(pass.layout, &mut checks);
        values(pass.layout, &mut checks);
        keys(pass.layout, &mut checks);
    }
    for check in checks {
        run(pass, &check, collector)?;
    }
    if pass.scope.hierarchy {
        for (name, key) in [("metrics", "key"), ("params", "key"), ("tags", "key")] {
            folding(pass, (name, key), collector)?;
        }
    }
    Ok(())
}

/// What is wrong with the rows of an experiment that say again what others say, for a person: nothing, if a copy may have them as they are.
pub fn derived_problems(
    connection: &dyn Connection,
    layout: &Layout,
    experiment: i64,
    job: &Job,
) -> Result<Option<String>> {
    let mut checks = Vec::new();
    if layout.family == &MLFLOW {
        latest(layout, &mut checks);
    }
    for check in checks {
        job.pulse()?;
        let Some(scope) = NamedRows::of_table(layout, check.table)? else { continue };
        let name = quote(&check.table.name);
        let sql = match (check.kind, layout.table("latest_metrics")) {
            // Each key once, which an index has in its order.
            (IssueKind::LatestMissing, Some(last)) => format!(
                "SELECT count(*) FROM (SELECT DISTINCT t.run_uuid, t.{} FROM {name} AS t WHERE {scope}) AS t WHERE {}",
                check.table.quoted(check.column),
                lacks_latest(check.table, last)
            ),
            _ => format!("SELECT count(*) FROM {name} AS t WHERE ({}) AND {scope}", check.condition),
        };
        let found = connection.query_integer(&sql, &[Value::Integer(experiment)])?.unwrap_or(0);
        if found > 0 {
            return Ok(Some(format!(
                "{found} rows of {} are not right: {} {}",
                check.table.schema.name, check.column, check.what
            )));
        }
    }
    Ok(None)
}

fn run(pass: Pass<'_>, check: &Check<'_>, collector: &mut Collector) -> Result<()> {
    pass.job.begin("validating the store")?;
    let (kind, table) = (check.kind, check.table);
    let name = table.schema.name;
    let keys = table.key_columns();
    let mut select: Vec<String> = keys.iter().map(|key| format!("t.{}", table.quoted(key))).collect();
    select.push(format!("t.{}", table.quoted(check.column)));
    let mut sql = format!("SELECT {} FROM {} AS t WHERE ({})", select.join(", "), quote(&table.name), check.condition);
    let mut params = Vec::new();
    if let Some(experiment) = pass.experiment {
        let Some(scope) = NamedRows::of_table(pass.layout, table)? else { return Ok(()) };
        sql.push_str(&format!(" AND {scope}"));
        params.push(Value::Integer(experiment));
    }
    pass.connection.query(&sql, &params, &mut |row| {
        pass.advance()?;
        let mut parts = Vec::new();
        for (at, key) in keys.iter().enumerate() {
            parts.push(format!("{key}={}", row.value(at)?.describe()));
        }
        let (key, value) = (parts.join(", "), row.value(keys.len())?.describe());
        collector.add(kind, kind.severity(), name, || Issue {
            kind,
            severity: kind.severity(),
            table: name.into(),
            message: format!("{name} ({key}): {} {}", check.column, check.what),
            row: key,
            column: Some(check.column.into()),
            value: Some(value),
            check: None,
        });
        Ok(Next::Row)
    })
}

fn entity_table(layout: &Layout, entity: Entity) -> Option<&TableLayout> {
    layout.tables.iter().find(|table| table.schema.entity() == Some(entity))
}

/// The condition that no row of an entity has this value as its key.
fn nobody(layout: &Layout, entity: Entity, value: &str) -> Option<String> {
    let table = entity_table(layout, entity)?;
    Some(format!("NOT EXISTS (SELECT 1 FROM {} AS p WHERE p.{} = {value})", quote(&table.name), table.id()))
}

/// Rows that hang on something that is not there.
fn dangling<'l>(layout: &'l Layout, checks: &mut Vec<Check<'l>>) -> Result<()> {
    for table in &layout.tables {
        for column in table.schema.columns {
            let Role::Parent(entity) = column.role else { continue };
            if table.position(column.name).is_none() {
                continue;
            }
            let value = format!("t.{}", table.quoted(column.name));
            let Some(nobody) = nobody(layout, entity, &value) else { continue };
            let noun = layout.family.of(entity).noun;
            checks.push(Check {
                kind: IssueKind::DanglingReference,
                table,
                column: column.name,
                condition: format!("{value} IS NOT NULL AND {nobody}"),
                what: format!("names no {noun}"),
            });
            if table.schema.owner() == Some(entity) || layout.family.parent_of(table.schema) == Some(entity) {
                checks.push(Check {
                    kind: IssueKind::NullKey,
                    table,
                    column: column.name,
                    condition: format!("{value} IS NULL"),
                    what: "is NULL: the row hangs on nothing".to_owned(),
                });
            }
        }
    }
    Ok(())
}

/// Values that name a row that is not there, by the rules of the family.
fn named<'l>(layout: &'l Layout, checks: &mut Vec<Check<'l>>) -> Result<()> {
    for rule in layout.family.rules {
        let Some(table) = layout.table(rule.table) else { continue };
        if table.position(rule.column).is_none() {
            continue;
        }
        let value = format!("t.{}", table.quoted(rule.column));
        let is = |column: &str, text: &str| format!("t.{} = '{text}'", table.quoted(column));
        let ways: Vec<(Option<String>, Entity)> = match rule.meaning {
            Meaning::Names(entity) => vec![(None, entity)],
            Meaning::NamesWhere(column, text, entity) => vec![(Some(is(column, text)), entity)],
            Meaning::NamesBy(column, words) => {
                words.iter().map(|(word, entity)| (Some(is(column, word)), *entity)).collect()
            }
            _ => continue,
        };
        for (given, entity) in ways {
            let Some(nobody) = nobody(layout, entity, &value) else { continue };
            let given = given.map_or_else(String::new, |given| format!("{given} AND "));
            checks.push(Check {
                kind: IssueKind::DanglingLink,
                table,
                column: rule.column,
                condition: format!("{given}{value} IS NOT NULL AND {nobody}"),
                what: format!("names no {}: it was purged, or never there", layout.family.of(entity).noun),
            });
        }
    }
    Ok(())
}

/// The condition that a point's metric has no latest one.
fn lacks_latest(metrics: &TableLayout, latest: &TableLayout) -> String {
    let (key, of_latest) = (metrics.quoted("key"), latest.quoted("key"));
    let last = quote(&latest.name);
    format!("NOT EXISTS (SELECT 1 FROM {last} AS o WHERE o.run_uuid = t.run_uuid AND o.{of_latest} = t.{key})")
}

/// What latest_metrics says, and what metrics says.
fn latest<'l>(layout: &'l Layout, checks: &mut Vec<Check<'l>>) {
    let (Some(metrics), Some(latest)) = (layout.table("metrics"), layout.table("latest_metrics")) else { return };
    let points = quote(&metrics.name);
    let same = "o.run_uuid = t.run_uuid AND o.key = t.key".replace("key", &metrics.quoted("key"));
    let first = format!(
        "t.step = (SELECT min(f.step) FROM {points} AS f WHERE f.run_uuid = t.run_uuid AND f.{0} = t.{0})",
        metrics.quoted("key")
    );
    checks.push(Check {
        kind: IssueKind::LatestMissing,
        table: metrics,
        column: "key",
        condition: format!("{} AND {first}", lacks_latest(metrics, latest)),
        what: "has no row in latest_metrics: MLflow shows the run without the metric, and takes the next point for the latest, whatever its step"
            .to_owned(),
    });
    checks.push(Check {
        kind: IssueKind::LatestUnfounded,
        table: latest,
        column: "key",
        condition: format!(
            "NOT EXISTS (SELECT 1 FROM {points} AS o WHERE {same} AND o.step = t.step AND o.{0} = t.{0} AND o.value = t.value \
             AND o.is_nan = t.is_nan)",
            latest.quoted("timestamp")
        ),
        what: "is that of a point that metrics does not have".to_owned(),
    });
    checks.push(Check {
        kind: IssueKind::LatestOutdated,
        table: latest,
        column: "key",
        condition: format!(
            "EXISTS (SELECT 1 FROM {points} AS o WHERE {same} AND o.step >= t.step AND (o.step > t.step OR (o.step = t.step AND (o.{0} > t.{0} OR \
             (o.{0} = t.{0} AND o.value > t.value)))))",
            latest.quoted("timestamp")
        ),
        what: "is not that of the greatest step, time and value, which MLflow would have kept".to_owned(),
    });
}

/// What the client stumbles on, and what contradicts itself.
fn runs<'l>(layout: &'l Layout, checks: &mut Vec<Check<'l>>) {
    let (Some(runs), Some(tags)) = (layout.table("runs"), layout.table("tags")) else { return };
    let (run_table, tag_table, key) = (quote(&runs.name), quote(&tags.name), tags.quoted("key"));
    let mut add = |kind, table, column, condition: String, what: &str| {
        checks.push(Check { kind, table, column, condition, what: what.to_owned() });
    };
    for (column, what) in [
        ("user_id", "is NULL: MLflow's client fails on every search of the experiment"),
        ("status", "is NULL: MLflow's client fails on the run"),
        ("start_time", "is NULL: MLflow's client fails on the run"),
    ] {
        add(IssueKind::NullForClient, runs, column, format!("t.{} IS NULL", runs.quoted(column)), what);
    }
    let status = runs.quoted("status");
    let unknown = format!("t.{status} IS NOT NULL AND t.{status} NOT IN ({STATUSES})");
    add(IssueKind::UnknownWord, runs, "status", unknown, "is none that MLflow knows: its client fails on the run");
    for table in [Some(runs), layout.table("experiments"), layout.table("logged_models")].into_iter().flatten() {
        let stage =
            format!("t.{0} IS NOT NULL AND t.{0} NOT IN ('active', 'deleted')", table.quoted("lifecycle_stage"));
        add(
            IssueKind::UnknownWord,
            table,
            "lifecycle_stage",
            stage,
            "is neither active nor deleted: no search of MLflow's finds the row",
        );
    }
    let name = runs.quoted("name");
    let differs = format!(
        "t.{name} <> '' AND EXISTS (SELECT 1 FROM {tag_table} AS n WHERE n.run_uuid = t.run_uuid AND n.{key} = 'mlflow.runName' \
         AND n.value <> t.{name})"
    );
    add(IssueKind::NameDiffers, runs, "name", differs, "is not what the tag mlflow.runName says, which MLflow shows");
    let backwards = format!("t.{} < t.{}", runs.quoted("end_time"), runs.quoted("start_time"));
    add(IssueKind::TimestampsBackwards, runs, "end_time", backwards, "is before start_time");
    let below = format!(
        "t.lifecycle_stage = 'active' AND EXISTS (SELECT 1 FROM {tag_table} AS n JOIN {run_table} AS p ON p.run_uuid = n.value \
         WHERE n.run_uuid = t.run_uuid AND n.{key} = 'mlflow.parentRunId' AND p.lifecycle_stage = 'deleted')"
    );
    add(
        IssueKind::ActiveBelowDeleted,
        runs,
        "lifecycle_stage",
        below,
        "is active, and that of the run it is nested in is deleted",
    );
    if let Ok(experiments) = layout.root() {
        let deleted = format!(
            "t.lifecycle_stage = 'active' AND EXISTS (SELECT 1 FROM {} AS e WHERE e.experiment_id = t.experiment_id AND \
             e.lifecycle_stage = 'deleted')",
            quote(&experiments.name)
        );
        add(
            IssueKind::ActiveBelowDeleted,
            runs,
            "lifecycle_stage",
            deleted,
            "is active, and that of its experiment is deleted (as MLflow 1.20 left it)",
        );
        let large = format!("t.experiment_id > {GREATEST_INT}");
        add(IssueKind::IdTooLarge, experiments, "experiment_id", large, "does not fit an int, as servers have it");
    }
    let itself = format!("t.{key} = 'mlflow.parentRunId' AND t.value = t.run_uuid");
    add(IssueKind::ParentOfItself, tags, "value", itself, "makes the run its own parent");
    let elsewhere = format!(
        "t.{key} = 'mlflow.parentRunId' AND EXISTS (SELECT 1 FROM {run_table} AS c JOIN {run_table} AS p ON \
         p.experiment_id <> c.experiment_id WHERE c.run_uuid = t.run_uuid AND p.run_uuid = t.value)"
    );
    add(
        IssueKind::ParentElsewhere,
        tags,
        "value",
        elsewhere,
        "names a run of another experiment: a copy of one of the two keeps the text alone",
    );
    if let (Some(points), Some(metrics)) = (layout.table("logged_model_metrics"), layout.table("metrics")) {
        let unfounded = format!(
            "NOT EXISTS (SELECT 1 FROM {} AS o WHERE o.run_uuid = t.run_id AND o.{} = t.metric_name AND o.step = t.metric_step \
             AND o.{} = t.metric_timestamp_ms)",
            quote(&metrics.name),
            metrics.quoted("key"),
            metrics.quoted("timestamp")
        );
        add(
            IssueKind::ModelMetricUnfounded,
            points,
            "metric_name",
            unfounded,
            "is that of a point that the run does not have",
        );
    }
}

/// Values that are not what they seem.
fn values<'l>(layout: &'l Layout, checks: &mut Vec<Check<'l>>) {
    let family = layout.family;
    for table in &layout.tables {
        if table.schema.place == Place::Aside {
            continue;
        }
        for column in &table.columns {
            let Some(known) = column.schema else { continue };
            let value = format!("t.{}", quote(&column.name));
            let mut add = |kind, condition: String, what: &str| {
                checks.push(Check { kind, table, column: known.name, condition, what: what.to_owned() });
            };
            if known.is_required() && !column.not_null && !matches!(known.role, Role::Parent(_)) {
                add(IssueKind::NullValue, format!("{value} IS NULL"), "is NULL, which MLflow's own tables refuse");
            }
            // Servers keep to the types and lengths that they declare.
            let anything = matches!(column.storage, Storage::Affinity(_) | Storage::Strict(_));
            let is_number =
                known.kind == crate::schema::Kind::Integer && !column.declared.eq_ignore_ascii_case("boolean");
            if anything && is_number {
                let whole = format!("{value} <> CAST({value} AS SIGNED INTEGER)");
                add(IssueKind::NumberNotInteger, whole, "is no integer: a server rounds it");
            }
            let has = |meaning: Meaning| family.rules_of(table.schema.name, known.name).any(|other| other == meaning);
            if has(Meaning::Milliseconds) {
                let seconds = format!("{value} > 0 AND {value} < {SECONDS_BELOW}");
                add(IssueKind::TimeInSeconds, seconds, "are seconds, by their size, where milliseconds belong");
            }
            if has(Meaning::InfinityAsGreatest) {
                let infinite = format!("abs({value}) >= {GREATEST}");
                add(IssueKind::MaybeInfinite, infinite, "was infinite, or just that: MLflow stores both alike");
            }
            if has(Meaning::NanIn("is_nan")) {
                add(
                    IssueKind::NanWithValue,
                    format!("t.is_nan AND {value} <> 0"),
                    "is a number, and is_nan says that it is none",
                );
            }
            if let Some(most) = length(known.sqlite).filter(|_| anything) {
                let what = format!("has more than {most} characters: a server refuses it, or cuts it");
                add(IssueKind::TextTooLong, format!("length({value}) > {most}"), &what);
            }
        }
    }
}

/// How many characters a column holds elsewhere.
fn length(declared: &str) -> Option<u64> {
    declared.strip_prefix("VARCHAR(")?.split_once(')')?.0.parse().ok()
}

/// Keys that tell rows apart, although no index of MLflow's sees to that.
fn keys<'l>(layout: &'l Layout, checks: &mut Vec<Check<'l>>) {
    for table in &layout.tables {
        let Some(id) = table.schema.id_column().filter(|_| table.schema.key_id().is_none()) else { continue };
        let name = table.quoted(id.name);
        checks.push(Check {
            kind: IssueKind::KeyTwice,
            table,
            column: id.name,
            condition: format!(
                "EXISTS (SELECT 1 FROM {0} AS o WHERE o.{name} = t.{name} GROUP BY o.{name} HAVING count(*) > 1)",
                quote(&table.name)
            ),
            what: "is that of another row, too: what names it could be of either".to_owned(),
        });
    }
}

/// Keys of one run that a server with its usual collation takes for one: they differ in letter case or in blanks at the end.
fn folding(pass: Pass<'_>, (name, key): (&'static str, &'static str), collector: &mut Collector) -> Result<()> {
    let Some(table) = pass.layout.table(name) else { return Ok(()) };
    let (key, kind) = (table.quoted(key), IssueKind::KeysFold);
    let scope = match pass.experiment {
        Some(_) => NamedRows::of_table(pass.layout, table)?.map_or_else(String::new, |scope| format!(" WHERE {scope}")),
        None => String::new(),
    };
    let params: Vec<Value> = pass.experiment.map(Value::Integer).into_iter().collect();
    let sql = format!("SELECT DISTINCT t.run_uuid, t.{key} FROM {} AS t{scope} ORDER BY 1, 2", quote(&table.name));
    let mut seen: Vec<(String, String)> = Vec::new();
    let mut run = String::new();
    pass.connection.query(&sql, &params, &mut |row| {
        pass.advance()?;
        let [of, key] = [row.value(0)?.readable().unwrap_or_default(), row.value(1)?.readable().unwrap_or_default()];
        if of != run {
            seen.clear();
            run = of;
        }
        let folded = key.trim_end_matches(' ').to_lowercase();
        match seen.iter().find(|(other, known)| *other == folded && *known != key) {
            Some((_, other)) => collector.add(kind, kind.severity(), name, || Issue {
                kind,
                severity: kind.severity(),
                table: name.into(),
                row: format!("key={key:?}, run_uuid={run:?}"),
                column: Some("key".into()),
                message: format!("{name} (key={key:?}, run_uuid={run:?}): {other:?} of the same run is the same key to a server that ignores letter case and blanks at the end"),
                value: Some(format!("{key:?}")),
                check: None,
            }),
            None => seen.push((folded, key)),
        }
        Ok(Next::Row)
    })
}
