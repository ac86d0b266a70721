//! What can be written on the command line. docs/cli.md is made of this.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use expmig::{OnDuplicate, Strategy};

/// Moves, proves, checks and backs up machine-learning experiments in tracking databases.
///
/// DATABASE is the path of a SQLite file, or mysql://USER@HOST/SCHEMA. A command either did the whole job and can prove it, or changed
/// nothing and says why.
#[derive(Debug, Parser)]
#[command(name = "expmig", bin_name = "expmig", version, after_help = AFTER, max_term_width = 100)]
pub struct Arguments {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    pub command: Command,
}

const AFTER: &str = "\
Exit status:
  0       done
  1       `validate` found errors, or `compare` found a difference
  2       the command line is wrong, or a question was not answered with yes
  3       nobody can tell whether the changes were made: the connection was lost while they
          were being committed
  130     stopped by Ctrl-C, with nothing changed
  141     whoever read the output has gone away
  10 + N  refused or failed with the status N of expmig.h, with nothing changed:
          13 NOT_FOUND, 16 IO, 17 BUSY, 24 VALIDATION, ...
  A command with several experiments does them one after the other: those that it has
  reported are done.

Passwords of servers, if they are not in the URL, come from (the first that there is)
  --password-file, --password-command, the variables EXPMIG_PASSWORD and MYSQL_PWD, or a
  question on the terminal.";

/// Options that every command has.
#[derive(Args, Debug)]
pub struct Common {
    /// Print the library's JSON documents (docs/json-documents.md); of an error too
    #[arg(long, global = true, help_heading = "Common options")]
    pub json: bool,
    /// Print results and errors alone: no progress, no warnings
    #[arg(short, long, global = true, help_heading = "Common options")]
    pub quiet: bool,
    /// Do what destroys something without asking
    #[arg(short, long, global = true, help_heading = "Common options")]
    pub yes: bool,
    /// Seconds to wait for other programs' locks
    #[arg(long, value_name = "SECONDS", default_value_t = 5, global = true, help_heading = "Common options")]
    pub busy_timeout: u32,
    /// The first line of this file is the password for servers
    #[arg(
        long,
        value_name = "FILE",
        global = true,
        help_heading = "Common options",
        conflicts_with = "password_command"
    )]
    pub password_file: Option<PathBuf>,
    /// What this command prints is the password; it finds the database in EXPMIG_DATABASE
    #[arg(long, value_name = "COMMAND", global = true, help_heading = "Common options")]
    pub password_command: Option<String>,
    /// The folder for snapshots [default: snapshots]
    #[arg(long, value_name = "FOLDER", global = true, help_heading = "Common options")]
    pub snapshot_dir: Option<PathBuf>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the experiments of a database
    List(On),
    /// Say what a database is: engine, version, tables, extra columns
    Info(On),
    /// Run one SELECT; tab-separated, or a JSON object per row with --json
    Query {
        #[command(flatten)]
        on: On,
        /// The statement; it can only read
        sql: String,
        /// The values of ?1, ?2, ...: numbers, or else text
        #[arg(value_name = "VALUE")]
        parameters: Vec<String>,
    },
    /// Check that data is sound
    Validate(Validate),
    /// Print content digests: equal experiments have equal ones, wherever they are
    Digest {
        #[command(flatten)]
        on: On,
        #[command(flatten)]
        which: Which,
    },
    /// Say whether two experiments are equal, and where they first differ
    Compare {
        /// DATABASE#ID
        a: Place,
        /// DATABASE#ID
        b: Place,
    },
    /// Say what a migration would do; write nothing
    Plan(Migrate),
    /// Copy experiments, within a database or into another one, and prove the copies
    Migrate(Migrate),
    /// Make, look at and use copies of whole databases
    #[command(subcommand)]
    Snapshot(Snapshot),
    /// Change metrics by rules
    Transform(Transform),
    /// Undo a transformation
    Undo(Undo),
    /// Write an experiment as a JSON document
    Export(Export),
    /// Read an experiment from a JSON document
    Import(Import),
    /// Widen the columns of a server's tables that cannot hold everything
    Widen {
        #[command(flatten)]
        on: On,
        /// Print the statements, and do nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Print a script that completes this command's words in a shell
    #[command(hide = true)]
    Completions { shell: clap_complete::Shell },
    /// Print this command's manual page
    #[command(hide = true)]
    Manual,
}

/// The database that a command is about.
#[derive(Args, Debug)]
pub struct On {
    /// The path of a SQLite file, or mysql://USER@HOST/SCHEMA
    pub database: String,
}

/// Which experiments.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub struct Which {
    /// The experiment with this id; may be given more than once
    #[arg(short, long, value_name = "ID")]
    pub experiment: Vec<i64>,
    /// All experiments
    #[arg(short, long)]
    pub all: bool,
}

#[derive(Args, Debug)]
pub struct Validate {
    #[command(flatten)]
    pub on: On,
    /// Only this experiment
    #[arg(short, long, value_name = "ID")]
    pub experiment: Option<i64>,
    /// Only this part of the checks; may be given more than once
    #[arg(long, value_name = "SECTION")]
    pub section: Vec<SectionName>,
    /// List at most so many issues; all are counted
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    pub limit: usize,
}

#[derive(Args, Debug)]
pub struct Migrate {
    /// Where the experiments are; several only with --to
    #[arg(required = true)]
    pub databases: Vec<String>,
    #[command(flatten)]
    pub which: Which,
    /// The database to copy into; a file that does not exist is made [default: the same database]
    #[arg(long, value_name = "DATABASE")]
    pub to: Option<String>,
    /// How much is checked
    #[arg(long, value_name = "STRATEGY", default_value = "balanced")]
    pub strategy: StrategyName,
    /// What to do with an experiment that is there already with the same content
    #[arg(long, value_name = "WHAT", default_value = "copy")]
    pub on_duplicate: Duplicate,
    /// Append the trials to this experiment of the target
    #[arg(long, value_name = "ID")]
    pub into: Option<i64>,
    /// Put before the titles of the copies
    #[arg(long, value_name = "TEXT")]
    pub title_prefix: Option<String>,
    /// Add the extra columns that the target's tables lack
    #[arg(long)]
    pub add_columns: bool,
    /// Let values that the target cannot hold be changed, counted and listed
    #[arg(long)]
    pub allow_lossy: bool,
    /// Take a snapshot of the target first
    #[arg(long)]
    pub snapshot: bool,
    /// A file with rules for the metrics of the copies (docs/transformations.md)
    #[arg(long, value_name = "FILE")]
    pub rules: Option<PathBuf>,
    /// Say what would be done, as `plan` does; write nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Subcommand)]
pub enum Snapshot {
    /// Copy the whole database into the folder for snapshots
    Create {
        #[command(flatten)]
        on: On,
        /// What the snapshot is for
        #[arg(long, value_name = "TEXT", default_value = "")]
        description: String,
        /// A JSON object that is kept with it
        #[arg(long, value_name = "JSON")]
        metadata: Option<String>,
    },
    /// List the snapshots in the folder
    List {
        #[command(flatten)]
        on: On,
        /// Only those whose id or description has this pattern (* and ?)
        #[arg(long)]
        pattern: Option<String>,
    },
    /// Check a snapshot against its manifest
    Verify {
        #[command(flatten)]
        on: On,
        /// As `snapshot list` has it
        id: String,
    },
    /// Replace everything in the database by a snapshot; what was there is kept in another one
    Restore {
        #[command(flatten)]
        on: On,
        /// As `snapshot list` has it
        id: String,
        /// Also if the snapshot is of another database
        #[arg(long)]
        force: bool,
        /// Do not keep what is there now
        #[arg(long)]
        no_safety_snapshot: bool,
    },
    /// Delete a snapshot
    Delete {
        #[command(flatten)]
        on: On,
        /// As `snapshot list` has it
        id: String,
    },
    /// Delete all snapshots of the database but the newest
    Cleanup {
        #[command(flatten)]
        on: On,
        /// How many stay
        #[arg(long, value_name = "COUNT")]
        keep: u32,
        /// Also those that are probably, but not certainly, of this database
        #[arg(long)]
        claim: bool,
    },
}

#[derive(Args, Debug)]
pub struct Transform {
    #[command(flatten)]
    pub on: On,
    /// A file with the rules (docs/transformations.md); - for standard input
    #[arg(long, value_name = "FILE", required_unless_present = "transformation")]
    pub rules: Option<PathBuf>,
    /// One transformation for the metrics of every type, instead of a file
    #[arg(long, value_name = "NAME", conflicts_with = "rules")]
    pub transformation: Option<String>,
    /// Its parameters, a JSON object
    #[arg(long, value_name = "JSON", requires = "transformation")]
    pub parameters: Option<String>,
    /// Only the metrics of this experiment; may be given more than once
    #[arg(short, long, value_name = "ID")]
    pub experiment: Vec<i64>,
    /// Only this metric; may be given more than once
    #[arg(long, value_name = "ID")]
    pub metric: Vec<i64>,
    /// Say what would be done, with examples; write nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Args, Debug)]
pub struct Undo {
    #[command(flatten)]
    pub on: On,
    /// The transformation to undo; without it, those that can be undone are listed
    pub id: Option<i64>,
    /// Leave metrics as they are that were changed since, and restore the others
    #[arg(long)]
    pub skip_changed: bool,
}

#[derive(Args, Debug)]
pub struct Export {
    #[command(flatten)]
    pub on: On,
    /// The experiment
    #[arg(short, long, value_name = "ID")]
    pub experiment: i64,
    /// The file to write; it appears when it is complete [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Replace the file
    #[arg(long, requires = "output")]
    pub force: bool,
    /// Spaces per level; 0 for one line
    #[arg(long, value_name = "COUNT", default_value_t = 2)]
    pub indent: u32,
    /// Leave out rows that hang on nothing, and count them
    #[arg(long)]
    pub skip_unsound: bool,
}

#[derive(Args, Debug)]
pub struct Import {
    #[command(flatten)]
    pub on: On,
    /// The document; - for standard input
    pub document: PathBuf,
    /// Make the file of the database if it does not exist
    #[arg(long)]
    pub create: bool,
    /// Keep the document's ids; fails if one is taken
    #[arg(long)]
    pub preserve_ids: bool,
    /// What to do with an experiment that is there already with the same content
    #[arg(long, value_name = "WHAT", default_value = "copy")]
    pub on_duplicate: Duplicate,
    /// Add the extra columns that the tables lack
    #[arg(long)]
    pub add_columns: bool,
    /// Let values that the database cannot hold be changed, counted and listed
    #[arg(long)]
    pub allow_lossy: bool,
    /// Store what the document's values and times come to, however odd
    #[arg(long)]
    pub no_validation: bool,
}

/// An experiment of a database: DATABASE#ID.
#[derive(Clone, Debug)]
pub struct Place {
    pub database: String,
    pub experiment: i64,
}

impl std::str::FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Place, String> {
        let (database, id) = text.rsplit_once('#').ok_or("give DATABASE#ID, as in experiments.db#3")?;
        let experiment = id.parse().map_err(|_| format!("{id:?} after # is no id of an experiment"))?;
        Ok(Place { database: database.to_owned(), experiment })
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum SectionName {
    ForeignKeys,
    MetricJson,
    Hierarchy,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum StrategyName {
    /// Every doubt about the source stops it; digests must agree
    Conservative,
    /// Rows that hang on nothing stop it, odd values are warnings; digests must agree
    Balanced,
    /// What cannot be copied is left out, counted and listed; row counts must agree
    Aggressive,
}

impl From<StrategyName> for Strategy {
    fn from(name: StrategyName) -> Strategy {
        match name {
            StrategyName::Conservative => Strategy::Conservative,
            StrategyName::Balanced => Strategy::Balanced,
            StrategyName::Aggressive => Strategy::Aggressive,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Duplicate {
    /// Copy it again, with a warning
    Copy,
    /// Write nothing, and say which one it is
    Skip,
    /// Fail
    Error,
}

impl From<Duplicate> for OnDuplicate {
    fn from(name: Duplicate) -> OnDuplicate {
        match name {
            Duplicate::Copy => OnDuplicate::Copy,
            Duplicate::Skip => OnDuplicate::Skip,
            Duplicate::Error => OnDuplicate::Error,
        }
    }
}
