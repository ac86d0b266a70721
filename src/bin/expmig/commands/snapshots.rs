//! The commands `snapshot create`, `list`, `verify`, `restore`, `delete` and `cleanup`.

use expmig::{RestoreOptions, SnapshotOptions};
use serde_json::json;

use crate::arguments::Snapshot as Command;
use crate::failure::Outcome;
use crate::output::{after_change, count};
use crate::session::{Session, Use};

pub fn run(session: &Session, command: Command) -> Outcome<()> {
    match command {
        Command::Create { on, description, metadata } => {
            let manager = session.open(&on.database, Use::Read)?;
            let options = SnapshotOptions { metadata: metadata.as_deref(), job: session.job() };
            let id = manager.create_snapshot(&description, options)?;
            after_change(match session.common.json {
                true => session.text(&manager.snapshot_details(&id)?.to_json()?),
                false => session.line(id),
            })
        }
        Command::List { on, pattern } => list(session, &on.database, pattern.as_deref()),
        Command::Verify { on, id } => {
            let manager = session.open(&on.database, Use::Read)?;
            manager.verify_snapshot(&id, session.job())?;
            match session.common.json {
                true => session.text(&manager.snapshot_details(&id)?.to_json()?),
                false => session.line(format_args!("{id} is unchanged")),
            }
        }
        Command::Restore { on, id, force, no_safety_snapshot } => {
            let manager = session.open(&on.database, Use::Write)?;
            let kept = if no_safety_snapshot { "which is lost." } else { "which a new snapshot keeps." };
            session.confirm(&format!("The snapshot {id} replaces everything in {}, {kept}", on.database))?;
            let done = manager
                .restore_snapshot(&id, RestoreOptions { force, no_safety_snapshot, job: session.patient_job() })?;
            if session.common.json {
                return after_change(session.document(&done.to_json()));
            }
            let rows = count(done.statistics.rows, "row");
            let before = match &done.safety_snapshot_id {
                Some(id) => format!("; the previous content is in snapshot {id}"),
                None => String::new(),
            };
            after_change(session.line(format_args!("restored {}: {rows}{before}", done.snapshot_id)))
        }
        Command::Delete { on, id } => {
            let manager = session.open(&on.database, Use::Read)?;
            session.confirm(&format!("The snapshot {id} is deleted for good."))?;
            manager.delete_snapshot(&id)?;
            after_change(match session.common.json {
                true => session.document(&json!({"schema": "expmig.snapshot_deletion/1", "deleted": [id]})),
                false => session.line(format_args!("deleted {id}")),
            })
        }
        Command::Cleanup { on, keep, claim } => {
            let manager = session.open(&on.database, Use::Read)?;
            session
                .confirm(&format!("All snapshots of {} but the newest {keep} are deleted for good.", on.database))?;
            let done = manager.cleanup_snapshots_with(keep.into(), claim)?;
            after_change(match session.common.json {
                true => session.document(
                    &json!({"schema": "expmig.snapshot_cleanup/1", "deleted": done.deleted, "left": done.left}),
                ),
                false => session.line(format_args!(
                    "deleted {}; kept {} that may belong to another database",
                    count(done.deleted, "snapshot"),
                    done.left
                )),
            })
        }
    }
}

fn list(session: &Session, database: &str, pattern: Option<&str>) -> Outcome<()> {
    let found = session.open(database, Use::Read)?.list_snapshots(None, pattern)?;
    if session.common.json {
        return session.text(&found.to_json()?);
    }
    for broken in &found.broken {
        session.complain(&format!("snapshot {}: {}", broken.id, broken.error));
    }
    if found.snapshots.is_empty() {
        return session.line("no snapshots");
    }
    let rows: Vec<Vec<String>> = found
        .snapshots
        .into_iter()
        .map(|one| {
            let (rows, size) = (one.statistics.rows.to_string(), one.size.to_string());
            vec![one.id, one.created_at, rows, size, one.database.file_name, one.description]
        })
        .collect();
    session.table(&["ID", "CREATED", "ROWS", "BYTES", "OF", "DESCRIPTION"], &[2, 3], &rows)
}
