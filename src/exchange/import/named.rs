//! Reads the document of an experiment of a family whose keys are texts into a scratch database, and proves it there (docs/export-format.md, "MLflow").
//! From there it is copied into the target as any experiment is.

use std::io::Read;
use std::sync::Arc;

use smallvec::SmallVec;

use super::metadata::{Metadata, read_metadata};
use super::options::ImportOptions;
use super::prove::{check_counts, doubts, other_digest};
use super::read_value::ValueReader;
use super::reader::{Kind, Number, Reader};
use crate::database::{Chunk, Connection, Database, Layout, Scratch, TableLayout, Transaction, Version, Watches};
use crate::digest::{Hash, digest_named};
use crate::error::{Domain, Error, Result, Status};
use crate::exchange::names::{COLUMNS, FORMAT, METADATA, ROWS, TABLES, VERSION};
use crate::hierarchy::{NamedRows, of_experiments};
use crate::progress::Job;
use crate::schema::{Call, Entity, Place, Table, quote};
use crate::spill::CellBuffer;
use crate::values::ValueRef;

/// No table of SQLite's has more columns.
const MOST_COLUMNS: usize = 2000;

/// A document that was read.
pub struct Staged {
    scratch: Scratch,
    /// The id of the experiment in the document, and in the scratch database.
    pub experiment: i64,
    pub source_database: Option<String>,
    pub document_digest: Option<Hash>,
    pub warnings: Vec<String>,
}

impl Staged {
    /// Where it is.
    pub fn database(&self) -> Result<&Database> {
        self.scratch.database()
    }
}

/// Fails for what cannot be asked of such a family.
fn check_options(options: &ImportOptions, tracker: &str) -> Result<()> {
    let given = [
        (
            "preserve_ids",
            options.preserve_ids,
            "keys are kept anyway, and the experiment's id is the target's to choose",
        ),
        ("add_columns", options.add_columns, "tables are the tracker's to change"),
        ("allow_lossy", options.allow_lossy, "what does not fit is listed, and nothing is written"),
        ("allow_unlinked", options.allow_unlinked, "it is for documents of another tool"),
    ];
    let Some((option, _, why)) = given.iter().find(|(_, given, _)| *given) else { return Ok(()) };
    let message = format!("the option {option} has no meaning for a database of {tracker}: {why}");
    Err(Error::new(Status::Unsupported, Domain::ImportExport, message)
        .detail("parameter", option)
        .hint("leave the option out"))
}

/// Reads a document, and proves that it is whole. Looks at the target for its tables only.
pub fn stage(target: &Database, document: &mut dyn Read, options: &ImportOptions, job: &Arc<Job>) -> Result<Staged> {
    options.check()?;
    target.refuse_read_only(Domain::ImportExport)?;
    job.begin("opening")?;
    let layout = target.layout()?;
    layout.require(Call::Import, Domain::ImportExport)?;
    check_options(options, layout.family.tracker)?;
    let version = {
        let connection = target.reader()?;
        let _watches = Watches::new(job, [connection, connection]);
        let _state = Transaction::read(connection)?;
        Version::read(connection, &layout)?
    };
    version.refuse_unknown(layout.family, Domain::ImportExport)?;
    let scratch = Scratch::create(&layout, version.found.as_deref(), &[], None)?;
    let staging = scratch.database()?.writer(job)?;
    let _watches = Watches::new(job, [staging, staging]);
    job.begin("reading the document")?;
    let writing = Transaction::write(staging)?;
    // The rows are the job's items when they are written into the target.
    let quiet = Job::new(Domain::ImportExport, None, None);
    let mut staging_of = Staging { staging, layout: &layout, quiet: &quiet, version: version.found.as_deref(), job };
    let reader = &mut Reader::new(document, options.max_value_bytes, job);
    let (metadata, loaded) = staging_of.read(reader)?;
    writing.commit()?;
    check_counts(metadata.counts.as_deref(), |name| count_of(&loaded, name))?;
    job.begin("verifying the document")?;
    let staged = scratch.database()?.checked(staging.layout()?)?;
    let experiment = the_experiment(staging, &staged, reader)?;
    let _state = Transaction::read(staging)?;
    let rows = NamedRows::read(staging, &staged, experiment, job)?;
    refuse_strays((staging, &staged), &rows, &loaded, reader)?;
    let digest = digest_named(staging, &staged, &rows, (job, false))?.experiment;
    if let Some(expected) = metadata.digest.filter(|expected| *expected != digest) {
        return Err(other_digest(&expected, &digest));
    }
    let mut warnings = Vec::new();
    doubts(&metadata, &mut warnings);
    drop(_state);
    drop(_watches);
    Ok(Staged {
        scratch,
        experiment,
        source_database: metadata.source_database,
        document_digest: metadata.digest,
        warnings,
    })
}

/// The rows of each table that were read.
type Loaded = Vec<(&'static str, u64)>;

fn count_of(loaded: &Loaded, name: &str) -> u64 {
    loaded.iter().filter(|(table, _)| *table == name).map(|(_, rows)| rows).sum()
}

/// The id of the one experiment that was read.
fn the_experiment(staging: &dyn Connection, staged: &Layout, reader: &Reader<'_>) -> Result<i64> {
    let root = staged.root()?;
    let (name, id) = (quote(&root.name), root.id());
    let count = staging.query_integer(&format!("SELECT count(*) FROM {name}"), &[])?.unwrap_or(0);
    if count != 1 {
        return reader.invalid(format!("a document has one experiment, and {count} are in this one"));
    }
    match staging.query_integer(&format!("SELECT {id} FROM {name} WHERE typeof({id}) = 'integer'"), &[])? {
        Some(id) => Ok(id),
        None => reader.invalid("the id of the experiment has to be an integer"),
    }
}

/// Fails if rows are in the document that are none of the experiment's: they would not be copied.
fn refuse_strays(
    (staging, staged): (&dyn Connection, &Layout),
    rows: &NamedRows,
    loaded: &Loaded,
    reader: &Reader<'_>,
) -> Result<()> {
    for table in of_experiments(staged).filter(|table| table.schema.place != Place::Node(Entity::ROOT)) {
        let of_it = match table.schema.place {
            Place::Derived(_) => rows.derived_of(staging, staged, table)?,
            _ => rows.counts.iter().filter(|counts| counts.table == table.schema).map(|counts| counts.rows).sum(),
        };
        let there = count_of(loaded, table.schema.name);
        if there != of_it {
            let name = table.schema.name;
            let strays = there.saturating_sub(of_it);
            return Err(reader
                .error(
                    Status::Validation,
                    format!("{strays} rows of {name} hang on nothing of the document's experiment"),
                )
                .detail("table", name));
        }
    }
    Ok(())
}

/// Puts the rows of a document into the scratch database.
struct Staging<'a> {
    staging: &'a dyn Connection,
    /// The target's.
    layout: &'a Layout,
    version: Option<&'a str>,
    job: &'a Job,
    quiet: &'a Job,
}

impl Staging<'_> {
    fn read(&mut self, reader: &mut Reader<'_>) -> Result<(Metadata, Loaded)> {
        const KEYS: [&str; 5] = [FORMAT, VERSION, ROWS, TABLES, METADATA];
        let (mut metadata, mut loaded) = (Metadata::default(), None);
        let mut has_format = false;
        let mut members = reader.begin_object()?;
        while let Some(at) = reader.next_member(&mut members, &KEYS)? {
            match KEYS.get(at).copied().unwrap_or_default() {
                FORMAT => {
                    self.format(reader)?;
                    has_format = true;
                }
                VERSION => self.same_version(reader)?,
                ROWS => match reader.number()? {
                    Number::Integer(0..) => {}
                    _ => return reader.invalid("a number of rows is expected here"),
                },
                TABLES if !has_format => return reader.invalid("the key \"format\" has to stand before this"),
                TABLES => loaded = Some(self.tables(reader)?),
                _ => metadata = read_metadata(reader, self.layout.family)?,
            }
        }
        reader.end()?;
        match loaded {
            Some(loaded) => Ok((metadata, loaded)),
            None => reader.invalid("the key \"tables\" is missing"),
        }
    }

    fn format(&self, reader: &mut Reader<'_>) -> Result<()> {
        let wanted = self.layout.family.document.flat.unwrap_or_default();
        let tracker = self.layout.family.tracker;
        if reader.kind()? != Kind::String {
            return Err(reader
                .error(Status::Unsupported, format!("{wanted:?} is expected here: the database is one of {tracker}"))
                .hint("import it into a database of the tracker that it is from"));
        }
        let found = reader.short_string()?;
        if found == wanted {
            return Ok(());
        }
        let shown = ValueRef::Text(found.as_bytes()).describe();
        Err(reader.error(Status::Unsupported, format!("{wanted:?} is expected here, not {shown}")))
    }

    /// Rows are written at the version that the target has.
    fn same_version(&self, reader: &mut Reader<'_>) -> Result<()> {
        let found = if reader.take_null()? { None } else { Some(reader.short_string()?) };
        if found.as_deref() == self.version {
            return Ok(());
        }
        let [there, here] = [self.version, found.as_deref()]
            .map(|version| ValueRef::Text(version.unwrap_or("none").as_bytes()).describe());
        let maker = self.layout.family.maker.unwrap_or("its tracker");
        let what = format!("it is of version {here} of the schema, and the target is of {there}");
        Err(reader
            .error(Status::Unsupported, what)
            .hint(format!("bring the store that it came from, or the target, to the version of the other with {maker}, after a snapshot of it")))
    }

    fn tables(&self, reader: &mut Reader<'_>) -> Result<Loaded> {
        let names: Vec<&'static str> = of_experiments(self.layout).map(|table| table.schema.name).collect();
        let mut loaded = Loaded::new();
        let mut members = reader.begin_object()?;
        while let Some(at) = reader.next_member(&mut members, &names)? {
            let name = names.get(at).copied().unwrap_or_default();
            let Some(table) = self.layout.table(name) else { continue };
            loaded.push((name, self.table(reader, table)?));
        }
        Ok(loaded)
    }

    fn table(&self, reader: &mut Reader<'_>, table: &TableLayout) -> Result<u64> {
        let (mut columns, mut rows) = (None, None);
        let mut members = reader.begin_object()?;
        while let Some(at) = reader.next_member(&mut members, &[COLUMNS, ROWS])? {
            if at == 0 {
                columns = Some(self.columns(reader, table)?);
                continue;
            }
            let Some(columns) = &columns else { return reader.invalid("the columns have to stand before the rows") };
            rows = Some(self.rows(reader, table.schema, columns)?);
        }
        rows.map_or_else(|| reader.invalid("the rows are missing"), Ok)
    }

    /// Makes the table with the columns that it has in the document.
    fn columns(&self, reader: &mut Reader<'_>, table: &TableLayout) -> Result<Vec<String>> {
        let mut columns: Vec<String> = Vec::new();
        let mut items = reader.begin_list()?;
        while reader.next_item(&mut items)? {
            let column = reader.short_string()?;
            let known = columns.iter().any(|other| other.eq_ignore_ascii_case(&column));
            if known || column.is_empty() || column.contains('\0') || columns.len() >= MOST_COLUMNS {
                let shown = ValueRef::Text(column.as_bytes()).describe();
                return reader.invalid(format!("{shown} cannot be another column here"));
            }
            columns.push(column);
        }
        let schema = table.schema;
        let lacks = |column: &&crate::schema::Column| {
            table.position(column.name).is_some() && !columns.iter().any(|name| name.eq_ignore_ascii_case(column.name))
        };
        if let Some(missing) = schema.columns.iter().find(lacks) {
            return reader.invalid(format!("the column {} of {} is missing", missing.name, schema.name));
        }
        let declared = |name: &String| {
            // What only one store has keeps whatever it holds.
            let declared = schema.column(name).map_or("", |known| known.sqlite);
            format!("{} {declared}", quote(name))
        };
        let mut parts: Vec<String> = columns.iter().map(declared).collect();
        // What rows hang on comes first, as they are looked up by that.
        let owner = schema.owner().and_then(|owner| schema.parent_column(owner)).map(|column| column.name);
        let key = owner.into_iter().filter(|owner| schema.primary_key.contains(owner));
        let rest = schema.primary_key.iter().copied().filter(|name| Some(*name) != owner);
        let key: Vec<String> = key.chain(rest).map(quote).collect();
        parts.push(format!("PRIMARY KEY ({})", key.join(", ")));
        let name = quote(schema.name);
        self.staging.execute(&format!("DROP TABLE {name}"), &[])?;
        self.staging.execute(&format!("CREATE TABLE {name} ({})", parts.join(", ")), &[])?;
        Ok(columns)
    }

    fn rows(&self, reader: &mut Reader<'_>, schema: &'static Table, columns: &[String]) -> Result<u64> {
        let layout = self.staging.layout()?;
        let Some(table) = layout.table(schema.name) else {
            return Err(Error::internal(Domain::ImportExport, "a table that was not made"));
        };
        let names: Vec<&str> = columns.iter().map(String::as_str).collect();
        let kinds: Vec<_> = columns.iter().map(|name| schema.column(name).map(|known| known.kind)).collect();
        let mut chunk = Chunk::new(self.staging.inserter(table, &names)?, names.len(), usize::MAX, self.quiet);
        let (mut cells, mut values) = (CellBuffer::default(), ValueReader::default());
        let mut read = 0;
        let mut items = reader.begin_list()?;
        while reader.next_item(&mut items)? {
            self.job.pulse()?;
            let mut row = reader.begin_list()?;
            for (at, kind) in kinds.iter().enumerate() {
                if !reader.next_item(&mut row)? {
                    return reader.invalid(format!(
                        "a row of {} has {at} values, and {} columns",
                        schema.name,
                        names.len()
                    ));
                }
                values.read(reader, *kind, &mut cells)?;
            }
            if reader.next_item(&mut row)? {
                return reader.invalid(format!(
                    "a row of {} has more values than {} columns",
                    schema.name,
                    names.len()
                ));
            }
            let row: SmallVec<[ValueRef<'_>; 24]> = cells.iter().collect();
            chunk.push(&row).and_then(|()| chunk.flush_if_full()).map_err(|error| taken(reader, error))?;
            drop(row);
            cells.clear(KEPT);
            read += 1;
        }
        chunk.finish().map_err(|error| taken(reader, error))?;
        Ok(read)
    }
}

/// The bytes of a row's buffer that are kept for the next.
const KEPT: usize = 1 << 16;

/// Two rows with one key, or one without what it must have.
fn taken(reader: &Reader<'_>, error: Error) -> Error {
    if error.status() != Status::Constraint {
        return error;
    }
    let what = format!("rows before this place cannot stand together: {}", error.message());
    error
        .details()
        .iter()
        .fold(reader.error(Status::Validation, what), |error, detail| error.detail(detail.key.clone(), &detail.value))
}
