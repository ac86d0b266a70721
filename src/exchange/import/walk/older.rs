//! Documents of the older command-line tool: rows under the names of their columns, `trials[].trial`, `trials[].runs[].run`, and one
//! list of all metrics, which does not say what they belong to (docs/export-format.md, "Documents of the older tool").

use super::{Frame, MOST_KEPT, Walk, Walked};
use crate::database::{Connection, Layout};
use crate::error::{Domain, Error, Result, Status};
use crate::exchange::import::metadata::Metadata;
use crate::exchange::import::objects::Object;
use crate::exchange::import::read_value::any_key;
use crate::exchange::import::reader::Reader;
use crate::exchange::import::row::Row;
use crate::exchange::import::seen_keys::SeenKeys;
use crate::schema::experiment_manager::METRIC;
use crate::schema::{EXPERIMENT_MANAGER, Place, quote};

/// The keys of a document, those that both shapes have in the places that [`super::Top`] has them in.
pub const KEYS: [&str; 5] = ["metrics", "experiment", "export_metadata", "trials", "artifacts"];

/// An object whose row stands in it under a key of its own, beside what belongs to the row.
struct Nested {
    table: &'static str,
    /// The row's key, then those of what belongs to it.
    keys: &'static [&'static str],
    /// The tables of these.
    below: &'static [&'static str],
}

const NESTED: [Nested; 2] = [
    Nested { table: "TRIAL", keys: &["trial", "runs"], below: &["TRIAL_RUN"] },
    Nested { table: "TRIAL_RUN", keys: &["run", "epochs", "results"], below: &["EPOCH", "RESULTS"] },
];

/// Whether this object of an experiment is the older tool's: it has the column `desc`, which the tool calls by its name.
fn is_its_experiment(object: &[u8]) -> bool {
    any_key(object, |key| key == b"desc")
}

impl Walk<'_, '_, '_> {
    /// The object of the experiment, which says what kind of document it is unless that is known already.
    pub(super) fn experiment(
        &mut self,
        object: &'static Object,
        row: &mut Row,
        frame: &mut Frame,
        is_ours: bool,
    ) -> Result<()> {
        let mut once = SeenKeys::default();
        let part = if is_ours { None } else { self.reader.raw_part(MOST_KEPT)? };
        let Some((offset, bytes)) = part.map(|(offset, bytes)| (offset, bytes.to_vec())) else {
            return self.object(object, row, frame, None, &mut once);
        };
        if is_its_experiment(&bytes) {
            self.begin_older(offset)?;
        }
        let outside = self.reader.enter(bytes, offset);
        self.object(object, row, frame, None, &mut once)?;
        self.reader.leave(outside)
    }

    /// From here on the document is the older tool's, if that is allowed.
    fn begin_older(&mut self, offset: u64) -> Result<()> {
        if !self.allow_unlinked {
            return Err(self.reader.of_the_older_tool(offset, "desc"));
        }
        self.metrics_before = Some(count_metrics(self.target.connection, &self.target.layout)?);
        Ok(())
    }

    /// Whether the document is the older tool's.
    pub(super) fn is_older(&self) -> bool {
        self.metrics_before.is_some()
    }

    /// As [`Walk::object`].
    pub(super) fn older_object(
        &mut self,
        object: &'static Object,
        row: &mut Row,
        frame: &mut Frame,
        mut owner: Option<&mut Frame>,
        once: &mut SeenKeys,
    ) -> Result<()> {
        let Some(nested) = NESTED.iter().find(|nested| nested.table == object.table.name) else {
            return self.older_row(object, row, frame, owner, once);
        };
        let [itself, below @ ..] = nested.keys else { return Ok(()) };
        let mut found = false;
        let mut members = self.reader.begin_object()?;
        while let Some(at) = self.reader.next_member(&mut members, nested.keys)? {
            let Some(table) = at.checked_sub(1).and_then(|at| nested.below.get(at)) else {
                self.older_row(object, row, frame, owner.as_deref_mut(), once)?;
                found = true;
                continue;
            };
            if frame.key.is_none() {
                let what = format!("{itself:?} has to stand before {below:?} where ids are preserved");
                return Err(self.reader.error(Status::Validation, what).hint("write it first, or do not preserve ids"));
            }
            self.children(self.family.place_of(table), frame)?;
        }
        if found { Ok(()) } else { self.reader.invalid(format!("the key {itself:?} is missing")) }
    }

    /// The columns of a row, under their names. What is none of the schema's is an extra column.
    fn older_row(
        &mut self,
        object: &'static Object,
        row: &mut Row,
        frame: &mut Frame,
        mut owner: Option<&mut Frame>,
        once: &mut SeenKeys,
    ) -> Result<()> {
        let is_leaf = matches!(object.table.place, Place::Leaf(_));
        let mut seen = 0u64;
        let mut members = self.reader.begin_object()?;
        while let Some(name) = self.reader.next_key(&mut members)? {
            let column = object.table.columns.iter().position(|column| column.name == name);
            // Of other columns, the row knows it.
            let bit = column.map_or(0, |at| 1u64 << (at % 64));
            if seen & bit != 0 {
                return self.reader.invalid(format!("the key {name:?} occurs twice"));
            }
            seen |= bit;
            match column {
                Some(at) if Some(at) == object.own_key && is_leaf => frame.document_id = Some(self.id()?),
                Some(at) if Some(at) == object.own_key => {
                    self.own_key((object, at), row, frame, owner.as_deref(), once)?;
                }
                Some(at) if object.owner_columns.contains(&at) => {
                    let id = self.id()?;
                    if let Some(owner) = owner.as_deref_mut() {
                        self.claim(owner, id)?;
                    }
                }
                Some(at) => self.column(object, at, row)?,
                None => self.extra_column(object, &name, row)?,
            }
        }
        self.require_own_key(object, frame)
    }

    fn require_own_key(&self, object: &Object, frame: &Frame) -> Result<()> {
        let Some(own) = object.own_key.map(|at| object.column(at)).transpose()? else { return Ok(()) };
        // New ids are known before; an index is known when it was read.
        if frame.document_id.is_some() || (object.entity.is_none() && frame.key.is_some()) {
            return Ok(());
        }
        self.reader.invalid(format!("the key {:?} is missing", own.name))
    }

    /// A metric or an artifact; answers its id in the document.
    pub(super) fn older_leaf(&mut self, leaf: &'static Object, row: &mut Row) -> Result<i64> {
        let mut frame = Frame { object: leaf, document_id: None, claimed: None, key: None };
        self.older_row(leaf, row, &mut frame, None, &mut SeenKeys::default())?;
        frame.document_id.ok_or_else(|| Error::internal(Domain::ImportExport, "an id was read and is not known"))
    }

    /// The list of all metrics. They are written, but linked to nothing.
    pub(super) fn older_metrics(&mut self) -> Result<()> {
        let leaf = Object::of(self.family, METRIC)?;
        let mut row = self.take_row(leaf.at);
        let mut items = self.reader.begin_list()?;
        while self.reader.next_item(&mut items)? {
            row.clear();
            let id = self.older_leaf(leaf, &mut row)?;
            // A metric with two links can be there twice.
            self.store_leaf(leaf, METRIC, id, &mut row)?;
        }
        self.put_row(leaf.at, row);
        Ok(())
    }

    /// What the document says of itself. It never has everything.
    pub(super) fn older_metadata(&mut self, experiment: &mut Frame) -> Result<Metadata> {
        const NAMES: [&str; 5] =
            ["exported_at", "experiment_id", "include_metrics", "include_artifacts", "database_type"];
        let mut members = self.reader.begin_object()?;
        while let Some(at) = self.reader.next_member(&mut members, &NAMES)? {
            match at {
                1 => {
                    let id = self.id()?;
                    self.claim(experiment, id)?;
                }
                2 | 3 => drop(self.reader.boolean()?),
                _ => drop(self.reader.short_string()?),
            }
        }
        Ok(Metadata { complete: Some(false), ..Metadata::default() })
    }
}

fn count_metrics(connection: &dyn Connection, layout: &Layout) -> Result<i64> {
    let table = quote(&layout.entity(METRIC)?.name);
    Ok(connection.query_integer(&format!("SELECT count(*) FROM {table}"), &[])?.unwrap_or(0))
}

impl Walked {
    /// Metrics that were written and are linked to nothing.
    pub fn unlinked(&self) -> u64 {
        let metrics = EXPERIMENT_MANAGER.table_name(METRIC);
        let rows = self.rows.iter().find(|(name, _)| *name == metrics);
        if self.metrics_before.is_some() { rows.map_or(0, |(_, rows)| *rows) } else { 0 }
    }

    /// Fails unless the metrics that are linked to nothing are there: no other check would notice that they are missing.
    pub fn check_unlinked(&self, connection: &dyn Connection, layout: &Layout) -> Result<()> {
        let Some(before) = self.metrics_before else { return Ok(()) };
        let (written, found) = (self.unlinked(), count_metrics(connection, layout)?.saturating_sub(before));
        if u64::try_from(found) == Ok(written) {
            return Ok(());
        }
        let error = Error::new(
            Status::Mismatch,
            Domain::ImportExport,
            "the metrics that were read back are not those that were written; nothing was changed",
        );
        Err(error
            .detail("problem", format!("{written} metrics were written, but there are {found} more than before"))
            .hint("something else writes into the target's tables, a trigger for instance"))
    }
}

impl Reader<'_> {
    /// Whether this key, which the format does not have here, is one of the older tool's: it wrote `trials[].runs[].run` and one list of
    /// all metrics. This is for documents that were taken for ones of this format before such a key came.
    pub fn is_of_the_older_tool(&self, key: &str) -> bool {
        let path = self.path().to_string();
        match key {
            "metrics" => path == "$.metrics",
            "export_metadata" => path == "$.export_metadata",
            "runs" | "trial" | "run" => path.starts_with("$.trials["),
            _ => false,
        }
    }

    /// The error for a document of the older tool, known by this key, which stands at this offset.
    pub fn of_the_older_tool(&self, offset: u64, key: &str) -> Error {
        let what = format!(
            "the key {key:?} is of the export of the older command-line tool, which does not say what metrics belong to"
        );
        self.error_at(offset, Status::Unsupported, what).detail("key", key).hint(
            "export the experiment from its database with this library; or EXPMIG_IMPORT_ALLOW_UNLINKED imports what the document \
             has, with metrics that are linked to nothing (in a document of this library desc is called description); nothing was changed",
        )
    }
}
