//! Reads one experiment: its tree, its curves, its artifacts, and how much of it a page does not show.

use std::collections::HashMap;

use serde_json::Value as Json;

use super::artifacts::Artifacts;
use super::curves::{Curves, Key, Level, Names};
use super::labels::each_label;
use super::limits::{
    ALL_BUCKETS, ALL_LABEL_BUCKETS, ALL_TIME_BUCKETS, ARTIFACTS, BUCKETS, CURVES, LABEL_CURVES, NAMES, NODES, TEXT,
};
use super::points::{Linked, MetricCells, MetricRow};
use super::texts::Texts;
use crate::database::{Connection, Layout, Row};
use crate::error::Result;
use crate::hierarchy::{Owner, Selection, Shape, Visitor, walk};
use crate::progress::Job;
use crate::schema::{Entity, Table};

/// What all experiments of a page share.
pub struct Shared {
    pub totals: Curves,
    /// Those of steps once more, by time.
    pub times: Curves,
    pub labelled: Curves,
    pub metrics: Names,
    pub labels: Names,
}

impl Default for Shared {
    fn default() -> Shared {
        Shared {
            totals: Curves::new(CURVES, BUCKETS, ALL_BUCKETS),
            times: Curves::new(CURVES, BUCKETS, ALL_TIME_BUCKETS),
            labelled: Curves::new(LABEL_CURVES, BUCKETS, ALL_LABEL_BUCKETS),
            metrics: Names::default(),
            labels: Names::default(),
        }
    }
}

/// A row of the hierarchy.
#[derive(Debug)]
pub struct Node {
    /// A number or a text.
    pub id: Json,
    /// The position of what it hangs on among the rows of that; of nested rows among themselves, and of the first of these nothing.
    pub parent: Option<u32>,
    pub cells: Vec<Option<String>>,
}

/// The rows of an entity of the hierarchy: the first, and how many there are.
#[derive(Debug)]
pub struct Nodes {
    pub entity: Entity,
    pub columns: Vec<String>,
    pub first: Vec<Node>,
    pub count: usize,
    /// Whether they hang on each other.
    pub nested: bool,
}

/// Where the values of a metric stand that something else names.
#[derive(Clone, Copy, Debug)]
pub struct MetricPlace {
    pub run: usize,
    pub level: Level,
    pub index: Option<i64>,
}

/// What is read of an experiment.
#[derive(Debug)]
pub struct Experiment {
    pub nodes: Vec<Nodes>,
    /// Rows per table.
    pub rows: Vec<(&'static str, u64)>,
    pub artifacts: Artifacts,
    /// Params and tags.
    pub texts: Vec<Texts>,
    /// For each listed run how many batches an epoch has: the positions of its curves of batches count these.
    pub batches: Vec<i64>,
    /// Values in a curve, and what they are.
    pub drawn: u64,
    /// Values of runs that are not listed.
    pub beyond: u64,
    /// Rows that are nested in a circle, or too deeply.
    pub circular: usize,
    /// Values whose position is no integer, or too large a one.
    pub unplaced: u64,
    /// Values of types that there are too many of.
    pub unnamed: u64,
    /// Links that lead to no metric.
    pub dangling: u64,
    /// Values of labels that could not be read; those of batches, which are not shown; those of labels that there are too many of.
    pub unread_labels: u64,
    pub batch_labels: u64,
    pub unnamed_labels: u64,
    /// The metrics that were asked for.
    pub places: HashMap<i64, Option<MetricPlace>>,
}

impl Experiment {
    /// Of which nothing was read yet.
    pub fn new(
        nodes: Vec<Nodes>,
        rows: Vec<(&'static str, u64)>,
        places: HashMap<i64, Option<MetricPlace>>,
    ) -> Experiment {
        Experiment {
            nodes,
            rows,
            artifacts: Artifacts::default(),
            texts: Vec::new(),
            batches: Vec::new(),
            drawn: 0,
            beyond: 0,
            circular: 0,
            unplaced: 0,
            unnamed: 0,
            dangling: 0,
            unread_labels: 0,
            batch_labels: 0,
            unnamed_labels: 0,
            places,
        }
    }
}

/// Reads an experiment, which is the one at `place` among `of` of a page. Where metrics stand is found of those in `places`.
pub fn gather(
    (connection, layout): (&dyn Connection, &Layout),
    selection: &mut Selection,
    (run, linked_to): (Entity, Linked),
    (place, of): (u32, usize),
    places: HashMap<i64, Option<MetricPlace>>,
    shared: &mut Shared,
    job: &Job,
) -> Result<Experiment> {
    let family = layout.family;
    let parents: Vec<(Entity, Vec<u32>)> = family
        .nodes()
        .map(|entity| (entity, selection.parents(entity).iter().take(NODES).copied().collect()))
        .collect();
    let nodes = family.nodes().map(|entity| Nodes {
        entity,
        columns: Vec::new(),
        first: Vec::new(),
        count: selection.ids(entity).len(),
        nested: false,
    });
    let rows = selection.counts.iter().map(|counts| (counts.table.name, counts.rows + counts.unsound)).collect();
    let experiment = Experiment::new(nodes.collect(), rows, places);
    let linked = selection.linked();
    let mut gather = Gather {
        layout,
        run,
        linked: linked_to,
        place,
        most: (NODES / of.max(1), ARTIFACTS / of.max(1)),
        parents,
        experiment,
        cells: None,
        shared,
        job,
    };
    walk(connection, layout, selection, job, &mut gather)?;
    // Read together with the links to them.
    job.advance_by(linked)?;
    Ok(gather.experiment)
}

struct Gather<'g> {
    layout: &'g Layout,
    run: Entity,
    linked: Linked,
    place: u32,
    /// Nodes of each entity that are listed, and artifacts.
    most: (usize, usize),
    parents: Vec<(Entity, Vec<u32>)>,
    experiment: Experiment,
    /// The table whose links are being read.
    cells: Option<(&'static Table, MetricCells)>,
    shared: &'g mut Shared,
    job: &'g Job,
}

impl Visitor for Gather<'_> {
    fn node(&mut self, owner: Owner, shape: &Shape<'_>, row: &dyn Row) -> Result<()> {
        self.job.advance()?;
        let Some(nodes) = self.experiment.nodes.iter_mut().find(|nodes| nodes.entity == owner.entity) else {
            return Ok(());
        };
        // Rows come by their ids, as the positions do: those before are listed.
        if owner.at >= self.most.0.max(1) {
            return Ok(());
        }
        if nodes.columns.is_empty() {
            nodes.columns = shape.columns.iter().map(|column| column.name.clone()).collect();
        }
        let mut cells = Vec::with_capacity(nodes.columns.len());
        for at in 0..shape.columns.len() {
            cells.push(row.value(shape.first + at)?.readable_up_to(TEXT));
        }
        let of = self.parents.iter().find(|(entity, _)| *entity == owner.entity);
        let parent = of.and_then(|(_, parents)| parents.get(owner.at)).copied();
        nodes.first.push(Node { id: row.value(0)?.as_integer().unwrap_or_default().into(), parent, cells });
        Ok(())
    }

    fn below(&mut self, owner: Owner, shape: &Shape<'_>, row: &dyn Row) -> Result<()> {
        self.job.advance()?;
        let (family, table) = (self.layout.family, shape.table.schema);
        // A batch: a row with an index within that of another.
        let is_batch = family.index_path(table).len() == 2;
        if !is_batch || owner.entity != self.run || owner.at >= self.most.0 {
            return Ok(());
        }
        let index = family.own_index(table).and_then(|index| shape.position(index.name));
        let index = match index {
            Some(at) => row.value(at)?.as_integer(),
            None => None,
        };
        let batches = &mut self.experiment.batches;
        if batches.len() <= owner.at {
            batches.resize(owner.at + 1, 1);
        }
        if let (Some(index), Some(most)) = (index, batches.get_mut(owner.at)) {
            *most = (*most).max(index.saturating_add(1));
        }
        Ok(())
    }

    fn link(
        &mut self,
        owner: Owner,
        shape: &Shape<'_>,
        row: &dyn Row,
        leaf: Option<u64>,
        (entity, leaf_shape): (Entity, &Shape<'_>),
    ) -> Result<()> {
        self.job.advance()?;
        if leaf.is_none() {
            self.experiment.dangling += 1;
            return Ok(());
        }
        if entity == self.linked.artifact {
            return self.experiment.artifacts.add(owner, (shape, leaf_shape), row, self.most.1);
        }
        if entity != self.linked.metric || owner.entity != self.run {
            return Ok(());
        }
        let table = shape.table.schema;
        let cells = match self.cells.take() {
            Some((of, cells)) if std::ptr::eq(of, table) => cells,
            _ => MetricCells::new(self.layout.family, shape, leaf_shape)?,
        };
        self.metric(owner.at, cells.level, &cells.read(row)?, row.value(1)?.as_integer());
        self.cells = Some((table, cells));
        Ok(())
    }
}

impl Gather<'_> {
    fn metric(&mut self, run: usize, level: Level, row: &MetricRow<'_>, id: Option<i64>) {
        let experiment = &mut self.experiment;
        if let Some(place) = id.and_then(|id| experiment.places.get_mut(&id)) {
            *place = Some(MetricPlace { run, level, index: row.indices.first().copied().flatten() });
        }
        if run >= self.most.0 {
            experiment.beyond += 1;
            return;
        }
        let Some(at) = position(level, row.indices, experiment.batches.get(run).copied().unwrap_or(1)) else {
            experiment.unplaced += 1;
            return;
        };
        let name = row.metric.readable_up_to(TEXT).unwrap_or_else(|| "NULL".to_owned());
        let (Some(metric), Ok(run)) = (self.shared.metrics.place(&name, NAMES), u32::try_from(run)) else {
            experiment.unnamed += 1;
            return;
        };
        let key = Key { experiment: self.place, run, metric, level, label: None };
        experiment.drawn += 1;
        self.shared.totals.add(key, (at, 0), row.value);
        if level == Level::Batch {
            experiment.batch_labels += u64::from(row.labels != crate::values::ValueRef::Null);
            return;
        }
        let Shared { labels, labelled, .. } = &mut *self.shared;
        let mut unnamed = 0;
        let read = each_label(row.labels, &mut |label, value| match labels.place(label, NAMES) {
            Some(label) => labelled.add(Key { label: Some(label), ..key }, (at, 0), value),
            None => unnamed += 1,
        });
        experiment.unread_labels += u64::from(!read);
        experiment.unnamed_labels += unnamed;
    }
}

/// The position on a curve; `None` if an index is missing, or too large.
fn position(level: Level, indices: [Option<i64>; 2], batches: i64) -> Option<i64> {
    match (level, indices) {
        (Level::Result, _) => Some(0),
        (Level::Epoch, [epoch, _]) => epoch,
        // The one before is that of the batch.
        (Level::Batch, [Some(epoch), Some(batch)]) => epoch.checked_mul(batches)?.checked_add(batch),
        (Level::Batch, _) | (Level::Step | Level::Time, _) => None,
    }
}
