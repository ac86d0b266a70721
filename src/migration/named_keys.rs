//! Finds keys that differ in the source and are equal in the target. A server compares texts by its collation, which mostly ignores letter case,
//! accents, and sometimes blanks at the end.

use std::collections::HashMap;

use super::named_ends::Ends;
use super::preflight::Preflight;
use crate::database::{Connection, Layout, Loss, Row, TableLayout};
use crate::error::Result;
use crate::hierarchy::{Named, NamedRows, of_experiments};
use crate::progress::Job;
use crate::schema::{Column, Kind, Role, quote};
use crate::values::{Value, ValueRef};

/// Pairs that the target is asked about in one table; beyond, it says of the rows themselves that they are in each other's way.
const MOST_ASKED: usize = 10_000;
/// What shows whether the target compares texts otherwise than byte by byte.
const PROBES: [(&str, &str); 3] = [("a", "A"), ("a", "\u{e4}"), ("a", "a ")];

/// The column whose text tells the rows of one owner apart, if it is just one.
pub fn telling(table: &TableLayout) -> Option<&'static Column> {
    let mut telling = None;
    for name in table.schema.primary_key {
        let column = table.schema.column(name)?;
        match column.role {
            Role::Parent(_) => {}
            Role::Index if column.kind == Kind::Text && telling.is_none() => telling = Some(column),
            _ => return None,
        }
    }
    telling
}

/// A column of the target that takes some texts for one which differ.
pub struct Folding<'a> {
    target: &'a dyn Connection,
    sql: String,
    known: HashMap<(String, String), bool>,
}

impl<'a> Folding<'a> {
    /// Asks the target; `None` if it compares the column's texts byte by byte.
    pub fn of(target: &'a dyn Connection, table: &TableLayout, column: &str) -> Result<Option<Folding<'a>>> {
        let (name, key) = (quote(&table.name), table.quoted(column));
        // What the query is of has the collation of the column.
        let sql = format!(
            "SELECT count(DISTINCT x.k) FROM (SELECT {key} AS k FROM {name} WHERE 1 = 0 UNION ALL SELECT ?1 UNION ALL SELECT ?2) AS x"
        );
        let mut asked = Folding { target, sql, known: HashMap::new() };
        for (a, b) in PROBES {
            if asked.folds(a, b)? {
                return Ok(Some(asked));
            }
        }
        Ok(None)
    }

    /// Whether two texts are one to it.
    pub fn folds(&mut self, a: &str, b: &str) -> Result<bool> {
        let pair = (a.to_owned(), b.to_owned());
        if let Some(known) = self.known.get(&pair) {
            return Ok(*known);
        }
        if self.known.len() >= MOST_ASKED {
            return Ok(false);
        }
        let params = [a, b].map(|text| Value::Text(text.as_bytes().to_vec()));
        let folds = self.target.query_integer(&self.sql, &params)? == Some(1);
        self.known.insert(pair, folds);
        Ok(folds)
    }

    /// The first of some keys that differs from a text and is one with it.
    pub fn other_than<'k>(&mut self, text: &str, keys: &'k [String]) -> Result<Option<&'k str>> {
        for other in keys.iter().filter(|other| *other != text) {
            let plain = text.is_ascii() && other.is_ascii();
            if plain && !text.trim_end().eq_ignore_ascii_case(other.trim_end()) {
                continue;
            }
            if self.folds(other, text)? {
                return Ok(Some(other));
            }
        }
        Ok(None)
    }
}

/// Notes that a key is in another's way; `owner` is what both hang on.
pub fn note_folded(
    (table, column): (&'static str, &str),
    owner: Option<&[u8]>,
    (key, other): (&str, &str),
    fit: &mut Preflight,
) {
    fit.refused += 1;
    fit.note(Loss {
        table,
        row: Some(owner.map_or_else(String::new, |id| format!("of {}", ValueRef::Text(id).describe()))),
        column: Some(column.to_owned()),
        reason: "to the target it is the same key as another of the row",
        value: Some(ValueRef::Text(key.as_bytes()).describe()),
        stored_as: Some(ValueRef::Text(other.as_bytes()).describe()),
    });
}

/// Whether the target takes any keys of an experiment's rows for one that differ.
pub fn folds_any(target: &dyn Connection, layout: &Layout) -> Result<bool> {
    for table in of_experiments(layout) {
        if let Some(column) = telling(table)
            && Folding::of(target, table, column.name)?.is_some()
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Notes the keys that would be in each other's way in the target.
pub fn find_folded(ends: &Ends<'_>, rows: &NamedRows, job: &Job, fit: &mut Preflight) -> Result<()> {
    for table in of_experiments(ends.from) {
        let (Some(column), Some(there)) = (telling(table), ends.to.table(table.schema.name)) else { continue };
        let Some(mut asked) = Folding::of(ends.target, there, column.name)? else { continue };
        let mut of: Option<Named> = None;
        let mut keys: Vec<String> = Vec::new();
        let owner = match table.schema.owner() {
            Some(owner) => table.parent(owner)?,
            None => continue,
        };
        let order = format!(" ORDER BY t.{owner}");
        rows.scan(ends.source, (ends.from, table), (&[table.quoted(column.name)], &order), job, &mut |named, row| {
            let Some(text) = row.value(1)?.readable() else { return Ok(()) };
            if of != Some(named) {
                keys.clear();
                of = Some(named);
            }
            if let Some(other) = asked.other_than(&text, &keys)? {
                let owner = rows.ids(named.entity).get(named.at);
                note_folded((table.schema.name, column.name), owner, (&text, other), fit);
            }
            keys.push(text);
            Ok(())
        })?;
    }
    Ok(())
}
