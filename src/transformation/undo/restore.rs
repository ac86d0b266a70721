//! Restores the old values of metrics.

use super::later_transformations::Later;
use super::log_entry::{HugeLogged, Logged, Rows};
use super::{ChangedSince, LISTED, UndoResult, Undoing};
use crate::database::{Change, Connection, FULL_BYTES, Next, TableLayout};
use crate::digest::TableTotals;
use crate::error::{Domain, Error, Result, Status};
use crate::hierarchy::IdSet;
use crate::schema::UNDO;
use crate::schema::experiment_manager::METRIC;
use crate::transformation::metric::CELLS;
use crate::transformation::undo_log::{Fingerprint, fingerprint, somebody_changed};
use crate::transformation::untold::Untold;
use crate::transformation::write::{as_sent, certainly_keeps, changed_otherwise, read_back, update_statement};
use crate::values::{Value, ValueRef};

/// Rows read before they are written.
const FULL_ROWS: usize = 4096;

/// Writes old cells back, chunk by chunk.
struct Restorer<'a> {
    connection: &'a dyn Connection,
    census: &'a TableTotals<'a>,
    table: &'a TableLayout,
    statements: [Option<Box<dyn Change + 'a>>; 4],
    /// Somebody else has a say in what is written, so it is read back.
    suspicious: bool,
    pending: Vec<(i64, u8, [Value; 2], Option<Fingerprint>)>,
    bytes: usize,
    /// Those with huge cells, which are read once more, each alone: the row in the log, the metric, which cells change.
    huge: Vec<(i64, i64, u8, Option<Fingerprint>)>,
}

impl Restorer<'_> {
    fn push(&mut self, logged: &Logged<'_>) -> Result<()> {
        let mut cells = logged.old.into_iter().zip(CELLS).filter(|(_, (_, bit))| logged.changed & bit != 0);
        let uncertain = self.suspicious || !cells.all(|(old, (name, _))| certainly_keeps(self.table, name, old));
        let wanted = logged.now.filter(|_| uncertain).map(|now| fingerprint(logged.before(now)));
        if logged.old.iter().any(ValueRef::is_huge) {
            self.huge.push((logged.id, logged.metric, logged.changed, wanted));
            return Ok(());
        }
        for cell in logged.old {
            if let ValueRef::Text(bytes) | ValueRef::Blob(bytes) = cell {
                self.bytes += bytes.len();
            }
        }
        self.pending.push((logged.metric, logged.changed, logged.old.map(ValueRef::to_owned), wanted));
        if self.pending.len() >= FULL_ROWS || self.bytes >= FULL_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        self.bytes = 0;
        for (id, changed, old, wanted) in std::mem::take(&mut self.pending) {
            self.write((id, changed), old, wanted)?;
        }
        Ok(())
    }

    /// Writes the old cells of a metric.
    fn write(&mut self, (id, changed): (i64, u8), old: [Value; 2], wanted: Option<Fingerprint>) -> Result<()> {
        let Some(place) = self.statements.get_mut(usize::from(changed)).filter(|_| changed != 0) else {
            let message = format!("the undo log has no cells of metric {id}");
            let error = Error::new(Status::Corrupt, Domain::Transformation, message);
            return Err(somebody_changed(error, UNDO.name));
        };
        let statement = match place {
            Some(prepared) => prepared,
            None => {
                let sql = update_statement(self.connection, self.table, changed)?;
                place.insert(self.connection.prepare_change(&sql)?)
            }
        };
        let mut params = vec![Value::Integer(id)];
        for (value, (name, _)) in old.into_iter().zip(CELLS).filter(|(_, (_, bit))| changed & bit != 0) {
            params.push(as_sent(self.connection, self.table, (value.borrow(), name)).unwrap_or(value));
        }
        let own = [Value::Integer(id)];
        let own: (&str, &[Value]) = ("id = ?1", &own);
        if self.census.around(self.table.schema.name, (own, own), || statement.run_owned(params))? != 1 {
            return Err(changed_otherwise("the database did not change the row").detail("row", format!("id={id}")));
        }
        wanted.map_or(Ok(()), |wanted| read_back(self.connection, self.table, id, &wanted))
    }
}

impl Undoing<'_> {
    /// Restores every metric that can be; returns the copies among them, which still stand. Writes nothing more once it is
    /// certain that nothing shall be changed.
    pub fn restore(
        &self,
        later: &mut Later,
        torn: &mut IdSet,
        skip_changed: bool,
        result: &mut UndoResult,
    ) -> Result<IdSet> {
        let metrics = self.layout.entity(METRIC)?;
        self.connection.check_undoes(metrics)?;
        let mut restorer = Restorer {
            connection: self.connection,
            census: self.census,
            table: metrics,
            statements: Default::default(),
            suspicious: self.connection.has_triggers(metrics)?,
            pending: Vec::new(),
            bytes: 0,
            huge: Vec::new(),
        };
        let mut copies = IdSet::default();
        let untold = Untold::find(self.connection, metrics)?;
        let params = [Value::Integer(self.entry.first_row), Value::Integer(self.entry.end_row())];
        let mut seen = 0;
        // Whether a row of the log is to be written back.
        let mut count = |problem: Option<&'static str>, metric: i64, is_copy: bool| -> Result<bool> {
            if let Some(problem) = problem {
                result.skipped += 1;
                if result.skipped_first.len() < LISTED {
                    result.skipped_first.push(ChangedSince { metric_id: metric, problem });
                }
                self.job.fail_row(format!("METRIC (id={metric}): {problem}"))?;
                return Ok(false);
            }
            result.restored += 1;
            if is_copy {
                result.copies += 1;
                copies.insert(metric)?;
            }
            Ok(!is_copy && (result.skipped == 0 || skip_changed))
        };
        let mut marks = |metric: i64| Ok((later.metrics.rank(metric)?.is_some(), torn.rank(metric)?.is_some()));
        // A server sends all cells of a row at once.
        let rows = if self.connection.capabilities().other_writers { Rows::WithoutHugeCells } else { Rows::All };
        self.connection.query_locked(&self.restore_query(metrics, rows)?, &params, &mut |row| {
            seen += 1;
            let logged = Logged::read(row)?;
            let (is_later, is_torn) = marks(logged.metric)?;
            let problem = logged.problem(is_later, is_torn, &untold);
            if count(problem, logged.metric, logged.original.is_some())? {
                restorer.push(&logged)?;
            }
            if problem.is_none() {
                self.job.advance()?;
            }
            Ok(Next::Row)
        })?;
        let mut huge: Vec<HugeLogged> = Vec::new();
        if rows == Rows::WithoutHugeCells {
            self.connection.query_locked(&self.restore_query(metrics, Rows::HugeAlone)?, &params, &mut |row| {
                huge.push(HugeLogged::read(row)?);
                Ok(Next::Row)
            })?;
        }
        for logged in huge {
            seen += 1;
            let (problem, before) = self.huge_problem(&logged, marks(logged.metric)?, &untold)?;
            if count(problem, logged.metric, logged.original.is_some())? {
                restorer.huge.push((logged.id, logged.metric, logged.changed, before));
            }
            if problem.is_none() {
                self.job.advance()?;
            }
        }
        if seen != self.entry.metrics {
            let message = format!(
                "the undo log has {seen} metrics of transformation {}, not {}",
                self.entry.id, self.entry.metrics
            );
            let error = Error::new(Status::Mismatch, Domain::Transformation, message);
            return Err(somebody_changed(error, UNDO.name));
        }
        restorer.flush()?;
        let huge = std::mem::take(&mut restorer.huge);
        let sql = self.old_query()?;
        for (row, metric, changed, wanted) in huge {
            let old = self.connection.first_row(&sql, &[Value::Integer(row)], 2)?.map(<[Value; 2]>::try_from);
            let Some(Ok(old)) = old else {
                let message = format!("the undo log has lost what metric {metric} was");
                let error = Error::new(Status::Mismatch, Domain::Transformation, message);
                return Err(somebody_changed(error, UNDO.name));
            };
            restorer.write((metric, changed), old, wanted)?;
        }
        copies.freeze()?;
        Ok(copies)
    }
}
