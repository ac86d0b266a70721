//! Removes what a job has copied that will not be published: row by row of what the job wrote, and nothing else.

use std::ops::RangeInclusive;
use std::sync::Arc;

use super::staged_copy::{Stage, unfinished};
use super::staged_hold::{refuse_at_work, while_held};
use super::staged_row::{JobState, StagedJob, staged_job};
use crate::database::{Connection, Database, Layout, Next, TableLayout, Transaction, Watches, Write};
use crate::error::{Domain, Error, Result, Status};
use crate::hierarchy::ForeignReferrers;
use crate::progress::{CancelToken, Job, ProgressSink};
use crate::schema::{Entity, Place, Role, quote};

/// Removes a job and the rows that it copied, in transactions as large as those that wrote them. What stops on the way is called again.
pub fn abandon_staged(
    database: &Database,
    id: i64,
    (progress, cancel): (Option<ProgressSink>, Option<CancelToken>),
) -> Result<StagedJob> {
    let job = Job::new(Domain::Migration, progress, cancel);
    job.begin("opening")?;
    let writer = database.writer(&job)?;
    let watches = Watches::new(&job, [writer, writer]);
    job.begin("waiting for the target")?;
    let writing = Transaction::write(writer)?;
    let layout = database.checked(writer.layout()?)?;
    let known = staged_job(writer, &layout, id)?;
    if known.state == JobState::Published {
        let experiment = known.document.experiment;
        let message = format!("job {id} was published, as experiment {experiment}; nothing was changed");
        return Err(Error::new(Status::Misuse, Domain::Migration, message)
            .detail("job_id", id)
            .detail("experiment_id", experiment)
            .hint("it is an experiment like any other now: delete it with the tracker if it is not wanted"));
    }
    refuse_at_work(writer, &known)?;
    let removal = Removal { target: writer, layout: &layout, job: &known, watch: &job };
    removal.refuse_strangers()?;
    drop(writing);
    while_held(writer, id, || removal.run().map_err(|error| stopped(error, id)))?;
    drop(watches);
    job.finish();
    Ok(known.turned(JobState::Removing))
}

/// The error of a removal that can go on.
fn stopped(error: Error, id: i64) -> Error {
    let message = format!("removing what job {id} copied stopped on the way: {}", error.message());
    Error::new(error.status(), Domain::Migration, message)
        .detail("job_id", id)
        .hint("call again, which goes on removing it")
        .caused_by(error)
}

/// Into so many parts a transaction is divided at the most.
const MOST_PARTS: u64 = 1 << 12;

struct Removal<'a> {
    target: &'a dyn Connection,
    layout: &'a Layout,
    job: &'a StagedJob,
    watch: &'a Arc<Job>,
}

/// A column, quoted, and the values of it that rows of the job have.
type Within = (String, RangeInclusive<i64>);

fn condition(within: &[Within]) -> String {
    let each = within.iter().map(|(column, range)| format!("{column} BETWEEN {} AND {}", range.start(), range.end()));
    each.collect::<Vec<_>>().join(" AND ")
}

impl<'a> Removal<'a> {
    /// The ids that the job's rows of an entity have; `None` for none. They were written in the order of their ids: what somebody has put where
    /// the job had not come yet is not the job's.
    fn block(&self, entity: Entity) -> Option<RangeInclusive<i64>> {
        let at = self.layout.family.all().position(|other| other == entity)?;
        let (first, count) = *self.job.document.ids.get(at)?;
        let count = count.min(self.job.there(self.layout.family.table_name(entity)));
        (count > 0).then(|| first..=first.wrapping_add_unsigned(count).wrapping_sub(1))
    }

    /// Which rows of a table are the job's, the column that is narrowed to remove some at a time first; `None` for none.
    fn within(&self, table: &TableLayout) -> Result<Option<Vec<Within>>> {
        let column = |role: Role| -> Result<String> {
            let found = table.schema.columns.iter().find(|column| column.role == role);
            let found = found
                .ok_or_else(|| Error::internal(Domain::Migration, format!("{} has no {role:?}", table.schema.name)))?;
            Ok(table.quoted(found.name))
        };
        let wanted: &[(Role, Entity)] = match table.schema.place {
            Place::Aside | Place::Derived(_) => return Ok(None),
            Place::Node(entity) | Place::Leaf(entity) => &[(Role::Id, entity)],
            Place::Below(owner) => &[(Role::Parent(owner), owner)],
            Place::Link { owner, leaf } => &[(Role::Parent(leaf), leaf), (Role::Parent(owner), owner)],
        };
        let mut within = Vec::new();
        for (role, entity) in wanted {
            let Some(block) = self.block(*entity) else { return Ok(None) };
            within.push((column(*role)?, block));
        }
        Ok(Some(within))
    }

    fn count(&self, table: &TableLayout, condition: &str) -> Result<u64> {
        let sql = format!("SELECT count(*) FROM {} WHERE {condition}", quote(&table.name));
        let count = self.target.query_integer(&sql, &[])?;
        Ok(count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0))
    }

    /// Fails if anything hangs on the job's rows that the job did not write: it would be lost with them, or be left without what it hangs on.
    fn refuse_strangers(&self) -> Result<()> {
        self.watch.begin("looking for rows of others")?;
        let referrers = ForeignReferrers::look(self.target, self.layout, |_| true)?;
        for table in &self.layout.tables {
            let Some(within) = self.within(table)? else { continue };
            let strangers = match (table.schema.place, within.as_slice()) {
                (Place::Node(entity), [(id, block)]) => match self.layout.family.parent(entity) {
                    Some(parent) => match self.block(parent) {
                        Some(above) => {
                            let hangs = condition(&[(table.parent(parent)?, above)]);
                            let own = condition(&[(id.clone(), block.clone())]);
                            self.count(table, &format!("{hangs} AND NOT ({own})"))?
                        }
                        None => 0,
                    },
                    None => 0,
                },
                (Place::Link { .. }, [leaf, owner]) => {
                    let [leaf, owner] = [leaf, owner].map(|one| condition(std::slice::from_ref(one)));
                    self.count(table, &format!("{leaf} AND NOT ({owner})"))?
                        + self.count(table, &format!("{owner} AND NOT ({leaf})"))?
                }
                (Place::Below(_), within) => {
                    let planned = self.job.document.rows.iter().find(|(name, _)| name == table.schema.name);
                    self.count(table, &condition(within))?.saturating_sub(planned.map_or(0, |(_, rows)| *rows))
                }
                _ => 0,
            };
            if strangers > 0 {
                return Err(self.refused(&table.name, strangers));
            }
            if let Some((column, block)) = within.first() {
                let mut referred = 0;
                let own_id = column.trim_matches(['"', '`']);
                referrers.referred_ids(table.schema.name, own_id, &mut |id| {
                    referred += u64::from(block.contains(&id));
                    Ok(())
                })?;
                if referred > 0 {
                    return Err(self.refused(&format!("a table that refers to {}", table.name), referred));
                }
            }
        }
        Ok(())
    }

    fn refused(&self, table: &str, rows: u64) -> Error {
        let id = self.job.id;
        let message =
            format!("{rows} rows of {table} hang on what job {id} copied, and are not the job's; nothing was removed");
        Error::new(Status::Constraint, Domain::Migration, message)
            .detail("job_id", id)
            .detail("table", table)
            .detail("count", rows)
            .hint("delete these rows or let them hang on something else, or resume the job")
    }

    /// As [`Removal::run_in`], with smaller transactions where they turn out to be too large: what a row takes when it is removed is not known.
    fn run(&self) -> Result<()> {
        let mut parts = 1;
        loop {
            match self.run_in(parts) {
                Err(error) if error.status() == Status::Limit && parts < MOST_PARTS => parts *= 4,
                done => return done,
            }
        }
    }

    fn run_in(&self, parts: u64) -> Result<()> {
        let known = staged_job(self.target, self.layout, self.job.id)?.turned(JobState::Removing);
        let tables: u64 = self.job.place.iter().map(|(_, rows)| rows).sum();
        self.watch.set_total(tables);
        self.watch.begin("removing")?;
        let stage = Stage::new(self.target, self.layout, known, (self.watch.as_ref(), "removing"), parts)?;
        self.hide()?;
        stage.next()?;
        for table in self.layout.tables.iter().rev().filter(|table| table.schema.place != Place::Node(Entity::ROOT)) {
            let Some(within) = self.within(table)? else { continue };
            self.remove(table, &within, &stage)?;
        }
        let (known, writing) = stage.into_last();
        let transaction = writing.ok_or_else(|| Error::internal(Domain::Migration, "no transaction is running"))?;
        let root = self.layout.root()?;
        if let Some(within) = self.within(root)? {
            self.target.execute(&format!("DELETE FROM {} WHERE {}", quote(&root.name), condition(&within)), &[])?;
        }
        known.forget(self.target, self.layout)?;
        self.watch.begin_commit()?;
        transaction.commit()
    }

    /// No run of what is being removed says that it is finished.
    fn hide(&self) -> Result<()> {
        let Some(finished) = &self.layout.family.finished else { return Ok(()) };
        let Some(table) = self.layout.table(finished.table) else { return Ok(()) };
        let Some(within) = self.within(table)? else { return Ok(()) };
        let (update, column) = (self.target.opening(Write::Update, table)?, table.quoted(finished.column));
        let values: Vec<String> = finished.values.iter().map(|value| format!("'{value}'")).collect();
        let sql = format!(
            "{update} SET {column} = ?1{} WHERE {} AND lower({column}) IN ({})",
            table.unstamped(&[finished.column]),
            condition(&within),
            values.join(", ")
        );
        self.target.execute(&sql, &[unfinished().to_owned()]).map(drop)
    }

    /// Removes the job's rows of one table.
    fn remove(&self, table: &TableLayout, within: &[Within], stage: &Stage<'_>) -> Result<()> {
        let Some(((column, block), others)) = within.split_first() else { return Ok(()) };
        let at_once = stage.rows_at_once(table.schema.name);
        for range in self.steps(table, (column, block), at_once)? {
            let mut narrowed = vec![(column.clone(), range)];
            narrowed.extend_from_slice(others);
            let removed = self
                .target
                .execute(&format!("DELETE FROM {} WHERE {}", quote(&table.name), condition(&narrowed)), &[])?;
            self.watch.advance_by(removed)?;
            stage.removed(table.schema.name, removed)?;
        }
        Ok(())
    }

    /// Ranges of the column's values with some `at_once` rows each, one value at the least.
    fn steps(
        &self,
        table: &TableLayout,
        (column, block): (&str, &RangeInclusive<i64>),
        at_once: u64,
    ) -> Result<Vec<RangeInclusive<i64>>> {
        let mut steps = Vec::new();
        if !matches!(table.schema.place, Place::Below(_)) {
            let mut low = *block.start();
            while low <= *block.end() {
                let high = low.saturating_add_unsigned(at_once.saturating_sub(1)).min(*block.end());
                steps.push(low..=high);
                low = high.saturating_add(1);
            }
            return Ok(steps);
        }
        let (mut low, mut rows) = (None, 0_u64);
        let condition = condition(&[(column.to_owned(), block.clone())]);
        let sql = format!(
            "SELECT {column}, count(*) FROM {} WHERE {condition} GROUP BY {column} ORDER BY {column}",
            quote(&table.name)
        );
        self.target.query(&sql, &[], &mut |row| {
            let (Some(owner), Some(count)) = (row.value(0)?.as_integer(), row.value(1)?.as_integer()) else {
                return Ok(Next::Row);
            };
            let from = *low.get_or_insert(owner);
            rows = rows.saturating_add(u64::try_from(count).unwrap_or(0));
            if rows >= at_once {
                steps.push(from..=owner);
                (low, rows) = (None, 0);
            }
            Ok(Next::Row)
        })?;
        steps.extend(low.map(|from| from..=*block.end()));
        Ok(steps)
    }
}
