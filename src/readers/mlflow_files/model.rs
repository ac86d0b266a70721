//! One logged model: its description, params, tags and points.

use std::collections::HashMap;
use std::path::Path;

use super::folder::files;
use super::meta::Meta;
use super::{points, values};
use crate::error::Result;
use crate::progress::Job;
use crate::readers::account::note;
use crate::readers::sink::Sink;
use crate::values::ValueRef;

fn status(meta: &Meta) -> Result<i64> {
    Ok(match meta.text("status") {
        None | Some("1" | "PENDING") => 1,
        Some("2" | "READY") => 2,
        Some("3" | "UPLOAD_FAILED" | "FAILED") => 3,
        Some(_) => return Err(meta.odd("status")),
    })
}

fn maybe(text: Option<&str>) -> ValueRef<'_> {
    text.map_or(ValueRef::Null, |text| ValueRef::Text(text.as_bytes()))
}

/// A point of the model but for its value: time, step, run, dataset and digest.
type Point = (i64, i64, String, Option<String>, Option<String>);

/// Reads the model in a folder, which has a description.
pub fn read((name, folder): (&str, &Path), meta: &Meta, experiment: i64, sink: &mut Sink<'_>, job: &Job) -> Result<()> {
    let folder_name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let id = meta.text("model_id").unwrap_or(folder_name).as_bytes();
    let experiment = ValueRef::Integer(experiment);
    sink.begin_source(name);
    sink.source.values.read += 1;
    let created = meta.number("creation_timestamp")?.unwrap_or(0);
    sink.row(
        "logged_models",
        &[
            ("model_id", ValueRef::Text(id)),
            ("experiment_id", experiment),
            ("name", ValueRef::Text(meta.text("name").unwrap_or("").as_bytes())),
            ("artifact_location", ValueRef::Text(meta.text("artifact_location").unwrap_or("").as_bytes())),
            ("creation_timestamp_ms", ValueRef::Integer(created)),
            ("last_updated_timestamp_ms", ValueRef::Integer(meta.number("last_updated_timestamp")?.unwrap_or(created))),
            ("status", ValueRef::Integer(status(meta)?)),
            ("lifecycle_stage", ValueRef::Text(meta.text("lifecycle_stage").unwrap_or("active").as_bytes())),
            ("model_type", maybe(meta.text("model_type"))),
            ("source_run_id", maybe(meta.text("source_run_id"))),
            ("status_message", maybe(meta.text("status_message"))),
        ],
    )?;
    for (folder_name, table, [key_column, value_column]) in [
        ("params", "logged_model_params", ["param_key", "param_value"]),
        ("tags", "logged_model_tags", ["tag_key", "tag_value"]),
    ] {
        values::read(&folder.join(folder_name), sink, &mut |sink, key, value| {
            let columns = [
                ("model_id", ValueRef::Text(id)),
                ("experiment_id", experiment),
                (key_column, ValueRef::Text(key.as_bytes())),
                (value_column, ValueRef::Text(value.as_bytes())),
            ];
            sink.row(table, &columns)
        })?;
    }
    for (key, path) in files(&folder.join("metrics"))? {
        read_points((&key, &path), (id, experiment), sink, job)?;
    }
    sink.end_source()
}

/// Of two values of one point of a model the later line counts: the target's table has one.
fn read_points(
    (key, path): (&str, &Path),
    (id, experiment): (&[u8], ValueRef<'_>),
    sink: &mut Sink<'_>,
    job: &Job,
) -> Result<()> {
    let mut order: Vec<Point> = Vec::new();
    // By what the table takes for one point; where it is in the list, and its value.
    let mut known: HashMap<(i64, i64, String), (usize, f64)> = HashMap::new();
    points::read(path, sink, job, &mut |sink, line| {
        let [Some(run), dataset, digest] = line.rest else { return Ok(false) };
        if dataset.is_some() != digest.is_some() {
            return Ok(false);
        }
        let place = (line.time, line.step, run.to_owned());
        let point = (line.time, line.step, run.to_owned(), dataset.map(str::to_owned), digest.map(str::to_owned));
        if let Some((at, value)) = known.get_mut(&place) {
            let equal = value.to_bits() == line.value.to_bits() && order.get(*at) == Some(&point);
            sink.source.points.fold(if equal { "equal_point" } else { "later_line" }, 1);
            *value = line.value;
            if let Some(earlier) = order.get_mut(*at) {
                *earlier = point;
            }
            return Ok(true);
        }
        known.insert(place, (order.len(), line.value));
        order.push(point);
        Ok(true)
    })?;
    for (time, step, run, dataset, digest) in order {
        let value = known.get(&(time, step, run.clone())).map_or(f64::NAN, |(_, value)| *value);
        let value = match value {
            // The column takes NULL, and has no flag beside it.
            value if value.is_nan() => {
                note(&mut sink.source.adjusted, "nan_as_null", 1);
                ValueRef::Null
            }
            value if value.is_infinite() => {
                note(&mut sink.source.adjusted, "infinity_as_greatest", 1);
                ValueRef::Real(f64::MAX.copysign(value))
            }
            value => ValueRef::Real(value),
        };
        let columns = [
            ("model_id", ValueRef::Text(id)),
            ("metric_name", ValueRef::Text(key.as_bytes())),
            ("metric_timestamp_ms", ValueRef::Integer(time)),
            ("metric_step", ValueRef::Integer(step)),
            ("metric_value", value),
            ("experiment_id", experiment),
            ("run_id", ValueRef::Text(run.as_bytes())),
            ("dataset_name", maybe(dataset.as_deref())),
            ("dataset_digest", maybe(digest.as_deref())),
        ];
        sink.model_point(&columns)?;
    }
    Ok(())
}
