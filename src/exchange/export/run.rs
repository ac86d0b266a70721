//! Exports one experiment: finds its rows, writes the document, and counts its rows and those that are left out.

use std::sync::Arc;

use super::metadata::{Digested, TableRows, head, metadata};
use super::named::export_named;
use super::nesting::Tree;
use super::options::ExportOptions;
use super::order::NodeOrder;
use super::output::Output;
use super::result::ExportResult;
use super::sink::Sink;
use super::stream::Stream;
use crate::database::{ColumnLayout, Connection, Cursor, Database, Layout, Reading, TableLayout, Watches};
use crate::digest::{ALGORITHM, Digester, Ended, ExperimentDigest};
use crate::error::{Domain, Error, Result, Status};
use crate::exchange::names::{FORMAT, METADATA};
use crate::hierarchy::{
    Leaving, LeftOutRows, OutsideReference, RowQuery, Scope, Selection, computed, experiment_exists, untold,
};
use crate::progress::Job;
use crate::schema::Call;
use crate::schema::experiment_manager::{ARTIFACT, METRIC};
use crate::schema::{Entity, Place, Table};

/// Writes the document of an experiment, of one consistent state.
pub fn export(
    database: &Database,
    experiment: i64,
    mut options: ExportOptions,
    sink: &mut dyn Sink,
) -> Result<ExportResult> {
    options.check()?;
    if database.family().document.flat.is_some() {
        return export_named(database, experiment, options, sink);
    }
    let job = Job::new(Domain::ImportExport, options.progress.take(), options.cancel.take());
    job.begin("opening")?;
    let state = database.state(Reading::Beside, &job)?;
    let reader = state.connection();
    let watches = Watches::new(&job, [reader, reader]);
    let whole = database.checked(reader.layout()?)?;
    whole.require(Call::Export, Domain::ImportExport)?;
    experiment_exists(reader, &whole, experiment).map_err(|error| error.in_domain(Domain::ImportExport))?;
    whole.check_links().map_err(|error| error.in_domain(Domain::ImportExport))?;
    let layout = wanted(&whole, &options);
    let unsteady = reader.unsteady_tables(&layout)?;
    job.begin("counting")?;
    let (mut selection, mut left_out) = select(reader, &layout, experiment, &options, &job)?;
    if options.skip_unsound {
        leave_out((reader, &layout), &mut selection, &mut left_out, &options, &job)?;
    }
    let behind = OutsideReference::find(reader, &whole, &mut selection, &job)?;
    let cut_links = cut_links(reader, &layout, &mut selection, &options, &job)?;
    let mut untold = untold(reader, &layout, &mut selection, &job)?;
    let is_included = |table: &Table| !matches!(table.place, Place::Leaf(leaf) if !includes(&options, leaf));
    untold.retain(|(name, ..)| whole.family.table(name).is_some_and(is_included));
    let whole_rows = left_out.is_empty() && cut_links.is_empty() && untold.is_empty();
    let complete = options.include_metrics && options.include_artifacts && whole_rows;

    // Nobody knows how long the sink takes.
    reader.let_go()?;
    job.begin("exporting")?;
    let mut output = Output::new(sink, options.indent as usize);
    output.open(b'{');
    output.plain_key(FORMAT);
    // Which rows bring artifacts is only known when they were all read.
    let rows = (options.include_metrics || !options.include_artifacts).then(|| selection.total());
    output.value(&head(rows, layout.tables.iter().filter(|table| is_included(table.schema))))?;
    let (mut counts, ended) =
        write_rows(reader, &layout, (&mut selection, complete), &mut output, &job, !options.include_metrics)?;
    let digest = ended.map(|ended| ended.finish((reader, &layout), &mut selection, None, &job)).transpose()?;
    counts.retain(|(name, _)| whole.family.table(name).is_some_and(is_included));
    output.plain_key(METADATA);
    let mut computed = computed(&layout, &selection);
    computed.retain(|(name, ..)| whole.family.table(name).is_some_and(is_included));
    let said = (&counts, &left_out, [cut_links.as_slice(), computed.as_slice(), untold.as_slice()], behind.as_slice());
    let digested = Digested {
        algorithm: digest.as_ref().map_or(ALGORITHM, ExperimentDigest::algorithm),
        digest: digest.as_ref().map(|digest| &digest.experiment),
        complete: digest.is_some(),
    };
    output.value(&metadata(database, whole.generation(), &options, said, digested))?;
    output.close(b'}');
    let bytes = output.end()?;
    drop(watches);
    drop(state);
    job.begin("finishing")?;
    sink.finish()?;
    job.finish();
    let digest = digest.map(|digest: ExperimentDigest| digest.experiment);
    Ok(ExportResult { bytes, counts, left_out, behind, cut_links, computed, untold, digest, unsteady })
}

/// Whether metrics, or artifacts, are to be in the document.
fn includes(options: &ExportOptions, leaf: Entity) -> bool {
    if leaf == METRIC { options.include_metrics } else { options.include_artifacts }
}

/// The tables that take part.
fn wanted(layout: &Layout, options: &ExportOptions) -> Layout {
    let is_wanted = |table: &Table| match table.place {
        Place::Aside | Place::Derived(_) => false,
        Place::Node(_) => true,
        Place::Below(_) => options.include_metrics || options.include_artifacts,
        Place::Link { leaf, .. } => includes(options, leaf),
        // Which rows of these take part, the links say.
        Place::Leaf(_) => true,
    };
    let mut layout = layout.clone();
    layout.tables.retain(|table| is_wanted(table.schema));
    layout
}

/// The rows to export, and how many are left out.
fn select(
    reader: &dyn Connection,
    layout: &Layout,
    experiment: i64,
    options: &ExportOptions,
    job: &Arc<Job>,
) -> Result<(Selection, TableRows)> {
    let all = Selection::read(reader, layout, experiment, Scope::default(), job)?;
    if all.problems.count == 0 {
        job.set_total(all.total());
        return Ok((all, TableRows::new()));
    }
    if !options.skip_unsound {
        let message = format!("{} rows of experiment {experiment} are unsound", all.problems.count);
        let error = Error::new(Status::Validation, Domain::ImportExport, message)
            .detail("experiment_id", experiment)
            .hint("repair the rows that the details name, or leave them out with EXPMIG_EXPORT_SKIP_UNSOUND");
        return Err(all.problems.name_in(error));
    }
    let mut kept = Selection::read(reader, layout, experiment, Scope { sound_only: true, ..Scope::default() }, job)?;
    let left_out = all.left_out(&kept);
    let rows = left_out.iter().map(|(_, rows)| rows).sum();
    job.set_total(kept.total() + rows);
    all.problems.fail_rows(job, rows)?;
    // The rows that cannot stand have to be asked for as long as there are any.
    kept.problems = all.problems;
    Ok((kept, left_out))
}

/// Leaves the rows out that cannot be NULL where they name rows which are not in the document, and what hangs on them.
fn leave_out(
    (reader, layout): (&dyn Connection, &Layout),
    selection: &mut Selection,
    left_out: &mut TableRows,
    options: &ExportOptions,
    job: &Job,
) -> Result<()> {
    let required = |_: &TableLayout, column: &ColumnLayout| {
        column.not_null && column.refers.is_some_and(|entity| is_included(options, entity))
    };
    let Some(without) = LeftOutRows::find((reader, layout), selection, &required, None, job)? else { return Ok(()) };
    let scope = Scope { sound_only: true, without: Some(without), ..Scope::default() };
    let mut kept = Selection::read(reader, layout, selection.experiment, scope, job)?;
    let before: u64 = left_out.iter().map(|(_, rows)| rows).sum();
    let all = std::mem::take(&mut kept.problems);
    *left_out = selection.left_out(&kept);
    let rows: u64 = left_out.iter().map(|(_, rows)| rows).sum();
    job.set_total(kept.total() + rows);
    all.fail_rows(job, rows.saturating_sub(before))?;
    kept.problems = std::mem::take(&mut selection.problems);
    *selection = kept;
    Ok(())
}

/// Whether rows of this kind are to be in the document.
fn is_included(options: &ExportOptions, entity: Entity) -> bool {
    !matches!(entity, METRIC | ARTIFACT) || includes(options, entity)
}

/// The links that lead to rows which are not in the document. Those to metrics or artifacts may, if they are not wanted.
fn cut_links(
    reader: &dyn Connection,
    layout: &Layout,
    selection: &mut Selection,
    options: &ExportOptions,
    job: &Job,
) -> Result<Vec<(&'static str, String, u64)>> {
    if !layout.has_links() {
        return Ok(Vec::new());
    }
    let included = |entity: Entity| is_included(options, entity);
    let leaving = Leaving::find(reader, layout, selection, job, included)?;
    if leaving.problems.count > 0 && !options.skip_unsound {
        let (count, experiment) = (leaving.problems.count, selection.experiment);
        let message = format!("{count} links of experiment {experiment} lead out of it");
        let error = Error::new(Status::Validation, Domain::ImportExport, message)
            .detail("experiment_id", experiment)
            .hint("set them to NULL, or export with EXPMIG_EXPORT_SKIP_UNSOUND, which does that in the document, or leaves out rows that \
                   cannot be NULL there, and says so");
        return Err(leaving.problems.name_in(error));
    }
    let mut columns = leaving.columns;
    columns.extend(Leaving::find(reader, layout, selection, job, |entity| !included(entity))?.columns);
    Ok(columns)
}

/// Writes the experiment and everything below it. The rows per table, and what the digest of a complete document needs.
fn write_rows(
    reader: &dyn Connection,
    layout: &Layout,
    (selection, complete): (&mut Selection, bool),
    output: &mut Output<'_>,
    job: &Job,
    artifacts_only: bool,
) -> Result<(TableRows, Option<Ended>)> {
    let order = NodeOrder::new(selection);
    let mut queries = Vec::new();
    let mut wanted = Vec::new();
    for table in &layout.tables {
        if matches!(table.schema.place, Place::Leaf(_)) {
            continue;
        }
        let query = RowQuery::new(layout, table)?;
        wanted.push(order.query(layout, &query, selection)?);
        queries.push(query);
    }
    let asked: Vec<_> = wanted.iter().flatten().cloned().collect();
    let mut written = None;
    reader.read_together(&asked, &mut |cursors: Vec<Box<dyn Cursor + '_>>| {
        let mut cursors = cursors.into_iter();
        let streams = queries.iter().zip(&wanted).map(|(query, asked)| {
            let cursor = if asked.is_some() { cursors.next() } else { None };
            Stream::new(query, cursor, query.barring(selection))
        });
        let streams = streams.collect::<Result<Vec<_>>>()?;
        let digester = complete.then(|| Digester::new(selection, layout, None, None));
        let mut tree = Tree::new(streams, (selection, &order), digester, (output, job), artifacts_only)?;
        tree.write()?;
        written = Some(tree.finish()?);
        Ok(())
    })?;
    written.ok_or_else(|| Error::internal(Domain::ImportExport, "nothing was read"))
}
