//! The commands `transform` and `undo`.

use expmig::{MetricSelection, TransformOptions, UndoOptions};

use crate::arguments::{Transform, Undo};
use crate::failure::Outcome;
use crate::output::{after_change, count};
use crate::session::{Session, Use, read};

pub fn transform(session: &Session, arguments: &Transform) -> Outcome<()> {
    let given = |ids: &Vec<i64>| (!ids.is_empty()).then(|| ids.clone());
    let selection = MetricSelection { experiments: given(&arguments.experiment), metrics: given(&arguments.metric) };
    let options = TransformOptions {
        dry_run: arguments.dry_run,
        progress: session.progress(),
        cancel: Some(session.cancel()),
        ..TransformOptions::default()
    };
    let rules = arguments.rules.as_deref().map(read).transpose()?;
    let manager = session.open(&arguments.on.database, if arguments.dry_run { Use::Read } else { Use::Write })?;
    let done = match (&rules, &arguments.transformation) {
        (Some(rules), _) => manager.transform_metrics(&selection, rules, options)?,
        (None, name) => {
            let name = name.as_deref().unwrap_or_default();
            manager.transform_metrics_by(&selection, name, arguments.parameters.as_deref(), options)?
        }
    };
    if session.common.json {
        return after_change(session.document(&done.to_json()));
    }
    let changed = if done.dry_run { "would change" } else { "changed" };
    let said = session.line(format_args!(
        "{changed} {} of {} that the rules are for ({} skipped, {} failed)",
        count(done.updated, "metric"),
        done.matched,
        done.skipped.count,
        done.failed.count
    ));
    let undo = |id: i64| session.line(format_args!("to undo it: expmig undo {} {id}", arguments.on.database));
    let examples = done.samples.iter().filter(|_| done.dry_run).try_for_each(|sample| {
        let shown = |values: &[expmig::Value; 2]| {
            values.iter().map(|value| value.borrow().describe()).collect::<Vec<_>>().join(" ")
        };
        let (before, after) = (shown(&sample.before), shown(&sample.after));
        session.line(format_args!("metric {} ({}): {before} -> {after}", sample.metric_id, sample.metric_type))
    });
    after_change(said.and(examples).and_then(|()| done.transform_id.map_or(Ok(()), undo)))
}

pub fn undo(session: &Session, arguments: &Undo) -> Outcome<()> {
    let Some(id) = arguments.id else { return list(session, &arguments.on.database) };
    let manager = session.open(&arguments.on.database, Use::Write)?;
    let options = UndoOptions {
        skip_changed: arguments.skip_changed,
        progress: session.progress(),
        cancel: Some(session.cancel()),
    };
    let done = manager.undo_transform(id, options)?;
    after_change(match session.common.json {
        true => session.document(&done.to_json()),
        false => session.line(format_args!("restored {} ({} skipped)", count(done.restored, "metric"), done.skipped)),
    })
}

fn list(session: &Session, database: &str) -> Outcome<()> {
    let entries = session.open(database, Use::Read)?.list_transforms()?;
    if session.common.json {
        return session.document(&expmig::transformation::list_json(&entries));
    }
    if entries.is_empty() {
        return session.line("nothing can be undone");
    }
    let rows: Vec<Vec<String>> = entries
        .into_iter()
        .map(|one| vec![one.id.to_string(), one.created_at, one.metrics.to_string(), one.rules])
        .collect();
    session.table(&["ID", "MADE", "METRICS", "RULES"], &[0, 2], &rows)
}
