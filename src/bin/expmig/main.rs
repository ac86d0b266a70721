//! The command `expmig`: the library for people at a terminal, and for scripts.
//!
//! `arguments` and `choices` define the command line, `session` opens databases and starts jobs, `progress` shows the progress of jobs, `prompt` asks,
//! `interrupt` handles Ctrl-C, `output` prints. `commands` has one function for each command. Nothing here knows how a job is done.
#![deny(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::todo)]

mod arguments;
mod choices;
mod commands;
mod failure;
mod interrupt;
mod output;
mod progress;
mod prompt;
mod session;

use std::io::Write;

use clap::Parser;
use expmig::{Domain, Error, Status};

use arguments::Arguments;
use failure::Failure;
use session::Session;

fn main() {
    let arguments = Arguments::try_parse().unwrap_or_else(|error| refuse(&error));
    let session = Session::new(arguments.common);
    let status = match commands::run(&session, arguments.command) {
        Ok(status) => status,
        Err(failure) => report(&failure, &session),
    };
    // Not by returning: a thread waits for signals.
    std::process::exit(status);
}

/// What to do about a command line that is wrong; help and version come this way, too.
fn refuse(error: &clap::Error) -> ! {
    if error.use_stderr() && std::env::args_os().any(|argument| argument == "--json") {
        let message = error.to_string();
        // Usage and tips follow an empty line.
        let line = message.lines().take_while(|line| !line.is_empty()).map(str::trim).collect::<Vec<_>>().join(" ");
        let document =
            wrong(Status::InvalidArgument, line.trim_start_matches("error: "), "see `expmig --help`").to_json();
        let _unread = output::written(writeln!(std::io::stdout().lock(), "{document:#}"));
        let _unseen = writeln!(std::io::stderr().lock(), "expmig: {line}");
        std::process::exit(error.exit_code());
    }
    error.exit()
}

/// An error of the command's own, as a document.
fn wrong(status: Status, message: &str, hint: &str) -> Error {
    Error::new(status, Domain::Database, message).hint(hint)
}

/// Tells the user: a line of what happened, one of what to do. With --json the document, which has the second too, goes to standard output. Returns
/// the status.
fn report(failure: &Failure, session: &Session) -> i32 {
    let error = match failure {
        Failure::Engine(error) => error,
        Failure::Usage(message, hint) => &wrong(Status::InvalidArgument, message, hint),
        Failure::Io(message, hint) => &wrong(Status::Io, message, hint),
        Failure::Closed => return failure.status(session.was_interrupted()),
    };
    session.complain(error.message());
    if let (Some(hint), false) = (error.hint_text(), session.common.json) {
        session.advise(hint);
    }
    if session.common.json {
        // Whoever does not read it gets the status.
        let _unread = session.document(&error.to_json());
    }
    failure.status(session.was_interrupted())
}
