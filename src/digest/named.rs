//! The digest of an experiment of a family whose keys are texts that the tracker chose (docs/digest.md, "MLflow").
//!
//! Keys may be others in a copy, so they are no content. A value that names a row is a link: it counts with what that row is, on both ends. Links can go
//! round, so they lead to rows as these are without links.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem;

use super::encode::{encode_bytes, encode_value};
use super::sum::{Hash, Sum};
use crate::database::{Connection, Layout, Next, Row, TableLayout};
use crate::error::{Domain, Error, Result};
use crate::hierarchy::{Named, NamedRows, named_entity, unknown_experiment};
use crate::progress::Job;
use crate::schema::{ByEntity, Column, Entity, Family, Meaning, Place, Role, quote};
use crate::values::{Value, ValueRef};

/// Stands for a value that names a row of the experiment.
const LINK: u8 = 7;
/// Stands in a text for the key of what its row hangs on.
const OWNER: &[u8] = b"\0owner\0";

/// What a column is to the digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// None: a key, or what the tracker computes.
    Nothing,
    Content,
    /// Content that may name a row.
    Names,
    /// Content that mentions what the row hangs on.
    Mentions,
}

/// How the rows of one table are read and digested.
pub struct NamedTable<'l> {
    pub table: &'l TableLayout,
    family: &'static Family,
    /// The columns of the schema, what each is to the digest, and where it is among the columns of the table.
    known: Vec<(&'static Column, Part, Option<usize>)>,
    /// The extra columns: their names in lower case, in the order of these, and where they are.
    extra: Vec<(String, usize)>,
    /// Rows in which the column at the place has one of the texts are no part of the digest.
    aside: Option<(usize, &'static [&'static str])>,
}

impl<'l> NamedTable<'l> {
    pub fn new(family: &'static Family, table: &'l TableLayout) -> NamedTable<'l> {
        let schema = table.schema;
        let mut aside = None;
        let mut known = Vec::new();
        for column in schema.columns {
            let at = table.position(column.name);
            let mut part = match column.role {
                Role::Id | Role::Parent(_) => Part::Nothing,
                Role::Index | Role::Content => Part::Content,
            };
            for meaning in family.rules_of(schema.name, column.name) {
                match meaning {
                    Meaning::Aside => part = Part::Nothing,
                    Meaning::Names(_) | Meaning::NamesWhere(..) | Meaning::NamesBy(..) => part = Part::Names,
                    Meaning::MentionsOwner => part = Part::Mentions,
                    Meaning::AsideWhere(other, texts) => {
                        aside = table.position(other).map(|at| (at, texts));
                    }
                    _ => {}
                }
            }
            known.push((column, part, at));
        }
        let extra = table.columns.iter().enumerate().filter(|(_, column)| column.schema.is_none());
        let mut extra: Vec<_> = extra.map(|(at, column)| (column.name.to_ascii_lowercase(), at)).collect();
        extra.sort();
        NamedTable { table, family, known, extra, aside }
    }

    /// What to select for it: every column of the table, in its order, quoted.
    pub fn columns(&self) -> Vec<String> {
        self.table.columns.iter().map(|column| quote(&column.name)).collect()
    }

    /// The columns that there are whose values are content and name nothing.
    pub fn plain(&self) -> Vec<&'static str> {
        let plain = self.known.iter().filter(|(_, part, at)| *part == Part::Content && at.is_some());
        plain.map(|(column, ..)| column.name).collect()
    }

    /// Whether the digest of a row, and which row it hangs on, tell every cell of it.
    pub fn tells_all(&self) -> bool {
        let Place::Below(owner) = self.table.schema.place else { return false };
        let told = |column: &Column, part: &Part| *part == Part::Content || column.role == Role::Parent(owner);
        self.aside.is_none() && self.known.iter().all(|(column, part, at)| at.is_none() || told(column, part))
    }

    /// What a column has in a row in which the columns of the table begin at `first`.
    fn value<'r>(&self, name: &str, row: &'r dyn Row, first: usize) -> Result<ValueRef<'r>> {
        match self.table.position(name) {
            Some(at) => row.value(first + at),
            None => Ok(ValueRef::Null),
        }
    }

    fn is_aside(&self, row: &dyn Row, first: usize) -> Result<bool> {
        let Some((at, texts)) = self.aside else { return Ok(false) };
        let value = row.value(first + at)?;
        Ok(matches!(value, ValueRef::Text(text) if texts.iter().any(|aside| aside.as_bytes() == text)))
    }
}

/// A link: from a row of the hierarchy, or what hangs on it, to another.
struct Tie {
    from: Named,
    to: Named,
    /// The digest of the row, and which of its columns it is.
    row: Hash,
    column: u8,
}

/// What is known of one row of the hierarchy.
#[derive(Clone, Default)]
struct Node {
    row: Hash,
    below: Sum,
}

/// The digests of one experiment.
#[derive(Clone, Debug)]
pub struct NamedDigest {
    /// Of everything.
    pub experiment: Hash,
    /// Of everything but the experiment's own row.
    pub body: Hash,
    /// Of the experiment's own row alone.
    pub row: Hash,
    /// Of each row of the hierarchy, with what hangs on it and its links, in the order of keys.
    pub nodes: ByEntity<Vec<Hash>>,
    /// Of each, its own cells alone.
    pub rows: ByEntity<Vec<Hash>>,
}

/// The digest of everything, of those of the experiment's own row and of the rest.
pub fn whole(family: &Family, row: &Hash, body: &Hash) -> Hash {
    let mut bytes = Vec::new();
    encode_bytes(family.digest.unwrap_or_default().as_bytes(), &mut bytes);
    bytes.extend_from_slice(row);
    bytes.extend_from_slice(body);
    *blake3::hash(&bytes).as_bytes()
}

/// Digests rows that are handed to it, in any order.
pub struct NamedDigester<'r> {
    rows: &'r NamedRows,
    root: Option<Hash>,
    own: Sum,
    nodes: ByEntity<Vec<Node>>,
    ties: Vec<Tie>,
    buffer: Vec<u8>,
}

/// The text with every key of what its row hangs on, as it is and in base64, as `OWNER`.
fn without_owner(text: &[u8], owner: &[u8]) -> Vec<u8> {
    let mut out = replace(text, owner, OWNER);
    if let Some(bytes) = in_base64(owner) {
        out = replace(&out, bytes.as_bytes(), OWNER);
    }
    out
}

/// The text with one part for every other; nothing is found of an empty one.
pub fn replace(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    if from.is_empty() {
        return text.to_vec();
    }
    let mut out = Vec::with_capacity(text.len());
    let mut copied = 0;
    for at in memmem::find_iter(text, from) {
        out.extend_from_slice(text.get(copied..at).unwrap_or_default());
        out.extend_from_slice(to);
        copied = at + from.len();
    }
    out.extend_from_slice(text.get(copied..).unwrap_or_default());
    out
}

/// What stands for the key of a trace in the text of a span: the 16 bytes that its hexadecimal digits say, in base64.
pub fn in_base64(key: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(key).ok()?;
    let hex = text.strip_prefix("tr-").unwrap_or(text);
    if hex.len() != 32 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    Some(STANDARD.encode(u128::from_str_radix(hex, 16).ok()?.to_be_bytes()))
}

impl<'r> NamedDigester<'r> {
    pub fn new(rows: &'r NamedRows) -> NamedDigester<'r> {
        let nodes = ByEntity::of(rows.family, |entity| vec![Node::default(); rows.ids(entity).len()]);
        NamedDigester { rows, root: None, own: Sum::default(), nodes, ties: Vec::new(), buffer: Vec::new() }
    }

    /// A row in which the columns of the table begin at `first`; with these values in place of its own. Answers the digest of the row by itself.
    pub fn row(
        &mut self,
        table: &NamedTable<'_>,
        (named, row, first): (Named, &dyn Row, usize),
        instead: &[(&'static str, Value)],
    ) -> Result<Hash> {
        if table.is_aside(row, first)? {
            return Ok(Hash::default());
        }
        let from = self.ties.len();
        self.buffer.clear();
        encode_bytes(table.table.schema.name.as_bytes(), &mut self.buffer);
        for (index, (column, part, at)) in table.known.iter().enumerate() {
            if *part == Part::Nothing {
                continue;
            }
            let value = match at {
                Some(at) => row.value(first + at)?,
                None => absent(table, column),
            };
            let given = instead.iter().find(|(name, _)| *name == column.name);
            let value = given.map_or(value, |(_, value)| value.borrow());
            match (part, value) {
                (Part::Nothing, _) => {}
                (Part::Names, _) => {
                    let mut find = |name: &str| table.value(name, row, first);
                    let entity = named_entity(table.family, (table.table.schema, column.name), &mut find)?;
                    match entity.and_then(|entity| self.rows.find(entity, value)) {
                        Some(to) => {
                            self.buffer.push(LINK);
                            encode_bytes(table.family.table_name(to.entity).as_bytes(), &mut self.buffer);
                            let column = u8::try_from(index).unwrap_or(u8::MAX);
                            self.ties.push(Tie { from: named, to, row: Hash::default(), column });
                        }
                        None => encode_value(value, Some(column.kind), &mut self.buffer),
                    }
                }
                (Part::Mentions, ValueRef::Text(text)) => {
                    let owner = self.rows.ids(named.entity).get(named.at).unwrap_or_default();
                    let text = without_owner(text, owner);
                    encode_value(ValueRef::Text(&text), Some(column.kind), &mut self.buffer);
                }
                (Part::Content | Part::Mentions, value) => encode_value(value, Some(column.kind), &mut self.buffer),
            }
        }
        for (name, at) in &table.extra {
            let value = row.value(first + at)?;
            if value != ValueRef::Null {
                encode_bytes(name.as_bytes(), &mut self.buffer);
                encode_value(value, None, &mut self.buffer);
            }
        }
        let hash = *blake3::hash(&self.buffer).as_bytes();
        self.ties.iter_mut().skip(from).for_each(|tie| tie.row = hash);
        match (table.table.schema.place, named.entity) {
            (Place::Node(_), Entity::ROOT) => self.root = Some(hash),
            (Place::Node(_), entity) => self.change(entity, named.at, |node| node.row = hash),
            (_, Entity::ROOT) => self.own.add(&hash),
            (_, entity) => self.change(entity, named.at, |node| node.below.add(&hash)),
        }
        Ok(hash)
    }

    fn change(&mut self, entity: Entity, at: usize, change: impl FnOnce(&mut Node)) {
        if let Some(node) = self.nodes.get_mut(entity).get_mut(at) {
            change(node);
        }
    }

    /// After every row.
    pub fn finish(self) -> Result<NamedDigest> {
        let NamedDigester { rows, root, own, nodes, ties, .. } = self;
        let Some(row) = root else { return Err(unknown_experiment(rows.experiment, &[])) };
        let bare = climb(rows, &nodes, None);
        let mut links: ByEntity<Vec<Sum>> =
            ByEntity::of(rows.family, |entity| vec![Sum::default(); rows.ids(entity).len()]);
        for Tie { from, to, row, column } in &ties {
            for (way, end, other) in [(1_u8, from, to), (2, to, from)] {
                let mut bytes = vec![way, *column];
                bytes.extend_from_slice(row);
                bytes.extend_from_slice(&bare.get(other.entity).get(other.at).copied().unwrap_or_default());
                if let Some(sum) = links.get_mut(end.entity).get_mut(end.at) {
                    sum.add(blake3::hash(&bytes).as_bytes());
                }
            }
        }
        let whole_nodes = climb(rows, &nodes, Some(&links));
        let mut body = own;
        for entity in rows.family.all().filter(|entity| is_top(rows.family, *entity)) {
            whole_nodes.get(entity).iter().for_each(|hash| body.add(hash));
        }
        let body = *blake3::hash(&body.encoded()).as_bytes();
        let own_rows = ByEntity::of(rows.family, |entity| nodes.get(entity).iter().map(|node| node.row).collect());
        Ok(NamedDigest { experiment: whole(rows.family, &row, &body), body, row, nodes: whole_nodes, rows: own_rows })
    }
}

/// Whether an entity's rows count at the experiment itself.
fn is_top(family: &Family, entity: Entity) -> bool {
    entity != Entity::ROOT && family.parent(entity).is_none_or(|above| above == Entity::ROOT)
}

/// The digests of the rows of the hierarchy, from below: with their links, if there are any.
fn climb(rows: &NamedRows, nodes: &ByEntity<Vec<Node>>, links: Option<&ByEntity<Vec<Sum>>>) -> ByEntity<Vec<Hash>> {
    let mut below: ByEntity<Vec<Sum>> =
        ByEntity::of(rows.family, |entity| nodes.get(entity).iter().map(|node| node.below).collect());
    let mut found: ByEntity<Vec<Hash>> = ByEntity::new(rows.family);
    for entity in rows.family.all().rev() {
        let mut hashes = Vec::with_capacity(nodes.get(entity).len());
        for (at, node) in nodes.get(entity).iter().enumerate() {
            let mut bytes = node.row.to_vec();
            below.get(entity).get(at).copied().unwrap_or_default().encode(&mut bytes);
            if let Some(sum) = links.and_then(|links| links.get(entity).get(at)) {
                sum.encode(&mut bytes);
            }
            hashes.push(*blake3::hash(&bytes).as_bytes());
        }
        if let Some(above) = rows.family.parent(entity).filter(|above| *above != Entity::ROOT) {
            for (hash, parent) in hashes.iter().zip(rows.parents(entity)) {
                if let Some(sum) = below.get_mut(above).get_mut(*parent as usize) {
                    sum.add(hash);
                }
            }
        }
        *found.get_mut(entity) = hashes;
    }
    found
}

/// What a column has that the database lacks.
fn absent(table: &NamedTable<'_>, column: &Column) -> ValueRef<'static> {
    let mut rules = table.family.rules_of(table.table.schema.name, column.name);
    rules
        .find_map(|meaning| match meaning {
            Meaning::AbsentIs(value) => Some(ValueRef::Integer(value)),
            _ => None,
        })
        .unwrap_or(ValueRef::Null)
}

/// The digest of an experiment's own row, with these values in place of its own; `None` if it does not exist.
pub fn root_row(
    connection: &dyn Connection,
    plan: &NamedTable<'_>,
    experiment: i64,
    instead: &[(&'static str, Value)],
) -> Result<Option<Hash>> {
    let table = plan.table;
    let nothing = NamedRows::nothing(plan.family);
    let mut digester = NamedDigester::new(&nothing);
    let sql = format!("SELECT {} FROM {} WHERE {} = ?1", plan.columns().join(", "), quote(&table.name), table.id());
    connection.query(&sql, &[Value::Integer(experiment)], &mut |row| {
        digester.row(plan, (Named { entity: Entity::ROOT, at: 0 }, row, 0), instead)?;
        Ok(Next::Stop)
    })?;
    Ok(digester.root)
}

/// The tables that the digest is of.
pub fn digested(layout: &Layout) -> impl Iterator<Item = &TableLayout> {
    layout.tables.iter().filter(|table| matches!(table.schema.place, Place::Node(_) | Place::Below(_)))
}

/// Reads all rows and digests them. They are the job's items if they `count`.
pub fn digest_named(
    connection: &dyn Connection,
    layout: &Layout,
    rows: &NamedRows,
    job: (&Job, bool),
) -> Result<NamedDigest> {
    digest_changed(connection, layout, rows, job, &mut |_, _, _| Ok(Vec::new()))
}

/// What columns of a row have in place of what was read.
pub type Instead<'a> = &'a mut dyn FnMut(&TableLayout, Named, &dyn Row) -> Result<Vec<(&'static str, Value)>>;

/// As [`digest_named`], with other values in columns of rows; the columns of a row begin at 1.
pub fn digest_changed(
    connection: &dyn Connection,
    layout: &Layout,
    rows: &NamedRows,
    (job, count): (&Job, bool),
    instead: Instead<'_>,
) -> Result<NamedDigest> {
    if !layout.family.has_text_keys() {
        return Err(Error::internal(Domain::Database, "a family whose keys are no texts"));
    }
    let mut digester = NamedDigester::new(rows);
    for table in digested(layout) {
        let plan = NamedTable::new(layout.family, table);
        rows.scan(connection, (layout, table), (&plan.columns(), ""), job, &mut |named, row| {
            let changed = instead(table, named, row)?;
            digester.row(&plan, (named, row, 1), &changed)?;
            if count { job.advance() } else { job.pulse() }
        })?;
    }
    digester.finish()
}

#[cfg(test)]
mod tests {
    use super::{in_base64, replace, without_owner};

    #[test]
    fn the_key_of_a_trace_is_found_in_the_text_of_its_spans() {
        let key = b"tr-42020f2b57829978af67814b2ba71589";
        assert_eq!(in_base64(key).as_deref(), Some("QgIPK1eCmXivZ4FLK6cViQ=="));
        assert_eq!((in_base64(b"tr-42"), in_base64(b"\xff"), in_base64(&[b'g'; 32])), (None, None, None));
        let text = br#"{"trace_id": "QgIPK1eCmXivZ4FLK6cViQ==", "a": "\"tr-42020f2b57829978af67814b2ba71589\""}"#;
        let found = String::from_utf8(without_owner(text, key)).unwrap();
        assert_eq!(found, "{\"trace_id\": \"\0owner\0\", \"a\": \"\\\"\0owner\0\\\"\"}");
        assert_eq!(replace(b"aXbXX", b"X", b"__"), b"a__b____");
        assert_eq!(replace(b"abc", b"", b"-"), b"abc");
    }
}
