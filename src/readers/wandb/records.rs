//! The records of a file: which fields they have, by the numbers of W&B's own definition.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json, json};

use super::item::Item;
use crate::readers::wire::{Fields, Malformed, Wire};

type Read<T> = std::result::Result<T, Malformed>;

/// What a file says of its run at the beginning.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Start {
    pub run_id: String,
    pub project: Option<String>,
    /// Milliseconds since 1970.
    pub start_time: i64,
}

/// What the record of a run has.
#[derive(Default)]
pub struct RunRecord {
    pub start: Start,
    pub display_name: Option<String>,
    /// What becomes a tag: its name and value.
    pub tags: Vec<(&'static str, String)>,
    pub words: Vec<String>,
    pub config: Vec<Item>,
    pub internal: u64,
}

/// Seconds and billionths of them, as milliseconds.
fn timestamp(bytes: &[u8]) -> Read<i64> {
    let (mut seconds, mut nanos) = (0_i64, 0_i64);
    for field in Fields::of(bytes) {
        match field? {
            (1, wire) => seconds = wire.int().ok_or(Malformed)?,
            (2, wire) => nanos = wire.int().ok_or(Malformed)?,
            _ => {}
        }
    }
    Ok(seconds.saturating_mul(1000).saturating_add(nanos / 1_000_000))
}

/// The record of the run.
pub fn run_record(bytes: &[u8]) -> Read<RunRecord> {
    let mut run = RunRecord::default();
    let text = |wire: Wire<'_>| wire.text().map(str::to_owned).ok_or(Malformed);
    for field in Fields::of(bytes) {
        let (number, wire) = field?;
        match number {
            1 => run.start.run_id = text(wire)?,
            3 => run.start.project = Some(text(wire)?).filter(|name| !name.is_empty()),
            4 => {
                for field in Fields::of(wire.bytes().ok_or(Malformed)?) {
                    if let (1, item) = field? {
                        run.config.push(Item::parse(item.bytes().ok_or(Malformed)?)?);
                    }
                }
            }
            6 => run.tags.push(("wandb.group", text(wire)?)),
            7 => run.tags.push(("wandb.job_type", text(wire)?)),
            8 => run.display_name = Some(text(wire)?).filter(|name| !name.is_empty()),
            9 => run.tags.push(("mlflow.note.content", text(wire)?)),
            10 => run.words.push(text(wire)?),
            12 => run.tags.push(("wandb.sweep_id", text(wire)?)),
            // The team, the host, and where the code came from.
            2 | 13 | 21 => run.internal += 1,
            17 => run.start.start_time = timestamp(wire.bytes().ok_or(Malformed)?)?,
            23 => run.tags.push(("wandb.branch_point", STANDARD.encode(wire.bytes().ok_or(Malformed)?))),
            _ => {}
        }
    }
    run.tags.retain(|(_, value)| !value.is_empty());
    Ok(run)
}

/// A record: its number, which field it is, and its bytes.
pub fn record(bytes: &[u8]) -> Read<(i64, u32, &[u8])> {
    let (mut number, mut kind, mut content) = (0, 0, &[][..]);
    for field in Fields::of(bytes) {
        match field? {
            (1, wire) => number = wire.int().ok_or(Malformed)?,
            (16 | 19 | 200, _) => {}
            (field, Wire::Bytes(bytes)) => (kind, content) = (field, bytes),
            _ => {}
        }
    }
    Ok((number, kind, content))
}

/// A row of the history: its step, and its keys with their values.
#[derive(Default)]
pub struct History {
    pub step: i64,
    pub items: Vec<Item>,
}

impl History {
    pub fn parse(bytes: &[u8]) -> Read<History> {
        let mut row = History::default();
        for field in Fields::of(bytes) {
            match field? {
                (1, wire) => row.items.push(wire.bytes().ok_or(Malformed).and_then(Item::parse)?),
                (2, wire) => {
                    for field in Fields::of(wire.bytes().ok_or(Malformed)?) {
                        if let (1, number) = field? {
                            row.step = number.int().ok_or(Malformed)?;
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(row)
    }
}

/// What the machine was doing: when, and its numbers.
pub fn stats(bytes: &[u8]) -> Read<(i64, Vec<Item>)> {
    let (mut time, mut items) = (0, Vec::new());
    for field in Fields::of(bytes) {
        match field? {
            (2, wire) => time = wire.bytes().ok_or(Malformed).and_then(timestamp)?,
            (3, wire) => items.push(wire.bytes().ok_or(Malformed).and_then(Item::parse)?),
            _ => {}
        }
    }
    Ok((time, items))
}

/// The code with which the run ended.
pub fn exit_code(bytes: &[u8]) -> Read<i64> {
    let mut code = 0;
    for field in Fields::of(bytes) {
        if let (1, wire) = field? {
            code = wire.int().ok_or(Malformed)?;
        }
    }
    Ok(code)
}

/// The name of a metric, and how it is to be shown.
pub fn shown_as(bytes: &[u8]) -> Read<(String, Json)> {
    let (mut name, mut said) = (String::new(), Map::new());
    for field in Fields::of(bytes) {
        let (number, wire) = field?;
        match number {
            1 | 2 => name = wire.text().ok_or(Malformed)?.to_owned(),
            4 => drop(said.insert("step_metric".to_owned(), json!(wire.text().ok_or(Malformed)?))),
            8 => drop(said.insert("goal".to_owned(), json!(wire.int().ok_or(Malformed)?))),
            6 | 7 => {
                let what = if number == 6 { "options" } else { "summary" };
                let fields: Vec<u32> = Fields::of(wire.bytes().ok_or(Malformed)?)
                    .map(|field| field.map(|(number, _)| number))
                    .collect::<Read<_>>()?;
                said.insert(what.to_owned(), json!(fields));
            }
            _ => {}
        }
    }
    Ok((name, Json::Object(said)))
}
