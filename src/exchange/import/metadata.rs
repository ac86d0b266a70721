//! The parts of a document that describe it: `format` and `metadata`.

use std::collections::HashSet;

use super::reader::{Number, Reader};
use super::target::Declared;
use crate::digest::{ALGORITHM, ALGORITHM_WITH_LINKS, Hash, parse_hex};
use crate::error::{Result, Status};
use crate::exchange::names::{FORMAT_JSON, FORMAT_NAME, FORMAT_VERSION, REFERENCES};
use crate::schema::{Entity, Family};
use crate::values::ValueRef;

/// What `metadata` says; `None` where it says nothing.
#[derive(Debug, Default)]
pub struct Metadata {
    pub source_database: Option<String>,
    pub complete: Option<bool>,
    /// How many rows were left out of the document.
    pub left_out: u64,
    /// Columns of which something is not in the document: links that lead out of it or, if it has everything, values that were computed.
    pub columns: Vec<String>,
    /// Tables of others with rows that hung on the experiment.
    pub behind: Vec<String>,
    /// Rows per table.
    pub counts: Option<Vec<(&'static str, u64)>>,
    pub digest: Option<Hash>,
    /// The definition that the digest follows.
    pub algorithm: Option<&'static str>,
}

/// Fails unless the next value is this string.
fn expect_string(reader: &mut Reader<'_>, wanted: &str, status: Status) -> Result<()> {
    let found = reader.short_string()?;
    if found == wanted {
        return Ok(());
    }
    let shown = ValueRef::Text(found.as_bytes()).describe();
    Err(reader.error(status, format!("{wanted:?} is expected here, not {shown}")))
}

fn integer(reader: &mut Reader<'_>) -> Result<i64> {
    match reader.number()? {
        Number::Integer(number) => Ok(number),
        Number::Real(_) => reader.invalid("an integer is expected here, not a number with a point or an exponent"),
    }
}

fn count(reader: &mut Reader<'_>) -> Result<u64> {
    match u64::try_from(integer(reader)?) {
        Ok(count) => Ok(count),
        Err(_) => reader.invalid("a number of rows cannot be negative"),
    }
}

/// The version of the format.
fn version(reader: &mut Reader<'_>) -> Result<()> {
    let version = integer(reader)?;
    if u64::try_from(version) == Ok(FORMAT_VERSION) {
        return Ok(());
    }
    let what = format!("it has version {version} of the format; this library reads version {FORMAT_VERSION}");
    Err(reader.error(Status::Unsupported, what).hint("use a library of the version that wrote it, or a newer one"))
}

/// The name of a table that takes part, and its place.
fn table(reader: &Reader<'_>, family: &Family, name: &str) -> Result<usize> {
    match family.tables.iter().position(|table| table.name == name) {
        Some(at) => Ok(at),
        None => reader.invalid(format!("{} is no table", ValueRef::Text(name.as_bytes()).describe())),
    }
}

/// What the list of extra columns may take in memory. No database has so many.
const MOST_LISTED: usize = 4 << 20;
/// No database has so many tables.
const MOST_LEFT_OUT: usize = 1 << 16;

/// What a document says at its beginning.
#[derive(Debug, Default)]
pub struct Head {
    /// How many rows will come, for those who watch the progress.
    pub rows: Option<u64>,
    pub extra_columns: Vec<Declared>,
}

/// The head.
pub fn read_format(reader: &mut Reader<'_>, family: &Family) -> Result<Head> {
    let mut head = Head::default();
    let mut members = reader.begin_object()?;
    while let Some(at) = reader.next_member(&mut members, &["name", "version", "rows", "extra_columns"])? {
        match at {
            0 => expect_string(reader, FORMAT_NAME, Status::Unsupported)?,
            1 => version(reader)?,
            2 => head.rows = Some(count(reader)?),
            _ => {
                let (mut listed, mut known) = (0, HashSet::new());
                let mut items = reader.begin_list()?;
                while reader.next_item(&mut items)? {
                    let extra = extra_column(reader, family)?;
                    listed += size_of::<Declared>() + extra.column.len() + extra.declared.len();
                    if listed > MOST_LISTED {
                        let error =
                            reader.error(Status::Limit, "more extra columns are listed than a database can have");
                        return Err(error.hint("list those that the rows use; nothing was changed"));
                    }
                    if !known.insert((extra.table_at, extra.column.to_ascii_lowercase())) {
                        let shown = ValueRef::Text(extra.column.as_bytes()).describe();
                        return reader.invalid(format!("the column {shown} is listed twice"));
                    }
                    head.extra_columns.push(extra);
                }
            }
        }
    }
    Ok(head)
}

fn extra_column(reader: &mut Reader<'_>, family: &Family) -> Result<Declared> {
    let mut table_at = None;
    let (mut column, mut declared) = (None, String::new());
    let mut refers = None;
    let mut members = reader.begin_object()?;
    while let Some(at) = reader.next_member(&mut members, &["table", "column", "type", REFERENCES])? {
        let text = reader.short_string()?;
        match at {
            0 => table_at = Some(table(reader, family, &text)?),
            1 => column = Some(text),
            2 => declared = text,
            _ => refers = Some(entity(reader, family, &text)?),
        }
    }
    let (Some(table_at), Some(column)) = (table_at, column) else {
        return reader.invalid("table and column have to be there");
    };
    let known = family.tables.get(table_at).and_then(|table| table.column(&column)).is_some();
    if known || column.is_empty() || column.contains('\0') || declared.contains('\0') {
        let shown = |text: &str| ValueRef::Text(text.as_bytes()).describe();
        return reader.invalid(format!("{} of type {} cannot be an extra column", shown(&column), shown(&declared)));
    }
    Ok(Declared { table_at, column, declared, refers })
}

/// Whose ids a column has, by the name of their table.
fn entity(reader: &Reader<'_>, family: &Family, name: &str) -> Result<Entity> {
    match family.tables.iter().find(|table| table.name == name).and_then(|table| table.entity()) {
        Some(entity) => Ok(entity),
        _ => reader.invalid(format!("{} is no table whose rows have ids", ValueRef::Text(name.as_bytes()).describe())),
    }
}

/// How many rows were left out of our tables, of which columns something was, and the tables of others that have rows which hang on the
/// experiment.
fn left_out(reader: &mut Reader<'_>, family: &Family) -> Result<(u64, Vec<String>, Vec<String>)> {
    let (mut ours, mut columns, mut others, mut known) = (0u64, Vec::new(), Vec::new(), HashSet::new());
    let mut members = reader.begin_object()?;
    while let Some(name) = reader.next_key(&mut members)? {
        // Of tables that could not be read nobody knows.
        let rows = if reader.take_null()? { 0 } else { count(reader)? };
        let is_ours = |table: &str| family.tables.iter().any(|known| known.name == table);
        match name.split_once('.') {
            Some((table, _)) if is_ours(table) => columns.push(name.clone()),
            None if is_ours(&name) => ours = ours.saturating_add(rows),
            _ => others.push(name.clone()),
        }
        if !known.insert(name.clone()) {
            return reader.invalid(format!("the key {name:?} occurs twice"));
        }
        if known.len() > MOST_LEFT_OUT {
            return Err(reader.error(Status::Limit, "more tables are listed than a database can have"));
        }
    }
    Ok((ours, columns, others))
}

/// Rows per table. No table twice.
fn counts(reader: &mut Reader<'_>, family: &Family) -> Result<Vec<(&'static str, u64)>> {
    let mut counts: Vec<(&'static str, u64)> = Vec::new();
    let mut members = reader.begin_object()?;
    while let Some(name) = reader.next_key(&mut members)? {
        let Some(table) = family.tables.get(table(reader, family, &name)?) else { continue };
        if counts.iter().any(|(known, _)| *known == table.name) {
            return reader.invalid(format!("the key {name:?} occurs twice"));
        }
        counts.push((table.name, count(reader)?));
    }
    Ok(counts)
}

fn digest(reader: &mut Reader<'_>, family: &Family) -> Result<(Option<Hash>, Option<&'static str>)> {
    let (mut digest, mut algorithm) = (None, None);
    let mut members = reader.begin_object()?;
    while let Some(at) = reader.next_member(&mut members, &["algorithm", "value"])? {
        if at == 0 {
            let found = reader.short_string()?;
            let known = family.digest.map_or([ALGORITHM, ALGORITHM_WITH_LINKS], |named| [named; 2]);
            algorithm = known.into_iter().find(|known| *known == found);
            if algorithm.is_none() {
                let (shown, wanted) = (ValueRef::Text(found.as_bytes()).describe(), known.first().unwrap_or(&""));
                return Err(reader.error(Status::Unsupported, format!("{wanted:?} is expected here, not {shown}")));
            }
        } else if !reader.take_null()? {
            let text = reader.short_string()?;
            digest = parse_hex(&text);
            if digest.is_none() {
                return reader.invalid("a digest has 64 hexadecimal digits");
            }
        }
    }
    Ok((digest, algorithm))
}

/// What the document says of itself at its end.
pub fn read_metadata(reader: &mut Reader<'_>, family: &Family) -> Result<Metadata> {
    const KEYS: [&str; 12] = [
        "export_timestamp",
        "source_database",
        "include_metrics",
        "include_artifacts",
        "format",
        "format_version",
        "generation",
        "complete",
        "left_out",
        "counts",
        "digest",
        "expmig_version",
    ];
    let mut metadata = Metadata::default();
    let mut members = reader.begin_object()?;
    while let Some(at) = reader.next_member(&mut members, &KEYS)? {
        match KEYS.get(at).copied().unwrap_or_default() {
            "source_database" => metadata.source_database = Some(reader.short_string()?),
            "include_metrics" | "include_artifacts" => {
                reader.boolean()?;
            }
            "format" => expect_string(reader, FORMAT_JSON, Status::Unsupported)?,
            "format_version" => version(reader)?,
            "generation" => {
                if !matches!(integer(reader)?, 1 | 2) {
                    return reader.invalid("the generation is 1 or 2");
                }
            }
            "complete" => metadata.complete = Some(reader.boolean()?),
            "left_out" => (metadata.left_out, metadata.columns, metadata.behind) = left_out(reader, family)?,
            "counts" => metadata.counts = Some(counts(reader, family)?),
            "digest" => (metadata.digest, metadata.algorithm) = digest(reader, family)?,
            _ => {
                reader.short_string()?;
            }
        }
    }
    Ok(metadata)
}
