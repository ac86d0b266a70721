//! Finds rows of other tables that refer to an experiment. They are not part of a copy or an export of it.

use super::selection::Selection;
use crate::database::{Connection, Layout, Next, Reference, TableLayout};
use crate::error::{Result, Status};
use crate::progress::Job;
use crate::schema::{Place, quote};
use crate::values::Value;

/// Rows that stay behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutsideReference {
    /// The table, with its schema where that is another one.
    pub table: String,
    /// `None` where they cannot be counted: the account may not, or no statement can name the table.
    pub rows: Option<u64>,
}

impl OutsideReference {
    /// The rows of tables that are not ours and refer to rows of the selection, each once however it refers to them.
    pub fn find(
        connection: &dyn Connection,
        layout: &Layout,
        selection: &mut Selection,
        job: &Job,
    ) -> Result<Vec<OutsideReference>> {
        let references = connection.references(layout)?;
        let mut found: Vec<OutsideReference> = Vec::new();
        let of_others: Vec<&Reference> = references.found.iter().filter(|reference| !reference.is_ours).collect();
        for (at, first) in of_others.iter().enumerate() {
            if of_others.iter().take(at).any(|before| before.name == first.name) {
                continue;
            }
            let same: Vec<&Reference> =
                of_others.iter().skip(at).copied().filter(|other| other.name == first.name).collect();
            let rows = match count(connection, layout, &same, selection, job) {
                Ok(0) => continue,
                Ok(rows) => Some(rows),
                Err(error) if error.status() == Status::Auth => None,
                Err(error) => return Err(error),
            };
            found.push(OutsideReference { table: first.table.clone(), rows });
        }
        let unseen = references.hidden.into_iter().chain(references.unnamed);
        found.extend(unseen.map(|table| OutsideReference { table, rows: None }));
        Ok(found)
    }

    /// For a person.
    pub fn message(&self) -> String {
        match self.rows {
            Some(rows) => format!("{rows} rows of {} refer to the experiment and stay where they are", self.table),
            None => format!("rows of {} may refer to the experiment: the table cannot be read", self.table),
        }
    }
}

/// How one foreign key leads to rows of ours.
struct Way<'l> {
    parent: &'l TableLayout,
    /// Where the id is by which rows of the parent are known.
    id: String,
    /// What joins the parent, if the key alone does not say that the row exists.
    join: Option<String>,
    condition: String,
    bounds: [Value; 2],
}

impl<'l> Way<'l> {
    /// `None` if no row of the selection can be referred to.
    fn new(layout: &'l Layout, reference: &Reference, selection: &mut Selection, nth: usize) -> Option<Way<'l>> {
        let parent = layout.table(reference.to.name)?;
        let (column, bounds) = selection.bounds_of(parent)?;
        let pairs: Vec<(&String, &String)> = reference.columns.iter().zip(&reference.to_columns).collect();
        // The column of the key that has this id itself.
        let direct = pairs.iter().find(|(_, to)| quote(to).eq_ignore_ascii_case(&column)).map(|(from, _)| quote(from));
        let known_by_id = matches!(parent.schema.place, Place::Node(_) | Place::Leaf(_));
        let alias = format!("p{nth}");
        let joins: Vec<String> =
            pairs.iter().map(|(from, to)| format!("{alias}.{} = x.{}", quote(to), quote(from))).collect();
        let join = format!(" LEFT JOIN {} AS {alias} ON {}", reference.to_name, joins.join(" AND "));
        let from = |id: &str| format!("{id} BETWEEN ?{} AND ?{}", 2 * nth + 1, 2 * nth + 2);
        Some(match direct {
            Some(own) if known_by_id && pairs.len() == 1 => {
                let id = format!("x.{own}");
                Way { parent, condition: from(&id), id, join: None, bounds }
            }
            Some(own) => {
                let condition = format!("({} AND {alias}.{column} IS NOT NULL)", from(&format!("x.{own}")));
                Way { parent, condition, id: format!("{alias}.{column}"), join: Some(join), bounds }
            }
            None => {
                let id = format!("{alias}.{column}");
                Way { parent, condition: from(&id), id, join: Some(join), bounds }
            }
        })
    }
}

/// How many rows of one table refer to rows of the selection, by any of its foreign keys.
fn count(
    connection: &dyn Connection,
    layout: &Layout,
    references: &[&Reference],
    selection: &mut Selection,
    job: &Job,
) -> Result<u64> {
    let mut ways: Vec<Way<'_>> = Vec::new();
    for reference in references {
        ways.extend(Way::new(layout, reference, selection, ways.len()));
    }
    let Some(name) = references.first().map(|reference| reference.name.as_str()).filter(|_| !ways.is_empty()) else {
        return Ok(0);
    };
    let ids: Vec<&str> = ways.iter().map(|way| way.id.as_str()).collect();
    let joins: String = ways.iter().filter_map(|way| way.join.as_deref()).collect();
    let conditions: Vec<&str> = ways.iter().map(|way| way.condition.as_str()).collect();
    let params: Vec<Value> = ways.iter().flat_map(|way| way.bounds.iter().cloned()).collect();
    let sql = format!("SELECT {} FROM {name} AS x{joins} WHERE {}", ids.join(", "), conditions.join(" OR "));
    let mut rows = 0;
    connection.query(&sql, &params, &mut |row| {
        job.pulse()?;
        for (at, way) in ways.iter().enumerate() {
            if selection.has_row_of(way.parent, row.value(at)?)? {
                rows += 1;
                break;
            }
        }
        Ok(Next::Row)
    })?;
    Ok(rows)
}

/// Columns that are computed: table, column, and how many rows the selection has.
pub fn computed(layout: &Layout, selection: &Selection) -> Vec<(&'static str, String, u64)> {
    let mut found = Vec::new();
    for counts in selection.counts.iter().filter(|counts| counts.rows > 0) {
        let generated = layout.table(counts.table.name).into_iter().flat_map(|table| &table.generated);
        found.extend(generated.map(|name| (counts.table.name, name.clone(), counts.rows)));
    }
    found
}

/// Of these, those that are plain there, where nothing fills them.
pub fn computed_only_here(layout: &Layout, there: &Layout, selection: &Selection) -> Vec<(&'static str, String, u64)> {
    let mut found = computed(layout, selection);
    found.retain(|(table, name, _)| there.table(table).is_some_and(|there| there.position(name).is_some()));
    found
}
