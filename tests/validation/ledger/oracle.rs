//! All issues of a database, worked out by brute force from the description of the kinds (docs/validation.md), and the experiments
//! that each row belongs to. Slow and plain: it has every row in memory and no index but maps.
//!
//! It knows metric JSON only as far as `texts` lists it, and keys only as columns of integer affinity hold them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;

use chrono::NaiveDateTime;
use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::found::Found;
use super::tables::{TABLES, Table, quoted_list, shown, table};
use super::texts;
use crate::support::sql;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Cell {
    Null,
    Integer(i64),
    /// By its bits.
    Real(u64),
    Text(Vec<u8>),
    Blob(Vec<u8>),
}

impl Cell {
    fn of(value: ValueRef<'_>) -> Cell {
        match value {
            ValueRef::Null => Cell::Null,
            ValueRef::Integer(value) => Cell::Integer(value),
            ValueRef::Real(value) => Cell::Real(value.to_bits()),
            ValueRef::Text(bytes) => Cell::Text(bytes.to_vec()),
            ValueRef::Blob(bytes) => Cell::Blob(bytes.to_vec()),
        }
    }
}

struct Row {
    key: String,
    cells: HashMap<&'static str, Cell>,
}

impl Row {
    fn cell(&self, column: &str) -> &Cell {
        &self.cells[column]
    }

    fn tuple(&self, columns: &[&str]) -> Vec<Cell> {
        columns.iter().map(|column| self.cell(column).clone()).collect()
    }

    fn has_null(&self, columns: &[&str]) -> bool {
        columns.iter().any(|column| *self.cell(column) == Cell::Null)
    }

    /// A time column as microseconds, if it is a timestamp.
    fn time(&self, column: &str) -> Option<i64> {
        let Cell::Text(bytes) = self.cell(column) else { return None };
        timestamp(std::str::from_utf8(bytes).ok()?)
    }
}

/// Naive ISO 8601 with `T` or a space and up to six digits of a fraction, years 1 to 9999.
fn timestamp(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, rest)| (whole, Some(rest)));
    if whole.len() != 19 || !whole.is_ascii() || &whole[17..] > "59" || whole.starts_with("0000") {
        return None;
    }
    let digits = |range: std::ops::Range<usize>| whole[range].bytes().all(|byte| byte.is_ascii_digit());
    if ![0..4, 5..7, 8..10, 11..13, 14..16, 17..19].into_iter().all(digits) {
        return None;
    }
    let micros = match fraction {
        None => 0,
        Some(rest) if (1..=6).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("{rest:0<6}").parse::<i64>().ok()?
        }
        Some(_) => return None,
    };
    let parsed = NaiveDateTime::parse_from_str(whole, "%Y-%m-%dT%H:%M:%S")
        .or_else(|_| NaiveDateTime::parse_from_str(whole, "%Y-%m-%d %H:%M:%S"))
        .ok()?;
    Some(parsed.and_utc().timestamp_micros() + micros)
}

/// An issue, and the experiments whose rows have it.
pub struct Tagged {
    pub found: Found,
    pub experiments: BTreeSet<i64>,
}

pub struct Oracle {
    rows: BTreeMap<&'static str, Vec<Row>>,
    json: HashMap<Cell, Vec<&'static str>>,
    issues: Vec<Tagged>,
}

/// Everything that is wrong with a file.
pub fn issues(path: &Path) -> Vec<Tagged> {
    Oracle::read(&sql(path)).issues()
}

/// The issues of a whole report that are of rows of this experiment, by what the rows of the file are.
pub fn of_experiment(issues: &[Tagged], experiment: i64) -> Vec<Found> {
    let its = issues.iter().filter(|issue| issue.experiments.contains(&experiment));
    its.map(|issue| issue.found.clone()).collect()
}

/// Which experiments each row belongs to.
pub type Membership = HashMap<(String, String), BTreeSet<i64>>;

pub fn membership(path: &Path) -> Membership {
    let oracle = Oracle::read(&sql(path));
    let mut members = Membership::new();
    let leaves = oracle.leaf_experiments();
    for (name, rows) in &oracle.rows {
        for row in rows {
            let of = oracle.experiments_of(table(name), row, &leaves);
            members.entry(((*name).to_owned(), row.key.clone())).or_default().extend(of);
        }
    }
    members
}

type Leaves = HashMap<(&'static str, Cell), BTreeSet<i64>>;

impl Oracle {
    fn read(sql: &Connection) -> Oracle {
        let mut rows = BTreeMap::new();
        for table in &TABLES {
            let count = "SELECT count(*) FROM pragma_table_list WHERE type = 'table' AND upper(name) = ?1";
            let there: i64 = sql.query_row(count, [table.name], |row| row.get(0)).expect("the tables");
            if there > 0 {
                rows.insert(table.name, read_table(sql, table));
            }
        }
        let mut json = HashMap::new();
        for case in texts::cases() {
            let cell = sql.query_row(&format!("SELECT {}", case.cell), [], |row| Ok(Cell::of(row.get_ref(0)?)));
            json.insert(cell.expect("a text"), case.kinds);
        }
        Oracle { rows, json, issues: Vec::new() }
    }

    fn of(&self, name: &str) -> &[Row] {
        self.rows.get(name).map_or(&[], Vec::as_slice)
    }

    fn by_id(&self, name: &str, id: &Cell) -> Option<&Row> {
        self.of(name).iter().find(|row| row.cell("id") == id)
    }

    // ---- Experiments of rows

    fn of_trial(&self, trial: &Cell) -> Option<i64> {
        let row = self.by_id("TRIAL", trial)?;
        let Cell::Integer(id) = self.by_id("EXPERIMENT", row.cell("experiment_id"))?.cell("id") else { return None };
        Some(*id)
    }

    fn of_run(&self, run: &Cell) -> Option<i64> {
        self.of_trial(self.by_id("TRIAL_RUN", run)?.cell("trial_id"))
    }

    /// The experiment that a link's owner belongs to by its id.
    fn of_link(&self, table: &Table, row: &Row) -> Option<i64> {
        let columns = table.references[0].0;
        let owner = row.cell(columns[columns.len() - 1]);
        match table.name {
            "EXPERIMENT_ARTIFACT" => match self.by_id("EXPERIMENT", owner)?.cell("id") {
                Cell::Integer(id) => Some(*id),
                _ => None,
            },
            "TRIAL_ARTIFACT" => self.of_trial(owner),
            _ => self.of_run(owner),
        }
    }

    /// The experiments of metrics and artifacts: those of the links that name them.
    fn leaf_experiments(&self) -> Leaves {
        let mut leaves = Leaves::new();
        for table in &TABLES {
            let Some(leaf) = table.leaf() else { continue };
            for row in self.of(table.name) {
                if let Some(experiment) = self.of_link(table, row) {
                    let id = row.cell(table.references[1].0[0]).clone();
                    leaves.entry((leaf, id)).or_default().insert(experiment);
                }
            }
        }
        leaves
    }

    fn experiments_of(&self, table: &Table, row: &Row, leaves: &Leaves) -> BTreeSet<i64> {
        let one = match table.name {
            "EXPERIMENT" => match row.cell("id") {
                Cell::Integer(id) => Some(*id),
                _ => None,
            },
            "TRIAL" => self.of_trial(row.cell("id")),
            "TRIAL_RUN" => self.of_run(row.cell("id")),
            "RESULTS" | "EPOCH" | "BATCH" => self.of_run(row.cell("trial_run_id")),
            name @ ("METRIC" | "ARTIFACT") => {
                let name = if name == "METRIC" { "METRIC" } else { "ARTIFACT" };
                return leaves.get(&(name, row.cell("id").clone())).cloned().unwrap_or_default();
            }
            _ => self.of_link(table, row),
        };
        one.into_iter().collect()
    }

    // ---- Issues

    fn issues(mut self) -> Vec<Tagged> {
        let leaves = self.leaf_experiments();
        let linked = self.linked();
        let mut all = Vec::new();
        for (name, rows) in &self.rows {
            let table = table(name);
            for row in rows {
                let mut of_row: Vec<(&'static str, Option<String>)> = Vec::new();
                let mut add = |kind: &'static str, column: &str| of_row.push((kind, Some(column.to_owned())));
                self.keys(table, row, &mut add);
                self.texts(table, row, &mut add);
                self.times(table, row, &mut add);
                match *name {
                    "METRIC" => self.metric(row, &mut add),
                    "EPOCH" => odd_indices(row, &["idx"], &mut add),
                    "BATCH" => odd_indices(row, &["idx", "epoch_idx"], &mut add),
                    "TRIAL" => self.name(row, &mut add),
                    _ => {}
                }
                if let "METRIC" | "ARTIFACT" = *name {
                    let place = (if *name == "METRIC" { "METRIC" } else { "ARTIFACT" }, row.cell("id").clone());
                    if !linked.contains(&place) {
                        let kind = if *name == "METRIC" { "unlinked_metric" } else { "unlinked_artifact" };
                        of_row.push((kind, None));
                    }
                    if leaves.get(&place).is_some_and(|experiments| experiments.len() > 1) {
                        of_row.push(("shared_row", None));
                    }
                }
                if *name == "TRIAL_RUN" && self.has_gap(row.cell("id")) {
                    of_row.push(("epoch_gap", None));
                }
                let experiments = self.experiments_of(table, row, &leaves);
                all.extend(of_row.into_iter().map(|(kind, column)| Tagged {
                    found: Found { kind: kind.to_owned(), table: (*name).to_owned(), row: row.key.clone(), column },
                    experiments: experiments.clone(),
                }));
            }
        }
        self.issues.append(&mut all);
        self.issues
    }

    /// The metrics and artifacts that any link names.
    fn linked(&self) -> HashSet<(&'static str, Cell)> {
        let mut linked = HashSet::new();
        for table in &TABLES {
            if let Some(leaf) = table.leaf() {
                let column = table.references[1].0[0];
                linked.extend(self.of(table.name).iter().map(|row| (leaf, row.cell(column).clone())));
            }
        }
        linked
    }

    fn keys(&self, table: &Table, row: &Row, add: &mut dyn FnMut(&'static str, &str)) {
        for (columns, parent, parents) in table.references {
            if row.has_null(columns) {
                continue;
            }
            let wanted = row.tuple(columns);
            if !self.of(parent).iter().any(|other| other.tuple(parents) == wanted) {
                add("dangling_reference", &columns.join(", "));
                if table.leaf().is_none() && !row.has_null(table.links) {
                    add("orphan", &columns.join(", "));
                }
                continue;
            }
            // What leads somewhere, and looks like the integer that it is not.
            for column in columns.iter().filter(|column| !column.ends_with("idx")) {
                if let Cell::Text(bytes) = row.cell(column)
                    && std::str::from_utf8(bytes).is_ok_and(|text| text.parse::<i64>().is_ok())
                {
                    add("key_not_integer", column);
                }
            }
        }
        let null: Vec<&str> = table.links.iter().copied().filter(|column| *row.cell(column) == Cell::Null).collect();
        if !null.is_empty() {
            add("null_key", &null.join(", "));
        }
    }

    fn texts(&self, table: &Table, row: &Row, add: &mut dyn FnMut(&'static str, &str)) {
        for (column, required) in table.texts {
            match row.cell(column) {
                Cell::Null if *required => add("null_value", column),
                Cell::Blob(_) => add("text_not_text", column),
                Cell::Text(bytes) if std::str::from_utf8(bytes).is_err() => add("text_not_utf8", column),
                _ => {}
            }
        }
    }

    fn times(&self, table: &Table, row: &Row, add: &mut dyn FnMut(&'static str, &str)) {
        for column in table.times {
            if row.time(column).is_none() {
                add("timestamp_invalid", column);
            }
        }
        if table.times.len() == 2
            && let (Some(start), Some(update)) = (row.time("start_time"), row.time("update_time"))
            && update < start
        {
            add("timestamps_backwards", "update_time");
        }
        let parent = match table.name {
            "TRIAL" => self.by_id("EXPERIMENT", row.cell("experiment_id")),
            "TRIAL_RUN" => self.by_id("TRIAL", row.cell("trial_id")),
            "RESULTS" | "EPOCH" | "BATCH" => self.by_id("TRIAL_RUN", row.cell("trial_run_id")),
            _ => None,
        };
        let Some(parent) = parent else { return };
        let (begin, end) = (parent.time("start_time"), parent.time("update_time"));
        for column in table.times {
            let Some(time) = row.time(column) else { continue };
            let early = *column != "update_time" && begin.is_some_and(|begin| time < begin);
            let late = matches!((begin, end), (Some(begin), Some(end)) if end > begin && time > end);
            if early || late {
                add("child_outside_parent", column);
            }
        }
    }

    fn metric(&self, row: &Row, add: &mut dyn FnMut(&'static str, &str)) {
        let cell = row.cell("per_label_val");
        let kinds = self.json.get(cell).unwrap_or_else(|| panic!("the oracle does not know {cell:?}"));
        kinds.iter().for_each(|kind| add(kind, "per_label_val"));
        match row.cell("total_val") {
            Cell::Null => add("total_val_null", "total_val"),
            Cell::Text(_) | Cell::Blob(_) => add("total_val_not_number", "total_val"),
            Cell::Real(bits) if !f64::from_bits(*bits).is_finite() => add("total_val_not_finite", "total_val"),
            Cell::Real(_) | Cell::Integer(_) => {}
        }
    }

    fn name(&self, row: &Row, add: &mut dyn FnMut(&'static str, &str)) {
        let earlier = |other: &&Row| {
            other.cell("id") < row.cell("id")
                && other.cell("experiment_id") == row.cell("experiment_id")
                && *row.cell("experiment_id") != Cell::Null
                && *row.cell("name") != Cell::Null
                && other.cell("name") == row.cell("name")
        };
        if self.of("TRIAL").iter().any(|other| earlier(&other)) {
            add("duplicate_trial_name", "name");
        }
    }

    fn has_gap(&self, run: &Cell) -> bool {
        let mut indices: Vec<i128> = self
            .of("EPOCH")
            .iter()
            .filter(|row| row.cell("trial_run_id") == run)
            .filter_map(|row| match row.cell("idx") {
                Cell::Integer(idx) => Some(i128::from(*idx)),
                _ => None,
            })
            .collect();
        indices.sort_unstable();
        indices.first().is_some_and(|first| *first > 1) || indices.windows(2).any(|pair| pair[1] - pair[0] > 1)
    }
}

fn odd_indices(row: &Row, columns: &[&str], add: &mut dyn FnMut(&'static str, &str)) {
    for column in columns {
        if !matches!(row.cell(column), Cell::Null | Cell::Integer(_)) {
            add("index_not_integer", column);
        }
    }
}

fn read_table(sql: &Connection, table: &Table) -> Vec<Row> {
    let mut columns: Vec<&'static str> = table.key.to_vec();
    let texts = table.texts.iter().map(|(column, _)| column);
    for column in table.links.iter().chain(table.times).chain(texts) {
        if !columns.contains(column) {
            columns.push(column);
        }
    }
    if table.name == "METRIC" {
        columns.extend(["total_val", "per_label_val"]);
    }
    let query = format!("SELECT {} FROM {}", quoted_list(&columns), table.name);
    let mut statement = sql.prepare(&query).unwrap_or_else(|error| panic!("{error}: {query}"));
    let mut rows = statement.query([]).expect("the query");
    let mut found = Vec::new();
    while let Some(row) = rows.next().expect("a row") {
        let mut key = Vec::new();
        let mut cells = HashMap::new();
        for (at, column) in columns.iter().enumerate() {
            let value = row.get_ref(at).expect("a cell");
            if at < table.key.len() {
                key.push(format!("{column}={}", shown(value)));
            }
            cells.insert(*column, Cell::of(value));
        }
        found.push(Row { key: key.join(", "), cells });
    }
    found
}
