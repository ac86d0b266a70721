//! The plan of a migration of a family whose keys are texts.

use std::time::Instant;

use serde_json::json;

use super::endpoints::refuse_other_family;
use super::migration_plan::{MigrationPlan, PlannedDuplicate, PlannedTable};
use super::named_ends::Ends;
use super::named_ids::NewKeys;
use super::named_known::{Known, check_options, refuse_triggers};
use super::named_map::{Changes, RowMap};
use super::named_place::{decided, look, own_row};
use super::options::MigrateOptions;
use crate::database::{Connection, Database, Layout, Planned, Reading, Row, State, TableLayout, Watches};
use crate::digest::{digest_changed, digest_named, whole};
use crate::error::{Domain, Result, Status};
use crate::hierarchy::UnsoundRows;
use crate::progress::Job;
use crate::schema::{Call, Table};
use crate::validation::RunChecks;

/// How long the write lock is held, in percent of the time that a plan takes: about, as of other families.
const PERCENT_LOCKED: u64 = 200;

/// Rows that go into a table of the target, and about how many bytes each has.
pub fn planned<'l>(target: &'l Layout, table: &Table, (rows, bytes): (u64, u64)) -> Option<Planned<'l>> {
    Some(Planned { table: target.table(table.name)?, rows, bytes })
}

/// How many bytes a row of a table takes, about.
pub type RowBytes = fn(&dyn Connection, &TableLayout) -> Result<u64>;

/// What [`migrate_named`] would do. Reads only.
pub fn plan_named(
    (source, target): (&Database, Option<&Database>),
    experiment: i64,
    mut options: MigrateOptions,
    checks: RunChecks<'_>,
    row_bytes: RowBytes,
) -> Result<MigrationPlan> {
    let since = Instant::now();
    options.check()?;
    let job = Job::new(Domain::Migration, options.progress.take(), options.cancel.take());
    let target_database = target.unwrap_or(source);
    target_database.refuse_replaced()?;
    job.begin("opening")?;
    let from = source.layout()?;
    from.require(Call::Migrate, Domain::Migration)?;
    check_options(&options, from.family.tracker)?;
    let same = source.is_same_as(target_database);
    let state = source.state(Reading::Beside, &job)?;
    let target_state = if same { None } else { Some(target_database.state(Reading::Beside, &job)?) };
    let reader = state.connection();
    let target_reader = target_state.as_ref().map_or(reader, State::connection);
    let _watches = Watches::new(&job, [reader, target_reader]);
    let layouts: (Layout, Layout) =
        (source.checked(reader.layout()?)?, target_database.checked(target_reader.layout()?)?);
    refuse_other_family((source, &layouts.0), (target_database, &layouts.1))?;
    refuse_triggers(target_reader, &layouts.1)?;
    let ends = Ends { source: reader, from: &layouts.0, target: target_reader, to: &layouts.1, held: true };
    let known = Known::read(&ends, experiment, &options, checks, &job)?;
    job.set_total(known.rows.total());
    job.begin("digesting the source")?;
    let digest = digest_named(reader, &layouts.0, &known.rows, (&job, true))?;
    let there = look(&ends, &known, (&mut Some(digest.clone()), same), (experiment, &options), &job)?;
    let mut warnings = known.warnings.clone();
    match decided(&ends, &known, &there, (same, &options), &job) {
        Ok(decided) => {
            for entity in known.rows.family.all() {
                let (count, nouns) = (decided.keys.count_there(entity), known.rows.family.of(entity).nouns);
                if count > 0 {
                    warnings
                        .push(format!("{count} {nouns} are there already with the same content, and would be left"));
                }
            }
        }
        Err(error) if error.status() == Status::AlreadyExists => {
            warnings
                .push(format!("{}: the copy would be refused", error.message().replace("; nothing was changed", "")));
        }
        Err(error) => return Err(error),
    }
    if there.into.is_none() && there.name != known.name {
        warnings.push(format!("the copy would be called {}", there.name.borrow().describe()));
    }
    let expected_digest = match (there.into, &options.text_keys.artifacts) {
        (Some(_), _) => None,
        (None, None) => Some(digest.body),
        (None, Some(_)) => {
            let none = NewKeys::kept(known.rows.family);
            let changes = Changes { rows: &known.rows, keys: &none, artifacts: options.text_keys.artifacts.as_ref() };
            let mut moved = |table: &TableLayout, of, row: &dyn Row| {
                RowMap::new(&changes, table, |_| None).locations((of, row, 1), None)
            };
            Some(digest_changed(reader, &layouts.0, &known.rows, (&job, false), &mut moved)?.body)
        }
    };
    let expected_digest = match expected_digest {
        Some(body) => Some(whole(layouts.0.family, &own_row(&ends, experiment, &there.name, &options)?, &body)),
        None => None,
    };
    let mut needed_bytes = 0_u64;
    let (mut tables, mut sized) = (Vec::new(), Vec::new());
    for counts in &known.rows.counts {
        tables.push(PlannedTable { table: counts.table.name, rows: counts.rows, unsound: 0 });
        if let Some(table) = layouts.0.table(counts.table.name).filter(|_| counts.rows > 0) {
            let each = row_bytes(reader, table)?;
            needed_bytes = needed_bytes.saturating_add(each.saturating_mul(counts.rows));
            sized.extend(planned(&layouts.1, counts.table, (counts.rows, each)));
        }
    }
    let transaction_size = target_reader.transaction_size(&sized)?;
    let locks = json!({
        "source": source.describe_reading()?,
        "target": target_database.describe_writing(target_reader, since.elapsed(), PERCENT_LOCKED)?,
    });
    let duplicates =
        there.duplicate.map(|experiment_id| PlannedDuplicate { experiment_id, proven: true }).into_iter().collect();
    let free_bytes = target_reader.free_bytes();
    job.finish();
    Ok(MigrationPlan {
        source_experiment_id: experiment,
        target_experiment_id: there.into,
        strategy: options.strategy,
        same_database: same,
        items_total: known.rows.total(),
        tables,
        extra_columns: Vec::new(),
        filled_columns: Vec::new(),
        extra_tables: layouts.0.extra_tables.clone(),
        unsound: UnsoundRows::default(),
        odd_values: None,
        validation: None,
        fit: known.fit,
        transformation: None,
        duplicates,
        warnings,
        digest_algorithm: known.rows.family.digest.unwrap_or_default(),
        source_digest: Some(digest.experiment),
        expected_digest,
        locks,
        transaction_size,
        needed_bytes,
        free_bytes,
    })
}
