//! What a target of a family whose keys are texts has already: the name, the keys and the content of what is to be copied; and what the copy is called there.

use crate::database::{Connection, Layout, Next, TableLayout, Version};
use crate::digest::{Hash, NamedTable, digest_named, root_row};
use crate::error::{Domain, Error, NAMED, Result, Status};
use crate::hierarchy::{Named, NamedRows};
use crate::progress::Job;
use crate::schema::{Entity, quote};
use crate::values::{Value, ValueRef};

/// Keys that are looked up with one statement.
const AT_ONCE: usize = 200;
/// So many numbers are tried behind a name.
const NUMBERS: u32 = 10_000;

/// Fails unless both are at the same version, and one that is known.
pub fn check_versions(
    (source, from): (&dyn Connection, &Layout),
    (target, to): (&dyn Connection, &Layout),
) -> Result<()> {
    let (here, there) = (Version::read(source, from)?, Version::read(target, to)?);
    here.refuse_unknown(from.family, Domain::Migration)?;
    there.refuse_unknown(to.family, Domain::Migration)?;
    if here == there {
        return Ok(());
    }
    let [here, there] = [here, there].map(|version| version.found.unwrap_or_default());
    let maker = from.family.maker.unwrap_or("its tracker");
    let message = format!("the source is at version {here} of the schema, and the target at {there}");
    Err(Error::new(Status::Unsupported, Domain::Migration, message)
        .detail("source_version", here)
        .detail("target_version", there)
        .hint(format!("bring the older one to the version of the other with {maker}, after a snapshot of it")))
}

/// A cell of the experiment's own row.
pub fn root_cell(connection: &dyn Connection, layout: &Layout, experiment: i64, column: &str) -> Result<Value> {
    let table = layout.root()?;
    let mut found = Value::Null;
    if table.position(column).is_some() {
        let (name, id) = (quote(&table.name), table.id());
        let sql = format!("SELECT {} FROM {name} WHERE {id} = ?1", table.quoted(column));
        connection.query(&sql, &[Value::Integer(experiment)], &mut |row| {
            found = row.value(0)?.to_owned();
            Ok(Next::Stop)
        })?;
    }
    Ok(found)
}

/// The experiment of the target that has a name, which is unique, or unique in a workspace.
pub fn named(target: &dyn Connection, layout: &Layout, (name, workspace): (&Value, &Value)) -> Result<Option<i64>> {
    let table = layout.root()?;
    let title = table.quoted(layout.family.listing.title);
    let (of_table, id) = (quote(&table.name), table.id());
    let mut sql = format!("SELECT {id} FROM {of_table} WHERE {title} = ?1");
    let mut params = vec![name.clone()];
    let division = layout.family.division.as_ref().filter(|division| table.position(division.column).is_some());
    if let Some(division) = division.filter(|_| *workspace != Value::Null) {
        sql.push_str(&format!(" AND {} = ?2", table.quoted(division.column)));
        params.push(workspace.clone());
    }
    target.query_integer(&sql, &params)
}

/// The name of the copy: the source's, or the first of "name (2)" and so on that the target does not have.
pub fn free_name(target: &dyn Connection, layout: &Layout, (wanted, workspace): (&Value, &Value)) -> Result<Value> {
    let Value::Text(text) = wanted else { return Ok(wanted.clone()) };
    for number in 1..NUMBERS {
        let mut text = text.clone();
        if number > 1 {
            text.extend_from_slice(format!(" ({number})").as_bytes());
        }
        let text = Value::Text(text);
        if named(target, layout, (&text, workspace))?.is_none() {
            return Ok(text);
        }
    }
    let message = format!("the target has {NUMBERS} experiments of this name");
    Err(Error::new(Status::Limit, Domain::Migration, message).hint("rename some of them"))
}

/// An id for the copy: above all that are there or mentioned, so that nothing that was purged in part becomes its. Nobody else gets it.
pub fn next_id(target: &dyn Connection, layout: &Layout) -> Result<i64> {
    let mut mentioned = 0;
    for table in &layout.tables {
        let Some(column) = table.schema.parent_column(Entity::ROOT) else { continue };
        if table.position(column.name).is_some() {
            let sql = format!("SELECT max({}) FROM {}", table.quoted(column.name), quote(&table.name));
            mentioned = mentioned.max(target.query_integer(&sql, &[])?.unwrap_or(0));
        }
    }
    Ok(target.allocate_ids(layout.root()?, 1, mentioned)?.0)
}

/// Rows whose keys the target has, too.
#[derive(Debug, Default)]
pub struct Taken {
    /// In the order of entities and keys.
    pub rows: Vec<Named>,
    /// How many there are that the target spells otherwise.
    misspelt: u64,
    /// The first few: table and key.
    first: Vec<(&'static str, String)>,
}

impl Taken {
    /// Looks every key up.
    pub fn find(target: &dyn Connection, layout: &Layout, rows: &NamedRows, job: &Job) -> Result<Taken> {
        let mut taken = Taken::default();
        for entity in rows.family.all().filter(|entity| *entity != Entity::ROOT) {
            let Some(table) = layout.tables.iter().find(|table| table.schema.entity() == Some(entity)) else {
                continue;
            };
            let keys: Vec<&[u8]> = rows.ids(entity).iter().collect();
            for group in keys.chunks(AT_ONCE) {
                job.pulse()?;
                taken.look_up(target, table, (rows, entity), group)?;
            }
        }
        Ok(taken)
    }

    fn look_up(
        &mut self,
        target: &dyn Connection,
        table: &TableLayout,
        (rows, entity): (&NamedRows, Entity),
        keys: &[&[u8]],
    ) -> Result<()> {
        let Some(last) = keys.last() else { return Ok(()) };
        // The same statement for every group: the last key fills it up.
        let filled = keys.iter().chain(std::iter::repeat(last)).take(AT_ONCE);
        let params: Vec<Value> = filled.map(|key| Value::Text(key.to_vec())).collect();
        let places: Vec<String> = (1..=AT_ONCE).map(|place| format!("?{place}")).collect();
        let (id, name) = (table.id(), quote(&table.name));
        let sql = format!("SELECT {id} FROM {name} WHERE {id} IN ({})", places.join(", "));
        target.query(&sql, &params, &mut |row| {
            let key = row.value(0)?;
            match rows.find(entity, key) {
                Some(found) => self.rows.push(found),
                None => self.misspelt += 1,
            }
            if self.first.len() < NAMED {
                self.first.push((table.schema.name, key.readable().unwrap_or_default()));
            }
            Ok(Next::Row)
        })
    }

    /// How many keys there are.
    pub fn count(&self) -> u64 {
        self.rows.len() as u64 + self.misspelt
    }

    /// Whether new keys, or leaving rows out, could help: not where the target takes other keys for these.
    pub fn can_be_solved(&self) -> bool {
        self.misspelt == 0
    }

    /// The error of keys that are taken.
    pub fn error(&self, experiment: i64, existing: Option<i64>) -> Error {
        let message =
            format!("the target has {} keys of experiment {experiment} already; nothing was changed", self.count());
        let hint = match existing {
            Some(existing) => format!(
                "experiment {existing} of the target has the same content: on_duplicate = skip returns its id instead"
            ),
            None => "keys are kept, so what has them there is in the way: on_conflict = new gives the copy others, and on_conflict = skip with on_name = \
                     append adds what is not there yet"
                .to_owned(),
        };
        let error = Error::new(Status::AlreadyExists, Domain::Migration, message)
            .detail("experiment_id", experiment)
            .detail("count", self.count())
            .hint(hint);
        self.first.iter().fold(error, |error, (table, key)| error.detail("table", table).detail("row", key))
    }
}

/// Where an experiment of the same content is looked for.
pub enum Where<'n> {
    /// Keys are kept: it has the same keys, or this name.
    Named(&'n Value),
    /// All of the target's, but for this one.
    AllBut(Option<i64>),
}

/// The experiment of the target with the same content, whatever its name. The source is only digested if there is one that could be it.
pub fn same_content(
    target: &dyn Connection,
    layout: &Layout,
    (rows, nameless, wanted): (&NamedRows, &Hash, &mut dyn FnMut() -> Result<Hash>),
    look: Where<'_>,
    job: &Job,
) -> Result<Option<i64>> {
    let mut candidates: Vec<i64> = Vec::new();
    let root = layout.root()?;
    let (root_name, id, title) = (quote(&root.name), root.id(), root.quoted(layout.family.listing.title));
    let mut queries = Vec::new();
    match look {
        Where::Named(name) => {
            queries.push((format!("SELECT {id} FROM {root_name} WHERE {title} = ?1"), name.clone()));
            for (entity, _) in layout.family.below_root().filter(|(_, above)| *above == Entity::ROOT) {
                let (Some(key), Ok(table)) = (rows.ids(entity).get(0), layout.entity(entity)) else { continue };
                let (owner, id, name) = (table.parent(Entity::ROOT)?, table.id(), quote(&table.name));
                queries.push((format!("SELECT {owner} FROM {name} WHERE {id} = ?1"), Value::Text(key.to_vec())));
            }
        }
        // No id is less.
        Where::AllBut(but) => {
            let but = Value::Integer(but.unwrap_or(i64::MIN));
            queries.push((format!("SELECT {id} FROM {root_name} WHERE {id} <> ?1"), but));
        }
    }
    for (sql, value) in queries {
        target.query(&sql, &[value], &mut |row| {
            candidates.extend(row.value(0)?.as_integer());
            Ok(Next::Row)
        })?;
    }
    candidates.sort_unstable();
    candidates.dedup();
    for candidate in candidates {
        let there = NamedRows::read(target, layout, candidate, job)?;
        if there.total() != rows.total() {
            continue;
        }
        if nameless_row(target, layout, candidate)? == Some(*nameless)
            && digest_named(target, layout, &there, (job, false))?.body == wanted()?
        {
            return Ok(Some(candidate));
        }
    }
    Ok(None)
}

/// The digest of an experiment's own row but for its name.
pub fn nameless_row(connection: &dyn Connection, layout: &Layout, experiment: i64) -> Result<Option<Hash>> {
    with_values(connection, layout, experiment, &[(layout.family.listing.title, Value::Null)])
}

/// The digest of an experiment's own row, with these values in place of its own.
pub fn with_values(
    connection: &dyn Connection,
    layout: &Layout,
    experiment: i64,
    values: &[(&'static str, Value)],
) -> Result<Option<Hash>> {
    let plan = NamedTable::new(layout.family, layout.root()?);
    root_row(connection, &plan, experiment, values)
}

/// Fails if the target has workspaces, and none of this name.
pub fn check_workspace(target: &dyn Connection, layout: &Layout, workspace: &Value) -> Result<()> {
    let (Value::Text(name), Some(division)) = (workspace, &layout.family.division) else { return Ok(()) };
    if !layout.extra_tables.iter().any(|table| table == division.table) {
        return Ok(());
    }
    let (table, key) = (quote(division.table), quote(division.key));
    let sql = format!("SELECT count(*) FROM {table} WHERE {key} = ?1");
    if target.query_integer(&sql, std::slice::from_ref(workspace))? != Some(0) {
        return Ok(());
    }
    let name = ValueRef::Text(name).describe();
    let message =
        format!("the experiment is in the workspace {name}, which the target does not have; nothing was changed");
    Err(Error::new(Status::NotFound, Domain::Migration, message)
        .detail("workspace", name)
        .hint("make the workspace in the target's MLflow, or give the option workspace"))
}
