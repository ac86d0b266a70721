//! The experiments of a database.

use serde::{Serialize, Serializer};
use serde_json::json;

use super::unsound_rows::{UnsoundKind, UnsoundRow, UnsoundRows};
use crate::database::{Connection, Layout, Next, TableLayout};
use crate::error::{Domain, Error, Result, Status};
use crate::schema::{EXPERIMENT_MANAGER, Entity, Family, MLFLOW, Meaning, quote};
use crate::values::{Value, ValueRef};

/// How many of the nearest ids a message names.
const NEAREST: usize = 3;

/// One experiment, for a list.
#[derive(Clone, Debug, Serialize)]
pub struct ExperimentSummary {
    pub id: i64,
    pub title: Option<String>,
    pub description: Option<String>,
    /// Texts, whatever the database has.
    pub start_time: Option<String>,
    pub update_time: Option<String>,
    /// What runs are grouped into; of MLflow's the runs that hang on no other.
    pub trials: u64,
    pub runs: u64,
    /// Of a family that marks what is deleted: `active` or `deleted`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifecycle_stage: Option<String>,
    /// How many other things there are below it, by the names of their kinds, where the family has any.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "as_members")]
    pub also: Vec<(&'static str, u64)>,
}

/// The experiments of a database.
#[derive(Clone, Debug, Default)]
pub struct ExperimentList {
    /// By id.
    pub experiments: Vec<ExperimentSummary>,
    /// Those whose id is no integer, so that no call can name them.
    pub unlisted: UnsoundRows,
}

impl ExperimentList {
    /// The whole list as the text of a JSON object, schema `expmig.experiments/1`.
    pub fn to_json_text(&self) -> Result<String> {
        let mut document = ExperimentsDocument::default();
        self.experiments.iter().try_for_each(|experiment| document.add(experiment))?;
        Ok(document.finish(&self.unlisted))
    }
}

/// The text of such an object, which grows as the experiments are read.
pub struct ExperimentsDocument {
    text: String,
    comma: &'static str,
}

impl Default for ExperimentsDocument {
    fn default() -> ExperimentsDocument {
        ExperimentsDocument { text: r#"{"schema":"expmig.experiments/1","experiments":["#.to_owned(), comma: "" }
    }
}

impl ExperimentsDocument {
    /// The next experiment.
    pub fn add(&mut self, experiment: &ExperimentSummary) -> Result<()> {
        let one = serde_json::to_string(experiment)
            .map_err(|error| Error::internal(Domain::Database, format!("an experiment is no JSON ({error})")))?;
        self.text.extend([self.comma, &one]);
        self.comma = ",";
        Ok(())
    }

    /// The whole text.
    pub fn finish(mut self, unlisted: &UnsoundRows) -> String {
        let unlisted = json!({"count": unlisted.count, "rows": unlisted.first});
        self.text.push_str(&format!(r#"],"unlisted":{unlisted}}}"#));
        self.text
    }
}

/// Pairs as an object.
fn as_members<S: Serializer>(pairs: &[(&'static str, u64)], serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().copied())
}

/// The query for the experiments of each family: id, title, description, both times, how many trials and runs, the stage, and the numbers
/// of what else there is, whose names come beside.
type ListQuery = fn(&Layout) -> Result<(String, Vec<&'static str>)>;

static LISTS: [(&Family, ListQuery); 2] =
    [(&EXPERIMENT_MANAGER, super::experiment_manager::list), (&MLFLOW, super::mlflow::list)];

pub(super) fn count(value: ValueRef<'_>) -> u64 {
    value.as_integer().and_then(|count| u64::try_from(count).ok()).unwrap_or(0)
}

/// A time that is a number by the rules of the family, for a person; `None` for everything else.
pub fn written_time(family: &Family, table: &str, column: &str, value: ValueRef<'_>) -> Option<String> {
    let is_number = family.rules_of(table, column).any(|meaning| meaning == Meaning::Milliseconds);
    let time = value.as_integer().filter(|_| is_number).and_then(chrono::DateTime::from_timestamp_millis)?;
    Some(time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true))
}

fn time(layout: &Layout, column: &str, value: ValueRef<'_>) -> Option<String> {
    let root = layout.family.table_name(Entity::ROOT);
    written_time(layout.family, root, column, value).or_else(|| value.readable())
}

/// Hands over every experiment, by id. The problems are those that cannot be listed: their id is no integer.
pub fn list_experiments(
    connection: &dyn Connection,
    layout: &Layout,
    each: &mut dyn FnMut(ExperimentSummary) -> Result<()>,
) -> Result<UnsoundRows> {
    let mut unlisted = UnsoundRows::default();
    let experiments = layout.root()?;
    let listing = &layout.family.listing;
    let Some((_, list)) = LISTS.iter().find(|(family, _)| *family == layout.family) else {
        return Err(Error::internal(Domain::Database, format!("no list of a database of {}", layout.family.tracker)));
    };
    let (sql, kinds) = list(layout)?;
    connection.query(&sql, &[], &mut |row| {
        let Some(id) = row.value(0)?.as_integer() else {
            let problem = problem(experiments, row.value(0)?, row.value(1)?);
            unlisted.add(|| problem);
            return Ok(Next::Row);
        };
        let mut also = Vec::new();
        for (at, kind) in kinds.iter().enumerate() {
            also.push((*kind, count(row.value(8 + at)?)));
        }
        each(ExperimentSummary {
            id,
            title: row.value(1)?.readable(),
            description: row.value(2)?.readable(),
            start_time: time(layout, listing.start, row.value(3)?),
            update_time: time(layout, listing.update, row.value(4)?),
            trials: count(row.value(5)?),
            runs: count(row.value(6)?),
            lifecycle_stage: row.value(7)?.readable(),
            also,
        })?;
        Ok(Next::Row)
    })?;
    Ok(unlisted)
}

/// What is wrong with an experiment that has no id which anybody could name.
fn problem(table: &TableLayout, id: ValueRef<'_>, title: ValueRef<'_>) -> UnsoundRow {
    let id_name = table.schema.id_column().map_or("id", |column| column.name);
    let (name, row) = (table.schema.name, format!("{id_name}={}", id.describe()));
    let (kind, what) = match id {
        ValueRef::Null => (UnsoundKind::NullKey, "is NULL"),
        _ => (UnsoundKind::KeyNotInteger, "is no integer"),
    };
    let message = format!("{name} ({row}): {id_name} {what} (title={})", title.describe());
    UnsoundRow { kind, table: name, row, message }
}

/// Fails with the nearest ids unless the experiment exists.
pub fn experiment_exists(connection: &dyn Connection, layout: &Layout, id: i64) -> Result<()> {
    let table = layout.entity(Entity::ROOT)?;
    let (name, column) = (quote(&table.name), table.id());
    let found =
        connection.query_integer(&format!("SELECT count(*) FROM {name} WHERE {column} = ?1"), &[Value::Integer(id)])?;
    if found == Some(1) {
        return Ok(());
    }
    let mut nearest = Vec::new();
    for (comparison, order) in [("<", "DESC"), (">", "ASC")] {
        let sql = format!(
            "SELECT {column} FROM {name} WHERE {column} {comparison} ?1 ORDER BY {column} {order} LIMIT {NEAREST}"
        );
        connection.query(&sql, &[Value::Integer(id)], &mut |row| {
            nearest.extend(row.value(0)?.as_integer());
            Ok(Next::Row)
        })?;
    }
    nearest.sort_by_key(|other| other.abs_diff(id));
    nearest.truncate(NEAREST);
    nearest.sort_unstable();
    Err(unknown_experiment(id, &nearest))
}

/// The error for an experiment that does not exist.
pub fn unknown_experiment(id: i64, nearest: &[i64]) -> Error {
    let hint = if nearest.is_empty() {
        "the database has no experiments".to_owned()
    } else {
        let list: Vec<String> = nearest.iter().map(i64::to_string).collect();
        format!("the nearest experiments are {}", list.join(", "))
    };
    Error::new(Status::NotFound, Domain::Migration, format!("experiment {id} does not exist"))
        .detail("experiment_id", id)
        .hint(hint)
}
