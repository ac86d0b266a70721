//! Checks the rows below the hierarchy: the rows that they belong to, their times, and their numbering.

use super::experiment_manager::NUMBERED;
use super::issue::{Issue, IssueKind};
use super::nodes::{check_parent, check_row_times, check_value, null_keys};
use super::parents::{ParentRef, integers};
use super::report::Collector;
use super::seen_rows::SeenRows;
use super::table_scan::{Pass, TableScan, cell};
use super::value_checks::Values;
use crate::database::TableLayout;
use crate::error::Result;
use crate::hierarchy::{RunKeys, row_order};
use crate::schema::{Entity, Kind, Role};

/// The numbers of the rows that hang on one.
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

/// Reads a table of rows that hang on those of this entity.
pub fn read_below(
    pass: Pass<'_>,
    (table, owner): (&TableLayout, Entity),
    known: &mut SeenRows,
    values: &mut Values,
    collector: &mut Collector,
) -> Result<()> {
    let hierarchy = pass.scope.hierarchy;
    let scan = TableScan::new(table, |column| hierarchy || column.is_key());
    let Some((owner_at, owner_column)) = scan.with(|column| column.role == Role::Parent(owner)).first().copied() else {
        return Ok(());
    };
    let owners = known.nodes.get(owner).ids.len();
    let bounds = match (pass.experiment, known.nodes.get(owner).ids.bounds()) {
        (None, _) => None,
        (Some(_), Some(bounds)) => Some((owner_column, bounds)),
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
    let mut keys = RunKeys::new(owners, outer);
    if indices.len() > places.len() {
        keys.give_up();
    }
    let numbered = hierarchy && indices.len() == 1;
    let mut numbers = vec![Numbers::NONE; if numbered { owners } else { 0 }];
    scan.read(pass, bounds, &row_order(table), |cells| {
        let position = cell(cells, owner_at).as_integer().and_then(|id| known.nodes.get(owner).ids.position(id));
        if pass.experiment.is_some() && position.is_none() {
            return pass.job.pulse();
        }
        pass.advance()?;
        match (position, integers(cells, owner_at, &places)) {
            (Some(at), Some((_, key))) => {
                keys.insert(key, at);
                if let Some(numbers) = numbers.get_mut(at) {
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
            let of_owner = position.map(|at| known.nodes.get(owner).span(at)).unwrap_or_default();
            check_row_times(&scan, cells, &times, of_owner, values, collector);
        }
        Ok(())
    })?;
    known.below.push((table.schema.name, keys));
    report_gaps(pass, (known, owner), &numbers, collector)
}

fn report_gaps(
    pass: Pass<'_>,
    (known, owner): (&SeenRows, Entity),
    numbers: &[Numbers],
    collector: &mut Collector,
) -> Result<()> {
    let table = pass.layout.entity(owner)?.schema;
    let kind = IssueKind::EpochGap;
    for (id, numbers) in known.nodes.get(owner).ids.iter().zip(numbers) {
        if !numbers.have_gap() {
            continue;
        }
        collector.add(kind, kind.severity(), table.name, || {
            let row = format!("id={id}");
            let message = format!(
                "{} ({row}): it has {} {NUMBERED}, numbered from {} to {}",
                table.name, numbers.count, numbers.least, numbers.greatest
            );
            let (severity, table) = (kind.severity(), table.name.into());
            Issue { kind, severity, table, row, column: None, message, value: None, check: None }
        });
    }
    Ok(())
}
