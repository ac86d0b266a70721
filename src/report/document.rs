//! What was read as the page's data: JSON, schema `expmig.page/1`.

use serde_json::{Map, Value as Json, json};

use super::curve::Curve;
use super::curves::{Curves, Key, Level};
use super::gather::{Experiment, Nodes, Shared};
use super::limits::NODES;
use super::points::Drawn;
use crate::error::Result;
use crate::exchange::Output;
use crate::schema::Family;

/// An experiment with everything that is known of it.
pub struct Read {
    pub family: &'static Family,
    pub drawn: Drawn,
    pub database: String,
    pub engine: &'static str,
    pub id: i64,
    pub experiment: Experiment,
    pub findings: Json,
    pub passed: bool,
    /// Sentences about what the page does not show.
    pub notes: Vec<String>,
}

impl Read {
    /// The title of the experiment.
    pub fn title(&self) -> String {
        let root = self.experiment.nodes.first();
        let cell = root.and_then(|root| {
            let title = self.family.listing.title;
            let at = root.columns.iter().position(|column| column.eq_ignore_ascii_case(title))?;
            root.first.first()?.cells.get(at)?.clone()
        });
        cell.unwrap_or_else(|| format!("experiment {}", self.id))
    }

    /// The runs, of which each can have curves.
    pub fn runs(&self) -> Option<&Nodes> {
        self.experiment.nodes.iter().find(|nodes| nodes.entity == self.drawn.run)
    }
}

/// Sentences about what of an experiment is not on the page.
pub fn notes(family: &Family, drawn: Drawn, experiment: &Experiment) -> Vec<String> {
    let mut notes = Vec::new();
    for nodes in &experiment.nodes {
        if nodes.count > nodes.first.len() {
            let (count, nouns, listed) = (nodes.count, family.of(nodes.entity).nouns, nodes.first.len());
            notes.push(format!("Of {count} {nouns} the first {listed} are listed. A page lists at most {NODES} of all experiments together."));
        }
    }
    let mut note = |count: u64, what: &str| {
        if count > 0 {
            notes.push(format!("{count} {what}"));
        }
    };
    note(experiment.beyond, "values are of runs that are not listed.");
    let circular = experiment.circular as u64;
    note(circular, "runs are nested in a circle or too deeply, and stand by themselves in the tree.");
    let unplaced = match drawn.linked {
        Some(_) => "values have no epoch or batch that is an integer, and are in no curve.",
        None => "values have no step and time that are integers, and are in no curve.",
    };
    note(experiment.unplaced, unplaced);
    note(experiment.unnamed, "values are of types beyond the first thousand, and are in no curve.");
    note(experiment.dangling, "links lead to no metric or artifact.");
    note(experiment.unread_labels, "metrics have values of labels that could not be read.");
    note(experiment.batch_labels, "metrics of batches have values of labels, which this page does not show.");
    note(experiment.unnamed_labels, "values are of labels beyond the first thousand.");
    note(
        experiment.artifacts.count.saturating_sub(experiment.artifacts.first.len() as u64),
        "links to artifacts are counted, but not listed.",
    );
    for texts in &experiment.texts {
        note(texts.count - texts.rows.len() as u64, &format!("rows of {} are not listed.", texts.table));
    }
    notes
}

fn nodes_json(family: &Family, nodes: &Nodes) -> Json {
    let rows: Vec<Json> = nodes
        .first
        .iter()
        .map(|node| {
            let head = [node.id.clone(), json!(node.parent)];
            head.into_iter().chain(node.cells.iter().map(|cell| json!(cell))).collect::<Vec<_>>().into()
        })
        .collect();
    let known = family.of(nodes.entity);
    json!({
        "noun": known.noun, "nouns": known.nouns, "columns": nodes.columns, "rows": rows, "count": nodes.count, "nested": nodes.nested,
    })
}

fn experiment_json(read: &Read) -> Json {
    let Read { family, experiment, .. } = read;
    let rows: Map<String, Json> =
        experiment.rows.iter().map(|(name, rows)| ((*name).to_owned(), json!(rows))).collect();
    let artifacts: Vec<Json> = experiment
        .artifacts
        .first
        .iter()
        .map(|one| json!([family.of(one.owner.entity).noun, one.owner.at, one.place, one.kind, one.location]))
        .collect();
    json!({
        "database": read.database, "engine": read.engine, "id": read.id, "title": read.title(),
        "nodes": experiment.nodes.iter().map(|nodes| nodes_json(family, nodes)).collect::<Vec<_>>(),
        "rows": rows,
        "texts": experiment.texts.iter().map(|texts| texts.to_json(family)).collect::<Vec<_>>(),
        "artifacts": {"count": experiment.artifacts.count, "first": artifacts},
        "notes": read.notes,
        "findings": read.findings,
    })
}

fn curve_json(key: &Key, curve: &Curve, batches: i64) -> Json {
    let points = curve.points();
    // Times are large numbers, whose differences are not.
    let start = points.first().map(|(at, _)| *at).filter(|_| key.level == Level::Time);
    let (positions, values): (Vec<i64>, Vec<Option<f64>>) =
        points.into_iter().map(|(at, value)| (at.saturating_sub(start.unwrap_or(0)), value)).unzip();
    let odd = &curve.odd;
    let mut one = json!({
        "e": key.experiment, "r": key.run, "m": key.metric, "l": key.level.name(), "n": curve.count, "last": curve.last(),
        "x": positions, "y": values,
    });
    if let Json::Object(members) = &mut one {
        if let Some(start) = start {
            members.insert("from".to_owned(), json!(start));
        }
        if let Some(end) = curve.end() {
            members.insert("end".to_owned(), json!(end));
        }
        if let Some(label) = key.label {
            members.insert("k".to_owned(), json!(label));
        }
        if odd.total() > 0 {
            members.insert("odd".to_owned(), json!([odd.nan, odd.infinite, odd.negative_infinite, odd.no_number]));
        }
        if batches > 1 {
            members.insert("b".to_owned(), json!(batches));
        }
    }
    one
}

fn write_curves(curves: &Curves, experiments: &[Read], output: &mut Output<'_>) -> Result<()> {
    output.open(b'[');
    for (key, curve) in curves.sorted() {
        let batches = experiments.get(key.experiment as usize).map(|read| &read.experiment.batches);
        let of_run = batches.and_then(|batches| batches.get(key.run as usize)).copied();
        let batches = if key.level == Level::Batch { of_run.unwrap_or(1) } else { 1 };
        output.item();
        output.value(&curve_json(key, curve, batches))?;
        output.pass_on()?;
    }
    output.close(b']');
    Ok(())
}

/// Writes all of it.
pub fn write(
    title: &str,
    experiments: &[Read],
    shared: &Shared,
    comparison: Option<&Json>,
    output: &mut Output<'_>,
) -> Result<()> {
    output.open(b'{');
    let member = |key: &str, value: &Json, output: &mut Output<'_>| {
        output.plain_key(key);
        output.value(value)
    };
    member("schema", &json!("expmig.page/1"), output)?;
    member("version", &json!(env!("CARGO_PKG_VERSION")), output)?;
    member("made", &json!(chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)), output)?;
    member("title", &json!(title), output)?;
    member("metrics", &json!(shared.metrics.list()), output)?;
    member("labels", &json!(shared.labels.list()), output)?;
    member("left_out", &json!({"values": shared.totals.left_out, "label_values": shared.labelled.left_out}), output)?;
    member("comparison", comparison.unwrap_or(&Json::Null), output)?;
    output.plain_key("experiments");
    output.open(b'[');
    for read in experiments {
        output.item();
        output.value(&experiment_json(read))?;
        output.pass_on()?;
    }
    output.close(b']');
    output.plain_key("curves");
    write_curves(&shared.totals, experiments, output)?;
    output.plain_key("time_curves");
    write_curves(&shared.times, experiments, output)?;
    output.plain_key("label_curves");
    write_curves(&shared.labelled, experiments, output)?;
    output.close(b'}');
    Ok(())
}
