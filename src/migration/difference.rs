//! Finds the first row below one node that another node does not have, or the first link of an extra column that differs.
//!
//! A node can have any number of rows, so they are not kept in memory. A first pass sorts them into buckets, and finds the buckets in which the two
//! sides differ. A second pass keeps the first few rows of these.

use std::collections::BTreeMap;

use super::comparison::{ANOTHER_LINK, ANOTHER_VALUE, Difference, ONLY_IN_A, ONLY_IN_B, Shown};
use crate::database::{ColumnLayout, Connection, Layout, Row};
use crate::digest::{Bare, Hash, encode_value, hex, row_digest};
use crate::error::Result;
use crate::hierarchy::{Linking, Owner, Selection, Shape, Target, Visitor, id_in, scan_links, scan_nodes, walk};
use crate::progress::Job;
use crate::schema::{Entity, Place, family_of};
use crate::values::ValueRef;

/// Buckets of the first pass: 1 MiB.
const BUCKETS: usize = 1 << 16;
/// Rows that a later pass keeps.
const MOST_KEPT: usize = 1024;

/// The cells of a row: column, what is the same for cells that are the same to the digest, and as a person reads it.
pub type Cells = Vec<(String, Hash, String)>;

fn hash(form: &[u8]) -> Hash {
    *blake3::hash(form).as_bytes()
}

/// The cells of a row's content. Ids of other rows are none.
pub fn cells(shape: &Shape<'_>, row: &dyn Row) -> Result<Cells> {
    let mut cells = Cells::new();
    for (at, column) in shape.columns.iter().enumerate().filter(|(_, column)| column.refers.is_none()) {
        let value = row.value(shape.first + at)?;
        let mut form = Vec::new();
        encode_value(value, column.schema.map(|known| known.kind), &mut form);
        cells.push((column.name.to_ascii_lowercase(), hash(&form), value.describe()));
    }
    Ok(cells)
}

/// The first column in which two rows differ.
pub fn cell_difference(a: &Cells, b: &Cells) -> Option<Shown> {
    let value = |cells: &Cells, column: &str| -> Option<(Hash, String)> {
        cells.iter().find(|(name, ..)| name == column).map(|(_, form, shown)| (*form, shown.clone()))
    };
    let null = || {
        let mut form = Vec::new();
        encode_value(ValueRef::Null, None, &mut form);
        (hash(&form), ValueRef::Null.describe())
    };
    let columns =
        a.iter().map(|cell| &cell.0).chain(b.iter().map(|cell| &cell.0).filter(|name| value(a, name).is_none()));
    for column in columns {
        let (of_a, of_b) = (value(a, column).unwrap_or_else(null), value(b, column).unwrap_or_else(null));
        if of_a.0 != of_b.0 {
            return Some(Shown { column: Some(column.clone()), values: [Some(of_a.1), Some(of_b.1)] });
        }
    }
    None
}

/// The rows that hang on one node of one side.
pub struct NodeRows<'a> {
    pub connection: &'a dyn Connection,
    pub layout: Layout,
    /// Of this node alone, unless its links are looked at.
    pub selection: Selection,
    pub owner: Owner,
    /// With these, not the rows are looked at but the links of their extra columns.
    pub links: Option<Bare>,
}

/// A row of a node, in the order in which differences are looked for: its table's place, its key below the run, and the digest of its
/// content, for a link with that of what it links. Several links can stand at one key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Element {
    table: usize,
    key: String,
    form: Vec<u8>,
}

impl Element {
    fn new(order: &[&str], shape: &Shape<'_>, row: &dyn Row, leaf: Option<&Shape<'_>>) -> Result<Element> {
        let name = shape.table.schema.name;
        let mut form = row_digest(shape, row, None)?.to_vec();
        if let Some(leaf) = leaf {
            form.extend_from_slice(&row_digest(leaf, row, None)?);
        }
        let table = order.iter().position(|other| *other == name).unwrap_or(order.len());
        Ok(Element { table, key: shape.index_key(row)?, form })
    }

    /// A link: the row and the column that have it stand for its place.
    fn link(
        order: &[&str],
        (linking, column): (&Linking<'_>, &ColumnLayout),
        target: Option<Target>,
        bare: &mut Bare,
    ) -> Result<Element> {
        let name = linking.shape.table.schema.name;
        let row = hex(&bare.row(linking, None)?);
        let key = format!("{} {} {row}", linking.shape.index_key(linking.row)?, column.name.to_ascii_lowercase());
        let table = order.iter().position(|other| *other == name).unwrap_or(order.len());
        Ok(Element { table, key, form: bare.target(family_of(linking.shape.table.schema), target)?.to_vec() })
    }

    fn stands_with(&self, other: &Element) -> bool {
        self.table == other.table && self.key == other.key
    }

    /// The bucket, and what is added to it.
    fn number(&self) -> (usize, u128) {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&(self.table as u64).to_le_bytes()).update(&(self.key.len() as u64).to_le_bytes());
        hasher.update(self.key.as_bytes()).update(&self.form);
        let hash = *hasher.finalize().as_bytes();
        let number = hash.first_chunk().map_or(0, |bytes| u128::from_le_bytes(*bytes));
        (number as usize % BUCKETS, number)
    }
}

/// Receives a row of the node, and what it links.
type EachRow<'e> = &'e mut dyn FnMut(&Shape<'_>, &dyn Row, Option<&Shape<'_>>) -> Result<()>;

/// Receives a link: its row, and its column, whose id it has, that, and whether it leads to a row of the experiment.
type EachLink<'e> = &'e mut dyn FnMut(Element, &Linking<'_>, (&ColumnLayout, Entity, ValueRef<'_>, bool)) -> Result<()>;

/// A link as a person reads it.
struct ShownLink {
    row: String,
    column: String,
    entity: Entity,
    value: String,
    /// `None` if it leads to no row of the experiment.
    id: Option<i64>,
    meaning: String,
}

/// Hands the rows of one node over.
struct OfNode<'e> {
    owner: Owner,
    each: EachRow<'e>,
}

impl Visitor for OfNode<'_> {
    fn node(&mut self, _: Owner, _: &Shape<'_>, _: &dyn Row) -> Result<()> {
        Ok(())
    }

    fn below(&mut self, owner: Owner, shape: &Shape<'_>, row: &dyn Row) -> Result<()> {
        if self.owner == owner { (self.each)(shape, row, None) } else { Ok(()) }
    }

    fn link(
        &mut self,
        owner: Owner,
        shape: &Shape<'_>,
        row: &dyn Row,
        leaf: Option<u64>,
        other: (Entity, &Shape<'_>),
    ) -> Result<()> {
        if self.owner == owner { (self.each)(shape, row, leaf.map(|_| other.1)) } else { Ok(()) }
    }
}

impl<'a> NodeRows<'a> {
    fn read(&mut self, job: &Job, each: EachRow<'_>) -> Result<()> {
        let mut visitor = OfNode { owner: self.owner, each };
        walk(self.connection, &self.layout, &mut self.selection, job, &mut visitor)
    }

    /// The same without what is not of this node.
    pub fn only_rows(self) -> NodeRows<'a> {
        let (selection, owner) = self.selection.of_node(self.owner);
        NodeRows { selection, owner, links: None, ..self }
    }

    /// Hands over every row of the node, or every link.
    fn elements(&mut self, order: &[&str], job: &Job, each: &mut dyn FnMut(Element) -> Result<()>) -> Result<()> {
        if self.links.is_none() {
            return self.read(job, &mut |shape, row, leaf| each(Element::new(order, shape, row, leaf)?));
        }
        self.read_links(order, job, &mut |element, _, _| each(element))
    }

    fn read_links(&mut self, order: &[&str], job: &Job, each: EachLink<'_>) -> Result<()> {
        let NodeRows { connection, layout, selection, owner, links } = self;
        let Some(bare) = links else { return Ok(()) };
        scan_links(*connection, layout, selection, job, &mut |selection, linking| {
            if linking.owner != *owner {
                return Ok(());
            }
            for (column, entity, value) in linking.links()? {
                let target = selection.target(entity, value)?;
                let element = Element::link(order, (linking, column), target, bare)?;
                each(element, linking, (column, entity, value, target.is_some()))?;
            }
            Ok(())
        })
    }

    /// A link as a person reads it: the key of its row, its column, whose id it has, that, and whether it leads to a row of the experiment.
    fn show_link(&mut self, wanted: &Element, order: &[&str], job: &Job) -> Result<Option<ShownLink>> {
        let mut found = None;
        self.read_links(order, job, &mut |element, linking, (column, entity, value, leads)| {
            if found.is_none() && element == *wanted {
                let row = linking.shape.row_key(linking.row)?;
                let (value, id) = (value.describe(), id_in(value).filter(|_| leads));
                found = Some(ShownLink { row, column: column.name.clone(), entity, value, id, meaning: String::new() });
            }
            Ok(())
        })?;
        if let Some(shown) = &mut found {
            shown.meaning = self.meaning(shown, job)?;
        }
        Ok(found)
    }

    /// What a link leads to.
    fn meaning(&self, link: &ShownLink, job: &Job) -> Result<String> {
        let Some(id) = link.id else {
            return Ok(format!("{}, {}", link.value, self.layout.family.of(link.entity).leads_out));
        };
        let table = self.layout.entity(link.entity)?;
        let shape = Shape::node(table);
        let mut said = format!("{} {id}", table.schema.name);
        scan_nodes(self.connection, &shape, Some((id, id)), job, &mut |_, row| {
            let content: Vec<String> =
                cells(&shape, row)?.into_iter().map(|(name, _, value)| format!("{name}={value}")).collect();
            said = format!("{said} ({})", content.join(", "));
            Ok(())
        })?;
        Ok(said)
    }

    /// A row of the node as a person reads it, and its cells.
    fn show(&mut self, wanted: &Element, order: &[&str], job: &Job) -> Result<Option<(String, Cells)>> {
        let mut found = None;
        self.read(job, &mut |shape, row, leaf| {
            if found.is_some() || Element::new(order, shape, row, leaf)? != *wanted {
                return Ok(());
            }
            let (mut shown, mut content) = (shape.describe(row)?, cells(shape, row)?);
            if let Some(leaf) = leaf {
                content.extend(cells(leaf, row)?);
                shown = format!("{shown} {} {}", leaf.table.schema.name, leaf.describe(row)?).trim().to_owned();
            }
            found = Some((shown, content));
            Ok(())
        })?;
        Ok(found)
    }
}

/// Receives a row of either node, with 1 or -1, and the buckets.
type EachElement<'e> = &'e mut dyn FnMut(&mut [u128], Element, i64) -> Result<()>;

/// Both nodes.
struct Pair<'a> {
    a: NodeRows<'a>,
    b: NodeRows<'a>,
    /// The tables.
    order: Vec<&'static str>,
    /// By bucket: not 0 where the nodes differ.
    buckets: Vec<u128>,
}

impl Pair<'_> {
    /// Hands every row of both nodes over, those of `a` with 1, those of `b` with -1.
    fn read(&mut self, job: &Job, each: EachElement<'_>) -> Result<()> {
        let Pair { a, b, order, buckets } = self;
        for (side, sign) in [(a, 1), (b, -1)] {
            side.elements(order, job, &mut |element| each(buckets, element, sign))?;
        }
        Ok(())
    }

    fn fill_buckets(&mut self, job: &Job) -> Result<()> {
        self.read(job, &mut |buckets, element, sign| {
            let (at, number) = element.number();
            if let Some(bucket) = buckets.get_mut(at) {
                *bucket = if sign > 0 { bucket.wrapping_add(number) } else { bucket.wrapping_sub(number) };
            }
            Ok(())
        })
    }

    /// The first rows behind `after` that could differ, how often more each occurs in `a` than in `b`, and whether there are others.
    fn window(&mut self, after: Option<&Element>, job: &Job) -> Result<(BTreeMap<Element, i64>, bool)> {
        let mut kept: BTreeMap<Element, i64> = BTreeMap::new();
        let mut others = false;
        self.read(job, &mut |buckets, element, sign| {
            let differs = buckets.get(element.number().0).is_some_and(|bucket| *bucket != 0);
            if !differs || after.is_some_and(|after| element <= *after) {
                return Ok(());
            }
            // What is left out once never comes back: there are enough before it.
            if kept.len() == MOST_KEPT && kept.last_key_value().is_some_and(|(last, _)| element > *last) {
                others = true;
                return Ok(());
            }
            *kept.entry(element).or_default() += sign;
            if kept.len() > MOST_KEPT {
                kept.pop_last();
                others = true;
            }
            Ok(())
        })?;
        Ok((kept, others))
    }

    /// The first row that occurs more often in `a`, and the first that does in `b`, of the first key where there is such a row.
    fn surplus(&mut self, job: &Job) -> Result<[Option<Element>; 2]> {
        self.fill_buckets(job)?;
        let mut found: [Option<Element>; 2] = [None, None];
        let mut after = None;
        loop {
            let (window, others) = self.window(after.as_ref(), job)?;
            for (element, count) in window.iter().filter(|(_, count)| **count != 0) {
                if found.iter().flatten().any(|first| !first.stands_with(element)) {
                    return Ok(found);
                }
                let [of_a, of_b] = &mut found;
                let place = if *count > 0 { of_a } else { of_b };
                place.get_or_insert_with(|| element.clone());
                if found.iter().all(Option::is_some) {
                    return Ok(found);
                }
            }
            after = match window.into_iter().next_back() {
                Some((last, _)) if others => Some(last),
                _ => return Ok(found),
            };
            if let (Some(first), Some(last)) = (found.iter().flatten().next(), &after)
                && !first.stands_with(last)
            {
                return Ok(found);
            }
        }
    }
}

/// Both nodes, and the first rows of the first key that only one of them has, of `a` and of `b`.
fn first_surplus<'a>(a: NodeRows<'a>, b: NodeRows<'a>, job: &Job) -> Result<(Pair<'a>, [Option<Element>; 2])> {
    let order: Vec<&str> = a
        .layout
        .tables
        .iter()
        .chain(&b.layout.tables)
        .filter(|table| !matches!(table.schema.place, Place::Aside | Place::Derived(_)))
        .map(|table| table.schema.name)
        .collect();
    let mut pair = Pair { a, b, order, buckets: vec![0; BUCKETS] };
    let surplus = pair.surplus(job)?;
    Ok((pair, surplus))
}

/// The first row, in the order of tables and keys, that only one of the nodes has or that differs.
pub fn first_row_difference(a: NodeRows<'_>, b: NodeRows<'_>, job: &Job) -> Result<Option<Difference>> {
    let (mut pair, [of_a, of_b]) = first_surplus(a, b, job)?;
    let Some(place) = of_a.as_ref().or(of_b.as_ref()) else { return Ok(None) };
    let table = pair.order.get(place.table).copied().unwrap_or_default();
    let shown = |side: &mut NodeRows<'_>, element: &Option<Element>| match element {
        Some(element) => side.show(element, &pair.order, job),
        None => Ok(None),
    };
    let (mine, theirs) = (shown(&mut pair.a, &of_a)?, shown(&mut pair.b, &of_b)?);
    let rows = |a, b| Shown { column: None, values: [a, b] };
    let (how, difference) = match (mine, theirs) {
        (Some((shown_a, a)), Some((shown_b, b))) => {
            // A link to a row that does not exist has no cells.
            let differing = cell_difference(&a, &b).unwrap_or_else(|| rows(Some(shown_a), Some(shown_b)));
            (ANOTHER_VALUE, differing)
        }
        (Some((shown, _)), None) => (ONLY_IN_A, rows(Some(shown), None)),
        (None, b) => (ONLY_IN_B, rows(None, b.map(|(shown, _)| shown))),
    };
    let row = Some(place.key.clone());
    Ok(Some(Difference { row, shown: Some(difference), ..Difference::of(table, how) }))
}

/// The first link of an extra column that leads elsewhere in one of the nodes, or that only one has.
pub fn first_link_difference<'a>(
    a: NodeRows<'a>,
    b: NodeRows<'a>,
    job: &Job,
) -> Result<(Option<Difference>, [NodeRows<'a>; 2])> {
    if !(a.layout.has_links() || b.layout.has_links()) {
        return Ok((None, [a, b]));
    }
    let (mut pair, [of_a, of_b]) = first_surplus(a, b, job)?;
    let Some(place) = of_a.as_ref().or(of_b.as_ref()) else { return Ok((None, [pair.a, pair.b])) };
    let table = pair.order.get(place.table).copied().unwrap_or_default();
    let shown = |side: &mut NodeRows<'_>, element: &Option<Element>| match element {
        Some(element) => side.show_link(element, &pair.order, job),
        None => Ok(None),
    };
    let (mine, theirs) = (shown(&mut pair.a, &of_a)?, shown(&mut pair.b, &of_b)?);
    let column = mine.as_ref().or(theirs.as_ref()).map(|link| link.column.clone());
    let row = |link: &Option<ShownLink>| link.as_ref().map(|link| link.row.clone());
    let meaning =
        |link: &Option<ShownLink>| link.as_ref().map_or_else(|| "NULL".to_owned(), |link| link.meaning.clone());
    let found = Difference {
        rows: Some([row(&mine), row(&theirs)]),
        shown: Some(Shown { column, values: [Some(meaning(&mine)), Some(meaning(&theirs))] }),
        ..Difference::of(table, ANOTHER_LINK)
    };
    Ok((Some(found), [pair.a, pair.b]))
}
