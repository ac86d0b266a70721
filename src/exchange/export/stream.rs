//! Reads the rows of one table in the order of the document, and tells where in the document each belongs.

use super::fields::Fields;
use super::order::{Index, Indices, NodeOrder};
use crate::database::{Cells, Cursor};
use crate::error::{Domain, Error, Result, Status};
use crate::exchange::names::parent;
use crate::hierarchy::{Barring, Owner, RowQuery, Selection};
use crate::schema::{Entity, Place, Table, family_of};

/// A place in the document: of a row of the hierarchy, or of one that hangs on it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub owner: usize,
    pub indices: Indices,
}

/// The current row.
pub struct Head {
    /// Where it stands itself, if other rows can hang on it.
    pub position: Position,
    /// The row of the hierarchy that it belongs to, or that it is.
    pub owner: Owner,
    /// What a link links: its id, and its rank in the selection; `None` if it does not exist.
    pub leaf: (i64, Option<u64>),
    /// Where its object stands: that of the row it hangs on.
    under: usize,
    outer: usize,
}

/// The rows of one table.
pub struct Stream<'c> {
    pub query: &'c RowQuery<'c>,
    pub fields: Fields,
    /// `None` if there can be no rows.
    pub cursor: Option<Box<dyn Cursor + 'c>>,
    /// `None` after the last row.
    pub head: Option<Head>,
    /// The rows that were passed.
    pub rows: u64,
    /// How many cells a row has.
    width: usize,
    /// The cells with the indices, outermost first; how many of them are those of other rows.
    path: Vec<usize>,
    outer: usize,
    /// Rows that are left out.
    barring: Option<Barring>,
    /// Its objects stand in the document itself, beside the experiment's.
    beside: bool,
}

impl<'c> Stream<'c> {
    pub fn new(
        query: &'c RowQuery<'c>,
        cursor: Option<Box<dyn Cursor + 'c>>,
        barring: Option<Barring>,
    ) -> Result<Stream<'c>> {
        let family = family_of(query.table.schema);
        let path = family.index_path(query.table.schema).into_iter().map(|index| {
            let at = query.shape.columns.iter().position(|column| column.schema == Some(index));
            let missing = || Error::internal(Domain::ImportExport, format!("{} is not read", index.name));
            at.map(|at| query.shape.first + at).ok_or_else(missing)
        });
        let path = path.collect::<Result<Vec<usize>>>()?;
        let outer = path.len() - usize::from(family.own_index(query.table.schema).is_some()).min(path.len());
        let document = |parent: &Table| parent.place == Place::Node(Entity::ROOT);
        let beside = parent(query.table.schema).is_none_or(document);
        let last = query.leaf.as_ref().map_or(&query.shape, |(_, shape)| shape);
        let width = last.first + last.columns.len();
        Ok(Stream {
            fields: Fields::new(query)?,
            query,
            cursor,
            head: None,
            rows: 0,
            width,
            path,
            outer,
            barring,
            beside,
        })
    }

    /// The cells of the current row: the document and the digest read them both.
    pub fn cells(&self) -> Result<Cells<'_>> {
        match &self.cursor {
            Some(cursor) => Cells::of(cursor.as_ref(), self.width),
            None => Err(Error::internal(Domain::ImportExport, "the cells of no row")),
        }
    }

    /// Goes to the next row of the selection.
    pub fn advance(&mut self, selection: &mut Selection, order: &NodeOrder) -> Result<()> {
        let before = self.head.take();
        self.rows += u64::from(before.is_some());
        while self.cursor.as_mut().map_or(Ok(false), |cursor| cursor.advance())? {
            let Some(cursor) = self.cursor.as_deref() else { break };
            if let Some(barring) = &self.barring
                && barring.bars(cursor)?
            {
                continue;
            }
            let leaf_id = match &self.query.leaf {
                Some(_) => cursor.value(1)?.as_integer(),
                None => None,
            };
            let linked = self.query.leaf.as_ref().and_then(|(leaf, _)| Some((*leaf, leaf_id?)));
            let Some(owner) = selection.owner(self.query.owner, cursor.value(0)?.as_integer(), linked) else {
                continue;
            };
            let leaf = match (&self.query.leaf, leaf_id) {
                (Some((leaf, _)), Some(id)) => (id, selection.leaves(*leaf).rank(id)?),
                _ => (0, None),
            };
            if self.query.leaf.is_some() && leaf.1.is_none() {
                // It links nothing. The selection has counted it; only who accepts that comes here.
                continue;
            }
            let mut indices = Indices::new();
            for at in &self.path {
                indices.push(Index::of(cursor.value(*at)?));
            }
            let head = self.place(owner, indices, leaf, selection, order);
            self.check_order(before.as_ref(), &head)?;
            self.head = Some(head);
            break;
        }
        Ok(())
    }

    fn place(
        &self,
        owner: usize,
        indices: Indices,
        leaf: (i64, Option<u64>),
        selection: &Selection,
        order: &NodeOrder,
    ) -> Head {
        let schema = self.query.table.schema;
        let entity = self.query.owner;
        let place = order.place(entity, owner);
        let under = match (schema.place, selection.family.parent(entity)) {
            _ if self.beside => 0,
            // It stands in what it hangs on.
            (Place::Node(_), Some(above)) => {
                let parent = selection.parents(entity).get(owner);
                parent.map_or(usize::MAX, |parent| order.place(above, *parent as usize))
            }
            _ => place,
        };
        let owner = Owner { entity, at: owner };
        Head { position: Position { owner: place, indices }, owner, leaf, under, outer: self.outer }
    }

    /// Fails unless a row comes after the one before it.
    fn check_order(&self, before: Option<&Head>, head: &Head) -> Result<()> {
        let Some(before) = before else { return Ok(()) };
        let key = |head: &Head| (head.under, head.position.owner);
        let order = key(before)
            .cmp(&key(head))
            .then_with(|| before.position.indices.cmp(&head.position.indices))
            .then_with(|| before.leaf.0.cmp(&head.leaf.0));
        if order.is_lt() {
            return Ok(());
        }
        let what = if order.is_eq() { "two rows have the same key" } else { "keys are not compared byte by byte" };
        Err(self.unplaceable(what))
    }

    /// The row that cannot stand in a document.
    pub fn unplaceable(&self, what: &str) -> Error {
        let table = self.query.table.schema.name;
        let error = Error::new(Status::Validation, Domain::ImportExport, format!("{table} cannot be exported: {what}"))
            .detail("table", table)
            .hint("compare the table's primary key with the schema's, and repair the rows");
        match self.cursor.as_ref().map(|cursor| self.query.shape.row_key(cursor.as_ref())) {
            Some(Ok(row)) => error.detail("row", row),
            _ => error,
        }
    }

    /// Whether the object of the current row stands in that of the row at this position: `Less` if it should have come before.
    pub fn compare(&self, position: &Position) -> Option<std::cmp::Ordering> {
        let head = self.head.as_ref()?;
        let outer = head.position.indices.get(..head.outer).unwrap_or_default();
        Some(head.under.cmp(&position.owner).then_with(|| outer.cmp(&position.indices)))
    }

    /// Whether the current row hangs on the row at this position, or on one that does.
    pub fn is_below(&self, position: &Position) -> bool {
        self.head.as_ref().is_some_and(|head| {
            head.position.owner == position.owner && head.position.indices.starts_with(&position.indices)
        })
    }
}
