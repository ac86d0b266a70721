//! Where the value and the position of a point of a curve are in the rows of a family.

use super::curves::Level;
use crate::database::Row;
use crate::error::{Domain, Error, Result, Status};
use crate::hierarchy::Shape;
use crate::schema::experiment_manager::{ARTIFACT, METRIC, RUN};
use crate::schema::{EXPERIMENT_MANAGER, Entity, Family};
use crate::values::ValueRef;

/// Entities that links tie to runs and to what hangs on them.
#[derive(Clone, Copy, Debug)]
pub struct Linked {
    /// Has the values.
    pub metric: Entity,
    pub artifact: Entity,
}

/// What of a family is drawn and listed.
#[derive(Clone, Copy, Debug)]
pub struct Drawn {
    /// Has the curves.
    pub run: Entity,
    /// `None` where the values are rows of the runs themselves.
    pub linked: Option<Linked>,
}

impl Drawn {
    /// Fails for a family of which no page can be made yet.
    pub fn of(family: &'static Family) -> Result<Drawn> {
        let values = family.metrics.and_then(|name| family.table(name)).and_then(|table| table.owner());
        if let Some(run) = values {
            return Ok(Drawn { run, linked: None });
        }
        if family == &EXPERIMENT_MANAGER {
            return Ok(Drawn { run: RUN, linked: Some(Linked { metric: METRIC, artifact: ARTIFACT }) });
        }
        let message = format!("no page can be made yet of the experiments of {}", family.tracker);
        Err(Error::new(Status::Unsupported, Domain::ImportExport, message).hint(format!(
            "{} itself shows them; `list`, `query`, `validate` and `compare` work here, too",
            family.tracker
        )))
    }
}

/// Where the cells of a metric and of its place are in the rows of one table of links.
pub struct MetricCells {
    pub level: Level,
    indices: Vec<usize>,
    metric: usize,
    value: usize,
    labels: usize,
}

/// One value of a curve.
pub struct MetricRow<'r> {
    /// The indices of the epoch and of the batch.
    pub indices: [Option<i64>; 2],
    pub metric: ValueRef<'r>,
    /// `None` for what is no number.
    pub value: Option<f64>,
    pub labels: ValueRef<'r>,
}

impl MetricCells {
    /// `link` is the shape of the links' own cells, `metric` that of what they link.
    pub fn new(family: &Family, link: &Shape<'_>, metric: &Shape<'_>) -> Result<MetricCells> {
        let table = link.table.schema;
        let missing = |what: &str| Error::internal(Domain::ImportExport, format!("{} has no {what}", table.name));
        let indices = family.index_path(table);
        let indices: Option<Vec<usize>> = indices.iter().map(|index| link.position(index.name)).collect();
        let indices = indices.ok_or_else(|| missing("index"))?;
        let level = match indices.len() {
            0 => Level::Result,
            1 => Level::Epoch,
            _ => Level::Batch,
        };
        let cell = |name: &str| metric.position(name).ok_or_else(|| missing(name));
        let (value, labels) = (cell("total_val")?, cell("per_label_val")?);
        Ok(MetricCells { level, indices, metric: cell("type")?, value, labels })
    }

    pub fn read<'r>(&self, row: &'r dyn Row) -> Result<MetricRow<'r>> {
        let mut indices = [None; 2];
        for (index, at) in indices.iter_mut().zip(&self.indices) {
            *index = row.value(*at)?.as_integer();
        }
        let value = match row.value(self.value)? {
            ValueRef::Integer(value) => Some(value as f64),
            ValueRef::Real(value) => Some(value),
            _ => None,
        };
        Ok(MetricRow { indices, metric: row.value(self.metric)?, value, labels: row.value(self.labels)? })
    }
}
