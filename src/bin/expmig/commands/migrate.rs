//! The commands `plan` and `migrate`, for one or several experiments of one or several databases.

use std::path::Path;

use expmig::{Database, Manager, MigrateOptions, MigrationResult, Status};
use serde_json::{Value as Json, json};

use super::look::{experiments, unlikely, warnings};
use crate::arguments::Migrate;
use crate::failure::{Failure, Outcome};
use crate::output::{after_change, count};
use crate::session::{Session, Use, read};

fn options(session: &Session, arguments: &Migrate, rules: Option<&String>) -> MigrateOptions {
    MigrateOptions {
        strategy: arguments.strategy.into(),
        target_experiment: arguments.into,
        on_duplicate: arguments.on_duplicate.into(),
        allow_lossy: arguments.allow_lossy,
        add_columns: arguments.add_columns,
        create_snapshot: arguments.snapshot,
        staged: arguments.staged,
        stage_rows: arguments.stage_rows,
        title_prefix: arguments.title_prefix.clone(),
        transformation_rules: rules.cloned(),
        text_keys: (&arguments.mlflow).into(),
        progress: session.progress(),
        cancel: Some(session.cancel()),
        ..MigrateOptions::default()
    }
}

/// Fails if a source cannot be opened or lacks what is to be copied: a target is not made for that.
fn find_all(session: &Session, arguments: &Migrate) -> Outcome<()> {
    for database in &arguments.databases {
        let source = session.open(database, Use::Read)?;
        if arguments.which.all {
            continue;
        }
        let there = source.list_experiments()?;
        for id in &arguments.which.experiment {
            if there.iter().all(|one| one.id != *id) {
                // It says which ones there are.
                source.experiment_digest(*id, session.job())?;
            }
        }
    }
    Ok(())
}

/// Of a schema of a server that is not a database of a tracker: that it may be empty, and what to do then.
fn or_create(failure: Failure, url: &str) -> Failure {
    match failure {
        Failure::Engine(error) if error.status() == Status::Schema && Database::is_on_a_server(url) => {
            let hint = error.hint_text().unwrap_or_default();
            let hint = format!("{hint}; in a schema that is empty `migrate --create` makes the tables");
            Failure::Engine(error.hint(hint))
        }
        other => other,
    }
}

/// Opens the sources one after the other, and the target, and hands over each experiment.
fn each(
    session: &Session,
    arguments: &Migrate,
    writes: bool,
    mut act: impl FnMut(&str, &Manager, Option<&Manager>, i64, MigrateOptions) -> Outcome<()>,
    mut ended: impl FnMut(&str) -> Outcome<()>,
) -> Outcome<()> {
    if arguments.databases.len() > 1 && arguments.to.is_none() {
        let hint = "give --to DATABASE: several databases are copied into one other";
        return Err(unlikely("several databases, and none to copy into".to_owned(), hint));
    }
    let rules = arguments.rules.as_deref().map(read).transpose()?;
    let target = match &arguments.to {
        Some(url) => {
            let missing = !Database::is_on_a_server(url) && !Path::new(url).exists();
            if missing && !writes {
                let hint = "a migration would make it; plan into a database that exists, or within the source";
                return Err(unlikely(format!("{url} does not exist, so nothing is known of it"), hint));
            }
            let made = writes && (missing || arguments.create);
            if made {
                find_all(session, arguments)?;
            }
            if made && let Some(first) = arguments.databases.first() {
                let family = session.open(first, Use::Read)?.database().family();
                if let Some(maker) = family.maker {
                    let tracker = family.tracker;
                    let why = if missing {
                        format!("{url} does not exist")
                    } else {
                        "--create makes no such tables".to_owned()
                    };
                    let hint = format!("make it first with {maker}, which only {tracker} itself can");
                    return Err(unlikely(format!("{why}, and {first} is a database of {tracker}"), &hint));
                }
            }
            let usage = match (writes, made) {
                (false, _) => Use::Read,
                (true, true) => Use::Create,
                (true, false) => Use::Write,
            };
            let opened = session.open(url, usage);
            Some(if usage == Use::Write { opened.map_err(|failure| or_create(failure, url))? } else { opened? })
        }
        None => None,
    };
    for database in &arguments.databases {
        let source = session.open(database, if writes && target.is_none() { Use::Write } else { Use::Read })?;
        for id in experiments(&source, &arguments.which)? {
            act(database, &source, target.as_ref(), id, options(session, arguments, rules.as_ref()))?;
        }
        ended(database)?;
    }
    Ok(())
}

pub fn plan(session: &Session, arguments: &Migrate) -> Outcome<()> {
    let mut plans = Vec::new();
    each(
        session,
        arguments,
        false,
        |database, source, target, id, options| {
            let plan = source.plan_migration(id, target, options)?;
            match session.common.json {
                true => {
                    plans.push(plan);
                    Ok(())
                }
                false => describe(session, &format!("{database}#{id}"), &plan),
            }
        },
        |_| Ok(()),
    )?;
    if !session.common.json {
        return Ok(());
    }
    match plans.as_slice() {
        [only] => session.document(only),
        all => session.document(&json!({"schema": "expmig.plans/1", "plans": all})),
    }
}

/// Prints the parts of a plan that people look for.
fn describe(session: &Session, what: &str, plan: &Json) -> Outcome<()> {
    let number = |pointer: &str| plan.pointer(pointer).and_then(Json::as_u64);
    session.line(format_args!("{what}: {} would be copied", count(number("/items_total").unwrap_or(0), "row")))?;
    let rows: Vec<Vec<String>> = plan
        .get("tables")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .filter(|table| ["rows", "unsound"].iter().any(|name| table.get(name).and_then(Json::as_u64).unwrap_or(0) > 0))
        .map(|table| {
            let cell = |name| table.get(name).map_or_else(String::new, |value| value.to_string().replace('"', ""));
            vec![cell("table"), cell("rows"), cell("unsound")]
        })
        .collect();
    session.table(&["TABLE", "ROWS", "UNSOUND"], &[1, 2], &rows)?;
    for (pointer, what) in [
        (
            "/unsound/count",
            "row is unsound: a row that it refers to is missing|rows are unsound: a row that they refer to is missing",
        ),
        ("/odd_values/count", "odd value|odd values"),
        ("/lossy/count", "value does not fit into the target|values do not fit into the target"),
        ("/validation/errors", "error of the validation would stop it|errors of the validation would stop it"),
        ("/validation/warnings", "warning of the validation would stop it|warnings of the validation would stop it"),
    ] {
        let (one, more) = what.split_once('|').unwrap_or((what, what));
        match number(pointer) {
            None | Some(0) => {}
            Some(1) => session.line(format_args!("1 {one}"))?,
            Some(many) => session.line(format_args!("{many} {more}"))?,
        }
    }
    for duplicate in plan.get("duplicates").and_then(Json::as_array).into_iter().flatten() {
        let id = duplicate.get("experiment_id").and_then(Json::as_i64).unwrap_or(0);
        let proven = duplicate.get("proven").and_then(Json::as_bool) == Some(true);
        let how = if proven { "with the same content" } else { "that looks the same" };
        session.line(format_args!("the target has an experiment {how} already: {id}"))?;
    }
    if let Some(lock) = number("/locks/target/write_lock_ms") {
        session.line(format_args!("others could not write for about {:.1} s", lock as f64 / 1000.0))?;
    }
    if plan.pointer("/space/enough").and_then(Json::as_bool) == Some(false) {
        let (needed, free) = (number("/space/needed_bytes").unwrap_or(0), number("/space/free_bytes").unwrap_or(0));
        session.line(format_args!("there is too little room: {needed} bytes are needed, {free} are free"))?;
    }
    warnings(plan).try_for_each(|warning| session.line(format_args!("warning: {warning}")))
}

/// What became of the experiments of one database.
#[derive(Default)]
struct Tally {
    copied: Vec<i64>,
    skipped: Vec<i64>,
    rows: u64,
}

pub fn migrate(session: &Session, arguments: &Migrate) -> Outcome<()> {
    let several = arguments.databases.len() > 1;
    let tally = std::cell::RefCell::new(Tally::default());
    let results = std::cell::RefCell::new(Vec::new());
    let outcome = each(
        session,
        arguments,
        true,
        |database, source, target, id, options| {
            let done = source.migrate_experiment(id, target, options)?;
            let mut tally = tally.borrow_mut();
            if done.skipped {
                tally.skipped.push(done.new_experiment_id)
            } else {
                tally.copied.push(done.new_experiment_id)
            }
            tally.rows += if done.skipped { 0 } else { done.items_processed };
            if session.common.json {
                results.borrow_mut().push(done.to_json());
                return Ok(());
            }
            if several { Ok(()) } else { after_change(tell(session, database, id, arguments, &done)) }
        },
        |database| {
            let tally = tally.take();
            if !several || session.common.json {
                return Ok(());
            }
            let new = if tally.copied.is_empty() { String::new() } else { format!(" as {}", ids(&tally.copied)) };
            let there = if tally.skipped.is_empty() { String::new() } else { format!(" as {}", ids(&tally.skipped)) };
            after_change(session.line(format_args!(
                "{database}: {} copied{new} ({}), {} there already{there}",
                count(tally.copied.len() as u64, "experiment"),
                count(tally.rows, "row"),
                tally.skipped.len(),
            )))
        },
    );
    if session.common.json {
        // Those that were done are done, whatever became of the next.
        let results = results.into_inner();
        let printed = match (results.as_slice(), &outcome) {
            ([], Err(_)) => Ok(()),
            ([only], Ok(())) => session.document(only),
            (all, _) => session.document(&json!({"schema": "expmig.migrations/1", "migrations": all})),
        };
        after_change(printed)?;
    }
    outcome
}

fn ids(ids: &[i64]) -> String {
    ids.iter().map(i64::to_string).collect::<Vec<_>>().join(", ")
}

fn tell(session: &Session, database: &str, id: i64, arguments: &Migrate, done: &MigrationResult) -> Outcome<()> {
    let target = arguments.to.as_deref().unwrap_or(database);
    let new = done.new_experiment_id;
    if done.skipped {
        return session.line(format_args!("{database}#{id} is there already: {target}#{new}"));
    }
    let rows = count(done.items_processed.saturating_sub(done.items_failed), "row");
    let failed = if done.items_failed > 0 { format!(", {} left out", done.items_failed) } else { String::new() };
    let proof = match done.target_digest {
        Some(digest) => format!("digest {}", expmig::digest::hex(&digest)),
        None => "row counts agree".to_owned(),
    };
    session.line(format_args!("{database}#{id} -> {target}#{new}: {rows}{failed}; {proof}"))?;
    match &done.snapshot_id {
        Some(snapshot) => session.line(format_args!("snapshot of the target before: {snapshot}")),
        None => Ok(()),
    }
}
