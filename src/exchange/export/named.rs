//! Exports an experiment of a family whose keys are texts: its tables one after the other, each as its columns and its rows (docs/export-format.md,
//! "MLflow").

use serde_json::{Value as Json, json};

use super::metadata::{Digested, TableRows, metadata};
use super::options::ExportOptions;
use super::output::Output;
use super::result::ExportResult;
use super::sink::Sink;
use crate::database::{Database, Reading, Row, TableLayout, Version, Watches};
use crate::digest::{Hash, NamedDigester, NamedTable};
use crate::error::{Domain, Error, Result, Status};
use crate::exchange::names::{COLUMNS, FORMAT, METADATA, ROWS, TABLES, VERSION};
use crate::exchange::value::{Slot, write_value};
use crate::hierarchy::{NamedRows, OutsideReference, experiment_exists, of_experiments};
use crate::progress::Job;
use crate::schema::{Call, Place};

/// Fails for what cannot be asked of such a family: its experiments are exported whole.
fn check_options(options: &ExportOptions, tracker: &str) -> Result<()> {
    let refused = [("include_metrics", options.include_metrics), ("include_artifacts", options.include_artifacts)];
    let Some((option, _)) = refused.iter().find(|(_, included)| !included) else { return Ok(()) };
    let message = format!("an experiment of {tracker} is exported whole, so {option} cannot be false");
    Err(Error::new(Status::Unsupported, Domain::ImportExport, message)
        .detail("parameter", option)
        .hint("leave the option out"))
}

/// Writes the document of an experiment, of one consistent state.
pub fn export_named(
    database: &Database,
    experiment: i64,
    mut options: ExportOptions,
    sink: &mut dyn Sink,
) -> Result<ExportResult> {
    let job = Job::new(Domain::ImportExport, options.progress.take(), options.cancel.take());
    job.begin("opening")?;
    let state = database.state(Reading::Beside, &job)?;
    let reader = state.connection();
    let watches = Watches::new(&job, [reader, reader]);
    let layout = database.checked(reader.layout()?)?;
    layout.require(Call::Export, Domain::ImportExport)?;
    check_options(&options, layout.family.tracker)?;
    experiment_exists(reader, &layout, experiment).map_err(|error| error.in_domain(Domain::ImportExport))?;
    let unsteady = reader.unsteady_tables(&layout)?;
    let version = Version::read(reader, &layout)?.found;
    job.begin("counting")?;
    let rows = NamedRows::read(reader, &layout, experiment, &job)?;
    let behind = rows.left_behind(reader, &layout)?.into_iter();
    let behind: Vec<OutsideReference> =
        behind.map(|astray| OutsideReference { table: astray.table, rows: Some(astray.rows) }).collect();
    let name = |table: &str| layout.family.table(table).map(|table| table.name);
    let left_out: TableRows =
        rows.astray.iter().filter_map(|astray| Some((name(&astray.table)?, astray.rows))).collect();
    let total = rows.total() + rows.derived(reader, &layout)?;
    job.set_total(total);

    // Nobody knows how long the sink takes.
    reader.let_go()?;
    job.begin("exporting")?;
    let mut output = Output::new(sink, options.indent as usize);
    output.open(b'{');
    let head =
        [(FORMAT, Json::from(layout.family.document.flat)), (VERSION, Json::from(version)), (ROWS, Json::from(total))];
    for (key, value) in head {
        output.plain_key(key);
        output.value(&value)?;
    }
    output.plain_key(TABLES);
    output.open(b'{');
    let mut digester = NamedDigester::new(&rows);
    let mut counts = TableRows::new();
    for table in of_experiments(&layout) {
        let mut written = 0;
        write_table(table, &mut output, &mut |output| {
            let plan = NamedTable::new(layout.family, table);
            let slots: Vec<Slot> =
                table.columns.iter().map(|column| Slot::of(column.schema.map(|known| known.kind))).collect();
            let digests = !matches!(table.schema.place, Place::Derived(_));
            rows.scan(reader, (&layout, table), (&plan.columns(), ""), &job, &mut |named, row| {
                if digests {
                    digester.row(&plan, (named, row, 1), &[])?;
                }
                output.item();
                for (at, slot) in slots.iter().enumerate() {
                    output.buffer.push(if at == 0 { b'[' } else { b',' });
                    write_value(*slot, row.value(1 + at)?, &mut output.buffer)?;
                }
                output.buffer.push(b']');
                written += 1;
                output.pass_on()?;
                job.advance()
            })
        })?;
        counts.push((table.schema.name, written));
    }
    output.close(b'}');
    let digest: Hash = digester.finish()?.experiment;
    output.plain_key(METADATA);
    let digested = Digested {
        algorithm: layout.family.digest.unwrap_or_default(),
        digest: Some(&digest),
        complete: left_out.is_empty(),
    };
    let said = (&counts, &left_out, [&[][..], &[][..], &[][..]], behind.as_slice());
    output.value(&metadata(database, layout.generation(), &options, said, digested))?;
    output.close(b'}');
    let bytes = output.end()?;
    drop(watches);
    drop(state);
    job.begin("finishing")?;
    sink.finish()?;
    job.finish();
    Ok(ExportResult {
        bytes,
        counts,
        left_out,
        behind,
        cut_links: Vec::new(),
        computed: Vec::new(),
        untold: Vec::new(),
        digest: Some(digest),
        unsteady,
    })
}

/// A table: its columns, and the rows that `write` writes.
fn write_table(
    table: &TableLayout,
    output: &mut Output<'_>,
    write: &mut dyn FnMut(&mut Output<'_>) -> Result<()>,
) -> Result<()> {
    output.plain_key(table.schema.name);
    output.open(b'{');
    output.plain_key(COLUMNS);
    let columns: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    output.value(&json!(columns))?;
    output.plain_key(ROWS);
    output.open(b'[');
    write(output)?;
    output.close(b']');
    output.close(b'}');
    Ok(())
}
