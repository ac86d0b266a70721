//! Source and target of a migration: their connections, their layouts, and how the two differ.

use std::cell::RefCell;

use super::options::MigrateOptions;
use crate::database::{ColumnLayout, Connection, Database, Layout, TableLayout, Transaction, Unsteady};
use crate::error::{Domain, Error, Result, Status};
use crate::hierarchy::{Rewrite, experiment_exists};
use crate::progress::Job;
use crate::schema::{Call, Entity, Place};
use crate::transformation::{Plan, Rewriter};
use crate::values::{Value, ValueRef};

/// Source and target. In one database both are the same connection.
pub struct Endpoints<'a> {
    pub source: &'a dyn Connection,
    pub target: &'a dyn Connection,
    pub same: bool,
    pub source_layout: Layout,
    pub target_layout: Layout,
    pub experiment: i64,
    /// Columns of the target that have ids of other rows as in the source, and do not say so: table and column.
    pub undeclared: Vec<(&'static str, String)>,
    /// Extra columns that the target lacks are added there.
    pub add_columns: bool,
    /// Tables of the source that others can change while they are read, and their engines.
    pub unsteady: Vec<Unsteady>,
    /// Transforms the metrics on their way.
    pub rewriter: Option<RefCell<Rewriter<'a>>>,
}

impl<'a> Endpoints<'a> {
    /// Reads the layouts; fails on experiments that do not exist and on a migration into itself.
    pub fn new(
        (source_database, source): (&Database, &'a dyn Connection),
        (target_database, target): (&Database, &'a dyn Connection),
        experiment: i64,
        options: &MigrateOptions,
        (transformation, preview): (Option<Plan>, bool),
    ) -> Result<Endpoints<'a>> {
        let same = source_database.is_same_as(target_database);
        let read = |database: &Database, connection: &dyn Connection| -> Result<Layout> {
            database.checked(connection.layout()?)
        };
        let source_layout = read(source_database, source)?;
        let mut target_layout = read(target_database, target)?;
        refuse_other_family((source_database, &source_layout), (target_database, &target_layout))?;
        source_layout.require(Call::Migrate, Domain::Migration)?;
        source_layout.check_links()?;
        target_layout.check_links()?;
        let undeclared = target_layout.take_links_of(&source_layout);
        leave_to_fill(&mut target_layout, &source_layout);
        experiment_exists(source, &source_layout, experiment)?;
        check_target(target, &target_layout, options)?;
        if same && options.target_experiment == Some(experiment) {
            return Err(Error::argument(
                Domain::Migration,
                "target_experiment_id",
                format!("experiment {experiment} cannot be migrated into itself"),
            )
            .detail("experiment_id", experiment)
            .hint("leave target_experiment_id out to create a new experiment"));
        }
        let add_columns = options.add_columns || target_database.was_created();
        let rewriter = match transformation {
            Some(plan) => Some(RefCell::new(Rewriter::new(source, &source_layout, plan, preview)?)),
            None => None,
        };
        let unsteady = source.unsteady_tables(&source_layout)?;
        Ok(Endpoints {
            source,
            target,
            same,
            source_layout,
            target_layout,
            experiment,
            undeclared,
            add_columns,
            unsteady,
            rewriter,
        })
    }

    /// What is to be known of the source, whatever the experiment has.
    pub fn warnings(&self) -> impl Iterator<Item = String> + '_ {
        self.unsteady.iter().map(|table| table.warning("the copy"))
    }

    /// Fails if the source cannot be read as one state.
    pub fn refuse_unsteady(&self) -> Result<()> {
        if self.unsteady.is_empty() {
            return Ok(());
        }
        let message = "tables of the source can change while they are read, so a consistent state cannot be copied; nothing was changed";
        let error =
            Error::new(Status::Validation, Domain::Validation, message).detail("experiment_id", self.experiment);
        Err(Unsteady::name_all(&self.unsteady, error, "use the BALANCED strategy, which warns, while nobody writes"))
    }

    /// The target was looked at before its writers were locked out. Whether it still is as it was; if not, the source has to be judged
    /// anew, by what it is now.
    pub fn look_again(&mut self, database: &Database, options: &MigrateOptions) -> Result<bool> {
        let mut layout = database.checked(self.target.layout()?)?;
        layout.check_links()?;
        self.undeclared = layout.take_links_of(&self.source_layout);
        leave_to_fill(&mut layout, &self.source_layout);
        check_target(self.target, &layout, options)?;
        let unchanged = layout == self.target_layout;
        self.target_layout = layout;
        Ok(unchanged)
    }

    /// The target's layout has changed.
    pub fn read_target_again(&mut self) -> Result<()> {
        self.target_layout = self.target.layout()?;
        self.target_layout.take_links_of(&self.source_layout);
        leave_to_fill(&mut self.target_layout, &self.source_layout);
        Ok(())
    }

    /// Reads with the metrics as they will be in the copy.
    pub fn rewriting<T>(&self, read: impl FnOnce(Option<&mut dyn Rewrite>) -> Result<T>) -> Result<T> {
        match &self.rewriter {
            Some(rewriter) => {
                let mut rewriter = rewriter.borrow_mut();
                rewriter.start();
                read(Some(&mut *rewriter))
            }
            None => read(None),
        }
    }

    /// Whether rules change the rows of an entity on their way.
    pub fn rewrites(&self, entity: Entity) -> bool {
        self.rewriter.is_some() && Rewriter::rewrites(entity)
    }

    /// Fails if metrics could not be transformed, and that fails all.
    pub fn refuse_failed(&self) -> Result<()> {
        match self.rewriter.as_ref().and_then(|rewriter| rewriter.borrow().refused()) {
            Some(error) => Err(error.detail("experiment_id", self.experiment)),
            None => Ok(()),
        }
    }
}

/// What the source has no column for, and what numbers the target's own rows, is the target's business: its defaults apply, and the
/// proof is over what was asked for.
fn leave_to_fill(target: &mut Layout, source: &Layout) {
    target.leave_to_fill(|table, column| {
        source.table(table.name).is_some_and(|there| there.position(&column.name).is_some())
    });
}

/// Begins the transaction that writes. For its lock, and for all that comes after, nobody else is kept waiting.
pub fn begin<'c>(job: &Job, (reader, writer): (&dyn Connection, &'c dyn Connection)) -> Result<Transaction<'c>> {
    job.begin("waiting for the target")?;
    reader.let_go()?;
    Transaction::write(writer)
}

/// Fails if source and target are of two families: what one has the other has no tables for.
pub fn refuse_other_family((source, from): (&Database, &Layout), (target, to): (&Database, &Layout)) -> Result<()> {
    if from.family == to.family {
        return Ok(());
    }
    let [here, there] = [from, to].map(|layout| layout.family.tracker);
    let message = format!("the source is a database of {here}, and the target one of {there}");
    let hint = match from.family.maker {
        Some(command) => format!("make the target with {command}, which only {here} itself can"),
        None => format!("give a target that {here} wrote, or a new file that is created for it"),
    };
    Err(Error::new(Status::Unsupported, Domain::Migration, message)
        .detail("source", source.place())
        .detail("target", target.place())
        .hint(hint))
}

/// Fails if trials shall be added to an experiment that does not exist.
fn check_target(target: &dyn Connection, layout: &Layout, options: &MigrateOptions) -> Result<()> {
    let Some(wanted) = options.target_experiment else { return Ok(()) };
    experiment_exists(target, layout, wanted).map_err(|error| error.detail("parameter", "target_experiment_id"))
}

/// The title of the copy, if there is a prefix and this is the title.
pub fn prefixed_title(
    options: &MigrateOptions,
    table: &TableLayout,
    column: &ColumnLayout,
    value: ValueRef<'_>,
) -> Option<Value> {
    let prefix = options.title_prefix.as_ref()?;
    let is_title =
        table.schema.place == Place::Node(Entity::ROOT) && column.schema.is_some_and(|known| known.name == "title");
    match value {
        ValueRef::Text(title) if is_title => Some(Value::Text([prefix.as_bytes(), title].concat())),
        _ => None,
    }
}
