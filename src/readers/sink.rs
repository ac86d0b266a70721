//! Where a reader puts what it finds: experiments, runs, params, tags, points and rows of other kinds go into the scratch database, the rest into the
//! sidecar, and everything is counted.

mod equal_points;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::account::{Account, Source, note};
use super::fits::Fits;
use super::keys::Names;
use super::new_rows::{NewExperiment, NewRun, RunStatus};
use super::options::BringInOptions;
use super::sidecar::Sidecar;
use crate::database::{Chunk, Connection, Layout, TableLayout};
use crate::error::{Domain, Error, Result};
use crate::progress::Job;
use crate::values::{Value, ValueRef};

/// What a value is that the target's column does not take.
const DOES_NOT_FIT: &str = "does_not_fit";
/// The table of points, and its columns in the order in which they are written.
pub const POINTS: &str = "metrics";
const POINT_COLUMNS: [&str; 6] = ["run_uuid", "key", "timestamp", "step", "value", "is_nan"];

/// The point of a key that the tracker shows: the greatest by step, time and value.
#[derive(Clone, Copy)]
struct Latest {
    step: i64,
    time: i64,
    value: f64,
    is_nan: bool,
}

/// What is known of one key of the run.
struct KeyState {
    latest: Latest,
    last: Latest,
    /// A step is not greater than one before it.
    written_again: bool,
    /// A point did not come behind the one before it, so that two can be equal.
    out_of_order: bool,
}

/// The run that is being read.
struct OpenRun {
    id: String,
    row: Vec<(&'static str, Value)>,
    keys: HashMap<String, KeyState>,
    params: BTreeMap<String, String>,
    tags: BTreeMap<String, String>,
    names: Names,
    /// Points before it.
    first: u64,
    folded: u64,
}

/// One table that is written.
struct Writer<'a> {
    table: &'a TableLayout,
    chunk: Chunk<'a>,
}

/// Where everything goes.
pub struct Sink<'a> {
    connection: &'a dyn Connection,
    layout: &'a Layout,
    job: &'a Arc<Job>,
    options: &'a BringInOptions,
    /// What the target takes.
    fits: Fits<'a>,
    points: Chunk<'a>,
    points_written: u64,
    tables: HashMap<&'static str, Writer<'a>>,
    run: Option<OpenRun>,
    experiments: i64,
    /// The account of the source that is being read.
    pub source: Source,
    pub account: Account,
    sidecar: Option<Sidecar>,
    /// What would have gone into the sidecar, had there been one.
    pub without_place: u64,
}

/// A value as the store has it.
fn stored(value: f64, adjusted: &mut super::account::Rules) -> (f64, bool) {
    if value.is_nan() {
        note(adjusted, "nan", 1);
        return (0.0, true);
    }
    if value.is_infinite() {
        note(adjusted, "infinity_as_greatest", 1);
        return (f64::MAX.copysign(value), false);
    }
    if value == 0.0 && value.is_sign_negative() {
        note(adjusted, "negative_zero", 1);
        return (0.0, false);
    }
    (value, false)
}

fn text(value: &str) -> ValueRef<'_> {
    ValueRef::Text(value.as_bytes())
}

fn maybe_text(value: Option<&str>) -> ValueRef<'_> {
    value.map_or(ValueRef::Null, text)
}

fn maybe_number(value: Option<i64>) -> ValueRef<'static> {
    value.map_or(ValueRef::Null, ValueRef::Integer)
}

fn no_run() -> Error {
    Error::internal(Domain::ImportExport, "a value came before its run")
}

impl<'a> Sink<'a> {
    pub fn new(
        (connection, layout): (&'a dyn Connection, &'a Layout),
        (options, sidecar): (&'a BringInOptions, Option<Sidecar>),
        (fits, account): (Fits<'a>, Account),
        job: &'a Arc<Job>,
    ) -> Result<Sink<'a>> {
        let Some(table) = layout.table(POINTS) else {
            return Err(Error::internal(Domain::ImportExport, "the scratch database has no table of points"));
        };
        let points = Chunk::new(connection.inserter(table, &POINT_COLUMNS)?, POINT_COLUMNS.len(), usize::MAX, job);
        Ok(Sink {
            connection,
            layout,
            job,
            options,
            fits,
            points,
            points_written: 0,
            tables: HashMap::new(),
            run: None,
            experiments: 0,
            source: Source::default(),
            account,
            sidecar,
            without_place: 0,
        })
    }

    /// The options of the call.
    pub fn options(&self) -> &'a BringInOptions {
        self.options
    }

    /// Begins the account of a source.
    pub fn begin_source(&mut self, name: &str) {
        self.source = Source { name: name.to_owned(), ..Source::default() };
    }

    /// Ends it.
    pub fn end_source(&mut self) -> Result<()> {
        self.account.close(std::mem::take(&mut self.source))
    }

    /// Writes a row into any table but that of the points. A column that the target's version lacks gets none. Whether the target has the table.
    fn write(&mut self, table: &'static str, columns: &[(&'static str, ValueRef<'_>)]) -> Result<bool> {
        if !self.tables.contains_key(table) {
            let Some(found) = self.layout.table(table) else { return Ok(false) };
            let names: Vec<&str> = found.columns.iter().map(|column| column.name.as_str()).collect();
            let chunk = Chunk::new(self.connection.inserter(found, &names)?, names.len(), usize::MAX, self.job);
            self.tables.insert(table, Writer { table: found, chunk });
        }
        let Some(writer) = self.tables.get_mut(table) else { return Ok(false) };
        let value = |name: &str| columns.iter().find(|(column, _)| *column == name).map(|(_, value)| *value);
        let values = writer.table.columns.iter().map(|column| value(&column.name).unwrap_or(ValueRef::Null));
        let values: Vec<ValueRef<'_>> = values.collect();
        writer.chunk.push(&values)?;
        writer.chunk.flush_if_full()?;
        Ok(true)
    }

    /// Stores a row that is a value of its own: a dataset, a link, a model's param. One on which nothing else hangs has no place where the target
    /// does not take it.
    pub fn row(&mut self, table: &'static str, columns: &[(&'static str, ValueRef<'_>)]) -> Result<()> {
        if self.layout.table(table).is_some_and(|found| !found.schema.has_own_id()) {
            for (column, value) in columns {
                if !self.fits.takes(table, column, *value)? {
                    let shown = columns.iter().filter(|(name, _)| *name != "experiment_id");
                    let shown: serde_json::Map<String, Json> =
                        shown.map(|(name, value)| ((*name).to_owned(), Json::from(value.readable()))).collect();
                    return self.beside(DOES_NOT_FIT, &Json::from(shown));
                }
            }
        }
        match self.write(table, columns)? {
            true => self.source.values.stored += 1,
            false => {
                self.without_place += 1;
                self.source.values.refuse("no_such_table");
            }
        }
        Ok(())
    }

    /// Stores a point of a logged model.
    pub fn model_point(&mut self, columns: &[(&'static str, ValueRef<'_>)]) -> Result<()> {
        match self.write("logged_model_metrics", columns)? {
            true => self.source.points.stored += 1,
            false => {
                self.without_place += 1;
                self.source.points.refuse("no_such_table");
            }
        }
        Ok(())
    }

    /// Stores an experiment; returns its id in the scratch database.
    pub fn experiment(&mut self, new: &NewExperiment<'_>) -> Result<i64> {
        self.experiments -= 1;
        let id = self.experiments;
        self.write(
            "experiments",
            &[
                ("experiment_id", ValueRef::Integer(id)),
                ("name", text(self.options.experiment.as_deref().unwrap_or(new.name))),
                ("artifact_location", maybe_text(new.artifact_location)),
                ("lifecycle_stage", text(if new.deleted { "deleted" } else { "active" })),
                ("creation_time", maybe_number(new.creation_time)),
                ("last_update_time", maybe_number(new.last_update_time)),
                ("workspace", text("default")),
            ],
        )?;
        Ok(id)
    }

    /// Begins a run, whose params, tags and points follow.
    pub fn begin_run(&mut self, new: &NewRun<'_>) -> Result<()> {
        let user = new.user.filter(|user| !user.is_empty()).or(self.options.user.as_deref()).unwrap_or("unknown");
        let row = [
            ("run_uuid", text(new.id)),
            ("name", text(new.name)),
            ("source_type", text(new.source_type)),
            ("source_name", text(new.source_name)),
            ("entry_point_name", text(new.entry_point)),
            ("user_id", text(user)),
            ("status", text(new.status.name())),
            ("start_time", ValueRef::Integer(new.start_time)),
            ("end_time", maybe_number(new.end_time)),
            ("source_version", text(new.source_version)),
            ("lifecycle_stage", text(if new.deleted { "deleted" } else { "active" })),
            ("artifact_uri", maybe_text(new.artifact_uri)),
            ("experiment_id", ValueRef::Integer(new.experiment)),
            ("deleted_time", maybe_number(new.deleted_time)),
        ];
        self.run = Some(OpenRun {
            id: new.id.to_owned(),
            row: row.iter().map(|(column, value)| (*column, ValueRef::to_owned(*value))).collect(),
            keys: HashMap::new(),
            params: BTreeMap::new(),
            tags: BTreeMap::new(),
            names: Names::default(),
            first: self.points_written,
            folded: 0,
        });
        Ok(())
    }

    /// Says of the run what is known only at its end.
    pub fn set_run(&mut self, column: &'static str, value: Value) -> Result<()> {
        let run = self.run.as_mut().ok_or_else(no_run)?;
        run.row.iter_mut().filter(|(name, _)| *name == column).for_each(|(_, known)| known.clone_from(&value));
        Ok(())
    }

    /// Says when a run began and ended of which the source does not say that it has: it is taken for one that goes on, unless the caller knows better.
    pub fn end_unknown(&mut self, (first, last): (Option<i64>, Option<i64>), as_ended: RunStatus) -> Result<()> {
        self.set_run("start_time", Value::Integer(first.unwrap_or(0)))?;
        if self.options.ended {
            self.set_run("end_time", last.map_or(Value::Null, Value::Integer))?;
            self.set_run("status", Value::Text(as_ended.name().as_bytes().to_vec()))?;
        }
        Ok(())
    }

    /// Stores a param of the run. Of two values of one key the later counts.
    pub fn param(&mut self, key: &str, value: &str) -> Result<()> {
        if !self.fits.takes("params", "value", text(value))? {
            return self.beside(DOES_NOT_FIT, &json!({"param": key, "value": value}));
        }
        let run = self.run.as_mut().ok_or_else(no_run)?;
        match run.params.insert(key.to_owned(), value.to_owned()) {
            None => self.source.values.stored += 1,
            Some(_) => self.source.values.fold("written_again", 1),
        }
        Ok(())
    }

    /// Stores a tag of the run. Of two values of one key the later counts.
    pub fn tag(&mut self, key: &str, value: &str) -> Result<()> {
        if !self.fits.takes("tags", "value", text(value))? {
            return self.beside(DOES_NOT_FIT, &json!({"tag": key, "value": value}));
        }
        let run = self.run.as_mut().ok_or_else(no_run)?;
        match run.tags.insert(key.to_owned(), value.to_owned()) {
            None => self.source.values.stored += 1,
            Some(_) => self.source.values.fold("written_again", 1),
        }
        Ok(())
    }

    /// A tag that the import itself makes, which is nothing that was read.
    pub fn own_tag(&mut self, key: &str, value: &str) -> Result<()> {
        let run = self.run.as_mut().ok_or_else(no_run)?;
        run.tags.insert(key.to_owned(), value.to_owned());
        Ok(())
    }

    /// The key that the target takes for this one, by the rule of docs/bring-in.md; the original is kept in a tag of the run.
    pub fn key(&mut self, original: &str) -> Result<String> {
        let run = self.run.as_mut().ok_or_else(no_run)?;
        let (key, rule) = run.names.of(original);
        if let Some(rule) = rule {
            run.tags.insert(format!("expmig.key.{key}"), original.to_owned());
            note(&mut self.source.adjusted, rule, 1);
        }
        Ok(key)
    }

    /// Stores a point of the run.
    pub fn point(&mut self, key: &str, step: i64, time: i64, value: f64) -> Result<()> {
        let run = self.run.as_mut().ok_or_else(no_run)?;
        let (value, is_nan) = stored(value, &mut self.source.adjusted);
        let latest = Latest { step, time, value, is_nan };
        match run.keys.get_mut(key) {
            Some(state) => {
                state.out_of_order |= (step, time) <= (state.last.step, state.last.time);
                state.written_again |= step <= state.last.step;
                state.last = latest;
                let known = &state.latest;
                if (step, time) > (known.step, known.time)
                    || ((step, time) == (known.step, known.time) && value > known.value)
                {
                    state.latest = latest;
                }
            }
            None => {
                run.keys.insert(
                    key.to_owned(),
                    KeyState { latest, last: latest, written_again: false, out_of_order: false },
                );
            }
        }
        self.points.push(&[
            text(&run.id),
            text(key),
            ValueRef::Integer(time),
            ValueRef::Integer(step),
            ValueRef::Real(value),
            ValueRef::Integer(i64::from(is_nan)),
        ])?;
        self.points.flush_if_full()?;
        self.points_written += 1;
        self.source.points.stored += 1;
        Ok(())
    }

    /// Ends the run: equal points are folded, and what is derived is written.
    pub fn end_run(&mut self) -> Result<()> {
        self.fold_equal()?;
        let Some(run) = self.run.take() else { return Err(no_run()) };
        let row: Vec<(&'static str, ValueRef<'_>)> =
            run.row.iter().map(|(column, value)| (*column, value.borrow())).collect();
        self.write("runs", &row)?;
        for (table, rows) in [("params", &run.params), ("tags", &run.tags)] {
            for (key, value) in rows {
                self.write(table, &[("key", text(key)), ("value", text(value)), ("run_uuid", text(&run.id))])?;
            }
        }
        let mut keys: Vec<(&String, &KeyState)> = run.keys.iter().collect();
        keys.sort_unstable_by_key(|(key, _)| *key);
        for (key, state) in keys {
            let Latest { step, time, value, is_nan } = state.latest;
            self.write(
                "latest_metrics",
                &[
                    ("key", text(key)),
                    ("value", ValueRef::Real(value)),
                    ("timestamp", ValueRef::Integer(time)),
                    ("step", ValueRef::Integer(step)),
                    ("is_nan", ValueRef::Integer(i64::from(is_nan))),
                    ("run_uuid", text(&run.id)),
                ],
            )?;
        }
        Ok(())
    }

    /// Keeps something that the target has no place for.
    pub fn beside(&mut self, kind: &'static str, value: &Json) -> Result<()> {
        let run = self.run.as_ref().map(|run| run.id.as_str());
        match &mut self.sidecar {
            Some(sidecar) => {
                sidecar.add((&self.source.name, run), kind, value)?;
                note(&mut self.source.values.sidecar, kind, 1);
            }
            None => {
                self.without_place += 1;
                self.source.values.refuse(kind);
            }
        }
        Ok(())
    }

    /// Keeps a point that the target has no place for.
    pub fn point_beside(&mut self, kind: &'static str, value: &Json) -> Result<()> {
        let run = self.run.as_ref().map(|run| run.id.as_str());
        match &mut self.sidecar {
            Some(sidecar) => {
                sidecar.add((&self.source.name, run), kind, value)?;
                note(&mut self.source.points.sidecar, kind, 1);
            }
            None => {
                self.without_place += 1;
                self.source.points.refuse(kind);
            }
        }
        Ok(())
    }

    /// Leaves out what is of the machine and its user, where that is not asked for. Whether it may be kept.
    pub fn may_keep_machine(&mut self) -> bool {
        if !self.options.with_machine {
            self.source.values.refuse("machine");
        }
        self.options.with_machine
    }

    /// Writes what is left. Returns the account, the sidecar, and how many values had no place.
    pub fn finish(mut self) -> Result<(Account, Option<Sidecar>, u64)> {
        self.points.finish()?;
        for (_, writer) in self.tables.drain() {
            writer.chunk.finish()?;
        }
        Ok((self.account, self.sidecar, self.without_place))
    }
}
