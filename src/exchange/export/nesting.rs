//! Nests the objects of a document: runs in their trials, metrics in the rows that they are linked from.

use std::cmp::Ordering;

use super::metadata::TableRows;
use super::order::NodeOrder;
use super::output::Output;
use super::stream::{Position, Stream};
use crate::database::Unsteady;
use crate::digest::{Digester, Ended};
use crate::error::{Domain, Error, Result};
use crate::exchange::names::{children, is_single, table_key};
use crate::hierarchy::{Owner, Selection, Visitor};
use crate::progress::Job;
use crate::schema::{Entity, Place};

/// The tables of an experiment, read side by side.
pub struct Tree<'a, 'c, 's> {
    nodes: Vec<Node<'c>>,
    selection: &'a mut Selection,
    order: &'a NodeOrder,
    digester: Option<Digester<'a>>,
    output: &'a mut Output<'s>,
    job: &'a Job,
    /// Rows that hang on those of the hierarchy are written only if artifacts hang on them.
    artifacts_only: bool,
}

struct Node<'c> {
    stream: Stream<'c>,
    /// Where the tables are whose objects stand in this one's.
    children: Vec<usize>,
    /// The objects that were written.
    written: u64,
}

impl<'a, 'c, 's> Tree<'a, 'c, 's> {
    pub fn new(
        streams: Vec<Stream<'c>>,
        (selection, order): (&'a mut Selection, &'a NodeOrder),
        digester: Option<Digester<'a>>,
        (output, job): (&'a mut Output<'s>, &'a Job),
        artifacts_only: bool,
    ) -> Result<Tree<'a, 'c, 's>> {
        let names: Vec<&str> = streams.iter().map(|stream| stream.query.table.schema.name).collect();
        let place = |name: &&str| names.iter().position(|other| other == name);
        let nodes = streams.into_iter().map(|stream| {
            let children = children(stream.query.table.schema).iter().filter_map(place).collect();
            Node { stream, children, written: 0 }
        });
        let nodes = nodes.collect();
        let mut tree = Tree { nodes, selection, order, digester, output, job, artifacts_only };
        for at in 0..tree.nodes.len() {
            tree.advance(at)?;
        }
        Ok(tree)
    }

    fn node(&self, at: usize) -> Result<&Node<'c>> {
        self.nodes.get(at).ok_or_else(|| Error::internal(Domain::ImportExport, "a table without a stream"))
    }

    fn advance(&mut self, at: usize) -> Result<()> {
        match self.nodes.get_mut(at) {
            Some(node) => node.stream.advance(self.selection, self.order),
            None => Ok(()),
        }
    }

    /// Writes the experiment, and what stands beside it; the object of the document is open.
    pub fn write(&mut self) -> Result<()> {
        let experiment = |node: &Node<'_>| node.stream.query.table.schema.place == Place::Node(Entity::ROOT);
        let Some(at) = self.nodes.iter().position(experiment) else { return Ok(()) };
        let Some(position) = self.node(at)?.stream.head.as_ref().map(|head| head.position.clone()) else {
            // It was there when this began, so there is no one state.
            return Err(Unsteady::changed(Domain::ImportExport));
        };
        let key = table_key(self.node(at)?.stream.query.table.schema);
        self.output.plain_key(key);
        self.object(at)?;
        self.children(at, &position)
    }

    /// Ends the document's rows: how many objects there are per table, and what the digest needs, if it was wanted.
    pub fn finish(mut self) -> Result<(TableRows, Option<Ended>)> {
        let mut counts = TableRows::new();
        for known in &self.selection.counts {
            let Some(node) = self.nodes.iter().find(|node| node.stream.query.table.schema.name == known.table.name)
            else {
                // Metrics and artifacts: each was written with the first of its links.
                self.job.advance_by(known.rows)?;
                counts.push((known.table.name, known.rows));
                continue;
            };
            // Unsound rows were counted before. Here every row must have found its place.
            if node.stream.head.is_some() || node.stream.rows != known.rows {
                return Err(node.stream.unplaceable("a row is not where its keys say"));
            }
            counts.push((known.table.name, node.written));
        }
        Ok((counts, self.digester.take().map(Digester::end).transpose()?))
    }

    /// Writes the current row of a table, and everything that hangs on it.
    fn object(&mut self, at: usize) -> Result<()> {
        self.output.open(b'{');
        let position = self.row(at)?;
        if let Some(position) = position {
            self.children(at, &position)?;
        }
        self.output.close(b'}');
        self.output.pass_on()?;
        self.advance(at)
    }

    /// Writes the columns of the current row. Its position, if other rows stand in its object.
    fn row(&mut self, at: usize) -> Result<Option<Position>> {
        let Some(node) = self.nodes.get_mut(at) else { return Ok(None) };
        let stream = &node.stream;
        let Some(head) = &stream.head else { return Ok(None) };
        let row = &stream.cells()?;
        let schema = stream.query.table.schema;
        let Owner { entity, at } = head.owner;
        let parent = match (schema.place, self.selection.family.parent(entity)) {
            (Place::Node(_), Some(above)) => {
                let parent = self.selection.parents(entity).get(at);
                parent.and_then(|parent| self.selection.ids(above).get(*parent as usize))
            }
            _ => Some(self.selection.experiment),
        };
        stream.fields.write(row, parent.unwrap_or_default(), self.selection, self.output)?;
        // The digest makes its own form of a huge value; there need not be two more.
        self.output.pass_on_huge()?;
        if let Some(digester) = &mut self.digester {
            match (&stream.query.leaf, schema.place) {
                (Some((entity, shape)), _) => {
                    digester.link(head.owner, &stream.query.shape, row, head.leaf.1, (*entity, shape))?;
                }
                (None, Place::Below(_)) => digester.below(head.owner, &stream.query.shape, row)?,
                (None, _) => digester.node(head.owner, &stream.query.shape, row)?,
            }
        }
        self.job.advance()?;
        let beside = schema.place == Place::Node(Entity::ROOT);
        let position = (!beside && !node.children.is_empty()).then(|| head.position.clone());
        node.written += 1;
        Ok(position)
    }

    /// Writes what stands in the object of the row at this position.
    fn children(&mut self, at: usize, position: &Position) -> Result<()> {
        for nth in 0..self.node(at)?.children.len() {
            let Some(child) = self.node(at)?.children.get(nth).copied() else { break };
            let schema = self.node(child)?.stream.query.table.schema;
            self.output.plain_key(table_key(schema));
            let single = is_single(schema);
            if !single {
                self.output.open(b'[');
            }
            let mut written = false;
            while self.belongs(child, position)? {
                if !self.is_wanted(child)? {
                    self.pass_over(child)?;
                    continue;
                }
                if single && written {
                    return Err(self.node(child)?.stream.unplaceable("two rows have the same key"));
                }
                if !single {
                    self.output.item();
                }
                written = true;
                self.object(child)?;
            }
            match (single, written) {
                (false, _) => self.output.close(b']'),
                (true, false) => self.output.buffer.extend_from_slice(b"null"),
                (true, true) => {}
            }
        }
        Ok(())
    }

    /// Whether the current row of a table stands in the object of the row at this position.
    fn belongs(&self, at: usize, position: &Position) -> Result<bool> {
        let stream = &self.node(at)?.stream;
        match stream.compare(position) {
            Some(Ordering::Equal) => Ok(true),
            Some(Ordering::Less) => Err(stream.unplaceable("a row is not where its keys say")),
            Some(Ordering::Greater) | None => Ok(false),
        }
    }

    /// Whether the current row of a table is to be written.
    fn is_wanted(&self, at: usize) -> Result<bool> {
        let stream = &self.node(at)?.stream;
        if !self.artifacts_only || !matches!(stream.query.table.schema.place, Place::Below(_)) {
            return Ok(true);
        }
        let Some(position) = stream.head.as_ref().map(|head| head.position.clone()) else { return Ok(false) };
        self.has_links(at, &position)
    }

    fn has_links(&self, at: usize, position: &Position) -> Result<bool> {
        for child in self.node(at)?.children.iter().copied() {
            let node = self.node(child)?;
            let is_link = node.stream.query.leaf.is_some();
            if (is_link && node.stream.is_below(position)) || (!is_link && self.has_links(child, position)?) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Goes past the current row of a table and all that hangs on it, none of which is wanted.
    fn pass_over(&mut self, at: usize) -> Result<()> {
        let Some(position) = self.node(at)?.stream.head.as_ref().map(|head| head.position.clone()) else {
            return Ok(());
        };
        for child in self.node(at)?.children.clone() {
            while self.belongs(child, &position)? {
                self.pass_over(child)?;
            }
        }
        self.job.advance()?;
        self.advance(at)
    }
}
