//! Reads a document from its beginning to its end, once. Each row is written as soon as it is read; only ids are remembered.

mod links;
mod older;

use smallvec::{SmallVec, smallvec};

use super::extra_link_ids::ExtraLinkIds;
use super::leaves::Leaves;
use super::metadata::{Metadata, read_format, read_metadata};
use super::new_ids::{NewIds, Taken};
use super::objects::{Member, Object, below};
use super::options::ImportOptions;
use super::read_value::ValueReader;
use super::reader::{Number, Reader};
use super::row::Row;
use super::seen_keys::SeenKeys;
use super::target::Target;
use super::value_checks::ValueChecker;
use crate::database::Mentioned;
use crate::digest::OnDuplicate;
use crate::error::{Domain, Error, Result, Status};
use crate::exchange::names::{FORMAT, METADATA, table_key};
use crate::hierarchy::{IdSet, id_in};
use crate::progress::Job;
use crate::schema::{ByEntity, Entity, Family};
use crate::values::{Value, ValueRef};

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

    /// The id or index that tells a row from the others.
    fn own_key(
        &mut self,
        (object, column): (&'static Object, usize),
        row: &mut Row,
        frame: &mut Frame,
        owner: Option<&Frame>,
        once: &mut SeenKeys,
    ) -> Result<()> {
        if let Some(entity) = object.entity {
            let id = self.id()?;
            frame.document_id = Some(id);
            if frame.claimed.is_some_and(|claimed| claimed != id) {
                return self.reader.invalid(format!("the id is {id}, but rows below say that it is another"));
            }
            let new = entity == Entity::ROOT || self.seen.get_mut(entity).insert(id)?;
            if !new {
                return self.reader.invalid(format!("the id {id} occurs twice"));
            }
            let preserved = self.is_preserved(entity, id)?;
            if preserved || frame.key.is_none() {
                frame.key = Some(smallvec![Value::Integer(self.id_of_row(entity, id, preserved)?)]);
            }
            return Ok(());
        }
        self.column(object, column, row)?;
        let value = row.get(column);
        if value == ValueRef::Null {
            return self.reader.invalid("it must not be null");
        }
        if let Some(index) = value.as_integer()
            && !once.insert(index)?
        {
            return self.reader.invalid(format!("the index {index} occurs twice"));
        }
        let mut key: Key = smallvec![value.to_owned()];
        key.extend(owner.and_then(|owner| owner.key.as_deref()).unwrap_or_default().iter().cloned());
        frame.key = Some(key);
        Ok(())
    }

    /// Whether rows keep their ids; looks if this one is free.
    fn is_preserved(&mut self, entity: Entity, id: i64) -> Result<bool> {
        let Some(taken) = &mut self.taken else { return Ok(false) };
        let is_taken = taken.check((self.target.connection, &self.target.layout), entity, id, self.job)?;
        if is_taken && !self.apart {
            if entity == Entity::ROOT && self.compares && self.target.is_untouched() {
                // It may be the same one: only its content says so, whatever the document says of itself.
                self.ids = new_ids(self.target)?;
                self.apart = true;
            } else {
                self.target.block();
            }
        }
        Ok(!self.apart)
    }

    /// What a row says it hangs on has to be what it stands below.
    fn claim(&mut self, owner: &mut Frame, id: i64) -> Result<()> {
        match owner.document_id.or(owner.claimed) {
            Some(known) if known != id => {
                let what = format!("the row stands below {known}, but says that it belongs to {id}");
                self.reader.invalid(what)
            }
            _ => {
                owner.claimed = Some(id);
                Ok(())
            }
        }
    }

    fn id(&mut self) -> Result<i64> {
        match self.reader.number()? {
            Number::Integer(id) => Ok(id),
            Number::Real(_) => self.reader.invalid("an id is an integer"),
        }
    }

    /// The value of a column.
    fn column(&mut self, object: &Object, at: usize, row: &mut Row) -> Result<()> {
        let column = object.column(at)?;
        self.values.read(&mut self.reader, Some(column.kind), row.values())?;
        row.set(at);
        let value = row.get(at);
        self.target.check(object, at, value, &self.reader)?;
        if let Some(judge) = &mut self.judge
            && !self.values.is_usual()
        {
            judge.look(object.table, column, value, &self.reader);
        }
        Ok(())
    }

    fn extra_columns(&mut self, object: &Object, row: &mut Row) -> Result<()> {
        let mut members = self.reader.begin_object()?;
        while let Some(name) = self.reader.next_key(&mut members)? {
            self.extra_column(object, &name, row)?;
        }
        Ok(())
    }

    /// The value of an extra column.
    fn extra_column(&mut self, object: &Object, name: &str, row: &mut Row) -> Result<()> {
        // A column that is NULL is as good as none.
        if self.reader.take_null()? {
            return Ok(());
        }
        let Some(at) = self.target.extra_column(object, name, &self.reader)? else {
            let mut left_out = Row::default();
            self.values.read(&mut self.reader, None, left_out.values())?;
            left_out.set(0);
            return self.target.leave_out(object, name, left_out.get(0), &self.reader);
        };
        if row.get(at) != ValueRef::Null {
            return self.reader.invalid(format!("the column {name:?} occurs twice"));
        }
        self.values.read(&mut self.reader, None, row.values())?;
        row.set(at);
        if self.target.links(object.at).iter().any(|(link, _)| *link == at) {
            // It gets another id.
            return Ok(());
        }
        self.target.check(object, at, row.get(at), &self.reader)
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

    /// The new id of a trial or a run that comes.
    fn id_of_row(&mut self, entity: Entity, id: i64, preserved: bool) -> Result<i64> {
        let Walk { ties, ids, target, .. } = self;
        let target = &**target;
        let mut next = || if preserved { Ok(id) } else { next_id(ids, entity, target) };
        if target.has_links() && entity != Entity::ROOT { ties.appear(entity, id, next) } else { next() }
    }

    /// The new id of a row that is named.
    fn id_of_named(&mut self, (entity, id): (Entity, i64), column: &str) -> Result<i64> {
        let preserved = self.preserves();
        let Walk { ties, ids, reader, target, leaves, .. } = self;
        if let Some(new) = leaves.get_mut(entity).new_id(id)? {
            return Ok(new);
        }
        ties.mention((entity, id), column, reader, || if preserved { Ok(id) } else { next_id(ids, entity, target) })
    }

    /// Gives the extra columns that name other rows the new ids of these.
    fn tie(&mut self, object: &Object, row: &mut Row) -> Result<()> {
        for nth in 0..self.target.links(object.at).len() {
            let Some((at, entity)) = self.target.links(object.at).get(nth).copied() else { break };
            let value = row.get(at);
            if value == ValueRef::Null {
                if entity != Entity::ROOT && self.target.may_lose() && self.target.refuses_null(object.at, at) {
                    // Until all was read, and it can be left out with all that hangs on it.
                    let nobody = if self.preserves() { 0 } else { self.next_id(entity)? };
                    row.put(at, ValueRef::Integer(nobody));
                }
                continue;
            }
            let column = format!("{}.{}", object.table.name, self.target.column_name(object.at, at));
            let Some(id) = id_in(value) else {
                let what = format!("{column} has ids, and {} is none", value.describe());
                return self.reader.invalid(what);
            };
            let new = match entity {
                Entity::ROOT => {
                    self.ties.mention_experiment(id, &column, &self.reader)?;
                    let own = self.ids.iter().find(|ids| ids.entity() == entity);
                    own.and_then(|ids| ids.blocks.first()).map_or(id, |(first, _)| *first)
                }
                _ => self.id_of_named((entity, id), &column)?,
            };
            row.put(at, ValueRef::Integer(new));
        }
        Ok(())
    }

    /// Says what a row hangs on.
    fn hang(&mut self, object: &Object, row: &mut Row, key: &[Value]) -> Result<()> {
        for (at, value) in object.owner_columns.iter().zip(key) {
            self.target.check_key(object, *at, value, &self.reader)?;
            row.put(*at, value.borrow());
        }
        Ok(())
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

/// Gets ids for every entity, when they are needed.
fn new_ids(target: &Target<'_>) -> Result<Vec<NewIds>> {
    let mentioned = Mentioned::read(target.connection, &target.layout, |_| true)?;
    let above = |entity| Ok(mentioned.of(target.layout.entity(entity)?.schema.name));
    target.layout.family.all().map(|entity| Ok(NewIds::new(entity, above(entity)?))).collect()
}

fn next_id(ids: &mut [NewIds], entity: Entity, target: &Target<'_>) -> Result<i64> {
    match ids.iter_mut().find(|ids| ids.entity() == entity) {
        Some(ids) => ids.next(target.connection, &target.layout),
        None => Err(Error::internal(Domain::ImportExport, format!("no ids were reserved for {entity:?}"))),
    }
}
