//! The command line: commands, arguments and options, with their help. docs/cli.md is generated from this file and `choices`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use expmig::TextKeyOptions;

use crate::choices::{Conflict, Duplicate, NameTaken, Place, RunConflict, SectionName, StrategyName};

/// Copies, checks and backs up machine-learning experiments in tracking databases.
///
/// DATABASE is the path of a SQLite file, mysql://USER@HOST/SCHEMA, or postgresql://USER@HOST/DATABASE?schema=SCHEMA. A command either
/// does the whole job, or changes nothing and says why.
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
  3       unknown whether the changes were made, because the connection or the device failed
          during the commit
  130     stopped by Ctrl-C; nothing was changed
  141     the program that read the output has ended
  10 + N  refused or failed with the status N of expmig.h; nothing was changed:
          13 NOT_FOUND, 16 IO, 17 BUSY, 24 VALIDATION, ...
  A command with several experiments copies one after the other. If it fails, the
  experiments that it has reported as copied stay.

Passwords of servers:
  If the URL has no password, the command takes the first of these that is given:
  --password-file, --password-command, the environment variables EXPMIG_PASSWORD and
  MYSQL_PWD or PGPASSWORD. Otherwise it asks on the terminal.";

/// Options that every command has.
#[derive(Args, Debug)]
pub struct Common {
    /// Print the library's JSON documents (docs/json-documents.md), also for errors
    #[arg(long, global = true, help_heading = "Common options")]
    pub json: bool,
    /// Print only results and errors: no progress, no warnings
    #[arg(short, long, global = true, help_heading = "Common options")]
    pub quiet: bool,
    /// Do not ask before destroying something
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
    /// Use the output of this command as the password; EXPMIG_DATABASE names the database for it
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
    /// Describe a database: engine, version, tables, extra columns
    Info(On),
    /// Run one SELECT; print its rows tab-separated, or with --json as one JSON object per row
    Query {
        #[command(flatten)]
        on: On,
        /// The statement; it can only read
        sql: String,
        /// The values of ?1, ?2, ...: numbers, or else text
        #[arg(value_name = "VALUE")]
        parameters: Vec<String>,
    },
    /// Check the data of a database
    Validate(Validate),
    /// Print content digests, which are equal for equal experiments
    Digest {
        #[command(flatten)]
        on: On,
        #[command(flatten)]
        which: Which,
    },
    /// Compare two experiments, and print the first difference
    Compare {
        /// DATABASE#ID
        a: Place,
        /// DATABASE#ID
        b: Place,
    },
    /// Report what a migration would do, without writing anything
    Plan(Migrate),
    /// Copy experiments, within a database or into another one, and prove the copies
    Migrate(Migrate),
    /// List, resume and abandon migrations in several transactions (migrate --staged)
    #[command(subcommand)]
    Job(Job),
    /// Create, list, verify, restore and delete copies of whole databases
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
    /// Bring runs in from the files that another tracker left: MLflow's mlruns, TensorBoard's event files, W&B's offline runs
    BringIn(BringIn),
    /// Write a page to look at: curves, values, what validation found; of two experiments also where they differ
    Report(Report),
    /// Widen the columns of a server's tables that are too narrow to hold every value
    Widen {
        #[command(flatten)]
        on: On,
        /// Print the statements without running them
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
    /// The path of a SQLite file, mysql://USER@HOST/SCHEMA, or postgresql://USER@HOST/DATABASE?schema=SCHEMA
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
    /// Check only this experiment
    #[arg(short, long, value_name = "ID")]
    pub experiment: Option<i64>,
    /// Run only this part of the checks; may be given more than once
    #[arg(long, value_name = "SECTION")]
    pub section: Vec<SectionName>,
    /// List at most this many issues; all are counted
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    pub limit: usize,
}

/// Where an experiment of a store whose tracker chooses the keys is written.
#[derive(Args, Debug)]
pub struct TextKeys {
    /// MLflow: what to do with a run, model, trace, ... whose id the target has already
    #[arg(long, value_name = "WHAT", default_value = "error")]
    pub on_conflict: Conflict,
    /// MLflow: what to do if the target has an experiment of the name already
    #[arg(long, value_name = "WHAT", default_value = "suffix")]
    pub on_name: NameTaken,
    /// MLflow: the workspace of the copies [default: that of the source]
    #[arg(long, value_name = "NAME")]
    pub workspace: Option<String>,
    /// MLflow: locations of artifacts that begin so ...
    #[arg(long, value_name = "PREFIX", requires = "artifacts_to")]
    pub artifacts_from: Option<String>,
    /// ... begin so in the copies; the files are not moved
    #[arg(long, value_name = "PREFIX", requires = "artifacts_from")]
    pub artifacts_to: Option<String>,
}

#[derive(Args, Debug)]
pub struct Migrate {
    /// The databases to copy from; more than one needs --to
    #[arg(required = true)]
    pub databases: Vec<String>,
    #[command(flatten)]
    pub which: Which,
    /// The database to copy into; a file that does not exist is created [default: the source]
    #[arg(long, value_name = "DATABASE")]
    pub to: Option<String>,
    /// Make the tables in the schema of --to if it is empty, and the schema if it does not exist
    #[arg(long, requires = "to")]
    pub create: bool,
    /// How strict the checks are
    #[arg(long, value_name = "STRATEGY", default_value = "balanced")]
    pub strategy: StrategyName,
    /// What to do if the target already has an experiment with the same content
    #[arg(long, value_name = "WHAT", default_value = "copy")]
    pub on_duplicate: Duplicate,
    /// Append the trials to this experiment of the target
    #[arg(long, value_name = "ID")]
    pub into: Option<i64>,
    /// Text to put before the titles of the copies
    #[arg(long, value_name = "TEXT")]
    pub title_prefix: Option<String>,
    #[command(flatten)]
    pub mlflow: TextKeys,
    /// Add the extra columns that the target's tables do not have
    #[arg(long)]
    pub add_columns: bool,
    /// Allow values to be changed where the target cannot hold them; every change is counted and listed
    #[arg(long)]
    pub allow_lossy: bool,
    /// Take a snapshot of the target first
    #[arg(long)]
    pub snapshot: bool,
    /// A file with rules for the metrics of the copies (docs/transformations.md)
    #[arg(long, value_name = "FILE")]
    pub rules: Option<PathBuf>,
    /// Servers: write in several transactions, none larger than a cluster takes; what stops is a `job` (docs/clusters.md)
    #[arg(long)]
    pub staged: bool,
    /// The most rows of one such transaction [default: what a cluster surely takes, 100000 at the most]
    #[arg(long, value_name = "COUNT", requires = "staged")]
    pub stage_rows: Option<u64>,
    /// Report what would be done, as `plan` does, without writing anything
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Subcommand)]
pub enum Job {
    /// List the jobs of a database
    List(On),
    /// Go on with a job that stopped
    Resume {
        /// The database that the job copies from
        source: String,
        /// The id of the job, as `job list` prints it
        id: i64,
        /// The database that has the job [default: the source]
        #[arg(long, value_name = "DATABASE")]
        to: Option<String>,
    },
    /// Remove a job that was not published, and what it copied
    Abandon {
        #[command(flatten)]
        on: On,
        /// The id of the job, as `job list` prints it
        id: i64,
    },
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
        /// A JSON object to keep with the snapshot
        #[arg(long, value_name = "JSON")]
        metadata: Option<String>,
    },
    /// List the snapshots in the folder
    List {
        #[command(flatten)]
        on: On,
        /// List only snapshots whose id or description matches this pattern (* and ?)
        #[arg(long)]
        pattern: Option<String>,
    },
    /// Check a snapshot against its manifest
    Verify {
        #[command(flatten)]
        on: On,
        /// The id of the snapshot, as `snapshot list` prints it
        id: String,
    },
    /// Replace everything in the database by a snapshot; take a snapshot of the current content first
    Restore {
        #[command(flatten)]
        on: On,
        /// The id of the snapshot, as `snapshot list` prints it
        id: String,
        /// Restore even if the snapshot belongs to another database
        #[arg(long)]
        force: bool,
        /// Do not take a snapshot of the current content
        #[arg(long)]
        no_safety_snapshot: bool,
    },
    /// Delete a snapshot
    Delete {
        #[command(flatten)]
        on: On,
        /// The id of the snapshot, as `snapshot list` prints it
        id: String,
    },
    /// Delete all snapshots of the database except the newest
    Cleanup {
        #[command(flatten)]
        on: On,
        /// How many snapshots to keep
        #[arg(long, value_name = "COUNT")]
        keep: u32,
        /// Also delete older snapshots that probably, but not certainly, belong to this database
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
    /// One transformation to apply to metrics of every type, instead of a file with rules
    #[arg(long, value_name = "NAME", conflicts_with = "rules")]
    pub transformation: Option<String>,
    /// The parameters of that transformation, as a JSON object
    #[arg(long, value_name = "JSON", requires = "transformation")]
    pub parameters: Option<String>,
    /// Transform only the metrics of this experiment; may be given more than once
    #[arg(short, long, value_name = "ID")]
    pub experiment: Vec<i64>,
    /// Transform only this metric; may be given more than once
    #[arg(long, value_name = "ID")]
    pub metric: Vec<i64>,
    /// Report what would be done, with examples, without writing anything
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Args, Debug)]
pub struct Undo {
    #[command(flatten)]
    pub on: On,
    /// The transformation to undo; without an id, the transformations that can be undone are listed
    pub id: Option<i64>,
    /// Skip metrics that were changed since the transformation, and restore the others
    #[arg(long)]
    pub skip_changed: bool,
}

#[derive(Args, Debug)]
pub struct Export {
    #[command(flatten)]
    pub on: On,
    /// The experiment to export
    #[arg(short, long, value_name = "ID")]
    pub experiment: i64,
    /// The file to write, which appears only when it is complete [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long, requires = "output")]
    pub force: bool,
    /// Spaces per level; 0 for one line
    #[arg(long, value_name = "COUNT", default_value_t = 2)]
    pub indent: u32,
    /// Leave out and count unsound rows, which refer to rows that do not exist
    #[arg(long)]
    pub skip_unsound: bool,
}

#[derive(Args, Debug)]
pub struct Report {
    /// Databases, with all of their experiments, or single experiments: DATABASE#ID
    #[arg(required = true, value_name = "DATABASE[#ID]")]
    pub of: Vec<String>,
    /// Of the databases without #ID only this experiment; may be given more than once
    #[arg(short, long, value_name = "ID")]
    pub experiment: Vec<i64>,
    /// The file to write; it appears when it is complete. - for standard output
    #[arg(short, long, value_name = "FILE", default_value = "report.html")]
    pub output: PathBuf,
    /// Replace the file
    #[arg(long)]
    pub force: bool,
    /// What stands above the page [default: the titles of the experiments]
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,
    /// List at most so many issues; all are counted
    #[arg(long, value_name = "COUNT", default_value_t = 500)]
    pub limit: usize,
}

#[derive(Args, Debug)]
pub struct Import {
    #[command(flatten)]
    pub on: On,
    /// The document; - for standard input
    pub document: PathBuf,
    /// Make the database file, or the schema, if it does not exist, and the tables if it is empty
    #[arg(long)]
    pub create: bool,
    /// Keep the ids of the document; fail if one of them is taken
    #[arg(long)]
    pub preserve_ids: bool,
    /// What to do if the database already has an experiment with the same content
    #[arg(long, value_name = "WHAT", default_value = "copy")]
    pub on_duplicate: Duplicate,
    /// Add the extra columns that the tables do not have
    #[arg(long)]
    pub add_columns: bool,
    /// Allow values to be changed where the database cannot hold them; every change is counted and listed
    #[arg(long)]
    pub allow_lossy: bool,
    /// Do not check the values and times of the document
    #[arg(long)]
    pub no_validation: bool,
    #[command(flatten)]
    pub mlflow: TextKeys,
    /// MLflow: make the rows those of this experiment of the store
    #[arg(long, value_name = "ID")]
    pub into: Option<i64>,
}

#[derive(Args, Debug)]
pub struct BringIn {
    /// The MLflow store that gets the runs
    #[command(flatten)]
    pub on: On,
    /// The folder or file that the tracker wrote, or the URL of Optuna's tables on a server
    pub path: PathBuf,
    /// The reader: mlflow-files, tensorboard, wandb, neptune or optuna; by default the files tell
    #[arg(long, value_name = "READER")]
    pub kind: Option<String>,
    /// Name the experiment so
    #[arg(long, value_name = "NAME")]
    pub experiment_name: Option<String>,
    /// What to do with a run whose id another run of the store has
    #[arg(long, value_name = "WHAT", default_value = "error")]
    pub on_conflict: RunConflict,
    /// What to do if the store has another experiment of the name
    #[arg(long, value_name = "WHAT", default_value = "suffix")]
    pub on_name: NameTaken,
    /// The user of runs that do not say one
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Write what the store has no place for to this new file, as JSON lines
    #[arg(long, value_name = "FILE")]
    pub sidecar: Option<PathBuf>,
    /// Leave out what the store has no place for, if no file is given for it; otherwise that is an error
    #[arg(long)]
    pub leave_out: bool,
    /// Bring along the names of hosts, users and programs, and console lines
    #[arg(long)]
    pub with_machine: bool,
    /// Of a TensorBoard log, bring in only the points that TensorBoard's server shows after a restart
    #[arg(long)]
    pub server_view: bool,
    /// Take runs for ended of which the files do not say that they have
    #[arg(long)]
    pub ended: bool,
    /// Where the writer's clock was, for times that do not say it: +09:00, UTC
    #[arg(long, value_name = "OFFSET", allow_hyphen_values = true)]
    pub zone: Option<String>,
    /// Say what would be done, and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

impl From<&TextKeys> for TextKeyOptions {
    fn from(given: &TextKeys) -> TextKeyOptions {
        TextKeyOptions {
            on_conflict: given.on_conflict.into(),
            on_name: given.on_name.into(),
            workspace: given.workspace.clone(),
            artifacts: given.artifacts_from.clone().zip(given.artifacts_to.clone()),
        }
    }
}
