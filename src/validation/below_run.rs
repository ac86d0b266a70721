//! RESULTS, EPOCH and BATCH: what they hang on, their times, and how epochs are numbered.

use super::issue::{Issue, IssueKind};
use super::known::Known;
use super::nodes::{check_parent, check_row_times, check_value, null_keys};
use super::parents::{ParentRef, integers};
use super::report::Collector;
use super::table_scan::{Pass, TableScan, cell};
use super::values::Values;
use crate::database::TableLayout;
use crate::error::Result;
use crate::hierarchy::{RunKeys, row_order};
use crate::schema::{Entity, Kind, Place, Role};

/// The numbers of a run's epochs.
#[derive(Clone, Copy)]
struct Numbers {
    least: i64,
    greatest: i64,
    count: u64,
}

impl Numbers {
    const NONE: Numbers = Numbers { least: i64::MAX, greatest: i64::MIN, count: 0 };

    fn add(&mut self, index: i64) {
        self.least = self.least.min(index);
        self.greatest = self.greatest.max(index);
        self.count += 1;
    }

    /// Whether some are left out. Counting from 0 and from 1 are both usual.
    fn have_gap(&self) -> bool {
        self.count > 0 && (self.least > 1 || self.greatest.abs_diff(self.least) >= self.count)
    }
}

/// Reads one of the three tables.
pub fn read_below_run(
    pass: Pass<'_>,
    table: &TableLayout,
    known: &mut Known,
    values: &mut Values,
    collector: &mut Collector,
) -> Result<()> {
    let hierarchy = pass.scope.hierarchy;
    let scan = TableScan::new(table, |column| hierarchy || column.is_key());
    let Some((run_at, run_column)) = scan.with(|column| column.role == Role::Parent(Entity::Run)).first().copied()
    else {
        return Ok(());
    };
    let runs = known.nodes.runs.ids.len();
    let bounds = match (pass.experiment, known.nodes.runs.ids.bounds()) {
        (None, _) => None,
        (Some(_), Some(bounds)) => Some((run_column, bounds)),
        (Some(_), None) => {
            known.below.push((table.schema.name, RunKeys::new(0, 1)));
            return Ok(());
        }
    };
    let parents = ParentRef::all(pass, known, &scan)?;
    let times = scan.with(|column| column.kind == Kind::Time);
    let indices = scan.with(|column| column.role == Role::Index);
    let mut places = [None, None];
    places.iter_mut().zip(&indices).for_each(|(place, (at, _))| *place = Some(*at));
    // The outer index is the one of the table above, whose keys were read before.
    let outer = match (indices.len(), known.below.last()) {
        (2, Some((_, above))) => above.span(),
        _ => 1,
    };
    let mut keys = RunKeys::new(runs, outer);
    if indices.len() > places.len() {
        keys.give_up();
    }
    let numbered = hierarchy && indices.len() == 1;
    let mut numbers = vec![Numbers::NONE; if numbered { runs } else { 0 }];
    scan.read(pass, bounds, &row_order(table), |cells| {
        let run = cell(cells, run_at).as_integer();
        let position = run.and_then(|run| known.nodes.runs.ids.position(run));
        if pass.experiment.is_some() && position.is_none() {
            return pass.job.pulse();
        }
        pass.advance()?;
        match (position, integers(cells, run_at, &places)) {
            (Some(run), Some((_, key))) => {
                keys.insert(key, run);
                if let Some(numbers) = numbers.get_mut(run) {
                    numbers.add(key.0);
                }
            }
            _ => keys.give_up(),
        }
        for parent in &parents {
            check_parent(pass, known, &scan, parent, true, cells, collector)?;
        }
        if hierarchy {
            null_keys(&scan, cells, collector);
            indices.iter().for_each(|index| check_value(&scan, cells, *index, values, collector));
            let of_run = position.map(|run| known.nodes.runs.span(run)).unwrap_or_default();
            check_row_times(&scan, cells, &times, of_run, values, collector);
        }
        Ok(())
    })?;
    known.below.push((table.schema.name, keys));
    report_gaps(pass, known, &numbers, collector)
}

fn report_gaps(pass: Pass<'_>, known: &Known, numbers: &[Numbers], collector: &mut Collector) -> Result<()> {
    let runs = pass.layout.entity(Entity::Run)?.schema;
    debug_assert_eq!(runs.place, Place::Node(Entity::Run));
    let kind = IssueKind::EpochGap;
    for (run, numbers) in known.nodes.runs.ids.iter().zip(numbers) {
        if !numbers.have_gap() {
            continue;
        }
        collector.add(kind, kind.severity(), runs.name, || {
            let row = format!("id={run}");
            let message = format!(
                "{} ({row}): it has {} epochs, numbered from {} to {}",
                runs.name, numbers.count, numbers.least, numbers.greatest
            );
            let (severity, table) = (kind.severity(), runs.name.into());
            Issue { kind, severity, table, row, column: None, message, value: None, check: None }
        });
    }
    Ok(())
}
