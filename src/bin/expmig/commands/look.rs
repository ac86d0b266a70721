//! The commands `list`, `info`, `query`, `digest` and `widen`. `widen` shows what it would change before it changes anything.

use expmig::digest::hex;
use expmig::{Manager, Next, Value, ValueRef};
use serde_json::{Map, Value as Json, json};

use crate::arguments::Which;
use crate::failure::{Failure, Outcome};
use crate::output::{after_change, count};
use crate::session::{Session, Use};

pub fn list(session: &Session, database: &str) -> Outcome<()> {
    let manager = session.open(database, Use::Read)?;
    if session.common.json {
        return session.text(&manager.list_experiments_json()?);
    }
    let shown = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let list = manager.list_experiments()?;
    let staged = list.iter().any(|one| one.lifecycle_stage.is_some());
    let rows: Vec<Vec<String>> = list
        .into_iter()
        .map(|one| {
            let (trials, runs) = (one.trials.to_string(), one.runs.to_string());
            let mut row = vec![one.id.to_string(), trials, runs, shown(one.start_time)];
            row.extend(staged.then(|| shown(one.lifecycle_stage)));
            row.push(shown(one.title));
            row
        })
        .collect();
    if rows.is_empty() {
        return session.line("no experiments");
    }
    match staged {
        true => session.table(&["ID", "TRIALS", "RUNS", "STARTED", "STAGE", "TITLE"], &[0, 1, 2], &rows),
        false => session.table(&["ID", "TRIALS", "RUNS", "STARTED", "TITLE"], &[0, 1, 2], &rows),
    }
}

pub fn info(session: &Session, database: &str) -> Outcome<()> {
    let info = session.open(database, Use::Read)?.database_info()?;
    if session.common.json {
        return session.document(&info);
    }
    facts(session, &info)
}

/// The members of a document as lines.
fn facts(session: &Session, document: &Json) -> Outcome<()> {
    let Json::Object(members) = document else { return session.document(document) };
    for (name, value) in members.iter().filter(|(name, _)| *name != "schema") {
        let name = name.replace('_', " ");
        match value {
            Json::Array(list) if list.is_empty() => session.line(format_args!("{name}: none"))?,
            Json::Array(list) => {
                let list: Vec<String> = list.iter().map(inline).collect();
                session.line(format_args!("{name}: {}", list.join(", ")))?;
            }
            other => session.line(format_args!("{name}: {}", inline(other)))?,
        }
    }
    Ok(())
}

fn inline(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Object(members) => members.values().map(inline).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

pub fn query(session: &Session, database: &str, sql: &str, parameters: &[String]) -> Outcome<()> {
    let manager = session.open(database, Use::Read)?;
    let parameters: Vec<Value> = parameters.iter().map(|text| parameter(text)).collect();
    let mut failed = None;
    let mut head = false;
    manager.query(sql, &parameters, &mut |row| {
        let printed = if session.common.json {
            let members: Map<String, Json> =
                row.columns.iter().zip(row.values).map(|(name, value)| (name.clone(), cell(*value))).collect();
            session.line(Json::Object(members))
        } else {
            let first = if std::mem::replace(&mut head, true) { Ok(()) } else { session.line(row.columns.join("\t")) };
            let cells: Vec<String> = row.values.iter().map(|value| plain(*value)).collect();
            first.and_then(|()| session.line(cells.join("\t")))
        };
        Ok(match printed {
            Ok(()) => Next::Row,
            Err(failure) => {
                failed = Some(failure);
                Next::Stop
            }
        })
    })?;
    failed.map_or(Ok(()), Err)
}

/// A number, if it is written as one, else text.
fn parameter(text: &str) -> Value {
    if let Ok(integer) = text.parse() {
        return Value::Integer(integer);
    }
    let number =
        text.parse::<f64>().ok().filter(|_| text.starts_with(|first: char| first.is_ascii_digit() || first == '-'));
    number.map_or_else(|| Value::Text(text.as_bytes().to_vec()), Value::Real)
}

/// What JSON has no word for is an object: {"real": "NaN"}, {"hex": "00ff"}.
fn cell(value: ValueRef<'_>) -> Json {
    match value {
        ValueRef::Null => Json::Null,
        ValueRef::Integer(integer) => json!(integer),
        ValueRef::Real(real) if real.is_finite() => json!(real),
        ValueRef::Real(real) => json!({"real": format!("{real:?}")}),
        ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => json!(text),
            Err(_) => json!({"hex": in_hex(bytes)}),
        },
        ValueRef::Blob(bytes) => json!({"hex": in_hex(bytes)}),
    }
}

fn in_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A cell on one line without tabs.
fn plain(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => String::new(),
        ValueRef::Integer(integer) => integer.to_string(),
        ValueRef::Real(real) => format!("{real:?}"),
        ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => text.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n").replace('\r', "\\r"),
            Err(_) => format!("0x{}", in_hex(bytes)),
        },
        ValueRef::Blob(bytes) => format!("0x{}", in_hex(bytes)),
    }
}

/// The experiments that were asked for.
pub fn experiments(manager: &Manager, which: &Which) -> Outcome<Vec<i64>> {
    if !which.all {
        return Ok(which.experiment.clone());
    }
    Ok(manager.list_experiments()?.into_iter().map(|one| one.id).collect())
}

pub fn digest(session: &Session, database: &str, which: &Which) -> Outcome<()> {
    let manager = session.open(database, Use::Read)?;
    let mut all = Vec::new();
    for id in experiments(&manager, which)? {
        let digest = hex(&manager.experiment_digest(id, session.job())?);
        match session.common.json {
            true => all.push(json!({"experiment_id": id, "digest": digest})),
            false => session.line(format_args!("{digest}  {database}#{id}"))?,
        }
    }
    if session.common.json {
        return session.document(&json!({"schema": "expmig.digests/1", "database": database, "experiments": all}));
    }
    Ok(())
}

pub fn widen(session: &Session, database: &str, dry_run: bool) -> Outcome<()> {
    let manager = session.open(database, if dry_run { Use::Read } else { Use::Write })?;
    let found = manager.widen_schema(false, session.job())?;
    let statements: Vec<&str> =
        found.get("statements").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).collect();
    let left = found.get("left").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
    // The document has them.
    for column in left.iter().filter(|_| !session.common.json && !session.common.quiet) {
        let [table, name, declared, reason] =
            ["table", "column", "type", "reason"].map(|key| column.get(key).and_then(Json::as_str).unwrap_or_default());
        session.advise(&format!("{table}.{name} ({declared}) stays too narrow: {reason}"));
    }
    if dry_run || statements.is_empty() {
        return match (session.common.json, statements.is_empty()) {
            (true, _) => session.document(&found),
            (false, true) if left.is_empty() => {
                session.line("the tables can hold every value; there is nothing to widen")
            }
            (false, true) => {
                let (count, stay) =
                    (count(left.len() as u64, "column"), if left.len() == 1 { "stays" } else { "stay" });
                session.line(format_args!("there is nothing that can be widened; {count} {stay} too narrow"))
            }
            (false, false) => statements.iter().try_for_each(|statement| session.line(format_args!("{statement};"))),
        };
    }
    session.confirm(&format!(
        "Widening rewrites tables of {database} by {}.",
        count(statements.len() as u64, "statement")
    ))?;
    let done = manager.widen_schema(true, session.patient_job())?;
    after_change(match session.common.json {
        true => session.document(&done),
        false => session.line(format_args!("widened by {}", count(statements.len() as u64, "statement"))),
    })
}

/// What the library warns of in a document that has `warnings`, where its log does not say it.
pub fn warnings(document: &Json) -> impl Iterator<Item = &str> {
    document.get("warnings").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str)
}

/// A file that cannot be what the user means.
pub fn unlikely(message: String, hint: &str) -> Failure {
    Failure::Usage(message, hint.to_owned())
}
