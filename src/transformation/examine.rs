//! Transforms one metric: applies all rules that match it, each to the result of the one before, and checks the final result.

use super::metric::{CELLS, Metric, Outcome};
use super::rules::Settings;
use super::steps::Steps;
use super::untold::Untold;
use crate::database::{Affinity, ColumnLayout, Connection, TableLayout};
use crate::error::{Domain, Error, Result, Status};
use crate::schema::Column;
use crate::validation::Values;
use crate::values::{Value, ValueRef};

/// What speaks of a row that is not valid after all rules were applied.
const VALIDATION: &str = "validate_after_transform";
/// What speaks of a row that could not be given back what it had.
const BACKUP: &str = "backup_original";

/// What becomes of a metric.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    Unchanged,
    /// The cells that changed, as bits. The new ones are in [`Examiner::metric`].
    Changed(u8),
    /// By which transformation, and why.
    Skipped(String, String),
    Failed(String, String),
}

/// What the rules have made of a metric.
enum Applied {
    /// Each has had its turn; the first that skipped it, and why.
    Done { skipped: Option<(String, String)> },
    /// By which transformation, and why.
    Failed(String, String),
}

/// What speaks of a row with values that cannot be read in full.
const TELLING: &str = "database";
const UNTOLD: &str = "has a value of a type that its text does not show (a date, a decimal or bytes within JSON), and would not come back as it is";

/// Looks at metrics one after another; keeps its buffers.
pub struct Examiner<'a> {
    connection: &'a dyn Connection,
    columns: [(ColumnLayout, &'static Column); 2],
    untold: Untold,
    validates: bool,
    /// What a row had must come back as it was when it is written again.
    keeps: bool,
    values: Values,
    metric: Metric,
}

/// Puts a cell into a value, whose memory is used again.
fn refill(value: &mut Value, cell: ValueRef<'_>) {
    match (value, cell) {
        (Value::Text(old), ValueRef::Text(new)) => {
            old.clear();
            old.extend_from_slice(new);
        }
        (value, cell) => *value = cell.to_owned(),
    }
}

/// Whether two cells are the same, bit for bit.
pub fn same(a: ValueRef<'_>, b: ValueRef<'_>) -> bool {
    match (a, b) {
        (ValueRef::Real(a), ValueRef::Real(b)) => a.to_bits() == b.to_bits(),
        (a, b) => a == b,
    }
}

impl<'a> Examiner<'a> {
    /// For the METRIC rows of a database.
    pub fn new(connection: &'a dyn Connection, table: &TableLayout, settings: &Settings) -> Result<Examiner<'a>> {
        let column = |name: &str| {
            let found =
                table.columns.iter().find_map(|column| Some((column, column.schema.filter(|c| c.name == name)?)));
            found.map(|(column, known): (&ColumnLayout, _)| (column.clone(), known)).ok_or_else(|| {
                Error::new(Status::Schema, Domain::Transformation, format!("the column METRIC.{name} is missing"))
            })
        };
        let [(total, _), (labels, _)] = CELLS;
        Ok(Examiner {
            connection,
            columns: [column(total)?, column(labels)?],
            untold: Untold::find(connection, table)?,
            validates: settings.validate_after_transform,
            keeps: settings.backup_original,
            values: Values::default(),
            metric: Metric { id: 0, kind: Vec::new(), total_val: Value::Null, per_label_val: Value::Null },
        })
    }

    /// The metric that was examined last, as it shall be.
    pub fn metric(&self) -> &Metric {
        &self.metric
    }

    /// As [`Examiner::metric`], for who takes its cells.
    pub fn metric_mut(&mut self) -> &mut Metric {
        &mut self.metric
    }

    /// Applies these rules to a metric with this id, type, total and per-label values.
    pub fn examine(
        &mut self,
        rules: (&mut Steps<'_>, &[usize]),
        id: i64,
        [kind, total, labels]: [ValueRef<'_>; 3],
    ) -> Result<Verdict> {
        self.begin(id, kind);
        refill(&mut self.metric.total_val, total);
        refill(&mut self.metric.per_label_val, labels);
        let applied = self.apply(rules, &mut |_, _| {})?;
        let old = [total, labels];
        self.verdict(applied, self.changed(old), old)
    }

    /// As [`Examiner::examine`], of cells that nobody else has, and that are not copied. Answers those that change, the others as NULL.
    pub fn examine_owned(
        &mut self,
        rules: (&mut Steps<'_>, &[usize]),
        (id, kind): (i64, ValueRef<'_>),
        [total, labels]: [Value; 2],
    ) -> Result<(Verdict, [Value; 2])> {
        self.begin(id, kind);
        (self.metric.total_val, self.metric.per_label_val) = (total, labels);
        let mut first = [None, None];
        let applied = self.apply(rules, &mut |at, old| {
            first.get_mut(at).map(|first: &mut Option<Value>| first.get_or_insert(old));
        })?;
        let is_changed =
            |old: &Option<Value>, new: &Value| old.as_ref().is_some_and(|old| !same(old.borrow(), new.borrow()));
        let now = [&self.metric.total_val, &self.metric.per_label_val];
        let bits =
            first.iter().zip(now).zip(CELLS).map(|((old, new), (_, bit))| if is_changed(old, new) { bit } else { 0 });
        let changed = bits.sum();
        let old = first.map(|old| old.unwrap_or(Value::Null));
        let verdict = self.verdict(applied, changed, old.each_ref().map(Value::borrow))?;
        Ok((verdict, old))
    }

    fn begin(&mut self, id: i64, kind: ValueRef<'_>) {
        self.metric.id = id;
        self.metric.kind.clear();
        match kind {
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => self.metric.kind.extend_from_slice(bytes),
            other => self.metric.kind.extend_from_slice(other.describe().as_bytes()),
        }
    }

    /// Applies these rules to the metric. `replaced` gets each cell that another takes the place of, by its number.
    fn apply(
        &mut self,
        (steps, matching): (&mut Steps<'_>, &[usize]),
        replaced: &mut dyn FnMut(usize, Value),
    ) -> Result<Applied> {
        let mut skipped = None;
        for at in matching {
            match steps.apply(*at, &self.metric)? {
                Outcome::Unchanged => {}
                Outcome::Changed { total_val, per_label_val } => {
                    if self.take(total_val, per_label_val, replaced)? {
                        steps.changed(*at);
                    }
                }
                Outcome::Skipped(reason) => skipped = skipped.or(Some((steps.name(*at).to_owned(), reason))),
                Outcome::Failed(reason) => return Ok(Applied::Failed(steps.name(*at).to_owned(), reason)),
            }
        }
        Ok(Applied::Done { skipped })
    }

    /// Which cells are others than these, as bits.
    fn changed(&self, old: [ValueRef<'_>; 2]) -> u8 {
        let now = [&self.metric.total_val, &self.metric.per_label_val];
        let cells = old.into_iter().zip(now).zip(CELLS);
        cells.fold(0, |bits, ((old, new), (_, bit))| if same(old, new.borrow()) { bits } else { bits | bit })
    }

    /// What becomes of the metric when these of its cells have changed; `old` are those.
    fn verdict(&mut self, applied: Applied, changed: u8, old: [ValueRef<'_>; 2]) -> Result<Verdict> {
        let skipped = match applied {
            Applied::Failed(by, reason) => return Ok(Verdict::Failed(by, reason)),
            Applied::Done { skipped } => skipped,
        };
        if changed == 0 {
            return Ok(skipped.map_or(Verdict::Unchanged, |(by, reason)| Verdict::Skipped(by, reason)));
        }
        if let Some(column) = self.untold.first_of(old, changed) {
            let problem = format!("{column} {UNTOLD}");
            return Ok(Verdict::Failed(TELLING.to_owned(), problem));
        }
        if let Some(problem) = self.invalid() {
            return Ok(Verdict::Failed(VALIDATION.to_owned(), problem));
        }
        match self.not_restorable(changed, old)? {
            Some(problem) => Ok(Verdict::Failed(BACKUP.to_owned(), problem)),
            None => Ok(Verdict::Changed(changed)),
        }
    }

    /// Why an undo could not give back one of the cells that change: a column that writes anew what it is given need not come back to
    /// what is in it.
    fn not_restorable(&self, changed: u8, old: [ValueRef<'_>; 2]) -> Result<Option<String>> {
        for ((old, (column, known)), (_, bit)) in old.into_iter().zip(&self.columns).zip(CELLS) {
            if !self.keeps || changed & bit == 0 || column.certainly_keeps(old) {
                continue;
            }
            let stored = self.connection.stored_as(column, old)?;
            if !stored.is_some_and(|stored| same(stored.borrow(), old)) {
                let (name, declared) = (known.name, &column.declared);
                return Ok(Some(format!(
                    "{name} could not be restored: a column of type {declared} does not take it back as it is"
                )));
            }
        }
        Ok(None)
    }

    /// Takes new cells over, as the database will have them. Whether that changes anything.
    fn take(
        &mut self,
        total: Option<Value>,
        labels: Option<Value>,
        replaced: &mut dyn FnMut(usize, Value),
    ) -> Result<bool> {
        let mut changed = false;
        let cells = [&mut self.metric.total_val, &mut self.metric.per_label_val];
        for (at, ((cell, new), (column, _))) in cells.into_iter().zip([total, labels]).zip(&self.columns).enumerate() {
            let Some(new) = new else { continue };
            let new = stored(self.connection, column, new)?;
            if !same(cell.borrow(), new.borrow()) {
                replaced(at, std::mem::replace(cell, new));
                changed = true;
            }
        }
        Ok(changed)
    }

    /// What is wrong with the metric as it shall be.
    fn invalid(&mut self) -> Option<String> {
        if !self.validates {
            return None;
        }
        let mut problem = None;
        let cells = [&self.metric.total_val, &self.metric.per_label_val];
        for (cell, (_, known)) in cells.into_iter().zip(&self.columns) {
            self.values.check(known, cell.borrow(), |_, what| {
                problem.get_or_insert_with(|| format!("{} {what}", known.name));
            });
        }
        problem
    }
}

/// What a column will hold when this is stored in it. The usual cases are known without asking the database.
fn stored(connection: &dyn Connection, column: &ColumnLayout, value: Value) -> Result<Value> {
    let Some(affinity) = column.affinity() else {
        if column.certainly_keeps(value.borrow()) {
            return Ok(value);
        }
        let refused = || {
            let message = format!("the column {} cannot hold {}", column.name, value.borrow().describe());
            Error::new(Status::Constraint, Domain::Transformation, message)
                .detail("column", &column.name)
                .hint("change the rules, or the type of the column; nothing was changed")
        };
        return connection.stored_as(column, value.borrow())?.ok_or_else(refused);
    };
    let stays = match &value {
        Value::Null | Value::Blob(_) => true,
        Value::Real(number) if number.is_nan() => return Ok(Value::Null),
        // SQLite keeps whole numbers of such a column as integers, which have no -0.
        Value::Real(number) => affinity == Affinity::Blob || (affinity == Affinity::Real && *number != 0.0),
        Value::Integer(_) => matches!(affinity, Affinity::Integer | Affinity::Numeric | Affinity::Blob),
        // No number begins with a brace.
        Value::Text(text) => matches!(affinity, Affinity::Text | Affinity::Blob) || text.first() == Some(&b'{'),
    };
    if stays { Ok(value) } else { Ok(connection.stored_as(column, value.borrow())?.unwrap_or(Value::Null)) }
}

#[cfg(test)]
mod tests {
    use super::{Examiner, Verdict, same, stored};
    use crate::database::{Affinity, ColumnLayout, Database, Layout, OpenOptions, Storage};
    use crate::transformation::metric::Outcome;
    use crate::transformation::rules::Settings;
    use crate::transformation::steps::{Step, Steps};
    use crate::values::{Value, ValueRef};

    fn database(folder: &tempfile::TempDir) -> (Database, Layout) {
        let path = folder.path().join("a.db");
        let options = OpenOptions { create: true, ..OpenOptions::default() };
        let database = Database::open(path.to_str().unwrap(), options).unwrap();
        let layout = database.layout().unwrap();
        (database, layout)
    }

    fn step<'r>(kind: Option<&str>, name: &str, outcome: Outcome) -> Step<'r> {
        Step {
            metric_type: kind.map(|kind| kind.as_bytes().to_vec()),
            name: name.to_owned(),
            apply: Box::new(move |_| Ok(outcome.clone())),
        }
    }

    fn total(value: f64) -> Outcome {
        Outcome::Changed { total_val: Some(Value::Real(value)), per_label_val: None }
    }

    fn labels(text: &str) -> Outcome {
        Outcome::Changed { total_val: None, per_label_val: Some(Value::Text(text.into())) }
    }

    #[test]
    fn what_is_stored_is_what_the_database_would_say() {
        let folder = tempfile::tempdir().unwrap();
        let (database, _) = database(&folder);
        let connection = database.reader().unwrap();
        let values = [
            Value::Null,
            Value::Integer(5),
            Value::Integer((1 << 53) + 1),
            Value::Real(5.0),
            Value::Real(-0.0),
            Value::Real(1e300),
            Value::Real(f64::INFINITY),
            Value::Text(b"{\"a\": 1}".to_vec()),
            Value::Text(b"5.0".to_vec()),
            Value::Text(b"".to_vec()),
            Value::Blob(b"5".to_vec()),
        ];
        for declared in ["FLOAT", "TEXT", "JSON", "INT", "", "BLOB", "VARCHAR(50)"] {
            let storage = Storage::Affinity(Affinity::of(declared));
            let column = ColumnLayout::new("v".into(), None, declared.into(), storage);
            for value in &values {
                let asked = connection.stored_as(&column, value.borrow()).unwrap().unwrap();
                let known = stored(connection, &column, value.clone()).unwrap();
                assert!(same(asked.borrow(), known.borrow()), "{declared}: {value:?} is {asked:?}, not {known:?}");
            }
        }
    }

    #[test]
    fn rules_work_on_the_result_of_the_rule_before_and_only_what_differs_is_changed() {
        let folder = tempfile::tempdir().unwrap();
        let (database, layout) = database(&folder);
        let mut examiner =
            Examiner::new(database.reader().unwrap(), layout.table("METRIC").unwrap(), &Settings::default()).unwrap();
        let row = [ValueRef::Text(b"loss"), ValueRef::Real(0.5), ValueRef::Text(b"{}")];
        let mut look = |steps: Vec<Step<'_>>| {
            let mut steps = Steps::new(steps);
            let matching = steps.matching(row[0]);
            let verdict = examiner.examine((&mut steps, &matching), 7, row).unwrap();
            (verdict, examiner.metric().clone(), steps.counts())
        };
        let (verdict, metric, counts) =
            look(vec![step(Some("loss"), "a", total(1.0)), step(None, "b", labels("{\"x\": 1}"))]);
        assert_eq!(verdict, Verdict::Changed(3));
        assert_eq!((metric.total_val, metric.per_label_val), (Value::Real(1.0), Value::Text(b"{\"x\": 1}".to_vec())));
        assert_eq!(counts.iter().map(|count| count.changed).collect::<Vec<_>>(), [1, 1]);
        // There and back again.
        let (verdict, ..) = look(vec![step(None, "a", total(1.0)), step(None, "b", total(0.5))]);
        assert_eq!(verdict, Verdict::Unchanged);
        assert_eq!(look(vec![step(None, "a", total(0.5))]).0, Verdict::Unchanged);
        assert_eq!(look(vec![step(None, "a", labels("{}"))]).0, Verdict::Unchanged);
        let skip = || step(None, "skips", Outcome::Skipped("no".into()));
        assert_eq!(look(vec![skip()]).0, Verdict::Skipped("skips".into(), "no".into()));
        assert_eq!(look(vec![skip(), step(None, "a", total(2.0))]).0, Verdict::Changed(1));
        let fail = || step(None, "fails", Outcome::Failed("bad".into()));
        assert_eq!(look(vec![step(None, "a", total(2.0)), fail()]).0, Verdict::Failed("fails".into(), "bad".into()));
    }

    #[test]
    fn a_row_that_is_not_valid_afterwards_fails_and_an_untouched_one_is_nobodys_business() {
        let folder = tempfile::tempdir().unwrap();
        let (database, layout) = database(&folder);
        let table = layout.table("METRIC").unwrap();
        let row = [ValueRef::Text(b"loss"), ValueRef::Null, ValueRef::Text(b"{}")];
        for validates in [true, false] {
            let settings = Settings { validate_after_transform: validates, ..Settings::default() };
            let mut examiner = Examiner::new(database.reader().unwrap(), table, &settings).unwrap();
            let mut look = |outcome: Outcome| {
                examiner.examine((&mut Steps::new(vec![step(None, "a", outcome)]), &[0]), 7, row).unwrap()
            };
            assert_eq!(look(Outcome::Unchanged), Verdict::Unchanged);
            assert_eq!(look(total(1.0)), Verdict::Changed(1));
            let bad = look(labels("[1]"));
            let null = look(Outcome::Changed { total_val: Some(Value::Real(f64::NAN)), per_label_val: None });
            assert_eq!(null, Verdict::Unchanged);
            assert_eq!(matches!(bad, Verdict::Failed(name, _) if name == super::VALIDATION), validates);
        }
    }
}
