//! One function for each command. It opens databases, makes one call of the library, prints the result, and returns the exit status.

mod bring_in;
mod check;
mod documents;
mod jobs;
mod look;
mod migrate;
mod report;
mod shell;
mod snapshots;
mod transform;

use crate::arguments::Command;
use crate::failure::Outcome;
use crate::session::Session;

/// Runs a command.
pub fn run(session: &Session, command: Command) -> Outcome<i32> {
    match command {
        Command::List(on) => look::list(session, &on.database)?,
        Command::Info(on) => look::info(session, &on.database)?,
        Command::Query { on, sql, parameters } => look::query(session, &on.database, &sql, &parameters)?,
        Command::Digest { on, which } => look::digest(session, &on.database, &which)?,
        Command::Validate(arguments) => return check::validate(session, &arguments),
        Command::Compare { a, b } => return check::compare(session, &a, &b),
        Command::Plan(arguments) => migrate::plan(session, &arguments)?,
        Command::Migrate(arguments) if arguments.dry_run => migrate::plan(session, &arguments)?,
        Command::Migrate(arguments) => migrate::migrate(session, &arguments)?,
        Command::Job(command) => jobs::run(session, command)?,
        Command::Snapshot(command) => snapshots::run(session, command)?,
        Command::Transform(arguments) => transform::transform(session, &arguments)?,
        Command::Undo(arguments) => transform::undo(session, &arguments)?,
        Command::Export(arguments) => documents::export(session, &arguments)?,
        Command::Import(arguments) => documents::import(session, &arguments)?,
        Command::BringIn(arguments) => bring_in::bring_in(session, &arguments)?,
        Command::Report(arguments) => report::report(session, &arguments)?,
        Command::Widen { on, dry_run } => look::widen(session, &on.database, dry_run)?,
        Command::Completions { shell } => shell::completions(shell)?,
        Command::Manual => shell::manual()?,
    }
    Ok(0)
}
