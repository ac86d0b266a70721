//! The command `bring-in`.

use expmig::BringInOptions;
use expmig::readers::{Tally, View};

use crate::arguments::BringIn;
use crate::failure::Outcome;
use crate::output::{after_change, count};
use crate::session::{Session, Use};

pub fn bring_in(session: &Session, arguments: &BringIn) -> Outcome<()> {
    let manager = session.open(&arguments.on.database, if arguments.dry_run { Use::Read } else { Use::Write })?;
    let options = BringInOptions {
        kind: arguments.kind.clone(),
        experiment: arguments.experiment_name.clone(),
        on_conflict: arguments.on_conflict.into(),
        on_name: arguments.on_name.into(),
        user: arguments.user.clone(),
        with_machine: arguments.with_machine,
        sidecar: arguments.sidecar.clone(),
        leave_out: arguments.leave_out,
        view: if arguments.server_view { View::Server } else { View::All },
        ended: arguments.ended,
        zone: arguments.zone.clone(),
        temp_dir: None,
        progress: session.progress(),
        cancel: Some(session.cancel()),
    };
    let done = match arguments.dry_run {
        true => manager.bring_in_plan(&arguments.path, options)?,
        false => manager.bring_in(&arguments.path, options)?,
    };
    let shown = match session.common.json {
        true => session.document(&done.to_json()),
        false => (|| {
            for brought in &done.experiments {
                let (database, id) = (&arguments.on.database, brought.experiment_id);
                let there = if brought.was_there { ", there already" } else { "" };
                session.line(format_args!(
                    "{database}#{id}: {}, {}{there}",
                    brought.name,
                    count(brought.runs, "run")
                ))?;
            }
            let (runs, new) = done.runs();
            let new_runs = if done.planned { "would be new" } else { "new" };
            session.line(format_args!(
                "{} of {}, {new} {new_runs}; {} of the store",
                count(runs, "run"),
                done.title,
                rows(&done)
            ))?;
            let total = done.account.total();
            for (what, tally) in [("points", &total.points), ("values", &total.values)] {
                session.line(format_args!("{what}: {}", account(tally)))?;
            }
            Ok(())
        })(),
    };
    if done.planned { shown } else { after_change(shown) }
}

fn rows(done: &expmig::BringInResult) -> String {
    let new = count(done.rows_new(), "new row");
    match done.rows_changed() {
        0 => new,
        changed => format!("{new} and {}", count(changed, "changed row")),
    }
}

/// What was read, and what became of it, by rule.
fn account(tally: &Tally) -> String {
    let mut parts = vec![format!("{} read", tally.read), format!("{} stored", tally.stored)];
    for (what, rules) in [("folded", &tally.folded), ("kept beside", &tally.sidecar), ("refused", &tally.refused)] {
        if !rules.is_empty() {
            let rules: Vec<String> = rules.iter().map(|(rule, count)| format!("{rule} {count}")).collect();
            parts.push(format!("{what}: {}", rules.join(", ")));
        }
    }
    parts.join("; ")
}
