//! The whole job: chooses the metrics, applies the rules to each, writes, commits.

use std::sync::Arc;
use std::time::Instant;

use serde_json::json;

use super::examine::{Examiner, Verdict};
use super::links::{move_links, refuse_tied};
use super::metric::CELLS;
use super::options::TransformOptions;
use super::plan::Plan;
use super::result::{Noted, Sample, TransformationResult};
use super::selection::{Chosen, MetricLinks, MetricSelection, odd_metric};
use super::steps::Steps;
use super::undo_log::{Fingerprint, UndoLog, fingerprint};
use super::write::{Found, Writer, Written, changed_meanwhile, select_cells};
use crate::database::{Connection, Database, Layout, Reading, Row, TableLayout, Transaction, Watches};
use crate::digest::{TableTotals, grown_by};
use crate::error::{Domain, Error, Result, Status};
use crate::hierarchy::{ForeignReferrers, scan_leaves};
use crate::progress::Job;
use crate::schema::Call;
use crate::schema::experiment_manager::METRIC;
use crate::schema::{OWN_TABLES, Place, quote};
use crate::values::{Value, ValueRef};

/// Transforms the selected metrics in one transaction.
pub fn transform(
    database: &Database,
    selection: &MetricSelection,
    plan: Plan,
    mut options: TransformOptions,
) -> Result<TransformationResult> {
    options.check()?;
    let job = Job::new(Domain::Transformation, options.progress.take(), options.cancel.take());
    job.begin("opening")?;
    let state = if options.dry_run { Some(database.state(Reading::Beside, &job)?) } else { None };
    let connection = match &state {
        Some(state) => state.connection(),
        None => database.writer(&job)?,
    };
    let _watches = Watches::new(&job, [connection, connection]);
    let transaction = match &state {
        Some(_) => None,
        None => Some(Transaction::write(connection)?),
    };
    // Nobody knows how long transformations of the user's own take.
    connection.let_go()?;
    let since = Instant::now();
    let choose = || {
        let layout = database.checked(connection.layout()?)?;
        layout.require(Call::Transform, Domain::Transformation)?;
        job.begin("counting")?;
        let chosen = Chosen::read(connection, &layout, selection, &job)?;
        job.set_total(chosen.count(connection, &layout, &job)?);
        Ok((layout, chosen))
    };
    let (mut layout, mut chosen) = choose()?;
    if !options.dry_run {
        check_tables(connection, &layout, &chosen)?;
        if plan.settings.backup_original && connection.make_tables(&OWN_TABLES).map_err(no_log)? {
            (layout, chosen) = choose()?;
        }
    }
    let census = match options.dry_run {
        true => None,
        false => Some(TableTotals::take(connection, &layout, None, &job)?),
    };
    let backup = plan.settings.backup_original;
    let mut result = run((connection, census.as_ref()), &layout, chosen, plan, &options, &job)?;
    if options.dry_run {
        let percent = percent_locked(&result, backup);
        result.locks = Some(json!({
            "source": null,
            "target": database.describe_writing(connection, since.elapsed(), percent)?,
        }));
    }
    // Without a change the empty entry of the undo log goes too.
    if let Some(transaction) = transaction.filter(|_| result.updated > 0) {
        let metrics = layout.entity(METRIC)?.schema.name;
        let copied = [(metrics, result.copied)];
        census.map_or(Ok(()), |census| census.check(Domain::Transformation, &job, |table| grown_by(&copied, table)))?;
        job.begin_commit()?;
        transaction.commit()?;
    }
    job.finish();
    result.duration = job.elapsed();
    Ok(result)
}

/// How long it would hold the write lock, in percent of the time that it takes to read, and to apply the rules. Measured, at 20,000 to
/// 500,000 metrics.
fn percent_locked(result: &TransformationResult, backup: bool) -> u64 {
    let all_written = if backup { 100 } else { 45 };
    let share = result.updated.saturating_mul(all_written).checked_div(result.examined);
    100 + share.unwrap_or(0)
}

/// Fails if what is written could not be undone.
fn check_tables(connection: &dyn Connection, layout: &Layout, chosen: &Chosen) -> Result<()> {
    connection.check_undoes(layout.entity(METRIC)?)?;
    if chosen.shared.is_empty() {
        return Ok(());
    }
    MetricLinks::all(layout)?.iter().try_for_each(|links| connection.check_undoes(links.table))
}

/// The error of an undo log that cannot be made.
fn no_log(error: Error) -> Error {
    match error.status() {
        Status::Auth => error.hint(
            "grant CREATE on the schema until the tables of the undo log are there, or set backup_original to false in \
             global_settings, and take a snapshot before",
        ),
        _ => error,
    }
}

fn run(
    (connection, census): (&dyn Connection, Option<&TableTotals<'_>>),
    layout: &Layout,
    mut chosen: Chosen,
    plan: Plan,
    options: &TransformOptions,
    job: &Arc<Job>,
) -> Result<TransformationResult> {
    job.begin("transforming metrics")?;
    let table = layout.entity(METRIC)?;
    let log = match plan.settings.backup_original && !options.dry_run {
        true => Some(UndoLog::begin(connection, &plan.description)?),
        false => None,
    };
    let writer = match census {
        None => None,
        Some(census) => {
            let most = (options.batch_size, chosen.shared.len());
            Some(Writer::new((connection, census), (layout, table), log, most)?)
        }
    };
    let mut pass = Pass {
        steps: plan.steps,
        examiner: Examiner::new(connection, table, &plan.settings)?,
        all_or_nothing: plan.settings.rollback_on_error,
        writer,
        result: TransformationResult { dry_run: options.dry_run, ..TransformationResult::default() },
        job,
        reads_alone: connection.capabilities().other_writers,
        alone: Vec::new(),
    };
    read(connection, layout, &mut chosen, &mut pass)?;
    pass.read_alone(connection, table)?;
    pass.flush()?;
    // By now it is known exactly.
    job.set_total(job.counts().0);
    let Pass { steps, writer, mut result, .. } = pass;
    if !options.dry_run && plan.settings.rollback_on_error && result.failed.count > 0 {
        return Err(result.refused());
    }
    if let Some(writer) = writer {
        let (mut copied, first, mut log) = writer.finish()?;
        if let Some(census) = census.filter(|_| !copied.is_empty()) {
            job.begin("moving links to the copies")?;
            refuse_tied(connection, layout, (&chosen.owners, &mut copied), job)?;
            let strangers =
                ForeignReferrers::look(connection, layout, |found| matches!(found.to.place, Place::Link { .. }))?;
            connection.suspend_foreign_keys()?;
            move_links((connection, census), layout, (&chosen.owners, &mut copied, first), log.as_mut(), job)?;
            strangers.check(Domain::Transformation)?;
        }
        if let Some(log) = log.filter(|_| result.updated > 0) {
            result.transform_id = Some(log.id());
            log.finish(result.copied)?;
        }
    }
    result.rules = steps.counts();
    result.warnings = steps.warnings();
    if result.matched == 0 {
        result.warnings.push("no metric of the selection matched a rule; nothing was changed".to_owned());
    }
    if options.dry_run && plan.settings.rollback_on_error && result.failed.count > 0 {
        let count = result.failed.count;
        result
            .warnings
            .push(format!("{count} metrics would fail, and with rollback_on_error nothing would be changed"));
    }
    Ok(result)
}

/// Hands every metric of the selection to the pass, by id.
fn read(connection: &dyn Connection, layout: &Layout, chosen: &mut Chosen, pass: &mut Pass<'_, '_>) -> Result<()> {
    let table = layout.entity(METRIC)?;
    let [(total, _), (labels, _)] = CELLS;
    let columns: String = ["type", total, labels].iter().map(|column| format!(", {}", table.quoted(column))).collect();
    let shared = &mut chosen.shared;
    match &mut chosen.metrics {
        Some(metrics) => scan_leaves(connection, table, metrics, &columns, pass.job, &mut |_, row| {
            let Some(id) = row.value(0)?.as_integer() else { return Ok(()) };
            pass.look(row, id, shared.rank(id)?.is_some())
        }),
        None => {
            let id = table.quoted("id");
            let sql = format!("SELECT {id}{columns} FROM {} ORDER BY {id}", quote(&table.name));
            connection.query(&sql, &[], &mut |row| {
                match row.value(0)?.as_integer() {
                    Some(id) => pass.look(row, id, false)?,
                    None => return Err(odd_metric(table, "id", row.value(0)?)),
                }
                Ok(crate::database::Next::Row)
            })
        }
    }
}

/// One pass over the metrics. Rows are written while others are read: only such as were read already, and their ids stay, so the
/// reading goes on where it was.
struct Pass<'a, 'r> {
    steps: Steps<'r>,
    examiner: Examiner<'a>,
    all_or_nothing: bool,
    /// `None` writes nothing.
    writer: Option<Writer<'a>>,
    result: TransformationResult,
    job: &'a Job,
    /// Metrics with huge cells are read once more, each alone and when it is locked: the scan would keep a copy of them.
    reads_alone: bool,
    /// Those, each with the fingerprint of what it was.
    alone: Vec<(i64, Fingerprint)>,
}

impl Pass<'_, '_> {
    fn look(&mut self, row: &dyn Row, id: i64, shared: bool) -> Result<()> {
        self.result.examined += 1;
        let kind = row.value(1)?;
        let matching = self.steps.matching(kind);
        if matching.is_empty() {
            return self.job.advance();
        }
        self.result.matched += 1;
        let (total, labels) = (row.value(2)?, row.value(3)?);
        // Copies get their ids in the order of the metrics.
        if self.reads_alone && !shared && (total.is_huge() || labels.is_huge()) {
            self.alone.push((id, fingerprint([total, labels])));
            return Ok(());
        }
        let verdict = self.examiner.examine((&mut self.steps, &matching), id, [kind, total, labels])?;
        self.judge(verdict, id, kind, [total, labels], if shared { Found::Shared } else { Found::Own })
    }

    /// Reads the metrics that are read alone.
    fn read_alone(&mut self, connection: &dyn Connection, table: &TableLayout) -> Result<()> {
        let sql = format!("{} WHERE {} = ?1", select_cells(table, "type"), table.quoted("id"));
        for (id, seen) in std::mem::take(&mut self.alone) {
            let params = [Value::Integer(id)];
            let row = match &self.writer {
                Some(_) => connection.first_row_locked(&sql, &params, 3)?,
                None => connection.first_row(&sql, &params, 3)?,
            };
            let Some(Ok([total, labels, kind])) = row.map(<[Value; 3]>::try_from) else {
                return Err(changed_meanwhile(id));
            };
            if fingerprint([total.borrow(), labels.borrow()]) != seen {
                return Err(changed_meanwhile(id));
            }
            let matching = self.steps.matching(kind.borrow());
            let rules = (&mut self.steps, &*matching);
            let (verdict, old) = self.examiner.examine_owned(rules, (id, kind.borrow()), [total, labels])?;
            self.judge(verdict, id, kind.borrow(), old.each_ref().map(Value::borrow), Found::Locked)?;
        }
        Ok(())
    }

    /// Does with a metric what the rules say; `old` are the cells that it has, at least those that change.
    fn judge(
        &mut self,
        verdict: Verdict,
        id: i64,
        kind: ValueRef<'_>,
        old: [ValueRef<'_>; 2],
        found: Found,
    ) -> Result<()> {
        match verdict {
            Verdict::Unchanged => self.result.unchanged += 1,
            Verdict::Skipped(by, reason) => self.result.skipped.add(|| Noted::new(id, kind, &by, &reason)),
            Verdict::Failed(by, reason) => {
                return self.failed(Noted::new(id, kind, &by, &reason));
            }
            Verdict::Changed(changed) => return self.changed(changed, kind, old, found),
        }
        self.job.advance()
    }

    /// Counts a metric that failed. If that fails all of them, nothing more needs to be written.
    fn failed(&mut self, noted: Noted) -> Result<()> {
        let message = format!("METRIC (id={}): {}", noted.metric_id, noted.reason);
        self.result.failed.add(|| noted);
        if self.all_or_nothing
            && let Some(writer) = &mut self.writer
        {
            writer.discard();
        }
        self.job.fail_row(message)
    }

    fn changed(&mut self, changed: u8, kind: ValueRef<'_>, old: [ValueRef<'_>; 2], found: Found) -> Result<()> {
        let hopeless = self.all_or_nothing && self.result.failed.count > 0;
        match &mut self.writer {
            Some(writer) if !hopeless => {
                let written = writer.push(self.examiner.metric_mut(), changed, old, found)?;
                self.note(written)
            }
            _ => {
                let metric = self.examiner.metric();
                if self.result.wants_sample() {
                    // Cells that stay may not have been kept apart.
                    let mut old = old;
                    let now = [metric.total_val.borrow(), metric.per_label_val.borrow()];
                    for ((old, now), (_, bit)) in old.iter_mut().zip(now).zip(CELLS) {
                        if changed & bit == 0 {
                            *old = now;
                        }
                    }
                    self.result.samples.push(Sample::new(kind, old, metric));
                }
                self.result.updated += 1;
                self.result.copied += u64::from(found == Found::Shared);
                self.job.advance()
            }
        }
    }

    fn flush(&mut self) -> Result<()> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        let written = writer.flush()?;
        self.note(written)
    }

    /// Counts what was written.
    fn note(&mut self, written: Written) -> Result<()> {
        if written.updated == 0 && written.refused.is_empty() {
            return Ok(());
        }
        self.result.updated += written.updated;
        self.result.copied += written.copied;
        self.job.advance_by(written.updated)?;
        for noted in written.refused {
            self.failed(noted)?;
        }
        Ok(())
    }
}
