//! A migration of a family whose keys are texts that the tracker chose: they stay what they are in the target, and so does all that names them. Only the
//! experiment's own id is another one there.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use serde_json::json;

use super::endpoints::refuse_other_family;
use super::migration_plan::{MigrationPlan, PlannedDuplicate, PlannedTable};
use super::named_conflicts::{Appended, decide};
use super::named_copy::{
    Destination, Done, Ends, check_digest, copy, find_losses, looking, read_back, target_cells, there_already,
};
use super::named_ids::NewKeys;
use super::named_keys::find_folded;
use super::named_map::{Changes, RowMap};
use super::named_target::{
    WORKSPACE, Where, check_versions, check_workspace, free_name, named, nameless_row, next_id, root_cell,
    same_content, with_values,
};
use super::options::{ManagerServices, MigrateOptions, OnConflict, OnName, Strategy};
use super::preflight::Preflight;
use super::result::{IdMap, MigrationResult, TableCount};
use crate::database::{
    Connection, Database, Layout, Planned, Reading, State, TableLayout, Transaction, Unsteady, Watches,
};
use crate::digest::{ALGORITHM_NAMED, Hash, NamedDigest, OnDuplicate, digest_changed, digest_named, whole};
use crate::error::{Domain, Error, NAMED, Result, Status};
use crate::hierarchy::{NamedRows, UnsoundRows, experiment_exists};
use crate::progress::Job;
use crate::schema::{Call, Entity, Table};
use crate::validation::{RunChecks, Severity, ValidateOptions, derived_problems, validate_state};
use crate::values::Value;

/// How long the write lock is held, in percent of the time that a plan takes: about, as of other families.
const PERCENT_LOCKED: u64 = 200;

/// What is known before the first write.
struct Known {
    rows: NamedRows,
    fit: Preflight,
    warnings: Vec<String>,
    /// The source's own name, and the digest of its row without it.
    name: Value,
    workspace: Value,
    nameless: Hash,
}

/// Fails for what cannot be asked of such a family.
fn check_options(options: &MigrateOptions, tracker: &str) -> Result<()> {
    let refuse = |what: &str, hint: &str| {
        let message = format!("{what} is not available for a database of {tracker}");
        Err(Error::new(Status::Unsupported, Domain::Migration, message).hint(hint))
    };
    if options.transformation_rules.is_some() {
        return refuse("transforming metrics", "leave the rules out");
    }
    if options.allow_lossy {
        return refuse("a copy with losses", "leave allow_lossy out: what does not fit is listed");
    }
    let appends = options.target_experiment.is_some() || options.text_keys.on_name == OnName::Append;
    if options.text_keys.on_conflict == OnConflict::Skip && !appends {
        return Err(Error::argument(
            Domain::Migration,
            "on_conflict",
            "on_conflict = skip leaves rows where they are, so it needs an experiment to append to",
        )
        .hint("give on_name = append, or on_duplicate = skip for whole experiments"));
    }
    Ok(())
}

impl Known {
    /// Reads the source, and judges it. Writes nothing.
    fn read(
        ends: &Ends<'_>,
        experiment: i64,
        options: &MigrateOptions,
        checks: RunChecks<'_>,
        job: &Arc<Job>,
    ) -> Result<Known> {
        looking(ends.target, ends.held, || check_versions((ends.source, ends.from), (ends.target, ends.to)))?;
        experiment_exists(ends.source, ends.from, experiment)?;
        job.begin("counting the source")?;
        let rows = NamedRows::read(ends.source, ends.from, experiment, job)?;
        let unsteady = ends.source.unsteady_tables(ends.from)?;
        let mut warnings: Vec<String> = unsteady.iter().map(|table| table.warning("the copy")).collect();
        warnings.extend(rows.astray.iter().map(|astray| astray.message()));
        warnings.extend(rows.left_behind(ends.source, ends.from)?.iter().map(|astray| astray.message_behind()));
        let derived = derived_problems(ends.source, ends.from, experiment, job)?;
        if options.strategy == Strategy::Conservative {
            refuse_doubts(&warnings, experiment, &unsteady)?;
            let validate = ValidateOptions { experiment: Some(experiment), ..ValidateOptions::default() };
            let report = validate_state(ends.source, ends.from, &validate, checks, (job, false))?;
            let doubts = report.count(Severity::Error) + report.count(Severity::Warning);
            if doubts > 0 {
                let message = format!("experiment {experiment} has {doubts} errors and warnings; nothing was changed");
                let error = Error::new(Status::Validation, Domain::Validation, message)
                    .detail("experiment_id", experiment)
                    .detail("count", doubts)
                    .hint("validate and repair the source, or use the BALANCED strategy");
                let worst = report.issues().iter().filter(|issue| issue.severity != Severity::Info);
                return Err(worst.take(NAMED).fold(error, |error, issue| error.detail("problem", &issue.message)));
            }
        }
        if let Some(problem) = derived {
            return Err(Error::new(Status::Validation, Domain::Validation, format!("{problem}; nothing was changed"))
                .detail("experiment_id", experiment)
                .hint("validate the source and repair what it says of the table: what is copied would be shown as wrong as it is here"));
        }
        job.begin("looking for values that do not fit")?;
        let none = NewKeys::kept(rows.family);
        let changes = Changes { rows: &rows, keys: &none, artifacts: options.text_keys.artifacts.as_ref() };
        let mut fit = find_losses(ends, &changes, job)?;
        looking(ends.target, ends.held, || find_folded(ends, &rows, job, &mut fit))?;
        let title = ends.from.family.listing.title;
        let name = root_cell(ends.source, ends.from, experiment, title)?;
        let workspace = match &options.text_keys.workspace {
            Some(workspace) => Value::Text(workspace.clone().into_bytes()),
            None => root_cell(ends.source, ends.from, experiment, WORKSPACE)?,
        };
        let nameless = nameless_row(ends.source, ends.from, experiment)?.unwrap_or_default();
        Ok(Known { rows, fit, warnings, name, workspace, nameless })
    }

    /// The name that the copy is to have, if the target does not have it.
    fn wanted_name(&self, options: &MigrateOptions) -> Value {
        match (&self.name, &options.title_prefix) {
            (Value::Text(name), Some(prefix)) => Value::Text([prefix.as_bytes(), name].concat()),
            (name, _) => name.clone(),
        }
    }
}

/// CONSERVATIVE: nothing of the experiment stays behind, and nothing can change while it is read.
fn refuse_doubts(warnings: &[String], experiment: i64, unsteady: &[Unsteady]) -> Result<()> {
    if warnings.is_empty() && unsteady.is_empty() {
        return Ok(());
    }
    let message = format!("not all of experiment {experiment} can be copied with certainty; nothing was changed");
    let error = Error::new(Status::Validation, Domain::Validation, message)
        .detail("experiment_id", experiment)
        .hint("use the BALANCED strategy, which says so in a warning");
    Err(warnings.iter().take(NAMED).fold(error, |error, warning| error.detail("problem", warning)))
}

fn judge_fit(fit: &Preflight, experiment: i64) -> Result<()> {
    if fit.count == 0 {
        return Ok(());
    }
    let status = if fit.refused > 0 { Status::Constraint } else { Status::Lossy };
    let message = format!("{} values of experiment {experiment} do not fit the target; nothing was changed", fit.count);
    let mut error = Error::new(status, Domain::Migration, message)
        .detail("experiment_id", experiment)
        .detail("count", fit.count)
        .hint("change the values in the source, or copy into a store that holds them");
    for loss in fit.first.iter().take(NAMED) {
        error = error.detail("table", loss.table);
        for (key, value) in
            [("row", &loss.row), ("column", &loss.column), ("value", &loss.value), ("stored_as", &loss.stored_as)]
        {
            if let Some(value) = value {
                error = error.detail(key, value);
            }
        }
        error = error.detail("problem", loss.reason);
    }
    Err(error)
}

/// Fails where writing into one of the tables sets something off: rows could be changed beside those that are written. MLflow has a trigger of its
/// own, on a table of no experiment's.
fn refuse_triggers(target: &dyn Connection, layout: &Layout) -> Result<()> {
    for table in &layout.tables {
        if target.has_triggers(table)? {
            let message = format!("{} of the target has triggers; nothing was changed", table.name);
            return Err(Error::new(Status::Unsupported, Domain::Migration, message)
                .detail("table", &table.name)
                .hint("MLflow makes none there: remove them"));
        }
    }
    Ok(())
}

/// What the target has of the experiment.
struct There {
    duplicate: Option<i64>,
    name: Value,
    /// The experiment that is appended to.
    into: Option<i64>,
}

/// Looks at the target. The digest of the source is the one that is given, or was needed.
fn look(
    ends: &Ends<'_>,
    known: &Known,
    (digest, same): (&mut Option<NamedDigest>, bool),
    (experiment, options): (i64, &MigrateOptions),
    job: &Job,
) -> Result<There> {
    job.begin("looking at the target")?;
    check_workspace(ends.target, ends.to, &known.workspace)?;
    let name = known.wanted_name(options);
    let holder = named(ends.target, ends.to, (&name, &known.workspace))?;
    let into = match (options.target_experiment, holder, options.text_keys.on_name) {
        (Some(into), ..) => {
            experiment_exists(ends.target, ends.to, into)
                .map_err(|error| error.detail("parameter", "target_experiment_id"))?;
            Some(into)
        }
        (None, holder, OnName::Append) => holder,
        (None, Some(holder), OnName::Error) => {
            let name = name.borrow().describe();
            let message = format!("the target has an experiment {name} already; nothing was changed");
            return Err(Error::new(Status::AlreadyExists, Domain::Migration, message)
                .detail("experiment_id", experiment)
                .detail("duplicate_experiment_id", holder)
                .hint("give title_prefix, or on_name = suffix or append"));
        }
        _ => None,
    };
    if same && into == Some(experiment) {
        let message = format!("experiment {experiment} cannot be migrated into itself");
        return Err(Error::argument(Domain::Migration, "on_name", message)
            .detail("experiment_id", experiment)
            .hint("leave it out to create a new experiment"));
    }
    if into.is_some() {
        return Ok(There { duplicate: None, name, into });
    }
    let mut body = || match digest {
        Some(digest) => Ok(digest.body),
        None => Ok(digest.insert(digest_named(ends.source, ends.from, &known.rows, (job, false))?).body),
    };
    let content = (&known.rows, &known.nameless, &mut body as &mut dyn FnMut() -> Result<Hash>);
    let duplicate = match (same || options.text_keys.on_conflict == OnConflict::New, options.on_duplicate) {
        (true, OnDuplicate::Copy) => None,
        (true, _) => same_content(ends.target, ends.to, content, Where::AllBut(same.then_some(experiment)), job)?,
        (false, _) => same_content(ends.target, ends.to, content, Where::Named(&known.name), job)?,
    };
    Ok(There { duplicate, name: free_name(ends.target, ends.to, (&name, &known.workspace))?, into })
}

/// What the rows become a part of, and which keys they have there.
struct Decided {
    to: Destination,
    keys: NewKeys,
    appended: Option<Appended>,
}

fn decided(
    ends: &Ends<'_>,
    known: &Known,
    there: &There,
    (same, options): (bool, &MigrateOptions),
    job: &Job,
) -> Result<Decided> {
    // The id of a new one is taken when it is known that it will be written.
    let mut to = Destination { id: there.into.unwrap_or(i64::MAX), own_row: None, there: HashMap::new() };
    let mut appended = None;
    match there.into {
        Some(into) => {
            job.begin("reading what is appended to")?;
            let rows = NamedRows::read(ends.target, ends.to, into, job)?;
            let cells = target_cells(ends, &rows, job)?;
            to.there = there_already(ends, &rows, job)?;
            appended = Some(Appended { rows, cells });
        }
        None => {
            let mut own = vec![(ends.from.family.listing.title, there.name.clone())];
            if options.text_keys.workspace.is_some() {
                own.push((WORKSPACE, known.workspace.clone()));
            }
            to.own_row = Some(own);
        }
    }
    let keys = decide(
        ends,
        &known.rows,
        (&to, appended.as_ref()),
        (same, options.text_keys.on_conflict, there.duplicate),
        job,
    )?;
    Ok(Decided { to, keys, appended })
}

/// The digest of the copy's own row.
fn own_row(ends: &Ends<'_>, experiment: i64, name: &Value, options: &MigrateOptions) -> Result<Hash> {
    let mut values = vec![(ends.from.family.listing.title, name.clone())];
    if let Some((from, to)) = &options.text_keys.artifacts {
        for rule in ends.from.family.rules.iter().filter(|rule| rule.meaning == crate::schema::Meaning::Location) {
            if rule.table != ends.from.family.table_name(Entity::ROOT) {
                continue;
            }
            if let Value::Text(text) = root_cell(ends.source, ends.from, experiment, rule.column)?
                && let Some(rest) = text.strip_prefix(from.as_bytes())
            {
                values.push((rule.column, Value::Text([to.as_bytes(), rest].concat())));
            }
        }
    }
    Ok(with_values(ends.source, ends.from, experiment, &values)?.unwrap_or_default())
}

/// Copies an experiment into another database of the family.
pub fn migrate_named(
    source: &Database,
    target: Option<&Database>,
    experiment: i64,
    mut options: MigrateOptions,
    helpers: ManagerServices<'_>,
) -> Result<MigrationResult> {
    options.check()?;
    let job = Job::new(Domain::Migration, options.progress.take(), options.cancel.take());
    let target_database = target.unwrap_or(source);
    job.begin("opening")?;
    let from = source.layout()?;
    from.require(Call::Migrate, Domain::Migration)?;
    check_options(&options, from.family.tracker)?;
    let same = source.is_same_as(target_database);
    let writer = target_database.writer(&job)?;
    source.refuse_replaced()?;
    // Within one database, one connection reads and writes: two would wait for each other.
    let reading = if same { None } else { Some(source.state(Reading::Beside, &job)?) };
    let reader = reading.as_ref().map_or(writer, State::connection);
    let watches = Watches::new(&job, [reader, writer]);
    let mut begun = None;
    if same {
        job.begin("waiting for the target")?;
        begun = Some(Transaction::write(writer)?);
    }
    let from = source.checked(reader.layout()?)?;
    let to = target_database.checked(writer.layout()?)?;
    refuse_other_family((source, &from), (target_database, &to))?;
    looking(writer, same, || refuse_triggers(writer, &to))?;
    let ends = Ends { source: reader, from: &from, target: writer, to: &to, held: same };
    let known = Known::read(&ends, experiment, &options, &mut *helpers.checks, &job)?;
    judge_fit(&known.fit, experiment)?;
    let writing = match begun {
        Some(begun) => begun,
        None => {
            job.begin("waiting for the target")?;
            reader.let_go()?;
            Transaction::write(writer)?
        }
    };
    // Tables of expmig's own may have been made.
    if target_database.checked(writer.layout()?)?.tables != to.tables {
        return Err(Error::new(
            Status::Busy,
            Domain::Migration,
            "the target's tables were changed meanwhile; nothing was changed",
        )
        .hint("migrate again when its upgrade is done"));
    }
    check_versions((reader, &from), (writer, &to))?;
    let mut digest = None;
    let there = look(&ends, &known, (&mut digest, same), (experiment, &options), &job)?;
    match (there.duplicate, options.on_duplicate) {
        (Some(existing), OnDuplicate::Skip) => {
            drop(writing);
            job.finish();
            return Ok(result(&known, digest.as_ref(), (experiment, existing), None, &options, &job));
        }
        (Some(existing), OnDuplicate::Error) => {
            let message = format!("the target has experiment {experiment} already, as experiment {existing}");
            return Err(Error::new(Status::AlreadyExists, Domain::Migration, message)
                .detail("experiment_id", experiment)
                .detail("duplicate_experiment_id", existing)
                .hint("on_duplicate = skip returns its id instead"));
        }
        _ => {}
    }
    let mut decided = decided(&ends, &known, &there, (same, &options), &job)?;
    if there.into.is_none() {
        decided.to.id = next_id(ends.target, ends.to)?;
    }
    let snapshot_id = if options.takes_snapshot() { Some((helpers.snapshot)(&job)?) } else { None };
    let kept = |error: Error| match &snapshot_id {
        Some(id) => error.detail("snapshot_id", id),
        None => error,
    };
    let mut done = write(&ends, (known, decided), (digest, there), (experiment, &options), &job).map_err(kept)?;
    job.begin_commit().map_err(kept)?;
    source.refuse_replaced().map_err(kept)?;
    writing.commit().map_err(kept)?;
    drop(watches);
    drop(reading);
    job.finish();
    let (processed, failed, total) = job.counts();
    (done.items_processed, done.items_failed, done.items_total) = (processed, failed, total);
    done.snapshot_id = snapshot_id;
    done.duration = job.elapsed();
    Ok(done)
}

/// Rows that go into a table of the target, and about how many bytes each has.
fn planned<'l>(target: &'l Layout, table: &Table, (rows, bytes): (u64, u64)) -> Option<Planned<'l>> {
    Some(Planned { table: target.table(table.name)?, rows, bytes })
}

/// Writes the copy and proves it. The caller commits.
fn write(
    ends: &Ends<'_>,
    (known, decided): (Known, Decided),
    (before, there): (Option<NamedDigest>, There),
    (experiment, options): (i64, &MigrateOptions),
    job: &Arc<Job>,
) -> Result<MigrationResult> {
    let planned: Vec<Planned<'_>> =
        known.rows.counts.iter().filter_map(|counts| planned(ends.to, counts.table, (counts.rows, 0))).collect();
    if let Some(size) = ends.target.transaction_size(&planned)? {
        size.check(Domain::Migration)?;
    }
    let Decided { to, keys, appended } = decided;
    job.set_total(known.rows.total() + known.rows.derived(ends.source, ends.from)?);
    job.begin("copying")?;
    let changes = Changes { rows: &known.rows, keys: &keys, artifacts: options.text_keys.artifacts.as_ref() };
    let done = copy(ends, &changes, &to, options.batch_size, job)?;
    if before.is_some_and(|before| before.experiment != done.digest.experiment) {
        return Err(Unsteady::changed(Domain::Migration));
    }
    job.begin("verifying the copy")?;
    let found = read_back(ends, to.id, (&done.written, appended.as_ref().map(|appended| &appended.cells)), job)?;
    let expected = match there.into {
        // It has other rows beside these: what was written is there, cell by cell, and so is what was there.
        Some(_) => None,
        None => Some(whole(&own_row(ends, experiment, &there.name, options)?, &done.expected_body)),
    };
    if let Some(expected) = &expected {
        check_digest(expected, &found.experiment)?;
    }
    let proven = Proven { done: &done, expected, found: found.experiment };
    let mut result = result(&known, Some(&done.digest), (experiment, to.id), Some(proven), options, job);
    result.id_map.keys = keys.list(&known.rows);
    let say = &mut result.warnings;
    if let Some(existing) = there.duplicate {
        say.push(format!("the target had the same experiment already, as experiment {existing}"));
    }
    if there.into.is_none() && there.name != known.name {
        say.push(format!("the copy is called {}", there.name.borrow().describe()));
    }
    for entity in known.rows.family.all() {
        let (count, nouns) = (keys.count_there(entity), known.rows.family.of(entity).nouns);
        if count > 0 {
            say.push(format!("{count} {nouns} were there already with the same content, and were left as they are"));
        }
    }
    if !done.differing.is_empty() {
        let (count, first) = (done.differing.len(), done.differing.iter().take(NAMED).cloned().collect::<Vec<_>>());
        say.push(format!(
            "{count} rows of the experiment itself were left as the target has them: {}",
            first.join(", ")
        ));
    }
    result.locations = done.locations;
    Ok(result)
}

/// What was written, and what it is as it was read back.
struct Proven<'d> {
    done: &'d Done,
    expected: Option<Hash>,
    found: Hash,
}

fn result(
    known: &Known,
    digest: Option<&NamedDigest>,
    (experiment, new_id): (i64, i64),
    proven: Option<Proven<'_>>,
    options: &MigrateOptions,
    job: &Job,
) -> MigrationResult {
    let mut warnings = known.warnings.clone();
    if proven.is_none() {
        warnings
            .insert(0, format!("the target had the experiment already, as experiment {new_id}; nothing was written"));
    }
    let written = proven.as_ref().map_or(&[][..], |proven| &proven.done.written);
    let counts = written.iter();
    let counts = counts.map(|one| TableCount { table: one.table, source: one.rows, copied: one.copied(), failed: 0 });
    MigrationResult {
        source_experiment_id: experiment,
        new_experiment_id: new_id,
        strategy: options.strategy,
        skipped: proven.is_none(),
        items_processed: 0,
        items_failed: 0,
        items_total: 0,
        tables: counts.collect(),
        id_map: IdMap::default(),
        source_digest: digest.map(|digest| digest.experiment),
        target_digest: proven.as_ref().map(|proven| proven.found),
        expected_digest: proven.as_ref().and_then(|proven| proven.expected),
        digest_algorithm: ALGORITHM_NAMED,
        fit: known.fit.clone(),
        problems: UnsoundRows::default(),
        locations: None,
        warnings,
        transformation: None,
        snapshot_id: None,
        duration: job.elapsed(),
    }
}

/// How many bytes a row of a table takes, about.
pub type RowBytes = fn(&dyn Connection, &TableLayout) -> Result<u64>;

/// What [`migrate_named`] would do. Reads only.
pub fn plan_named(
    (source, target): (&Database, Option<&Database>),
    experiment: i64,
    mut options: MigrateOptions,
    checks: RunChecks<'_>,
    row_bytes: RowBytes,
) -> Result<MigrationPlan> {
    let since = Instant::now();
    options.check()?;
    let job = Job::new(Domain::Migration, options.progress.take(), options.cancel.take());
    let target_database = target.unwrap_or(source);
    target_database.refuse_replaced()?;
    job.begin("opening")?;
    let from = source.layout()?;
    from.require(Call::Migrate, Domain::Migration)?;
    check_options(&options, from.family.tracker)?;
    let same = source.is_same_as(target_database);
    let state = source.state(Reading::Beside, &job)?;
    let target_state = if same { None } else { Some(target_database.state(Reading::Beside, &job)?) };
    let reader = state.connection();
    let target_reader = target_state.as_ref().map_or(reader, State::connection);
    let _watches = Watches::new(&job, [reader, target_reader]);
    let layouts: (Layout, Layout) =
        (source.checked(reader.layout()?)?, target_database.checked(target_reader.layout()?)?);
    refuse_other_family((source, &layouts.0), (target_database, &layouts.1))?;
    refuse_triggers(target_reader, &layouts.1)?;
    let ends = Ends { source: reader, from: &layouts.0, target: target_reader, to: &layouts.1, held: true };
    let known = Known::read(&ends, experiment, &options, checks, &job)?;
    job.set_total(known.rows.total());
    job.begin("digesting the source")?;
    let digest = digest_named(reader, &layouts.0, &known.rows, (&job, true))?;
    let there = look(&ends, &known, (&mut Some(digest.clone()), same), (experiment, &options), &job)?;
    let mut warnings = known.warnings.clone();
    match decided(&ends, &known, &there, (same, &options), &job) {
        Ok(decided) => {
            for entity in known.rows.family.all() {
                let (count, nouns) = (decided.keys.count_there(entity), known.rows.family.of(entity).nouns);
                if count > 0 {
                    warnings
                        .push(format!("{count} {nouns} are there already with the same content, and would be left"));
                }
            }
        }
        Err(error) if error.status() == Status::AlreadyExists => {
            warnings
                .push(format!("{}: the copy would be refused", error.message().replace("; nothing was changed", "")));
        }
        Err(error) => return Err(error),
    }
    if there.into.is_none() && there.name != known.name {
        warnings.push(format!("the copy would be called {}", there.name.borrow().describe()));
    }
    let expected_digest = match (there.into, &options.text_keys.artifacts) {
        (Some(_), _) => None,
        (None, None) => Some(digest.body),
        (None, Some(_)) => {
            let none = NewKeys::kept(known.rows.family);
            let changes = Changes { rows: &known.rows, keys: &none, artifacts: options.text_keys.artifacts.as_ref() };
            let mut moved = |table: &TableLayout, of, row: &dyn crate::database::Row| {
                RowMap::new(&changes, table, |_| None).locations((of, row, 1), None)
            };
            Some(digest_changed(reader, &layouts.0, &known.rows, (&job, false), &mut moved)?.body)
        }
    };
    let expected_digest = match expected_digest {
        Some(body) => Some(whole(&own_row(&ends, experiment, &there.name, &options)?, &body)),
        None => None,
    };
    let mut needed_bytes = 0_u64;
    let (mut tables, mut sized) = (Vec::new(), Vec::new());
    for counts in &known.rows.counts {
        tables.push(PlannedTable { table: counts.table.name, rows: counts.rows, unsound: 0 });
        if let Some(table) = layouts.0.table(counts.table.name).filter(|_| counts.rows > 0) {
            let each = row_bytes(reader, table)?;
            needed_bytes = needed_bytes.saturating_add(each.saturating_mul(counts.rows));
            sized.extend(planned(&layouts.1, counts.table, (counts.rows, each)));
        }
    }
    let transaction_size = target_reader.transaction_size(&sized)?;
    let locks = json!({
        "source": source.describe_reading()?,
        "target": target_database.describe_writing(target_reader, since.elapsed(), PERCENT_LOCKED)?,
    });
    let duplicates =
        there.duplicate.map(|experiment_id| PlannedDuplicate { experiment_id, proven: true }).into_iter().collect();
    let free_bytes = target_reader.free_bytes();
    job.finish();
    Ok(MigrationPlan {
        source_experiment_id: experiment,
        target_experiment_id: there.into,
        strategy: options.strategy,
        same_database: same,
        items_total: known.rows.total(),
        tables,
        extra_columns: Vec::new(),
        filled_columns: Vec::new(),
        extra_tables: layouts.0.extra_tables.clone(),
        unsound: UnsoundRows::default(),
        odd_values: None,
        validation: None,
        fit: known.fit,
        transformation: None,
        duplicates,
        warnings,
        digest_algorithm: ALGORITHM_NAMED,
        source_digest: Some(digest.experiment),
        expected_digest,
        locks,
        transaction_size,
        needed_bytes,
        free_bytes,
    })
}
