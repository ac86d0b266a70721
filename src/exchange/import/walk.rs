//! Reads a document from its beginning to its end, once. Each row is written as soon as it is read; only ids are remembered.

mod columns;
mod ids;
mod keys;
mod links;
mod older;

use smallvec::{SmallVec, smallvec};

use ids::{new_ids, next_id};

use super::extra_link_ids::ExtraLinkIds;
use super::leaves::Leaves;
use super::metadata::{Metadata, read_format, read_metadata};
use super::new_ids::{NewIds, Taken};
use super::objects::{Member, Object, below};
use super::options::ImportOptions;
use super::read_value::ValueReader;
use super::reader::Reader;
use super::row::Row;
use super::seen_keys::SeenKeys;
use super::target::Target;
use super::value_checks::ValueChecker;
use crate::digest::OnDuplicate;
use crate::error::{Domain, Error, Result, Status};
use crate::exchange::names::{FORMAT, METADATA, table_key};
use crate::hierarchy::IdSet;
use crate::progress::Job;
use crate::schema::{ByEntity, Entity, Family};
use crate::values::Value;

/// Parts that stand before the key of what they belong to have to be kept until it is known: so many bytes at most at once.
const MOST_KEPT: usize = 8 << 20;

/// A row's key: its own, then that of what it hangs on.
type Key = SmallVec<[Value; 3]>;

/// A row below which others stand.
struct Frame {
    object: &'static Object,
    /// Its id in the document, once it was read.
    document_id: Option<i64>,
    /// The id that rows below say it has.
    claimed: Option<i64>,
    /// Its key in the target, once it is known.
    key: Option<Key>,
}

/// A part of an object that was kept.
struct Kept {
    table_at: usize,
    offset: u64,
    bytes: Vec<u8>,
}

/// What was read and written.
pub struct Walked {
    /// The experiment's id in the document, and in the target.
    pub document_id: i64,
    pub experiment: i64,
    pub metadata: Metadata,
    /// Rows written, by table.
    pub rows: Vec<(&'static str, u64)>,
    /// The ids that were given; `None` if the document's were preserved.
    pub ids: Option<Vec<NewIds>>,
    /// The experiment's id, which was to be preserved, is taken, and it got new ids to be compared with what has the id.
    pub apart: bool,
    pub taken: Option<Taken>,
    pub judge: Option<ValueChecker>,
    /// Of a document of the older tool: how many metrics the target had before.
    pub metrics_before: Option<i64>,
    /// The rows that were taken out again, because links of theirs, or of what they hang on, lead to rows that the document does not have.
    pub left_out: Vec<(&'static str, u64)>,
}

/// Reads a document and writes its rows.
pub struct Walk<'w, 'r, 'c> {
    family: &'static Family,
    reader: Reader<'r>,
    target: &'w mut Target<'c>,
    job: &'c Job,
    values: ValueReader,
    /// Rows that are not in use, by table.
    rows: Vec<Row>,
    ids: Vec<NewIds>,
    taken: Option<Taken>,
    /// Whether the content matters if the experiment's id is taken, and whether it is and the rows get new ids for that.
    compares: bool,
    apart: bool,
    judge: Option<ValueChecker>,
    /// The ids of the rows of the hierarchy.
    seen: ByEntity<IdSet>,
    leaves: ByEntity<Leaves>,
    /// The rows that extra columns name.
    ties: ExtraLinkIds,
    kept: usize,
    allow_unlinked: bool,
    metrics_before: Option<i64>,
}

/// The keys of the document, and the tables of those that are lists of rows.
struct Top {
    keys: Vec<&'static str>,
    children: Vec<usize>,
}

impl Top {
    fn new(family: &Family) -> Top {
        let root = family.entity_table(Entity::ROOT);
        let children = root.map(below).unwrap_or_default();
        let mut keys = vec![FORMAT, root.map(table_key).unwrap_or_default(), METADATA];
        keys.extend(children.iter().map(|(key, _)| *key));
        Top { keys, children: children.into_iter().map(|(_, at)| at).collect() }
    }
}

impl<'w, 'r, 'c> Walk<'w, 'r, 'c> {
    /// At the beginning of a document.
    pub fn new(
        reader: Reader<'r>,
        target: &'w mut Target<'c>,
        options: &ImportOptions,
        job: &'c Job,
    ) -> Result<Walk<'w, 'r, 'c>> {
        let (mut ids, mut taken) = (Vec::new(), None);
        if options.preserve_ids {
            taken = Some(Taken::new(target.connection, &target.layout)?);
        } else {
            ids = new_ids(target)?;
        }
        let family = target.layout.family;
        Ok(Walk {
            family,
            reader,
            target,
            job,
            values: ValueReader::default(),
            rows: family.tables.iter().map(|_| Row::default()).collect(),
            ids,
            taken,
            compares: options.on_duplicate != OnDuplicate::Copy,
            apart: false,
            judge: options.validate_before_import.then(ValueChecker::new),
            seen: ByEntity::new(family),
            leaves: ByEntity::new(family),
            ties: ExtraLinkIds::new(family),
            kept: 0,
            allow_unlinked: options.allow_unlinked,
            metrics_before: None,
        })
    }

    /// Reads the whole document.
    pub fn read(mut self) -> Result<Walked> {
        let object = Object::root(self.family)?;
        let top = Top::new(self.family);
        let mut frame = self.frame(object)?;
        let mut row = Row::default();
        let mut metadata = Metadata::default();
        let mut kept = Vec::new();
        let mut found = false;
        let (mut announced, mut is_ours) = (false, false);
        let mut members = self.reader.begin_object()?;
        loop {
            let keys: &[&'static str] = if self.is_older() { &older::KEYS } else { &top.keys };
            let Some(at) = self.reader.next_member(&mut members, keys)? else { break };
            match at {
                0 if self.is_older() => self.older_metrics()?,
                2 if self.is_older() => metadata = self.older_metadata(&mut frame)?,
                0 => {
                    let head = read_format(&mut self.reader, self.family)?;
                    let ties = head.extra_columns.iter().any(|extra| extra.refers.is_some());
                    let untied = self.seen.iter().any(|(_, seen)| !seen.is_empty()) && !self.target.has_links();
                    if ties && (untied || self.target.comes_late(&head.extra_columns)) {
                        return self.reader.invalid("it has to stand first, as it says which columns name other rows");
                    }
                    self.target.declare(head.extra_columns, &self.reader)?;
                    head.rows.inspect(|rows| self.job.set_total(*rows));
                    announced = head.rows.is_some();
                }
                1 => {
                    self.experiment(object, &mut row, &mut frame, is_ours)?;
                    found = true;
                }
                2 => {
                    metadata = read_metadata(&mut self.reader, self.family)?;
                    if let Some(counts) = metadata.counts.as_ref().filter(|_| !announced) {
                        self.job.set_total(counts.iter().map(|(_, rows)| rows).sum());
                    }
                }
                _ => {
                    let table_at = top.children.get(at - 3).copied().unwrap_or(usize::MAX);
                    self.children_or_keep(table_at, &mut frame, &mut kept)?;
                }
            }
            // A list of artifacts is the same in the older tool's documents.
            is_ours |= keys.get(at).is_some_and(|key| *key != "artifacts");
        }
        self.reader.end()?;
        let Some(document_id) = frame.document_id.filter(|_| found) else {
            return self.reader.invalid("the key \"experiment\" is missing");
        };
        self.reader.reenter();
        self.read_kept(kept, &mut frame)?;
        self.reader.exit();
        self.store(object, &mut row, &frame, None)?;
        self.ties.finish(document_id, self.target.may_lose(), &self.reader)?;
        let rows = self.target.finish(&self.reader)?;
        let experiment = match frame.key.as_deref() {
            Some([Value::Integer(id)]) => *id,
            _ => return Err(Error::internal(Domain::ImportExport, "the experiment has no id")),
        };
        let ids = (!self.preserves()).then_some(self.ids);
        let (taken, apart, judge, metrics_before) = (self.taken, self.apart, self.judge, self.metrics_before);
        Ok(Walked {
            document_id,
            experiment,
            metadata,
            rows,
            ids,
            apart,
            taken,
            judge,
            metrics_before,
            left_out: Vec::new(),
        })
    }

    /// A row that is about to be read. It gets its id at once, unless it keeps its own: rows below may come first.
    fn frame(&mut self, object: &'static Object) -> Result<Frame> {
        let mut frame = Frame { object, document_id: None, claimed: None, key: None };
        // What may have been named before has got its id then.
        let named = self.target.has_links() && object.entity != Some(Entity::ROOT);
        if let Some(entity) = object.entity
            && !self.preserves()
            && !named
        {
            frame.key = Some(smallvec![Value::Integer(self.next_id(entity)?)]);
        }
        Ok(frame)
    }

    /// Whether rows keep the ids that they have in the document.
    fn preserves(&self) -> bool {
        self.taken.is_some() && !self.apart
    }

    fn next_id(&mut self, entity: Entity) -> Result<i64> {
        next_id(&mut self.ids, entity, self.target)
    }

    /// Reads the rows of a table below a row.
    fn children(&mut self, table_at: usize, owner: &mut Frame) -> Result<()> {
        let object = Object::at(self.family, table_at)?;
        if object.leaf.is_some() {
            return self.links(object, owner);
        }
        let mut once = SeenKeys::default();
        if object.single {
            return if self.reader.take_null()? { Ok(()) } else { self.node(object, owner, &mut once) };
        }
        let mut items = self.reader.begin_list()?;
        while self.reader.next_item(&mut items)? {
            self.node(object, owner, &mut once)?;
        }
        Ok(())
    }

    /// As [`Walk::children`], or keeps them until the key that they need is known.
    fn children_or_keep(&mut self, table_at: usize, owner: &mut Frame, kept: &mut Vec<Kept>) -> Result<()> {
        let object = Object::at(self.family, table_at)?;
        // Trials and runs have keys of their own, and are written when they were read whole.
        if owner.key.is_some() || object.entity.is_some() {
            return self.children(table_at, owner);
        }
        if let Some((offset, bytes)) = self.reader.raw_part(MOST_KEPT - self.kept)? {
            self.kept += bytes.len();
            kept.push(Kept { table_at, offset, bytes: bytes.to_vec() });
            return Ok(());
        }
        let key = owner.object.own_key.map_or(Ok(""), |at| owner.object.column(at).map(|column| column.name))?;
        let what = format!("{} stands before {key}, and is too large to be kept until then", table_key(object.table));
        let error = self.reader.error(Status::Limit, what).detail("key", key);
        Err(error.hint(format!("write {key} first, where a reader needs it first; nothing was changed")))
    }

    /// Reads the parts that were kept.
    fn read_kept(&mut self, parts: Vec<Kept>, owner: &mut Frame) -> Result<()> {
        for Kept { table_at, offset, bytes } in parts {
            let length = bytes.len();
            self.reader.at_member(table_key(Object::at(self.family, table_at)?.table));
            let outside = self.reader.enter(bytes, offset);
            self.children(table_at, owner)?;
            self.reader.leave(outside)?;
            self.kept -= length;
        }
        Ok(())
    }

    /// Reads an object with a row of its own, and writes the row.
    fn node(&mut self, object: &'static Object, owner: &mut Frame, once: &mut SeenKeys) -> Result<()> {
        self.target.require(object, &self.reader)?;
        let mut row = self.take_row(object.at);
        let mut frame = self.frame(object)?;
        if object.entity.is_none() && object.own_key.is_none() {
            frame.key.clone_from(&owner.key);
        }
        self.object(object, &mut row, &mut frame, Some(owner), once)?;
        self.store(object, &mut row, &frame, Some(owner))?;
        self.put_row(object.at, row);
        Ok(())
    }

    /// Reads the keys of an object.
    fn object(
        &mut self,
        object: &'static Object,
        row: &mut Row,
        frame: &mut Frame,
        mut owner: Option<&mut Frame>,
        once: &mut SeenKeys,
    ) -> Result<()> {
        if self.is_older() {
            return self.older_object(object, row, frame, owner, once);
        }
        let mut kept = Vec::new();
        let mut own = object.own_key.is_none();
        let mut members = self.reader.begin_object()?;
        while let Some(at) = self.reader.next_member(&mut members, &object.keys)? {
            match object.member(at)? {
                Member::Column(column) if Some(column) == object.own_key => {
                    self.own_key((object, column), row, frame, owner.as_deref(), once)?;
                    own = true;
                }
                Member::Column(column) if object.owner_columns.contains(&column) => {
                    let id = self.id()?;
                    if let Some(owner) = owner.as_deref_mut() {
                        self.claim(owner, id)?;
                    }
                }
                Member::Column(column) => self.column(object, column, row)?,
                Member::Children(table_at) => self.children_or_keep(table_at, frame, &mut kept)?,
                Member::ExtraColumns | Member::LinkExtraColumns => self.extra_columns(object, row)?,
            }
        }
        if !own {
            let key = object.own_key.map_or(Ok(""), |at| object.column(at).map(|column| column.name))?;
            return self.reader.invalid(format!("the key {key:?} is missing"));
        }
        if !kept.is_empty() {
            self.reader.reenter();
            self.read_kept(kept, frame)?;
            self.reader.exit();
        }
        Ok(())
    }

    /// Writes a row, whose keys are known by now.
    fn store(&mut self, object: &'static Object, row: &mut Row, frame: &Frame, owner: Option<&Frame>) -> Result<()> {
        if let (Some(_), Some(column), Some([own])) = (object.entity, object.own_key, frame.key.as_deref()) {
            row.put(column, own.borrow());
        }
        if let Some(owner) = owner {
            match (&owner.key, owner.claimed) {
                (Some(key), _) => self.hang(object, row, key)?,
                // It keeps its id, which was not read yet; if it turns out to be another, that is an error.
                (None, Some(claimed)) => {
                    let new = match (owner.object.entity, self.preserves()) {
                        (Some(entity), false) => self.id_of_named((entity, claimed), object.table.name)?,
                        _ => claimed,
                    };
                    self.hang(object, row, &[Value::Integer(new)])?;
                }
                (None, None) => {
                    let key = object.owner_columns.first().map_or(Ok(""), |at| object.column(*at).map(|c| c.name))?;
                    let what = format!("{key} is needed: what the row belongs to comes later in the document");
                    let hint = "write the ids of rows before what stands below them, or do not preserve ids";
                    return Err(self.reader.error(Status::Validation, what).hint(hint));
                }
            }
        }
        self.tie(object, row)?;
        self.target.write(object, row, &self.reader)
    }

    /// An empty row of a table.
    fn take_row(&mut self, at: usize) -> Row {
        let mut row = self.rows.get_mut(at).map(std::mem::take).unwrap_or_default();
        row.clear();
        row
    }

    fn put_row(&mut self, at: usize, row: Row) {
        if let Some(place) = self.rows.get_mut(at) {
            *place = row;
        }
    }
}
